package main

import (
	"context"
	"strings"
	"testing"

	"clientele/internal/test/functiontest"
)

func env(t *testing.T) func(string) string {
	return functiontest.Env(t, "BUCKET", "files", "BULK_QUEUE_URL", "http://localhost/1/queue", "PUBLIC_URL", "https://app.example.com")
}

func TestBuild(t *testing.T) {
	h, err := build(context.Background(), env(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		event string
		want  int
		says  string
	}{
		{"events/contacts/create.json", 201, `"email":"emma@voorbeeld.example"`},
		{"events/contacts/create.json", 201, `"version":1`}, // the same Idempotency-Key
		{"events/contacts/list.json", 200, `"phone":"+31612345678"`},
		{"events/contacts/unversioned.json", 428, "If-Match"},
	} {
		a := functiontest.Answer(t, h, functiontest.Event(t, c.event))
		if a.StatusCode != c.want || !strings.Contains(a.Body, c.says) {
			t.Errorf("%s: %d %s; want %d with %s", c.event, a.StatusCode, a.Body, c.want, c.says)
		}
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := env(t)
	for _, missing := range []string{"TABLE", "BULK_QUEUE_URL"} {
		if _, err := build(context.Background(), functiontest.Without(full, missing)); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
