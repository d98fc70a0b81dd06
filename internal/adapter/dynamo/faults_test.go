package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
	"clientele/internal/test/stack"
)

// sound proves that the whole book fits together: every identity of a contact
// leads to it, and every owner that a slot names has that identity.
func sound(t *testing.T, b *dynamo.Book, s site.Site, name string, admin *dynamodb.Client) (contacts int) {
	t.Helper()
	ctx := context.Background()
	owners := map[string]string{}         // slot → owner
	under := map[string][]crm.ContactID{} // owner → ids that its orders are kept under
	err := b.Each(ctx, func(c *contact.Contact) error {
		contacts++
		for _, id := range c.Identities() {
			got, err := b.Find(ctx, id)
			if err != nil || got.ID != c.ID {
				t.Errorf("identity %v of %s leads to %s, %v", id, c.ID, got.ID, err)
			}
			owners[string(id.Slot(s.Secret))] = string(c.ID)
		}
		under[string(c.ID)] = c.IDs()
		orders, _, err := b.Orders(ctx, c.IDs(), 100, "")
		if err != nil {
			return err
		}
		n := 0
		for _, o := range orders {
			owners[string(o.Identity().Slot(s.Secret))] = string(c.ID)
			if o.Counts() {
				n++
			}
		}
		if n != c.Figures.Orders {
			t.Errorf("%s counts %d orders and has %d", c.ID, c.Figures.Orders, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for shard := range s.Shards {
		out, err := admin.Query(ctx, &dynamodb.QueryInput{TableName: &name, KeyConditionExpression: ptrTo("PK = :pk"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("S#%s#C#%02d", s.ID, shard)}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Items {
			slot := it["SK"].(*types.AttributeValueMemberS).Value
			o, ok := it["owner"].(*types.AttributeValueMemberS)
			if !ok || owners[slot] == o.Value || slices.Contains(under[owners[slot]], crm.ContactID(o.Value)) {
				continue
			}
			// The order of a deleted contact stays with its tombstone.
			if kept, _, err := b.Orders(ctx, []crm.ContactID{crm.ContactID(o.Value)}, 100, ""); err != nil || len(kept) == 0 || kept[0].Identity().Slot(s.Secret) != crm.ContactID(slot) {
				t.Errorf("slot %s names %s as its owner, who has no such identity", slot, o.Value)
			}
		}
	}
	return contacts
}

func ptrTo[T any](v T) *T { return &v }

// Each scenario is one request, prepared for by arrange. Whatever call of it
// fails, in whatever way, repeating the request ends in the same state.
func TestEveryFailureLeavesWhatARetryCompletes(t *testing.T) {
	endpoint := stack.DynamoLocal(t)
	ctx := context.Background()
	has := func(email string) func(*dynamo.Book) error {
		return func(b *dynamo.Book) error { _, err := b.Find(ctx, crm.EmailIdentity(email)); return err }
	}
	lacks := func(email string) func(*dynamo.Book) error {
		return func(b *dynamo.Book) error {
			if _, err := b.Find(ctx, crm.EmailIdentity(email)); crm.CodeOf(err) != crm.NotFound {
				return fmt.Errorf("%s still answers: %v", email, err)
			}
			return nil
		}
	}
	seedContact := func(b *dynamo.Book) crm.ContactID {
		c, _, err := b.Create(ctx, draft(t, "old@b.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	for _, tt := range []struct {
		name     string
		arrange  func(*dynamo.Book) crm.ContactID
		request  func(*dynamo.Book, crm.ContactID) error
		contacts int
		holds    func(*dynamo.Book) error
	}{
		{"create with a key", func(*dynamo.Book) crm.ContactID { return "" }, func(b *dynamo.Book, _ crm.ContactID) error {
			c := draft(t, "new@b.example")
			c.Emails = []string{"second@b.example"}
			_, _, err := b.Create(ctx, c, &contact.Once{Principal: "k", Key: "1", Hash: "h"})
			return err
		}, 1, has("second@b.example")},
		{"enrich", seedContact, func(b *dynamo.Book, _ crm.ContactID) error {
			f := contact.Facts{Source: "form:x", Email: "old@b.example", ExternalIDs: []string{"x:1"}, AsOf: contact.Stamp{At: now.Add(time.Hour)}, Details: contact.Details{Company: "B"}}
			_, _, err := b.Upsert(ctx, f, now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
				if !created && !c.Enrich(f).Dirty {
					return nil, contact.ErrUnchanged
				}
				return nil, nil
			})
			return err
		}, 1, func(b *dynamo.Book) error {
			_, err := b.Find(ctx, crm.Identity{Kind: crm.ByExternal, Value: "x:1"})
			return err
		}},
		{"move an address", seedContact, func(b *dynamo.Book, id crm.ContactID) error {
			_, err := b.Change(ctx, id, now, func(c *contact.Contact) ([]timeline.Activity, error) {
				if c.Email == "moved@b.example" {
					return nil, contact.ErrUnchanged
				}
				c.Email = "moved@b.example"
				return []timeline.Activity{{At: now, Kind: timeline.Edit}}, nil
			})
			return err
		}, 1, has("moved@b.example")},
		{"attach an order", seedContact, func(b *dynamo.Book, _ crm.ContactID) error {
			return order.Attach(ctx, b, versions("old@b.example")[0], policy, now)
		}, 1, has("old@b.example")},
		{"delete", func(b *dynamo.Book) crm.ContactID {
			id := seedContact(b)
			if err := order.Attach(ctx, b, versions("old@b.example")[0], policy, now); err != nil {
				t.Fatal(err)
			}
			return id
		}, func(b *dynamo.Book, id crm.ContactID) error {
			err := b.Delete(ctx, id, now, func(contact.Contact) error { return nil })
			if crm.CodeOf(err) == crm.NotFound { // it was deleted whole, and only the answer was lost
				return nil
			}
			return err
		}, 0, lacks("old@b.example")},
		{"merge", func(b *dynamo.Book) crm.ContactID {
			if _, _, err := b.Create(ctx, draft(t, "other@b.example"), nil); err != nil {
				t.Fatal(err)
			}
			return seedContact(b)
		}, func(b *dynamo.Book, id crm.ContactID) error {
			other, err := b.Find(ctx, crm.EmailIdentity("other@b.example"))
			if err != nil {
				return err
			}
			if other.ID == id {
				other.ID = other.Merged[0]
			}
			o := mergeOrder(id, other.ID)
			o.Once = &contact.Once{Principal: "k", Key: "1", Hash: "h"}
			_, _, _, err = b.Merge(ctx, o)
			return err
		}, 1, has("other@b.example")},
		{"undo a merge", func(b *dynamo.Book) crm.ContactID {
			other, _, err := b.Create(ctx, draft(t, "other@b.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r, _ := mustMerge(t, b, seedContact(b), other.ID)
			return crm.ContactID(r.ID)
		}, func(b *dynamo.Book, merge crm.ContactID) error {
			_, err := b.UndoMerge(ctx, string(merge), "api", "key_1", now.Add(2*time.Hour))
			return err
		}, 2, has("other@b.example")},
		{"delete what was merged", func(b *dynamo.Book) crm.ContactID {
			other, _, err := b.Create(ctx, draft(t, "other@b.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := order.Attach(ctx, b, versions("other@b.example")[0], policy, now); err != nil {
				t.Fatal(err)
			}
			id := seedContact(b)
			mustMerge(t, b, id, other.ID)
			return id
		}, func(b *dynamo.Book, id crm.ContactID) error {
			err := b.Delete(ctx, id, now, func(contact.Contact) error { return nil })
			if crm.CodeOf(err) == crm.NotFound {
				return nil
			}
			return err
		}, 0, lacks("other@b.example")},
		{"import rows", seedContact, func(b *dynamo.Book, _ crm.ContactID) error {
			var facts []contact.Facts
			for i := range 5 {
				facts = append(facts, contact.Facts{Source: "import:1", Email: fmt.Sprintf("p%d@b.example", i), ExternalIDs: []string{fmt.Sprint("x:", i)}})
			}
			return b.UpsertAll(ctx, facts, now, func(_ int, c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
				if !created && !c.Enrich(f).Visible {
					return nil, contact.ErrUnchanged
				}
				return nil, nil
			})
		}, 6, has("p4@b.example")},
		{"end a chunk", func(b *dynamo.Book) crm.ContactID {
			if err := b.CreateJob(ctx, transfer.Job{ID: "imp_1", Kind: transfer.Import}, nil); err != nil {
				t.Fatal(err)
			}
			return ""
		}, func(b *dynamo.Book, _ crm.ContactID) error {
			_, err := b.EndChunk(ctx, "imp_1", "run-1", transfer.Counts{Rows: 10, Created: 10})
			return err
		}, 0, func(b *dynamo.Book) error {
			j, err := b.Job(ctx, "imp_1")
			if err == nil && j.Counts.Created != 10 {
				err = fmt.Errorf("%d created", j.Counts.Created)
			}
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &faults.Injector{}
			table, name := dynamotest.Named(t, endpoint, in.Option)
			admin := dynamodb.NewFromConfig(dynamotest.Config(endpoint))
			tried := 0
			for call := 1; ; call++ {
				for _, kind := range []struct {
					apply bool
					err   error
				}{{false, faults.ErrDown}, {true, faults.ErrDown}, {false, faults.Blip{}}, {true, faults.Blip{}}} {
					in.Set(nil)
					s := dynamotest.Site(t, table, crm.SiteID(fmt.Sprintf("c%dk%d", 1000+call, tried)))
					b := table.Book(s)
					id := tt.arrange(b)
					in.Set(func(n int, _ string) (bool, error) {
						if n == call {
							return kind.apply, kind.err
						}
						return true, nil
					})
					err := tt.request(b, id)
					reached := in.Calls() >= call
					in.Set(nil)
					if errors.As(kind.err, &faults.Blip{}) && err != nil {
						t.Errorf("call %d, %+v: the SDK's own retry did not carry it: %v", call, kind, err)
					}
					for again := 0; err != nil && again < 3; again++ {
						err = tt.request(b, id)
					}
					if err != nil {
						t.Fatalf("call %d, %+v: repeating does not complete it: %v", call, kind, err)
					}
					if n := sound(t, b, s, name, admin); n != tt.contacts {
						t.Errorf("call %d, %+v: %d contacts, want %d", call, kind, n, tt.contacts)
					}
					if err := tt.holds(b); err != nil {
						t.Errorf("call %d, %+v: %v", call, kind, err)
					}
					tried++
					if !reached {
						if call < 2 {
							t.Error("no call was made to fail")
						}
						return
					}
				}
			}
		})
	}
}

func TestGuardRefusesAnotherSitesKeys(t *testing.T) {
	var reached []string
	in := &faults.Injector{}
	table := dynamotest.Table(t, in.Option)
	s := dynamotest.Site(t, table, "bakery")
	in.Set(func(_ int, op string) (bool, error) { reached = append(reached, op); return true, nil })
	b := table.Book(s)
	if _, err := b.Get(context.Background(), draft(t, "a@b.example").ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("an empty id: %v", err)
	}
	if len(reached) != 0 {
		t.Errorf("an id of no form reached the table: %v", reached)
	}
	if err := dynamo.StrayProbe(table, "bakery", "S#bakery2", "SITE"); !errors.Is(err, dynamo.ErrStray) {
		t.Errorf("a key of another site: %v", err)
	}
	if err := dynamo.StrayProbe(table, "bakery", "ACCOUNT#1", "SITE"); !errors.Is(err, dynamo.ErrStray) {
		t.Errorf("a key of no site: %v", err)
	}
	if slices.Contains(reached, "GetItem") {
		t.Error("a stray request left the function")
	}
	if err := dynamo.StrayProbe(table, "bakery", "S#bakery#J", "x"); err != nil {
		t.Errorf("a key of its own: %v", err)
	}
}

// DynamoDB Local has no transaction conflicts, so they are made here.
func TestConflictsOfTransactionsAreTriedAgain(t *testing.T) {
	in := &faults.Injector{}
	table := dynamotest.Table(t, in.Option)
	b, ctx := table.Book(dynamotest.Site(t, table, "bakery")), context.Background()
	conflicts := 0
	in.Set(func(_ int, op string) (bool, error) {
		if op != "TransactWriteItems" || conflicts == 3 {
			return true, nil
		}
		conflicts++
		return false, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
			{Code: ptrTo("None")}, {Code: ptrTo("TransactionConflict")}}}
	})
	c := draft(t, "a@b.example")
	c.Emails = []string{"second@b.example"}
	if _, _, err := b.Create(ctx, c, nil); err != nil || conflicts != 3 {
		t.Errorf("after %d conflicts: %v", conflicts, err)
	}
	in.Set(func(_ int, op string) (bool, error) {
		if op == "TransactWriteItems" {
			return false, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: ptrTo("ValidationError")}}}
		}
		return true, nil
	})
	c = draft(t, "c@b.example")
	c.Emails = []string{"d@b.example"}
	if _, _, err := b.Create(ctx, c, nil); err == nil || in.Calls() != 1 {
		t.Errorf("what no retry can help was tried %d times: %v", in.Calls(), err)
	}
}
