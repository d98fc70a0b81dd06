package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/member"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/entry/httpapi"
)

// notSent are requests that need what only a mail, an upload or a source gives;
// the tests of each send them.
var notSent = []string{"verify-sign-in", "verify-my-email", "accept-invitation", "complete-avatar", "run-import", "take-offers"}

// An example that the API itself refuses leads everybody astray. Each is sent as
// it stands in the description; only ids are real ones.
func TestEveryExampleOfARequestIsTaken(t *testing.T) {
	raw, err := httpapi.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody *struct {
				Content map[string]struct{ Example json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for method, op := range doc.Paths[path] {
			if op.RequestBody == nil || slices.Contains(notSent, op.OperationID) {
				continue
			}
			examples++
			t.Run(op.OperationID, func(t *testing.T) {
				e := newExemplary(t)
				at, body, version := e.ask(path, op.OperationID, string(op.RequestBody.Content["application/json"].Example))
				if status, said := e.send(strings.ToUpper(method), at, body, version); status >= 300 {
					t.Errorf("%s %s: %d %s", at, body, status, said)
				}
			})
		}
	}
	if examples < 45 {
		t.Errorf("only %d requests have an example", examples)
	}
}

// exemplary is a site that makes what a path names, behind all of the API.
type exemplary struct {
	*office
	owner  string
	people int
}

func newExemplary(t *testing.T) *exemplary {
	o := newOffice(t)
	s := shopOn(t, o.store.Table, o.sites["bakery"], site.Scopes...)
	book := o.store.Book(o.sites["bakery"])
	tr := httpapi.Transfers{Open: func(site.Site) httpapi.JobBook { return book }, Files: noFiles{}, Queue: noQueue{}, Clock: func() time.Time { return o.now }}
	access := httpapi.AccessRequests{Open: func(site.Site) privacy.AccessBook { return book }, Files: noFiles{}, Queue: noQueue{}, Clock: tr.Clock}
	imports, exports, admin := httpapi.Imports(o.store.Table, tr), httpapi.Exports(o.store.Table, tr, access), o.api
	o.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := s.api
		for part, h := range map[string]http.Handler{"imports": imports, "exports": exports, "access-requests": exports, "site": admin, "members": admin, "me": admin, "sessions": admin,
			"keys": admin, "forms": admin, "sources": admin, "audit": admin, "sign-in": admin, "invitations": admin} {
			if at := strings.Split(r.URL.Path, "/")[2]; at == part {
				to = h
			}
		}
		to.ServeHTTP(w, r)
	})
	_, owner := o.hire("bakery", "owner@b.example", member.Owner)
	return &exemplary{o, owner, 0}
}

// ask makes what an example of a request is about, and puts its ids in.
func (e *exemplary) ask(path, id, body string) (at, _, version string) {
	at, version = e.path(path), "*"
	switch id {
	case "look-up-contact":
		if e.people < 2 {
			e.made("/v1/contacts", `{"email":"emma@voorbeeld.example"}`, "id")
		}
	case "subscribe-contact":
		body = strings.Replace(body, "list_7h2k9q4m1x8w", e.made("/v1/lists", fmt.Sprintf(`{"name":"News %d","texts":{"nl":"Ja."}}`, e.people), "id"), 1)
	}
	for _, id := range []string{"ct_0123456789abcdefghjkmnpqrs", "ct_1123456789abcdefghjkmnpqrs"} {
		if strings.Contains(body, id) {
			body = strings.ReplaceAll(body, id, e.contact())
		}
	}
	if id == "merge-contacts" {
		version = e.call(e.api, e.owner, "POST", "/v1/merges/preview", body).Header().Get("ETag")
	}
	if id == "start-erasure" {
		body = strings.Replace(body, "the-token-of-a-preview", e.made("/v1/erasures/preview", `{"contact_id":"`+body[strings.Index(body, `"ct_`)+1:][:29]+`"}`, "confirm"), 1)
	}
	return at, body, version
}

func (e *exemplary) send(method, path, body, version string) (int, string) {
	e.people++
	w := e.call(e.api, e.owner, method, path, body, "If-Match", version, "Idempotency-Key", fmt.Sprint("key-", e.people))
	return w.Code, w.Body.String()
}

// made posts something and gives a text of the answer.
func (e *exemplary) made(path, body, field string) string {
	e.t.Helper()
	status, said := e.send("POST", path, body, "*")
	var m map[string]any
	if err := json.Unmarshal([]byte(said), &m); err != nil || status >= 300 {
		e.t.Fatalf("%s: %d %s", path, status, said)
	}
	return fmt.Sprint(m[field])
}

func (e *exemplary) contact() string {
	return e.made("/v1/contacts", fmt.Sprintf(`{"email":"p%d@b.example"}`, e.people), "id")
}

// path is a path with real ids.
func (e *exemplary) path(template string) string {
	at := template
	for _, p := range []struct {
		begin, param string
		make         func() string
	}{
		{"/v1/contacts/", "{id}", e.contact},
		{"/v1/custom-fields/", "{key}", func() string {
			return e.made("/v1/custom-fields", `{"key":"hat","label":"Hat","type":"text"}`, "key")
		}},
		{"/v1/forms/", "{form}", func() string { return e.made("/v1/forms", `{"name":"Spring"}`, "id") }},
		{"/v1/groups/", "{id}", func() string { return e.made("/v1/groups", `{"name":"Schools"}`, "id") }},
		{"/v1/keys/", "{id}", func() string { return e.made("/v1/keys", `{"name":"till","scopes":["contacts.read"]}`, "id") }},
		{"/v1/lists/", "{list}", func() string { return e.made("/v1/lists", `{"name":"News","texts":{"nl":"Ja."}}`, "id") }},
		{"/v1/members/", "{id}", func() string { return e.made("/v1/members", `{"email":"v@b.example","role":"viewer"}`, "id") }},
		{"/v1/sources/", "{source}", func() string { return e.made("/v1/sources", `{"kind":"own","name":"Till"}`, "id") }},
		{"/v1/statuses/", "{id}", func() string { return e.made("/v1/statuses", `{"name":"Guest"}`, "id") }},
		{"/v1/tags/", "{id}", func() string { return e.made("/v1/tags", `{"name":"Guest"}`, "id") }},
	} {
		if strings.HasPrefix(at, p.begin) && strings.Contains(at, p.param) {
			at = strings.Replace(at, p.param, p.make(), 1)
		}
	}
	if strings.Contains(at, "{entry}") {
		parent, _, _ := strings.Cut(at, "/{entry}")
		at = strings.Replace(at, "{entry}", e.made(parent, `{"text":"x"}`, "id"), 1)
	}
	return at
}

func TestABodyOfAnotherKindIsToldWhatToSend(t *testing.T) {
	s := newShop(t)
	p := s.must(415, s.do("POST", "/v1/contacts", `<contact/>`, "Content-Type", "text/xml"))
	if p["type"] != "/problems/unsupported-media-type" || !strings.Contains(fmt.Sprint(p["detail"]), "application/json") {
		t.Errorf("told %v", p)
	}
}
