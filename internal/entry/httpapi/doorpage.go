package httpapi

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

// The page that links in mails lead to. What opens something stands behind the #
// of the link, which no server is sent; the page sends it on when its button is
// pressed. So a mail scanner that follows the link uses nothing up.
//
//go:embed doorpage.html
var doorPage string

// addDoorPages serves it for codes and for invitations.
func addDoorPages(mux *http.ServeMux) {
	policy := "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src " +
		inline("script") + "; style-src " + inline("style")
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range map[string]string{"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Cache-Control": "no-store",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
			w.Header().Set(k, v)
		}
		_, _ = w.Write([]byte(doorPage))
	})
	mux.Handle("GET /sign-in", page)
	mux.Handle("GET /invitation", page)
}

// inline is the source expression of the page's only script or style.
func inline(element string) string {
	_, rest, _ := strings.Cut(doorPage, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
