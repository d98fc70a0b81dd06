package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/local/gencontacts"
)

// memory measures the peak of an import worker and of an exporter over 10⁴ and
// over 10⁶ rows, each in a process of its own that does one task after the
// other, as a function does. Both processes work long enough for the garbage
// collector to settle: fifty jobs of 10⁴ rows are compared with one of 10⁶, and
// of two runs the lesser counts, as a collector that waits for a busy machine's
// processor lets the heap grow meanwhile.
//
// Their book is one without a database: what the worker itself holds is
// measured, and a million rows take seconds. What the DynamoDB client adds, one
// batch or one page a shard, does not depend on the number of rows.
func memory(ctx context.Context, s *setting) error {
	if _, err := peak(); err != nil {
		fmt.Fprintln(os.Stderr, "memory is left out: this system does not tell a process its peak")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, kind := range []string{"import", "export"} {
		var took [2]float64
		for i, rows := range []int{10_000, 1_000_000} {
			for range 2 {
				mib, err := measured(ctx, s, self, kind, rows)
				if err != nil {
					return fmt.Errorf("the worker of %d rows: %w", rows, err)
				}
				if took[i] == 0 || mib < took[i] {
					took[i] = mib
				}
			}
			s.add(kind+"_memory_"+[]string{"10k", "1m"}[i], took[i], "MiB", atMost(128))
		}
		s.add(kind+"_memory_growth", took[1]/took[0], "×", within(0.1))
	}
	return nil
}

// measured runs a worker in a process of its own and gives its peak.
func measured(ctx context.Context, s *setting, self, kind string, rows int) (float64, error) {
	cmd := exec.CommandContext(ctx, self, "bench", "-child", kind, "-rows", strconv.Itoa(rows))
	cmd.Dir, cmd.Stderr = s.root, os.Stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+s.scratch)
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// worker is the process that is measured. It prints its peak in MiB.
func worker(ctx context.Context, kind string, rows int) error {
	dir, err := os.MkdirTemp("", "worker-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	job := importJob
	switch kind {
	case "import":
	case "export":
		job = exportJob
	default:
		return fmt.Errorf("there is no worker %q", kind)
	}
	b := &noBook{rows: rows, jobs: map[string]transfer.Job{}, ended: map[string]bool{}}
	for i := range max(1, min(50, 1_000_000/rows)) {
		j := transfer.Job{ID: fmt.Sprintf("job%d", i), CreatedAt: time.Now().UTC(), Filename: "contacts.csv"}
		if err := job(ctx, b, folder(dir), j); err != nil {
			return err
		}
		if j = b.jobs[j.ID]; j.State != transfer.Done || j.Total != rows || kind == "import" && j.Counts.Created != rows {
			return fmt.Errorf("the job is %s with %d of %d rows: %s", j.State, j.Total, rows, j.Fault)
		}
	}
	mib, err := peak()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}

func importJob(ctx context.Context, b *noBook, files folder, j transfer.Job) error {
	file := files.path("contacts.csv")
	if err := generate(file, b.rows); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	j.Size = info.Size()
	_, up, err := transfer.Start(ctx, b, files, benchSite(), j, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(up.URL), 0o755); err != nil {
		return err
	}
	if err := os.Rename(file, up.URL); err != nil {
		return err
	}
	q := newLine()
	if err := q.SendTask(ctx, transfer.Task{Site: benchSite().ID, Job: j.ID, Step: transfer.StepInspect}); err != nil {
		return err
	}
	return q.work(ctx, &transfer.Importer{Files: files, Queue: q, Clock: time.Now}, benchSite(), []transfer.Book{b})
}

func exportJob(ctx context.Context, b *noBook, files folder, j transfer.Job) error {
	q := newLine()
	if _, err := transfer.Request(ctx, b, q, benchSite(), j, nil); err != nil {
		return err
	}
	return q.work(ctx, &transfer.Exporter{Files: files, Clock: time.Now}, benchSite(), []transfer.Book{b})
}

// peak is the largest resident size of this process since it was started, in
// MiB. The kernel's rusage would count what the process was before its exec.
func peak() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "\nVmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, err := strconv.Atoi(kib)
	return float64(n) / 1024, err
}

// noBook is a book that takes every row as new and keeps none, and that has as
// many contacts as it is told. Only jobs are kept.
type noBook struct {
	rows  int
	mu    sync.Mutex
	jobs  map[string]transfer.Job
	ended map[string]bool
}

func (b *noBook) MadeBy(context.Context, *contact.Once) (string, bool, error) { return "", false, nil }

func (b *noBook) CreateJob(_ context.Context, j transfer.Job, _ *contact.Once, _ ...audit.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[j.ID] = j
	return nil
}

func (b *noBook) Job(_ context.Context, id string) (transfer.Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[id], nil
}

func (b *noBook) ChangeJob(_ context.Context, id string, _ time.Time, change func(*transfer.Job) error) (transfer.Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[id]
	if err := change(&j); err == contact.ErrUnchanged {
		return b.jobs[id], nil
	} else if err != nil {
		return j, err
	}
	b.jobs[id] = j
	return j, nil
}

func (b *noBook) EndChunk(_ context.Context, id, chunk string, c transfer.Counts) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended[id+chunk] {
		return false, nil
	}
	b.ended[id+chunk] = true
	j := b.jobs[id]
	j.Ended++
	j.Counts.Rows += c.Rows
	j.Counts.Created += c.Created
	j.Counts.Merged += c.Merged
	j.Counts.Rejected += c.Rejected
	b.jobs[id] = j
	return true, nil
}

func (b *noBook) ChunkEnded(_ context.Context, id, chunk string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended[id+chunk], nil
}

func (b *noBook) ListJobs(context.Context, transfer.Kind, int) ([]transfer.Job, error) {
	return nil, nil
}

func (b *noBook) UpsertAll(_ context.Context, facts []contact.Facts, now time.Time, rule func(int, *contact.Contact, contact.Facts, bool) ([]timeline.Activity, error)) error {
	for i, f := range facts {
		c := contact.New(f, now)
		if _, err := rule(i, &c, f, true); err != nil && err != contact.ErrUnchanged {
			return err
		}
	}
	return nil
}

func (b *noBook) Each(_ context.Context, visit func(*contact.Contact) error) error {
	for i := range b.rows {
		r := gencontacts.Row(i, gencontacts.DefaultSeed)
		c := contact.Contact{
			ID: "ct_0123456789abcdefghjkmnpqrs", Version: 1, Email: r[0], Status: contact.Lead, Consent: contact.ConsentNever,
			Details: contact.Details{FirstName: r[1], LastName: r[2], Phone: r[3], Company: r[4],
				Address: contact.Address{Street: r[5], City: r[6], Postcode: r[7], Country: r[8]}},
			Tags: transfer.SplitTags(r[9]),
		}
		if err := visit(&c); err != nil {
			return err
		}
	}
	return nil
}

func (*noBook) Groups(context.Context) ([]group.Group, error) { return nil, nil }

func (b *noBook) GetAll(context.Context, []crm.ContactID) ([]contact.Contact, error) { return nil, nil }
