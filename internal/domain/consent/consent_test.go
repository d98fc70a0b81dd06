package consent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
)

const list = "list_news"

var (
	now    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before = now.Add(-48 * time.Hour) // since when a contact of these tests stands as it does
	email  = contact.Scope{Channel: contact.ByEmail}
	news   = contact.Scope{Channel: contact.ByEmail, List: list}
)

// letters write a state: a cell "u/s" is a person who is unsubscribed from all mail,
// and subscribed to the list. h and k are never, where a list has lifted an
// unsubscription, or a complaint; q and r pending, where they are.
var letters = map[byte]contact.Standing{
	'n': {State: contact.ConsentNever}, 'p': {State: contact.ConsentPending}, 's': {State: contact.ConsentSubscribed},
	'b': {State: contact.ConsentBounced}, 'u': {State: contact.ConsentUnsubscribed}, 'c': {State: contact.ConsentComplained},
	'h': {State: contact.ConsentNever, Mark: contact.Mark{Held: contact.ConsentUnsubscribed}},
	'k': {State: contact.ConsentNever, Mark: contact.Mark{Held: contact.ConsentComplained}},
	'q': {State: contact.ConsentPending, Mark: contact.Mark{Held: contact.ConsentUnsubscribed}},
	'r': {State: contact.ConsentPending, Mark: contact.Mark{Held: contact.ConsentComplained}},
}

func cell(c *contact.Contact) string {
	letter := func(st contact.Standing) string {
		for l, is := range letters {
			if is.State == st.State && is.Held == st.Held {
				return string(l)
			}
		}
		return "?"
	}
	return letter(c.Standing(email)) + "/" + letter(c.Standing(news))
}

// at makes a contact that stands as a cell says.
func at(c *contact.Contact, cell string) {
	all, one := letters[cell[0]], letters[cell[2]]
	c.Consent, c.ConsentMark = all.State, all.Mark
	if cell[0] != 'n' {
		c.ConsentMark.Since, c.ConsentMark.Source = before, "link"
	}
	if cell[2] != 'n' {
		one.Since, one.Source = before, "link"
		c.Subscriptions = []contact.Subscription{{List: list, Channel: contact.ByEmail, Standing: one}}
	}
}

type world struct {
	t    *testing.T
	book *dynamo.Book
	once site.Site // single opt-in, for the list and for all mail
	site site.Site // double opt-in
}

func open(t *testing.T) *world {
	table := dynamotest.Table(t)
	dynamotest.Site(t, table, "bakery")
	made := func(double bool) site.Site {
		s, err := table.ChangeSite(context.Background(), "bakery", func(s *site.Site) error {
			s.DoubleOptIn = double
			s.Lists = []contact.ListDef{{ID: list, Name: "News", Channel: contact.ByEmail, DoubleOptIn: double, Texts: map[string]string{"nl": "Ja."}, TextVersion: 3}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w := &world{t: t, once: made(false), site: made(true)}
	w.book = table.Book(w.site)
	return w
}

// An act is what somebody does to a contact of an address.
type act struct {
	name string
	how  string // of the evidence
	lift bool   // it is the person's own, or a new consent with its evidence
	do   func(w *world, id crm.ContactID, address string) error
}

var by = site.Actor{Kind: site.ByAPIKey, ID: "key_1"}

func said(all, one contact.Consent) func(*world, crm.ContactID, string) error {
	return func(w *world, _ crm.ContactID, address string) error {
		f := contact.Facts{Email: address, Source: "import:j", AsOf: contact.Stamp{At: now}, Consent: all}
		if one != "" {
			f.Lists = []contact.Subscription{{List: list, Channel: contact.ByEmail, Standing: contact.Standing{State: one}}}
		}
		_, _, err := w.book.Upsert(context.Background(), f, now, func(c *contact.Contact, f contact.Facts, _ bool) ([]timeline.Activity, error) {
			c.Enrich(f)
			return nil, nil
		})
		return err
	}
}

// wish is a ticked box of a form.
func (w *world) wish(s site.Site, address string, lists ...string) error {
	f := contact.Facts{Email: address, Source: "form:f", AsOf: contact.Stamp{At: now}}
	consent.Wish(s.Policy(), lists, &f)
	_, _, err := w.book.Upsert(context.Background(), f, now, func(c *contact.Contact, f contact.Facts, _ bool) ([]timeline.Activity, error) {
		was := c.Clone()
		c.Enrich(f)
		return consent.Asked(s, &was, c, f, contact.Proof{How: "form", Source: "form:f", At: now, Address: address}, "https://a.example", now), nil
	})
	return err
}

func (w *world) click(p consent.Purpose, address, list, how string, at time.Time) error {
	t := consent.Token{Purpose: p, Address: crm.EmailIdentity(address).Slot(w.site.Secret), List: list, At: now}
	_, err := consent.Act(context.Background(), w.book, w.site, t, how, "nl", "192.0.2.0/24", at)
	return err
}

func subscribe(s func(*world) site.Site, to contact.Consent) func(*world, crm.ContactID, string) error {
	return func(w *world, id crm.ContactID, _ string) error {
		_, err := consent.Subscribe(context.Background(), w.book, s(w), id, list, to, by, "https://a.example", now)
		return err
	}
}

func record(list string, to contact.Consent, at time.Time) func(*world, crm.ContactID, string) error {
	return func(w *world, id crm.ContactID, _ string) error {
		g := contact.ByEmail
		if list != "" {
			g = ""
		}
		_, err := consent.Record(context.Background(), w.book, w.site, id,
			consent.Given{Channel: g, List: list, State: to, How: "on paper", At: at, Text: "Yes"}, by, now)
		return err
	}
}

func report(why contact.Suppression, at time.Time) func(*world, crm.ContactID, string) error {
	return func(w *world, _ crm.ContactID, address string) error {
		return consent.Feedback(context.Background(), w.book, address, why, "ml_1", at, now)
	}
}

func patch(to contact.Consent) func(*world, crm.ContactID, string) error {
	return func(w *world, id crm.ContactID, _ string) error {
		_, err := w.book.Change(context.Background(), id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
			if _, err := c.Edit(contact.Patch{Consent: contact.Some(to)}, w.site.Policy(), "mb_1", now); err != nil {
				return nil, err
			}
			return nil, nil
		})
		return err
	}
}

func single(w *world) site.Site { return w.once }
func double(w *world) site.Site { return w.site }

const (
	never, pending, subscribed        = contact.ConsentNever, contact.ConsentPending, contact.ConsentSubscribed
	bounced, unsubscribed, complained = contact.ConsentBounced, contact.ConsentUnsubscribed, contact.ConsentComplained
)

// acts are all that can be done, in the order of the columns below.
var acts = []act{
	{"a file says pending", "import", false, said(pending, "")},
	{"a file says yes", "import", false, said(subscribed, "")},
	{"a file says bounced", "import", false, said(bounced, "")},
	{"a file says no", "import", false, said(unsubscribed, "")},
	{"a file says complained", "import", false, said(complained, "")},
	{"a file says yes to the list", "import", false, said("", subscribed)},
	{"a file says no to the list", "import", false, said("", unsubscribed)},
	{"a form's box for all mail", "form", false, func(w *world, _ crm.ContactID, a string) error { return w.wish(w.once, a) }},
	{"a form's box for all mail, double opt-in", "form", false, func(w *world, _ crm.ContactID, a string) error { return w.wish(w.site, a) }},
	{"a form's box for the list", "form", false, func(w *world, _ crm.ContactID, a string) error { return w.wish(w.once, a, list) }},
	{"a form's box for the list, double opt-in", "form", false, func(w *world, _ crm.ContactID, a string) error { return w.wish(w.site, a, list) }},
	{"a form's box for a list that is gone", "form", false, func(w *world, _ crm.ContactID, a string) error { return w.wish(w.once, a, "list_gone") }},
	{"the site puts them on the list", "api", false, subscribe(single, subscribed)},
	{"the site puts them on the list, double opt-in", "api", false, subscribe(double, subscribed)},
	{"the site takes them off the list", "api", false, subscribe(double, unsubscribed)},
	{"a new yes is recorded", "api", true, record("", subscribed, now.Add(-time.Hour))},
	{"an old yes is recorded", "api", false, record("", subscribed, before.Add(-time.Hour))},
	{"a no is recorded", "api", false, record("", unsubscribed, now.Add(-time.Hour))},
	{"a new yes to the list is recorded", "api", true, record(list, subscribed, now.Add(-time.Hour))},
	{"an old yes to the list is recorded", "api", false, record(list, subscribed, before.Add(-time.Hour))},
	{"a no to the list is recorded", "api", false, record(list, unsubscribed, now.Add(-time.Hour))},
	{"they confirm all mail", "link", true, func(w *world, _ crm.ContactID, a string) error {
		if err := w.wish(w.site, a); err != nil {
			return err
		}
		return w.click(consent.ToConfirm, a, "", "link", now.Add(time.Minute))
	}},
	{"they confirm the list", "link", true, func(w *world, _ crm.ContactID, a string) error {
		if err := w.wish(w.site, a, list); err != nil {
			return err
		}
		return w.click(consent.ToConfirm, a, "", "link", now.Add(time.Minute))
	}},
	{"they confirm what nobody asked", "link", false, func(w *world, _ crm.ContactID, a string) error {
		return w.click(consent.ToConfirm, a, "", "link", now)
	}},
	{"they leave all mail", "one-click", false, func(w *world, _ crm.ContactID, a string) error {
		return w.click(consent.ToUnsubscribe, a, "", "one-click", now)
	}},
	{"they leave the list", "link", false, func(w *world, _ crm.ContactID, a string) error {
		return w.click(consent.ToUnsubscribe, a, list, "link", now)
	}},
	{"a mail bounces", "provider", false, report(contact.SuppressedBounced, now)},
	{"a mail of before bounces", "provider", false, report(contact.SuppressedBounced, before.Add(-time.Hour))},
	{"they complain", "provider", false, report(contact.SuppressedComplained, now)},
	{"they complained before", "provider", false, report(contact.SuppressedComplained, before.Add(-time.Hour))},
	{"the site suppresses the address", "api", false, func(w *world, _ crm.ContactID, a string) error {
		return consent.Suppress(context.Background(), w.book, a, by, now)
	}},
	{"a member writes never", "member", false, patch(never)},
	{"a member writes pending", "member", false, patch(pending)},
	{"a member writes subscribed", "member", false, patch(subscribed)},
	{"a member writes bounced", "member", false, patch(bounced)},
	{"a member writes unsubscribed", "member", false, patch(unsubscribed)},
	{"a member writes complained", "member", false, patch(complained)},
}

// outcomes has a row for each way to stand, and there for each act how they stand after it.
const outcomes = `
n/n: p/n s/n b/n u/n c/n n/s n/u s/n p/n n/s n/p n/n n/s n/p n/u s/n s/n u/n n/s n/s n/u s/n n/s n/n u/n n/u b/n b/n c/n c/n u/n n/n p/n s/n b/n u/n c/n
n/p: p/p s/p b/b u/u c/c n/s n/u s/p p/p n/s n/p n/p n/s n/p n/u s/p s/p u/u n/s n/s n/u s/p n/s n/p u/u n/u b/b b/b c/c c/c u/u n/p p/p s/p b/b u/u c/c
n/s: p/s s/s b/b u/u c/c n/s n/u s/s p/s n/s n/s n/s n/s n/s n/u s/s s/s u/u n/s n/s n/u s/s n/s n/s u/u n/u b/b n/s c/c n/s u/u n/s p/s s/s b/b u/u c/c
n/b: p/b s/b b/b u/u c/c n/b n/u s/b p/b n/b n/b n/b n/b n/b n/u s/b s/b u/u n/s n/b n/u s/b n/s n/b u/u n/b b/b b/b c/c c/c u/u n/b p/b s/b b/b u/u c/c
n/u: p/u s/u b/u u/u c/c n/u n/u s/u p/u n/u n/u n/u n/u n/u n/u s/u s/u u/u n/s n/u n/u s/u n/s n/u u/u n/u b/u b/u c/c c/c u/u n/u p/u s/u b/u u/u c/c
n/c: p/c s/c b/c u/c c/c n/c n/c s/c p/c n/c n/c n/c n/c n/c n/c s/c s/c u/c n/s n/c n/c s/c n/s n/c u/c n/c b/c b/c c/c c/c u/c n/c p/c s/c b/c u/c c/c
p/n: p/n s/n b/n u/n c/n p/s p/u s/n p/n p/s p/p p/n p/s p/p p/u s/n s/n u/n p/s p/s p/u s/n p/s p/n u/n p/u b/n b/n c/n c/n u/n n/n p/n s/n b/n u/n c/n
p/p: p/p s/p b/b u/u c/c p/s p/u s/p p/p p/s p/p p/p p/s p/p p/u s/p s/p u/u p/s p/s p/u s/p p/s p/p u/u p/u b/b b/b c/c c/c u/u n/p p/p s/p b/b u/u c/c
p/s: p/s s/s b/b u/u c/c p/s p/u s/s p/s p/s p/s p/s p/s p/s p/u s/s s/s u/u p/s p/s p/u s/s p/s p/s u/u p/u b/b p/s c/c p/s u/u n/s p/s s/s b/b u/u c/c
p/b: p/b s/b b/b u/u c/c p/b p/u s/b p/b p/b p/b p/b p/b p/b p/u s/b s/b u/u p/s p/b p/u s/b p/s p/b u/u p/b b/b b/b c/c c/c u/u n/b p/b s/b b/b u/u c/c
p/u: p/u s/u b/u u/u c/c p/u p/u s/u p/u p/u p/u p/u p/u p/u p/u s/u s/u u/u p/s p/u p/u s/u p/s p/u u/u p/u b/u b/u c/c c/c u/u n/u p/u s/u b/u u/u c/c
p/c: p/c s/c b/c u/c c/c p/c p/c s/c p/c p/c p/c p/c p/c p/c p/c s/c s/c u/c p/s p/c p/c s/c p/s p/c u/c p/c b/c b/c c/c c/c u/c n/c p/c s/c b/c u/c c/c
s/n: s/n s/n b/n u/n c/n s/s s/u s/n s/n s/s s/p s/n s/s s/p s/u s/n s/n u/n s/s s/s s/u s/n s/s s/n u/n s/u b/n s/n c/n s/n u/n n/n p/n s/n b/n u/n c/n
s/p: s/p s/p b/b u/u c/c s/s s/u s/p s/p s/s s/p s/p s/s s/p s/u s/p s/p u/u s/s s/s s/u s/p s/s s/p u/u s/u b/b s/p c/c s/p u/u n/p p/p s/p b/b u/u c/c
s/s: s/s s/s b/b u/u c/c s/s s/u s/s s/s s/s s/s s/s s/s s/s s/u s/s s/s u/u s/s s/s s/u s/s s/s s/s u/u s/u b/b s/s c/c s/s u/u n/s p/s s/s b/b u/u c/c
s/b: s/b s/b b/b u/u c/c s/b s/u s/b s/b s/b s/b s/b s/b s/b s/u s/b s/b u/u s/s s/b s/u s/b s/s s/b u/u s/b b/b s/b c/c s/b u/u n/b p/b s/b b/b u/u c/c
s/u: s/u s/u b/u u/u c/c s/u s/u s/u s/u s/u s/u s/u s/u s/u s/u s/u s/u u/u s/s s/u s/u s/u s/s s/u u/u s/u b/u s/u c/c s/u u/u n/u p/u s/u b/u u/u c/c
s/c: s/c s/c b/c u/c c/c s/c s/c s/c s/c s/c s/c s/c s/c s/c s/c s/c s/c u/c s/s s/c s/c s/c s/s s/c u/c s/c b/c s/c c/c s/c u/c n/c p/c s/c b/c u/c c/c
b/n: b/n b/n b/n u/n c/n b/b b/u b/n b/n b/b b/b b/n b/b b/b b/u s/n b/n u/n n/s b/n b/u s/n n/s b/n b/n b/u b/n b/n c/n c/n u/n b/n b/n b/n b/n u/n c/n
b/b: b/b b/b b/b u/u c/c b/b b/u b/b b/b b/b b/b b/b b/b b/b b/u s/b b/b u/u n/s b/b b/u s/b n/s b/b b/b b/b b/b b/b c/c c/c u/u b/b b/b b/b b/b u/u c/c
b/u: b/u b/u b/u u/u c/c b/u b/u b/u b/u b/u b/u b/u b/u b/u b/u s/u b/u u/u n/s b/u b/u s/u n/s b/u b/u b/u b/u b/u c/c c/c u/u b/u b/u b/u b/u u/u c/c
b/c: b/c b/c b/c u/c c/c b/c b/c b/c b/c b/c b/c b/c b/c b/c b/c s/c b/c u/c n/s b/c b/c s/c n/s b/c b/c b/c b/c b/c c/c c/c u/c b/c b/c b/c b/c u/c c/c
u/n: u/n u/n u/n u/n c/n u/u u/u u/n u/n u/u u/u u/n u/u u/u u/u s/n u/n u/n h/s u/n u/u s/n h/s u/n u/n u/u u/n u/n c/n c/n u/n u/n u/n u/n u/n u/n c/n
u/u: u/u u/u u/u u/u c/c u/u u/u u/u u/u u/u u/u u/u u/u u/u u/u s/u u/u u/u h/s u/u u/u s/u h/s u/u u/u u/u u/u u/u c/c c/c u/u u/u u/u u/u u/u u/u c/c
u/c: u/c u/c u/c u/c c/c u/c u/c u/c u/c u/c u/c u/c u/c u/c u/c s/c u/c u/c h/s u/c u/c s/c h/s u/c u/c u/c u/c u/c c/c c/c u/c u/c u/c u/c u/c u/c c/c
c/n: c/n c/n c/n c/n c/n c/c c/c c/n c/n c/c c/c c/n c/c c/c c/u s/n c/n c/n k/s c/n c/u s/n k/s c/n c/n c/u c/n c/n c/n c/n c/n c/n c/n c/n c/n c/n c/n
c/c: c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c s/c c/c c/c k/s c/c c/c s/c k/s c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c c/c
h/s: h/s h/s u/u u/u c/c h/s u/u q/s q/s h/s h/s h/s h/s h/s u/u s/s h/s u/u h/s h/s u/u s/s h/s h/s u/u u/u u/u h/s c/c h/s u/u h/s h/s h/s h/s u/u c/c
k/s: k/s k/s c/c c/c c/c k/s c/c r/s r/s k/s k/s k/s k/s k/s c/c s/s k/s c/c k/s k/s c/c s/s k/s k/s c/c c/c c/c k/s c/c k/s c/c k/s k/s k/s k/s k/s c/c
q/s: q/s q/s u/u u/u c/c q/s u/u q/s q/s q/s q/s q/s q/s q/s u/u s/s q/s u/u q/s q/s u/u s/s q/s q/s u/u u/u u/u q/s c/c q/s u/u q/s q/s q/s q/s u/u c/c
r/s: r/s r/s c/c c/c c/c r/s c/c r/s r/s r/s r/s r/s r/s r/s c/c s/s r/s c/c r/s r/s c/c s/s r/s r/s c/c c/c c/c r/s c/c r/s c/c r/s r/s r/s r/s r/s c/c
`

// Every way to stand, every act: what becomes of it, and what is kept as evidence.
func TestEveryActOnEveryState(t *testing.T) {
	w := open(t)
	rows := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(outcomes), "\n") {
		if from, to, ok := strings.Cut(line, ":"); ok {
			rows[from] = strings.Fields(to)
		}
	}
	for n, from := range starts() {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			var got []string
			for i, a := range acts {
				got = append(got, w.try(t, a, from, fmt.Sprintf("a%d.%d@b.example", n, i)))
			}
			if want := rows[from]; strings.Join(got, " ") != strings.Join(want, " ") {
				for i := range got {
					if i >= len(want) || got[i] != want[i] {
						t.Errorf("%s, and %s: %s", from, acts[i].name, got[i])
					}
				}
				t.Errorf("the row is\n%s: %s", from, strings.Join(got, " "))
			}
		})
	}
}

// A report of before somebody's own yes is answered by that, as they have asked for mail since. That
// a file, a form or the site put them on a list after it answers nothing.
func TestOnlyTheirOwnYesAnswersAReport(t *testing.T) {
	w, ctx := open(t), context.Background()
	for i, tt := range []struct {
		then string // an act of now, or of an hour ago
		at   time.Duration
		want string
	}{
		{"a file says yes to the list", -time.Hour, "c/c"},
		{"a file says yes", -time.Hour, "c/n"},
		{"a form's box for the list", -time.Hour, "c/c"},
		{"the site puts them on the list", -time.Hour, "c/c"},
		{"a member writes subscribed", -time.Hour, "c/n"},
		{"they confirm the list", -time.Hour, "p/s"},
		{"they confirm all mail", -time.Hour, "s/n"},
		{"a new yes to the list is recorded", -2 * time.Hour, "p/s"},
		{"a new yes is recorded", -2 * time.Hour, "s/n"},
		{"a new yes is recorded", -time.Minute, "c/n"},
	} {
		address := fmt.Sprintf("r%d@b.example", i)
		c, err := contact.Draft(contact.Patch{Email: contact.Some(address)}, w.site.Policy(), "api", "key_1", before)
		if err != nil {
			t.Fatal(err)
		}
		at(&c, "p/n")
		if c, _, err = w.book.Create(ctx, c, nil); err != nil {
			t.Fatal(err)
		}
		a := acts[slices.IndexFunc(acts, func(a act) bool { return a.name == tt.then })]
		if err := a.do(w, c.ID, address); err != nil {
			t.Fatalf("%s: %v", tt.then, err)
		}
		if err := report(contact.SuppressedComplained, now.Add(tt.at))(w, c.ID, address); err != nil {
			t.Fatal(err)
		}
		if c, err = w.book.Get(ctx, c.ID); err != nil || cell(&c) != tt.want {
			t.Errorf("%s, and a report of %s before: %s, want %s, %v", tt.then, -tt.at, cell(&c), tt.want, err)
		}
	}
}

// Whoever sends a form cannot make a refusal younger than it is: what the person was asked
// before, and what they said on paper, still counts.
func TestAFormDoesNotMoveTheDateOfARefusal(t *testing.T) {
	w, ctx := open(t), context.Background()
	asked := now.Add(-4 * time.Hour)
	for i, how := range []string{"link", "paper"} {
		address := fmt.Sprintf("f%d@b.example", i)
		c, err := contact.Draft(contact.Patch{Email: contact.Some(address)}, w.site.Policy(), "api", "key_1", before)
		if err != nil {
			t.Fatal(err)
		}
		c.Settle(email, unsubscribed, contact.Mark{Since: before.Add(-240 * time.Hour), Source: "link"})
		c.Settle(news, subscribed, contact.Mark{Since: before, Source: "link"})
		c.AskedAt = asked // so no second mail goes out
		if c, _, err = w.book.Create(ctx, c, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.wish(w.site, address); err != nil {
			t.Fatal(err)
		}
		if c, err = w.book.Get(ctx, c.ID); err != nil || cell(&c) != "q/s" || len(c.Awaited()) != 1 {
			t.Fatalf("%s, awaits %v, %v", cell(&c), c.Awaited(), err)
		}
		if what, since := c.Refused(email); what != unsubscribed || !since.Equal(before.Add(-240*time.Hour)) {
			t.Errorf("%s since %s", what, since)
		}
		switch how {
		case "link":
			token := consent.Token{Purpose: consent.ToConfirm, Address: crm.EmailIdentity(address).Slot(w.site.Secret), At: asked}
			_, err = consent.Act(ctx, w.book, w.site, token, "link", "nl", "192.0.2.0/24", now.Add(time.Minute))
		case "paper":
			err = record("", subscribed, now.Add(-time.Hour))(w, c.ID, address)
		}
		if err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if c, err = w.book.Get(ctx, c.ID); err != nil || cell(&c) != "s/s" {
			t.Errorf("%s: %s, %v", how, cell(&c), err)
		}
	}
}

// starts are all ways in which somebody can stand.
func starts() (out []string) {
	for _, all := range "npsbuchkqr" {
		for _, one := range "npsbuc" {
			switch rank := strings.IndexByte("npsbuc", byte(one)); {
			case letters[byte(all)].Held != "": // held while the list is subscribed
				if one != 's' {
					continue
				}
			case letters[byte(all)].State.Blocks() && one != 'n' && rank < strings.IndexByte("npsbuc", byte(all)):
				continue // a refusal of the channel is one of its lists
			}
			out = append(out, string(all)+"/"+string(one))
		}
	}
	return out
}

// try makes a contact, does the act, checks what holds for all of them, and tells
// how the contact stands.
func (w *world) try(t *testing.T, a act, from, address string) string {
	t.Helper()
	ctx := context.Background()
	c, err := contact.Draft(contact.Patch{Email: contact.Some(address)}, w.site.Policy(), "api", "key_1", before)
	if err != nil {
		t.Fatal(err)
	}
	at(&c, from)
	c, _, err = w.book.Create(ctx, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	old := c.Clone()
	if err := a.do(w, c.ID, address); err != nil && crm.CodeOf(err) != crm.Invalid && crm.CodeOf(err) != crm.Conflict {
		t.Fatalf("%s, and %s: %v", from, a.name, err)
	}
	if c, err = w.book.Get(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	rows, err := w.book.Evidence(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	to := cell(&c)
	where := fmt.Sprintf("%s, and %s: %s", from, a.name, to)
	for _, s := range []contact.Scope{email, news} {
		refused, _ := old.Refused(s)
		still, _ := c.Refused(s)
		if !a.lift && contact.Strictest(refused, still) != still {
			t.Errorf("%s lifts a refusal", where)
		}
		// The rows lead from how it was to how it is, one after the other.
		stands := func(st contact.Standing) string { return fmt.Sprintf("%s, held %q", st.State, st.Held) }
		state := stands(old.Standing(s))
		for _, r := range rows {
			if r.At.Before(now) || r.Ref != s.List {
				continue
			}
			asked := strings.Contains(r.Value("note"), "asked for")
			said := func(state, held string) string {
				return stands(contact.Standing{State: contact.Consent(r.Value(state)), Mark: contact.Mark{Held: contact.Consent(r.Value(held))}})
			}
			if from, to := said("from", "from_held"), said("to", "held"); from != state || from == to && (!asked || r.Value("to") == "never") {
				t.Errorf("%s has a row from %s to %s where it was %s", where, from, to, state)
			} else {
				state = to
			}
			if how := r.Value("how"); how != a.how && (!a.lift || how != "form") || r.Value("since") == "" || r.Value("address") != address {
				t.Errorf("%s has the evidence %v", where, r.Values)
			}
		}
		if state != stands(c.Standing(s)) {
			t.Errorf("%s: the evidence ends with %s for %q", where, state, s.List)
		}
	}
	mailed := len(c.Subscribed()) == 1
	if may := strings.HasSuffix(to, "/s") && !strings.ContainsAny(to[:1], "buc"); mailed != may {
		t.Errorf("%s: the list may be sent is %v", where, mailed)
	}
	return to
}
