package consent

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

var allMail = contact.Scope{Channel: contact.ByEmail}

// doubt reports whether a wish for a scope is to be confirmed by the person.
func doubt(pol contact.Policy, s contact.Scope) bool {
	if s.List == "" {
		return pol.DoubleOptIn
	}
	d, _ := pol.List(s.List)
	return d.DoubleOptIn
}

// Wish is what a ticked box of a form says of e-mail: the site's lists that the
// form is for, or, where it names none, all mail. With double opt-in it is
// pending until the person confirms. Of lists that are all deleted it says nothing.
func Wish(pol contact.Policy, lists []string, f *contact.Facts) {
	say := func(s contact.Scope) contact.Consent {
		if doubt(pol, s) {
			return contact.ConsentPending
		}
		return contact.ConsentSubscribed
	}
	for _, id := range lists {
		if d, ok := pol.List(id); ok && d.Channel == contact.ByEmail {
			f.Lists = append(f.Lists, contact.Subscription{List: id, Channel: d.Channel, Standing: contact.Standing{State: say(d.Scope())}})
		}
	}
	if len(lists) == 0 {
		f.Consent = say(allMail)
	}
}

// Asked makes what follows of a wish that was brought into a contact: the rows of
// evidence, and the mail that asks the person to confirm, where that is needed:
// with double opt-in, and of who has refused mail before. base is what links begin
// with. The mail goes with the last of the entries.
func Asked(s site.Site, before, after *contact.Contact, f contact.Facts, p contact.Proof, base string, now time.Time) []timeline.Activity {
	scopes := make([]contact.Scope, 0, 1+len(f.Lists))
	for _, l := range f.Lists {
		scopes = append(scopes, contact.Scope{Channel: l.Channel, List: l.List})
	}
	if f.Consent != "" {
		scopes = append(scopes, allMail)
	}
	var acts []timeline.Activity
	send := false
	for _, sc := range scopes {
		st := after.Standing(sc)
		if st.State == contact.ConsentSubscribed && !after.Consent.Blocks() || f.Email == "" {
			continue
		}
		mailed, asked := after.AskToConfirm(sc, now, p.Source)
		send = send || mailed
		if was, st := before.Standing(sc), after.Standing(sc); asked && was.State == st.State && was.Held == st.Held { // no change that would prove it
			row := worded(s, p, sc, p.Language)
			row.Note = "asked for; it waits for the person to confirm"
			acts = append(acts, row.Entry(contact.ConsentChange{Scope: sc, From: was, To: st}))
		}
	}
	for _, ch := range contact.ConsentChanges(before, after) {
		acts = append(acts, worded(s, p, ch.Scope, p.Language).Entry(ch))
	}
	if send && base != "" && len(acts) > 0 {
		m := confirmMail(s, after, base, p.Language, now)
		acts[len(acts)-1].Mail = &m
	}
	return acts
}

// worded is the evidence with what the list's people agree to.
func worded(s site.Site, p contact.Proof, sc contact.Scope, lang string) contact.Proof {
	if d, ok := s.Policy().List(sc.List); ok && sc.List != "" && p.Text == "" {
		if t := d.Text(lang); t != "" {
			p.Text, p.TextVersion = t, d.TextVersion
		}
	}
	return p
}

func confirmMail(s site.Site, c *contact.Contact, base, lang string, now time.Time) mail.Message {
	var names []string
	for _, sc := range c.Awaited() {
		if d, ok := s.Policy().List(sc.List); ok {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		names = []string{s.Name}
	}
	return mail.Message{
		Template: mail.ConfirmSubscription, Language: lang, To: mail.Address{Email: c.Email, Name: c.FullName()}, Contact: c.ID,
		Values: map[string]string{
			mail.Link:  Link(s, base, Token{Purpose: ToConfirm, Address: slotOf(s, c.Email), At: now}),
			mail.List:  strings.Join(names, ", "),
			mail.Name:  c.FirstName,
			mail.Until: now.Add(ConfirmFor).Format(time.RFC3339),
		},
		CreatedAt: now, Expires: now.Add(ConfirmFor),
	}
}

// Subscribe puts a contact on a list, or takes it off, as the site asks for it.
// With double opt-in, and for who has refused before, the person is asked by mail
// and it stays pending or refused until they confirm; at most once a day. crm.Conflict
// where that keeps back a mail that nothing else stands in for.
func Subscribe(ctx context.Context, b Book, s site.Site, id crm.ContactID, list string, state contact.Consent, by site.Actor, base string, now time.Time) (contact.Contact, error) {
	var f crm.Faults
	d, ok := s.Policy().List(list)
	if !ok {
		f.Add("/list", "there is no such list on this site")
	}
	if state != contact.ConsentSubscribed && state != contact.ConsentUnsubscribed {
		f.Add("/state", "a state here is subscribed or unsubscribed")
	}
	if err := f.Err(); err != nil {
		return contact.Contact{}, err
	}
	p := contact.Proof{How: by.Source(), Source: by.Source(), By: by.ID, At: now}
	return b.Change(ctx, id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		before := c.Clone()
		p := p
		if p.Address = reach(c, d.Channel); p.Language == "" {
			p.Language = language(s, c)
		}
		if state == contact.ConsentUnsubscribed {
			if refuses(c, d.Scope()) || !c.Settle(d.Scope(), state, contact.Mark{Since: now, Source: p.Source}) {
				return nil, contact.ErrUnchanged
			}
			return rows(s, p, &before, c), nil
		}
		refusal, _ := c.Refused(d.Scope())
		refused := refusal != ""
		if !refused && !d.DoubleOptIn {
			if !c.Settle(d.Scope(), state, contact.Mark{Since: now, Source: p.Source}) {
				return nil, contact.ErrUnchanged
			}
			return rows(s, p, &before, c), nil
		}
		if d.Channel != contact.ByEmail || c.Email == "" {
			var f crm.Faults
			f.Add("/state", "this person has refused %s or has no e-mail address to ask them at; record a new consent with its evidence (POST …/consent)", d.Channel)
			return nil, f.Err()
		}
		if before.Standing(d.Scope()).State == contact.ConsentSubscribed && !refused {
			return nil, contact.ErrUnchanged
		}
		acts := Asked(s, &before, c, contact.Facts{Email: c.Email, Lists: []contact.Subscription{{List: d.ID, Channel: d.Channel}}}, p, base, now)
		if len(acts) == 0 && c.Standing(d.Scope()).Asked.IsZero() {
			return nil, crm.Errorf(crm.Conflict, "this person was asked by mail at %s and is %s since; one such mail a day goes out, so ask again later, or record a new consent with its evidence (POST …/consent)",
				c.AskedAt.Format(time.RFC3339), refusal)
		}
		if len(acts) == 0 {
			return nil, contact.ErrUnchanged // asked today
		}
		return acts, nil
	})
}

// refuses reports whether a contact has left a scope already, or complained, which
// no leaving makes less.
func refuses(c *contact.Contact, sc contact.Scope) bool {
	st := c.Standing(sc).State
	return contact.Strictest(contact.ConsentUnsubscribed, st) == st
}

func rows(s site.Site, p contact.Proof, before, after *contact.Contact) (acts []timeline.Activity) {
	for _, ch := range contact.ConsentChanges(before, after) {
		acts = append(acts, worded(s, p, ch.Scope, p.Language).Entry(ch))
	}
	return acts
}

func reach(c *contact.Contact, ch contact.Channel) string {
	switch ch {
	case contact.ByEmail:
		return c.Email
	case contact.ByPost:
		return ""
	}
	if c.Mobile != "" {
		return c.Mobile
	}
	return c.Phone
}

func language(s site.Site, c *contact.Contact) string {
	for _, l := range []string{c.Language, s.Language} {
		if base, _, _ := strings.Cut(l, "-"); slices.Contains(Languages, base) {
			return base
		}
	}
	return "en"
}

// Given is a consent that somebody gave or took back elsewhere (on paper, by phone, in
// a shop) and that the site records with its evidence.
type Given struct {
	Channel contact.Channel
	List    string
	State   contact.Consent
	How     string    // in words: on paper at the counter, by phone …
	At      time.Time // when they said it
	Text    string    // what they agreed to; a list's own wording if empty
	Note    string
}

// Record notes a consent with its evidence. It alone, beside the person's own act,
// lifts a refusal, and only if it is newer than that.
func Record(ctx context.Context, b Book, s site.Site, id crm.ContactID, g Given, by site.Actor, now time.Time) (contact.Contact, error) {
	var f crm.Faults
	sc := contact.Scope{Channel: g.Channel, List: g.List}
	if g.List != "" {
		d, ok := s.Policy().List(g.List)
		switch {
		case !ok:
			f.Add("/list", "there is no such list on this site")
		case g.Channel != "" && g.Channel != d.Channel:
			f.Add("/channel", "the list is one of %s; leave the channel out", d.Channel)
		default:
			sc.Channel = d.Channel
			if g.Text == "" {
				g.Text = d.Text(s.Language)
			}
		}
	} else if !slices.Contains(contact.ConsentChannels, g.Channel) {
		f.Add("/channel", "a channel is email, sms, phone, post or whatsapp; or name a list")
	}
	if g.State != contact.ConsentSubscribed && g.State != contact.ConsentUnsubscribed {
		f.Add("/state", "a consent that is recorded is subscribed or unsubscribed")
	}
	if contact.Trim(g.How) == "" {
		f.Add("/how", "say how they gave it, for example: signed form at the counter")
	}
	if g.At.IsZero() || g.At.After(now) {
		f.Add("/at", "say when they gave it; that is not in the future")
	}
	if g.State == contact.ConsentSubscribed && contact.Trim(g.Text) == "" {
		f.Add("/text", "give the text that they agreed to, word for word")
	}
	if err := f.Err(); err != nil {
		return contact.Contact{}, err
	}
	p := contact.Proof{How: by.Source(), Source: by.Source(), By: by.ID, At: now, Text: g.Text, Note: strings.TrimSpace(g.How + "\n" + g.Note)}
	return b.Change(ctx, id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		before := c.Clone()
		if refusal, since := c.Refused(sc); g.State == contact.ConsentSubscribed && refusal != "" && !g.At.After(since) {
			var f crm.Faults
			f.Add("/at", "this person is %s since %s; only a consent that they gave later lifts that", refusal, since.Format(time.RFC3339))
			return nil, f.Err()
		}
		if g.State == contact.ConsentUnsubscribed && refuses(c, sc) {
			return nil, contact.ErrUnchanged
		}
		if !c.Settle(sc, g.State, contact.Mark{Since: g.At.UTC().Truncate(time.Microsecond), Source: p.Source, Given: true}) {
			return nil, contact.ErrUnchanged
		}
		p := p
		p.Address = reach(c, sc.Channel)
		return rows(s, p, &before, c), nil
	})
}

// Outcome is what the page of a link tells.
type Outcome struct {
	Purpose Purpose
	Lists   []string // names; none: all mail
	Done    bool     // it is so: confirmed, or left
	Already bool     // it was so before
	Over    bool     // the link has ended, or there is nothing to confirm any more
}

// Look tells what a link would do, and does nothing: programs that check mails
// open links too.
func Look(ctx context.Context, b Book, s site.Site, t Token, now time.Time) (Outcome, error) {
	o := Outcome{Purpose: t.Purpose}
	if t.Purpose == ToUnsubscribe {
		who, held, err := t.leaves(ctx, b)
		if err != nil {
			return o, err
		}
		sc := t.scope(s)
		if d, ok := s.Policy().List(sc.List); ok && len(who) > 0 {
			o.Lists = []string{d.Name}
		}
		o.Done = !slices.ContainsFunc(who, func(c contact.Contact) bool { return !c.Standing(sc).State.Blocks() })
		if !held && o.Done {
			why, err := b.SlotRemembers(ctx, t.Address)
			if err != nil {
				return o, err
			}
			o.Done = why.Consent().Blocks()
		}
		o.Already = o.Done
		return o, nil
	}
	c, err := b.AtSlot(ctx, t.Address)
	if crm.CodeOf(err) == crm.NotFound {
		o.Over = true
		return o, nil
	}
	if err != nil {
		return o, err
	}
	scopes := t.confirms(s, &c, now)
	if len(scopes) == 0 {
		scopes = t.confirmed(s, &c, now)
		o.Done, o.Over, o.Already = len(scopes) > 0, len(scopes) == 0, len(scopes) > 0
	}
	for _, sc := range scopes {
		if d, ok := s.Policy().List(sc.List); ok && sc.List != "" {
			o.Lists = append(o.Lists, d.Name)
		}
	}
	return o, nil
}

// scope is what a link takes somebody off: all mail, where its list is gone.
func (t Token) scope(s site.Site) contact.Scope {
	if d, ok := s.Policy().List(t.List); ok && t.List != "" {
		return d.Scope()
	}
	return allMail
}

// leaves are those whom a link to unsubscribe is about: who has the address (held), and
// whom the mail was sent to, who may have another by now. A link that names no contact,
// of an address that nobody has, is of who was made with that address.
func (t Token) leaves(ctx context.Context, b Book) (who []contact.Contact, held bool, err error) {
	c, err := b.AtSlot(ctx, t.Address)
	if held = err == nil; held {
		who = append(who, c)
	} else if crm.CodeOf(err) != crm.NotFound {
		return nil, false, err
	}
	to := t.Contact
	if to == "" && !held {
		to = t.Address
	}
	if to == "" {
		return who, held, nil
	}
	c, err = b.Get(ctx, to)
	switch {
	case crm.CodeOf(err) == crm.NotFound:
	case err != nil:
		return nil, false, err
	case !held || c.ID != who[0].ID:
		who = append(who, c)
	}
	return who, held, nil
}

// leave takes those whom a link is about off what it is for; an address that nobody has goes
// on the suppression list, or it would be written to again when it comes back.
func leave(ctx context.Context, b Book, s site.Site, t Token, p contact.Proof, now time.Time) error {
	for range 3 { // as whoever has the address may come and go
		who, held, err := t.leaves(ctx, b)
		if err != nil {
			return err
		}
		for i := range who {
			_, err := b.Change(ctx, who[i].ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
				before, p := c.Clone(), p
				if sc := t.scope(s); c.Standing(sc).State.Blocks() || !c.Settle(sc, contact.ConsentUnsubscribed, contact.Mark{Since: now, Source: p.Source}) {
					return nil, contact.ErrUnchanged
				}
				if p.Address = c.Email; i > 0 || !held {
					p.Address, p.Note = "", "by the link of a mail to an address that they had before"
				}
				return rows(s, p, &before, c), nil
			})
			if err != nil && crm.CodeOf(err) != crm.NotFound {
				return err
			}
		}
		if held {
			return nil
		}
		if err := b.SuppressSlot(ctx, t.Address, contact.SuppressedUnsubscribed, now); crm.CodeOf(err) != crm.Conflict {
			return err
		}
	}
	return crm.Errorf(crm.Busy, "too many writers change this at once; try again in a moment")
}

// confirms is what a link may confirm: what is awaited of the person, who has not
// refused it since the mail was made.
func (t Token) confirms(s site.Site, c *contact.Contact, now time.Time) []contact.Scope {
	if t.Purpose != ToConfirm || now.After(t.At.Add(ConfirmFor)) {
		return nil
	}
	return slices.DeleteFunc(c.Awaited(), func(sc contact.Scope) bool {
		_, ok := s.Policy().List(sc.List)
		_, since := c.Refused(sc)
		return sc.List != "" && !ok || since.Truncate(time.Second).After(t.At) // t.At has no fraction
	})
}

// confirmed is what the person confirmed by a link since the mail was made.
func (t Token) confirmed(s site.Site, c *contact.Contact, now time.Time) (scopes []contact.Scope) {
	if t.Purpose != ToConfirm || now.After(t.At.Add(ConfirmFor)) {
		return nil
	}
	all := []contact.Scope{allMail}
	for _, d := range s.Lists {
		if d.Channel == contact.ByEmail {
			all = append(all, d.Scope())
		}
	}
	for _, sc := range all {
		if st := c.Standing(sc); st.State == contact.ConsentSubscribed && st.Source == "link" && !st.Since.Before(t.At) {
			scopes = append(scopes, sc)
		}
	}
	return scopes
}

// Act does what a link is for: it is the person's own act. how is "link", or
// "one-click" for a mail program's button; network the first part of where they are.
// Doing it again changes nothing.
func Act(ctx context.Context, b Book, s site.Site, t Token, how, lang, network string, now time.Time) (Outcome, error) {
	o, err := Look(ctx, b, s, t, now)
	if err != nil || o.Done || o.Over {
		return o, err
	}
	p := contact.Proof{How: how, Source: how, At: now, Language: lang, Network: network}
	if t.Purpose == ToUnsubscribe {
		err := leave(ctx, b, s, t, p, now)
		o.Done = err == nil
		return o, err
	}
	k, err := b.AtSlot(ctx, t.Address)
	if err != nil {
		return o, err
	}
	_, err = b.Change(ctx, k.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		before := c.Clone()
		p := p
		p.Address = c.Email
		m := contact.Mark{Since: now, Source: how}
		changed := false
		for _, sc := range t.confirms(s, c, now) {
			changed = c.Settle(sc, contact.ConsentSubscribed, m) || changed
		}
		if !changed {
			return nil, contact.ErrUnchanged
		}
		return rows(s, p, &before, c), nil
	})
	if crm.CodeOf(err) == crm.NotFound { // gone meanwhile
		err = nil
	}
	o.Done = err == nil
	return o, err
}

// Feedback takes what the mail service reports of an address: it bounced for good,
// or its owner complained. Who has the address is marked, with evidence; of an
// address that nobody has the suppression list remembers it. Twice is once.
func Feedback(ctx context.Context, b Book, address string, why contact.Suppression, ref string, at, now time.Time) error {
	if why != contact.SuppressedBounced && why != contact.SuppressedComplained {
		return crm.Errorf(crm.Invalid, "a report is bounced or complained")
	}
	return refuse(ctx, b, address, why, at, now, func(c *contact.Contact) (contact.Proof, bool) {
		refusal, _ := c.Refused(allMail)
		to := contact.Strictest(contact.Strictest(c.Consent, refusal), why.Consent())
		if to == c.Consent || at.Before(lastYes(c)) {
			return contact.Proof{}, false
		}
		c.Settle(allMail, to, contact.Mark{Since: at, Source: "provider"})
		return contact.Proof{How: "provider", Source: "provider", At: now, Address: address, Note: ref}, true
	})
}

// lastYes is when the person last said themselves that they want mail that they still take:
// by a link, or in a way that was recorded with its evidence. A report of before that speaks of
// what they have answered since. Whoever else put them on a list answered nothing.
func lastYes(c *contact.Contact) (last time.Time) {
	see := func(st contact.Standing) {
		if st.State == contact.ConsentSubscribed && (st.Given || st.Source == "link") && st.Since.After(last) {
			last = st.Since
		}
	}
	see(c.Standing(allMail))
	for _, l := range c.Subscriptions {
		if l.Channel == contact.ByEmail {
			see(l.Standing)
		}
	}
	return last
}

// refuse stops mail to an address: whoever has it is changed by the rule, which
// says with what evidence, if anything; what nobody has goes on the suppression list.
func refuse(ctx context.Context, b Book, address string, why contact.Suppression, at, now time.Time, rule func(*contact.Contact) (contact.Proof, bool)) error {
	for range 3 { // as whoever has the address may come and go
		c, err := b.Find(ctx, crm.EmailIdentity(address))
		if crm.CodeOf(err) == crm.NotFound {
			if err = b.Suppress(ctx, address, why, at); crm.CodeOf(err) == crm.Conflict {
				continue
			}
			return err
		}
		if err != nil {
			return err
		}
		_, err = b.Change(ctx, c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
			before := c.Clone()
			if !c.HasEmail(address) {
				return nil, contact.ErrUnchanged
			}
			p, changed := rule(c)
			if !changed {
				return nil, contact.ErrUnchanged
			}
			var acts []timeline.Activity
			for _, ch := range contact.ConsentChanges(&before, c) {
				acts = append(acts, p.Entry(ch))
			}
			return acts, nil
		})
		if crm.CodeOf(err) != crm.NotFound {
			return err
		}
	}
	return crm.Errorf(crm.Busy, "too many writers change this at once; try again in a moment")
}

// History is the evidence of a contact, oldest first. What an import brought has no
// row of its own, as the contact itself keeps it until it changes, and the next row after
// that; here it stands as one.
func History(c *contact.Contact, rows []timeline.Activity) []timeline.Activity {
	first := map[string]timeline.Activity{} // the oldest row of each scope
	for _, r := range rows {
		k := r.Value("channel") + "/" + r.Value("list")
		if _, ok := first[k]; !ok {
			first[k] = r
		}
	}
	var born []timeline.Activity
	add := func(sc contact.Scope, st contact.Standing) {
		how, _, _ := strings.Cut(st.Source, ":")
		p := contact.Proof{How: how, Source: st.Source, At: st.Since}
		if sc.Channel == contact.ByEmail {
			p.Address = c.Email
		}
		a := p.Entry(contact.ConsentChange{Scope: sc, From: contact.Standing{State: contact.ConsentNever}, To: st})
		a.ID = "born_" + string(sc.Channel) + strings.TrimSuffix("_"+sc.List, "_")
		born = append(born, a)
	}
	for _, ch := range contact.ConsentChannels {
		scopes := []contact.Scope{{Channel: ch}}
		for _, l := range c.Subscriptions {
			if l.Channel == ch {
				scopes = append(scopes, contact.Scope{Channel: ch, List: l.List})
			}
		}
		for _, sc := range scopes {
			r, ok := first[string(sc.Channel)+"/"+sc.List]
			st := c.Standing(sc)
			if ok {
				st = contact.Standing{State: contact.Consent(r.Value("from")), Mark: contact.Mark{Source: r.Value("from_source"), Held: contact.Consent(r.Value("from_held"))}}
				st.Since, _ = time.Parse(time.RFC3339, r.Value("from_since"))
			}
			if st.State != contact.ConsentNever && st.State != "" {
				add(sc, st)
			}
		}
	}
	return append(born, rows...)
}

// Version of the wording in a row of evidence, 0 if there is none.
func Version(r timeline.Activity) int {
	n, _ := strconv.Atoi(r.Value("text_version"))
	return n
}

// Suppress stops mail to an address as the site asks: who has it is unsubscribed,
// else the list remembers it.
func Suppress(ctx context.Context, b Book, address string, by site.Actor, now time.Time) error {
	return refuse(ctx, b, address, contact.SuppressedUnsubscribed, now, now, func(c *contact.Contact) (contact.Proof, bool) {
		if refuses(c, allMail) || !c.Settle(allMail, contact.ConsentUnsubscribed, contact.Mark{Since: now, Source: by.Source()}) {
			return contact.Proof{}, false
		}
		return contact.Proof{How: by.Source(), Source: by.Source(), By: by.ID, At: now, Address: address, Note: "put on the suppression list"}, true
	})
}
