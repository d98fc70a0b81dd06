// Package mail is what the system writes to people: which mails there are, and
// what each needs. A mail is committed as an outbox item in the transaction of the
// change that causes it (timeline.Activity.Mail, or a store's own write); relay
// takes it from the table's stream to the mail queue, and mailer renders and
// sends it. Nothing else sends.
package mail

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"clientele/internal/domain/crm"
)

// Template names a mail.
type Template string

// The mails there are; Needs tells which values each must have.
const (
	// Invitation asks somebody to become a member of a site.
	Invitation Template = "invitation"
	// SignInCode gives a member a code to sign in with, and a link that does the same.
	SignInCode Template = "sign_in_code"
	// AddressCode gives a member a code that proves their new address, AddressChanged
	// tells the one before.
	AddressCode    Template = "address_code"
	AddressChanged Template = "address_changed"
	// ConfirmSubscription asks whether a person wants a newsletter (double opt-in). Its
	// link leads to a page that confirms by POST, as mail scanners follow links.
	ConfirmSubscription Template = "confirm_subscription"
	// AccessReady tells where the file is with all that a site knows of a person.
	AccessReady Template = "access_ready"
	// FromMember is what a member writes to a contact, with documents.
	FromMember Template = "message"
)

// Templates lists all of them.
var Templates = []Template{Invitation, SignInCode, AddressCode, AddressChanged, ConfirmSubscription, AccessReady, FromMember}

// Names of values. All are plain text; what a mail does not need it may have.
const (
	Name        = "name"        // how the reader is addressed
	Link        = "link"        // where the mail's button leads: https, or http on a laptop
	Code        = "code"        // to be typed over
	NewAddress  = "address"     // a member's new address, not in full
	By          = "by"          // name of the member who acts
	List        = "list"        // name of a newsletter list
	Subject     = "subject"     // of a member's message
	Text        = "text"        // of a member's message; blank lines part paragraphs
	Until       = "until"       // RFC 3339: when link or code ends
	Unsubscribe = "unsubscribe" // address that takes a one-click POST (RFC 8058)
)

var needs = map[Template][]string{
	Invitation:          {Link},
	SignInCode:          {Code},
	AddressCode:         {Code},
	AddressChanged:      {NewAddress},
	ConfirmSubscription: {Link, List},
	AccessReady:         {Link},
	FromMember:          {Subject, Text},
}

// Limits of a message.
const (
	MaxAttachments     = 10
	MaxAttachmentBytes = 10 << 20 // of all together; SES takes 40 MB of MIME
	MaxText            = 100 << 10
)

// Address is a mailbox with the name that stands before it.
type Address struct{ Email, Name string }

// Attachment is a file that goes along.
type Attachment struct {
	Name string
	Type string // media type
	Key  string // in the bucket
	Size int64
}

// Message is one mail to one person.
type Message struct {
	ID          string // given by the store; derived from the activity where there is one
	Template    Template
	Language    string // "nl" or "en"; empty: the site's
	To          Address
	ReplyTo     Address // empty: nobody reads answers
	Values      map[string]string
	Attachments []Attachment
	Contact     crm.ContactID // whom it is about; empty for mails to members
	// Group is what mails are kept in order by. Empty: the contact, else the address.
	Group     string
	CreatedAt time.Time
	Expires   time.Time // not sent after it; zero: never
}

// Check reports what would keep the message from being rendered or sent, in
// words without a value of it. A rule that makes a mail out of what people typed
// checks the values itself first, with words for them.
func (m *Message) Check() error {
	required, known := needs[m.Template]
	if !known {
		return fmt.Errorf("there is no mail %q", m.Template)
	}
	if _, err := crm.ParseEmail(m.To.Email); err != nil {
		return fmt.Errorf("mail %s: to: %w", m.Template, err)
	}
	if m.ReplyTo.Email != "" {
		if _, err := crm.ParseEmail(m.ReplyTo.Email); err != nil {
			return fmt.Errorf("mail %s: reply to: %w", m.Template, err)
		}
	}
	for _, name := range required {
		if strings.TrimSpace(m.Values[name]) == "" {
			return fmt.Errorf("mail %s: the value %s is missing", m.Template, name)
		}
	}
	for _, name := range []string{Link, Unsubscribe} {
		if v := m.Values[name]; v != "" && !strings.HasPrefix(v, "https://") && !strings.HasPrefix(v, "http://") {
			return fmt.Errorf("mail %s: the value %s is no web address", m.Template, name)
		}
	}
	if len(m.Values[Text]) > MaxText {
		return fmt.Errorf("mail %s: the text has more than %d bytes", m.Template, MaxText)
	}
	return checkAttachments(m)
}

func checkAttachments(m *Message) error {
	if len(m.Attachments) > MaxAttachments {
		return fmt.Errorf("mail %s: more than %d attachments", m.Template, MaxAttachments)
	}
	var sum int64
	for _, a := range m.Attachments {
		if a.Name == "" || a.Key == "" || a.Size < 0 {
			return fmt.Errorf("mail %s: an attachment needs a name and a key", m.Template)
		}
		sum += a.Size
	}
	if sum > MaxAttachmentBytes {
		return fmt.Errorf("mail %s: the attachments have more than %d bytes", m.Template, MaxAttachmentBytes)
	}
	return nil
}

// Class is what a mail is for, which decides whether an address may still get it.
type Class int

const (
	Service  Class = iota // answers what its reader asked for; always goes
	Personal              // from a person to a person
)

// Class is the template's. None is for many at once: newsletters come later, and
// with a class of their own.
func (t Template) Class() Class {
	if t == FromMember {
		return Personal
	}
	return Service
}

// Suppression is why a site may not write to an address.
type Suppression string

const (
	Unsubscribed Suppression = "unsubscribed"
	Bounced      Suppression = "bounced"
	Complained   Suppression = "complained"
	Erased       Suppression = "erased"
)

// Stops reports whether an address that is suppressed like this takes no mail of
// the class. Who left a newsletter may still be answered by a person.
func (s Suppression) Stops(c Class) bool {
	return c != Service && s != "" && s != Unsubscribed
}

// IDPrefix is what ids of messages begin with.
const IDPrefix = "ml_"

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Derive makes the id of a message from what caused it: the same cause always has
// the same message.
func Derive(cause ...string) string {
	h := sha256.New()
	for _, c := range cause {
		fmt.Fprintf(h, "%d:%s", len(c), c)
	}
	return IDPrefix + idEncoding.EncodeToString(h.Sum(nil)[:16])
}

// Order is the message's ordering key without what it is made of: a hash that
// names nobody.
func (m *Message) Order() string {
	switch {
	case m.Group != "":
		return Derive("group", m.Group)
	case m.Contact != "":
		return Derive("contact", string(m.Contact))
	}
	return Derive("address", crm.EmailKey(m.To.Email))
}
