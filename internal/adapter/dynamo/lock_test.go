package dynamo_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/timeline"
)

func TestLocksAndOffersAreReadAsTheyWereWritten(t *testing.T) {
	b, ctx := book(t), context.Background()
	id := create(t, b, "a@b.example").ID
	hour := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	for _, step := range []struct {
		name string
		rule func(c *contact.Contact)
	}{
		{"fields with offers", func(c *contact.Contact) {
			p := contact.Patch{Company: contact.Some("Nieuw"), Address: contact.Some(&contact.AddressPatch{City: contact.Some("Gent")})}
			if _, err := c.Edit(p, contact.Policy{Country: "NL", LockScope: contact.LockField}, "mb_1", hour(1)); err != nil {
				t.Fatal(err)
			}
			c.Enrich(contact.Facts{Source: "shop", AsOf: contact.Stamp{At: hour(2), Seq: 7}, Details: contact.Details{Company: "X & Zoon",
				Address: contact.Address{Street: "Kade 1", Postcode: "9000", City: "Gent", Country: "BE"}}, Firsts: map[contact.Event]time.Time{contact.FirstOrder: hour(2)}})
		}},
		{"everything", func(c *contact.Contact) {
			if _, err := c.Edit(contact.Patch{Phone: contact.Some("0612345678")}, contact.Policy{Country: "NL"}, "key_1", hour(3)); err != nil {
				t.Fatal(err)
			}
		}},
		{"some unlocked", func(c *contact.Contact) {
			if _, err := c.Unlock([]string{"name", "company"}, true, contact.Policy{}, hour(4)); err != nil {
				t.Fatal(err)
			}
		}},
		{"all unlocked", func(c *contact.Contact) {
			if _, err := c.Unlock(nil, false, contact.Policy{}, hour(5)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		want, err := b.Change(ctx, id, hour(1), func(c *contact.Contact) ([]timeline.Activity, error) {
			step.rule(c)
			return nil, nil
		})
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got, err := b.Get(ctx, id)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for what, pair := range map[string][2]any{
			"lock": {got.Lock, want.Lock}, "offers": {len(got.Offers), len(want.Offers)}, "firsts": {got.Firsts, want.Firsts},
			"decided": {got.Decided, want.Decided}, "stamps": {got.Stamps, want.Stamps},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%s: %s:\n got %+v\nwant %+v", step.name, what, pair[0], pair[1])
			}
		}
		for u, o := range want.Offers {
			if !reflect.DeepEqual(got.Offers[u], o) {
				t.Errorf("%s: the offer for %s:\n got %+v\nwant %+v", step.name, u, got.Offers[u], o)
			}
		}
	}
}
