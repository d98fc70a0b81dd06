package contact

import (
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/crm"
)

// A Stamp says how fresh a value is: when its source knew it, and, among values
// of one moment, which came later in that source (the row of a file).
type Stamp struct {
	At  time.Time
	Seq int64
}

func (s Stamp) compare(t Stamp) int {
	if c := s.At.Compare(t.At); c != 0 {
		return c
	}
	switch {
	case s.Seq < t.Seq:
		return -1
	case s.Seq > t.Seq:
		return 1
	}
	return 0
}

// Facts are what a source (a form, an order, a row of an import) says about a
// person. Empty means that the source said nothing.
type Facts struct {
	Source string // see Origin
	AsOf   Stamp

	Email       string // checked by crm.ParseEmail
	Emails      []string
	ExternalIDs []string
	Details
	Visit   Visit               // counts for a contact that is made of the facts
	Status  Status              // only a lead moves; never backwards. See Policy.Promotes
	Firsts  map[Event]time.Time // what happened, and when, whether or not it promotes
	Tags    []string
	Consent Consent
	Lists   []Subscription // what is said of newsletter lists; their state alone is read

	// Suppressed is set by the book: what the suppression list says of an address
	// of these facts that nobody answers to, by crm.EmailKey.
	Suppressed map[string]Remembered
}

// Effect tells what a rule did.
type Effect struct {
	Visible bool // something that a person can see changed
	Dirty   bool // something that must be stored changed (freshness, without a visible change)
}

// New makes the contact that the facts are about. It has no id yet: the book
// gives it one when it stores it.
func New(f Facts, now time.Time) Contact {
	f.Phones = joinPhones(nil, f.Phones)
	c := Contact{
		Email:     f.Email,
		Details:   f.Details,
		Status:    Lead,
		Consent:   ConsentNever,
		Origin:    Origin{Source: f.Source, At: now, Visit: f.Visit},
		CreatedAt: now,
		UpdatedAt: now,
		AsOf:      f.AsOf,
	}
	if f.Status != "" {
		c.Status = f.Status
	}
	c.note(f.Firsts)
	c.addIdentities(f)
	c.addTags(f.Tags)
	c.hearAll(f)
	if c.ConsentMark == (Mark{Since: f.AsOf.At, Source: f.Source}) {
		c.ConsentMark = Mark{} // as it came, which is not said twice
	}
	return c
}

// Enrich brings what a source says into a contact. Whatever the order in which
// several facts arrive, the contact ends up the same:
//
//   - a source never blanks a field;
//   - of two values the fresher one stays (of one moment: the larger text, so
//     that there is no tie); a whole name or address beats a part of one;
//   - a member's own choice stands against all that a source knew before it;
//   - a lock keeps the details as the member left them, and the freshest that
//     was said meanwhile as an offer;
//   - tags, further addresses and ids join, up to their limits;
//   - the status only moves from lead; consents only move down their list.
func (c *Contact) Enrich(f Facts) Effect {
	var e Effect
	all := unitsOf(&f.Details)
	for i := range all {
		u := &all[i]
		if since, ok := c.Decided[u.name]; ok && !f.AsOf.At.After(since) {
			continue
		}
		if c.IsLocked(u.name) {
			e.add(c.offer(u, &f))
		} else {
			e.add(c.enrichUnit(u, &f))
		}
	}
	if c.note(f.Firsts) {
		e.add(Effect{Dirty: true})
	}
	if c.addIdentities(f) {
		e.add(Effect{Visible: true, Dirty: true})
	}
	n := len(c.Tags)
	c.addTags(f.Tags)
	if len(c.Tags) != n {
		e.add(Effect{Visible: true, Dirty: true})
	}
	if c.hearAll(f) {
		e.add(Effect{Visible: true, Dirty: true})
	}
	if f.Status != "" && f.Status != Lead {
		if c.promote(f.Status) {
			e.add(Effect{Visible: true, Dirty: true})
		}
	}
	return e
}

// hearAll takes what the facts say of consents, and what the suppression list
// says of the addresses that came with them.
func (c *Contact) hearAll(f Facts) (changed bool) {
	m := Mark{Since: f.AsOf.At, Source: f.Source}
	changed = c.hear(Scope{Channel: ByEmail}, f.Consent, m)
	for _, l := range f.Lists {
		changed = c.hear(Scope{l.Channel, l.List}, l.State, m) || changed
	}
	for address, r := range f.Suppressed {
		if c.HasEmail(address) {
			changed = c.Suppress(r) || changed
		}
	}
	return changed
}

// addTags joins tags up to the limit; a tag longer than its own limit is cut off.
func (c *Contact) addTags(tags []string) {
	for _, t := range tags {
		if len(c.Tags) == MaxTags {
			return
		}
		if r := []rune(t); len(r) > MaxTag {
			t = string(r[:MaxTag])
		}
		c.Tags = AddTag(c.Tags, t)
	}
}

func (e *Effect) add(f Effect) {
	e.Visible = e.Visible || f.Visible
	e.Dirty = e.Dirty || f.Dirty
}

func (c *Contact) enrichUnit(u *unit, f *Facts) Effect {
	said := u.strength(&f.Details)
	if said == 0 {
		return Effect{}
	}
	if u.joins {
		all := joinPhones(c.Phones, f.Phones)
		if slices.Equal(all, c.Phones) {
			return Effect{}
		}
		c.Phones = all
		return Effect{Visible: true, Dirty: true}
	}
	has := u.strength(&c.Details)
	stamp := c.stamp(u.name)
	newer := f.AsOf.compare(stamp)
	same := u.equal(&c.Details, &f.Details)
	if has > said || has == said && newer < 0 {
		return Effect{}
	}
	if has == said && newer == 0 && (same || u.text(&f.Details) < u.text(&c.Details)) {
		return Effect{}
	}
	if !same {
		u.copy(&c.Details, &f.Details)
	}
	if newer != 0 {
		c.setStamp(u.name, f.AsOf)
	}
	return Effect{Visible: !same, Dirty: true}
}

func (c *Contact) stamp(name string) Stamp {
	if s, ok := c.Stamps[name]; ok {
		return s
	}
	return c.AsOf
}

func (c *Contact) setStamp(name string, s Stamp) {
	if c.Stamps == nil {
		c.Stamps = map[string]Stamp{}
	}
	if s == c.AsOf {
		delete(c.Stamps, name)
		return
	}
	c.Stamps[name] = s
}

// addIdentities joins what the facts know the person by. The main address is
// only set where there was none.
func (c *Contact) addIdentities(f Facts) (changed bool) {
	add := func(address string) {
		switch {
		case address == "" || c.HasEmail(address):
		case c.Email == "":
			c.Email, changed = address, true
		case len(c.Emails) < MaxEmails-1:
			c.Emails, changed = append(c.Emails, address), true
		}
	}
	add(f.Email)
	for _, e := range f.Emails {
		add(e)
	}
	for _, x := range f.ExternalIDs {
		if x != "" && len(c.ExternalIDs) < MaxExternal && !slices.Contains(c.ExternalIDs, x) {
			c.ExternalIDs, changed = append(c.ExternalIDs, x), true
		}
	}
	return changed
}

// HasEmail reports whether the address is one of the contact's.
func (c *Contact) HasEmail(address string) bool {
	key := crm.EmailKey(address)
	if c.Email != "" && crm.EmailKey(c.Email) == key {
		return true
	}
	return slices.ContainsFunc(c.Emails, func(e string) bool { return crm.EmailKey(e) == key })
}

// Drop takes an identity off that another contact holds.
func (f *Facts) Drop(id crm.Identity) {
	switch id.Kind {
	case crm.ByEmail:
		if f.Email != "" && crm.EmailKey(f.Email) == id.Value {
			f.Email = ""
		}
		f.Emails = slices.DeleteFunc(slices.Clone(f.Emails), func(e string) bool { return crm.EmailKey(e) == id.Value })
	case crm.ByExternal:
		f.ExternalIDs = slices.DeleteFunc(slices.Clone(f.ExternalIDs), func(x string) bool { return x == id.Value })
	}
}

// Identities of the facts: by what the person is looked up, strongest first.
func (f *Facts) Identities() []crm.Identity {
	c := Contact{Email: f.Email, Emails: f.Emails, ExternalIDs: f.ExternalIDs}
	return c.Identities()
}

// ConsentFrom reads what a column or field of consent says, in Dutch, English,
// German or French. Only a clear yes is one. A plain no means that the person did
// not ask for mail, which is not to have asked for none: only words for
// having left unsubscribe. What cannot be read says nothing.
func ConsentFrom(s string) Consent {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "y", "true", "1", "ja", "j", "oui", "subscribed", "opt-in", "opted in", "opted_in", "opt_in", "confirmed", "on", "aangemeld", "ingeschreven", "abonniert", "wahr", "waar", "vrai":
		return ConsentSubscribed
	case "pending", "unconfirmed", "wachtend", "in afwachting":
		return ConsentPending
	case "no", "n", "false", "0", "nee", "nein", "non", "off", "never", "not subscribed", "not_subscribed", "falsch", "onwaar", "faux":
		return ConsentNever
	case "unsubscribed", "opt-out", "opted out", "opted_out", "opt_out", "afgemeld", "uitgeschreven", "abgemeldet", "désabonné":
		return ConsentUnsubscribed
	case "bounced", "hard bounced", "hard bounce", "cleaned":
		return ConsentBounced
	case "complained", "spam", "complaint", "spam complaint":
		return ConsentComplained
	}
	return ""
}

// KeepFilled takes out of the details what the contact has a value for already,
// so that Enrich only fills.
func (c *Contact) KeepFilled(said *Details) {
	all := unitsOf(said)
	for i := range all {
		if u := &all[i]; u.strength(&c.Details) > 0 {
			u.copy(said, &Details{})
		}
	}
}

// KeepBlanks leaves the blanks around the contact's own texts where that is all
// in which what is said differs: a file cannot show them, so it does not say
// that they are to go.
func (c *Contact) KeepBlanks(said *Details) {
	same := func(have, says *string) {
		if *have != *says && Trim(*have) == *says {
			*says = *have
		}
	}
	for key, v := range said.Custom {
		have := c.Custom[key]
		if same(&have, &v); v != said.Custom[key] {
			said.SetCustom(key, v)
		}
	}
	for i := range fields {
		same(fields[i].at(&c.Details), fields[i].at(said))
	}
	for _, f := range addressFields {
		same(f.at(&c.Address), f.at(&said.Address))
		same(f.at(&c.BillingAddress), f.at(&said.BillingAddress))
		same(f.at(&c.ShippingAddress), f.at(&said.ShippingAddress))
	}
}

// PartsKept are the fields, as SetText names them, that stay as they are though
// something else is said: a part of a name or an address does not replace a whole one.
func (c *Contact) PartsKept(said *Details) (out []string) {
	for i := range units {
		u := &units[i]
		if u.strength(said) != 1 || u.strength(&c.Details) != 2 || c.IsLocked(u.name) {
			continue
		}
		other := func(name, have, says string) {
			if says != "" && Trim(have) != says {
				out = append(out, name)
			}
		}
		for prefix, a := range map[string][2]*Address{"": {&c.Address, &said.Address}, "billing_": {&c.BillingAddress, &said.BillingAddress},
			"shipping_": {&c.ShippingAddress, &said.ShippingAddress}} {
			if u.name == prefix+"address" {
				for _, f := range addressFields {
					other(prefix+f.name, *f.at(a[0]), *f.at(a[1]))
				}
			}
		}
		if u.name == "name" {
			other("first_name", c.FirstName, said.FirstName)
			other("last_name", c.LastName, said.LastName)
		}
	}
	return out
}

// TextFields are the names that SetText knows.
func TextFields() []string {
	var out []string
	for i := range fields {
		out = append(out, fields[i].name)
	}
	out = append(out, phoneField.name)
	for _, prefix := range []string{"", "billing_", "shipping_"} {
		for _, f := range addressFields {
			out = append(out, prefix+f.name)
		}
	}
	return out
}
