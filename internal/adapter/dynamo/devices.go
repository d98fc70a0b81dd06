package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// The devices of a contact are one small item in its partition, so that a deletion
// takes them along and their number is bounded. Tokens are sealed under the
// site's secret.
type deviceRecord struct {
	ID       string `json:"id"`
	Platform string `json:"p"`
	Name     string `json:"n,omitempty"`
	Token    string `json:"t"`
	Made     int64  `json:"m"`
	Seen     int64  `json:"s"`
}

const pushTokens = "push token" // what they are sealed for

// Devices implements contact.Devices.
func (b *Book) Devices(ctx context.Context, id crm.ContactID) ([]contact.PushDevice, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	list, _, err := b.devices(ctx, &c)
	return list, err
}

// devices also gives the version of each partition's item, 0 where there is none.
func (b *Book) devices(ctx context.Context, c *contact.Contact) (list []contact.PushDevice, versions []int64, err error) {
	for _, id := range c.IDs() {
		it, err := b.t.get(ctx, b.site.ID, devicesKey(b.site.ID, id))
		if err != nil {
			return nil, nil, err
		}
		versions = append(versions, number(it, "v"))
		if it == nil {
			continue
		}
		var records []deviceRecord
		if err := json.Unmarshal([]byte(text(it, "body")), &records); err != nil {
			return nil, nil, fmt.Errorf("unpacking the devices of %s: %w", id, err)
		}
		for _, r := range records {
			token, err := b.site.OpenCursor(pushTokens, r.Token)
			if err != nil {
				return nil, nil, fmt.Errorf("opening the token of device %s: %w", r.ID, err)
			}
			list = append(list, contact.PushDevice{ID: r.ID, Platform: r.Platform, Name: r.Name, Token: contact.PushToken(token),
				RegisteredAt: fromMicros(r.Made), SeenAt: fromMicros(r.Seen)})
		}
	}
	return contact.SortDevices(list), versions, nil
}

// ChangeDevices implements contact.Devices. Those of merged contacts move to the one
// that they went into.
func (b *Book) ChangeDevices(ctx context.Context, id crm.ContactID, rule func([]contact.PushDevice) ([]contact.PushDevice, error)) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		c, err := b.Get(ctx, id)
		if err != nil {
			return err
		}
		list, versions, err := b.devices(ctx, &c)
		if err != nil {
			return err
		}
		if list, err = rule(list); err != nil {
			return err
		}
		writes, err := b.devicesWrites(&c, list, versions)
		if err != nil {
			return err
		}
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !asLost(err, &l) {
			return err
		}
	}
	return busy()
}

func (b *Book) devicesWrites(c *contact.Contact, list []contact.PushDevice, versions []int64) ([]types.TransactWriteItem, error) {
	var records []deviceRecord
	for _, d := range list {
		records = append(records, deviceRecord{d.ID, d.Platform, d.Name, b.site.SealCursor(pushTokens, string(d.Token)), micros(d.RegisteredAt), micros(d.SeenAt)})
	}
	body, err := packJSON(records)
	if err != nil {
		return nil, err
	}
	// A contact that is being deleted takes no device any more.
	writes := []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{
		TableName: b.t.name, Key: slotKey(&b.site, c.ID), ConditionExpression: ptr("attribute_exists(body)"),
	}}}
	for i, id := range c.IDs() {
		cond, values := "attribute_not_exists(PK)", item(nil)
		if versions[i] > 0 {
			cond, values = "v = :old", item{":old": num(versions[i])}
		}
		k := devicesKey(b.site.ID, id)
		switch {
		case i == 0:
			k["t"], k["sv"], k["v"], k["body"] = str("devices"), num(schemaVersion), num(versions[0]+1), str(body)
			writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: k, ConditionExpression: &cond, ExpressionAttributeValues: values}})
		case versions[i] > 0:
			writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: k, ConditionExpression: &cond, ExpressionAttributeValues: values}})
		}
	}
	return writes, nil
}
