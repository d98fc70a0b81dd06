package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/order"
	"clientele/internal/domain/privacy"
)

var _ privacy.AccessStore = (*Book)(nil)

// An access request is an item among the jobs, its body under the version n.
const accessKind = "access"

// CreateAccess implements privacy.AccessBook.
func (b *Book) CreateAccess(ctx context.Context, a privacy.Access, once *contact.Once, e audit.Entry) (privacy.Access, bool, error) {
	body, err := packJSON(a)
	if err != nil {
		return a, false, fmt.Errorf("packing an access request: %w", err)
	}
	row, err := b.t.auditWrite(b.site.ID, e)
	if err != nil {
		return a, false, err
	}
	err = b.t.commit(ctx, b.site.ID, b.with(once, a.ID, b.putJob(b.jobKey(a.ID), accessKind, body), row)...)
	var l *lost
	if !asLost(err, &l) {
		return a, false, err
	}
	made, ok, err := b.MadeBy(ctx, once)
	if err != nil {
		return a, false, err
	}
	if !ok {
		return a, false, busy()
	}
	a, err = b.Access(ctx, made)
	return a, true, err
}

// Access implements privacy.AccessBook.
func (b *Book) Access(ctx context.Context, id string) (privacy.Access, error) {
	it, err := b.jobItem(ctx, id)
	if crm.CodeOf(err) == crm.NotFound || err == nil && text(it, "t") != accessKind {
		return privacy.Access{}, crm.Errorf(crm.NotFound, "there is no such access request on this site")
	}
	if err != nil {
		return privacy.Access{}, err
	}
	var a privacy.Access
	return a, decode(it, &a)
}

// EndAccess implements privacy.AccessBook. A request that runs has version 1.
func (b *Book) EndAccess(ctx context.Context, a privacy.Access, e *audit.Entry, m *mail.Message) error {
	body, err := packJSON(a)
	if err != nil {
		return fmt.Errorf("packing an access request: %w", err)
	}
	writes := []types.TransactWriteItem{b.setBody(b.jobKey(a.ID), body, 1)}
	if e != nil {
		row, err := b.t.auditWrite(b.site.ID, *e)
		if err != nil {
			return err
		}
		writes = append(writes, row)
	}
	if m != nil {
		w, err := b.t.mailWrite(b.site.ID, *m)
		if err != nil {
			return err
		}
		writes = append(writes, w)
	}
	err = b.t.commit(ctx, b.site.ID, writes...)
	var l *lost
	if errors.As(err, &l) {
		return nil
	}
	return err
}

// Dealings gives a page of the dealings of a kind that are kept under some ids, in
// the order of their references; see Orders.
func (b *Book) Dealings(ctx context.Context, of []crm.ContactID, kind order.DealingKind, limit int, after string) (list []order.Dealing, next string, err error) {
	from := dealingPrefix + string(kind) + ":"
	to := dealingPrefix + string(kind) + ";" // behind every ':'
	if after != "" {
		from = dealingPrefix + after
	}
	r := b.readPartitions(of, from, to, limit+1, true)
	for {
		it, err := r.next(ctx)
		if err != nil {
			return nil, "", err
		}
		if it == nil {
			return list, "", nil
		}
		if len(list) == limit {
			return list, list[limit-1].Ref(), nil
		}
		var d order.Dealing
		if err := json.Unmarshal([]byte(text(it, "body")), &d); err != nil {
			return nil, "", fmt.Errorf("unpacking a dealing: %w", err)
		}
		list = append(list, d)
	}
}
