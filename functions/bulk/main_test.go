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
	return functiontest.Env(t, "BULK_QUEUE_URL", "http://localhost/1/queue", "BUCKET", "files")
}

// The task of a job that is gone is done.
func TestBuild(t *testing.T) {
	h, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(functiontest.Event(t, "events/bulk/sqs.json"), &e); err != nil {
		t.Fatal(err)
	}
	out, err := worker.Batch(h)(context.Background(), e)
	if err != nil || len(e.Records) != 1 || len(out.BatchItemFailures) != 0 {
		t.Errorf("%d messages, %v came back, %v", len(e.Records), out.BatchItemFailures, err)
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BULK_QUEUE_URL", "BUCKET"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
