package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/timeline"
)

// What members write stands in the timeline beside what happened; a note's version
// (n) is its own, so writing one changes nothing of the contact. PINS has the ids of
// the entries that are pinned. A file's record stands there too, see document.Store.

func noEntry() error {
	return crm.Errorf(crm.NotFound, "the contact has no such entry")
}

// livesStill asserts in a transaction that a contact lives in its slot.
func (b *Book) livesStill(id crm.ContactID) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: b.t.name, Key: slotKey(&b.site, id), ConditionExpression: ptr("attribute_exists(v)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

// AddEntry writes an entry into a contact's timeline, which takes its documents into
// use. crm.NotFound if there is no such contact, crm.Conflict if a document is not
// ready or another entry's. With once set a second call answers what the first one made.
func (b *Book) AddEntry(ctx context.Context, id crm.ContactID, a timeline.Activity, once *contact.Once, now time.Time) (_ timeline.Activity, replayed bool, err error) {
	if err := named(&a); err != nil {
		return a, false, err
	}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return a, false, err
			}
		}
		c, err := b.Get(ctx, id)
		if err != nil {
			return a, false, err
		}
		if made, ok, err := b.MadeBy(ctx, once); err != nil || ok {
			if err == nil {
				a, err = b.Entry(ctx, c.ID, made)
			}
			if crm.CodeOf(err) == crm.NotFound {
				err = crm.Errorf(crm.Gone, "the entry that this request made was deleted since; take a new Idempotency-Key to make it again")
			}
			return a, ok, err
		}
		e := *a.Entry
		a.Entry = &e
		uses, err := b.useFiles(ctx, &c, &a)
		if err != nil {
			return a, false, err
		}
		it, err := activityItem(activityPK(b.site.ID, c.ID), a)
		if err != nil {
			return a, false, err
		}
		writes := append([]types.TransactWriteItem{b.livesStill(c.ID), {Put: &types.Put{
			TableName: b.t.name, Item: it, ConditionExpression: ptr("attribute_not_exists(PK)"),
		}}}, uses...)
		err = b.t.commit(ctx, b.site.ID, b.with(once, a.ID, writes...)...)
		var l *lost
		if !errors.As(err, &l) {
			return a, false, err
		}
	}
	return a, false, busy()
}

// Entry reads one entry of a contact; crm.NotFound if there is none.
func (b *Book) Entry(ctx context.Context, id crm.ContactID, entry string) (timeline.Activity, error) {
	_, a, _, err := b.findEntry(ctx, id, entry)
	return a, err
}

// findEntry is an entry with its contact and the item that it is kept as.
func (b *Book) findEntry(ctx context.Context, id crm.ContactID, entry string) (contact.Contact, timeline.Activity, item, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return c, timeline.Activity{}, nil, err
	}
	if parsed, err := ulid.ParseStrict(entry); err != nil || parsed.String() != entry {
		return c, timeline.Activity{}, nil, noEntry()
	}
	it, err := b.inPartitions(ctx, &c, entry)
	if err != nil || it == nil {
		if err == nil {
			err = noEntry()
		}
		return c, timeline.Activity{}, nil, err
	}
	a, err := activityOf(it)
	if err == nil {
		acts := []timeline.Activity{a}
		err = b.annotate(ctx, &c, acts)
		a = acts[0]
	}
	return c, a, it, err
}

// inPartitions reads the item of a sort key from whichever partition of a contact has it.
func (b *Book) inPartitions(ctx context.Context, c *contact.Contact, sk string) (item, error) {
	found, err := b.acrossPartitions(ctx, c, []string{sk})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (b *Book) acrossPartitions(ctx context.Context, c *contact.Contact, sks []string) (found []item, err error) {
	var keys []item
	for _, id := range c.IDs() {
		for _, sk := range sks {
			keys = append(keys, key(activityPK(b.site.ID, id), sk))
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	all, err := b.t.getAll(ctx, b.site.ID, keys)
	for _, k := range keys {
		if it := all[mapKey(k)]; it != nil {
			found = append(found, it)
		}
	}
	return found, err
}

// ChangeEntry applies a rule to an entry and stores it, repeating the rule when another
// writer came between. Documents that the rule takes out are removed, ones that it
// puts in are taken into use.
func (b *Book) ChangeEntry(ctx context.Context, id crm.ContactID, entry string, rule func(*timeline.Activity) error, log ...audit.Entry) (timeline.Activity, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return timeline.Activity{}, err
			}
		}
		c, a, stored, err := b.findEntry(ctx, id, entry)
		if err != nil {
			return a, err
		}
		if a.Entry == nil {
			return a, a.Own()
		}
		before := *a.Entry
		err = rule(&a)
		if errors.Is(err, contact.ErrUnchanged) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		uses, err := b.useFiles(ctx, &c, &a)
		if err != nil {
			return a, err
		}
		for _, d := range before.Documents {
			if !slices.ContainsFunc(a.Entry.Documents, func(x timeline.Document) bool { return x.ID == d.ID }) {
				drops, err := b.dropFiles(ctx, &c, d.ID)
				if err != nil {
					return a, err
				}
				uses = append(uses, drops...)
			}
		}
		it, err := activityItem(text(stored, "PK"), a)
		if err != nil {
			return a, err
		}
		err = b.commitLogged(ctx, log, append(uses, types.TransactWriteItem{Put: &types.Put{
			TableName: b.t.name, Item: it, ConditionExpression: ptr("n = :n"), ExpressionAttributeValues: item{":n": num(before.Version)},
		}})...)
		var l *lost
		if !errors.As(err, &l) {
			return a, err
		}
	}
	return timeline.Activity{}, busy()
}

// DeleteEntry removes an entry with its documents. check sees it first and may refuse.
func (b *Book) DeleteEntry(ctx context.Context, id crm.ContactID, entry string, check func(timeline.Activity) error, log ...audit.Entry) error {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		c, a, stored, err := b.findEntry(ctx, id, entry)
		if err == nil {
			err = check(a)
		}
		if err != nil {
			return err
		}
		var ids []string
		for _, d := range a.Entry.Documents {
			ids = append(ids, d.ID)
		}
		writes, err := b.dropFiles(ctx, &c, ids...)
		if err != nil {
			return err
		}
		k := key(text(stored, "PK"), entry)
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{
			TableName: b.t.name, Key: k, ConditionExpression: ptr("n = :n"), ExpressionAttributeValues: item{":n": num(a.Entry.Version)},
		}})
		if a.Pinned {
			writes = append(writes, b.pinWrite(text(stored, "PK"), entry, false))
		}
		err = b.commitLogged(ctx, log, writes...)
		var l *lost
		if !errors.As(err, &l) {
			return err
		}
	}
	return busy()
}

// Pin puts an entry above a contact's timeline, or takes it off; twice is once.
// crm.Conflict if as many as there may be are there.
func (b *Book) Pin(ctx context.Context, id crm.ContactID, entry string, on bool) error {
	c, a, stored, err := b.findEntry(ctx, id, entry)
	if err != nil || a.Pinned == on {
		return err
	}
	if on {
		ids, err := b.pins(ctx, &c)
		if err != nil {
			return err
		}
		if len(ids) >= timeline.MaxPins {
			return tooManyPins()
		}
	}
	pk := text(stored, "PK")
	writes := []types.TransactWriteItem{b.pinWrite(pk, entry, on)}
	if on {
		writes = append(writes, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: b.t.name, Key: key(pk, entry), ConditionExpression: ptr("attribute_exists(PK)"),
		}})
	}
	err = b.t.commit(ctx, b.site.ID, writes...)
	var l *lost
	if !asLost(err, &l) {
		return err
	}
	if _, gone := l.items[1]; gone {
		return noEntry()
	}
	return tooManyPins()
}

func tooManyPins() error {
	return crm.Errorf(crm.Conflict, "%d entries are pinned here, which is the most; take one off first", timeline.MaxPins)
}

func (b *Book) pinWrite(pk, entry string, on bool) types.TransactWriteItem {
	u := &types.Update{TableName: b.t.name, Key: key(pk, "PINS"),
		ExpressionAttributeValues: item{":id": &types.AttributeValueMemberSS{Value: []string{entry}}}}
	if on {
		u.UpdateExpression = ptr("SET t = :t, sv = :sv ADD ids :id")
		u.ConditionExpression = ptr("attribute_not_exists(ids) OR size(ids) < :most")
		u.ExpressionAttributeValues[":t"], u.ExpressionAttributeValues[":sv"] = str("pins"), num(schemaVersion)
		u.ExpressionAttributeValues[":most"] = num(timeline.MaxPins)
	} else {
		u.UpdateExpression = ptr("DELETE ids :id")
	}
	return types.TransactWriteItem{Update: u}
}

// pins are the ids of what is pinned at a contact, newest first.
func (b *Book) pins(ctx context.Context, c *contact.Contact) (ids []string, err error) {
	found, err := b.acrossPartitions(ctx, c, []string{"PINS"})
	for _, it := range found {
		if set, ok := it["ids"].(*types.AttributeValueMemberSS); ok {
			ids = append(ids, set.Value...)
		}
	}
	slices.SortFunc(ids, func(x, y string) int { return strings.Compare(y, x) })
	return ids, err
}

// Pinned gives the entries of a contact that are pinned, newest first.
func (b *Book) Pinned(ctx context.Context, id crm.ContactID) ([]timeline.Activity, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	ids, err := b.pins(ctx, &c)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found, err := b.acrossPartitions(ctx, &c, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(x, y item) int { return strings.Compare(text(y, "SK"), text(x, "SK")) })
	var acts []timeline.Activity
	for _, it := range found { // an order's entry may have moved away from its pin
		a, err := activityOf(it)
		if err != nil {
			return nil, err
		}
		acts = append(acts, a)
	}
	return acts, b.annotate(ctx, &c, acts)
}

// annotate adds to entries what is kept elsewhere: whether they are open or pinned, and
// of messages how far their mails are.
func (b *Book) annotate(ctx context.Context, c *contact.Contact, acts []timeline.Activity) error {
	pins, err := b.pins(ctx, c)
	if err != nil {
		return err
	}
	var mails []item
	for i := range acts {
		a := &acts[i]
		a.Open, a.Pinned = slices.Contains(c.Open, a.ID), slices.Contains(pins, a.ID)
		if a.Entry != nil && a.Entry.Mail != "" {
			mails = append(mails, outboxKey(b.site.ID, a.Entry.Mail))
		}
	}
	if len(mails) == 0 {
		return nil
	}
	found, err := b.t.getAll(ctx, b.site.ID, mails)
	if err != nil {
		return err
	}
	for i := range acts {
		e := acts[i].Entry
		if e == nil || e.Mail == "" {
			continue
		}
		it := found[mapKey(outboxKey(b.site.ID, e.Mail))]
		switch st := text(it, "st"); st {
		case "": // its mark has ended
		case mailPending:
			e.State = timeline.Waiting
		case string(mail.Sent):
			e.State = timeline.Sent
		default:
			e.State, e.Reason = timeline.Failed, strings.TrimSuffix(st+": "+text(it, "why"), ": ")
		}
	}
	return nil
}

// errReplayed ends a rule that was carried out before.
var errReplayed = errors.New("made before")

// SendMessage changes a contact by a rule that writes a message to them, and commits the
// message's mail with it. With once set a second call answers what the first one made.
func (b *Book) SendMessage(ctx context.Context, id crm.ContactID, once *contact.Once, now time.Time,
	rule func(*contact.Contact) (timeline.Activity, error)) (a timeline.Activity, replayed bool, err error) {
	made, err := newULID(now)
	if err != nil {
		return a, false, err
	}
	first := ""
	_, err = b.changeWith(ctx, id, now, func(_, next *contact.Contact) ([]timeline.Activity, []types.TransactWriteItem, error) {
		var err error
		var ok bool
		if first, ok, err = b.MadeBy(ctx, once); err != nil {
			return nil, nil, err
		} else if ok {
			return nil, nil, errReplayed
		}
		if a, err = rule(next); err != nil {
			return nil, nil, err
		}
		a.ID, a.Once = made, true
		a.Mail.ID = mail.Derive(string(next.ID), a.ID)
		a.Entry.Mail, a.Entry.State = a.Mail.ID, timeline.Waiting
		uses, err := b.useFiles(ctx, next, &a)
		if err != nil {
			return nil, nil, err
		}
		if err := b.attach(ctx, next, &a); err != nil {
			return nil, nil, err
		}
		return []timeline.Activity{a}, b.with(once, a.ID, uses...), nil
	})
	if errors.Is(err, errReplayed) {
		a, err = b.Entry(ctx, id, first)
		return a, true, err
	}
	return a, false, err
}

// attach makes the documents of a message attachments of its mail.
func (b *Book) attach(ctx context.Context, c *contact.Contact, a *timeline.Activity) error {
	var sum int64
	for _, d := range a.Entry.Documents {
		it, err := b.inPartitions(ctx, c, filePrefix+d.ID)
		if err != nil {
			return err
		}
		f, err := fileOf(it)
		if err != nil {
			return err
		}
		sum += d.Size
		a.Mail.Attachments = append(a.Mail.Attachments, mail.Attachment{Name: d.Name, Type: d.Type, Size: d.Size, Key: f.Key(b.site.ID)})
	}
	var faults crm.Faults
	if sum > mail.MaxAttachmentBytes {
		faults.Add("/documents", "the documents have %d bytes together, a mail takes %d", sum, mail.MaxAttachmentBytes)
	}
	return faults.Err()
}

// SetAvatar makes a file that is ready a contact's picture, or takes the picture off
// (file is empty). The one before is removed. as is what the timeline is told.
func (b *Book) SetAvatar(ctx context.Context, id crm.ContactID, file string, as timeline.Activity) (contact.Contact, error) {
	return b.changeWith(ctx, id, as.At, func(old, next *contact.Contact) (acts []timeline.Activity, writes []types.TransactWriteItem, err error) {
		if old.Avatar == file {
			return nil, nil, contact.ErrUnchanged
		}
		if file != "" {
			f, err := b.GetFile(ctx, next.ID, file)
			if err != nil {
				return nil, nil, err
			}
			if f.Purpose != document.ForAvatar || f.State != document.Ready {
				return nil, nil, crm.Errorf(crm.Conflict, "this picture was replaced meanwhile; upload it again")
			}
			writes = append(writes, b.useFile(f, string(document.ForAvatar)))
		}
		if old.Avatar != "" {
			drops, err := b.dropFiles(ctx, old, old.Avatar)
			if err != nil {
				return nil, nil, err
			}
			writes = append(writes, drops...)
		}
		next.Avatar = file
		as.Kind, as.Changed = timeline.Edit, []string{"avatar"}
		return []timeline.Activity{as}, writes, nil
	})
}

// ---- files

var _ document.Store = (*Book)(nil)

type fileRecord struct {
	Purpose document.Purpose `json:"p"`
	Name    string           `json:"n,omitempty"`
	Type    string           `json:"t,omitempty"`
	Size    int64            `json:"s"`
	SHA256  string           `json:"h,omitempty"`
	By      string           `json:"b,omitempty"`
	At      int64            `json:"at"`
}

func noFile() error {
	return crm.Errorf(crm.NotFound, "the contact has no such file")
}

func fileItem(pk string, f document.File, ends time.Time) (item, error) {
	body, err := packJSON(fileRecord{f.Purpose, f.Name, f.Type, f.Size, f.SHA256, f.By, micros(f.At)})
	if err != nil {
		return nil, err
	}
	it := key(pk, filePrefix+f.ID)
	it["t"], it["sv"], it["body"], it["st"], it["p"] = str("upload"), num(schemaVersion), str(body), str(string(f.State)), str(string(f.Purpose))
	if !ends.IsZero() {
		it["ttl"] = num(ends.Unix())
	}
	return it, nil
}

func fileOf(it item) (document.File, error) {
	var r fileRecord
	if err := json.Unmarshal([]byte(text(it, "body")), &r); err != nil {
		return document.File{}, fmt.Errorf("unpacking a file's record: %w", err)
	}
	_, id, _ := strings.Cut(text(it, "PK"), "#A#")
	return document.File{ID: strings.TrimPrefix(text(it, "SK"), filePrefix), Contact: crm.ContactID(id), Purpose: r.Purpose,
		State: document.State(text(it, "st")), Name: r.Name, Type: r.Type, Size: r.Size, SHA256: r.SHA256, Entry: text(it, "entry"),
		By: r.By, At: fromMicros(r.At)}, nil
}

// AddFile implements document.Store.
func (b *Book) AddFile(ctx context.Context, id crm.ContactID, f document.File, ends time.Time, once *contact.Once) (document.File, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return f, err
	}
	u, err := newULID(f.At)
	if err != nil {
		return f, err
	}
	f.ID, f.Contact = "doc_"+strings.ToLower(u), c.ID
	it, err := fileItem(activityPK(b.site.ID, c.ID), f, ends)
	if err != nil {
		return f, err
	}
	err = b.t.commit(ctx, b.site.ID, b.with(once, f.ID, b.livesStill(c.ID), types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it, ConditionExpression: ptr("attribute_not_exists(PK)"),
	}})...)
	var l *lost
	if asLost(err, &l) {
		return f, notFound()
	}
	return f, err
}

// GetFile implements document.Store.
func (b *Book) GetFile(ctx context.Context, id crm.ContactID, file string) (document.File, error) {
	c, err := b.Get(ctx, id)
	if err != nil {
		return document.File{}, err
	}
	if !validFile(file) {
		return document.File{}, noFile()
	}
	it, err := b.inPartitions(ctx, &c, filePrefix+file)
	if err == nil && it == nil {
		err = noFile()
	}
	if err != nil {
		return document.File{}, err
	}
	return fileOf(it)
}

func validFile(id string) bool {
	rest, ok := strings.CutPrefix(id, "doc_")
	u, err := ulid.ParseStrict(strings.ToUpper(rest))
	return ok && err == nil && strings.ToLower(u.String()) == rest
}

// ReadyFile implements document.Store.
func (b *Book) ReadyFile(ctx context.Context, f document.File, ends time.Time) (document.File, error) {
	it, err := fileItem(activityPK(b.site.ID, f.Contact), f, ends)
	if err != nil {
		return f, err
	}
	err = b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it, ConditionExpression: ptr("st = :pending"),
		ExpressionAttributeValues:           item{":pending": str(string(document.Pending))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	var l *lost
	if !asLost(err, &l) {
		return f, err
	}
	if l.items[0] == nil {
		return f, noFile()
	}
	return fileOf(l.items[0])
}

// DropFile implements document.Store.
func (b *Book) DropFile(ctx context.Context, f document.File) error {
	err := b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Delete: &types.Delete{
		TableName: b.t.name, Key: fileKey(b.site.ID, f.Contact, f.ID), ConditionExpression: ptr("attribute_not_exists(PK) OR st <> :used"),
		ExpressionAttributeValues: item{":used": str(string(document.Used))},
	}})
	var l *lost
	if asLost(err, &l) {
		return crm.Errorf(crm.Conflict, "an entry uses this file; take it out of the entry")
	}
	return err
}

// useFiles makes the writes that take an entry's documents into use, and completes what
// the entry says of them. Those that are the entry's already stay.
func (b *Book) useFiles(ctx context.Context, c *contact.Contact, a *timeline.Activity) (writes []types.TransactWriteItem, err error) {
	if len(a.Entry.Documents) == 0 {
		return nil, nil
	}
	var faults crm.Faults
	docs := slices.Clone(a.Entry.Documents)
	var sks []string
	for _, d := range docs {
		if validFile(d.ID) {
			sks = append(sks, filePrefix+d.ID)
		}
	}
	items, err := b.acrossPartitions(ctx, c, sks)
	if err != nil {
		return nil, err
	}
	for i := range docs {
		at := slices.IndexFunc(items, func(it item) bool { return text(it, "SK") == filePrefix+docs[i].ID })
		if at < 0 {
			faults.Add(fmt.Sprintf("/documents/%d", i), "the contact has no such document")
			continue
		}
		f, err := fileOf(items[at])
		if err != nil {
			return nil, err
		}
		switch {
		case f.Purpose != document.ForEntry:
			faults.Add(fmt.Sprintf("/documents/%d", i), "the contact has no such document")
		case f.State == document.Used && f.Entry == a.ID:
		case f.State == document.Used:
			faults.Add(fmt.Sprintf("/documents/%d", i), "another entry has this document; upload it again for this one")
		case f.State == document.Pending:
			faults.Add(fmt.Sprintf("/documents/%d", i), "the document is not complete; upload it, and call its complete")
		default:
			writes = append(writes, b.useFile(f, a.ID))
		}
		docs[i] = timeline.Document{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size}
	}
	a.Entry.Documents = docs
	return writes, faults.Err()
}

func (b *Book) useFile(f document.File, by string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: fileKey(b.site.ID, f.Contact, f.ID),
		UpdateExpression:         ptr("SET st = :used, entry = :e REMOVE #ttl"),
		ConditionExpression:      ptr("st = :ready"),
		ExpressionAttributeNames: map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: item{":used": str(string(document.Used)), ":ready": str(string(document.Ready)),
			":e": str(by)},
	}}
}

// dropFiles makes the writes that remove the records of a contact's files; the files follow.
func (b *Book) dropFiles(ctx context.Context, c *contact.Contact, ids ...string) (writes []types.TransactWriteItem, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	sks := make([]string, len(ids))
	for i, id := range ids {
		sks[i] = filePrefix + id
	}
	found, err := b.acrossPartitions(ctx, c, sks)
	for _, it := range found {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: key(text(it, "PK"), text(it, "SK"))}})
	}
	return writes, err
}

// Files gives the records of all files that are kept under some contact ids (see
// contact.Contact.IDs), for who hands them out or erases them; document.File.Objects says
// where each is in the bucket.
func (b *Book) Files(ctx context.Context, of []crm.ContactID) (files []document.File, err error) {
	r := b.readPartitions(of, filePrefix, "UPLOAD$", 0, true)
	for {
		it, err := r.next(ctx)
		if err != nil || it == nil {
			return files, err
		}
		f, err := fileOf(it)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
}
