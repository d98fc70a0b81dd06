package worker

import (
	"context"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
)

// Access makes the files of access requests.
func Access(dir site.Directory, open func(site.Site) privacy.AccessStore, hold Holder, do *privacy.AccessMaker) Handler {
	return task(dir, hold, privacy.AccessMessage, nil, func(ctx context.Context, _ crm.SiteID, t privacy.AccessTask) work {
		return work{job: t.Access,
			do:     func(s site.Site) error { return do.Do(ctx, open(s), s, t.Access) },
			giveUp: func(s site.Site) error { return privacy.GiveUpAccess(ctx, open(s), t.Access, time.Now()) },
		}
	})
}
