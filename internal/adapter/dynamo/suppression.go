package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// The suppression list is no items of its own: an address has a slot, whose key
// is an HMAC, so the slot remembers with sup (why) and supat (since when) what is to outlive
// the contact. While a contact answers to the address its own consent says all;
// sup is set when it lets go of the address, and stands for as long as nobody
// lifts it. A tombstone with sup does not expire.
//
// A write that gives an address to a contact has the condition that its slot has
// no sup, or the one that was read: so nobody is made without knowing it, and
// nothing is read for it that was not read before.

// suppressions are what slots were read to remember, by slot.
type suppressions map[crm.ContactID]contact.Remembered

func (s suppressions) note(it item) {
	if r := rememberedBy(it); r.Why != "" {
		s[crm.ContactID(text(it, "SK"))] = r
	}
}

// suppressedBy is what the slots of addresses remember that a contact has or gains.
func (b *Book) suppressedBy(known suppressions, ids []crm.Identity) (out contact.Remembered) {
	for _, id := range ids {
		if id.Kind == crm.ByEmail {
			out = out.With(known[id.Slot(b.site.Secret)])
		}
	}
	return out
}

// lifts are the writes by which the addresses of a contact that may be written
// to again are no longer suppressed; home is whether its own slot is one of them.
func (b *Book) lifts(c *contact.Contact, kept []crm.Identity) (writes []types.TransactWriteItem, home bool) {
	for _, id := range kept {
		slot := id.Slot(b.site.Secret)
		switch {
		case id.Kind != crm.ByEmail:
		case slot == c.ID:
			home = true
		default:
			writes = append(writes, types.TransactWriteItem{Update: &types.Update{
				TableName: b.t.name, Key: slotKey(&b.site, slot),
				UpdateExpression: ptr("REMOVE sup, supat"), ConditionExpression: ptr("#o = :me"),
				ExpressionAttributeNames:  map[string]string{"#o": "owner"},
				ExpressionAttributeValues: item{":me": str(string(c.ID))},
			}})
		}
	}
	return writes, home
}

// lifted reports whether a change opens e-mail to somebody who had refused it.
func lifted(old, next *contact.Contact) bool {
	return old.Leaves().Why != "" && next.Leaves().Why == ""
}

// rememberedBy is what a slot remembers.
func rememberedBy(it item) contact.Remembered {
	r := contact.Remembered{Why: contact.Suppression(text(it, "sup"))}
	if at := number(it, "supat"); at > 1e14 {
		r.Since = time.UnixMicro(at).UTC()
	} else if at != 0 { // in seconds, as once written
		r.Since = time.Unix(at, 0).UTC()
	}
	return r
}

// leaving is what a slot is to remember when a contact lets go of it; false if it does already.
func leaving(stored item, leaves contact.Remembered) (contact.Remembered, bool) {
	was := rememberedBy(stored)
	next := was.With(leaves)
	return next, next != was
}

// remember lets a write note a suppression in its slot; forget takes it away.
func remember(u *types.Update, r contact.Remembered) {
	expr := *u.UpdateExpression
	if set, ok := strings.CutPrefix(expr, "SET "); ok {
		expr = "SET sup = :sup, supat = :supat, " + set
	} else {
		expr = "SET sup = :sup, supat = :supat " + expr
	}
	u.UpdateExpression = &expr
	u.ExpressionAttributeValues[":sup"], u.ExpressionAttributeValues[":supat"] = str(string(r.Why)), num(micros(r.Since))
}

func forget(u *types.Update) {
	expr := *u.UpdateExpression
	if strings.Contains(expr, " REMOVE ") {
		expr = strings.Replace(expr, " REMOVE ", " REMOVE sup, supat, ", 1)
	} else {
		expr += " REMOVE sup, supat"
	}
	u.UpdateExpression = &expr
}

// atHomeByEmail reports whether the contact's own slot is that of an address of it.
func (b *Book) atHomeByEmail(c *contact.Contact) bool {
	return slices.ContainsFunc(c.Identities(), func(i crm.Identity) bool {
		return i.Kind == crm.ByEmail && i.Slot(b.site.Secret) == c.ID
	})
}

// Suppress implements consent.Book.
func (b *Book) Suppress(ctx context.Context, address string, why contact.Suppression, now time.Time) error {
	return b.SuppressSlot(ctx, crm.EmailIdentity(address).Slot(b.site.Secret), why, now)
}

// SlotRemembers implements consent.Book.
func (b *Book) SlotRemembers(ctx context.Context, slot crm.ContactID) (contact.Suppression, error) {
	it, err := b.slotItem(ctx, slot)
	if err != nil || text(it, "owner") != "" {
		return "", err
	}
	return rememberedBy(it).Why, nil
}

// SuppressSlot implements consent.Book.
func (b *Book) SuppressSlot(ctx context.Context, slot crm.ContactID, why contact.Suppression, now time.Time) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		it, err := b.slotItem(ctx, slot)
		if err != nil {
			return err
		}
		if text(it, "owner") != "" {
			if _, err := b.AtSlot(ctx, slot); err == nil {
				return crm.Errorf(crm.Conflict, "a contact of this site has this address; change its consent instead")
			} else if crm.CodeOf(err) != crm.NotFound {
				return err
			}
		}
		was := rememberedBy(it)
		next := was.With(contact.Remembered{Why: why, Since: now})
		if next.Why == was.Why {
			return nil
		}
		u := &types.Update{
			TableName: b.t.name, Key: slotKey(&b.site, slot),
			UpdateExpression:          ptr("SET sup = :sup, supat = :at, t = :t, sv = :sv REMOVE #ttl"),
			ConditionExpression:       ptr("attribute_not_exists(#o) AND attribute_not_exists(sup)"),
			ExpressionAttributeNames:  map[string]string{"#o": "owner", "#ttl": "ttl"},
			ExpressionAttributeValues: item{":sup": str(string(next.Why)), ":at": num(micros(next.Since)), ":t": str("slot"), ":sv": num(schemaVersion)},
		}
		if was.Why != "" {
			u.ConditionExpression = ptr("attribute_not_exists(#o) AND sup = :was")
			u.ExpressionAttributeValues[":was"] = str(string(was.Why))
		}
		err = b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: u})
		var l *lost
		if !asLost(err, &l) {
			return err
		}
	}
	return busy()
}

// Suppressions implements consent.Book.
func (b *Book) Suppressions(ctx context.Context, addresses []string) ([]consent.Suppressed, error) {
	out := make([]consent.Suppressed, len(addresses))
	ids := make([]crm.Identity, 0, len(addresses))
	at := map[crm.ContactID][]int{}
	for i, a := range addresses {
		id := crm.EmailIdentity(a)
		slot := id.Slot(b.site.Secret)
		if at[slot] == nil {
			ids = append(ids, id)
		}
		at[slot] = append(at[slot], i)
		out[i].Hash = string(slot)
	}
	if len(ids) == 0 {
		return out, nil
	}
	slots, err := b.slots(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, it := range slots {
		s := suppressedOf(it)
		c, lives, err := b.answers(ctx, ids[i], it)
		if err != nil {
			return nil, err
		}
		if lives { // it says all there is to say, and since when
			s = consent.Suppressed{Reason: c.Suppressed(), At: c.Standing(contact.Scope{Channel: contact.ByEmail}).Since, Contact: c.ID}
		}
		for _, n := range at[ids[i].Slot(b.site.Secret)] {
			s.Hash = out[n].Hash
			out[n] = s
		}
	}
	return out, nil
}

func suppressedOf(it item) consent.Suppressed {
	r := rememberedBy(it)
	return consent.Suppressed{Hash: text(it, "SK"), Reason: r.Why, At: r.Since}
}

// ListSuppressed implements consent.Book: shard after shard, in the order of the
// hashes. It reads the slots of a shard, so a page may have fewer rows than asked for.
func (b *Book) ListSuppressed(ctx context.Context, limit int, after string) (out []consent.Suppressed, next string, err error) {
	shard, last := 0, ""
	if number, rest, ok := strings.Cut(after, " "); ok {
		if shard, err = strconv.Atoi(number); err != nil || shard < 0 {
			return nil, "", crm.Errorf(crm.Invalid, "this is no position in the list")
		}
		last = rest
	}
	for pages := 0; shard < b.site.Shards; pages++ {
		if pages == 20 || len(out) >= limit {
			return out, fmt.Sprintf("%d %s", shard, last), nil
		}
		q := query{pk: shardPK(b.site.ID, shard), forward: true}
		if last != "" {
			q.cond, q.values = "AND SK > :last", item{":last": str(last)}
		}
		items, more, err := b.t.query(ctx, b.site.ID, q)
		if err != nil {
			return nil, "", err
		}
		for i, it := range items {
			last = text(it, "SK")
			if text(it, "sup") != "" && text(it, "owner") == "" {
				out = append(out, suppressedOf(it))
			}
			if len(out) >= limit && (i+1 < len(items) || more != nil) {
				return out, fmt.Sprintf("%d %s", shard, last), nil
			}
		}
		if more == nil {
			shard, last = shard+1, ""
		}
	}
	return out, "", nil
}

// forget drops from a contact that was just read the newsletter lists that the site
// has deleted, so that they cost and count nowhere. Whether a list that the book
// does not know is deleted or new, only the settings tell as they are after that reading;
// none that is gone comes back.
func (b *Book) forget(ctx context.Context, c *contact.Contact, now time.Time) error {
	if len(c.Subscriptions) == 0 {
		return nil
	}
	lists := c.Unknown(b.site.Policy())
	if len(lists) == 0 {
		return nil
	}
	name := func(list string) string { return string(b.site.ID) + " " + list }
	if slices.ContainsFunc(lists, func(l string) bool { _, known := b.t.gone.Load(name(l)); return !known }) {
		s, err := b.t.ByID(ctx, b.site.ID)
		if crm.CodeOf(err) == crm.NotFound {
			return nil // it is being removed
		}
		if err != nil {
			return err
		}
		lists = c.Unknown(s.Policy())
		for _, l := range lists {
			b.t.gone.Store(name(l), true)
		}
	}
	c.Forget(lists, now)
	return nil
}

// AtSlot implements consent.Book.
func (b *Book) AtSlot(ctx context.Context, slot crm.ContactID) (contact.Contact, error) {
	it, err := b.slotItem(ctx, slot)
	if err != nil {
		return contact.Contact{}, err
	}
	var c contact.Contact
	ok := false
	if owner := crm.ContactID(text(it, "owner")); owner == slot {
		c, ok, err = contactOf(it)
	} else if owner != "" {
		c, ok, err = b.lives(ctx, owner)
	}
	if err == nil && (!ok || !slices.ContainsFunc(c.Identities(), func(i crm.Identity) bool { return i.Slot(b.site.Secret) == slot })) {
		err = notFound()
	}
	return c, err
}
