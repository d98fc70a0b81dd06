package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/local/client"
)

// owner is the demo site's, signed in.
func (s *stage) owner() *client.Client { return client.New(s.run.APIURL, s.run.OwnerSession) }

// hire invites somebody, who accepts by the link in the mail: their client and id.
func (s *stage) hire(email, role string, given ...string) (*client.Client, string) {
	s.t.Helper()
	id := s.field(s.do(s.owner(), 201, "POST", "/v1/members", map[string]any{"email": email, "name": "Noor", "role": role, "given": given, "language": "en"}), "id")
	page, token := s.link(s.getsMail(email, 1)[0].BodyText, "/invitation")
	if a := s.do(client.New(s.run.APIURL, ""), 200, "GET", page, nil); !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		s.t.Errorf("the link's page is %s", a.Header.Get("Content-Type"))
	}
	in := s.sessions(s.do(client.New(s.run.APIURL, ""), 200, "POST", "/v1/invitations/accept", map[string]any{"token": token, "name": "Noor " + surname}))
	s.do(client.New(s.run.APIURL, ""), 410, "POST", "/v1/invitations/accept", map[string]any{"token": token})
	return in, id
}

// link is the page of a link in a mail, and what stands behind its #. It leads to where
// this stack is reached.
func (s *stage) link(text, page string) (path, fragment string) {
	s.t.Helper()
	found := regexp.MustCompile(`https?://\S+` + page + `#\S+`).FindString(text)
	rest, ours := strings.CutPrefix(found, s.run.APIURL)
	path, fragment, _ = strings.Cut(rest, "#")
	if !ours || path != page || fragment == "" {
		s.t.Fatalf("the mail's link is %q; want one of %s%s", found, s.run.APIURL, page)
	}
	return path, fragment
}

// sessions is a client with the one session of an answer.
func (s *stage) sessions(a client.Answer) *client.Client {
	s.t.Helper()
	var in struct {
		Sessions []struct {
			Token string
			Site  struct{ ID string }
		}
	}
	s.must(a.JSON(&in))
	if len(in.Sessions) != 1 || in.Sessions[0].Site.ID != string(s.site()) {
		s.t.Fatalf("signed in to %+v", in)
	}
	return client.New(s.run.APIURL, in.Sessions[0].Token)
}

func TestMembersComeInByMail(t *testing.T) {
	s := open(t)
	nobody, email := client.New(s.run.APIURL, ""), s.address()
	invited, id := s.hire(email, "viewer")
	s.do(invited, 200, "GET", "/v1/contacts", nil)
	s.do(invited, 403, "POST", "/v1/contacts", map[string]any{"email": s.address()})

	// A code: wrong, right, and right again.
	codes := 0
	ask := func() (handle, code, linked string) {
		t.Helper()
		handle = s.field(s.do(nobody, 202, "POST", "/v1/sign-in", map[string]any{"email": strings.ToUpper(email)}), "sign_in")
		codes++
		mails := s.getsMail(email, 1+codes)
		text := mails[len(mails)-1].BodyText
		code = regexp.MustCompile(`\b\d{4} \d{4}\b`).FindString(text)
		_, linked = s.link(text, "/sign-in")
		return handle, code, linked
	}
	try := func(want int, handle, code string) client.Answer {
		t.Helper()
		return s.do(nobody, want, "POST", "/v1/sign-in/verify", map[string]any{"sign_in": handle, "code": code})
	}
	handle, code, _ := ask()
	wrong := "0000 0000"
	if code == wrong {
		wrong = "0000 0001"
	}
	try(401, handle, wrong)
	byCode := s.sessions(try(200, handle, code))
	try(401, handle, code)

	// The link has both, behind the #, and its page uses nothing up.
	_, _, linked := ask()
	s.do(nobody, 200, "GET", "/sign-in", nil)
	handle, code, _ = strings.Cut(linked, ".")
	handle, err := url.QueryUnescape(handle)
	s.must(err)
	byLink := s.sessions(try(200, handle, code))

	// Tried too often, the right one is as good as a wrong one.
	handle, code, _ = ask()
	for range 5 {
		try(401, handle, wrong)
	}
	try(401, handle, code)

	// Sessions: seen, used, ended.
	var mine struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	s.must(s.do(byLink, 200, "GET", "/v1/sessions", nil).JSON(&mine))
	if len(mine.Sessions) != 3 {
		t.Errorf("%d sessions, want those of the invitation, the code and the link", len(mine.Sessions))
	}
	if got := s.field(s.do(byCode, 200, "GET", "/v1/me", nil), "id"); got != id {
		t.Errorf("signed in as %s, invited as %s", got, id)
	}
	s.do(byCode, 204, "DELETE", "/v1/sessions/current", nil)
	s.do(byCode, 401, "GET", "/v1/me", nil)
	s.do(byLink, 200, "GET", "/v1/contacts", nil)

	// Another address: a code to the new one, and the old one is told.
	fresh := s.address()
	change := s.field(s.do(byLink, 202, "POST", "/v1/me/email", map[string]any{"email": fresh}), "change")
	code = regexp.MustCompile(`\b\d{4} \d{4}\b`).FindString(s.getsMail(fresh, 1)[0].BodyText)
	s.do(byLink, 422, "POST", "/v1/me/email/verify", map[string]any{"email": fresh, "change": change, "code": wrong})
	s.do(byLink, 200, "POST", "/v1/me/email/verify", map[string]any{"email": fresh, "change": change, "code": code})
	told := s.getsMail(email, 2+codes)[1+codes]
	if !strings.Contains(told.Subject, "address") || strings.Contains(told.BodyText, fresh) || !strings.Contains(told.BodyText, fresh[:1]+"…@e2e.example") {
		t.Errorf("the old address is told %+v", told)
	}
	s.do(nobody, 202, "POST", "/v1/sign-in", map[string]any{"email": fresh})
	s.getsMail(fresh, 2)

	// A key of the owner's: it does what it may, is seen to be used, and ends.
	owner := s.owner()
	made := s.do(owner, 201, "POST", "/v1/keys", map[string]any{"name": "till " + surname, "scopes": []string{"contacts.read"}})
	key := client.New(s.run.APIURL, s.field(made, "key"))
	s.do(key, 200, "GET", "/v1/contacts", nil)
	s.do(key, 403, "POST", "/v1/contacts", map[string]any{"email": s.address()})
	at := "/v1/keys/" + s.field(made, "id")
	var k struct {
		Used *time.Time `json:"last_used_at"`
		Key  string
	}
	s.must(client.Until(s.ctx, 20*time.Second, func() (bool, error) {
		return k.Used != nil, s.do(owner, 200, "GET", at, nil).JSON(&k)
	}))
	if k.Key != "" {
		t.Error("the key is shown a second time")
	}
	s.do(owner, 204, "DELETE", at, nil, "If-Match", made.Header.Get("ETag"))
	s.do(key, 401, "GET", "/v1/contacts", nil)

	// A member who is removed is out at once, and all of it is in the log.
	s.do(byLink, 403, "GET", "/v1/audit", nil)
	s.do(owner, 204, "DELETE", "/v1/members/"+id, nil, "If-Match", "*")
	s.do(byLink, 401, "GET", "/v1/me", nil)
	for object, want := range map[string][]string{
		id: {"member.changed", "member.invited", "member.joined", "member.removed"}, s.field(made, "id"): {"key.created", "key.revoked"},
	} {
		if got := s.logged("object=" + object); !slices.Equal(got, want) {
			t.Errorf("the log says %v of %s, want %v", got, object, want)
		}
	}
	if got, want := s.logged("by="+id), []string{"member.changed", "member.joined", "session.ended", "session.started", "session.started"}; !slices.Equal(got, want) {
		t.Errorf("the log says that the member did %v, want %v", got, want)
	}
}

// logged are the actions in the audit log, sorted.
func (s *stage) logged(filter string) (actions []string) {
	s.t.Helper()
	var log struct{ Entries []struct{ Action string } }
	s.must(s.do(s.owner(), 200, "GET", "/v1/audit?limit=200&"+filter, nil).JSON(&log))
	for _, e := range log.Entries {
		actions = append(actions, e.Action)
	}
	slices.Sort(actions)
	return actions
}

// Everything that is known of a contact is handed out: to be read by programs, and by people.
func TestAnAccessFileHasEverything(t *testing.T) {
	s := open(t)
	email := s.address()
	member, id := s.hire(email, "viewer", "contacts.export")
	who := s.address()
	k := s.create(map[string]any{"email": who, "first_name": "Emma", "last_name": surname, "note": "likes rye & <b>spelt</b>", "language": "en", "tags": []string{"bread"}})
	at := "/v1/contacts/" + k.ID
	s.do(s.api, 201, "POST", at+"/entries", map[string]any{"title": "Called", "text": "about the cake"})
	s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": who, "message": "Open on Sunday?"}, "Accept", "application/json")
	s.do(s.api, 200, "POST", at+"/consent", map[string]any{"channel": "email", "state": "subscribed", "how": "at the counter", "text": "News by mail", "at": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	doc := s.announce(at+"/documents", map[string]any{"name": "sketch.txt", "size": 5}).send([]byte("hallo"))
	s.do(s.api, 200, "POST", at+"/documents/"+doc+"/complete", nil)
	s.do(s.api, 201, "POST", at+"/messages", map[string]any{"subject": "Sunday", "text": "We are open.", "documents": []string{doc}}, "Idempotency-Key", who)
	a, err := s.api.Deliver(s.ctx, "own", s.run.Sources["own"], "msg_"+orderID(), "", sample(t, "own", who, orderID()))
	s.must(err)
	s.wants(200, a, "the order")
	s.comes(who, func(k client.Contact) bool { return k.OrdersCount == 1 })

	s.do(s.other, 422, "POST", "/v1/access-requests", map[string]any{"contact_id": k.ID})
	asked := s.do(member, 202, "POST", "/v1/access-requests", map[string]any{"contact_id": k.ID})
	path := asked.Header.Get("Location")
	var r struct {
		State, URL string
		Size       int64
	}
	s.must(client.Until(s.ctx, 90*time.Second, func() (bool, error) {
		err := s.do(member, 200, "GET", path, nil).JSON(&r)
		return r.State == "ready", err
	}))
	m := s.getsMail(email, 2)[1]
	if !strings.Contains(m.BodyText, s.run.APIURL+path) || strings.Contains(m.BodyText, surname+" (") || !strings.Contains(m.Subject, "ready") {
		t.Errorf("the mail is %+v", m)
	}

	file, err := s.api.Download(s.ctx, r.URL)
	s.must(err)
	if int64(len(file)) != r.Size {
		t.Errorf("%d bytes, %d were said", len(file), r.Size)
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	s.must(err)
	parts := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		s.must(err)
		b, err := io.ReadAll(in)
		s.must(err)
		parts[f.Name] = string(b)
	}
	if len(parts) != 3 || parts["files/"+doc+"-sketch.txt"] != "hallo" {
		t.Errorf("the zip has %d parts", len(parts))
	}
	var data map[string]json.RawMessage
	s.must(json.Unmarshal([]byte(parts["data.json"]), &data))
	for part, want := range map[string][]string{
		"contact": {who, surname, `"bread"`, "likes rye"}, "timeline": {"about the cake"}, "submissions": {"Open on Sunday?"}, "messages": {"We are open."},
		"consents": {"at the counter", `"subscribed"`}, "orders": {"107"}, "files": {"sketch.txt"},
	} {
		for _, w := range want {
			if !bytes.Contains(data[part], []byte(w)) {
				t.Errorf("%s has no %s: %.600s", part, w, data[part])
			}
		}
	}
	page := parts["index.html"]
	for _, want := range []string{`<html lang="en"`, who, surname, "likes rye &amp; &lt;b&gt;spelt&lt;/b&gt;", "about the cake", "Open on Sunday?", "We are open.", "at the counter", "sketch.txt"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>spelt") || regexp.MustCompile(`(src|href)="?https?:`).MatchString(page) {
		t.Error("the page loads or runs something")
	}
	if got, want := s.logged("by="+id), []string{"contact.access_downloaded", "contact.access_file_made", "contact.access_requested", "member.joined"}; !slices.Equal(got, want) {
		t.Errorf("the log says %v, want %v", got, want)
	}
	s.do(s.other, 404, "GET", path, nil)
}

// The mailbox shows a mail with its parts and files, and its files can be had.
func TestTheLocalMailboxHasWholeMails(t *testing.T) {
	s := open(t)
	who, subject := s.address(), s.slug()
	at := "/v1/contacts/" + s.create(map[string]any{"email": who}).ID
	doc := s.announce(at+"/documents", map[string]any{"name": "schéts.txt", "size": 5}).send([]byte("hallo"))
	s.do(s.api, 200, "POST", at+"/documents/"+doc+"/complete", nil)
	s.do(s.api, 201, "POST", at+"/messages", map[string]any{"subject": subject, "text": "Zie de schets.", "documents": []string{doc}}, "Idempotency-Key", who)
	s.getsMail(who, 1)
	page := string(s.do(s.api, 200, "GET", "/_local/mail", nil).Body)
	one := regexp.MustCompile(`(?s)<details>\n<summary>[^\n]*` + subject + `.*?</details>\n</details>`).FindString(page)
	for _, want := range []string{"(1 attached)", "From &#34;Bakkerij Demo&#34; &lt;no-reply@example.com&gt;", "Een bericht van Bakkerij Demo", "<pre>Bakkerij Demo\n\nZie de schets."} {
		if !strings.Contains(strings.ReplaceAll(one, "\r", ""), want) {
			t.Errorf("the mail has no %q: %s", want, one)
		}
	}
	link := regexp.MustCompile(`<a href="(/_local/mail/\d+/0)">schéts.txt</a> \(text/plain, 5 bytes\)`).FindStringSubmatch(one)
	if link == nil {
		t.Fatalf("the mail has no link to its file: %s", one)
	}
	if f := s.do(s.api, 200, "GET", link[1], nil); string(f.Body) != "hallo" {
		t.Errorf("the file is %q", f.Body)
	}
}
