package e2e

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"path"
	"strings"
	"testing"

	"clientele/internal/local/client"
)

func TestFormByScript(t *testing.T) {
	s := open(t)
	email := s.address()
	a := s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": email, "name": "Joost " + surname, "telefoon": "06-12345678", "message": "Hoi!"},
		"Origin", "https://anywhere.example", "Accept", "application/json")
	if o := a.Header.Get("Access-Control-Allow-Origin"); o != "*" {
		t.Errorf("Access-Control-Allow-Origin %q", o)
	}
	k := s.comes(email, nil)
	if k.Status != "lead" || k.FirstName != "Joost" || k.LastName != surname || k.Phone != "+31612345678" {
		t.Errorf("%+v", k)
	}
	// A second one enriches, and stands in the timeline as well.
	s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": strings.ToUpper(email), "company": "Visserij", "message": "Nog iets"}, "Accept", "application/json")
	k = s.comes(email, func(k client.Contact) bool { return k.Company == "Visserij" })
	acts, err := s.api.Timeline(s.ctx, k.ID)
	s.must(err)
	var said []string
	for _, act := range acts {
		for _, v := range act.Values {
			if v.Name == "message" {
				said = append(said, v.Text)
			}
		}
	}
	if strings.Join(said, "|") != "Nog iets|Hoi!" {
		t.Errorf("the timeline says %q", said)
	}
}

func TestPlainForm(t *testing.T) {
	s := open(t)
	email := s.address()
	a, err := s.api.PostPlain(s.ctx, s.run.FormURL, url.Values{"Naam": {"Joost " + surname}, "E-mailadres": {email}})
	s.must(err)
	to := a.Header.Get("Location")
	if a.Status != 303 || !strings.HasPrefix(to, "/f/") {
		t.Fatalf("%s, Location %q", a, to)
	}
	a = s.do(s.api, 200, "GET", to, nil)
	if !strings.Contains(string(a.Body), "<h1>") {
		t.Errorf("the thank-you page: %s", a)
	}
	if k := s.comes(email, nil); k.FirstName != "Joost" {
		t.Errorf("%+v", k)
	}
	// The other site's form has a page of its own to thank.
	a, err = s.api.PostPlain(s.ctx, s.run.OtherFormURL, url.Values{"email": {s.address()}})
	s.must(err)
	if a.Status != 303 || a.Header.Get("Location") != "https://www.example.nl/bedankt" {
		t.Errorf("%s, Location %q", a, a.Header.Get("Location"))
	}
	// Without an address a person gets a page.
	a, err = s.api.PostPlain(s.ctx, s.run.FormURL, url.Values{"naam": {surname}})
	s.must(err)
	if a.Status != 422 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%s", a)
	}
}

func TestMultipartForm(t *testing.T) {
	s := open(t)
	email := s.address()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, v := range map[string]string{"email": email, "first_name": "José", "last_name": surname} {
		s.must(w.WriteField(name, v))
	}
	s.must(w.Close())
	a, err := s.api.Send(s.ctx, "POST", s.run.FormURL, &b, client.Header{"Content-Type", w.FormDataContentType(), "Accept", "application/json"})
	s.must(err)
	s.wants(202, a, "multipart")
	if k := s.comes(email, nil); k.FirstName != "José" || k.LastName != surname {
		t.Errorf("%+v", k)
	}
}

func TestFormFromAnotherOrigin(t *testing.T) {
	s := open(t)
	const ours, foreign = "https://www.example.nl", "https://evil.example"
	ask := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}
	a := s.do(s.api, 204, "OPTIONS", s.run.OtherFormURL, nil, append(ask, "Origin", ours)...)
	if a.Header.Get("Access-Control-Allow-Origin") != ours || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Content-Type") ||
		a.Header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(a.Header.Get("Vary"), "Origin") {
		t.Errorf("preflight: %v", a.Header)
	}
	email := s.address()
	s.do(s.api, 202, "POST", s.run.OtherFormURL, map[string]any{"email": email}, "Origin", ours)
	if _, ok, err := s.other.Recent(s.ctx, email); !ok || err != nil {
		t.Errorf("%s is not in the other site's book (%v)", email, err)
	}
	s.absent(s.api, email)

	a = s.do(s.api, 403, "OPTIONS", s.run.OtherFormURL, nil, append(ask, "Origin", foreign)...)
	if o := a.Header.Get("Access-Control-Allow-Origin"); o != "" {
		t.Errorf("a foreign origin is allowed as %q", o)
	}
	email = s.address()
	s.do(s.api, 403, "POST", s.run.OtherFormURL, map[string]any{"email": email}, "Origin", foreign)
	s.absent(s.other, email)
}

// What names nobody is refused and kept; what a robot sent is kept and not refused.
func TestKeptSubmissions(t *testing.T) {
	s := open(t)
	mark := s.address()
	a := s.do(s.api, 422, "POST", s.run.FormURL, map[string]any{"email": "niet-een-adres", "message": mark}, "Accept", "application/json")
	var p struct {
		Errors []struct{ Pointer string }
	}
	s.must(a.JSON(&p))
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "/email" {
		t.Errorf("the refusal names %v: %s", p.Errors, a)
	}
	robot := s.address()
	s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": robot, "website_url": "http://spam.example", "message": "spam"}, "Accept", "application/json")
	s.absent(s.api, robot)

	form := path.Base(s.run.FormURL)
	kept, err := s.api.Submissions(s.ctx, form)
	s.must(err)
	for _, want := range []string{mark, robot} {
		n := 0
		for _, act := range kept {
			for _, v := range act.Values {
				if v.Text == want {
					n++
				}
			}
		}
		if n != 1 {
			t.Errorf("%q is kept %d times among %d", want, n, len(kept))
		}
	}
	// Nobody else reads them.
	if list, err := s.other.Submissions(s.ctx, form); err == nil && len(list) > 0 {
		t.Error("another site reads the submissions")
	}
}
