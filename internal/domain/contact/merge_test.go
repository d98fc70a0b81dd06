package contact

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/crm"
)

func person(id string, change func(*Contact)) Contact {
	c := New(Facts{Source: "api", AsOf: at(0)}, now)
	c.ID, c.Version = crm.ContactID(id), 1
	change(&c)
	return c
}

func TestMergeRules(t *testing.T) {
	for _, tt := range []struct {
		name    string
		a, b    func(*Contact)
		holds   func(Contact) bool
		differs string // fields that only the note keeps
	}{
		{"the primary's value stands", func(c *Contact) { c.Company = "A" }, func(c *Contact) { c.Company = "B" }, func(c Contact) bool { return c.Company == "A" }, "company"},
		{"an empty field is filled", nil, func(c *Contact) { c.Company = "B" }, func(c Contact) bool { return c.Company == "B" }, ""},
		{"half a name that says the same is completed", func(c *Contact) { c.FirstName = "Emma" }, func(c *Contact) { c.FirstName, c.LastName = "emma", "Vries" },
			func(c Contact) bool { return c.LastName == "Vries" }, ""},
		{"half a name of somebody else stays", func(c *Contact) { c.FirstName = "Emma" }, func(c *Contact) { c.FirstName, c.LastName = "Jan", "Vries" },
			func(c Contact) bool { return c.FullName() == "Emma" }, "name"},
		{"phones join", func(c *Contact) { c.Phone = "+31612345678" }, func(c *Contact) { c.Phone, c.Mobile = "+31611111111", "+31622222222" },
			func(c Contact) bool {
				return c.Phone == "+31612345678" && c.Mobile == "+31622222222" && slices.Equal(c.Phones, []string{"+31611111111"})
			}, "phone"},
		{"a value of the site's own field comes along", nil, func(c *Contact) { c.SetCustom("size", "42") }, func(c Contact) bool { return c.Custom["size"] == "42" }, ""},
		{"addresses join", func(c *Contact) { c.Email = "a@b.example" }, func(c *Contact) { c.Email, c.Emails = "c@b.example", []string{"d@b.example"} },
			func(c Contact) bool {
				return c.Email == "a@b.example" && slices.Equal(c.Emails, []string{"c@b.example", "d@b.example"})
			}, ""},
		{"tags join without case", func(c *Contact) { c.Tags = []string{"VIP"} }, func(c *Contact) { c.Tags = []string{"vip", "x"} },
			func(c Contact) bool { return slices.Equal(c.Tags, []string{"VIP", "x"}) }, ""},
		{"who left stays out", func(c *Contact) { c.Consent = ConsentSubscribed }, func(c *Contact) { c.Consent = ConsentUnsubscribed },
			func(c Contact) bool { return c.Consent == ConsentUnsubscribed }, ""},
		{"who left a list stays off it", func(c *Contact) { c.stand(Scope{ByEmail, "news"}, Standing{State: ConsentSubscribed}) },
			func(c *Contact) { c.stand(Scope{ByEmail, "news"}, Standing{State: ConsentUnsubscribed}) },
			func(c Contact) bool { return c.Standing(Scope{ByEmail, "news"}).State == ConsentUnsubscribed }, ""},
		{"the furthest status stands, with who gave it", nil, func(c *Contact) { c.Status, c.StatusManual = VIP, true },
			func(c Contact) bool { return c.Status == VIP && c.StatusManual }, ""},
		{"a customer is further than an inactive one", func(c *Contact) { c.Status, c.StatusManual = Inactive, true }, func(c *Contact) { c.Status = Customer },
			func(c Contact) bool { return c.Status == Customer && !c.StatusManual }, ""},
		{"an inactive one was more than a lead", nil, func(c *Contact) { c.Status = Inactive }, func(c Contact) bool { return c.Status == Inactive }, ""},
		{"the site's own status is the furthest", func(c *Contact) { c.Status = VIP }, func(c *Contact) { c.Status = "st_gold" }, func(c Contact) bool { return c.Status == "st_gold" }, ""},
		{"a picture comes along", nil, func(c *Contact) { c.Avatar = "doc_b" }, func(c Contact) bool { return c.Avatar == "doc_b" }, ""},
		{"the primary's picture stands", func(c *Contact) { c.Avatar = "doc_a" }, func(c *Contact) { c.Avatar = "doc_b" }, func(c Contact) bool { return c.Avatar == "doc_a" }, ""},
		{"the primary's group stands", func(c *Contact) { c.Group = "g1" }, func(c *Contact) { c.Group = "g2" }, func(c Contact) bool { return c.Group == "g1" }, "group"},
		{"figures add up by currency", func(c *Contact) { c.Figures.Add(1, "EUR", 100); c.Figures.Placed(now) },
			func(c *Contact) {
				c.Figures.Add(1, "EUR", 50)
				c.Figures.Add(1, "USD", 7)
				c.Figures.Placed(now.Add(-time.Hour))
			},
			func(c Contact) bool {
				return c.Figures.Orders == 3 && maps.Equal(c.Figures.Revenue, map[string]int64{"EUR": 150, "USD": 7}) && c.Figures.FirstAt.Equal(now.Add(-time.Hour)) && c.Figures.LastAt.Equal(now)
			}, ""},
		{"what was locked stays locked", nil, func(c *Contact) { c.Lock = &Lock{At: now, By: "mb_1"} }, func(c Contact) bool { return c.IsLocked("company") }, ""},
		{"open requests join", func(c *Contact) { c.Ask("1") }, func(c *Contact) { c.Ask("2") }, func(c Contact) bool { return slices.Equal(c.Open, []string{"1", "2"}) }, ""},
		{"ids that went into either go along", func(c *Contact) { c.Merged = []crm.ContactID{"ct_x"} }, func(c *Contact) { c.Merged = []crm.ContactID{"ct_y"} },
			func(c Contact) bool { return slices.Equal(c.Merged, []crm.ContactID{"ct_x", "ct_b", "ct_y"}) }, ""},
		{"no version is met twice", nil, func(c *Contact) { c.Version = 7 }, func(c Contact) bool { return c.Version == 8 }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := person("ct_a", func(c *Contact) { c.Email = "a@b.example" })
			if tt.a != nil {
				tt.a(&a)
			}
			b := person("ct_b", tt.b)
			stored := fmt.Sprintf("%+v %+v", a, b)
			m := Merge(a, []Contact{b}, Policy{Statuses: []StatusDef{{ID: "st_gold"}}}, now.Add(time.Hour))
			if !tt.holds(m.Result) || len(m.Blockers) > 0 {
				t.Errorf("%+v, %v", m.Result, m.Blockers)
			}
			var differs string
			for _, d := range m.Differences {
				differs += d.Field
			}
			if differs != tt.differs {
				t.Errorf("only in the note: %q, want %q", differs, tt.differs)
			}
			if fmt.Sprintf("%+v %+v", a, b) != stored {
				t.Error("the rule changed what it was given")
			}
			// Undone at once, both are what they were, in a version of their own.
			back, others, err := Unmerge(m.Result, a, m.Result, []Contact{b}, now.Add(2*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if back.Version <= m.Result.Version || others[0].Version <= m.Result.Version {
				t.Error("a version is met twice")
			}
			for i, pair := range [][2]Contact{{back, a}, {others[0], b}} {
				got, was := pair[0], pair[1]
				got.Version, got.UpdatedAt, got.Figures = was.Version, was.UpdatedAt, was.Figures // the store counts
				got.Stamps, was.Stamps = nil, nil
				if got.Standing(Scope{Channel: ByEmail}) != was.Standing(Scope{Channel: ByEmail}) {
					t.Error("the consent differs")
				}
				got.ConsentMark, was.ConsentMark = Mark{}, Mark{}
				f := func(c Contact) string {
					l := fmt.Sprint(c.Lock)
					c.Lock = nil
					return fmt.Sprintf("%+v %s", c, l)
				}
				if f(got) != f(was) {
					t.Errorf("given back %d\n%s, was\n%s", i, f(got), f(was))
				}
			}
		})
	}
}

func TestUndoKeepsWhatWasChangedSince(t *testing.T) {
	a := person("ct_a", func(c *Contact) { c.Email, c.Consent = "a@b.example", ConsentSubscribed })
	b := person("ct_b", func(c *Contact) {
		c.Email, c.Company, c.Gender, c.Consent, c.Tags = "b@b.example", "B", "v", ConsentSubscribed, []string{"x"}
	})
	m := Merge(a, []Contact{b}, nl, now)
	since := m.Result.Clone()
	since.Company, since.Tags, since.Consent = "C", append(since.Tags, "y"), ConsentUnsubscribed
	since.Email, since.Emails = "b@b.example", []string{"a@b.example", "new@b.example"}
	back, others, err := Unmerge(since, a, m.Result, []Contact{b}, now)
	if err != nil {
		t.Fatal(err)
	}
	if back.Company != "C" || back.Gender != "" || !slices.Equal(back.Tags, []string{"y"}) {
		t.Errorf("%+v", back)
	}
	if back.Email != "a@b.example" || !slices.Equal(back.Emails, []string{"new@b.example"}) {
		t.Errorf("addresses %s %v", back.Email, back.Emails)
	}
	if back.Consent != ConsentUnsubscribed || others[0].Consent != ConsentUnsubscribed {
		t.Error("undoing a merge lifted an unsubscription")
	}
	b.Avatar = "doc_b"
	m = Merge(a, []Contact{b}, nl, now)
	pictured := m.Result.Clone()
	pictured.Avatar = "doc_new" // which removed the one before
	if back, others, err := Unmerge(pictured, a, m.Result, []Contact{b}, now); err != nil || back.Avatar != "doc_new" || others[0].Avatar != "" {
		t.Errorf("pictures %q and %q, %v", back.Avatar, others[0].Avatar, err)
	}
	m = Merge(a, []Contact{b}, nl, now)
	since.Email, since.Emails = "b@b.example", nil
	if _, _, err := Unmerge(since, a, m.Result, []Contact{b}, now); crm.CodeOf(err) != crm.Conflict {
		t.Errorf("the primary is left without a name: %v", err)
	}
}

// What the person refused while the contacts were one stays with all of them, also where a
// list has lifted it since; what one of them alone had refused stays with that one.
func TestUndoKeepsRefusalsSince(t *testing.T) {
	all, listA, listB := Scope{Channel: ByEmail}, Scope{ByEmail, "a"}, Scope{ByEmail, "b"}
	says := func(scopes map[Scope]Consent) func(*Contact) {
		return func(c *Contact) {
			for s, to := range scopes {
				c.stand(s, Standing{to, Mark{Since: now, Source: "link"}})
			}
		}
	}
	joined := func(c *Contact) {
		c.Settle(all, ConsentUnsubscribed, Mark{Since: now.Add(-time.Hour), Source: "link"})
		c.Settle(listA, ConsentSubscribed, Mark{Since: now, Source: "link"})
	}
	yes := says(map[Scope]Consent{all: ConsentSubscribed})
	for _, tt := range []struct {
		name         string
		a, b         func(*Contact)
		since        func(c *Contact, at time.Time)
		wantA, wantB string
	}{
		{"all mail", yes, yes, func(c *Contact, at time.Time) {
			c.Settle(all, ConsentUnsubscribed, Mark{Since: at, Source: "link"})
		}, `unsubscribed (held ""), a never, b never`, `unsubscribed (held ""), a never, b never`},
		{"all mail, then yes to a list", yes, yes, func(c *Contact, at time.Time) {
			c.Settle(all, ConsentUnsubscribed, Mark{Since: at, Source: "link"})
			c.Settle(listA, ConsentSubscribed, Mark{Since: at.Add(time.Hour), Source: "link"})
		}, `never (held "unsubscribed"), a subscribed, b never`, `unsubscribed (held ""), a never, b never`},
		{"all mail, then yes to one of their lists", yes, says(map[Scope]Consent{all: ConsentSubscribed, listA: ConsentSubscribed, listB: ConsentSubscribed}),
			func(c *Contact, at time.Time) {
				c.Settle(all, ConsentUnsubscribed, Mark{Since: at, Source: "link"})
				c.Settle(listA, ConsentSubscribed, Mark{Since: at.Add(time.Hour), Source: "link"})
			}, `never (held "unsubscribed"), a subscribed, b unsubscribed`, `never (held "unsubscribed"), a subscribed, b unsubscribed`},
		{"all mail again, after one had refused it before", joined, yes, func(c *Contact, at time.Time) {
			c.Settle(all, ConsentUnsubscribed, Mark{Since: at, Source: "link"})
			c.Settle(listA, ConsentSubscribed, Mark{Since: at.Add(time.Hour), Source: "link"})
		}, `never (held "unsubscribed"), a subscribed, b never`, `unsubscribed (held ""), a never, b never`},
		{"a box of a form for all mail, and one had refused before", joined, yes, func(c *Contact, at time.Time) {
			c.AskToConfirm(all, at, "form:f")
		}, `pending (held "unsubscribed"), a subscribed, b never`, `subscribed (held ""), a never, b never`},
		{"a box of a form for all mail, and the other had refused it before", says(nil), joined, func(c *Contact, at time.Time) {
			c.AskToConfirm(all, at, "form:f")
		}, `pending (held ""), a never, b never`, `never (held "unsubscribed"), a subscribed, b never`},
		{"such a box, and the primary takes all mail", yes, joined, func(c *Contact, at time.Time) {
			c.AskToConfirm(all, at, "form:f")
		}, `subscribed (held ""), a never, b never`, `never (held "unsubscribed"), a subscribed, b never`},
		{"a box for a list, and the other had refused all mail before", yes, says(map[Scope]Consent{all: ConsentUnsubscribed}), func(c *Contact, at time.Time) {
			c.AskToConfirm(listA, at, "form:f")
		}, `subscribed (held ""), a pending, b never`, `unsubscribed (held ""), a never, b never`},
		{"such a box twice, and the other had left the list before", says(nil), says(map[Scope]Consent{listA: ConsentUnsubscribed}), func(c *Contact, at time.Time) {
			c.AskToConfirm(listA, at, "form:f")
			c.AskToConfirm(listA, at.Add(48*time.Hour), "form:f")
		}, `never (held ""), a pending, b never`, `never (held ""), a unsubscribed, b never`},
		{"nothing, and one had refused before", joined, yes, nil, `never (held "unsubscribed"), a subscribed, b never`, `subscribed (held ""), a never, b never`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := person("ct_a", func(c *Contact) { c.Email = "a@b.example" }), person("ct_b", func(c *Contact) { c.Email = "b@b.example" })
			tt.a(&a)
			tt.b(&b)
			m := Merge(a, []Contact{b}, nl, now)
			primary := m.Result.Clone()
			if tt.since != nil {
				tt.since(&primary, now.Add(time.Hour))
			}
			back, others, err := Unmerge(primary, a, m.Result, []Contact{b}, now.Add(4*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if got := sayConsents(&back); got != tt.wantA {
				t.Errorf("the primary is %s, want %s", got, tt.wantA)
			}
			had, _ := b.Refused(all)
			if has, at := others[0].Refused(all); has != had && !at.Equal(now.Add(time.Hour)) {
				t.Errorf("the other has refused since %s", at)
			}
			if got := sayConsents(&others[0]); got != tt.wantB {
				t.Errorf("the other is %s, want %s", got, tt.wantB)
			}
		})
	}
}

func TestMergesBeyondTheLimitsAreBlocked(t *testing.T) {
	many := func(from, n int, f string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(f, from+i))
		}
		return out
	}
	for want, change := range map[BlockerCode]func(c *Contact, from int){
		TooManyTags:       func(c *Contact, from int) { c.Tags = many(from, 200, "t%d") },
		TooManyIdentities: func(c *Contact, from int) { c.Emails = many(from, 60, "e%d@b.example") },
		TooManyPhones:     func(c *Contact, from int) { c.Phones = many(from, 30, "+3161234%04d") },
		TooManyMerged: func(c *Contact, from int) {
			for _, id := range many(from, 60, "ct_%d") {
				c.Merged = append(c.Merged, crm.ContactID(id))
			}
		},
	} {
		a, b := person("ct_a", func(c *Contact) { change(c, 0) }), person("ct_b", func(c *Contact) { change(c, 1000) })
		m := Merge(a, []Contact{b}, nl, now)
		if len(m.Blockers) != 1 || m.Blockers[0].Code != want {
			t.Errorf("%s: %v", want, m.Blockers)
		}
	}
}

func TestWhatAMergeMadeCanBeEdited(t *testing.T) {
	c := person("ct_a", func(c *Contact) {
		c.Email = "a@b.example"
		for i := range 20 {
			c.Emails, c.ExternalIDs = append(c.Emails, fmt.Sprintf("e%d@b.example", i)), append(c.ExternalIDs, fmt.Sprintf("x:%d", i), fmt.Sprintf("y:%d", i))
		}
	})
	p := Patch{Emails: Some(c.Emails[1:]), ExternalIDs: Some(c.ExternalIDs[1:])}
	if _, err := c.Edit(p, nl, "mb_1", now); err != nil {
		t.Error(err)
	}
	for i := range 20 {
		c.Phones = append(c.Phones, fmt.Sprintf("+316123456%02d", i))
	}
	if _, err := c.Edit(Patch{Phones: Some(c.Phones[1:])}, nl, "mb_1", now); err != nil || len(c.Phones) != 19 {
		t.Errorf("%d phones, %v", len(c.Phones), err)
	}
	p = Patch{Emails: Some(append(slices.Clone(c.Emails), "one@b.example", "two@b.example"))}
	if _, err := c.Edit(p, nl, "mb_1", now); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("more than there were: %v", err)
	}
}

func TestAStatusThatIsGoneComesBackAsOneThatIsThere(t *testing.T) {
	pol := Policy{Statuses: []StatusDef{{ID: "st_old", Into: VIP}, {ID: "st_own"}}}
	for _, tt := range []struct {
		was, want Status
		first     bool
	}{{"st_own", "st_own", false}, {"st_old", VIP, false}, {"st_gone", Lead, false}, {"st_gone", Customer, true}} {
		c := person("ct_a", func(c *Contact) {
			c.Status, c.StatusManual = tt.was, true
			if tt.first {
				c.Firsts = map[Event]time.Time{FirstOrder: now}
			}
		})
		if c.Renew(pol); c.Status != tt.want {
			t.Errorf("%s comes back as %s, want %s", tt.was, c.Status, tt.want)
		}
	}
}
