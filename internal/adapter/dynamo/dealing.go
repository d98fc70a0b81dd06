package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/timeline"
)

// A payment, invoice or appointment is kept as an order is: beside its contact's
// activities, with a slot that says whose it is.

// AttachDealing implements order.Book.
func (b *Book) AttachDealing(ctx context.Context, d order.Dealing, f contact.Facts, now time.Time, rule order.DealingRule) (contact.Contact, error) {
	slot := d.Identity().Slot(b.site.Secret)
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.Contact{}, err
			}
		}
		c, err := b.attachDealing(ctx, slot, d, f, now, rule)
		var l *lost
		if !asLost(err, &l) {
			return c, err
		}
	}
	return contact.Contact{}, busy()
}

func (b *Book) attachDealing(ctx context.Context, slot crm.ContactID, d order.Dealing, f contact.Facts, now time.Time, rule order.DealingRule) (contact.Contact, error) {
	pointer, err := b.slotItem(ctx, slot)
	if err != nil {
		return contact.Contact{}, err
	}
	holder := crm.ContactID(text(pointer, "owner"))
	var kept item
	var stored *order.Dealing
	var m match
	if holder == "" {
		if m, err = b.match(ctx, f); err != nil {
			return contact.Contact{}, err
		}
	} else {
		if kept, err = b.t.get(ctx, b.site.ID, dealingKey(b.site.ID, holder, d.Ref())); err != nil {
			return contact.Contact{}, err
		}
		if kept == nil {
			return contact.Contact{}, fmt.Errorf("the dealing in slot %s is not with its contact", slot)
		}
		stored = &order.Dealing{}
		if err := json.Unmarshal([]byte(text(kept, "body")), stored); err != nil {
			return contact.Contact{}, fmt.Errorf("unpacking a dealing: %w", err)
		}
		var ok bool
		if m, ok, err = b.matchHeld(ctx, holder, f); err != nil {
			return contact.Contact{}, err
		}
		if !ok { // its contact was deleted: it is brought up to date without whose it was
			if d = d.Anonymous(); d.Compare(*stored) <= 0 {
				return contact.Contact{}, nil
			}
			w, err := b.dealingWrite(holder, d, kept)
			if err != nil {
				return contact.Contact{}, err
			}
			return contact.Contact{}, b.t.commit(ctx, b.site.ID, w)
		}
	}
	var merged order.Dealing
	var packErr error
	c, _, err := b.bring(ctx, m, now, func(c *contact.Contact, f contact.Facts, created bool) (acts []timeline.Activity, err error) {
		merged, acts, err = rule(c, f, created, stored)
		return acts, err
	}, func(id crm.ContactID) []types.TransactWriteItem {
		var writes []types.TransactWriteItem
		if kept != nil {
			id = holder // also where its contact was merged into another
		} else {
			writes = append(writes, b.claimOrder(slot, id, pointer))
		}
		if stored != nil && stored.EntryID() != merged.EntryID() { // its moment was moved, and its entry moves along
			writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{
				TableName: b.t.name, Key: key(activityPK(b.site.ID, id), stored.EntryID()),
			}})
		}
		w, err := b.dealingWrite(id, merged, kept)
		packErr = err
		return append(writes, w)
	})
	if packErr != nil {
		err = packErr
	}
	return c, err
}

func (b *Book) dealingWrite(id crm.ContactID, d order.Dealing, stored item) (types.TransactWriteItem, error) {
	body, err := packJSON(d)
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a dealing: %w", err)
	}
	return b.versionPut("dealing", dealingKey(b.site.ID, id, d.Ref()), body, stored), nil
}

func (b *Book) anonymiseDealing(it item) (types.TransactWriteItem, error) {
	var d order.Dealing
	if err := json.Unmarshal([]byte(text(it, "body")), &d); err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("unpacking a dealing: %w", err)
	}
	body, err := packJSON(d.Anonymous())
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a dealing: %w", err)
	}
	return b.versionPut("dealing", key(text(it, "PK"), text(it, "SK")), body, it), nil
}
