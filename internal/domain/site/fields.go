package site

import (
	"slices"
	"strings"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// FieldChange changes how a field of the site is shown.
type FieldChange struct {
	Label    contact.Opt[string]
	Options  contact.Opt[[]string]
	Position contact.Opt[int] // 0 is the first; beyond the end is the last
}

// AddField makes a field at the end of the others. crm.Invalid, and crm.Conflict
// for a key that is in use.
func (s *Site) AddField(f contact.FieldDef) error {
	var faults crm.Faults
	f.Check(&faults)
	if len(s.CustomFields) >= contact.MaxFields {
		faults.Add("", "a site has at most %d fields of its own; delete one first", contact.MaxFields)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	if _, ok := s.Policy().Field(f.Key); ok {
		return crm.Errorf(crm.Conflict, "this site has a field %s already; change that one, or take another key", f.Key)
	}
	if s.labelled(f.Label, f.Key) {
		return labelTaken()
	}
	s.CustomFields = append(slices.Clone(s.CustomFields), f)
	return nil
}

// ChangeField changes a field's label, options or place. An option that goes
// stays with the contacts that have it. crm.NotFound, crm.Invalid.
func (s *Site) ChangeField(key string, c FieldChange) (contact.FieldDef, error) {
	i := s.fieldAt(key)
	if i < 0 {
		return contact.FieldDef{}, noField()
	}
	f := s.CustomFields[i]
	if c.Label.Set {
		f.Label = c.Label.Value
	}
	if c.Options.Set {
		f.Options = c.Options.Value
	}
	var faults crm.Faults
	f.Check(&faults)
	if c.Position.Set && c.Position.Value < 0 {
		faults.Add("/position", "the first position is 0")
	}
	if err := faults.Err(); err != nil {
		return f, err
	}
	if s.labelled(f.Label, key) {
		return f, labelTaken()
	}
	fields := slices.Clone(s.CustomFields)
	fields[i] = f
	if c.Position.Set {
		fields = slices.Delete(fields, i, i+1)
		fields = slices.Insert(fields, min(c.Position.Value, len(fields)), f)
	}
	s.CustomFields = fields
	return f, nil
}

// RemoveField takes a field away. What contacts have in it is shown no more, and
// goes with the next change of their fields. crm.NotFound.
func (s *Site) RemoveField(key string) error {
	i := s.fieldAt(key)
	if i < 0 {
		return noField()
	}
	s.CustomFields = slices.Delete(slices.Clone(s.CustomFields), i, i+1)
	return nil
}

func (s *Site) fieldAt(key string) int {
	return slices.IndexFunc(s.CustomFields, func(f contact.FieldDef) bool { return f.Key == key })
}

// labelled reports whether another field has the label: files name columns by it.
func (s *Site) labelled(label, key string) bool {
	return slices.ContainsFunc(s.CustomFields, func(f contact.FieldDef) bool {
		return f.Key != key && strings.EqualFold(contact.Trim(f.Label), contact.Trim(label))
	})
}

func noField() error {
	return crm.Errorf(crm.NotFound, "this site has no such field; see /v1/custom-fields")
}

func labelTaken() error {
	var f crm.Faults
	f.Add("/label", "another field of this site has this label; labels are compared without case")
	return f.Err()
}
