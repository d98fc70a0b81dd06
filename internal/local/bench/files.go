package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
)

// folder is transfer.Files in a folder of this machine.
type folder string

func (f folder) path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

func (f folder) PresignPut(_ context.Context, key string, _ int64, _ time.Duration) (transfer.Upload, error) {
	return transfer.Upload{Method: "PUT", URL: f.path(key)}, nil
}

func (f folder) PresignGet(_ context.Context, key, _ string, _ time.Duration) (string, error) {
	return f.path(key), nil
}

func (f folder) Stat(_ context.Context, key string) (int64, string, error) {
	info, err := os.Stat(f.path(key))
	if err != nil {
		return 0, "", absent(err)
	}
	return info.Size(), "one", nil // no file here is ever replaced
}

func (f folder) Read(_ context.Context, key, _ string, offset, length int64) (io.ReadCloser, error) {
	file, err := os.Open(f.path(key))
	if err != nil {
		return nil, absent(err)
	}
	if length < 0 {
		length = 1 << 62
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, offset, length), file}, nil
}

func absent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return transfer.ErrNoFile
	}
	return err
}

func (f folder) Put(ctx context.Context, key, _ string, body []byte) error {
	w := f.Create(ctx, key, "")
	if _, err := w.Write(body); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

func (f folder) Create(_ context.Context, key, _ string) transfer.FileWriter {
	to := f.path(key)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return &folderFile{err: err}
	}
	file, err := os.Create(to + ".new")
	return &folderFile{file, to, err}
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

// line is transfer.Queue in memory. It loses nothing and doubles nothing.
type line struct {
	mu    sync.Mutex
	more  *sync.Cond
	tasks []transfer.Task
	under int // tasks that a worker has
	err   error
}

func newLine() *line {
	l := &line{}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *line) SendTask(_ context.Context, tasks ...transfer.Task) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = append(l.tasks, tasks...)
	l.more.Broadcast()
	return nil
}

// take waits for a task; ok is false when none can come any more.
func (l *line) take() (t transfer.Task, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.tasks) == 0 && l.under > 0 && l.err == nil {
		l.more.Wait()
	}
	if len(l.tasks) == 0 || l.err != nil {
		return t, false
	}
	t, l.tasks = l.tasks[0], l.tasks[1:]
	l.under++
	return t, true
}

func (l *line) done(t transfer.Task, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under--
	if errors.Is(err, transfer.ErrNotYet) {
		l.tasks = append(l.tasks, t)
	} else if err != nil {
		l.err = fmt.Errorf("step %s: %w", t.Step, err)
	}
	l.more.Broadcast()
}

type doer interface {
	Do(ctx context.Context, b transfer.Book, s site.Site, t transfer.Task) error
}

// work does all tasks, one worker a book.
func (l *line) work(ctx context.Context, do doer, s site.Site, books []transfer.Book) error {
	_ = together(len(books), func(i int) error {
		for {
			t, ok := l.take()
			if !ok {
				return nil
			}
			l.done(t, do.Do(ctx, books[i], s, t))
		}
	})
	return l.err
}

// SendLater implements transfer.Queue: nothing is lost here, so nothing has to
// be watched.
func (l *line) SendLater(context.Context, time.Duration, transfer.Task) error { return nil }
