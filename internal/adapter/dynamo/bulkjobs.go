package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

var _ bulk.Book = (*Book)(nil)

// A bulk job is an item among the jobs: its body under the version n, and its
// counts as attributes to which the workers add. Its parts are items beside it,
// PART#<n>, with a body under a version of their own.
const bulkKind = "bulk"

// reasonPrefix starts the names of the attributes that count reasons.
const reasonPrefix = "why_"

func (b *Book) partKey(job string, n int) item {
	return key(chunkPK(b.site.ID, job), fmt.Sprintf("PART#%03d", n))
}

func bulkBody(j bulk.Job) (string, error) {
	j.Counts, j.Reasons, j.Ended, j.Version = bulk.Counts{}, nil, 0, 0
	return packJSON(j)
}

func bulkOf(it item) (bulk.Job, error) {
	var j bulk.Job
	if err := decode(it, &j); err != nil {
		return j, err
	}
	j.Version, j.Ended = number(it, "n"), int(number(it, "ended"))
	j.Counts = bulk.Counts{Done: int(number(it, "done")), Changed: int(number(it, "changed")),
		Skipped: int(number(it, "skipped")), Failed: int(number(it, "failed"))}
	for name := range it {
		if why, ok := strings.CutPrefix(name, reasonPrefix); ok {
			if j.Reasons == nil {
				j.Reasons = map[bulk.Reason]int{}
			}
			j.Reasons[bulk.Reason(why)] = int(number(it, name))
		}
	}
	return j, nil
}

func partBody(p bulk.Part) (string, error) {
	p.Version = 0
	return packJSON(p)
}

// CreateBulk implements bulk.Jobs.
func (b *Book) CreateBulk(ctx context.Context, j bulk.Job, parts []bulk.Part, once *contact.Once, e audit.Entry) error {
	body, err := bulkBody(j)
	if err != nil {
		return err
	}
	note, err := b.t.auditWrite(b.site.ID, e)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{b.putJob(b.jobKey(j.ID), bulkKind, body), note}
	for _, p := range parts {
		body, err := partBody(p)
		if err != nil {
			return err
		}
		writes = append(writes, b.putJob(b.partKey(j.ID, p.N), "bulk part", body))
	}
	return b.createJob(ctx, b.with(once, j.ID, writes...)...)
}

// Bulk implements bulk.Jobs.
func (b *Book) Bulk(ctx context.Context, id string) (bulk.Job, error) {
	it, err := b.jobItem(ctx, id)
	if err == nil && text(it, "t") != bulkKind {
		err = crm.Errorf(crm.NotFound, "there is no such job on this site")
	}
	if err != nil {
		return bulk.Job{}, err
	}
	return bulkOf(it)
}

// ChangeBulk implements bulk.Jobs.
func (b *Book) ChangeBulk(ctx context.Context, id string, now time.Time, change func(*bulk.Job) error) (j bulk.Job, err error) {
	err = b.changeJob(ctx, id, func(it item) (string, error) {
		if text(it, "t") != bulkKind {
			return "", crm.Errorf(crm.NotFound, "there is no such job on this site")
		}
		if j, err = bulkOf(it); err != nil {
			return "", err
		}
		if err := change(&j); err != nil {
			return "", err
		}
		j.UpdatedAt = now
		j.Version++
		return bulkBody(j)
	})
	return j, err
}

// ListBulk implements bulk.Jobs.
func (b *Book) ListBulk(ctx context.Context, limit int) (jobs []bulk.Job, err error) {
	err = b.listJobs(ctx, bulkKind, limit, func(it item) error {
		j, err := bulkOf(it)
		jobs = append(jobs, j)
		return err
	})
	return jobs, err
}

// BulkPart implements bulk.Jobs.
func (b *Book) BulkPart(ctx context.Context, id string, n int) (bulk.Part, error) {
	var p bulk.Part
	it, err := b.t.get(ctx, b.site.ID, b.partKey(id, n))
	if err == nil && it == nil {
		err = crm.Errorf(crm.NotFound, "job %s has no part %d", id, n)
	}
	if err == nil {
		err = decode(it, &p)
	}
	p.Version = number(it, "n")
	return p, err
}

// PlanPage implements bulk.Jobs.
func (b *Book) PlanPage(ctx context.Context, id string, p bulk.Part) error {
	return b.storePart(ctx, id, p)
}

// EndPage implements bulk.Jobs.
func (b *Book) EndPage(ctx context.Context, id string, p bulk.Part, t bulk.Tally) error {
	add := "ADD #d :d, changed :c, skipped :s, failed :f"
	names := map[string]string{"#d": "done"}
	values := item{":d": num(int64(t.Done)), ":c": num(int64(t.Changed)), ":s": num(int64(t.Skipped)), ":f": num(int64(t.Failed))}
	if p.Done {
		add, values[":one"] = add+", ended :one", num(1)
	}
	for why, n := range t.Reasons {
		i := strconv.Itoa(len(names))
		add += ", #w" + i + " :w" + i
		names["#w"+i], values[":w"+i] = reasonPrefix+string(why), num(int64(n))
	}
	return b.storePart(ctx, id, p, types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: b.jobKey(id), ConditionExpression: ptr("attribute_exists(PK)"),
		UpdateExpression: &add, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}})
}

func (b *Book) storePart(ctx context.Context, id string, p bulk.Part, more ...types.TransactWriteItem) error {
	body, err := partBody(p)
	if err != nil {
		return err
	}
	err = b.t.commit(ctx, b.site.ID, append([]types.TransactWriteItem{b.setBody(b.partKey(id, p.N), body, p.Version)}, more...)...)
	var l *lost
	if asLost(err, &l) {
		return crm.Errorf(crm.Stale, "another worker has done this page")
	}
	return err
}

// slimFields is what rowOf needs.
const slimFields = "SK, slim, v"

// EachRow implements bulk.Contacts: it reads the index, a third of what the
// bodies are. There a contact that changes moves on towards the end, so it may be met
// again but never missed; the second time it is passed over.
func (b *Book) EachRow(ctx context.Context, visit func(contact.Row) error) error {
	seen := map[uint64]struct{}{}
	q := query{index: indexByUpdated, forward: true, fields: slimFields}
	unpack := func(it item) (contact.Row, bool, error) {
		r, err := rowOf(it)
		return r, true, err
	}
	return eachShard(ctx, b, q, unpack, func(r *contact.Row) error {
		n := short(r.ID)
		if _, again := seen[n]; again {
			return nil
		}
		seen[n] = struct{}{}
		return visit(*r)
	})
}

// short is 60 of an id's 128 random bits: two of a million contacts have the
// same once in two million sites.
func short(id crm.ContactID) (n uint64) {
	for _, c := range []byte(id[len("ct_"):][:12]) {
		n = n<<5 | uint64(strings.IndexByte("0123456789abcdefghjkmnpqrstvwxyz", c))
	}
	return n
}

// RowsAfter implements bulk.Contacts. It reads the shard itself and not the
// index: there a contact that changes moves, and might be met twice or never.
func (b *Book) RowsAfter(ctx context.Context, shard int, after crm.ContactID, limit int) ([]contact.Row, crm.ContactID, bool, error) {
	return b.rowsAfter(ctx, query{pk: shardPK(b.site.ID, shard), limit: int32(limit), fields: slimFields}, after, func(it item) (contact.Row, bool, error) {
		if text(it, "slim") == "" { // a pointer or a tombstone
			return contact.Row{}, false, nil
		}
		r, err := rowOf(it)
		return r, true, err
	})
}

// EachWhole implements bulk.Contacts.
func (b *Book) EachWhole(ctx context.Context, visit func(contact.Row) error) error {
	return b.Each(ctx, func(c *contact.Contact) error { return visit(c.Row()) })
}

// WholeAfter implements bulk.Contacts.
func (b *Book) WholeAfter(ctx context.Context, shard int, after crm.ContactID, limit int) ([]contact.Row, crm.ContactID, bool, error) {
	return b.rowsAfter(ctx, query{pk: shardPK(b.site.ID, shard), limit: int32(limit), fields: wholeFields}, after, func(it item) (contact.Row, bool, error) {
		c, ok, err := contactOf(it)
		return c.Row(), ok, err
	})
}

func (b *Book) rowsAfter(ctx context.Context, q query, after crm.ContactID, unpack func(item) (contact.Row, bool, error)) ([]contact.Row, crm.ContactID, bool, error) {
	q.forward = true
	if after != "" {
		q.cond, q.values = "AND SK > :after", item{":after": str(string(after))}
	}
	items, next, err := b.t.query(ctx, b.site.ID, q)
	if err != nil {
		return nil, "", false, err
	}
	rows := make([]contact.Row, 0, len(items))
	last := after
	for _, it := range items {
		last = crm.ContactID(text(it, "SK"))
		r, ok, err := unpack(it)
		if err != nil {
			return nil, "", false, err
		}
		if ok {
			rows = append(rows, r)
		}
	}
	return rows, last, next == nil, nil
}

// Rows implements bulk.Contacts.
func (b *Book) Rows(ctx context.Context, ids []crm.ContactID) ([]contact.Row, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = slotKey(&b.site, id)
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	rows := make([]contact.Row, 0, len(ids))
	for _, k := range keys {
		it := found[mapKey(k)]
		if text(it, "slim") == "" {
			continue
		}
		r, err := rowOf(it)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// HasActivities implements bulk.Contacts.
func (b *Book) HasActivities(ctx context.Context, of map[crm.ContactID]string) (map[crm.ContactID]bool, error) {
	keys := make([]item, 0, len(of))
	for c, id := range of {
		keys = append(keys, key(activityPK(b.site.ID, c), id))
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return nil, err
	}
	out := make(map[crm.ContactID]bool, len(found))
	for c, id := range of {
		out[c] = found[mapKey(key(activityPK(b.site.ID, c), id))] != nil
	}
	return out, nil
}
