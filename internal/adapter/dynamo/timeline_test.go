package dynamo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
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
