package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/test/functiontest"
)

func env(t *testing.T) func(string) string {
	return functiontest.Env(t, "MAIL_QUEUE_URL", "http://localhost/1/mails.fifo", "DEAD_LETTERS_URL", "http://localhost/1/dead", "BUCKET", "files")
}

func TestBuild(t *testing.T) {
	r, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	var e events.DynamoDBEvent
	if err := json.Unmarshal(functiontest.Event(t, "events/relay/batch.json"), &e); err != nil {
		t.Fatal(err)
	}
	e.Records = e.Records[1:2] // what an actor did: the audit log has it
	out, err := r.Batch(context.Background(), e)
	if err != nil || len(out.BatchItemFailures) != 0 {
		t.Errorf("%v came back, %v", out.BatchItemFailures, err)
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BUCKET", "MAIL_QUEUE_URL", "DEAD_LETTERS_URL"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
