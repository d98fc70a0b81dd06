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

// onceWrite is the record of what a request made, stored in the transaction of
// its effect: there is no lease and no gap. It keeps ids and no personal data, so
// nothing in it outlives an erasure.
func (t *Table) onceWrite(id crm.SiteID, o *contact.Once, made string) types.TransactWriteItem {
	it := onceKey(id, o.Principal, o.Key)
	it["t"], it["sv"], it["hash"], it["made"], it["ttl"] = str("once"), num(schemaVersion), str(o.Hash), str(made), num(o.At.Add(onceFor).Unix())
	return types.TransactWriteItem{Put: &types.Put{
		TableName: t.name, Item: it,
		// Time to live deletes late, so the clock decides.
		ConditionExpression:       ptr("attribute_not_exists(PK) OR #ttl <= :now"),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":now": num(o.At.Unix())},
	}}
}

// MadeBy is what an earlier request with the key made, as its record was told; ok
// is false if there was none, or it is too long ago. crm.KeyReused if that request
// said something else. Without a key there never was one.
func (t *Table) MadeBy(ctx context.Context, id crm.SiteID, o *contact.Once) (made string, ok bool, err error) {
	if o == nil {
		return "", false, nil
	}
	it, err := t.get(ctx, id, onceKey(id, o.Principal, o.Key))
	if err != nil || it == nil || number(it, "ttl") <= o.At.Unix() { // time to live deletes late
		return "", false, err
	}
	if text(it, "hash") != o.Hash {
		return "", false, crm.Errorf(crm.KeyReused,
			"this Idempotency-Key was used for another request in the last 24 hours; take a new key for a new request")
	}
	return text(it, "made"), true, nil
}

// MadeBy is Table.MadeBy on the book's site.
func (b *Book) MadeBy(ctx context.Context, o *contact.Once) (made string, ok bool, err error) {
	return b.t.MadeBy(ctx, b.site.ID, o)
}

// with adds the record of a request to the writes of what it makes, if it has a key.
func (b *Book) with(o *contact.Once, made string, writes ...types.TransactWriteItem) []types.TransactWriteItem {
	if o != nil {
		writes = append(writes, b.t.onceWrite(b.site.ID, o, made))
	}
	return writes
}

// replay is the contacts that an earlier request with the key made; ok is false if none did.
func (b *Book) replay(ctx context.Context, o *contact.Once) ([]contact.Contact, bool, error) {
	ids, ok, err := b.MadeBy(ctx, o)
	if !ok || err != nil {
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

// settingsPrincipal is under whom it is remembered what a change of the settings left
// to do; no credential has this id.
const settingsPrincipal = "settings"

// leftWrite remembers for a day the job that a change of something, into what, leaves
// to do, so that the change can be repeated where the job was never begun.
func (b *Book) leftWrite(thing, into, job string, now time.Time) types.TransactWriteItem {
	w := b.t.onceWrite(b.site.ID, &contact.Once{Principal: settingsPrincipal, Key: thing, Hash: into, At: now}, job)
	w.Put.ConditionExpression, w.Put.ExpressionAttributeNames, w.Put.ExpressionAttributeValues = nil, nil, nil // the last one counts
	return w
}

// Left is the job that a change of something, into what, left to do within the last day.
func (b *Book) Left(ctx context.Context, thing, into string, now time.Time) (job string, ok bool, err error) {
	job, ok, err = b.MadeBy(ctx, &contact.Once{Principal: settingsPrincipal, Key: thing, Hash: into, At: now})
	if crm.CodeOf(err) == crm.KeyReused { // another change came after it
		return "", false, nil
	}
	return job, ok, err
}

// LeaveTo has another job do what a change left to do, in the place of was, which did not
// do it. Of several that come at once the first decides; the answer is its job.
func (b *Book) LeaveTo(ctx context.Context, thing, into, was, job string, now time.Time) (string, error) {
	err := b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: onceKey(b.site.ID, settingsPrincipal, thing), UpdateExpression: ptr("SET made = :job"),
		ConditionExpression:       ptr("made = :was AND #hash = :into"),
		ExpressionAttributeNames:  map[string]string{"#hash": "hash"},
		ExpressionAttributeValues: item{":job": str(job), ":was": str(was), ":into": str(into)},
	}})
	var l *lost
	if !asLost(err, &l) {
		return job, err
	}
	first, ok, err := b.Left(ctx, thing, into, now)
	if err == nil && !ok {
		err = crm.Errorf(crm.Conflict, "it was changed again meanwhile; read it again and repeat your change")
	}
	return first, err
}
