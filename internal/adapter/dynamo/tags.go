package dynamo

import (
	"context"
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
	return tag.Tag(r), err
}

func (b *Book) tagWrite(t tag.Tag) (types.TransactWriteItem, error) {
	body, err := packJSON(tagRecord(t))
	it := b.tagKey(t.Name)
	it["t"], it["sv"], it["body"] = str("tag"), num(schemaVersion), str(body)
	return types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it}}, err
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
	for _, e := range log {
		w, err := b.t.auditWrite(b.site.ID, e)
		if err != nil {
			return err
		}
		writes = append(writes, w)
	}
	return b.t.commit(ctx, b.site.ID, writes...)
}

// PutTag implements tag.Store.
func (b *Book) PutTag(ctx context.Context, t tag.Tag, log ...audit.Entry) error {
	w, err := b.tagWrite(t)
	if err != nil {
		return err
	}
	return b.commitLogged(ctx, log, w)
}

// RenameTag implements tag.Store.
func (b *Book) RenameTag(ctx context.Context, from string, to tag.Tag, now time.Time, log ...audit.Entry) error {
	if to.Colour == "" {
		have, err := b.Tag(ctx, tag.ID(b.site.Secret, to.Name))
		if err == nil {
			to.Colour = have.Colour
		} else if crm.CodeOf(err) != crm.NotFound {
			return err
		}
	}
	w, err := b.tagWrite(to)
	if err != nil {
		return err
	}
	renamed, err := b.renaming(contact.Renaming{At: now, From: from, To: to.Name})
	if err != nil {
		return err
	}
	if crm.SameFolded(from, to.Name) { // another spelling
		return b.commitLogged(ctx, log, w, renamed)
	}
	return b.commitLogged(ctx, log, w, renamed, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: b.tagKey(from)}})
}

// RemoveTag implements tag.Store.
func (b *Book) RemoveTag(ctx context.Context, name string, now time.Time, log ...audit.Entry) error {
	renamed, err := b.renaming(contact.Renaming{At: now, From: name})
	if err != nil {
		return err
	}
	return b.commitLogged(ctx, log, renamed, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: b.tagKey(name)}})
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
