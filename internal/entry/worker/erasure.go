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

// ByKind hands each delivery to the handler of its kind.
func ByKind(handlers map[string]Handler) Handler {
	return func(ctx context.Context, d Delivery) error {
		h, ok := handlers[d.Kind]
		if !ok {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		return h(ctx, d)
	}
}

// Erasures carries out erasures.
func Erasures(dir site.Directory, open func(site.Site) privacy.Book, hold Holder, do *privacy.Eraser) Handler {
	return func(ctx context.Context, d Delivery) error {
		var t privacy.Task
		if err := json.Unmarshal(d.Body, &t); err != nil {
			return fmt.Errorf("unpacking a task: %w", err)
		}
		defer hold.Hold(ctx, d.Receipt, heldFor)()
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
				err = errors.Join(err, privacy.GiveUp(ctx, open(s), t.Job, time.Now()))
			}
			return err
		}
		slog.InfoContext(ctx, "task done", "site", boot.LogSite(d.Site), "job", t.Job)
		return nil
	}
}
