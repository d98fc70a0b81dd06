package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// UpsertAll implements transfer.Contacts. What takes writes of known outcome (new
// contacts, and known ones whose identities nobody else has) goes together in
// transactions; the rest, and what lost a race there, one by one through Upsert.
func (b *Book) UpsertAll(ctx context.Context, facts []contact.Facts, now time.Time, rule func(int, *contact.Contact, contact.Facts, bool) ([]timeline.Activity, error)) error {
	slots := make([][]crm.ContactID, len(facts)) // of each one's identities
	for i := range facts {
		for _, id := range facts[i].Identities() {
			slots[i] = append(slots[i], id.Slot(b.site.Secret))
		}
	}
	stored, err := b.storedOf(ctx, slots)
	if err != nil {
		return err
	}
	var groups [][]types.TransactWriteItem
	var of []int   // whose writes each group is
	var late []int // one by one
	for i := range facts {
		writes, ok, err := b.quick(ctx, slots[i], stored, facts[i], now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
			return rule(i, c, f, created)
		})
		switch {
		case err != nil:
			return err
		case !ok:
			late = append(late, i)
		case len(writes) > 0:
			groups, of = append(groups, writes), append(of, i)
		}
	}
	failed, err := b.commitGroups(ctx, groups)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		b.t.expectNew.Store(false)
	}
	for _, g := range failed {
		late = append(late, of[g])
	}
	for _, i := range late {
		_, _, err := b.Upsert(ctx, facts[i], now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
			return rule(i, c, f, created)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// storedOf reads what is in the slots of a batch, unless nothing is expected there.
func (b *Book) storedOf(ctx context.Context, slots [][]crm.ContactID) (map[crm.ContactID]item, error) {
	if b.t.expectNew.Load() {
		return nil, nil
	}
	all := slices.Concat(slots...)
	stored := make(map[crm.ContactID]item, len(all))
	keys := make([]item, len(all))
	for i, id := range all {
		keys[i] = slotKey(&b.site, id)
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	for _, it := range found {
		stored[crm.ContactID(text(it, "SK"))] = it
	}
	b.t.expectNew.Store(len(slots) > 1 && len(stored) == 0)
	return stored, nil
}

// quick makes the writes that bring facts in, none where nothing changes; ok is
// false where only Upsert can tell.
func (b *Book) quick(ctx context.Context, slots []crm.ContactID, stored map[crm.ContactID]item, f contact.Facts, now time.Time, rule contact.FactsRule) (writes []types.TransactWriteItem, ok bool, err error) {
	if len(slots) == 0 {
		return nil, false, nil
	}
	home := stored[slots[0]]
	for _, s := range slots { // all free, or all of the contact that lives in the first
		if it := stored[s]; it != nil && (home == nil || text(it, "owner") != string(slots[0])) {
			return nil, false, nil
		}
	}
	if home == nil {
		next := contact.New(f, now)
		acts, err := rule(&next, f, true)
		if errors.Is(err, contact.ErrUnchanged) {
			return nil, true, nil
		} else if err != nil {
			return nil, false, err
		}
		writes, err = b.birth(&next, false, acts, nil)
		return writes, true, err
	}
	known, lives, err := contactOf(home)
	if err != nil || !lives {
		return nil, false, err
	}
	next := known.Clone()
	next.UpdatedAt = now
	if err := b.forget(ctx, &next, now); err != nil {
		return nil, false, err
	}
	acts, err := rule(&next, f, false)
	if errors.Is(err, contact.ErrUnchanged) {
		return nil, true, nil
	} else if err != nil {
		return nil, false, err
	}
	writes, err = b.succession(ctx, &known, &next, acts, nil)
	return writes, true, err
}

// maxTransaction is how many items DynamoDB takes in one.
const maxTransaction = 100

// commitGroups stores groups of writes, each whole or not at all, many in a
// transaction, and gives those a condition of which did not hold; the others of
// their transaction are stored all the same.
func (b *Book) commitGroups(ctx context.Context, groups [][]types.TransactWriteItem) (failed []int, err error) {
	left := make([]int, len(groups))
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		var batch []types.TransactWriteItem
		var of []int // the group of each write
		n := 0
		for ; n < len(left) && (n == 0 || len(batch)+len(groups[left[n]]) <= maxTransaction); n++ {
			for _, w := range groups[left[n]] {
				batch, of = append(batch, w), append(of, left[n])
			}
		}
		err := b.t.commit(ctx, b.site.ID, batch...)
		var l *lost
		switch {
		case asLost(err, &l):
			again := make([]int, 0, len(left))
			bad := map[int]bool{}
			for i := range l.items {
				bad[of[i]] = true
			}
			for _, g := range left[:n] {
				if bad[g] {
					failed = append(failed, g)
				} else {
					again = append(again, g)
				}
			}
			left = append(again, left[n:]...)
		case err != nil:
			return failed, err
		default:
			left = left[n:]
		}
	}
	return failed, nil
}

// wholeFields is what contactOf needs.
const wholeFields = "SK, body, v, sv"

// Each implements transfer.Contacts. A contact never changes its key, so a Query
// meets each once.
func (b *Book) Each(ctx context.Context, visit func(*contact.Contact) error) error {
	return eachShard(ctx, b, query{forward: true, fields: wholeFields}, contactOf, visit)
}

// eachShard visits what a query gives in all shards. They are read side by side,
// one page of each ahead; visit is called from one goroutine. What is not ok when
// unpacked is passed over.
func eachShard[T any](ctx context.Context, b *Book, q query, unpack func(item) (_ T, ok bool, err error), visit func(*T) error) error {
	pages := make(chan []T)
	g, ctx := errgroup.WithContext(ctx)
	readers, rctx := errgroup.WithContext(ctx)
	for shard := range b.site.Shards {
		readers.Go(func() error {
			q := q
			q.pk = shardPK(b.site.ID, shard)
			for {
				items, next, err := b.t.query(rctx, b.site.ID, q)
				if err != nil {
					return fmt.Errorf("shard %d: %w", shard, err)
				}
				page := make([]T, 0, len(items))
				for _, it := range items {
					v, ok, err := unpack(it)
					if err != nil {
						return err
					}
					if ok {
						page = append(page, v)
					}
				}
				select {
				case pages <- page:
				case <-rctx.Done():
					return rctx.Err()
				}
				if q.start = next; next == nil {
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
