package stack_test

import (
	"net/http"
	"testing"

	"clientele/internal/test/stack"
)

func TestDynamoLocalAnswers(t *testing.T) {
	first := stack.DynamoLocal(t)
	if second := stack.DynamoLocal(t); second != first {
		t.Errorf("two engines in one process: %s and %s", first, second)
	}
	res, err := http.Get(first)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// Every route of the template leads to a function. What the functions answer is theirs to test.
func TestDeployedRoutes(t *testing.T) {
	run := stack.Deployed(t)
	for _, path := range []string{"/v1/contacts", "/v1/contacts/none", "/f/none", "/hooks/none", "/v1/imports", "/v1/imports/none", "/v1/exports", "/v1/exports/none", "/v1/openapi.json"} {
		res, err := http.Get(run.APIURL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode >= 500 {
			t.Errorf("GET %s answers %d", path, res.StatusCode)
		}
	}
	res, err := http.Get(run.APIURL + "/nothing")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("GET /nothing answers %d, want 404 from the gateway", res.StatusCode)
	}
}
