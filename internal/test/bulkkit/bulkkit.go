// Package bulkkit runs bulk jobs in one process, from a queue that can double
// and shuffle messages, by workers that can be killed.
package bulkkit

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
)

// Queue implements bulk.Queue in memory.
type Queue struct {
	mu    sync.Mutex
	tasks []bulk.Task
	// Down is what sending fails with; nil sends.
	Down error
	// Erasures are those that were asked for.
	Erasures []privacy.Task
}

// SendErasure implements privacy.Queue.
func (q *Queue) SendErasure(_ context.Context, _ time.Duration, t privacy.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Down == nil {
		q.Erasures = append(q.Erasures, t)
	}
	return q.Down
}

// SendBulk implements bulk.Queue.
func (q *Queue) SendBulk(_ context.Context, tasks ...bulk.Task) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Down == nil {
		q.tasks = append(q.tasks, tasks...)
	}
	return q.Down
}

// Conditions are what a run of a job has to bear.
type Conditions struct {
	Workers int           // side by side
	Twice   float64       // share of deliveries that come a second time
	Kill    float64       // share of tries whose worker is killed at some moment
	Within  time.Duration // when at the latest; 0 means 40 ms
}

// Drain delivers tasks, in any order, until none is left.
func (q *Queue) Drain(t testing.TB, c Conditions, b bulk.Book, s site.Site, do *bulk.Worker) {
	t.Helper()
	if c.Within == 0 {
		c.Within = 40 * time.Millisecond
	}
	var workers, killers sync.WaitGroup
	under := 0
	take := func() (task bulk.Task, ok, end bool) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.tasks) == 0 {
			return task, false, under == 0
		}
		i := rand.IntN(len(q.tasks))
		task = q.tasks[i]
		q.tasks = append(q.tasks[:i], q.tasks[i+1:]...)
		under++
		return task, true, false
	}
	for range max(c.Workers, 1) {
		workers.Go(func() {
			for {
				task, ok, end := take()
				if end {
					return
				}
				if !ok {
					time.Sleep(time.Millisecond)
					continue
				}
				ctx, cancel := context.WithCancel(context.Background())
				if rand.Float64() < c.Kill {
					killers.Go(func() {
						time.Sleep(rand.N(c.Within))
						cancel()
					})
				}
				err := do.Do(ctx, b, s, task)
				killed := ctx.Err() != nil
				cancel()
				if err != nil && !killed {
					t.Errorf("part %d of %s: %v", task.Part, task.Job, err)
				}
				q.mu.Lock()
				under--
				if killed || rand.Float64() < c.Twice {
					q.tasks = append(q.tasks, task)
				}
				q.mu.Unlock()
			}
		})
	}
	workers.Wait()
	killers.Wait()
}
