package httpapi

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/form"
	"clientele/internal/domain/site"
)

// Forms takes what visitors fill in. It is public: the address names the form,
// and nothing in an answer tells what is known of anybody.
//
//	POST    /f/{form}         a submission: JSON, urlencoded or multipart
//	OPTIONS /f/{form}         may a page of this origin post with a script?
//	GET     /f/{form}         a plain page with the form, for trying and linking to
//	GET     /f/{form}/thanks  where a plain form ends up
//	GET     /c/{token}        a page that a link of a mail leads to, with a button
//	POST    /c/{token}        confirms a subscription, or ends one: the button, or RFC 8058
//
// open gives the book of a site that dir found.
func Forms(dir site.Directory, open func(site.Site) FormsBook, clock crm.Clock, publicURL string) http.Handler {
	h := &forms{dir: dir, open: open, clock: clock, url: publicURL}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /f/{form}", h.with(h.submit))
	mux.HandleFunc("OPTIONS /f/{form}", h.with(h.preflight))
	mux.HandleFunc("GET /f/{form}", h.with(h.page))
	mux.HandleFunc("GET /f/{form}/thanks", h.with(h.thanks))
	mux.HandleFunc("GET /c/{token}", h.link(h.look))
	mux.HandleFunc("POST /c/{token}", h.link(h.act))
	return Logged(routed(mux))
}

// FormsBook is what forms, and the links of mails, need of a site's book.
type FormsBook interface {
	form.Book
	consent.Book
}

type forms struct {
	dir   site.Directory
	open  func(site.Site) FormsBook
	clock crm.Clock
	url   string // what links in mails begin with; empty: the host of the request
}

// visit is a request for a form that exists.
type visit struct {
	site site.Site
	form site.Form
	lang string // what the visitor reads
}

// with finds the form and answers the handler's error in the way the visitor
// can read: a page for people, a problem for scripts.
func (h *forms) with(handle func(http.ResponseWriter, *http.Request, visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secure(w, "")
		s, f, err := h.dir.ByForm(r.Context(), r.PathValue("form"))
		v := visit{site: s, form: f, lang: form.Language(r.URL.Query().Get("lang"), f.Language, r.Header.Get("Accept-Language"), s.Language)}
		if err == nil {
			NoteSite(r.Context(), s.ID)
			err = handle(w, r, v)
		} else if crm.CodeOf(err) == crm.NotFound {
			err = crm.Errorf(crm.NotFound, "%s", form.Unknown.In(v.lang))
		}
		if err == nil {
			return
		}
		if !wantsPage(r) {
			WriteProblem(w, r, err)
			return
		}
		v.refusal(w, r, err)
	}
}

func (h *forms) submit(w http.ResponseWriter, r *http.Request, v visit) error {
	if !cross(w, r, v.form) {
		return crm.Errorf(crm.Forbidden, "%s", form.OtherOrigin.In(v.lang))
	}
	if err := form.Accepts(v.form, v.lang); err != nil {
		return err
	}
	body, err := ReadBody(r, form.MaxTotal)
	switch crm.CodeOf(err) {
	case "":
	case crm.TooLarge:
		return crm.Errorf(crm.TooLarge, "%s", form.TooMuch.In(v.lang))
	default:
		return crm.Errorf(crm.Malformed, "%s", form.Unreadable.In(v.lang))
	}
	values, err := readForm(r.Header.Get("Content-Type"), body, v.lang)
	if err != nil {
		return err
	}
	now := h.clock.Now()
	id, err := ulid.New(ulid.Timestamp(now), rand.Reader)
	if err != nil {
		return fmt.Errorf("making an id: %w", err)
	}
	_, err = form.Submit(r.Context(), h.open(v.site), v.site, v.form, form.Submission{
		ID: id.String(), Values: values, Page: pageOf(r), From: r.Referer(), Agent: r.UserAgent(), Language: v.lang,
		Network: network(r), Base: linkBase(h.url, r), At: now,
	})
	if err != nil {
		return err
	}
	if wantsPage(r) {
		http.Redirect(w, r, v.thankYou(), http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "received", "submission": id.String()})
	return nil
}

func (h *forms) preflight(w http.ResponseWriter, r *http.Request, v visit) error {
	if !cross(w, r, v.form) {
		return crm.Errorf(crm.Forbidden, "%s", form.OtherOrigin.In(v.lang))
	}
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Accept")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// cross reports whether the page that the request comes from may post here, and
// tells its browser so. A request without an origin is of no browser, or of
// one's own page. No credentials are ever allowed: there are none.
func cross(w http.ResponseWriter, r *http.Request, f site.Form) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return true
	case len(f.Origins) == 0:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return true
	}
	from := normalOrigin(origin)
	if from == "" || !slices.ContainsFunc(f.Origins, func(o string) bool { return normalOrigin(o) == from }) {
		// Our own page for the form is on this host, behind whatever ends TLS.
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return true
}

// normalOrigin is how origins are compared; "" for what is none ("null").
func normalOrigin(o string) string {
	u, err := url.Parse(strings.TrimSpace(o))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.ToLower(u.Host)
	host = strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	return u.Scheme + "://" + host
}

// wantsPage reports whether a person waits for the answer: a plain form's
// browser asks for text/html, a script does not.
func wantsPage(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasSuffix(kind, "json") {
		return false
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch kind, _, _ := strings.Cut(strings.TrimSpace(accepted), ";"); strings.ToLower(strings.TrimSpace(kind)) {
		case "text/html", "application/xhtml+xml":
			return true
		case "application/json", "application/problem+json":
			return false
		}
	}
	return false
}

// pageOf is the page that the form was on, without query and fragment, which
// may carry anything.
func pageOf(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(u.Path) > 500 || len(u.Host) > 255 {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// thankYou is where a plain form goes on success.
func (v visit) thankYou() string {
	if to := v.form.ThankYou; to != "" {
		u, err := url.Parse(to)
		if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			return to
		}
	}
	return "/f/" + v.form.ID + "/thanks?lang=" + v.lang
}

// refusal answers an error as a page with a sentence and a way back.
func (v visit) refusal(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(r.Context(), err) // logs what is internal
	page := refusalPage{Lang: v.lang, Text: p.Detail, Back: pageOf(r)}
	var coded *crm.Error
	switch {
	case !errors.As(err, &coded) || coded.Code == crm.Busy:
		page.Text = form.Broken.In(v.lang)
	case len(coded.Faults) > 1:
		page.Text = ""
		for _, f := range coded.Faults {
			page.Faults = append(page.Faults, strings.TrimPrefix(f.Pointer, "/")+": "+f.Detail)
		}
	}
	if page.Back == "" && v.form.ID != "" && !v.form.Closed {
		page.Back = "/f/" + v.form.ID
	}
	render(w, r, p.Status, "refusal", page)
}

func (h *forms) thanks(w http.ResponseWriter, r *http.Request, v visit) error {
	render(w, r, http.StatusOK, "thanks", thanksPage{Lang: v.lang})
	return nil
}

func (h *forms) page(w http.ResponseWriter, r *http.Request, v visit) error {
	if v.form.Closed {
		v.refusal(w, r, form.Accepts(v.form, v.lang)) // a page in any case: this address is one
		return nil
	}
	secure(w, v.formAction())
	render(w, r, http.StatusOK, "form", formPage{Lang: v.lang, Name: v.form.Name, Site: v.site.Name, ID: v.form.ID, Honeypot: form.Honeypot(v.form)})
	return nil
}

// formAction is the origin of the thank-you page: browsers hold a form's
// redirects against the policy as well.
func (v visit) formAction() string {
	u, err := url.Parse(v.thankYou())
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'") {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}

// render writes a page. A fault of a template is a fault of ours, and the tests
// render them all.
func render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if err := pages().ExecuteTemplate(w, name, data); err != nil {
		slog.ErrorContext(r.Context(), "rendering a page", "page", name, "error", err.Error())
	}
}

// secure sets the headers of every answer here. formAction is where, besides to
// ourselves, a form of the page may lead.
func secure(w http.ResponseWriter, formAction string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash+"'; form-action 'self'"+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it a browser sends "Origin: null" with our own form.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
