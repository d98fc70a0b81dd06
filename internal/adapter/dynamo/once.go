package dynamo

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// onceFor is how long a repeated request is recognised.
const onceFor = 24 * time.Hour

// onceWrite is the record that a request was done, stored in the transaction of
// its effect: there is no lease and no gap. It keeps the contacts' ids and no
// personal data, so nothing in it outlives an erasure.
func (b *Book) onceWrite(o *contact.Once, made ...contact.Contact) types.TransactWriteItem {
	return b.onceMade(o, joinIDs(made), made[0].CreatedAt)
}

// onceMade is onceWrite for what is not a contact.
func (b *Book) onceMade(o *contact.Once, made string, at time.Time) types.TransactWriteItem {
	it := onceKey(b.site.ID, o.Principal, o.Key)
	expires := at.Add(onceFor).Unix()
	it["t"], it["sv"], it["hash"], it["contact"], it["ttl"] = str("once"), num(schemaVersion), str(o.Hash), str(made), num(expires)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it,
		// Time to live deletes late, so the clock decides.
		ConditionExpression:       ptr("attribute_not_exists(PK) OR #ttl < :now"),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":now": num(at.Unix())},
	}}
}

// replay is what an earlier request with the key made; ok is false if none did.
func (b *Book) replay(ctx context.Context, o *contact.Once, now time.Time) (contact.Contact, bool, error) {
	made, ok, err := b.replayAll(ctx, o, now)
	if !ok || err != nil {
		return contact.Contact{}, false, err
	}
	return made[0], true, nil
}

// replayAll is replay for a request that may have made several.
func (b *Book) replayAll(ctx context.Context, o *contact.Once, now time.Time) ([]contact.Contact, bool, error) {
	ids, err := b.madeBy(ctx, o, now)
	if ids == "" || err != nil {
		return nil, false, err
	}
	var made []contact.Contact
	for _, id := range strings.Fields(ids) {
		c, err := b.Get(ctx, crm.ContactID(id))
		if crm.CodeOf(err) == crm.NotFound {
			err = crm.Errorf(crm.Gone, "a contact that this request made was deleted since; take a new Idempotency-Key to make it again")
		}
		if err != nil {
			return nil, false, err
		}
		made = append(made, c)
	}
	return made, true, nil
}

// madeBy is what an earlier request with the key made, as onceMade was told; "" if
// there was none.
func (b *Book) madeBy(ctx context.Context, o *contact.Once, now time.Time) (string, error) {
	it, err := b.t.get(ctx, b.site.ID, onceKey(b.site.ID, o.Principal, o.Key))
	if err != nil || it == nil || number(it, "ttl") < now.Unix() { // time to live deletes late
		return "", err
	}
	if text(it, "hash") != o.Hash {
		return "", crm.Errorf(crm.KeyReused,
			"this Idempotency-Key was used for another request in the last 24 hours; take a new key for a new request")
	}
	return text(it, "contact"), nil
}
