package order

import (
	"testing"
	"time"

	"clientele/internal/domain/contact"
)

func TestOrdersTellHowTheirCustomerCame(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	const woo = `{"id":1,"status":"processing","currency":"EUR","total":"1.00","date_modified_gmt":"2026-01-01T00:00:00","billing":{"email":"a@b.example"},
		"customer_ip_address":"192.0.2.1","customer_user_agent":"Mozilla/5.0 (iPhone; CPU) Version/18.0 Mobile Safari/604.1","meta_data":[{"key":"wpml_language","value":"nl"},`
	for _, tt := range []struct {
		name, dialect, topic, body string
		want                       contact.Visit
	}{
		{"shopify", "shopify", "orders/create", `{"id":1,"currency":"EUR","total_price":"1.00","updated_at":"2026-01-01T00:00:00Z","email":"a@b.example",
			"landing_site":"/p?utm_source=ig&utm_medium=social&token=x","referring_site":"https://www.instagram.com/p/1?u=2","client_details":{"browser_ip":"192.0.2.1","user_agent":"Mozilla/5.0 (Windows NT 10.0) Firefox/131.0"}}`,
			contact.Visit{Channel: "social", Campaign: contact.Campaign{Source: "ig", Medium: "social"}, Landing: "/p", Referrer: "www.instagram.com/p/1", Device: contact.Device{Class: "computer", Browser: "Firefox", OS: "Windows"}}},
		{"woocommerce, a campaign", "woocommerce", "order.created", woo + `{"key":"_wc_order_attribution_source_type","value":"utm"},{"key":"_wc_order_attribution_utm_source","value":"nb"},{"key":"_wc_order_attribution_utm_medium","value":"email"},{"key":"_wc_order_attribution_session_entry","value":"https://www.example.nl/w?x=1"}]}`,
			contact.Visit{Channel: "email", Campaign: contact.Campaign{Source: "nb", Medium: "email"}, Landing: "www.example.nl/w", Device: contact.Device{Class: "phone", Browser: "Safari", OS: "iOS"}}},
		{"woocommerce, typed in", "woocommerce", "order.created", woo + `{"key":"_wc_order_attribution_source_type","value":"typein"},{"key":"_wc_order_attribution_utm_source","value":"(direct)"}]}`,
			contact.Visit{Channel: "direct", Device: contact.Device{Class: "phone", Browser: "Safari", OS: "iOS"}}},
	} {
		o, err := Parse(tt.dialect, tt.topic, []byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		o.Source = "s"
		c := contact.New(Facts(o, contact.Policy{Country: "NL"}), now)
		if c.Origin.Visit != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, c.Origin.Visit, tt.want)
		}
		if tt.dialect == "woocommerce" && c.Language != "nl" {
			t.Errorf("%s: language %q", tt.name, c.Language)
		}
	}
}
