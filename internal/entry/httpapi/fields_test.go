package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"clientele/internal/domain/site"
)

// A kind of field of a contact: a value, another one, what clearing gives, and
// values of wrong types or forms.
type fieldKind struct {
	one, other, cleared any
	wrong               []any
}

// matrix has every field that a change may have; own stands for a field of the site.
func matrix() map[string]fieldKind {
	text := fieldKind{"Één", "twee", "", []any{1, true, []any{"x"}, map[string]any{}, strings.Repeat("é", 5001)}}
	address := fieldKind{map[string]any{"street": "Kade 1", "country": "NL"}, map[string]any{"street": "Kade 2", "country": "NL"}, nil, []any{"Kade 1", 1, []any{}, map[string]any{"street": 1}}}
	like := func(k fieldKind, one, other any, wrong ...any) fieldKind {
		return fieldKind{one, other, k.cleared, append(wrong, k.wrong...)}
	}
	return map[string]fieldKind{
		"email": like(text, "one@b.example", "two@b.example", "no address"), "first_name": text, "last_name": text, "company": text, "gender": text, "note": text, "fiscal_number": text,
		"phone": like(text, "+31201234567", "bel mij"), "mobile": like(text, "+31612345678", "toestel"),
		"website": like(text, "https://a.example", "https://b.example/x", "a b"), "language": like(text, "nl", "en-GB", "!"), "birth_date": like(text, "1985-03-31", "2000-02-29", "2001-02-29"),
		"vat_number": like(text, "NL000099998B57", "BE0403170701", "NL1"), "preferred_channel": like(text, "sms", "post", "pigeon"),
		"phones":       {[]any{"+31201234567"}, []any{"+31201234567", "x"}, []any{}, []any{"x", 1, []any{1}, []any{nil}, make([]any, 11)}},
		"emails":       {[]any{"x@b.example"}, []any{"y@b.example", "z@b.example"}, []any{}, []any{"x", 1, []any{"x"}}},
		"external_ids": {[]any{"shop:1"}, []any{"shop:2"}, []any{}, []any{"x", []any{"x"}, 1}},
		"tags":         {[]any{"a"}, []any{"b", "c"}, []any{}, []any{"x", []any{1}, 1}},
		"address":      address, "billing_address": address, "shipping_address": address,
		"custom": {map[string]any{"own": "x"}, map[string]any{"own": "y"}, map[string]any{}, []any{"x", 1, []any{}, map[string]any{"own": 1}, map[string]any{"nose": "x"}}},
	}
}

func TestEveryFieldIsPatchedByTheSameRules(t *testing.T) {
	s := newShop(t)
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"own","label":"Own","type":"text"}`))
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"rest","label":"Rest","type":"text"}`))
	kept := map[string]any{"external_ids": []any{"keep:1"}, "phone": "+31101234567", "email": "keep@b.example"} // a contact keeps one of these
	id := s.must(201, s.do("POST", "/v1/contacts", `{"external_ids":["keep:1"],"phone":"+31101234567","email":"keep@b.example","custom":{"rest":"stays"}}`))["id"].(string)
	at := "/v1/contacts/" + id
	get := func() map[string]any { return s.must(200, s.do("GET", at, "")) }
	patch := func(status int, name string, v any) map[string]any {
		t.Helper()
		b, err := json.Marshal(map[string]any{name: v})
		if err != nil {
			t.Fatal(err)
		}
		w := s.do("PATCH", at, string(b), "If-Match", "*")
		if w.Code != status {
			t.Fatalf("%s: %.100s: %d %s", name, b, w.Code, w.Body)
		}
		return s.must(status, w)
	}
	says := func(c map[string]any, name string, v any) bool {
		got := c[name]
		if want, ok := v.(map[string]any); ok { // an object says at least so much
			for k, x := range want {
				if m, _ := got.(map[string]any); m == nil || !reflect.DeepEqual(m[k], x) {
					return false
				}
			}
			return true
		}
		if v == nil {
			return reflect.DeepEqual(got, map[string]any{})
		}
		return reflect.DeepEqual(got, v)
	}
	for name, k := range matrix() {
		if c := patch(200, name, k.one); !says(c, name, k.one) {
			t.Errorf("%s is %v, want %v", name, c[name], k.one)
		}
		before := get()
		version := before["version"]
		if c := patch(200, name, k.one); c["version"] != version {
			t.Errorf("%s: the same again made version %v of %v", name, c["version"], version)
		}
		s.must(200, s.do("PATCH", at, `{}`, "If-Match", "*")) // absent stays
		if c := get(); !reflect.DeepEqual(c, before) {
			t.Errorf("%s: a change of nothing made %v of %v", name, c, before)
		}
		for _, w := range k.wrong {
			patch(422, name, w)
		}
		if c := get(); !reflect.DeepEqual(c, before) {
			t.Errorf("%s: refused changes made %v of %v", name, c, before)
		}
		if c := patch(200, name, k.other); !says(c, name, k.other) {
			t.Errorf("%s is %v, want %v", name, c[name], k.other)
		}
		c := patch(200, name, nil)
		if !says(c, name, k.cleared) {
			t.Errorf("%s cleared is %v, want %v", name, c[name], k.cleared)
		}
		for other := range matrix() { // and nothing else
			if other != name && other != "custom" && !reflect.DeepEqual(c[other], before[other]) {
				t.Errorf("%s: clearing it changed %s", name, other)
			}
		}
		if v, ok := kept[name]; ok {
			patch(200, name, v)
		} else if name != "custom" {
			patch(200, name, k.one) // so that the next one stands beside it
		}
	}
}

func TestHostileTextComesBackFromEveryField(t *testing.T) {
	s := newShop(t)
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"own","label":"Own","type":"text"}`))
	raw, err := os.ReadFile(filepath.Join("..", "..", "domain", "order", "testdata", "blns.txt"))
	if err != nil {
		t.Fatal(err)
	}
	reader := *s // with a key of its own, as there are limits to one
	reader.key = site.NewCredential(s.id, [32]byte{8})
	if err := s.table.PutKey(context.Background(), s.id, site.Key{ID: "key_reader", Hash: site.Hash(reader.key), Scopes: site.Scopes}); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, line := range strings.Split(string(raw), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		cut := func(n int) string {
			if r := []rune(line); len(r) > n {
				return string(r[:n])
			}
			return line
		}
		want := map[string]any{"email": fmt.Sprintf("l%d@b.example", lines), "first_name": cut(200), "last_name": cut(200), "company": cut(300), "gender": cut(50), "note": line, "fiscal_number": cut(50),
			"address": map[string]any{"street": cut(300), "street_2": cut(300), "postcode": cut(20), "city": cut(200), "region": cut(200)}, "custom": map[string]any{"own": line}}
		body, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		w := s.do("POST", "/v1/contacts", string(body))
		if w.Code != 201 {
			t.Fatalf("%q: %d %s", line, w.Code, w.Body)
		}
		got := s.must(200, reader.do("GET", w.Header().Get("Location"), ""))
		delete(got["address"].(map[string]any), "formatted")
		for name := range want {
			if !reflect.DeepEqual(got[name], want[name]) {
				t.Errorf("%s was %q and is %q", name, want[name], got[name])
			}
		}
	}
	if lines < 400 {
		t.Errorf("only %d lines", lines)
	}
}
