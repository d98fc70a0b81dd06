package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"clientele/internal/domain/site"
)

func TestCustomFieldsAreMadeFilledAndDeleted(t *testing.T) {
	s := newShop(t)
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"size","label":"Shoe size","type":"number"}`))
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"gold","label":"Gold card","type":"boolean"}`))
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"topics","label":"Topics","type":"choices","options":["Bread","Cakes"]}`))
	s.must(409, s.do("POST", "/v1/custom-fields", `{"key":"size","label":"Size","type":"text"}`))
	s.must(422, s.do("POST", "/v1/custom-fields", `{"key":"fit","label":"SHOE size","type":"text"}`))
	s.must(422, s.do("POST", "/v1/custom-fields", `{"key":"fit","label":"Fit","type":"blob"}`))
	s.must(404, s.do("PATCH", "/v1/custom-fields/nose", `{"label":"x"}`))
	s.must(200, s.do("PATCH", "/v1/custom-fields/topics", `{"options":["Cakes","Bread","Coffee"],"position":0}`, "If-Match", "*"))
	if got := fmt.Sprint(s.must(200, s.do("GET", "/v1/custom-fields", ""))); !strings.Contains(got, "[map[key:topics label:Topics options:[Cakes Bread Coffee] type:choices] map[key:size") {
		t.Errorf("fields %s", got)
	}
	const digits = "12345678901234567890.123456789"
	w := s.do("POST", "/v1/contacts", `{"email":"a@b.example","custom":{"size":`+digits+`,"gold":true,"topics":["bread","CAKES"]}}`)
	at := "/v1/contacts/" + s.must(201, w)["id"].(string)
	if want := `"custom":{"gold":true,"size":` + digits + `,"topics":["Cakes","Bread"]}`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s\nlacks %s", w.Body, want)
	}
	if w := s.do("GET", at, ""); !strings.Contains(w.Body.String(), digits) {
		t.Errorf("read back as %s", w.Body)
	}
	p := s.must(422, s.do("PATCH", at, `{"custom":{"size":"many","gold":1,"topics":["Tea"],"nose":null,"a/b":{}}}`, "If-Match", `"1"`))
	for _, pointer := range []string{"/custom/size", "/custom/gold", "/custom/topics", "/custom/nose", "/custom/a~1b"} {
		if !strings.Contains(fmt.Sprint(p["errors"]), pointer) {
			t.Errorf("no fault at %s in %v", pointer, p["errors"])
		}
	}
	c := s.must(200, s.do("PATCH", at, `{"custom":{"gold":null,"size":"41.50"}}`, "If-Match", `"1"`))
	if got := fmt.Sprint(c["custom"]); got != "map[size:41.5 topics:[Cakes Bread]]" {
		t.Errorf("changed to %s", got)
	}
	if acts := s.must(200, s.do("GET", at+"/timeline", ""))["activities"].([]any); !strings.Contains(fmt.Sprint(acts[0]), "custom.gold custom.size") {
		t.Errorf("timeline %v", acts)
	}
	s.must(204, s.do("DELETE", "/v1/custom-fields/size", "", "If-Match", "*"))
	s.must(404, s.do("DELETE", "/v1/custom-fields/size", "", "If-Match", "*"))
	if got := fmt.Sprint(s.must(200, s.do("GET", at, ""))["custom"]); got != "map[topics:[Cakes Bread]]" {
		t.Errorf("a deleted field shows %s", got)
	}
	s.must(200, s.do("PATCH", at, `{"custom":{}}`, "If-Match", `"2"`)) // and goes
	s.must(201, s.do("POST", "/v1/custom-fields", `{"key":"size","label":"Size","type":"text"}`))
	if got := fmt.Sprint(s.must(200, s.do("GET", at, ""))["custom"]); got != "map[topics:[Cakes Bread]]" {
		t.Errorf("a field made anew shows %s", got)
	}
}

func TestCustomFieldsNeedTheSettingsPermission(t *testing.T) {
	s := newShop(t)
	low := *s
	low.key = site.NewCredential(s.id, [32]byte{9})
	if err := s.table.PutKey(context.Background(), s.id, site.Key{ID: "key_low", Hash: site.Hash(low.key), Scopes: []site.Scope{site.ContactsRead, site.ContactsWrite}}); err != nil {
		t.Fatal(err)
	}
	low.must(403, low.do("POST", "/v1/custom-fields", `{"key":"size","label":"Shoe size","type":"number"}`))
	low.must(403, low.do("DELETE", "/v1/custom-fields/size", ""))
	low.must(200, low.do("GET", "/v1/custom-fields", ""))
}
