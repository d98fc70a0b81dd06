package dynamo

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/quota"
)

// Join implements member.Store. It replaces what an earlier member of the site
// with this address left behind.
func (t *Table) Join(ctx context.Context, p member.Person, m member.Membership) error {
	it := membershipKey(p, m.Site)
	it["t"], it["sv"], it["member"] = str("membership"), num(schemaVersion), str(m.Member)
	return t.commit(ctx, p, types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it}})
}

// Leave implements member.Store.
func (t *Table) Leave(ctx context.Context, p member.Person, m member.Membership) error {
	err := t.commit(ctx, p, types.TransactWriteItem{Delete: &types.Delete{
		TableName: t.name, Key: membershipKey(p, m.Site),
		ConditionExpression: ptr("#member = :m"), ExpressionAttributeNames: map[string]string{"#member": "member"}, // a reserved word
		ExpressionAttributeValues: item{":m": str(m.Member)},
	}})
	var l *lost
	if asLost(err, &l) {
		return nil
	}
	return err
}

// Memberships implements member.Store.
func (t *Table) Memberships(ctx context.Context, p member.Person) ([]member.Membership, error) {
	items, _, err := t.query(ctx, p, query{pk: personPK(p), cond: "AND begins_with(SK, :prefix)",
		values: item{":prefix": str(membershipPrefix)}, forward: true, limit: 100})
	if err != nil {
		return nil, err
	}
	var out []member.Membership
	for _, it := range items {
		id, _ := strings.CutPrefix(text(it, "SK"), membershipPrefix)
		out = append(out, member.Membership{Site: crm.SiteID(id), Member: text(it, "member")})
	}
	return out, nil
}

// PutSignIn implements member.Store.
func (t *Table) PutSignIn(ctx context.Context, p member.Person, s member.SignIn) error {
	it := signInKey(p, s.ID)
	it["t"], it["sv"], it["code"], it["expires"], it["tries"] = str("sign-in"), num(schemaVersion), str(s.Code), num(micros(s.Expires)), num(0)
	it["ttl"] = num(s.Expires.Unix())
	return t.commit(ctx, p, types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it}})
}

// TrySignIn implements member.Store.
func (t *Table) TrySignIn(ctx context.Context, p member.Person, id string, rule func(*member.SignIn) error) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		it, err := t.get(ctx, p, signInKey(p, id))
		if err != nil {
			return err
		}
		if it == nil {
			return crm.Errorf(crm.NotFound, "there is no such sign-in")
		}
		old := member.SignIn{ID: id, Code: text(it, "code"), Expires: fromMicros(number(it, "expires")), Tries: int(number(it, "tries")), Used: number(it, "used") != 0}
		next := old
		if err := rule(&next); err != nil {
			return err
		}
		// Ours is recognised if the answer to it was lost.
		mark, err := newULID(next.Expires)
		if err != nil {
			return err
		}
		used := int64(0)
		if next.Used {
			used = 1
		}
		err = t.commit(ctx, p, types.TransactWriteItem{Update: &types.Update{
			TableName: t.name, Key: signInKey(p, id), UpdateExpression: ptr("SET tries = :tries, used = :used, mark = :mark"),
			ConditionExpression:       ptr("tries = :old AND expires = :expires"),
			ExpressionAttributeValues: item{":tries": num(int64(next.Tries)), ":used": num(used), ":mark": str(mark), ":old": num(int64(old.Tries)), ":expires": num(micros(old.Expires))},
		}})
		var l *lost
		if !asLost(err, &l) {
			return err
		}
		if text(l.items[0], "mark") == mark {
			return nil
		}
	}
	return busy()
}

// PretendMail implements member.Store: a read of two items that are not there, and
// a write as long as a mail.
func (t *Table) PretendMail(ctx context.Context, p member.Person, now time.Time) error {
	if _, err := t.getAll(ctx, p, []item{signInKey(p, "nobody"), signInKey(p, "nothing")}); err != nil {
		return err
	}
	it := signInKey(p, "pretended")
	it["t"], it["sv"], it["body"] = str("pretended"), num(schemaVersion), str(strings.Repeat(".", 600))
	it["ttl"] = num(now.Add(member.CodeFor).Unix())
	return t.commit(ctx, p, types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it}})
}

// PersonMay implements member.Store.
func (t *Table) PersonMay(ctx context.Context, p member.Person, l quota.Limit, now time.Time) (time.Duration, error) {
	return t.may(ctx, p, l, now)
}

// ClientMay implements member.Store.
func (t *Table) ClientMay(ctx context.Context, c member.Client, l quota.Limit, now time.Time) (time.Duration, error) {
	return t.may(ctx, c, l, now)
}

func (t *Table) may(ctx context.Context, r realm, l quota.Limit, now time.Time) (time.Duration, error) {
	pk, _ := realmPK(r)
	granted, _, wait, err := t.take(ctx, r, key(pk, "RATE#"+l.Name), l, 1, now)
	if granted == 1 {
		wait = 0
	}
	return wait, err
}
