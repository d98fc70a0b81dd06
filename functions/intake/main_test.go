package main

import (
	"context"
	"strings"
	"testing"

	"clientele/internal/domain/message"
	"clientele/internal/entry/worker"
)

func TestBuild(t *testing.T) {
	h, err := build(context.Background(), func(name string) string { return map[string]string{"TABLE": "t"}[name] })
	if err != nil {
		t.Fatal(err)
	}
	if err := h(context.Background(), worker.Delivery{Message: message.Message{Site: "demo1", Kind: "import"}}); err == nil {
		t.Error("it took a message of another kind")
	}
}

func TestBuildSaysWhatIsMissing(t *testing.T) {
	if _, err := build(context.Background(), func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "TABLE") {
		t.Errorf("error %v, want one that names TABLE", err)
	}
}
