package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBuild(t *testing.T) {
	env := map[string]string{"TABLE": "t", "INTAKE_QUEUE_URL": "http://localhost/1/intake"}
	h, err := build(context.Background(), func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	// An id that no site can have is refused before any look-up.
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/hooks/NOPE", strings.NewReader("{}")))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", w.Code)
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	for missing, env := range map[string]map[string]string{
		"TABLE":            {"INTAKE_QUEUE_URL": "http://localhost/1/intake"},
		"INTAKE_QUEUE_URL": {"TABLE": "t"},
	} {
		if _, err := build(context.Background(), func(name string) string { return env[name] }); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("error %v, want one that names %s", err, missing)
		}
	}
}
