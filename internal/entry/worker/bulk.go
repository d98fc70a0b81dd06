package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
)

// Bulk carries out the tasks of bulk jobs.
func Bulk(dir site.Directory, open func(site.Site) bulk.Book, hold Holder, do *bulk.Worker) Handler {
	return func(ctx context.Context, d Delivery) error {
		if d.Kind != bulk.TaskMessage {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		var t bulk.Task
		if err := json.Unmarshal(d.Body, &t); err != nil {
			return fmt.Errorf("unpacking a task: %w", err)
		}
		defer hold.Hold(ctx, d.Receipt, heldFor)()
		start := time.Now()
		t.Site = d.Site
		s, err := dir.ByID(ctx, t.Site)
		if crm.CodeOf(err) == crm.NotFound {
			slog.WarnContext(ctx, "task dropped: the site is gone", "site", boot.LogSite(t.Site), "job", t.Job)
			return nil
		}
		if err != nil {
			return err
		}
		if err := do.Do(ctx, open(s), s, t); err != nil {
			if d.Tries >= maxTries {
				err = errors.Join(err, bulk.GiveUp(ctx, open(s), t.Job, time.Now()))
			}
			return err
		}
		slog.InfoContext(ctx, "task done", "site", boot.LogSite(d.Site), "job", t.Job, "part", t.Part, "ms", time.Since(start).Milliseconds())
		return nil
	}
}
