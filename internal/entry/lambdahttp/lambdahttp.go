// Package lambdahttp runs an http.Handler as a Lambda function behind an API
// Gateway HTTP API (payload format 2.0). A handler cannot tell it from a server.
package lambdahttp

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"clientele/internal/entry/boot"
	"clientele/internal/entry/httpapi"
)

// Start builds the handler, then serves events until the process is ended.
func Start(build func(ctx context.Context, getenv func(string) string) (http.Handler, error)) {
	lambda.StartHandlerFunc(Handler(boot.Build(build)))
}

// Handler answers events with h. It returns an error only for an event that is
// none of an HTTP API; a panic of h becomes a 500, so that the process lives on.
func Handler(h http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		r, err := Request(ctx, e)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		w := &response{header: http.Header{}, head: r.Method == http.MethodHead}
		serve(h, w, r)
		return w.event(), nil
	}
}

func serve(h http.Handler, w *response, r *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			slog.ErrorContext(r.Context(), "panic", "stack", string(debug.Stack()))
			*w = response{header: http.Header{"Content-Type": {"application/problem+json"}}, status: http.StatusInternalServerError}
			w.body.WriteString(`{"type":"/problems/internal","title":"Something went wrong on our side","status":500}`)
		}
	}()
	h.ServeHTTP(w, r)
}

// Request makes the request that an event tells of.
func Request(ctx context.Context, e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	if e.RequestContext.HTTP.Method == "" {
		return nil, fmt.Errorf("this event is not one of an HTTP API with payload format 2.0")
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("the event's body is not base64: %w", err)
		}
	}
	path := e.RawPath
	if s := e.RequestContext.Stage; s != "" && s != "$default" {
		if rest, ok := strings.CutPrefix(path, "/"+s); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	if path == "" {
		path = "/"
	}
	u := &url.URL{Path: path, RawQuery: e.RawQueryString}
	// The gateway decodes some paths and leaves others as they came; what does
	// not decode was decoded already.
	if p, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = p, path
	}
	r := &http.Request{
		Method: e.RequestContext.HTTP.Method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(e.Headers)+1), Host: e.RequestContext.DomainName,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		RemoteAddr: e.RequestContext.HTTP.SourceIP, RequestURI: u.RequestURI(),
	}
	for k, v := range e.Headers { // of one name the gateway joins the values with commas
		r.Header.Set(k, v)
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host") // where a server has it
	}
	if len(e.Cookies) > 0 { // else they are in the header, where local gateways leave them
		r.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	return r.WithContext(httpapi.WithRequestID(ctx, e.RequestContext.RequestID)), nil
}

// response collects what a handler answers.
type response struct {
	header http.Header
	sent   http.Header // as they stood at WriteHeader; later changes do not count
	status int
	body   bytes.Buffer
	head   bool
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // 1xx cannot be sent through the gateway
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *response) event() events.APIGatewayV2HTTPResponse {
	if w.sent == nil {
		w.sent = w.header
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	body := w.body.Bytes()
	if len(body) > 0 && w.sent.Get("Content-Type") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(body))
	}
	if w.head {
		body = nil
	}
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: map[string]string{}}
	for k, v := range w.sent {
		switch k {
		case "Set-Cookie": // commas occur inside of them
			out.Cookies = v
		case "Content-Length": // the gateway counts
		default:
			out.Headers[k] = strings.Join(v, ", ")
		}
	}
	if textual(w.sent) && utf8.Valid(body) {
		out.Body = string(body)
	} else {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return out
}

// textual reports whether the body can stand in the event's JSON as it is.
func textual(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return t == "" || strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "json") || strings.HasSuffix(t, "xml") || strings.HasSuffix(t, "javascript")
}
