package httpapi

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"gopkg.in/yaml.v3"
)

// serves tells which function has which operations, as their handlers are made.
var serves = map[string][]func(huma.API){
	"ContactsFunction": {func(a huma.API) { addContacts(a, contactsAPI{}) }, func(a huma.API) { addBulk(a, contactsAPI{}) }},
	"ImportsFunction":  {func(a huma.API) { addImports(a, Transfers{}) }},
	"ExportsFunction":  {func(a huma.API) { addExports(a, Transfers{}) }, func(a huma.API) { addAccess(a, AccessRequests{}) }},
	"SiteFunction":     {func(a huma.API) { addSite(a, siteAPI{}) }, func(a huma.API) { addSignIn(a, siteAPI{}) }},
}

type route struct{ method, path, function string }

// routesOf are those that template.yaml makes in the gateway.
func routesOf(t *testing.T) (out []route) {
	t.Helper()
	raw, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for name, r := range doc.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var p struct {
			Events map[string]struct {
				Type       string    `yaml:"Type"`
				Properties yaml.Node `yaml:"Properties"`
			} `yaml:"Events"`
		}
		if err := r.Properties.Decode(&p); err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			var to struct {
				Method string `yaml:"Method"`
				Path   string `yaml:"Path"`
			}
			if e.Type == "HttpApi" {
				if err := e.Properties.Decode(&to); err != nil {
					t.Fatal(err)
				}
				out = append(out, route{to.Method, to.Path, name})
			}
		}
	}
	return out
}

// rank is how closely a route fits a request, as an HTTP API judges it: parts that
// are the same go before parameters, those before a greedy one; -1 fits not.
func (r route) rank(method, path string) int {
	if r.method != "ANY" && r.method != method {
		return -1
	}
	want, have := strings.Split(r.path, "/"), strings.Split(path, "/")
	score := 0
	for i, w := range want {
		switch {
		case i >= len(have) || have[i] == "":
			if i > 0 {
				return -1
			}
		case strings.HasSuffix(w, "+}"):
			return score*4 + 1
		case strings.HasPrefix(w, "{"):
			score = score*4 + 2
		case w == have[i]:
			score = score*4 + 3
		default:
			return -1
		}
	}
	if len(want) != len(have) {
		return -1
	}
	return score*4 + 3
}

// Whatever is described is reached through the gateway, in the function that has it.
func TestEveryOperationIsRouted(t *testing.T) {
	routes, described := routesOf(t), 0
	for function, parts := range serves {
		api := newAPI(http.NewServeMux())
		for _, add := range parts {
			add(api)
		}
		for path, item := range api.OpenAPI().Paths {
			for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
				if op == nil {
					continue
				}
				described++
				at := strings.NewReplacer("{", "x", "}", "").Replace(path)
				best := slices.MaxFunc(routes, func(a, b route) int { return a.rank(method, at) - b.rank(method, at) })
				if best.rank(method, at) < 0 {
					t.Errorf("%s %s: template.yaml has no route to it", method, path)
				} else if best.function != function {
					t.Errorf("%s %s: the gateway leads it to %s, not to %s", method, path, best.function, function)
				}
			}
		}
	}
	if len(describe) != 7 {
		t.Errorf("%d groups of operations are described; name the function of each in serves", len(describe))
	}
	if described < 100 {
		t.Errorf("only %d operations are described", described)
	}
}
