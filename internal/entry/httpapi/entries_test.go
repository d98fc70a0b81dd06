package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/quota"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/dynamotest"
)

// pail keeps files in memory, for what S3 has no part in; the end-to-end tests use S3.
type pail map[string][]byte

func (p pail) PresignPut(_ context.Context, key string, size int64, _ time.Duration) (transfer.Upload, error) {
	return transfer.Upload{Method: "PUT", URL: "https://files.example/" + key, Headers: map[string]string{"Content-Length": fmt.Sprint(size)}}, nil
}

func (p pail) PresignFile(_ context.Context, key, name, kind string, _ time.Duration) (string, error) {
	return "https://files.example/" + key + "?name=" + url.QueryEscape(name) + "&type=" + url.QueryEscape(kind), nil
}

func (p pail) Stat(_ context.Context, key string) (int64, string, error) {
	if _, ok := p[key]; !ok {
		return 0, "", transfer.ErrNoFile
	}
	return int64(len(p[key])), "etag", nil
}

func (p pail) Read(_ context.Context, key, _ string, _, _ int64) (io.ReadCloser, error) {
	if _, ok := p[key]; !ok {
		return nil, transfer.ErrNoFile
	}
	return io.NopCloser(bytes.NewReader(p[key])), nil
}

func (p pail) Put(_ context.Context, key, _ string, body []byte) error {
	p[key] = body
	return nil
}

func (p pail) Remove(_ context.Context, keys ...string) error {
	for _, k := range keys {
		delete(p, k)
	}
	return nil
}

// upload announces a document and sends it; its id.
func (s *shop) upload(at, name, content string) string {
	s.t.Helper()
	f := s.must(201, s.do("POST", at+"/documents", fmt.Sprintf(`{"name":%q,"size":%d}`, name, len(content))))
	s.files[strings.TrimPrefix(f["upload"].(map[string]any)["url"].(string), "https://files.example/")] = []byte(content)
	return f["id"].(string)
}

func (s *shop) emma() (at string) {
	s.t.Helper()
	return "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"email":"emma@b.example","first_name":"Emma"}`))["id"].(string)
}

const paper = "%PDF-1.7 …"

func TestTheLifeOfANote(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	doc := s.upload(at, "Sketch.PDF", paper)
	s.must(422, s.do("POST", at+"/entries", fmt.Sprintf(`{"title":"x","documents":[%q]}`, doc))) // not complete
	done := s.must(200, s.do("POST", at+"/documents/"+doc+"/complete", ""))
	if done["state"] != "ready" || done["type"] != "application/pdf" || len(done["sha256"].(string)) != 64 {
		t.Errorf("complete: %v", done)
	}
	body := fmt.Sprintf(`{"title":"Called","text":"She wants **three** tiers.\n<script>alert(1)</script>","documents":[%q],"at":"2026-03-01T10:00:00Z"}`, doc)
	w := s.do("POST", at+"/entries", body, "Idempotency-Key", "k1")
	made := s.must(201, w)
	e := made["entry"].(map[string]any)
	if made["kind"] != "note" || made["at"] != "2026-03-01T10:00:00Z" || made["by"] == "" || w.Header().Get("ETag") != `"1"` ||
		!strings.HasPrefix(e["html"].(string), "<p>She wants <strong>three</strong> tiers.") || strings.Contains(e["html"].(string), "script") ||
		fmt.Sprint(e["documents"]) != fmt.Sprintf("[map[id:%s name:Sketch.PDF size:%d type:application/pdf]]", doc, len(paper)) {
		t.Errorf("made %v", made)
	}
	again := s.do("POST", at+"/entries", body, "Idempotency-Key", "k1")
	if s.must(201, again)["id"] != made["id"] || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s", again.Body)
	}
	s.must(422, s.do("POST", at+"/entries", `{"title":"other"}`, "Idempotency-Key", "k1"))
	s.must(422, s.do("POST", at+"/entries", fmt.Sprintf(`{"title":"thief","documents":[%q]}`, doc)))
	here := w.Header().Get("Location")
	s.must(428, s.do("PATCH", here, `{"title":"x"}`))
	s.must(412, s.do("PATCH", here, `{"title":"x"}`, "If-Match", `"9"`))
	s.must(422, s.do("PATCH", here, `{"title":null,"text":""}`, "If-Match", `"1"`))
	changed := s.must(200, s.do("PATCH", here, `{"title":"Called back"}`, "If-Match", `"1"`))["entry"].(map[string]any)
	if changed["title"] != "Called back" || changed["version"] != 2.0 || changed["edited_by"] != made["by"] || len(changed["documents"].([]any)) != 1 {
		t.Errorf("changed %v", changed)
	}
	if same := s.must(200, s.do("PATCH", here, `{"title":"Called back"}`, "If-Match", `"2"`))["entry"].(map[string]any); same["version"] != 2.0 {
		t.Errorf("a change of nothing made version %v", same["version"])
	}
	if v := s.must(200, s.do("GET", at, ""))["version"]; v != 1.0 {
		t.Errorf("a note made version %v of the contact", v)
	}
	link := s.do("GET", at+"/documents/"+doc, "")
	if to := link.Header().Get("Location"); link.Code != 303 || !strings.Contains(to, "/documents/bakery/") || !strings.Contains(to, "name=Sketch.PDF") || !strings.Contains(to, "type=application%2Fpdf") {
		t.Errorf("a document is at %d %s", link.Code, to)
	}
	s.must(409, s.do("DELETE", at+"/documents/"+doc, ""))

	s.must(204, s.do("POST", here+"/pin", ""))
	s.must(204, s.do("POST", here+"/pin", ""))
	page := s.must(200, s.do("GET", at+"/timeline?limit=1", ""))
	if p := page["pinned"].([]any); len(p) != 1 || p[0].(map[string]any)["id"] != made["id"] || p[0].(map[string]any)["pinned"] != true {
		t.Errorf("pinned are %v", p)
	}
	if only := s.must(200, s.do("GET", at+"/timeline?pinned=true&kind=form", "")); only["pinned"] != nil || len(only["activities"].([]any)) != 0 {
		t.Errorf("of the forms pinned are %v", only)
	}
	s.must(204, s.do("POST", here+"/unpin", ""))

	if n := len(s.must(200, s.do("PATCH", here, `{"documents":[]}`, "If-Match", `"2"`))["entry"].(map[string]any)["documents"].([]any)); n != 0 {
		t.Errorf("%d documents are left", n)
	}
	s.must(404, s.do("GET", at+"/documents/"+doc, ""))
	s.must(412, s.do("DELETE", here, "", "If-Match", `"2"`))
	s.must(204, s.do("DELETE", here, "", "If-Match", `"3"`))
	s.must(404, s.do("GET", here, ""))
	s.must(410, s.do("POST", at+"/entries", body, "Idempotency-Key", "k1"))
}

func TestWhatTheSystemWroteStays(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	id := s.submit(time.Now(), "email", "emma@b.example", "message", "hello there")
	s.must(409, s.do("PATCH", at+"/entries/"+id, `{"title":"x"}`, "If-Match", `"1"`))
	s.must(409, s.do("DELETE", at+"/entries/"+id, "", "If-Match", `"1"`))
	s.must(204, s.do("POST", at+"/entries/"+id+"/pin", ""))
	for _, nothing := range []string{"01JD9Z8B6RQ7XKQ1M0V4T2C5YE", "PINS", "ORDER%23shop:1", "created"} {
		s.must(404, s.do("GET", at+"/entries/"+nothing, ""))
	}
	for _, body := range []string{`{}`, `{"title":"a\nb"}`, `{"title":"` + strings.Repeat("x", 201) + `"}`, `{"text":"` + strings.Repeat("x", 20_001) + `"}`,
		`{"title":"x","at":"2126-01-01T00:00:00Z"}`, `{"title":"x","documents":["doc_01jd9z8b6rq7xkq1m0v4t2c5ye"]}`, `{"title":"x","documents":["../x"]}`} {
		s.must(422, s.do("POST", at+"/entries", body))
	}
	for i := range 10 {
		made := s.must(201, s.do("POST", at+"/entries", fmt.Sprintf(`{"title":"%d"}`, i)))
		want := 204
		if i == 9 { // with the submission ten are pinned
			want = 409
		}
		s.must(want, s.do("POST", at+"/entries/"+made["id"].(string)+"/pin", ""))
	}
}

func TestADocumentIsWhatItSays(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	for _, name := range []string{"x.html", "x.svg", "x.exe", "x.docm", "x", ".pdf", strings.Repeat("x", 300) + ".pdf"} {
		s.must(422, s.do("POST", at+"/documents", fmt.Sprintf(`{"name":%q,"size":1}`, name)))
	}
	s.must(422, s.do("POST", at+"/documents", `{"name":"x.pdf","size":10485761}`))
	none := s.must(201, s.do("POST", at+"/documents", `{"name":"x.pdf","size":10}`))["id"].(string)
	s.must(409, s.do("POST", at+"/documents/"+none+"/complete", ""))
	s.must(409, s.do("GET", at+"/documents/"+none, ""))
	for name, content := range map[string]string{
		"page.pdf": "<html>%PDF-1.7", "x.png": "\xff\xd8\xff\xe0", "x.txt": "<svg onload=alert(1)>", "y.txt": " \n<!doctype html>", "z.csv": "a\x00b",
		"x.docx": "PK\x03\x04", "x.doc": paper, "x.odt": "mimetype",
	} {
		id := s.upload(at, name, content)
		s.must(422, s.do("POST", at+"/documents/"+id+"/complete", ""))
		s.must(404, s.do("GET", at+"/documents/"+id, ""))
	}
	if len(s.files) != 0 {
		t.Errorf("%d refused files are left", len(s.files))
	}
	// One that is not of the announced size is not taken; announced again it is.
	short := s.must(201, s.do("POST", at+"/documents", `{"name":"x.txt","size":4}`))
	s.files[strings.TrimPrefix(short["upload"].(map[string]any)["url"].(string), "https://files.example/")] = []byte("hello")
	s.must(409, s.do("POST", at+"/documents/"+short["id"].(string)+"/complete", ""))
	s.must(409, s.do("GET", at+"/documents/"+short["id"].(string), ""))
	s.must(422, s.do("POST", at+"/entries", fmt.Sprintf(`{"title":"x","documents":[%q]}`, short["id"])))
	s.must(204, s.do("DELETE", at+"/documents/"+short["id"].(string), ""))
	name := "../a/b\\<\"Ré\u202esumé\".txt"
	id := s.upload(at, name, "naïve")
	if f := s.must(200, s.do("POST", at+"/documents/"+id+"/complete", "")); f["name"] != "Résumé.txt" {
		t.Errorf("%q is kept as %q", name, f["name"])
	}
	s.must(200, s.do("POST", at+"/documents/"+id+"/complete", ""))
	s.must(204, s.do("DELETE", at+"/documents/"+id, ""))
	s.must(404, s.do("GET", at+"/documents/"+id, ""))
}

func TestFilesAndEntriesAreOfTheirContactAlone(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	doc := s.upload(at, "a.txt", "hello")
	s.must(200, s.do("POST", at+"/documents/"+doc+"/complete", ""))
	note := s.must(201, s.do("POST", at+"/entries", `{"title":"x"}`))["id"].(string)
	bob := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"email":"bob@b.example"}`))["id"].(string)
	s.must(404, s.do("GET", bob+"/documents/"+doc, ""))
	s.must(404, s.do("GET", bob+"/entries/"+note, ""))
	s.must(404, s.do("DELETE", bob+"/entries/"+note, "", "If-Match", "*"))
	s.must(422, s.do("POST", bob+"/entries", fmt.Sprintf(`{"title":"x","documents":[%q]}`, doc)))
	other := shopOn(t, s.table, dynamotest.Site(t, s.table, "garage"), site.Scopes...)
	other.must(404, other.do("GET", at+"/documents/"+doc, ""))
	other.must(404, other.do("POST", at+"/entries", `{"title":"x"}`))

	// Who answers for another's timeline answers for their files.
	ids := []crm.ContactID{crm.ContactID(strings.TrimPrefix(at, "/v1/contacts/"))}
	files, err := s.book.Files(t.Context(), ids)
	if err != nil || len(files) != 1 || files[0].ID != doc || files[0].State != document.Ready {
		t.Errorf("the files of a contact are %v, %v", files, err)
	}
}

// An upload may come when its contact has gone: it stays where nothing outlives a day.
func TestAnUploadOfNobodyIsNotKept(t *testing.T) {
	s := newShop(t)
	under := func(prefix string) (n int) {
		for key := range s.files {
			if strings.HasPrefix(key, prefix) {
				n++
			}
		}
		return n
	}
	at := s.emma()
	announced := s.must(201, s.do("POST", at+"/documents", `{"name":"a.txt","size":5}`))
	s.must(204, s.do("DELETE", at, "", "If-Match", "*"))
	to := strings.TrimPrefix(announced["upload"].(map[string]any)["url"].(string), "https://files.example/")
	s.files[to] = []byte("hello")
	s.must(404, s.do("POST", at+"/documents/"+announced["id"].(string)+"/complete", ""))
	if !strings.HasPrefix(to, "incoming/bakery/") || len(s.files) != 1 {
		t.Errorf("an upload went to %s, and %d files are there", to, len(s.files))
	}
	clear(s.files)

	// The contact goes while the file is put into its place.
	at = s.emma()
	id := crm.ContactID(strings.TrimPrefix(at, "/v1/contacts/"))
	doc := s.upload(at, "a.txt", "hello")
	gone := leaving{s.files, func() { s.must(204, s.do("DELETE", at, "", "If-Match", "*")) }}
	if _, err := document.Complete(t.Context(), s.book, gone, s.id, id, doc, time.Now()); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("completing a file of nobody: %v", err)
	}
	if len(s.files) != 0 {
		t.Errorf("%d files of nobody are left", len(s.files))
	}

	// Cut off before the record, it is completed by the next try.
	at = s.emma()
	id = crm.ContactID(strings.TrimPrefix(at, "/v1/contacts/"))
	doc = s.upload(at, "a.txt", "hello")
	ctx, cut := context.WithCancel(t.Context())
	if _, err := document.Complete(ctx, s.book, leaving{s.files, cut}, s.id, id, doc, time.Now()); err == nil {
		t.Error("a try that was cut off succeeded")
	}
	s.must(200, s.do("POST", at+"/documents/"+doc+"/complete", ""))
	if under("documents/bakery/") != 1 || len(s.files) != 1 {
		t.Errorf("a document is kept as %d files, %d of them in their place", len(s.files), under("documents/bakery/"))
	}
}

// leaving is a bucket in which something happens right after a file was put.
type leaving struct {
	pail
	then func()
}

func (l leaving) Put(ctx context.Context, key, kind string, body []byte) error {
	defer l.then()
	return l.pail.Put(ctx, key, kind, body)
}

func TestAPictureOfAContact(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	s.must(404, s.do("GET", at+"/avatar", ""))
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 30, 40))); err != nil {
		t.Fatal(err)
	}
	send := func(content []byte) (id string) {
		f := s.must(201, s.do("POST", at+"/avatar", fmt.Sprintf(`{"size":%d}`, len(content))))
		s.files[strings.TrimPrefix(f["upload"].(map[string]any)["url"].(string), "https://files.example/")] = content
		return f["id"].(string)
	}
	s.must(422, s.do("POST", at+"/avatar/complete", fmt.Sprintf(`{"id":%q}`, send([]byte("<svg/>")))))
	s.must(422, s.do("POST", at+"/avatar", `{"size":5242881}`))
	doc := s.upload(at, "a.txt", "hello")
	s.must(404, s.do("POST", at+"/avatar/complete", fmt.Sprintf(`{"id":%q}`, doc)))
	delete(s.files, "incoming/bakery/"+strings.TrimPrefix(at, "/v1/contacts/")+"/"+doc)
	var first string
	for i := range 2 {
		id := send(b.Bytes())
		for range 2 { // told twice
			k := s.must(200, s.do("POST", at+"/avatar/complete", fmt.Sprintf(`{"id":%q}`, id)))
			if k["avatar"] != at+"/avatar" || k["version"] != float64(i+2) {
				t.Errorf("with a picture: %v, version %v", k["avatar"], k["version"])
			}
		}
		for _, size := range []string{"", "?size=96"} {
			w := s.do("GET", at+"/avatar"+size, "")
			to, _ := url.Parse(w.Header().Get("Location"))
			content, ok := s.files[strings.TrimPrefix(to.Path, "/")]
			if w.Code != 303 || !ok || to.Query().Get("type") != "image/png" || to.Query().Get("name") != "" {
				t.Errorf("the picture is at %d %s (%d bytes)", w.Code, to, len(content))
			}
		}
		if first == "" {
			first = id
		}
	}
	if n := len(s.files); n != 4 { // two sizes of two pictures; the first go with their record
		t.Errorf("%d files", n)
	}
	if _, err := s.book.GetFile(t.Context(), crm.ContactID(strings.TrimPrefix(at, "/v1/contacts/")), first); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the first picture's record: %v", err)
	}
	s.must(204, s.do("DELETE", at+"/avatar", ""))
	s.must(404, s.do("GET", at+"/avatar", ""))
}

// A document or a picture whose announcement was repeated goes to where the first one said,
// and is completed from there.
func TestARepeatedAnnouncementLeadsToTheSamePlace(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 30, 40))); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		content []byte
		body    string
	}{
		"/documents": {[]byte(paper), `{"name":"a.pdf","size":%d}`},
		"/avatar":    {picture.Bytes(), `{"size":%d}`},
	} {
		s := newShop(t)
		at := s.emma()
		body := fmt.Sprintf(c.body, len(c.content))
		first := s.must(201, s.do("POST", at+what, body, "Idempotency-Key", "k1"))
		w := s.do("POST", at+what, body, "Idempotency-Key", "k1")
		again := s.must(201, w)
		if w.Header().Get("Idempotency-Replayed") != "true" || fmt.Sprint(again) != fmt.Sprint(first) {
			t.Errorf("%s: announced %v, repeated %v", what, first, again)
		}
		s.files[strings.TrimPrefix(again["upload"].(map[string]any)["url"].(string), "https://files.example/")] = c.content
		if what == "/avatar" {
			s.must(200, s.do("POST", at+"/avatar/complete", fmt.Sprintf(`{"id":%q}`, again["id"])))
		} else {
			s.must(200, s.do("POST", at+"/documents/"+again["id"].(string)+"/complete", ""))
		}
		for key := range s.files {
			if strings.HasPrefix(key, "incoming/") {
				t.Errorf("%s: %s is left", what, key)
			}
		}
	}
}

// Of two calls of complete at once, the one that comes second to the upload, which
// the first has taken away, answers as the first.
func TestTwoCallsOfCompleteAtOnceAnswerTheSame(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	id := crm.ContactID(strings.TrimPrefix(at, "/v1/contacts/"))
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 30, 40))); err != nil {
		t.Fatal(err)
	}
	type complete func(context.Context, document.Store, document.Bucket, crm.SiteID, crm.ContactID, string, time.Time) (document.File, error)
	for what, run := range map[string]complete{"document": document.Complete, "avatar": document.CompleteAvatar} {
		for _, late := range []string{"Stat", "Read"} {
			var doc string
			if what == "document" {
				doc = s.upload(at, "a.txt", "hello")
			} else {
				f := s.must(201, s.do("POST", at+"/avatar", fmt.Sprintf(`{"size":%d}`, picture.Len())))
				s.files[strings.TrimPrefix(f["upload"].(map[string]any)["url"].(string), "https://files.example/")] = picture.Bytes()
				doc = f["id"].(string)
			}
			var first document.File
			b := overtaken{s.files, late, func() {
				var err error
				if first, err = run(t.Context(), s.book, s.files, s.id, id, doc, time.Now()); err != nil {
					t.Fatal(err)
				}
			}}
			second, err := run(t.Context(), s.book, b, s.id, id, doc, time.Now())
			if err != nil || second.State != document.Ready || second.SHA256 != first.SHA256 || second.Type != first.Type {
				t.Errorf("%s, before its %s: %v, then %v, %v", what, late, first, second, err)
			}
		}
	}
}

// overtaken is a bucket of which something else comes before the call of a name.
type overtaken struct {
	pail
	late  string
	first func()
}

func (o overtaken) Stat(ctx context.Context, key string) (int64, string, error) {
	if o.late == "Stat" {
		o.first()
	}
	return o.pail.Stat(ctx, key)
}

func (o overtaken) Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error) {
	if o.late == "Read" {
		o.first()
	}
	return o.pail.Read(ctx, key, etag, offset, length)
}

func TestAMessageGoesOutOnceWithItsEntry(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	s.submit(time.Now(), "email", "emma@b.example", "message", "is there bread?")
	doc := s.upload(at, "a.txt", "hello")
	s.must(200, s.do("POST", at+"/documents/"+doc+"/complete", ""))
	body := fmt.Sprintf(`{"subject":"Your cake","text":"Dear **Emma**,\n\nsee https://b.example.","documents":[%q]}`, doc)
	s.must(422, s.do("POST", at+"/messages", body))
	w := s.do("POST", at+"/messages", body, "Idempotency-Key", "k1")
	made := s.must(201, w)
	e := made["entry"].(map[string]any)
	if made["kind"] != "mail" || e["to"] != "emma@b.example" || e["state"] != "waiting" || e["title"] != "Your cake" {
		t.Errorf("sent %v", made)
	}
	if again := s.do("POST", at+"/messages", body, "Idempotency-Key", "k1"); s.must(201, again)["id"] != made["id"] || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s", again.Body)
	}
	message := mail.Derive(strings.TrimPrefix(at, "/v1/contacts/"), made["id"].(string))
	m, waits, err := s.table.Take(t.Context(), s.id, message, time.Now(), time.Now().Add(time.Minute))
	if err != nil || !waits {
		t.Fatalf("the mail does not wait: %v", err)
	}
	if by, ok := m.Values[mail.By]; !ok || by != "" {
		t.Errorf("the mail is signed by %q, the name of a key", by)
	}
	if m.To.Email != "emma@b.example" || m.To.Name != "Emma" || m.ReplyTo.Email != "" || m.Values["subject"] != "Your cake" ||
		m.Values["text"] != "Dear Emma,\n\nsee https://b.example." || len(m.Attachments) != 1 ||
		m.Attachments[0].Key != "documents/bakery/"+strings.TrimPrefix(at, "/v1/contacts/")+"/"+doc {
		t.Errorf("the mail is %+v", m)
	}
	if f := s.must(200, s.do("GET", at+"/figures", "")); f["open_requests"] != 0.0 {
		t.Errorf("after an answer %v requests are open", f["open_requests"])
	}
	here := w.Header().Get("Location")
	for _, o := range []mail.Outcome{{State: mail.Refused, Reason: "the address is none", At: time.Now()}, {State: mail.Sent, At: time.Now()}} {
		if o.State == mail.Sent { // a second message
			w := s.do("POST", at+"/messages", `{"subject":"x","text":"y"}`, "Idempotency-Key", "k9")
			here = w.Header().Get("Location")
			message = mail.Derive(strings.TrimPrefix(at, "/v1/contacts/"), s.must(201, w)["id"].(string))
		}
		if err := s.table.Close(t.Context(), s.id, message, o); err != nil {
			t.Fatal(err)
		}
		want := "failed refused: the address is none"
		if o.State == mail.Sent {
			want = "sent <nil>"
		}
		e := s.must(200, s.do("GET", here, ""))["entry"].(map[string]any)
		if got := fmt.Sprint(e["state"], " ", e["reason"]); got != want {
			t.Errorf("the entry says %q, want %q", got, want)
		}
	}
	s.must(409, s.do("PATCH", here, `{"title":"x"}`, "If-Match", `"1"`))
	s.must(409, s.do("DELETE", here, "", "If-Match", `"1"`))
	for _, body := range []string{`{"subject":"","text":"x"}`, `{"subject":"x","text":" "}`, `{"subject":"x","text":"y","to":"bob@b.example"}`,
		`{"subject":"x","text":"y","reply_to":"me"}`, `{"subject":"x","text":"y","reply_to":"boss@bank.example"}`, fmt.Sprintf(`{"subject":"x","text":"y","documents":[%q]}`, doc)} {
		s.must(422, s.do("POST", at+"/messages", body, "Idempotency-Key", "k2"))
	}
	phone := "/v1/contacts/" + s.must(201, s.do("POST", "/v1/contacts", `{"phone":"0612345678"}`))["id"].(string)
	s.must(422, s.do("POST", phone+"/messages", `{"subject":"x","text":"y"}`, "Idempotency-Key", "k3"))
	reader := shopOn(t, s.table, dynamotest.Site(t, s.table, "garage"), site.ContactsRead, site.ContactsWrite)
	reader.must(403, reader.do("POST", at+"/messages", `{"subject":"x","text":"y"}`, "Idempotency-Key", "k4"))
}

// What a site may send in a day is counted for all of its contacts; an address that
// complained gets nothing.
func TestMessagesThatAreNotSent(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	const body = `{"subject":"x","text":"y"}`
	taken, _, _, err := s.table.TakeCalls(t.Context(), s.id, "messages", quota.Messages(), quota.MessagesPerDay-1, time.Now())
	if err != nil || taken != quota.MessagesPerDay-1 {
		t.Fatal(taken, err)
	}
	s.must(201, s.do("POST", at+"/messages", body, "Idempotency-Key", "k1"))
	w := s.do("POST", at+"/messages", body, "Idempotency-Key", "k2")
	s.must(429, w)
	if w.Header().Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	other := shopOn(t, s.table, dynamotest.Site(t, s.table, "garage"), site.Scopes...)
	there := other.emma()
	other.must(201, other.do("POST", there+"/messages", body, "Idempotency-Key", "k1"))
	if err := consent.Feedback(t.Context(), other.book, "emma@b.example", contact.SuppressedComplained, "ml_1", time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	other.must(409, other.do("POST", there+"/messages", body, "Idempotency-Key", "k2"))
	for who, x := range map[string]*shop{at: s, there: other} {
		acts := x.must(200, x.do("GET", who+"/timeline?kind=mail", ""))
		if n := len(acts["activities"].([]any)); n != 1 {
			t.Errorf("%d messages are in the timeline", n)
		}
	}
}

// A message that is repeated takes nothing of what a site may send a day.
func TestARepeatedMessageCountsOnce(t *testing.T) {
	s := newShop(t)
	at := s.emma()
	send := func(status int, key string) any {
		t.Helper()
		return s.must(status, s.do("POST", at+"/messages", `{"subject":"x","text":"y"}`, "Idempotency-Key", key))["id"]
	}
	first := send(201, "k1")
	send(201, "k1")
	if granted, _, _, err := s.table.TakeCalls(t.Context(), s.id, "messages", quota.Messages(), quota.MessagesPerDay, time.Now()); err != nil || granted != quota.MessagesPerDay-1 {
		t.Errorf("%d messages were left, %v", granted, err)
	}
	if send(201, "k1") != first {
		t.Error("with none left, the first message is not found any more")
	}
	send(429, "k2")
}
