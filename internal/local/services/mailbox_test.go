package services

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheMailboxShowsWhatWasSentAndRunsNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"messages":{"0":[
			{"To":["a@example.nl"],"Subject":"first","BodyText":"t","BodyHtml":"<p>\"one\"</p><script>x()</script>","Timestamp":1},
			{"To":["b@example.nl"],"Subject":"<script>","BodyText":"t","Timestamp":2}]}}`)
	}))
	t.Cleanup(srv.Close)
	w := httptest.NewRecorder()
	(&Stack{Endpoint: srv.URL}).showMail(w, httptest.NewRequest("GET", MailPath, nil))
	page := w.Body.String()
	if w.Code != 200 || strings.Contains(page, "<script") || strings.Index(page, "b@example.nl") > strings.Index(page, "a@example.nl") ||
		!strings.Contains(page, `srcdoc="&lt;p&gt;&#34;one`) || !strings.Contains(page, "iframe sandbox") {
		t.Errorf("%d\n%s", w.Code, page)
	}
}
