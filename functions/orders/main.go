// Orders takes the webhooks of shops and puts them on the intake queue. Public;
// see httpapi.Hooks.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/queue"
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
	intake, err := queue.Open(cfg, getenv("INTAKE_QUEUE_URL"))
	if err != nil {
		return nil, fmt.Errorf("INTAKE_QUEUE_URL: %w", err)
	}
	return httpapi.Hooks(table, intake, time.Now), nil
}
