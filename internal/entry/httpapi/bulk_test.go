package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/site"
	"clientele/internal/test/bulkkit"
	"clientele/internal/test/dynamotest"
)

// drain has the jobs that were asked for carried out.
func (s *shop) drain() {
	s.t.Helper()
	now, err := s.table.ByID(s.t.Context(), s.id) // as its settings are now
	if err != nil {
		s.t.Fatal(err)
	}
	s.jobs.Drain(s.t, bulkkit.Conditions{Workers: 4, Twice: 0.2}, s.table.Book(now), now, &bulk.Worker{Actions: bulk.Builtin(), Queue: s.jobs, Clock: time.Now})
}

func TestABulkActionIsAskedForAndFollowed(t *testing.T) {
	s := newShop(t)
	var ids []string
	for i := range 3 {
		c := s.must(201, s.do("POST", "/v1/contacts", fmt.Sprintf(`{"email":"p%d@b.example","tags":["old"]}`, i)))
		ids = append(ids, c["id"].(string))
	}
	w := s.do("POST", "/v1/bulk", `{"action":"add_tags","arguments":{"tags":["new"]},"ids":["`+ids[0]+`","`+ids[1]+`"]}`)
	j, at := s.must(202, w), w.Header().Get("Location")
	if j["state"] != "queued" || at != "/v1/bulk/"+j["id"].(string) || w.Header().Get("Retry-After") == "" {
		t.Errorf("asked %v at %s", j, at)
	}
	s.drain()
	j = s.must(200, s.do("GET", at, ""))
	if fmt.Sprint(j["state"], j["progress"], j["counts"]) != "done1 map[changed:2 done:2 failed:0 skipped:0]" {
		t.Errorf("ended %v", j)
	}
	acts := s.must(200, s.do("GET", "/v1/contacts/"+ids[0]+"/timeline", ""))["activities"].([]any)
	if a := acts[0].(map[string]any); a["ref"] != j["id"] || a["kind"] != "tags" || fmt.Sprint(a["changed"]) != "[tags]" {
		t.Errorf("timeline %v", acts)
	}
	s.must(409, s.do("POST", at+"/cancel", ""))
	if list := s.must(200, s.do("GET", "/v1/bulk", ""))["bulk"].([]any); len(list) != 1 {
		t.Errorf("listed %v", list)
	}

	del := `{"action":"delete","filter":"tags:new"`
	s.must(422, s.do("POST", "/v1/bulk", del+`}`))
	p := s.must(200, s.do("POST", "/v1/bulk/preview", del+`}`))
	if p["matched"] != 2.0 || p["destructive"] != true {
		t.Errorf("preview %v", p)
	}
	s.must(202, s.do("POST", "/v1/bulk", del+`,"confirm":"`+p["confirm"].(string)+`"}`))
	s.drain()
	s.must(404, s.do("GET", "/v1/contacts/"+ids[1], ""))
	s.must(200, s.do("GET", "/v1/contacts/"+ids[2], ""))

	many := `{"action":"clear_group","ids":["` + strings.Repeat(ids[2]+`","`, 9_999) + ids[2] + `"]}`
	s.must(202, s.do("POST", "/v1/bulk", many))
	s.must(404, s.do("GET", "/v1/bulk/bk_unknown", ""))
	s.must(422, s.do("POST", "/v1/bulk", `{"action":"rename_tag","all":true}`))
}

func TestBulkActionsStayWithinTheirSite(t *testing.T) {
	table := dynamotest.Table(t)
	a := shopOn(t, table, dynamotest.Site(t, table, "bakery"), site.Scopes...)
	b := shopOn(t, table, dynamotest.Site(t, table, "florist"), site.Scopes...)
	c := a.must(201, a.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))
	w := b.do("POST", "/v1/bulk", `{"action":"add_tags","arguments":{"tags":["x"]},"ids":["`+c["id"].(string)+`"]}`)
	b.must(202, w)
	b.drain()
	j := b.must(200, b.do("GET", w.Header().Get("Location"), ""))
	if fmt.Sprint(j["reasons"]) != "[map[count:1 detail:there is no such contact reason:missing]]" {
		t.Errorf("ended %v", j)
	}
	a.must(404, a.do("GET", w.Header().Get("Location"), ""))
	a.must(404, a.do("POST", w.Header().Get("Location")+"/cancel", ""))
	reader := shopOn(t, table, dynamotest.Site(t, table, "reader"), site.ContactsRead)
	reader.must(403, reader.do("POST", "/v1/bulk", `{"action":"clear_group","all":true}`))
}
