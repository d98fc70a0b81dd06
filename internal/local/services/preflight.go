package services

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// MiniStack answers every OPTIONS request itself, from a CORS configuration that
// this API has not: each site allows its own origins. The real gateway hands it
// to the function of an ANY route, and so does this.

// preflight invokes the function with an OPTIONS request, that of the default
// route if no ANY route matches; it reports false if there is none either.
func (s *Stack) preflight(w http.ResponseWriter, r *http.Request) bool {
	function := s.any[defaultPath]
	for pattern, f := range s.any {
		prefix, _, variable := strings.Cut(pattern, "{")
		if r.URL.Path == pattern || variable && strings.HasPrefix(r.URL.Path, prefix) {
			function = f
		}
	}
	if function == "" {
		return false
	}
	headers := map[string]string{"host": r.Host}
	for name, v := range r.Header {
		headers[strings.ToLower(name)] = strings.Join(v, ",")
	}
	about := map[string]any{"method": r.Method, "path": r.URL.Path, "protocol": r.Proto, "sourceIp": "127.0.0.1", "userAgent": r.UserAgent()}
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": r.URL.EscapedPath(), "rawQueryString": r.URL.RawQuery, "headers": headers,
		"requestContext": map[string]any{"http": about, "stage": "$default", "requestId": "preflight", "domainName": r.Host},
	})
	if err == nil {
		event, err = call(r.Context(), "lambda", "POST", join(s.Endpoint, "2015-03-31/functions", function, "invocations"), "application/json", event)
	}
	var answer struct {
		StatusCode      int
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
	}
	if err == nil {
		err = json.Unmarshal(event, &answer)
	}
	if err != nil || answer.StatusCode == 0 {
		http.Error(w, `{"message":"Internal Server Error"}`, http.StatusInternalServerError)
		return true
	}
	for name, v := range answer.Headers {
		w.Header().Set(name, v)
	}
	w.WriteHeader(answer.StatusCode)
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(answer.Body) // our own function's
	}
	_, _ = w.Write(body) // the client is gone if this fails
	return true
}
