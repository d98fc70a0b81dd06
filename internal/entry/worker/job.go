package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
)

// Holder keeps a message hidden while it is worked on; see queue.Hold.
type Holder interface {
	Hold(ctx context.Context, receipt string, visible time.Duration) (stop func())
}

// heldFor is after how long the message of a killed worker comes back.
const heldFor = 30 * time.Second

// maxTries is how often the queue hands a task out (maxReceiveCount of
// template.yaml). If the last try fails too the job ends as failed, so that nobody
// waits for it.
const maxTries = 5

// work is one task of a job.
type work struct {
	job    string
	told   []any // more for the log line
	do     func(site.Site) error
	giveUp func(site.Site) error
}

// task makes the handler of one kind of task: read says what the unpacked task is
// to do. The site is the message's own, as only our functions can send to the
// queue. A task of a site that is gone is done; an error brings the message back,
// except that the last try also gives the job up, unless waits says that the task
// only waits for something.
func task[T any](dir site.Directory, hold Holder, kind string, waits error, read func(ctx context.Context, of crm.SiteID, t T) work) Handler {
	return func(ctx context.Context, d Delivery) error {
		if d.Kind != kind {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		var t T
		if err := json.Unmarshal(d.Body, &t); err != nil {
			return fmt.Errorf("unpacking a task: %w", err)
		}
		defer hold.Hold(ctx, d.Receipt, heldFor)()
		start := time.Now()
		w := read(ctx, d.Site, t)
		log := slog.With("site", boot.LogSite(d.Site), "job", w.job)
		s, err := dir.ByID(ctx, d.Site)
		if crm.CodeOf(err) == crm.NotFound {
			log.WarnContext(ctx, "task dropped: the site is gone")
			return nil
		}
		if err == nil {
			err = w.do(s)
		}
		if err != nil && d.Tries >= maxTries && (waits == nil || !errors.Is(err, waits)) {
			s, again := dir.ByID(ctx, d.Site) // it may be this that failed
			if again == nil {
				again = w.giveUp(s)
			}
			err = errors.Join(err, again)
		}
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "task done", append(w.told, "ms", time.Since(start).Milliseconds())...)
		return nil
	}
}
