package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// theirs makes, on the other site, what a path names up to and with its last
// parameter, and gives the parameter's value. The parameters before it are in
// the path already.
var theirs = map[string]func(s *stage, parent string) string{
	"/v1/contacts/{id}": func(s *stage, _ string) string {
		return s.field(s.do(s.other, 201, "POST", "/v1/contacts", map[string]any{"email": s.address(), "last_name": surname}), "id")
	},
	"/v1/merges/{id}": func(s *stage, _ string) string {
		person := func() string {
			return s.field(s.do(s.other, 201, "POST", "/v1/contacts", map[string]any{"email": s.address(), "last_name": surname}), "id")
		}
		pair := map[string]any{"primary": person(), "others": []string{person()}}
		tag := s.do(s.other, 200, "POST", "/v1/merges/preview", pair).Header.Get("ETag")
		return s.field(s.do(s.other, 201, "POST", "/v1/merges", pair, "If-Match", tag), "id")
	},
	"/v1/imports/{id}": func(s *stage, _ string) string {
		return s.field(s.do(s.other, 201, "POST", "/v1/imports", map[string]any{"filename": "x.csv", "size": 10}, "Idempotency-Key", s.address()), "id")
	},
	"/v1/exports/{id}": func(s *stage, _ string) string {
		return s.field(s.do(s.other, 202, "POST", "/v1/exports", map[string]any{}, "Idempotency-Key", s.address()), "id")
	},
	"/v1/forms/{form}": func(s *stage, _ string) string {
		return s.run.OtherFormURL[strings.LastIndexByte(s.run.OtherFormURL, '/')+1:]
	},
}

// everybodys are paths whose parameter is no id of a site.
var everybodys = map[string]string{}

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
			if method == "GET" {
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
