package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
)

// Request is what somebody asks for.
type Request struct {
	Action    string
	Args      Args
	Selection Selection
	Confirm   string // of a preview; destructive actions need it
	Once      *contact.Once
	Trace     string // the id of the HTTP request, for the audit log
}

// check finds every fault and gives the action. internal also takes the actions that cannot be asked for by name.
func (r *Request) check(reg Registry, s site.Site, by site.Actor, internal bool) (Action, error) {
	var faults crm.Faults
	a, known := reg[r.Action]
	if !known || a.Internal && !internal {
		faults.Add("/action", "there is no action %q; there are %s", r.Action, strings.Join(reg.Public(), ", "))
		return a, faults.Err()
	}
	if a.Scope != "" && !by.May(a.Scope) {
		return a, crm.Errorf(crm.Forbidden, "this needs the permission %s as well", a.Scope)
	}
	sel, ways := &r.Selection, 0
	for _, given := range []bool{len(sel.IDs) > 0, sel.Filter != "", sel.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		faults.Add("/ids", "say which contacts: give one of ids, filter and all")
	}
	if len(sel.IDs) > MaxIDs {
		faults.Add("/ids", "at most %d ids; use a filter for more", MaxIDs)
	}
	for i, id := range sel.IDs {
		if !id.Valid() {
			faults.Add("/ids/"+strconv.Itoa(i), "this is not the id of a contact")
		}
	}
	if _, err := segment.ParseOf(sel.Filter, s.CustomFields); err != nil {
		faults.Add("/filter", "%s", err)
	}
	var refused error
	if a.Check != nil {
		refused = a.Check(&r.Args, s, &faults)
	}
	if err := faults.Err(); err != nil {
		return a, err
	}
	seen := make(map[crm.ContactID]bool, len(sel.IDs))
	sel.IDs = slices.DeleteFunc(slices.Clone(sel.IDs), func(id crm.ContactID) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
	sel.Count = len(sel.IDs)
	return a, refused
}

// Check finds every fault of a request that can be found without its contacts.
func Check(reg Registry, s site.Site, by site.Actor, r Request) error {
	_, err := r.check(reg, s, by, false)
	return err
}

// Preview is what a request would do.
type Preview struct {
	Matched     int  // contacts that it is about
	All         bool // all were looked at; else the first contact.MostLooked of the book, of a filter over the site's own fields the first mostWhole
	Destructive bool // it must be confirmed
	Confirm     string
	Expires     time.Time
}

// confirmFor is how long a preview can be confirmed.
const confirmFor = 15 * time.Minute

const confirmList = "bulk confirm"

// Look tells how many contacts a request is about and gives the token that
// confirms this request of this actor, and no other one.
func Look(ctx context.Context, b Contacts, reg Registry, s site.Site, by site.Actor, r Request, now time.Time) (Preview, error) {
	a, err := r.check(reg, s, by, false)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Destructive: a.Destructive, Expires: now.Add(confirmFor).Truncate(time.Second)}
	if p.Matched, p.All, err = count(ctx, b, s, r.Selection); err != nil {
		return p, err
	}
	print, err := r.fingerprint(by)
	if err != nil {
		return p, err
	}
	p.Confirm = s.SealCursor(confirmList, print+" "+strconv.FormatInt(p.Expires.Unix(), 10))
	return p, nil
}

// mostWhole is contact.MostLooked where each is read in full, which takes four times as long.
const mostWhole = contact.MostLooked / 4

func count(ctx context.Context, b Contacts, s site.Site, sel Selection) (n int, all bool, err error) {
	if len(sel.IDs) > 0 {
		for part := range slices.Chunk(sel.IDs, pageSize) {
			rows, err := b.Rows(ctx, part)
			if err != nil {
				return 0, false, err
			}
			n += len(rows)
		}
		return n, true, nil
	}
	f, err := segment.Open(ctx, sel.Filter, s, b)
	if err != nil {
		return 0, false, err
	}
	each, most := b.EachRow, contact.MostLooked
	if f.Own() {
		each, most = b.EachWhole, mostWhole
	}
	all, err = contact.FirstRows(ctx, each, most, func(row contact.Row) error {
		if f.Has(&row) {
			n++
		}
		return nil
	})
	return n, all, err
}

func (r *Request) fingerprint(by site.Actor) (string, error) {
	said, err := json.Marshal([]any{by.ID, r.Action, r.Args, r.Selection})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:]), nil
}

func (r *Request) confirmed(s site.Site, by site.Actor, now time.Time) error {
	var f crm.Faults
	if r.Confirm == "" {
		f.Add("/confirm", "this cannot be undone: ask for a preview of the same request first, and send its confirm token along")
		return f.Err()
	}
	said, err := s.OpenCursor(confirmList, r.Confirm)
	print, until, _ := strings.Cut(said, " ")
	want, ferr := r.fingerprint(by)
	if err != nil || ferr != nil || print != want {
		f.Add("/confirm", "this token confirms another request; ask for a preview of this one")
		return f.Err()
	}
	if end, err := strconv.ParseInt(until, 10, 64); err != nil || now.Unix() >= end {
		f.Add("/confirm", "this token is more than 15 minutes old; ask for a new preview")
	}
	return f.Err()
}

// Start makes the job of a request and has it carried out.
func Start(ctx context.Context, jobs Jobs, q Queue, reg Registry, s site.Site, by site.Actor, id string, r Request, now time.Time) (Job, error) {
	a, err := r.check(reg, s, by, false)
	if err != nil {
		return Job{}, err
	}
	if a.Destructive {
		if err := r.confirmed(s, by, now); err != nil {
			return Job{}, err
		}
	}
	return launch(ctx, jobs, q, s, by, id, r, now)
}

// StartInternal is Start for what follows from a change of the site's settings;
// nobody is asked to confirm it again. If the job of the id is there it is resumed.
func StartInternal(ctx context.Context, jobs Jobs, q Queue, reg Registry, s site.Site, by site.Actor, id string, r Request, now time.Time) (Job, error) {
	if _, err := r.check(reg, s, by, true); err != nil {
		return Job{}, err
	}
	j, err := Resume(ctx, jobs, q, s, id, now)
	if crm.CodeOf(err) != crm.NotFound {
		return j, err
	}
	return launch(ctx, jobs, q, s, by, id, r, now)
}

func launch(ctx context.Context, jobs Jobs, q Queue, s site.Site, by site.Actor, id string, r Request, now time.Time) (Job, error) {
	now = now.UTC().Truncate(time.Millisecond) // what the ids of its activities hold
	var parts []Part
	for ids := range slices.Chunk(r.Selection.IDs, partIDs) {
		parts = append(parts, Part{N: len(parts) + 1, IDs: ids})
	}
	if r.Selection.Count == 0 {
		for n := range s.Shards {
			parts = append(parts, Part{N: n + 1})
		}
	}
	sel := r.Selection
	sel.IDs = nil
	j := Job{ID: id, State: Queued, Action: r.Action, Args: r.Args, Selection: sel, By: by.ID, Source: by.Source(),
		CreatedAt: now, UpdatedAt: now, Parts: len(parts)}
	if err := jobs.CreateBulk(ctx, j, parts, r.Once, audit.Note(by, r.Trace, now, audit.BulkStarted, id, r.Action)); err != nil {
		return j, err
	}
	return hand(ctx, jobs, q, s, j, now)
}

const notHanded = "it could not be handed to a worker; ask for it again"

func hand(ctx context.Context, jobs Jobs, q Queue, s site.Site, j Job, now time.Time) (Job, error) {
	if err := q.SendBulk(ctx, Task{Site: s.ID, Job: j.ID}); err != nil {
		// Nobody would ever work on it; if this fails too it stays queued.
		_, _ = jobs.ChangeBulk(ctx, j.ID, now, func(j *Job) error {
			if j.State != Queued {
				return contact.ErrUnchanged
			}
			j.State, j.Fault = Failed, notHanded
			return nil
		})
		return j, err
	}
	return j, nil
}

// Resume hands a job that is there to a worker if none has had it: after a queue that
// was down, or a request that was cut off. One that goes, or has ended, stays as it is.
func Resume(ctx context.Context, jobs Jobs, q Queue, s site.Site, id string, now time.Time) (Job, error) {
	j, err := jobs.ChangeBulk(ctx, id, now, func(j *Job) error {
		if j.State != Failed || j.Fault != notHanded {
			return contact.ErrUnchanged
		}
		j.State, j.Fault = Queued, ""
		return nil
	})
	if err != nil || j.State != Queued {
		return j, err
	}
	return hand(ctx, jobs, q, s, j, now)
}

// Cancel stops a job; what was changed stays. A page that was begun is finished.
// crm.Conflict if it is done or has failed.
func Cancel(ctx context.Context, jobs Jobs, id string, now time.Time) (Job, error) {
	return jobs.ChangeBulk(ctx, id, now, func(j *Job) error {
		switch j.State {
		case Cancelled:
			return contact.ErrUnchanged
		case Done, Failed:
			return crm.Errorf(crm.Conflict, "this job is %s already", j.State)
		}
		j.State, j.Fault = Cancelled, "cancelled; what was changed before stays"
		return nil
	})
}

// GiveUp ends a job whose task failed as often as the queue tries.
func GiveUp(ctx context.Context, jobs Jobs, id string, now time.Time) error {
	_, err := jobs.ChangeBulk(ctx, id, now, func(j *Job) error {
		if j.State.Ended() {
			return contact.ErrUnchanged
		}
		j.State, j.Fault = Failed, "it failed several times and was given up; what was changed before stays. Ask for it again to change the rest"
		return nil
	})
	if crm.CodeOf(err) == crm.NotFound {
		return nil
	}
	return err
}
