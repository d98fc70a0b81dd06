// Relay reads the table's stream and hands on what was committed: mails to the
// mail queue, what actors did to the audit log; see worker.Relay.
package main

import (
	"context"
	"fmt"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
	"clientele/internal/entry/worker"
)

func main() { worker.StartRelay(build) }

// build wires the function; main_test.go calls it as well.
func build(_ context.Context, getenv func(string) string) (worker.Relay, error) {
	cfg := awscfg.Load(getenv)
	table, err := dynamo.Open(awscfg.Dynamo(cfg, getenv), getenv("TABLE"))
	if err != nil {
		return worker.Relay{}, err
	}
	mails, err := queue.Open(cfg, getenv("MAIL_QUEUE_URL"))
	if err != nil {
		return worker.Relay{}, fmt.Errorf("MAIL_QUEUE_URL: %w", err)
	}
	dead, err := queue.Open(cfg, getenv("DEAD_LETTERS_URL"))
	if err != nil {
		return worker.Relay{}, fmt.Errorf("DEAD_LETTERS_URL: %w", err)
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return worker.Relay{}, err
	}
	return worker.Relay{Read: dynamo.ReadChange, Mails: mails, Audit: table, Dead: dead, Files: files}, nil
}
