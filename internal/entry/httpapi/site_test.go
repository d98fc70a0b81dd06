package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/member"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/entry/httpapi"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
	"clientele/internal/test/stack"
)

// posted is the table with the mails that it commits kept for the test to read.
type posted struct {
	*dynamo.Table
	last map[crm.SiteID]mail.Message
}

func (p posted) SendMail(ctx context.Context, id crm.SiteID, m mail.Message) error {
	p.last[id] = m
	return p.Table.SendMail(ctx, id, m)
}

// office is two sites behind the site API, with a clock that the test moves.
type office struct {
	t     *testing.T
	store posted
	api   http.Handler
	book  http.Handler // the contacts API beside it
	sites map[crm.SiteID]site.Site
	now   time.Time
	fault *faults.Injector // of all calls to the table
	named string           // the table
}

func newOffice(t *testing.T) *office {
	fault := &faults.Injector{}
	table, named := dynamotest.Named(t, stack.DynamoLocal(t), fault.Option)
	o := &office{t: t, store: posted{table, map[crm.SiteID]mail.Message{}}, sites: map[crm.SiteID]site.Site{}, now: time.Now().UTC().Truncate(time.Second), fault: fault, named: named}
	for _, id := range []crm.SiteID{"bakery", "florist"} {
		o.sites[id] = dynamotest.Site(t, o.store.Table, id)
	}
	clock := func() time.Time { return o.now }
	o.api = httpapi.Site(o.store, clock, "https://app.example.com/")
	o.book = httpapi.Contacts(o.store.Table, func(s site.Site) httpapi.ContactBook { return o.store.Book(s) }, nil, nil, clock, "")
	return o
}

// hire makes an active member and gives their session.
func (o *office) hire(id crm.SiteID, email string, role member.Role, given ...site.Scope) (m member.Member, token string) {
	o.t.Helper()
	ctx := context.Background()
	by := site.Actor{ID: "setup", Owner: true, Scopes: site.Scopes}
	o.now = o.now.Add(time.Second)
	secret := [32]byte{byte(o.now.Unix()), byte(o.now.Unix() >> 8), 1}
	made, _, err := member.Invite(ctx, o.store.Table, o.sites[id], member.Inviting{By: by, Wanted: member.Wanted{Email: email, Role: role, Given: given},
		ID: [16]byte(secret[:16]), Secret: secret, Link: "https://x.example", Now: o.now})
	if err != nil {
		o.t.Fatal(err)
	}
	o.now = o.now.Add(time.Second) // the log sorts by the millisecond
	in, err := member.Accept(ctx, o.store.Table, member.Accepted{Token: fmt.Sprintf("ci_%s_%s_%x", id, made, secret), Secret: secret, Now: o.now})
	if err != nil {
		o.t.Fatal(err)
	}
	return in.Member, in.Token
}

func (o *office) call(api http.Handler, token, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	o.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w
}

func (o *office) must(status int, token, method, path, body string, headers ...string) map[string]any {
	o.t.Helper()
	o.now = o.now.Add(time.Second)
	w := o.call(o.api, token, method, path, body, headers...)
	return (&shop{t: o.t}).must(status, w)
}

func (o *office) actions(token string) string {
	o.t.Helper()
	var out []string
	for _, e := range o.must(200, token, "GET", "/v1/audit?limit=200", "")["entries"].([]any) {
		row := e.(map[string]any)
		out = append([]string{fmt.Sprint(row["action"])}, out...)
		if row["by"] == "" || row["at"] == "" {
			o.t.Errorf("a row without actor or time: %v", row)
		}
	}
	return strings.Join(out, " ")
}

func TestSigningInOverTheAPI(t *testing.T) {
	o := newOffice(t)
	ann, _ := o.hire("bakery", "ann@b.example", member.Owner)
	known := o.must(202, "", "POST", "/v1/sign-in", `{"email":"Ann@B.example","language":"en"}`)
	unknown := o.must(202, "", "POST", "/v1/sign-in", `{"email":"nobody@b.example"}`)
	for k, v := range known {
		if len(fmt.Sprint(v)) != len(fmt.Sprint(unknown[k])) || len(known) != len(unknown) {
			t.Errorf("%s: %v for a member, %v for nobody", k, v, unknown[k])
		}
	}
	m := o.store.last["bakery"]
	if m.Language != "en" || m.To.Email != "ann@b.example" || !strings.HasPrefix(m.Values[mail.Link], "https://app.example.com/sign-in#si_") {
		t.Errorf("the mail %+v", m)
	}
	o.must(401, "", "POST", "/v1/sign-in/verify", fmt.Sprintf(`{"sign_in":%q,"code":"0000 0000"}`, known["sign_in"]))
	o.must(401, "", "POST", "/v1/sign-in/verify", fmt.Sprintf(`{"sign_in":%q,"code":%q}`, unknown["sign_in"], m.Values[mail.Code]))
	// Following the link, as a scanner does, uses nothing up.
	_, after, _ := strings.Cut(m.Values[mail.Link], "https://app.example.com")
	path, fragment, _ := strings.Cut(after, "#")
	w := o.call(o.api, "", "GET", path, "")
	if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sha256-") || strings.Contains(w.Body.String(), m.Values[mail.Code]) {
		t.Errorf("the link's page: %d %v", w.Code, w.Header())
	}
	handle, code, _ := strings.Cut(fragment, ".")
	if handle, _ = url.QueryUnescape(handle); handle != known["sign_in"] {
		t.Error("the link is not of the request")
	}
	in := o.must(200, "", "POST", "/v1/sign-in/verify", fmt.Sprintf(`{"sign_in":%q,"code":%q}`, handle, code))["sessions"].([]any)
	if len(in) != 1 || in[0].(map[string]any)["member"] != ann.ID {
		t.Fatalf("%v", in)
	}
	token := in[0].(map[string]any)["token"].(string)
	me := o.must(200, token, "GET", "/v1/me", "")
	if me["kind"] != "member" || me["id"] != ann.ID || len(me["permissions"].([]any)) != len(site.Scopes) {
		t.Errorf("me: %v", me)
	}
	all := o.must(200, token, "GET", "/v1/sessions", "")["sessions"].([]any)
	if len(all) != 2 || all[0].(map[string]any)["current"] != true {
		t.Errorf("sessions: %v", all)
	}
	o.must(404, token, "DELETE", "/v1/sessions/se_0123456789abcdefghjkmnpqrs", "")
	o.must(204, token, "DELETE", "/v1/sessions/current", "")
	o.must(401, token, "GET", "/v1/me", "")
}

func TestInvitingOverTheAPI(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	made := o.must(201, owner, "POST", "/v1/members", `{"email":"bob@b.example","role":"manager","taken":["contacts.export"]}`, "Idempotency-Key", "k1")
	again := o.must(201, owner, "POST", "/v1/members", `{"role":"manager","email":"bob@b.example","taken":["contacts.export"]}`, "Idempotency-Key", "k1")
	if made["id"] != again["id"] || made["state"] != "invited" || made["invitation"] == nil {
		t.Errorf("%v, again %v", made, again)
	}
	o.must(422, owner, "POST", "/v1/members", `{"email":"carl@b.example","role":"manager"}`, "Idempotency-Key", "k1")
	o.must(409, owner, "POST", "/v1/members", `{"email":"Bob@b.example","role":"viewer"}`)
	o.must(422, owner, "POST", "/v1/members", `{"email":"no address","role":"viewer"}`)
	o.must(422, owner, "POST", "/v1/members", `{"email":"x@b.example","role":"viewer","given":["everything"]}`)
	o.must(410, "", "POST", "/v1/invitations/accept", `{"token":"ci_bakery_mb_0123456789abcdefghjkmnpqrs_00"}`)

	at := "/v1/members/" + made["id"].(string)
	o.must(428, owner, "DELETE", at, "")
	o.must(200, owner, "POST", at+"/resend", "")
	o.must(412, owner, "DELETE", at, "", "If-Match", `"1"`)
	o.must(204, owner, "DELETE", at, "", "If-Match", `"2"`)
	o.must(404, owner, "GET", at, "")
	if got, want := o.actions(owner), "member.invited member.joined member.invited invitation.resent invitation.withdrawn"; got != want {
		t.Errorf("the log says %s, want %s", got, want)
	}
}

// Each row is one call with the rights of one role or one single permission.
func TestRightsAreHeld(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "owner@b.example", member.Owner)
	_, manager := o.hire("bakery", "manager@b.example", member.Manager)
	viewerM, viewer := o.hire("bakery", "viewer@b.example", member.Viewer)
	_, hr := o.hire("bakery", "hr@b.example", member.Viewer, site.Members)
	_, foreign := o.hire("florist", "owner@b.example", member.Owner)
	who := map[string]string{"owner": owner, "manager": manager, "viewer": viewer, "viewer with members": hr, "owner of another site": foreign}
	n := 0
	invite := func(role, given string) string {
		n++
		return fmt.Sprintf(`{"email":"x%d@b.example","role":%q,"given":[%s]}`, n, role, given)
	}
	for _, c := range []struct {
		who, method, path, body string
		want                    int
	}{
		{"viewer", "GET", "/v1/contacts", "", 200},
		{"viewer", "POST", "/v1/contacts", `{"email":"a@b.example"}`, 403},
		{"manager", "POST", "/v1/contacts", `{"email":"a@b.example"}`, 201},
		{"viewer", "GET", "/v1/site", "", 200},
		{"viewer", "PATCH", "/v1/site", `{"name":"X"}`, 403},
		{"manager", "PATCH", "/v1/site", `{"name":"X"}`, 428},
		{"manager", "POST", "/v1/keys", `{"name":"x","scopes":["contacts.read"]}`, 403},
		{"manager", "GET", "/v1/audit", "", 403},
		{"viewer", "GET", "/v1/members", "", 200},
		{"manager", "POST", "/v1/members", invite("viewer", ""), 403},
		{"viewer with members", "POST", "/v1/members", invite("viewer", ""), 201},
		{"viewer with members", "POST", "/v1/members", invite("viewer", `"contacts.export"`), 403},
		{"viewer with members", "POST", "/v1/members", invite("owner", ""), 403},
		{"owner", "POST", "/v1/members", invite("viewer", `"contacts.export","contacts.import"`), 201},
		{"owner of another site", "GET", "/v1/members/" + viewerM.ID, "", 404},
		{"owner of another site", "PATCH", "/v1/members/" + viewerM.ID, `{"role":"viewer"}`, 404},
		{"owner of another site", "DELETE", "/v1/members/" + viewerM.ID, "", 404},
	} {
		o.now = o.now.Add(time.Second)
		api := o.api
		if strings.HasPrefix(c.path, "/v1/contacts") {
			api = o.book
		}
		h := []string{}
		if c.who == "owner of another site" {
			h = []string{"If-Match", "*"}
		}
		if w := o.call(api, who[c.who], c.method, c.path, c.body, h...); w.Code != c.want {
			t.Errorf("%s: %s %s %s is %d, want %d: %s", c.who, c.method, c.path, c.body, w.Code, c.want, w.Body)
		}
	}
	// A session says its site; moved to another one it is nobody's.
	if w := o.call(o.api, strings.Replace(owner, "cs_bakery", "cs_florist", 1), "GET", "/v1/me", ""); w.Code != 401 {
		t.Errorf("a session moved to another site: %d", w.Code)
	}
	// What is taken is gone with the next request.
	at := "/v1/members/" + viewerM.ID
	o.must(200, owner, "PATCH", at, `{"given":["contacts.write"]}`, "If-Match", "*")
	if w := o.call(o.book, viewer, "POST", "/v1/contacts", `{"email":"b@b.example"}`); w.Code != 201 {
		t.Errorf("with what was given: %d", w.Code)
	}
	o.must(200, owner, "PATCH", at, `{"given":null,"taken":["contacts.read"]}`, "If-Match", "*")
	if w := o.call(o.book, viewer, "GET", "/v1/contacts", ""); w.Code != 403 {
		t.Errorf("after it was taken: %d", w.Code)
	}
	o.must(204, owner, "DELETE", at, "", "If-Match", "*")
	if w := o.call(o.book, viewer, "GET", "/v1/contacts", ""); w.Code != 401 {
		t.Errorf("after being removed: %d", w.Code)
	}
}

func TestTheLastOwnerStays(t *testing.T) {
	o := newOffice(t)
	ann, owner := o.hire("bakery", "ann@b.example", member.Owner)
	at := "/v1/members/" + ann.ID
	o.must(409, owner, "PATCH", at, `{"role":"manager"}`, "If-Match", "*")
	o.must(409, owner, "DELETE", at, "", "If-Match", "*")
	o.must(409, owner, "DELETE", "/v1/me", "", "If-Match", "*")
	// An invited owner is none yet.
	o.must(201, owner, "POST", "/v1/members", `{"email":"bob@b.example","role":"owner"}`)
	o.must(409, owner, "DELETE", "/v1/me", "", "If-Match", "*")
	o.hire("bakery", "carl@b.example", member.Owner)
	o.must(204, owner, "DELETE", "/v1/me", "", "If-Match", "*")
	o.must(401, owner, "GET", "/v1/me", "")
}

func TestKeysOverTheAPI(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	made := o.must(201, owner, "POST", "/v1/keys", `{"name":"shop","scopes":["contacts.read","keys"]}`, "Idempotency-Key", "k")
	again := o.must(201, owner, "POST", "/v1/keys", `{"name":"shop","scopes":["contacts.read","keys"]}`, "Idempotency-Key", "k")
	key := made["key"].(string)
	if again["id"] != made["id"] || again["key"] != nil {
		t.Errorf("the repeated request: %v", again)
	}
	at := "/v1/keys/" + made["id"].(string)
	get := func(token string) int { return o.call(o.book, token, "GET", "/v1/contacts", "").Code }
	if get(key) != 200 {
		t.Error("the new key opens nothing")
	}
	if w := o.call(o.book, key, "POST", "/v1/contacts", `{"email":"a@b.example"}`); w.Code != 403 {
		t.Errorf("a key that may only read wrote: %d", w.Code)
	}
	o.must(403, key, "POST", "/v1/keys", `{"name":"more","scopes":["contacts.write"]}`)
	o.must(201, key, "POST", "/v1/keys", `{"name":"as much","scopes":["contacts.read"]}`)
	o.must(403, key, "PATCH", at, `{"scopes":["contacts.read","keys","audit"]}`, "If-Match", "*")
	o.must(403, key, "GET", "/v1/sessions", "")
	o.must(422, owner, "POST", "/v1/keys", `{"name":" ","scopes":["contacts.read"]}`)
	o.must(422, owner, "POST", "/v1/keys", `{"name":"x","scopes":["all"]}`)
	o.must(422, owner, "POST", "/v1/keys", `{"name":"x","scopes":["audit"],"expires_at":"2020-01-01T00:00:00Z"}`)

	dynamo := o.must(200, owner, "GET", at, "")
	for range 50 { // noted beside the request
		if dynamo = o.must(200, owner, "GET", at, ""); dynamo["last_used_at"] != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if dynamo["last_used_at"] == nil || dynamo["key"] != nil || dynamo["version"] != 1.0 {
		t.Errorf("the key in use: %v", dynamo)
	}
	o.must(412, owner, "PATCH", at, `{"name":"x"}`, "If-Match", `"7"`)
	ends := o.now.Add(time.Hour).Format(time.RFC3339)
	changed := o.must(200, owner, "PATCH", at, `{"name":"web","expires_at":"`+ends+`"}`, "If-Match", `"1"`)
	if changed["name"] != "web" || changed["version"] != 2.0 || changed["expires_at"] != ends {
		t.Errorf("changed: %v", changed)
	}
	o.now = o.now.Add(2 * time.Hour)
	if got := get(key); got != 401 {
		t.Errorf("after its end: %d", got)
	}
	o.must(200, owner, "PATCH", at, `{"expires_at":null}`, "If-Match", `"2"`)
	if got := get(key); got != 200 {
		t.Errorf("without an end again: %d", got)
	}
	o.must(204, owner, "DELETE", at, "", "If-Match", `"3"`)
	if got := get(key); got != 401 {
		t.Errorf("revoked: %d", got)
	}
	o.must(404, owner, "GET", at, "")
	if got := o.actions(owner); !strings.HasSuffix(got, "key.created key.created key.changed key.changed key.revoked") {
		t.Error(got)
	}
}

func TestSettingsOverTheAPI(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	w := o.call(o.api, owner, "GET", "/v1/site", "")
	was := w.Header().Get("ETag")
	next := o.must(200, owner, "PATCH", "/v1/site", `{"name":"De Bakker","country":"be","lock_scope":"field","max_tags":9,"automation":{"disabled":["appointment"]},"double_opt_in":true}`, "If-Match", was)
	if next["name"] != "De Bakker" || next["country"] != "BE" || next["lock_scope"] != "field" || next["max_tags"] != 9.0 || next["double_opt_in"] != true || fmt.Sprint(next["automation"]) != "map[disabled:[appointment] enabled:true]" {
		t.Errorf("%v", next)
	}
	o.must(412, owner, "PATCH", "/v1/site", `{"name":"X"}`, "If-Match", was)
	o.must(200, owner, "PATCH", "/v1/site", `{"name":"De Bakker"}`, "If-Match", "*") // no change, no row
	bad := o.must(422, owner, "PATCH", "/v1/site", `{"name":"","country":"XX"}`, "If-Match", "*")
	if len(bad["errors"].([]any)) != 2 {
		t.Errorf("%v", bad)
	}
	o.must(422, owner, "PATCH", "/v1/site", `{"plan":"ecommerce"}`, "If-Match", "*")
	if got := o.actions(owner); got != "member.invited member.joined settings.changed" {
		t.Error(got)
	}
	rows := o.must(200, owner, "GET", "/v1/audit?action=settings.changed", "")["entries"].([]any)
	if got := fmt.Sprint(rows[0].(map[string]any)["fields"]); got != "[name country lock_scope max_tags automation.disabled double_opt_in]" {
		t.Error(got)
	}
}

func TestFormsAndConnectionsOverTheAPI(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	f := o.must(201, owner, "POST", "/v1/forms", `{"name":"Offerte aanvragen!","origins":["https://www.example.nl"]}`)
	if f["id"] != "bakery-offerte-aanvragen" {
		t.Errorf("%v", f)
	}
	o.must(409, owner, "POST", "/v1/forms", `{"name":"Offerte aanvragen"}`)
	o.must(201, owner, "POST", "/v1/forms", `{"name":"Offerte aanvragen","slug":"offerte-2"}`)
	bad := o.must(422, owner, "POST", "/v1/forms", `{"name":"x","origins":["www.example.nl/page"],"thank_you":"javascript:alert(1)","slug":"A#b"}`)
	if len(bad["errors"].([]any)) != 3 {
		t.Errorf("%v", bad)
	}
	at := "/v1/forms/bakery-offerte-aanvragen"
	if lists := f["lists"].([]any); len(lists) != 0 {
		t.Errorf("a new form is for lists %v", lists)
	}
	o.must(200, owner, "PATCH", at, `{"closed":true,"fields":{"vraag":"note"}}`, "If-Match", `"1"`)
	if _, form, err := o.store.ByForm(ctx, "bakery-offerte-aanvragen"); err != nil || !form.Closed || form.Fields["vraag"] != "note" || len(form.Origins) != 1 {
		t.Errorf("%+v, %v", form, err)
	}
	o.must(204, owner, "DELETE", at, "", "If-Match", `"2"`)
	if _, _, err := o.store.ByForm(ctx, "bakery-offerte-aanvragen"); crm.CodeOf(err) != crm.NotFound {
		t.Error(err)
	}
	if n := len(o.must(200, owner, "GET", "/v1/forms", "")["forms"].([]any)); n != 1 {
		t.Errorf("%d forms are left", n)
	}

	s := o.must(201, owner, "POST", "/v1/sources", `{"kind":"own"}`)
	first := s["secret"].(string)
	if s["id"] != "bakery-own" || !strings.HasPrefix(first, "whsec_") {
		t.Errorf("%v", s)
	}
	if got := o.must(200, owner, "GET", "/v1/sources/bakery-own", ""); got["secret"] != nil {
		t.Error("the secret is shown again")
	}
	second := o.must(200, owner, "POST", "/v1/sources/bakery-own/rotate", "", "If-Match", `"1"`)
	o.must(412, owner, "POST", "/v1/sources/bakery-own/rotate", "", "If-Match", `"1"`)
	_, src, err := o.store.BySource(ctx, "bakery-own")
	if live := src.Live(o.now); err != nil || len(live) != 2 || live[0] != second["secret"] || live[1] != first {
		t.Errorf("after a rotation %d secrets sign, %v", len(live), err)
	}
	if live := src.Live(o.now.Add(25 * time.Hour)); len(live) != 1 || live[0] == first {
		t.Error("a day later the old secret still signs")
	}
	o.must(422, owner, "POST", "/v1/sources", `{"kind":"own","slug":"b","secret":"short"}`)
	o.must(200, owner, "PATCH", "/v1/sources/bakery-own", `{"name":"Kassa"}`, "If-Match", `"2"`)
	o.must(204, owner, "DELETE", "/v1/sources/bakery-own", "", "If-Match", `"3"`)
	want := "form.created form.created form.changed form.deleted source.created source.secret_rotated source.changed source.deleted"
	if got := o.actions(owner); !strings.HasSuffix(got, want) {
		t.Errorf("the log says %s", got)
	}
	if got := o.must(200, owner, "GET", "/v1/audit", ""); strings.Contains(fmt.Sprint(got), first) || strings.Contains(fmt.Sprint(got), "Kassa") {
		t.Error("a value is in the audit log")
	}
}

// A form is for lists of e-mail that the site has; one that is deleted later stands in no form's way.
func TestAFormIsForNewsletterLists(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	list := func(body string) string {
		return (&shop{t: t}).must(201, o.call(o.book, owner, "POST", "/v1/lists", body))["id"].(string)
	}
	news, sms := list(`{"name":"News"}`), list(`{"name":"Texts","channel":"sms"}`)
	for _, wrong := range []string{`["list_nosuchlist"]`, `["` + sms + `"]`, `["` + news + `","` + news + `"]`} {
		if bad := o.must(422, owner, "POST", "/v1/forms", `{"name":"News","lists":`+wrong+`}`); !strings.Contains(fmt.Sprint(bad["errors"]), "/lists/") {
			t.Errorf("%s: %v", wrong, bad)
		}
	}
	o.must(201, owner, "POST", "/v1/forms", `{"name":"News","lists":["`+news+`"]}`)
	if _, form, err := o.store.ByForm(context.Background(), "bakery-news"); err != nil || len(form.Lists) != 1 || form.Lists[0] != news {
		t.Errorf("%+v, %v", form, err)
	}
	look := (&shop{t: t}).must(200, o.call(o.book, owner, "POST", "/v1/lists/"+news+"/preview-deletion", ""))
	if w := o.call(o.book, owner, "DELETE", "/v1/lists/"+news+"?confirm="+look["confirm"].(string), "", "If-Match", "*"); w.Code != 204 {
		t.Fatal(w.Code)
	}
	if f := o.must(200, owner, "PATCH", "/v1/forms/bakery-news", `{"closed":true}`, "If-Match", `"1"`); fmt.Sprint(f["lists"]) != "["+news+"]" {
		t.Errorf("%v", f)
	}
	if f := o.must(200, owner, "PATCH", "/v1/forms/bakery-news", `{"lists":null}`, "If-Match", `"2"`); len(f["lists"].([]any)) != 0 {
		t.Errorf("%v", f)
	}
	rows := o.must(200, owner, "GET", "/v1/audit?action=form.changed", "")["entries"].([]any)
	if got := fmt.Sprint(rows[0].(map[string]any)["fields"], rows[1].(map[string]any)["fields"]); got != "[lists] [closed]" {
		t.Error(got)
	}
}

func TestTheAuditLogOverTheAPI(t *testing.T) {
	o := newOffice(t)
	ann, owner := o.hire("bakery", "ann@b.example", member.Owner)
	_, foreign := o.hire("florist", "bob@b.example", member.Owner)
	for i := range 7 {
		o.must(201, owner, "POST", "/v1/forms", fmt.Sprintf(`{"name":"form %d"}`, i))
	}
	seen, cursor := 0, ""
	from := o.now.Add(-time.Hour).Format(time.RFC3339)
	path := "/v1/audit?limit=2&action=form.created&by=" + ann.ID + "&since=" + from
	for pages := 0; pages < 10; pages++ {
		page := o.must(200, owner, "GET", path+"&cursor="+cursor, "")
		seen += len(page["entries"].([]any))
		if cursor = page["next_cursor"].(string); cursor == "" {
			break
		}
		o.must(422, owner, "GET", "/v1/audit?cursor="+cursor, "") // another list's
		o.must(422, foreign, "GET", path+"&cursor="+cursor, "")   // another site's
		o.must(422, owner, "GET", path+"&cursor="+cursor+"A", "") // altered
	}
	if seen != 7 {
		t.Errorf("%d of 7 rows seen", seen)
	}
	if n := len(o.must(200, foreign, "GET", "/v1/audit", "")["entries"].([]any)); n != 2 {
		t.Errorf("another site sees %d rows, want its own 2", n)
	}
	o.must(422, owner, "GET", "/v1/audit?since=yesterday", "")
	o.must(422, owner, "GET", "/v1/audit?since=0001-02-01T00:00:00Z", "")
}

// files and tasks that go nowhere.
type (
	noFiles struct{ transfer.Files }
	noQueue struct{}
)

func (noFiles) PresignGet(context.Context, string, string, time.Duration) (string, error) {
	return "https://files.example/x", nil
}

func (noFiles) PresignPut(context.Context, string, int64, time.Duration) (transfer.Upload, error) {
	return transfer.Upload{Method: "PUT", URL: "https://files.example/up"}, nil
}

func (noQueue) SendTask(context.Context, ...transfer.Task) error              { return nil }
func (noQueue) SendLater(context.Context, time.Duration, transfer.Task) error { return nil }

// No file leaves the book without a row that tells who took it.
func TestExportsAndImportsAreInTheLog(t *testing.T) {
	o := newOffice(t)
	ann, owner := o.hire("bakery", "ann@b.example", member.Owner)
	_, viewer := o.hire("bakery", "bob@b.example", member.Viewer)
	book := o.store.Book(o.sites["bakery"])
	tr := httpapi.Transfers{Open: func(site.Site) httpapi.JobBook { return book }, Files: noFiles{}, Queue: noQueue{}, Clock: func() time.Time { return o.now }}
	exports, imports := httpapi.Exports(o.store.Table, tr, httpapi.AccessRequests{Clock: tr.Clock}), httpapi.Imports(o.store.Table, tr)
	if w := o.call(exports, viewer, "POST", "/v1/exports", `{}`); w.Code != 403 {
		t.Errorf("a viewer exports: %d", w.Code)
	}
	w := o.call(exports, owner, "POST", "/v1/exports", `{}`)
	at := w.Header().Get("Location")
	if w.Code != 202 || at == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	id := strings.TrimPrefix(at, "/v1/exports/")
	if _, err := book.ChangeJob(context.Background(), id, o.now, func(j *transfer.Job) error {
		j.State, j.UpdatedAt, j.Result = transfer.Done, o.now, "exports/x"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a page that asks again and again
		if w := o.call(exports, owner, "GET", at, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "https://files.example") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := o.call(imports, owner, "POST", "/v1/imports", `{"filename":"a.csv","size":10}`); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	rows := o.must(200, owner, "GET", "/v1/audit?object="+id, "")["entries"].([]any)
	got := ""
	for _, r := range rows {
		got += fmt.Sprint(r.(map[string]any)["action"], " by ", r.(map[string]any)["by"] == ann.ID, "; ")
	}
	if len(rows) != 2 || !strings.Contains(got, "export.downloaded by true; ") || !strings.Contains(got, "export.started by true; ") {
		t.Error(got)
	}
	if got := o.must(200, owner, "GET", "/v1/audit?action=import.started", "")["entries"].([]any); len(got) != 1 {
		t.Errorf("imports in the log: %v", got)
	}
}

func (noQueue) SendAccess(context.Context, privacy.AccessTask) error { return nil }

// signsIn gives the sites that a code to an address opens.
func (o *office) signsIn(email string) (sites []string) {
	o.t.Helper()
	handle := o.must(202, "", "POST", "/v1/sign-in", fmt.Sprintf(`{"email":%q}`, email))["sign_in"]
	for _, id := range []crm.SiteID{"bakery", "florist"} {
		m := o.store.last[id]
		if m.To.Email != email || m.Template != mail.SignInCode {
			continue
		}
		for _, s := range o.must(200, "", "POST", "/v1/sign-in/verify", fmt.Sprintf(`{"sign_in":%q,"code":%q}`, handle, m.Values[mail.Code]))["sessions"].([]any) {
			sites = append(sites, s.(map[string]any)["site"].(map[string]any)["id"].(string))
		}
		delete(o.store.last, id)
	}
	return sites
}

// Who was removed from one site signs in to their others, and their person forgets the site.
func TestARemovedMemberSignsInElsewhere(t *testing.T) {
	o := newOffice(t)
	_, owner := o.hire("bakery", "ann@b.example", member.Owner)
	bob, _ := o.hire("bakery", "bob@b.example", member.Viewer)
	o.hire("florist", "bob@b.example", member.Viewer)
	if got := fmt.Sprint(o.signsIn("bob@b.example")); got != "[bakery florist]" {
		t.Errorf("before, bob signs in to %s", got)
	}
	o.must(204, owner, "DELETE", "/v1/members/"+bob.ID, "", "If-Match", "*")
	if got := fmt.Sprint(o.signsIn("bob@b.example")); got != "[florist]" {
		t.Errorf("after, bob signs in to %s", got)
	}
	in, err := o.store.Memberships(t.Context(), member.PersonOf("bob@b.example"))
	if err != nil || len(in) != 1 || in[0].Site != "florist" {
		t.Errorf("bob is of %v, %v", in, err)
	}
}

func TestAMemberChangesTheirOwnAddress(t *testing.T) {
	o := newOffice(t)
	ann, token := o.hire("bakery", "ann@b.example", member.Owner)
	_, bob := o.hire("bakery", "bob@b.example", member.Viewer)
	_, elsewhere := o.hire("florist", "ann@b.example", member.Viewer)
	ask := func(of, email string) (handle, code string) {
		t.Helper()
		handle = o.must(202, of, "POST", "/v1/me/email", fmt.Sprintf(`{"email":%q}`, email))["change"].(string)
		m := o.store.last["bakery"]
		if m.To.Email != email || m.Template != mail.AddressCode || m.Values[mail.Link] != "" {
			t.Errorf("the code went out as %+v", m)
		}
		return handle, m.Values[mail.Code]
	}
	verify := func(want int, of, email, handle, code string) map[string]any {
		t.Helper()
		return o.must(want, of, "POST", "/v1/me/email/verify", fmt.Sprintf(`{"email":%q,"change":%q,"code":%q}`, email, handle, code))
	}
	o.must(422, token, "POST", "/v1/me/email", `{"email":"none"}`)
	o.must(422, token, "POST", "/v1/me/email", `{"email":"ann@b.example"}`)
	o.must(409, token, "POST", "/v1/me/email", `{"email":"BOB@b.example"}`)

	const fresh = "ann.new@b.example"
	handle, code := ask(token, fresh)
	verify(422, token, fresh, handle, "0000 0000")
	verify(422, token, "ann.other@b.example", handle, code)
	verify(422, bob, fresh, handle, code)
	verify(422, elsewhere, fresh, handle, code)
	o.must(401, "", "POST", "/v1/sign-in/verify", fmt.Sprintf(`{"sign_in":%q,"code":%q}`, "si_"+handle[3:], code))
	if got := o.signsIn(fresh); got != nil {
		t.Errorf("an address that was not proved signs in to %v", got)
	}
	if got := verify(200, token, fresh, handle, code); got["email"] != fresh || got["version"] != 3.0 || got["id"] != ann.ID {
		t.Errorf("moved to %v", got)
	}
	verify(422, token, fresh, handle, code)
	o.must(200, token, "GET", "/v1/me", "")
	if got := fmt.Sprint(o.signsIn(fresh), o.signsIn("ann@b.example")); got != "[bakery] [florist]" {
		t.Errorf("new and old address sign in to %s", got)
	}
	rows := o.must(200, token, "GET", "/v1/audit?action=member.changed", "")["entries"].([]any)
	if len(rows) != 1 || fmt.Sprint(rows[0].(map[string]any)["fields"]) != "[email]" || rows[0].(map[string]any)["by"] != ann.ID {
		t.Errorf("the log says %v", rows)
	}

	// Somebody else was invited by the address while its code was under way.
	late, code := ask(bob, "carl@b.example")
	o.must(201, token, "POST", "/v1/members", `{"email":"carl@b.example","role":"viewer"}`)
	verify(409, bob, "carl@b.example", late, code)

	// Tried too often, the right code is as good as a wrong one.
	late, code = ask(bob, "bob.new@b.example")
	for range member.CodeTries {
		verify(422, bob, "bob.new@b.example", late, "0000 0000")
	}
	verify(422, bob, "bob.new@b.example", late, code)

	// Only its spelling changes: the address signs in as before.
	handle, code = ask(token, "Ann.New@b.example")
	verify(200, token, "Ann.New@b.example", handle, code)
	if got := fmt.Sprint(o.signsIn("Ann.New@b.example")); got != "[bakery]" {
		t.Errorf("spelled in another way it signs in to %s", got)
	}
	key := o.must(201, token, "POST", "/v1/keys", `{"name":"till","scopes":["members"]}`)["key"].(string)
	o.must(403, key, "POST", "/v1/me/email", `{"email":"x@b.example"}`)
}
