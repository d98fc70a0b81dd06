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

// Attach implements order.Book.
func (b *Book) Attach(ctx context.Context, o order.Order, f contact.Facts, now time.Time, rule order.Rule) (contact.Contact, error) {
	slot := o.Identity().Slot(b.site.Secret)
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.Contact{}, err
			}
		}
		pointer, err := b.slotItem(ctx, slot)
		if err != nil {
			return contact.Contact{}, err
		}
		m, place, err := b.orderPlace(ctx, pointer, o, f)
		if err != nil {
			return contact.Contact{}, err
		}
		if place.orphan {
			err = b.bringOrphan(ctx, place, o)
		} else {
			var merged order.Order
			var packErr error
			ruleFor := func(c *contact.Contact, f contact.Facts, created bool) (acts []timeline.Activity, err error) {
				merged, acts, err = rule(c, f, created, place.stored, func() (contact.Figures, error) { return b.sumWithout(ctx, c, o.Ref()) })
				return acts, err
			}
			var c contact.Contact
			c, _, err = b.bring(ctx, m, now, ruleFor, func(id crm.ContactID) []types.TransactWriteItem {
				var writes []types.TransactWriteItem
				if place.item != nil {
					id = place.holder // also where its contact was merged into another
				} else {
					writes = append(writes, b.claimOrder(slot, id, pointer))
				}
				// The shop moved the moment of the order: its entry moves along.
				if old := place.stored; old != nil && !old.Stub && !merged.Stub && old.EntryID() != merged.EntryID() {
					writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{
						TableName: b.t.name, Key: key(activityPK(b.site.ID, id), old.EntryID()),
					}})
				}
				w, err := b.orderWrite(id, merged, place.item)
				packErr = err
				return append(writes, w)
			})
			if packErr != nil {
				return c, packErr
			}
			if err == nil {
				return c, nil
			}
		}
		var l *lost
		if !asLost(err, &l) {
			return contact.Contact{}, err
		}
	}
	return contact.Contact{}, busy()
}

// place is where an order is kept.
type place struct {
	item   item         // as read; nil for a new order
	stored *order.Order // nil for an order not seen yet
	holder crm.ContactID
	orphan bool // its contact was deleted
}

func (b *Book) orderPlace(ctx context.Context, pointer item, o order.Order, f contact.Facts) (match, place, error) {
	holder := crm.ContactID(text(pointer, "owner"))
	if holder == "" {
		m, err := b.match(ctx, f)
		p := place{}
		if at := number(pointer, "stub"); at != 0 {
			p.stored = &order.Order{Source: o.Source, ExternalID: o.ExternalID, Stub: true, DeletedAt: fromMicros(at)}
		}
		return m, p, err
	}
	p := place{holder: holder}
	var err error
	if p.item, err = b.t.get(ctx, b.site.ID, orderKey(b.site.ID, holder, o.Ref())); err != nil {
		return match{}, p, err
	}
	if p.item == nil {
		return match{}, p, fmt.Errorf("the order in slot %s is not with its contact", text(pointer, "SK"))
	}
	var stored order.Order
	if err := json.Unmarshal([]byte(text(p.item, "body")), &stored); err != nil {
		return match{}, p, fmt.Errorf("unpacking an order: %w", err)
	}
	p.stored = &stored
	m, ok, err := b.matchHeld(ctx, holder, f)
	p.orphan = err == nil && !ok
	return m, p, err
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

// bringOrphan keeps the order of a deleted contact up to date, without whose it was.
func (b *Book) bringOrphan(ctx context.Context, p place, o order.Order) error {
	merged, changed := order.Merge(*p.stored, o.Anonymous())
	if !changed {
		return nil
	}
	w, err := b.orderWrite(p.holder, merged, p.item)
	if err != nil {
		return err
	}
	return b.t.commit(ctx, b.site.ID, w)
}

func (b *Book) anonymiseOrder(it item) (types.TransactWriteItem, error) {
	var o order.Order
	if err := json.Unmarshal([]byte(text(it, "body")), &o); err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("unpacking an order: %w", err)
	}
	body, err := packJSON(o.Anonymous())
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing an order: %w", err)
	}
	return b.orderPut(key(text(it, "PK"), text(it, "SK")), body, it), nil
}

// orderWrite stores an order with its contact where version stored of it was read.
func (b *Book) orderWrite(id crm.ContactID, o order.Order, stored item) (types.TransactWriteItem, error) {
	body, err := packJSON(o)
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing an order: %w", err)
	}
	return b.orderPut(orderKey(b.site.ID, id, o.Ref()), body, stored), nil
}

func (b *Book) orderPut(k item, body string, stored item) types.TransactWriteItem {
	return b.versionPut("order", k, body, stored)
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
