package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/timeline"
)

// Kind of a job.
type Kind string

const (
	Import Kind = "import"
	Export Kind = "export"
)

// State of a job.
//
//	import: uploading → inspecting → running → done
//	                  ↘ ready ↗ (a mapping is needed)
//	export: running → done
//	each:   → failed, with Fault; → cancelled
type State string

const (
	Uploading  State = "uploading"  // waits for the file
	Inspecting State = "inspecting" // encoding, columns, plan
	Ready      State = "ready"      // waits for a mapping of its columns
	Running    State = "running"
	Done       State = "done"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
)

// Ended reports whether nothing more happens to the job.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Counts of an import: Rows is the sum of those up to Rejected when it is done. Of
// an export: Rows alone.
type Counts struct {
	Rows      int // rows that were dealt with
	Created   int
	Updated   int
	Unchanged int
	Merged    int // rows that joined a contact which this import had made or changed
	Rejected  int

	Incomplete int // rows among the first four that went in without a cell
}

func (c *Counts) add(o outcome) {
	c.Rows++
	switch o {
	case created:
		c.Created++
	case updated:
		c.Updated++
	case unchanged:
		c.Unchanged++
	case merged:
		c.Merged++
	case rejected:
		c.Rejected++
	}
}

// Job is one import or export. Its id sorts by the moment of its making.
type Job struct {
	ID        string
	Kind      Kind
	State     State
	By        string // the API key that asked
	CreatedAt time.Time
	UpdatedAt time.Time
	Fault     string // why it failed or waits, for a person

	// Import
	Filename string
	Size     int64             // bytes announced
	Mapping  map[string]string // column name → field, or "" to leave it out; over what is recognised
	Options  Options
	File     string // the file that is read: the upload, or its copy in UTF-8
	ETag     string // of File
	Comma    string // the delimiter found
	Encoding string
	Columns  []Column
	Total    int // rows in the file; known from running on
	Chunks   int
	Tails    int  // chunks with rows that an earlier row may share a contact with
	Sent     bool // all chunk messages are out

	// Export
	Format  string
	Filter  string
	IDs     []crm.ContactID
	Choice  []string // columns; empty: all
	Result  string   // key of the finished file
	ErrFile string   // key of the file of rejected and incomplete rows; empty without any

	// Kept beside the rest, so that many workers can add to them.
	Counts Counts
	Ended  int // chunks that are dealt with

	Version int64 // of everything but Counts and Ended
}

// Options of an import.
type Options struct {
	Existing Existing       // what happens to contacts that are known
	Tags     []string       // for every row
	Status   contact.Status // for contacts that the import makes, where the row says none
}

// Existing is what an import does with a contact that is there already.
type Existing string

const (
	Update Existing = "update" // what the row says replaces what is there; blanks keep it
	Fill   Existing = "fill"   // only what is empty is filled
	Skip   Existing = "skip"   // nothing
)

// Column is a column of the file and what becomes of it.
type Column struct {
	Name  string
	Field string // the contact's field; empty: left out
	Note  string // why it is left out
}

// Jobs keeps the jobs of one site.
type Jobs interface {
	// CreateJob stores a new job with rows of the audit log and the record of the request,
	// all or nothing; crm.Conflict if the job is there or the request was.
	CreateJob(ctx context.Context, j Job, once *contact.Once, log ...audit.Entry) error
	// MadeBy is the job that a request made before; crm.KeyReused if that said something else.
	MadeBy(ctx context.Context, once *contact.Once) (id string, ok bool, err error)
	// Job reads one, strongly consistent; crm.NotFound.
	Job(ctx context.Context, id string) (Job, error)
	// ChangeJob applies a change and stores it, repeating it while others come
	// between. ErrUnchanged of the contact package stores nothing.
	ChangeJob(ctx context.Context, id string, now time.Time, change func(*Job) error) (Job, error)
	// EndChunk records that a chunk was dealt with and adds its counts, once however
	// often it is called; it reports whether this call was the one.
	EndChunk(ctx context.Context, id, chunk string, c Counts) (bool, error)
	// ChunkEnded reports whether EndChunk was called for the chunk.
	ChunkEnded(ctx context.Context, id, chunk string) (bool, error)
	// ListJobs gives the newest jobs of a kind.
	ListJobs(ctx context.Context, kind Kind, limit int) ([]Job, error)
}

// Contacts is what jobs need of the site's book.
type Contacts interface {
	// UpsertAll brings many facts in, as contact.Book.Upsert does each. No two of
	// them may share an identity, and each has one. The rule is called with the
	// number of its facts, perhaps more than once. The calls that returned nil are stored;
	// an error leaves some stored and some not, and the call can be repeated.
	UpsertAll(ctx context.Context, facts []contact.Facts, now time.Time, rule func(i int, c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error)) error

	// Each calls visit with every contact that exists from the start to the end of
	// the call exactly once, in no order, from one goroutine. Memory is bounded.
	Each(ctx context.Context, visit func(*contact.Contact) error) error

	// GetAll reads contacts by id, in their order; what is not there is a contact
	// without an id. At most 100 ids.
	GetAll(ctx context.Context, ids []crm.ContactID) ([]contact.Contact, error)

	// Groups lists the customer groups of the site, which files know by name.
	Groups(ctx context.Context) ([]group.Group, error)
}

// Book is both.
type Book interface {
	Jobs
	Contacts
}

// Upload is a request that the owner's browser makes to storage.
type Upload struct {
	Method  string
	URL     string
	Headers map[string]string // to be sent exactly so
}

// ErrNoFile tells that a key holds no file.
var ErrNoFile = errors.New("there is no such file")

// Files keeps files by key.
type Files interface {
	PresignPut(ctx context.Context, key string, size int64, valid time.Duration) (Upload, error)
	PresignGet(ctx context.Context, key, filename string, valid time.Duration) (string, error)
	// Stat is the size and the ETag of a file; ErrNoFile.
	Stat(ctx context.Context, key string) (int64, string, error)
	// Read streams length bytes (-1: all) from offset of the file with that ETag
	// (empty: any). It ends in an error, not early, if the connection breaks.
	Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error)
	Put(ctx context.Context, key, contentType string, body []byte) error
	Create(ctx context.Context, key, contentType string) FileWriter
}

// FileWriter writes a file that appears whole at Close, or not at all.
type FileWriter interface {
	io.WriteCloser
	Abort()
}

// Queue hands work to workers; each message arrives at least once.
type Queue interface {
	SendTask(ctx context.Context, tasks ...Task) error
	// SendLater hands a task out after a while, at most 15 minutes.
	SendLater(ctx context.Context, after time.Duration, t Task) error
}

// TaskMessage is the kind of a message that carries a task as JSON.
const TaskMessage = "task"

// Task is one step of a job.
type Task struct {
	Site crm.SiteID `json:"site"`
	Job  string     `json:"job"`
	Step Step       `json:"step"`
	// Chunk is what a run step reads.
	Chunk *Chunk `json:"chunk,omitempty"`
	// What a watch step saw last time of Job.Ended, and for how many times in a row.
	Ended  int `json:"ended,omitempty"`
	Stalls int `json:"stalls,omitempty"`
}

// Step is what a task asks for.
type Step string

const (
	StepInspect Step = "inspect" // look at the upload, plan it, send its chunks
	StepRun     Step = "run"     // the rows of a chunk that are the first of their contact
	StepTail    Step = "tail"    // its other rows; one chunk after the other
	StepWatch   Step = "watch"   // look whether the import still moves
	StepExport  Step = "export"
)

// Limits of jobs.
const (
	MaxFile      = 1 << 30 // bytes; what a worker inspects in its time
	UploadFor    = time.Hour
	DownloadFor  = 15 * time.Minute
	KeptFor      = 7 * 24 * time.Hour // a finished export; the bucket's lifecycle rule removes it
	watchEvery   = 20 * time.Second
	maxStalls    = 540 // three hours: behind other large imports a sound one may wait long
	resendMost   = 20  // chunks at a time
	chunkRows    = 1000
	chunkBytes   = 1 << 20
	maxExportIDs = 10_000
)

func uploadKey(s crm.SiteID, job string) string { return "uploads/" + string(s) + "/" + job }

func workKey(s crm.SiteID, job, name string) string {
	return "imports/" + string(s) + "/" + job + "/" + name
}

func errorKey(s crm.SiteID, job string) string { return "errors/" + string(s) + "/" + job + ".csv" }

func exportKey(s crm.SiteID, job string) string { return "exports/" + string(s) + "/" + job + ".csv" }
