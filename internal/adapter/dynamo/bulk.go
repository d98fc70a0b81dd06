package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// expectNew remembers whether the last batch met only new contacts. Then the
// next one writes without reading first, which halves the requests of a first
// import; a wrong guess costs one refused transaction.
type expectNew struct{ atomic.Bool }

// UpsertAll implements transfer.Contacts. What a batch can do at once, new
// contacts of one identity and known ones that keep theirs, goes in one transaction;
// the rest, and what lost a race there, one by one through Upsert.
func (b *Book) UpsertAll(ctx context.Context, facts []contact.Facts, now time.Time, rule func(int, *contact.Contact, contact.Facts, bool) error) error {
	stored, err := b.storedOf(ctx, facts)
	if err != nil {
		return err
	}
	var writes []types.TransactWriteItem
	var of []int   // whose write each is
	var late []int // one by one
	for i := range facts {
		id, ok := b.single(&facts[i])
		if !ok {
			late = append(late, i)
			continue
		}
		w, state, err := b.quick(id, stored[mapKey(slotKey(&b.site, id))], facts[i], now, func(c *contact.Contact, f contact.Facts, created bool) error {
			return rule(i, c, f, created)
		})
		switch {
		case err != nil:
			return err
		case state == quickWrite:
			writes, of = append(writes, w), append(of, i)
		case state == quickNever:
			late = append(late, i)
		}
	}
	failed, err := b.commitEach(ctx, writes)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		b.t.expectNew.Store(false)
	}
	for _, w := range failed {
		late = append(late, of[w])
	}
	for _, i := range late {
		_, _, err := b.Upsert(ctx, facts[i], now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
			return nil, rule(i, c, f, created)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// storedOf reads what is in the slots of a batch, unless nothing is expected there.
func (b *Book) storedOf(ctx context.Context, facts []contact.Facts) (map[string]item, error) {
	if b.t.expectNew.Load() {
		return nil, nil
	}
	keys := make([]item, 0, len(facts))
	for i := range facts {
		if id, ok := b.single(&facts[i]); ok {
			keys = append(keys, slotKey(&b.site, id))
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	stored, err := b.t.getAll(ctx, b.site.ID, keys)
	b.t.expectNew.Store(err == nil && len(keys) > 1 && len(stored) == 0)
	return stored, err
}

// single is the slot of facts that name their person in one way only.
func (b *Book) single(f *contact.Facts) (crm.ContactID, bool) {
	if f.Email == "" || len(f.Emails) > 0 || len(f.ExternalIDs) > 0 {
		return "", false
	}
	return crm.EmailIdentity(f.Email).Slot(b.site.Secret), true
}

type quickState int

const (
	quickWrite     quickState = iota
	quickUnchanged            // nothing to store
	quickNever                // not in one write
)

// quick makes the one write that brings facts in, where one is enough.
func (b *Book) quick(id crm.ContactID, it item, f contact.Facts, now time.Time, rule func(*contact.Contact, contact.Facts, bool) error) (w types.TransactWriteItem, s quickState, err error) {
	var next contact.Contact
	if it == nil {
		next = contact.New(f, now)
		next.ID, next.Version = id, 1
		err = rule(&next, f, true)
	} else {
		if text(it, "owner") != string(id) {
			return w, quickNever, nil
		}
		known, ok, cerr := contactOf(it)
		if cerr != nil || !ok {
			return w, quickNever, cerr
		}
		next = known
		next.UpdatedAt = now
		if !now.After(known.UpdatedAt) {
			next.UpdatedAt = known.UpdatedAt.Add(time.Microsecond)
		}
		next.Version++
		err = rule(&next, f, false)
	}
	if errors.Is(err, contact.ErrUnchanged) {
		return w, quickUnchanged, nil
	}
	if err != nil {
		return w, quickNever, err
	}
	if it == nil {
		w, err = b.putNew(&next, true)
	} else {
		w, err = b.putBody(&next, next.Version-1, homeKeeps)
	}
	return w, quickWrite, err
}

// commitEach stores independent writes in transactions of up to 100 and gives
// those whose condition did not hold; the others of their transaction are
// stored all the same.
func (b *Book) commitEach(ctx context.Context, writes []types.TransactWriteItem) (failed []int, err error) {
	at := make([]int, len(writes))
	for i := range at {
		at[i] = i
	}
	for len(at) > 0 {
		n := min(len(at), 100)
		batch := make([]types.TransactWriteItem, n)
		for i, w := range at[:n] {
			batch[i] = writes[w]
		}
		err := b.t.commit(ctx, b.site.ID, batch...)
		var l *lost
		if asLost(err, &l) {
			rest := make([]int, 0, len(at))
			for i, w := range at[:n] {
				if _, no := l.items[i]; no {
					failed = append(failed, w)
				} else {
					rest = append(rest, w)
				}
			}
			at = append(rest, at[n:]...)
			continue
		}
		if err != nil {
			return failed, err
		}
		at = at[n:]
	}
	return failed, nil
}

// Each implements transfer.Contacts: the shards are read side by side, one page
// of each ahead. A contact never changes its key, so a Query meets each once.
func (b *Book) Each(ctx context.Context, visit func(*contact.Contact) error) error {
	pages := make(chan []contact.Contact)
	g, ctx := errgroup.WithContext(ctx)
	readers, rctx := errgroup.WithContext(ctx)
	for shard := range b.site.Shards {
		readers.Go(func() error {
			var start item
			for {
				items, next, err := b.t.query(rctx, b.site.ID, query{pk: shardPK(b.site.ID, shard), forward: true, start: start, fields: "SK, body, v, sv"})
				if err != nil {
					return fmt.Errorf("shard %d: %w", shard, err)
				}
				page := make([]contact.Contact, 0, len(items))
				for _, it := range items {
					c, ok, err := contactOf(it)
					if err != nil {
						return err
					}
					if ok {
						page = append(page, c)
					}
				}
				select {
				case pages <- page:
				case <-rctx.Done():
					return rctx.Err()
				}
				if start = next; start == nil {
					return nil
				}
			}
		})
	}
	g.Go(func() error {
		defer close(pages)
		return readers.Wait()
	})
	g.Go(func() error {
		for page := range pages {
			for i := range page {
				if err := visit(&page[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return g.Wait()
}

// GetAll implements transfer.Contacts.
func (b *Book) GetAll(ctx context.Context, ids []crm.ContactID) ([]contact.Contact, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = slotKey(&b.site, id)
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	out := make([]contact.Contact, 0, len(ids))
	for _, k := range keys {
		c, ok, err := contactOf(found[mapKey(k)])
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, c)
		}
	}
	return out, nil
}
