// Package functiontest gives the mains of functions a table, and feeds them the
// sample events.
package functiontest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/domain/site"
	"clientele/internal/entry/lambdahttp"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/stack"
)

// credential is the API key in the sample events.
const credential = "ck_demo_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Env is the environment of a function: a table on DynamoDB Local with the site
// demo and the key of the sample events in it, and an endpoint for all other
// services that takes everything. Names and values in turn come on top.
func Env(t *testing.T, more ...string) func(string) string {
	t.Helper()
	endpoint := stack.DynamoLocal(t)
	table, name := dynamotest.Named(t, endpoint)
	s := dynamotest.Site(t, table, "demo")
	if err := table.PutKey(context.Background(), s.ID, site.Key{ID: "key_test", Hash: site.Hash(credential), Name: "test",
		Scopes: site.Scopes, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(other.Close)
	env := map[string]string{
		"TABLE": name, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_ENDPOINT_URL": other.URL, "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
	}
	for i := 0; i+1 < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return func(name string) string { return env[name] }
}

// Without is an environment that lacks a name.
func Without(env func(string) string, missing string) func(string) string {
	return func(name string) string {
		if name == missing {
			return ""
		}
		return env(name)
	}
}

// Event reads a sample event, events/<function>/<case>.json.
func Event(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Answer feeds an event of the HTTP API to a handler as Lambda does.
func Answer(t *testing.T, h http.Handler, event []byte) events.APIGatewayV2HTTPResponse {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	a, err := lambdahttp.Handler(h)(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
