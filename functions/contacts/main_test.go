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
	if _, err := build(context.Background(), func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "TABLE") {
		t.Errorf("error %v, want one that names TABLE", err)
	}
}
