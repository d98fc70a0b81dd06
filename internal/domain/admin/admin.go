// Package admin is what a site is set up with: its settings, API keys, forms and
// connections of webshops. Each change is committed with the row of the audit log
// that tells of it.
package admin

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Store keeps it. Reads are strongly consistent.
type Store interface {
	Keys(id crm.SiteID) Shelf[site.Key]
	Forms(id crm.SiteID) Shelf[site.Form]
	Sources(id crm.SiteID) Shelf[site.Source]
	// ChangeSettings applies a rule to a site's settings and commits them with its
	// entry, repeating the rule when another writer came between. An entry without
	// an action says that nothing changed.
	ChangeSettings(ctx context.Context, id crm.SiteID, rule func(*site.Site) (audit.Entry, error)) (site.Site, error)
	// AuditLog gives entries newest first, at most limit, from behind a position. A
	// page may hold fewer than there are; next is empty on the last one.
	AuditLog(ctx context.Context, id crm.SiteID, f audit.Filter, limit int, after string) (found []audit.Entry, next string, err error)
}

// Shelf keeps the things of one kind that a site has.
type Shelf[T any] interface {
	List(ctx context.Context) ([]T, error)
	// Get is crm.NotFound if there is none of the id.
	Get(ctx context.Context, id string) (T, error)
	// Create is crm.Conflict if the id is taken, or if the request was here before.
	Create(ctx context.Context, once *contact.Once, thing T, e audit.Entry) error
	// Change applies a rule and commits what it made with its entry; as ChangeSettings.
	Change(ctx context.Context, id string, rule func(*T) (audit.Entry, error)) (T, error)
	// Delete removes the version that check has seen.
	Delete(ctx context.Context, id string, check func(T) error, e audit.Entry) error
}

// MaxThings is how many keys, forms and connections each a site has.
const MaxThings = 100

// By is who asks, and in which request.
type By struct {
	Actor   site.Actor
	Request string
	At      time.Time
}

func (b By) note(a audit.Action, object string, fields ...string) audit.Entry {
	return audit.Note(b.Actor, b.Request, b.At, a, object, fields...)
}

// create puts a thing on a shelf that is not full.
func create[T any](ctx context.Context, on Shelf[T], what string, once *contact.Once, thing T, e audit.Entry) (T, error) {
	all, err := on.List(ctx)
	if err != nil {
		return thing, err
	}
	if len(all) >= MaxThings {
		return thing, crm.Errorf(crm.Conflict, "a site has at most %d %s; delete one first", MaxThings, what)
	}
	return thing, on.Create(ctx, once, thing, e)
}

// fields names the fields that differ, of pairs of a name and whether it does.
func fields(pairs ...any) (out []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			out = append(out, pairs[i].(string))
		}
	}
	return out
}

func name(s *string, faults *crm.Faults) {
	*s = strings.TrimSpace(*s)
	switch {
	case *s == "":
		faults.Add("/name", "give it a name")
	case utf8.RuneCountInString(*s) > 200:
		faults.Add("/name", "a name has at most 200 characters")
	}
}

// slug is what the id of a form or connection takes of a name: letters, digits
// and hyphens.
func slug(s, otherwise string) string {
	var out []byte
	for _, c := range []byte(strings.ToLower(s)) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			out = append(out, c)
		case len(out) > 0 && out[len(out)-1] != '-':
			out = append(out, '-')
		}
		if len(out) == 40 {
			break
		}
	}
	if s := strings.Trim(string(out), "-"); s != "" {
		return s
	}
	return otherwise
}

// publicID makes the id of a form or connection.
func publicID(of crm.SiteID, wanted, name, otherwise string, faults *crm.Faults) string {
	if wanted == "" {
		wanted = slug(name, otherwise)
	}
	id := string(of) + "-" + wanted
	if len(wanted) > 40 || !strings.HasPrefix(id, string(of)+"-") || !valid(id) {
		faults.Add("/slug", "the slug has up to 40 letters a–z, digits and hyphens")
	}
	return id
}

func valid(public string) bool { _, ok := site.PublicSite(public); return ok }

// Settings is what of a site its owner changes; a nil field stays.
type Settings struct {
	Name, Country, Language *string
	LockScope               *contact.LockScope
	MaxTags                 *int
	AutomationOff           *bool
	DoubleOptIn             *bool
	Disabled                *[]contact.Event
}

// ChangeSettings changes a site's settings. check sees the site as it stands.
func ChangeSettings(ctx context.Context, st Store, id crm.SiteID, by By, c Settings, check func(site.Site) error) (site.Site, error) {
	return st.ChangeSettings(ctx, id, func(s *site.Site) (audit.Entry, error) {
		if err := check(*s); err != nil {
			return audit.Entry{}, err
		}
		old := *s
		if err := c.apply(s); err != nil {
			return audit.Entry{}, err
		}
		changed := fields("name", old.Name != s.Name, "country", old.Country != s.Country, "language", old.Language != s.Language,
			"lock_scope", old.LockScope != s.LockScope, "max_tags", old.MaxTags != s.MaxTags,
			"automation.enabled", old.Automation.Off != s.Automation.Off, "automation.disabled", !slices.Equal(old.Automation.Disabled, s.Automation.Disabled),
			"double_opt_in", old.DoubleOptIn != s.DoubleOptIn)
		if len(changed) == 0 {
			return audit.Entry{}, nil
		}
		return by.note(audit.SettingsChanged, string(id), changed...), nil
	})
}

// Check finds what is at fault in a change of the settings of a site.
func (c Settings) Check(s site.Site) error { return c.apply(&s) }

func (c Settings) apply(s *site.Site) error {
	var faults crm.Faults
	if c.Name != nil {
		s.Name = *c.Name
		name(&s.Name, &faults)
	}
	if c.Country != nil {
		s.Country = contact.CleanCountry(*c.Country)
		if _, ok := contact.FormatOf(s.Country); !ok {
			faults.Add("/country", "this is no country; give its code of two letters, such as NL")
		}
	}
	if c.Language != nil {
		if s.Language = *c.Language; s.Language != "nl" && s.Language != "en" {
			faults.Add("/language", "the language is nl or en")
		}
	}
	if c.LockScope != nil {
		if s.LockScope = *c.LockScope; s.LockScope != contact.LockContact && s.LockScope != contact.LockField {
			faults.Add("/lock_scope", "a lock is over the contact or over a field: contact or field")
		}
	}
	if c.MaxTags != nil {
		if s.MaxTags = *c.MaxTags; s.MaxTags < 1 || s.MaxTags > contact.MaxTags {
			faults.Add("/max_tags", "a contact has from 1 to %d tags", contact.MaxTags)
		}
	}
	if c.AutomationOff != nil {
		s.Automation.Off = *c.AutomationOff
	}
	put(&s.DoubleOptIn, c.DoubleOptIn)
	if c.Disabled != nil {
		s.Automation.Disabled = nil
		for _, e := range contact.Events {
			if slices.Contains(*c.Disabled, e) {
				s.Automation.Disabled = append(s.Automation.Disabled, e)
			}
		}
		for _, e := range *c.Disabled {
			if !slices.Contains(contact.Events, e) {
				faults.Add("/automation/disabled", "the rules are order, payment, invoice and appointment")
				break
			}
		}
	}
	return faults.Err()
}
