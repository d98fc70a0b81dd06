package worker

import (
	"context"
	"time"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Bulk carries out the tasks of bulk jobs.
func Bulk(dir site.Directory, open func(site.Site) bulk.Book, hold Holder, do *bulk.Worker) Handler {
	return task(dir, hold, bulk.TaskMessage, nil, func(ctx context.Context, of crm.SiteID, t bulk.Task) work {
		t.Site = of
		return work{job: t.Job, told: []any{"part", t.Part},
			do:     func(s site.Site) error { return do.Do(ctx, open(s), s, t) },
			giveUp: func(s site.Site) error { return bulk.GiveUp(ctx, open(s), t.Job, time.Now()) },
		}
	})
}
