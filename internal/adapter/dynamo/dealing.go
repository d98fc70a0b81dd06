package dynamo

import (
	"context"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
)

// A payment, invoice or appointment is kept as an order is: beside its contact's
// activities, with a slot that says whose it is.

func (b *Book) dealings() kept[order.Dealing] {
	return kept[order.Dealing]{
		kind: "dealing", ref: order.Dealing.Ref, merge: order.MergeDealings, anonymous: order.Dealing.Anonymous, entry: order.Dealing.EntryID,
		key:   func(of crm.ContactID, ref string) item { return dealingKey(b.site.ID, of, ref) },
		slot:  func(d order.Dealing) crm.ContactID { return d.Identity().Slot(b.site.Secret) },
		early: func(item, order.Dealing) *order.Dealing { return nil },
	}
}

// AttachDealing implements order.Book.
func (b *Book) AttachDealing(ctx context.Context, d order.Dealing, f contact.Facts, now time.Time, rule order.DealingRule) (contact.Contact, error) {
	return attach(ctx, b, b.dealings(), d, f, now, delivered[order.Dealing](rule))
}
