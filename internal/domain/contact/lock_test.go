package contact

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/crm"
)

// hour is a moment of the tests' day.
func hour(h int) time.Time { return at(h).At }

func emma() Contact {
	return New(Facts{Source: "shop", Email: "e@b.example", AsOf: at(0), Details: Details{FirstName: "Emma", LastName: "Vries",
		Company: "Oud", Phone: "0", Address: Address{Street: "Kade 1", City: "Gent"}}}, hour(0))
}

func (c *Contact) byHand(t *testing.T, p Patch, scope LockScope, by string, now time.Time) []string {
	t.Helper()
	changed, err := c.Edit(p, Policy{Country: "NL", LockScope: scope}, by, now)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func locked(c Contact) (units []string) {
	for _, u := range Units() {
		if c.IsLocked(u) {
			units = append(units, u)
		}
	}
	return units
}

func TestAnEditLocksWhatTheScopeSays(t *testing.T) {
	company := Patch{Company: Some("Nieuw")}
	for _, tt := range []struct {
		name  string
		edit  Patch
		scope LockScope
		want  []string
	}{
		{"the whole contact is the default", company, "", Units()},
		{"the whole contact", company, LockContact, Units()},
		{"a field", company, LockField, []string{"company"}},
		{"half a name is the name", Patch{FirstName: Some("E.")}, LockField, []string{"name"}},
		{"a city is the address", Patch{Address: Some(&AddressPatch{City: Some("Lier")})}, LockField, []string{"address"}},
		{"a field that is cleared", Patch{Company: Some("")}, LockField, []string{"company"}},
		{"what stands there already locks nothing", Patch{Company: Some("Oud")}, LockContact, nil},
		{"a group is locked alone", Patch{Group: Some("gr_1")}, LockContact, []string{"group"}},
		{"a group with a detail is one", Patch{Group: Some("gr_1"), Company: Some("Nieuw")}, LockContact, Units()},
		{"tags are no details", Patch{Tags: Some([]string{"x"})}, LockContact, nil},
		{"a status is no detail", Patch{Status: Some(VIP)}, LockContact, nil},
		{"a consent is no detail", Patch{Consent: Some(ConsentSubscribed)}, LockContact, nil},
		{"an address for mail is no detail", Patch{Emails: Some([]string{"f@b.example"})}, LockContact, nil},
	} {
		c := emma()
		c.byHand(t, tt.edit, tt.scope, "mb_1", hour(2))
		if got := locked(c); !slices.Equal(got, tt.want) {
			t.Errorf("%s: locked are %v, want %v", tt.name, got, tt.want)
		}
		if len(tt.want) > 0 && (c.Lock.By != "mb_1" || c.Lock.At != hour(2)) {
			t.Errorf("%s: locked at %v by %s", tt.name, c.Lock.At, c.Lock.By)
		}
	}
}

func TestALockTellsSinceWhenAndByWhom(t *testing.T) {
	c := emma()
	c.byHand(t, Patch{Company: Some("A")}, LockField, "mb_1", hour(1))
	c.byHand(t, Patch{Company: Some("B"), Phone: Some("0612345678")}, LockField, "mb_2", hour(2))
	want := map[string]Locked{"company": {hour(1), "mb_1"}, "phone": {hour(2), "mb_2"}}
	if c.Lock.At != hour(1) || c.Lock.By != "mb_1" || !maps.Equal(c.Lock.Fields, want) {
		t.Errorf("%+v", c.Lock)
	}
	c.byHand(t, Patch{Gender: Some("v")}, LockContact, "mb_3", hour(3)) // the site's setting was changed
	if c.Lock.Fields != nil || c.Lock.At != hour(1) {
		t.Errorf("under the scope contact: %+v", c.Lock)
	}
	c.byHand(t, Patch{Gender: Some("m")}, LockField, "mb_3", hour(4)) // and back: a whole lock stays whole
	if c.Lock.Fields != nil {
		t.Errorf("a whole lock became one of fields: %+v", c.Lock)
	}
	if _, err := c.Unlock([]string{"name", "note"}, false, nl, hour(5)); err != nil {
		t.Fatal(err)
	}
	if c.IsLocked("name") || c.IsLocked("note") || !c.IsLocked("company") || c.Lock.Fields["company"] != (Locked{hour(1), "mb_1"}) {
		t.Errorf("after unlocking two fields: %+v", c.Lock)
	}
}

func TestSourcesOfferForLockedFields(t *testing.T) {
	c := emma()
	c.byHand(t, Patch{Company: Some("Nieuw"), Phone: Some("")}, LockField, "mb_1", hour(5))
	for _, tt := range []struct {
		name    string
		facts   Facts
		visible bool
		offer   string // of the company; empty: none
	}{
		{"nothing for a field it does not name", Facts{Source: "shop", AsOf: at(6), Details: Details{FirstName: "Ella", LastName: "Vries"}}, true, ""},
		{"nothing that it knew before the edit", Facts{Source: "shop", AsOf: at(4), Details: Details{Company: "Oud"}}, false, ""},
		{"what it says since", Facts{Source: "shop", AsOf: at(6), Details: Details{Company: "X"}}, true, "X"},
		{"the same again changes nothing", Facts{Source: "shop", AsOf: at(6), Details: Details{Company: "X"}}, false, "X"},
		{"no blanks", Facts{Source: "shop", AsOf: at(9)}, false, "X"},
		{"older loses", Facts{Source: "form:f", AsOf: at(5), Details: Details{Company: "W"}}, false, "X"},
		{"fresher wins", Facts{Source: "form:f", AsOf: at(7), Details: Details{Company: "Y"}}, true, "Y"},
		{"of one moment the larger text", Facts{Source: "a", AsOf: at(7), Details: Details{Company: "Z"}}, true, "Z"},
		{"what stands there ends the offer", Facts{Source: "shop", AsOf: at(8), Details: Details{Company: "Nieuw"}}, true, ""},
	} {
		if e := c.Enrich(tt.facts); e.Visible != tt.visible {
			t.Errorf("%s: visible %v", tt.name, e.Visible)
		}
		if got := c.Offered()["company"]; got.Details.Company != tt.offer || tt.offer != "" && got.AsOf.At != tt.facts.AsOf.At && tt.visible {
			t.Errorf("%s: offered is %+v", tt.name, got)
		}
		if c.Company != "Nieuw" {
			t.Fatalf("%s: the company is %s", tt.name, c.Company)
		}
	}
	if c.FirstName != "Ella" {
		t.Errorf("an open field was not enriched: %s", c.FirstName)
	}
	if c.Enrich(Facts{Source: "shop", AsOf: at(6), Details: Details{Phone: "1"}}); c.Phone != "" || c.Offered()["phone"].Details.Phone != "1" {
		t.Errorf("a cleared field: %q, offers %v", c.Phone, c.Offered())
	}
}

func TestOfferedPhonesJoinThoseThatAreThere(t *testing.T) {
	c := emma()
	c.byHand(t, Patch{Phones: Some([]string{"+31612345678"})}, LockField, "mb_1", hour(5))
	if e := c.Enrich(Facts{Source: "shop", AsOf: at(6), Details: Details{Phones: []string{"+31612345678"}}}); e.Visible || len(c.Offered()) != 0 {
		t.Errorf("a number that is there is offered: %v", c.Offered())
	}
	c.Enrich(Facts{Source: "shop", AsOf: at(7), Details: Details{Phones: []string{"+31687654321"}}})
	if len(c.Phones) != 1 || len(c.Offered()) != 1 {
		t.Fatalf("%v, offers %v", c.Phones, c.Offered())
	}
	if changed, err := c.Take([]string{"phones"}, nl, hour(8)); err != nil || len(changed) != 1 || len(c.Phones) != 2 {
		t.Errorf("%v, %v, %v", changed, c.Phones, err)
	}
}

// A source may send what it sent long ago once more, at any time. What a member
// decided on a field in between stands.
func TestWhatAMemberDecidedStandsAgainstOldNews(t *testing.T) {
	old := Facts{Source: "shop", AsOf: at(1), Details: Details{FirstName: "Em", LastName: "Vries", Company: "Oud", Phone: "1",
		Address: Address{Street: "Kade 1", Postcode: "9000", City: "Gent"}}}
	during := Facts{Source: "shop", AsOf: at(6), Details: Details{Company: "X"}}
	edit := Patch{Company: Some("Nieuw"), Phone: Some(""), LastName: Some(""), Address: Some(&AddressPatch{Street: Some(""), City: Some("Lier")})}
	for _, tt := range []struct {
		name    string
		after   func(*Contact) error
		company string
	}{
		{"still locked", func(c *Contact) error { return nil }, "Nieuw"},
		{"unlocked", func(c *Contact) error { _, err := c.Unlock(nil, false, nl, hour(8)); return err }, "Nieuw"},
		{"the field unlocked", func(c *Contact) error { _, err := c.Unlock([]string{"company"}, false, nl, hour(8)); return err }, "Nieuw"},
		{"taken", func(c *Contact) error { _, err := c.Take([]string{"company"}, nl, hour(8)); return err }, "X"},
		{"unlocked and taken", func(c *Contact) error { _, err := c.Unlock(nil, true, nl, hour(8)); return err }, "X"},
		{"taken, then unlocked", func(c *Contact) error {
			if _, err := c.Take([]string{"company"}, nl, hour(8)); err != nil {
				return err
			}
			_, err := c.Unlock(nil, false, nl, hour(9))
			return err
		}, "X"},
		{"taken back by hand", func(c *Contact) error {
			if _, err := c.Unlock(nil, true, nl, hour(8)); err != nil {
				return err
			}
			_, err := c.Edit(Patch{Company: Some("Nieuw")}, nl, "mb_1", hour(9))
			return err
		}, "Nieuw"},
	} {
		for _, scope := range []LockScope{LockContact, LockField} {
			c := emma()
			c.Enrich(old)
			c.byHand(t, edit, scope, "mb_1", hour(5))
			c.Enrich(during)
			if err := tt.after(&c); err != nil {
				t.Fatal(err)
			}
			for _, again := range []Facts{old, during, {Source: "form:f", AsOf: at(7), Details: Details{Company: "Y"}}} {
				if again.AsOf.At == hour(7) && tt.name == "still locked" {
					continue
				}
				c.Enrich(again)
			}
			if c.Company != tt.company || c.Phone != "" || c.FullName() != "Emma" && c.FullName() != "Em" || c.LastName != "" || c.Address != (Address{Postcode: c.Address.Postcode, City: "Lier"}) {
				t.Errorf("%s, %s: %+v", tt.name, scope, c.Details)
			}
			if tt.name == "unlocked" { // and sources are heard again
				c.Enrich(Facts{Source: "shop", AsOf: at(10), Details: Details{Company: "Z", Phone: "2"}})
				if c.Company != "Z" || c.Phone != "2" {
					t.Errorf("%s, %s: news after it: %+v", tt.name, scope, c.Details)
				}
			}
		}
	}
}

func TestAGroupThatWasChosenStandsAgainstFiles(t *testing.T) {
	file := func(h int, group string) Facts {
		return Facts{Source: "import:1", AsOf: at(h), Details: Details{Group: group}}
	}
	c := emma()
	if !c.Enrich(file(3, "gr_old")).Visible || c.Enrich(file(2, "gr_older")).Dirty || c.Group != "gr_old" {
		t.Fatalf("an older file was believed: %s", c.Group)
	}
	c.byHand(t, Patch{Group: Some("gr_hand")}, LockContact, "mb_1", hour(5))
	if c.Enrich(file(4, "gr_late")).Dirty || c.Group != "gr_hand" || len(c.Offers) != 0 {
		t.Errorf("what a file knew before the choice counts: %s, %v", c.Group, c.Offers)
	}
	if c.Enrich(file(6, "gr_new")); c.Group != "gr_hand" || c.Offered()["group"].Details.Group != "gr_new" {
		t.Errorf("a file went over the choice: %s, %v", c.Group, c.Offers)
	}
	if e := c.Enrich(Facts{Source: "shop", AsOf: at(6), Details: Details{Phone: "1"}}); !e.Visible || c.Phone != "1" {
		t.Errorf("choosing a group locked the phone")
	}
	taken := c.Clone()
	if changed, err := taken.Take([]string{"group"}, nl, hour(7)); err != nil || !slices.Equal(changed, []string{"group"}) || taken.Group != "gr_new" || !taken.IsLocked("group") {
		t.Errorf("taken over: %v, %s, %v", changed, taken.Group, err)
	}
	c.ForgetGroup() // it is deleted meanwhile
	if _, err := c.Take([]string{"group"}, nl, hour(7)); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a group that is gone was taken over: %v", err)
	}
	// Whose group is deleted is free: nobody chose anything that is still there.
	if c.LeaveGroup("gr_other") || !c.LeaveGroup("gr_hand") || c.Group != "" || c.Lock != nil {
		t.Errorf("left: %q, %+v", c.Group, c.Lock)
	}
	if c.Enrich(file(6, "gr_new")); c.Group != "gr_new" {
		t.Errorf("who was freed is in %q", c.Group)
	}
}

func TestUnlockAndTakeNameWhatTheyChanged(t *testing.T) {
	with := func() Contact {
		c := emma()
		c.byHand(t, Patch{Company: Some("Nieuw"), Phone: Some("0612345678")}, LockField, "mb_1", hour(5))
		c.Enrich(Facts{Source: "shop", AsOf: at(6), Details: Details{Company: "X", Phone: "+31612345678"}})
		return c
	}
	for _, tt := range []struct {
		name string
		do   func(*Contact) ([]string, error)
		want []string
		lock []string
		code crm.Code
	}{
		{"all", func(c *Contact) ([]string, error) { return c.Unlock(nil, false, nl, hour(7)) }, []string{"locked"}, nil, ""},
		{"all and take", func(c *Contact) ([]string, error) { return c.Unlock(nil, true, nl, hour(7)) }, []string{"company", "locked"}, nil, ""},
		{"one", func(c *Contact) ([]string, error) { return c.Unlock([]string{"phone"}, true, nl, hour(7)) }, []string{"locked"}, []string{"company"}, ""},
		{"one twice", func(c *Contact) ([]string, error) { return c.Unlock([]string{"phone", "phone"}, true, nl, hour(7)) }, []string{"locked"}, []string{"company"}, ""},
		{"one that is open", func(c *Contact) ([]string, error) { return c.Unlock([]string{"note"}, true, nl, hour(7)) }, nil, []string{"company", "phone"}, ""},
		{"one there is not", func(c *Contact) ([]string, error) { return c.Unlock([]string{"nose"}, false, nl, hour(7)) }, nil, []string{"company", "phone"}, crm.Invalid},
		{"take", func(c *Contact) ([]string, error) { return c.Take([]string{"company"}, nl, hour(7)) }, []string{"company"}, []string{"company", "phone"}, ""},
		{"take one twice", func(c *Contact) ([]string, error) { return c.Take([]string{"company", "company"}, nl, hour(7)) }, []string{"company"}, []string{"company", "phone"}, ""},
		{"take what says the same", func(c *Contact) ([]string, error) { return c.Take([]string{"phone"}, nl, hour(7)) }, nil, []string{"company", "phone"}, crm.Invalid},
		{"take what nobody offered", func(c *Contact) ([]string, error) { return c.Take([]string{"company", "note"}, nl, hour(7)) }, nil, []string{"company", "phone"}, crm.Invalid},
		{"take what there is not", func(c *Contact) ([]string, error) { return c.Take([]string{"nose"}, nl, hour(7)) }, nil, []string{"company", "phone"}, crm.Invalid},
	} {
		c := with()
		before := fmt.Sprintf("%+v", c)
		changed, err := tt.do(&c)
		if crm.CodeOf(err) != tt.code || !slices.Equal(changed, tt.want) || !slices.Equal(locked(c), tt.lock) {
			t.Errorf("%s: changed %v, locked %v, %v", tt.name, changed, locked(c), err)
		}
		if len(changed) == 0 && fmt.Sprintf("%+v", c) != before {
			t.Errorf("%s: changed without saying so", tt.name)
		}
	}
	c := emma()
	if changed, err := c.Unlock(nil, true, nl, hour(7)); changed != nil || err != nil {
		t.Errorf("without a lock: %v, %v", changed, err)
	}
}

// Whatever members do, the news of sources gives one state in every order of
// arrival, also where some arrives again and again.
func TestLockedContactsEndTheSameInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	for round := range 400 {
		start := emma()
		now := 2
		for range r.IntN(4) { // what members did
			now += 1 + r.IntN(2)
			switch r.IntN(3) {
			case 0:
				_, _ = start.Unlock(nil, r.IntN(2) == 0, nl, hour(now))
			case 1:
				_, _ = start.Unlock([]string{pick(Units()...), "company"}, r.IntN(2) == 0, nl, hour(now))
			default:
				p := Patch{Company: Some(pick("", "A", "B")), Address: Some(&AddressPatch{City: Some(pick("", "Lier")), Street: Some(pick("", "Plein 2"))})}
				if r.IntN(2) == 0 {
					p.Group = Some(pick("", "gr_1", "gr_2"))
				}
				start.byHand(t, p, LockScope(pick("contact", "field")), "mb_1", hour(now))
			}
			start.Enrich(Facts{Source: "between", AsOf: at(r.IntN(10)), Details: Details{Company: pick("", "C")}})
		}
		facts := make([]Facts, 2+r.IntN(4))
		for i := range facts {
			facts[i] = Facts{Source: fmt.Sprint("s", r.IntN(2)), AsOf: at(r.IntN(12)), Details: Details{FirstName: pick("", "Jan", "Piet"), LastName: pick("", "Vries"),
				Company: pick("", "X", "Y"), Phone: pick("", "1", "2"), Group: pick("", "gr_1", "gr_3"), Address: Address{Street: pick("", "Kade 1", "Kade 2"), City: pick("", "Gent")}}}
		}
		first := ""
		for shuffle := range 6 {
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			c := start.Clone()
			held := start.Details
			for i, f := range facts {
				c.Enrich(f)
				if e := c.Enrich(facts[r.IntN(i+1)]); i == 0 && e.Dirty {
					t.Fatalf("round %d: a repetition would be stored", round)
				}
			}
			for i := range units {
				u := &units[i]
				if start.IsLocked(u.name) && !u.equal(&held, &c.Details) {
					t.Fatalf("round %d: the locked %s changed", round, u.name)
				}
				if _, ok := c.Offers[u.name]; ok && !c.IsLocked(u.name) {
					t.Fatalf("round %d: an offer for %s, which is open", round, u.name)
				}
			}
			got := fmt.Sprintf("%+v %+v %v", c.Details, c.Offers, c.Lock)
			if shuffle == 0 {
				first = got
			} else if got != first {
				t.Fatalf("round %d:\n%s\n%s\nof %+v", round, first, got, facts)
			}
		}
	}
}
