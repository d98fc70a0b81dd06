package dynamo

import (
	"context"

	"clientele/internal/domain/crm"
)

// ErrStray is what the guard answers.
var ErrStray = errStray

// StrayProbe reads any key while bound to a site.
func StrayProbe(t *Table, id crm.SiteID, pk, sk string) error {
	_, err := t.get(context.Background(), id, key(pk, sk))
	return err
}

// TimelineItems counts what is stored beside a contact.
func TimelineItems(t *Table, b *Book, c crm.ContactID) (int, error) {
	items, _, err := t.query(context.Background(), b.site.ID, query{pk: activityPK(b.site.ID, c)})
	return len(items), err
}

// StoredMail is the texts of an outbox item.
func StoredMail(t *Table, id crm.SiteID, message string) (map[string]string, error) {
	it, err := t.get(context.Background(), id, outboxKey(id, message))
	out := map[string]string{}
	for name := range it {
		out[name] = text(it, name)
	}
	return out, err
}
