// Package transferkit runs imports and exports in one process: files in a
// folder, tasks in a queue that can lose time, double and shuffle messages.
package transferkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
)

// Folder implements transfer.Files in a folder that goes with the test.
type Folder struct{ Dir string }

// NewFolder makes an empty one.
func NewFolder(t testing.TB) *Folder { return &Folder{t.TempDir()} }

func (f *Folder) path(key string) string { return filepath.Join(f.Dir, filepath.FromSlash(key)) }

// PresignPut implements transfer.Files; the address is of this folder alone.
func (f *Folder) PresignPut(_ context.Context, key string, _ int64, _ time.Duration) (transfer.Upload, error) {
	return transfer.Upload{Method: "PUT", URL: "file:" + key}, nil
}

// PresignGet implements transfer.Files.
func (f *Folder) PresignGet(_ context.Context, key, _ string, _ time.Duration) (string, error) {
	return "file:" + key, nil
}

// Stat implements transfer.Files.
func (f *Folder) Stat(_ context.Context, key string) (int64, string, error) {
	file, err := os.Open(f.path(key))
	if errors.Is(err, os.ErrNotExist) {
		return 0, "", transfer.ErrNoFile
	}
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// Read implements transfer.Files.
func (f *Folder) Read(_ context.Context, key, _ string, offset, length int64) (io.ReadCloser, error) {
	file, err := os.Open(f.path(key))
	if errors.Is(err, os.ErrNotExist) {
		return nil, transfer.ErrNoFile
	}
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = 1 << 62
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, offset, length), file}, nil
}

// Put implements transfer.Files.
func (f *Folder) Put(ctx context.Context, key, _ string, body []byte) error {
	w := f.Create(ctx, key, "")
	if _, err := w.Write(body); err != nil {
		return err
	}
	return w.Close()
}

// Create implements transfer.Files.
func (f *Folder) Create(_ context.Context, key, _ string) transfer.FileWriter {
	p := f.path(key)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return &folderFile{err: err}
	}
	file, err := os.CreateTemp(filepath.Dir(p), ".new-*")
	return &folderFile{file, p, err}
}

type folderFile struct {
	*os.File
	to  string
	err error
}

func (w *folderFile) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return w.File.Write(b)
}

func (w *folderFile) Close() error {
	if w.err != nil {
		return w.err
	}
	if err := w.File.Close(); err != nil {
		return err
	}
	return os.Rename(w.Name(), w.to)
}

func (w *folderFile) Abort() {
	if w.err == nil {
		w.File.Close()
		os.Remove(w.Name())
	}
}

// Text reads a whole file.
func (f *Folder) Text(t testing.TB, key string) string {
	t.Helper()
	b, err := os.ReadFile(f.path(key))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Queue implements transfer.Queue in memory.
type Queue struct {
	mu    sync.Mutex
	tasks []transfer.Task
	later []transfer.Task
}

// SendTask implements transfer.Queue.
func (q *Queue) SendTask(_ context.Context, tasks ...transfer.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, tasks...)
	return nil
}

// SendLater implements transfer.Queue; later is when nothing else is left.
func (q *Queue) SendLater(ctx context.Context, _ time.Duration, t transfer.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.later = append(q.later, t)
	return nil
}

// Conditions are what a run of a job has to bear.
type Conditions struct {
	Workers int     // side by side
	Twice   float64 // share of deliveries that come a second time
	Kill    float64 // share of tries whose worker is killed at some moment
	Lose    float64 // share of a chunk's deliveries that never come back, as after five failures
	Seed    uint64
}

// Doer is transfer.Importer or transfer.Exporter.
type Doer interface {
	Do(ctx context.Context, b transfer.Book, s site.Site, t transfer.Task) error
}

// Drain delivers tasks, under the conditions, until none is left.
func (q *Queue) Drain(t testing.TB, c Conditions, b transfer.Book, s site.Site, do Doer) {
	t.Helper()
	var wg sync.WaitGroup
	var busy sync.WaitGroup
	under := 0
	take := func() (transfer.Task, bool, bool) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.tasks) == 0 && under == 0 {
			q.tasks, q.later = q.later, nil
		}
		if len(q.tasks) == 0 {
			return transfer.Task{}, false, under == 0
		}
		i := 0
		if c.Seed != 0 {
			i = rand.IntN(len(q.tasks))
		}
		task := q.tasks[i]
		q.tasks = append(q.tasks[:i], q.tasks[i+1:]...)
		under++
		return task, true, false
	}
	for w := range max(c.Workers, 1) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(c.Seed, uint64(w)))
			for {
				task, ok, end := take()
				if end {
					return
				}
				if !ok {
					time.Sleep(time.Millisecond)
					continue
				}
				if task.Chunk != nil && r.Float64() < c.Lose {
					q.mu.Lock()
					under--
					q.mu.Unlock()
					continue
				}
				ctx, cancel := context.WithCancel(context.Background())
				if r.Float64() < c.Kill {
					// The worker stops somewhere: whatever request is under way may or
					// may not take effect.
					busy.Go(func() {
						time.Sleep(time.Duration(rand.Int64N(int64(40 * time.Millisecond))))
						cancel()
					})
				}
				err := do.Do(ctx, b, s, task)
				killed := ctx.Err() != nil
				cancel()
				if err != nil && !killed && !errors.Is(err, transfer.ErrNotYet) {
					t.Errorf("task %s of %s: %v", task.Step, task.Job, err)
				}
				q.mu.Lock()
				under--
				if err != nil || r.Float64() < c.Twice {
					q.tasks = append(q.tasks, task)
				}
				q.mu.Unlock()
			}
		})
	}
	wg.Wait()
	busy.Wait()
}

// Import sends a file through an import and gives the job as it ended.
func Import(t testing.TB, c Conditions, files *Folder, b transfer.Book, s site.Site, clock crm.Clock, id string, file []byte, change func(*transfer.Job)) transfer.Job {
	t.Helper()
	ctx := context.Background()
	j := transfer.Job{ID: id, CreatedAt: clock.Now(), Filename: "contacts.csv", Size: int64(len(file)), By: "key_test"}
	if change != nil {
		change(&j)
	}
	j, up, err := transfer.Start(ctx, b, files, s, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Put(ctx, strings.TrimPrefix(up.URL, "file:"), "", bytes.Clone(file)); err != nil {
		t.Fatal(err)
	}
	q := &Queue{}
	im := &transfer.Importer{Files: files, Queue: q, Clock: clock}
	q.tasks = []transfer.Task{{Site: s.ID, Job: j.ID, Step: transfer.StepInspect}}
	q.Drain(t, c, b, s, im)
	if j, err = b.Job(ctx, j.ID); err != nil {
		t.Fatal(err)
	}
	return j
}

// Export asks for an export and gives the job as it ended, and the file.
func Export(t testing.TB, files *Folder, b transfer.Book, s site.Site, clock crm.Clock, j transfer.Job) (transfer.Job, string) {
	t.Helper()
	ctx := context.Background()
	q := &Queue{}
	j.CreatedAt = clock.Now()
	j, err := transfer.Request(ctx, b, q, s, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Drain(t, Conditions{}, b, s, &transfer.Exporter{Files: files, Clock: clock})
	if j, err = b.Job(ctx, j.ID); err != nil {
		t.Fatal(err)
	}
	if j.State != transfer.Done {
		t.Fatalf("the export is %s: %s", j.State, j.Fault)
	}
	return j, files.Text(t, j.Result)
}

// String tells the counts in one line.
func String(c transfer.Counts) string {
	return fmt.Sprintf("%d rows: %d created, %d updated, %d unchanged, %d merged, %d rejected; %d incomplete",
		c.Rows, c.Created, c.Updated, c.Unchanged, c.Merged, c.Rejected, c.Incomplete)
}
