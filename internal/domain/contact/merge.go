package contact

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// Limits of a merge. What it makes may be beyond the limits of what is typed by
// hand, as nothing is lost; these are where one transaction, one item or one
// reading of a timeline would end.
const (
	MaxMergeOthers  = 24                  // contacts that go into a primary at once
	MaxMerged       = 100                 // that ever went into one contact
	MaxMergedPhones = 50                  // besides phone and mobile
	MaxIdentities   = 90                  // addresses and external ids of one contact
	UndoFor         = 30 * 24 * time.Hour // how long a merge can be undone
)

// Merging is what a merge of contacts would come to.
type Merging struct {
	Result Contact
	// From tells by field whose value stands: the primary's or another's. Fields
	// that are joined (tags, further addresses, figures) and empty ones are not in it.
	From map[string]crm.ContactID
	// Differences are the values that do not stand and are only kept in the note.
	Differences []Difference
	Blockers    []Blocker // why it cannot be; empty: it can
	Changed     []string  // fields of the primary that the merge changes
}

// Difference is what a contact said of a field in which another value stands.
type Difference struct {
	Contact crm.ContactID
	Field   string
	Texts   map[string]string // by the names that SetText knows
}

// Blocker is one reason why contacts cannot be merged.
type Blocker struct {
	Code   BlockerCode
	Detail string // a sentence
}

// BlockerCode is what a program reads of a Blocker.
type BlockerCode string

const (
	TooManyPhones     BlockerCode = "too_many_phones"
	TooManyTags       BlockerCode = "too_many_tags"
	TooManyIdentities BlockerCode = "too_many_identities"
	TooManyMerged     BlockerCode = "too_many_merged"
	TooLargeToMerge   BlockerCode = "too_large"
)

// CheckMergeIDs finds the faults of what is asked to be merged.
func CheckMergeIDs(primary crm.ContactID, others []crm.ContactID) error {
	var f crm.Faults
	if n := len(others); n == 0 || n > MaxMergeOthers {
		f.Add("/others", "name the contacts that go into the primary, 1 to %d; these are %d", MaxMergeOthers, n)
	}
	for i, id := range others {
		at := "/others/" + strconv.Itoa(i)
		switch {
		case id == primary:
			f.Add(at, "this is the primary; it cannot go into itself")
		case slices.Contains(others[:i], id):
			f.Add(at, "this contact is named twice")
		}
	}
	return f.Err()
}

// Merge joins others into primary, so that nothing is lost:
//
//   - of each field the primary's value stands where it has one, else that of
//     the first other that has; half a name or address gives way to a whole one
//     that says the same and more;
//   - addresses, phones, external ids and tags join; figures add up, the first order is
//     the earliest and the last the latest;
//   - the furthest status stands, with who gave it; see furthest;
//   - of each channel and list the strictest consent stands: who left stays out;
//   - what was locked by hand stays locked, and offers join;
//   - the first group and the first picture in their order stand.
//
// What does not stand is in the note (Note).
func Merge(primary Contact, others []Contact, pol Policy, now time.Time) Merging {
	c := primary.Clone()
	c.UpdatedAt = now
	m := Merging{From: map[string]crm.ContactID{}}
	said := []*Details{&primary.Details}
	for j := range others {
		said = append(said, &others[j].Details)
	}
	all := unitsOf(said...)
	for i := range all {
		u := &all[i]
		if u.joins {
			continue
		}
		if u.strength(&c.Details) > 0 {
			m.From[u.name] = primary.ID
		}
		for j := range others {
			o := &others[j]
			if u.adopts(&c.Details, &o.Details) {
				u.copy(&c.Details, &o.Details)
				c.setStamp(u.name, o.stamp(u.name))
				c.decidedAs(o, u.name)
				m.From[u.name] = o.ID
			}
		}
		for j := range others {
			if o := &others[j]; u.strength(&o.Details) > 0 && !u.equal(&c.Details, &o.Details) {
				m.Differences = append(m.Differences, Difference{o.ID, u.name, u.texts(&o.Details)})
			}
		}
	}
	for j := range others { // once it is known which of them stand elsewhere
		c.joinPhones(&others[j].Details)
	}
	if primary.Email != "" {
		m.From["email"] = primary.ID
	}
	m.From["status"], m.From["consent"] = primary.ID, primary.ID
	if primary.Avatar != "" {
		m.From["avatar"] = primary.ID
	}
	for j := range others {
		m.join(&c, &others[j], pol)
	}
	c.Version++ // no version of any of them is met again under one of their ids
	c.keepLocked()
	m.Result = c
	m.Changed = changedBy(&primary, &c)
	m.block()
	return m
}

// join brings in what does not compete for one place.
func (m *Merging) join(c, o *Contact, pol Policy) {
	if c.Email == "" && o.Email != "" {
		c.Email = o.Email
		m.From["email"] = o.ID
	}
	for _, e := range append([]string{o.Email}, o.Emails...) {
		if e != "" && !c.HasEmail(e) {
			c.Emails = append(c.Emails, e)
		}
	}
	for _, x := range o.ExternalIDs {
		if !slices.Contains(c.ExternalIDs, x) {
			c.ExternalIDs = append(c.ExternalIDs, x)
		}
	}
	for _, t := range o.Tags {
		c.Tags = AddTag(c.Tags, t)
	}
	switch have, says := pol.furthest(c.Status), pol.furthest(o.Status); {
	case says > have:
		c.Status, c.StatusManual = o.Status, o.StatusManual
		m.From["status"] = o.ID
	case says == have:
		c.StatusManual = c.StatusManual || o.StatusManual
	}
	c.note(o.Firsts)
	if was := c.Consent; c.JoinConsents(o) && c.Consent != was {
		m.From["consent"] = o.ID
	}
	if c.Avatar == "" && o.Avatar != "" {
		c.Avatar = o.Avatar
		m.From["avatar"] = o.ID
	}
	c.Figures.Join(o.Figures)
	for _, a := range o.Open {
		c.Ask(a)
	}
	c.joinLock(o)
	c.Merged = append(append(c.Merged, o.ID), o.Merged...)
	c.Version = max(c.Version, o.Version)
}

// decidedAs takes over when a member chose what stands in a unit.
func (c *Contact) decidedAs(o *Contact, unit string) {
	delete(c.Decided, unit)
	if at, ok := o.Decided[unit]; ok {
		if c.Decided == nil {
			c.Decided = map[string]time.Time{}
		}
		c.Decided[unit] = at
	}
}

// joinPhones adds the numbers of another contact that this one lacks.
func (d *Details) joinPhones(o *Details) {
	for _, p := range append([]string{o.Phone, o.Mobile}, o.Phones...) {
		if p != "" && p != d.Phone && p != d.Mobile && !slices.Contains(d.Phones, p) {
			d.Phones = append(slices.Clone(d.Phones), p)
		}
	}
	slices.Sort(d.Phones)
}

// adopts reports whether a merge lets what src says of the unit stand: where dst
// says nothing, or a part of the same.
func (u *unit) adopts(dst, src *Details) bool {
	has, says := u.strength(dst), u.strength(src)
	if has >= says {
		return false
	}
	more := u.texts(src)
	for name, v := range u.texts(dst) {
		if !strings.EqualFold(v, more[name]) {
			return false
		}
	}
	return true
}

// texts are the fields of the unit that are not empty.
func (u *unit) texts(d *Details) map[string]string {
	var only Details
	u.copy(&only, d)
	return only.Texts()
}

// furthest ranks a status for a merge: lead, inactive, customer, VIP, then the
// site's own in its order; where the site's order places lead as well, by that
// order alone, inactive behind lead. A status that was deleted since comes first.
func (p Policy) furthest(s Status) int {
	order := p.StatusIDs()
	if !slices.ContainsFunc(p.Statuses, func(d StatusDef) bool { return d.ID == Lead }) {
		own := slices.DeleteFunc(order, func(s Status) bool { return slices.Contains(Statuses, s) })
		order = append(slices.Clone(Statuses), own...)
	}
	order = slices.DeleteFunc(order, func(s Status) bool { return s == Inactive })
	order = slices.Insert(order, slices.Index(order, Lead)+1, Inactive)
	return slices.Index(order, s)
}

// joinLock keeps what a member locked at either.
func (c *Contact) joinLock(o *Contact) {
	if o.Lock != nil {
		l := &Lock{At: o.Lock.At, By: o.Lock.By, Fields: maps.Clone(o.Lock.Fields)}
		if c.Lock != nil {
			if c.Lock.At.After(l.At) {
				l.At, l.By = c.Lock.At, c.Lock.By
			}
			if l.Fields == nil || c.Lock.Fields == nil {
				l.Fields = nil
			} else {
				maps.Copy(l.Fields, c.Lock.Fields)
			}
		}
		c.Lock = l
	}
	for _, name := range slices.Sorted(maps.Keys(o.Offers)) {
		have, ok := c.Offers[name]
		if offer := o.Offers[name]; !ok || offer.AsOf.compare(have.AsOf) > 0 {
			if c.Offers == nil {
				c.Offers = map[string]Offer{}
			}
			c.Offers[name] = offer
		}
	}
}

// keepLocked drops offers for what is not locked.
func (c *Contact) keepLocked() {
	maps.DeleteFunc(c.Offers, func(name string, _ Offer) bool { return !c.IsLocked(name) })
}

func (m *Merging) block() {
	add := func(code BlockerCode, detail string, have, limit int) {
		if have > limit {
			m.Blockers = append(m.Blockers, Blocker{code, "together they have " + strconv.Itoa(have) + " " + detail + "; a contact has at most " + strconv.Itoa(limit)})
		}
	}
	add(TooManyPhones, "further phones", len(m.Result.Phones), MaxMergedPhones)
	add(TooManyTags, "tags", len(m.Result.Tags), MaxTags)
	add(TooManyIdentities, "e-mail addresses and external ids", len(m.Result.Identities()), MaxIdentities)
	add(TooManyMerged, "contacts that were merged", len(m.Result.Merged), MaxMerged)
}

// changedBy names what differs, as Edit names it.
func changedBy(before, after *Contact) (changed []string) {
	all := unitsOf(&before.Details, &after.Details)
	for i := range all {
		if u := &all[i]; !u.equal(&before.Details, &after.Details) {
			changed = append(changed, u.name)
		}
	}
	note := func(name string, same bool) {
		if !same {
			changed = append(changed, name)
		}
	}
	note("email", before.Email == after.Email)
	note("emails", slices.Equal(before.Emails, after.Emails))
	note("external_ids", slices.Equal(before.ExternalIDs, after.ExternalIDs))
	note("status", before.Status == after.Status && before.StatusManual == after.StatusManual)
	note("tags", slices.Equal(before.Tags, after.Tags))
	note("consent", before.Consent == after.Consent)
	note("avatar", before.Avatar == after.Avatar)
	return changed
}

// MergeNote is the one entry of the timeline that tells of a merge: all that
// each of the others said, each value under "<id>.<field>". Its own id is that of
// the merge, so that undoing finds it.
func MergeNote(id string, m Merging, others []Contact, source, by string, now time.Time) timeline.Activity {
	a := timeline.Activity{ID: noteID(id), At: now, Kind: timeline.Merge, Source: source, By: by, Ref: id, Changed: m.Changed}
	for i := range others {
		o := &others[i]
		add := func(name string, v string) {
			if v != "" {
				a.Values = append(a.Values, timeline.Value{Name: string(o.ID) + "." + name, Text: v})
			}
		}
		add("email", o.Email)
		add("emails", strings.Join(o.Emails, ", "))
		add("external_ids", strings.Join(o.ExternalIDs, ", "))
		texts := o.Details.Texts()
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			add(name, texts[name])
		}
		add("status", string(o.Status))
		add("tags", strings.Join(o.Tags, ", "))
		add("consent", string(o.Consent))
		for _, ch := range ConsentChannels[1:] {
			if st := o.Standing(Scope{Channel: ch}).State; st != ConsentNever {
				add("consent."+string(ch), string(st))
			}
		}
		for _, l := range o.Subscriptions {
			add("list."+l.List, string(l.State))
		}
		add("orders_count", strconv.Itoa(o.Figures.Orders))
		add("origin", o.Origin.Source)
		add("created_at", o.CreatedAt.Format(time.RFC3339))
	}
	return a
}

func noteID(merge string) string { return strings.ToUpper(strings.TrimPrefix(merge, "mg_")) }

// PartedNote stands in the place of the MergeNote of a merge that was undone: what
// the others said is theirs again, and goes with them.
func (r MergeRecord) PartedNote() timeline.Activity {
	a := timeline.Activity{ID: noteID(r.ID), At: r.At, Kind: timeline.Merge, Source: r.Source, By: r.By, Ref: r.ID}
	for _, id := range r.Others {
		a.Values = append(a.Values, timeline.Value{Name: "other", Text: string(id)})
	}
	return a
}

// Unmerge takes a merge back. primary is the contact as it is now, before and
// after are what it was around the merge, others what went into it. What was
// changed at the primary since stays; what still is as the merge left it becomes
// as it was before. Figures are left to the store, which counts the orders.
// crm.Conflict if the primary would keep nothing that it is known by.
func Unmerge(primary, before, after Contact, others []Contact, now time.Time) (Contact, []Contact, error) {
	c := primary.Clone()
	c.UpdatedAt = now
	c.Version = primary.Version + 1
	c.Phones = slices.DeleteFunc(slices.Clone(c.Phones), func(p string) bool {
		return slices.Contains(after.Phones, p) && !slices.Contains(before.Phones, p)
	})
	said := []*Details{&c.Details, &before.Details, &after.Details}
	for _, o := range c.Offers {
		said = append(said, &o.Details)
	}
	all := unitsOf(said...)
	for i := range all {
		u := &all[i]
		if !u.joins && u.equal(&c.Details, &after.Details) && !u.equal(&after.Details, &before.Details) {
			u.copy(&c.Details, &before.Details)
			c.setStamp(u.name, before.stamp(u.name))
			c.decidedAs(&before, u.name)
		}
		if o, ok := c.Offers[u.name]; ok && u.sameOffer(o, after.Offers[u.name]) {
			delete(c.Offers, u.name)
			if was, ok := before.Offers[u.name]; ok {
				c.Offers[u.name] = was
			}
		}
	}
	c.giveBack(&before, others)
	c.Tags = slices.DeleteFunc(c.Tags, func(t string) bool { return tagIndex(after.Tags, t) >= 0 && tagIndex(before.Tags, t) < 0 })
	if c.Status == after.Status && c.StatusManual == after.StatusManual {
		c.Status, c.StatusManual = before.Status, before.StatusManual
	}
	if c.Avatar == after.Avatar {
		c.Avatar = before.Avatar
	}
	if sameLock(c.Lock, after.Lock) {
		c.Lock = before.Clone().Lock
	}
	c.keepLocked()
	for e, at := range after.Firsts {
		if now, ok := c.Firsts[e]; ok && now.Equal(at) {
			delete(c.Firsts, e)
			if was, ok := before.Firsts[e]; ok {
				c.Firsts[e] = was
			}
		}
	}
	c.Merged = slices.DeleteFunc(c.Merged, func(id crm.ContactID) bool {
		return slices.Contains(after.Merged, id) && !slices.Contains(before.Merged, id)
	})
	for i := range others {
		c.Open = slices.DeleteFunc(c.Open, func(a string) bool { return slices.Contains(others[i].Open, a) })
	}
	// An unsubscription since then was the person's, whichever contact that will be.
	left := ConsentChanges(&after, &primary)
	c.partConsents(&before, &after)
	if len(c.Identities()) == 0 && c.Phone == "" && c.Mobile == "" {
		return c, nil, crm.Errorf(crm.Conflict, "the primary would keep no e-mail address, phone number or external id; give it one of its own, then undo the merge")
	}
	restored := make([]Contact, len(others))
	for i := range others {
		o := others[i].Clone()
		o.Version, o.UpdatedAt = c.Version, now                                                              // beyond every version that was seen under its id
		o.Open = slices.DeleteFunc(o.Open, func(a string) bool { return !slices.Contains(primary.Open, a) }) // seen to since
		if o.Avatar == after.Avatar && primary.Avatar != after.Avatar {                                      // the file went when another was chosen
			o.Avatar = ""
		}
		for _, l := range left {
			if l.To.State.rank() > l.From.State.rank() && l.To.State.Blocks() && !after.wasAsked(l.Scope, l.To) {
				o.hear(l.Scope, l.To.State, l.To.Mark)
			}
		}
		for _, ch := range ConsentChannels { // and one that a list alone has lifted again
			was, then := after.Refused(Scope{Channel: ch})
			if is, since := primary.Refused(Scope{Channel: ch}); Strictest(was, is) != was || since.After(then) {
				o.hold(ch, &primary)
			}
		}
		restored[i] = o
	}
	return c, restored, nil
}

// giveBack takes the others' addresses and external ids off.
func (c *Contact) giveBack(before *Contact, others []Contact) {
	var theirs []crm.Identity
	for i := range others {
		theirs = append(theirs, others[i].Identities()...)
	}
	isTheirs := func(e string) bool { return slices.Contains(theirs, crm.EmailIdentity(e)) }
	c.Emails = slices.DeleteFunc(c.Emails, isTheirs)
	c.ExternalIDs = slices.DeleteFunc(c.ExternalIDs, func(x string) bool {
		return slices.Contains(theirs, crm.Identity{Kind: crm.ByExternal, Value: x})
	})
	if c.Email == "" || !isTheirs(c.Email) {
		return
	}
	c.Email = ""
	if len(c.Emails) == 0 {
		return
	}
	at := 0
	if before.Email != "" {
		at = max(0, slices.IndexFunc(c.Emails, func(e string) bool { return crm.EmailKey(e) == crm.EmailKey(before.Email) }))
	}
	c.Email = c.Emails[at]
	c.Emails = slices.Delete(c.Emails, at, at+1)
}

func (u *unit) sameOffer(a, b Offer) bool {
	return a.Source == b.Source && a.AsOf == b.AsOf && u.equal(&a.Details, &b.Details)
}

// Renew gives a contact that comes back from before a status that the site still
// has: what its members moved to, or else what the automation says.
func (c *Contact) Renew(pol Policy) {
	if slices.Contains(pol.StatusIDs(), c.Status) {
		return
	}
	if i := slices.IndexFunc(pol.Statuses, func(d StatusDef) bool { return d.ID == c.Status }); i >= 0 {
		c.Status = pol.Statuses[i].Into
		return
	}
	c.StatusManual = true
	c.GiveBack(pol)
}

func sameLock(a, b *Lock) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.At.Equal(b.At) && a.By == b.By && (a.Fields == nil) == (b.Fields == nil) && maps.Equal(a.Fields, b.Fields)
}

// MergeRecord is a merge that was done: all that anybody is told of it who does
// not read the timeline.
type MergeRecord struct {
	ID       string // "mg_…"
	Primary  crm.ContactID
	Others   []crm.ContactID
	Source   string
	By       string
	At       time.Time
	Until    time.Time // when it can no longer be undone
	UndoneAt time.Time // zero: it stands
	UndoneBy string
}

// MergeOrder is what somebody asks to be merged.
type MergeOrder struct {
	Primary crm.ContactID
	Others  []crm.ContactID
	Source  string
	By      string
	At      time.Time
	Once    *Once
	// Check sees the contacts as they are, the primary first, and may refuse.
	Check func([]Contact) error
}
