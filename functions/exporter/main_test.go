package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/entry/worker"
	"clientele/internal/test/functiontest"
)

func env(t *testing.T) func(string) string {
	return functiontest.Env(t, "BUCKET", "clientele-test", "EXPORT_QUEUE_URL", "http://localhost/1/queue")
}

// The task of an export or an access request that is gone is done.
func TestBuild(t *testing.T) {
	h, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"events/exporter/sqs.json", "events/exporter/access.json"} {
		var e events.SQSEvent
		if err := json.Unmarshal(functiontest.Event(t, event), &e); err != nil {
			t.Fatal(err)
		}
		out, err := worker.Batch(h)(context.Background(), e)
		if err != nil || len(e.Records) != 1 || len(out.BatchItemFailures) != 0 {
			t.Errorf("%s: %d messages, %v came back, %v", event, len(e.Records), out.BatchItemFailures, err)
		}
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BUCKET", "EXPORT_QUEUE_URL"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
