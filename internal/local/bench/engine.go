package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/local/services"
)

// engine is the DynamoDB Local that all measurements run on.
type engine struct {
	cfg   aws.Config
	bare  *dynamodb.Client // as the SDK makes it: what ours is compared with
	count atomic.Int32
}

func newEngine(endpoint string) *engine {
	// Both sides have the transport that the functions have (adapter/awscfg).
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })
	cfg := aws.Config{
		Region: services.Region, BaseEndpoint: &endpoint, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
	return &engine{cfg: cfg, bare: dynamodb.NewFromConfig(cfg)}
}

// table makes an empty table of the schema.
func (e *engine) table(ctx context.Context) (string, error) {
	name := fmt.Sprintf("bench-%d", e.count.Add(1))
	if _, err := e.bare.CreateTable(ctx, dynamo.Schema(name)); err != nil {
		return "", fmt.Errorf("creating a table: %w", err)
	}
	return name, nil
}

// drop removes a table, so that the engine's memory does not weigh on what follows.
func (e *engine) drop(ctx context.Context, name string) error {
	_, err := e.bare.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
	return err
}

// book opens a table as one worker does: with a client of its own.
func (e *engine) book(name string, s site.Site, opts ...func(*dynamodb.Options)) (*dynamo.Book, error) {
	t, err := dynamo.Open(e.cfg, name, opts...)
	if err != nil {
		return nil, err
	}
	return t.Book(s), nil
}

// benchSite is the same in every table, so that its items are the same as well.
func benchSite() site.Site {
	secret := sha256.Sum256([]byte("bench"))
	return site.Site{ID: "bench", Name: "Bench", Calls: 100_000_000, Secret: secret[:], Shards: 4, Country: "NL", Language: "nl",
		CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// watch sees every request of a client and its answer.
func watch(see func(in, out any)) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Bench",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					out, meta, err := next.HandleInitialize(ctx, in)
					if err == nil {
						see(in.Parameters, out.Result)
					}
					return out, meta, err
				}), middleware.Before)
		})
	}
}

// units is what DynamoDB Local reports that putting an item takes, the index included.
func (e *engine) units(ctx context.Context, table string, item map[string]types.AttributeValue) (float64, error) {
	out, err := e.bare.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return 0, err
	}
	if out.ConsumedCapacity == nil {
		return 0, errors.New("the answer tells no capacity")
	}
	return aws.ToFloat64(out.ConsumedCapacity.CapacityUnits), nil
}

// written is the partition key of each item that a request writes; of a
// statement, which does not tell, it is empty.
func written(in any) (pks []string) {
	add := func(k map[string]types.AttributeValue) {
		if s, ok := k["PK"].(*types.AttributeValueMemberS); ok {
			pks = append(pks, s.Value)
		}
	}
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		add(in.Item)
	case *dynamodb.UpdateItemInput:
		add(in.Key)
	case *dynamodb.DeleteItemInput:
		add(in.Key)
	case *dynamodb.BatchWriteItemInput:
		for _, list := range in.RequestItems {
			for _, r := range list {
				if r.PutRequest != nil {
					add(r.PutRequest.Item)
				} else if r.DeleteRequest != nil {
					add(r.DeleteRequest.Key)
				}
			}
		}
	case *dynamodb.BatchExecuteStatementInput:
		for _, st := range in.Statements {
			if !strings.HasPrefix(aws.ToString(st.Statement), "SELECT") {
				pks = append(pks, "")
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			switch {
			case w.Put != nil:
				add(w.Put.Item)
			case w.Update != nil:
				add(w.Update.Key)
			case w.Delete != nil:
				add(w.Delete.Key)
			}
		}
	}
	return pks
}

// ofJob tells whether a partition holds an import's own records and no contacts.
func ofJob(id crm.SiteID, pk string) bool { return strings.HasPrefix(pk, "S#"+string(id)+"#J") }

// stored reads every item of the site's contacts.
func (e *engine) stored(ctx context.Context, table string, id crm.SiteID) ([]map[string]types.AttributeValue, error) {
	var items []map[string]types.AttributeValue
	pages := dynamodb.NewScanPaginator(e.bare, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			if pk, ok := it["PK"].(*types.AttributeValueMemberS); ok && !ofJob(id, pk.Value) {
				items = append(items, it)
			}
		}
	}
	return items, nil
}

// batchWrite stores items as the SDK offers it: 25 a request, by several
// writers, what was left unprocessed again.
func (e *engine) batchWrite(ctx context.Context, table string, items []map[string]types.AttributeValue, writers int) error {
	return shared(items, 25, writers, func(items []map[string]types.AttributeValue) error {
		var puts []types.WriteRequest
		for _, it := range items {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		ask := map[string][]types.WriteRequest{table: puts}
		for try := 0; len(ask) > 0; try++ {
			if try > 0 {
				time.Sleep(time.Millisecond << min(try, 8))
			}
			out, err := e.bare.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: ask})
			if err != nil {
				return err
			}
			ask = out.UnprocessedItems
		}
		return nil
	})
}

// transact stores items where nothing is yet, 100 a transaction.
func (e *engine) transact(ctx context.Context, table string, items []map[string]types.AttributeValue, writers int) error {
	return shared(items, 100, writers, func(items []map[string]types.AttributeValue) error {
		var puts []types.TransactWriteItem
		for _, it := range items {
			puts = append(puts, types.TransactWriteItem{Put: &types.Put{
				TableName: &table, Item: it, ConditionExpression: aws.String("attribute_not_exists(PK)"),
			}})
		}
		_, err := e.bare.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: puts})
		return err
	})
}

// shared has several workers do a list, some at a time.
func shared[T any](list []T, size, workers int, do func([]T) error) error {
	var next atomic.Int64
	return together(workers, func(int) error {
		for {
			end := int(next.Add(int64(size)))
			if end-size >= len(list) {
				return nil
			}
			if err := do(list[end-size : min(end, len(list))]); err != nil {
				return err
			}
		}
	})
}

// together runs n side by side and gives their errors.
func together(n int, do func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
