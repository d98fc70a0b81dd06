// Package relay is what the table's stream says: which mail was committed, what
// an actor did, and which file nobody has any more. The stream is read by one function, relay, so that nothing
// leaves the house that was not committed.
package relay

import (
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// Change is what follows from one committed write; most ask for nothing.
type Change struct {
	Site  crm.SiteID
	Mail  *mail.Reference
	Audit *audit.Entry
	Files []string // keys in the bucket, to be removed
}

// PoisonError is a record that no try will make readable. It goes to the dead
// letters, and those behind it go on.
type PoisonError struct{ Reason string }

func (e *PoisonError) Error() string { return "the record cannot be read: " + e.Reason }

// Done is the row of the audit log for an activity; ok is false for what no actor did.
func Done(c crm.ContactID, a timeline.Activity) (audit.Entry, bool) {
	kind, ok := actor(a.By)
	if !ok {
		return audit.Entry{}, false
	}
	e := audit.Entry{ID: audit.DeriveID(a.At, string(c), a.ID), At: a.At, By: a.By, Kind: kind,
		Action: audit.ContactChanged, Object: string(c), Fields: a.Changed}
	if a.Kind != timeline.Edit {
		e.Fields = append([]string{string(a.Kind)}, a.Changed...)
	}
	switch a.Kind {
	case timeline.Merge:
		e.Action = audit.ContactMerged
	case timeline.Unmerge:
		e.Action = audit.ContactParted
	}
	return e, true
}

// Made is the row for a contact that an actor made.
func Made(c crm.ContactID, by string, at time.Time) (audit.Entry, bool) {
	kind, ok := actor(by)
	if !ok {
		return audit.Entry{}, false
	}
	return audit.Entry{ID: audit.DeriveID(at, string(c), "made"), At: at, By: by, Kind: kind, Action: audit.ContactCreated, Object: string(c)}, true
}

// Ended is the row for a contact that an actor deleted.
func Ended(c crm.ContactID, by string, at time.Time) (audit.Entry, bool) {
	kind, ok := actor(by)
	if !ok {
		return audit.Entry{}, false
	}
	return audit.Entry{ID: audit.DeriveID(at, string(c), "ended"), At: at, By: by, Kind: kind, Action: audit.ContactDeleted, Object: string(c)}, true
}

// actor is what sort of actor has an id.
func actor(id string) (site.ActorKind, bool) {
	switch {
	case strings.HasPrefix(id, "key_"):
		return site.ByAPIKey, true
	case strings.HasPrefix(id, "mb_"):
		return site.ByMember, true
	}
	return "", false
}
