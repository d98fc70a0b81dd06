// Package timeline is what happened to a contact, one [Activity] a happening.
// Activities are written in the transaction of the change that they tell of and
// are never changed by the system afterwards, so they double as the event log.
package timeline

import (
	"time"

	"clientele/internal/domain/mail"
)

// Kind is the sort of happening.
type Kind string

const (
	Form        Kind = "form"    // a submission; Values are its fields
	Order       Kind = "order"   // an order came or changed; Ref is "source:id"
	Payment     Kind = "payment" // a payment, invoice or reservation came or changed; Ref is "kind:source:id"
	Invoice     Kind = "invoice"
	Reservation Kind = "reservation" // an appointment
	Status      Kind = "status"      // Values: from, to, why
	Edit        Kind = "edit"        // a member or the API changed fields; Changed names them
	Tags        Kind = "tags"        // Values: added and removed, one each
	Consent     Kind = "consent"     // the evidence of a consent, see contact.Proof; nothing changes it
	Group       Kind = "group"       // Values: from, to; empty for none
	Note        Kind = "note"        // a member wrote it
	Mail        Kind = "mail"        // a message to the contact
	Import      Kind = "import"      // a file changed a contact that was there; Ref is the job, Changed names what, Values tell of status and tags
	Merge       Kind = "merge"       // others went into this contact; Ref is the merge, Values what each of them said, as "<id>.<field>"
	Unmerge     Kind = "unmerge"     // a merge was undone; Ref is the merge, Values its primary or its others
	Created     Kind = "created"     // derived from the contact's origin, never stored; of an import the source is "import:job"
)

// Kinds lists all of them.
var Kinds = []Kind{Form, Order, Payment, Invoice, Reservation, Status, Edit, Tags, Consent, Group, Note, Mail, Import, Merge, Unmerge, Created}

// Activity is one entry of a timeline.
type Activity struct {
	ID      string    // ULID, given by the store; sorts by At.
	At      time.Time // UTC, milliseconds
	Kind    Kind
	Source  string   // see contact.Origin
	By      string   // the member or API key who did it; empty where a source did
	Ref     string   // what it is about, for example an order's "source:id"
	Changed []string // names of fields that changed
	Values  []Value  // what was said, in its order
	Entry   *Entry   // of a note or a message: what a member wrote
	Pinned  bool     // known when read, never kept here
	Open    bool     // a request that nobody has seen to; known when read, never kept here
	// Once: the id was given, and where it is there already, what this activity tells
	// of was done before; see contact.Book.Change.
	Once bool
	// Mail goes out if and only if the activity is committed; it is not kept with it.
	Mail *mail.Message
}

// Value is the text of a name, "" if there is none.
func (a Activity) Value(name string) string {
	for _, v := range a.Values {
		if v.Name == name {
			return v.Text
		}
	}
	return ""
}

// Value is one named text of an activity.
type Value struct{ Name, Text string }
