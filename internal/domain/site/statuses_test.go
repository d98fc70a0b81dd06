package site

import (
	"fmt"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
)

func told(s Site) string {
	var out []string
	for _, d := range s.AllStatuses() {
		out = append(out, fmt.Sprintf("%s=%s%s", d.ID, d.Name, d.Colour))
	}
	return strings.Join(out, " ")
}

func code(t *testing.T, err error, want crm.Code) {
	t.Helper()
	if crm.CodeOf(err) != want {
		t.Errorf("code %q, want %q: %v", crm.CodeOf(err), want, err)
	}
}

func TestASitesStatuses(t *testing.T) {
	s := Site{Language: "nl"}
	if got := told(s); got != "lead=Lead customer=Klant vip=VIP inactive=Inactief" {
		t.Errorf("a new site: %s", got)
	}
	code(t, s.AddStatus("st_a", "  Stam \u200b gast ", "#1A7F37"), "")
	code(t, s.AddStatus("st_b", "常客", ""), "")
	if got := told(s); got != "lead=Lead customer=Klant vip=VIP inactive=Inactief st_a=Stam \u200b gast#1a7f37 st_b=常客" {
		t.Errorf("with two of its own: %s", got)
	}
	some, none := contact.Some[string], contact.Opt[string]{}
	code(t, s.ChangeStatus("st_a", some("Stamgast"), none), "")
	code(t, s.ChangeStatus("customer", some("Koper"), some("#ffffff")), "")
	code(t, s.ChangeStatus("st_b", none, some("")), "")
	code(t, s.OrderStatuses([]contact.Status{"st_b", "vip", "customer", "lead", "st_a", "inactive"}), "")
	if got := told(s); got != "st_b=常客 vip=VIP customer=Koper#ffffff lead=Lead st_a=Stamgast#1a7f37 inactive=Inactief" {
		t.Errorf("in another order: %s", got)
	}
	code(t, s.ChangeStatus("customer", some(""), none), "")
	if got := told(s); !strings.Contains(got, "customer=Klant#ffffff") {
		t.Errorf("a built-in one under its own name again: %s", got)
	}
	before := told(s)
	for name, err := range map[string]error{
		"no name":                       s.AddStatus("st_c", " ", ""),
		"a name that is there":          s.AddStatus("st_c", "STAMGAST", ""),
		"a built-in one's name":         s.AddStatus("st_c", "klant", ""),
		"a built-in one's id":           s.AddStatus("st_c", "Customer", ""),
		"a long name":                   s.AddStatus("st_c", strings.Repeat("é", 61), ""),
		"a name that is no text":        s.AddStatus("st_c", "\xff", ""),
		"a colour that is none":         s.AddStatus("st_c", "C", "red"),
		"a colour too short":            s.AddStatus("st_c", "C", "#fff"),
		"an own one without a name":     s.ChangeStatus("st_a", some(""), none),
		"an own one with another's":     s.ChangeStatus("st_a", some("lead"), none),
		"an order with one missing":     s.OrderStatuses([]contact.Status{"st_b", "vip", "customer", "lead", "st_a"}),
		"an order with one twice":       s.OrderStatuses([]contact.Status{"st_b", "vip", "customer", "lead", "st_a", "inactive", "vip"}),
		"an order with one there isn't": s.OrderStatuses([]contact.Status{"st_b", "vip", "customer", "lead", "st_a", "inactive", "st_x"}),
	} {
		if crm.CodeOf(err) != crm.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	code(t, s.ChangeStatus("st_x", some("X"), none), crm.NotFound)
	if told(s) != before {
		t.Errorf("a refused change changed: %s", told(s))
	}
	code(t, s.ChangeStatus("st_a", some("stamGast"), none), "") // its own name in another case
	for i := range MaxStatuses - 2 {
		code(t, s.AddStatus(contact.Status(fmt.Sprint("st_", i)), fmt.Sprint("N", i), ""), "")
	}
	code(t, s.AddStatus("st_c", "C", ""), crm.Invalid)
}

func TestAStatusIsDeletedInTwoSteps(t *testing.T) {
	made := func() Site {
		s := Site{}
		for _, id := range []string{"a", "b", "c"} {
			code(t, s.AddStatus(contact.Status("st_"+id), id, ""), "")
		}
		return s
	}
	s := made()
	code(t, s.RetireStatus("st_x", "lead"), crm.NotFound)
	code(t, s.RetireStatus("vip", "lead"), crm.Conflict)
	code(t, s.RetireStatus("st_a", "st_a"), crm.Invalid)
	code(t, s.RetireStatus("st_a", "st_x"), crm.Invalid)
	code(t, s.RetireStatus("st_a", ""), crm.Invalid)
	s.DropStatus("st_a") // nobody asked for it
	if len(s.AllStatuses()) != 7 {
		t.Fatalf("%s", told(s))
	}

	code(t, s.RetireStatus("st_a", "st_b"), "")
	code(t, s.RetireStatus("st_a", "st_b"), "") // asked again
	code(t, s.RetireStatus("st_a", "lead"), crm.Conflict)
	code(t, s.RetireStatus("st_b", "lead"), crm.Conflict) // contacts are on their way there
	code(t, s.RetireStatus("st_c", "st_a"), crm.Invalid)
	code(t, s.ChangeStatus("st_a", contact.Some("A"), contact.Opt[string]{}), crm.NotFound)
	for _, id := range s.Policy().StatusIDs() {
		if id == "st_a" {
			t.Error("a status that is being deleted can still be given")
		}
	}
	if !strings.Contains(told(s), "st_a=a") {
		t.Errorf("its contacts are there, and its name is gone: %s", told(s))
	}
	code(t, s.OrderStatuses([]contact.Status{"st_c", "st_b", "lead", "customer", "vip", "inactive"}), "")
	s.DropStatus("st_a")
	if strings.Contains(told(s), "st_a") {
		t.Errorf("it is still there: %s", told(s))
	}
	code(t, s.RetireStatus("st_b", "lead"), "")

	s = made()
	s.Plan = plan.Mini
	code(t, s.RetireStatus("st_a", "customer"), crm.PlanRequired)
	code(t, s.RetireStatus("st_a", "lead"), "")
}

func TestRulesOfStatusesLeaveTheSiteTheyWereReadFrom(t *testing.T) {
	old := Site{}
	code(t, old.AddStatus("st_a", "A", ""), "")
	next := old
	code(t, next.ChangeStatus("st_a", contact.Some("B"), contact.Opt[string]{}), "")
	code(t, next.RetireStatus("st_a", "lead"), "")
	if told(old) != "lead=Lead customer=Customer vip=VIP inactive=Inactive st_a=A" || old.Statuses[4].Into != "" {
		t.Errorf("the site that was read became %s", told(old))
	}
}
