package contact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// Consent is whether a person may be written to for marketing.
type Consent string

// From a source a consent only moves down this list: the strictest of all that was
// said stays. The last three are refusals (Blocks), which nothing lifts but the person's own
// confirmed act or a new consent that is recorded with its evidence.
const (
	ConsentNever        Consent = "never"   // never asked
	ConsentPending      Consent = "pending" // asked for it; the person has not confirmed
	ConsentSubscribed   Consent = "subscribed"
	ConsentBounced      Consent = "bounced" // mail comes back for good
	ConsentUnsubscribed Consent = "unsubscribed"
	ConsentComplained   Consent = "complained" // reported a mail as spam
)

// Consents lists them from weakest to strictest.
var Consents = []Consent{ConsentNever, ConsentPending, ConsentSubscribed, ConsentBounced, ConsentUnsubscribed, ConsentComplained}

func (c Consent) rank() int { return slices.Index(Consents, c) }

// Blocks reports whether the state refuses mail, whatever a source says.
func (c Consent) Blocks() bool { return c.rank() >= ConsentBounced.rank() }

// Strictest is the one of two consents that wins.
func Strictest(a, b Consent) Consent {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// Channel is a way to reach a person.
type Channel string

// The channels. Contact.Consent is that of e-mail.
const (
	ByEmail    Channel = "email"
	BySMS      Channel = "sms"
	ByPhone    Channel = "phone"
	ByPost     Channel = "post"
	ByWhatsApp Channel = "whatsapp"
)

// ConsentChannels lists them.
var ConsentChannels = []Channel{ByEmail, BySMS, ByPhone, ByPost, ByWhatsApp}

// Mark is since when a consent stands as it does, and what said so.
type Mark struct {
	Since  time.Time
	Source string    // see Origin; also "link", "one-click", "provider", "suppression"
	Asked  time.Time // since when a confirmation by the person is awaited; zero: none is
	Given  bool      // it was recorded with the evidence of what the person said
	// Held, of a channel that may be written to, is the refusal of it that one list
	// alone has lifted: no source raises the channel above it nor adds another
	// list, and it stands again when no list is left.
	Held      Consent
	HeldSince time.Time // since when that is refused; zero, of an older record: Since
}

// refusal is the mark of what is held.
func (m Mark) refusal() Mark {
	if m.HeldSince.IsZero() {
		m.HeldSince = m.Since
	}
	return Mark{Since: m.HeldSince, Source: m.Source}
}

// Standing is a consent with its mark.
type Standing struct {
	State Consent
	Mark
}

// Subscription is where a person stands with one newsletter list.
type Subscription struct {
	List    string
	Channel Channel
	Standing
}

// A Scope is what a consent is for: one list, or, without one, a whole channel.
type Scope struct {
	Channel Channel
	List    string
}

// MaxLists is how many lists a site may have; a contact may be on all of them.
const MaxLists = 50

// ListDef is a newsletter list of a site.
type ListDef struct {
	ID          string
	Name        string
	Description string
	Channel     Channel
	// DoubleOptIn: who asks for it is subscribed once they have confirmed by mail.
	DoubleOptIn bool
	// Texts is what people agree to, by language ("nl", "en"); TextVersion rises
	// with each change of it.
	Texts       map[string]string
	TextVersion int
	CreatedAt   time.Time
}

// Scope of the list.
func (d ListDef) Scope() Scope { return Scope{d.Channel, d.ID} }

// Text is the wording in a language, else in any that there is.
func (d ListDef) Text(lang string) string {
	if t := d.Texts[lang]; t != "" {
		return t
	}
	for _, l := range slices.Sorted(maps.Keys(d.Texts)) {
		if d.Texts[l] != "" {
			return d.Texts[l]
		}
	}
	return ""
}

// List is the site's list of an id; false if there is none.
func (p Policy) List(id string) (ListDef, bool) {
	i := slices.IndexFunc(p.Lists, func(d ListDef) bool { return d.ID == id })
	if i < 0 {
		return ListDef{}, false
	}
	return p.Lists[i], true
}

// Standing is where the contact stands in a scope.
func (c *Contact) Standing(s Scope) Standing {
	switch {
	case s.List != "":
		if i := c.subscription(s.List); i >= 0 {
			return c.Subscriptions[i].Standing
		}
	case s.Channel == ByEmail:
		st := Standing{c.Consent, c.ConsentMark}
		if st.State == "" {
			st.State = ConsentNever
		}
		if st.Since.IsZero() && st.State != ConsentNever { // as it came
			if st.Since, st.Source = c.AsOf.At, c.Origin.Source; st.Since.IsZero() {
				st.Since = c.CreatedAt
			}
		}
		return st
	default:
		if st, ok := c.Channels[s.Channel]; ok {
			return st
		}
	}
	return Standing{State: ConsentNever}
}

func (c *Contact) subscription(list string) int {
	return slices.IndexFunc(c.Subscriptions, func(s Subscription) bool { return s.List == list })
}

func (c *Contact) stand(s Scope, st Standing) {
	switch {
	case s.List != "":
		i, found := slices.BinarySearchFunc(c.Subscriptions, s.List, func(x Subscription, list string) int { return cmp.Compare(x.List, list) })
		if !found {
			c.Subscriptions = slices.Insert(c.Subscriptions, i, Subscription{List: s.List, Channel: s.Channel})
		}
		c.Subscriptions[i].Standing = st
	case s.Channel == ByEmail:
		c.Consent, c.ConsentMark = st.State, st.Mark
	default:
		if c.Channels == nil {
			c.Channels = map[Channel]Standing{}
		}
		c.Channels[s.Channel] = st
	}
}

// Refused is since when and with which refusal the person takes no mail in a scope:
// its own, or that of its channel; "" if they have refused nothing there.
func (c *Contact) Refused(s Scope) (refusal Consent, since time.Time) {
	add := func(r Consent, at time.Time) {
		if r.Blocks() {
			refusal = Strictest(refusal, r)
			if at.After(since) {
				since = at
			}
		}
	}
	st, whole := c.Standing(s), c.Standing(Scope{Channel: s.Channel})
	add(st.State, st.Since)
	add(whole.State, whole.Since)
	if s.List == "" || st.State != ConsentSubscribed {
		add(whole.Held, whole.refusal().Since)
	}
	return refusal, since
}

// hear is what a source says of a consent: the strictest stays, in any order. A
// refusal of the channel is one of all its lists; a yes to a list is none to the channel.
func (c *Contact) hear(s Scope, said Consent, m Mark) (changed bool) {
	if said.rank() <= c.Standing(s).State.rank() && !(s.List == "" && said.Blocks()) { // nothing, or nothing new
		return false
	}
	if refusal, since := c.Refused(s); refusal != "" {
		if s.List == "" && !said.Blocks() {
			return false
		}
		if said = Strictest(said, refusal); refusal != ConsentBounced && since.After(m.Since) {
			m.Since = since // a stricter one of before makes the last one no older
		}
	}
	if c.Standing(s).State.rank() < said.rank() {
		c.stand(s, Standing{said, m})
		changed = true
	}
	if s.List == "" && said.Blocks() {
		for _, l := range slices.Clone(c.Subscriptions) {
			if l.Channel == s.Channel && l.State.rank() < said.rank() {
				c.stand(Scope{l.Channel, l.List}, Standing{said, m})
				changed = true
			}
		}
	}
	return c.release(s.Channel, m) || changed
}

// Settle sets a consent by the person's own act, or by one that is recorded with
// its evidence: it may lift a refusal. Leaving a channel leaves all of its lists. Joining
// a list lifts a refusal of its channel as far as that list needs it: all other mail
// stays refused (Held), and who leaves the last of the lists has refused all again.
// A bounce is no wish, so whoever answers has lifted it.
func (c *Contact) Settle(s Scope, to Consent, m Mark) (changed bool) {
	set := func(s Scope, to Consent, m Mark) {
		if st := c.Standing(s); st.State != to || !st.Asked.IsZero() {
			changed = changed || st.State != to
			c.stand(s, Standing{to, m})
		}
	}
	if s.List == "" && to.Blocks() {
		to = Strictest(to, c.Standing(s).Held)
	}
	set(s, to, m)
	whole := Scope{Channel: s.Channel}
	switch was := c.Standing(whole); {
	case s.List == "" && to.Blocks():
		for _, l := range slices.Clone(c.Subscriptions) {
			if l.Channel == s.Channel && l.State.rank() < to.rank() {
				set(Scope{l.Channel, l.List}, to, m)
			}
		}
	case s.List != "" && to == ConsentSubscribed && was.State.Blocks():
		lift := Mark{Since: m.Since, Source: m.Source}
		if was.State != ConsentBounced {
			lift.Held, lift.HeldSince = was.State, was.Since
		}
		set(whole, ConsentNever, lift)
	}
	return c.release(s.Channel, m) || changed
}

// release lets a refusal stand again that was lifted for lists, once none is left.
func (c *Contact) release(ch Channel, m Mark) bool {
	whole := Scope{Channel: ch}
	was := c.Standing(whole)
	if was.Held == "" || slices.ContainsFunc(c.Subscriptions, func(l Subscription) bool { return l.Channel == ch && l.State == ConsentSubscribed }) {
		return false
	}
	m = Mark{Since: m.Since, Source: m.Source}
	if since := was.refusal().Since; since.After(m.Since) { // a list was left, on paper, before that
		m.Since = since
	}
	c.stand(whole, Standing{ConsentNever, Mark{}})
	return c.hear(whole, was.Held, m)
}

// hold takes over from another contact a refusal that lists alone have lifted: of
// this one's lists those stay that the other is subscribed to as well.
func (c *Contact) hold(ch Channel, other *Contact) (changed bool) {
	whole := Scope{Channel: ch}
	mine, theirs := c.Standing(whole), other.Standing(whole)
	if theirs.Held == "" {
		return false
	}
	if mine.State.Blocks() {
		return c.hear(whole, theirs.Held, theirs.refusal())
	}
	was := mine
	if mine.Held == "" {
		mine = theirs
	}
	if since := theirs.refusal().Since; since.After(mine.refusal().Since) {
		mine.HeldSince = since
	}
	if mine.Held = Strictest(mine.Held, theirs.Held); mine != was {
		c.stand(whole, mine)
		changed = true
	}
	for _, l := range slices.Clone(c.Subscriptions) {
		s := Scope{l.Channel, l.List}
		if l.Channel == ch && l.State.rank() < theirs.Held.rank() && other.Standing(s).State != ConsentSubscribed {
			c.stand(s, Standing{theirs.Held, theirs.refusal()})
			changed = true
		}
	}
	return c.release(ch, theirs.refusal()) || changed
}

// Unknown are the lists of the contact that a site does not have.
func (c *Contact) Unknown(p Policy) (lists []string) {
	for _, l := range c.Subscriptions {
		if _, ok := p.List(l.List); !ok {
			lists = append(lists, l.List)
		}
	}
	return lists
}

// Forget drops lists that the site has deleted. What was said of them stays in the
// evidence.
func (c *Contact) Forget(lists []string, now time.Time) {
	c.Subscriptions = slices.DeleteFunc(slices.Clone(c.Subscriptions), func(l Subscription) bool { return slices.Contains(lists, l.List) })
	for _, ch := range ConsentChannels {
		c.release(ch, Mark{Since: now, Source: "list"})
	}
}

// askEvery is how seldom a person is asked by mail to confirm: once a day,
// however many forms are sent with their address.
const askEvery = 24 * time.Hour

// AskToConfirm notes that somebody gave this person's address for a scope. The person
// alone can say whether they did: until they confirm, who has refused stays so, and anybody
// else is pending. mail reports whether a request to confirm may go out now: once a day, and
// once more after each act of the person's own, as nobody else can cause those. Where none
// goes, and the last one is older than the refusal, nothing is awaited.
func (c *Contact) AskToConfirm(s Scope, now time.Time, source string) (mail, changed bool) {
	st := c.Standing(s)
	refusal, since := c.Refused(s)
	if st.State == ConsentSubscribed && refusal == "" {
		return false, false
	}
	mail = c.Email != "" && (c.AskedAt.IsZero() || now.Sub(c.AskedAt) >= askEvery || c.acted().After(c.AskedAt))
	if !mail && refusal != "" && since.After(c.AskedAt) {
		return false, false
	}
	if st.Asked.IsZero() || mail {
		c.await(s, Mark{Since: now, Source: source, Asked: now})
		changed = true
	}
	if mail {
		c.AskedAt, changed = now, true
	}
	return mail, changed
}

// await notes that the person is to confirm a scope.
func (c *Contact) await(s Scope, m Mark) {
	st := c.Standing(s)
	if st.State.rank() < ConsentPending.rank() {
		if st.Held != "" { // asking makes no refusal younger
			st.HeldSince = st.refusal().Since
		}
		st.State, st.Since, st.Source = ConsentPending, m.Since, m.Source
		if refusal, since := c.Refused(s); refusal != "" && s.List != "" {
			st.State, st.Since = refusal, since
		}
	}
	st.Asked = m.Asked
	c.stand(s, st)
}

// wasAsked reports whether a scope stands as asking the contact to confirm it leaves it.
func (c *Contact) wasAsked(s Scope, is Standing) bool {
	asked := c.Clone()
	asked.await(s, is.Mark)
	return !is.Asked.IsZero() && is == asked.Standing(s)
}

// acted is when the person last did something with a link of a mail.
func (c *Contact) acted() (last time.Time) {
	see := func(m Mark) {
		if (m.Source == "link" || m.Source == "one-click") && m.Since.After(last) {
			last = m.Since
		}
	}
	see(c.ConsentMark)
	for _, l := range c.Subscriptions {
		if l.Channel == ByEmail {
			see(l.Mark)
		}
	}
	return last
}

// Awaited are the scopes of e-mail that wait for the person to confirm.
func (c *Contact) Awaited() []Scope {
	var out []Scope
	if !c.ConsentMark.Asked.IsZero() {
		out = append(out, Scope{Channel: ByEmail})
	}
	for _, s := range c.Subscriptions {
		if s.Channel == ByEmail && !s.Asked.IsZero() {
			out = append(out, Scope{ByEmail, s.List})
		}
	}
	return out
}

// Subscribed are the ids of the lists that may be sent to this contact: those that
// they are subscribed to, of a channel that they have not refused since.
func (c *Contact) Subscribed() []string {
	var out []string
	for _, s := range c.Subscriptions {
		if s.State == ConsentSubscribed && !c.Standing(Scope{Channel: s.Channel}).State.Blocks() {
			out = append(out, s.List)
		}
	}
	return out
}

// JoinConsents takes over what another contact, merged into this one, has said:
// in each scope the stricter of both stays.
func (c *Contact) JoinConsents(other *Contact) (changed bool) {
	for _, ch := range ConsentChannels {
		st := other.Standing(Scope{Channel: ch})
		changed = c.hear(Scope{Channel: ch}, st.State, st.Mark) || changed
		changed = c.since(Scope{Channel: ch}, st.State, st.Since) || changed
	}
	for _, s := range other.Subscriptions {
		changed = c.hear(Scope{s.Channel, s.List}, s.State, s.Mark) || changed
		changed = c.since(Scope{s.Channel, s.List}, s.State, s.Since) || changed
	}
	for _, ch := range ConsentChannels {
		changed = c.hold(ch, other) || changed
	}
	if other.AskedAt.After(c.AskedAt) {
		c.AskedAt = other.AskedAt
	}
	return changed
}

// partConsents takes back what a merge brought and nobody changed since. To be asked for mail
// since is no change of what was said: the scope is as it was, and awaited where that leaves room.
func (c *Contact) partConsents(before, after *Contact) {
	part := func(s Scope) (Standing, bool) {
		is, was := c.Standing(s), before.Standing(s)
		if is == after.Standing(s) {
			return was, true
		}
		if !after.wasAsked(s, is) {
			return is, false
		}
		if refusal, _ := before.Refused(s); was.State != ConsentSubscribed || refusal != "" {
			m := is.Mark
			if is.State != ConsentPending {
				m.Since = m.Asked
			}
			asked := before.Clone()
			asked.await(s, m)
			was = asked.Standing(s)
		}
		return was, true
	}
	for _, ch := range ConsentChannels {
		s := Scope{Channel: ch}
		if was, ok := part(s); ok && before.Standing(s) != after.Standing(s) {
			c.stand(s, was)
		}
	}
	for _, l := range slices.Clone(c.Subscriptions) {
		s := Scope{l.Channel, l.List}
		was, ok := part(s)
		switch {
		case !ok:
		case was.State == ConsentNever && before.subscription(l.List) < 0:
			c.Subscriptions = slices.DeleteFunc(c.Subscriptions, func(x Subscription) bool { return x.List == l.List })
		default:
			c.stand(s, was)
		}
	}
	for _, ch := range ConsentChannels {
		c.release(ch, c.Standing(Scope{Channel: ch}).refusal())
	}
}

// Suppression is what the list of suppressed addresses says of one. It outlives the
// contact that it came from.
type Suppression string

// The reasons, from weakest to strictest.
const (
	SuppressedBounced      Suppression = "bounced"
	SuppressedUnsubscribed Suppression = "unsubscribed"
	SuppressedComplained   Suppression = "complained"
	SuppressedErased       Suppression = "erased" // the person asked to be erased; no file brings them back
)

// Suppressions lists them.
var Suppressions = []Suppression{SuppressedBounced, SuppressedUnsubscribed, SuppressedComplained, SuppressedErased}

// Stricter is the one of two suppressions that stays; "" is none.
func (s Suppression) Stricter(t Suppression) Suppression {
	if slices.Index(Suppressions, t) > slices.Index(Suppressions, s) {
		return t
	}
	return s
}

// Consent is where a contact under a suppressed address starts.
func (s Suppression) Consent() Consent {
	switch s {
	case SuppressedBounced:
		return ConsentBounced
	case SuppressedComplained:
		return ConsentComplained
	case SuppressedUnsubscribed, SuppressedErased:
		return ConsentUnsubscribed
	}
	return ConsentNever
}

// Remembered is what the suppression list says of an address: why it takes no mail,
// and since when. It is that refusal's own date, whatever becomes of the contact.
type Remembered struct {
	Why   Suppression // "": nothing
	Since time.Time
}

// With is what stays of two: the stricter reason, and the later date, so that nothing
// that came before either of them lifts it. A bounce is no wish: it dates none.
func (r Remembered) With(o Remembered) Remembered {
	if r.Why.Stricter(o.Why) == r.Why {
		r, o = o, r
	}
	if r.Why == "" || r.Why == SuppressedBounced && o.Why != r.Why {
		return o
	}
	r.Why = o.Why
	if o.Since.After(r.Since) {
		r.Since = o.Since
	}
	return r
}

// Suppress lets the contact start where the suppression of its address says, and since
// when that says so: not since the contact was made, nor since its source knew it.
func (c *Contact) Suppress(r Remembered) (changed bool) {
	s := Scope{Channel: ByEmail}
	return r.Why != "" && (c.hear(s, r.Why.Consent(), Mark{Since: r.Since, Source: "suppression"}) || c.since(s, r.Why.Consent(), r.Since))
}

// since keeps the later date of two refusals of a scope, as a consent of before either
// lifts neither. A bounce is no wish: it dates none.
func (c *Contact) since(s Scope, said Consent, at time.Time) bool {
	st := c.Standing(s)
	if !said.Blocks() || !st.State.Blocks() || said == ConsentBounced && st.State != said || !at.After(st.Since) {
		return false
	}
	st.Since = at
	c.stand(s, st)
	return true
}

// Suppressed is why the contact takes no marketing mail; "" if it may be sent some.
func (c *Contact) Suppressed() Suppression { return suppressionOf(c.Consent) }

// Leaves is the suppression that the contact's addresses keep when it lets go of
// them, "" for none: with its lists goes what they alone had lifted.
func (c *Contact) Leaves() Remembered {
	refusal, since := c.Refused(Scope{Channel: ByEmail})
	return Remembered{suppressionOf(refusal), since}
}

func suppressionOf(c Consent) Suppression {
	switch c {
	case ConsentBounced:
		return SuppressedBounced
	case ConsentUnsubscribed:
		return SuppressedUnsubscribed
	case ConsentComplained:
		return SuppressedComplained
	}
	return ""
}

// Proof is the evidence of a consent that was given, asked for or taken back.
type Proof struct {
	How         string // form, order, import, api, member, link, one-click, provider, merge
	Source, By  string
	At          time.Time
	Address     string // the address or number that was used
	Page        string // where the form was filled in
	Text        string // what the person agreed to
	TextVersion int
	Language    string
	Network     string // the first part of the visitor's network address, never the whole
	Note        string
}

// ConsentChange is a scope whose consent differs.
type ConsentChange struct {
	Scope
	From, To Standing
}

// ConsentChanges are the consents in which two states of a contact differ.
func ConsentChanges(old, next *Contact) []ConsentChange {
	var out []ConsentChange
	scopes := make([]Scope, 0, len(ConsentChannels)+len(next.Subscriptions))
	for _, ch := range ConsentChannels {
		scopes = append(scopes, Scope{Channel: ch})
	}
	for _, s := range next.Subscriptions {
		scopes = append(scopes, Scope{s.Channel, s.List})
	}
	for _, s := range scopes {
		if from, to := old.Standing(s), next.Standing(s); from.State != to.State || from.Held != to.Held {
			out = append(out, ConsentChange{s, from, to})
		}
	}
	return out
}

// Entry is the row of evidence of a change: it holds all that there is to prove
// it with, and how it was before, so that it needs no other row to be read.
func (p Proof) Entry(ch ConsentChange) timeline.Activity {
	a := timeline.Activity{At: p.At, Kind: timeline.Consent, Source: p.Source, By: p.By, Ref: ch.List}
	add := func(name, text string) {
		if text != "" {
			a.Values = append(a.Values, timeline.Value{Name: name, Text: text})
		}
	}
	add("channel", string(ch.Channel))
	add("list", ch.List)
	add("from", string(ch.From.State))
	add("to", string(ch.To.State))
	add("from_held", string(ch.From.Held))
	add("held", string(ch.To.Held))
	if !ch.From.Since.IsZero() {
		add("from_since", ch.From.Since.Format(time.RFC3339))
	}
	add("from_source", ch.From.Source)
	add("since", ch.To.Since.Format(time.RFC3339))
	add("how", p.How)
	add("address", p.Address)
	add("page", p.Page)
	if p.Text != "" {
		sum := sha256.Sum256([]byte(p.Text))
		add("text", p.Text)
		add("text_sha256", hex.EncodeToString(sum[:]))
	}
	if p.TextVersion > 0 {
		add("text_version", strconv.Itoa(p.TextVersion))
	}
	add("language", p.Language)
	add("network", p.Network)
	add("note", p.Note)
	return a
}

// WithProof completes the activities of a change with rows of evidence for the
// consents that it changed without one: no path can change a consent and leave
// no trace. The store calls it with every change.
func WithProof(old, next *Contact, acts []timeline.Activity) []timeline.Activity {
	for _, ch := range ConsentChanges(old, next) {
		if !slices.ContainsFunc(acts, func(a timeline.Activity) bool { return proves(a, ch) }) {
			p := Proof{How: howOf(ch.To.Source), Source: ch.To.Source, At: next.UpdatedAt}
			if ch.Channel == ByEmail {
				p.Address = next.Email
			}
			if old.Version == 0 && p.Source == next.Origin.Source {
				p.By = next.Origin.By
			}
			for _, a := range acts { // who did the change did this
				if p.By == "" {
					p.By = a.By
				}
			}
			acts = append(acts[:len(acts):len(acts)], p.Entry(ch))
		}
	}
	return PackProofs(acts, maxProofs)
}

// Rows are the rows of evidence of all that differs between two states of a contact,
// lists that only the old one stands with too.
func (p Proof) Rows(old, next *Contact) (acts []timeline.Activity) {
	all := next.Clone()
	for _, l := range old.Subscriptions {
		if all.subscription(l.List) < 0 {
			all.stand(Scope{l.Channel, l.List}, Standing{State: ConsentNever})
		}
	}
	for _, ch := range ConsentChanges(old, &all) {
		if p.Address = ""; ch.Channel == ByEmail {
			p.Address = next.Email
		}
		acts = append(acts, p.Entry(ch))
	}
	return acts
}

// maxProofs is how many rows of evidence a change leaves at most, as a transaction
// takes only so many.
const maxProofs = 5

// PackProofs puts the rows of evidence of one change together where there are more
// than most of them: the values of the second and later ones stand under their number.
func PackProofs(acts []timeline.Activity, most int) []timeline.Activity {
	rows := 0
	for _, a := range acts {
		if a.Kind == timeline.Consent {
			rows++
		}
	}
	if rows <= most {
		return acts
	}
	type origin struct{ source, by string }
	at, held := map[origin]int{}, map[origin]int{}
	var out []timeline.Activity
	for _, a := range acts {
		from := origin{a.Source, a.By}
		i, ok := at[from]
		switch {
		case a.Kind != timeline.Consent:
			out = append(out, a)
		case !ok || a.Mail != nil && out[i].Mail != nil:
			at[from], held[from] = len(out), 1
			a.Values = slices.Clone(a.Values)
			out = append(out, a)
		default:
			held[from]++
			out[i].Values = numbered(out[i].Values, held[from], a)
			if a.Mail != nil {
				out[i].Mail = a.Mail
			}
		}
	}
	return out
}

// WithRows puts rows of evidence into the entry of what caused them all.
func WithRows(a timeline.Activity, rows []timeline.Activity) timeline.Activity {
	a.Values = slices.Clone(a.Values)
	for i, r := range rows {
		a.Values = numbered(a.Values, i+1, r)
	}
	return a
}

func numbered(values []timeline.Value, n int, row timeline.Activity) []timeline.Value {
	for _, v := range row.Values {
		values = append(values, timeline.Value{Name: strconv.Itoa(n) + "." + v.Name, Text: v.Text})
	}
	return values
}

// UnpackProofs gives the rows of evidence that an entry holds, each as it was before it
// was put there; all but its own have ids of their own.
func UnpackProofs(a timeline.Activity) (rows []timeline.Activity) {
	if a.Kind != timeline.Consent && a.Kind != timeline.Unmerge {
		return nil
	}
	last := 0
	add := func(n int, v timeline.Value) {
		if n != last {
			r := timeline.Activity{ID: a.ID, At: a.At, Kind: timeline.Consent, Source: a.Source, By: a.By}
			if n > 1 || a.Kind != timeline.Consent {
				r.ID += "_" + strconv.Itoa(n)
			}
			rows, last = append(rows, r), n
		}
		i := len(rows) - 1
		rows[i].Values = append(rows[i].Values, v)
		if v.Name == "list" {
			rows[i].Ref = v.Text
		}
	}
	for _, v := range a.Values {
		number, name, ok := strings.Cut(v.Name, ".")
		if n, err := strconv.Atoi(number); ok && err == nil {
			add(n, timeline.Value{Name: name, Text: v.Text})
		} else if a.Kind == timeline.Consent {
			add(1, v)
		}
	}
	return rows
}

func proves(a timeline.Activity, ch ConsentChange) bool {
	return a.Kind == timeline.Consent && a.Ref == ch.List && a.Value("channel") == string(ch.Channel) && a.Value("to") == string(ch.To.State) && a.Value("held") == string(ch.To.Held)
}

// howOf reads how a consent came from its source.
func howOf(source string) string {
	kind, _, _ := strings.Cut(source, ":")
	switch kind {
	case "form", "import", "api", "member", "link", "one-click", "provider", "suppression", "merge", "unmerge", "list":
		return kind
	case "":
		return "unknown"
	}
	return "order"
}

// refuseLift is the answer to a plain change that would lift a refusal.
func (c *Contact) refuseLift(to Consent, faults *crm.Faults) bool {
	refusal, _ := c.Refused(Scope{Channel: ByEmail})
	if refusal == "" || to == c.Consent || to.rank() >= refusal.rank() {
		return false
	}
	faults.Add("/consent", "this person is %s; only they can lift that. Ask them to confirm (POST …/subscriptions), or record a new consent with its evidence: how, when and the text they agreed to (POST …/consent)", refusal)
	return true
}
