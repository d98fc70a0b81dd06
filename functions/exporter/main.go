// Exporter writes the files of exports and access requests; see transfer.Exporter and privacy.AccessMaker.
package main

import (
	"context"
	"fmt"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/entry/worker"
)

func main() { worker.Start(build) }

// build wires the function; main_test.go calls it as well.
func build(_ context.Context, getenv func(string) string) (worker.Handler, error) {
	cfg := awscfg.Load(getenv)
	table, err := dynamo.Open(awscfg.Dynamo(cfg, getenv), getenv("TABLE"))
	if err != nil {
		return nil, err
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return nil, err
	}
	tasks, err := queue.Open(cfg, getenv("EXPORT_QUEUE_URL"))
	if err != nil {
		return nil, fmt.Errorf("EXPORT_QUEUE_URL: %w", err)
	}
	open := func(s site.Site) transfer.Book { return table.Book(s) }
	exports := worker.Tasks(table, open, tasks, &transfer.Exporter{Files: files, Clock: time.Now})
	access := worker.Access(table, func(s site.Site) privacy.AccessStore { return table.Book(s) }, tasks,
		&privacy.AccessMaker{Files: files, Members: table, Clock: time.Now})
	return worker.ByKind(map[string]worker.Handler{transfer.TaskMessage: exports, privacy.AccessMessage: access}), nil
}
