package httpapi_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/form"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// submit sends what a visitor of the site filled in.
func (s *shop) submit(at time.Time, values ...string) (id string) {
	s.t.Helper()
	id = ulid.MustNew(ulid.Timestamp(at), rand.Reader).String()
	sub := form.Submission{ID: id, At: at}
	for i := 0; i < len(values); i += 2 {
		sub.Values = append(sub.Values, timeline.Value{Name: values[i], Text: values[i+1]})
	}
	st, err := s.table.ByID(context.Background(), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := form.Submit(context.Background(), s.book, st, site.Form{ID: "bakery-contact"}, sub); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func kindsOf(answer map[string]any) string {
	var kinds []string
	for _, a := range answer["activities"].([]any) {
		kinds = append(kinds, a.(map[string]any)["kind"].(string))
	}
	return strings.Join(kinds, " ")
}

func TestATimelineIsFilteredByKindAndTime(t *testing.T) {
	s := newShop(t)
	c := s.must(201, s.do("POST", "/v1/contacts", `{"email":"emma@b.example"}`))
	at := "/v1/contacts/" + c["id"].(string)
	s.must(200, s.do("PATCH", at, `{"tags":["bread"],"status":"vip","company":"B","consent":"subscribed"}`, "If-Match", `"1"`))
	s.submit(time.Now().Add(time.Hour), "email", "emma@b.example", "message", "Is there bread?")

	got := kindsOf(s.must(200, s.do("GET", at+"/timeline?kind=tags&kind=status&kind=consent&kind=edit", "")))
	for _, k := range []string{"tags", "status", "consent", "edit"} {
		if strings.Count(got, k) != 1 {
			t.Errorf("entries of a change: %s", got)
		}
	}
	tags := s.must(200, s.do("GET", at+"/timeline?kind=tags", ""))["activities"].([]any)[0].(map[string]any)
	if v := fmt.Sprint(tags["values"]); v != "[map[name:added text:bread]]" {
		t.Errorf("the entry of the tags says %s", v)
	}
	until := url.QueryEscape(time.Now().Add(30 * time.Minute).Format(time.RFC3339Nano))
	if got := kindsOf(s.must(200, s.do("GET", at+"/timeline?since="+until, ""))); got != "form" {
		t.Errorf("later than now: %s", got)
	}
	if got := kindsOf(s.must(200, s.do("GET", at+"/timeline?kind=form&kind=created&until="+until, ""))); got != "created" {
		t.Errorf("earlier than now: %s", got)
	}

	page := s.must(200, s.do("GET", at+"/timeline?kind=tags&kind=status&limit=1", ""))
	cursor := url.QueryEscape(page["next_cursor"].(string))
	s.must(422, s.do("GET", at+"/timeline?kind=tags&limit=1&cursor="+cursor, ""))
	rest := s.must(200, s.do("GET", at+"/timeline?kind=status&kind=tags&limit=1&cursor="+cursor, ""))
	if both := kindsOf(page) + " " + kindsOf(rest); both != "status tags" && both != "tags status" || rest["next_cursor"] != "" {
		t.Errorf("the pages are %s, and then %q", both, rest["next_cursor"])
	}
	s.must(422, s.do("GET", at+"/timeline?kind=nothing", ""))
	s.must(200, s.do("GET", at+"/timeline?kind=import", ""))
	s.must(422, s.do("GET", at+"/timeline?since=2026-02-02T00:00:00Z&until=2026-01-01T00:00:00Z", ""))
}

func TestFiguresTellOrdersAndOpenRequests(t *testing.T) {
	s := newShop(t)
	c := s.must(201, s.do("POST", "/v1/contacts", `{"email":"emma@b.example"}`))
	at := "/v1/contacts/" + c["id"].(string)
	f := s.must(200, s.do("GET", at+"/figures", ""))
	if f["orders_count"] != 0.0 || f["last_activity_kind"] != "created" || f["first_order_at"] != nil || fmt.Sprint(f["revenue"]) != "[]" {
		t.Errorf("figures of somebody new: %v", f)
	}
	placed := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i, cents := range []int64{1000, 501} {
		o := order.Order{Source: "shop", ExternalID: fmt.Sprint(i), Status: order.Paid, PlacedAt: placed.AddDate(0, i, 0), UpdatedAt: placed,
			Total: order.Money{Minor: cents, Currency: "EUR"}, Customer: order.Customer{Email: "emma@b.example"}}
		if err := order.Attach(context.Background(), s.book, o, contact.Policy{}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(10 * time.Millisecond)
	first := s.submit(later, "email", "emma@b.example", "message", "bread?")
	second := s.submit(later.Add(time.Millisecond), "email", "emma@b.example", "wanted", "two loaves")
	s.submit(later.Add(2*time.Millisecond), "email", "emma@b.example", "newsletter", "yes please", "terms", "on")
	time.Sleep(time.Until(later.Add(5 * time.Millisecond)))
	f = s.must(200, s.do("GET", at+"/figures", ""))
	revenue := f["revenue"].([]any)[0].(map[string]any)
	if f["orders_count"] != 2.0 || f["open_requests"] != 2.0 || f["last_activity_kind"] != "form" ||
		f["first_order_at"] != "2026-03-01T10:00:00Z" || f["last_order_at"] != "2026-04-01T10:00:00Z" ||
		fmt.Sprint(revenue) != "map[average:map[amount:751 currency:EUR] orders:2 total:map[amount:1501 currency:EUR]]" {
		t.Errorf("figures %v", f)
	}
	open := func() (ids []string) {
		for _, a := range s.must(200, s.do("GET", at+"/timeline?kind=form", ""))["activities"].([]any) {
			if a := a.(map[string]any); a["open"] == true {
				ids = append(ids, a["id"].(string))
			}
		}
		return ids
	}
	if got := fmt.Sprint(open()); got != fmt.Sprint([]string{second, first}) {
		t.Errorf("open are %s", got)
	}
	s.must(204, s.do("POST", at+"/requests/"+first+"/done", ""))
	s.must(404, s.do("POST", at+"/requests/"+first+"/done", ""))
	if got := fmt.Sprint(open()); got != fmt.Sprint([]string{second}) {
		t.Errorf("open are then %s", got)
	}
}

// What was paid, billed or attended is activity; what is booked for later is none yet.
func TestDealingsMoveTheLastActivity(t *testing.T) {
	s := newShop(t)
	c := s.must(201, s.do("POST", "/v1/contacts", `{"email":"emma@b.example"}`))
	at := "/v1/contacts/" + c["id"].(string)
	made, err := time.Parse(time.RFC3339, c["created_at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	for made.Add(4 * time.Millisecond).After(time.Now()) {
		time.Sleep(time.Millisecond)
	}
	for i, step := range []struct {
		kind   order.DealingKind
		status order.DealingStatus
		at     time.Time
		want   string
	}{
		{order.Invoice, order.Issued, made.Add(time.Millisecond), "invoice"},
		{order.Payment, order.DealPaid, made.Add(2 * time.Millisecond), "payment"},
		{order.Appointment, order.Booked, made.Add(48 * time.Hour), "payment"},
		{order.Appointment, order.Attended, made.Add(3 * time.Millisecond), "reservation"},
	} {
		d := order.Dealing{Kind: step.kind, Source: "desk", ExternalID: fmt.Sprint(i), Status: step.status, At: step.at, UpdatedAt: made,
			Amount: order.Money{Minor: 100, Currency: "EUR"}, Customer: order.Customer{Email: "emma@b.example"}}
		if err := order.AttachDealing(context.Background(), s.book, d, contact.Policy{Automation: contact.Automation{Off: true}}, time.Now()); err != nil {
			t.Fatal(err)
		}
		f := s.must(200, s.do("GET", at+"/figures", ""))
		if f["last_activity_kind"] != step.want || f["orders_count"] != 0.0 {
			t.Errorf("after %s %s the figures are %v", step.kind, step.status, f)
		}
	}
}
