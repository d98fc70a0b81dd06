package httpapi

import (
	"encoding/json"
	"os"
	"testing"
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
