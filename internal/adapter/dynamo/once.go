package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// onceFor is how long a repeated request is recognised.
const onceFor = 24 * time.Hour

// onceWrite is the record that a request was done, stored in the transaction of
// its effect: there is no lease and no gap. It keeps the contact's id and no
// personal data, so nothing in it outlives an erasure.
func (b *Book) onceWrite(o *contact.Once, c *contact.Contact) types.TransactWriteItem {
	it := onceKey(b.site.ID, o.Principal, o.Key)
	expires := c.CreatedAt.Add(onceFor).Unix()
	it["t"], it["sv"], it["hash"], it["contact"], it["ttl"] = str("once"), num(schemaVersion), str(o.Hash), str(string(c.ID)), num(expires)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it,
		// Time to live deletes late, so the clock decides.
		ConditionExpression:       ptr("attribute_not_exists(PK) OR #ttl < :now"),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":now": num(c.CreatedAt.Unix())},
	}}
}

// replay is what an earlier request with the key made; ok is false if none did.
func (b *Book) replay(ctx context.Context, o *contact.Once) (contact.Contact, bool, error) {
	it, err := b.t.get(ctx, b.site.ID, onceKey(b.site.ID, o.Principal, o.Key))
	if err != nil || it == nil {
		return contact.Contact{}, false, err
	}
	if text(it, "hash") != o.Hash {
		return contact.Contact{}, false, crm.Errorf(crm.KeyReused,
			"this Idempotency-Key was used for another request in the last 24 hours; take a new key for a new request")
	}
	c, ok, err := b.lives(ctx, crm.ContactID(text(it, "contact")))
	if err == nil && !ok {
		err = crm.Errorf(crm.Gone, "the contact that this request made was deleted since; take a new Idempotency-Key to make it again")
	}
	return c, ok, err
}
