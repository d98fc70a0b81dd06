package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"clientele/internal/entry/httpapi"
)

// cleared are the values of what has none: what a field falls back to.
var cleared = map[string]any{"change-contact status": "lead", "change-contact consent": "never", "change-group percentage": 0.0}

// Of every noun a change is read alike: absent leaves as it is; null clears, or is
// refused where there must be a value. The description says which.
func TestNullIsReadAlikeInEveryChange(t *testing.T) {
	raw, err := httpapi.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody struct {
				Content map[string]struct {
					Schema  map[string]any
					Example map[string]any
				}
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		op, ok := doc.Paths[path]["patch"]
		if !ok {
			continue
		}
		t.Run(op.OperationID, func(t *testing.T) {
			e := newExemplary(t)
			at := e.path(path)
			change := func(body any) (int, map[string]any) {
				said, _ := json.Marshal(body)
				w := e.call(e.api, e.owner, "PATCH", at, string(said), "If-Match", "*", "Content-Type", "application/json")
				var m map[string]any
				_ = json.Unmarshal(w.Body.Bytes(), &m)
				if id, ok := m["id"].(string); ok && op.OperationID == "change-tag" && w.Code < 300 {
					at = "/v1/tags/" + id // it follows from the name
				}
				return w.Code, m
			}
			content := op.RequestBody.Content["application/json"]
			schema := content.Schema
			if ref, ok := schema["$ref"].(string); ok {
				schema = doc.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]]
			}
			full := content.Example
			if full == nil {
				t.Fatal("no example")
			}
			if status, said := change(full); status >= 300 {
				t.Fatalf("the example: %d %v", status, said)
			}
			props := schema["properties"].(map[string]any)
			required := fmt.Sprint(schema["required"])
			if !strings.Contains(required, "name") {
				_, before := change(map[string]any{})
				if status, after := change(map[string]any{}); status >= 300 || !reflect.DeepEqual(before, after) {
					t.Errorf("an empty change: %d\n%v\n%v", status, before, after)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(props)) {
				checked++
				nullable := strings.Contains(fmt.Sprint(props[name].(map[string]any)["type"]), "null")
				status, said := change(map[string]any{name: nil})
				switch {
				case status == 422:
					if !slices.ContainsFunc(places(said), func(p string) bool { return strings.HasPrefix(p, "/"+name) }) {
						t.Errorf("%s: null is refused elsewhere: %v", name, said)
					}
				case status >= 300:
					t.Errorf("%s: %d %v", name, status, said)
				case !nullable:
					t.Errorf("%s: null is taken, and not described", name)
				default:
					v, is := said[name]
					if name == "address" || strings.HasSuffix(name, "_address") {
						v = len(v.(map[string]any))
						is = v != 0
					}
					if want, other := cleared[op.OperationID+" "+name]; other {
						is = v != want
					} else if s := reflect.ValueOf(v); is && v != nil && (s.Kind() == reflect.String || s.Kind() == reflect.Slice || s.Kind() == reflect.Map) {
						is = s.Len() > 0
					}
					if is && v != nil {
						t.Errorf("%s: after null it is %v", name, v)
					}
				}
				if _, again := full[name]; again {
					change(full)
				}
			}
		})
	}
	if checked < 60 {
		t.Errorf("only %d fields were looked at", checked)
	}
}
