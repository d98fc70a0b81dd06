package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/member"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/entry/httpapi"
	"clientele/internal/test/transferkit"
)

func TestAccessRequestsOverTheAPI(t *testing.T) {
	o := newOffice(t)
	table := o.store.Table
	ann, owner := o.hire("bakery", "ann@b.example", member.Owner)
	_, viewer := o.hire("bakery", "bob@b.example", member.Viewer)
	_, foreign := o.hire("florist", "eve@b.example", member.Owner)
	shop := (&shop{t: t})
	c := shop.must(201, o.call(o.book, owner, "POST", "/v1/contacts", `{"email":"emma@b.example"}`))["id"].(string)

	clock := func() time.Time { return o.now }
	site0 := o.api
	o.api = httpapi.Exports(table, httpapi.Transfers{Open: func(s site.Site) httpapi.JobBook { return table.Book(s) }, Clock: clock},
		httpapi.AccessRequests{Open: func(s site.Site) privacy.AccessBook { return table.Book(s) }, Files: noFiles{}, Queue: noQueue{}, Clock: clock})
	body := fmt.Sprintf(`{"contact_id":%q}`, c)
	o.must(403, viewer, "POST", "/v1/access-requests", body)
	o.must(422, owner, "POST", "/v1/access-requests", `{"contact_id":"ct_00000000000000000000000000"}`)
	o.must(422, foreign, "POST", "/v1/access-requests", body)
	w := o.call(o.api, owner, "POST", "/v1/access-requests", body, "Idempotency-Key", "k")
	a := shop.must(202, w)
	at := w.Header().Get("Location")
	if at != "/v1/access-requests/"+a["id"].(string) || a["state"] != "running" || a["url"] != nil || w.Header().Get("Retry-After") == "" {
		t.Errorf("asked: %v %v", a, w.Header())
	}
	if w := o.call(o.api, owner, "POST", "/v1/access-requests", body, "Idempotency-Key", "k"); w.Header().Get("Location") != at || w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("asked again: %v", w.Header())
	}
	o.must(404, foreign, "GET", at, "")
	o.must(404, owner, "GET", "/v1/exports/"+a["id"].(string), "")

	do := &privacy.AccessMaker{Files: transferkit.NewFolder(t), Members: table, Clock: clock}
	if err := do.Do(context.Background(), table.Book(o.sites["bakery"]), o.sites["bakery"], a["id"].(string)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a = o.must(200, owner, "GET", at, ""); a["state"] != "ready" || a["url"] == nil || a["until"] == nil {
			t.Errorf("ready: %v", a)
		}
	}
	stored, err := table.Book(o.sites["bakery"]).Access(context.Background(), a["id"].(string))
	if err != nil || stored.Link != "https://example.com"+at || stored.By != ann.ID {
		t.Errorf("the mail leads to %q: %v", stored.Link, err)
	}
	files := o.api
	o.api = site0
	log := o.actions(owner)
	for _, want := range []string{"contact.access_requested", "contact.access_file_made", "contact.access_downloaded"} {
		if strings.Count(log, want) != 1 {
			t.Errorf("%s is not once in the log: %s", want, log)
		}
	}
	o.api = files
	shop.must(http.StatusNoContent, o.call(o.book, owner, "DELETE", "/v1/contacts/"+c, "", "If-Match", "*"))
	if a = o.must(200, owner, "GET", at, ""); a["state"] != "expired" || a["url"] != nil {
		t.Errorf("after the contact is gone: %v", a)
	}
}

// A file's days end on the hour that they began.
func TestAccessFilesEnd(t *testing.T) {
	a := privacy.Access{State: privacy.AccessReady, UpdatedAt: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	if a.Gone(a.UpdatedAt.Add(privacy.AccessKeptFor)) || !a.Gone(a.UpdatedAt.Add(privacy.AccessKeptFor+time.Second)) {
		t.Error("the file is not kept for 7 days")
	}
}
