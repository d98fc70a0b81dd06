package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// says brings in what a shop knew an hour after now.
func (s *shop) says(email string, d contact.Details) {
	s.t.Helper()
	later := time.Now().Add(time.Hour).UTC()
	_, _, err := s.book.Upsert(context.Background(), contact.Facts{Source: "shop", Email: email, AsOf: contact.Stamp{At: later}, Details: d}, later,
		func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
			c.Enrich(f)
			return nil, nil
		})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestAContactTellsItsLockAndWhatWasOffered(t *testing.T) {
	s := newShop(t)
	at := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example","company":"Oud","phone":"0612345678"}`))["id"].(string)
	if c := s.must(200, s.do("GET", at, "")); c["locked"] != nil {
		t.Errorf("a new contact is locked: %v", c["locked"])
	}
	s.must(200, s.do("PATCH", at, `{"company":"Nieuw"}`, "If-Match", `"1"`))
	s.says("a@b.example", contact.Details{Company: "X", Phone: "+31612345678", FirstName: "Jan", LastName: "Vries"})
	c := s.must(200, s.do("GET", at, ""))
	lock := c["locked"].(map[string]any)
	offers := lock["offers"].(map[string]any)
	if lock["all"] != true || lock["by"] != fmt.Sprint("key_", len(site.Scopes)) || lock["at"] == nil || lock["fields"] != nil || len(offers) != 2 || c["company"] != "Nieuw" || c["first_name"] != "" {
		t.Fatalf("%v", c)
	}
	if o := offers["company"].(map[string]any); o["source"] != "shop" || fmt.Sprint(o["values"]) != "map[company:X]" {
		t.Errorf("the offer for the company: %v", o)
	}
	if o := offers["name"].(map[string]any); fmt.Sprint(o["values"]) != "map[first_name:Jan last_name:Vries]" {
		t.Errorf("the offer for the name: %v", o)
	}

	for _, bad := range []string{`{"fields":["nose"]}`, `{"fields":["phone"]}`, `{"fields":[]}`, `{}`} {
		s.must(422, s.do("POST", at+"/take-offers", bad, "If-Match", `"3"`))
	}
	if p := s.must(422, s.do("POST", at+"/take-offers", `{"fields":["company","phone","note"]}`, "If-Match", `"3"`)); len(p["errors"].([]any)) != 2 {
		t.Errorf("not every field without an offer is told: %v", p)
	}
	s.must(428, s.do("POST", at+"/take-offers", `{"fields":["name"]}`))
	s.must(412, s.do("POST", at+"/take-offers", `{"fields":["name"]}`, "If-Match", `"2"`))
	c = s.must(200, s.do("POST", at+"/take-offers", `{"fields":["name"]}`, "If-Match", `"3"`))
	if lock = c["locked"].(map[string]any); c["first_name"] != "Jan" || c["company"] != "Nieuw" || lock["all"] != true || len(lock["offers"].(map[string]any)) != 1 {
		t.Errorf("after taking the name: %v", c)
	}

	s.must(422, s.do("POST", at+"/unlock", `{"fields":["nose"]}`, "If-Match", `"4"`))
	c = s.must(200, s.do("POST", at+"/unlock", `{"fields":["phone"]}`, "If-Match", `"4"`))
	if lock = c["locked"].(map[string]any); lock["all"] != false || len(lock["fields"].(map[string]any)) != len(contact.Units())-1 {
		t.Errorf("after unlocking the phone: %v", lock)
	}
	if again := s.must(200, s.do("POST", at+"/unlock", `{"fields":["phone"]}`, "If-Match", `"5"`)); again["version"] != 5.0 {
		t.Errorf("unlocking what is open made version %v", again["version"])
	}
	c = s.must(200, s.do("POST", at+"/unlock", `{"take_offers":true}`, "If-Match", `"5"`))
	if c["locked"] != nil || c["company"] != "X" {
		t.Errorf("after unlocking with what was offered: %v", c)
	}
	acts := s.must(200, s.do("GET", at+"/timeline", ""))["activities"].([]any)
	var told []string
	for _, a := range acts[:len(acts)-1] { // the last is its making
		told = append(told, fmt.Sprint(a.(map[string]any)["kind"], a.(map[string]any)["changed"], a.(map[string]any)["by"]))
	}
	want := strings.ReplaceAll("[edit[company locked]K edit[locked]K edit[name]K edit[company]K]", "K", fmt.Sprint("key_", len(site.Scopes)))
	if got := fmt.Sprint(told); got != want {
		t.Errorf("the timeline tells\n%s, want\n%s", got, want)
	}
}

func TestTheScopeOfTheSiteDecidesWhatAnEditLocks(t *testing.T) {
	s := newShop(t)
	s.settings(func(x *siteSettings) { x.LockScope = contact.LockField })
	at := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	s.must(200, s.do("PATCH", at, `{"company":"Nieuw"}`, "If-Match", `"1"`))
	s.says("a@b.example", contact.Details{Company: "X", Phone: "+31612345678"})
	c := s.must(200, s.do("GET", at, ""))
	lock := c["locked"].(map[string]any)
	if c["phone"] != "+31612345678" || c["company"] != "Nieuw" || lock["all"] != false || len(lock["fields"].(map[string]any)) != 1 {
		t.Errorf("%v", c)
	}
	if by := lock["fields"].(map[string]any)["company"].(map[string]any); by["by"] != fmt.Sprint("key_", len(site.Scopes)) || by["at"] == nil {
		t.Errorf("the company's lock: %v", by)
	}
	if found, err := s.book.Find(context.Background(), crm.EmailIdentity("a@b.example")); err != nil || len(found.Offers) != 1 {
		t.Errorf("%v, %v", found.Offers, err)
	}
}
