package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"clientele/internal/test/functiontest"
)

func env(t *testing.T) func(string) string {
	return functiontest.Env(t, "BUCKET", "clientele-test", "IMPORT_QUEUE_URL", "http://localhost/1/queue")
}

// A file or a chunk of an import that is gone is nothing to do, and nothing to try again.
func TestBuild(t *testing.T) {
	both, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{"events/importer/s3.json": "null", "events/importer/sqs.json": `{"batchItemFailures":[]}`} {
		out, err := both.Invoke(context.Background(), functiontest.Event(t, event))
		got, _ := json.Marshal(out)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", event, got, err, want)
		}
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BUCKET", "IMPORT_QUEUE_URL"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
