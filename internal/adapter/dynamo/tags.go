package dynamo

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/tag"
)

var _ tag.Store = (*Book)(nil)

type tagRecord struct {
	Name   string `json:"n"`
	Colour string `json:"c,omitempty"`
}

func (b *Book) tagKey(name string) item { return tagKey(b.site.ID, tag.ID(b.site.Secret, name)) }

func tagOf(it item) (tag.Tag, error) {
	var r tagRecord
	err := decode(it, &r)
	return tag.Tag{Name: r.Name, Colour: r.Colour, Version: version(it)}, err
}

// tagWrite stores the next version of a tag that is at its version.
func (b *Book) tagWrite(t tag.Tag) (types.TransactWriteItem, error) {
	body, err := packJSON(tagRecord{t.Name, t.Colour})
	it := b.tagKey(t.Name)
	it["t"], it["sv"], it["body"], it["v"] = str("tag"), num(schemaVersion), str(body), num(t.Version+1)
	cond, values := b.tagAt(t.Version)
	return types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it, ConditionExpression: cond, ExpressionAttributeValues: values}}, err
}

// tagAt is the condition that a tag is at a version.
func (b *Book) tagAt(v int64) (*string, item) {
	if v == 0 {
		return ptr(isNew), nil
	}
	cond, values := unchanged(v)
	return &cond, values
}

// tagNamed is a tag of the site by its name; one that the site does not know has version 0.
func (b *Book) tagNamed(ctx context.Context, name string) (tag.Tag, error) {
	t, err := b.Tag(ctx, tag.ID(b.site.Secret, name))
	if crm.CodeOf(err) == crm.NotFound {
		return tag.Tag{Name: name}, nil
	}
	return t, err
}

// Tags implements tag.Store.
func (b *Book) Tags(ctx context.Context) (tags []tag.Tag, err error) {
	err = b.settings(ctx, tagPrefix, func(it item) error {
		t, err := tagOf(it)
		tags = append(tags, t)
		return err
	})
	return tags, err
}

// settings visits the small things of the site whose sort key starts with a prefix.
func (b *Book) settings(ctx context.Context, prefix string, visit func(item) error) error {
	return b.t.each(ctx, b.site.ID, startingWith(sitePK(b.site.ID), prefix), visit)
}

// Tag implements tag.Store.
func (b *Book) Tag(ctx context.Context, id string) (tag.Tag, error) {
	it, err := b.t.get(ctx, b.site.ID, tagKey(b.site.ID, id))
	if err == nil && it == nil {
		err = crm.Errorf(crm.NotFound, "there is no such tag on this site")
	}
	if err != nil {
		return tag.Tag{}, err
	}
	return tagOf(it)
}

// commitLogged commits writes with their rows of the audit log, which stand behind them.
func (b *Book) commitLogged(ctx context.Context, log []audit.Entry, writes ...types.TransactWriteItem) error {
	writes, err := b.logged(log, writes...)
	if err != nil {
		return err
	}
	return b.t.commit(ctx, b.site.ID, writes...)
}

// logged adds rows of the audit log to writes.
func (b *Book) logged(log []audit.Entry, writes ...types.TransactWriteItem) ([]types.TransactWriteItem, error) {
	for _, e := range log {
		w, err := b.t.auditWrite(b.site.ID, e)
		if err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// ChangeTag implements tag.Store.
func (b *Book) ChangeTag(ctx context.Context, name string, rule func(*tag.Tag) error, log ...audit.Entry) (t tag.Tag, err error) {
	err = b.repeatedly(ctx, func() error {
		if t, err = b.tagNamed(ctx, name); err != nil {
			return err
		}
		if err := rule(&t); err != nil {
			return err
		}
		w, err := b.tagWrite(t)
		if err != nil {
			return err
		}
		err = b.commitLogged(ctx, log, w)
		t.Version++
		return err
	})
	if errors.Is(err, contact.ErrUnchanged) {
		err = nil
	}
	return t, err
}

// repeatedly does a thing again while another writer comes between.
func (b *Book) repeatedly(ctx context.Context, do func() error) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		var l *lost
		if err := do(); !asLost(err, &l) {
			return err
		}
	}
	return busy()
}

// RenameTag implements tag.Store.
func (b *Book) RenameTag(ctx context.Context, from string, check func(tag.Tag) error, to tag.Tag, job string, now time.Time, log ...audit.Entry) (tag.Tag, error) {
	colour := to.Colour
	err := b.repeatedly(ctx, func() error {
		old, err := b.tagNamed(ctx, from)
		if err == nil {
			err = check(old)
		}
		if err != nil {
			return err
		}
		there, err := b.tagNamed(ctx, to.Name)
		if err != nil {
			return err
		}
		to.Colour, to.Version = cmp.Or(colour, there.Colour), there.Version
		w, err := b.tagWrite(to)
		if err != nil {
			return err
		}
		renamed, err := b.renaming(contact.Renaming{At: now, From: from, To: to.Name})
		if err != nil {
			return err
		}
		writes := []types.TransactWriteItem{w, renamed, b.leftWrite(tagThing(b.site.Secret, from), to.Name, job, now)}
		if !crm.SameFolded(from, to.Name) && old.Version > 0 { // else it is another spelling, or nothing is kept
			writes = append(writes, b.tagGone(old))
		}
		err = b.commitLogged(ctx, log, writes...)
		to.Version++
		return err
	})
	return to, err
}

// tagThing is what a change of a tag is remembered under.
func tagThing(secret []byte, name string) string { return "tag " + tag.ID(secret, name) }

func (b *Book) tagGone(t tag.Tag) types.TransactWriteItem {
	cond, values := b.tagAt(t.Version)
	return types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: b.tagKey(t.Name), ConditionExpression: cond, ExpressionAttributeValues: values}}
}

// RemoveTag implements tag.Store.
func (b *Book) RemoveTag(ctx context.Context, name string, check func(tag.Tag) error, job string, now time.Time, log ...audit.Entry) error {
	return b.repeatedly(ctx, func() error {
		old, err := b.tagNamed(ctx, name)
		if err == nil {
			err = check(old)
		}
		if err != nil {
			return err
		}
		renamed, err := b.renaming(contact.Renaming{At: now, From: name})
		if err != nil {
			return err
		}
		writes := []types.TransactWriteItem{renamed, b.leftWrite(tagThing(b.site.Secret, name), "", job, now)}
		if old.Version > 0 {
			writes = append(writes, b.tagGone(old))
		}
		return b.commitLogged(ctx, log, writes...)
	})
}

type renamingRecord struct {
	At   int64  `json:"at"`
	From string `json:"f"`
	To   string `json:"t,omitempty"`
}

// renaming remembers what became of a tag until no merge from before it can be undone.
func (b *Book) renaming(r contact.Renaming) (types.TransactWriteItem, error) {
	id, err := newULID(r.At)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	body, err := packJSON(renamingRecord{micros(r.At), r.From, r.To})
	it := renamingKey(b.site.ID, id)
	it["t"], it["sv"], it["body"], it["ttl"] = str("renaming"), num(schemaVersion), str(body), num(r.At.Add(contact.UndoFor+24*time.Hour).Unix())
	return types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it}}, err
}

// renamings are those that are remembered, oldest first.
func (b *Book) renamings(ctx context.Context) (all []contact.Renaming, err error) {
	err = b.settings(ctx, renamingPrefix, func(it item) error {
		var r renamingRecord
		err := decode(it, &r)
		all = append(all, contact.Renaming{At: fromMicros(r.At), From: r.From, To: r.To})
		return err
	})
	return all, err
}
