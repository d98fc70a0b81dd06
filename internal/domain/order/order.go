// Package order is what a shop says of an order, brought to one shape.
//
// A webhook body goes through Parse, which knows three dialects: Shopify,
// WooCommerce and our own (OwnOrder). The result is one version of an order.
// Shops deliver versions late, twice and out of order, so versions have a
// total order (Compare) and are joined by Merge, which is commutative,
// associative and idempotent: any shuffle of the deliveries, each any number
// of times, ends in the same state.
//
// The package does no I/O and reads no clock.
package order

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/contact"
)

// Limits of one order. Lengths are in characters (runes) unless told.
const (
	MaxItems  = 500     // lines that are kept; MoreItems counts the rest
	MaxID     = 128     // bytes of an id in the shop
	MaxNumber = 64      // order number, phone, postcode, SKU
	MaxText   = 255     // names, streets, cities
	MaxTitle  = 500     // title of a line
	MaxEmail  = 320     // bytes: 64 + @ + 255, RFC 5321 section 4.5.3.1
	MaxBody   = 6 << 20 // bytes of a webhook body: what a Lambda function can be called with
)

// Status is where an order stands.
type Status string

// The statuses.
const (
	Draft     Status = "draft"     // a cart or an unfinished checkout: nobody ordered yet
	Open      Status = "open"      // ordered, not paid (in full)
	Paid      Status = "paid"      // paid, or accepted for payment on delivery
	Fulfilled Status = "fulfilled" // delivered
	Cancelled Status = "cancelled" // called off, voided or thrown away
	Refunded  Status = "refunded"  // paid back in full
	Failed    Status = "failed"    // the payment failed or expired
)

// rank breaks ties between versions of the same moment: the status that an
// order reaches later in its life wins. Failed stands before paid because a
// first payment often fails in the second in which the order was made, and a
// second attempt then succeeds.
func (s Status) rank() int {
	switch s {
	case Draft:
		return 1
	case Open:
		return 2
	case Failed:
		return 3
	case Paid:
		return 4
	case Fulfilled:
		return 5
	case Cancelled:
		return 6
	case Refunded:
		return 7
	}
	return 0
}

// Valid reports whether s is one of the statuses.
func (s Status) Valid() bool { return s.rank() > 0 }

// Order is one version of an order of a shop. Texts are kept as the shop sent
// them, except that they are cut to their limit; nothing is trimmed or folded.
type Order struct {
	Source     string // id of the site's source that delivered it; set by the caller of Parse
	ExternalID string // the shop's id, unique within the source
	Number     string // what the shop and the customer call it, "#1001"
	Status     Status
	Total      Money // what was charged, before refunds
	Refunded   Money // what was paid back, positive, in the currency of Total

	PlacedAt  time.Time // UTC, whole milliseconds
	UpdatedAt time.Time // the shop's last change; UTC, whole milliseconds
	PaidAt    time.Time // when money came in, or the version that first tells so; zero if it is not known

	Customer  Customer
	Visit     contact.VisitSaid // how the customer came to the shop; of the version at hand, kept nowhere
	Billing   Address
	Shipping  Address
	Items     []Item // at most MaxItems
	MoreItems int    // lines beyond MaxItems that were not kept
	Test      bool   // made with the shop's test payment: shown, never counted

	// DeletedAt is when we were told that the shop deleted the order, zero if
	// we never were. Shops do not say when they did it, so the moment of receipt
	// stands in (see ReceivedAt), and a later version undoes the deletion.
	DeletedAt time.Time
	// Stub says that nothing is known but ExternalID and DeletedAt: the notice
	// of a deletion, alone.
	Stub bool
}

// Customer is the person of an order. Every field may be empty: a sale at a
// counter has nobody.
type Customer struct {
	Email            string // as typed; not validated here
	FirstName        string
	LastName         string
	Company          string
	Phone            string // as typed
	ExternalID       string // the shop's id of its customer, empty for a guest
	Language         string // BCP 47 tag as sent, "nl" or "nl-NL"
	AcceptsMarketing *bool  // the tick at the checkout; nil if the shop did not say
}

// Known reports whether the customer has anything that can identify a contact.
func (c Customer) Known() bool {
	return strings.TrimSpace(c.Email) != "" || strings.TrimSpace(c.Phone) != "" || c.ExternalID != ""
}

// Address is a postal address.
type Address struct {
	FirstName, LastName, Company string
	Street, Street2              string
	Postcode, City, Region       string
	Country                      string // ISO 3166-1 alpha-2 in capitals, or empty
	Phone                        string
}

// Item is one line.
type Item struct {
	ExternalID string
	SKU        string
	Title      string
	Quantity   int   // ≥ 0
	UnitPrice  Money // rounded to the minor unit where the shop computes it
}

// aheadAtMost is by how much a shop's clock may be ahead of ours.
const aheadAtMost = 10 * time.Minute

// ReceivedAt gives the notice of a deletion its moment: when it first reached
// us. A version of the future is taken for one of that moment, or no later one
// could ever replace it. It leaves any other order as it is. Give the same moment to every
// redelivery (the queue keeps it), otherwise a late one undoes a restoration.
func (o Order) ReceivedAt(t time.Time) Order {
	t = t.UTC().Truncate(time.Millisecond)
	if o.Stub && o.DeletedAt.IsZero() {
		o.DeletedAt = t
	}
	if o.UpdatedAt.After(t.Add(aheadAtMost)) {
		o.UpdatedAt = t
	}
	return o
}

// Deleted reports whether the shop deleted the order and did not bring it back
// since. On equal moments the deletion holds.
func (o Order) Deleted() bool {
	return !o.DeletedAt.IsZero() && !o.UpdatedAt.After(o.DeletedAt)
}

// Counts reports whether the order counts for the number of orders and for
// revenue: it is not a draft, cancelled, failed, deleted or a test.
func (o Order) Counts() bool {
	if o.Stub || o.Test || o.Deleted() {
		return false
	}
	switch o.Status {
	case Open, Paid, Fulfilled, Refunded:
		return true
	}
	return false
}

// Revenue is the total minus what was refunded, never below zero; zero if the
// order does not count.
func (o Order) Revenue() Money {
	if !o.Counts() || o.Refunded.Minor >= o.Total.Minor {
		return Money{Currency: o.Total.Currency}
	}
	return Money{Minor: o.Total.Minor - o.Refunded.Minor, Currency: o.Total.Currency}
}

// Promotes reports whether this version makes its lead a customer: everything
// but a draft. A draft is the one status that no order returns to, so it does
// not matter in which order versions arrive; still ask it of every delivery,
// also of one that is older than the stored version.
func (o Order) Promotes() bool { return !o.Stub && o.Status.Valid() && o.Status != Draft }

// IsPaid reports whether money came in for the order, whatever became of it
// since. Goods that went out on credit are fulfilled and not paid.
func (o Order) IsPaid() bool {
	return !o.Stub && !o.Test && (!o.PaidAt.IsZero() || o.Status == Paid || o.Status == Refunded)
}

// Compare orders two versions of the same order: -1 if o is older than p, +1
// if newer, 0 if they say the same. It is total: by UpdatedAt, then by the
// status (see rank), then by a hash of everything they say, because shops
// tell time in whole seconds and change an order twice within one. A stub is
// older than every version.
func (o Order) Compare(p Order) int {
	if o.Stub || p.Stub {
		return -cmp.Compare(b2i(o.Stub), b2i(p.Stub))
	}
	if c := o.UpdatedAt.Compare(p.UpdatedAt); c != 0 {
		return c
	}
	if c := cmp.Compare(o.Status.rank(), p.Status.rank()); c != 0 {
		return c
	}
	a, b := o.Hash(), p.Hash()
	return bytes.Compare(a[:], b[:])
}

// Newer reports whether o is a newer version than p.
func (o Order) Newer(than Order) bool { return o.Compare(than) > 0 }

// Merge joins what is stored with what came in and reports whether that says
// anything new. The newest version wins whole, and the latest deletion is
// kept beside it: two registers of which the highest value wins, so the
// result does not depend on the order or the number of deliveries.
func Merge(stored, incoming Order) (merged Order, changed bool) {
	merged = stored
	if incoming.Newer(stored) {
		merged, changed = incoming, true
		merged.DeletedAt = stored.DeletedAt
	}
	if incoming.DeletedAt.After(stored.DeletedAt) {
		merged.DeletedAt, changed = incoming.DeletedAt, true
	}
	return merged, changed
}

// Hash is a SHA-256 over everything that the version says, except its source
// and a deletion. It breaks ties only, and changes when a release adds a
// field: do not store it as an identity.
func (o Order) Hash() [sha256.Size]byte {
	h := hasher{sha256.New()}
	h.text(o.ExternalID, o.Number, string(o.Status))
	h.money(o.Total, o.Refunded)
	h.num(unixMilli(o.PlacedAt), unixMilli(o.UpdatedAt), unixMilli(o.PaidAt))
	c := o.Customer
	h.text(c.Email, c.FirstName, c.LastName, c.Company, c.Phone, c.ExternalID, c.Language)
	switch {
	case c.AcceptsMarketing == nil:
		h.num(0)
	case *c.AcceptsMarketing:
		h.num(2)
	default:
		h.num(1)
	}
	for _, a := range []Address{o.Billing, o.Shipping} {
		h.text(a.FirstName, a.LastName, a.Company, a.Street, a.Street2, a.Postcode, a.City, a.Region, a.Country, a.Phone)
	}
	h.num(int64(len(o.Items)), int64(o.MoreItems), b2i(o.Test), b2i(o.Stub))
	for _, it := range o.Items {
		h.text(it.ExternalID, it.SKU, it.Title)
		h.num(int64(it.Quantity))
		h.money(it.UnitPrice)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// hasher writes fields with their length, so that no two orders share bytes.
type hasher struct{ hash.Hash }

func (h hasher) num(ns ...int64) {
	for _, n := range ns {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
}

func (h hasher) text(ss ...string) {
	for _, s := range ss {
		h.num(int64(len(s)))
		h.Write([]byte(s))
	}
}

func (h hasher) money(ms ...Money) {
	for _, m := range ms {
		h.num(m.Minor)
		h.text(m.Currency)
	}
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Fault is one thing wrong with an order.
type Fault struct {
	Path string // JSON pointer into the body or the order, "/items/3/title"; empty for the whole
	What string // "must be text": safe to show, and does not repeat the value
}

// maxFaults bounds what one refusal lists.
const maxFaults = 50

// InvalidError lists everything that is wrong with an order, at most 50 faults
// and a count of the others. A retry cannot help it.
type InvalidError struct {
	Faults []Fault
	More   int
}

func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("order refused: ")
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Path != "" {
			b.WriteString(f.Path + " ")
		}
		b.WriteString(f.What)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "; and %d more", e.More)
	}
	return b.String()
}

// faults collects; its zero value is ready.
type faults struct {
	list []Fault
	more int
}

// add reports a fault; the first one of a path says enough.
func (f *faults) add(path, format string, args ...any) {
	if path != "" && f.has(path) {
		return
	}
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, Fault{Path: path, What: fmt.Sprintf(format, args...)})
}

func (f *faults) has(path string) bool {
	for _, x := range f.list {
		if x.Path == path {
			return true
		}
	}
	return false
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &InvalidError{Faults: f.list, More: f.more}
}

// Validate checks an order against its limits and reports every fault at once,
// as an *InvalidError whose paths are those of our own schema. Parse has
// checked all but Source.
func (o Order) Validate() error {
	var f faults
	if o.Source == "" {
		f.add("/source", "is missing")
	}
	o.check(&f)
	return f.err()
}

// earliest and latest bound every moment. An order stamped 9999 by a broken
// clock would outrank all its later versions for ever.
var (
	earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (o Order) check(f *faults) {
	checkText(f, "/source", o.Source, MaxID)
	if o.ExternalID == "" {
		f.add("/id", "is missing")
	} else if len(o.ExternalID) > MaxID {
		f.add("/id", "is longer than %d bytes", MaxID)
	} else {
		checkText(f, "/id", o.ExternalID, MaxID)
	}
	checkTime(f, "/deleted_at", o.DeletedAt, false)
	if o.Stub {
		if o.DeletedAt.IsZero() {
			f.add("/deleted_at", "is missing: the moment of receipt stands in for it")
		}
		return
	}
	checkText(f, "/number", o.Number, MaxNumber)
	if !o.Status.Valid() {
		f.add("/status", "must be draft, open, paid, fulfilled, cancelled, refunded or failed")
	}
	checkTime(f, "/placed_at", o.PlacedAt, false)
	checkTime(f, "/updated_at", o.UpdatedAt, true)
	checkTime(f, "/paid_at", o.PaidAt, false)
	checkMoney(f, "/total", o.Total, o.Total.Currency)
	checkMoney(f, "/refunded", o.Refunded, o.Total.Currency)

	o.Customer.check(f)
	o.Billing.check(f, "/billing")
	o.Shipping.check(f, "/shipping")

	if len(o.Items) > MaxItems {
		f.add("/items", "has more than %d lines", MaxItems)
	}
	for i, it := range o.Items {
		at := fmt.Sprintf("/items/%d", i)
		checkText(f, at+"/id", it.ExternalID, MaxID)
		checkText(f, at+"/sku", it.SKU, MaxNumber)
		checkText(f, at+"/title", it.Title, MaxTitle)
		if it.Quantity < 0 {
			f.add(at+"/quantity", "must not be negative")
		}
		if it.UnitPrice.Currency != o.Total.Currency || tooLarge(it.UnitPrice.Minor) {
			checkMoney(f, at+"/unit_price", it.UnitPrice, o.Total.Currency)
		}
	}
}

func (c Customer) check(f *faults) {
	if len(c.Email) > MaxEmail {
		f.add("/customer/email", "is longer than %d bytes", MaxEmail)
	} else {
		checkText(f, "/customer/email", c.Email, MaxEmail)
	}
	checkText(f, "/customer/first_name", c.FirstName, MaxText)
	checkText(f, "/customer/last_name", c.LastName, MaxText)
	checkText(f, "/customer/company", c.Company, MaxText)
	checkText(f, "/customer/phone", c.Phone, MaxNumber)
	checkText(f, "/customer/id", c.ExternalID, MaxID)
	checkText(f, "/customer/language", c.Language, MaxNumber)
}

func (a Address) check(f *faults, at string) {
	checkText(f, at+"/first_name", a.FirstName, MaxText)
	checkText(f, at+"/last_name", a.LastName, MaxText)
	checkText(f, at+"/company", a.Company, MaxText)
	checkText(f, at+"/street", a.Street, MaxText)
	checkText(f, at+"/street2", a.Street2, MaxText)
	checkText(f, at+"/postcode", a.Postcode, MaxNumber)
	checkText(f, at+"/city", a.City, MaxText)
	checkText(f, at+"/region", a.Region, MaxText)
	checkText(f, at+"/phone", a.Phone, MaxNumber)
	if a.Country != "" && !isCountry(a.Country) {
		f.add(at+"/country", "must be two capitals of ISO 3166-1, like NL")
	}
}

func checkText(f *faults, at, s string, limit int) {
	// A limit in characters is at most four times as many bytes, so most texts
	// need no counting.
	if len(s) > limit && utf8.RuneCountInString(s) > limit {
		f.add(at, "is longer than %d characters", limit)
	}
	if !utf8.ValidString(s) {
		f.add(at, "is not valid UTF-8")
	}
}

func checkTime(f *faults, at string, t time.Time, required bool) {
	switch {
	case t.IsZero():
		if required {
			f.add(at, "is missing")
		}
	case t.Before(earliest) || !t.Before(latest):
		f.add(at, "must lie between 1990 and 2100")
	}
}

func checkMoney(f *faults, at string, m Money, currency string) {
	if f.has("/currency") {
		return // every amount would tell the same
	}
	if _, ok := Exponent(m.Currency); !ok {
		f.add(at, "has no currency of ISO 4217")
	} else if m.Currency != currency {
		f.add(at, "is not in the currency of the order")
	}
	if m.Minor < 0 {
		f.add(at, "must not be negative")
	} else if tooLarge(m.Minor) {
		f.add(at, "is too large")
	}
}

// isCountry reports whether s has the form of a code of ISO 3166-1 alpha-2.
// Whether it is assigned is not checked: the list changes and shops lag.
func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
