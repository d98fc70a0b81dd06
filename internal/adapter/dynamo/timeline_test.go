package dynamo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/timeline"
)

// happen writes entries to a contact, many a transaction.
func happen(t *testing.T, b *dynamo.Book, id crm.ContactID, acts []timeline.Activity) {
	t.Helper()
	for part := range slices.Chunk(acts, 50) {
		if _, err := b.Change(context.Background(), id, now, func(*contact.Contact) ([]timeline.Activity, error) { return part, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// swallow makes one contact answer for the timelines of others, as a merge does.
func swallow(t *testing.T, b *dynamo.Book, into crm.ContactID, others ...crm.ContactID) {
	t.Helper()
	if _, err := b.Change(context.Background(), into, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Merged = others
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAFilteredTimelineOverSeveralPartitionsPagesInFull(t *testing.T) {
	b, ctx := book(t), context.Background()
	r := rand.New(rand.NewPCG(3, 4))
	ids := []crm.ContactID{create(t, b, "a@b.example").ID, create(t, b, "b@b.example").ID, create(t, b, "c@b.example").ID}
	var all []timeline.Activity
	kinds := []timeline.Kind{timeline.Form, timeline.Edit, timeline.Edit, timeline.Edit, timeline.Edit, timeline.Status}
	for i, id := range ids {
		var acts []timeline.Activity
		for range 150 + 100*i {
			acts = append(acts, timeline.Activity{At: now.Add(time.Duration(r.IntN(1_000_000)) * time.Second), Kind: kinds[r.IntN(len(kinds))], Ref: string(id)})
		}
		happen(t, b, id, acts)
		all = append(all, acts...)
	}
	swallow(t, b, ids[0], ids[1:]...)
	all = append(all, timeline.Activity{At: now, Kind: timeline.Created})
	middle := now.Add(500_000 * time.Second)
	for _, q := range []timeline.Query{
		{Limit: 200},
		{Limit: 7, Kinds: []timeline.Kind{timeline.Form}},
		{Limit: 50, Kinds: []timeline.Kind{timeline.Form, timeline.Status, timeline.Created}},
		{Limit: 30, Since: middle},
		{Limit: 30, Until: middle.Add(time.Microsecond)},
		{Limit: 10, Since: middle, Until: middle.Add(50_000 * time.Second), Kinds: []timeline.Kind{timeline.Edit}},
		{Limit: 10, Kinds: []timeline.Kind{timeline.Note}},
		{Limit: 10, Since: middle, Until: middle},
	} {
		want := map[string]int{}
		n := 0
		for _, a := range all {
			if q.Wants(a) {
				want[fmt.Sprint(a.At, a.Kind)]++
				n++
			}
		}
		name := fmt.Sprintf("kinds %v since %v until %v", q.Kinds, q.Since, q.Until)
		last := ""
		for {
			acts, next, err := b.Timeline(ctx, ids[0], q)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if next != "" && len(acts) != q.Limit {
				t.Errorf("%s: a page of %d entries although there are more", name, len(acts))
			}
			for _, a := range acts {
				if last != "" && a.ID >= last {
					t.Errorf("%s: %s stands behind %s", name, a.ID, last)
				}
				last = a.ID
				want[fmt.Sprint(a.At, a.Kind)]--
				n--
			}
			if q.After = next; next == "" {
				break
			}
		}
		if n != 0 {
			t.Errorf("%s: %d entries too few", name, n)
		}
		for k, left := range want {
			if left != 0 {
				t.Errorf("%s: %s is missing %d times", name, k, left)
			}
		}
	}
}

func TestTheCreationStandsAtItsMoment(t *testing.T) {
	b := book(t)
	c := create(t, b, "a@b.example")
	happen(t, b, c.ID, []timeline.Activity{
		{At: now.Add(-time.Hour), Kind: timeline.Order}, {At: now, Kind: timeline.Form}, {At: now.Add(time.Hour), Kind: timeline.Edit},
	})
	acts, next, err := b.Timeline(context.Background(), c.ID, timeline.Query{Limit: 4})
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	var kinds []timeline.Kind
	for _, a := range acts {
		kinds = append(kinds, a.Kind)
	}
	if want := []timeline.Kind{timeline.Edit, timeline.Form, timeline.Created, timeline.Order}; !slices.Equal(kinds, want) {
		t.Errorf("the timeline is %v, want %v", kinds, want)
	}
}

func TestOrdersComeInPagesOverSeveralPartitions(t *testing.T) {
	b, ctx := book(t), context.Background()
	a, c := create(t, b, "a@b.example"), create(t, b, "b@b.example")
	want := map[string]bool{}
	for i := range 23 {
		email := []string{"a@b.example", "b@b.example"}[i%2]
		o := order.Order{Source: "shop", ExternalID: fmt.Sprint(100 + i), Status: order.Paid, PlacedAt: now, UpdatedAt: now,
			Total: order.Money{Minor: 100, Currency: "EUR"}, Customer: order.Customer{Email: email}}
		attach(t, b, o)
		want[o.Ref()] = true
	}
	swallow(t, b, a.ID, c.ID)
	var got []string
	for after := ""; ; {
		orders, next, err := b.Orders(ctx, []crm.ContactID{a.ID, c.ID}, 5, after)
		if err != nil {
			t.Fatal(err)
		}
		if next != "" && len(orders) != 5 {
			t.Errorf("a page of %d orders although there are more", len(orders))
		}
		for _, o := range orders {
			got = append(got, o.Ref())
		}
		if after = next; next == "" {
			break
		}
	}
	if len(got) != len(want) || !slices.IsSorted(got) {
		t.Errorf("the pages show %v", got)
	}
	for _, ref := range got {
		if !want[ref] {
			t.Errorf("%s is none of the orders", ref)
		}
	}
}

// TestFiguresAreThoseOfTheOrders delivers random versions of some orders in random
// order, some several times; after each one the figures are the sum of what is stored.
func TestFiguresAreThoseOfTheOrders(t *testing.T) {
	b, ctx := book(t), context.Background()
	statuses := []order.Status{order.Draft, order.Open, order.Paid, order.Fulfilled, order.Cancelled, order.Refunded, order.Failed}
	for round := range 6 {
		r := rand.New(rand.NewPCG(7, uint64(round)))
		email := fmt.Sprintf("r%d@b.example", round)
		var versions []order.Order
		for range 25 {
			total := int64(r.IntN(10_000))
			cur := []string{"EUR", "USD"}[r.IntN(2)]
			o := order.Order{Source: "shop", ExternalID: fmt.Sprintf("%d-%d", round, r.IntN(5)), Status: statuses[r.IntN(len(statuses))],
				PlacedAt: now.Add(time.Duration(r.IntN(4)) * time.Hour), UpdatedAt: now.Add(time.Duration(r.IntN(50)) * time.Minute),
				Total: order.Money{Minor: total, Currency: cur}, Refunded: order.Money{Minor: int64(r.IntN(int(total) + 1)), Currency: cur},
				Test: r.IntN(10) == 0, Customer: order.Customer{Email: email}}
			if r.IntN(8) == 0 {
				o = order.Order{Source: o.Source, ExternalID: o.ExternalID, Stub: true, DeletedAt: o.UpdatedAt}
			}
			versions = append(versions, o)
			if r.IntN(3) == 0 {
				versions = append(versions, o)
			}
		}
		var final []string
		for range 2 { // in two orders
			r.Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
			if c, err := find(t, b, email); err == nil {
				remove(t, b, c.ID)
				email = "again-" + email
				for i := range versions {
					versions[i].ExternalID = "again-" + versions[i].ExternalID
					versions[i].Customer.Email = email
				}
			}
			for i, o := range versions {
				if o.Stub {
					o.Customer = order.Customer{}
				}
				attach(t, b, o)
				c, err := find(t, b, email)
				if err != nil {
					continue // nothing but deletions so far
				}
				orders, _, err := b.Orders(ctx, c.IDs(), 100, "")
				if err != nil {
					t.Fatal(err)
				}
				sum, _ := json.Marshal(order.Sum(slices.Values(orders)))
				have, _ := json.Marshal(c.Figures)
				if got, want := strings.ReplaceAll(string(have), "null", "{}"), strings.ReplaceAll(string(sum), "null", "{}"); got != want {
					t.Fatalf("round %d, after delivery %d (%s %s): figures\n%s\nbut its orders are\n%s", round, i, o.ExternalID, o.Status, got, want)
				}
			}
			c, err := find(t, b, email)
			if err != nil {
				t.Fatal(err)
			}
			have, _ := json.Marshal(c.Figures)
			final = append(final, strings.ReplaceAll(string(have), "null", "{}"))
		}
		if final[0] != final[1] {
			t.Errorf("round %d: one shuffle gives\n%s\nanother\n%s", round, final[0], final[1])
		}
	}
}

func TestFirstAndLastOrderAreOfThoseThatCount(t *testing.T) {
	b := book(t)
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	o := func(id string, placed, updated int, s order.Status) order.Order {
		return order.Order{Source: "shop", ExternalID: id, Status: s, PlacedAt: at(placed), UpdatedAt: at(updated),
			Total: order.Money{Minor: 100, Currency: "EUR"}, Customer: order.Customer{Email: "a@b.example"}}
	}
	for _, step := range []struct {
		o           order.Order
		first, last time.Time
	}{
		{o("1", 1, 1, order.Paid), at(1), at(1)},
		{o("2", 2, 2, order.Paid), at(1), at(2)},
		{o("3", 3, 3, order.Paid), at(1), at(3)},
		{o("3", 3, 4, order.Cancelled), at(1), at(2)},
		{o("1", 1, 4, order.Failed), at(2), at(2)},
		{o("2", 5, 6, order.Paid), at(5), at(5)}, // the shop moved it
		{o("3", 3, 7, order.Paid), at(3), at(5)},
		{o("2", 5, 8, order.Cancelled), at(3), at(3)},
		{o("3", 3, 9, order.Cancelled), time.Time{}, time.Time{}},
	} {
		attach(t, b, step.o)
		c, err := find(t, b, "a@b.example")
		if err != nil {
			t.Fatal(err)
		}
		if f := c.Figures; !f.FirstAt.Equal(step.first) || !f.LastAt.Equal(step.last) {
			t.Errorf("after order %s is %s: from %v to %v, want %v to %v", step.o.ExternalID, step.o.Status, f.FirstAt, f.LastAt, step.first, step.last)
		}
	}
}

// Time to live deletes late, so the clock decides when an idempotency key is free again.
func TestAnOldIdempotencyKeyIsFree(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "a@b.example")
	add := func(hash string, at time.Time) (timeline.Activity, bool, error) {
		a, err := timeline.NewNote(timeline.Entry{Title: hash}, at, at, "api", "key_1")
		if err != nil {
			t.Fatal(err)
		}
		return b.AddEntry(ctx, c.ID, a, &contact.Once{Principal: "key_1", Key: "k", Hash: hash, At: at}, at)
	}
	first, _, err := add("one", now)
	if err != nil {
		t.Fatal(err)
	}
	if again, replayed, err := add("one", now.Add(time.Hour)); err != nil || !replayed || again.ID != first.ID {
		t.Errorf("repeated: %v, %v", replayed, err)
	}
	if _, replayed, err := add("two", now.Add(25*time.Hour)); err != nil || replayed {
		t.Errorf("a day later: replayed %v, %v", replayed, err)
	}
}
