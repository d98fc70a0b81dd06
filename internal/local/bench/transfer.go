package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/local/gencontacts"
)

// transfers measures imports and exports against the bare calls of the SDK.
func transfers(ctx context.Context, s *setting) error {
	t := &transferBench{setting: s, site: benchSite(), file: filepath.Join(s.scratch, "contacts.csv")}
	if err := generate(t.file, s.rows); err != nil {
		return err
	}
	if err := t.units(ctx); err != nil {
		return err
	}
	if err := t.imports(ctx); err != nil {
		return err
	}
	return t.exports(ctx)
}

type transferBench struct {
	*setting
	site  site.Site
	file  string
	table string // filled by the last import of new rows
	jobs  atomic.Int32
}

func generate(file string, rows int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := gencontacts.Write(w, gencontacts.Options{Rows: rows}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// books opens a table once a worker.
func (t *transferBench) books(table string, opts ...func(*dynamodb.Options)) ([]transfer.Book, error) {
	var books []transfer.Book
	for range t.workers {
		b, err := t.engine.book(table, t.site, opts...)
		if err != nil {
			return nil, err
		}
		books = append(books, b)
	}
	return books, nil
}

// run imports a file, from the moment that it has arrived to the end of the
// job: plan, chunks, counts.
func (t *transferBench) run(ctx context.Context, file string, books []transfer.Book) (transfer.Job, time.Duration, error) {
	info, err := os.Stat(file)
	if err != nil {
		return transfer.Job{}, 0, err
	}
	files, now := folder(filepath.Join(t.scratch, "files")), time.Now().UTC()
	j := transfer.Job{ID: fmt.Sprintf("job%07d", t.jobs.Add(1)), CreatedAt: now, Filename: "contacts.csv", Size: info.Size(), By: "key_bench"}
	j, up, err := transfer.Start(ctx, books[0], files, t.site, j, nil)
	if err != nil {
		return j, 0, err
	}
	if err := os.MkdirAll(filepath.Dir(up.URL), 0o755); err != nil {
		return j, 0, err
	}
	if err := os.Link(file, up.URL); err != nil {
		return j, 0, err
	}
	start := time.Now()
	q := newLine()
	if err := q.SendTask(ctx, transfer.Task{Site: t.site.ID, Job: j.ID, Step: transfer.StepInspect}); err != nil {
		return j, 0, err
	}
	if err := q.work(ctx, &transfer.Importer{Files: files, Queue: q, Clock: time.Now}, t.site, books); err != nil {
		return j, 0, err
	}
	took := time.Since(start)
	if j, err = books[0].Job(ctx, j.ID); err != nil {
		return j, 0, err
	}
	if j.State != transfer.Done {
		return j, 0, fmt.Errorf("the import is %s: %s", j.State, j.Fault)
	}
	return j, took, nil
}

// units measures what a new row takes of the table's write capacity: its items
// put one by one, as DynamoDB Local reports it, and twice that for those that the
// import wrote in a transaction, as AWS counts. The report of a transaction itself
// cannot be used: DynamoDB Local gives the same number for 1 item and for 100.
// The job's own records, a few a thousand rows, are left out.
func (t *transferBench) units(ctx context.Context) error {
	const rows = 2000
	file := filepath.Join(t.scratch, "few.csv")
	if err := generate(file, rows); err != nil {
		return err
	}
	table, err := t.engine.table(ctx)
	if err != nil {
		return err
	}
	var transacted atomic.Int64
	books, err := t.books(table, watch(func(in, _ any) {
		if tx, ok := in.(*dynamodb.TransactWriteItemsInput); ok {
			for _, pk := range written(tx) {
				if !ofJob(t.site.ID, pk) {
					transacted.Add(1)
				}
			}
		}
	}))
	if err != nil {
		return err
	}
	j, _, err := t.run(ctx, file, books)
	if err != nil {
		return err
	}
	if j.Counts.Created != rows {
		return fmt.Errorf("%d of %d rows were new", j.Counts.Created, rows)
	}
	items, err := t.engine.stored(ctx, table, t.site.ID)
	if err != nil {
		return err
	}
	twin, err := t.engine.table(ctx)
	if err != nil {
		return err
	}
	sum := 0.0
	for _, it := range items {
		u, err := t.engine.units(ctx, twin, it)
		if err != nil {
			return err
		}
		sum += u
	}
	sum += sum * float64(transacted.Load()) / float64(len(items))
	t.add("write_units_per_new_row", sum/rows, "WCU", atMost(3))
	return errors.Join(t.engine.drop(ctx, table), t.engine.drop(ctx, twin))
}

// imports measures new rows against BatchWriteItem of the very items that they
// became, and the same file again against the first time. An import may not
// overwrite what others wrote meanwhile, so its writes have conditions, which
// BatchWriteItem has not: the same items in the largest bare transactions show
// which part of the difference is the engine's and which is ours.
func (t *transferBench) imports(ctx context.Context) error {
	var items []map[string]types.AttributeValue
	var again []float64      // as many times as fast as the first time
	var strayed atomic.Int64 // items of contacts that a repetition wrote
	ours := func(round int) (time.Duration, error) {
		if t.table != "" {
			if err := t.engine.drop(ctx, t.table); err != nil {
				return 0, err
			}
		}
		var err error
		if t.table, err = t.engine.table(ctx); err != nil {
			return 0, err
		}
		books, err := t.books(t.table)
		if err != nil {
			return 0, err
		}
		j, took, err := t.run(ctx, t.file, books)
		if err != nil {
			return 0, err
		}
		if j.Counts.Created != t.rows {
			return 0, fmt.Errorf("%d of %d rows were new", j.Counts.Created, t.rows)
		}
		if round < 0 { // the warm-up
			items, err = t.engine.stored(ctx, t.table, t.site.ID)
			if err == nil && len(items) < t.rows {
				err = fmt.Errorf("%d items for %d rows", len(items), t.rows)
			}
			// In no order of their keys, as the rows of a file come.
			order := rand.New(rand.NewPCG(1, 2))
			order.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
			return 0, err
		}
		if books, err = t.books(t.table, watch(func(in, _ any) {
			for _, pk := range written(in) {
				if !ofJob(t.site.ID, pk) {
					strayed.Add(1)
				}
			}
		})); err != nil {
			return 0, err
		}
		j, repeated, err := t.run(ctx, t.file, books)
		if err != nil {
			return 0, err
		}
		if j.Counts.Unchanged != t.rows {
			return 0, fmt.Errorf("%d of %d rows were unchanged the second time", j.Counts.Unchanged, t.rows)
		}
		again = append(again, took.Seconds()/repeated.Seconds())
		return took, nil
	}
	bare := func(write func(context.Context, string, []map[string]types.AttributeValue, int) error) side {
		return func(int) (time.Duration, error) {
			table, err := t.engine.table(ctx)
			if err != nil {
				return 0, err
			}
			start := time.Now()
			if err := write(ctx, table, items, t.workers); err != nil {
				return 0, err
			}
			took := time.Since(start)
			return took, t.engine.drop(ctx, table)
		}
	}
	sides := []side{ours, bare(t.engine.batchWrite), bare(t.engine.transact)}
	for _, s := range sides {
		if _, err := s(-1); err != nil {
			return err
		}
	}
	took, err := alternate(t.rounds, sides...)
	if err != nil {
		return err
	}
	t.add("import_rows_per_second", perSecond(t.rows, median(took[0])), "rows/s", goal{})
	t.add("import_ratio", took.ratio(0, 1), "×", atLeast(0.6))
	t.add("import_transaction_ratio", took.ratio(0, 2), "×", goal{})
	t.add("reimport_ratio", median(again), "×", atLeast(3))
	t.add("reimport_items_written", float64(strayed.Load()), "items", atMost(0))
	return nil
}

// exports measures an export of everything against the very Query requests that
// it makes, in as many readers as it has shards, each page only decoded by the SDK.
func (t *transferBench) exports(ctx context.Context) error {
	var mu sync.Mutex
	var firsts []*dynamodb.QueryInput // one a shard
	catch := watch(func(in, _ any) {
		if q, ok := in.(*dynamodb.QueryInput); ok && q.ExclusiveStartKey == nil {
			mu.Lock()
			defer mu.Unlock()
			firsts = append(firsts, q)
		}
	})
	files := folder(filepath.Join(t.scratch, "files"))
	ours := func(b *dynamo.Book) (time.Duration, error) {
		q := newLine()
		j := transfer.Job{ID: fmt.Sprintf("job%07d", t.jobs.Add(1)), CreatedAt: time.Now().UTC(), By: "key_bench"}
		j, err := transfer.Request(ctx, b, q, t.site, j, nil)
		if err != nil {
			return 0, err
		}
		start := time.Now()
		if err := q.work(ctx, &transfer.Exporter{Files: files, Clock: time.Now}, t.site, []transfer.Book{b}); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if j, err = b.Job(ctx, j.ID); err != nil {
			return 0, err
		}
		if j.State != transfer.Done || j.Total != t.rows {
			return 0, fmt.Errorf("the export is %s with %d of %d rows", j.State, j.Total, t.rows)
		}
		return took, os.Remove(files.path(j.Result))
	}
	bare := func(int) (time.Duration, error) {
		var rows atomic.Int64
		start := time.Now()
		err := together(len(firsts), func(i int) error {
			in := *firsts[i]
			pages := dynamodb.NewQueryPaginator(t.engine.bare, &in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return err
				}
				rows.Add(int64(len(page.Items)))
			}
			return nil
		})
		took := time.Since(start)
		if err == nil && rows.Load() < int64(t.rows) {
			err = fmt.Errorf("the bare queries read %d of %d rows", rows.Load(), t.rows)
		}
		return took, err
	}
	b, err := t.engine.book(t.table, t.site, catch)
	if err != nil {
		return err
	}
	if _, err := ours(b); err != nil { // the warm-up
		return err
	}
	if len(firsts) == 0 {
		return errors.New("the export made no Query")
	}
	if _, err := bare(0); err != nil {
		return err
	}
	if b, err = t.engine.book(t.table, t.site); err != nil {
		return err
	}
	took, err := alternate(2*t.rounds+1, func(int) (time.Duration, error) { return ours(b) }, bare)
	if err != nil {
		return err
	}
	t.add("export_rows_per_second", perSecond(t.rows, median(took[0])), "rows/s", goal{})
	t.add("export_ratio", took.ratio(0, 1), "×", atLeast(0.7))
	return t.engine.drop(ctx, t.table)
}
