package order

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/contact"
)

// event reads a sample body; the same files feed the demo and the tests of the
// function.
func event(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "events", "orders", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kinds is one whole body of each dialect and the topic it comes under.
var kinds = []struct{ kind, topic, file string }{
	{KindShopify, "orders/create", "shopify.json"},
	{KindWooCommerce, "order.created", "woocommerce.json"},
	{KindOwn, "order", "own.json"},
}

// with returns the body with changes: a path like "customer/email" and a value
// in JSON, "" to leave the field out.
func with(t testing.TB, body []byte, changes ...string) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		keys := strings.Split(changes[i], "/")
		var at any = root
		for j, k := range keys {
			if list, ok := at.([]any); ok {
				var n int
				fmt.Sscan(k, &n)
				at = list[n]
				continue
			}
			m, _ := at.(map[string]any)
			if j < len(keys)-1 {
				if m[k] == nil {
					m[k] = map[string]any{}
				}
				at = m[k]
				continue
			}
			if changes[i+1] == "" {
				delete(m, k)
			} else {
				m[k] = json.RawMessage(changes[i+1])
			}
		}
	}
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parsed(t testing.TB, kind, topic string, body []byte) Order {
	t.Helper()
	o, err := Parse(kind, topic, body)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestShopifySample(t *testing.T) {
	no := false
	home := Address{FirstName: "Bob", LastName: "Norman", Street: "Chestnut Street 92", Postcode: "40202", City: "Louisville", Region: "Kentucky", Country: "US", Phone: "555-625-1199"}
	item := func(id, colour string) Item {
		return Item{ExternalID: id, SKU: "IPOD2008" + strings.ToUpper(colour), Title: "IPod Nano - 8gb - " + colour, Quantity: 1, UnitPrice: Money{19900, "USD"}}
	}
	want := Order{
		ExternalID: "450789469", Number: "#1001", Status: Open, Total: Money{40994, "USD"}, Refunded: Money{0, "USD"},
		PlacedAt: at("2008-01-10T16:00:00Z"), UpdatedAt: at("2008-01-10T16:00:00Z"),
		Visit:    contact.VisitSaid{Landing: "http://www.example.com?source=abc", Referrer: "http://www.otherexample.com", Direct: true},
		Customer: Customer{Email: "bob.norman@hostmail.com", FirstName: "Bob", LastName: "Norman", Phone: "555-625-1199", ExternalID: "207119551", AcceptsMarketing: &no},
		Billing:  home, Shipping: home,
		Items: []Item{item("466157049", "green"), item("518995019", "red"), item("703073504", "black")},
	}
	for _, topic := range []string{"orders/create", "orders/updated", "orders/paid", "orders/cancelled", "orders/fulfilled", " Orders/Create "} {
		if got := parsed(t, KindShopify, topic, event(t, "shopify.json")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", topic, got, want)
		}
	}
}

func TestShopifyVariants(t *testing.T) {
	body := event(t, "shopify.json")
	refund := func(amount, currency string) string {
		return `[{"id":1,"transactions":[{"kind":"refund","status":"success","amount":"` + amount + `","currency":"` + currency + `"},
			{"kind":"refund","status":"failure","amount":"1.00"},{"kind":"void","status":"success","amount":"2.00"}]}]`
	}
	for _, c := range []struct {
		name    string
		changes []string
		check   func(Order) bool
	}{
		{"huge id", []string{"id", "98765432109876543210987"}, func(o Order) bool { return o.ExternalID == "98765432109876543210987" }},
		{"paid", []string{"financial_status", `"paid"`}, func(o Order) bool { return o.Status == Paid }},
		{"paid and sent", []string{"financial_status", `"paid"`, "fulfillment_status", `"fulfilled"`}, func(o Order) bool { return o.Status == Fulfilled }},
		{"sent in part", []string{"financial_status", `"paid"`, "fulfillment_status", `"partial"`}, func(o Order) bool { return o.Status == Paid }},
		{"cancelled", []string{"cancelled_at", `"2008-01-11T11:00:00-05:00"`, "financial_status", `"refunded"`}, func(o Order) bool { return o.Status == Cancelled }},
		{"cancelled keeps its total", []string{"cancelled_at", `"2008-01-11T11:00:00-05:00"`, "current_total_price", `"0.00"`}, func(o Order) bool { return o.Total.Minor == 40994 && o.Revenue().Minor == 0 }},
		{"voided", []string{"financial_status", `"voided"`}, func(o Order) bool { return o.Status == Cancelled }},
		{"expired", []string{"financial_status", `"expired"`}, func(o Order) bool { return o.Status == Failed }},
		{"refunded", []string{"financial_status", `"refunded"`, "fulfillment_status", `"fulfilled"`, "refunds", refund("409.94", "USD"), "current_total_price", `"0.00"`},
			func(o Order) bool {
				return o.Status == Refunded && o.Total.Minor == 40994 && o.Refunded.Minor == 40994 && o.Revenue().Minor == 0
			}},
		{"a part refunded", []string{"refunds", refund("100.00", "USD"), "current_total_price", `"309.94"`}, func(o Order) bool { return o.Total.Minor == 40994 && o.Revenue().Minor == 30994 }},
		{"refund that the price does not follow", []string{"refunds", refund("100.00", "USD"), "current_total_price", `"409.94"`}, func(o Order) bool { return o.Revenue().Minor == 30994 }},
		{"refund without a current price", []string{"refunds", refund("100.00", "USD")}, func(o Order) bool { return o.Revenue().Minor == 30994 }},
		{"refund in another currency", []string{"refunds", refund("9000", "JPY"), "current_total_price", `"349.94"`}, func(o Order) bool { return o.Refunded.Minor == 6000 }},
		{"a line taken out", []string{"current_total_price", `"210.94"`}, func(o Order) bool { return o.Total.Minor == 21094 && o.Refunded.Minor == 0 }},
		{"yen", []string{"currency", `"JPY"`, "total_price", `"409"`, "line_items", `[{"price":"409","quantity":1}]`}, func(o Order) bool { return o.Total == Money{409, "JPY"} }},
		{"counter sale", []string{"customer", "null", "email", `""`, "contact_email", "null", "phone", "null", "billing_address", "null", "shipping_address", "null"},
			func(o Order) bool { return !o.Customer.Known() && o.Billing == Address{} }},
		{"contact e-mail", []string{"email", "null", "contact_email", `"c@x.example"`}, func(o Order) bool { return o.Customer.Email == "c@x.example" }},
		{"customer's e-mail", []string{"email", "null"}, func(o Order) bool { return o.Customer.Email == "bob.norman@hostmail.com" }},
		{"customer's name", []string{"billing_address/first_name", "null", "billing_address/last_name", `""`, "customer/first_name", `"Robert"`}, func(o Order) bool { return o.Customer.FirstName == "Robert" && o.Customer.LastName == "Norman" }},
		{"names are not mixed", []string{"billing_address/first_name", "null", "customer/first_name", `"Alice"`}, func(o Order) bool { return o.Customer.FirstName == "" && o.Customer.LastName == "Norman" }},
		{"locale", []string{"customer_locale", `"nl-NL"`}, func(o Order) bool { return o.Customer.Language == "nl-NL" }},
		{"marketing not asked", []string{"buyer_accepts_marketing", ""}, func(o Order) bool { return o.Customer.AcceptsMarketing == nil }},
		{"copied from another shop", []string{"processed_at", `"2001-01-01T00:00:00+02:00"`}, func(o Order) bool { return o.PlacedAt.Equal(at("2000-12-31T22:00:00Z")) }},
		{"odd country", []string{"billing_address/country_code", `"Utopia"`}, func(o Order) bool { return o.Billing.Country == "" }},
		{"test payment", []string{"test", "true"}, func(o Order) bool { return o.Test && !o.Counts() && o.Promotes() }},
		{"too many lines", []string{"line_items", "[" + strings.Repeat(`{"price":"1.00","quantity":1},`, 600) + `{}]`}, func(o Order) bool { return len(o.Items) == 500 && o.MoreItems == 101 }},
		{"long title", []string{"line_items", `[{"name":"` + strings.Repeat("é", 600) + `"}]`}, func(o Order) bool { return o.Items[0].Title == strings.Repeat("é", 500) }},
	} {
		o, err := Parse(KindShopify, "orders/updated", with(t, body, c.changes...))
		if err != nil || !c.check(o) {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
	}
}

func TestWooCommerceSample(t *testing.T) {
	home := Address{FirstName: "John", LastName: "Doe", Street: "969 Market", Postcode: "94103", City: "San Francisco", Region: "CA", Country: "US"}
	billing := home
	billing.Phone = "(555) 555-5555"
	want := Order{
		ExternalID: "727", Number: "727", Status: Paid, Total: Money{2935, "USD"}, Refunded: Money{0, "USD"},
		PlacedAt: at("2017-03-22T19:28:02Z"), UpdatedAt: at("2017-03-22T19:28:08Z"), PaidAt: at("2017-03-22T19:28:08Z"),
		Customer: Customer{Email: "john.doe@example.com", FirstName: "John", LastName: "Doe", Phone: "(555) 555-5555"},
		Billing:  billing, Shipping: home,
		Items: []Item{
			{ExternalID: "315", Title: "Woo Single #1", Quantity: 2, UnitPrice: Money{300, "USD"}},
			{ExternalID: "316", SKU: "Bar3", Title: "Ship Your Idea – Color: Black, Size: M Test", Quantity: 1, UnitPrice: Money{1200, "USD"}},
		},
	}
	for _, topic := range []string{"order.created", "order.updated", "order.restored"} {
		if got := parsed(t, KindWooCommerce, topic, event(t, "woocommerce.json")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", topic, got, want)
		}
	}
}

func TestWooCommerceVariants(t *testing.T) {
	body := event(t, "woocommerce.json")
	for status, want := range map[string]Status{
		"pending": Open, "on-hold": Open, "processing": Paid, "completed": Fulfilled, "cancelled": Cancelled, "refunded": Refunded,
		"failed": Failed, "checkout-draft": Draft, "auto-draft": Draft, "draft": Draft, "trash": Cancelled, "wc-processing": Paid, "shipped": Paid,
	} {
		if o := parsed(t, KindWooCommerce, "order.updated", with(t, body, "status", `"`+status+`"`)); o.Status != want {
			t.Errorf("%s is read as %s", status, o.Status)
		}
	}
	for _, c := range []struct {
		name    string
		changes []string
		check   func(Order) bool
	}{
		{"own status, not paid", []string{"status", `"wc-quote"`, "date_paid", "null", "date_paid_gmt", "null"}, func(o Order) bool { return o.Status == Open }},
		{"text ids", []string{"id", `"727"`, "customer_id", `"12"`}, func(o Order) bool { return o.ExternalID == "727" && o.Customer.ExternalID == "12" }},
		{"number by a plugin", []string{"number", `"2026/00042"`}, func(o Order) bool { return o.Number == "2026/00042" }},
		{"no number", []string{"number", ""}, func(o Order) bool { return o.Number == "727" }},
		{"never changed", []string{"date_modified_gmt", "null"}, func(o Order) bool { return o.UpdatedAt.Equal(at("2017-03-22T19:28:02Z")) }},
		{"moment with a zone", []string{"date_modified_gmt", `"2017-03-22T20:28:08+01:00"`}, func(o Order) bool { return o.UpdatedAt.Equal(at("2017-03-22T19:28:08Z")) }},
		{"refunds", []string{"refunds", `[{"id":1,"total":"-10.00"},{"id":2,"reason":null,"total":"-0.35"}]`}, func(o Order) bool { return o.Refunded.Minor == 1035 && o.Revenue().Minor == 1900 }},
		{"price with all its decimals", []string{"line_items/0/price", "3.3333333333333335"}, func(o Order) bool { return o.Items[0].UnitPrice.Minor == 333 }},
		{"total with four decimals", []string{"total", `"29.3457"`}, func(o Order) bool { return o.Total.Minor == 2935 }},
		{"sold by weight", []string{"line_items/0/quantity", "1.5"}, func(o Order) bool { return o.Items[0].Quantity == 2 }},
		{"PHP's empty map", []string{"billing", "[]", "shipping", "[]"}, func(o Order) bool { return o.Billing == Address{} }},
		{"numbers as text", []string{"billing/postcode", "94103", "line_items/0/sku", "17"}, func(o Order) bool { return o.Billing.Postcode == "94103" && o.Items[0].SKU == "17" }},
		{"entities", []string{"line_items/0/name", `"Fish &amp; chips &#8217;n more &lt;b&gt;"`}, func(o Order) bool { return o.Items[0].Title == "Fish & chips ’n more <b>" }},
		{"language by WPML", []string{"meta_data", `[{"id":1,"key":"x","value":{"a":[1]}},{"id":2,"key":"wpml_language","value":"nl"}]`}, func(o Order) bool { return o.Customer.Language == "nl" }},
	} {
		o, err := Parse(KindWooCommerce, "order.updated", with(t, body, c.changes...))
		if err != nil || !c.check(o) {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
	}
	_, err := Parse(KindWooCommerce, "order.updated", []byte(`{"code":"woocommerce_rest_cannot_view","message":"Sorry","data":{"status":401}}`))
	if err == nil || !strings.Contains(err.Error(), "refusal") {
		t.Errorf("the shop's own refusal: %v", err)
	}
}

func TestOwnSample(t *testing.T) {
	yes := true
	want := Order{
		ExternalID: "2026-000042", Number: "42", Status: Paid, Total: Money{10750, "EUR"}, Refunded: Money{750, "EUR"},
		PlacedAt: at("2026-03-02T09:15:00Z"), UpdatedAt: at("2026-03-02T09:16:30.25Z"), PaidAt: at("2026-03-02T09:16:00Z"),
		Customer: Customer{Email: "fenna.de-wit@example.nl", FirstName: "Fenna", LastName: "de Wit", Company: "Bakkerij De Wit", Phone: "+31612345678", ExternalID: "k-1007", Language: "nl", AcceptsMarketing: &yes},
		Billing:  Address{"Fenna", "de Wit", "Bakkerij De Wit", "Brink 12", "2e verdieping", "7411 BT", "Deventer", "Overijssel", "NL", "+31612345678"},
		Shipping: Address{"Sjoerd", "Haanstra", "Haanstra & Zn.", "Vismarkt 3", "achterom", "5211 AA", "'s-Hertogenbosch", "Noord-Brabant", "NL", "+31731234567"},
		Items:    []Item{{"1", "MEEL-25", "Tarwebloem, zak 25 kg", 2, Money{4875, "EUR"}}, {"2", "GIST", "Gist", 4, Money{250, "EUR"}}},
	}
	if got := parsed(t, KindOwn, "", event(t, "own.json")); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// The struct is the schema's documentation; the sample fills every field of it.
func TestTheOwnStructIsTheSchema(t *testing.T) {
	dec := json.NewDecoder(bytes.NewReader(event(t, "own.json")))
	dec.DisallowUnknownFields()
	var own OwnOrder
	if err := dec.Decode(&own); err != nil {
		t.Fatal(err)
	}
	own.Test = true
	var empty func(path string, v reflect.Value)
	empty = func(path string, v reflect.Value) {
		switch {
		case v.IsZero():
			t.Errorf("the sample leaves %s empty", path)
		case v.Kind() == reflect.Pointer:
			empty(path, v.Elem())
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				empty(path, v.Index(i))
			}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				empty(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	empty("OwnOrder", reflect.ValueOf(own))
	body, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	o := parsed(t, KindOwn, "order", body)
	if !o.Test || o.Number != "42" {
		t.Errorf("%+v", o)
	}
	small, _ := json.Marshal(OwnOrder{ID: "1", Status: "open", Currency: "JPY", Total: "100", UpdatedAt: "2026-01-01T00:00:00Z"})
	parsed(t, KindOwn, "order", small)
}

func TestOwnSchemaIsStrictAndTellsAllFaults(t *testing.T) {
	body := event(t, "own.json")
	for _, c := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"unknown fields", []string{"colour", "1", "customer/vip", "true", "items/0/a~1/b", "1", "billing/x", "null"}, "/customer/vip /billing/x /items/0/a~01 /colour"},
		{"amount as a number", []string{"total", "107.5"}, "/total"},
		{"too many decimals", []string{"total", `"107.505"`}, "/total"},
		{"wrong types", []string{"id", "17", "number", "1", "status", "{}", "test", `"yes"`, "customer", "[]", "billing", `"x"`, "items", "{}", "placed_at", "1"},
			"/id /number /status /placed_at /test /customer /billing /items"},
		{"nothing required is there", []string{"id", "null", "status", "", "currency", "", "total", "null", "updated_at", ""}, "/status /total /currency /id /updated_at"},
		{"bad values", []string{"currency", `"eur"`, "updated_at", `"yesterday"`, "billing/country", `"nl"`, "items/0/quantity", `"2"`, "items/1/quantity", "1.5", "items/1/unit_price", `"1e"`},
			"/currency /updated_at /items/0/quantity /items/1/quantity /billing/country"},
		{"no zone", []string{"updated_at", `"2026-03-02T10:15:00"`}, "/updated_at"},
		{"far future", []string{"updated_at", `"2999-03-02T10:15:00Z"`}, "/updated_at"},
		{"long texts", []string{"number", `"` + strings.Repeat("n", 65) + `"`, "customer/email", `"` + strings.Repeat("n", 321) + `"`}, "/number /customer/email"},
		{"too many items", []string{"items", "[" + strings.Repeat(`{"quantity":1},`, 500) + `{"quantity":1}]`}, "/items"},
		{"items that are none", []string{"items", `[null, 1, {"quantity":1}]`}, "/items/0 /items/1"},
	} {
		_, err := Parse(KindOwn, "order", with(t, body, c.changes...))
		if c.name == "bad values" {
			// Without a currency no amount can be told right from wrong.
			err = without(err, "/items/1/unit_price")
		}
		if got := paths(err); got != c.want {
			t.Errorf("%s: %s\nwant %s\n(%v)", c.name, got, c.want, err)
		}
	}
}

func without(err error, path string) error {
	var e *InvalidError
	if errors.As(err, &e) {
		var kept []Fault
		for _, f := range e.Faults {
			if f.Path != path {
				kept = append(kept, f)
			}
		}
		e.Faults = kept
	}
	return err
}

func TestOtherEventsAreIgnoredWithAReason(t *testing.T) {
	customer, err := os.ReadFile("testdata/shopify_customers_create.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{KindShopify, "customers/create"}, {KindShopify, "products/update"}, {KindShopify, "draft_orders/create"}, {KindShopify, "refunds/create"},
		{KindShopify, "orders/edited"}, {KindShopify, ""}, {KindWooCommerce, "product.updated"}, {KindWooCommerce, "customer.created"},
		{KindWooCommerce, "action.woocommerce_add_to_cart"}, {KindWooCommerce, ""}, {KindOwn, "invoice"}, {KindOwn, strings.Repeat("x", 1000)},
	} {
		_, err := Parse(c[0], c[1], customer)
		var e *IgnoredError
		if !errors.Is(err, ErrIgnored) || !errors.As(err, &e) || e.Reason == "" || len(e.Topic) > MaxNumber {
			t.Errorf("%v: %v", c, err)
		}
	}
	// The topic is not signed: under a false one the body is still no order.
	if _, err := Parse(KindShopify, "orders/create", customer); err == nil || errors.Is(err, ErrIgnored) {
		t.Errorf("a customer was taken for an order: %v", err)
	}
}

func TestDeletions(t *testing.T) {
	for _, c := range [][3]string{
		{KindWooCommerce, "order.deleted", `{"id":727}`}, {KindWooCommerce, "order.deleted", `{"id":"727"}`}, {KindShopify, "orders/delete", `{"id":727}`},
	} {
		o := parsed(t, c[0], c[1], []byte(c[2]))
		if !o.Stub || o.ExternalID != "727" || o.Promotes() || o.Counts() {
			t.Errorf("%v: %+v", c, o)
		}
		o.Source = "src1"
		if err := o.ReceivedAt(noon).Validate(); err != nil {
			t.Error(err)
		}
	}
	// A captured order, replayed under the topic of a deletion, deletes nothing.
	for _, k := range kinds[:2] {
		topic := map[string]string{KindShopify: "orders/delete", KindWooCommerce: "order.deleted"}[k.kind]
		if o, err := Parse(k.kind, topic, event(t, k.file)); err == nil {
			t.Errorf("%s: deleted %+v", k.kind, o)
		}
		if _, err := Parse(k.kind, topic, []byte(`{"id":0}`)); err == nil {
			t.Errorf("%s: deleted nothing", k.kind)
		}
	}
}

func TestGarbageIsRefused(t *testing.T) {
	for _, k := range kinds {
		for _, body := range []string{
			"", " ", "null", "true", "17", `"x"`, "[]", "{}", "{", `{"id":1}`, `{"id":1}}`, "<html>", "webhook_id=7", "\xff\xfe", "\x00",
			strings.Repeat("[", 100000), strings.Repeat(`{"id":`, 20000), `{"a":"` + strings.Repeat("x", MaxBody) + `"}`,
		} {
			if o, err := Parse(k.kind, k.topic, []byte(body)); err == nil || paths(err) == "no InvalidError" {
				t.Errorf("%s took %.40q: %+v %v", k.kind, body, o, err)
			}
		}
	}
	if _, err := Parse("magento", "order", []byte("{}")); err == nil {
		t.Error("an unknown kind was read")
	}
}

// TestWrongTypesNeverPanic puts every kind of value at every place of each
// sample. An order that is read in spite of it must be in order.
func TestWrongTypesNeverPanic(t *testing.T) {
	values := []string{"null", "true", "-1", "1e99", "1.5", `""`, `"x"`, `"-9"`, "[]", "[null]", "[[]]", "{}", `[{"transactions":[null]}]`, `{"x":{}}`}
	for _, k := range kinds {
		body := event(t, k.file)
		refused := 0
		for _, path := range leaves(t, body) {
			for _, v := range values {
				o, err := Parse(k.kind, k.topic, with(t, body, path, v))
				if err != nil {
					refused++
					if paths(err) == "no InvalidError" {
						t.Fatalf("%s %s = %s: %v", k.kind, path, v, err)
					}
					continue
				}
				o.Source = "src1"
				if err := o.Validate(); err != nil {
					t.Errorf("%s %s = %s was read, but: %v", k.kind, path, v, err)
				}
			}
		}
		if refused == 0 {
			t.Errorf("%s refused nothing", k.kind)
		}
	}
}

// leaves lists the path of every value in a body.
func leaves(t testing.TB, body []byte) []string {
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		t.Fatal(err)
	}
	var list []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				p := strings.TrimPrefix(path+"/"+k, "/")
				list = append(list, p)
				walk(p, x)
			}
		case []any:
			if len(v) > 0 {
				walk(path+"/0", v[0])
			}
		}
	}
	walk("", root)
	return list
}

// naughty returns the big list of naughty strings.
func naughty(t testing.TB) []string {
	f, err := os.Open("testdata/blns.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if s := lines.Text(); s != "" && !strings.HasPrefix(s, "#") {
			list = append(list, s)
		}
	}
	if len(list) < 400 {
		t.Fatalf("only %d strings", len(list))
	}
	return list
}

func TestNaughtyStringsSurviveInEveryText(t *testing.T) {
	type field struct {
		path string
		get  func(Order) string
	}
	address := func(prefix string, keys [5]string, get func(Order) Address) []field {
		return []field{
			{prefix + "/first_name", func(o Order) string { return get(o).FirstName }}, {prefix + "/last_name", func(o Order) string { return get(o).LastName }},
			{prefix + "/company", func(o Order) string { return get(o).Company }}, {prefix + "/" + keys[0], func(o Order) string { return get(o).Street }},
			{prefix + "/" + keys[1], func(o Order) string { return get(o).Street2 }}, {prefix + "/" + keys[2], func(o Order) string { return get(o).Postcode }},
			{prefix + "/city", func(o Order) string { return get(o).City }}, {prefix + "/" + keys[3], func(o Order) string { return get(o).Region }},
			{prefix + "/" + keys[4], func(o Order) string { return get(o).Phone }},
		}
	}
	billing, shipping := func(o Order) Address { return o.Billing }, func(o Order) Address { return o.Shipping }
	fields := map[string][]field{
		KindShopify: append(append([]field{
			{"email", func(o Order) string { return o.Customer.Email }}, {"customer_locale", func(o Order) string { return o.Customer.Language }},
			{"name", func(o Order) string { return o.Number }}, {"line_items/0/name", func(o Order) string { return o.Items[0].Title }},
			{"line_items/0/sku", func(o Order) string { return o.Items[0].SKU }}, {"phone", func(o Order) string { return o.Customer.Phone }},
		}, address("billing_address", [5]string{"address1", "address2", "zip", "province", "phone"}, billing)...),
			address("shipping_address", [5]string{"address1", "address2", "zip", "province", "phone"}, shipping)...),
		KindWooCommerce: append(append([]field{
			{"billing/email", func(o Order) string { return o.Customer.Email }}, {"line_items/0/sku", func(o Order) string { return o.Items[0].SKU }},
			{"number", func(o Order) string { return o.Number }}, {"line_items/0/name", func(o Order) string { return o.Items[0].Title }},
		}, address("billing", [5]string{"address_1", "address_2", "postcode", "state", "phone"}, billing)...),
			address("shipping", [5]string{"address_1", "address_2", "postcode", "state", "phone"}, shipping)...),
		KindOwn: append(append([]field{
			{"customer/email", func(o Order) string { return o.Customer.Email }}, {"customer/first_name", func(o Order) string { return o.Customer.FirstName }},
			{"customer/last_name", func(o Order) string { return o.Customer.LastName }}, {"customer/company", func(o Order) string { return o.Customer.Company }},
			{"customer/phone", func(o Order) string { return o.Customer.Phone }}, {"customer/language", func(o Order) string { return o.Customer.Language }},
			{"number", func(o Order) string { return o.Number }}, {"items/0/title", func(o Order) string { return o.Items[0].Title }},
			{"items/0/sku", func(o Order) string { return o.Items[0].SKU }}, {"id", func(o Order) string { return o.ExternalID }},
		}, address("billing", [5]string{"street", "street2", "postcode", "region", "phone"}, billing)...),
			address("shipping", [5]string{"street", "street2", "postcode", "region", "phone"}, shipping)...),
	}
	for _, s := range naughty(t) {
		raw, _ := json.Marshal(s)
		for _, k := range kinds {
			// All fields at once: 500 strings in 20 fields of 3 dialects are many bodies.
			var changes []string
			for _, f := range fields[k.kind] {
				if refusedAt(k.kind, f.path, s) {
					continue // tested elsewhere
				}
				changes = append(changes, f.path, string(raw))
			}
			o, err := Parse(k.kind, k.topic, with(t, event(t, k.file), changes...))
			if err != nil {
				t.Errorf("%s refused %q: %v", k.kind, s, err)
				continue
			}
			for _, f := range fields[k.kind] {
				want := s
				if k.kind == KindWooCommerce && f.path == "line_items/0/name" {
					want = html.UnescapeString(s)
				}
				got := f.get(o)
				if refusedAt(k.kind, f.path, s) || strings.TrimSpace(s) == "" {
					continue
				}
				if cut := utf8.RuneCountInString(got) >= MaxNumber && strings.HasPrefix(want, got); got != want && !cut {
					t.Errorf("%s %s: %q became %q", k.kind, f.path, want, got)
				}
			}
		}
	}
}

// refusedAt tells whether a text is too long for a field that refuses instead
// of cutting: every field of our own schema, and any address.
func refusedAt(kind, path, s string) bool {
	name := path[strings.LastIndex(path, "/")+1:]
	if name == "email" {
		return len(s) > MaxEmail
	}
	limit := MaxText
	switch name {
	case "postcode", "phone", "language", "number", "sku":
		limit = MaxNumber
	case "id":
		limit = MaxID
	}
	return kind == KindOwn && (utf8.RuneCountInString(s) > limit || name == "id" && len(s) > limit)
}

func fuzz(f *testing.F, i int) {
	k := kinds[i]
	f.Add(event(f, k.file))
	for _, s := range naughty(f)[:20] {
		raw, _ := json.Marshal(s)
		f.Add(with(f, event(f, k.file), "currency", string(raw), "id", string(raw)))
	}
	f.Add([]byte(`{"id":727}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, topic := range []string{k.topic, "order.deleted", "orders/delete"} {
			o, err := Parse(k.kind, topic, body)
			if err != nil {
				if !utf8.ValidString(err.Error()) {
					t.Fatalf("an error that is no text: %q", err)
				}
				continue
			}
			o.Source = "s"
			if err := o.ReceivedAt(noon).Validate(); err != nil {
				t.Fatalf("read, but %v", err)
			}
			if again, _ := Parse(k.kind, topic, body); again.Compare(o) != 0 {
				t.Fatal("read twice, differently")
			}
		}
	})
}

func FuzzShopify(f *testing.F)     { fuzz(f, 0) }
func FuzzWooCommerce(f *testing.F) { fuzz(f, 1) }
func FuzzOwn(f *testing.F)         { fuzz(f, 2) }

// FuzzMoney proves that reading is exact: what is written is what was read.
func FuzzMoney(f *testing.F) {
	f.Add("12.50", "EUR")
	f.Add("-0.001", "KWD")
	f.Add("1e-3", "CLF")
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := ParseMoney(amount, currency)
		if err != nil {
			return
		}
		if r, err := RoundMoney(amount, currency); err != nil || r != m {
			t.Fatalf("rounded %v to %v, %v", m, r, err)
		}
		if again, err := ParseMoney(m.Decimal(), currency); err != nil || again != m {
			t.Fatalf("%q is %v, written %q, read %v %v", amount, m, m.Decimal(), again, err)
		}
	})
}

func BenchmarkParseShopify(b *testing.B) {
	body := event(b, "shopify.json")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(KindShopify, "orders/create", body); err != nil {
			b.Fatal(err)
		}
	}
}
