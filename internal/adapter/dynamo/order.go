package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/timeline"
)

var _ order.Book = (*Book)(nil)

// An order lives beside its contact's activities; a slot of its own says whose
// it is, so that a later version finds it although its address has changed.
// The slot of an order that was deleted before it arrived has a stub: when.

func asLost(err error, l **lost) bool { return errors.As(err, l) }

// kept is how one kind of thing that shops tell of is kept with its contact: orders,
// and dealings (payments, invoices, appointments).
type kept[T any] struct {
	kind      string
	key       func(of crm.ContactID, ref string) item
	ref       func(T) string
	slot      func(T) crm.ContactID
	entry     func(T) string // the id of its entry in the timeline; "" without one
	merge     func(stored, v T) (_ T, changed bool)
	anonymous func(T) T
	early     func(pointer item, v T) *T // what its slot says of it before it came, nil if nothing
}

// delivered is the rule of one delivered version.
type delivered[T any] func(c *contact.Contact, f contact.Facts, created bool, stored *T) (T, []timeline.Activity, error)

func (b *Book) orders() kept[order.Order] {
	return kept[order.Order]{
		kind: "order", ref: order.Order.Ref, merge: order.Merge, anonymous: order.Order.Anonymous,
		key:  func(of crm.ContactID, ref string) item { return orderKey(b.site.ID, of, ref) },
		slot: func(o order.Order) crm.ContactID { return o.Identity().Slot(b.site.Secret) },
		entry: func(o order.Order) string {
			if o.Stub {
				return ""
			}
			return o.EntryID()
		},
		early: func(pointer item, o order.Order) *order.Order {
			if at := number(pointer, "stub"); at != 0 {
				return &order.Order{Source: o.Source, ExternalID: o.ExternalID, Stub: true, DeletedAt: fromMicros(at)}
			}
			return nil
		},
	}
}

// Attach implements order.Book.
func (b *Book) Attach(ctx context.Context, o order.Order, f contact.Facts, now time.Time, rule order.Rule) (contact.Contact, error) {
	return attach(ctx, b, b.orders(), o, f, now, func(c *contact.Contact, f contact.Facts, created bool, stored *order.Order) (order.Order, []timeline.Activity, error) {
		return rule(c, f, created, stored, func() (contact.Figures, error) { return b.sumWithout(ctx, c, o.Ref()) })
	})
}

// attach brings a delivered version to the contact that the thing is of already, else to
// the one that the facts name, else to a new one.
func attach[T any](ctx context.Context, b *Book, k kept[T], v T, f contact.Facts, now time.Time, rule delivered[T]) (contact.Contact, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.Contact{}, err
			}
		}
		c, err := attachOnce(ctx, b, k, v, f, now, rule)
		var l *lost
		if !asLost(err, &l) {
			return c, err
		}
	}
	return contact.Contact{}, busy()
}

func attachOnce[T any](ctx context.Context, b *Book, k kept[T], v T, f contact.Facts, now time.Time, rule delivered[T]) (contact.Contact, error) {
	slot := k.slot(v)
	pointer, err := b.slotItem(ctx, slot)
	if err != nil {
		return contact.Contact{}, err
	}
	m, p, err := placeOf(ctx, b, k, pointer, v, f)
	if err != nil {
		return contact.Contact{}, err
	}
	if p.orphan { // its contact was deleted: it is brought up to date without whose it was
		merged, changed := k.merge(*p.stored, k.anonymous(v))
		if !changed {
			return contact.Contact{}, nil
		}
		w, err := keep(b, k, p.holder, merged, p.item)
		if err != nil {
			return contact.Contact{}, err
		}
		return contact.Contact{}, b.t.commit(ctx, b.site.ID, w)
	}
	var merged T
	var packErr error
	c, _, err := b.bring(ctx, m, now, func(c *contact.Contact, f contact.Facts, created bool) (acts []timeline.Activity, err error) {
		merged, acts, err = rule(c, f, created, p.stored)
		return acts, err
	}, func(id crm.ContactID) []types.TransactWriteItem {
		var writes []types.TransactWriteItem
		if p.item != nil {
			id = p.holder // also where its contact was merged into another
		} else {
			writes = append(writes, b.claimOrder(slot, id, pointer))
		}
		if p.stored != nil { // the shop moved its moment: its entry moves along
			if was, is := k.entry(*p.stored), k.entry(merged); was != "" && is != "" && was != is {
				writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: key(activityPK(b.site.ID, id), was)}})
			}
		}
		w, err := keep(b, k, id, merged, p.item)
		packErr = err
		return append(writes, w)
	})
	if packErr != nil {
		err = packErr
	}
	return c, err
}

// place is where an order or a dealing is kept.
type place[T any] struct {
	item   item // as read; nil for a new one
	stored *T   // nil for one not seen yet
	holder crm.ContactID
	orphan bool // its contact was deleted
}

func placeOf[T any](ctx context.Context, b *Book, k kept[T], pointer item, v T, f contact.Facts) (match, place[T], error) {
	p := place[T]{holder: crm.ContactID(text(pointer, "owner"))}
	if p.holder == "" {
		p.stored = k.early(pointer, v)
		m, err := b.match(ctx, f)
		return m, p, err
	}
	var err error
	if p.item, err = b.t.get(ctx, b.site.ID, k.key(p.holder, k.ref(v))); err != nil {
		return match{}, p, err
	}
	if p.item == nil {
		return match{}, p, fmt.Errorf("the %s in slot %s is not with its contact", k.kind, text(pointer, "SK"))
	}
	stored, err := k.unpack(p.item)
	if err != nil {
		return match{}, p, err
	}
	p.stored = &stored
	m, ok, err := b.matchHeld(ctx, p.holder, f)
	p.orphan = err == nil && !ok
	return m, p, err
}

func (k kept[T]) unpack(it item) (v T, err error) {
	if err := json.Unmarshal([]byte(text(it, "body")), &v); err != nil {
		return v, fmt.Errorf("unpacking a kept %s: %w", k.kind, err)
	}
	return v, nil
}

// keep stores a version with its contact where version stored of it was read.
func keep[T any](b *Book, k kept[T], of crm.ContactID, v T, stored item) (types.TransactWriteItem, error) {
	body, err := packJSON(v)
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a kept %s: %w", k.kind, err)
	}
	return b.versionPut(k.kind, k.key(of, k.ref(v)), body, stored), nil
}

// anonymise is the write that leaves of a kept thing what does not tell whose it was.
func anonymise[T any](b *Book, k kept[T], it item) (types.TransactWriteItem, error) {
	v, err := k.unpack(it)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	body, err := packJSON(k.anonymous(v))
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a kept %s: %w", k.kind, err)
	}
	return b.versionPut(k.kind, key(text(it, "PK"), text(it, "SK")), body, it), nil
}

// matchHeld is the contact that an order or dealing is of already, whatever the facts
// say; ok is false where it was deleted.
func (b *Book) matchHeld(ctx context.Context, holder crm.ContactID, f contact.Facts) (_ match, ok bool, err error) {
	c, err := b.Get(ctx, holder)
	if crm.CodeOf(err) == crm.NotFound {
		return match{}, false, nil
	}
	if err != nil {
		return match{}, false, err
	}
	// What the facts say of addresses that others hold is left with them.
	m, err := b.match(ctx, f)
	if err != nil {
		return m, false, err
	}
	if m.found && m.known.ID != c.ID {
		for _, id := range m.facts.Identities() {
			if h, err := b.holder(ctx, []crm.Identity{id}); err != nil {
				return m, false, err
			} else if h != "" && h != c.ID {
				m.facts.Drop(id)
			}
		}
	}
	m.known, m.found = c, true
	if holder != c.ID {
		m.order = holder
	}
	return m, true, nil
}

// orderEntry takes an order's own entry out of the activities of a change and
// puts it where the order is kept, so that each version replaces the one before.
func (b *Book) orderEntry(holder crm.ContactID, acts []timeline.Activity) (entry []types.TransactWriteItem, rest []timeline.Activity, err error) {
	var own []timeline.Activity
	for _, a := range acts {
		switch a.Kind {
		case timeline.Order, timeline.Payment, timeline.Invoice, timeline.Reservation:
			own = append(own, a)
		default:
			rest = append(rest, a)
		}
	}
	entry, err = b.withActivities(nil, holder, own)
	return entry, rest, err
}

// versionPut stores a version of something where the version stored was read.
func (b *Book) versionPut(kind string, k item, body string, stored item) types.TransactWriteItem {
	k["t"], k["sv"], k["body"], k["n"] = str(kind), num(schemaVersion), str(body), num(number(stored, "n")+1)
	put := &types.Put{TableName: b.t.name, Item: k, ConditionExpression: ptr("attribute_not_exists(PK)")}
	if stored != nil {
		put.ConditionExpression = ptr("n = :n")
		put.ExpressionAttributeValues = item{":n": num(number(stored, "n"))}
	}
	return types.TransactWriteItem{Put: put}
}

// claimOrder points the order's slot, as it was read, to its contact.
func (b *Book) claimOrder(slot, owner crm.ContactID, stored item) types.TransactWriteItem {
	w := b.claim(slot, owner, "")
	cond := *w.Update.ConditionExpression + " AND attribute_not_exists(stub)"
	if at := number(stored, "stub"); at != 0 {
		cond = *w.Update.ConditionExpression + " AND stub = :stub"
		w.Update.ExpressionAttributeValues[":stub"] = num(at)
		w.Update.UpdateExpression = ptr(*w.Update.UpdateExpression + ", stub")
	}
	w.Update.ConditionExpression = &cond
	return w
}

// Forget implements order.Book.
func (b *Book) Forget(ctx context.Context, o order.Order) (bool, error) {
	err := b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, o.Identity().Slot(b.site.Secret)),
		UpdateExpression:          ptr("SET stub = :at, t = :t, sv = :sv"),
		ConditionExpression:       ptr("attribute_not_exists(#o) AND (attribute_not_exists(stub) OR stub < :at)"),
		ExpressionAttributeNames:  map[string]string{"#o": "owner"},
		ExpressionAttributeValues: item{":at": num(micros(o.DeletedAt)), ":t": str("slot"), ":sv": num(schemaVersion)},
	}})
	var l *lost
	if asLost(err, &l) {
		return text(l.items[0], "owner") == "", nil
	}
	return err == nil, err
}

// Orders gives a page of the orders that are kept under some ids (see
// contact.Contact.IDs), in the order of their references, and the position that the
// next page starts after, empty on the last.
func (b *Book) Orders(ctx context.Context, of []crm.ContactID, limit int, after string) (orders []order.Order, next string, err error) {
	r := b.readPartitions(of, orderPrefix+after, orderEnd, limit+1, true)
	for {
		it, err := r.next(ctx)
		if err != nil {
			return nil, "", err
		}
		if it == nil {
			return orders, "", nil
		}
		if len(orders) == limit {
			return orders, orders[limit-1].Ref(), nil
		}
		o, err := orderOf(it)
		if err != nil {
			return nil, "", err
		}
		orders = append(orders, o)
	}
}

// sumWithout sums up the orders of a contact but one. Each change of an order is a new
// version of the contact, so what is read after the contact is as of its version, or the
// commit fails.
func (b *Book) sumWithout(ctx context.Context, c *contact.Contact, ref string) (contact.Figures, error) {
	var failed error
	sum := order.Sum(func(yield func(order.Order) bool) {
		r := b.readPartitions(c.IDs(), orderPrefix, orderEnd, 0, true)
		for {
			it, err := r.next(ctx)
			if err == nil && it == nil {
				return
			}
			var o order.Order
			if err == nil {
				o, err = orderOf(it)
			}
			if err != nil {
				failed = err
				return
			}
			if o.Ref() != ref && !yield(o) {
				return
			}
		}
	})
	return sum, failed
}

func orderOf(it item) (o order.Order, err error) {
	if err := json.Unmarshal([]byte(text(it, "body")), &o); err != nil {
		return o, fmt.Errorf("unpacking an order: %w", err)
	}
	return o, nil
}
