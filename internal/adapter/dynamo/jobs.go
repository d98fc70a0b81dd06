package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/transfer"
)

var _ transfer.Book = (*Book)(nil)

// A job's item has its counts as attributes of their own, to which the workers
// add in the transaction that records a chunk; everything else is in body, under
// the version n, and changes with a condition.
func (b *Book) jobKey(id string) item { return key(jobPK(b.site.ID), id) }

func jobBody(j transfer.Job) (string, error) {
	j.Counts, j.Ended, j.Version = transfer.Counts{}, 0, 0
	body, err := packJSON(j)
	if err != nil {
		return "", fmt.Errorf("packing job %s: %w", j.ID, err)
	}
	return body, nil
}

func jobOf(it item) (transfer.Job, error) {
	var j transfer.Job
	if err := decode(it, &j); err != nil {
		return j, err
	}
	j.Version, j.Ended = number(it, "n"), int(number(it, "ended"))
	j.Counts = transfer.Counts{
		Rows: int(number(it, "rows_")), Created: int(number(it, "created")), Updated: int(number(it, "updated")),
		Unchanged: int(number(it, "unchanged")), Merged: int(number(it, "merged")), Rejected: int(number(it, "rejected")),
		Incomplete: int(number(it, "incomplete")),
	}
	return j, nil
}

// CreateJob implements transfer.Jobs.
func (b *Book) CreateJob(ctx context.Context, j transfer.Job, once *contact.Once, log ...audit.Entry) error {
	body, err := jobBody(j)
	if err != nil {
		return err
	}
	writes, err := b.logged(log, b.putJob(b.jobKey(j.ID), string(j.Kind), body))
	if err != nil {
		return err
	}
	return b.createJob(ctx, b.with(once, j.ID, writes...)...)
}

// createJob commits a new job of any kind.
func (b *Book) createJob(ctx context.Context, writes ...types.TransactWriteItem) error {
	err := b.t.commit(ctx, b.site.ID, writes...)
	var l *lost
	if asLost(err, &l) {
		return crm.Errorf(crm.Conflict, "there is a job of this id already")
	}
	return err
}

// putJob is the write of a new item that has a body under a version.
func (b *Book) putJob(it item, kind, body string) types.TransactWriteItem {
	it["t"], it["sv"], it["body"], it["n"] = str(kind), num(schemaVersion), str(body), num(1)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it, ConditionExpression: ptr("attribute_not_exists(PK)"),
	}}
}

// Job implements transfer.Jobs.
func (b *Book) Job(ctx context.Context, id string) (transfer.Job, error) {
	it, err := b.jobItem(ctx, id)
	if err != nil {
		return transfer.Job{}, err
	}
	return jobOf(it)
}

// jobItem reads the item of a job; crm.NotFound.
func (b *Book) jobItem(ctx context.Context, id string) (item, error) {
	it, err := b.t.get(ctx, b.site.ID, b.jobKey(id))
	if err == nil && it == nil {
		err = crm.Errorf(crm.NotFound, "there is no such job on this site")
	}
	return it, err
}

// ChangeJob implements transfer.Jobs.
func (b *Book) ChangeJob(ctx context.Context, id string, now time.Time, change func(*transfer.Job) error) (j transfer.Job, err error) {
	err = b.changeJob(ctx, id, func(it item) (string, error) {
		if j, err = jobOf(it); err != nil {
			return "", err
		}
		if err := change(&j); err != nil {
			return "", err
		}
		j.UpdatedAt = now
		j.Version++
		return jobBody(j)
	})
	return j, err
}

// changeJob stores the body that a change makes of a job's item, repeating it
// while others come between; contact.ErrUnchanged stores nothing.
func (b *Book) changeJob(ctx context.Context, id string, change func(item) (body string, err error)) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		it, err := b.jobItem(ctx, id)
		if err != nil {
			return err
		}
		body, err := change(it)
		if errors.Is(err, contact.ErrUnchanged) {
			return nil
		} else if err != nil {
			return err
		}
		err = b.t.commit(ctx, b.site.ID, b.setBody(b.jobKey(id), body, number(it, "n")))
		var l *lost
		if !asLost(err, &l) {
			return err
		}
	}
	return busy()
}

// setBody is the write that replaces version was of a body.
func (b *Book) setBody(k item, body string, was int64) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: k,
		UpdateExpression:          ptr("SET body = :body, n = :n, sv = :sv"),
		ConditionExpression:       ptr("n = :was"),
		ExpressionAttributeValues: item{":body": str(body), ":n": num(was + 1), ":was": num(was), ":sv": num(schemaVersion)},
	}}
}

func (b *Book) chunkKey(job, chunk string) item { return key(chunkPK(b.site.ID, job), "CHUNK#"+chunk) }

// EndChunk implements transfer.Jobs: the chunk's item makes the adding happen once.
func (b *Book) EndChunk(ctx context.Context, id, chunk string, c transfer.Counts) (bool, error) {
	it := b.chunkKey(id, chunk)
	it["t"], it["sv"] = str("chunk"), num(schemaVersion)
	err := b.t.commit(ctx, b.site.ID,
		types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it, ConditionExpression: ptr("attribute_not_exists(PK)")}},
		types.TransactWriteItem{Update: &types.Update{
			TableName: b.t.name, Key: b.jobKey(id), ConditionExpression: ptr("attribute_exists(PK)"),
			UpdateExpression: ptr("ADD ended :one, rows_ :rows, created :c, updated :u, unchanged :s, merged :m, rejected :r, incomplete :i"),
			ExpressionAttributeValues: item{":one": num(1), ":rows": num(int64(c.Rows)), ":c": num(int64(c.Created)), ":u": num(int64(c.Updated)),
				":s": num(int64(c.Unchanged)), ":m": num(int64(c.Merged)), ":r": num(int64(c.Rejected)), ":i": num(int64(c.Incomplete))},
		}})
	var l *lost
	if asLost(err, &l) {
		return false, nil
	}
	return err == nil, err
}

// ChunkEnded implements transfer.Jobs.
func (b *Book) ChunkEnded(ctx context.Context, id, chunk string) (bool, error) {
	it, err := b.t.get(ctx, b.site.ID, b.chunkKey(id, chunk))
	return it != nil, err
}

// ListJobs implements transfer.Jobs.
func (b *Book) ListJobs(ctx context.Context, kind transfer.Kind, limit int) (jobs []transfer.Job, err error) {
	err = b.listJobs(ctx, string(kind), limit, func(it item) error {
		j, err := jobOf(it)
		jobs = append(jobs, j)
		return err
	})
	return jobs, err
}

// listJobs visits the newest jobs of a kind. A site has few jobs, so all kinds
// share the partition.
func (b *Book) listJobs(ctx context.Context, kind string, limit int, visit func(item) error) error {
	var start item
	for {
		items, next, err := b.t.query(ctx, b.site.ID, query{pk: jobPK(b.site.ID), limit: 100, start: start})
		if err != nil {
			return err
		}
		for _, it := range items {
			if text(it, "t") != kind {
				continue
			}
			if limit--; limit < 0 {
				return nil
			}
			if err := visit(it); err != nil {
				return err
			}
		}
		if start = next; start == nil {
			return nil
		}
	}
}
