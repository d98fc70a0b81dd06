package order

import (
	"html"
	"strings"
	"time"

	"clientele/internal/domain/contact"
)

// wooTime is WooCommerce's moment: UTC without saying so in the *_gmt fields.
const wooTime = "2006-01-02T15:04:05"

// parseWooCommerce reads the Order resource of WooCommerce's REST API v2/v3,
// which is the body of the order.* webhooks
// (https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties).
// The body of order.deleted is {"id": n} alone, see build_payload in
// class-wc-webhook.php.
func parseWooCommerce(topic string, root object) (Order, error) {
	if topic == "order.deleted" {
		return deletion(root)
	}
	if code, ok := root.get("code").(string); ok && strings.HasPrefix(code, "woocommerce_rest_") && !root.has("id") {
		// The webhook runs as the member who made it; if that one has gone, the
		// shop sends its own refusal as the body.
		return Order{}, refuse("", "is the shop's refusal to read its own order: save the webhook again as a shop manager")
	}
	root.need("id", "status", "total")
	currency := root.currency("currency")
	o := Order{
		ExternalID: root.id("id"),
		Number:     root.text("number", MaxNumber),
		Total:      root.money("total", currency, RoundMoney),
		Refunded:   Money{Currency: currency},
		PlacedAt:   root.momentIn("date_created_gmt", wooTime, time.RFC3339),
		UpdatedAt:  root.momentIn("date_modified_gmt", wooTime, time.RFC3339),
	}
	if o.Number == "" {
		o.Number = o.ExternalID
	}
	if !root.has("date_modified_gmt") {
		// An order that was never changed has no date_modified in old shops.
		if o.UpdatedAt = o.PlacedAt; o.UpdatedAt.IsZero() {
			root.fault("date_modified_gmt", "is missing")
		}
	}
	o.PaidAt = root.momentIn("date_paid_gmt", wooTime, time.RFC3339)
	paid := root.has("date_paid_gmt") || root.has("date_paid")
	o.Status = wooStatus(root.text("status", MaxNumber), paid)

	// Each refund carries its amount as a negative total.
	refunds, _ := root.children("refunds", maxRefunds)
	for _, r := range refunds {
		o.Refunded = r.plus("total", o.Refunded, RoundMoney)
	}

	billing, shipping := root.child("billing"), root.child("shipping")
	o.Billing, o.Shipping = wooAddress(billing), wooAddress(shipping)
	o.Customer = Customer{
		Email:      billing.email("email"),
		FirstName:  o.Billing.FirstName,
		LastName:   o.Billing.LastName,
		Company:    o.Billing.Company,
		Phone:      o.Billing.Phone,
		ExternalID: root.id("customer_id"),
		Language:   wooMeta(root)["wpml_language"],
	}
	o.Visit = wooVisit(root)

	lines, more := root.children("line_items", MaxItems)
	o.MoreItems = more
	for _, l := range lines {
		o.Items = append(o.Items, Item{
			ExternalID: l.id("id"),
			SKU:        l.text("sku", MaxNumber),
			// Titles come with the entities of the shop's pages: "Idea &ndash; Black".
			Title:    clip(html.UnescapeString(l.text("name", 4*MaxTitle)), MaxTitle),
			Quantity: l.quantity("quantity"),
			// The price is a line's total divided by its quantity, with all its
			// decimals.
			UnitPrice: l.money("price", currency, RoundMoney),
		})
	}
	return finish(root, o)
}

// wooStatus maps the statuses of WooCommerce
// (https://woocommerce.com/document/managing-orders/order-statuses/) and of
// WordPress. Shops add their own ("shipped"); those count as paid if there is a
// date of payment.
func wooStatus(s string, paid bool) Status {
	switch strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "wc-") {
	case "checkout-draft", "auto-draft", "draft", "new":
		return Draft
	case "pending", "on-hold":
		return Open
	case "processing":
		return Paid
	case "completed":
		return Fulfilled
	case "cancelled", "trash":
		return Cancelled
	case "refunded":
		return Refunded
	case "failed":
		return Failed
	}
	if paid {
		return Paid
	}
	return Open
}

// wooMeta are the texts among an order's metadata that are of use: the language, which
// only the translation plugin WPML tells, and how the customer came. Other
// metadata is any JSON and is not looked at.
func wooMeta(root object) map[string]string {
	out := map[string]string{}
	list, _ := root.get("meta_data").([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		key, _ := m["key"].(string)
		text, _ := m["value"].(string)
		if rest, ok := strings.CutPrefix(key, "_wc_order_attribution_"); ok {
			out[rest] = clip(text, maxVisit)
		} else if key == "wpml_language" {
			out[key] = clip(text, MaxNumber)
		}
	}
	return out
}

// wooVisit reads WooCommerce's order attribution
// (https://woocommerce.com/document/order-attribution-tracking/). Its utm_ fields
// are also filled for visits without a campaign, with words of its own.
func wooVisit(root object) contact.VisitSaid {
	m := wooMeta(root)
	said := contact.VisitSaid{Landing: m["session_entry"], Referrer: m["referrer"], UserAgent: m["user_agent"], Direct: m["source_type"] == "typein"}
	if m["source_type"] == "utm" {
		said.Campaign = contact.Campaign{Source: m["utm_source"], Medium: m["utm_medium"], Name: m["utm_campaign"], Term: m["utm_term"], Content: m["utm_content"]}
	}
	if said.UserAgent == "" {
		said.UserAgent = root.text("customer_user_agent", maxVisit)
	}
	return said
}

// maxVisit bounds each text that tells of a visit.
const maxVisit = 2000

func wooAddress(a object) Address {
	return Address{
		FirstName: a.text("first_name", MaxText), LastName: a.text("last_name", MaxText), Company: a.text("company", MaxText),
		Street: a.text("address_1", MaxText), Street2: a.text("address_2", MaxText),
		Postcode: a.text("postcode", MaxNumber), City: a.text("city", MaxText), Region: a.text("state", MaxText),
		Country: a.country("country"),
		Phone:   a.text("phone", MaxNumber),
	}
}
