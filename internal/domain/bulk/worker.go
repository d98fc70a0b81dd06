package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// Worker carries out the tasks of jobs.
type Worker struct {
	Actions Registry
	Queue   Queue
	Clock   crm.Clock
}

// Do carries out one task. An error means that the task is to be delivered again.
func (w *Worker) Do(ctx context.Context, b Book, s site.Site, t Task) error {
	j, err := b.Bulk(ctx, t.Job)
	if crm.CodeOf(err) == crm.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	a, ok := w.Actions[j.Action]
	if !ok { // a newer release may know it
		return fmt.Errorf("bulk %s: there is no action %s", j.ID, j.Action)
	}
	if t.Part == 0 {
		err = w.start(ctx, b, s, j)
	} else {
		err = w.part(ctx, b, s, j, a, t)
	}
	if err != nil {
		return fmt.Errorf("bulk %s: %w", j.ID, err)
	}
	return nil
}

func (w *Worker) start(ctx context.Context, b Book, s site.Site, j Job) error {
	j, err := b.ChangeBulk(ctx, j.ID, w.Clock.Now(), func(j *Job) error {
		if j.State != Queued {
			return contact.ErrUnchanged
		}
		j.State = Running
		return nil
	})
	if err != nil || j.State.Ended() {
		return err
	}
	tasks := make([]Task, j.Parts)
	for i := range tasks {
		tasks[i] = Task{Site: s.ID, Job: j.ID, Part: i + 1}
	}
	return w.Queue.SendBulk(ctx, tasks...)
}

// leave is what a page may take at most; with less time left the rest of a part
// goes to a new message.
const leave = 20 * time.Second

// part works through a part, page after page. Two workers on the same part do
// the same page; the one that comes second with its count goes on from there.
func (w *Worker) part(ctx context.Context, b Book, s site.Site, j Job, a Action, t Task) error {
	f, err := segment.Open(ctx, j.Selection.Filter, s, b) // it was checked before
	if why, gone := segment.Gone(err); gone {
		_, err := b.ChangeBulk(ctx, j.ID, w.Clock.Now(), func(j *Job) error {
			if j.State.Ended() {
				return contact.ErrUnchanged
			}
			j.State, j.Fault = Failed, why+". What was changed before stays"
			return nil
		})
		return err
	}
	if err != nil {
		return fmt.Errorf("its filter: %w", err)
	}
	for {
		p, err := b.BulkPart(ctx, j.ID, t.Part)
		if err != nil {
			return err
		}
		if j, err = b.Bulk(ctx, j.ID); err != nil {
			return err
		}
		if p.Done {
			return w.finish(ctx, b, s, j, a)
		}
		if p.Plan == nil {
			if j.State.Ended() {
				return nil
			}
			if end, ok := ctx.Deadline(); ok && end.Sub(w.Clock.Now()) < leave {
				return w.Queue.SendBulk(ctx, t)
			}
			if p, err = planPage(ctx, b, f, p); err == nil && len(p.Plan) > 0 {
				err = b.PlanPage(ctx, j.ID, p)
				p.Version++
			}
		}
		if err == nil {
			err = w.page(ctx, b, s, j, a, p)
		}
		if err != nil && crm.CodeOf(err) != crm.Stale {
			return err
		}
	}
}

// mostScanned is how many rows are read for one page.
const mostScanned = 10_000

// planPage chooses the contacts of the next page.
func planPage(ctx context.Context, b Book, f segment.Filter, p Part) (Part, error) {
	if p.IDs != nil {
		ids := p.IDs[p.At:min(p.At+pageSize, len(p.IDs))]
		rows, err := b.Rows(ctx, ids)
		if err != nil {
			return p, err
		}
		for _, r := range rows {
			p.Plan = append(p.Plan, r.ID)
		}
		p.At += len(ids)
		p.Absent, p.Last = len(ids)-len(rows), p.At == len(p.IDs)
		return p, nil
	}
	for scanned := 0; scanned < mostScanned; {
		read := b.RowsAfter
		if f.Own() {
			read = b.WholeAfter
		}
		rows, last, end, err := read(ctx, p.N-1, p.Past, 1000)
		if err != nil {
			return p, err
		}
		for i := range rows {
			if !f.Has(&rows[i]) {
				continue
			}
			if p.Plan = append(p.Plan, rows[i].ID); len(p.Plan) == pageSize {
				p.Past = rows[i].ID
				p.Last = end && i == len(rows)-1
				return p, nil
			}
		}
		p.Past, scanned = last, scanned+len(rows)
		if p.Last = end; end {
			return p, nil
		}
	}
	return p, nil
}

// page changes the contacts of a planned page and counts it.
func (w *Worker) page(ctx context.Context, b Book, s site.Site, j Job, a Action, p Part) error {
	tally, err := w.change(ctx, b, Run{Site: s, Job: j, Now: w.Clock.Now()}, a, p.Plan)
	if err != nil {
		return err
	}
	for range p.Absent {
		tally.skip(Missing)
	}
	p.Plan, p.Absent, p.Done = nil, 0, p.Last
	return b.EndPage(ctx, j.ID, p, tally)
}

func (w *Worker) change(ctx context.Context, b Book, r Run, a Action, ids []crm.ContactID) (Tally, error) {
	var mu sync.Mutex
	var tally Tally
	doubt := map[crm.ContactID]func(){} // what to count unless the job has changed the contact before
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, id := range ids {
		g.Go(func() error {
			res, sure, err := w.one(gctx, b, r, a, id)
			code := crm.CodeOf(err)
			if err != nil && (code == "" || code == crm.Busy) {
				return err
			}
			count := tally.change
			switch {
			case code == crm.NotFound:
				count = func() { tally.skip(Missing) }
			case code != "":
				count = func() { tally.fail(Reason(code)) }
			case !res.Changed && (res.Why == Unchanged || res.Why == Merged || res.Why == Missing):
				count = func() { tally.skip(res.Why) }
			case !res.Changed:
				count = func() { tally.fail(res.Why) }
			}
			mu.Lock()
			defer mu.Unlock()
			if sure {
				count()
			} else {
				doubt[id] = count
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return tally, err
	}
	if len(doubt) == 0 {
		return tally, nil
	}
	marks := make(map[crm.ContactID]string, len(doubt))
	for id := range doubt {
		marks[id] = ActivityID(r.Job, id)
	}
	changed, err := b.HasActivities(ctx, marks)
	for id, count := range doubt {
		if changed[id] {
			count = tally.change
		}
		count()
	}
	return tally, err
}

// one changes a contact; sure is false where the job may have changed it before.
func (w *Worker) one(ctx context.Context, b Book, r Run, a Action, id crm.ContactID) (res Result, sure bool, err error) {
	if a.Do != nil {
		res, err = a.Do(ctx, b, r, id)
		return res, true, err
	}
	var version int64
	next, err := b.Change(ctx, id, r.Now, func(c *contact.Contact) ([]timeline.Activity, error) {
		version, res = c.Version, Result{}
		if c.ID != id {
			res.Why = Merged
			return nil, contact.ErrUnchanged
		}
		before := c.Clone()
		changed, err := a.Rule(c, r)
		if err != nil {
			return nil, err
		}
		if len(changed) == 0 {
			res.Why = Unchanged
			return nil, contact.ErrUnchanged
		}
		acts := contact.Entries(&before, c, changed, timeline.Activity{At: r.Job.CreatedAt, Source: r.Job.Source, By: r.Job.By, Ref: r.Job.ID})
		acts[0].ID, acts[0].Once = ActivityID(r.Job, id), true
		for i := range acts {
			if acts[i].Kind == timeline.Status && a.Why != "" {
				acts[i].Values[2].Text = a.Why
			}
		}
		return acts, nil
	})
	if err == nil && res.Why == "" {
		if next.Version > version {
			return Result{Changed: true}, true, nil
		}
		res.Why = Unchanged // the store knows the activity
	}
	return res, false, err
}

// finish ends a job whose parts are all done.
func (w *Worker) finish(ctx context.Context, b Book, s site.Site, j Job, a Action) error {
	if j.Ended < j.Parts || j.State.Ended() {
		return nil
	}
	if a.Finish != nil {
		if err := a.Finish(ctx, b, Run{Site: s, Job: j, Now: w.Clock.Now()}); err != nil {
			return err
		}
	}
	_, err := b.ChangeBulk(ctx, j.ID, w.Clock.Now(), func(j *Job) error {
		if j.State.Ended() {
			return contact.ErrUnchanged
		}
		j.State = Done
		return nil
	})
	if errors.Is(err, contact.ErrUnchanged) {
		return nil
	}
	return err
}
