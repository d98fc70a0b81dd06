package dynamo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
)

var policy = contact.Policy{Country: "NL"}

// versions are the deliveries of two orders of one person, in the order in
// which the shop made them.
func versions(email string) []order.Order {
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	o := func(id string, h int, s order.Status, change func(*order.Order)) order.Order {
		v := order.Order{Source: "shop", ExternalID: id, Number: "#" + id, Status: s, PlacedAt: at(-10), UpdatedAt: at(h),
			Total: order.Money{Minor: 5000, Currency: "EUR"}, Refunded: order.Money{Currency: "EUR"},
			Customer: order.Customer{Email: email, FirstName: "Emma", LastName: "Vries", ExternalID: "77"}}
		if change != nil {
			change(&v)
		}
		return v
	}
	return []order.Order{
		o("1", 1, order.Open, func(v *order.Order) { v.Customer.Company = "Oud"; v.Customer.Phone = "0612345678" }),
		o("1", 2, order.Paid, func(v *order.Order) {
			v.Customer.Company = ""
			v.Billing = order.Address{Street: "Kade 1", City: "Gent", Country: "BE"}
		}),
		o("2", 3, order.Open, func(v *order.Order) {
			v.Customer.LastName = "Bakker"
			v.Total.Minor = 1250
			v.PlacedAt = at(2)
		}),
		o("1", 4, order.Refunded, func(v *order.Order) { v.Refunded.Minor = 5000 }),
		o("2", 4, order.Cancelled, func(v *order.Order) { v.Total.Minor = 1250; v.PlacedAt = at(2); v.Shipping.City = "Lier" }),
	}
}

func attach(t *testing.T, b *dynamo.Book, o order.Order) {
	t.Helper()
	if err := order.Attach(context.Background(), b, o, policy, now); err != nil {
		t.Errorf("order %s: %v", o.ExternalID, err)
	}
}

// state is what must not depend on the order of deliveries.
func state(t *testing.T, b *dynamo.Book, email string) string {
	t.Helper()
	ctx := context.Background()
	c, err := find(t, b, email)
	if err != nil {
		t.Fatal(err)
	}
	orders, _, err := b.Orders(ctx, c.IDs(), 100, "")
	if err != nil {
		t.Fatal(err)
	}
	acts, _, err := b.Timeline(ctx, c.ID, timeline.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %v %s %s %s %s %+v %+v %v\n", c.Email, c.ExternalIDs, c.FullName(), c.Company, c.Phone, c.Status, c.Address, c.ShippingAddress, c.Figures)
	for _, o := range orders {
		fmt.Fprintf(&s, "%s %s %d %d %s\n", o.Ref(), o.Status, o.Total.Minor, o.Refunded.Minor, o.Customer.Company)
	}
	for _, a := range acts {
		if a.Kind != timeline.Status { // its moment and number do
			fmt.Fprintf(&s, "%s %s %v\n", a.Kind, a.Ref, a.Values)
		}
	}
	return s.String()
}

func TestAnyOrderOfDeliveriesEndsInOneState(t *testing.T) {
	b := book(t)
	inOrder := versions("ordered@b.example")
	for _, o := range inOrder {
		attach(t, b, o)
	}
	want := strings.ReplaceAll(state(t, b, "ordered@b.example"), "ordered@", "x@")
	if !strings.Contains(want, "customer") || !strings.Contains(want, "Oud") || !strings.Contains(want, "Kade 1") {
		t.Fatalf("the run in order gives\n%s", want)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 12 {
		email := fmt.Sprintf("r%d@b.example", round)
		site := dynamoSiteOf(t, round)
		var deliveries []order.Order
		for range 3 {
			deliveries = append(deliveries, versions(email)...)
		}
		r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for i := w; i < len(deliveries); i += 3 {
					attach(t, site, deliveries[i])
				}
			})
		}
		wg.Wait()
		if got := strings.ReplaceAll(state(t, site, email), fmt.Sprintf("r%d@", round), "x@"); got != want {
			t.Fatalf("round %d:\n%s\nwant\n%s", round, got, want)
		}
	}
}

// dynamoSiteOf gives each round its own site: order ids are unique in one.
func dynamoSiteOf(t *testing.T, round int) *dynamo.Book {
	t.Helper()
	table := dynamotest.Table(t)
	return table.Book(dynamotest.Site(t, table, crm.SiteID(fmt.Sprintf("round%d", round))))
}

func TestOrderStaysWithItsContactWhenTheAddressChanges(t *testing.T) {
	b := book(t)
	v := versions("first@b.example")
	attach(t, b, v[0])
	v[1].Customer.Email = "second@b.example"
	attach(t, b, v[1])
	c, err := find(t, b, "first@b.example")
	if err != nil || c.Figures.Orders != 1 {
		t.Fatalf("%+v, %v", c.Figures, err)
	}
	if again, err := find(t, b, "second@b.example"); err != nil || again.ID != c.ID {
		t.Errorf("the new address gives %s, %v; want %s", again.ID, err, c.ID)
	}
}

func TestDeletionThatComesBeforeItsOrder(t *testing.T) {
	b := book(t)
	v := versions("a@b.example")
	attach(t, b, order.Order{Source: "shop", ExternalID: "1", Stub: true}.ReceivedAt(now.Add(100*time.Hour)))
	attach(t, b, v[0])
	c, err := find(t, b, "a@b.example")
	if err != nil || c.Figures.Orders != 0 || c.Status != contact.Customer {
		t.Errorf("%+v %s, %v", c.Figures, c.Status, err)
	}
}

func TestDeletedContactsOrdersStayWithoutThePerson(t *testing.T) {
	b, ctx := book(t), context.Background()
	v := versions("a@b.example")
	attach(t, b, v[0])
	c, err := find(t, b, "a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	remove(t, b, c.ID)
	attach(t, b, v[1]) // a later version of the order of somebody who is gone
	if _, err := find(t, b, "a@b.example"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the later version brought the person back: %v", err)
	}
	orders, _, err := b.Orders(ctx, c.IDs(), 100, "")
	if err != nil || len(orders) != 1 || orders[0].Status != order.Paid || orders[0].Customer != (order.Customer{}) || orders[0].Billing != (order.Address{}) {
		t.Errorf("the order is %+v, %v", orders, err)
	}
	attach(t, b, versions("a@b.example")[2]) // a new order is a new beginning
	again, err := find(t, b, "a@b.example")
	if err != nil || again.ID == c.ID || again.Figures.Orders != 1 {
		t.Errorf("%s with %d orders, %v", again.ID, again.Figures.Orders, err)
	}
}

func TestLockedDetailsStayAndTheOrderAttaches(t *testing.T) {
	b, ctx := book(t), context.Background()
	made := create(t, b, "a@b.example")
	if _, err := b.Change(ctx, made.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		_, err := c.Edit(contact.Patch{FirstName: contact.Some("Emmy")}, policy, "key_1", now)
		return nil, err
	}); err != nil {
		t.Fatal(err)
	}
	attach(t, b, versions("a@b.example")[0])
	c, err := find(t, b, "a@b.example")
	if err != nil || c.FirstName != "Emmy" || c.Company != "" || c.Figures.Orders != 1 || c.Status != contact.Customer {
		t.Errorf("%s %q %d %s, %v", c.FirstName, c.Company, c.Figures.Orders, c.Status, err)
	}
}

func TestOrderThatNamesNobodyIsKept(t *testing.T) {
	b := book(t)
	v := versions("")[0]
	v.Customer = order.Customer{Email: "not an address"}
	attach(t, b, v)
	attach(t, b, v) // delivered again
	kept, err := b.Submissions(context.Background(), "shop", 10)
	if err != nil || len(kept) != 1 || kept[0].Ref != "shop:1" {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestAnOrderHasOneEntryWhateverItsMoment(t *testing.T) {
	b := book(t)
	v := versions("a@b.example")
	attach(t, b, v[0])
	v[1].PlacedAt = v[1].PlacedAt.Add(-time.Hour)
	attach(t, b, v[1])
	c, err := find(t, b, "a@b.example")
	if err != nil {
		t.Fatal(err)
	}
	acts, _, err := b.Timeline(context.Background(), c.ID, timeline.Query{Limit: 100})
	n := 0
	for _, a := range acts {
		if a.Kind == timeline.Order {
			n++
		}
	}
	if err != nil || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestAnOrdersTextsKeepTheFieldRules(t *testing.T) {
	b := book(t)
	v := versions("a@b.example")[0]
	v.Billing = order.Address{Street: "Kade 1", Postcode: strings.Repeat("9", 60), City: strings.Repeat("x", 255), Country: "GB"}
	v.Customer.Language = "x_y!"
	v.Items = make([]order.Item, order.MaxItems)
	for i := range v.Items {
		v.Items[i] = order.Item{Title: strings.Repeat("<", order.MaxTitle), UnitPrice: order.Money{Currency: "EUR"}, Quantity: 1}
	}
	attach(t, b, v)
	c, err := find(t, b, "a@b.example")
	if err != nil || len(c.Address.Postcode) != 20 || len(c.Address.City) != 200 || c.Language != "" {
		t.Errorf("%+v %q, %v", c.Address, c.Language, err)
	}
}

// A contact as the release before kept it has its figures and its first order.
func TestFiguresOfTheReleaseBefore(t *testing.T) {
	b, ctx := book(t), context.Background()
	v := versions("emma@b.example")
	attach(t, b, v[0])
	attach(t, b, v[2])
	want, err := find(t, b, "emma@b.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := dynamo.Age(b, want.ID); err != nil {
		t.Fatal(err)
	}
	old, err := b.Get(ctx, want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if f := &old.Figures; !slices.Equal(f.Currencies(), []string{"EUR"}) || f.In("EUR") != 2 || f.Average("EUR") != 3125 {
		t.Errorf("figures %+v", f)
	}
	old.StatusManual = true
	if old.GiveBack(policy); old.Status != contact.Customer {
		t.Errorf("given back to the automation it is a %s", old.Status)
	}
	attach(t, b, v[1]) // paid
	got, err := b.Get(ctx, want.ID)
	if err != nil || !reflect.DeepEqual(got.Figures, want.Figures) {
		t.Errorf("counted %+v, want %+v, %v", got.Figures, want.Figures, err)
	}
}
