package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

var _ contact.Book = (*Book)(nil)

func notFound() error {
	return crm.Errorf(crm.NotFound, "there is no such contact on this site")
}

// slotItem reads a slot; nil if nothing is there.
func (b *Book) slotItem(ctx context.Context, id crm.ContactID) (item, error) {
	if !id.Valid() {
		return nil, nil
	}
	return b.t.get(ctx, b.site.ID, slotKey(&b.site, id))
}

// lives is the contact in the slot of the id; ok is false where none lives.
func (b *Book) lives(ctx context.Context, id crm.ContactID) (contact.Contact, bool, error) {
	it, err := b.slotItem(ctx, id)
	if err != nil {
		return contact.Contact{}, false, err
	}
	return contactOf(it)
}

// Get implements contact.Book.
func (b *Book) Get(ctx context.Context, id crm.ContactID) (contact.Contact, error) {
	it, err := b.reach(ctx, id)
	if err != nil {
		return contact.Contact{}, err
	}
	if number(it, "sweep") != 0 { // a deletion that was cut off
		if err := b.sweep(ctx, crm.ContactID(text(it, "SK")), time.Unix(number(it, "gone"), 0)); err != nil {
			return contact.Contact{}, err
		}
		return contact.Contact{}, notFound()
	}
	c, ok, err := contactOf(it)
	if err == nil && !ok {
		err = notFound()
	}
	return c, err
}

// reach reads the slot that an id leads to: its own, or that of the contact which
// the one that lived there was merged into; nil if there is none. Between the
// reads of a chain a merge may be done or undone, so its end must know the id.
func (b *Book) reach(ctx context.Context, id crm.ContactID) (item, error) {
	ended := "" // the slot that the last try ended in, where nobody lives
	for try := 1; try <= maxTries; try++ {
		it, err := b.slotItem(ctx, id)
		if err != nil || text(it, "merged") == "" {
			return it, err
		}
		for hop := 0; hop <= contact.MaxMerged && text(it, "merged") != ""; hop++ {
			if it, err = b.slotItem(ctx, crm.ContactID(text(it, "merged"))); err != nil {
				return nil, err
			}
		}
		c, ok, err := contactOf(it)
		if err != nil || ok && slices.Contains(c.Merged, id) {
			return it, err
		}
		// Who is dead stays dead, and what went into it stays there: that the same end
		// is met twice says that nobody got away in between.
		if sk := text(it, "SK"); !ok && number(it, "gone") != 0 {
			if sk == ended {
				return it, nil
			}
			ended = sk
			continue
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
	return nil, busy()
}

// Find implements contact.Book.
func (b *Book) Find(ctx context.Context, identity crm.Identity) (contact.Contact, error) {
	for try := 1; try <= maxTries; try++ {
		it, err := b.slotItem(ctx, identity.Slot(b.site.Secret))
		if err != nil {
			return contact.Contact{}, err
		}
		if text(it, "owner") == "" {
			return contact.Contact{}, notFound()
		}
		c, ok, err := b.answers(ctx, identity, it)
		if err != nil || ok {
			return c, err
		}
		// The identity went to another contact between the two reads.
		if err := pause(ctx, try); err != nil {
			return contact.Contact{}, err
		}
	}
	return contact.Contact{}, busy()
}

// answers is the contact that answers to an identity, by its slot as it was read;
// not ok where that has changed meanwhile.
func (b *Book) answers(ctx context.Context, identity crm.Identity, it item) (c contact.Contact, ok bool, err error) {
	owner := crm.ContactID(text(it, "owner"))
	if owner == "" {
		return c, false, nil
	}
	if string(owner) == text(it, "SK") {
		return contactOf(it)
	}
	c, ok, err = b.lives(ctx, owner)
	return c, ok && slices.Contains(c.Identities(), identity), err
}

// slots reads the slots of identities; the n-th is nil if nothing is there.
func (b *Book) slots(ctx context.Context, ids []crm.Identity) ([]item, error) {
	if len(ids) == 1 {
		it, err := b.slotItem(ctx, ids[0].Slot(b.site.Secret))
		return []item{it}, err
	}
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = slotKey(&b.site, id.Slot(b.site.Secret))
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	out := make([]item, len(ids))
	for i, k := range keys {
		out[i] = found[mapKey(k)]
	}
	return out, nil
}

// Create implements contact.Book.
func (b *Book) Create(ctx context.Context, c contact.Contact, once *contact.Once, acts ...timeline.Activity) (contact.Contact, bool, error) {
	known := suppressions{}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return c, false, err
			}
		}
		c.Suppress(b.suppressedBy(known, c.Identities()))
		writes, err := b.birth(&c, try > 1, acts, known)
		if err != nil {
			return c, false, err
		}
		err = b.t.commit(ctx, b.site.ID, b.with(once, string(c.ID), writes...)...)
		var l *lost
		if !errors.As(err, &l) {
			return c, false, err
		}
		if first, ok, err := b.replay(ctx, once); err != nil {
			return c, false, err
		} else if ok {
			return first[0], true, nil
		}
		holder, err := b.look(ctx, c.Identities(), known)
		if err != nil {
			return c, false, err
		}
		if holder != "" {
			return c, false, taken(holder)
		}
		// A slot that is lived in or was, but has no owner: again with a random id.
	}
	return c, false, busy()
}

// taken is the refusal of an identity that a contact of this site has.
func taken(holder crm.ContactID) error {
	return &crm.Error{Code: crm.Conflict, Holder: holder,
		Detail: "another contact of this site has this e-mail address or external id; change that one, or give another address"}
}

// holder is the first contact that answers to one of the identities, "" if none does.
func (b *Book) holder(ctx context.Context, ids []crm.Identity) (crm.ContactID, error) {
	return b.look(ctx, ids, suppressions{})
}

// look is holder, and notes what the slots remember.
func (b *Book) look(ctx context.Context, ids []crm.Identity, known suppressions) (crm.ContactID, error) {
	if len(ids) == 0 {
		return "", nil
	}
	slots, err := b.slots(ctx, ids)
	if err != nil {
		return "", err
	}
	for _, it := range slots {
		known.note(it)
	}
	for i, it := range slots {
		if c, ok, err := b.answers(ctx, ids[i], it); err != nil || ok {
			return c.ID, err
		}
	}
	return "", nil
}

// birth gives a new contact its id and makes the writes that store it: in the
// slot of its first identity, or in a random one where that slot is known to be
// lived in or where there is no identity. known is what the slots remember.
// A consent that comes with an import has its evidence in the contact itself.
func (b *Book) birth(c *contact.Contact, random bool, acts []timeline.Activity, known suppressions) ([]types.TransactWriteItem, error) {
	ids := c.Identities()
	random = random || len(ids) == 0
	if random {
		var r [16]byte
		if _, err := rand.Read(r[:]); err != nil {
			return nil, err
		}
		c.ID = crm.NewContactID(r)
	} else {
		c.ID = ids[0].Slot(b.site.Secret)
		ids = ids[1:]
	}
	c.Version = 1
	first, err := b.putNew(c, !random)
	if err != nil {
		return nil, err
	}
	writes := []types.TransactWriteItem{first}
	for _, id := range ids {
		slot := id.Slot(b.site.Secret)
		writes = append(writes, b.claim(slot, c.ID, known[slot].Why))
	}
	if c.Import == nil || !c.Import.Created {
		acts = contact.WithProof(&contact.Contact{}, c, acts)
	}
	return b.withActivities(writes, c.ID, acts)
}

// succession makes the writes that turn the stored contact into the next one.
func (b *Book) succession(ctx context.Context, old, next *contact.Contact, acts []timeline.Activity, known suppressions) ([]types.TransactWriteItem, error) {
	next.Version = old.Version + 1
	if !next.UpdatedAt.After(old.UpdatedAt) { // lists never show a change as older than the one before
		next.UpdatedAt = old.UpdatedAt.Add(time.Microsecond)
	}
	home, writes := homeKeeps, []types.TransactWriteItem{{}}
	had, has := old.Identities(), next.Identities()
	var lost []crm.Identity
	for _, id := range had {
		if !slices.Contains(has, id) {
			if id.Slot(b.site.Secret) == next.ID {
				home = homeReleases
			} else {
				lost = append(lost, id)
			}
		}
	}
	for _, id := range has {
		if !slices.Contains(had, id) {
			if slot := id.Slot(b.site.Secret); slot == next.ID {
				home = homeClaims
			} else {
				writes = append(writes, b.claim(slot, next.ID, known[slot].Why))
			}
		}
	}
	if len(lost) > 0 {
		stored, err := b.slots(ctx, lost)
		if err != nil {
			return nil, err
		}
		for i, id := range lost {
			writes = append(writes, b.release(id, next.ID, stored[i], old.Leaves()))
		}
	}
	body, err := b.putBody(next, old.Version, home, known[next.ID].Why)
	if err != nil {
		return nil, err
	}
	if sup := old.Leaves(); home == homeReleases && sup.Why != "" && b.atHomeByEmail(old) {
		remember(body.Update, sup)
	}
	if lifted(old, next) {
		kept := slices.DeleteFunc(slices.Clone(has), func(i crm.Identity) bool { return !slices.Contains(had, i) })
		more, own := b.lifts(next, kept)
		writes = append(writes, more...)
		if own {
			forget(body.Update)
		}
	}
	writes[0] = body
	return b.withActivities(writes, next.ID, contact.WithProof(old, next, acts))
}

// Change implements contact.Book.
func (b *Book) Change(ctx context.Context, id crm.ContactID, now time.Time, rule contact.Rule) (contact.Contact, error) {
	return b.changeWith(ctx, id, now, func(_, next *contact.Contact) ([]timeline.Activity, []types.TransactWriteItem, error) {
		acts, err := rule(next)
		return acts, nil, err
	})
}

// changeWith is Change with a rule that also makes writes of its own, for the same transaction.
func (b *Book) changeWith(ctx context.Context, id crm.ContactID, now time.Time,
	rule func(old, next *contact.Contact) ([]timeline.Activity, []types.TransactWriteItem, error)) (contact.Contact, error) {
	known := suppressions{}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.Contact{}, err
			}
		}
		old, err := b.Get(ctx, id)
		if err != nil {
			return old, err
		}
		next := old.Clone()
		next.UpdatedAt = now
		if err := b.forget(ctx, &next, now); err != nil {
			return old, err
		}
		acts, own, err := rule(&old, &next)
		if errors.Is(err, contact.ErrUnchanged) {
			return old, nil
		}
		if err != nil {
			return old, err
		}
		gained := slices.DeleteFunc(next.Identities(), func(i crm.Identity) bool { return slices.Contains(old.Identities(), i) })
		next.Suppress(b.suppressedBy(known, gained))
		writes, err := b.succession(ctx, &old, &next, acts, known)
		if err != nil {
			return old, err
		}
		writes = append(writes, own...)
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !errors.As(err, &l) {
			return next, err
		}
		if toldBefore(writes, l) {
			return old, nil
		}
		if at, failed := l.items[0]; failed && number(at, "v") != old.Version {
			continue // another writer came between
		}
		// The contact is as it was read: an identity it wants is somebody else's.
		if holder, err := b.look(ctx, gained, known); err != nil {
			return old, err
		} else if holder != "" && holder != next.ID {
			return old, taken(holder)
		}
	}
	return contact.Contact{}, busy()
}

// toldBefore reports whether the activity of a change is there already: the
// change was made before.
func toldBefore(writes []types.TransactWriteItem, l *lost) bool {
	for i := range l.items {
		if w := writes[i].Put; w != nil && text(w.Item, "t") == "activity" {
			return true
		}
	}
	return false
}

// Upsert implements contact.Book.
func (b *Book) Upsert(ctx context.Context, f contact.Facts, now time.Time, rule contact.FactsRule) (contact.Contact, bool, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.Contact{}, false, err
			}
		}
		m, err := b.match(ctx, f)
		if err != nil {
			return contact.Contact{}, false, err
		}
		c, created, err := b.bring(ctx, m, now, rule, nil)
		var l *lost
		if !errors.As(err, &l) {
			return c, created, err
		}
	}
	return contact.Contact{}, false, busy()
}

// match is who the facts are about.
type match struct {
	facts  contact.Facts   // without the identities that others hold
	known  contact.Contact // where found
	found  bool
	sups   suppressions
	random bool // nobody answers to the founding identity, yet its slot is or was lived in
	// order is the contact id that the order is kept under, where that is another than
	// the contact's own: one that was merged into it. The order's entry stands there too.
	order crm.ContactID
}

// match looks the facts' identities up. The strongest that somebody answers to
// decides; what others hold of the rest is left with them.
func (b *Book) match(ctx context.Context, f contact.Facts) (match, error) {
	m := match{facts: f, sups: suppressions{}}
	ids := f.Identities()
	if len(ids) == 0 {
		m.random = true
		return m, nil
	}
	slots, err := b.slots(ctx, ids)
	if err != nil {
		return m, err
	}
	m.random = slots[0] != nil
	for i, it := range slots {
		c, ok, err := b.answers(ctx, ids[i], it)
		if err != nil {
			return m, err
		}
		m.sups.note(it)
		switch {
		case !ok:
			if r := rememberedBy(it); r.Why != "" && ids[i].Kind == crm.ByEmail {
				if m.facts.Suppressed == nil {
					m.facts.Suppressed = map[string]contact.Remembered{}
				}
				m.facts.Suppressed[ids[i].Value] = r
			}
		case !m.found:
			m.known, m.found = c, true
		case c.ID != m.known.ID:
			m.facts.Drop(ids[i])
		}
	}
	return m, nil
}

// bring applies a rule to the contact of a match, known or new, and stores it
// with extra writes in one transaction. *lost if another writer came between.
func (b *Book) bring(ctx context.Context, m match, now time.Time, rule contact.FactsRule, extra func(crm.ContactID) []types.TransactWriteItem) (contact.Contact, bool, error) {
	next := contact.New(m.facts, now)
	if m.found {
		next = m.known.Clone()
		next.UpdatedAt = now
		if err := b.forget(ctx, &next, now); err != nil {
			return m.known, false, err
		}
	}
	acts, err := rule(&next, m.facts, !m.found)
	if errors.Is(err, contact.ErrUnchanged) {
		return m.known, false, nil
	}
	if err != nil {
		return m.known, false, err
	}
	var writes, entry []types.TransactWriteItem
	if m.order != "" {
		if entry, acts, err = b.orderEntry(m.order, acts); err != nil {
			return m.known, false, err
		}
	}
	if m.found {
		writes, err = b.succession(ctx, &m.known, &next, acts, m.sups)
	} else {
		writes, err = b.birth(&next, m.random, acts, m.sups)
	}
	if err != nil {
		return m.known, false, err
	}
	writes = append(writes, entry...)
	if extra != nil {
		writes = append(writes, extra(next.ID)...)
	}
	if err := b.t.commit(ctx, b.site.ID, writes...); err != nil {
		return m.known, false, err
	}
	return next, !m.found, nil
}

// List implements contact.Book.
func (b *Book) List(ctx context.Context, limit int, after string) ([]contact.Row, string, error) {
	pages := make([][]item, b.site.Shards)
	g, gctx := errgroup.WithContext(ctx)
	for shard := range pages {
		g.Go(func() (err error) {
			q := query{pk: shardPK(b.site.ID, shard), index: indexByUpdated}
			if after != "" {
				q.cond, q.values = "AND rev < :after", item{":after": str(after)}
			}
			pages[shard], err = b.t.queryPage(gctx, b.site.ID, q, limit)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, "", err
	}
	all := slices.Concat(pages...)
	slices.SortFunc(all, func(x, y item) int { return strings.Compare(text(y, "rev"), text(x, "rev")) })
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = text(all[limit-1], "rev")
	}
	rows := make([]contact.Row, len(all))
	for i, it := range all {
		r, err := rowOf(it)
		if err != nil {
			return nil, "", err
		}
		rows[i] = r
	}
	return rows, next, nil
}
