package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/timeline"
)

// An outbox item is a mail that was committed and waits to be sent, or, without
// its body, one that was.
const (
	kindMail    = "mail"
	mailPending = "pending"

	// keepMail is how long a mail that could not be sent can be sent again: as long
	// as its dead letter is kept.
	keepMail = 14 * 24 * time.Hour
	// keepMark outlives every message that may ask for the mail: four days on the
	// queue, fourteen as a dead letter, and the same again after a redrive.
	keepMark = 36 * 24 * time.Hour
)

var _ mail.Outbox = (*Table)(nil)

type mailRecord struct {
	Template    mail.Template      `json:"t"`
	Language    string             `json:"l,omitempty"`
	To          mailAddress        `json:"to"`
	ReplyTo     *mailAddress       `json:"re,omitempty"`
	Values      map[string]string  `json:"v,omitempty"`
	Attachments []attachmentRecord `json:"a,omitempty"`
	CreatedAt   int64              `json:"at"`
	Expires     int64              `json:"x,omitempty"`
}

type mailAddress struct {
	Email string `json:"e"`
	Name  string `json:"n,omitempty"`
}

type attachmentRecord struct {
	Name string `json:"n"`
	Type string `json:"t,omitempty"`
	Key  string `json:"k"`
	Size int64  `json:"s"`
}

// mailWrite commits a mail to the outbox: it belongs in the transaction of the
// change that causes it. The message needs CreatedAt; an empty ID gets one by
// chance, so a write that may run twice gives its own (mail.Derive).
func (t *Table) mailWrite(id crm.SiteID, m mail.Message) (types.TransactWriteItem, error) {
	it, err := mailItem(id, m)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	return types.TransactWriteItem{Put: &types.Put{TableName: t.name, Item: it}}, nil
}

// Post commits a mail that no other change goes with.
func (t *Table) Post(ctx context.Context, id crm.SiteID, m mail.Message) error {
	w, err := t.mailWrite(id, m)
	if err != nil {
		return err
	}
	return t.commit(ctx, id, w)
}

func mailItem(site crm.SiteID, m mail.Message) (item, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	if m.ID == "" {
		id, err := newULID(m.CreatedAt)
		if err != nil {
			return nil, err
		}
		m.ID = mail.Derive(id)
	}
	r := mailRecord{Template: m.Template, Language: m.Language, To: mailAddress(m.To), Values: m.Values, CreatedAt: micros(m.CreatedAt)}
	if m.ReplyTo.Email != "" {
		r.ReplyTo = &mailAddress{m.ReplyTo.Email, m.ReplyTo.Name}
	}
	for _, a := range m.Attachments {
		r.Attachments = append(r.Attachments, attachmentRecord(a))
	}
	if !m.Expires.IsZero() {
		r.Expires = micros(m.Expires)
	}
	body, err := packJSON(r)
	if err != nil {
		return nil, fmt.Errorf("packing a mail: %w", err)
	}
	it := outboxKey(site, m.ID)
	it["t"], it["sv"], it["body"], it["st"] = str(kindMail), num(schemaVersion), str(body), str(mailPending)
	it["g"], it["ttl"] = str(m.Order()), num(m.CreatedAt.Add(keepMail).Unix())
	if m.Contact != "" {
		it["contact"] = str(string(m.Contact))
	}
	return it, nil
}

func mailOf(it item) (mail.Message, error) {
	if v := number(it, "sv"); v > schemaVersion {
		return mail.Message{}, crm.Errorf(crm.Malformed, "a mail has schema version %d, this function knows %d", v, schemaVersion)
	}
	var r mailRecord
	if json.Unmarshal([]byte(text(it, "body")), &r) != nil { // not its error, which may quote a value
		return mail.Message{}, crm.Errorf(crm.Malformed, "the body of a mail cannot be read")
	}
	m := mail.Message{ID: text(it, "SK"), Template: r.Template, Language: r.Language, To: mail.Address(r.To), Values: r.Values,
		Contact: crm.ContactID(text(it, "contact")), CreatedAt: fromMicros(r.CreatedAt)}
	if r.ReplyTo != nil {
		m.ReplyTo = mail.Address(*r.ReplyTo)
	}
	for _, a := range r.Attachments {
		m.Attachments = append(m.Attachments, mail.Attachment(a))
	}
	if r.Expires != 0 {
		m.Expires = fromMicros(r.Expires)
	}
	return m, nil
}

// activityMail is the mail of an activity, with what the activity knows of it.
func activityMail(c crm.ContactID, a timeline.Activity) mail.Message {
	m := *a.Mail
	if m.Contact == "" {
		m.Contact = c
	}
	if m.ID == "" {
		m.ID = mail.Derive(string(c), a.ID)
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = a.At
	}
	return m
}

// Take implements mail.Outbox.
func (t *Table) Take(ctx context.Context, site crm.SiteID, id string, now, until time.Time) (mail.Message, bool, error) {
	it, err := t.get(ctx, site, outboxKey(site, id))
	if err != nil || it == nil || text(it, "st") != mailPending {
		return mail.Message{}, false, err
	}
	m, err := mailOf(it)
	if err != nil {
		return m, false, err
	}
	err = t.commit(ctx, site, types.TransactWriteItem{Update: &types.Update{
		TableName: t.name, Key: outboxKey(site, id),
		UpdateExpression:          ptr("SET held = :until"),
		ConditionExpression:       ptr("st = :pending AND (attribute_not_exists(held) OR held <= :now)"),
		ExpressionAttributeValues: item{":until": num(micros(until)), ":now": num(micros(now)), ":pending": str(mailPending)},
	}})
	var l *lost
	if asLost(err, &l) {
		switch was := l.items[0]; {
		case text(was, "st") != mailPending:
			return mail.Message{}, false, nil
		case number(was, "held") == micros(until): // the SDK's second try of our own write
			return m, true, nil
		}
		return mail.Message{}, false, crm.Errorf(crm.Busy, "another sender has this mail")
	}
	return m, err == nil, err
}

// Release implements mail.Outbox.
func (t *Table) Release(ctx context.Context, site crm.SiteID, id string) error {
	return t.onMail(ctx, site, id, "REMOVE held", nil, nil)
}

// Close implements mail.Outbox.
func (t *Table) Close(ctx context.Context, site crm.SiteID, id string, o mail.Outcome) error {
	return t.onMail(ctx, site, id, "SET st = :st, why = :why, #ref = :ref, ended = :at, #ttl = :ttl REMOVE body, held",
		map[string]string{"#ref": "ref", "#ttl": "ttl"},
		item{":st": str(string(o.State)), ":why": str(o.Reason), ":ref": str(o.Ref), ":at": num(micros(o.At)), ":ttl": num(o.At.Add(keepMark).Unix())})
}

// onMail changes a mail that waits; one that ended or is gone stays as it is.
func (t *Table) onMail(ctx context.Context, site crm.SiteID, id, expr string, names map[string]string, values item) error {
	all := item{":pending": str(mailPending)}
	maps.Copy(all, values)
	err := t.commit(ctx, site, types.TransactWriteItem{Update: &types.Update{
		TableName: t.name, Key: outboxKey(site, id), UpdateExpression: &expr, ConditionExpression: ptr("st = :pending"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: all,
	}})
	var l *lost
	if asLost(err, &l) {
		return nil
	}
	return err
}

// Suppression is why the site may not write to an address: by the consent of who
// has it, else by the list.
func (b *Book) Suppression(ctx context.Context, email string) (mail.Suppression, error) {
	if _, err := crm.ParseEmail(email); err != nil {
		return "", nil // of no slot; the sender refuses it
	}
	known, err := b.Suppressions(ctx, []string{email})
	if err != nil {
		return "", err
	}
	return mail.Suppression(known[0].Reason), nil
}

// NoteMail puts on the timeline of a mail's contact how the mail ended. Its entry
// follows from the mail, so that twice is once; a contact that is gone gets nothing.
// Of one that was merged since it stands where its other entries do, which whoever
// answers for it now reads, and which it has again if the merge is undone.
func (b *Book) NoteMail(ctx context.Context, m mail.Message, o mail.Outcome) error {
	entry, err := activityItem(activityPK(b.site.ID, m.Contact), timeline.Activity{
		ID: audit.DeriveID(m.CreatedAt, m.ID), At: m.CreatedAt, Kind: "mail", Ref: m.ID,
		Values: []timeline.Value{{Name: "template", Text: string(m.Template)}, {Name: "state", Text: string(o.State)}, {Name: "reason", Text: o.Reason}},
	})
	if err != nil {
		return err
	}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
		c, err := b.Get(ctx, m.Contact)
		if crm.CodeOf(err) == crm.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		err = b.t.commit(ctx, b.site.ID, b.livesStill(c.ID), types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: entry}})
		var l *lost
		if !asLost(err, &l) {
			return err
		}
	}
	return busy()
}
