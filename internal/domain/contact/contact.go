// Package contact is the heart of the book: what a contact is and every rule
// about how it changes. Form, order, import, member and API all change a
// contact through the functions here, so that each rule stands once.
//
// The rules are pure: they take a contact and what somebody says about it
// ([Facts], [Patch]) and change the contact in memory. A [Book] applies them to
// the stored contact in one transaction and repeats them when another writer
// came between, so a rule never does anything but change its argument.
package contact

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"clientele/internal/domain/crm"
)

// Contact is one person in a site's book.
type Contact struct {
	ID      crm.ContactID
	Version int64 // rises by one with each change; the ETag

	Email       string   // main address as given; empty for a contact without one
	Emails      []string // further addresses, which find the contact as well
	ExternalIDs []string // "source:id" in other systems
	Details
	Status       Status
	StatusManual bool                // a member chose the status; automation leaves it alone
	Firsts       map[Event]time.Time // when each was first seen
	Tags         []string
	Avatar       string  // id of the file with their picture, see document
	Consent      Consent // to e-mail
	Figures      Figures
	Open         []string // ids of the requests that nobody has seen to, oldest first
	Origin       Origin
	Lock         *Lock
	Offers       map[string]Offer     // what sources said about locked units, by name of the unit
	Decided      map[string]time.Time // by name of a unit: when a member last chose what stands in it
	Merged       []crm.ContactID      // those that were merged into this one, first merged first
	CreatedAt    time.Time            // UTC, microseconds
	UpdatedAt    time.Time

	ConsentMark   Mark                 // since when Consent is so, and what said it; zero: as the contact came
	Channels      map[Channel]Standing // the other channels, where something was said
	Subscriptions []Subscription       // to newsletter lists, by list id
	AskedAt       time.Time            // when the person was last asked by mail to confirm

	AsOf   Stamp            // how fresh every field is that Stamps does not name
	Stamps map[string]Stamp // freshness by field name, see Enrich
	Import *ImportMark      // the last import that wrote this contact
}

// Details are the fields that tell about the person, and their customer group. A
// member's edit of any of them locks them against sources; that of the group, itself alone.
type Details struct {
	FirstName, LastName string
	Company             string
	Phone, Mobile       string   // E.164 where readable, else as typed
	Phones              []string // further ones, each once and in their own order; never changed in place
	Website             string
	Language            string // BCP 47, e.g. "nl" or "nl-BE"
	BirthDate           string // YYYY-MM-DD
	Gender              string
	VATNumber           string // as its country writes it where readable, else as typed
	FiscalNumber        string
	PreferredChannel    string // how the person likes to be reached, one of Channels
	Note                string // a remark, plain text
	Group               string // id of the customer group, at most one; of sources only a file of the owner says so
	Address             Address
	BillingAddress      Address
	ShippingAddress     Address
	Custom              map[string]string // values of the site's own fields by key; see FieldDef. Never changed in place
}

// Address is a postal address. Country is an ISO 3166-1 alpha-2 code where it
// is known, else the name as given.
type Address struct {
	Street, Street2, Postcode, City, Region, Country string
}

// Origin tells where a contact came from, once and for all.
type Origin struct {
	Source string // "member", "api", "form:<id>", "import:<job>", "<source id>" of a webshop
	By     string // the member or API key that made it by hand
	Visit  Visit  // how the person came to the site
	At     time.Time
}

// ImportMark lets an import recognise its own work when a message comes twice.
type ImportMark struct {
	Job     string
	Row     int  // the first row of the file that wrote here
	Created bool // that row made the contact
}

// Channels are the ways to reach a person that they may prefer.
var Channels = []string{"email", "phone", "sms", "whatsapp", "post"}

// Limits of one contact.
const (
	MaxTags     = 250 // whatever a site sets
	DefaultTags = 50  // where it sets nothing
	MaxTag      = 100 // characters
	MaxEmails   = 10
	MaxExternal = 20
	MaxPhones   = 10 // besides phone and mobile
)

// Identities are what the contact is known by, the main address first, each once.
func (c *Contact) Identities() []crm.Identity {
	ids := make([]crm.Identity, 0, 1+len(c.Emails)+len(c.ExternalIDs))
	add := func(id crm.Identity) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if c.Email != "" {
		add(crm.EmailIdentity(c.Email))
	}
	for _, e := range c.Emails {
		add(crm.EmailIdentity(e))
	}
	for _, x := range c.ExternalIDs {
		add(crm.Identity{Kind: crm.ByExternal, Value: x})
	}
	return ids
}

// IDs are the ids that the contact's timeline and orders are kept under: its own,
// and those of the contacts that went into it.
func (c *Contact) IDs() []crm.ContactID {
	return append([]crm.ContactID{c.ID}, c.Merged...)
}

// Clone is a deep copy: a rule may run twice on the same stored contact.
func (c Contact) Clone() Contact {
	c.Emails = slices.Clone(c.Emails)
	c.ExternalIDs = slices.Clone(c.ExternalIDs)
	c.Tags = slices.Clone(c.Tags)
	if c.Lock != nil {
		l := *c.Lock
		l.Fields = maps.Clone(l.Fields)
		c.Lock = &l
	}
	c.Firsts = maps.Clone(c.Firsts)
	c.Channels = maps.Clone(c.Channels)
	c.Subscriptions = slices.Clone(c.Subscriptions)
	c.Offers = maps.Clone(c.Offers)
	c.Decided = maps.Clone(c.Decided)
	c.Merged = slices.Clone(c.Merged)
	if c.Import != nil {
		m := *c.Import
		c.Import = &m
	}
	c.Figures = c.Figures.clone()
	c.Open = slices.Clone(c.Open)
	c.Stamps = maps.Clone(c.Stamps)
	return c
}

// FullName is first and last name with one blank between.
func (d *Details) FullName() string {
	return strings.TrimSpace(d.FirstName + " " + d.LastName)
}

// SplitName divides a full name where only one field was given: the first word
// is the first name, the rest (with its "van der") the last name. "Jansen, Jan"
// is turned round.
func SplitName(full string) (first, last string) {
	full = strings.Join(strings.Fields(full), " ")
	if l, f, ok := strings.Cut(full, ", "); ok && !strings.Contains(f, ",") && f != "" && l != "" {
		return f, l
	}
	first, last, _ = strings.Cut(full, " ")
	return first, last
}

// Trim takes the blanks off that a file or form may have around a value: all of
// Unicode's, and the two that are invisible (zero-width space, byte-order mark).
func Trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' })
}
