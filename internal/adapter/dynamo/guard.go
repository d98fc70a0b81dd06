package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
)

// A realm is what a request is bound to: a site (crm.SiteID), a person across
// sites (member.Person), or a network that requests come from (member.Client). Its
// keys all begin with its own prefix, and no request touches two realms.
type realm interface{ Valid() bool }

func realmPK(r realm) (string, bool) {
	switch r := r.(type) {
	case crm.SiteID:
		return sitePK(r), r.Valid()
	case member.Person:
		return personPK(r), r.Valid()
	case member.Client:
		return clientPK(r), r.Valid()
	}
	return "", false
}

type realmCtxKey struct{}

// bound binds all requests made with the context to a realm.
func bound(ctx context.Context, r realm) context.Context {
	return context.WithValue(ctx, realmCtxKey{}, r)
}

// guard refuses a request that reads or writes a key of another realm, or any
// key without one, before it leaves the function. It is the second lock: the
// first is that keys.go builds every key from the book's own site. It also keeps
// the audit log append-only.
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
	r, _ := ctx.Value(realmCtxKey{}).(realm)
	prefix, ok := realmPK(r)
	if !ok {
		return fmt.Errorf("%w: %T without a site", errStray, params)
	}
	var keys []item
	appends := true
	switch in := params.(type) {
	case *dynamodb.GetItemInput:
		keys = append(keys, in.Key)
	case *dynamodb.PutItemInput:
		keys = append(keys, in.Item)
		appends = appendsOnly(in.Item, in.ConditionExpression)
	case *dynamodb.UpdateItemInput:
		keys = append(keys, in.Key)
		appends = !isAudit(in.Key)
	case *dynamodb.DeleteItemInput:
		keys = append(keys, in.Key)
		appends = !isAudit(in.Key)
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
				k := item(nil)
				if r.PutRequest != nil {
					k = r.PutRequest.Item
				}
				if r.DeleteRequest != nil {
					k = r.DeleteRequest.Key
				}
				keys = append(keys, k)
				appends = appends && !isAudit(k)
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			k := writeKey(w)
			keys = append(keys, k)
			appends = appends && (!isAudit(k) || w.Put != nil && appendsOnly(k, w.Put.ConditionExpression))
		}
	default:
		return fmt.Errorf("%w: %T is not used here", errStray, params)
	}
	for _, k := range keys {
		if !within(prefix, text(k, "PK")) {
			return fmt.Errorf("%w: %T", errStray, params)
		}
	}
	if !appends {
		return fmt.Errorf("%w: %T", errAppendOnly, params)
	}
	return nil
}

var errAppendOnly = errors.New("a request would change or remove a row of the audit log")

func isAudit(k item) bool {
	pk := text(k, "PK")
	return strings.HasPrefix(pk, "S#") && strings.HasSuffix(pk, "#L") && strings.Count(pk, "#") == 2
}

// isNew is the one condition under which a row of the audit log is written.
const isNew = "attribute_not_exists(PK)"

func appendsOnly(it item, condition *string) bool {
	return !isAudit(it) || condition != nil && *condition == isNew
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
