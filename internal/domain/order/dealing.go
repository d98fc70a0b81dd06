package order

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// DealingKind is what sort of dealing a source tells of.
type DealingKind string

// The kinds.
const (
	Payment     DealingKind = "payment"
	Invoice     DealingKind = "invoice"
	Appointment DealingKind = "appointment"
)

// DealingStatus is where a dealing stands.
type DealingStatus string

// The statuses, each of some kinds; see dealingStatuses.
const (
	Pending      DealingStatus = "pending"
	DealPaid     DealingStatus = "paid"
	DealFailed   DealingStatus = "failed"
	DealRefunded DealingStatus = "refunded"

	Drafted DealingStatus = "draft"
	Issued  DealingStatus = "issued"
	Void    DealingStatus = "void"

	Booked    DealingStatus = "booked"
	Attended  DealingStatus = "attended"
	CalledOff DealingStatus = "cancelled"
	NoShow    DealingStatus = "no_show"
)

// dealingStatuses are those of each kind, in the order in which a dealing reaches
// them: it breaks ties between versions of one moment.
var dealingStatuses = map[DealingKind][]DealingStatus{
	Payment:     {Pending, DealFailed, DealPaid, DealRefunded},
	Invoice:     {Drafted, Issued, DealPaid, Void},
	Appointment: {Booked, NoShow, Attended, CalledOff},
}

// Dealing is one version of what a shop, a bookkeeping or a booking tool tells of a
// person besides orders: a payment, an invoice or an appointment. Versions come late,
// twice and out of order, as those of orders do, and are joined as they are: the
// newest wins whole.
type Dealing struct {
	Kind       DealingKind
	Source     string // id of the site's source that delivered it; set by the caller of ParseDelivery
	ExternalID string // the tool's id, unique within source and kind
	Number     string // what people call it
	Title      string // what it is for
	Status     DealingStatus
	Amount     Money     // without a currency there is none
	Order      string    // the shop's id of the order that it is of
	At         time.Time // when it was paid or issued, or begins; UTC, whole milliseconds
	UpdatedAt  time.Time // the tool's last change
	Customer   Customer
}

// Ref names the dealing within the site: "<kind>:<source>:<id>".
func (d Dealing) Ref() string { return string(d.Kind) + ":" + d.Source + ":" + d.ExternalID }

// Identity is the slot that says whose it is.
func (d Dealing) Identity() crm.Identity {
	return crm.Identity{Kind: crm.ByDealing, Value: d.Ref()}
}

// Compare orders two versions as Order.Compare does; it is total.
func (d Dealing) Compare(p Dealing) int {
	if c := d.UpdatedAt.Compare(p.UpdatedAt); c != 0 {
		return c
	}
	ranks := dealingStatuses[d.Kind]
	if c := cmp.Compare(slices.Index(ranks, d.Status), slices.Index(ranks, p.Status)); c != 0 {
		return c
	}
	a, _ := json.Marshal(d) // of texts and moments: it cannot fail
	b, _ := json.Marshal(p)
	return bytes.Compare(a, b)
}

// firsts are the events that this version tells of. What was called off, not attended,
// failed or never issued is none; once told, a later version does not take it back.
func (d Dealing) firsts() map[contact.Event]time.Time {
	at := d.At
	if at.IsZero() {
		at = d.UpdatedAt
	}
	f := map[contact.Event]time.Time{}
	switch {
	case d.Kind == Payment && (d.Status == DealPaid || d.Status == DealRefunded):
		f[contact.FirstPayment] = at
	case d.Kind == Invoice && d.Status == Issued:
		f[contact.FirstInvoice] = at
	case d.Kind == Invoice && d.Status == DealPaid:
		f[contact.FirstInvoice], f[contact.FirstPayment] = at, d.UpdatedAt
	case d.Kind == Appointment && d.Status == Attended:
		f[contact.FirstAppointment] = at
	}
	return f
}

// Anonymous is the dealing without what tells whose it was.
func (d Dealing) Anonymous() Dealing {
	d.Customer, d.Title = Customer{}, ""
	return d
}

var dealingEntries = map[DealingKind]timeline.Kind{Payment: timeline.Payment, Invoice: timeline.Invoice, Appointment: timeline.Reservation}

// EntryID is the id of its entry in the timeline, the same for every delivery of a
// version; see Order.EntryID.
func (d Dealing) EntryID() string {
	sum := sha256.Sum256([]byte(d.Ref()))
	ms := uint64(0)
	if !d.At.IsZero() {
		ms = ulid.Timestamp(d.At)
	}
	return ulid.MustNew(ms, bytes.NewReader(sum[:])).String()
}

func (d Dealing) activity() timeline.Activity {
	a := timeline.Activity{ID: d.EntryID(), At: d.At, Kind: dealingEntries[d.Kind], Source: d.Source, Ref: d.Ref()}
	if a.At.IsZero() {
		a.At = d.UpdatedAt
	}
	add := func(name, text string) {
		if text != "" {
			a.Values = append(a.Values, timeline.Value{Name: name, Text: text})
		}
	}
	add("number", d.Number)
	add("status", string(d.Status))
	add("title", d.Title)
	if d.Amount.Currency != "" {
		add("amount", d.Amount.String())
	}
	add("order", d.Order)
	return a
}

// DealingRule is the change that one delivered version makes; stored is nil for one
// not seen yet.
type DealingRule func(c *contact.Contact, f contact.Facts, created bool, stored *Dealing) (Dealing, []timeline.Activity, error)

// AttachDealing brings one delivered version of a dealing into the book: the contact is
// made or enriched, promoted as the site's automation says, and has the dealing in
// its timeline. Any number of deliveries in any order end in the same state. One that
// names nobody is kept under its source.
func AttachDealing(ctx context.Context, b Book, d Dealing, pol contact.Policy, now time.Time) error {
	f := Facts(Order{Source: d.Source, Status: Draft, UpdatedAt: d.UpdatedAt, Customer: d.Customer}, pol)
	if len(f.Identities()) == 0 && f.Phone == "" {
		return b.KeepSubmission(ctx, d.Source, d.activity(), now.Add(keptFor))
	}
	f.Firsts = d.firsts()
	f.Promote(pol)
	_, err := b.AttachDealing(ctx, d, f, now, func(c *contact.Contact, f contact.Facts, created bool, stored *Dealing) (Dealing, []timeline.Activity, error) {
		merged, changed := d, true
		if stored != nil {
			merged, changed = MergeDealings(*stored, d)
		}
		var news []timeline.Activity
		if changed {
			news = append(news, merged.activity())
		}
		acts, err := settle(c, f, created, changed, news, cause{d.Source, d.Ref(), pol, now})
		return merged, acts, err
	})
	return err
}

// MergeDealings is the later of two versions, and whether that is not the stored one.
func MergeDealings(stored, d Dealing) (_ Dealing, changed bool) {
	if d.Compare(stored) > 0 {
		return d, true
	}
	return stored, false
}

// OwnDealing is our own schema of a payment, an invoice or an appointment. It is posted
// and signed as an OwnOrder is, and told from it by its type;
// events/orders/payment.json, invoice.json and appointment.json are examples. Send the
// whole of it after every change; the latest updated_at wins.
type OwnDealing struct {
	// Type is payment, invoice or appointment; required.
	Type string `json:"type"`
	// ID is the tool's id of it; required, text of at most 128 bytes.
	ID string `json:"id"`
	// Number is what people call it; at most 64 characters.
	Number string `json:"number,omitempty"`
	// Title is what it is for; at most 500 characters.
	Title string `json:"title,omitempty"`
	// Status of a payment is pending, failed, paid or refunded; of an invoice draft,
	// issued, paid or void; of an appointment booked, attended, no_show or cancelled.
	// Required.
	Status string `json:"status"`
	// Amount is a decimal amount in quotes, not negative, and Currency its ISO 4217
	// code in capitals; required but for appointments.
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	// Order is the shop's id of the order that it is of.
	Order string `json:"order,omitempty"`
	// At is when it was paid or issued, or when the appointment begins, RFC 3339 with a
	// zone; an appointment needs it.
	At string `json:"at,omitempty"`
	// UpdatedAt is when the tool last changed it; required.
	UpdatedAt string       `json:"updated_at"`
	Customer  *OwnCustomer `json:"customer,omitempty"`
}

// ParseDelivery reads the body of a webhook as Parse does; of our own schema also what is
// no order, which then comes as a dealing.
func ParseDelivery(kind, topic string, body []byte) (Order, *Dealing, error) {
	var is struct{ Type any }
	if kind == KindOwn && ignored(kind, strings.ToLower(strings.TrimSpace(topic))) == "" && json.Unmarshal(body, &is) == nil && is.Type != nil {
		if k, _ := is.Type.(string); k != "order" {
			d, err := parseDealing(DealingKind(k), body)
			return Order{}, &d, err
		}
	}
	o, err := Parse(kind, topic, body)
	return o, nil, err
}

func parseDealing(kind DealingKind, body []byte) (Dealing, error) {
	root, err := decode(body)
	if err != nil {
		return Dealing{}, err
	}
	root.r.strict = true
	statuses, known := dealingStatuses[kind]
	if !known {
		return Dealing{}, refuse("/type", "must be order, payment, invoice or appointment")
	}
	root.text("type", MaxNumber)
	root.need("id", "status", "updated_at")
	switch kind {
	case Appointment:
		root.need("at")
	default:
		root.need("amount")
	}
	d := Dealing{
		Kind:       kind,
		ExternalID: root.id("id"),
		Number:     root.text("number", MaxNumber),
		Title:      root.text("title", MaxTitle),
		Status:     DealingStatus(root.text("status", MaxNumber)),
		Order:      root.id("order"),
		At:         root.moment("at"),
		UpdatedAt:  root.moment("updated_at"),
	}
	if root.has("amount") || root.has("currency") {
		root.need("amount")
		d.Amount = root.money("amount", root.currency("currency"), ParseMoney)
	}
	d.Customer = ownCustomer(root.child("customer"))
	root.done()
	f := &root.r.faults
	if len(d.ExternalID) > MaxID || len(d.Order) > MaxID {
		f.add("/id", "is longer than %d bytes", MaxID)
	}
	if d.ExternalID == "" {
		f.add("/id", "is missing")
	}
	checkText(f, "/id", d.ExternalID, MaxID)
	checkText(f, "/order", d.Order, MaxID)
	checkText(f, "/number", d.Number, MaxNumber)
	checkText(f, "/title", d.Title, MaxTitle)
	if !slices.Contains(statuses, d.Status) {
		f.add("/status", "of this type must be one of %s", statuses)
	}
	checkTime(f, "/at", d.At, kind == Appointment)
	checkTime(f, "/updated_at", d.UpdatedAt, true)
	if d.Amount.Currency != "" {
		checkMoney(f, "/amount", d.Amount, d.Amount.Currency)
	}
	d.Customer.check(f)
	if err := f.err(); err != nil {
		return Dealing{}, err
	}
	return d, nil
}

// ReceivedAt takes a version of the future for one of the moment when it reached
// us, as that of an order.
func (d Dealing) ReceivedAt(t time.Time) Dealing {
	if d.UpdatedAt.After(t.Add(aheadAtMost)) {
		d.UpdatedAt = t.UTC().Truncate(time.Millisecond)
	}
	return d
}
