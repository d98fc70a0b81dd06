// Package audit is the site's log of who did what: who changed settings, members
// and keys, who exported and imported. It only grows: rows
// are written once, in the transaction of the change that they tell of (or, for
// contacts, derived from the committed change by relay), and nothing changes or
// removes them. A row names fields and ids and never holds a value of them, so
// that it can outlive an erasure.
package audit

import (
	"crypto/sha256"
	"time"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/site"
)

// Action names what was done, "<noun>.<past participle>".
type Action string

// The actions there are. More may come, so readers take any.
const (
	MemberInvited      Action = "member.invited"
	InvitationResent   Action = "invitation.resent"
	InvitationWithdraw Action = "invitation.withdrawn"
	MemberJoined       Action = "member.joined"
	MemberChanged      Action = "member.changed"
	MemberRemoved      Action = "member.removed"
	MemberLeft         Action = "member.left"
	SessionStarted     Action = "session.started"
	SessionEnded       Action = "session.ended"

	KeyCreated Action = "key.created"
	KeyChanged Action = "key.changed"
	KeyRevoked Action = "key.revoked"

	SettingsChanged Action = "settings.changed"
	FormCreated     Action = "form.created"
	FormChanged     Action = "form.changed"
	FormDeleted     Action = "form.deleted"
	SourceCreated   Action = "source.created"
	SourceChanged   Action = "source.changed"
	SourceDeleted   Action = "source.deleted"
	SourceRotated   Action = "source.secret_rotated"

	ContactCreated Action = "contact.created"
	ContactChanged Action = "contact.changed"
	ContactMerged  Action = "contact.merged"
	ContactParted  Action = "contact.unmerged"
	ContactDeleted Action = "contact.deleted"
	NoteChanged    Action = "note.changed"
	NoteDeleted    Action = "note.deleted"
	ContactErased  Action = "contact.erased"
	AccessFileMade Action = "contact.access_file_made"

	AccessRequested  Action = "contact.access_requested"
	AccessDownloaded Action = "contact.access_downloaded"

	ImportStarted    Action = "import.started"
	ImportCancelled  Action = "import.cancelled"
	ImportUndone     Action = "import.undone"
	ExportStarted    Action = "export.started"
	ExportDownloaded Action = "export.downloaded"
	BulkStarted      Action = "bulk.started"
)

// Entry is one row.
type Entry struct {
	ID      string    // ULID; given by the store where it is empty, see DeriveID
	At      time.Time // UTC
	By      string    // id of the actor
	Name    string    // the actor's name at that time
	Kind    site.ActorKind
	Action  Action
	Object  string   // id of what it was done to
	Fields  []string // names of the fields that changed; never their values
	Request string   // id of the request
}

// Note makes an entry of an actor.
func Note(by site.Actor, request string, at time.Time, a Action, object string, fields ...string) Entry {
	return Entry{At: at, By: by.ID, Name: by.Name, Kind: by.Kind, Action: a, Object: object, Fields: fields, Request: request}
}

// DeriveID makes the id of an entry from what it tells of, so that telling it
// twice is one row.
func DeriveID(at time.Time, cause ...string) string {
	h := sha256.New()
	for _, c := range cause {
		h.Write([]byte(c))
		h.Write([]byte{0})
	}
	var id ulid.ULID
	// Neither can fail: the moment is after 1970 and before 10889, the entropy has ten bytes.
	_ = id.SetTime(ulid.Timestamp(at))
	_ = id.SetEntropy(h.Sum(nil)[:10])
	return id.String()
}

// Filter says which entries are asked for; what is zero does not narrow.
type Filter struct {
	By     string
	Action Action
	Object string
	From   time.Time // inclusive
	Until  time.Time // exclusive
}

// Has reports whether an entry passes, its moment aside: the store reads by it.
func (f Filter) Has(e Entry) bool {
	return (f.By == "" || f.By == e.By) && (f.Action == "" || f.Action == e.Action) && (f.Object == "" || f.Object == e.Object)
}
