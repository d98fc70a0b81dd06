package order

import (
	"bytes"
	"context"
	"crypto/sha256"
	"iter"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// Book is what attaching an order needs of a site's book.
type Book interface {
	// Attach finds the contact that an order belongs to: the one that has the order
	// already, else the one that the facts name, else a new one. It applies the rule
	// to contact and stored order and stores both, and the activities, in one
	// transaction, repeating the rule while other writers come between. created
	// contacts come as contact.New made them; stored is nil for an order not seen yet.
	// The order of a deleted contact is brought up to date without personal data
	// and without the rule.
	Attach(ctx context.Context, o Order, f contact.Facts, now time.Time, rule Rule) (contact.Contact, error)

	// AttachDealing is Attach for a dealing.
	AttachDealing(ctx context.Context, d Dealing, f contact.Facts, now time.Time, rule DealingRule) (contact.Contact, error)

	// Forget notes the deletion of an order that may not have arrived yet; it
	// reports false if the order is known and Attach must be called.
	Forget(ctx context.Context, o Order) (bool, error)

	// KeepSubmission keeps what came in for nobody under its source, see form.Book.
	KeepSubmission(ctx context.Context, under string, a timeline.Activity, until time.Time) error
}

// Rule is the change that one delivered version makes.
type Rule func(c *contact.Contact, f contact.Facts, created bool, stored *Order, others Others) (Order, []timeline.Activity, error)

// Others gives the figures of the contact's orders without the one that is delivered,
// as of the version of the contact that the rule was handed. It reads them all, so it is
// asked only where it must be.
type Others func() (contact.Figures, error)

// Ref is the order's name within the site: "<source>:<id in the shop>".
func (o Order) Ref() string { return o.Source + ":" + o.ExternalID }

// Identity is the slot that says whose the order is.
func (o Order) Identity() crm.Identity {
	return crm.Identity{Kind: crm.ByOrder, Value: o.Ref()}
}

// Attach brings one delivered version of an order into the book: the contact
// becomes or is made a customer, its details are enriched, the order is kept
// and its figures are brought up to date. Any number of deliveries in any order
// end in the same state. An order that names nobody is kept under its source.
func Attach(ctx context.Context, b Book, o Order, pol contact.Policy, now time.Time) error {
	if o.Stub {
		if done, err := b.Forget(ctx, o); done || err != nil {
			return err
		}
	}
	f := Facts(o, pol)
	if !o.Stub && len(f.Identities()) == 0 && f.Phone == "" {
		// Kept under the order's own id: another delivery of it takes the same place.
		return b.KeepSubmission(ctx, o.Source, o.activity(), now.Add(keptFor))
	}
	_, err := b.Attach(ctx, o, f, now, func(c *contact.Contact, f contact.Facts, created bool, stored *Order, others Others) (Order, []timeline.Activity, error) {
		merged, changed := o, true
		var before Order
		if stored != nil {
			before = *stored
			merged, changed = Merge(before, o)
		}
		var news []timeline.Activity
		if changed {
			if err := merged.count(&before, c, others); err != nil {
				return merged, nil, err
			}
			if !merged.Stub {
				news = append(news, merged.activity())
			}
		}
		acts, err := settle(c, f, created, changed, news, cause{o.Source, o.Ref(), pol, now})
		return merged, acts, err
	})
	return err
}

// cause is the order or dealing that a contact changes for.
type cause struct {
	source, ref string
	pol         contact.Policy
	now         time.Time
}

// settle is what every delivered version does to its contact, an order's as a dealing's: it
// enriches whom it did not make, and where that made a customer the timeline tells
// why, behind the news of the version itself.
func settle(c *contact.Contact, f contact.Facts, created, changed bool, news []timeline.Activity, of cause) ([]timeline.Activity, error) {
	effect, from := contact.Effect{Dirty: true}, contact.Lead
	if !created {
		from = c.Status
		effect = c.Enrich(f)
	}
	if !changed && !effect.Dirty {
		return nil, contact.ErrUnchanged
	}
	if c.Status != from {
		news = append(news, of.promotion(c, from, f))
	}
	return news, nil
}

// promotion is the timeline's entry of a contact that facts made a customer.
func (of cause) promotion(c *contact.Contact, from contact.Status, f contact.Facts) timeline.Activity {
	why := ""
	for _, e := range contact.Events {
		if _, ok := f.Firsts[e]; ok && why == "" && of.pol.Promotes(e) {
			why = string(e)
		}
	}
	a := c.StatusChange(from, why, of.now)
	a.Source, a.Ref = of.source, of.ref
	return a
}

// keptFor is how long an order that names nobody is kept.
const keptFor = 180 * 24 * time.Hour

// Facts are what an order says about its customer, within the limits that the
// fields of a contact have.
func Facts(o Order, pol contact.Policy) contact.Facts {
	c := o.Customer
	f := contact.Facts{Source: o.Source, Visit: contact.NewVisit(o.Visit, ""), AsOf: contact.Stamp{At: o.UpdatedAt}}
	if e, err := crm.ParseEmail(c.Email); err == nil {
		f.Email = e
	}
	if c.ExternalID != "" {
		f.ExternalIDs = []string{o.Source + ":" + c.ExternalID}
	}
	name := [2]string{c.FirstName, c.LastName}
	for _, a := range []Address{o.Billing, o.Shipping} {
		if name == [2]string{} {
			name = [2]string{a.FirstName, a.LastName}
		}
	}
	country := first(o.Billing.Country, o.Shipping.Country, pol.Country)
	set := func(field, v string) { f.Details.Cut(field, v, country) }
	set("first_name", name[0])
	set("last_name", name[1])
	set("company", first(c.Company, o.Billing.Company))
	set("phone", first(c.Phone, o.Billing.Phone, o.Shipping.Phone))
	set("language", c.Language)
	main := o.Billing
	if postal(main) == [6]string{} {
		main = o.Shipping
	}
	for prefix, a := range map[string]Address{"": main, "billing_": o.Billing, "shipping_": o.Shipping} {
		for i, part := range []string{"street", "street_2", "postcode", "city", "region", "country"} {
			set(prefix+part, postal(a)[i])
		}
	}
	f.Firsts = o.firsts()
	f.Promote(pol)
	if c.AcceptsMarketing != nil && *c.AcceptsMarketing {
		f.Consent = contact.ConsentSubscribed
	}
	return f
}

// firsts are the events that this version of the order tells of, and when they were.
func (o Order) firsts() map[contact.Event]time.Time {
	if !o.Promotes() {
		return nil
	}
	at := o.PlacedAt
	if at.IsZero() {
		at = o.UpdatedAt
	}
	f := map[contact.Event]time.Time{contact.FirstOrder: at}
	if o.IsPaid() {
		f[contact.FirstPayment] = o.UpdatedAt
		if !o.PaidAt.IsZero() {
			f[contact.FirstPayment] = o.PaidAt
		}
	}
	return f
}

func postal(a Address) [6]string {
	return [6]string{a.Street, a.Street2, a.Postcode, a.City, a.Region, a.Country}
}

// count brings the contact's figures from the stored version to this one. Where the
// first or the last order goes, the others tell which one is it now.
func (o Order) count(before *Order, c *contact.Contact, others Others) error {
	f := &c.Figures
	if !f.ByCurrency() {
		rest, err := others()
		if err != nil {
			return err
		}
		*f = rest
	} else if before.Counts() {
		r := before.Revenue()
		f.Add(-1, r.Currency, r.Minor)
		at := before.PlacedAt
		if !at.IsZero() && (at.Equal(f.FirstAt) || at.Equal(f.LastAt)) && !(o.Counts() && o.PlacedAt.Equal(at)) {
			f.FirstAt, f.LastAt = time.Time{}, time.Time{}
			if f.Orders > 0 {
				rest, err := others()
				if err != nil {
					return err
				}
				f.FirstAt, f.LastAt = rest.FirstAt, rest.LastAt
			}
		}
	}
	if o.Counts() {
		r := o.Revenue()
		f.Add(1, r.Currency, r.Minor)
		f.Placed(o.PlacedAt)
	}
	return nil
}

// Sum is the figures of orders.
func Sum(orders iter.Seq[Order]) (f contact.Figures) {
	for o := range orders {
		if o.Counts() {
			r := o.Revenue()
			f.Add(1, r.Currency, r.Minor)
			f.Placed(o.PlacedAt)
		}
	}
	return f
}

// activity is the order's one entry in the timeline, at the moment it was
// placed; a newer version of the order replaces it, so that the timeline too is
// the same after any order of deliveries.
func (o Order) activity() timeline.Activity {
	status := string(o.Status)
	if o.Deleted() {
		status = "deleted"
	}
	a := timeline.Activity{
		At: o.PlacedAt, Kind: timeline.Order, Source: o.Source, Ref: o.Ref(),
		Values: []timeline.Value{
			{Name: "number", Text: o.Number},
			{Name: "status", Text: status},
			{Name: "total", Text: o.Total.String()},
			{Name: "items", Text: strconv.Itoa(len(o.Items) + o.MoreItems)},
		},
	}
	if a.At.IsZero() {
		a.At = o.UpdatedAt
	}
	a.ID = o.EntryID()
	return a
}

// EntryID is the id of the order's entry in the timeline: of the moment it was
// placed and of its reference, so that every delivery gives the same.
func (o Order) EntryID() string {
	sum := sha256.Sum256([]byte(o.Ref()))
	ms := uint64(0)
	if !o.PlacedAt.IsZero() {
		ms = ulid.Timestamp(o.PlacedAt)
	}
	return ulid.MustNew(ms, bytes.NewReader(sum[:])).String() // fails only past the year 10889
}

// Anonymous is the order without what tells whose it was.
func (o Order) Anonymous() Order {
	o.Customer, o.Billing, o.Shipping, o.Visit = Customer{}, Address{}, Address{}, contact.VisitSaid{}
	return o
}
