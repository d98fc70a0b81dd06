// Package quota limits how often somebody may call. A limit is a bucket that
// holds Burst calls and refills evenly over Window, so that there is no edge at
// which twice the limit goes through, as a fixed window has one.
//
// The bucket is one shared number, the theoretical arrival time of the generic
// cell rate algorithm (ITU-T I.371). A process takes calls from it in blocks and
// hands them out by itself, and it hands out a few before it asks at all. Thus
// callers below that rate cost no request to the store, busy ones one in a
// block, and the limit can be passed by Free calls a process.
package quota

import (
	"context"
	"sync"
	"time"

	"clientele/internal/domain/crm"
)

// Limit is what one principal may do.
type Limit struct {
	Name   string        // in headers, "default"
	Burst  int           // calls at once
	Window time.Duration // in which that many come back
	Free   int           // calls a window that a process hands out without asking
	Block  int           // calls taken at once; at most Burst
}

// Calls is what an API key or a member may ask a minute where the site has no
// limit of its own.
const Calls = 600

// PerMinute is the limit of each API key and member of a site; 0 means Calls.
func PerMinute(calls int) Limit {
	if calls <= 0 {
		calls = Calls
	}
	return Limit{Name: "default", Burst: calls, Window: time.Minute, Free: min(20, calls/30), Block: max(1, calls/30)}
}

// MessagesPerDay is how many messages a site's members may write to contacts in a day.
const MessagesPerDay = 500

// Messages is the limit of a whole site; every message asks the store.
func Messages() Limit {
	return Limit{Name: "messages", Burst: MessagesPerDay, Window: 24 * time.Hour, Block: 1}
}

// each is the time in which one call comes back.
func (l Limit) each() time.Duration { return l.Window / time.Duration(l.Burst) }

// Take takes n calls from a bucket at arrival time tat (zero: never used). It
// gives the bucket's next arrival time, or how long to wait until n fit.
func (l Limit) Take(tat, now time.Time, n int) (next time.Time, wait time.Duration, ok bool) {
	if tat.Before(now) {
		tat = now
	}
	next = tat.Add(time.Duration(n) * l.each())
	if over := next.Sub(now) - l.Window; over > 0 {
		return tat, over, false
	}
	return next, 0, true
}

// Full is how long a bucket with left calls takes to be full again.
func (l Limit) Full(left int) time.Duration { return time.Duration(l.Burst-left) * l.each() }

// Left is how many calls fit at an arrival time.
func (l Limit) Left(tat, now time.Time) int {
	used := max(0, tat.Sub(now))
	return max(0, int((l.Window-used)/l.each()))
}

// Store keeps the buckets of the sites.
type Store interface {
	// TakeCalls takes n calls, or fewer if fewer are left, from the bucket of a
	// principal, in one conditional write. granted is 0 if none is left; wait then
	// says how long until one is.
	TakeCalls(ctx context.Context, site crm.SiteID, principal string, l Limit, n int, now time.Time) (granted, left int, wait time.Duration, err error)
}

// State is what a caller is told.
type State struct {
	OK    bool
	Limit Limit
	Left  int           // calls that may follow at once, at most the burst
	Wait  time.Duration // until the next one, where not OK
}

// Meter hands out the calls of one process. It is safe for concurrent use.
type Meter struct {
	mu    sync.Mutex
	known map[string]*share
}

type share struct {
	since time.Time // start of the span in which free calls are counted
	free  int       // handed out without asking
	block int       // taken and not handed out yet
	left  int       // in the bucket, when last seen
	until time.Time // nothing to be had before
}

// maxKnown bounds the memory of a meter; beyond it the meter forgets all, which
// at most gives each principal its free calls again.
const maxKnown = 10_000

// Allow counts one call of a principal of a site. Where the store fails the call
// goes through, and the error is for the log: a limit is no reason to be down.
func (m *Meter) Allow(ctx context.Context, s Store, site crm.SiteID, principal string, l Limit, now time.Time) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := string(site) + "\x00" + principal + "\x00" + l.Name
	h := m.known[k]
	if h == nil {
		if m.known == nil || len(m.known) >= maxKnown {
			m.known = map[string]*share{}
		}
		h = &share{since: now, left: l.Burst}
		m.known[k] = h
	}
	if now.Sub(h.since) >= l.Window {
		*h = share{since: now, left: l.Burst, block: h.block}
	}
	switch {
	case h.block > 0:
		h.block--
		return State{OK: true, Limit: l, Left: min(h.left+h.block, l.Burst)}, nil
	case h.free < l.Free:
		h.free++
		return State{OK: true, Limit: l, Left: min(max(0, h.left-h.free), l.Burst)}, nil
	case now.Before(h.until):
		return State{Limit: l, Wait: h.until.Sub(now)}, nil
	}
	granted, left, wait, err := s.TakeCalls(ctx, site, principal, l, l.Block, now)
	if err != nil {
		return State{OK: true, Limit: l, Left: min(h.left, l.Burst)}, err
	}
	h.left = left
	if granted == 0 {
		h.until = now.Add(wait)
		return State{Limit: l, Wait: wait}, nil
	}
	h.block = granted - 1
	return State{OK: true, Limit: l, Left: min(left+h.block, l.Burst)}, nil
}
