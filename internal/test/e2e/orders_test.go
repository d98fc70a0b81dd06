package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/domain/order"
	"clientele/internal/local/client"
)

// sample is a shop's body, made one of an order and a person of this test.
func sample(t *testing.T, shop, email, id string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../../events/orders/" + shop + ".json")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{
		{"bob.norman@hostmail.com", email}, {"john.doe@example.com", email}, {"fenna.de-wit@example.nl", email},
		{`"id": 450789469`, `"id": ` + id}, {`"id": 727`, `"id": ` + id}, {`"2026-000042"`, `"` + id + `"`},
		{`207119551`, id + "7"}, {`k-1007`, "k-" + id},
		{"Norman", surname}, {`"Doe"`, `"` + surname + `"`}, {"de Wit", surname},
	} {
		b = bytes.ReplaceAll(b, []byte(r[0]), []byte(r[1]))
	}
	return b
}

func orderID() string { return fmt.Sprint(time.Now().UnixMicro()) }

func TestOrders(t *testing.T) {
	for shop, revenue := range map[string]client.Money{"shopify": {Amount: 40994, Currency: "USD"}, "woocommerce": {Amount: 2935, Currency: "USD"}, "own": {Amount: 10000, Currency: "EUR"}} {
		t.Run(shop, func(t *testing.T) {
			s := open(t)
			email := s.address()
			s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": email, "message": "a question"}, "Accept", "application/json")
			lead := s.comes(email, nil)
			id := orderID()
			body := sample(t, shop, email, id)
			for range 2 {
				a, err := s.api.Deliver(s.ctx, shop, s.run.Sources[shop], "msg_"+id, client.Topics[shop], body)
				s.must(err)
				s.wants(200, a, "the webhook")
			}
			k := s.comes(email, func(k client.Contact) bool { return k.OrdersCount > 0 })
			if lead.Status != "lead" || k.ID != lead.ID || k.Status != "customer" || k.OrdersCount != 1 || len(k.Revenue) != 1 || k.Revenue[0] != revenue {
				t.Errorf("%s became %+v", lead.Status, k)
			}
			time.Sleep(time.Second) // the second delivery is through by now
			s.oneOrder(k.ID, revenue)
		})
	}
}

// oneOrder wants a contact with a single order, told once in its timeline.
func (s *stage) oneOrder(id string, revenue client.Money) {
	s.t.Helper()
	k, err := s.api.Contact(s.ctx, id)
	s.must(err)
	orders, err := s.api.Orders(s.ctx, id)
	s.must(err)
	acts, err := s.api.Timeline(s.ctx, id)
	s.must(err)
	told := 0
	for _, a := range acts {
		if a.Kind == "order" {
			told++
		}
	}
	if k.OrdersCount != 1 || len(orders) != 1 || told != 1 || len(k.Revenue) != 1 || k.Revenue[0] != revenue {
		s.t.Errorf("%d order(s), %d kept, %d in the timeline, revenue %v; want one of %v", k.OrdersCount, len(orders), told, k.Revenue, revenue)
	}
}

// Whatever the order in which versions of an order come, and however often, the newest stands.
func TestShuffledDeliveries(t *testing.T) {
	s := open(t)
	email, id := s.address(), orderID()
	version := func(minute int, status, refunded string) []byte {
		b, err := json.Marshal(order.OwnOrder{ID: id, Status: status, Currency: "EUR", Total: "80.00", Refunded: refunded,
			PlacedAt: "2026-03-02T10:00:00Z", UpdatedAt: fmt.Sprintf("2026-03-02T10:%02d:00Z", minute),
			Customer: &order.OwnCustomer{Email: email, LastName: surname}})
		s.must(err)
		return b
	}
	open, paid, repaid := version(1, "open", ""), version(2, "paid", ""), version(3, "fulfilled", "30.00")
	var wg sync.WaitGroup
	for i, body := range [][]byte{repaid, open, paid, repaid, paid, open} {
		wg.Go(func() {
			a, err := s.api.Deliver(s.ctx, "own", s.run.Sources["own"], fmt.Sprintf("msg_%s_%d", id, i), "", body)
			if err != nil || a.Status != 200 {
				t.Errorf("delivery %d: %s, %v", i, a, err)
			}
		})
	}
	wg.Wait()
	want := client.Money{Amount: 5000, Currency: "EUR"}
	k := s.comes(email, func(k client.Contact) bool { return len(k.Revenue) == 1 && k.Revenue[0] == want })
	time.Sleep(2 * time.Second)
	s.oneOrder(k.ID, want)
	if orders, err := s.api.Orders(s.ctx, k.ID); err != nil || len(orders) != 1 || orders[0].Status != "fulfilled" {
		t.Errorf("%+v, %v", orders, err)
	}
}

func TestBadSignatures(t *testing.T) {
	s := open(t)
	for shop, src := range s.run.Sources {
		email := s.address()
		body := sample(t, shop, email, orderID())
		forged := src
		forged.Secret = strings.Repeat("ab", 32)
		if shop == "own" {
			forged.Secret = "whsec_" + strings.Repeat("QUJD", 11)
		}
		a, err := s.api.Deliver(s.ctx, shop, forged, "msg_forged", client.Topics[shop], body)
		s.must(err)
		s.wants(401, a, shop+", forged")
		a, err = s.api.Send(s.ctx, "POST", src.URL, bytes.NewReader(body), client.JSONBody)
		s.must(err)
		s.wants(401, a, shop+", unsigned")
		// Signed well, and changed on the way.
		gone := src
		gone.URL += "x"
		a, err = s.api.Deliver(s.ctx, shop, gone, "msg_1", client.Topics[shop], body)
		s.must(err)
		s.wants(404, a, shop+", unknown source")
		a, err = s.api.Deliver(s.ctx, shop, src, "msg_garbage", client.Topics[shop], []byte("{not json"))
		s.must(err)
		s.wants(400, a, shop+", signed garbage")
		time.Sleep(time.Second)
		s.absent(s.api, email)
	}
}

func TestPingOfWooCommerce(t *testing.T) {
	s := open(t)
	a, err := s.api.Send(s.ctx, "POST", s.run.Sources["woocommerce"].URL, strings.NewReader("webhook_id=17"),
		client.Header{"Content-Type", "application/x-www-form-urlencoded"})
	s.must(err)
	s.wants(200, a, "an unsigned ping")
}

// The same people from a form, an order and an import at the same moment.
func TestTheSamePersonAtOnce(t *testing.T) {
	s := open(t)
	var emails []string
	file := "email,first_name,company\n"
	for range 6 {
		e := s.address()
		emails = append(emails, e)
		file += e + ",Sam,Import BV\n"
	}
	job, err := s.api.StartImport(s.ctx, "same.csv", len(file), nil)
	s.must(err)
	var wg sync.WaitGroup
	wg.Go(func() {
		if a, err := s.api.Upload(s.ctx, job, []byte(file)); err != nil || a.Status != 200 {
			t.Errorf("the upload: %s, %v", a, err)
		}
	})
	for i, e := range emails {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 200 * time.Millisecond) // to meet the import at all of its moments
			if a, err := s.api.PostForm(s.ctx, s.run.FormURL, map[string]any{"email": strings.ToUpper(e), "message": "hello"}); err != nil || a.Status != 202 {
				t.Errorf("a form: %s, %v", a, err)
			}
		})
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 200 * time.Millisecond)
			id := fmt.Sprintf("%s%d", orderID(), i)
			if a, err := s.api.Deliver(s.ctx, "own", s.run.Sources["own"], "msg_"+id, "", sample(t, "own", e, id)); err != nil || a.Status != 200 {
				t.Errorf("an order: %s, %v", a, err)
			}
		})
	}
	wg.Wait()
	job, err = s.api.AwaitImport(s.ctx, job.ID, nil)
	s.must(err)
	if job.Counts.Rows != 6 || job.Counts.Rejected != 0 {
		t.Errorf("the import: %s", job.Counts)
	}
	for _, e := range emails {
		s.comes(e, func(k client.Contact) bool { return k.OrdersCount == 1 })
	}
	page, _, err := s.api.Page(s.ctx, 200, "")
	s.must(err)
	for _, e := range emails {
		n := 0
		for _, k := range page {
			if strings.EqualFold(k.Email, e) {
				n++
			}
		}
		k := s.comes(e, nil)
		acts, err := s.api.Timeline(s.ctx, k.ID)
		s.must(err)
		kinds := map[string]int{}
		for _, a := range acts {
			kinds[a.Kind]++
		}
		if n != 1 || k.Status != "customer" || kinds["form"] != 1 || kinds["order"] != 1 {
			t.Errorf("%s: %d contacts, %s, timeline %v", e, n, k.Status, kinds)
		}
	}
}
