package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBuild(t *testing.T) {
	h, err := build(context.Background(), func(name string) string { return map[string]string{"TABLE": "t"}[name] })
	if err != nil {
		t.Fatal(err)
	}
	// An id that no site can have is refused before any look-up.
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/f/NOPE", strings.NewReader("email=a@example.nl")))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", w.Code)
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	if _, err := build(context.Background(), func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "TABLE") {
		t.Errorf("error %v, want one that names TABLE", err)
	}
}
