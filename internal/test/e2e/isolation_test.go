package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/local/client"
)

// theirs makes, on the other site, what a path names up to and with its last
// parameter, and gives the parameter's value. parent is the path before it, its
// parameters filled in.
var theirs = map[string]func(s *stage, parent string) string{
	"/v1/contacts/{id}": func(s *stage, _ string) string {
		return s.made("/v1/contacts", map[string]any{"email": s.address(), "last_name": surname}, "id")
	},
	"/v1/contacts/{id}/requests/{activity}": func(s *stage, parent string) string {
		id := parent[len("/v1/contacts/") : len(parent)-len("/requests")]
		email := s.field(s.do(s.other, 200, "GET", "/v1/contacts/"+id, nil), "email")
		a, err := s.other.Do(s.ctx, "POST", s.run.OtherFormURL, map[string]any{"email": email, "message": "a question"}, "Origin", "https://www.example.nl")
		s.must(err)
		if !a.Is(200, 202) {
			s.t.Fatalf("the form: %s", a)
		}
		var t struct {
			Activities []struct{ ID, Kind string }
		}
		s.must(s.do(s.other, 200, "GET", "/v1/contacts/"+id+"/timeline?kind=form", nil).JSON(&t))
		return t.Activities[0].ID
	},
	"/v1/contacts/{id}/devices/{device}": func(s *stage, parent string) string {
		return s.made(parent, map[string]any{"token": s.slug(), "platform": "web"}, "id")
	},
	"/v1/contacts/{id}/documents/{document}": func(s *stage, parent string) string {
		a, err := s.other.Do(s.ctx, "POST", parent, map[string]any{"name": "sketch.txt", "size": 5}, "Idempotency-Key", s.address())
		s.must(err)
		var d struct {
			ID     string
			Upload struct {
				URL     string
				Method  string
				Headers map[string]string
			}
		}
		s.must(a.JSON(&d))
		h := client.Header{}
		for k, v := range d.Upload.Headers {
			h = append(h, k, v)
		}
		up, err := s.other.Send(s.ctx, d.Upload.Method, d.Upload.URL, strings.NewReader("hello"), h)
		s.must(err)
		s.wants(200, up, "the upload")
		s.do(s.other, 200, "POST", parent+"/"+d.ID+"/complete", nil)
		return d.ID
	},
	"/v1/contacts/{id}/entries/{entry}": func(s *stage, parent string) string {
		return s.made(parent, map[string]any{"title": "Called", "text": "x"}, "id")
	},
	"/v1/groups/{id}": func(s *stage, _ string) string {
		return s.made("/v1/groups", map[string]any{"name": s.slug(), "percentage": -5}, "id")
	},
	"/v1/lists/{list}": func(s *stage, _ string) string {
		return s.made("/v1/lists", map[string]any{"name": s.slug(), "channel": "email"}, "id")
	},
	"/v1/erasures/{id}": func(s *stage, _ string) string {
		id := s.made("/v1/contacts", map[string]any{"email": s.address()}, "id")
		confirm := s.field(s.do(s.other, 200, "POST", "/v1/erasures/preview", map[string]any{"contact_id": id}), "confirm")
		return s.made("/v1/erasures", map[string]any{"contact_id": id, "confirm": confirm}, "id")
	},
	"/v1/tags/{id}": func(s *stage, _ string) string { return s.made("/v1/tags", map[string]any{"name": s.slug()}, "id") },
	"/v1/imports/{id}": func(s *stage, _ string) string {
		return s.made("/v1/imports", map[string]any{"filename": "x.csv", "size": 10}, "id")
	},
	"/v1/exports/{id}": func(s *stage, _ string) string { return s.made("/v1/exports", map[string]any{}, "id") },
	"/v1/access-requests/{id}": func(s *stage, _ string) string {
		c := s.made("/v1/contacts", map[string]any{"email": s.address(), "last_name": surname}, "id")
		return s.made("/v1/access-requests", map[string]any{"contact_id": c}, "id")
	},
	"/v1/bulk/{id}": func(s *stage, _ string) string {
		return s.made("/v1/bulk", map[string]any{"action": "add_tags", "arguments": map[string]any{"tags": []string{"x"}}, "filter": "city = nowhere"}, "id")
	},
	"/v1/forms/{form}": func(s *stage, _ string) string {
		return s.made("/v1/forms", map[string]any{"name": "Spring", "slug": s.slug()}, "id")
	},
	"/v1/sources/{source}": func(s *stage, _ string) string {
		return s.made("/v1/sources", map[string]any{"kind": "own", "name": "Till", "slug": s.slug()}, "id")
	},
	"/v1/keys/{id}": func(s *stage, _ string) string {
		return s.made("/v1/keys", map[string]any{"name": "till", "scopes": []string{"contacts.read"}}, "id")
	},
	"/v1/members/{id}": func(s *stage, _ string) string {
		return s.made("/v1/members", map[string]any{"email": s.address(), "name": surname, "role": "viewer"}, "id")
	},
	"/v1/statuses/{id}": func(s *stage, _ string) string {
		return s.made("/v1/statuses", map[string]any{"name": s.slug()}, "id")
	},
	"/v1/custom-fields/{key}": func(s *stage, _ string) string {
		return s.made("/v1/custom-fields", map[string]any{"key": strings.ReplaceAll(s.slug(), "-", "_"), "label": s.slug(), "type": "text"}, "key")
	},
	"/v1/merges/{id}": func(s *stage, _ string) string {
		a := s.do(s.other, 201, "POST", "/v1/contacts", map[string]any{"email": s.address()})
		b := s.made("/v1/contacts", map[string]any{"email": s.address()}, "id")
		body := map[string]any{"primary": s.field(a, "id"), "others": []string{b}}
		preview := s.do(s.other, 200, "POST", "/v1/merges/preview", body)
		return s.field(s.do(s.other, 201, "POST", "/v1/merges", body, "If-Match", preview.Header.Get("ETag"), "Idempotency-Key", s.address()), "id")
	},
}

// everybodys are paths whose parameter is no id of a site, and why.
var everybodys = map[string]string{
	"/v1/address-formats/{country}": "a country is the same for all",
	"/v1/sessions/{id}":             "a session is seen by its own member alone, not even by the site's keys; the members API tests it",
}

// made posts something to the other site and gives a text of the answer.
func (s *stage) made(path string, body map[string]any, field string) string {
	s.t.Helper()
	a, err := s.other.Do(s.ctx, "POST", path, body, "Idempotency-Key", s.address())
	s.must(err)
	if a.Status != 201 && a.Status != 202 {
		s.t.Fatalf("POST %s: %s", path, a)
	}
	return s.field(a, field)
}

// slug is a short name that nothing else has.
func (s *stage) slug() string { return fmt.Sprintf("t%d-%x", people.Add(1), time.Now().UnixNano()%1e9) }

type described struct {
	Paths map[string]map[string]struct {
		OperationID string
		Security    *[]map[string][]string
		RequestBody *struct {
			Required bool
			Content  map[string]struct{ Example any }
		}
	}
}

// Every operation of the description that names something by an id is called with
// the key of one site on what belongs to another: to that site it is not there.
func TestNoOperationReachesAnotherSite(t *testing.T) {
	s := open(t)
	var doc described
	s.must(json.Unmarshal(s.do(s.api, 200, "GET", "/v1/openapi.json", nil).Body, &doc))
	params := regexp.MustCompile(`\{[^}]+\}`)
	tried := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		if !strings.Contains(path, "{") {
			continue
		}
		if why, ok := everybodys[path]; ok {
			t.Logf("%s: %s", path, why)
			continue
		}
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			op := doc.Paths[path][method]
			if op.Security != nil && len(*op.Security) == 0 {
				continue // needs no credential
			}
			at, done := path, 0
			for params.MatchString(at[done:]) {
				loc := params.FindStringIndex(at[done:])
				end := done + loc[1]
				// The template up to here: as many parameters of path as are filled by now and this one.
				template := upTo(path, params, strings.Count(path, "{")-strings.Count(at[done:], "{")+1)
				made, ok := theirs[template]
				if !ok {
					t.Fatalf("%s: nothing here makes a %s; add it to theirs", op.OperationID, template)
				}
				parent := strings.TrimSuffix(at[:done+loc[0]], "/")
				v := made(s, parent)
				at = at[:done+loc[0]] + v + at[end:]
				done += loc[0] + len(v)
			}
			var body any
			if op.RequestBody != nil {
				body = op.RequestBody.Content["application/json"].Example
			}
			method := strings.ToUpper(method)
			a, err := s.api.Do(s.ctx, method, at, body, "If-Match", `"1"`, "Idempotency-Key", s.address())
			s.must(err)
			if tried++; a.Status != 404 {
				t.Errorf("%s on another site's %s: %s; want 404", op.OperationID, path, a)
			}
			if method == "GET" && op.OperationID != "get-avatar" { // a new contact has no picture
				// What was asked for is really there, or the 404 would say nothing.
				a, err := s.other.Do(s.ctx, method, at, nil)
				s.must(err)
				if a.Status >= 400 {
					t.Errorf("%s by its own site: %s", op.OperationID, a)
				}
			}
		}
	}
	t.Logf("%d operations tried", tried)
	if tried < 10 {
		t.Errorf("only %d operations have an id in their path", tried)
	}
}

// upTo is a path's template up to and with its n-th parameter.
func upTo(path string, params *regexp.Regexp, n int) string {
	return path[:params.FindAllStringIndex(path, -1)[n-1][1]]
}

// field is a text of an answer.
func (s *stage) field(a interface{ JSON(any) error }, name string) string {
	s.t.Helper()
	var m map[string]any
	s.must(a.JSON(&m))
	v, ok := m[name].(string)
	if !ok {
		s.t.Fatalf("the answer has no %s: %s", name, fmt.Sprint(m))
	}
	return v
}
