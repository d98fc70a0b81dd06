package dynamo

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// Timeline implements contact.Book.
func (b *Book) Timeline(ctx context.Context, id crm.ContactID, q timeline.Query) ([]timeline.Activity, string, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return nil, "", err
	}
	from, to := ulidAt(q.Since), "8" // ULIDs are below it
	if !q.Until.IsZero() {
		to = ulidAt(q.Until.Add(time.Millisecond - 1))
	}
	if q.After != "" && q.After < to {
		to = q.After
	}
	page := q.Limit + 1
	if len(q.Kinds) > 0 {
		page = max(page, 200)
	}
	r := b.readPartitions(c.IDs(), from, to, page, false)
	made := creation(&c)
	due := from <= made.ID && made.ID < to // is among the entries that are still to come
	acts := make([]timeline.Activity, 0, q.Limit)
	for looked := 0; ; looked++ {
		it, err := r.next(ctx)
		if err != nil {
			return nil, "", err
		}
		if due && (it == nil || text(it, "SK") < made.ID) {
			due = false
			if q.Wants(made) {
				if len(acts) == q.Limit {
					return acts, acts[q.Limit-1].ID, b.annotate(ctx, &c, acts)
				}
				acts = append(acts, made)
			}
		}
		if it == nil {
			return acts, "", b.annotate(ctx, &c, acts)
		}
		a, err := activityOf(it)
		if err != nil {
			return nil, "", err
		}
		if looked == timeline.MaxLooked {
			return acts, r.before, b.annotate(ctx, &c, acts)
		}
		if !q.Wants(a) {
			continue
		}
		if len(acts) == q.Limit {
			return acts, acts[q.Limit-1].ID, b.annotate(ctx, &c, acts)
		}
		acts = append(acts, a)
	}
}

// creation is the entry that tells of the making of a contact. It is derived from
// its origin and stored nowhere; its id sorts before all others of its moment.
func creation(c *contact.Contact) timeline.Activity {
	return timeline.Activity{ID: ulidAt(c.CreatedAt), At: c.CreatedAt, Kind: timeline.Created, Source: c.Origin.Source, By: c.Origin.By}
}

// ulidAt is the least ULID of a moment; of the zero time, of all moments.
func ulidAt(at time.Time) string {
	var id ulid.ULID
	if !at.IsZero() {
		_ = id.SetTime(uint64(max(0, at.UnixMilli()))) // fails past the year 10889, which leaves zero
	}
	return id.String()
}

// A reader reads one stretch of sort keys in several partitions and gives the
// items in the order of their keys, as if they stood in one.
type reader struct {
	b       *Book
	forward bool
	started bool
	parts   []partition
	before  string // the key of the item before the one that was given last
	last    string
}

type partition struct {
	query query
	items []item
	done  bool // nothing is left in the table
}

// readPartitions reads the keys between from and to of the activities and orders that are
// kept under some contact ids. The end that is read towards is included, the other
// one is not, so a position can be handed in again.
func (b *Book) readPartitions(of []crm.ContactID, from, to string, page int, forward bool) *reader {
	r := &reader{b: b, forward: forward, parts: make([]partition, len(of))}
	if forward {
		r.last = from
	} else {
		r.last = to
	}
	for i, id := range of {
		r.parts[i] = partition{done: from > to, query: query{
			pk: activityPK(b.site.ID, id), cond: "AND SK BETWEEN :from AND :to",
			values: item{":from": str(from), ":to": str(to)}, limit: int32(page), forward: forward,
		}}
	}
	return r
}

// next is nil at the end.
func (r *reader) next(ctx context.Context) (item, error) {
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	var first *partition
	for i := range r.parts {
		p := &r.parts[i]
		if len(p.items) == 0 {
			continue
		}
		if first == nil || (text(p.items[0], "SK") < text(first.items[0], "SK")) == r.forward {
			first = p
		}
	}
	if first == nil {
		return nil, nil
	}
	it := first.items[0]
	first.items = first.items[1:]
	r.before, r.last = r.last, text(it, "SK")
	return it, nil
}

// fill reads the next page of each partition of which nothing is at hand.
func (r *reader) fill(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	for i := range r.parts {
		p := &r.parts[i]
		if len(p.items) > 0 || p.done {
			continue
		}
		g.Go(func() error {
			for len(p.items) == 0 && !p.done {
				items, next, err := r.b.t.query(gctx, r.b.site.ID, p.query)
				if err != nil {
					return err
				}
				if !r.started && len(items) > 0 && text(items[0], "SK") == r.last {
					items = items[1:]
				}
				p.items, p.query.start, p.done = items, next, next == nil
			}
			return nil
		})
	}
	err := g.Wait()
	r.started = true
	return err
}

// Evidence implements consent.Book.
func (b *Book) Evidence(ctx context.Context, id crm.ContactID) ([]timeline.Activity, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	var acts []timeline.Activity
	r := b.readPartitions(c.IDs(), "0", "8", 200, true)
	for {
		it, err := r.next(ctx)
		if err != nil || it == nil {
			return acts, err
		}
		a, err := activityOf(it)
		if err != nil {
			return nil, err
		}
		acts = append(acts, contact.UnpackProofs(a)...)
	}
}
