package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/quota"
)

// TakeCalls implements quota.Store. The bucket is one item; its arrival time in
// nanoseconds is the condition, so no call is taken twice.
func (t *Table) TakeCalls(ctx context.Context, id crm.SiteID, principal string, l quota.Limit, n int, now time.Time) (granted, left int, wait time.Duration, err error) {
	return t.take(ctx, id, quotaKey(id, principal, l.Name), l, n, now)
}

func (t *Table) take(ctx context.Context, r realm, k item, l quota.Limit, n int, now time.Time) (granted, left int, wait time.Duration, err error) {
	it, err := t.get(ctx, r, k)
	if err != nil {
		return 0, 0, 0, err
	}
	for try := 1; try <= maxTries; try++ {
		var at time.Time
		if ns := number(it, "tat"); ns > 0 {
			at = time.Unix(0, ns)
		}
		next := at
		for granted = n; granted > 0; granted-- {
			var ok bool
			if next, wait, ok = l.Take(at, now, granted); ok {
				break
			}
		}
		if granted == 0 {
			return 0, 0, wait, nil
		}
		u := &types.Update{
			TableName: t.name, Key: k,
			UpdateExpression:          ptr("SET tat = :next, #ttl = :ttl, t = :t, sv = :sv"),
			ConditionExpression:       ptr("attribute_not_exists(tat)"),
			ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
			ExpressionAttributeValues: item{":next": num(next.UnixNano()), ":ttl": num(next.Add(l.Window).Unix()), ":t": str("quota"), ":sv": num(schemaVersion)},
		}
		if it != nil {
			u.ConditionExpression = ptr("tat = :tat")
			u.ExpressionAttributeValues[":tat"] = num(number(it, "tat"))
		}
		err := t.commit(ctx, r, types.TransactWriteItem{Update: u})
		var l2 *lost
		if !asLost(err, &l2) {
			return granted, l.Left(next, now), 0, err
		}
		it = l2.items[0]
		if err := pause(ctx, try); err != nil {
			return 0, 0, 0, err
		}
	}
	return 0, 0, 0, busy()
}
