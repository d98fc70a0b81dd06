package quota

import (
	"context"
	"errors"
	"testing"
	"time"

	"clientele/internal/domain/crm"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

var ten = Limit{Name: "t", Burst: 10, Window: 10 * time.Second, Free: 2, Block: 4}

func TestABucketHoldsItsBurstAndRefillsEvenly(t *testing.T) {
	var tat time.Time
	taken := 0
	for range 20 {
		if next, _, ok := ten.Take(tat, start, 1); ok {
			tat, taken = next, taken+1
		}
	}
	if taken != 10 || ten.Left(tat, start) != 0 {
		t.Errorf("%d calls of 10 go through, %d left", taken, ten.Left(tat, start))
	}
	if _, wait, ok := ten.Take(tat, start, 1); ok || wait != time.Second {
		t.Errorf("the next comes after %s", wait)
	}
	if _, _, ok := ten.Take(tat, start.Add(time.Second), 1); !ok {
		t.Error("one call comes back after a tenth of the window")
	}
	// No edge: over any window no more than burst + what refills.
	tat, taken = time.Time{}, 0
	for i := range 4000 {
		if next, _, ok := ten.Take(tat, start.Add(time.Duration(i)*5*time.Millisecond), 1); ok {
			tat, taken = next, taken+1
		}
	}
	if taken != 10+19 {
		t.Errorf("%d calls in two windows", taken)
	}
}

// shared is the store's rule in memory.
type shared struct {
	tat   map[string]time.Time
	calls int
	err   error
}

func (s *shared) TakeCalls(_ context.Context, _ crm.SiteID, p string, l Limit, n int, now time.Time) (int, int, time.Duration, error) {
	s.calls++
	if s.err != nil {
		return 0, 0, 0, s.err
	}
	for ; n > 0; n-- {
		if next, _, ok := l.Take(s.tat[p], now, n); ok {
			s.tat[p] = next
			return n, l.Left(next, now), 0, nil
		}
	}
	_, wait, _ := l.Take(s.tat[p], now, 1)
	return 0, 0, wait, nil
}

func allow(m *Meter, s Store, principal string, at time.Time) State {
	state, _ := m.Allow(context.Background(), s, "site", principal, ten, at)
	return state
}

func TestProcessesShareALimit(t *testing.T) {
	s := &shared{tat: map[string]time.Time{}}
	meters := []*Meter{{}, {}, {}}
	ok := 0
	for i := range 300 {
		if allow(meters[i%3], s, "key", start).OK {
			ok++
		}
	}
	if ok != 10+3*ten.Free {
		t.Errorf("%d calls go through three processes, want the burst and the free ones of each", ok)
	}
	if s.calls > 9 {
		t.Errorf("%d requests to the store for 300 calls", s.calls)
	}
	if got := allow(meters[0], s, "other", start); !got.OK || got.Left != 9 {
		t.Errorf("another key shares nothing: %+v", got)
	}
	if got := allow(meters[0], s, "key", start); got.OK || got.Wait <= 0 {
		t.Errorf("refused callers learn how long to wait: %+v", got)
	}
	if got := allow(meters[0], s, "key", start.Add(time.Minute)); !got.OK {
		t.Errorf("it never comes back: %+v", got)
	}
}

func TestAFailingStoreLetsCallsThrough(t *testing.T) {
	s := &shared{err: errors.New("down")}
	var m Meter
	for range 50 {
		if !allow(&m, s, "key", start).OK {
			t.Fatal("refused")
		}
	}
}

func TestQuietCallersCostNothing(t *testing.T) {
	s := &shared{tat: map[string]time.Time{}}
	var m Meter
	for i := range 40 {
		allow(&m, s, "key", start.Add(time.Duration(i)*6*time.Second))
	}
	if s.calls != 0 {
		t.Errorf("%d requests to the store", s.calls)
	}
}

// What is left in a process of the window before comes on top of a full bucket, and a site may
// be given a smaller limit meanwhile; what is told is never more than the limit.
func TestNoMoreIsLeftThanTheLimit(t *testing.T) {
	s := &shared{tat: map[string]time.Time{}}
	var m Meter
	for i := range 400 {
		l := ten
		if i > 200 {
			l.Burst, l.Block = 5, 2
		}
		state, err := m.Allow(context.Background(), s, "site", "key", l, start.Add(time.Duration(i)*3300*time.Millisecond))
		if err != nil || state.Left > l.Burst || state.Left < 0 {
			t.Fatalf("call %d: %d of %d left, %v", i, state.Left, l.Burst, err)
		}
	}
}
