package order

import (
	"strings"

	"clientele/internal/domain/contact"
)

// parseShopify reads the Order resource of Shopify's REST Admin API, which is
// the body of every orders/* webhook
// (https://shopify.dev/docs/api/admin-rest/latest/resources/order). Amounts
// are those in the shop's currency; presentment_* is left alone.
func parseShopify(topic string, root object) (Order, error) {
	if topic == "orders/delete" {
		return deletion(root)
	}
	root.need("id", "total_price", "updated_at")
	currency := root.currency("currency")
	o := Order{
		ExternalID: root.id("id"),
		Number:     first(root.text("name", MaxNumber), root.text("order_number", MaxNumber)),
		UpdatedAt:  root.moment("updated_at"),
		// processed_at is when the sale happened; created_at may be when it was
		// copied in from another system.
		PlacedAt: root.moment("processed_at"),
	}
	if created := root.moment("created_at"); o.PlacedAt.IsZero() {
		o.PlacedAt = created
	}
	if test := root.boolean("test"); test != nil {
		o.Test = *test
	}
	o.Status = shopifyStatus(root)
	switch strings.ToLower(root.text("financial_status", MaxNumber)) {
	case "paid", "partially_paid", "partially_refunded", "refunded":
		o.PaidAt = o.UpdatedAt // Shopify does not tell when
	}
	o.Total, o.Refunded = shopifyAmounts(root, currency, o.Status == Cancelled)

	billing, shipping, customer := root.child("billing_address"), root.child("shipping_address"), root.child("customer")
	o.Billing, o.Shipping = shopifyAddress(billing), shopifyAddress(shipping)
	o.Customer = Customer{
		Email:            first(root.email("email"), root.email("contact_email"), customer.email("email")),
		Company:          first(o.Billing.Company, shopifyAddress(customer.child("default_address")).Company),
		Phone:            first(root.text("phone", MaxNumber), o.Billing.Phone, customer.text("phone", MaxNumber)),
		ExternalID:       customer.id("id"),
		Language:         root.text("customer_locale", MaxNumber),
		AcceptsMarketing: root.boolean("buyer_accepts_marketing"),
	}
	o.Visit = contact.VisitSaid{Landing: root.text("landing_site", maxVisit), Referrer: root.text("referring_site", maxVisit),
		UserAgent: root.child("client_details").text("user_agent", maxVisit)}
	o.Visit.Direct = o.Visit.Landing != "" // a visitor of the web shop, who came from nowhere else
	// The two halves of a name are taken from one place: a mixture of two
	// people is nobody.
	o.Customer.FirstName, o.Customer.LastName = o.Billing.FirstName, o.Billing.LastName
	if first(o.Billing.FirstName, o.Billing.LastName) == "" {
		o.Customer.FirstName, o.Customer.LastName = customer.text("first_name", MaxText), customer.text("last_name", MaxText)
	}

	lines, more := root.children("line_items", MaxItems)
	o.MoreItems = more
	for _, l := range lines {
		o.Items = append(o.Items, Item{
			ExternalID: l.id("id"),
			SKU:        l.text("sku", MaxNumber),
			Title:      first(l.text("name", MaxTitle), l.text("title", MaxTitle)),
			Quantity:   l.quantity("quantity"),
			UnitPrice:  l.money("price", currency, RoundMoney),
		})
	}
	return finish(root, o)
}

// shopifyStatus folds Shopify's three states into one. A cancelled order is
// cancelled whatever was paid back; goods that went out on credit are
// fulfilled.
func shopifyStatus(root object) Status {
	if !root.moment("cancelled_at").IsZero() {
		return Cancelled
	}
	financial := strings.ToLower(root.text("financial_status", MaxNumber))
	switch financial {
	case "refunded":
		return Refunded
	case "voided":
		return Cancelled
	case "expired":
		return Failed
	}
	if strings.ToLower(root.text("fulfillment_status", MaxNumber)) == "fulfilled" {
		return Fulfilled
	}
	switch financial {
	case "paid", "partially_refunded":
		return Paid
	}
	return Open // pending, authorized, partially_paid, unpaid, null
}

// shopifyAmounts returns the total before refunds and the sum of the refunds.
//
// total_price is the order as it was placed. current_total_price follows
// edits, returns and refunds, so that what was charged after the edits is
// current_total_price plus what was paid back, but no more than the larger of
// the two prices: not every refund lowers current_total_price.
func shopifyAmounts(root object, currency string, cancelled bool) (total, refunded Money) {
	placed := root.money("total_price", currency, ParseMoney)
	current := root.money("current_total_price", currency, ParseMoney)
	hasCurrent := root.has("current_total_price")
	refunded, whole := shopifyRefunds(root, currency)
	if !whole {
		// A payment in the customer's currency: only the two prices are in the
		// shop's.
		refunded = Money{Currency: currency}
		if hasCurrent {
			refunded.Minor = max(0, placed.Minor-current.Minor)
		}
		return placed, refunded
	}
	if !hasCurrent || cancelled {
		return placed, refunded
	}
	if refunded.Minor == 0 {
		return current, refunded
	}
	total = Money{Minor: min(current.Minor+refunded.Minor, max(placed.Minor, current.Minor)), Currency: currency}
	return total, refunded
}

// shopifyRefunds sums the successful refund transactions. It reports false if
// one is in another currency than the order's.
func shopifyRefunds(root object, currency string) (sum Money, whole bool) {
	sum, whole = Money{Currency: currency}, true
	refunds, _ := root.children("refunds", maxRefunds)
	for _, r := range refunds {
		transactions, _ := r.children("transactions", maxRefunds)
		for _, t := range transactions {
			if strings.ToLower(t.text("kind", MaxNumber)) != "refund" || strings.ToLower(t.text("status", MaxNumber)) != "success" {
				continue
			}
			if c := strings.ToUpper(t.text("currency", MaxNumber)); c != "" && c != currency {
				whole = false
				continue
			}
			sum = t.plus("amount", sum, ParseMoney)
		}
	}
	return sum, whole
}

// maxRefunds bounds the refunds of an order and the transactions of each.
const maxRefunds = 1000

// plus adds the absolute amount of a field to a sum.
func (o object) plus(key string, sum Money, read func(amount, currency string) (Money, error)) Money {
	m := o.money(key, sum.Currency, read)
	m.Minor = max(m.Minor, -m.Minor)
	next, ok := sum.Add(m)
	if !ok {
		o.fault(key, "%v", ErrTooLarge)
	}
	return next
}

func shopifyAddress(a object) Address {
	return Address{
		FirstName: a.text("first_name", MaxText), LastName: a.text("last_name", MaxText), Company: a.text("company", MaxText),
		Street: a.text("address1", MaxText), Street2: a.text("address2", MaxText),
		Postcode: a.text("zip", MaxNumber), City: a.text("city", MaxText), Region: a.text("province", MaxText),
		Country: a.country("country_code"),
		Phone:   a.text("phone", MaxNumber),
	}
}
