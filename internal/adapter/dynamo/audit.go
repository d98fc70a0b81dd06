package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

type auditRecord struct {
	At      int64          `json:"at"`
	By      string         `json:"by"`
	Name    string         `json:"n,omitempty"`
	Kind    site.ActorKind `json:"k"`
	Action  audit.Action   `json:"a"`
	Object  string         `json:"o,omitempty"`
	Fields  []string       `json:"f,omitempty"`
	Request string         `json:"r,omitempty"`
}

// auditWrite is a row of the log, for the transaction of the change that it tells
// of. An entry without an id gets one by its moment and by chance.
func (t *Table) auditWrite(id crm.SiteID, e audit.Entry) (types.TransactWriteItem, error) {
	if e.ID == "" {
		var err error
		if e.ID, err = newULID(e.At); err != nil {
			return types.TransactWriteItem{}, err
		}
	}
	body, err := packJSON(auditRecord{micros(e.At), e.By, e.Name, e.Kind, e.Action, e.Object, e.Fields, e.Request})
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("packing a row of the audit log: %w", err)
	}
	it := key(auditPK(id), e.ID)
	it["t"], it["sv"], it["body"] = str("audit"), num(schemaVersion), str(body)
	return types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it, ConditionExpression: ptr(isNew)}}, nil
}

// Audit writes entries that tell of what is committed already, each by itself. An
// entry whose id stands in the log stays as it is, so telling it twice is one row.
func (t *Table) Audit(ctx context.Context, id crm.SiteID, entries ...audit.Entry) error {
	for _, e := range entries {
		w, err := t.auditWrite(id, e)
		if err != nil {
			return err
		}
		var l *lost
		if err := t.commit(ctx, id, w); err != nil && !asLost(err, &l) {
			return err
		}
	}
	return nil
}

// auditScan bounds what one page of the log reads to find what a filter asks for.
const auditScan = 1000

// AuditLog gives entries newest first, at most limit, from behind a position. With
// a filter a page may hold fewer, or none, and still lead on.
func (t *Table) AuditLog(ctx context.Context, id crm.SiteID, f audit.Filter, limit int, after string) (found []audit.Entry, next string, err error) {
	high := after
	if high == "" {
		high = "~" // behind every ULID
		if !f.Until.IsZero() {
			high = ulidFrom(f.Until.Add(time.Millisecond))
		}
	}
	low := "0"
	if !f.From.IsZero() {
		low = ulidFrom(f.From)
	}
	if low >= high { // a range that holds nothing; BETWEEN refuses it
		return nil, "", nil
	}
	q := query{pk: auditPK(id), cond: "AND SK BETWEEN :low AND :high", values: item{":low": str(low), ":high": str(high)}}
	for read := 0; ; {
		q.limit = int32(min(auditScan-read, 2*limit+1))
		items, more, err := t.query(ctx, id, q)
		if err != nil {
			return nil, "", err
		}
		for i, it := range items {
			read++
			e, err := auditOf(it)
			if err != nil {
				return nil, "", err
			}
			// Ids have milliseconds, moments microseconds.
			if e.ID == high || !f.Has(e) || e.At.Before(f.From) || !f.Until.IsZero() && !e.At.Before(f.Until) {
				continue
			}
			if found = append(found, e); len(found) == limit {
				if i < len(items)-1 || more != nil {
					next = e.ID
				}
				return found, next, nil
			}
		}
		if more == nil {
			return found, "", nil
		}
		if read >= auditScan {
			return found, text(items[len(items)-1], "SK"), nil
		}
		q.start = more
	}
}

// ulidFrom is the first id of a moment.
func ulidFrom(at time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(at)) // after 1970, checked where it came in
	return id.String()
}

func auditOf(it item) (audit.Entry, error) {
	var r auditRecord
	if err := decode(it, &r); err != nil {
		return audit.Entry{}, err
	}
	return audit.Entry{ID: text(it, "SK"), At: fromMicros(r.At), By: r.By, Name: r.Name, Kind: r.Kind, Action: r.Action,
		Object: r.Object, Fields: r.Fields, Request: r.Request}, nil
}
