// Site is the API for what a site is set up with and who works for it; see
// httpapi.Site.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/dynamo"
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
	public := getenv("PUBLIC_URL") // empty: the host of each request
	if u, err := url.Parse(public); public != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("PUBLIC_URL is %q; it is an address such as https://app.example.com, or empty", public)
	}
	return httpapi.Site(table, time.Now, public), nil
}
