package httpapi_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"clientele/internal/domain/audit"
)

// Nobody loses another's change of what a site is set up with: each change and
// deletion names the version that it is of.
func TestSettingsChangeAtTheirVersionAlone(t *testing.T) {
	s := newShop(t)
	made := func(path, body, id string) string {
		return path + "/" + s.must(201, s.do("POST", path, body))[id].(string)
	}
	for at, c := range map[string]struct{ change, etag string }{
		made("/v1/groups", `{"name":"Horeca"}`, "id"):                                 {`{"name":"Schools"}`, ""},
		made("/v1/tags", `{"name":"VIP"}`, "id"):                                      {`{"colour":"#2c7a7b"}`, ""},
		made("/v1/lists", `{"name":"News"}`, "id"):                                    {`{"name":"Nieuws"}`, "/v1/lists"},
		made("/v1/custom-fields", `{"key":"hat","label":"Hat","type":"text"}`, "key"): {`{"label":"Hoed"}`, "/v1/custom-fields"},
		made("/v1/statuses", `{"name":"Guest"}`, "id"):                                {`{"name":"Gast"}`, "/v1/statuses"},
	} {
		if c.etag == "" {
			c.etag = at
		}
		read := s.do("GET", c.etag, "").Header().Get("ETag")
		if read == "" {
			t.Errorf("%s has no ETag", c.etag)
		}
		s.must(428, s.do("PATCH", at, c.change))
		w := s.do("PATCH", at, c.change, "If-Match", read)
		s.must(200, w)
		if now := w.Header().Get("ETag"); now == "" || now == read {
			t.Errorf("%s: the ETag was %s and is %s", at, read, now)
		}
		now, rows := w.Header().Get("ETag"), len(s.audited())
		if w := s.do("PATCH", at, c.change, "If-Match", now); w.Code != 200 || w.Header().Get("ETag") != now || len(s.audited()) != rows {
			t.Errorf("%s: a change of nothing: %d, %s is %s, %d rows more", at, w.Code, now, w.Header().Get("ETag"), len(s.audited())-rows)
		}
		says := s.must(412, s.do("PATCH", at, strings.Replace(c.change, `":"`, `":"x`, 1), "If-Match", read))["detail"]
		if !strings.Contains(fmt.Sprint(says), "it is at version "+strings.Trim(now, `"`)+" now") {
			t.Errorf("%s: %s", at, says)
		}
		del := at
		switch {
		case strings.HasPrefix(at, "/v1/lists"):
			del += "?confirm=" + s.must(200, s.do("POST", at+"/preview-deletion", ""))["confirm"].(string)
		case strings.HasPrefix(at, "/v1/statuses"):
			del += "?target=lead"
		}
		s.must(428, s.do("DELETE", del, ""))
		s.must(412, s.do("DELETE", del, "", "If-Match", read))
		if w := s.do("DELETE", del, "", "If-Match", s.do("GET", c.etag, "").Header().Get("ETag")); w.Code != 202 && w.Code != 204 {
			t.Errorf("%s: %d %s", del, w.Code, w.Body)
		}
	}
}

// The order that statuses have already is no change.
func TestStatusesInTheOrderThatTheyHaveStay(t *testing.T) {
	s := newShop(t)
	for _, w := range []*httptest.ResponseRecorder{
		s.do("PUT", "/v1/statuses/order", `{"ids":["lead","customer","vip","inactive"]}`, "If-Match", `"0"`),
		s.do("PATCH", "/v1/statuses/vip", `{"name":null,"colour":null}`, "If-Match", `"0"`),
	} {
		if s.must(200, w); w.Header().Get("ETag") != `"0"` || len(s.audited()) != 0 {
			t.Errorf("the ETag is %s, with %d rows", w.Header().Get("ETag"), len(s.audited()))
		}
	}
	if w := s.do("PUT", "/v1/statuses/order", `{"ids":["vip","lead","customer","inactive"]}`, "If-Match", `"0"`); w.Code != 200 || w.Header().Get("ETag") != `"1"` || len(s.audited()) != 1 {
		t.Errorf("another order: %d, %s, %d rows", w.Code, w.Header().Get("ETag"), len(s.audited()))
	}
}

// audited is the log of what was done with the site.
func (s *shop) audited() []audit.Entry {
	s.t.Helper()
	rows, _, err := s.table.AuditLog(s.t.Context(), s.id, audit.Filter{}, 100, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// A deletion or a new name whose job could not be handed to a worker is asked for again
// and completed, by whoever asks.
func TestAJobThatCouldNotBeStartedIsStartedByTheSameRequest(t *testing.T) {
	for name, c := range map[string]struct{ method, with, want string }{
		"a group that is deleted": {"DELETE", "", "[VIP] "},
		"a tag that is deleted":   {"DELETE", "", "[] group"},
		"a tag that is renamed":   {"PATCH", `{"name":"Regular"}`, "[Regular] group"},
		"a tag in other letters":  {"PATCH", `{"name":"vip"}`, "[vip] group"},
		"a status":                {"DELETE", "", "[VIP] group"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			g := s.must(201, s.do("POST", "/v1/groups", `{"name":"Horeca"}`))["id"].(string)
			st := s.must(201, s.do("POST", "/v1/statuses", `{"name":"Guest"}`))["id"].(string)
			tag := s.must(201, s.do("POST", "/v1/tags", `{"name":"VIP"}`))["id"].(string)
			who := s.person(fmt.Sprintf(`{"email":"a@b.example","tags":["VIP"],"group":%q,"status":%q}`, g, st))
			at, list := "/v1/tags/"+tag, "/v1/tags/"+tag
			if strings.Contains(name, "group") {
				at, list = "/v1/groups/"+g, "/v1/groups/"+g
			} else if strings.Contains(name, "status") {
				at, list = "/v1/statuses/"+st+"?target=lead", "/v1/statuses"
			}
			read := s.do("GET", list, "").Header().Get("ETag")
			s.jobs.Down = errors.New("the queue is down")
			s.must(500, s.do(c.method, at, c.with, "If-Match", read))
			s.must(500, s.do(c.method, at, c.with, "If-Match", read))
			s.jobs.Down = nil
			s.must(202, s.do(c.method, at, c.with, "If-Match", read))
			s.drain()
			k := s.must(200, s.do("GET", who, ""))
			group := ""
			if k["group"] == g {
				group = "group"
			}
			if got := fmt.Sprint(k["tags"], " ", group); got != c.want {
				t.Errorf("the contact has %s, want %s", got, c.want)
			}
			if strings.Contains(name, "status") && k["status"] != "lead" {
				t.Errorf("the contact is %v", k["status"])
			}
			// It is done: nothing is left, and nothing is there.
			if w := s.do(c.method, at, c.with, "If-Match", read); w.Code != 404 && w.Code != 412 {
				t.Errorf("after it was done: %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestGroupsHaveNamesOfTheirOwn(t *testing.T) {
	s := newShop(t)
	first := s.must(201, s.do("POST", "/v1/groups", `{"name":"Café"}`))["id"].(string)
	if p := s.must(409, s.do("POST", "/v1/groups", `{"name":" CAFÉ "}`)); !strings.Contains(p["detail"].(string), first) {
		t.Errorf("the problem does not name the group: %v", p)
	}
	second := "/v1/groups/" + s.must(201, s.do("POST", "/v1/groups", `{"name":"Bar"}`))["id"].(string)
	s.must(409, s.do("PATCH", second, `{"name":"café"}`, "If-Match", `"1"`))
	s.must(200, s.do("PATCH", second, `{"name":"BAR"}`, "If-Match", `"1"`))
	// Of many at the same moment one has it.
	var wg sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() { codes[i] = s.do("POST", "/v1/groups", `{"name":"Hotel"}`).Code })
	}
	wg.Wait()
	made := 0
	for _, c := range codes {
		if c == 201 {
			made++
		} else if c != 409 {
			t.Errorf("answered %d", c)
		}
	}
	if all := s.must(200, s.do("GET", "/v1/groups", ""))["groups"].([]any); made != 1 || len(all) != 3 {
		t.Errorf("%d were made, %d groups are there", made, len(all))
	}
}

func TestWhatWasChosenSinceThePresetStays(t *testing.T) {
	s := newShop(t)
	const preset = `{"preset":"hospitality"}`
	if l := s.must(200, s.do("POST", "/v1/tags/preset", preset)); l["max_per_contact"] != 9.0 || len(l["tags"].([]any)) != 8 {
		t.Fatalf("started with %v", l)
	}
	s.settings(func(x *siteSettings) { x.MaxTags = 30 })
	if l := s.must(200, s.do("POST", "/v1/tags/preset", preset)); l["max_per_contact"] != 30.0 {
		t.Errorf("a contact may have %v tags", l["max_per_contact"])
	}
	at := "/v1/tags/" + s.must(201, s.do("POST", "/v1/tags", `{"name":"Terrace","colour":"#b7791f"}`))["id"].(string)
	if again := s.must(201, s.do("POST", "/v1/tags", `{"name":"terrace"}`)); again["colour"] != "#b7791f" || again["name"] != "terrace" {
		t.Errorf("made again it is %v", again)
	}
	if now := s.must(200, s.do("GET", at, "")); now["colour"] != "#b7791f" {
		t.Errorf("it is %v", now)
	}
}
