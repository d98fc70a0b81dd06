package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Table is the one table. Its methods open the book of a site and find sites.
type Table struct {
	db   *dynamodb.Client
	name *string

	expectNew expectNew
	touches   sync.WaitGroup // last uses that are being noted
	gone      sync.Map       // newsletter lists that were found deleted, see Book.forget
}

// Open makes a table of its name; no request is made.
func Open(cfg aws.Config, name string, opts ...func(*dynamodb.Options)) (*Table, error) {
	if name == "" {
		return nil, errors.New("the table's name is not set; the function needs TABLE")
	}
	opts = append([]func(*dynamodb.Options){func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, guard)
	}}, opts...)
	return &Table{db: dynamodb.NewFromConfig(cfg, opts...), name: &name}, nil
}

// Book is the customer book of one site. It implements contact.Book and the
// ports of orders, forms and jobs.
type Book struct {
	t    *Table
	site site.Site
}

// Book opens the book of a site that a Directory gave.
func (t *Table) Book(s site.Site) *Book { return &Book{t: t, site: s} }

// get reads one item, strongly consistent; nil if there is none.
func (t *Table) get(ctx context.Context, r realm, k item) (item, error) {
	out, err := t.db.GetItem(bound(ctx, r), &dynamodb.GetItemInput{
		TableName: t.name, Key: k, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("reading an item: %w", err)
	}
	return out.Item, nil
}

// getAll reads items, strongly consistent, by mapKey; absent ones are not in the
// map. No key may stand twice.
func (t *Table) getAll(ctx context.Context, r realm, keys []item) (map[string]item, error) {
	found := make(map[string]item, len(keys))
	for part := range slices.Chunk(keys, 100) { // what one request takes
		ask := map[string]types.KeysAndAttributes{*t.name: {Keys: part, ConsistentRead: aws.Bool(true)}}
		for try := 0; len(ask) > 0; try++ {
			if try > 0 {
				if err := pause(ctx, try); err != nil {
					return nil, err
				}
			}
			out, err := t.db.BatchGetItem(bound(ctx, r), &dynamodb.BatchGetItemInput{RequestItems: ask})
			if err != nil {
				return nil, fmt.Errorf("reading %d items: %w", len(part), err)
			}
			for _, it := range out.Responses[*t.name] {
				found[mapKey(it)] = it
			}
			ask = out.UnprocessedKeys
		}
	}
	return found, nil
}

func mapKey(k item) string { return text(k, "PK") + "\x00" + text(k, "SK") }

// A page request. The partition is always given, as :pk, for the guard.
type query struct {
	pk, index, cond string // cond: what follows "PK = :pk", for example "AND SK < :after"
	values          item
	limit           int32
	forward         bool
	start           item
	fields          string // projection, empty for all
}

func (t *Table) query(ctx context.Context, r realm, q query) (items []item, next item, err error) {
	in := &dynamodb.QueryInput{
		TableName:                 t.name,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("PK = :pk " + q.cond),
		ExpressionAttributeValues: item{":pk": str(q.pk)},
		ScanIndexForward:          aws.Bool(q.forward),
		ExclusiveStartKey:         q.start,
	}
	for k, v := range q.values {
		in.ExpressionAttributeValues[k] = v
	}
	if q.index != "" {
		in.IndexName = aws.String(q.index)
	}
	if q.limit > 0 {
		in.Limit = aws.Int32(q.limit)
	}
	if q.fields != "" {
		in.ProjectionExpression = aws.String(q.fields)
	}
	out, err := t.db.Query(bound(ctx, r), in)
	if err != nil {
		return nil, nil, fmt.Errorf("querying: %w", err)
	}
	return out.Items, out.LastEvaluatedKey, nil
}

// each visits all items of a query, page by page, until visit fails.
func (t *Table) each(ctx context.Context, r realm, q query, visit func(item) error) error {
	for {
		items, next, err := t.query(ctx, r, q)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := visit(it); err != nil {
				return err
			}
		}
		if q.start = next; next == nil {
			return nil
		}
	}
}

// startingWith is the query of the items of a partition whose sort keys begin with a prefix.
func startingWith(pk, prefix string) query {
	return query{pk: pk, cond: "AND begins_with(SK, :prefix)", values: item{":prefix": str(prefix)}, forward: true}
}

// queryPage reads limit+1 items, over as many pages of 1 MB as they take, so that
// the caller sees whether there are more.
func (t *Table) queryPage(ctx context.Context, r realm, q query, limit int) (items []item, err error) {
	for {
		q.limit = int32(limit + 1 - len(items))
		page, next, err := t.query(ctx, r, q)
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
		if q.start = next; next == nil || len(items) > limit {
			return items, nil
		}
	}
}

// Lost is a write of a commit whose condition did not hold, with the item that
// stood there (nil: none did).
type lost struct{ items map[int]item }

func (*lost) Error() string { return "a condition did not hold" }

// commit stores all writes or none. One write is a plain conditional request,
// which costs half. A *lost error names the conditions that failed; conflicts
// with another transaction are tried again here.
func (t *Table) commit(ctx context.Context, r realm, writes ...types.TransactWriteItem) error {
	if len(writes) > maxTransaction {
		return crm.Errorf(crm.TooLarge, "this changes %d things at once, and %d fit; change fewer addresses and ids at once", len(writes), maxTransaction)
	}
	ctx = bound(ctx, r)
	if len(writes) == 1 {
		return t.commitOne(ctx, writes[0])
	}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: writes}
	for try := 1; ; try++ {
		_, err := t.db.TransactWriteItems(ctx, in)
		if err == nil {
			return nil
		}
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) {
			return fmt.Errorf("storing %d items: %w", len(writes), err)
		}
		l, again := &lost{items: map[int]item{}}, false
		for i, r := range canceled.CancellationReasons {
			switch aws.ToString(r.Code) {
			case "", "None":
			case "ConditionalCheckFailed":
				l.items[i] = r.Item
			case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
				again = true
			default:
				return fmt.Errorf("storing %d items: %w", len(writes), err)
			}
		}
		if len(l.items) > 0 {
			return l
		}
		if !again || try == maxTries {
			return fmt.Errorf("storing %d items: %w", len(writes), err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

func (t *Table) commitOne(ctx context.Context, w types.TransactWriteItem) (err error) {
	old := types.ReturnValuesOnConditionCheckFailureAllOld
	switch {
	case w.Put != nil:
		_, err = t.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: t.name, Item: w.Put.Item, ConditionExpression: w.Put.ConditionExpression,
			ExpressionAttributeNames: w.Put.ExpressionAttributeNames, ExpressionAttributeValues: w.Put.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: old,
		})
	case w.Update != nil:
		_, err = t.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: t.name, Key: w.Update.Key, UpdateExpression: w.Update.UpdateExpression,
			ConditionExpression: w.Update.ConditionExpression, ExpressionAttributeNames: w.Update.ExpressionAttributeNames,
			ExpressionAttributeValues: w.Update.ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure: old,
		})
	case w.Delete != nil:
		_, err = t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: t.name, Key: w.Delete.Key, ConditionExpression: w.Delete.ConditionExpression,
			ExpressionAttributeNames: w.Delete.ExpressionAttributeNames, ExpressionAttributeValues: w.Delete.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: old,
		})
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		if appliedBefore(w, failed.Item) {
			return nil
		}
		return &lost{items: map[int]item{0: failed.Item}}
	}
	if err != nil {
		return fmt.Errorf("storing an item: %w", err)
	}
	return nil
}

// appliedBefore recognises our own write: the SDK repeats a request whose answer
// was lost, and the repetition meets what the first one stored. A contact's rev
// holds the microsecond, a job's body its moments, so equal means ours.
func appliedBefore(w types.TransactWriteItem, stored item) bool {
	var rev, body string
	switch {
	case w.Put != nil:
		rev, body = text(w.Put.Item, "rev"), text(w.Put.Item, "body")
	case w.Update != nil:
		rev, body = text(w.Update.ExpressionAttributeValues, ":rev"), text(w.Update.ExpressionAttributeValues, ":body")
	}
	return body != "" && text(stored, "rev") == rev && text(stored, "body") == body
}

// maxTries bounds how often a write that lost a race is tried: 64 writers on one
// address still all come through.
const maxTries = 24

// pause waits before try number try+1: full jitter, growing to 250 ms.
func pause(ctx context.Context, try int) error {
	limit := min(250*time.Millisecond, 5*time.Millisecond<<min(try, 6))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(limit)):
		return nil
	}
}

func busy() error {
	return crm.Errorf(crm.Busy, "too many writers change this at once; try again in a moment")
}
