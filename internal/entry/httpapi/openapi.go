package httpapi

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// OpenAPI is the description of the whole API, OpenAPI 3.1 as JSON, made once from
// the same registrations that serve it. A function and no sync.OnceValues in a
// variable: that would link every operation into each function of the package.
func OpenAPI() ([]byte, error) {
	described.Do(func() {
		api := newAPI(http.NewServeMux())
		for _, add := range describe {
			add(api)
		}
		tellApart(api.OpenAPI())
		addExamples(api.OpenAPI())
		addLimits(api.OpenAPI())
		described.doc, described.err = json.MarshalIndent(api.OpenAPI(), "", "  ")
	})
	return described.doc, described.err
}

var described struct {
	sync.Once
	doc []byte
	err error
}

// describe registers the operations of every function, without anything behind
// them.
var describe = []func(huma.API){
	func(a huma.API) { addContacts(a, contactsAPI{}) },
	func(a huma.API) { addBulk(a, contactsAPI{}) },
	func(a huma.API) { addImports(a, Transfers{}) },
	func(a huma.API) { addExports(a, Transfers{}) },
	func(a huma.API) { addAccess(a, AccessRequests{}) },
	func(a huma.API) { addSite(a, siteAPI{}) },
	func(a huma.API) { addSignIn(a, siteAPI{}) },
}

func openAPIHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		doc, err := OpenAPI()
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(doc)
	})
}
