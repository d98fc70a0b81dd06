// Forms takes what visitors of a site fill in. Public; see httpapi.Forms.
package main

import (
	"context"
	"net/http"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/dynamo"
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
	return httpapi.Forms(table, func(s site.Site) httpapi.FormsBook { return table.Book(s) }, time.Now, getenv("PUBLIC_URL")), nil
}
