// Imports is the API for imports; see httpapi.Imports.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
	"clientele/internal/domain/site"
	"clientele/internal/entry/httpapi"
	"clientele/internal/entry/lambdahttp"
)

func main() { lambdahttp.Start(build) }

// build wires the function; main_test.go calls it as well.
func build(_ context.Context, getenv func(string) string) (http.Handler, error) {
	cfg := awscfg.Load(getenv)
	table, err := dynamo.Open(awscfg.Dynamo(cfg, getenv), getenv("TABLE"))
	if err != nil {
		return nil, err
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return nil, err
	}
	tasks, err := queue.Open(cfg, getenv("IMPORT_QUEUE_URL"))
	if err != nil {
		return nil, fmt.Errorf("IMPORT_QUEUE_URL: %w", err)
	}
	return httpapi.Imports(table, httpapi.Transfers{
		Open:  func(s site.Site) httpapi.JobBook { return table.Book(s) },
		Files: files, Queue: tasks, Clock: time.Now,
	}), nil
}
