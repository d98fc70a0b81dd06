package httpapi_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/order"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
	"clientele/internal/test/bulkkit"
	"clientele/internal/test/dynamotest"
)

// work carries out the bulk jobs that were asked for.
func (s *shop) work() {
	s.t.Helper()
	x, err := s.table.ByID(context.Background(), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	s.jobs.Drain(s.t, bulkkit.Conditions{Workers: 4, Twice: 0.3, Kill: 0.3}, s.book, x, &bulk.Worker{Actions: bulk.Builtin(), Queue: s.jobs, Clock: time.Now})
}

// statuses are the site's, as "id=name" in their order, and the ETag.
func (s *shop) statuses() (told, tag string) {
	s.t.Helper()
	w := s.do("GET", "/v1/statuses", "")
	for _, x := range s.must(200, w)["statuses"].([]any) {
		d := x.(map[string]any)
		told += fmt.Sprintf("%v=%v ", d["id"], d["name"])
		if to := d["moving_to"]; to != nil {
			told += fmt.Sprintf("→%v ", to)
		}
	}
	return strings.TrimSpace(told), w.Header().Get("ETag")
}

func (s *shop) contact(body string) string {
	s.t.Helper()
	return "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", body))["id"].(string)
}

// change is a PATCH of whatever version there is.
func (s *shop) change(at, body string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.do("PATCH", at, body, "If-Match", "*")
}

func TestTheLifeOfAStatus(t *testing.T) {
	s := newShop(t)
	if told, tag := s.statuses(); told != "lead=Lead customer=Klant vip=VIP inactive=Inactief" || tag != `"0"` {
		t.Errorf("a new site has %s, %s", told, tag)
	}
	w := s.do("POST", "/v1/statuses", `{"name":"Stamgast","colour":"#1A7F37"}`)
	made := s.must(201, w)
	id := made["id"].(string)
	if w.Header().Get("ETag") != `"1"` || w.Header().Get("Location") != "/v1/statuses/"+id || !strings.HasPrefix(id, "st_") || made["colour"] != "#1a7f37" || made["built_in"] != false {
		t.Errorf("%v %v", w.Header(), made)
	}
	for _, bad := range []string{`{"name":"stamgast"}`, `{"name":" "}`, `{"name":"klant"}`, `{"name":"X","colour":"red"}`, `{}`} {
		s.must(422, s.do("POST", "/v1/statuses", bad))
	}
	at := "/v1/statuses/" + id
	s.must(428, s.do("PATCH", at, `{"name":"Vaste gast"}`))
	s.must(412, s.do("PATCH", at, `{"name":"Vaste gast"}`, "If-Match", `"0"`))
	s.must(404, s.do("PATCH", "/v1/statuses/st_x", `{"name":"X"}`, "If-Match", `"1"`))
	if c := s.must(200, s.do("PATCH", at, `{"name":"Vaste gast","colour":null}`, "If-Match", `"1"`)); c["name"] != "Vaste gast" || c["colour"] != "" {
		t.Errorf("%v", c)
	}
	s.must(200, s.do("PATCH", "/v1/statuses/customer", `{"name":"Koper"}`, "If-Match", `"2"`))
	s.must(428, s.do("PUT", "/v1/statuses/order", `{"ids":["lead"]}`))
	s.must(422, s.do("PUT", "/v1/statuses/order", `{"ids":["lead"]}`, "If-Match", `"3"`))
	s.must(200, s.do("PUT", "/v1/statuses/order", `{"ids":["`+id+`","customer","lead","vip","inactive"]}`, "If-Match", `"3"`))
	if told, tag := s.statuses(); told != id+"=Vaste gast customer=Koper lead=Lead vip=VIP inactive=Inactief" || tag != `"4"` {
		t.Errorf("%s, %s", told, tag)
	}

	person := s.contact(`{"email":"a@b.example","status":"` + id + `"}`)
	other := s.contact(`{"email":"b@b.example"}`)
	s.must(200, s.change(other, `{"status":"`+id+`"}`))
	s.must(409, s.do("DELETE", "/v1/statuses/vip?target=lead", "", "If-Match", `"4"`))
	s.must(422, s.do("DELETE", at, "", "If-Match", `"4"`))
	s.must(422, s.do("DELETE", at+"?target="+id, "", "If-Match", `"4"`))
	s.must(428, s.do("DELETE", at+"?target=vip", ""))
	job := s.must(202, s.do("DELETE", at+"?target=vip", "", "If-Match", `"4"`))
	if told, _ := s.statuses(); !strings.Contains(told, id+"=Vaste gast →vip") {
		t.Errorf("while it goes: %s", told)
	}
	// Its contacts are worked with as ever; nobody gets it any more.
	if c := s.must(200, s.change(person, `{"company":"B"}`)); c["status"] != id {
		t.Errorf("the contact is %v", c["status"])
	}
	s.must(422, s.do("POST", "/v1/contacts", `{"email":"c@b.example","status":"`+id+`"}`))
	s.must(409, s.do("DELETE", at+"?target=lead", "", "If-Match", "*"))
	s.work()
	if j := s.must(200, s.do("GET", "/v1/bulk/"+job["id"].(string), "")); j["state"] != "done" || fmt.Sprint(j["counts"]) != "map[changed:2 done:2 failed:0 skipped:0]" {
		t.Errorf("the job: %v", j)
	}
	if told, _ := s.statuses(); told != "customer=Koper lead=Lead vip=VIP inactive=Inactief" {
		t.Errorf("after it: %s", told)
	}
	for _, p := range []string{person, other} {
		if c := s.must(200, s.do("GET", p, "")); c["status"] != "vip" || c["status_manual"] != true {
			t.Errorf("the contact is %v, by hand %v", c["status"], c["status_manual"])
		}
	}
	if got := s.told(person); !slices.Contains(got, "status["+id+" vip status_deleted]") {
		t.Errorf("the timeline tells %v", got)
	}
	s.must(404, s.do("DELETE", at+"?target=vip", "", "If-Match", "*"))
}

// told are the entries of a timeline with their values, newest first.
func (s *shop) told(at string) (out []string) {
	s.t.Helper()
	for _, x := range s.must(200, s.do("GET", at+"/timeline", ""))["activities"].([]any) {
		a := x.(map[string]any)
		var texts []string
		values, _ := a["values"].([]any)
		for _, v := range values {
			texts = append(texts, v.(map[string]any)["text"].(string))
		}
		out = append(out, fmt.Sprintf("%v[%s]", a["kind"], strings.Join(texts, " ")))
	}
	return out
}

func TestReadersOfContactsMayNotChangeStatuses(t *testing.T) {
	table := dynamotest.Table(t)
	reader := shopOn(t, table, dynamotest.Site(t, table, "bakery"), site.ContactsRead, site.ContactsWrite)
	reader.must(200, reader.do("GET", "/v1/statuses", ""))
	reader.must(403, reader.do("POST", "/v1/statuses", `{"name":"X"}`))
	reader.must(403, reader.do("PUT", "/v1/statuses/order", `{"ids":["lead"]}`, "If-Match", "*"))
	reader.must(403, reader.do("PATCH", "/v1/statuses/vip", `{"name":"X"}`, "If-Match", "*"))
	reader.must(403, reader.do("DELETE", "/v1/statuses/vip?target=lead", "", "If-Match", "*"))
	reader.must(403, reader.do("POST", "/v1/statuses/apply-automation", ""))
}

// orders brings an order of a webshop in, as the intake does.
func (s *shop) orders(email, id string, st order.Status) {
	s.t.Helper()
	x, err := s.table.ByID(context.Background(), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	o := order.Order{Source: "shop", ExternalID: id, Status: st, Total: order.Money{Minor: 1000, Currency: "EUR"}, Refunded: order.Money{Currency: "EUR"},
		PlacedAt: at, UpdatedAt: at, Customer: order.Customer{Email: email}}
	if err := order.Attach(context.Background(), s.book, o, x.Policy(), time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) status(at string) string {
	s.t.Helper()
	c := s.must(200, s.do("GET", at, ""))
	return fmt.Sprint(c["status"], " ", c["status_manual"])
}

func TestAStatusByHandWinsUntilItIsGivenBack(t *testing.T) {
	s := newShop(t)
	at := s.contact(`{"email":"a@b.example"}`)
	s.must(200, s.change(at, `{"status":"inactive"}`))
	s.orders("a@b.example", "1", order.Paid)
	if got := s.status(at); got != "inactive true" {
		t.Errorf("after an order: %s", got)
	}
	s.must(200, s.change(at, `{"status":null}`))
	if got := s.status(at); got != "customer false" {
		t.Errorf("given back: %s", got)
	}
	if c := s.must(200, s.change(at, `{"status":"lead"}`)); c["status"] != "lead" || c["locked"] != nil {
		t.Errorf("%v", c)
	}
	s.orders("a@b.example", "2", order.Open)
	want := "[status[customer lead manual] status[inactive customer automation] status[lead inactive manual]"
	told := []string{}
	for _, e := range s.told(at) {
		if strings.HasPrefix(e, "status") {
			told = append(told, e)
		}
	}
	if got := s.status(at); got != "lead true" || !strings.HasPrefix(fmt.Sprint(told), want) {
		t.Errorf("%s, %v", got, told)
	}
	other := s.contact(`{"email":"b@b.example"}`)
	s.orders("b@b.example", "3", order.Open)
	if got := s.told(other); !strings.Contains(fmt.Sprint(got), "status[lead customer order]") {
		t.Errorf("the timeline of a promotion: %v", got)
	}
}

func TestALeadsOnlyPlan(t *testing.T) {
	s := newShop(t)
	s.settings(func(x *siteSettings) { x.Plan = plan.Business })
	at := s.contact(`{"email":"a@b.example"}`)
	for _, body := range []string{`{"status":"customer"}`, `{"status":"vip"}`} {
		if p := s.must(403, s.change(at, body)); p["plan"] != "pro" || p["type"] != "/problems/plan-required" {
			t.Errorf("%s: %v", body, p)
		}
	}
	s.must(403, s.do("POST", "/v1/contacts", `{"email":"b@b.example","status":"customer"}`))
	s.must(403, s.do("POST", "/v1/bulk", `{"action":"set_status","arguments":{"status":"vip"},"all":true}`))
	s.must(403, s.do("POST", "/v1/statuses/apply-automation", ""))
	s.must(200, s.change(at, `{"status":"inactive"}`))
	s.must(200, s.change(at, `{"status":null}`))
	s.must(201, s.do("POST", "/v1/statuses", `{"name":"In gesprek"}`)) // leads have statuses as well

	// An order is attached all the same; it promotes nobody, until the site has the plan.
	s.orders("a@b.example", "1", order.Paid)
	c := s.must(200, s.do("GET", at, ""))
	if c["status"] != "lead" || c["orders_count"] != 1.0 {
		t.Errorf("%v with %v orders", c["status"], c["orders_count"])
	}
	hand := s.contact(`{"email":"c@b.example"}`)
	s.orders("c@b.example", "2", order.Paid)
	s.must(200, s.change(hand, `{"status":"lead"}`))
	plain := s.contact(`{"email":"d@b.example"}`)
	s.settings(func(x *siteSettings) { x.Plan = plan.Pro })
	job := s.must(202, s.do("POST", "/v1/statuses/apply-automation", ""))
	s.work()
	if j := s.must(200, s.do("GET", "/v1/bulk/"+job["id"].(string), "")); j["state"] != "done" || fmt.Sprint(j["counts"]) != "map[changed:1 done:3 failed:0 skipped:2]" {
		t.Errorf("the job: %v", j)
	}
	for at, want := range map[string]string{at: "customer false", hand: "lead true", plain: "lead false"} {
		if got := s.status(at); got != want {
			t.Errorf("after the upgrade: %s, want %s", got, want)
		}
	}
	if got := s.told(at); got[0] != "status[lead customer automation]" {
		t.Errorf("the timeline tells %v", got)
	}
}

// What a site has from before a downgrade is read, found, listed, edited and exported.
func TestADowngradeTakesNothingAway(t *testing.T) {
	s := newShop(t)
	s.settings(func(x *siteSettings) { x.Plan = plan.Ecommerce })
	vip := s.contact(`{"email":"a@b.example","status":"vip"}`)
	s.contact(`{"email":"b@b.example"}`)
	s.orders("b@b.example", "1", order.Paid)
	s.settings(func(x *siteSettings) { x.Plan = plan.Mini })
	if c := s.must(200, s.change(vip, `{"company":"B"}`)); c["status"] != "vip" {
		t.Errorf("an edit made it %v", c["status"])
	}
	s.must(200, s.change(vip, `{"company":"C","status":"vip"}`)) // what it is already
	s.orders("b@b.example", "1", order.Fulfilled)
	seen := map[string]int{}
	for _, x := range s.must(200, s.do("GET", "/v1/contacts", ""))["contacts"].([]any) {
		seen[x.(map[string]any)["status"].(string)]++
	}
	if seen["vip"] != 1 || seen["customer"] != 1 {
		t.Errorf("listed are %v", seen)
	}
	if p := s.must(200, s.do("POST", "/v1/bulk/preview", `{"action":"add_tags","arguments":{"tags":["x"]},"filter":"status = customer OR status = vip"}`)); p["matched"] != 2.0 {
		t.Errorf("the filter finds %v", p["matched"])
	}
	n := 0
	if err := s.book.Each(context.Background(), func(c *contact.Contact) error {
		if c.Status == contact.VIP || c.Status == contact.Customer {
			n++
		}
		return nil
	}); err != nil || n != 2 {
		t.Errorf("an export has %d, %v", n, err)
	}
}
