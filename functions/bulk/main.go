// Bulk changes many contacts in the background, and erases people; see packages
// bulk and privacy.
package main

import (
	"context"
	"fmt"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
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
	tasks, err := queue.Open(cfg, getenv("BULK_QUEUE_URL"))
	if err != nil {
		return nil, fmt.Errorf("BULK_QUEUE_URL: %w", err)
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return nil, err
	}
	open := func(s site.Site) bulk.Book { return table.Book(s) }
	book := func(s site.Site) privacy.Book { return table.Book(s) }
	return worker.ByKind(map[string]worker.Handler{
		bulk.TaskMessage:    worker.Bulk(table, open, tasks, &bulk.Worker{Actions: bulk.Builtin(), Queue: tasks, Clock: time.Now}),
		privacy.TaskMessage: worker.Erasures(table, book, tasks, &privacy.Eraser{Bucket: files, Queue: tasks, Clock: time.Now}),
	}), nil
}
