package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/form"
)

// link finds the site of a mail's link and opens it. A link that is none of ours
// is a page that says so, the same for all of them.
func (h *forms) link(handle func(http.ResponseWriter, *http.Request, visit, consent.Token) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secure(w, "")
		w.Header().Set("Referrer-Policy", "no-referrer") // the address is a key
		text := r.PathValue("token")
		v := visit{lang: form.Language(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))}
		err := error(crm.Errorf(crm.NotFound, ""))
		if id, ok := consent.TokenSite(text); ok {
			v.site, err = h.dir.ByID(r.Context(), id)
		}
		var t consent.Token
		if err == nil {
			NoteSite(r.Context(), v.site.ID)
			v.lang = form.Language(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"), v.site.Language)
			t, err = consent.OpenToken(v.site, text)
		}
		if err == nil {
			err = handle(w, r, v, t)
		}
		switch {
		case err == nil:
		case crm.CodeOf(err) == crm.NotFound:
			render(w, r, http.StatusNotFound, "nolink", noLinkPage{v.lang, form.NoLink.In(v.lang)})
		default:
			p := ProblemOf(r.Context(), err) // logs what is internal
			render(w, r, p.Status, "nolink", noLinkPage{v.lang, form.TryAgain.In(v.lang)})
		}
	}
}

func (h *forms) look(w http.ResponseWriter, r *http.Request, v visit, t consent.Token) error {
	o, err := consent.Look(r.Context(), h.open(v.site), v.site, t, h.clock.Now())
	if err == nil {
		render(w, r, http.StatusOK, "link", linkPage{v.lang, v.site.Name, o})
	}
	return err
}

// act is the person's own. Its body is not read but for the one word of RFC 8058,
// by which a mail program says that its own button was pressed.
func (h *forms) act(w http.ResponseWriter, r *http.Request, v visit, t consent.Token) error {
	how := "link"
	if body, err := ReadBody(r, 4<<10); err == nil && strings.Contains(string(body), "One-Click") {
		how = "one-click"
	}
	if how == "one-click" && t.Purpose != consent.ToUnsubscribe { // a program never confirms
		return h.look(w, r, v, t)
	}
	o, err := consent.Act(r.Context(), h.open(v.site), v.site, t, how, v.lang, network(r), h.clock.Now())
	if err == nil {
		render(w, r, http.StatusOK, "link", linkPage{v.lang, v.site.Name, o})
	}
	return err
}

// network is the first part of the address that a request comes from: /24 of
// IPv4, /48 of IPv6. It is enough for evidence, and tells no household.
func network(r *http.Request) string {
	host := r.RemoteAddr
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	ip = ip.Unmap()
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// linkBase is what links in mails begin with: what the deployment says, else the
// host of the request, which a gateway lets through only if it is the API's own.
func linkBase(url string, r *http.Request) string {
	if url != "" {
		return url
	}
	return hostURL(r.Host)
}

func hostURL(host string) string {
	name, _, _ := strings.Cut(host, ":")
	if name == "localhost" || name == "127.0.0.1" || strings.HasSuffix(name, ".localhost") {
		return "http://" + host
	}
	return "https://" + host
}
