package httpapi

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestTheDescriptionIsOpenAPI31(t *testing.T) {
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("version %q, %v", doc.OpenAPI, err)
	}
	for path, methods := range map[string][]string{
		"/v1/contacts": {"get", "post"}, "/v1/contacts/{id}": {"get", "patch", "delete"}, "/v1/contacts/{id}/timeline": {"get"},
		"/v1/imports": {"get", "post"}, "/v1/imports/{id}": {"get"}, "/v1/exports": {"post"}, "/v1/exports/{id}": {"get"},
	} {
		for _, m := range methods {
			if doc.Paths[path][m].OperationID == "" {
				t.Errorf("%s %s is not described", m, path)
			}
		}
	}
	if file := os.Getenv("OPENAPI_OUT"); file != "" {
		os.WriteFile(file, raw, 0o644)
	}
}

func TestEveryOperationIsDescribedWithExamples(t *testing.T) {
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	type body struct {
		Content map[string]struct {
			Example  any
			Examples map[string]struct{ Value any }
		}
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID, Summary string
			Tags                 []string
			RequestBody          *body
			Responses            map[string]body
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Paths["/v1/tags/{id}"]["patch"].Responses["202"].Content == nil {
		t.Error("change-tag answers 202 to a new name, which is not described")
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 {
				t.Errorf("%s %s lacks an id, a summary or a tag", method, path)
			}
			if op.RequestBody != nil {
				for kind, m := range op.RequestBody.Content {
					if strings.Contains(kind, "json") && m.Example == nil && len(m.Examples) == 0 {
						t.Errorf("%s: the request has no example", op.OperationID)
					}
				}
			}
			for status, r := range op.Responses {
				for kind, m := range r.Content {
					if strings.Contains(kind, "json") && m.Example == nil && len(m.Examples) == 0 {
						t.Errorf("%s: the answer %s has no example", op.OperationID, status)
					}
				}
				if status >= "400" && len(r.Content) == 0 && status != "default" {
					t.Errorf("%s: the error %s is not described", op.OperationID, status)
				}
			}
			for _, status := range []string{"401", "403", "429", "500"} {
				if _, ok := op.Responses[status]; !ok && !public[op.OperationID] {
					t.Errorf("%s: %s is not among its answers", op.OperationID, status)
				}
			}
			if op.RequestBody != nil && (op.Responses["413"].Content == nil || op.Responses["415"].Content == nil) {
				t.Errorf("%s: it takes a body, and 413 or 415 is not among its answers", op.OperationID)
			}
			if _, ok := op.Responses["503"]; !ok && method != "get" {
				t.Errorf("%s: it writes, and 503 is not among its answers", op.OperationID)
			}
			if strings.Contains(path, "{") && op.Responses["404"].Content == nil {
				t.Errorf("%s: 404 is not among its answers", op.OperationID)
			}
		}
	}
}

// public names the operations that need no credential.
var public = map[string]bool{"sign-in": true, "verify-sign-in": true, "accept-invitation": true}

// Every example of asks is of an operation that there is.
func TestExamplesAreOfOperations(t *testing.T) {
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	for id := range asks {
		if !strings.Contains(string(raw), `"operationId": "`+id+`"`) {
			t.Errorf("asks has an example of %s, which is no operation", id)
		}
	}
}

// huma leaves out what is embedded by a type that is not exported, which the JSON
// has all the same.
func TestEverySchemaHasWhatItsTypeSends(t *testing.T) {
	api := newAPI(http.NewServeMux())
	for _, add := range describe {
		add(api)
	}
	checked := 0
	for name, s := range api.OpenAPI().Components.Schemas.Map() {
		typ := api.OpenAPI().Components.Schemas.TypeFromRef("#/components/schemas/" + name)
		if typ == nil || typ.Kind() != reflect.Struct || s.Type != huma.TypeObject {
			continue
		}
		for _, f := range reflect.VisibleFields(typ) {
			field, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || !f.IsExported() || field == "" || field == "-" {
				continue
			}
			if checked++; s.Properties[field] == nil {
				t.Errorf("%s sends %s, which its schema does not have", name, field)
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d fields were looked at", checked)
	}
}

// Whoever reads the description learns of the limits without trying.
func TestAnswersDescribeTheirLimits(t *testing.T) {
	raw, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct {
				Name, In string
				Schema   struct{ MinLength int }
			}
			Responses map[string]struct{ Headers map[string]any }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for _, methods := range doc.Paths {
		for _, op := range methods {
			for status, r := range op.Responses {
				if r.Headers["RateLimit"] == nil && !public[op.OperationID] && status != "401" {
					t.Errorf("%s %s: the header RateLimit is not described", op.OperationID, status)
				}
				if (status == "429" || status == "503") && r.Headers["Retry-After"] == nil {
					t.Errorf("%s %s: the header Retry-After is not described", op.OperationID, status)
				}
			}
			for _, p := range op.Parameters {
				if p.In == "path" && p.Schema.MinLength == 0 {
					t.Errorf("%s: {%s} may be empty, which is another address", op.OperationID, p.Name)
				}
			}
		}
	}
}
