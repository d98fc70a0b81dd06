package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"clientele/internal/local/client"
)

// Whatever comes in, the answer is a clear 4xx and nothing is written.
func TestGarbage(t *testing.T) {
	s := open(t)
	before, err := s.other.All(s.ctx)
	s.must(err)
	jobs := s.do(s.other, 200, "GET", "/v1/imports", nil)

	id := s.create(map[string]any{"email": s.address()}).ID
	email := s.address()
	form, hook := s.run.OtherFormURL, s.run.Sources["shopify"].URL
	big, huge := strings.Repeat("x", 9<<20), strings.Repeat("x", 20<<20)
	type header = client.Header
	json := client.JSONBody
	for _, c := range []struct {
		name, method, path, body string
		h                        header
		want                     int
	}{
		{"no JSON", "POST", "/v1/contacts", "{", json, 400},
		{"another JSON", "POST", "/v1/contacts", `[1,2]`, json, 422},
		{"null", "POST", "/v1/contacts", `null`, json, 422},
		{"nothing", "POST", "/v1/contacts", ``, json, 400},
		{"no UTF-8", "POST", "/v1/contacts", "{\"email\":\"\xff\xfe@e2e.example\"}", json, 422}, // the local gateway replaces it
		{"binary", "POST", "/v1/contacts", "\x00\x01\x02\x7f\xf0", json, 400},
		{"deep", "POST", "/v1/contacts", strings.Repeat(`{"address":`, 5000), json, 400},
		{"an unknown field", "POST", "/v1/contacts", fmt.Sprintf(`{"email":%q,"orders_count":7}`, email), json, 422},
		{"a field of another type", "POST", "/v1/contacts", `{"email":7}`, json, 422},
		{"a contact who is nobody", "POST", "/v1/contacts", `{"first_name":"Nobody"}`, json, 422},
		{"a body that is no JSON type", "POST", "/v1/contacts", "email=a", header{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"9 MB", "POST", "/v1/contacts", big, json, 413},
		{"20 MB", "POST", "/v1/contacts", huge, json, 413},
		{"an unknown id", "GET", "/v1/contacts/ct_0000000000000000000000000", "", nil, 404},
		{"an id that is none", "GET", "/v1/contacts/%00%F0", "", nil, 404},
		{"an id of another site", "GET", "/v1/contacts/" + id, "", nil, 404},
		{"a change of another site's", "PATCH", "/v1/contacts/" + id, `{"note":"x"}`, header{"Content-Type", "application/json", "If-Match", "*"}, 404},
		{"a deletion of another site's", "DELETE", "/v1/contacts/" + id, "", header{"If-Match", "*"}, 404},
		{"a timeline of another site's", "GET", "/v1/contacts/" + id + "/timeline", "", nil, 404},
		{"orders of another site's", "GET", "/v1/contacts/" + id + "/orders", "", nil, 404},
		{"a method that is not there", "PUT", "/v1/contacts", "{}", json, 405},
		{"an import of nothing", "POST", "/v1/imports", `{"filename":"a.csv","size":0}`, json, 422},
		{"an import of too much", "POST", "/v1/imports", `{"filename":"a.csv","size":99999999999}`, json, 422},
		{"an import of a spreadsheet", "POST", "/v1/imports", `{"filename":"a.xlsx","size":10}`, json, 422},
		{"an import that is no JSON", "POST", "/v1/imports", `<xml/>`, json, 400},
		{"an import of 20 MB in the call", "POST", "/v1/imports", huge, json, 413},
		{"an unknown import", "GET", "/v1/imports/imp_none", "", nil, 404},
		{"a start of an unknown import", "POST", "/v1/imports/imp_none/start", "{}", json, 404},
		{"a filter that is none", "POST", "/v1/exports", `{"filter":"status = ("}`, json, 422},
		{"a column that is none", "POST", "/v1/exports", `{"columns":["shoe_size"]}`, json, 422},
		{"an export of 20 MB in the call", "POST", "/v1/exports", huge, json, 413},
		{"an unknown export", "GET", "/v1/exports/exp_none", "", nil, 404},
		{"a form that is no form", "POST", form, "{", json, 400},
		{"a form of another type", "POST", form, "<a/>", header{"Content-Type", "text/xml"}, 415},
		{"a form without a type", "POST", form, "email=" + email, nil, 415},
		{"an empty form", "POST", form, "{}", json, 422},
		{"a form of 9 MB", "POST", form, big, json, 413},
		{"a form of 20 MB", "POST", form, huge, json, 413},
		{"a form that is not there", "POST", form + "-none", `{"email":"` + email + `"}`, json, 404},
		{"a form without a site", "POST", s.run.APIURL + "/f/none", `{"email":"` + email + `"}`, json, 404},
		{"a webhook of 20 MB", "POST", hook, huge, json, 413},
		{"a webhook of nobody", "POST", s.run.APIURL + "/hooks/none", "{}", json, 404},
		{"a webhook by GET", "GET", hook, "", nil, 405},
	} {
		a, err := s.other.Send(s.ctx, c.method, c.path, strings.NewReader(c.body), c.h)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if a.Status != c.want {
			t.Errorf("%s: %s; want %d", c.name, a, c.want)
		}
		if bytes.Contains(a.Body, []byte("goroutine")) || bytes.Contains(a.Body, []byte("dynamodb")) {
			t.Errorf("%s: inner words: %s", c.name, a)
		}
	}

	after, err := s.other.All(s.ctx)
	s.must(err)
	if len(before) != len(after) {
		t.Errorf("%d contacts before, %d after", len(before), len(after))
	}
	if now := s.do(s.other, 200, "GET", "/v1/imports", nil); !bytes.Equal(now.Body, jobs.Body) {
		t.Errorf("the imports were %s, are %s", jobs, now)
	}
	s.absent(s.other, email)
	s.absent(s.api, email)
}

func TestWrongKeys(t *testing.T) {
	s := open(t)
	site := strings.SplitN(s.run.APIKey, "_", 3)[1]
	for name, key := range map[string]string{
		"none": "", "garbage": "garbage", "another word": "Basic", "an unknown site": "ck_nosuch_" + strings.Repeat("ab", 32),
		"a made-up secret": "ck_" + site + "_" + strings.Repeat("ab", 32), "cut off": s.run.APIKey[:len(s.run.APIKey)-1],
		"another site's secret": "ck_" + site + "_" + strings.SplitN(s.run.OtherAPIKey, "_", 3)[2],
	} {
		c := client.New(s.run.APIURL, key)
		email := s.address()
		for _, call := range []struct {
			method, path string
			body         any
		}{
			{"GET", "/v1/contacts", nil}, {"POST", "/v1/contacts", map[string]any{"email": email}},
			{"POST", "/v1/imports", map[string]any{"filename": "a.csv", "size": 10}}, {"POST", "/v1/exports", map[string]any{}},
			{"GET", "/v1/imports/imp_none", nil}, {"GET", "/v1/exports/exp_none", nil},
		} {
			a, err := c.Do(s.ctx, call.method, call.path, call.body)
			s.must(err)
			if a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s, %s %s: %s", name, call.method, call.path, a)
			}
		}
		s.absent(s.api, email)
	}
}

// An import and an export are their site's alone.
func TestJobsOfAnotherSite(t *testing.T) {
	s := open(t)
	j, err := s.api.StartImport(s.ctx, "own.csv", 10, nil)
	s.must(err)
	s.do(s.other, 404, "GET", "/v1/imports/"+j.ID, nil)
	s.do(s.other, 404, "POST", "/v1/imports/"+j.ID+"/start", map[string]any{})
	s.do(s.other, 404, "POST", "/v1/imports/"+j.ID+"/cancel", nil)
	s.do(s.api, 404, "GET", "/v1/exports/"+j.ID, nil)
	var e struct{ ID string }
	s.must(s.do(s.api, 202, "POST", "/v1/exports", map[string]any{"ids": []string{s.create(map[string]any{"email": s.address()}).ID}}).JSON(&e))
	s.do(s.other, 404, "GET", "/v1/exports/"+e.ID, nil)
	s.do(s.api, 200, "POST", "/v1/imports/"+j.ID+"/cancel", nil)
	s.do(s.api, 200, "GET", "/v1/openapi.json", nil)
}
