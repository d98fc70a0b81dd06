package dynamo

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
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

// PutGroup implements group.Store. Every name that comes passes the one item of all
// groups, so that no two have it, whatever happens beside it.
func (b *Book) PutGroup(ctx context.Context, g group.Group, once *contact.Once, log ...audit.Entry) (group.Group, error) {
	r := groupRecord{Name: g.Name, Description: g.Description, Percentage: g.Percentage, Created: micros(g.CreatedAt), Updated: micros(g.UpdatedAt)}
	for _, p := range g.Prices {
		r.Prices = append(r.Prices, priceRecord{p.Product, p.Amount.Minor, p.Amount.Currency})
	}
	body, err := packJSON(r)
	if err != nil {
		return g, err
	}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return g, err
			}
		}
		stamp, err := b.t.get(ctx, b.site.ID, groupsKey(b.site.ID))
		if err != nil {
			return g, err
		}
		all, err := b.Groups(ctx)
		if err != nil {
			return g, err
		}
		if err := standing(g, all); err != nil {
			return g, err
		}
		w := b.setBody(groupKey(b.site.ID, g.ID), body, g.Version)
		if g.Version == 0 {
			w = b.putJob(groupKey(b.site.ID, g.ID), "group", body)
		}
		err = b.commitLogged(ctx, log, b.with(once, g.ID, w, b.passed(groupsKey(b.site.ID), "groups", stamp))...)
		var l *lost
		if !asLost(err, &l) {
			g.Version++
			return g, err
		}
		if _, ok, err := b.MadeBy(ctx, once); ok || err != nil {
			return g, cmp.Or(err, error(crm.Errorf(crm.Conflict, "this request made a group before")))
		}
	}
	return g, busy()
}

// standing refuses a group that is not as its site has it, or cannot be beside the others.
func standing(g group.Group, all []group.Group) error {
	i := slices.IndexFunc(all, func(o group.Group) bool { return o.ID == g.ID })
	switch {
	case g.Version > 0 && i < 0:
		return noGroup()
	case g.Version > 0 && all[i].Version != g.Version:
		return staleGroup()
	}
	return g.Among(all)
}

func staleGroup() error {
	return crm.Errorf(crm.Stale, "the group was changed since; read it again and repeat your change")
}

// passed is the write by which a change passes an item that all changes of a kind
// pass, as it was read; of two at once the second is lost.
func (b *Book) passed(k item, kind string, was item) types.TransactWriteItem {
	v := number(was, "v")
	k["t"], k["sv"], k["v"] = str(kind), num(schemaVersion), num(v+1)
	p := &types.Put{TableName: b.t.name, Item: k, ConditionExpression: ptr(isNew)}
	if v > 0 {
		p.ConditionExpression, p.ExpressionAttributeValues = ptr("v = :old"), item{":old": num(v)}
	}
	return types.TransactWriteItem{Put: p}
}

// RemoveGroup implements group.Store.
func (b *Book) RemoveGroup(ctx context.Context, g group.Group, job string, now time.Time, log ...audit.Entry) error {
	err := b.commitLogged(ctx, log, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: groupKey(b.site.ID, g.ID),
		ConditionExpression: ptr("n = :n"), ExpressionAttributeValues: item{":n": num(g.Version)}}}, b.leftWrite("group "+g.ID, "", job, now))
	var l *lost
	if asLost(err, &l) {
		return staleGroup()
	}
	return err
}
