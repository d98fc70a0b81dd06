package dynamo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

var byEmail = contact.Scope{Channel: contact.ByEmail}

func settle(to contact.Consent, source string) contact.Rule {
	return func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Settle(byEmail, to, contact.Mark{Since: now, Source: source})
		return nil, nil
	}
}

func change(t *testing.T, b *dynamo.Book, id crm.ContactID, rule contact.Rule) contact.Contact {
	t.Helper()
	c, err := b.Change(context.Background(), id, now, rule)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func suppression(t *testing.T, b *dynamo.Book, address string) contact.Suppression {
	t.Helper()
	s, err := b.Suppressions(context.Background(), []string{address})
	if err != nil {
		t.Fatal(err)
	}
	return s[0].Reason
}

func plain(_ *contact.Contact, _ contact.Facts, _ bool) ([]timeline.Activity, error) { return nil, nil }

// Whoever left stays left, whatever becomes of the contact and by whichever way
// the address comes back.
func TestASuppressionSurvivesItsContact(t *testing.T) {
	ctx := context.Background()
	yes := contact.Facts{Email: "Emma@B.example", Source: "form:f", Consent: contact.ConsentSubscribed, AsOf: contact.Stamp{At: now.Add(time.Hour)}}
	leave := map[string]func(*testing.T, *dynamo.Book, contact.Contact){
		"deleted":    func(t *testing.T, b *dynamo.Book, c contact.Contact) { remove(t, b, c.ID) },
		"moved away": func(t *testing.T, b *dynamo.Book, c contact.Contact) { change(t, b, c.ID, setEmail("other@b.example")) },
		"moved twice": func(t *testing.T, b *dynamo.Book, c contact.Contact) {
			change(t, b, c.ID, setEmail("other@b.example"))
			change(t, b, c.ID, setEmail("third@b.example"))
			if got := suppression(t, b, "other@b.example"); got != contact.SuppressedUnsubscribed {
				t.Errorf("the address in between is %q", got)
			}
		},
	}
	back := map[string]func(*testing.T, *dynamo.Book) contact.Contact{
		"by form": func(t *testing.T, b *dynamo.Book) contact.Contact {
			c, _, err := b.Upsert(ctx, yes, now, plain)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		"by API": func(t *testing.T, b *dynamo.Book) contact.Contact {
			d := draft(t, "emma@b.example")
			d.Consent = contact.ConsentSubscribed
			c, _, err := b.Create(ctx, d, nil)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		"by a batch": func(t *testing.T, b *dynamo.Book) contact.Contact {
			d := draft(t, "emma@b.example")
			d.Consent = contact.ConsentSubscribed
			cs, _, err := b.CreateAll(ctx, []contact.Contact{draft(t, "x@b.example"), d}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return cs[1]
		},
		"by a file": func(t *testing.T, b *dynamo.Book) contact.Contact {
			var facts []contact.Facts
			for i := range 3 { // so that the fast path expects nothing there
				facts = append(facts, contact.Facts{Email: fmt.Sprintf("n%d@b.example", i), Source: "import:j", AsOf: contact.Stamp{At: now}})
			}
			for _, batch := range [][]contact.Facts{facts, {yes}} {
				if err := b.UpsertAll(ctx, batch, now, func(_ int, c *contact.Contact, f contact.Facts, isNew bool) ([]timeline.Activity, error) {
					if !isNew {
						c.Enrich(f)
					}
					return nil, nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			c, err := find(t, b, "emma@b.example")
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		"as a change of somebody's address": func(t *testing.T, b *dynamo.Book) contact.Contact {
			c, _, err := b.Upsert(ctx, contact.Facts{Email: "new@b.example", Source: "form:f", Consent: contact.ConsentSubscribed}, now, plain)
			if err != nil {
				t.Fatal(err)
			}
			return change(t, b, c.ID, setEmail("emma@b.example"))
		},
	}
	for how, goes := range leave {
		for way, comes := range back {
			t.Run(how+" and back "+way, func(t *testing.T) {
				b := book(t)
				c := create(t, b, "emma@b.example")
				change(t, b, c.ID, settle(contact.ConsentUnsubscribed, "link"))
				goes(t, b, c)
				if got := suppression(t, b, "EMMA@b.example"); got != contact.SuppressedUnsubscribed {
					t.Fatalf("the address is %q", got)
				}
				c = comes(t, b)
				if c.Consent != contact.ConsentUnsubscribed {
					t.Fatalf("it came back %s", c.Consent)
				}
				if stored, err := b.Get(ctx, c.ID); err != nil || stored.Consent != contact.ConsentUnsubscribed {
					t.Fatalf("it is stored %s, %v", stored.Consent, err)
				}
				// Their own act opens it again, for good.
				change(t, b, c.ID, settle(contact.ConsentSubscribed, "link"))
				remove(t, b, c.ID)
				if got := suppression(t, b, "emma@b.example"); got != "" {
					t.Errorf("after a confirmation the address is %q", got)
				}
			})
		}
	}
}

func TestSuppressedAddressesOfNobody(t *testing.T) {
	b, ctx := book(t), context.Background()
	for i := range 30 {
		if err := b.Suppress(ctx, fmt.Sprintf("s%d@b.example", i), contact.SuppressedBounced, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Suppress(ctx, "s1@b.example", contact.SuppressedErased, now); err != nil {
		t.Fatal(err)
	}
	if err := b.Suppress(ctx, "s1@b.example", contact.SuppressedUnsubscribed, now); err != nil { // what is stricter stays
		t.Fatal(err)
	}
	create(t, b, "known@b.example")
	wantCode(t, b.Suppress(ctx, "known@b.example", contact.SuppressedBounced, now), crm.Conflict)
	got, err := b.Suppressions(ctx, []string{"s0@b.example", "s1@b.example", "known@b.example", "nobody@b.example", "S0@b.example"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []contact.Suppression{"bounced", "erased", "", "", "bounced"} {
		if got[i].Reason != want {
			t.Errorf("address %d is %q, want %q", i, got[i].Reason, want)
		}
	}
	seen, after := map[string]bool{}, ""
	for pages := 0; ; pages++ {
		list, next, err := b.ListSuppressed(ctx, 7, after)
		if err != nil || pages > 20 {
			t.Fatal(err, pages)
		}
		for _, s := range list {
			if seen[s.Hash] || s.Reason == "" || !s.At.Equal(now) {
				t.Errorf("%+v, seen %v", s, seen[s.Hash])
			}
			seen[s.Hash] = true
		}
		if after = next; next == "" {
			break
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d are listed, want 30", len(seen))
	}
}

// The address that a contact was founded with is no way around its suppression.
func TestASuppressionIsMetOnTheWayBackToTheFirstAddress(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "emma@b.example")
	change(t, b, c.ID, settle(contact.ConsentSubscribed, "link"))
	change(t, b, c.ID, setEmail("other@b.example"))
	if err := b.Suppress(ctx, "emma@b.example", contact.SuppressedComplained, now); err != nil {
		t.Fatal(err)
	}
	if c = change(t, b, c.ID, setEmail("emma@b.example")); c.Consent != contact.ConsentComplained {
		t.Fatalf("with the suppressed address it is %s", c.Consent)
	}
	change(t, b, c.ID, settle(contact.ConsentSubscribed, "link"))
	change(t, b, c.ID, setEmail("other@b.example"))
	if c = change(t, b, c.ID, setEmail("emma@b.example")); c.Consent != contact.ConsentSubscribed {
		t.Errorf("after a confirmation it is %s", c.Consent)
	}
}

func TestAnErasureIsRemembered(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "emma@b.example")
	change(t, b, c.ID, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Emails = []string{"second@b.example"}
		return nil, nil
	})
	if err := b.Erase(ctx, c.ID, "key_1", now, func(contact.Contact) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"emma@b.example", "second@b.example"} {
		if got := suppression(t, b, address); got != contact.SuppressedErased {
			t.Errorf("%s is %q", address, got)
		}
	}
	if back := create(t, b, "emma@b.example"); back.Consent != contact.ConsentUnsubscribed {
		t.Errorf("it came back %s", back.Consent)
	}
}

// Whatever changes a consent leaves a row of evidence, which no later one touches.
func TestEveryChangeOfConsentLeavesEvidence(t *testing.T) {
	b, ctx := book(t), context.Background()
	c, _, err := b.Upsert(ctx, contact.Facts{Email: "a@b.example", Source: "form:f", Consent: contact.ConsentSubscribed, AsOf: contact.Stamp{At: now}}, now, plain)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []contact.Consent{contact.ConsentUnsubscribed, contact.ConsentSubscribed} {
		if _, err := b.Change(ctx, c.ID, now.Add(time.Duration(i+1)*time.Hour), settle(to, []string{"one-click", "link"}[i])); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := b.Evidence(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r.Value("from")+" "+r.Value("to")+" "+r.Value("how")+" "+r.Value("address"))
	}
	want := []string{"never subscribed form a@b.example", "subscribed unsubscribed one-click a@b.example", "unsubscribed subscribed link a@b.example"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// A refusal keeps its own date, whatever becomes of the contact and whatever the source
// that brings the address back says of itself: a consent of before lifts it never, one of
// after it as ever.
func TestASuppressionKeepsItsDate(t *testing.T) {
	ctx := context.Background()
	left := now.Add(-30*24*time.Hour + 123456*time.Microsecond)
	refused := func(t *testing.T, b *dynamo.Book, address string) {
		t.Helper()
		s, err := b.Suppressions(ctx, []string{address})
		if err != nil {
			t.Fatal(err)
		}
		if s[0].Reason != contact.SuppressedUnsubscribed || !s[0].At.Equal(left) {
			t.Errorf("%s is %s since %v, want %v", address, s[0].Reason, s[0].At, left)
		}
	}
	left1 := func(t *testing.T, b *dynamo.Book, address string) contact.Contact {
		c := create(t, b, address)
		c, err := b.Change(ctx, c.ID, left, func(c *contact.Contact) ([]timeline.Activity, error) {
			c.Settle(byEmail, contact.ConsentUnsubscribed, contact.Mark{Since: left, Source: "link"})
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, asOf := range map[string]time.Time{"of before": left.Add(-200 * 24 * time.Hour), "of after": now.Add(time.Hour)} {
		facts := contact.Facts{Email: "emma@b.example", Source: "order", AsOf: contact.Stamp{At: asOf}}
		t.Run("deleted, and an order "+name, func(t *testing.T) {
			b := book(t)
			c := left1(t, b, "emma@b.example")
			for range 2 { // the second life, too
				remove(t, b, c.ID)
				refused(t, b, "emma@b.example")
				var err error
				if c, _, err = b.Upsert(ctx, facts, now, plain); err != nil {
					t.Fatal(err)
				}
				refused(t, b, "emma@b.example")
			}
		})
		t.Run("known by its id, and an order "+name+" brings the address", func(t *testing.T) {
			b := book(t)
			remove(t, b, left1(t, b, "emma@b.example").ID)
			f := facts
			f.Email, f.ExternalIDs = "", []string{"c1"}
			if _, _, err := b.Upsert(ctx, f, now, plain); err != nil {
				t.Fatal(err)
			}
			f.Email = facts.Email
			if _, _, err := b.Upsert(ctx, f, now, func(c *contact.Contact, f contact.Facts, _ bool) ([]timeline.Activity, error) {
				c.Enrich(f)
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			refused(t, b, "emma@b.example")
		})
	}
	t.Run("moved away and back", func(t *testing.T) {
		b := book(t)
		c := left1(t, b, "emma@b.example")
		c = change(t, b, c.ID, setEmail("other@b.example"))
		refused(t, b, "emma@b.example")
		refused(t, b, "other@b.example")
		remove(t, b, c.ID)
		refused(t, b, "other@b.example")
		create(t, b, "emma@b.example")
		refused(t, b, "emma@b.example")
		if _, _, err := b.CreateAll(ctx, []contact.Contact{draft(t, "other@b.example")}, nil); err != nil {
			t.Fatal(err)
		}
		refused(t, b, "other@b.example")
	})
	t.Run("taken over by who had left before", func(t *testing.T) {
		b := book(t)
		remove(t, b, left1(t, b, "emma@b.example").ID)
		c := create(t, b, "other@b.example")
		change(t, b, c.ID, func(c *contact.Contact) ([]timeline.Activity, error) {
			c.Settle(byEmail, contact.ConsentUnsubscribed, contact.Mark{Since: left.Add(-time.Hour), Source: "link"})
			return nil, nil
		})
		change(t, b, c.ID, setEmail("emma@b.example"))
		refused(t, b, "emma@b.example")
	})
}
