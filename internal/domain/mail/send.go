package mail

import (
	"context"
	"errors"

	"clientele/internal/domain/crm"
)

// House is who writes: the site, as its readers see it.
type House struct {
	Site     crm.SiteID
	Name     string
	Language string // of mails that have none
}

// File is an attachment with what is in it.
type File struct {
	Attachment
	Content []byte
}

// Sender renders and sends one mail.
type Sender interface {
	// Send returns the sending service's id of the mail as soon as that has taken it.
	// A *RefusedError means that it never will; any other error may pass.
	Send(ctx context.Context, h House, m Message, files []File) (ref string, err error)
}

// RefusedError is why a mail can never be sent, in words without personal data.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the mail was refused: " + e.Reason }

// RefusedReason is the reason of a *RefusedError; ok is false for other errors.
func RefusedReason(err error) (reason string, ok bool) {
	var r *RefusedError
	if errors.As(err, &r) {
		return r.Reason, true
	}
	return "", false
}

// Reference is what travels on the mail queue: which mail of which site, and
// what it is kept in order with.
type Reference struct {
	Site  crm.SiteID
	ID    string
	Order string // Message.Order
	Again int64  // how often a person asked to try it again
}
