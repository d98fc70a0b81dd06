package e2e

import (
	"strings"
	"testing"

	"clientele/internal/local/client"
)

func TestContacts(t *testing.T) {
	s := open(t)
	email := s.address()
	body := map[string]any{"email": email, "first_name": "Emma", "last_name": surname, "phone": "06 12345678", "tags": []string{"bread"}}
	a := s.do(s.api, 201, "POST", "/v1/contacts", body, "Idempotency-Key", email)
	var k client.Contact
	s.must(a.JSON(&k))
	at := "/v1/contacts/" + k.ID
	if k.Email != email || k.Phone != "+31612345678" || k.Status != "lead" || k.Version != 1 || a.Header.Get("ETag") != `"1"` || a.Header.Get("Location") != at {
		t.Errorf("%s, ETag %s, Location %s", a, a.Header.Get("ETag"), a.Header.Get("Location"))
	}

	// The same request again is answered as the first was; another one with its key is refused.
	a = s.do(s.api, 201, "POST", "/v1/contacts", body, "Idempotency-Key", email)
	var again client.Contact
	s.must(a.JSON(&again))
	if again.ID != k.ID || a.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s, replayed %q", a, a.Header.Get("Idempotency-Replayed"))
	}
	s.do(s.api, 422, "POST", "/v1/contacts", map[string]any{"email": s.address()}, "Idempotency-Key", email)

	// A second contact with the address is refused, and the first is named.
	a = s.do(s.api, 409, "POST", "/v1/contacts", map[string]any{"email": strings.ToUpper(email)})
	var held struct{ Contact string }
	s.must(a.JSON(&held))
	if held.Contact != at {
		t.Errorf("the conflict links to %q, want %q", held.Contact, at)
	}
	s.do(s.api, 200, "GET", held.Contact, nil)

	a = s.do(s.api, 200, "GET", at, nil)
	if a.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %s", a.Header.Get("ETag"))
	}
	s.do(s.api, 304, "GET", at, nil, "If-None-Match", `"1"`)

	// Nothing changes without the version.
	s.do(s.api, 428, "PATCH", at, map[string]any{"note": "x"})
	s.do(s.api, 428, "DELETE", at, nil)
	s.do(s.api, 412, "PATCH", at, map[string]any{"note": "x"}, "If-Match", `"7"`)
	s.do(s.api, 412, "DELETE", at, nil, "If-Match", `"7"`)

	// Absent stays, null clears.
	a = s.do(s.api, 200, "PATCH", at, map[string]any{"phone": nil, "note": "rings twice"}, "If-Match", `"1"`)
	s.must(a.JSON(&k))
	if k.Phone != "" || k.Note != "rings twice" || k.FirstName != "Emma" || k.Version != 2 {
		t.Errorf("patched: %s", a)
	}

	// Another address: the id stays, and the old address is free.
	moved := s.address()
	s.do(s.api, 200, "PATCH", at, map[string]any{"email": moved}, "If-Match", `"2"`)
	next := s.create(map[string]any{"email": email, "last_name": surname})
	if next.ID == k.ID {
		t.Error("two contacts with one id")
	}
	s.do(s.api, 409, "PATCH", at, map[string]any{"email": email}, "If-Match", `"3"`)

	s.do(s.api, 204, "DELETE", at, nil, "If-Match", `"3"`)
	s.do(s.api, 404, "GET", at, nil)
	s.absent(s.api, moved)
	// Somebody new with the address has nothing of the old.
	fresh := s.create(map[string]any{"email": moved})
	if fresh.ID == k.ID {
		t.Error("the id of a deleted contact is lived in again")
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	s := open(t)
	a := s.do(s.api, 422, "POST", "/v1/contacts", map[string]any{"email": "no address", "birth_date": "yesterday", "status": "king", "nonsense": 1})
	var p struct {
		Errors []struct{ Pointer string }
	}
	s.must(a.JSON(&p))
	if len(p.Errors) != 4 {
		t.Errorf("%d faults, want 4: %s", len(p.Errors), a)
	}
	a = s.do(s.api, 422, "POST", "/v1/contacts", map[string]any{"email": "no address", "birth_date": "yesterday", "status": "king"})
	s.must(a.JSON(&p))
	if len(p.Errors) != 3 {
		t.Errorf("%d faults, want 3: %s", len(p.Errors), a)
	}
}

// The list is last changed first, without doubles or gaps from page to page.
func TestList(t *testing.T) {
	s := open(t)
	var want []string
	for range 5 {
		want = append([]string{s.create(map[string]any{"email": s.address()}).ID}, want...)
	}
	s.do(s.api, 200, "PATCH", "/v1/contacts/"+want[4], map[string]any{"last_name": surname}, "If-Match", `"1"`)
	want = append([]string{want[4]}, want[:4]...)
	var got []string
	for cursor := ""; len(got) < 5; {
		page, next, err := s.api.Page(s.ctx, 2, cursor)
		s.must(err)
		for _, k := range page {
			got = append(got, k.ID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if strings.Join(got[:5], " ") != strings.Join(want, " ") {
		t.Errorf("the list begins with\n%v, want\n%v", got, want)
	}
	s.do(s.api, 422, "GET", "/v1/contacts?limit=0", nil)
	a := s.do(s.api, 422, "GET", "/v1/contacts?cursor=made-up", nil)
	if strings.Contains(a.String(), "cipher") {
		t.Errorf("inner words in %s", a)
	}
}
