package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
)

// Access makes the files of access requests.
func Access(dir site.Directory, open func(site.Site) privacy.AccessStore, hold Holder, do *privacy.AccessMaker) Handler {
	return func(ctx context.Context, d Delivery) error {
		var t privacy.AccessTask
		if err := json.Unmarshal(d.Body, &t); err != nil {
			return fmt.Errorf("unpacking a task: %w", err)
		}
		defer hold.Hold(ctx, d.Receipt, heldFor)()
		start := time.Now()
		s, err := dir.ByID(ctx, d.Site) // the message's own: only our functions can send to the queue
		if crm.CodeOf(err) == crm.NotFound {
			slog.WarnContext(ctx, "task dropped: the site is gone", "site", boot.LogSite(d.Site), "job", t.Access)
			return nil
		}
		if err != nil {
			return err
		}
		if err := do.Do(ctx, open(s), s, t.Access); err != nil {
			if d.Tries >= maxTries {
				err = errors.Join(err, privacy.GiveUpAccess(ctx, open(s), t.Access, time.Now()))
			}
			return err
		}
		slog.InfoContext(ctx, "task done", "site", boot.LogSite(d.Site), "job", t.Access, "ms", time.Since(start).Milliseconds())
		return nil
	}
}
