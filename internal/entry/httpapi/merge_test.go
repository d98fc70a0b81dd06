package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestMergeAndUndo(t *testing.T) {
	s := newShop(t)
	id := func(body string) string {
		return s.must(201, s.do("POST", "/v1/contacts", body))["id"].(string)
	}
	first := id(`{"email":"a@b.example","company":"Bakker","consent":"subscribed"}`)
	second := id(`{"email":"c@b.example","company":"Slager","first_name":"Emma","phone":"06 12345678","tags":["x"],"consent":"unsubscribed"}`)
	body := fmt.Sprintf(`{"primary":%q,"others":[%q]}`, first, second)

	w := s.do("POST", "/v1/merges/preview", body)
	p := s.must(200, w)
	tag := w.Header().Get("ETag")
	seen := p["contact"].(map[string]any)
	if p["mergeable"] != true || seen["company"] != "Bakker" || seen["first_name"] != "Emma" || seen["consent"] != "unsubscribed" || fmt.Sprint(seen["emails"]) != "[c@b.example]" {
		t.Errorf("preview %v", p)
	}
	if from := p["from"].(map[string]any); from["company"] != first || from["name"] != second || from["consent"] != second {
		t.Errorf("from %v", from)
	}
	if d := fmt.Sprint(p["differences"]); d != fmt.Sprintf("[map[contact:%s field:company values:map[company:Slager]]]", second) {
		t.Errorf("differences %s", d)
	}

	s.must(428, s.do("POST", "/v1/merges", body))
	s.must(412, s.do("POST", "/v1/merges", body, "If-Match", `"1"`))
	s.must(200, s.do("PATCH", "/v1/contacts/"+second, `{"company":"Kok"}`, "If-Match", `"1"`))
	s.must(412, s.do("POST", "/v1/merges", body, "If-Match", tag)) // changed since the preview
	tag = s.do("POST", "/v1/merges/preview", body).Header().Get("ETag")
	w = s.do("POST", "/v1/merges", body, "If-Match", tag, "Idempotency-Key", "m1")
	m := s.must(201, w)
	again := s.do("POST", "/v1/merges", body, "If-Match", tag, "Idempotency-Key", "m1")
	if r := s.must(201, again); r["id"] != m["id"] || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %v", r)
	}
	at := w.Header().Get("Location")
	s.must(200, s.do("GET", at, ""))

	w = s.do("GET", "/v1/contacts/"+second, "")
	if c := s.must(200, w); c["id"] != first || w.Header().Get("Content-Location") != "/v1/contacts/"+first || fmt.Sprint(c["merged"]) != "["+second+"]" {
		t.Errorf("the old id gives %v", c)
	}
	s.must(412, s.do("PATCH", "/v1/contacts/"+second, `{"company":"X"}`, "If-Match", `"2"`)) // an ETag from before the merge
	changed := s.must(200, s.do("PATCH", "/v1/contacts/"+second, `{"company":"X"}`, "If-Match", `"3"`))
	if changed["id"] != first || changed["company"] != "X" {
		t.Errorf("changed under the old id: %v", changed)
	}
	p = s.must(409, s.do("POST", "/v1/merges/preview", body))
	if p["contact_id"] != first {
		t.Errorf("merged twice: %v", p)
	}
	told := fmt.Sprint(s.must(200, s.do("GET", "/v1/contacts/"+second+"/timeline?kind=merge", ""))["activities"])
	for _, want := range []string{second + ".company text:Kok", second + ".tags text:x", second + ".email text:c@b.example"} {
		if !strings.Contains(told, want) {
			t.Errorf("the note lacks %s: %s", want, told)
		}
	}

	if u := s.must(200, s.do("POST", at+"/undo", "")); u["undone_at"] == nil {
		t.Errorf("undone %v", u)
	}
	s.must(200, s.do("POST", at+"/undo", ""))
	if c := s.must(200, s.do("GET", "/v1/contacts/"+second, "")); c["id"] != second || c["company"] != "Kok" || c["phone"] != "+31612345678" {
		t.Errorf("given back %v", c)
	}
	if c := s.must(200, s.do("GET", "/v1/contacts/"+first, "")); c["company"] != "X" || c["first_name"] != "" || c["consent"] != "subscribed" {
		t.Errorf("the primary is %v", c)
	}
}

func TestWhatCannotBeMergedIsSaid(t *testing.T) {
	s := newShop(t)
	first := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	for _, tt := range []struct {
		name, others string
		status       int
	}{
		{"nobody", `[]`, 422},
		{"itself", fmt.Sprintf(`[%q]`, first), 422},
		{"somebody twice", `["ct_00000000000000000000000000","ct_00000000000000000000000000"]`, 422},
		{"somebody unknown", `["ct_00000000000000000000000000"]`, 404},
		{"no id", `["x"]`, 404},
	} {
		for _, path := range []string{"/v1/merges/preview", "/v1/merges"} {
			w := s.do("POST", path, fmt.Sprintf(`{"primary":%q,"others":%s}`, first, tt.others), "If-Match", `"x"`)
			if w.Code != tt.status {
				t.Errorf("%s %s: %d %s", path, tt.name, w.Code, w.Body)
			}
		}
	}
	s.must(404, s.do("GET", "/v1/merges/mg_x", ""))
	s.must(404, s.do("POST", "/v1/merges/mg_01kb2m3n4p5q6r7s8t9v0w1x2y/undo", ""))
}
