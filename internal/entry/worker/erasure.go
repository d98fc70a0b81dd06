package worker

import (
	"context"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
)

// Erasures carries out erasures.
func Erasures(dir site.Directory, open func(site.Site) privacy.Book, hold Holder, do *privacy.Eraser) Handler {
	return task(dir, hold, privacy.TaskMessage, nil, func(ctx context.Context, of crm.SiteID, t privacy.Task) work {
		t.Site = of
		return work{job: t.Job,
			do:     func(s site.Site) error { return do.Do(ctx, open(s), s, t) },
			giveUp: func(s site.Site) error { return privacy.GiveUp(ctx, open(s), t.Job, time.Now()) },
		}
	})
}
