// Package tag is the labels of a site: what they are called, their colours, how
// often each is used. Anybody may give a contact a tag that has never been seen
// before; a tag is known to the site once somebody gives it a colour, or makes it
// beforehand. Contacts keep their tags by name, compared without case.
package tag

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// Tag is a tag that the site knows.
type Tag struct {
	Name    string
	Colour  string // "#rrggbb", or empty
	Version int64  // 0: only contacts have it, the site does not know it
}

// Store keeps the tags that a site knows. Two names that crm.Fold makes one are one
// tag. What changes one commits the rows of the audit log that it is given along with it.
type Store interface {
	Tags(ctx context.Context) ([]Tag, error)
	// Tag reads one by its id; crm.NotFound.
	Tag(ctx context.Context, id string) (Tag, error)
	// ChangeTag applies a rule to the tag of a name and stores what it made of it, repeating
	// the rule when another writer came between; contact.ErrUnchanged stores nothing.
	ChangeTag(ctx context.Context, name string, rule func(*Tag) error, log ...audit.Entry) (Tag, error)
	// RenameTag makes the tag of the name from go, once check has seen it, and stores to in
	// its place. A tag that already has the name of to keeps its colour, unless to has one.
	// The bulk action of the id job brings it to the contacts; it is remembered for a day (Left).
	// That it was renamed is remembered for as long as a merge can be undone, as contacts of
	// before come back then.
	RenameTag(ctx context.Context, from string, check func(Tag) error, to Tag, job string, now time.Time, log ...audit.Entry) (Tag, error)
	// RemoveTag makes the tag of a name go, once check has seen it. It is remembered as RenameTag does.
	RemoveTag(ctx context.Context, name string, check func(Tag) error, job string, now time.Time, log ...audit.Entry) error
}

// ID names a tag in addresses and keys: it follows from the name under the site's
// secret, and tells nothing of it.
func ID(secret []byte, name string) string {
	slot := crm.Identity{Kind: "tag", Value: crm.Fold(contact.CleanTag(name))}.Slot(secret)
	return "tg_" + strings.TrimPrefix(string(slot), "ct_")
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// Check mends the name and the colour and notes what is wrong with them.
func (t *Tag) Check(faults *crm.Faults) {
	if names := contact.CheckTags([]string{t.Name}, "/name", faults); len(names) == 1 {
		t.Name = names[0]
	} else {
		for i := range *faults {
			(*faults)[i].Pointer = strings.TrimSuffix((*faults)[i].Pointer, "/0")
		}
	}
	if t.Colour = strings.ToLower(t.Colour); t.Colour != "" && !colour.MatchString(t.Colour) {
		faults.Add("/colour", "a colour is written #rrggbb, for example #2f855a")
	}
}

// Use is a tag and how many contacts have it.
type Use struct {
	Tag
	Known bool // the site knows it, used or not
	Uses  int
}

// Tally counts tags by their spelling.
type Tally map[string]int

// Add counts the tags of one contact.
func (t Tally) Add(tags []string) {
	for _, name := range tags {
		t[name]++
	}
}

// List joins what the site knows with what is counted, most used first. A tag that
// the site does not know is shown as most contacts spell it.
func List(known []Tag, t Tally) []Use {
	type entry struct {
		Use
		best int
	}
	by := make(map[string]*entry, len(t)+len(known))
	for _, k := range known {
		by[crm.Fold(k.Name)] = &entry{Use: Use{Tag: k, Known: true}}
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		key, n := crm.Fold(name), t[name]
		e := by[key]
		if e == nil {
			e = &entry{}
			by[key] = e
		}
		if e.Uses += n; !e.Known && n > e.best {
			e.Name, e.best = name, n
		}
	}
	out := make([]Use, 0, len(by))
	for _, e := range by {
		out = append(out, e.Use)
	}
	slices.SortFunc(out, func(a, b Use) int {
		return cmp.Or(cmp.Compare(b.Uses, a.Uses), cmp.Compare(crm.Fold(a.Name), crm.Fold(b.Name)))
	})
	return out
}

// Preset is a set of tags that a trade works with, and how many a contact may have.
type Preset struct {
	MaxTags int
	names   map[string][]string // by language
	colours []string
}

// Presets are the sets by name.
var Presets = map[string]Preset{
	"hospitality": {
		MaxTags: 9,
		names: map[string][]string{
			"nl": {"Vrienden & Familie", "Zakelijk", "Influencer", "Lokaal", "No-show", "Probleemgeval", "Regelmatig", "VIP"},
			"en": {"Friends & Family", "Business", "Influencer", "Local", "No-show", "Problem case", "Regular", "VIP"},
		},
		colours: []string{"#2b6cb0", "#4a5568", "#b83280", "#2f855a", "#c53030", "#c05621", "#2c7a7b", "#b7791f"},
	},
}

// Tags are the preset's in a language; false for a language that it has not.
func (p Preset) Tags(language string) ([]Tag, bool) {
	names, ok := p.names[language]
	out := make([]Tag, len(names))
	for i, n := range names {
		out[i] = Tag{Name: n, Colour: p.colours[i]}
	}
	return out, ok
}
