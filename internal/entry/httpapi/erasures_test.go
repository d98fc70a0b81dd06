package httpapi_test

import (
	"fmt"
	"testing"

	"clientele/internal/domain/site"
	"clientele/internal/test/dynamotest"
)

func TestAnErasureIsAskedForAndFollowed(t *testing.T) {
	s := newShop(t)
	id := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	s.must(404, s.do("POST", "/v1/erasures/preview", `{"contact_id":"ct_00000000000000000000000000"}`))
	s.must(422, s.do("POST", "/v1/erasures", `{"contact_id":"`+id+`"}`))
	p := s.must(200, s.do("POST", "/v1/erasures/preview", `{"contact_id":"`+id+`"}`))
	if p["contacts"] != 1.0 || p["orders"] != 0.0 {
		t.Errorf("preview %v", p)
	}
	w := s.do("POST", "/v1/erasures", fmt.Sprintf(`{"contact_id":%q,"confirm":%q}`, id, p["confirm"]))
	j, at := s.must(202, w), w.Header().Get("Location")
	if j["state"] != "queued" || at != "/v1/erasures/"+j["id"].(string) || len(s.jobs.Erasures) != 1 {
		t.Errorf("asked %v at %s, sent %v", j, at, s.jobs.Erasures)
	}
	got := s.must(200, s.do("GET", at, ""))
	if step := got["steps"].([]any)[1].(map[string]any); step["name"] != "contact" || step["state"] != "pending" {
		t.Errorf("read %v", got)
	}
	if list := s.must(200, s.do("GET", "/v1/erasures", ""))["erasures"].([]any); len(list) != 1 {
		t.Errorf("listed %v", list)
	}
	s.must(404, s.do("GET", "/v1/bulk/"+j["id"].(string), ""))
	other := shopOn(t, s.table, dynamotest.Site(t, s.table, "florist"), site.ContactsRead)
	other.must(404, other.do("GET", at, ""))
	other.must(403, other.do("POST", "/v1/erasures/preview", `{"contact_id":"`+id+`"}`))
}
