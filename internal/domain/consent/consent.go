// Package consent is how people come to be mailed and how that ends: joining
// and leaving newsletter lists, the confirmation by mail (double opt-in), new consents that
// a member records, bounces and complaints, and the list of suppressed
// addresses.
//
// What a consent is and which one wins stands in package contact. Here is who may change
// it, and with which evidence: each change leaves a row in the contact's
// timeline (contact.Proof), which nothing but an erasure removes.
package consent

import (
	"context"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// Book is what consents need of a site's book.
type Book interface {
	// Get, Find and Change are those of contact.Book.
	Get(ctx context.Context, id crm.ContactID) (contact.Contact, error)
	Find(ctx context.Context, identity crm.Identity) (contact.Contact, error)
	Change(ctx context.Context, id crm.ContactID, now time.Time, rule contact.Rule) (contact.Contact, error)

	// AtSlot reads the contact that has the address of a slot (crm.Identity.Slot).
	// crm.NotFound if nobody has it.
	AtSlot(ctx context.Context, slot crm.ContactID) (contact.Contact, error)

	// Evidence is every row of evidence in the contact's timeline, those of contacts that
	// were merged into it too, oldest first. crm.NotFound if there is no contact.
	Evidence(ctx context.Context, id crm.ContactID) ([]timeline.Activity, error)

	// Suppress puts an address that no contact answers to on the list; what is
	// stricter there stays. crm.Conflict if a contact has the address.
	Suppress(ctx context.Context, address string, why contact.Suppression, now time.Time) error
	// SuppressSlot is Suppress of the address of a slot, and SlotRemembers tells what the
	// list says of it: nothing while a contact has the address.
	SuppressSlot(ctx context.Context, slot crm.ContactID, why contact.Suppression, now time.Time) error
	SlotRemembers(ctx context.Context, slot crm.ContactID) (contact.Suppression, error)
	// Suppressions tells of each address whether it is suppressed, in their order: by
	// the list, or by the consent of the contact that has it.
	Suppressions(ctx context.Context, addresses []string) ([]Suppressed, error)
	// ListSuppressed lists the addresses of nobody that are suppressed, by hash, from
	// a position on; a page may be short before the end, where next is empty.
	ListSuppressed(ctx context.Context, limit int, after string) (list []Suppressed, next string, err error)
}

// Suppressed is what is known of a suppressed address: not the address.
type Suppressed struct {
	Hash    string              // HMAC of the address under the site's secret
	Reason  contact.Suppression // "": it is not suppressed
	At      time.Time
	Contact crm.ContactID // who answers to the address; empty for nobody
}
