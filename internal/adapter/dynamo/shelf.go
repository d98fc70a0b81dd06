package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/admin"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

var _ admin.Store = (*Table)(nil)

type apiKeyRecord struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Scopes    []site.Scope `json:"scopes"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
}

func apiKeyRecordOf(k site.Key) apiKeyRecord {
	return apiKeyRecord{k.ID, k.Name, k.Scopes, k.CreatedAt, k.ExpiresAt}
}

func apiKeyOf(it item) (site.Key, error) {
	var r apiKeyRecord
	err := decode(it, &r)
	k := site.Key{ID: r.ID, Hash: text(it, "SK")[len(apiKeyPrefix):], Name: r.Name, Scopes: r.Scopes, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, Version: version(it)}
	if seen := number(it, "seen"); seen != 0 {
		k.UsedAt = fromMicros(seen)
	}
	return k, err
}

type sourceRecord struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Secrets   []string  `json:"secrets"`
	OldUntil  time.Time `json:"old_until,omitzero"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

func sourceRecordOf(s site.Source) sourceRecord {
	return sourceRecord{s.Kind, s.Name, s.Secrets, s.OldUntil, s.CreatedAt}
}

func sourceOf(it item) (site.Source, error) {
	var r sourceRecord
	err := decode(it, &r)
	return site.Source{ID: text(it, "SK")[len(sourcePrefix):], Kind: r.Kind, Name: r.Name, Secrets: r.Secrets, OldUntil: r.OldUntil,
		CreatedAt: r.CreatedAt, Version: version(it)}, err
}

type formRecord struct {
	Name      string            `json:"name"`
	Origins   []string          `json:"origins,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Honeypot  string            `json:"honeypot,omitempty"`
	ThankYou  string            `json:"thank_you,omitempty"`
	Language  string            `json:"language,omitempty"`
	Closed    bool              `json:"closed,omitempty"`
	CreatedAt time.Time         `json:"created_at,omitzero"`
	Lists     []string          `json:"lists,omitempty"`
}

func formRecordOf(f site.Form) formRecord {
	return formRecord{f.Name, f.Origins, f.Fields, f.Honeypot, f.ThankYou, f.Language, f.Closed, f.CreatedAt, f.Lists}
}

func formOf(it item) (site.Form, error) {
	var r formRecord
	err := decode(it, &r)
	return site.Form{ID: text(it, "SK")[len(formPrefix):], Name: r.Name, Origins: r.Origins, Fields: r.Fields, Honeypot: r.Honeypot,
		ThankYou: r.ThankYou, Language: r.Language, Closed: r.Closed, CreatedAt: r.CreatedAt, Lists: r.Lists, Version: version(it)}, err
}

// version is 1 for what was made before versions were kept.
func version(it item) int64 { return max(1, number(it, "v")) }

// shelf keeps the things of one kind under their site.
type shelf[T any] struct {
	t            *Table
	site         crm.SiteID
	what         string // in words
	kind, prefix string
	id           func(T) string
	key          func(T) item
	at           func(id string) item // nil where an id does not tell the key
	pack         func(T) any
	unpack       func(item) (T, error)
}

// Keys implements admin.Store.
func (t *Table) Keys(id crm.SiteID) admin.Shelf[site.Key] {
	return &shelf[site.Key]{t: t, site: id, what: "API key", kind: "api key", prefix: apiKeyPrefix, unpack: apiKeyOf,
		id: func(k site.Key) string { return k.ID }, key: func(k site.Key) item { return apiKeyKey(id, k.Hash) },
		pack: func(k site.Key) any { return apiKeyRecordOf(k) }}
}

// Forms implements admin.Store.
func (t *Table) Forms(id crm.SiteID) admin.Shelf[site.Form] {
	return &shelf[site.Form]{t: t, site: id, what: "form", kind: "form", prefix: formPrefix, unpack: formOf,
		id: func(f site.Form) string { return f.ID }, key: func(f site.Form) item { return formKey(id, f.ID) },
		at:   func(f string) item { return formKey(id, f) },
		pack: func(f site.Form) any { return formRecordOf(f) }}
}

// Sources implements admin.Store.
func (t *Table) Sources(id crm.SiteID) admin.Shelf[site.Source] {
	return &shelf[site.Source]{t: t, site: id, what: "connection", kind: "source", prefix: sourcePrefix, unpack: sourceOf,
		id: func(s site.Source) string { return s.ID }, key: func(s site.Source) item { return sourceKey(id, s.ID) },
		at:   func(s string) item { return sourceKey(id, s) },
		pack: func(s site.Source) any { return sourceRecordOf(s) }}
}

// List implements admin.Shelf.
func (s *shelf[T]) List(ctx context.Context) ([]T, error) {
	items, err := s.t.all(ctx, s.site, s.prefix)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(items))
	for _, it := range items {
		v, err := s.unpack(it)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Get implements admin.Shelf.
func (s *shelf[T]) Get(ctx context.Context, id string) (T, error) {
	var zero T
	none := crm.Errorf(crm.NotFound, "there is no such %s on this site", s.what)
	if s.at != nil {
		if len(id) > 200 || id == "" {
			return zero, none
		}
		it, err := s.t.get(ctx, s.site, s.at(id))
		if err != nil {
			return zero, err
		}
		if it == nil {
			return zero, none
		}
		return s.unpack(it)
	}
	all, err := s.List(ctx)
	if err != nil {
		return zero, err
	}
	for _, v := range all {
		if s.id(v) == id {
			return v, nil
		}
	}
	return zero, none
}

// Create implements admin.Shelf.
func (s *shelf[T]) Create(ctx context.Context, once *contact.Once, thing T, e audit.Entry) error {
	it, err := s.item(thing, 1)
	if err != nil {
		return err
	}
	row, err := s.t.auditWrite(s.site, e)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{{Put: &types.Put{TableName: s.t.name, Item: it, ConditionExpression: ptr(isNew)}}, row}
	if once != nil {
		writes = append(writes, s.t.onceWrite(s.site, once, s.id(thing)))
	}
	err = s.t.commit(ctx, s.site, writes...)
	var l *lost
	if !asLost(err, &l) {
		return err
	}
	return crm.Errorf(crm.Conflict, "this site has a %s of this id already; give another name or slug", s.what)
}

func (s *shelf[T]) item(thing T, v int64) (item, error) {
	body, err := packJSON(s.pack(thing))
	if err != nil {
		return nil, fmt.Errorf("packing a %s: %w", s.what, err)
	}
	it := s.key(thing)
	it["t"], it["sv"], it["v"], it["body"] = str(s.kind), num(schemaVersion), num(v), str(body)
	return it, nil
}

// Change implements admin.Shelf.
func (s *shelf[T]) Change(ctx context.Context, id string, rule func(*T) (audit.Entry, error)) (T, error) {
	var zero T
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return zero, err
			}
		}
		old, err := s.Get(ctx, id)
		if err != nil {
			return zero, err
		}
		next := old
		e, err := rule(&next)
		if err != nil || e.Action == "" {
			return old, err
		}
		it, err := s.item(next, 0)
		if err != nil {
			return zero, err
		}
		row, err := s.t.auditWrite(s.site, e)
		if err != nil {
			return zero, err
		}
		v := s.version(old)
		cond, values := unchanged(v)
		values[":next"], values[":body"], values[":sv"] = num(v+1), it["body"], num(schemaVersion)
		err = s.t.commit(ctx, s.site, types.TransactWriteItem{Update: &types.Update{
			TableName: s.t.name, Key: s.key(old), UpdateExpression: ptr("SET body = :body, v = :next, sv = :sv"),
			ConditionExpression: &cond, ExpressionAttributeValues: values,
		}}, row)
		var l *lost
		if asLost(err, &l) {
			continue
		}
		if err != nil {
			return zero, err
		}
		return s.Get(ctx, id)
	}
	return zero, busy()
}

// Delete implements admin.Shelf.
func (s *shelf[T]) Delete(ctx context.Context, id string, check func(T) error, e audit.Entry) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		old, err := s.Get(ctx, id)
		if err != nil {
			return err
		}
		if err := check(old); err != nil {
			return err
		}
		row, err := s.t.auditWrite(s.site, e)
		if err != nil {
			return err
		}
		cond, values := unchanged(s.version(old))
		err = s.t.commit(ctx, s.site, types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.t.name, Key: s.key(old), ConditionExpression: &cond, ExpressionAttributeValues: values,
		}}, row)
		var l *lost
		if !asLost(err, &l) {
			return err
		}
	}
	return busy()
}

// unchanged is the condition that a thing is still of a version.
func unchanged(v int64) (string, item) {
	if v == 1 { // made before versions were kept, or after
		return "attribute_exists(PK) AND (attribute_not_exists(v) OR v = :v)", item{":v": num(v)}
	}
	return "v = :v", item{":v": num(v)}
}

func (s *shelf[T]) version(thing T) int64 {
	switch v := any(thing).(type) {
	case site.Key:
		return v.Version
	case site.Form:
		return v.Version
	case site.Source:
		return v.Version
	}
	return 0
}
