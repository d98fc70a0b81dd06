package site

import "slices"

// Scope is one permission, of an API key or a member.
type Scope string

const (
	ContactsRead   Scope = "contacts.read"
	ContactsWrite  Scope = "contacts.write" // also deleting and merging
	MessagesSend   Scope = "messages.send"  // write to contacts in the name of the site
	ContactsImport Scope = "contacts.import"
	ContactsExport Scope = "contacts.export"
	Prices         Scope = "prices.read" // what a contact's group pays: for shops
	Settings       Scope = "settings"    // of the site; its forms and shop connections
	Members        Scope = "members"     // who works here, with which rights
	Keys           Scope = "keys"        // API keys
	Audit          Scope = "audit"       // read who did what
)

// Scopes lists all of them.
var Scopes = []Scope{ContactsRead, ContactsWrite, MessagesSend, ContactsImport, ContactsExport, Prices, Settings, Members, Keys, Audit}

// ActorKind is what sort of credential somebody came with.
type ActorKind string

const (
	ByAPIKey ActorKind = "key"
	ByMember ActorKind = "member"
	BySystem ActorKind = "system" // the site's own automation; it has no credential
)

// Actor is who asks, proved by the credential of the request.
type Actor struct {
	ID     string // "key_…" or "mb_…": for locks, timelines and the audit log
	Name   string
	Kind   ActorKind
	Scopes []Scope
	Owner  bool // a member who owns the site
	// Session is the id of the session that a member came with.
	Session string
	Email   string // a member's, proved at the invitation; empty for others
}

// May reports whether the actor has a permission.
func (a Actor) May(s Scope) bool { return slices.Contains(a.Scopes, s) }

// Signature is the name that a mail may tell its reader: none for an API key, whose
// name is for those who work for the site alone.
func (a Actor) Signature() string {
	if a.Kind == ByAPIKey {
		return ""
	}
	return a.Name
}

// Source is what the actor's own changes stand under; see contact.Origin.
func (a Actor) Source() string {
	if a.Kind == ByMember {
		return "member"
	}
	return "api"
}
