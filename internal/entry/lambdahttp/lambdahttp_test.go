package lambdahttp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/entry/httpapi"
	"clientele/internal/entry/lambdahttp"
)

// sample reads an event of events/forms.
func sample(t *testing.T, name string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	raw, err := os.ReadFile("../../../events/forms/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

func request(t *testing.T, e events.APIGatewayV2HTTPRequest) (*http.Request, string) {
	t.Helper()
	r, err := lambdahttp.Request(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func TestARequestIsAsAServerWouldMakeIt(t *testing.T) {
	for _, tt := range []struct{ file, method, uri, kind, cookie, body string }{
		{"page.json", "POST", "/f/demo-contact", "application/x-www-form-urlencoded", "consent=yes; lang=nl", "naam=Jos%C3%A9+van+der+Berg&"},
		{"script.json", "POST", "/f/demo-contact", "application/json", "lang=nl", `{"email": "fenna.de-wit@example.nl"`},
		{"preflight.json", "OPTIONS", "/f/demo-contact", "", "", ""},
		{"look.json", "GET", "/f/demo-contact?lang=nl", "", "", ""},
	} {
		t.Run(tt.file, func(t *testing.T) {
			r, body := request(t, sample(t, tt.file))
			if r.Method != tt.method || r.URL.String() != tt.uri || r.RequestURI != tt.uri || r.Host != "api-id.execute-api.eu-west-1.amazonaws.com" ||
				r.RemoteAddr != "192.0.2.1" || r.Header.Get("Content-Type") != tt.kind || r.Header.Get("Cookie") != tt.cookie ||
				!strings.HasPrefix(body, tt.body) || r.ContentLength != int64(len(body)) {
				t.Errorf("%+v\n%s", r, body)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	for _, tt := range []struct{ stage, raw, path, escaped string }{
		{"$default", "/v1/contacts", "/v1/contacts", "/v1/contacts"},
		{"live", "/live/v1/contacts", "/v1/contacts", "/v1/contacts"},
		{"live", "/lively", "/lively", "/lively"},
		{"live", "/live", "/", "/"},
		{"$default", "", "/", "/"},
		{"$default", "/a%20b%2Fc", "/a b/c", "/a%20b%2Fc"},
		{"$default", "/a b", "/a b", "/a%20b"},    // decoded by the gateway
		{"$default", "/100%", "/100%", "/100%25"}, // likewise
		{"$default", "//x", "//x", "//x"},         // no host in there
	} {
		var e events.APIGatewayV2HTTPRequest
		e.RawPath, e.RequestContext.Stage, e.RequestContext.HTTP.Method = tt.raw, tt.stage, "GET"
		r, _ := request(t, e)
		if r.URL.Path != tt.path || r.URL.EscapedPath() != tt.escaped || r.URL.Host != "" {
			t.Errorf("%q: %q %q, want %q %q", tt.raw, r.URL.Path, r.URL.EscapedPath(), tt.path, tt.escaped)
		}
	}
}

func TestWhatIsNoHTTPEventIsAnError(t *testing.T) {
	broken := events.APIGatewayV2HTTPRequest{Body: "%", IsBase64Encoded: true}
	broken.RequestContext.HTTP.Method = "POST"
	for _, e := range []events.APIGatewayV2HTTPRequest{{}, broken} {
		if _, err := lambdahttp.Handler(http.NotFoundHandler())(context.Background(), e); err == nil {
			t.Errorf("%+v was answered", e)
		}
	}
}

func TestAnAnswerIsWhatTheHandlerWrote(t *testing.T) {
	answer := func(method string, h http.HandlerFunc) events.APIGatewayV2HTTPResponse {
		t.Helper()
		e := sample(t, "look.json")
		e.RequestContext.HTTP.Method = method
		out, err := lambdahttp.Handler(h)(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := answer("GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Content-Length", "2")
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Vary", "Accept")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.WriteHeader(422)
		w.WriteHeader(500)
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "{}")
	})
	want := events.APIGatewayV2HTTPResponse{StatusCode: 422, Body: "{}", Cookies: []string{"a=1", "b=2"},
		Headers: map[string]string{"Content-Type": "application/problem+json", "Vary": "Origin, Accept"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}

	png := "\x89PNG\r\n\x1a\n\x00"
	got = answer("GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, png) })
	if !got.IsBase64Encoded || got.Body != base64.StdEncoding.EncodeToString([]byte(png)) || got.Headers["Content-Type"] != "image/png" || got.StatusCode != 200 {
		t.Errorf("binary: %+v", got)
	}
	got = answer("GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=windows-1252")
		_, _ = io.WriteString(w, "Jos\xe9")
	})
	if !got.IsBase64Encoded {
		t.Errorf("text that is not UTF-8 would be spoilt: %+v", got)
	}
	got = answer("HEAD", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	if got.Body != "" || got.Headers["Content-Type"] != "text/plain; charset=utf-8" {
		t.Errorf("HEAD: %+v", got)
	}
	if got = answer("GET", func(http.ResponseWriter, *http.Request) {}); got.StatusCode != 200 || got.Body != "" {
		t.Errorf("nothing written: %+v", got)
	}
}

func TestAPanicIsOneRequestsTrouble(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "half a page")
		panic("jan@example.nl")
	}))
	got, err := h(context.Background(), sample(t, "look.json"))
	if err != nil || got.StatusCode != 500 || strings.Contains(got.Body, "half") || strings.Contains(got.Body, "jan@") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheGatewaysRequestIDIsQuoted(t *testing.T) {
	h := lambdahttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpapi.WriteProblem(w, r, &httpapi.Problem{Status: 404})
		p := httpapi.ProblemOf(r.Context(), errNotCoded{})
		_, _ = io.WriteString(w, p.RequestID)
	}))
	got, err := h(context.Background(), sample(t, "look.json"))
	if err != nil || !strings.Contains(got.Body, "JKJaXmPLvHcESHA=") {
		t.Errorf("%+v, %v", got, err)
	}
}

type errNotCoded struct{}

func (errNotCoded) Error() string { return "internal" }

// The same handler answers the same through the gateway and on a server.
func TestTheGatewayAndAServerAgree(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.PostForm.Encode())
	})
	e := sample(t, "page.json")
	got, err := lambdahttp.Handler(h)(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(e.Body)
	r := httptest.NewRequest("POST", e.RawPath, strings.NewReader(string(raw)))
	r.Header.Set("Content-Type", e.Headers["content-type"])
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got.Body != w.Body.String() || got.Body == "" {
		t.Errorf("%s, want %s", got.Body, w.Body)
	}
}
