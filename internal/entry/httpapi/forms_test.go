package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/form"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/entry/httpapi"
	"clientele/internal/entry/lambdahttp"
)

var testNow = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

// directory holds one site with its forms and sources.
type directory struct {
	site    site.Site
	forms   []site.Form
	sources []site.Source
}

func (d directory) ByCredential(context.Context, string, time.Time) (site.Site, site.Actor, error) {
	return site.Site{}, site.Actor{}, crm.Errorf(crm.Unauthorized, "no")
}

func (d directory) ByForm(_ context.Context, public string) (site.Site, site.Form, error) {
	for _, f := range d.forms {
		if f.ID == public {
			return d.site, f, nil
		}
	}
	return site.Site{}, site.Form{}, crm.Errorf(crm.NotFound, "there is no form at this address")
}

func (d directory) BySource(_ context.Context, public string) (site.Site, site.Source, error) {
	for _, s := range d.sources {
		if s.ID == public {
			return d.site, s, nil
		}
	}
	return site.Site{}, site.Source{}, crm.Errorf(crm.NotFound, "there is no webhook source at this address")
}

func (d directory) ByID(_ context.Context, id crm.SiteID) (site.Site, error) {
	if id != d.site.ID {
		return site.Site{}, crm.Errorf(crm.NotFound, "there is no such site")
	}
	return d.site, nil
}

// effects is what a request wrote.
type effects struct {
	leads int // contacts made or enriched
	kept  int // submissions kept under the form
}

var none effects

type formBook struct {
	consent.Book // forms alone are tried here
	effects
	fail   error
	values []timeline.Value
	page   string
	facts  contact.Facts
}

func (b *formBook) Upsert(_ context.Context, f contact.Facts, now time.Time, rule contact.FactsRule) (contact.Contact, bool, error) {
	if b.fail != nil {
		return contact.Contact{}, false, b.fail
	}
	c := contact.New(f, now)
	acts, err := rule(&c, f, true)
	b.leads++
	b.facts, b.values, b.page = f, acts[0].Values, acts[0].Ref
	return c, true, err
}

func (b *formBook) KeepSubmission(_ context.Context, _ string, a timeline.Activity, _ time.Time) error {
	b.kept++
	b.values = a.Values
	return b.fail
}

func formsUnderTest() (http.Handler, *formBook) {
	dir := directory{
		site: site.Site{ID: "demo1", Name: "Bakkerij", Country: "NL", Language: "nl"},
		forms: []site.Form{
			{ID: "demo1-open", Name: "Contact"},
			{ID: "demo1-english", Language: "en"},
			{ID: "demo1-listed", Origins: []string{"https://www.example.nl", "https://shop.example.nl/"}},
			{ID: "demo1-thanks", ThankYou: "https://www.example.nl/bedankt"},
			{ID: "demo1-script", ThankYou: "javascript:alert(1)"},
			{ID: "demo1-closed", Closed: true},
			{ID: "demo1-trap", Honeypot: `fax"><b>`, Name: `<script>alert(1)</script>`},
		},
	}
	b := &formBook{}
	return httpapi.Forms(dir, func(site.Site) httpapi.FormsBook { return b }, testClock, "https://api.example.nl"), b
}

// ask makes a request; header is "Name: value" lines.
func ask(method, target, contentType, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func quiet(t testing.TB) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	asJSON     = "application/json"
	browser    = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	filled     = "naam=Jan+Berg&email=jan%40example.nl&bericht=Hallo"
)

func multipartBody(parts ...string) string {
	return "--x\r\n" + strings.Join(parts, "\r\n--x\r\n") + "\r\n--x--\r\n"
}

func TestFormScenarios(t *testing.T) {
	quiet(t)
	const openForm, multi = "/f/demo1-open", "multipart/form-data; boundary=x"
	lead, kept := effects{leads: 1}, effects{kept: 1}
	for _, tt := range []struct {
		name    string
		do      *http.Request
		want    int
		effects effects
	}{
		{"a script's JSON makes a lead", ask("POST", openForm, asJSON, `{"naam":"Jan","email":"jan@example.nl"}`), 202, lead},
		{"a script's urlencoded form makes a lead", ask("POST", openForm, urlencoded, filled), 202, lead},
		{"a multipart form makes a lead", ask("POST", openForm, multi, multipartBody("Content-Disposition: form-data; name=\"email\"\r\n\r\njan@example.nl")), 202, lead},
		{"a plain form makes a lead and goes on", ask("POST", openForm, urlencoded, filled, browser), 303, lead},
		{"a robot is answered as anybody and makes no lead", ask("POST", openForm, urlencoded, filled+"&website_url=x", browser), 303, kept},
		{"a robot's script too", ask("POST", openForm, urlencoded, filled+"&website_url=x"), 202, kept},
		{"without an address it is kept and refused", ask("POST", openForm, urlencoded, "bericht=Hallo"), 422, kept},
		{"a broken address is kept and refused", ask("POST", openForm, urlencoded, "email=jan@&bericht=Hallo", browser), 422, kept},
		{"an empty form is refused", ask("POST", openForm, urlencoded, ""), 422, none},
		{"a closed form takes no lead", ask("POST", "/f/demo1-closed", urlencoded, filled), 410, none},
		{"a closed form tells people so", ask("POST", "/f/demo1-closed", urlencoded, filled, browser), 410, none},
		{"a closed form shows no form", ask("GET", "/f/demo1-closed", "", ""), 410, none},
		{"an unknown form is not there", ask("POST", "/f/demo1-nope", urlencoded, filled), 404, none},
		{"an unknown form has no page", ask("GET", "/f/demo1-nope", "", "", browser), 404, none},
		{"another method is not offered", ask("PUT", openForm, urlencoded, filled), 405, none},

		{"a listed page may post", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://www.example.nl"), 202, lead},
		{"a listed page with a slash may post", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://shop.example.nl"), 202, lead},
		{"another page may not and writes nothing", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://evil.example"), 403, none},
		{"nor one that looks alike", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://www.example.nl.evil.example"), 403, none},
		{"nor one without TLS", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: http://www.example.nl"), 403, none},
		{"nor one that hides", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: null"), 403, none},
		{"nor a plain form there", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://evil.example", browser), 403, none},
		{"our own page may", ask("POST", "/f/demo1-listed", urlencoded, filled, "Origin: https://example.com"), 202, lead}, // httptest's host
		{"no browser, no origin", ask("POST", "/f/demo1-listed", urlencoded, filled), 202, lead},
		{"any page may where there is no list", ask("POST", openForm, urlencoded, filled, "Origin: https://evil.example"), 202, lead},
		{"a preflight of a listed page", ask("OPTIONS", "/f/demo1-listed", "", "", "Origin: https://www.example.nl"), 204, none},
		{"a preflight of another page", ask("OPTIONS", "/f/demo1-listed", "", "", "Origin: https://evil.example"), 403, none},

		{"XML is not read", ask("POST", openForm, "text/xml", "<x/>"), 415, none},
		{"text/plain is not read", ask("POST", openForm, "text/plain", "email=jan@example.nl"), 415, none},
		{"no content type", ask("POST", openForm, "", filled), 415, none},
		{"a nonsense content type", ask("POST", openForm, ";;;", filled), 415, none},
		{"65 KiB", ask("POST", openForm, urlencoded, "email=jan@example.nl&x="+strings.Repeat("x", 65<<10)), 413, none},
		{"65 KiB of a browser", ask("POST", openForm, urlencoded, "x="+strings.Repeat("x", 65<<10), browser), 413, none},
		{"101 fields", ask("POST", openForm, urlencoded, "email=jan@example.nl"+strings.Repeat("&a=b", 100)), 422, none},
		{"a text over 10 KiB", ask("POST", openForm, urlencoded, "email=jan@example.nl&t="+strings.Repeat("x", 10<<10+1)), 422, none},
		{"half a percent sign", ask("POST", openForm, urlencoded, "email=%4"), 400, none},
		{"half a JSON", ask("POST", openForm, asJSON, `{"email":`), 400, none},
		{"a JSON that is no object", ask("POST", openForm, asJSON, `["jan@example.nl"]`), 400, none},
		{"two JSONs", ask("POST", openForm, asJSON, `{"email":"jan@example.nl"}{}`), 400, none},
		{"deep JSON", ask("POST", openForm, asJSON, strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)), 400, none},
		{"a multipart without boundary", ask("POST", openForm, "multipart/form-data", filled), 400, none},
		{"a multipart that breaks off", ask("POST", openForm, multi, "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njan@ex"), 400, none},
		{"a file", ask("POST", openForm, multi, multipartBody("Content-Disposition: form-data; name=\"cv\"; filename=\"cv.pdf\"\r\n\r\n%PDF")), 422, none},
		{"not UTF-8", ask("POST", openForm, urlencoded, "email=jan@example.nl&naam=Jos%E9"), 400, none},
		{"Windows-1252, as the page says", ask("POST", openForm, urlencoded+"; charset=windows-1252", "email=jan@example.nl&naam=Jos%E9"), 202, lead},
		{"the pages", ask("GET", openForm, "", ""), 200, none},
		{"the thanks", ask("GET", openForm+"/thanks", "", ""), 200, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, b := formsUnderTest()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, tt.do)
			if w.Code != tt.want || b.effects != tt.effects {
				t.Errorf("status %d with %+v, want %d with %+v\n%s", w.Code, b.effects, tt.want, tt.effects, w.Body)
			}
			if w.Code >= 400 {
				isPage := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html")
				if asked := strings.Contains(tt.do.Header.Get("Accept"), "html") || tt.do.Method == "GET" && w.Code == 410; isPage != asked && w.Code != 405 {
					t.Errorf("answered with %s", w.Header().Get("Content-Type"))
				}
			}
			if strings.Contains(w.Body.String(), "jan@example.nl") {
				t.Error("the answer repeats the address")
			}
		})
	}
}

func TestAnswersTellNothingOfAnybody(t *testing.T) {
	quiet(t)
	var bodies []string
	for _, body := range []string{`{"email":"new@example.nl"}`, `{"email":"new@example.nl","website_url":"x"}`} {
		h, _ := formsUnderTest()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, ask("POST", "/f/demo1-open", asJSON, body))
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got["submission"]) != 26 {
			t.Fatalf("%s: %v", w.Body, err)
		}
		bodies = append(bodies, fmt.Sprint(w.Code, w.Header(), strings.ReplaceAll(w.Body.String(), got["submission"], "")))
	}
	if bodies[0] != bodies[1] {
		t.Errorf("a robot is told apart:\n%s\n%s", bodies[0], bodies[1])
	}
}

func TestWhatWasPostedStandsInOrder(t *testing.T) {
	quiet(t)
	want := []timeline.Value{{Name: "email", Text: "jan@example.nl"}, {Name: "z", Text: "1"}, {Name: "a", Text: "x y"}, {Name: "z", Text: "é"}}
	for name, r := range map[string]*http.Request{
		"urlencoded":  ask("POST", "/f/demo1-open", urlencoded, "email=jan%40example.nl&z=1&a=x+y&z=%C3%A9"),
		"Latin-1":     ask("POST", "/f/demo1-open", urlencoded, "email=jan%40example.nl&z=1&a=x+y&_charset_=iso-8859-1&z=%E9"),
		"JSON":        ask("POST", "/f/demo1-open", asJSON, `{"email":"jan@example.nl","z":1,"a":"x y","z":["é"],"n":null}`),
		"vendor JSON": ask("POST", "/f/demo1-open", "application/vnd.x+json; charset=utf-8", `{"email":"jan@example.nl","z":1,"a":"x y","z":["é"],"n":null}`),
		"multipart": ask("POST", "/f/demo1-open", `multipart/form-data; boundary="x"`, multipartBody(
			"Content-Disposition: form-data; name=\"email\"\r\n\r\njan@example.nl", "Content-Disposition: form-data; name=\"z\"\r\n\r\n1",
			"Content-Disposition: form-data; name=\"cv\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n",
			"Content-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx y", "Content-Disposition: form-data; name=\"z\"\r\n\r\né")),
	} {
		h, b := formsUnderTest()
		h.ServeHTTP(httptest.NewRecorder(), r)
		if !reflect.DeepEqual(b.values, want) {
			t.Errorf("%s: %q, want %q", name, b.values, want)
		}
	}
	h, b := formsUnderTest()
	h.ServeHTTP(httptest.NewRecorder(), ask("POST", "/f/demo1-open", asJSON,
		`{"contact":{"email":"jan@example.nl","address":{"city":"Deventer"}},"ok":true,"list":[[1,2],{"x":3}]}`, "Referer: https://www.example.nl/contact?utm=1#x"))
	want = []timeline.Value{{Name: "contact.email", Text: "jan@example.nl"}, {Name: "contact.address.city", Text: "Deventer"}, {Name: "ok", Text: "true"},
		{Name: "list", Text: "1"}, {Name: "list", Text: "2"}, {Name: "list.x", Text: "3"}}
	if !reflect.DeepEqual(b.values, want) || b.facts.Email != "jan@example.nl" || b.facts.Address.City != "Deventer" || b.page != "https://www.example.nl/contact" {
		t.Errorf("%q, %+v, %s", b.values, b.facts, b.page)
	}
}

func TestWherePlainFormsGo(t *testing.T) {
	quiet(t)
	for id, want := range map[string]string{
		"demo1-open":    "/f/demo1-open/thanks?lang=nl",
		"demo1-english": "/f/demo1-english/thanks?lang=en",
		"demo1-thanks":  "https://www.example.nl/bedankt",
		"demo1-script":  "/f/demo1-script/thanks?lang=nl",
	} {
		h, _ := formsUnderTest()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, ask("POST", "/f/"+id, urlencoded, filled, browser))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestVisitorsReadTheirLanguage(t *testing.T) {
	quiet(t)
	for _, tt := range []struct {
		target, accept string
		want           form.Sentence
		lang           string
	}{
		{"/f/demo1-open", "", form.Missing, "nl"},               // the site's
		{"/f/demo1-open", "en-GB,nl;q=0.2", form.Missing, "en"}, // the browser's
		{"/f/demo1-english", "nl", form.Missing, "en"},          // the form's
	} {
		for _, accept := range []string{browser, "Accept: */*"} {
			h, _ := formsUnderTest()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, ask("POST", tt.target, urlencoded, "bericht=x", accept, "Accept-Language: "+tt.accept))
			if !strings.Contains(w.Body.String(), tt.want.In(tt.lang)) {
				t.Errorf("%s, %q: %s", tt.target, tt.accept, w.Body)
			}
			if accept == browser && !strings.Contains(w.Body.String(), `<html lang="`+tt.lang+`">`) {
				t.Errorf("%s: the page does not tell its language", tt.target)
			}
		}
	}
}

func TestProblemsNameTheField(t *testing.T) {
	quiet(t)
	h, _ := formsUnderTest()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, ask("POST", "/f/demo1-open", asJSON, `{"e-mail":"jan@"}`, "Origin: https://www.example.nl"))
	var p httpapi.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != 422 || p.Type != "/problems/invalid" || len(p.Errors) != 1 || p.Errors[0].Pointer != "/e-mail" {
		t.Errorf("%+v", p)
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a script may not read the problem")
	}
}

func TestCrossOriginHeaders(t *testing.T) {
	quiet(t)
	for _, method := range []string{"OPTIONS", "POST"} {
		h, _ := formsUnderTest()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, ask(method, "/f/demo1-listed", urlencoded, filled, "Origin: https://www.example.nl"))
		got := w.Header()
		if got.Get("Access-Control-Allow-Origin") != "https://www.example.nl" || got.Get("Vary") != "Origin" || got.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", method, got)
		}
		if method == "OPTIONS" && (got.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(got.Get("Access-Control-Allow-Headers"), "Content-Type")) {
			t.Errorf("preflight: %v", got)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, ask(method, "/f/demo1-listed", urlencoded, filled, "Origin: https://evil.example"))
		if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s of another page: %v", method, w.Header())
		}
	}
}

func TestPagesAreSafeAndPostable(t *testing.T) {
	quiet(t)
	h, b := formsUnderTest()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, ask("GET", "/f/demo1-trap", "", "", "Accept-Language: en"))
	page := w.Body.String()
	for _, want := range []string{`<form method="post" action="/f/demo1-trap?lang=en"`, `<label for="email">`, `&lt;script&gt;`, `name="fax&#34;&gt;&lt;b&gt;"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>") {
		t.Error("the page has the form's own markup")
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
		if !strings.HasPrefix(w.Header().Get(name), want) {
			t.Errorf("%s: %q", name, w.Header().Get(name))
		}
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, ask("GET", "/f/demo1-thanks", "", ""))
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://www.example.nl;") {
		t.Errorf("a browser would stop the form on its way to the thank-you page: %s", csp)
	}
	// What the page posts, with its trap empty, is a lead.
	w = httptest.NewRecorder()
	h.ServeHTTP(w, ask("POST", "/f/demo1-trap?lang=en", urlencoded, "name=Jan&email=jan%40example.nl&phone=&message=Hi&newsletter=yes&fax%22%3E%3Cb%3E=",
		browser, "Origin: http://example.com"))
	if w.Code != 303 || b.leads != 1 || b.facts.Consent != contact.ConsentSubscribed {
		t.Errorf("%d, %+v", w.Code, b)
	}
	// A way back is never a script.
	w = httptest.NewRecorder()
	h.ServeHTTP(w, ask("POST", "/f/demo1-open", urlencoded, "x=y", browser, "Referer: javascript:alert(1)"))
	if !strings.Contains(w.Body.String(), `href="/f/demo1-open"`) {
		t.Errorf("no way back in %s", w.Body)
	}
}

func TestAFailureOfOursIsNotTheVisitors(t *testing.T) {
	quiet(t)
	for _, accept := range []string{browser, "Accept: */*"} {
		h, b := formsUnderTest()
		b.fail = fmt.Errorf("table clientele-prod is throttled")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, ask("POST", "/f/demo1-open", urlencoded, filled, accept))
		if w.Code != 500 || strings.Contains(w.Body.String(), "clientele-prod") {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
}

func TestSampleEvents(t *testing.T) {
	quiet(t)
	dir := directory{site: site.Site{ID: "demo", Country: "NL", Language: "nl"},
		forms: []site.Form{{ID: "demo-contact", Name: "Contact", Origins: []string{"https://www.example.nl"}}}}
	for file, want := range map[string]struct {
		status, leads int
		facts         contact.Facts
	}{
		"page.json": {303, 1, contact.Facts{Email: "jose@example.nl", Consent: contact.ConsentSubscribed,
			Visit:   contact.Visit{Channel: "campaign", Campaign: contact.Campaign{Source: "mail"}, Landing: "www.example.nl/contact"},
			Details: contact.Details{FirstName: "José", LastName: "van der Berg", Phone: "+31612345678"}}},
		"script.json": {202, 1, contact.Facts{Email: "fenna.de-wit@example.nl", Consent: contact.ConsentSubscribed,
			Details: contact.Details{FirstName: "Fenna", LastName: "de Wit"}}},
		"preflight.json": {status: 204},
		"look.json":      {status: 200},
		"link.json":      {status: 404}, // a link of a mail that was cut off
	} {
		raw, err := os.ReadFile("../../../events/forms/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		b := &formBook{}
		got, err := lambdahttp.Handler(httpapi.Forms(dir, func(site.Site) httpapi.FormsBook { return b }, testClock, "https://api.example.nl"))(t.Context(), e)
		if want.leads > 0 {
			want.facts.Source, want.facts.AsOf = "form:demo-contact", contact.Stamp{At: testNow}
		}
		if err != nil || got.StatusCode != want.status || b.leads != want.leads || !reflect.DeepEqual(b.facts, want.facts) {
			t.Errorf("%s: %d, %+v, %v", file, got.StatusCode, b, err)
		}
	}
}

// FuzzForms: whatever is posted, there is no panic and no 5xx, and what is taken
// is UTF-8 within its limits.
func FuzzForms(f *testing.F) {
	quiet(f)
	for _, s := range []struct{ kind, body string }{
		{urlencoded, filled}, {urlencoded + "; charset=windows-1252", "email=a@b.nl&naam=%E9"}, {urlencoded, "&&=&=x&%00=%ff"},
		{asJSON, `{"email":"a@b.nl","x":{"y":[1,true,null,{"z":"\ud800"}]}}`}, {asJSON, `{"a":1e999,"":""}`},
		{"multipart/form-data; boundary=x", multipartBody("Content-Disposition: form-data; name=\"email\"\r\n\r\na@b.nl")},
		{"multipart/form-data; boundary=x", multipartBody("Content-Disposition: form-data; name=\"\xff\"; filename*=utf-8''x\r\nContent-Type: text/plain; charset=latin1\r\n\r\n\xe9")},
		{"text/plain", ""},
	} {
		f.Add(s.kind, s.body, "text/html", "nl")
	}
	f.Fuzz(func(t *testing.T, kind, body, accept, lang string) {
		h, b := formsUnderTest()
		r := ask("POST", "/f/demo1-open", "", body)
		r.Header["Content-Type"], r.Header["Accept"], r.Header["Accept-Language"] = []string{kind}, []string{accept}, []string{lang}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("status %d for %q %q", w.Code, kind, body)
		}
		if took := w.Code == 202 || w.Code == 303; took != (b.leads+b.kept == 1) && w.Code != 422 {
			t.Fatalf("status %d with %+v", w.Code, b.effects)
		}
		for _, v := range b.values {
			if len(v.Name) > form.MaxName || len(v.Text) > form.MaxValue || v.Name+v.Text != strings.ToValidUTF8(v.Name+v.Text, "") {
				t.Fatalf("kept %q", v)
			}
		}
	})
}
