package mail

import (
	"time"

	"clientele/internal/domain/crm"
)

// Report is what came back of a mail: it cannot be delivered, ever, or its reader
// calls it spam.
type Report struct {
	Site  crm.SiteID
	Mail  string      // the message's id; empty if it is not known
	Why   Suppression // Bounced or Complained
	Email string
	At    time.Time
}
