package mail

import (
	"context"
	"time"

	"clientele/internal/domain/crm"
)

// State is how a mail ended.
type State string

const (
	Sent       State = "sent"
	Refused    State = "refused"    // it can never be sent; Reason says why
	Expired    State = "expired"    // its time was over before it could be sent
	Suppressed State = "suppressed" // its address takes no such mail
)

// Outcome is how a mail ended, without personal data.
type Outcome struct {
	State  State
	Reason string
	Ref    string // the sending service's id of it
	At     time.Time
}

// Outbox is where committed mails wait, and where it is marked how they ended.
type Outbox interface {
	// Take gives a mail to one sender until a moment; a sender that died loses it
	// then. ok is false if nothing is left to do: it ended, or is gone. crm.Busy
	// while another sender has it; crm.Malformed if this release cannot read it.
	Take(ctx context.Context, site crm.SiteID, id string, now, until time.Time) (m Message, ok bool, err error)
	// Release gives a taken mail back at once.
	Release(ctx context.Context, site crm.SiteID, id string) error
	// Close marks how a mail ended and removes what it said and to whom. The mark
	// stays for as long as a message on any queue may ask for the mail again.
	Close(ctx context.Context, site crm.SiteID, id string, o Outcome) error
}
