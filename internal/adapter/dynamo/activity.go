package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

type activityRecord struct {
	At      int64         `json:"at"`
	Kind    timeline.Kind `json:"k"`
	Source  string        `json:"s,omitempty"`
	By      string        `json:"b,omitempty"`
	Ref     string        `json:"r,omitempty"`
	Changed []string      `json:"c,omitempty"`
	Values  [][2]string   `json:"v,omitempty"`
	Entry   *entryRecord  `json:"e,omitempty"`
}

type entryRecord struct {
	Title     string           `json:"t,omitempty"`
	Text      string           `json:"x,omitempty"`
	Documents []documentRecord `json:"d,omitempty"`
	EditedAt  int64            `json:"ea,omitempty"`
	EditedBy  string           `json:"eb,omitempty"`
	To        string           `json:"to,omitempty"`
	Mail      string           `json:"m,omitempty"`
}

type documentRecord struct {
	ID   string `json:"i"`
	Name string `json:"n"`
	Type string `json:"t"`
	Size int64  `json:"s"`
}

func packEntry(e *timeline.Entry) *entryRecord {
	if e == nil {
		return nil
	}
	r := &entryRecord{Title: e.Title, Text: e.Text, EditedAt: micros(e.EditedAt), EditedBy: e.EditedBy, To: e.To, Mail: e.Mail}
	for _, d := range e.Documents {
		r.Documents = append(r.Documents, documentRecord(d))
	}
	return r
}

func (r *entryRecord) entry(version int64) *timeline.Entry {
	if r == nil {
		return nil
	}
	e := &timeline.Entry{Title: r.Title, Text: r.Text, Version: version, EditedAt: fromMicros(r.EditedAt), EditedBy: r.EditedBy, To: r.To, Mail: r.Mail}
	for _, d := range r.Documents {
		e.Documents = append(e.Documents, timeline.Document(d))
	}
	return e
}

// newULID sorts by the moment; two of one millisecond sort by chance.
func newULID(at time.Time) (string, error) {
	id, err := ulid.New(ulid.Timestamp(at), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("making an id for %s: %w", at, err)
	}
	return id.String(), nil
}

// named gives an activity its id.
func named(a *timeline.Activity) (err error) {
	if a.ID == "" {
		a.ID, err = newULID(a.At)
	}
	return err
}

func activityItem(pk string, a timeline.Activity) (item, error) {
	if err := named(&a); err != nil {
		return nil, err
	}
	r := activityRecord{At: micros(a.At), Kind: a.Kind, Source: a.Source, By: a.By, Ref: a.Ref, Changed: a.Changed, Entry: packEntry(a.Entry)}
	for _, v := range a.Values {
		r.Values = append(r.Values, [2]string{v.Name, v.Text})
	}
	body, err := packJSON(r)
	if err != nil {
		return nil, fmt.Errorf("packing an activity: %w", err)
	}
	it := key(pk, a.ID)
	it["t"], it["sv"], it["body"] = str("activity"), num(schemaVersion), str(body)
	if a.By != "" { // relay's filter of the stream sees it
		it["by"] = str(a.By)
	}
	if a.Entry != nil {
		it["n"] = num(a.Entry.Version)
	}
	return it, nil
}

func activityOf(it item) (timeline.Activity, error) {
	var r activityRecord
	if err := json.Unmarshal([]byte(text(it, "body")), &r); err != nil {
		return timeline.Activity{}, fmt.Errorf("unpacking activity %s: %w", text(it, "SK"), err)
	}
	a := timeline.Activity{ID: text(it, "SK"), At: fromMicros(r.At), Kind: r.Kind, Source: r.Source, By: r.By, Ref: r.Ref, Changed: r.Changed,
		Entry: r.Entry.entry(number(it, "n"))}
	for _, v := range r.Values {
		a.Values = append(a.Values, timeline.Value{Name: v[0], Text: v[1]})
	}
	return a, nil
}

func (b *Book) withActivities(writes []types.TransactWriteItem, id crm.ContactID, acts []timeline.Activity) ([]types.TransactWriteItem, error) {
	for _, a := range acts {
		var once *string
		if a.Once {
			once = ptr("attribute_not_exists(PK)")
		}
		if err := named(&a); err != nil {
			return nil, err
		}
		it, err := activityItem(activityPK(b.site.ID, id), a)
		if err != nil {
			return nil, err
		}
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it, ConditionExpression: once}})
		if a.Mail == nil {
			continue
		}
		w, err := b.t.mailWrite(b.site.ID, activityMail(id, a))
		if err != nil {
			return nil, err
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// KeepSubmission stores a submission under its form alone: one that names nobody,
// or that a robot seems to have sent.
func (b *Book) KeepSubmission(ctx context.Context, form string, a timeline.Activity, until time.Time) error {
	it, err := activityItem(submissionPK(b.site.ID, form), a)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		it["ttl"] = num(until.Unix())
	}
	return b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it}})
}

// Submissions gives what is kept under a form, newest first, at most limit.
func (b *Book) Submissions(ctx context.Context, form string, limit int) ([]timeline.Activity, error) {
	items, err := b.t.queryPage(ctx, b.site.ID, query{pk: submissionPK(b.site.ID, form)}, limit-1)
	if err != nil {
		return nil, err
	}
	acts := make([]timeline.Activity, 0, len(items))
	for _, it := range items {
		a, err := activityOf(it)
		if err != nil {
			return nil, err
		}
		acts = append(acts, a)
	}
	return acts, nil
}

// tombstoneFor is how long the tombstone of a contact without orders stays.
const tombstoneFor = 30 * 24 * time.Hour

// Delete implements contact.Book: first one transaction that ends the contact and
// frees its identities, with a mark that its timeline is still to be cleared;
// then the timeline; then the mark goes.
func (b *Book) Delete(ctx context.Context, id crm.ContactID, now time.Time, check func(contact.Contact) error) error {
	return b.DeleteBy(ctx, id, "", now, check)
}

// DeleteBy implements contact.Book.
func (b *Book) DeleteBy(ctx context.Context, id crm.ContactID, by string, now time.Time, check func(contact.Contact) error) error {
	return b.end(ctx, id, by, "", now, check)
}

// Erase is DeleteBy for a person who asked for it: their addresses stay on the
// suppression list, by hash, so that no file brings them back.
func (b *Book) Erase(ctx context.Context, id crm.ContactID, by string, now time.Time, check func(contact.Contact) error) error {
	return b.end(ctx, id, by, contact.SuppressedErased, now, check)
}

func (b *Book) end(ctx context.Context, id crm.ContactID, by string, why contact.Suppression, now time.Time, check func(contact.Contact) error) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		it, err := b.reach(ctx, id)
		if err != nil {
			return err
		}
		if number(it, "sweep") != 0 {
			return b.sweep(ctx, crm.ContactID(text(it, "SK")), now)
		}
		c, ok, err := contactOf(it)
		if err != nil {
			return err
		}
		if !ok {
			return notFound()
		}
		if err := check(c); err != nil {
			return err
		}
		writes, err := b.death(ctx, &c, it, c.Leaves().With(contact.Remembered{Why: why, Since: now}), now)
		if err != nil {
			return err
		}
		if by != "" { // relay tells the audit log
			u := writes[0].Update
			u.UpdateExpression = ptr(strings.Replace(*u.UpdateExpression, " REMOVE", ", goneby = :by REMOVE", 1))
			u.ExpressionAttributeValues[":by"] = str(by)
		}
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !asLost(err, &l) {
			if err != nil {
				return err
			}
			return b.sweep(ctx, c.ID, now)
		}
	}
	return busy()
}

// death makes the writes that end a contact; its addresses keep the suppression
// that it leaves.
func (b *Book) death(ctx context.Context, c *contact.Contact, stored item, leaves contact.Remembered, now time.Time) ([]types.TransactWriteItem, error) {
	names := map[string]string{"#o": "owner"}
	values := item{":v": num(c.Version), ":gone": num(now.Unix()), ":one": num(1)}
	expr, cond := "SET gone = :gone, sweep = :one REMOVE body, slim, rev, v", "v = :v"
	if owner := text(stored, "owner"); owner == string(c.ID) {
		expr, cond = expr+", #o", cond+" AND #o = :me"
		values[":me"] = str(owner)
	} else { // somebody else may have this slot's identity, and keeps it
		names = nil
	}
	if len(c.Merged) > 0 {
		went, err := packJSON(c.Merged)
		if err != nil {
			return nil, err
		}
		values[":went"] = str(went)
		expr = strings.Replace(expr, " REMOVE", ", went = :went REMOVE", 1)
	}
	home := &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, c.ID), UpdateExpression: &expr, ConditionExpression: &cond,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}
	if keeps, news := leaving(stored, leaves); news && names != nil && b.atHomeByEmail(c) {
		remember(home, keeps)
	}
	writes := []types.TransactWriteItem{{Update: home}}
	var others []crm.Identity
	for _, i := range c.Identities() {
		if i.Slot(b.site.Secret) != c.ID {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return writes, nil
	}
	slots, err := b.slots(ctx, others)
	if err != nil {
		return nil, err
	}
	for i, o := range others {
		writes = append(writes, b.release(o, c.ID, slots[i], leaves))
	}
	return writes, nil
}

// clear removes what is kept under a contact id, but for orders and dealings, which stay
// without what tells whose they were; it reports whether there are any.
func (b *Book) clear(ctx context.Context, id crm.ContactID) (orders bool, err error) {
	pk := activityPK(b.site.ID, id)
	var start item
	for {
		items, next, err := b.t.query(ctx, b.site.ID, query{pk: pk, forward: true, limit: 25, start: start})
		if err != nil {
			return orders, err
		}
		var writes []types.TransactWriteItem
		for _, it := range items {
			k := key(pk, text(it, "SK"))
			var w types.TransactWriteItem
			var err error
			switch text(it, "t") {
			case "order":
				w, err = anonymise(b, b.orders(), it)
			case "dealing":
				w, err = anonymise(b, b.dealings(), it)
			default:
				writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: k}})
				continue
			}
			orders = true
			if err != nil {
				return orders, err
			}
			writes = append(writes, w)
		}
		if len(writes) > 0 {
			if err := b.t.commit(ctx, b.site.ID, writes...); err != nil {
				var l *lost
				if asLost(err, &l) { // an order changed meanwhile: read the page again
					continue
				}
				return orders, err
			}
		}
		if start = next; start == nil {
			return orders, nil
		}
	}
}

// sweep clears the timeline of a deleted contact and of all that were merged into
// it. It can stop anywhere and be called again.
func (b *Book) sweep(ctx context.Context, id crm.ContactID, now time.Time) error {
	stored, err := b.slotItem(ctx, id)
	if err != nil {
		return err
	}
	left := map[crm.ContactID]bool{}
	for _, part := range append(mergedOf(stored), id) {
		if left[part], err = b.clear(ctx, part); err != nil {
			return err
		}
	}
	if err := b.endMerged(ctx, stored, left, now); err != nil {
		return err
	}
	orders := left[id]
	u := &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, id),
		UpdateExpression: ptr("REMOVE sweep, went, mg"), ConditionExpression: ptr("attribute_exists(gone)"),
	}
	if !orders {
		// Nothing of the old contact is left, so the tombstone may go. Where orders
		// stay it stays too: a new life under this id would inherit them.
		u.UpdateExpression = ptr("SET #ttl = :ttl REMOVE sweep, went, mg")
		u.ConditionExpression = ptr("attribute_exists(gone) AND attribute_not_exists(#o) AND attribute_not_exists(sup)")
		u.ExpressionAttributeNames = map[string]string{"#ttl": "ttl", "#o": "owner"}
		u.ExpressionAttributeValues = item{":ttl": num(now.Add(tombstoneFor).Unix())}
	}
	err = b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: u})
	var l *lost
	if asLost(err, &l) && number(l.items[0], "gone") != 0 { // somebody new has the address already, or it is suppressed
		u.UpdateExpression, u.ConditionExpression = ptr("REMOVE sweep, went, mg"), ptr("attribute_exists(gone)")
		u.ExpressionAttributeNames, u.ExpressionAttributeValues = nil, nil
		err = b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: u})
	}
	return err
}
