package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"clientele/internal/domain/crm"
)

type siteCtxKey struct{}

// withSite binds all requests made with the context to a site.
func withSite(ctx context.Context, id crm.SiteID) context.Context {
	return context.WithValue(ctx, siteCtxKey{}, id)
}

// guard refuses a request that reads or writes a key of another site, or any
// key without a site, before it leaves the function. It is the second lock: the
// first is that keys.go builds every key from the book's own site.
func guard(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SiteGuard",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := checkKeys(ctx, in.Parameters); err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
}

var errStray = errors.New("a request left its site")

func checkKeys(ctx context.Context, params any) error {
	id, ok := ctx.Value(siteCtxKey{}).(crm.SiteID)
	if !ok || !id.Valid() {
		return fmt.Errorf("%w: %T without a site", errStray, params)
	}
	check := func(k item) error {
		if !within(id, text(k, "PK")) {
			return fmt.Errorf("%w: %T", errStray, params)
		}
		return nil
	}
	var keys []item
	switch in := params.(type) {
	case *dynamodb.GetItemInput:
		keys = append(keys, in.Key)
	case *dynamodb.PutItemInput:
		keys = append(keys, in.Item)
	case *dynamodb.UpdateItemInput:
		keys = append(keys, in.Key)
	case *dynamodb.DeleteItemInput:
		keys = append(keys, in.Key)
	case *dynamodb.QueryInput:
		// Queries are only made by Table.query, which names the partition :pk.
		keys = append(keys, item{"PK": in.ExpressionAttributeValues[":pk"]})
	case *dynamodb.BatchGetItemInput:
		for _, r := range in.RequestItems {
			keys = append(keys, r.Keys...)
		}
	case *dynamodb.BatchWriteItemInput:
		for _, reqs := range in.RequestItems {
			for _, r := range reqs {
				if r.PutRequest != nil {
					keys = append(keys, r.PutRequest.Item)
				}
				if r.DeleteRequest != nil {
					keys = append(keys, r.DeleteRequest.Key)
				}
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			keys = append(keys, writeKey(w))
		}
	default:
		return fmt.Errorf("%w: %T is not used here", errStray, params)
	}
	for _, k := range keys {
		if err := check(k); err != nil {
			return err
		}
	}
	return nil
}

func writeKey(w types.TransactWriteItem) item {
	switch {
	case w.Put != nil:
		return w.Put.Item
	case w.Update != nil:
		return w.Update.Key
	case w.Delete != nil:
		return w.Delete.Key
	case w.ConditionCheck != nil:
		return w.ConditionCheck.Key
	}
	return nil
}
