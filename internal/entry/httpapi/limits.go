package httpapi

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/quota"
	"clientele/internal/domain/site"
)

// Callers finds who asks, and counts what they ask.
type Callers interface {
	site.Directory
	quota.Store
}

// metered holds every key and member to the limit of their site, and says in each
// answer what is left of it, as draft-ietf-httpapi-ratelimit-headers-10 has it.
func metered(store quota.Store, clock crm.Clock, next http.Handler) http.Handler {
	var meter quota.Meter
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		l := quota.PerMinute(c.site.Calls)
		s, err := meter.Allow(r.Context(), store, c.site.ID, c.by.ID, l, clock.Now())
		if err != nil {
			slog.WarnContext(r.Context(), "call not counted", "request_id", requestID(r.Context()), "error", err.Error())
		}
		wait := int(math.Ceil(s.Wait.Seconds()))
		w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", l.Name, l.Burst, int(l.Window.Seconds())))
		w.Header().Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", l.Name, s.Left, int(math.Ceil(l.Full(s.Left).Seconds()))))
		if !s.OK {
			WriteProblem(w, r, &crm.Error{Code: crm.Quota, Wait: s.Wait,
				Detail: fmt.Sprintf("%d calls a minute are the limit of this site's keys and members; wait %d seconds", l.Burst, wait)})
			return
		}
		next.ServeHTTP(w, r)
	})
}
