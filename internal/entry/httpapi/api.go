package httpapi

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// newAPI makes an empty API of our conventions on a mux.
func newAPI(mux *http.ServeMux) huma.API {
	cfg := huma.DefaultConfig("Clientele", "1.0.0")
	cfg.Info.Description = "The customer book of a website: contacts, imports and exports. " +
		"Send an API key as `Authorization: Bearer ck_…`, or the session of a member, `cs_…`; it decides the site. " +
		"Every error is an RFC 9457 problem that lists all faults at once."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil                    // no $schema members in answers
	cfg.RejectUnknownQueryParameters = false // lookOver does, together with all other faults
	cfg.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key of the site, ck_…, or the session of a member, cs_…"},
	}
	cfg.Security = []map[string][]string{{"key": {}}}
	return humago.New(mux, cfg)
}

// serve puts the wrapper around the operations that add registers; their bodies
// have at most maxBody bytes.
func serve(dir Callers, clock crm.Clock, maxBody int64, add func(huma.API)) http.Handler {
	return serveOr(nowhere, dir, clock, maxBody, add)
}

// serveOr is serve where lost answers what is at none of the addresses.
func serveOr(lost func(*http.ServeMux) http.Handler, dir Callers, clock crm.Clock, maxBody int64, add func(huma.API)) http.Handler {
	mux := http.NewServeMux()
	api := newAPI(mux)
	add(api)
	refuseOthers(mux, api.OpenAPI())
	return Logged(somewhere(mux, lost(mux), authenticate(dir, clock, metered(dir, clock, limitBody(maxBody, routed(mux))))))
}

// operation registers a handler that needs a scope. Its error, if any, becomes
// the problem that ProblemOf makes of it.
func operation[I, O any](api huma.API, scope site.Scope, op huma.Operation, handle func(context.Context, caller, *I) (*O, error)) {
	op.Description += "\n\nNeeds the permission `" + string(scope) + "`."
	operationFor(api, func(by site.Actor) error {
		if by.May(scope) {
			return nil
		}
		return lacks(by, scope)
	}, op, handle)
}

// operationFor registers a handler for whom may lets through.
func operationFor[I, O any](api huma.API, may func(site.Actor) error, op huma.Operation, handle func(context.Context, caller, *I) (*O, error)) {
	op.Middlewares = append(op.Middlewares, requires(may))
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	register(api, op, handle)
}

// publicOperation registers a handler that needs no credential.
func publicOperation[I, O any](api huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{}}
	register(api, op, func(ctx context.Context, _ caller, in *I) (*O, error) { return handle(ctx, in) })
}

func register[I, O any](api huma.API, op huma.Operation, handle func(context.Context, caller, *I) (*O, error)) {
	repeats(&op)
	if _, ok := reflect.TypeFor[I]().FieldByName("Key"); ok && op.Method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusGone)
	}
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError)
	if op.Method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusServiceUnavailable) // it lost too many races
	}
	if _, ok := reflect.TypeFor[I]().FieldByName("Body"); ok {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	slices.Sort(op.Errors)
	op.Errors = slices.Compact(op.Errors)
	op.Middlewares = append(op.Middlewares, lookOver)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		if p := askedOf(ctx).invalid(ctx); p != nil {
			return nil, p
		}
		out, err := handle(ctx, callerOf(ctx), in)
		var same *notModified
		if errors.As(err, &same) {
			return nil, same
		}
		if err != nil {
			return nil, ProblemOf(ctx, err)
		}
		return out, nil
	})
}

func unwrap(ctx huma.Context) (*http.Request, http.ResponseWriter) { return humago.Unwrap(ctx) }

// schemaName is the name of a type in the description: without the endings that
// only tell Go's types apart.
func schemaName(t reflect.Type, hint string) string {
	n := huma.DefaultSchemaNamer(t, hint)
	for _, end := range []string{"JSON", "Body", "Answer"} {
		n = strings.TrimSuffix(n, end)
	}
	return n
}
