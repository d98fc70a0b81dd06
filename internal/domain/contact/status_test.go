package contact

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
)

// did are the facts of events, as their readers make them under the policy.
func did(pol Policy, h int, events ...Event) Facts {
	f := Facts{Source: "shop", Email: "e@b.example", AsOf: at(h), Firsts: map[Event]time.Time{}}
	for _, e := range events {
		f.Firsts[e] = hour(h)
	}
	f.Promote(pol)
	return f
}

// subsets are all choices of events.
func subsets() (out [][]Event) {
	for n := range 1 << len(Events) {
		var s []Event
		for i, e := range Events {
			if n>>i&1 == 1 {
				s = append(s, e)
			}
		}
		out = append(out, s)
	}
	return out
}

// Every combination of switches, plan, events and a status by hand, before and after the
// status is given back.
func TestAutomationUnderEverySwitch(t *testing.T) {
	for _, p := range append([]plan.Plan{""}, plan.Plans...) {
		for _, off := range []bool{false, true} {
			for _, disabled := range subsets() {
				pol := Policy{Country: "NL", Plan: p, Automation: Automation{Off: off, Disabled: disabled}}
				for _, events := range subsets() {
					want := Lead
					for _, e := range events {
						if p != plan.Mini && p != plan.Business && !off && !slices.Contains(disabled, e) {
							want = Customer
						}
					}
					name := fmt.Sprintf("plan %q, off %v, disabled %v, events %v", p, off, disabled, events)
					c := New(Facts{Source: "form:f", Email: "e@b.example", AsOf: at(0)}, hour(0))
					c.Enrich(did(pol, 1, events...))
					made := New(did(pol, 1, events...), hour(1))
					if c.Status != want || made.Status != want || len(c.Firsts) != len(events) || len(made.Firsts) != len(events) {
						t.Fatalf("%s: a lead became %s, a new one %s; want %s; firsts %v", name, c.Status, made.Status, want, c.Firsts)
					}
					for _, hand := range []Status{Lead, VIP, Inactive} {
						c := New(Facts{Source: "form:f", Email: "e@b.example", AsOf: at(0)}, hour(0))
						if _, err := c.Edit(Patch{Status: Some(hand)}, Policy{Country: "NL"}, "mb_1", hour(1)); err != nil {
							t.Fatal(err)
						}
						c.Enrich(did(pol, 2, events...))
						if c.Status != hand || !c.StatusManual {
							t.Fatalf("%s: by hand %s, and it became %s", name, hand, c.Status)
						}
						if _, err := c.Edit(Patch{Status: Some(Status(""))}, pol, "mb_1", hour(3)); err != nil {
							t.Fatal(err)
						}
						if c.Status != want || c.StatusManual {
							t.Fatalf("%s: by hand %s and given back it is %s, want %s", name, hand, c.Status, want)
						}
					}
				}
			}
		}
	}
}

// Firsts and status end the same in any order of events, each any number of times.
func TestEventsEndTheSameInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for round := range 200 {
		pol := Policy{Automation: Automation{Disabled: subsets()[r.IntN(16)]}}
		facts := make([]Facts, 1+r.IntN(6))
		for i := range facts {
			facts[i] = did(pol, r.IntN(9), Events[r.IntN(4)])
		}
		var first Contact
		for shuffle := range 5 {
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			c := New(facts[0], hour(0))
			for i := range facts {
				c.Enrich(facts[i])
				if e := c.Enrich(facts[r.IntN(i+1)]); e.Dirty {
					t.Fatalf("round %d: a repetition would be stored", round)
				}
			}
			if shuffle == 0 {
				first = c
			} else if c.Status != first.Status || !maps.Equal(c.Firsts, first.Firsts) {
				t.Fatalf("round %d: %s %v and %s %v", round, c.Status, c.Firsts, first.Status, first.Firsts)
			}
		}
	}
}

func TestStatusByHand(t *testing.T) {
	own := Policy{Country: "NL", Statuses: []StatusDef{{ID: "st_a", Name: "Stamgast"}, {ID: "st_b", Name: "Oud", Into: "st_a"}}}
	mini := own
	mini.Plan = plan.Mini
	for _, tt := range []struct {
		name   string
		from   Status
		manual bool
		to     Status
		pol    Policy
		want   Status
		hand   bool // manual afterwards
		code   crm.Code
	}{
		{"a lead becomes VIP", Lead, false, VIP, own, VIP, true, ""},
		{"a customer goes back to lead", Customer, false, Lead, own, Lead, true, ""},
		{"what it is already is from now on by hand", Customer, false, Customer, own, Customer, true, ""},
		{"an own status", Lead, false, "st_a", own, "st_a", true, ""},
		{"an own status is in every plan", Lead, false, "st_a", mini, "st_a", true, ""},
		{"inactive is in every plan", Lead, false, Inactive, mini, Inactive, true, ""},
		{"one that is being deleted", Lead, false, "st_b", own, Lead, false, crm.Invalid},
		{"one there is not", Lead, false, "st_x", own, Lead, false, crm.Invalid},
		{"a customer needs the plan", Lead, false, Customer, mini, Lead, false, crm.PlanRequired},
		{"a VIP needs the plan", Lead, true, VIP, mini, Lead, true, crm.PlanRequired},
		{"what a downgraded site has, it keeps", Customer, true, Customer, mini, Customer, true, ""},
		{"and may take away", Customer, true, Lead, mini, Lead, true, ""},
		{"nothing to give back changes nothing", Customer, false, "", mini, Customer, false, ""},
	} {
		c := New(Facts{Source: "form:f", Email: "e@b.example", AsOf: at(0), Status: tt.from}, hour(0))
		c.StatusManual = tt.manual
		changed, err := c.Edit(Patch{Status: Some(tt.to)}, tt.pol, "mb_1", hour(1))
		if crm.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if err != nil {
			continue
		}
		if c.Status != tt.want || c.StatusManual != tt.hand || slices.Contains(changed, "status") != (tt.from != tt.want || tt.manual != tt.hand) || c.Lock != nil {
			t.Errorf("%s: %s, by hand %v, changed %v, lock %v", tt.name, c.Status, c.StatusManual, changed, c.Lock)
		}
	}
	c, err := Draft(Patch{Email: Some("e@b.example"), Status: Some(VIP)}, mini, "api", "key_1", hour(0))
	if crm.CodeOf(err) != crm.PlanRequired || err.(*crm.Error).Plan != string(plan.Pro) {
		t.Errorf("made as %s under the plan mini: %v", c.Status, err)
	}
	if c, err = Draft(Patch{Email: Some("e@b.example"), Status: Some(VIP)}, own, "api", "key_1", hour(0)); err != nil || !c.StatusManual {
		t.Errorf("made as VIP: by hand %v, %v", c.StatusManual, err)
	}
	if c, err = Draft(Patch{Email: Some("e@b.example"), Status: Some(Lead)}, own, "api", "key_1", hour(0)); err != nil || c.StatusManual {
		t.Errorf("made as the lead that everybody is: by hand %v, %v", c.StatusManual, err)
	}
}

// After an upgrade, or when a rule is switched on, the automation can be applied to
// what happened before.
func TestAutomateNeverGoesBack(t *testing.T) {
	for _, tt := range []struct {
		status Status
		manual bool
		firsts []Event
		pol    Policy
		want   Status
	}{
		{Lead, false, []Event{FirstInvoice}, Policy{}, Customer},
		{Lead, false, nil, Policy{}, Lead},
		{Lead, true, []Event{FirstInvoice}, Policy{}, Lead},
		{Lead, false, []Event{FirstInvoice}, Policy{Plan: plan.Mini}, Lead},
		{Lead, false, []Event{FirstInvoice}, Policy{Automation: Automation{Disabled: []Event{FirstInvoice}}}, Lead},
		{Lead, false, []Event{FirstInvoice, FirstOrder}, Policy{Automation: Automation{Disabled: []Event{FirstInvoice}}}, Customer},
		{Customer, false, nil, Policy{Plan: plan.Mini}, Customer},
		{VIP, false, []Event{FirstOrder}, Policy{}, VIP},
		{"st_a", false, []Event{FirstOrder}, Policy{}, "st_a"},
	} {
		c := Contact{Status: tt.status, StatusManual: tt.manual, Firsts: map[Event]time.Time{}}
		for _, e := range tt.firsts {
			c.Firsts[e] = hour(1)
		}
		if changed := c.Automate(tt.pol); c.Status != tt.want || changed != (tt.status != tt.want) {
			t.Errorf("%+v: %s, changed %v", tt, c.Status, changed)
		}
	}
}

func TestStatusesAreReadAsPeopleWriteThem(t *testing.T) {
	pol := Policy{Statuses: []StatusDef{{ID: "st_a", Name: "Stamgast"}, {ID: Customer, Name: "Koper"}, {ID: "st_p", Name: "Prospect"},
		{ID: "st_s", Name: "Große Kunden"}, {ID: "st_old", Name: "Oud", Into: "st_a"}}}
	for text, want := range map[string]Status{
		"stamgast": "st_a", " STAMGAST ": "st_a", "st_a": "st_a", "koper": Customer, "klant": Customer, "Customer": Customer, "prospect": "st_p",
		"GROSSE KUNDEN": "st_s", "lead": Lead, "Vip": VIP, "inactief": Inactive, "oud": "st_a", "st_old": "st_a", "": "", "stam": "", "st_x": "",
	} {
		if got, ok := pol.StatusOf(text); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, ok, want)
		}
	}
	if got, _ := (Policy{}).StatusOf("Prospect"); got != Lead {
		t.Errorf("a prospect is %q", got)
	}
}
