package dynamo

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/relay"
)

// ReadChange says what a record of the table's stream asks for. What asks for
// nothing is an empty change: the event source's filter (template.yaml) keeps most
// of it away, and this does not rely on that. A *relay.PoisonError if it is
// something to act on that cannot be understood.
func ReadChange(r events.DynamoDBEventRecord) (relay.Change, error) {
	now, before := image(r.Change.NewImage), image(r.Change.OldImage)
	pk, sk := imageText(r.Change.Keys, "PK"), imageText(r.Change.Keys, "SK")
	c := relay.Change{Site: siteInKey(pk)}
	if now == nil { // removed; only the file of a record that is gone waits for that
		if text(before, "t") == "upload" && c.Site.Valid() {
			f, err := fileOf(before)
			if err != nil {
				return c, poison("the record of a file is broken")
			}
			c.Files = f.Objects(c.Site)
		}
		return c, nil
	}
	kind, inserted := text(now, "t"), before == nil
	switch kind {
	case kindMail, "activity", "slot":
	default:
		return c, nil
	}
	if !c.Site.Valid() {
		return c, poison("its key is of no site")
	}
	var err error
	switch kind {
	case kindMail:
		// Once for its commit, and again whenever a person asks (docs/runbook.md).
		if text(now, "st") == mailPending && (inserted || number(now, "again") != number(before, "again")) {
			c.Mail, err = reference(c.Site, sk, now)
		}
	case "activity":
		if inserted && text(now, "by") != "" {
			c.Audit, err = activityDone(pk, now)
		}
	case "slot":
		switch {
		case inserted && text(now, "by") != "" && text(now, "body") != "":
			c.Audit, err = contactMade(crm.ContactID(sk), now)
		case !inserted && text(now, "goneby") != "" && text(now, "body") == "" && text(before, "body") != "":
			if e, ok := relay.Ended(crm.ContactID(sk), text(now, "goneby"), time.Unix(number(now, "gone"), 0).UTC()); ok {
				c.Audit = &e
			}
		}
	}
	return c, err
}

func poison(reason string) error { return &relay.PoisonError{Reason: reason} }

func reference(site crm.SiteID, id string, it item) (*mail.Reference, error) {
	r := &mail.Reference{Site: site, ID: id, Order: text(it, "g")}
	if !strings.HasPrefix(id, mail.IDPrefix) || r.Order == "" {
		return nil, poison("a mail without an id or an order")
	}
	if n := text(it, "body"); n == "" {
		return nil, poison("a mail without a body")
	}
	r.Again = number(it, "again")
	return r, nil
}

func activityDone(pk string, it item) (*audit.Entry, error) {
	if number(it, "sv") > schemaVersion {
		return nil, poison("an activity of a newer schema")
	}
	_, contact, ok := strings.Cut(pk, "#A#")
	if !ok { // a submission that is kept under its form
		return nil, nil
	}
	a, err := activityOf(it)
	if err != nil {
		return nil, poison("the body of an activity is broken") // not err, which may quote it
	}
	e, ok := relay.Done(crm.ContactID(contact), a)
	if !ok {
		return nil, nil
	}
	return &e, nil
}

func contactMade(id crm.ContactID, it item) (*audit.Entry, error) {
	if number(it, "sv") > schemaVersion {
		return nil, poison("a contact of a newer schema")
	}
	c, ok, err := contactOf(it)
	if err != nil || !ok {
		return nil, poison("the body of a contact is broken")
	}
	e, ok := relay.Made(id, c.Origin.By, c.CreatedAt)
	if !ok {
		return nil, nil
	}
	return &e, nil
}

// siteInKey is the site in a partition key.
func siteInKey(pk string) crm.SiteID {
	rest, ok := strings.CutPrefix(pk, "S#")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "#")
	return crm.SiteID(id)
}

// image is the texts and numbers of a record's image, as items hold them; nothing
// else is read of it. nil for no image.
func image(in map[string]events.DynamoDBAttributeValue) item {
	if len(in) == 0 {
		return nil
	}
	it := item{}
	for name, v := range in {
		switch v.DataType() {
		case events.DataTypeString:
			it[name] = str(v.String())
		case events.DataTypeNumber:
			if n, err := json.Number(v.Number()).Int64(); err == nil {
				it[name] = num(n)
			}
		}
	}
	return it
}

func imageText(in map[string]events.DynamoDBAttributeValue, name string) string {
	return text(image(in), name)
}
