// Contacts is the API for contacts; see httpapi.Contacts.
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
	jobs, err := queue.Open(cfg, getenv("BULK_QUEUE_URL"))
	if err != nil {
		return nil, fmt.Errorf("BULK_QUEUE_URL: %w", err)
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return nil, err
	}
	return httpapi.Contacts(table, func(s site.Site) httpapi.ContactBook { return table.Book(s) }, jobs, files, time.Now, getenv("PUBLIC_URL")), nil
}
