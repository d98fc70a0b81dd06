package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/entry/httpapi"
	"clientele/internal/test/bulkkit"
	"clientele/internal/test/dynamotest"
)

// shop is a site with an API key, behind the contacts API.
type shop struct {
	t     *testing.T
	api   http.Handler
	key   string
	book  *dynamo.Book
	table *dynamo.Table
	id    crm.SiteID
	jobs  *bulkkit.Queue
	files pail
}

type siteSettings = site.Site

// settings changes what the owner of the site may.
func (s *shop) settings(change func(*siteSettings)) {
	s.t.Helper()
	_, err := s.table.ChangeSite(context.Background(), s.id, func(x *site.Site) error {
		change(x)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func newShop(t *testing.T) *shop {
	table := dynamotest.Table(t)
	return shopOn(t, table, dynamotest.Site(t, table, "bakery"), site.Scopes...)
}

func shopOn(t *testing.T, table *dynamo.Table, s site.Site, scopes ...site.Scope) *shop {
	t.Helper()
	key := site.NewCredential(s.ID, [32]byte{1, s.ID[0], 31: 7})
	if err := table.PutKey(context.Background(), s.ID, site.Key{ID: fmt.Sprint("key_", len(scopes)), Hash: site.Hash(key), Scopes: scopes}); err != nil {
		t.Fatal(err)
	}
	jobs, files := &bulkkit.Queue{}, pail{}
	api := httpapi.Contacts(table, func(s site.Site) httpapi.ContactBook { return table.Book(s) }, jobs, files, time.Now, "")
	return &shop{t, api, key, table.Book(s), table, s.ID, jobs, files}
}

func (s *shop) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

func (s *shop) must(status int, w *httptest.ResponseRecorder) map[string]any {
	s.t.Helper()
	if w.Code != status {
		s.t.Fatalf("answer %d, want %d: %s", w.Code, status, w.Body)
	}
	if status >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
		s.t.Fatalf("an error of type %q: %s", w.Header().Get("Content-Type"), w.Body)
	}
	out := map[string]any{}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			s.t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return out
}

func TestTheLifeOfAContact(t *testing.T) {
	s := newShop(t)
	w := s.do("POST", "/v1/contacts", `{"email":"Emma@b.example","first_name":"Emma","phone":"06 12345678","address":{"city":"Utrecht","country":"Nederland"},"tags":["vip","VIP"]}`)
	c := s.must(201, w)
	at := w.Header().Get("Location")
	if w.Header().Get("ETag") != `"1"` || at != "/v1/contacts/"+c["id"].(string) {
		t.Errorf("headers %v", w.Header())
	}
	if c["phone"] != "+31612345678" || c["status"] != "lead" || fmt.Sprint(c["tags"]) != "[vip]" || c["address"].(map[string]any)["country"] != "NL" {
		t.Errorf("created %v", c)
	}
	s.must(200, s.do("GET", at, ""))
	if w := s.do("GET", at, "", "If-None-Match", `"1"`); w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("ETag") != `"1"` {
		t.Errorf("an unchanged contact: %d %s", w.Code, w.Body)
	}
	s.must(428, s.do("PATCH", at, `{"company":"B"}`))
	s.must(412, s.do("PATCH", at, `{"company":"B"}`, "If-Match", `"7"`))
	changed := s.must(200, s.do("PATCH", at, `{"company":"B","phone":null,"address":{"street":"Kade 1"}}`, "If-Match", `"1"`, "Content-Type", "application/merge-patch+json"))
	if a := changed["address"].(map[string]any); changed["company"] != "B" || changed["phone"] != "" || changed["first_name"] != "Emma" || a["city"] != "Utrecht" || a["street"] != "Kade 1" {
		t.Errorf("changed %v", changed)
	}
	if changed["version"] != 2.0 || changed["locked"] == nil {
		t.Errorf("version %v, locked %v", changed["version"], changed["locked"])
	}
	if same := s.must(200, s.do("PATCH", at, `{"address":{}}`, "If-Match", `"2"`)); same["version"] != 2.0 {
		t.Errorf("a change of nothing made version %v", same["version"])
	}
	s.must(428, s.do("POST", at+"/unlock", ""))
	if free := s.must(200, s.do("POST", at+"/unlock", "", "If-Match", `"2"`)); free["locked"] != nil || free["version"] != 3.0 {
		t.Errorf("unlocked %v", free)
	}
	acts := s.must(200, s.do("GET", at+"/timeline", ""))["activities"].([]any)
	if len(acts) != 3 || acts[0].(map[string]any)["kind"] != "edit" || acts[2].(map[string]any)["kind"] != "created" {
		t.Errorf("timeline %v", acts)
	}
	s.must(428, s.do("DELETE", at, ""))
	s.must(412, s.do("DELETE", at, "", "If-Match", `"1"`))
	s.must(204, s.do("DELETE", at, "", "If-Match", `"3"`))
	s.must(404, s.do("GET", at, ""))
	s.must(404, s.do("PATCH", at, `{"company":"C"}`, "If-Match", `"2"`))
	s.must(404, s.do("GET", at+"/timeline", ""))
}

func TestASecondContactWithTheAddressLinksToTheFirst(t *testing.T) {
	s := newShop(t)
	first := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))
	p := s.must(409, s.do("POST", "/v1/contacts", `{"email":"A@B.example"}`))
	if p["contact"] != "/v1/contacts/"+first["id"].(string) {
		t.Errorf("problem %v", p)
	}
	other := s.must(201, s.do("POST", "/v1/contacts", `{"email":"c@b.example"}`))
	s.must(409, s.do("PATCH", "/v1/contacts/"+other["id"].(string), `{"email":"a@b.example"}`, "If-Match", `"1"`))
}

func TestARepeatedCreateIsOneContact(t *testing.T) {
	s := newShop(t)
	first := s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`, "Idempotency-Key", "k1")
	s.must(201, first)
	again := s.do("POST", "/v1/contacts", `{ "email" : "a@b.example" }`, "Idempotency-Key", "k1")
	s.must(201, again)
	if again.Header().Get("Idempotency-Replayed") != "true" || again.Header().Get("Location") != first.Header().Get("Location") {
		t.Errorf("headers %v", again.Header())
	}
	p := s.must(422, s.do("POST", "/v1/contacts", `{"email":"c@b.example"}`, "Idempotency-Key", "k1"))
	if p["type"] != "/problems/idempotency-key-reused" {
		t.Errorf("problem %v", p)
	}
	if rows := s.must(200, s.do("GET", "/v1/contacts", ""))["contacts"].([]any); len(rows) != 1 {
		t.Errorf("%d contacts", len(rows))
	}
}

func TestListsArePagedByOpaqueCursors(t *testing.T) {
	s := newShop(t)
	for i := range 7 {
		s.must(201, s.do("POST", "/v1/contacts", fmt.Sprintf(`{"email":"p%d@b.example"}`, i)))
	}
	var seen []string
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		out := s.must(200, s.do("GET", "/v1/contacts?limit=3&cursor="+cursor, ""))
		for _, r := range out["contacts"].([]any) {
			seen = append(seen, r.(map[string]any)["email"].(string))
		}
		cursor = out["next_cursor"].(string)
		if cursor != "" {
			s.must(422, s.do("GET", "/v1/contacts?cursor="+flip(cursor), ""))
			s.must(422, s.do("GET", "/v1/contacts/ct_00000000000000000000000000/timeline?cursor="+cursor, ""))
		}
	}
	if fmt.Sprint(seen) != "[p6@b.example p5@b.example p4@b.example p3@b.example p2@b.example p1@b.example p0@b.example]" {
		t.Errorf("listed %v", seen)
	}
	s.must(422, s.do("GET", "/v1/contacts?limit=0", ""))
	s.must(200, s.do("GET", "/v1/contacts?limit=100000", ""))
	s.must(422, s.do("GET", "/v1/contacts?limti=3", ""))
}

func flip(s string) string {
	b := []byte(s)
	if b[20]++; b[20] == '{' || b[20] == '[' || b[20] == ':' {
		b[20] = '0'
	}
	return string(b)
}

func TestBadInputWritesNothing(t *testing.T) {
	s := newShop(t)
	for name, tt := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"no body":             {"", 400, ""},
		"half a body":         {`{"email":"a@b.ex`, 400, ""},
		"an array":            {`[1,2]`, 422, ""},
		"no name of any kind": {`{"first_name":"Jan"}`, 422, "an e-mail address, a phone number or an external id"},
		"an unknown field":    {`{"email":"a@b.example","voornaam":"Jan"}`, 422, "/voornaam"},
		"half a character":    {`{"email":"a@b.example","first_name":"Jos\\\ud83d"}`, 400, `\\ud83d by itself`},
		"the other half":      {`{"email":"a@b.example","first_name":"\ude00\ud83d"}`, 400, "half a character"},
		"no UTF-8":            {"{\"email\":\"a@b.example\",\"first_name\":\"Jos\xe9\"}", 400, "UTF-8"},
		"a long name":         {`{"email":"a@b.example","first_name":"` + strings.Repeat("x", 201) + `"}`, 422, "201 characters, at most 200"},
		"two addresses":       {`{"email":"a@b.example, c@b.example"}`, 422, "more than one address"},
		"many faults at once": {`{"email":"a","website":"b c","birth_date":"gisteren","status":"x","tags":["` + strings.Repeat("y", 101) + `"]}`, 422, `"/website"`},
		"a large body":        {`{"note":"` + strings.Repeat("z", 70<<10) + `"}`, 413, "64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			w := s.do("POST", "/v1/contacts", tt.body, "Content-Type", "application/json")
			s.must(tt.status, w)
			if !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s does not say %s", w.Body, tt.says)
			}
		})
	}
	s.t = t
	if rows := s.must(200, s.do("GET", "/v1/contacts", ""))["contacts"].([]any); len(rows) != 0 {
		t.Errorf("%d contacts were written", len(rows))
	}
}

func TestKeysOpenTheirOwnSiteAlone(t *testing.T) {
	table := dynamotest.Table(t)
	a := shopOn(t, table, dynamotest.Site(t, table, "bakery"), site.Scopes...)
	b := shopOn(t, table, dynamotest.Site(t, table, "florist"), site.Scopes...)
	c := a.must(201, a.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))
	at := "/v1/contacts/" + c["id"].(string)
	b.must(404, b.do("GET", at, ""))
	b.must(404, b.do("PATCH", at, `{"company":"x"}`, "If-Match", "*"))
	b.must(404, b.do("DELETE", at, "", "If-Match", "*"))
	b.must(404, b.do("GET", at+"/timeline", ""))
	b.must(404, b.do("GET", at+"/orders", ""))
	for _, key := range []string{"", "x", "ck_bakery_", strings.Replace(b.key, "florist", "bakery", 1), a.key[:len(a.key)-1] + "8", strings.Replace(a.key, "bakery", "BAKERY#", 1)} {
		a.must(401, a.do("GET", at, "", "Authorization", "Bearer "+key))
	}
	a.must(401, a.do("POST", "/v1/contacts", "garbage", "Authorization", "Basic eDp5"))
	reader := shopOn(t, table, dynamotest.Site(t, table, "reader"), site.ContactsRead)
	reader.must(200, reader.do("GET", "/v1/contacts", ""))
	p := reader.must(403, reader.do("POST", "/v1/contacts", "not even JSON"))
	if !strings.Contains(fmt.Sprint(p["detail"]), "contacts.write") {
		t.Errorf("problem %v", p)
	}
}

func TestUnknownAddressesAreProblems(t *testing.T) {
	s := newShop(t)
	s.must(404, s.do("GET", "/v1/contacts/ct_unknown", ""))
	s.must(404, s.do("GET", "/v1/contacts/"+strings.Repeat("x", 3000), ""))
	s.must(404, s.do("GET", "/v2/contacts", ""))
	if w := s.do("PUT", "/v1/contacts", "{}"); w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w := s.do("GET", "/v1/openapi.json", "", "Authorization", "")
	if w.Code != 200 || !bytes.Contains(w.Body.Bytes(), []byte(`"openapi": "3.1.0"`)) {
		t.Errorf("the description: %d", w.Code)
	}
}
