package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/entry/httpapi"
)

// newsletter is a shop with a list, a form for it, and the public pages.
type newsletter struct {
	*shop
	public http.Handler
	list   string
	clock  time.Time
}

func newNewsletter(t *testing.T) *newsletter {
	n := &newsletter{shop: newShop(t), clock: time.Now().UTC().Truncate(time.Millisecond)}
	clock := crm.Clock(func() time.Time { return n.clock })
	n.api = httpapi.Contacts(n.table, func(s site.Site) httpapi.ContactBook { return n.table.Book(s) }, n.jobs, nil, clock, "https://mail.example.nl/")
	n.public = httpapi.Forms(n.table, func(s site.Site) httpapi.FormsBook { return n.table.Book(s) }, clock, "https://api.example.nl")
	l := n.must(201, n.do("POST", "/v1/lists", `{"name":"News","texts":{"nl":"Ja, mail mij nieuws.","en":"Yes, mail me news."}}`))
	n.list = l["id"].(string)
	if l["double_opt_in"] != true || l["channel"] != "email" || l["text_version"] != 1.0 {
		t.Errorf("a list %v", l)
	}
	if err := n.table.PutForm(context.Background(), n.id, site.Form{ID: "bakery-news", Lists: []string{n.list}}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *newsletter) later(d time.Duration) { n.clock = n.clock.Add(d) }

func (n *newsletter) visit(method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	n.public.ServeHTTP(w, r)
	return w
}

func (n *newsletter) sign(email string) {
	n.t.Helper()
	if w := n.visit("POST", "/f/bakery-news", url.Values{"email": {email}, "newsletter": {"on"}}.Encode()); w.Code != 303 {
		n.t.Fatalf("the form answers %d", w.Code)
	}
}

func (n *newsletter) find(email string) contact.Contact {
	n.t.Helper()
	c, err := n.book.Find(context.Background(), crm.EmailIdentity(email))
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// mails are those that were committed for a contact to confirm, in their order.
func (n *newsletter) mails(c contact.Contact) (links []string) {
	n.t.Helper()
	rows, err := n.book.Evidence(context.Background(), c.ID)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, r := range rows {
		m, ok, err := n.table.Take(context.Background(), n.id, mail.Derive(string(c.ID), r.ID), n.clock, n.clock.Add(time.Second))
		if err != nil {
			n.t.Fatal(err)
		}
		if ok {
			if m.Template != mail.ConfirmSubscription || m.To.Email != c.Email {
				n.t.Errorf("a mail %s to %s", m.Template, m.To.Email)
			}
			links = append(links, strings.TrimPrefix(m.Values[mail.Link], "https://api.example.nl"))
		}
	}
	return links
}

func (n *newsletter) want(email, overall, list string) {
	n.t.Helper()
	c := n.find(email)
	if got := string(c.Standing(contact.Scope{Channel: contact.ByEmail, List: n.list}).State); string(c.Consent) != overall || got != list {
		n.t.Fatalf("stands at %s, with the list at %s; want %s, %s", c.Consent, got, overall, list)
	}
}

func TestAFormsYesIsConfirmedByThePerson(t *testing.T) {
	n := newNewsletter(t)
	n.sign("emma@b.example")
	n.want("emma@b.example", "never", "pending")
	links := n.mails(n.find("emma@b.example"))
	if len(links) != 1 || strings.Contains(links[0], "emma") || strings.Contains(links[0], string(n.find("emma@b.example").ID)) {
		t.Fatalf("links %q", links)
	}
	link := links[0]

	for range 3 { // a scanner opens it, with HEAD as well
		w := n.visit("GET", link, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "News") || !strings.Contains(w.Body.String(), "Ja, ik bevestig") {
			t.Fatalf("the page %d: %s", w.Code, w.Body)
		}
		n.visit("HEAD", link, "")
	}
	n.visit("POST", link, "List-Unsubscribe=One-Click") // nor does a mail program confirm
	n.want("emma@b.example", "never", "pending")

	n.later(time.Minute)
	if w := n.visit("POST", link, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "Je aanmelding is bevestigd") {
		t.Fatalf("confirming: %d %s", w.Code, w.Body)
	}
	n.want("emma@b.example", "never", "subscribed") // one list is no yes to all mail
	version := n.find("emma@b.example").Version
	for lang, says := range map[string]string{"nl": "Je aanmelding was al bevestigd", "en": "Your subscription was already confirmed"} { // twice is once
		for _, method := range []string{"GET", "POST"} {
			if w := n.visit(method, link+"?lang="+lang, ""); w.Code != 200 || !strings.Contains(w.Body.String(), says) || !strings.Contains(w.Body.String(), "News") {
				t.Errorf("%s again: %d %s", method, w.Code, w.Body)
			}
		}
	}
	if n.find("emma@b.example").Version != version {
		t.Error("a second confirmation changed something")
	}

	h := n.must(200, n.do("GET", "/v1/contacts/"+string(n.find("emma@b.example").ID)+"/consent", ""))
	var told []string
	for _, r := range h["history"].([]any) {
		r := r.(map[string]any)
		told = append(told, fmt.Sprintf("%v %v %v %v %v %v %v", r["list"] != nil, r["from"], r["to"], r["how"], r["address"], r["text_version"], r["network"]))
	}
	all := strings.Join(told, "\n") // the two rows of one moment sort by chance
	for _, want := range []string{"true never pending form emma@b.example 1 192.0.2.0/24", "true pending subscribed link emma@b.example 1 192.0.2.0/24"} {
		if !slices.Contains(told, want) || len(told) != 2 {
			t.Errorf("the history lacks %q:\n%s", want, all)
		}
	}
}

func TestAConfirmationIsAskedForOnceADayAndEnds(t *testing.T) {
	n := newNewsletter(t)
	for range 4 {
		n.sign("emma@b.example")
		n.later(time.Minute)
	}
	first := n.mails(n.find("emma@b.example"))
	if len(first) != 1 {
		t.Fatalf("%d mails within a day", len(first))
	}
	n.later(25 * time.Hour)
	n.sign("emma@b.example")
	if again := n.mails(n.find("emma@b.example")); len(again) != 2 {
		t.Fatalf("%d mails after a day", len(again))
	}
	n.later(consent.ConfirmFor)
	if w := n.visit("POST", first[0], ""); w.Code != 200 || !strings.Contains(w.Body.String(), "ouder dan zeven dagen") {
		t.Errorf("an old link: %d %s", w.Code, w.Body)
	}
	n.want("emma@b.example", "never", "pending")
}

func TestAnUnsubscriptionIsLiftedByThePersonAlone(t *testing.T) {
	n := newNewsletter(t)
	ctx := context.Background()
	n.sign("emma@b.example")
	old := n.mails(n.find("emma@b.example"))[0]
	n.visit("POST", old, "")
	c := n.find("emma@b.example")
	at := "/v1/contacts/" + string(c.ID)
	n.later(time.Hour)
	stands := n.must(200, n.do("GET", at+"/consent", ""))
	_, token, _ := strings.Cut(stands["unsubscribe_url"].(string), "/c/")
	leave := "/c/" + token
	if url := stands["subscriptions"].([]any)[0].(map[string]any)["unsubscribe_url"].(string); url == "" || strings.HasSuffix(url, token) {
		t.Fatalf("the link to leave the list is %q", url)
	}
	if n.visit("GET", leave, ""); n.find("emma@b.example").Consent != contact.ConsentNever {
		t.Fatal("looking at the page unsubscribes")
	}
	if w := n.visit("POST", leave, "List-Unsubscribe=One-Click"); w.Code != 200 {
		t.Fatalf("one click: %d", w.Code)
	}
	n.want("emma@b.example", "unsubscribed", "unsubscribed")

	n.visit("POST", old, "") // the link of before brings nobody back
	n.want("emma@b.example", "unsubscribed", "unsubscribed")
	for _, body := range []string{`{"consent":"subscribed"}`, `{"consent":"never"}`, `{"consent":null}`} {
		p := n.must(422, n.do("PATCH", at, body, "If-Match", "*"))
		if !strings.Contains(p["detail"].(string), "/consent") {
			t.Errorf("the refusal says %v", p["detail"])
		}
	}
	if _, _, err := n.book.Upsert(ctx, contact.Facts{Email: "emma@b.example", Source: "import:x", Consent: contact.ConsentSubscribed,
		Lists: []contact.Subscription{{List: n.list, Channel: contact.ByEmail, Standing: contact.Standing{State: contact.ConsentSubscribed}}}}, n.clock, enrich); err != nil {
		t.Fatal(err)
	}
	n.want("emma@b.example", "unsubscribed", "unsubscribed")

	n.later(48 * time.Hour)
	n.must(200, n.do("POST", at+"/subscriptions", `{"list":"`+n.list+`","state":"subscribed"}`)) // asks, and lifts nothing
	n.want("emma@b.example", "unsubscribed", "unsubscribed")
	n.later(48 * time.Hour)
	n.sign("emma@b.example")
	n.want("emma@b.example", "unsubscribed", "unsubscribed")
	links := n.mails(n.find("emma@b.example"))
	if len(links) != 3 {
		t.Fatalf("%d mails", len(links))
	}
	n.visit("POST", links[2], "")
	n.want("emma@b.example", "never", "subscribed") // as far as the list needs it

	// What the person confirmed was one list: no source makes more of it.
	n.must(422, n.do("PATCH", at, `{"consent":"subscribed"}`, "If-Match", "*"))
	n.must(200, n.do("PATCH", at, `{"consent":"never"}`, "If-Match", "*"))
	if _, _, err := n.book.Upsert(ctx, contact.Facts{Email: "emma@b.example", Source: "import:x", Consent: contact.ConsentSubscribed}, n.clock, enrich); err != nil {
		t.Fatal(err)
	}
	n.want("emma@b.example", "never", "subscribed")
	check := func() any {
		t.Helper()
		return n.must(200, n.do("POST", "/v1/suppressions/check", `{"emails":["emma@b.example"]}`))["suppressions"].([]any)[0].(map[string]any)["reason"]
	}
	if got := check(); got != nil {
		t.Errorf("who is on a list is %v", got)
	}
	// And whoever leaves the last list has refused all again.
	n.later(time.Hour)
	n.must(200, n.do("POST", at+"/subscriptions", `{"list":"`+n.list+`","state":"unsubscribed"}`))
	n.want("emma@b.example", "unsubscribed", "unsubscribed")
	if got := check(); got != "unsubscribed" {
		t.Errorf("who left the last list is %v", got)
	}
}

// A list that is left leaves the channel as it was before it was joined.
func TestLeavingAListLeavesAllOtherMailAsItWas(t *testing.T) {
	n := newNewsletter(t)
	for email, said := range map[string]string{"a@b.example": "never", "b@b.example": "subscribed"} {
		id := n.must(201, n.do("POST", "/v1/contacts", `{"email":"`+email+`","consent":"`+said+`"}`))["id"].(string)
		n.later(time.Minute)
		n.sign(email)
		n.want(email, said, "pending")
		n.visit("POST", n.mails(n.find(email))[0], "")
		n.want(email, said, "subscribed")
		n.later(time.Minute)
		n.must(200, n.do("POST", "/v1/contacts/"+id+"/subscriptions", `{"list":"`+n.list+`","state":"unsubscribed"}`))
		n.want(email, said, "unsubscribed")
		for _, r := range n.must(200, n.do("GET", "/v1/contacts/"+id+"/consent", ""))["history"].([]any) {
			if r := r.(map[string]any); r["from"] == r["to"] {
				t.Errorf("a row of no change: %v", r)
			}
		}
	}
}

// Who asks again after they left by a link is asked again at once, but nobody
// else can have mails sent to them.
func TestWhoAsksAgainAfterLeavingIsMailedAtOnce(t *testing.T) {
	n := newNewsletter(t)
	n.sign("emma@b.example")
	first := n.mails(n.find("emma@b.example"))[0]
	n.later(time.Minute)
	n.visit("POST", first, "")
	c := n.find("emma@b.example")
	st, _ := n.table.ByID(context.Background(), n.id)
	n.later(time.Minute)
	n.visit("POST", strings.TrimPrefix(consent.UnsubscribeLink(st, "https://api.example.nl", &c, n.list, n.clock), "https://api.example.nl"), "")
	n.want("emma@b.example", "never", "unsubscribed")
	for range 3 {
		n.later(time.Minute)
		n.sign("emma@b.example")
	}
	mails := n.mails(n.find("emma@b.example"))
	if len(mails) != 2 {
		t.Fatalf("%d mails, want one more", len(mails))
	}
	if w := n.visit("POST", first, ""); !strings.Contains(w.Body.String(), "niets meer te bevestigen") {
		t.Errorf("a link of before the unsubscription says %s", w.Body)
	}
	n.want("emma@b.example", "never", "unsubscribed")
	n.visit("POST", mails[1], "")
	n.want("emma@b.example", "never", "subscribed")

	// What is no act of the person's own leaves the day's limit, and the answer says so.
	n.sign("piet@b.example")
	at := "/v1/contacts/" + string(n.find("piet@b.example").ID) + "/subscriptions"
	n.later(time.Minute)
	n.must(200, n.do("POST", at, `{"list":"`+n.list+`","state":"unsubscribed"}`))
	n.later(time.Minute)
	p := n.must(409, n.do("POST", at, `{"list":"`+n.list+`","state":"subscribed"}`))
	if !strings.Contains(p["detail"].(string), "asked by mail") || n.find("piet@b.example").Subscriptions[0].Asked != (time.Time{}) {
		t.Errorf("the refusal says %v", p["detail"])
	}
	n.later(25 * time.Hour)
	n.must(200, n.do("POST", at, `{"list":"`+n.list+`","state":"subscribed"}`))
	if mails := n.mails(n.find("piet@b.example")); len(mails) != 2 {
		t.Errorf("%d mails after a day", len(mails))
	}
}

// endList deletes a list, as it is confirmed.
func (s *shop) endList(id string) {
	s.t.Helper()
	look := s.must(200, s.do("POST", "/v1/lists/"+id+"/preview-deletion", ""))
	s.must(204, s.do("DELETE", "/v1/lists/"+id+"?confirm="+look["confirm"].(string), "", "If-Match", "*"))
}

func TestAFormWhoseListsAreGoneSaysNothing(t *testing.T) {
	n := newNewsletter(t)
	n.endList(n.list)
	n.sign("emma@b.example")
	n.want("emma@b.example", "never", "never")
}

// A site that makes and deletes lists for ever makes nobody's consents larger, and
// leaving all mail is one transaction however many lists that leaves.
func TestDeletedListsCostNothing(t *testing.T) {
	n := newNewsletter(t)
	ctx := context.Background()
	id := n.must(201, n.do("POST", "/v1/contacts", `{"email":"emma@b.example"}`))["id"].(string)
	join := func(round int) []string {
		t.Helper()
		var lists []string
		var facts contact.Facts
		for i := range contact.MaxLists - 1 { // with the one of the kit they are all that fit
			l := n.must(201, n.do("POST", "/v1/lists", fmt.Sprintf(`{"name":"L %d %d","double_opt_in":false,"texts":{"nl":"Ja, %d."}}`, round, i, i)))["id"].(string)
			lists = append(lists, l)
			facts.Lists = append(facts.Lists, contact.Subscription{List: l, Channel: contact.ByEmail, Standing: contact.Standing{State: contact.ConsentSubscribed}})
		}
		facts.Email, facts.Source = "emma@b.example", "import:x"
		if _, _, err := n.book.Upsert(ctx, facts, n.clock, enrich); err != nil {
			t.Fatal(err)
		}
		return lists
	}
	for round := range 2 {
		for _, l := range join(round) {
			n.endList(l)
		}
		n.later(time.Minute)
	}
	row := n.must(200, n.do("GET", "/v1/contacts", ""))["contacts"].([]any)[0].(map[string]any)
	if fmt.Sprint(row["lists"]) != "[]" {
		t.Errorf("the row has lists %v", row["lists"])
	}
	join(2)
	if c := n.find("emma@b.example"); len(c.Subscriptions) != contact.MaxLists-1 {
		t.Errorf("%d subscriptions are kept", len(c.Subscriptions))
	}
	// As many addresses as a merge may bring together: leaving them all and lifting that fits.
	if _, err := n.book.Change(ctx, crm.ContactID(id), n.clock, func(c *contact.Contact) ([]timeline.Activity, error) {
		for i := range contact.MaxIdentities - 1 {
			c.Emails = append(c.Emails, fmt.Sprintf("e%d@b.example", i))
		}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	n.later(time.Minute)
	n.must(200, n.do("PATCH", "/v1/contacts/"+id, `{"consent":"unsubscribed"}`, "If-Match", "*"))
	n.later(time.Minute)
	stamp := n.clock.Format(time.RFC3339)
	n.later(time.Minute)
	n.must(200, n.do("POST", "/v1/contacts/"+id+"/consent", `{"channel":"email","state":"subscribed","at":"`+stamp+`","how":"on paper","text":"Yes"}`))
	h := n.must(200, n.do("GET", "/v1/contacts/"+id+"/consent", ""))["history"].([]any)
	left := map[any]bool{}
	for _, r := range h {
		if r := r.(map[string]any); r["list"] != nil && r["from"] == "subscribed" && r["to"] == "unsubscribed" && r["how"] != nil {
			left[r["list"]] = true
		}
	}
	if len(left) != contact.MaxLists-1 {
		t.Errorf("the history tells of %d lists that were left; %d rows", len(left), len(h))
	}
	ids := map[any]bool{}
	for _, r := range h {
		ids[r.(map[string]any)["id"]] = true
	}
	if len(ids) != len(h) {
		t.Errorf("%d ids of %d rows", len(ids), len(h))
	}
}

func TestARecordedConsentNeedsEvidenceAndBeNewer(t *testing.T) {
	n := newNewsletter(t)
	c := n.must(201, n.do("POST", "/v1/contacts", `{"email":"emma@b.example","consent":"subscribed"}`))
	at := "/v1/contacts/" + c["id"].(string)
	n.later(time.Hour)
	n.must(200, n.do("PATCH", at, `{"consent":"unsubscribed"}`, "If-Match", "*"))
	stamp := func(d time.Duration) string { return n.clock.Add(d).Format(time.RFC3339) }
	for _, body := range []string{
		`{"channel":"email","state":"subscribed","at":"` + stamp(0) + `","how":"","text":"Yes"}`,
		`{"channel":"email","state":"subscribed","at":"` + stamp(0) + `","how":"on paper"}`,
		`{"channel":"email","state":"subscribed","at":"` + stamp(-2*time.Hour) + `","how":"on paper","text":"Yes"}`,
		`{"channel":"email","state":"subscribed","at":"` + stamp(2*time.Hour) + `","how":"on paper","text":"Yes"}`,
		`{"channel":"fax","state":"subscribed","at":"` + stamp(0) + `","how":"on paper","text":"Yes"}`,
		`{"list":"list_none","state":"subscribed","at":"` + stamp(0) + `","how":"on paper","text":"Yes"}`,
		`{"channel":"email","state":"complained","at":"` + stamp(0) + `","how":"on paper","text":"Yes"}`,
	} {
		n.must(422, n.do("POST", at+"/consent", body))
	}
	n.want("emma@b.example", "unsubscribed", "never")
	n.later(2 * time.Hour)
	got := n.must(200, n.do("POST", at+"/consent", `{"channel":"email","state":"subscribed","at":"`+stamp(-time.Hour)+`","how":"on paper","text":"Yes, mail me."}`))
	if got["consent"] != "subscribed" {
		t.Errorf("recorded %v", got["consent"])
	}
	n.later(time.Minute)
	n.must(200, n.do("POST", at+"/consent", `{"channel":"sms","state":"subscribed","at":"`+stamp(-time.Hour)+`","how":"by phone","text":"Yes."}`))
	h := n.must(200, n.do("GET", at+"/consent", ""))
	if s := h["channels"].(map[string]any)["sms"].(map[string]any)["state"]; s != "subscribed" {
		t.Errorf("sms is %v", s)
	}
	rows := h["history"].([]any)
	if len(rows) != 4 || rows[2].(map[string]any)["text"] != "Yes, mail me." || rows[2].(map[string]any)["text_sha256"] == nil || rows[2].(map[string]any)["note"] != "on paper" {
		t.Errorf("history %v", rows)
	}
}

func TestListsAreMadeChangedAndDeleted(t *testing.T) {
	n := newNewsletter(t)
	n.must(422, n.do("POST", "/v1/lists", `{"name":""}`))
	if p := n.must(409, n.do("POST", "/v1/lists", `{"name":"NEWS"}`)); !strings.Contains(p["detail"].(string), n.list) {
		t.Errorf("the problem does not name the list: %v", p)
	}
	n.must(422, n.do("POST", "/v1/lists", `{"name":"Texts","channel":"sms","double_opt_in":true}`))
	n.must(422, n.do("POST", "/v1/lists", `{"name":"x","texts":{"xx":"?"}}`))
	l := n.must(200, n.do("PATCH", "/v1/lists/"+n.list, `{"texts":{"nl":"Ja, graag."}}`, "If-Match", "*"))
	if l["text_version"] != 2.0 || l["name"] != "News" {
		t.Errorf("changed %v", l)
	}
	if l = n.must(200, n.do("PATCH", "/v1/lists/"+n.list, `{"texts":{"nl":"Ja, graag."},"double_opt_in":false}`, "If-Match", "*")); l["text_version"] != 2.0 || l["double_opt_in"] != false {
		t.Errorf("the same wording is a new version: %v", l)
	}
	n.must(422, n.do("PATCH", "/v1/lists/"+n.list, `{"channel":"sms"}`, "If-Match", "*"))
	n.sign("emma@b.example") // single opt-in now
	n.want("emma@b.example", "never", "subscribed")
	row := n.must(200, n.do("GET", "/v1/contacts", ""))["contacts"].([]any)[0].(map[string]any)
	if fmt.Sprint(row["lists"]) != "["+n.list+"]" {
		t.Errorf("the row has lists %v", row["lists"])
	}
	// The end of a list tells how many subscriptions go, and is confirmed.
	at := "/v1/lists/" + n.list
	n.must(422, n.do("DELETE", at, "", "If-Match", "*"))
	look := n.must(200, n.do("POST", at+"/preview-deletion", ""))
	if look["subscriptions"] != 1.0 {
		t.Errorf("preview %v", look)
	}
	confirmed := at + "?confirm=" + look["confirm"].(string)
	second := n.must(201, n.do("POST", "/v1/lists", `{"name":"Second"}`))["id"].(string)
	n.must(422, n.do("DELETE", "/v1/lists/"+second+"?confirm="+look["confirm"].(string), "", "If-Match", "*"))
	n.must(428, n.do("DELETE", confirmed, ""))
	n.must(412, n.do("DELETE", confirmed, "", "If-Match", `"1"`))
	n.must(204, n.do("DELETE", confirmed, "", "If-Match", n.do("GET", "/v1/lists", "").Header().Get("ETag")))
	n.must(404, n.do("DELETE", confirmed, "", "If-Match", "*"))
	n.must(404, n.do("POST", at+"/preview-deletion", ""))
	c := n.must(200, n.do("GET", "/v1/contacts/"+row["id"].(string), ""))
	if len(c["subscriptions"].([]any)) != 0 {
		t.Errorf("still on %v", c["subscriptions"])
	}
}

func TestSuppressedAddressesByAPI(t *testing.T) {
	n := newNewsletter(t)
	n.must(201, n.do("POST", "/v1/contacts", `{"email":"known@b.example","consent":"subscribed"}`))
	n.must(422, n.do("POST", "/v1/suppressions", `{"emails":["x"]}`))
	n.must(200, n.do("POST", "/v1/suppressions", `{"emails":["known@b.example","gone@b.example"]}`))
	n.want("known@b.example", "unsubscribed", "never")
	got := n.must(200, n.do("POST", "/v1/suppressions/check", `{"emails":["GONE@b.example","known@b.example","free@b.example"]}`))["suppressions"].([]any)
	for i, want := range []any{"unsubscribed", "unsubscribed", nil} {
		if r := got[i].(map[string]any)["reason"]; r != want {
			t.Errorf("address %d: %v, want %v", i, r, want)
		}
	}
	list := n.do("GET", "/v1/suppressions", "").Body.String()
	if strings.Contains(list, "gone@") || strings.Count(list, `"hash"`) != 1 {
		t.Errorf("listed %s", list)
	}
	if c := n.must(201, n.do("POST", "/v1/contacts", `{"email":"gone@b.example","consent":"subscribed"}`)); c["consent"] != "unsubscribed" || c["consent_source"] != "suppression" {
		t.Errorf("it came back %v by %v", c["consent"], c["consent_source"])
	} else {
		at := "/v1/contacts/" + c["id"].(string)
		rows := n.must(200, n.do("GET", at+"/consent", ""))["history"].([]any)
		if r := rows[0].(map[string]any); len(rows) != 1 || r["how"] != "suppression" || r["to"] != "unsubscribed" || r["address"] != "gone@b.example" {
			t.Errorf("the evidence says %v", rows)
		}
		// Once the person may be written to again, nothing says otherwise, also when they go.
		n.later(time.Minute)
		stamp := n.clock.Format(time.RFC3339)
		n.later(time.Minute)
		n.must(200, n.do("POST", at+"/consent", `{"channel":"email","state":"subscribed","at":"`+stamp+`","how":"on paper","text":"Yes"}`))
		for _, gone := range []bool{false, true} {
			if gone {
				n.must(204, n.do("DELETE", at, "", "If-Match", "*"))
			}
			r := n.must(200, n.do("POST", "/v1/suppressions/check", `{"emails":["gone@b.example"]}`))["suppressions"].([]any)[0].(map[string]any)
			if list := n.do("GET", "/v1/suppressions", "").Body.String(); r["reason"] != nil || r["at"] != nil || strings.Contains(list, `"hash"`) {
				t.Errorf("gone %v: the check says %v, the list %s", gone, r, list)
			}
		}
	}
	ctx := context.Background()
	for address, want := range map[string]contact.Consent{"bounce@b.example": contact.ConsentBounced, "spam@b.example": contact.ConsentComplained} {
		why := map[contact.Consent]contact.Suppression{contact.ConsentBounced: contact.SuppressedBounced, contact.ConsentComplained: contact.SuppressedComplained}[want]
		n.must(201, n.do("POST", "/v1/contacts", `{"email":"`+address+`","consent":"subscribed"}`))
		n.later(time.Minute)
		for range 2 {
			if err := consent.Feedback(ctx, n.book, address, why, "ml_1", n.clock, n.clock); err != nil {
				t.Fatal(err)
			}
		}
		n.want(address, string(want), "never")
		if rows, _ := n.book.Evidence(ctx, n.find(address).ID); len(rows) != 2 || rows[1].Value("how") != "provider" || rows[1].Value("note") != "ml_1" {
			t.Errorf("evidence %v", rows)
		}
	}
	// Leaving is more than a bounce, and less than a complaint.
	n.must(200, n.do("POST", "/v1/suppressions", `{"emails":["bounce@b.example","spam@b.example"]}`))
	n.want("bounce@b.example", "unsubscribed", "never")
	n.want("spam@b.example", "complained", "never")
	n.do("POST", "/v1/contacts/"+string(n.find("spam@b.example").ID)+"/consent",
		`{"channel":"email","state":"unsubscribed","at":"`+n.clock.Format(time.RFC3339)+`","how":"by phone"}`)
	n.want("spam@b.example", "complained", "never")
}

func TestLinksOfMailsCannotBeForgedOrMoved(t *testing.T) {
	n := newNewsletter(t)
	n.sign("emma@b.example")
	link := n.mails(n.find("emma@b.example"))[0]
	for _, bad := range []string{link[:len(link)-2], link[:len(link)-1] + "!", strings.Replace(link, "bakery", "other1", 1), "/c/bakery-", "/c/x", "/c/bakery-" + strings.Repeat("A", 200)} {
		for _, method := range []string{"GET", "POST"} {
			if w := n.visit(method, bad, ""); w.Code != 404 || !strings.Contains(w.Header().Get("Content-Type"), "text/html") {
				t.Errorf("%s of a broken link: %d", method, w.Code)
			}
		}
	}
	c := n.find("emma@b.example")
	if _, err := n.book.Change(context.Background(), c.ID, n.clock, emailTo("new@b.example")); err != nil {
		t.Fatal(err)
	}
	n.visit("POST", link, "") // it went to the other address
	n.want("new@b.example", "never", "pending")
}

func enrich(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
	if !created {
		c.Enrich(f)
	}
	return nil, nil
}

func emailTo(email string) contact.Rule {
	return func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Email = email
		return nil, nil
	}
}

// What stands in a mail leads to where the deployment says, whatever host a request names.
func TestASubscriptionsMailLeadsToThePublicAddress(t *testing.T) {
	n := newNewsletter(t)
	id := n.must(201, n.do("POST", "/v1/contacts", `{"email":"emma@b.example"}`))["id"].(string)
	n.must(200, n.do("POST", "/v1/contacts/"+id+"/subscriptions", `{"list":"`+n.list+`","state":"subscribed"}`))
	links := n.mails(n.find("emma@b.example"))
	if len(links) != 1 || !strings.HasPrefix(links[0], "https://mail.example.nl/c/bakery-") {
		t.Errorf("links %v", links)
	}
}

// A link to unsubscribe is heard whatever became of the contact: the address is remembered,
// and whom the mail was sent to gets none at another one.
func TestAnUnsubscriptionIsRecordedWhateverBecameOfTheContact(t *testing.T) {
	n := newNewsletter(t)
	ctx := context.Background()
	st, _ := n.table.ByID(ctx, n.id)
	made := func(email string) (contact.Contact, string) {
		t.Helper()
		n.must(201, n.do("POST", "/v1/contacts", `{"email":"`+email+`","consent":"subscribed"}`))
		c := n.find(email)
		return c, strings.TrimPrefix(consent.UnsubscribeLink(st, "https://api.example.nl", &c, "", n.clock), "https://api.example.nl")
	}
	check := func(email string) any {
		t.Helper()
		return n.must(200, n.do("POST", "/v1/suppressions/check", `{"emails":["`+email+`"]}`))["suppressions"].([]any)[0].(map[string]any)["reason"]
	}
	leave := func(link, body string) {
		t.Helper()
		if w := n.visit("GET", link, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "Meld mij af") {
			t.Errorf("the page before: %d %s", w.Code, w.Body)
		}
		for range 2 {
			if w := n.visit("POST", link, body); w.Code != 200 || !strings.Contains(w.Body.String(), "Je bent afgemeld") {
				t.Errorf("leaving: %d %s", w.Code, w.Body)
			}
		}
		if w := n.visit("GET", link, ""); !strings.Contains(w.Body.String(), "Je bent afgemeld") {
			t.Errorf("the page after: %s", w.Body)
		}
	}
	for i, body := range []string{"", "List-Unsubscribe=One-Click"} {
		email := fmt.Sprintf("gone%d@b.example", i)
		c, link := made(email)
		n.must(204, n.do("DELETE", "/v1/contacts/"+string(c.ID), "", "If-Match", "*"))
		leave(link, body)
		if got := check(email); got != "unsubscribed" {
			t.Errorf("%s is %v", email, got)
		}
		if _, _, err := n.book.Upsert(ctx, contact.Facts{Email: email, Source: "import:x", Consent: contact.ConsentSubscribed}, n.clock, enrich); err != nil {
			t.Fatal(err)
		}
		n.want(email, "unsubscribed", "never")
	}

	c, link := made("sw@b.example")
	old := strings.TrimPrefix(consent.Link(st, "", consent.Token{Purpose: consent.ToUnsubscribe, Address: crm.EmailIdentity("sw@b.example").Slot(st.Secret), At: n.clock}), "https://api.example.nl")
	n.must(200, n.do("PATCH", "/v1/contacts/"+string(c.ID), `{"email":"sw2@b.example"}`, "If-Match", "*"))
	leave(link, "")
	n.want("sw2@b.example", "unsubscribed", "never")
	for _, email := range []string{"sw@b.example", "sw2@b.example"} {
		if got := check(email); got != "unsubscribed" {
			t.Errorf("%s is %v", email, got)
		}
	}
	if w := n.visit("GET", old, ""); !strings.Contains(w.Body.String(), "Je bent afgemeld") { // one that names no contact
		t.Errorf("a link of before: %s", w.Body)
	}

	// Somebody else has the address by now: they who read its mail leave, and whom it was sent to.
	c, link = made("shared@b.example")
	n.must(200, n.do("PATCH", "/v1/contacts/"+string(c.ID), `{"email":"own@b.example"}`, "If-Match", "*"))
	made("shared@b.example")
	leave(link, "")
	n.want("own@b.example", "unsubscribed", "never")
	n.want("shared@b.example", "unsubscribed", "never")

	// Merged, and the primary has dropped the address since.
	c, link = made("merged@b.example")
	p, _ := made("primary@b.example")
	if _, _, _, err := n.book.Merge(ctx, contact.MergeOrder{Primary: p.ID, Others: []crm.ContactID{c.ID}, Source: "api", By: "key_1", At: n.clock,
		Check: func([]contact.Contact) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.book.Change(ctx, p.ID, n.clock, func(c *contact.Contact) ([]timeline.Activity, error) { c.Emails = nil; return nil, nil }); err != nil {
		t.Fatal(err)
	}
	leave(link, "")
	n.want("primary@b.example", "unsubscribed", "never")
	if got := check("merged@b.example"); got != "unsubscribed" {
		t.Errorf("the merged one's address is %v", got)
	}
}

// The pages of links to a list that is gone say what is so.
func TestThePagesOfADeletedListAreTrue(t *testing.T) {
	n := newNewsletter(t)
	n.sign("emma@b.example")
	c := n.find("emma@b.example")
	confirm := n.mails(c)[0]
	st, _ := n.table.ByID(context.Background(), n.id)
	leave := strings.TrimPrefix(consent.UnsubscribeLink(st, "https://api.example.nl", &c, n.list, n.clock), "https://api.example.nl")
	all := "Dit geldt voor alle nieuwsbrieven"
	if w := n.visit("GET", leave, ""); strings.Contains(w.Body.String(), all) || !strings.Contains(w.Body.String(), "News") {
		t.Errorf("of a list that is there: %s", w.Body)
	}
	n.endList(n.list)
	for _, method := range []string{"GET", "POST"} {
		if w := n.visit(method, confirm, ""); !strings.Contains(w.Body.String(), "of de lijst of je adres is hier niet meer bekend") {
			t.Errorf("%s to confirm: %s", method, w.Body)
		}
		if w := n.visit(method, leave, ""); !strings.Contains(w.Body.String(), all) {
			t.Errorf("%s to unsubscribe: %s", method, w.Body)
		}
	}
}
