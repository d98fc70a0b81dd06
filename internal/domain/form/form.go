// Package form is what happens to the forms that visitors of a site fill in:
// each submission makes or enriches a contact, as a lead, and stands whole in
// its timeline.
//
// A visitor proves nothing. So a form only says details, an address and a yes
// to mail; it never sets a status, tags or ids of other systems, and it never
// takes a consent away.
package form

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// Limits of one submission, in bytes where they are not counts.
const (
	MaxFields = 100
	MaxName   = 200
	MaxValue  = 10 << 10
	MaxTotal  = 64 << 10 // of all names and values, and of the body they came in
)

// How long a submission stays that became no contact.
const (
	keepRobots  = 30 * 24 * time.Hour
	keepRefused = 180 * 24 * time.Hour
)

// DefaultHoneypot is the field that people do not see, on forms that name none.
const DefaultHoneypot = "website_url"

// Book is what forms need of a site's book.
type Book interface {
	// Upsert is the one of contact.Book.
	Upsert(ctx context.Context, f contact.Facts, now time.Time, rule contact.FactsRule) (_ contact.Contact, created bool, err error)

	// KeepSubmission keeps what became no contact under its form, until a moment.
	// A second one with the same id takes the place of the first.
	KeepSubmission(ctx context.Context, form string, a timeline.Activity, until time.Time) error
}

// Submission is one filled-in form.
type Submission struct {
	ID       string           // ULID, made by the caller; the activity's id
	Values   []timeline.Value // as posted, in their order; of a list one value each
	Page     string           // address of the page it was filled in on; empty if not known
	From     string           // that address with its query, of which only utm_ parameters are read
	Agent    string           // the browser's User-Agent, of which only the sort of device is kept
	Language string           // "nl" or "en": what the visitor reads
	Network  string           // the first part of the visitor's network address
	Base     string           // what links in mails begin with; empty: no mail goes out
	At       time.Time
}

// Result tells what became of a submission. None of it is for the visitor, who
// gets the same answer each time.
type Result struct {
	Contact contact.Contact // zero for a robot's
	Created bool
	Robot   bool
}

// Accepts returns crm.Gone, in the visitor's language, for a form that is closed.
func Accepts(f site.Form, lang string) error {
	if f.Closed {
		return crm.Errorf(crm.Gone, "%s", Closed.In(lang))
	}
	return nil
}

// Honeypot is the name of the form's trap.
func Honeypot(f site.Form) string {
	if f.Honeypot != "" {
		return f.Honeypot
	}
	return DefaultHoneypot
}

// Submit brings a submission into the book: the contact with its address is
// made as a lead or enriched, and the submission stands in its timeline, all in
// one transaction.
//
// A submission that gives no usable e-mail address, nor instead of one a phone
// number, is kept under the form and refused with crm.Invalid, which names the
// field. One with the honeypot filled is kept under the form too and answered as
// if it had gone well. crm.Gone, crm.TooLarge and crm.Invalid over a limit: nothing is
// kept. Errors for visitors are in the submission's language.
func Submit(ctx context.Context, b Book, s site.Site, f site.Form, sub Submission) (Result, error) {
	if err := Accepts(f, sub.Language); err != nil {
		return Result{}, err
	}
	if err := sub.check(); err != nil {
		return Result{}, err
	}
	trap := Honeypot(f)
	robot := false
	act := timeline.Activity{ID: sub.ID, At: sub.At, Kind: timeline.Form, Source: "form:" + f.ID, Ref: sub.Page}
	for _, v := range sub.Values {
		if v.Name == trap {
			robot = robot || strings.TrimSpace(v.Text) != ""
			continue
		}
		if secret(v.Name) {
			v.Text = "" // was asked, and is nobody's to keep
		}
		act.Values = append(act.Values, v)
	}
	if robot {
		return Result{Robot: true}, b.KeepSubmission(ctx, f.ID, act, sub.At.Add(keepRobots))
	}
	if blank(act.Values) {
		return Result{}, crm.Errorf(crm.Invalid, "%s", Empty.In(sub.Language))
	}
	facts, refusal := read(s, f, act.Values, sub.Language)
	if refusal != nil {
		if err := b.KeepSubmission(ctx, f.ID, act, sub.At.Add(keepRefused)); err != nil {
			return Result{}, err
		}
		return Result{}, refusal
	}
	facts.Visit = sub.visit()
	facts.Source, facts.AsOf = act.Source, contact.Stamp{At: sub.At}
	wants := asks(s, f, act.Values)
	wish := facts.Consent != "" || len(facts.Lists) > 0
	proof := contact.Proof{How: "form", Source: act.Source, At: sub.At, Address: facts.Email, Page: sub.Page, Language: sub.Language, Network: sub.Network}
	c, created, err := b.Upsert(ctx, facts, sub.At, func(c *contact.Contact, facts contact.Facts, created bool) ([]timeline.Activity, error) {
		var before contact.Contact
		if !created {
			before = c.Clone()
			c.Enrich(facts)
		}
		if wants {
			c.Ask(act.ID)
		}
		acts := []timeline.Activity{act}
		if wish {
			acts = append(acts, consent.Asked(s, &before, c, facts, proof, sub.Base, sub.At)...)
		}
		return acts, nil
	})
	return Result{Contact: c, Created: created}, err
}

// visit is how the visitor came, as hidden fields of the form tell it (utm_source …,
// referrer, landing_page), or else the address of the page that it was on.
func (s Submission) visit() contact.Visit {
	said := contact.VisitSaid{Landing: s.From, UserAgent: s.Agent}
	for _, v := range s.Values {
		for _, name := range spellings(v.Name) {
			switch strings.ReplaceAll(strings.ToLower(name), "-", "_") {
			case "utm_source":
				said.Campaign.Source = v.Text
			case "utm_medium":
				said.Campaign.Medium = v.Text
			case "utm_campaign":
				said.Campaign.Name = v.Text
			case "utm_term":
				said.Campaign.Term = v.Text
			case "utm_content":
				said.Campaign.Content = v.Text
			case "landing_page", "landing_site":
				said.Landing = v.Text
			case "referrer", "referer", "document_referrer":
				said.Referrer = v.Text
			}
		}
	}
	home := ""
	if u, err := url.Parse(s.Page); err == nil {
		home = u.Host
	}
	return contact.NewVisit(said, home)
}

func (s Submission) check() error {
	if len(s.Values) > MaxFields {
		return crm.Errorf(crm.Invalid, "%s", TooManyField.In(s.Language))
	}
	total := 0
	var faults crm.Faults
	for _, v := range s.Values {
		total += len(v.Name) + len(v.Text)
		switch {
		case len(v.Name) > MaxName:
			faults.Add("", "%s", LongName.In(s.Language))
		case len(v.Text) > MaxValue:
			faults.Add(Pointer(v.Name), "%s", LongValue.In(s.Language))
		}
	}
	if total > MaxTotal {
		return crm.Errorf(crm.TooLarge, "%s", TooMuch.In(s.Language))
	}
	return faults.Err()
}

func blank(values []timeline.Value) bool {
	for _, v := range values {
		if strings.TrimSpace(v.Text) != "" {
			return false
		}
	}
	return true
}

// Pointer is the RFC 6901 pointer to a field of the form.
func Pointer(field string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(field)
}

// read makes the facts of the values. The refusal, if any, is for the visitor.
func read(s site.Site, f site.Form, values []timeline.Value, lang string) (facts contact.Facts, refusal error) {
	said, pol := person{}, s.Policy()
	chosen, yes := map[string][]string{}, false
	emailField, guess := "email", timeline.Value{}
	for _, v := range values {
		text := strings.TrimSpace(v.Text)
		to, mapped := target(s, f, v.Name)
		switch {
		case to == "consent":
			// An unticked box sends nothing or, by a hidden field beside it, a no: it
			// says nothing. A yes among several answers is a yes.
			if contact.ConsentFrom(text) == contact.ConsentSubscribed {
				yes = true
			}
			continue
		case to == "email" && said[to] == "":
			emailField = v.Name
		case to == "" && !mapped && guess.Text == "" && strings.Contains(strings.ToLower(v.Name), "mail") && strings.Contains(text, "@") && !strings.ContainsAny(text, "\n"):
			guess = v // "Op welk mailadres kunnen we je bereiken?"
		}
		if own, ok := pol.FieldNamed(to); ok && own.Type == contact.ChoicesField && text != "" {
			chosen[to] = append(chosen[to], text) // a box each
		}
		if to != "" && said[to] == "" {
			said[to] = text
		}
	}
	for to, boxes := range chosen {
		if len(boxes) > 1 {
			said[to] = contact.JoinTexts(boxes)
		}
	}
	if said["email"] == "" && guess.Text != "" {
		said["email"], emailField = guess.Text, guess.Name
	}
	facts.Details = said.details(pol)
	if yes {
		consent.Wish(pol, f.Lists, &facts)
	}

	refuse := func(why Sentence) (contact.Facts, error) {
		var faults crm.Faults
		faults.Add(Pointer(emailField), "%s", why.In(lang))
		return facts, faults.Err()
	}
	if said["email"] == "" {
		if callable(facts.Phone) || callable(facts.Mobile) {
			return facts, nil
		}
		return refuse(Missing)
	}
	email, err := crm.ParseEmail(said["email"])
	switch {
	case errors.Is(err, crm.ErrManyAddresses):
		return refuse(ManyEmails)
	case err != nil:
		return refuse(BadEmail)
	}
	facts.Email = email
	return facts, nil
}

// callable reports whether a cleaned phone number is one that can be called.
func callable(phone string) bool {
	rest, ok := strings.CutPrefix(phone, "+")
	return ok && len(rest) > 6 && strings.Trim(rest, "0123456789") == ""
}
