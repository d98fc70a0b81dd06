// Importer inspects uploads, plans them and brings their rows in; see
// transfer.Importer.
package main

import (
	"context"
	"fmt"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/entry/worker"
)

func main() { worker.StartBoth(build) }

// build wires the function; main_test.go calls it as well.
func build(_ context.Context, getenv func(string) string) (worker.Both, error) {
	cfg := awscfg.Load(getenv)
	table, err := dynamo.Open(awscfg.Dynamo(cfg, getenv), getenv("TABLE"))
	if err != nil {
		return worker.Both{}, err
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return worker.Both{}, err
	}
	tasks, err := queue.Open(cfg, getenv("IMPORT_QUEUE_URL"))
	if err != nil {
		return worker.Both{}, fmt.Errorf("IMPORT_QUEUE_URL: %w", err)
	}
	open := func(s site.Site) transfer.Book { return table.Book(s) }
	importer := &transfer.Importer{Files: files, Queue: tasks, Clock: time.Now}
	return worker.Both{
		Queue:  worker.Tasks(table, open, tasks, importer),
		Bucket: worker.Uploads(tasks),
	}, nil
}
