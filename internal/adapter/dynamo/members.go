package dynamo

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
)

var _ member.Store = (*Table)(nil)

type memberRecord struct {
	Email      string            `json:"e"`
	Name       string            `json:"n,omitempty"`
	Language   string            `json:"l,omitempty"`
	Role       member.Role       `json:"r"`
	Given      []site.Scope      `json:"g,omitempty"`
	Taken      []site.Scope      `json:"tk,omitempty"`
	State      member.State      `json:"s"`
	Invitation *invitationRecord `json:"i,omitempty"`
	Created    int64             `json:"c"`
	Joined     int64             `json:"j,omitempty"`
}

type invitationRecord struct {
	Hash    string `json:"h"`
	By      string `json:"b"`
	Sent    int64  `json:"s"`
	Expires int64  `json:"x"`
}

func memberBody(m member.Member) (string, error) {
	r := memberRecord{Email: m.Email, Name: m.Name, Language: m.Language, Role: m.Role, Given: m.Given, Taken: m.Taken, State: m.State, Created: micros(m.CreatedAt)}
	if !m.JoinedAt.IsZero() {
		r.Joined = micros(m.JoinedAt)
	}
	if i := m.Invitation; i != nil {
		r.Invitation = &invitationRecord{i.Hash, i.By, micros(i.SentAt), micros(i.Expires)}
	}
	return packJSON(r)
}

func memberOf(it item) (member.Member, error) {
	var r memberRecord
	if err := decode(it, &r); err != nil {
		return member.Member{}, err
	}
	m := member.Member{ID: text(it, "SK")[len(memberPrefix):], Email: r.Email, Name: r.Name, Language: r.Language, Role: r.Role,
		Given: r.Given, Taken: r.Taken, State: r.State, CreatedAt: fromMicros(r.Created), Version: number(it, "v")}
	if r.Joined != 0 {
		m.JoinedAt = fromMicros(r.Joined)
		m.SeenAt = m.JoinedAt
	}
	if seen := number(it, "seen"); seen != 0 {
		m.SeenAt = fromMicros(seen)
	}
	if i := r.Invitation; i != nil {
		m.Invitation = &member.Invitation{Hash: i.Hash, By: i.By, SentAt: fromMicros(i.Sent), Expires: fromMicros(i.Expires)}
	}
	return m, nil
}

// all reads the items of a site whose sort keys begin with a prefix.
func (t *Table) all(ctx context.Context, r realm, prefix string) (items []item, err error) {
	pk, _ := realmPK(r)
	err = t.each(ctx, r, startingWith(pk, prefix), func(it item) error {
		items = append(items, it)
		return nil
	})
	return items, err
}

// Team implements member.Store.
func (t *Table) Team(ctx context.Context, id crm.SiteID) (member.Team, error) {
	items, err := t.all(ctx, id, memberPrefix)
	if err != nil {
		return member.Team{}, err
	}
	var team member.Team
	for _, it := range items {
		m, err := memberOf(it)
		if err != nil {
			return member.Team{}, err
		}
		team.Members = append(team.Members, m)
	}
	return team, nil
}

// ChangeTeam implements member.Store. Every change passes the team's one item, so
// that a rule about all members holds whatever happens beside it.
func (t *Table) ChangeTeam(ctx context.Context, id crm.SiteID, once *contact.Once, rule func(*member.Team) (string, member.Outcome, error)) (string, bool, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return "", false, err
			}
		}
		stamp, err := t.get(ctx, id, teamKey(id))
		if err != nil {
			return "", false, err
		}
		old, err := t.Team(ctx, id)
		if err != nil {
			return "", false, err
		}
		next := old.Clone()
		made, out, err := rule(&next)
		if err != nil {
			// A repeated request meets its own work, which the rule may refuse.
			if before, ok, replayErr := t.MadeBy(ctx, id, once); ok || replayErr != nil {
				return before, ok, replayErr
			}
			return "", false, err
		}
		if out.Entry.Action == "" {
			return made, false, nil
		}
		writes, err := t.teamWrites(id, number(stamp, "v"), old, next, out)
		if err != nil {
			return "", false, err
		}
		if once != nil {
			writes = append(writes, t.onceWrite(id, once, made))
		}
		err = t.commit(ctx, id, writes...)
		var l *lost
		if !asLost(err, &l) {
			return made, false, err
		}
		if before, ok, err := t.MadeBy(ctx, id, once); ok || err != nil {
			return before, ok, err
		}
	}
	return "", false, busy()
}

func (t *Table) teamWrites(id crm.SiteID, version int64, old, next member.Team, out member.Outcome) ([]types.TransactWriteItem, error) {
	stamp := teamKey(id)
	stamp["t"], stamp["sv"], stamp["v"] = str("team"), num(schemaVersion), num(version+1)
	first := &types.Put{TableName: t.name, Item: stamp, ConditionExpression: ptr(isNew)}
	if version > 0 {
		first.ConditionExpression, first.ExpressionAttributeValues = ptr("v = :old"), item{":old": num(version)}
	}
	writes := []types.TransactWriteItem{{Put: first}}
	before := map[string]member.Member{}
	for _, m := range old.Members {
		before[m.ID] = m
	}
	for _, m := range next.Members {
		was, known := before[m.ID]
		delete(before, m.ID)
		if known && reflect.DeepEqual(was, m) {
			continue
		}
		body, err := memberBody(m)
		if err != nil {
			return nil, fmt.Errorf("packing a member: %w", err)
		}
		// An update, as it leaves when the member was last seen.
		writes = append(writes, types.TransactWriteItem{Update: &types.Update{
			TableName: t.name, Key: memberKey(id, m.ID), UpdateExpression: ptr("SET body = :body, v = :v, t = :t, sv = :sv"),
			ExpressionAttributeValues: item{":body": str(body), ":v": num(m.Version), ":t": str("member"), ":sv": num(schemaVersion)},
		}})
	}
	for gone := range maps.Keys(before) {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: t.name, Key: memberKey(id, gone)}})
	}
	w, err := t.auditWrite(id, out.Entry)
	if err != nil {
		return nil, err
	}
	writes = append(writes, w)
	if out.Mail != nil {
		if w, err = t.mailWrite(id, *out.Mail); err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	if out.Session != nil {
		if w, err = t.sessionWrite(id, *out.Session); err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// Member implements member.Store.
func (t *Table) Member(ctx context.Context, id crm.SiteID, m string) (site.Site, member.Member, error) {
	none := crm.Errorf(crm.NotFound, "there is no such member on this site")
	keys := []item{siteKey(id), memberKey(id, m)}
	found, err := t.getAll(ctx, id, keys)
	if err != nil {
		return site.Site{}, member.Member{}, err
	}
	if found[mapKey(keys[0])] == nil || found[mapKey(keys[1])] == nil {
		return site.Site{}, member.Member{}, none
	}
	s, err := siteOf(id, found[mapKey(keys[0])])
	if err != nil {
		return s, member.Member{}, err
	}
	who, err := memberOf(found[mapKey(keys[1])])
	return s, who, err
}

type sessionRecord struct {
	Hash    string `json:"h"`
	Agent   string `json:"a,omitempty"`
	Created int64  `json:"c"`
}

func (t *Table) sessionWrite(id crm.SiteID, s member.Session) (types.TransactWriteItem, error) {
	body, err := packJSON(sessionRecord{s.Hash, s.Agent, micros(s.CreatedAt)})
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a session: %w", err)
	}
	it := sessionKey(id, s.Member, s.ID)
	it["t"], it["sv"], it["body"] = str("session"), num(schemaVersion), str(body)
	it["seen"], it["ttl"] = num(micros(s.SeenAt)), num(s.CreatedAt.Add(member.SessionFor).Unix())
	return types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it, ConditionExpression: ptr(isNew)}}, nil
}

func sessionOf(of string, it item) (member.Session, error) {
	var r sessionRecord
	if err := decode(it, &r); err != nil {
		return member.Session{}, err
	}
	return member.Session{ID: text(it, "SK")[len(sessionPrefix(of)):], Member: of, Hash: r.Hash, Agent: r.Agent,
		CreatedAt: fromMicros(r.Created), SeenAt: fromMicros(number(it, "seen"))}, nil
}

// StartSession implements member.Store.
func (t *Table) StartSession(ctx context.Context, id crm.SiteID, s member.Session, e audit.Entry) error {
	w, err := t.sessionWrite(id, s)
	if err != nil {
		return err
	}
	row, err := t.auditWrite(id, e)
	if err != nil {
		return err
	}
	return t.commit(ctx, id, w, row)
}

// EndSession implements member.Store.
func (t *Table) EndSession(ctx context.Context, id crm.SiteID, m, session string, e audit.Entry) error {
	row, err := t.auditWrite(id, e)
	if err != nil {
		return err
	}
	err = t.commit(ctx, id, types.TransactWriteItem{Delete: &types.Delete{
		TableName: t.name, Key: sessionKey(id, m, session), ConditionExpression: ptr("attribute_exists(PK)"),
	}}, row)
	var l *lost
	if asLost(err, &l) {
		return crm.Errorf(crm.NotFound, "there is no such session of yours")
	}
	return err
}

// Sessions implements member.Store; those that are over are among them.
func (t *Table) Sessions(ctx context.Context, id crm.SiteID, m string) ([]member.Session, error) {
	items, err := t.all(ctx, id, sessionPrefix(m))
	if err != nil {
		return nil, err
	}
	var out []member.Session
	for _, it := range items {
		s, err := sessionOf(m, it)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b member.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out, nil
}

// SendMail implements member.Store.
func (t *Table) SendMail(ctx context.Context, id crm.SiteID, m mail.Message) error {
	w, err := t.mailWrite(id, m)
	if err != nil {
		return err
	}
	return t.commit(ctx, id, w)
}

// bySession proves a session and its member in one read.
func (t *Table) bySession(ctx context.Context, credential string, now time.Time) (site.Site, site.Actor, error) {
	unknown := crm.Errorf(crm.Unauthorized, "this session is not known or over; sign in again")
	id, m, session, ok := member.ParseSession(credential)
	if !ok {
		return site.Site{}, site.Actor{}, unknown
	}
	keys := []item{siteKey(id), memberKey(id, m), sessionKey(id, m, session)}
	found, err := t.getAll(ctx, id, keys)
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	for _, k := range keys {
		if found[mapKey(k)] == nil {
			return site.Site{}, site.Actor{}, unknown
		}
	}
	who, err := memberOf(found[mapKey(keys[1])])
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	ses, err := sessionOf(m, found[mapKey(keys[2])])
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	if who.State != member.Active || !ses.Opens(credential, now) {
		return site.Site{}, site.Actor{}, unknown
	}
	s, err := siteOf(id, found[mapKey(keys[0])])
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	if stale(ses.SeenAt, now) {
		t.touch(ctx, id, now, "seen", keys[2], keys[1])
	}
	return s, who.Actor(ses.ID), nil
}

// seenEvery is how fine the last use of a key or session is known.
const seenEvery = time.Hour

func stale(seen, now time.Time) bool { return now.Sub(seen) >= seenEvery }

// touch notes the last use of a credential beside the request: it neither waits
// nor fails with it, and of all requests in an hour one writes.
func (t *Table) touch(ctx context.Context, id crm.SiteID, now time.Time, attribute string, keys ...item) {
	t.touches.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		for _, k := range keys {
			// What is gone meanwhile is not made again. A failure is the next request's to make good.
			_ = t.commit(ctx, id, types.TransactWriteItem{Update: &types.Update{
				TableName: t.name, Key: k, UpdateExpression: ptr("SET #seen = :now"),
				ConditionExpression:       ptr("attribute_exists(PK) AND (attribute_not_exists(#seen) OR #seen < :before)"),
				ExpressionAttributeNames:  map[string]string{"#seen": attribute},
				ExpressionAttributeValues: item{":now": num(micros(now)), ":before": num(micros(now.Add(-seenEvery)) + 1)},
			}})
		}
	})
}
