package contact

import (
	"context"
	"errors"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// A Rule changes a contact in memory and tells the timeline what happened. It
// may run several times on fresh copies, so it has no other effect. To change nothing it returns ErrUnchanged.
type Rule func(c *Contact) ([]timeline.Activity, error)

// FactsRule is a Rule that brings facts in: into the contact that New made of
// them (created), or into one that is known, usually by Enrich. It is handed the
// facts without the identities that other contacts hold.
type FactsRule func(c *Contact, f Facts, created bool) ([]timeline.Activity, error)

// Book is the customer book of one site. It was opened for that site and can
// reach no other one.
type Book interface {
	// Get reads a contact, strongly consistent. The id of a merged contact gives
	// the one it went into. crm.NotFound if there is none.
	Get(ctx context.Context, id crm.ContactID) (Contact, error)

	// Find reads the contact that answers to an identity, strongly consistent.
	// crm.NotFound if there is none.
	Find(ctx context.Context, identity crm.Identity) (Contact, error)

	// Create stores a new contact, all of its identities and the activities, or
	// nothing. crm.Conflict, naming the holder, if one of them is taken. With once
	// set, a second call with the same key answers what the first one made
	// (replayed); crm.KeyReused if the input was another.
	Create(ctx context.Context, c Contact, once *Once, acts ...timeline.Activity) (_ Contact, replayed bool, err error)

	// Upsert finds the contact by the facts' identities, strongest first, or makes
	// it with New, applies the rule and stores all in one transaction, repeating
	// the rule as long as other writers come between. An identity of the facts that
	// another contact holds is left with it. It returns the contact as stored.
	Upsert(ctx context.Context, f Facts, now time.Time, rule FactsRule) (_ Contact, created bool, err error)

	// Change applies a rule to a contact and stores the result with its activities
	// in one transaction, repeating the rule as Upsert does. crm.Conflict if the rule
	// gave the contact an identity that another one holds. An activity with Once
	// happens once: where the contact has it already nothing is
	// stored, and the answer is the contact as it stands.
	Change(ctx context.Context, id crm.ContactID, now time.Time, rule Rule) (Contact, error)

	// Delete removes a contact, its identities and its timeline. check sees the
	// contact first and may refuse. Orders stay without personal data. A deletion
	// that stopped half-way is completed by calling Delete again.
	Delete(ctx context.Context, id crm.ContactID, now time.Time, check func(Contact) error) error
	// DeleteBy is Delete by an actor, which the audit log then tells of.
	DeleteBy(ctx context.Context, id crm.ContactID, by string, now time.Time, check func(Contact) error) error

	// List gives contacts last changed first, strongly consistent, at most limit
	// rows from the position after (empty: the start), and the position that the
	// next page starts after, empty on the last.
	List(ctx context.Context, limit int, after string) (rows []Row, next string, err error)

	// Timeline gives a page of a contact's activities, newest first, and the position
	// that the next page starts after, empty on the last. Those of the contacts that
	// went into it are among them. A page is full unless it is the last one or
	// timeline.MaxLooked entries were looked through for it.
	Timeline(ctx context.Context, id crm.ContactID, q timeline.Query) (acts []timeline.Activity, next string, err error)
}

// Once makes a request safe to repeat.
type Once struct {
	Principal string    // who asks; two principals may use the same key
	Key       string    // the client's key, at most 255 bytes
	Hash      string    // of the input
	At        time.Time // when it was made; a key is known for 24 hours
}

// Row is the slim form of a contact, which lists and filters read.
type Row struct {
	ID                   crm.ContactID
	Version              int64
	Email                string
	FirstName, LastName  string
	Company, Phone       string
	Status               Status
	Tags                 []string
	Group                string
	Consent              Consent
	Lists                []string // that may be sent to this contact
	Orders               int
	City, Postcode       string
	Country, Language    string
	CreatedAt, UpdatedAt time.Time
	Custom               map[string]string // of a row that was made of the whole contact; lists do without
}

// MostLooked is how many contacts are looked at while somebody waits: a book is read at some
// 20,000 a second.
const MostLooked = 100_000

var errEnough = errors.New("enough was read")

// FirstRows visits rows with each, and ends after the first most of them; all reports whether there were no more.
func FirstRows(ctx context.Context, each func(context.Context, func(Row) error) error, most int, visit func(Row) error) (all bool, err error) {
	n := 0
	err = each(ctx, func(r Row) error {
		if n++; n > most {
			return errEnough
		}
		return visit(r)
	})
	if errors.Is(err, errEnough) {
		return false, nil
	}
	return err == nil, err
}

// Row is the slim form of the contact, with the site's own fields.
func (c *Contact) Row() Row {
	return Row{ID: c.ID, Version: c.Version, Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, Company: c.Company, Phone: c.Phone,
		Status: c.Status, Tags: c.Tags, Group: c.Group, Consent: c.Consent, Lists: c.Subscribed(), Orders: c.Figures.Orders,
		City: c.Address.City, Postcode: c.Address.Postcode, Country: c.Address.Country, Language: c.Language,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Custom: c.Custom}
}

// MaxBatch is how many contacts one request gets or makes.
const MaxBatch = 25

// Batch reads and makes several contacts in one request.
type Batch interface {
	// GetAll reads contacts as Get does, in the order of the ids; what is not there
	// is a contact without an id.
	GetAll(ctx context.Context, ids []crm.ContactID) ([]Contact, error)

	// CreateAll stores all of the contacts or none, as Create does with one.
	// crm.Conflict with a fault for each that is known already.
	CreateAll(ctx context.Context, cs []Contact, once *Once) (_ []Contact, replayed bool, err error)
}
