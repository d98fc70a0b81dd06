// Package privacy is what a person can ask of a site by the GDPR: to be erased
// (Art. 17), and to be handed what the site has of them (Art. 15 and 20).
package privacy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
)

// An erasure (GDPR Art. 17) is a job with a checklist: one step for each place
// where a person's data may be, each carried out and recorded before the next. A
// step that is done again finds nothing, so a worker may be killed anywhere and
// the message delivered as often as it likes. While the job runs it knows the
// person's ids and addresses, sealed with the site's secret; when it is done they
// are gone, and what stays is the checklist, which names nobody.
//
// A copy of ids and hashes goes to the bucket, where a restore of the table does
// not reach: Replay erases the person again in a table that was set back.

// State of an erasure.
//
//	queued → running → done
//	         running → failed, with Fault; its message, sent again, carries it on
type State string

const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// StepState is what became of a place.
type StepState string

const (
	StepPending StepState = "pending"
	StepDone    StepState = "done"
	StepKept    StepState = "kept" // nothing can be removed there; Note says why, and when it ends
)

// The steps, in the order of their work. Contact comes first of those that
// remove: from then on no file brings the person back.
const (
	StepLook        = "look"
	StepContact     = "contact"
	StepFiles       = "files"
	StepMails       = "mails"
	StepSubmissions = "submissions"
	StepExports     = "exports"
	StepImports     = "imports"
	StepJobs        = "jobs"
	StepLedger      = "ledger"
	StepQueues      = "queues"
	StepBackups     = "backups"
)

var notes = map[string]string{
	StepLook:        "what there is of the person was counted",
	StepContact:     "the contact, its addresses and other identities, its timeline, notes and devices, those of contacts merged into it and what was kept to undo the merges are removed; orders stay without personal data; a hash of each address stays, so that no file brings the person back",
	StepFiles:       "documents, pictures and files that were handed out on request are removed with all their versions; an upload that was allowed before and comes after it is of nobody, and ends after a day",
	StepMails:       "mails that waited and the marks of those that were sent are removed",
	StepSubmissions: "submissions kept under a form or shop connection that name an address or phone of the person are removed; those of forms that were deleted end by themselves after at most 180 days",
	StepExports:     "the finished export files of the site are removed, as any of them may hold the person; they can be made again",
	StepImports:     "uploads, working files and files of rejected rows of imports that ended are removed; an import that still waits keeps its upload, at most 30 days, and refuses the person's rows",
	StepJobs:        "filters, file names and columns in past jobs no longer name the person's addresses",
	StepLedger:      "the contact's ids and hashes of the addresses are kept, so that the erasure is repeated when a backup is put back",
	StepQueues:      "messages carry ids alone, except orders on their way in: those are taken within minutes, end after 4 days, and after 14 where they could not be read",
	StepBackups:     "backups of the table cannot be changed; they end after 35 days, and old versions of files in the bucket after one",
}

// Step is a line of the checklist.
type Step struct {
	Name    string
	State   StepState
	At      time.Time // when it was done
	Found   int       // what the first look found
	Removed int
	Note    string
}

// Job is one erasure. It holds nothing of the person but the contact's id, once it is done.
type Job struct {
	ID        string
	State     State
	Contact   crm.ContactID
	By        string
	Kind      site.ActorKind
	CreatedAt time.Time
	UpdatedAt time.Time
	Fault     string
	Steps     []Step
	Sealed    string // the Subject, while it is needed
	Version   int64
}

func (j *Job) step(name string) *Step {
	return &j.Steps[slices.IndexFunc(j.Steps, func(s Step) bool { return s.Name == name })]
}

// Subject is who is erased: what the places are searched for.
type Subject struct {
	IDs    []crm.ContactID // the contact's and of those that were merged into it
	Emails []string        // as crm.EmailKey
	Phones []string
	Slots  []crm.ContactID // where the addresses' hashes are kept
}

// SubjectOf reads it off a contact.
func SubjectOf(c *contact.Contact, secret []byte) Subject {
	s := Subject{IDs: c.IDs()}
	for _, e := range append([]string{c.Email}, c.Emails...) {
		if e != "" {
			s.Emails = append(s.Emails, crm.EmailKey(e))
			s.Slots = append(s.Slots, crm.EmailIdentity(e).Slot(secret))
		}
	}
	for _, p := range append([]string{c.Phone, c.Mobile}, c.Phones...) {
		if digits(p) != "" {
			s.Phones = append(s.Phones, p)
		}
	}
	return s
}

// digits are those of a phone without the country's and trunk's first ones, by
// which two spellings of it can be told to be one; "" where there are too few to tell.
func digits(s string) string {
	d := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(d) < 9 {
		return ""
	}
	return d[len(d)-8:]
}

// Named reports whether a text names an address of the person, or is a phone of theirs.
func (s *Subject) Named(text string) bool {
	key := crm.EmailKey(text)
	for _, e := range s.Emails {
		if strings.Contains(key, e) {
			return true
		}
	}
	d := digits(text)
	return d != "" && len(text) < 40 && slices.ContainsFunc(s.Phones, func(p string) bool { return digits(p) == d })
}

// Survey counts what there is of a person.
type Survey struct {
	Contacts    int // the contact and those merged into it
	Entries     int // of their timelines
	Orders      int // orders, payments and appointments, which stay without personal data
	Files       int
	Mails       int
	Submissions int
	Exports     int // finished exports of the site
	Imports     int // ended imports of the site
}

// Book is what erasing needs of a site's book.
type Book interface {
	transfer.Jobs
	Get(ctx context.Context, id crm.ContactID) (contact.Contact, error)
	// Erase ends a contact and leaves its addresses on the suppression list; crm.NotFound
	// where that is done. One that was cut off is completed.
	Erase(ctx context.Context, id crm.ContactID, by string, now time.Time, check func(contact.Contact) error) error
	// SuppressSlots puts hashes of addresses that nobody has on the suppression list as erased.
	SuppressSlots(ctx context.Context, slots []crm.ContactID, now time.Time) error

	// CreateErasure stores a new one with the record of the request; crm.Conflict if there
	// is one of the id, or the request was here before.
	CreateErasure(ctx context.Context, j Job, once *contact.Once) error
	// Erasure reads one, strongly consistent; crm.NotFound.
	Erasure(ctx context.Context, id string) (Job, error)
	// ChangeErasure applies a change and stores it with rows of the audit log,
	// repeating it while others come between; contact.ErrUnchanged stores nothing.
	ChangeErasure(ctx context.Context, id string, now time.Time, change func(*Job) ([]audit.Entry, error)) (Job, error)
	ListErasures(ctx context.Context, limit int) ([]Job, error)

	// CountOf counts the entries, orders and files under contact ids.
	CountOf(ctx context.Context, ids []crm.ContactID) (entries, orders, files int, err error)
	// MailsOf counts the mails about or to a person that were made until a moment, and removes them.
	MailsOf(ctx context.Context, s Subject, until time.Time, remove bool) (int, error)
	// SubmissionsOf does so with what is kept under the site's forms and connections.
	SubmissionsOf(ctx context.Context, s Subject, until time.Time, remove bool) (int, error)
	// RedactJobs takes a person's addresses out of ended jobs.
	RedactJobs(ctx context.Context, s Subject) (int, error)
}

// Bucket keeps files by key.
type Bucket interface {
	// Purge removes all versions of all objects under a prefix, but those that keep
	// reports true for, and counts the objects.
	Purge(ctx context.Context, prefix string, keep func(key string) bool) (int, error)
	Put(ctx context.Context, key, contentType string, body []byte) error
	// Read streams a file (length -1: all); transfer.ErrNoFile.
	Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error)
}

// Queue hands an erasure to a worker, after a while (at most 15 minutes).
type Queue interface {
	SendErasure(ctx context.Context, after time.Duration, t Task) error
}

// TaskMessage is the kind of a message that carries a task as JSON.
const TaskMessage = "erasure"

// Task asks for an erasure to be carried out, or carried on.
type Task struct {
	Site crm.SiteID `json:"site"`
	Job  string     `json:"job"`
}

func survey(ctx context.Context, b Book, sub Subject, now time.Time) (v Survey, err error) {
	v.Contacts = len(sub.IDs)
	if v.Entries, v.Orders, v.Files, err = b.CountOf(ctx, sub.IDs); err != nil {
		return v, err
	}
	if v.Mails, err = b.MailsOf(ctx, sub, now, false); err != nil {
		return v, err
	}
	if v.Submissions, err = b.SubmissionsOf(ctx, sub, now, false); err != nil {
		return v, err
	}
	exports, err := b.ListJobs(ctx, transfer.Export, manyJobs)
	if err != nil {
		return v, err
	}
	for _, j := range exports {
		if j.Result != "" {
			v.Exports++
		}
	}
	imports, err := b.ListJobs(ctx, transfer.Import, manyJobs)
	for _, j := range imports {
		if j.State.Ended() {
			v.Imports++
		}
	}
	return v, err
}

// manyJobs is more than a site has.
const manyJobs = 100_000

// Preview is what an erasure would remove, and the token that confirms it.
type Preview struct {
	Contact crm.ContactID
	Survey  Survey
	Confirm string
	Expires time.Time
}

const (
	confirmFor  = 15 * time.Minute
	confirmList = "erasure confirm"
	subjectList = "erasure subject"
)

// Look tells what an erasure would remove and gives the token that confirms it,
// for this actor and contact.
func Look(ctx context.Context, b Book, s site.Site, by site.Actor, id crm.ContactID, now time.Time) (Preview, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Contact: c.ID, Expires: now.Add(confirmFor).Truncate(time.Second)}
	if p.Survey, err = survey(ctx, b, SubjectOf(&c, s.Secret), now); err != nil {
		return p, err
	}
	p.Confirm = s.SealCursor(confirmList, fmt.Sprintf("%s %s %d", by.ID, c.ID, p.Expires.Unix()))
	return p, nil
}

func confirmed(s site.Site, by site.Actor, id crm.ContactID, token string, now time.Time) error {
	var f crm.Faults
	if token == "" {
		f.Add("/confirm", "this cannot be undone: ask for a preview of this contact's erasure first, and send its confirm token along")
		return f.Err()
	}
	said, err := s.OpenCursor(confirmList, token)
	parts := strings.Fields(said)
	if err != nil || len(parts) != 3 || parts[0] != by.ID || parts[1] != string(id) {
		f.Add("/confirm", "this token confirms another erasure; ask for a preview of this one")
		return f.Err()
	}
	if end, err := strconv.ParseInt(parts[2], 10, 64); err != nil || now.Unix() >= end {
		f.Add("/confirm", "this token is more than 15 minutes old; ask for a new preview")
	}
	return f.Err()
}

// Start makes the job of an erasure and has it carried out.
func Start(ctx context.Context, b Book, q Queue, s site.Site, by site.Actor, job string, id crm.ContactID, confirm string, once *contact.Once, now time.Time) (Job, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if err := confirmed(s, by, c.ID, confirm, now); err != nil {
		return Job{}, err
	}
	j := newJob(job, c.ID, now)
	j.By, j.Kind = by.ID, by.Kind
	if err := b.CreateErasure(ctx, j, once); err != nil {
		return j, err
	}
	return j, Again(ctx, q, s, j)
}

// Again hands an erasure that has not begun to a worker: a request that is repeated
// makes up for a message that was never sent.
func Again(ctx context.Context, q Queue, s site.Site, j Job) error {
	if j.State != Queued {
		return nil
	}
	return q.SendErasure(ctx, 0, Task{Site: s.ID, Job: j.ID})
}

func newJob(id string, c crm.ContactID, now time.Time) Job {
	j := Job{ID: id, State: Queued, Contact: c, CreatedAt: now, UpdatedAt: now}
	for _, n := range []string{StepLook, StepContact, StepFiles, StepMails, StepSubmissions, StepExports, StepImports, StepJobs, StepLedger, StepQueues, StepBackups} {
		j.Steps = append(j.Steps, Step{Name: n, State: StepPending})
	}
	return j
}

// Eraser carries out erasures.
type Eraser struct {
	Bucket Bucket
	Queue  Queue
	Clock  crm.Clock
}

// errWait says that something must end first; the task is to come again later.
var errWait = errors.New("an export or import is still running")

const (
	waitFor  = time.Minute
	waitMost = 2 * time.Hour // a job that runs longer was abandoned
)

// Do carries out one task. An error means that it is to be delivered again.
func (e *Eraser) Do(ctx context.Context, b Book, s site.Site, t Task) error {
	j, err := b.Erasure(ctx, t.Job)
	if crm.CodeOf(err) == crm.NotFound {
		j, err = e.replay(ctx, b, s, t.Job)
		if err == nil && j.ID == "" {
			return nil
		}
	}
	if err == nil && j.State == Done {
		return nil
	}
	if err == nil {
		err = e.work(ctx, b, s, j)
	}
	if errors.Is(err, errWait) {
		return e.Queue.SendErasure(ctx, waitFor, t)
	}
	if err != nil {
		return fmt.Errorf("erasure %s: %w", t.Job, err)
	}
	return nil
}

func (e *Eraser) work(ctx context.Context, b Book, s site.Site, j Job) error {
	j, sub, err := e.look(ctx, b, s, j)
	if err != nil {
		return err
	}
	erasedAt := e.Clock.Now()
	if st := j.step(StepContact); st.State == StepDone {
		erasedAt = st.At
	}
	for _, name := range []string{StepContact, StepFiles, StepMails, StepSubmissions, StepExports, StepImports, StepJobs, StepLedger} {
		if j.step(name).State != StepPending {
			continue
		}
		removed, err := e.carryOut(ctx, b, s, j, sub, name, erasedAt)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		at := e.Clock.Now()
		if name == StepContact {
			erasedAt = at
		}
		if j, err = b.ChangeErasure(ctx, j.ID, at, func(j *Job) ([]audit.Entry, error) {
			st := j.step(name)
			if st.State != StepPending {
				return nil, contact.ErrUnchanged
			}
			st.State, st.At, st.Removed, st.Note = StepDone, at, removed, notes[name]
			return nil, nil
		}); err != nil {
			return err
		}
	}
	now := e.Clock.Now()
	_, err = b.ChangeErasure(ctx, j.ID, now, func(j *Job) ([]audit.Entry, error) {
		if j.State == Done {
			return nil, contact.ErrUnchanged
		}
		for _, name := range []string{StepQueues, StepBackups} {
			st := j.step(name)
			st.State, st.At, st.Note = StepKept, now, notes[name]
		}
		j.State, j.Fault, j.Sealed = Done, "", ""
		return []audit.Entry{{At: now, By: j.By, Kind: j.Kind, Action: audit.ContactErased, Object: string(j.Contact)}}, nil
	})
	return err
}

// look finds out whom the job is about and what there is, once.
func (e *Eraser) look(ctx context.Context, b Book, s site.Site, j Job) (Job, Subject, error) {
	var sub Subject
	if j.step(StepLook).State == StepPending {
		c, err := b.Get(ctx, j.Contact)
		switch {
		case crm.CodeOf(err) == crm.NotFound: // deleted since it was asked for, or not there yet in what was put back
			sub.IDs = []crm.ContactID{j.Contact}
		case err != nil:
			return j, sub, err
		default:
			sub = SubjectOf(&c, s.Secret)
		}
		if j.Sealed != "" { // of the ledger
			var more Subject
			if err := open(s, j.Sealed, &more); err != nil {
				return j, sub, err
			}
			sub.add(more)
		}
		now := e.Clock.Now()
		v, err := survey(ctx, b, sub, now)
		if err != nil {
			return j, sub, err
		}
		said, err := json.Marshal(sub)
		if err != nil {
			return j, sub, fmt.Errorf("packing whom it is about: %w", err)
		}
		if j, err = b.ChangeErasure(ctx, j.ID, now, func(j *Job) ([]audit.Entry, error) {
			st := j.step(StepLook)
			if st.State != StepPending {
				return nil, contact.ErrUnchanged
			}
			*st = Step{Name: StepLook, State: StepDone, At: now, Note: notes[StepLook]}
			j.State, j.Sealed = Running, s.SealCursor(subjectList, string(said))
			for name, n := range map[string]int{StepContact: v.Contacts + v.Entries, StepFiles: v.Files, StepMails: v.Mails,
				StepSubmissions: v.Submissions, StepExports: v.Exports, StepImports: v.Imports} {
				j.step(name).Found = n
			}
			return nil, nil
		}); err != nil {
			return j, sub, err
		}
	}
	return j, sub, open(s, j.Sealed, &sub)
}

func open(s site.Site, sealed string, sub *Subject) error {
	said, err := s.OpenCursor(subjectList, sealed)
	if err == nil {
		*sub = Subject{}
		err = json.Unmarshal([]byte(said), sub)
	}
	if err != nil {
		return errors.New("whom it is about cannot be read") // not err, which may quote it
	}
	return nil
}

func (s *Subject) add(o Subject) {
	for _, id := range o.IDs {
		if !slices.Contains(s.IDs, id) {
			s.IDs = append(s.IDs, id)
		}
	}
	for _, id := range o.Slots {
		if !slices.Contains(s.Slots, id) {
			s.Slots = append(s.Slots, id)
		}
	}
}

// carryOut does a step and counts what it removed. Done again it finds the rest.
func (e *Eraser) carryOut(ctx context.Context, b Book, s site.Site, j Job, sub Subject, name string, erasedAt time.Time) (int, error) {
	switch name {
	case StepContact:
		for _, id := range sub.IDs {
			err := b.Erase(ctx, id, j.By, e.Clock.Now(), func(contact.Contact) error { return nil })
			if err != nil && crm.CodeOf(err) != crm.NotFound {
				return 0, err
			}
		}
		return j.step(StepContact).Found, b.SuppressSlots(ctx, sub.Slots, e.Clock.Now())
	case StepFiles:
		return e.purge(ctx, nil, filePrefixes(s.ID, sub.IDs)...)
	case StepMails:
		return b.MailsOf(ctx, sub, erasedAt, true)
	case StepSubmissions:
		return b.SubmissionsOf(ctx, sub, erasedAt, true)
	case StepExports:
		return e.exports(ctx, b, s, j, erasedAt)
	case StepImports:
		return e.imports(ctx, b, s, j)
	case StepJobs:
		return b.RedactJobs(ctx, sub)
	case StepLedger:
		body, err := json.Marshal(ledgerRow{Version: 1, Contact: j.Contact, IDs: sub.IDs, Slots: sub.Slots, By: j.By, Kind: j.Kind, At: j.CreatedAt})
		if err != nil {
			return 0, fmt.Errorf("packing the ledger's row: %w", err)
		}
		return 0, e.Bucket.Put(ctx, ledgerKey(s.ID, j.ID), "application/json", body)
	}
	return 0, nil
}

// filePrefixes are where the bucket has files of contacts.
func filePrefixes(s crm.SiteID, ids []crm.ContactID) (out []string) {
	for _, id := range ids {
		for _, kind := range []string{"incoming", "documents", "avatars", "access"} {
			out = append(out, fmt.Sprintf("%s/%s/%s/", kind, s, id))
		}
	}
	return out
}

func (e *Eraser) purge(ctx context.Context, keep func(string) bool, prefixes ...string) (n int, err error) {
	for _, p := range prefixes {
		more, err := e.Bucket.Purge(ctx, p, keep)
		if n += more; err != nil {
			return n, err
		}
	}
	return n, nil
}

// exports removes the finished files. One that began before the contact was gone
// may have read it and is waited for.
func (e *Eraser) exports(ctx context.Context, b Book, s site.Site, j Job, erasedAt time.Time) (int, error) {
	jobs, err := b.ListJobs(ctx, transfer.Export, manyJobs)
	if err != nil {
		return 0, err
	}
	clean := map[string]bool{}
	for _, x := range jobs {
		switch {
		case x.CreatedAt.After(erasedAt):
			clean[x.ID] = true
		case x.State == transfer.Running && e.Clock.Now().Sub(x.CreatedAt) < waitMost:
			return 0, errWait
		case x.State == transfer.Done && x.Result != "":
			if _, err := b.ChangeJob(ctx, x.ID, e.Clock.Now(), func(x *transfer.Job) error {
				x.State, x.Result = transfer.Cancelled, ""
				x.Fault = "its file was removed, as somebody in the book was erased since; export again"
				return nil
			}); err != nil {
				return 0, err
			}
		}
	}
	return e.purge(ctx, func(key string) bool { return clean[jobIn(key)] }, "exports/"+string(s.ID)+"/")
}

// imports removes the files of imports that ended; one that runs is waited for.
func (e *Eraser) imports(ctx context.Context, b Book, s site.Site, j Job) (int, error) {
	jobs, err := b.ListJobs(ctx, transfer.Import, manyJobs)
	if err != nil {
		return 0, err
	}
	open := map[string]bool{}
	for _, x := range jobs {
		busy := x.State == transfer.Running || x.State == transfer.Inspecting
		switch {
		case busy && x.CreatedAt.Before(j.CreatedAt) && e.Clock.Now().Sub(j.CreatedAt) < waitMost:
			return 0, errWait
		case !x.State.Ended():
			open[x.ID] = true
		case x.ErrFile != "":
			if _, err := b.ChangeJob(ctx, x.ID, e.Clock.Now(), func(x *transfer.Job) error {
				x.ErrFile = ""
				return nil
			}); err != nil {
				return 0, err
			}
		}
	}
	id := string(s.ID)
	return e.purge(ctx, func(key string) bool { return open[jobIn(key)] }, "uploads/"+id+"/", "imports/"+id+"/", "errors/"+id+"/")
}

// jobIn is the job in a key: kind/site/job, and perhaps /name or .csv behind it.
func jobIn(key string) string {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) < 3 {
		return ""
	}
	return strings.TrimSuffix(parts[2], ".csv")
}

type ledgerRow struct {
	Version int             `json:"v"`
	Contact crm.ContactID   `json:"contact"`
	IDs     []crm.ContactID `json:"ids"`
	Slots   []crm.ContactID `json:"slots"`
	By      string          `json:"by"`
	Kind    site.ActorKind  `json:"kind"`
	At      time.Time       `json:"at"`
}

func ledgerKey(s crm.SiteID, job string) string { return "erasures/" + string(s) + "/" + job + ".json" }

// replay makes a job that the table does not know of its row in the ledger: the
// table was set back to a moment before it. A job of no row is none.
func (e *Eraser) replay(ctx context.Context, b Book, s site.Site, id string) (Job, error) {
	f, err := e.Bucket.Read(ctx, ledgerKey(s.ID, id), "", 0, -1)
	if errors.Is(err, transfer.ErrNoFile) {
		return Job{}, nil
	}
	if err != nil {
		return Job{}, err
	}
	defer f.Close()
	var row ledgerRow
	if err := json.NewDecoder(f).Decode(&row); err != nil {
		return Job{}, fmt.Errorf("reading the ledger's row: %w", err)
	}
	said, err := json.Marshal(Subject{IDs: row.IDs, Slots: row.Slots})
	if err != nil {
		return Job{}, fmt.Errorf("packing whom it is about: %w", err)
	}
	j := newJob(id, row.Contact, row.At)
	j.By, j.Kind, j.Sealed = row.By, row.Kind, s.SealCursor(subjectList, string(said))
	err = b.CreateErasure(ctx, j, nil)
	if err != nil && crm.CodeOf(err) != crm.Conflict {
		return Job{}, err
	}
	return b.Erasure(ctx, id)
}

// GiveUp notes that the task failed as often as the queue tries. Sent again from
// the dead letters it carries on where it stopped.
func GiveUp(ctx context.Context, b Book, id string, now time.Time) error {
	_, err := b.ChangeErasure(ctx, id, now, func(j *Job) ([]audit.Entry, error) {
		if j.State == Done {
			return nil, contact.ErrUnchanged
		}
		j.State, j.Fault = Failed, "it failed several times; those who run the service are told and carry it on"
		return nil, nil
	})
	if crm.CodeOf(err) == crm.NotFound {
		return nil
	}
	return err
}
