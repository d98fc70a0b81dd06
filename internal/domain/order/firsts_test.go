package order

import (
	"maps"
	"testing"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/plan"
)

func TestWhatAnOrderIsTheFirstOf(t *testing.T) {
	placed, changed, paid := at("2026-03-02T10:00:00Z"), at("2026-03-02T12:00:00Z"), at("2026-03-02T11:00:00Z")
	order := func(s Status, change ...func(*Order)) Order {
		o := Order{Source: "shop", ExternalID: "1", Status: s, PlacedAt: placed, UpdatedAt: changed}
		for _, c := range change {
			c(&o)
		}
		return o
	}
	isPaid := func(o *Order) { o.PaidAt = paid }
	ordered := map[contact.Event]time.Time{contact.FirstOrder: placed}
	both := func(t time.Time) map[contact.Event]time.Time {
		return map[contact.Event]time.Time{contact.FirstOrder: placed, contact.FirstPayment: t}
	}
	for _, tt := range []struct {
		name string
		o    Order
		want map[contact.Event]time.Time
	}{
		{"a draft is nothing", order(Draft), nil},
		{"the notice of a deletion is nothing", Order{Stub: true, DeletedAt: changed}, nil},
		{"an open order is an order", order(Open), ordered},
		{"a failed payment is no payment", order(Failed), ordered},
		{"delivered on credit is not paid", order(Fulfilled), ordered},
		{"a test payment is no payment", order(Paid, func(o *Order) { o.Test = true }), ordered},
		{"paid", order(Paid), both(changed)},
		{"paid, with its moment", order(Paid, isPaid), both(paid)},
		{"delivered and paid", order(Fulfilled, isPaid), both(paid)},
		{"paid back is paid before", order(Refunded), both(changed)},
		{"cancelled after it was paid", order(Cancelled, isPaid), both(paid)},
		{"without its moment the change stands in", order(Open, func(o *Order) { o.PlacedAt = time.Time{} }), map[contact.Event]time.Time{contact.FirstOrder: changed}},
	} {
		if got := tt.o.firsts(); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		name string
		pol  contact.Policy
		want contact.Status
	}{
		{"every rule is on", contact.Policy{}, contact.Customer},
		{"the order's rule is off, the payment's is on", contact.Policy{Automation: contact.Automation{Disabled: []contact.Event{contact.FirstOrder}}}, contact.Customer},
		{"both are off", contact.Policy{Automation: contact.Automation{Disabled: []contact.Event{contact.FirstOrder, contact.FirstPayment}}}, ""},
		{"leads only", contact.Policy{Plan: plan.Business}, ""},
	} {
		if f := Facts(order(Paid), tt.pol); f.Status != tt.want || len(f.Firsts) != 2 {
			t.Errorf("%s: status %q, firsts %v", tt.name, f.Status, f.Firsts)
		}
	}
}

func TestShopsTellPayments(t *testing.T) {
	for _, c := range []struct {
		kind, topic, file string
		changes           []string
		paid              bool
	}{
		{KindShopify, "orders/updated", "shopify.json", []string{"financial_status", `"pending"`}, false},
		{KindShopify, "orders/updated", "shopify.json", []string{"financial_status", `"authorized"`}, false},
		{KindShopify, "orders/updated", "shopify.json", []string{"financial_status", `"paid"`, "fulfillment_status", `"fulfilled"`}, true},
		{KindShopify, "orders/updated", "shopify.json", []string{"financial_status", `"partially_paid"`}, true},
		{KindShopify, "orders/updated", "shopify.json", []string{"financial_status", `"refunded"`}, true},
		{KindWooCommerce, "order.updated", "woocommerce.json", []string{"status", `"completed"`}, true},
		{KindWooCommerce, "order.updated", "woocommerce.json", []string{"status", `"completed"`, "date_paid_gmt", "null", "date_paid", "null"}, false},
		{KindWooCommerce, "order.updated", "woocommerce.json", []string{"status", `"on-hold"`, "date_paid_gmt", "null", "date_paid", "null"}, false},
		{KindOwn, "order", "own.json", []string{"status", `"fulfilled"`}, true},
		{KindOwn, "order", "own.json", []string{"status", `"fulfilled"`, "paid_at", "null"}, false},
	} {
		o, err := Parse(c.kind, c.topic, with(t, event(t, c.file), c.changes...))
		if err != nil || o.IsPaid() != c.paid {
			t.Errorf("%s %v: paid %v, %v", c.kind, c.changes, o.IsPaid(), err)
		}
	}
}
