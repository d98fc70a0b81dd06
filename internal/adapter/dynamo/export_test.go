package dynamo

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
)

// ErrStray is what the guard answers.
var ErrStray = errStray

// StrayProbe reads any key while bound to a site.
func StrayProbe(t *Table, id crm.SiteID, pk, sk string) error {
	_, err := t.get(context.Background(), id, key(pk, sk))
	return err
}

// RealmProbe reads any key while bound to a realm.
func RealmProbe(t *Table, r interface{ Valid() bool }, pk, sk string) error {
	_, err := t.get(context.Background(), r, key(pk, sk))
	return err
}

// ErrAppendOnly is what the guard answers to a change of the audit log.
var ErrAppendOnly = errAppendOnly

// TamperWithAudit tries each way there is to change or remove a row.
func TamperWithAudit(t *Table, id crm.SiteID, row string) map[string]error {
	ctx, k := context.Background(), key(auditPK(id), row)
	put := key(auditPK(id), row)
	put["body"] = str("{}")
	set := types.TransactWriteItem{Update: &types.Update{TableName: t.name, Key: k, UpdateExpression: ptr("SET body = :b"), ExpressionAttributeValues: item{":b": str("{}")}}}
	del := types.TransactWriteItem{Delete: &types.Delete{TableName: t.name, Key: k}}
	over := types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: put}}
	guise := types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: put, ConditionExpression: ptr("attribute_exists(PK)")}}
	beside := types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: key(sitePK(id), "X")}}
	_, batch := t.db.BatchWriteItem(bound(ctx, id), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		*t.name: {{DeleteRequest: &types.DeleteRequest{Key: k}}}}})
	_, batchPut := t.db.BatchWriteItem(bound(ctx, id), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		*t.name: {{PutRequest: &types.PutRequest{Item: put}}}}})
	return map[string]error{
		"update": t.commit(ctx, id, set), "delete": t.commit(ctx, id, del), "put": t.commit(ctx, id, over), "put on what is there": t.commit(ctx, id, guise),
		"update in a transaction": t.commit(ctx, id, beside, set), "delete in a transaction": t.commit(ctx, id, beside, del),
		"put in a transaction": t.commit(ctx, id, beside, over), "delete in a batch": batch, "put in a batch": batchPut,
	}
}

// Age makes a contact's body one of the release before, which counted no orders by
// currency and kept no firsts.
func Age(b *Book, id crm.ContactID) error {
	it, err := b.slotItem(context.Background(), id)
	if err != nil {
		return err
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(text(it, "body")), &body); err != nil {
		return err
	}
	delete(body, "on")
	delete(body, "fi")
	old, err := packJSON(body)
	if err != nil {
		return err
	}
	return b.t.commit(context.Background(), b.site.ID, types.TransactWriteItem{Update: &types.Update{TableName: b.t.name, Key: slotKey(&b.site, id),
		UpdateExpression: ptr("SET body = :b"), ExpressionAttributeValues: item{":b": str(old)}}})
}

// TimelineItems counts what is stored beside a contact.
func TimelineItems(t *Table, b *Book, c crm.ContactID) (int, error) {
	items, _, err := t.query(context.Background(), b.site.ID, query{pk: activityPK(b.site.ID, c)})
	return len(items), err
}

// StoredMail is the texts of an outbox item.
func StoredMail(t *Table, id crm.SiteID, message string) (map[string]string, error) {
	it, err := t.get(context.Background(), id, outboxKey(id, message))
	out := map[string]string{}
	for name := range it {
		out[name] = text(it, name)
	}
	return out, err
}

// Outbox is all mails of a site that wait.
func Outbox(t *Table, id crm.SiteID) (out []mail.Message, err error) {
	items, _, err := t.query(context.Background(), id, query{pk: outboxPK(id)})
	for _, it := range items {
		m, err := mailOf(it)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, err
}

// Settle waits until the last uses of keys and sessions are noted.
func Settle(t *Table) { t.touches.Wait() }

// MergeParts counts what is kept to undo a merge.
func MergeParts(b *Book, id string) int {
	n := 0
	for i := range 3 {
		if it, _ := b.t.get(context.Background(), b.site.ID, mergePartKey(b.site.ID, id, i)); it != nil {
			n++
		}
	}
	return n
}
