package site

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// Limits of a site's own statuses.
const (
	MaxStatuses   = 50 // besides the built-in ones
	MaxStatusName = 60 // characters
)

// AllStatuses are the site's statuses in its order, each with a name, the built-in
// ones it never touched and those that are being deleted included.
func (s Site) AllStatuses() []contact.StatusDef {
	all := slices.Clone(s.Statuses)
	for _, b := range contact.Statuses {
		if !slices.ContainsFunc(all, func(d contact.StatusDef) bool { return d.ID == b }) {
			all = append(all, contact.StatusDef{ID: b})
		}
	}
	for i := range all {
		if all[i].Name == "" {
			all[i].Name = all[i].ID.In(s.Language)
		}
	}
	return all
}

// AddStatus gives the site a status of its own, last in the order.
func (s *Site) AddStatus(id contact.Status, name, colour string) error {
	var faults crm.Faults
	d := contact.StatusDef{ID: id, Name: s.statusName(name, id, &faults), Colour: statusColour(colour, &faults)}
	all := s.statuses()
	if len(all)-len(contact.Statuses) >= MaxStatuses {
		faults.Add("", "a site has at most %d statuses of its own; delete one that is no longer used", MaxStatuses)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	s.Statuses = append(all, d)
	return nil
}

// ChangeStatus names and colours a status anew; an empty name gives a built-in one
// its own back.
func (s *Site) ChangeStatus(id contact.Status, name, colour contact.Opt[string]) error {
	all := s.statuses()
	i := slices.IndexFunc(all, func(d contact.StatusDef) bool { return d.ID == id && d.Into == "" })
	if i < 0 {
		return noStatus()
	}
	var faults crm.Faults
	switch {
	case name.Set && name.Value == "" && id.BuiltIn():
		all[i].Name = ""
	case name.Set:
		all[i].Name = s.statusName(name.Value, id, &faults)
	}
	if colour.Set {
		all[i].Colour = statusColour(colour.Value, &faults)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	s.setStatuses(all)
	return nil
}

// setStatuses leaves the site as it is where they are the ones it has, kept or not.
func (s *Site) setStatuses(all []contact.StatusDef) {
	if !slices.Equal(all, s.statuses()) {
		s.Statuses = all
	}
}

// OrderStatuses puts the statuses in the order of the ids, which are all of them.
// What is being deleted may be left out and stands last.
func (s *Site) OrderStatuses(ids []contact.Status) error {
	all := s.statuses()
	var faults crm.Faults
	next := make([]contact.StatusDef, 0, len(all))
	for i, id := range ids {
		at := slices.IndexFunc(all, func(d contact.StatusDef) bool { return d.ID == id })
		switch {
		case at < 0:
			faults.Add("/ids/"+strconv.Itoa(i), "there is no such status, or it stands here twice")
		default:
			next = append(next, all[at])
			all = slices.Delete(all, at, at+1)
		}
	}
	for _, d := range all {
		if next = append(next, d); d.Into == "" {
			faults.Add("/ids", "the status %s is missing; give all of them, each once", d.ID)
		}
	}
	if err := faults.Err(); err != nil {
		return err
	}
	s.setStatuses(next)
	return nil
}

// RetireStatus begins the deletion of an own status: from now on nobody gets it,
// and its contacts move to another one. Asking for the same again is no fault.
// crm.Conflict while other contacts are moving into it.
func (s *Site) RetireStatus(id, into contact.Status) error {
	all := s.statuses()
	i := slices.IndexFunc(all, func(d contact.StatusDef) bool { return d.ID == id })
	if i < 0 {
		return noStatus()
	}
	var faults crm.Faults
	switch ids := s.Policy().StatusIDs(); {
	case id.BuiltIn():
		return crm.Errorf(crm.Conflict, "the status %s is built in and cannot be deleted; give it another name instead", id)
	case all[i].Into != "" && all[i].Into != into:
		return crm.Errorf(crm.Conflict, "this status is being deleted already; its contacts move to %s", all[i].Into)
	case into == id || !slices.Contains(ids, into):
		faults.Add("query/target", "the target is another status of the site, one of %s", joinStatuses(ids, id))
	}
	if slices.ContainsFunc(all, func(d contact.StatusDef) bool { return d.Into == id }) {
		return crm.Errorf(crm.Conflict, "contacts of another deleted status are moving into this one; try again when that is done")
	}
	if err := faults.Err(); err != nil {
		return err
	}
	if err := s.Policy().MayHave(into); err != nil {
		return err
	}
	all[i].Into = into
	s.Statuses = all
	return nil
}

// DropStatus ends the deletion of a status that RetireStatus began.
func (s *Site) DropStatus(id contact.Status) {
	s.Statuses = slices.DeleteFunc(slices.Clone(s.Statuses), func(d contact.StatusDef) bool { return d.ID == id && d.Into != "" })
}

// statuses are the definitions as they are kept, each built-in one among them.
func (s Site) statuses() []contact.StatusDef {
	all := slices.Clone(s.Statuses)
	for i, d := range s.AllStatuses() {
		if i >= len(all) {
			all = append(all, contact.StatusDef{ID: d.ID})
		}
	}
	return all
}

// statusName is a name that no other status of the site has, compared without case.
func (s Site) statusName(name string, id contact.Status, faults *crm.Faults) string {
	name = contact.Trim(strings.Join(strings.Fields(name), " "))
	switch n := utf8.RuneCountInString(name); {
	case !utf8.ValidString(name):
		faults.Add("/name", "the name is not valid UTF-8")
	case n == 0:
		faults.Add("/name", "give the status a name")
	case n > MaxStatusName:
		faults.Add("/name", "the name has %d characters, at most %d fit", n, MaxStatusName)
	}
	for _, d := range s.AllStatuses() {
		if d.ID != id && (crm.SameFolded(d.Name, name) || crm.Fold(name) == string(d.ID)) {
			faults.Add("/name", "the status %s has this name; names are compared without case", d.ID)
			break
		}
	}
	return name
}

// statusColour is "#rrggbb" in small letters, or none.
func statusColour(c string, faults *crm.Faults) string {
	c = strings.ToLower(c)
	hex, ok := strings.CutPrefix(c, "#")
	if c != "" && (!ok || len(hex) != 6 || strings.Trim(hex, "0123456789abcdef") != "") {
		faults.Add("/colour", "a colour is written #rrggbb, for example #1a7f37")
	}
	return c
}

func joinStatuses(ids []contact.Status, but contact.Status) string {
	var out []string
	for _, id := range ids {
		if id != but {
			out = append(out, string(id))
		}
	}
	return strings.Join(out, ", ")
}

func noStatus() error { return crm.Errorf(crm.NotFound, "there is no such status on this site") }

// StatusID is the id of a status by its name, for filters.
func (s Site) StatusID(name string) (string, bool) {
	id, ok := s.Policy().StatusNamed(name)
	return string(id), ok
}

// StatusText is what a file says of a status: the name of an own one, the id of a
// built-in one, which every site reads.
func (s Site) StatusText(id contact.Status) string {
	for _, d := range s.Statuses {
		if d.ID == id && !id.BuiltIn() {
			return d.Name
		}
	}
	return string(id)
}
