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
	return functiontest.Env(t, "BUCKET", "clientele-test", "MAIL_QUEUE_URL", "http://localhost/1/mails.fifo",
		"DEAD_LETTERS_URL", "http://localhost/1/dead.fifo", "MAIL_FROM", "post@example.com")
}

// The reference to a mail that is gone is done, and so are reports.
func TestBuild(t *testing.T) {
	h, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"events/mailer/sqs.json", "events/mailer/reports.json"} {
		var e events.SQSEvent
		if err := json.Unmarshal(functiontest.Event(t, event), &e); err != nil {
			t.Fatal(err)
		}
		out, err := h.Batch(context.Background(), e)
		if err != nil || len(e.Records) == 0 || len(out.BatchItemFailures) != 0 {
			t.Errorf("%s: %d messages, %v came back, %v", event, len(e.Records), out.BatchItemFailures, err)
		}
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BUCKET", "MAIL_QUEUE_URL", "DEAD_LETTERS_URL", "MAIL_FROM"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
