package order

import (
	"iter"
	"maps"
	"slices"
)

// OwnOrder is our own schema of an order: what a shop without a connector
// posts, signed by Standard Webhooks. It is the documentation of the JSON and
// may be marshalled to make a body; events/orders/own.json is an example.
//
// Send the whole order after every change of it. Every body is complete: a
// field that is left out is empty. The body with the latest updated_at wins,
// whatever the order in which they arrive. Unknown fields, values of another
// type and texts beyond their limit are refused, all faults at once.
type OwnOrder struct {
	// Type is order, or left out; see OwnDealing for the others.
	Type string `json:"type,omitempty"`
	// ID is the shop's id of the order; required, text of at most 128 bytes.
	ID string `json:"id"`
	// Number is what the customer calls it; at most 64 characters.
	Number string `json:"number,omitempty"`
	// Status is draft, open, paid, fulfilled, cancelled, refunded or failed;
	// required. A draft does not make anybody a customer.
	Status string `json:"status"`
	// Currency of every amount, ISO 4217 in capitals; required.
	Currency string `json:"currency"`
	// Total that was charged, before refunds: a decimal amount in quotes with
	// at most the decimals of the currency; required, not negative.
	Total string `json:"total"`
	// Refunded so far, positive, as Total.
	Refunded string `json:"refunded,omitempty"`
	// PlacedAt is when the customer ordered, RFC 3339 with a zone.
	PlacedAt string `json:"placed_at,omitempty"`
	// UpdatedAt is when the shop last changed the order, RFC 3339 with a zone,
	// compared in milliseconds; required, between 1990 and 2100.
	UpdatedAt string `json:"updated_at"`
	// PaidAt is when it was paid, RFC 3339 with a zone; left out, the status paid or
	// refunded stands in, and the moment is UpdatedAt.
	PaidAt string `json:"paid_at,omitempty"`
	// Test orders are shown and never counted.
	Test bool `json:"test,omitempty"`

	Customer *OwnCustomer `json:"customer,omitempty"`
	Billing  *OwnAddress  `json:"billing,omitempty"`
	Shipping *OwnAddress  `json:"shipping,omitempty"`
	Items    []OwnItem    `json:"items,omitempty"` // at most 500
}

// OwnCustomer is the person of an OwnOrder. Without e-mail, phone and id the
// order cannot be given to a contact. Texts have at most 255 characters.
type OwnCustomer struct {
	ID        string `json:"id,omitempty"`    // the shop's id, at most 128 bytes
	Email     string `json:"email,omitempty"` // at most 320 bytes
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Phone     string `json:"phone,omitempty"`    // at most 64 characters, best in E.164
	Language  string `json:"language,omitempty"` // BCP 47, "nl" or "nl-NL"
	// AcceptsMarketing is the tick at the checkout; leave it out if nobody asked.
	AcceptsMarketing *bool `json:"accepts_marketing,omitempty"`
}

// OwnAddress is an address of an OwnOrder. Texts have at most 255 characters,
// postcode and phone 64.
type OwnAddress struct {
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Street    string `json:"street,omitempty"`
	Street2   string `json:"street2,omitempty"`
	Postcode  string `json:"postcode,omitempty"`
	City      string `json:"city,omitempty"`
	Region    string `json:"region,omitempty"`
	Country   string `json:"country,omitempty"` // ISO 3166-1 alpha-2 in capitals
	Phone     string `json:"phone,omitempty"`
}

// OwnItem is a line of an OwnOrder.
type OwnItem struct {
	ID        string `json:"id,omitempty"`    // at most 128 bytes
	SKU       string `json:"sku,omitempty"`   // at most 64 characters
	Title     string `json:"title,omitempty"` // at most 500 characters
	Quantity  int    `json:"quantity"`        // whole pieces, not negative
	UnitPrice string `json:"unit_price,omitempty"`
}

func parseOwn(_ string, root object) (Order, error) {
	root.text("type", MaxNumber) // "order" or absent, see ParseDelivery
	root.need("status", "total")
	currency := root.currency("currency")
	o := Order{
		ExternalID: root.id("id"),
		Number:     root.text("number", MaxNumber),
		Status:     Status(root.text("status", MaxNumber)),
		Total:      root.money("total", currency, ParseMoney),
		Refunded:   root.money("refunded", currency, ParseMoney),
		PlacedAt:   root.moment("placed_at"),
		UpdatedAt:  root.moment("updated_at"),
		PaidAt:     root.moment("paid_at"),
	}
	if test := root.boolean("test"); test != nil {
		o.Test = *test
	}
	o.Customer = ownCustomer(root.child("customer"))
	o.Billing = ownAddress(root.child("billing"))
	o.Shipping = ownAddress(root.child("shipping"))
	lines, more := root.children("items", MaxItems)
	if more > 0 {
		root.fault("items", "has more than %d lines", MaxItems)
	}
	for _, l := range lines {
		o.Items = append(o.Items, Item{
			ExternalID: l.id("id"),
			SKU:        l.text("sku", MaxNumber),
			Title:      l.text("title", MaxTitle),
			Quantity:   l.quantity("quantity"),
			UnitPrice:  l.money("unit_price", currency, ParseMoney),
		})
		l.done()
	}
	root.done()
	return finish(root, o)
}

func ownCustomer(c object) Customer {
	defer c.done()
	return Customer{
		ExternalID:       c.id("id"),
		Email:            c.email("email"),
		FirstName:        c.text("first_name", MaxText),
		LastName:         c.text("last_name", MaxText),
		Company:          c.text("company", MaxText),
		Phone:            c.text("phone", MaxNumber),
		Language:         c.text("language", MaxNumber),
		AcceptsMarketing: c.boolean("accepts_marketing"),
	}
}

func ownAddress(a object) Address {
	defer a.done()
	return Address{
		FirstName: a.text("first_name", MaxText), LastName: a.text("last_name", MaxText), Company: a.text("company", MaxText),
		Street: a.text("street", MaxText), Street2: a.text("street2", MaxText),
		Postcode: a.text("postcode", MaxNumber), City: a.text("city", MaxText), Region: a.text("region", MaxText),
		Country: a.country("country"),
		Phone:   a.text("phone", MaxNumber),
	}
}

// sortedKeys makes faults come in the same order every time.
func sortedKeys(m map[string]any) iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(m)))
}
