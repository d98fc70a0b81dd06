// Package httpapi is the JSON API for owners and developers. A handler decodes,
// makes one domain call and encodes; the wrapper around all of them finds the
// caller, holds the limits, answers errors and writes the one log line.
package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
)

// MaxBody is the largest body of an API request, in bytes.
const MaxBody = 64 << 10

type ctxKey int

const (
	callerKey ctxKey = iota
	requestIDKey
	noteKey
)

// WithRequestID names the request in logs and errors; the Lambda adapter gives
// the gateway's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// caller is who asks: proved by the API key or the session of the request.
type caller struct {
	site site.Site
	by   site.Actor
	at   time.Time
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey).(caller)
	return c
}

// authenticate finds the caller before anything of the body is read.
func authenticate(dir site.Directory, clock crm.Clock, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			WriteProblem(w, r, crm.Errorf(crm.Unauthorized, "send an API key as Authorization: Bearer ck_…"))
			return
		}
		now := clock.Now()
		s, by, err := dir.ByCredential(r.Context(), strings.TrimSpace(token), now)
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		NoteSite(r.Context(), s.ID)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey, caller{s, by, now})))
	})
}

func lacks(by site.Actor, scope site.Scope) error {
	if by.Kind == site.ByMember {
		return crm.Errorf(crm.Forbidden, "you lack the permission %s; ask an owner of the site for it", scope)
	}
	return crm.Errorf(crm.Forbidden, "this API key lacks the permission %s; use a key that has it", scope)
}

// requires refuses whom may does not let through before the body is parsed.
func requires(may func(site.Actor) error) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		err := may(callerOf(ctx.Context()).by)
		if err == nil {
			next(ctx)
			return
		}
		p := ProblemOf(ctx.Context(), err)
		r, w := unwrap(ctx)
		WriteProblem(w, r, p)
	}
}

// limitBody reads the body once, bounded, and refuses what is not UTF-8: a JSON
// decoder would replace it in silence.
func limitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := ReadBody(r, limit)
		if err == nil && !utf8.Valid(body) {
			err = crm.Errorf(crm.Malformed, "the body is not valid UTF-8")
		}
		if half := halfCharacter(body); err == nil && half != "" {
			err = crm.Errorf(crm.Malformed, "the body has %s by itself, which is half a character; write the character as it is, in UTF-8, or both of its halves", half)
		}
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// halfCharacter finds an escape of UTF-16 in JSON that lacks its other half (RFC
// 8259, section 8.2); a decoder would replace it in silence too.
func halfCharacter(body []byte) string {
	unit := func(i int) rune { // of the escape at i
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0
		}
		n, err := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(n)
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if r := unit(i); utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, unit(i+6)) == utf8.RuneError {
				return string(body[i : i+6])
			}
			i += 6
		}
		i++ // what is escaped is not an escape
	}
	return ""
}

// ReadBody reads a body of at most limit bytes; crm.TooLarge for a larger one.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, crm.Errorf(crm.Malformed, "the body did not arrive whole; send it again")
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int64) error {
	return crm.Errorf(crm.TooLarge, "the body is larger than %d KiB, which is the most that is read here", limit>>10)
}

// routed notes the route for the log line.
func routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern == "" || !straight(r) {
			nowhere(mux).ServeHTTP(w, r)
			return
		}
		if n, ok := r.Context().Value(noteKey).(*note); ok {
			n.route = pattern
		}
		mux.ServeHTTP(w, r)
	})
}

func notOffered(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	WriteProblem(w, r, &Problem{Type: "/problems/method-not-allowed", Title: "This method is not offered here",
		Status: http.StatusMethodNotAllowed, Detail: "use one of " + allow, RequestID: requestID(r.Context())})
}

type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }

// refuseOthers answers, on every path of the description, the methods that are
// not offered there. Registered one by one, as a path without parameters would
// else fall to one with ("/v1/contacts/look-up" to "/v1/contacts/{id}").
func refuseOthers(mux *http.ServeMux, doc *huma.OpenAPI) {
	for path, item := range doc.Paths {
		allow := allowed(item)
		for method, op := range methods(item) {
			if op == nil && method != http.MethodHead { // GET's pattern takes HEAD along
				mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) { notOffered(w, r, allow) })
			}
		}
	}
}

// note is what the one log line of a request tells besides the status.
type note struct {
	site  crm.SiteID
	route string
}

// NoteSite records the site for the log line.
func NoteSite(ctx context.Context, id crm.SiteID) {
	if n, ok := ctx.Value(noteKey).(*note); ok {
		n.site = id
	}
}

// Logged writes one line a request, without personal data: the route's pattern
// instead of its path, the site as a hash. A panic becomes a 500.
func Logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, start := &note{}, time.Now()
		sw := &statusWriter{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), noteKey, n))
		defer func() {
			if v := recover(); v != nil {
				slog.ErrorContext(r.Context(), "panic", "request_id", requestID(r.Context()), "stack", string(debug.Stack()))
				if sw.status == 0 {
					WriteProblem(sw, r, errors.New("panic"))
				}
			}
			slog.InfoContext(r.Context(), "request", "request_id", requestID(r.Context()), "site", boot.LogSite(n.site),
				"method", r.Method, "route", n.route, "status", sw.status, "ms", time.Since(start).Milliseconds())
		}()
		next.ServeHTTP(sw, r)
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}
