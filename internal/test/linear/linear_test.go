// Package linear checks that the book is linearizable: whatever many clients do
// at once with a few contacts and addresses, there is one order of all that they
// asked, in which each got the answer that a book without concurrency gives.
package linear

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
)

// book is what the clients call.
type book interface {
	Create(ctx context.Context, c contact.Contact, once *contact.Once, acts ...timeline.Activity) (contact.Contact, bool, error)
	Get(ctx context.Context, id crm.ContactID) (contact.Contact, error)
	Find(ctx context.Context, identity crm.Identity) (contact.Contact, error)
	Change(ctx context.Context, id crm.ContactID, now time.Time, rule contact.Rule) (contact.Contact, error)
	Delete(ctx context.Context, id crm.ContactID, now time.Time, check func(contact.Contact) error) error
	Merge(ctx context.Context, o contact.MergeOrder) (contact.MergeRecord, contact.Contact, bool, error)
	UndoMerge(ctx context.Context, id, source, by string, now time.Time) (contact.MergeRecord, error)
}

// world is a site that a few clients share, and what they have heard of it.
type world struct {
	book    book
	clients int
	ops     int    // of each client
	lossy   func() // lets the next call fail, if set

	mu     sync.Mutex
	ids    []crm.ContactID
	seen   map[crm.ContactID]int64
	merges []string
	log    []porcupine.Operation
	serial atomic.Int64
}

const addresses = 6

func address(i int) string { return fmt.Sprintf("p%d@b.example", i) }

// heard remembers a contact for later requests; the least of its versions is forgotten.
func (w *world) heard(c contact.Contact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.ids, c.ID) {
		w.ids = append(w.ids, c.ID)
	}
	w.seen[c.ID] = max(w.seen[c.ID], c.Version)
}

// somebody is one of the contacts heard of last, in the version that was seen.
func (w *world) somebody(r *rand.Rand) (crm.ContactID, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ids) == 0 {
		return "ct_00000000000000000000000000", 1
	}
	id := w.ids[len(w.ids)-1-r.IntN(min(7, len(w.ids)))]
	return id, w.seen[id]
}

func (w *world) run(t *testing.T, seed uint64) []porcupine.Operation {
	start := time.Now()
	var wg sync.WaitGroup
	for client := range w.clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(client)))
			for range w.ops {
				in := w.ask(r)
				if w.lossy != nil && in.op != "get" && in.op != "find" && r.IntN(25) == 0 {
					w.lossy()
				}
				call := time.Since(start)
				out, err := w.do(in)
				if err != nil {
					t.Errorf("%s: %v", in.op, err)
					return
				}
				op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(call), Return: int64(time.Since(start))}
				if out.told == "unknown" {
					if in.op == "get" || in.op == "find" {
						continue
					}
					op.Return = math.MaxInt64 // it may happen at any time, or never
				}
				w.mu.Lock()
				w.log = append(w.log, op)
				w.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return w.log
}

func (w *world) ask(r *rand.Rand) input {
	in := input{}
	n := w.serial.Add(1)
	var v int64
	in.id, v = w.somebody(r)
	in.seen = []int64{v}
	switch k := r.IntN(100); {
	case k < 18:
		in.op, in.id, in.emails = "create", "", []string{address(r.IntN(addresses))}
		if r.IntN(3) == 0 {
			if second := address(r.IntN(addresses)); second != in.emails[0] {
				in.emails = append(in.emails, second)
			}
		}
		if r.IntN(2) == 0 {
			in.company = fmt.Sprint("c", n)
		}
		in.merge = fmt.Sprint("key", n)
	case k < 34:
		in.op = "get"
	case k < 52:
		in.op, in.emails = "find", []string{address(r.IntN(addresses))}
	case k < 68:
		in.op, in.company = "update", fmt.Sprint("u", n)
		if r.IntN(3) == 0 {
			in.emails = []string{address(r.IntN(addresses))}
		}
	case k < 82:
		in.op, in.merge = "merge", fmt.Sprint("key", n)
		for range 1 + r.IntN(2) {
			if other, v := w.somebody(r); other != in.id && !slices.Contains(in.others, other) {
				in.others, in.seen = append(in.others, other), append(in.seen, v)
			}
		}
		if len(in.others) == 0 {
			in.op = "get"
		}
	case k < 95:
		w.mu.Lock()
		if in.op = "get"; len(w.merges) > 0 {
			in.op, in.merge = "undo", w.merges[len(w.merges)-1-r.IntN(min(4, len(w.merges)))]
		}
		w.mu.Unlock()
	default:
		in.op = "delete"
	}
	return in
}

func (w *world) do(in input) (output, error) {
	ctx, now := context.Background(), time.Now()
	var out output
	var err error
	check := func(c contact.Contact) error {
		if c.Version != in.seen[0] {
			w.heard(c)
			return crm.Errorf(crm.Stale, "")
		}
		return nil
	}
	switch in.op {
	case "create":
		c := contact.New(contact.Facts{Source: "api"}, now.UTC().Truncate(time.Microsecond))
		c.Email, c.Emails, c.Company = in.emails[0], in.emails[1:], in.company
		once := &contact.Once{Principal: "p", Key: in.merge, Hash: "h"}
		for try := 0; try < 5; try++ { // an id that is not known cannot be told of
			if out.contact, _, err = w.book.Create(ctx, c, once); err == nil || crm.CodeOf(err) != "" {
				break
			}
		}
		if crm.CodeOf(err) == crm.Gone {
			return output{told: "unknown"}, fmt.Errorf("a contact of this history cannot be told of")
		}
	case "get":
		out.contact, err = w.book.Get(ctx, in.id)
	case "find":
		out.contact, err = w.book.Find(ctx, crm.EmailIdentity(in.emails[0]))
	case "update":
		out.contact, err = w.book.Change(ctx, in.id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
			if err := check(*c); err != nil {
				return nil, err
			}
			c.Company = in.company
			if len(in.emails) > 0 {
				c.Email, c.Emails = in.emails[0], nil
			}
			return nil, nil
		})
	case "delete":
		err = w.book.Delete(ctx, in.id, now, check)
	case "merge":
		o := contact.MergeOrder{Primary: in.id, Others: in.others, At: now, Check: func(cs []contact.Contact) error {
			for i := range cs {
				if cs[i].Version != in.seen[i] {
					w.heard(cs[i])
					return crm.Errorf(crm.Stale, "")
				}
			}
			return nil
		}}
		var rec contact.MergeRecord
		rec, out.contact, _, err = w.book.Merge(ctx, o)
		out.merge = rec.ID
	case "undo":
		_, err = w.book.UndoMerge(ctx, in.merge, "api", "p", now)
	}
	switch code := crm.CodeOf(err); {
	case err == nil:
		out.told = "ok"
		if out.contact.ID != "" {
			w.heard(out.contact)
		}
		if out.merge != "" {
			w.mu.Lock()
			w.merges = append(w.merges, out.merge)
			w.mu.Unlock()
			out.contact = contact.Contact{}
		}
	case code != "":
		out = output{told: string(code)}
		if code == crm.NotFound && now.UnixNano()%2 == 0 { // some are asked for again
			w.mu.Lock()
			w.ids = slices.DeleteFunc(w.ids, func(id crm.ContactID) bool { return id == in.id })
			w.mu.Unlock()
		}
	case errors.Is(err, faults.ErrDown):
		out = output{told: "unknown"}
	default:
		return out, err
	}
	return out, nil
}

// checked fails the test if a history is not linearizable, and draws it then.
func checked(t *testing.T, log []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, log, time.Minute)
	if result == porcupine.Ok {
		return
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("linear-%d.html", time.Now().UnixNano()))
	if err := porcupine.VisualizePath(model, info, file); err != nil {
		t.Error(err)
	}
	t.Errorf("a history of %d operations: %s; see %s\n%s", len(log), result, file, stuck(log, info))
}

// stuck tells how far a history could be put in order, and what came next.
func stuck(log []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var best []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, p := range part {
			if len(p) > len(best) {
				best = p
			}
		}
	}
	s, in := state{}, map[string]bool{}
	var b strings.Builder
	for i, op := range best {
		_, s = step(s, op.Input.(input), op.Output.(output))
		in[fmt.Sprint(op.ClientId, op.Call)] = true
		if i > len(best)-8 {
			fmt.Fprintln(&b, "did ", op.ClientId, op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
		}
	}
	fmt.Fprintln(&b, model.DescribeState(s))
	left := slices.DeleteFunc(slices.Clone(log), func(op porcupine.Operation) bool { return in[fmt.Sprint(op.ClientId, op.Call)] })
	slices.SortFunc(left, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	for _, op := range left[:min(6, len(left))] {
		fmt.Fprintln(&b, "left", op.ClientId, op.Call, op.Return, model.DescribeOperation(op.Input, op.Output))
	}
	return b.String()
}

// operations is how many the test takes; LINEAR_OPS says otherwise.
func operations(t *testing.T, n int) int {
	if s := os.Getenv("LINEAR_OPS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestHistoriesAreLinearizable(t *testing.T) {
	table := dynamotest.Table(t)
	const clients, ops = 4, 125
	histories := max(1, operations(t, 20_000)/(clients*ops))
	start := time.Now()
	told := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for h := part; h < histories && !t.Failed(); h += 4 {
				w := &world{book: table.Book(dynamotest.Site(t, table, crm.SiteID(fmt.Sprintf("site%04d", h)))), clients: clients, ops: ops, seen: map[crm.ContactID]int64{}}
				log := w.run(t, uint64(h))
				checked(t, log)
				mu.Lock()
				for _, op := range log {
					told[op.Input.(input).op+" "+op.Output.(output).told]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d operations in %s: %v", histories*clients*ops, time.Since(start).Round(time.Second), told)
	for _, happened := range []string{"create ok", "create conflict", "get ok", "get not-found", "find ok", "find not-found", "update ok", "update stale",
		"update conflict", "merge ok", "merge stale", "merge conflict", "merge not-found", "undo ok", "undo conflict", "delete ok", "delete stale"} {
		if told[happened] == 0 {
			t.Errorf("no %s in any history", happened)
		}
	}
}

// Calls fail before or after they took effect, and the client never hears which.
func TestHistoriesWithLostAnswersAreLinearizable(t *testing.T) {
	in := &faults.Injector{}
	table := dynamotest.Table(t, in.Option)
	unknown := 0
	for h := range 12 {
		w := &world{book: table.Book(dynamotest.Site(t, table, crm.SiteID(fmt.Sprintf("lossy%04d", h)))), clients: 3, ops: 40, seen: map[crm.ContactID]int64{}}
		var armed atomic.Bool
		var n atomic.Int64
		w.lossy = func() { armed.Store(true) }
		in.Set(func(_ int, op string) (bool, error) {
			if (op == "TransactWriteItems" || op == "UpdateItem" || op == "PutItem") && armed.CompareAndSwap(true, false) {
				return n.Add(1)%2 == 0, faults.ErrDown
			}
			return true, nil
		})
		log := w.run(t, uint64(h))
		in.Set(nil)
		for _, op := range log {
			if op.Output.(output).told == "unknown" {
				unknown++
			}
		}
		checked(t, log)
	}
	t.Logf("%d outcomes stayed unknown", unknown)
	if unknown == 0 {
		t.Error("no answer was lost")
	}
}

// forgetful is a book with a fault of the kind that the histories are to find: a find
// now and then answers what it answered before.
type forgetful struct {
	*dynamo.Book
	mu   sync.Mutex
	last map[crm.Identity]contact.Contact
	n    int
}

func (f *forgetful) Find(ctx context.Context, identity crm.Identity) (contact.Contact, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.last[identity]; ok && f.n%5 == 4 {
		f.n++
		return c, nil
	}
	c, err := f.Book.Find(ctx, identity)
	if f.n++; err == nil {
		f.last[identity] = c
	}
	return c, err
}

// overwriting is a book whose changes do not look at the version.
type overwriting struct{ *dynamo.Book }

func (o overwriting) Change(ctx context.Context, id crm.ContactID, now time.Time, rule contact.Rule) (contact.Contact, error) {
	read, err := o.Book.Get(ctx, id)
	if err != nil {
		return read, err
	}
	next := read.Clone()
	if _, err := rule(&next); err != nil {
		return read, err
	}
	return o.Book.Change(ctx, id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		v := c.Version
		*c = next.Clone()
		c.Version = v
		return nil, nil
	})
}

// The check would be worth nothing if it let a broken book pass.
func TestABrokenBookIsFound(t *testing.T) {
	table := dynamotest.Table(t)
	for name, broken := range map[string]func(*dynamo.Book) book{
		"stale":       func(b *dynamo.Book) book { return &forgetful{Book: b, last: map[crm.Identity]contact.Contact{}} },
		"overwriting": func(b *dynamo.Book) book { return overwriting{b} },
	} {
		t.Run(name, func(t *testing.T) {
			for h := range 20 {
				s := dynamotest.Site(t, table, crm.SiteID(fmt.Sprintf("%s%04d", name, h)))
				w := &world{book: broken(table.Book(s)), clients: 4, ops: 60, seen: map[crm.ContactID]int64{}}
				if porcupine.CheckOperationsTimeout(model, w.run(t, uint64(h)), time.Minute) == porcupine.Illegal {
					return
				}
			}
			t.Error("20 histories of a broken book pass")
		})
	}
}
