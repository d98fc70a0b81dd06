package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/message"
	"clientele/internal/domain/site"
	"clientele/internal/entry/httpapi"
	"clientele/internal/entry/webhook"
)

type queue struct {
	sent []message.Message
	fail error
}

func (q *queue) Send(_ context.Context, m message.Message) error {
	if q.fail != nil {
		return q.fail
	}
	if _, err := m.Pack(); err != nil {
		return err
	}
	q.sent = append(q.sent, m)
	return nil
}

const (
	shopSecret = "shpss_0123456789abcdef"
	nextSecret = "shpss_fedcba9876543210"
	ownSecret  = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
)

func hooksUnderTest(q *queue) http.Handler {
	return httpapi.Hooks(directory{
		site: site.Site{ID: "demo1"},
		sources: []site.Source{
			{ID: "demo1-shopify", Kind: "shopify", Secrets: []string{shopSecret, nextSecret}},
			{ID: "demo1-woo", Kind: "woocommerce", Secrets: []string{shopSecret}},
			{ID: "demo1-own", Kind: "own", Secrets: []string{ownSecret}},
			{ID: "demo1-bare", Kind: "shopify"},
			{ID: "demo1-odd", Kind: "magento", Secrets: []string{shopSecret}},
		},
	}, q, testClock)
}

// signed is a delivery as the shop would make it.
func signed(source, kind, secret, topic, body string) *http.Request {
	r := ask("POST", "/hooks/demo1-"+source, "", body)
	for k, v := range webhook.Sign(webhook.Kind(kind), secret, []byte(body), "d-1", testNow) {
		r.Header[k] = v
	}
	if h := webhook.TopicHeader(webhook.Kind(kind)); h != "" && topic != "" {
		r.Header.Set(h, topic)
	}
	return r
}

const ownOrder = `{"id":"1","status":"paid","currency":"EUR","total":"1.00","updated_at":"2026-03-02T10:16:30Z"}`

func TestHookScenarios(t *testing.T) {
	quiet(t)
	forged := signed("shopify", "shopify", shopSecret, "orders/create", `{"id":1}`)
	forged.Body = ask("POST", "/", "", `{"id":2}`).Body
	unsigned := ask("POST", "/hooks/demo1-shopify", asJSON, `{"id":1}`)
	sixMiB := `{"items":[` + strings.Repeat(`{"sku":"MEEL-25"},`, 300_000) + `{}]}`
	for _, tt := range []struct {
		name   string
		do     *http.Request
		want   int
		answer string
		queued int
	}{
		{"a signed order is queued", signed("shopify", "shopify", shopSecret, "orders/create", `{"id":1}`), 200, "accepted", 1},
		{"also with the secret that comes next", signed("shopify", "shopify", nextSecret, "orders/create", `{"id":1}`), 200, "accepted", 1},
		{"WooCommerce", signed("woo", "woocommerce", shopSecret, "order.updated", `{"id":1}`), 200, "accepted", 1},
		{"our own kind", signed("own", "own", ownSecret, "", ownOrder), 200, "accepted", 1},
		{"our own kind, with faults", signed("own", "own", ownSecret, "", `{"id":"1"}`), 422, "/updated_at", 0},
		{"an order of 5 MB", signed("shopify", "shopify", shopSecret, "orders/create", sixMiB), 200, "accepted", 1},
		{"a forged body", forged, 401, "unauthorized", 0},
		{"no signature", unsigned, 401, "unauthorized", 0},
		{"another source's secret", signed("woo", "woocommerce", nextSecret, "order.updated", `{"id":1}`), 401, "unauthorized", 0},
		{"a source without secrets", signed("bare", "shopify", "", "orders/create", `{"id":1}`), 401, "unauthorized", 0},
		{"a source of no known kind is our fault", signed("odd", "shopify", shopSecret, "orders/create", `{"id":1}`), 500, "internal", 0},
		{"WooCommerce asks whether somebody listens", ask("POST", "/hooks/demo1-woo", urlencoded, "webhook_id=17"), 200, "pong", 0},
		{"that ping gets nothing out of Shopify's source", ask("POST", "/hooks/demo1-shopify", urlencoded, "webhook_id=17"), 401, "unauthorized", 0},
		{"a signed topic that is no order", signed("shopify", "shopify", shopSecret, "customers/update", `{"id":1}`), 200, "ignored", 0},
		{"a forged topic that is no order", signed("shopify", "shopify", "wrong", "customers/update", `{"id":1}`), 401, "unauthorized", 0},
		{"signed, but no JSON", signed("shopify", "shopify", shopSecret, "orders/create", `<order/>`), 400, "malformed", 0},
		{"an appointment with a fault", signed("own", "own", ownSecret, "", `{"type":"appointment","id":"1","status":"paid","at":"2026-03-02T10:00:00Z","updated_at":"2026-03-02T10:00:00Z"}`), 422, "invalid", 0},
		{"another type", signed("own", "own", ownSecret, "", `{"type":"basket","id":"1"}`), 422, "invalid", 0},
		{"an unknown source", signed("nope", "shopify", shopSecret, "orders/create", `{"id":1}`), 404, "not-found", 0},
		{"over 6 MiB", signed("shopify", "shopify", shopSecret, "orders/create", `"`+strings.Repeat("x", 6<<20)+`"`), 413, "too-large", 0},
		{"a look by hand", ask("GET", "/hooks/demo1-shopify", "", ""), 405, "method-not-allowed", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := &queue{}
			w := httptest.NewRecorder()
			hooksUnderTest(q).ServeHTTP(w, tt.do)
			if w.Code != tt.want || len(q.sent) != tt.queued || !strings.Contains(w.Body.String(), `"`+tt.answer+`"`) && !strings.Contains(w.Body.String(), "/problems/"+tt.answer+`"`) {
				t.Errorf("status %d, %d queued, %.300s; want %d, %d, %s", w.Code, len(q.sent), w.Body, tt.want, tt.queued, tt.answer)
			}
		})
	}
}

func TestWhatIsQueued(t *testing.T) {
	quiet(t)
	for _, tt := range []struct{ source, kind, secret, topic, file string }{
		{"shopify", "shopify", shopSecret, "orders/create", "shopify.json"},
		{"woo", "woocommerce", shopSecret, "order.created", "woocommerce.json"},
		{"own", "own", ownSecret, "", "own.json"},
		{"own", "own", ownSecret, "", "payment.json"},
		{"own", "own", ownSecret, "", "invoice.json"},
		{"own", "own", ownSecret, "", "appointment.json"},
	} {
		body, err := os.ReadFile("../../../events/orders/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		q := &queue{}
		hooksUnderTest(q).ServeHTTP(httptest.NewRecorder(), signed(tt.source, tt.kind, tt.secret, tt.topic, string(body)))
		if len(q.sent) != 1 {
			t.Fatalf("%s: %d messages", tt.file, len(q.sent))
		}
		m := q.sent[0]
		a := m.Attributes
		if m.Site != "demo1" || m.Kind != webhook.OrderMessage || string(m.Body) != string(body) || a[webhook.AttrSource] != "demo1-"+tt.source ||
			a[webhook.AttrShop] != tt.kind || a[webhook.AttrTopic] != tt.topic || a[webhook.AttrDelivery] != "d-1" || a[webhook.AttrReceived] != "2026-03-02T10:00:00Z" {
			t.Errorf("%s: %s %s %v", tt.file, m.Site, m.Kind, a)
		}
	}
}

func TestAQueueThatFailsIsNoSuccess(t *testing.T) {
	quiet(t)
	for _, tt := range []struct {
		fail error
		want int
	}{{errors.New("down"), 500}, {crm.Errorf(crm.TooLarge, "too large"), 413}} {
		w := httptest.NewRecorder()
		hooksUnderTest(&queue{fail: tt.fail}).ServeHTTP(w, signed("own", "own", ownSecret, "", ownOrder))
		if w.Code != tt.want {
			t.Errorf("%v: status %d, want %d: the shop would not send it again", tt.fail, w.Code, tt.want)
		}
	}
}
