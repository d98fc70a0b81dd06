package httpapi

import (
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
)

// methods are those that HTTP knows for a resource, and the operation of each.
func methods(item *huma.PathItem) map[string]*huma.Operation {
	return map[string]*huma.Operation{http.MethodDelete: item.Delete, http.MethodGet: item.Get, http.MethodHead: item.Get, http.MethodOptions: nil,
		http.MethodPatch: item.Patch, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodTrace: nil}
}

// methodNames is the order in which Allow names them.
var methodNames = []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace}

// allowed names the methods that a path of the description takes.
func allowed(item *huma.PathItem) string {
	var offered []string
	of := methods(item)
	for _, name := range methodNames {
		if of[name] != nil {
			offered = append(offered, name)
		}
	}
	return strings.Join(offered, ", ")
}

// everywhere has the addresses of all functions; it is only made once somebody
// asks for what is at none. Only the function that the gateway's default route leads to
// calls it, as it links every operation.
func everywhere() *http.ServeMux {
	addresses.Do(func() {
		api := newAPI(http.NewServeMux())
		for _, add := range describe {
			add(api)
		}
		addresses.mux = http.NewServeMux()
		for path, item := range api.OpenAPI().Paths {
			allow := allowed(item)
			addresses.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { notOffered(w, r, allow) })
		}
		addresses.mux.HandleFunc("/v1/openapi.json", func(w http.ResponseWriter, r *http.Request) { notOffered(w, r, "GET, HEAD") })
	})
	return addresses.mux
}

var addresses struct {
	sync.Once
	mux *http.ServeMux
}

// nowhere answers what leads to no route of a mux: 405 for an address that takes
// other methods, else 404.
func nowhere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := &headerOnly{header: http.Header{}}
		if straight(r) {
			h, _ := mux.Handler(r)
			h.ServeHTTP(own, r)
		}
		if own.status == http.StatusMethodNotAllowed {
			notOffered(w, r, own.header.Get("Allow"))
			return
		}
		WriteProblem(w, r, crm.Errorf(crm.NotFound, "there is nothing at this address; see /v1/openapi.json for what there is"))
	})
}

// elsewhere is nowhere for what may be at an address of another function.
func elsewhere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := everywhere().Handler(r); pattern != "" && straight(r) && !offers(h, r) {
			h.ServeHTTP(w, r)
			return
		}
		nowhere(mux).ServeHTTP(w, r)
	})
}

// offers reports whether an address takes the method after all: then the gateway
// brought it to a function that does not have it, as its id is none.
func offers(h http.Handler, r *http.Request) bool {
	probe := &headerOnly{header: http.Header{}}
	h.ServeHTTP(probe, r)
	for _, m := range strings.Split(probe.header.Get("Allow"), ", ") {
		if m == r.Method {
			return true
		}
	}
	return false
}

// straight reports whether a path has no empty and no dotted parts, which a mux
// would lead elsewhere by a redirect.
func straight(r *http.Request) bool {
	p := r.URL.Path
	return p == path.Clean(p)
}

// onlyStraight is a mux that redirects nobody.
func onlyStraight(mux *http.ServeMux) http.Handler {
	lost := Logged(nowhere(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if straight(r) {
			mux.ServeHTTP(w, r)
			return
		}
		lost.ServeHTTP(w, r)
	})
}

// somewhere has what is nowhere answered before anybody is asked who they are.
func somewhere(mux *http.ServeMux, lost, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" || !straight(r) {
			lost.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
