package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/order"
)

var _ group.Store = (*Book)(nil)

type groupRecord struct {
	Name        string           `json:"n"`
	Description string           `json:"d,omitempty"`
	Percentage  group.Percentage `json:"p,omitempty"`
	Prices      []priceRecord    `json:"f,omitempty"`
	Created     int64            `json:"ca"`
	Updated     int64            `json:"ua"`
}

type priceRecord struct {
	Product  string `json:"p"`
	Minor    int64  `json:"m"`
	Currency string `json:"c"`
}

func groupOf(it item) (group.Group, error) {
	var r groupRecord
	if err := decode(it, &r); err != nil {
		return group.Group{}, err
	}
	g := group.Group{ID: text(it, "SK")[len(groupPrefix):], Name: r.Name, Description: r.Description, Percentage: r.Percentage,
		CreatedAt: fromMicros(r.Created), UpdatedAt: fromMicros(r.Updated), Version: number(it, "n")}
	for _, p := range r.Prices {
		g.Prices = append(g.Prices, group.Price{Product: p.Product, Amount: order.Money{Minor: p.Minor, Currency: p.Currency}})
	}
	return g, nil
}

func noGroup() error { return crm.Errorf(crm.NotFound, "there is no such group on this site") }

// Groups implements group.Store.
func (b *Book) Groups(ctx context.Context) (groups []group.Group, err error) {
	err = b.settings(ctx, groupPrefix, func(it item) error {
		g, err := groupOf(it)
		groups = append(groups, g)
		return err
	})
	return groups, err
}

// GroupByID implements group.Store.
func (b *Book) GroupByID(ctx context.Context, id string) (group.Group, error) {
	it, err := b.t.get(ctx, b.site.ID, groupKey(b.site.ID, id))
	if err == nil && it == nil {
		err = noGroup()
	}
	if err != nil {
		return group.Group{}, err
	}
	return groupOf(it)
}

// PutGroup implements group.Store.
func (b *Book) PutGroup(ctx context.Context, g group.Group, log ...audit.Entry) (group.Group, error) {
	r := groupRecord{Name: g.Name, Description: g.Description, Percentage: g.Percentage, Created: micros(g.CreatedAt), Updated: micros(g.UpdatedAt)}
	for _, p := range g.Prices {
		r.Prices = append(r.Prices, priceRecord{p.Product, p.Amount.Minor, p.Amount.Currency})
	}
	body, err := packJSON(r)
	if err != nil {
		return g, err
	}
	k := groupKey(b.site.ID, g.ID)
	w := b.setBody(k, body, g.Version)
	if g.Version == 0 {
		w = b.putJob(k, "group", body)
	} else {
		w.Update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	err = b.commitLogged(ctx, log, w)
	var l *lost
	if asLost(err, &l) {
		if len(l.items[0]) == 0 {
			return g, noGroup()
		}
		return g, crm.Errorf(crm.Stale, "the group was changed since; read it again and repeat your change")
	}
	g.Version++
	return g, err
}

// RemoveGroup implements group.Store.
func (b *Book) RemoveGroup(ctx context.Context, id string, log ...audit.Entry) error {
	return b.commitLogged(ctx, log, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: groupKey(b.site.ID, id)}})
}
