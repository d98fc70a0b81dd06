package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"clientele/internal/domain/site"
	"clientele/internal/test/dynamotest"
)

func TestSeveralContactsInOneRequest(t *testing.T) {
	s := newShop(t)
	body := `{"contacts":[{"email":"a@b.example","first_name":"Ada"},{"phone":"0612345678"}]}`
	made := s.must(201, s.do("POST", "/v1/contacts/batch-create", body, "Idempotency-Key", "1"))["contacts"].([]any)
	first, second := made[0].(map[string]any)["id"], made[1].(map[string]any)["id"]
	w := s.do("POST", "/v1/contacts/batch-create", body, "Idempotency-Key", "1")
	if s.must(201, w); w.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("a repeated request makes new contacts")
	}
	p := s.must(422, s.do("POST", "/v1/contacts/batch-create", `{"contacts":[{"email":"ok@b.example"},{"email":"fout"},{}]}`))
	if got := fmt.Sprint(p["errors"]); !strings.Contains(got, "/contacts/1/email") || !strings.Contains(got, "/contacts/2/email") {
		t.Errorf("faults %s", got)
	}
	p = s.must(409, s.do("POST", "/v1/contacts/batch-create", `{"contacts":[{"email":"A@b.example"},{"email":"ok@b.example"}]}`))
	if got := fmt.Sprint(p["errors"]); !strings.Contains(got, "/contacts/0") || !strings.Contains(got, first.(string)) {
		t.Errorf("faults %s", got)
	}
	got := s.must(200, s.do("POST", "/v1/contacts/batch-get", fmt.Sprintf(`{"ids":[%q,%q]}`, second, first)))["contacts"].([]any)
	if got[0].(map[string]any)["id"] != second || got[1].(map[string]any)["first_name"] != "Ada" {
		t.Errorf("got %v", got)
	}
	p = s.must(404, s.do("POST", "/v1/contacts/batch-get", fmt.Sprintf(`{"ids":[%q,"ct_00000000000000000000000000"]}`, first)))
	if got := fmt.Sprint(p["errors"]); !strings.Contains(got, "/ids/1") || strings.Contains(got, "/ids/0") {
		t.Errorf("faults %s", got)
	}
	many := `{"contacts":[` + strings.Repeat(`{"email":"x@b.example"},`, 25) + `{"email":"x@b.example"}]}`
	s.must(422, s.do("POST", "/v1/contacts/batch-create", many))
}

func TestAContactIsLookedUpByWhatItIsKnownBy(t *testing.T) {
	s := newShop(t)
	c := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example","emails":["second@b.example"],"external_ids":["shopify:7"]}`))
	for _, body := range []string{`{"email":"A@B.example"}`, `{"email":"second@b.example"}`, `{"external_id":"shopify:7"}`} {
		if got := s.must(200, s.do("POST", "/v1/contacts/look-up", body)); got["id"] != c["id"] {
			t.Errorf("%s finds %v", body, got["id"])
		}
	}
	s.must(404, s.do("POST", "/v1/contacts/look-up", `{"email":"nobody@b.example"}`))
	s.must(422, s.do("POST", "/v1/contacts/look-up", `{"email":"a@b.example","external_id":"shopify:7"}`))
	s.must(422, s.do("POST", "/v1/contacts/look-up", `{}`))
	s.must(422, s.do("POST", "/v1/contacts/look-up", `{"email":"no address"}`))
}

func TestCallersAreHeldToTheLimitOfTheirSite(t *testing.T) {
	table := dynamotest.Table(t)
	st := dynamotest.Site(t, table, "bakery")
	if _, err := table.ChangeSite(t.Context(), st.ID, func(s *site.Site) error { s.Calls = 5; return nil }); err != nil {
		t.Fatal(err)
	}
	s := shopOn(t, table, st, site.Scopes...)
	for i := range 5 {
		w := s.do("GET", "/v1/contacts", "")
		s.must(200, w)
		if w.Header().Get("RateLimit-Policy") != `"default";q=5;w=60` || !strings.HasPrefix(w.Header().Get("RateLimit"), fmt.Sprintf(`"default";r=%d;`, 4-i)) {
			t.Errorf("call %d: %q, %q", i, w.Header().Get("RateLimit-Policy"), w.Header().Get("RateLimit"))
		}
	}
	w := s.do("GET", "/v1/contacts", "")
	if p := s.must(429, w); p["type"] != "/problems/quota-exceeded" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%v, wait %q", p, w.Header().Get("Retry-After"))
	}
	other := shopOn(t, table, dynamotest.Site(t, table, "garage"), site.Scopes...)
	other.must(200, other.do("GET", "/v1/contacts", ""))
}
