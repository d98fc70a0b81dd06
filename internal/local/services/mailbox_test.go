package services

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"clientele/internal/adapter/mailer"
	"clientele/internal/domain/mail"
)

// What our own sender sends goes to the service and stands in the mailbox, with its files.
func TestTheMailboxShowsWhatWasSentAndRunsNothing(t *testing.T) {
	taken := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(b), `"Raw"`) || r.Header.Get("Authorization") == "" {
			t.Errorf("the service got %.200s", b)
		}
		w.Header().Set("Content-Type", "application/json")
		if taken++; taken == 3 {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, `{"MessageId":"m"}`)
	}))
	t.Cleanup(service.Close)
	box, err := StartMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	if err := box.HandsTo(service.URL); err != nil {
		t.Fatal(err)
	}
	ses, err := mailer.Open(aws.Config{Region: Region, BaseEndpoint: &box.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, "no-reply@example.com", "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	send := func(subject string, files ...mail.File) error {
		_, err := ses.Send(context.Background(), mail.House{Site: "bakery", Name: "Bakkerij Café"}, mail.Message{ID: "ml_1", Template: mail.FromMember,
			To: mail.Address{Email: "emma@example.nl", Name: "Emma"}, ReplyTo: mail.Address{Email: "sanne@example.nl"},
			Values: map[string]string{mail.Subject: subject, mail.Text: "<script>x()</script>"}}, files)
		return err
	}
	text := mail.File{Attachment: mail.Attachment{Name: "schéts.txt", Type: "text/plain"}, Content: []byte("\x00\xffhello\r\n")}
	for _, err := range []error{send("with a file", text), send("<script>")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if send("refused") == nil {
		t.Error("what the service refused was sent")
	}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		box.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	w := get(MailPath)
	page := w.Body.String()
	if w.Code != 200 || strings.Contains(page, "<script") || strings.Index(page, "with a file") < strings.Index(page, "&lt;script&gt;") ||
		strings.Contains(page, "refused") || !strings.Contains(page, "2 mails") {
		t.Errorf("%d\n%s", w.Code, page)
	}
	for _, want := range []string{"From Bakkerij Café &lt;no-reply@example.com&gt;, answers to &lt;sanne@example.nl&gt;", "iframe sandbox=", `srcdoc="&lt;base target`,
		`<a href="/_local/mail/0/0">schéts.txt</a> (text/plain, 9 bytes)`, "(1 attached)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
	f := get(MailPath + "/0/0")
	if f.Body.String() != string(text.Content) || !strings.HasPrefix(f.Header().Get("Content-Disposition"), "attachment; filename*=utf-8''sch") {
		t.Errorf("the file is %q, %v", f.Body, f.Header())
	}
	for _, nothing := range []string{"/1/0", "/0/1", "/9/0", "/x", "/0/-1"} {
		if w := get(MailPath + nothing); w.Code != 404 {
			t.Errorf("%s: %d", nothing, w.Code)
		}
	}
}
