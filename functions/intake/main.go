// Intake brings the orders of the intake queue into the books; see
// worker.Intake.
package main

import (
	"context"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/order"
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
	return worker.Intake(table, func(s site.Site) order.Book { return table.Book(s) }, time.Now), nil
}
