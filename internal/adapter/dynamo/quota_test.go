package dynamo_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clientele/internal/domain/quota"
	"clientele/internal/test/dynamotest"
)

func TestABucketIsSharedByAllWhoTakeFromIt(t *testing.T) {
	table := dynamotest.Table(t)
	id := dynamotest.Site(t, table, "bakery").ID
	l := quota.Limit{Name: "default", Burst: 100, Window: time.Minute, Block: 8}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				n, _, wait, err := table.TakeCalls(context.Background(), id, "key_1", l, l.Block, now)
				if err != nil {
					t.Error(err)
					return
				}
				if n == 0 {
					if wait != 600*time.Millisecond {
						t.Errorf("the next comes after %s", wait)
					}
					return
				}
				got.Add(int64(n))
			}
		})
	}
	wg.Wait()
	if got.Load() != 100 {
		t.Errorf("%d calls were handed out of 100", got.Load())
	}
	if n, _, _, err := table.TakeCalls(context.Background(), id, "key_2", l, 1, now); n != 1 || err != nil {
		t.Errorf("another principal: %d, %v", n, err)
	}
	if n, left, _, err := table.TakeCalls(context.Background(), id, "key_1", l, 8, now.Add(6*time.Second)); n != 8 || left != 2 || err != nil {
		t.Errorf("after a tenth of the window: %d, %d left, %v", n, left, err)
	}
}
