// Package bulk changes many contacts at once, as a job in the background: those
// of a list of ids, those that pass a filter, or all.
//
// A job is divided into parts: the shards of the book, or 250 of its ids each.
// A part is worked through page by page. A page is planned first (which contacts,
// at most 100, are in it and pass the filter: stored), then each contact is
// changed by itself, through [contact.Book], then the page is counted, in one transaction
// with the part's position. So wherever a worker is killed, the next one
// finishes the same page: what it finds changed carries the job's activity, whose id
// follows from job and contact, and is counted as changed and not touched again.
// A message that comes twice thus changes nothing twice, and the counts are exact.
//
// What can be done to contacts is a [Registry] of actions. The rules of tags,
// statuses and groups are pure functions; an action with effects of its own
// brings a Do.
package bulk

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
)

// State of a job.
//
//	queued → running → done
//	each:  → cancelled; → failed, with Fault
type State string

const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Cancelled State = "cancelled"
	Failed    State = "failed"
)

// Ended reports whether nothing more happens to the job.
func (s State) Ended() bool { return s == Done || s == Cancelled || s == Failed }

// Job is one bulk action.
type Job struct {
	ID        string
	State     State
	Action    string
	Args      Args
	Selection Selection
	By        string // the member or API key that asked
	Source    string // see site.Actor.Source
	CreatedAt time.Time
	UpdatedAt time.Time
	Parts     int
	Fault     string // why it failed, for a person

	// Kept beside the rest, so that many workers can add to them.
	Counts  Counts
	Reasons map[Reason]int // why contacts were skipped or failed
	Ended   int            // parts that are done

	Version int64 // of everything but Counts, Reasons and Ended
}

// Args are what an action needs to know. Extra is for actions of few.
type Args struct {
	Tags   []string
	Status contact.Status
	Group  string
	From   string
	To     string
	Extra  map[string]string
}

// Selection is which contacts a job is about: IDs, or those that pass Filter, or All.
type Selection struct {
	IDs    []crm.ContactID // not kept with the job, but with its parts
	Count  int             // of IDs
	Filter string
	All    bool
}

// Counts of a job: Done is the sum of the others.
type Counts struct {
	Done    int // contacts dealt with
	Changed int
	Skipped int // nothing to change, or not there
	Failed  int // refused by a rule
}

// Reason is why a contact was not changed, a short word.
type Reason string

const (
	Missing   Reason = "missing"   // there is no such contact
	Unchanged Reason = "unchanged" // it was so already
	Merged    Reason = "merged"    // it went into another contact meanwhile
)

// Tally is what a page adds to the job.
type Tally struct {
	Counts
	Reasons map[Reason]int
}

func (t *Tally) skip(why Reason) { t.Done++; t.Skipped++; t.because(why) }
func (t *Tally) fail(why Reason) { t.Done++; t.Failed++; t.because(why) }
func (t *Tally) change()         { t.Done++; t.Changed++ }

func (t *Tally) because(why Reason) {
	if t.Reasons == nil {
		t.Reasons = map[Reason]int{}
	}
	t.Reasons[why]++
}

// Part is a share of a job's contacts and how far the work on it is.
type Part struct {
	N    int
	IDs  []crm.ContactID // of a list; nil: the shard N
	At   int             // of a list: how many are dealt with or planned
	Past crm.ContactID   // of a shard: the last that was dealt with or planned
	Last bool            // the planned page is the last
	Plan []crm.ContactID // the page that is worked on; nil: none is
	// What planning the page found out: ids without a contact.
	Absent int
	Done   bool

	Version int64
}

// Jobs keeps the bulk jobs of one site.
type Jobs interface {
	// CreateBulk stores a new job with its parts, a row of the audit log and the record of
	// the request, all or nothing; crm.Conflict if the job is there or the request was.
	CreateBulk(ctx context.Context, j Job, parts []Part, once *contact.Once, e audit.Entry) error
	// Bulk reads one, strongly consistent; crm.NotFound.
	Bulk(ctx context.Context, id string) (Job, error)
	// ChangeBulk applies a change and stores it, repeating it while others come
	// between. contact.ErrUnchanged stores nothing.
	ChangeBulk(ctx context.Context, id string, now time.Time, change func(*Job) error) (Job, error)
	// ListBulk gives the newest jobs.
	ListBulk(ctx context.Context, limit int) ([]Job, error)
	// BulkPart reads a part, strongly consistent; crm.NotFound.
	BulkPart(ctx context.Context, id string, n int) (Part, error)
	// PlanPage stores a part with its planned page; crm.Stale if another worker
	// was faster.
	PlanPage(ctx context.Context, id string, p Part) error
	// EndPage stores a part after its page and adds the tally to the job, both or
	// none; with Part.Done the job's Ended rises. crm.Stale if another worker was faster.
	EndPage(ctx context.Context, id string, p Part, t Tally) error
}

// Contacts is what jobs need of the site's book.
type Contacts interface {
	contact.Book
	segment.Groups

	// EachRow calls visit with the row of every contact that exists from the start
	// to the end of the call exactly once, in no order, from one goroutine.
	EachRow(ctx context.Context, visit func(contact.Row) error) error

	// RowsAfter gives at most limit rows of a shard, ordered by id, beyond one
	// (empty: from the first), strongly consistent, and whether these are the last.
	// last is the id to go on after; it may be beyond the last row.
	RowsAfter(ctx context.Context, shard int, after crm.ContactID, limit int) (rows []contact.Row, last crm.ContactID, end bool, err error)

	// EachWhole and WholeAfter are EachRow and RowsAfter with the site's own fields in the
	// rows (contact.Row.Custom); they read all of each contact.
	EachWhole(ctx context.Context, visit func(contact.Row) error) error
	WholeAfter(ctx context.Context, shard int, after crm.ContactID, limit int) (rows []contact.Row, last crm.ContactID, end bool, err error)

	// Rows gives the rows of contacts, absent ones left out; at most 100 ids.
	Rows(ctx context.Context, ids []crm.ContactID) ([]contact.Row, error)

	// HasActivities reports which of the contacts have the activity of an id that
	// is given for each; at most 100.
	HasActivities(ctx context.Context, of map[crm.ContactID]string) (map[crm.ContactID]bool, error)

	// ChangeSettings applies a rule to the settings of the site as they stand and commits
	// them with the row of the audit log, repeating the rule while others come between.
	ChangeSettings(ctx context.Context, rule func(*site.Site) (audit.Entry, error)) (site.Site, error)
}

// Book is both.
type Book interface {
	Jobs
	Contacts
}

// Queue hands work to workers; each message arrives at least once.
type Queue interface {
	SendBulk(ctx context.Context, tasks ...Task) error
}

// TaskMessage is the kind of a message that carries a task as JSON.
const TaskMessage = "bulk"

// Task is one step of a job.
type Task struct {
	Site crm.SiteID `json:"site"`
	Job  string     `json:"job"`
	// Part is the part to work on, from 1; 0 starts the job.
	Part int `json:"part,omitempty"`
}

// Limits.
const (
	MaxIDs   = 10_000
	partIDs  = 250
	pageSize = 100
	atOnce   = 8
)

// ActivityID is the id of the activity by which a job marks a contact that it
// changed: a ULID that follows from both.
func ActivityID(j Job, c crm.ContactID) string {
	sum := sha256.Sum256([]byte(j.ID + "\x00" + string(c)))
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(j.CreatedAt)) // within ULID's range until the year 10889
	copy(id[6:], sum[:])
	return id.String()
}

// Run is what an action is told of its job.
type Run struct {
	Site site.Site
	Job  Job
	Now  time.Time
}
