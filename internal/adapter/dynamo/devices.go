package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

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
	homes, err := b.devices(ctx, &c)
	return allDevices(homes), err
}

// deviceHome is the devices that are kept under one contact id. Each stays where it
// was registered, so that undoing a merge gives everybody their own.
type deviceHome struct {
	of      crm.ContactID
	version int64 // 0: none was ever kept
	list    []contact.PushDevice
}

func allDevices(homes []deviceHome) []contact.PushDevice {
	var all []contact.PushDevice
	for _, h := range homes {
		all = append(all, h.list...)
	}
	return contact.SortDevices(all)
}

func (b *Book) devices(ctx context.Context, c *contact.Contact) ([]deviceHome, error) {
	ids := c.IDs()
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = devicesKey(b.site.ID, id)
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	homes := make([]deviceHome, len(ids))
	for i, id := range ids {
		it := found[mapKey(keys[i])]
		h := deviceHome{of: id, version: number(it, "v")}
		if it != nil {
			if h.list, err = b.devicesIn(it); err != nil {
				return nil, fmt.Errorf("the devices of %s: %w", id, err)
			}
		}
		homes[i] = h
	}
	return homes, nil
}

func (b *Book) devicesIn(it item) (list []contact.PushDevice, err error) {
	var records []deviceRecord
	if err := json.Unmarshal([]byte(text(it, "body")), &records); err != nil {
		return nil, fmt.Errorf("unpacking them: %w", err)
	}
	for _, r := range records {
		token, err := b.site.OpenCursor(pushTokens, r.Token)
		if err != nil {
			return nil, fmt.Errorf("opening the token of device %s: %w", r.ID, err)
		}
		list = append(list, contact.PushDevice{ID: r.ID, Platform: r.Platform, Name: r.Name, Token: contact.PushToken(token),
			RegisteredAt: fromMicros(r.Made), SeenAt: fromMicros(r.Seen)})
	}
	return list, nil
}

// ChangeDevices implements contact.Devices.
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
		homes, err := b.devices(ctx, &c)
		if err != nil {
			return err
		}
		list, err := rule(allDevices(homes))
		if err != nil {
			return err
		}
		writes, err := b.devicesWrites(&c, list, homes)
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

func (b *Book) devicesWrites(c *contact.Contact, list []contact.PushDevice, homes []deviceHome) ([]types.TransactWriteItem, error) {
	// A contact that is being deleted takes no device any more.
	writes := []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{
		TableName: b.t.name, Key: slotKey(&b.site, c.ID), ConditionExpression: ptr("attribute_exists(body)"),
	}}}
	for i, h := range homes {
		var next []contact.PushDevice
		for _, d := range list {
			if i == 0 && !slices.ContainsFunc(homes, func(o deviceHome) bool { return o.has(d) }) || h.has(d) {
				next = append(next, d)
			}
		}
		if slices.Equal(next, h.list) {
			continue
		}
		var records []deviceRecord
		for _, d := range next {
			records = append(records, deviceRecord{d.ID, d.Platform, d.Name, b.site.SealCursor(pushTokens, string(d.Token)), micros(d.RegisteredAt), micros(d.SeenAt)})
		}
		body, err := packJSON(records)
		if err != nil {
			return nil, err
		}
		put := &types.Put{TableName: b.t.name, Item: devicesKey(b.site.ID, h.of), ConditionExpression: ptr(isNew)}
		put.Item["t"], put.Item["sv"], put.Item["v"], put.Item["body"] = str("devices"), num(schemaVersion), num(h.version+1), str(body)
		if h.version > 0 {
			put.ConditionExpression, put.ExpressionAttributeValues = ptr("v = :old"), item{":old": num(h.version)}
		}
		writes = append(writes, types.TransactWriteItem{Put: put})
	}
	return writes, nil
}

func (h deviceHome) has(d contact.PushDevice) bool {
	return slices.ContainsFunc(h.list, func(o contact.PushDevice) bool { return o.ID == d.ID })
}
