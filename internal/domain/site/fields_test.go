package site

import (
	"fmt"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

func TestFieldsOfASite(t *testing.T) {
	var s Site
	keys := func() (out string) {
		for _, f := range s.CustomFields {
			out += f.Key
		}
		return out
	}
	for _, k := range []string{"a", "b", "c"} {
		if err := s.AddField(contact.FieldDef{Key: k, Label: "Field " + k, Type: contact.TextField}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddField(contact.FieldDef{Key: "a", Label: "x", Type: contact.TextField}); crm.CodeOf(err) != crm.Conflict {
		t.Errorf("a key twice: %v", err)
	}
	if err := s.AddField(contact.FieldDef{Key: "d", Label: "field A", Type: contact.TextField}); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a label twice: %v", err)
	}
	if _, err := s.ChangeField("c", FieldChange{Position: contact.Some(0), Label: contact.Some("Ç")}); err != nil || keys() != "cab" || s.CustomFields[0].Label != "Ç" {
		t.Errorf("moved: %s, %v", keys(), err)
	}
	if _, err := s.ChangeField("c", FieldChange{Position: contact.Some(99)}); err != nil || keys() != "abc" {
		t.Errorf("moved to the end: %s, %v", keys(), err)
	}
	if _, err := s.ChangeField("c", FieldChange{Options: contact.Some([]string{"x"})}); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("options of a text: %v", err)
	}
	if _, err := s.ChangeField("x", FieldChange{}); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("a field there is not: %v", err)
	}
	if err := s.RemoveField("b"); err != nil || keys() != "ac" {
		t.Errorf("removed: %s, %v", keys(), err)
	}
	if err := s.RemoveField("b"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	for i := len(s.CustomFields); i < contact.MaxFields; i++ {
		if err := s.AddField(contact.FieldDef{Key: fmt.Sprint("k", i), Label: fmt.Sprint(i), Type: contact.TextField}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddField(contact.FieldDef{Key: "more", Label: "more", Type: contact.TextField}); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("too many: %v", err)
	}
}
