package dynamo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/order"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/timeline"
)

// dealings are the deliveries of a payment, an invoice and an appointment of one
// person, in the order in which their tools made them.
func dealings(email string) []order.Dealing {
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	d := func(kind order.DealingKind, id string, h int, s order.DealingStatus, change func(*order.Dealing)) order.Dealing {
		v := order.Dealing{Kind: kind, Source: "desk", ExternalID: id, Status: s, At: at(-5), UpdatedAt: at(h),
			Customer: order.Customer{Email: email, FirstName: "Emma", LastName: "Vries", ExternalID: "77"}}
		if change != nil {
			change(&v)
		}
		return v
	}
	return []order.Dealing{
		d(order.Appointment, "1", 1, order.Booked, func(v *order.Dealing) { v.Title = "Proeverij"; v.At = at(20) }),
		d(order.Payment, "1", 2, order.Pending, func(v *order.Dealing) { v.Amount = order.Money{Minor: 2500, Currency: "EUR"} }),
		d(order.Invoice, "1", 2, order.Drafted, nil),
		d(order.Appointment, "1", 3, order.Booked, func(v *order.Dealing) { v.Title = "Proeverij"; v.At = at(30) }), // moved
		d(order.Payment, "1", 4, order.DealFailed, func(v *order.Dealing) { v.Customer.Phone = "0612345678" }),
		d(order.Invoice, "1", 5, order.Void, nil),
		d(order.Appointment, "1", 6, order.Attended, func(v *order.Dealing) { v.Title = "Proeverij"; v.At = at(30) }),
		d(order.Appointment, "1", 6, order.NoShow, func(v *order.Dealing) { v.At = at(30) }), // of the same second
	}
}

func attachDealing(t *testing.T, b *dynamo.Book, d order.Dealing, pol contact.Policy) {
	t.Helper()
	if err := order.AttachDealing(context.Background(), b, d, pol, now); err != nil {
		t.Errorf("%s: %v", d.Ref(), err)
	}
}

func TestAnyOrderOfDealingsEndsInOneState(t *testing.T) {
	b := book(t)
	for _, d := range dealings("ordered@b.example") {
		attachDealing(t, b, d, policy)
	}
	want := strings.ReplaceAll(state(t, b, "ordered@b.example"), "ordered@", "x@")
	for _, part := range []string{" customer ", "reservation appointment:desk:1 [{status attended} {title Proeverij}]", "payment payment:desk:1 [{status failed}]", "invoice invoice:desk:1 [{status void}]", "+31612345678"} {
		if strings.Count(want, part) != 1 {
			t.Errorf("%q stands there %d times:\n%s", part, strings.Count(want, part), want)
		}
	}
	if strings.Count(want, "\n") != 5 { // the person, three entries and the making
		t.Errorf("the run in order gives\n%s", want)
	}
	r := rand.New(rand.NewPCG(9, 2))
	for round := range 8 {
		email, site := fmt.Sprintf("r%d@b.example", round), dynamoSiteOf(t, round)
		var deliveries []order.Dealing
		for range 3 {
			deliveries = append(deliveries, dealings(email)...)
		}
		r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for i := w; i < len(deliveries); i += 3 {
					attachDealing(t, site, deliveries[i], policy)
				}
			})
		}
		wg.Wait()
		if got := strings.ReplaceAll(state(t, site, email), fmt.Sprintf("r%d@", round), "x@"); got != want {
			t.Fatalf("round %d:\n%s\nwant\n%s", round, got, want)
		}
	}
}

// Each event promotes under its own rule; what was called off, not attended, failed or
// never issued promotes nobody.
func TestDealingsPromoteUnderTheirRules(t *testing.T) {
	b := book(t)
	n := 0
	for _, tt := range []struct {
		kind   order.DealingKind
		status order.DealingStatus
		event  contact.Event // that promotes; empty: none
	}{
		{order.Payment, order.DealPaid, contact.FirstPayment}, {order.Payment, order.DealFailed, ""}, {order.Payment, order.Pending, ""},
		{order.Invoice, order.Issued, contact.FirstInvoice}, {order.Invoice, order.Void, ""}, {order.Invoice, order.Drafted, ""},
		{order.Appointment, order.Attended, contact.FirstAppointment}, {order.Appointment, order.CalledOff, ""}, {order.Appointment, order.NoShow, ""}, {order.Appointment, order.Booked, ""},
	} {
		for _, pol := range []contact.Policy{{}, {Automation: contact.Automation{Off: true}}, {Automation: contact.Automation{Disabled: []contact.Event{tt.event}}}, {Plan: plan.Mini}} {
			n++
			email := fmt.Sprintf("p%d@b.example", n)
			attachDealing(t, b, order.Dealing{Kind: tt.kind, Source: "desk", ExternalID: email, Status: tt.status, At: now, UpdatedAt: now, Customer: order.Customer{Email: email}}, pol)
			c, err := find(t, b, email)
			if err != nil {
				t.Fatal(err)
			}
			want := contact.Lead
			if tt.event != "" && pol.Promotes(tt.event) {
				want = contact.Customer
			}
			_, noted := c.Firsts[tt.event]
			if c.Status != want || noted != (tt.event != "") || c.Figures.Orders != 0 {
				t.Errorf("%s %s under %+v: %s, firsts %v", tt.kind, tt.status, pol, c.Status, c.Firsts)
			}
			acts, _, err := b.Timeline(context.Background(), c.ID, timeline.Query{Kinds: []timeline.Kind{timeline.Status}, Limit: 10})
			if err != nil || (len(acts) == 1) != (want == contact.Customer) || len(acts) == 1 && acts[0].Value("why") != string(tt.event) {
				t.Errorf("%s %s: the timeline tells %v, %v", tt.kind, tt.status, acts, err)
			}
		}
	}
}

func TestADealingStaysWithItsContactAndLosesThePersonWithIt(t *testing.T) {
	b, ctx := book(t), context.Background()
	all := dealings("a@b.example")
	attachDealing(t, b, all[0], policy)
	c, err := find(t, b, "a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Change(ctx, c.ID, now, setEmail("new@b.example")); err != nil {
		t.Fatal(err)
	}
	attachDealing(t, b, all[3], policy)
	if c, err = b.Get(ctx, c.ID); err != nil || !c.HasEmail("new@b.example") {
		t.Fatalf("%+v, %v", c, err)
	}
	acts, _, err := b.Timeline(ctx, c.ID, timeline.Query{Kinds: []timeline.Kind{timeline.Reservation}, Limit: 10})
	if err != nil || len(acts) != 1 || !acts[0].At.Equal(all[3].At) {
		t.Errorf("after it was moved: %v, %v", acts, err)
	}
	remove(t, b, c.ID)
	for range 2 { // a version that comes later is kept, and is nobody's
		attachDealing(t, b, all[6], policy)
	}
	if c, err := find(t, b, "a@b.example"); err == nil {
		t.Errorf("a deleted contact is back: %+v", c)
	}
	if c, err := find(t, b, "new@b.example"); err == nil {
		t.Errorf("a deleted contact is back: %+v", c)
	}
}

func TestADealingThatNamesNobodyIsKept(t *testing.T) {
	b := book(t)
	d := dealings("")[1]
	d.Customer = order.Customer{FirstName: "Emma"}
	attachDealing(t, b, d, policy)
	attachDealing(t, b, d, policy)
	kept, err := b.Submissions(context.Background(), "desk", 10)
	if err != nil || len(kept) != 1 || kept[0].Kind != timeline.Payment {
		t.Errorf("%v, %v", kept, err)
	}
}
