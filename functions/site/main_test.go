package main

import (
	"context"
	"strings"
	"testing"

	"clientele/internal/test/functiontest"
)

func TestBuild(t *testing.T) {
	h, err := build(context.Background(), functiontest.Env(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		event string
		want  int
		says  string
	}{
		{"events/site/settings.json", 200, `"max_tags":`},
		{"events/site/invite.json", 201, `"state":"invited"`},
		{"events/site/invite.json", 201, `"state":"invited"`}, // the same Idempotency-Key
		{"events/site/sign-in.json", 202, `"sign_in":"si_`},
		{"events/site/verify.json", 401, "ask for a new one"},
		{"events/site/page.json", 200, "<button"},
	} {
		a := functiontest.Answer(t, h, functiontest.Event(t, c.event))
		if a.StatusCode != c.want || !strings.Contains(a.Body, c.says) {
			t.Errorf("%s: %d %s; want %d with %s", c.event, a.StatusCode, a.Body, c.want, c.says)
		}
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	full := functiontest.Env(t, "PUBLIC_URL", "app.example.com")
	if _, err := build(context.Background(), full); err == nil || !strings.Contains(err.Error(), "PUBLIC_URL") {
		t.Errorf("error %v, want one that names PUBLIC_URL", err)
	}
	if _, err := build(context.Background(), functiontest.Without(functiontest.Env(t), "TABLE")); err == nil || !strings.Contains(err.Error(), "TABLE") {
		t.Errorf("error %v, want one that names TABLE", err)
	}
}
