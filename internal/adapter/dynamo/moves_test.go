package dynamo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/stack"
)

// The main address goes back and forth between two while 64 writers write to both:
// whatever came when, each address leads to one contact, which has it.
func TestManyWritersWhileTheAddressMoves(t *testing.T) {
	endpoint := stack.DynamoLocal(t)
	table, name := dynamotest.Named(t, endpoint)
	s := dynamotest.Site(t, table, "bakery")
	b, ctx := table.Book(s), context.Background()
	first, _, err := b.Create(ctx, draft(t, "a@b.example"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			to := []string{"b@b.example", "a@b.example"}[i%2]
			_, err := b.Change(ctx, first.ID, now, setEmail(to))
			if code := crm.CodeOf(err); err != nil && code != crm.Conflict && code != crm.Busy {
				t.Errorf("moving to %s: %v", to, err)
			}
		}
	})
	for w := range 64 {
		wg.Go(func() {
			f := contact.Facts{Source: "form:x", Email: []string{"a@b.example", "B@b.example"}[w%2], AsOf: contact.Stamp{At: now.Add(time.Duration(w) * time.Second)}, Tags: []string{fmt.Sprint("t", w)}}
			for {
				_, _, err := b.Upsert(ctx, f, now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
					if !created && !c.Enrich(f).Dirty {
						return nil, contact.ErrUnchanged
					}
					return nil, nil
				})
				if crm.CodeOf(err) == crm.Busy {
					continue
				}
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
				return
			}
		})
	}
	wg.Wait()
	if n := sound(t, b, s, name, dynamodb.NewFromConfig(dynamotest.Config(endpoint))); n < 1 || n > 2 {
		t.Errorf("%d contacts of two addresses", n)
	}
	tags := map[string]bool{}
	_ = b.Each(ctx, func(c *contact.Contact) error {
		for _, tag := range c.Tags {
			tags[tag] = true
		}
		return nil
	})
	if len(tags) != 64 {
		t.Errorf("of 64 writers %d are in the book", len(tags))
	}
}
