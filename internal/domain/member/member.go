// Package member is who works for a site, and how they get in: members with a
// role and single permissions, invitations, sign-in by a mailed code, sessions.
//
// A member is of one site; who works for several is a member of each, found by
// the address. All rules about members see the whole [Team], since one of them
// is about all: a site always keeps an owner.
package member

import (
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Role is what a member may do, before single permissions are given or taken.
type Role string

const (
	Owner   Role = "owner"   // everything, always
	Manager Role = "manager" // the whole book and the settings, but neither people nor keys
	Viewer  Role = "viewer"  // look, and change nothing
)

// Roles lists all of them.
var Roles = []Role{Owner, Manager, Viewer}

var roleScopes = map[Role][]site.Scope{
	Owner:   site.Scopes,
	Manager: {site.ContactsRead, site.ContactsWrite, site.MessagesSend, site.ContactsImport, site.ContactsExport, site.Settings},
	Viewer:  {site.ContactsRead},
}

// Scopes are the permissions that a role has by itself.
func (r Role) Scopes() []site.Scope { return slices.Clone(roleScopes[r]) }

// State is how far a member is.
type State string

const (
	Invited State = "invited" // has a mail, and no rights yet
	Active  State = "active"
)

// Member works for a site.
type Member struct {
	ID           string // "mb_…", by chance, so that nobody comes back to an old one's sessions
	Email        string
	Name         string
	Language     string // "nl" or "en"; empty: the site's
	Role         Role
	Given, Taken []site.Scope // beyond the role, and not in spite of it
	State        State
	Invitation   *Invitation // while invited
	CreatedAt    time.Time
	JoinedAt     time.Time // zero while invited
	SeenAt       time.Time // of the last request, to the hour
	Version      int64
}

// Invitation is what an invited member still has to accept.
type Invitation struct {
	Hash    string // of the token in the mail
	By      string // the actor who sent it
	SentAt  time.Time
	Expires time.Time
}

// InvitationFor is how long an invitation can be accepted.
const InvitationFor = 7 * 24 * time.Hour

// Scopes are the permissions that the member has, in the order of site.Scopes.
func (m Member) Scopes() []site.Scope {
	var out []site.Scope
	for _, s := range site.Scopes {
		if (slices.Contains(roleScopes[m.Role], s) || slices.Contains(m.Given, s)) && !slices.Contains(m.Taken, s) {
			out = append(out, s)
		}
	}
	return out
}

// Actor is the member as the one who asks, with one of their sessions.
func (m Member) Actor(session string) site.Actor {
	a := site.Actor{ID: m.ID, Name: m.Name, Kind: site.ByMember, Scopes: m.Scopes(), Owner: m.Role == Owner, Session: session, Email: m.Email}
	if a.Name == "" {
		a.Name = m.Email
	}
	return a
}

// A credential of a member is "<prefix><site>_<member>_<64 hex digits>".
const (
	sessionPrefix    = "cs_"
	invitationPrefix = "ci_"
	signInPrefix     = "si_"
	movePrefix       = "em_"
	idPrefix         = "mb_"
)

// NewID makes the id of a member of random bytes.
func NewID(random [16]byte) string { return idPrefix + encoding.EncodeToString(random[:]) }

func validID(id string) bool {
	rest, ok := strings.CutPrefix(id, idPrefix)
	return ok && isDigest(rest)
}

// Token is the credential of a session.
func (s Session) Token(of crm.SiteID, secret [32]byte) string {
	return sessionPrefix + string(of) + "_" + s.Member + "_" + hex.EncodeToString(secret[:])
}

// InvitationToken is what the link of an invitation carries.
func InvitationToken(of crm.SiteID, member string, secret [32]byte) string {
	return invitationPrefix + string(of) + "_" + member + "_" + hex.EncodeToString(secret[:])
}

// IsSession reports whether a credential claims to be one of a session.
func IsSession(credential string) bool { return strings.HasPrefix(credential, sessionPrefix) }

// ParseSession is the site, the member and the session that a credential claims to be of.
func ParseSession(credential string) (of crm.SiteID, member, session string, ok bool) {
	of, member, ok = parseToken(sessionPrefix, credential)
	return of, member, sessionID(credential), ok
}

// ParseInvitation is the site and the member that an invitation's token claims to be for.
func ParseInvitation(token string) (of crm.SiteID, member string, ok bool) {
	return parseToken(invitationPrefix, token)
}

func parseToken(prefix, token string) (of crm.SiteID, member string, ok bool) {
	rest, ok := strings.CutPrefix(token, prefix)
	if !ok || len(rest) > 160 {
		return "", "", false
	}
	s, rest, _ := strings.Cut(rest, "_")
	at := strings.LastIndexByte(rest, '_')
	if at < 0 || !isSecret(rest[at+1:]) {
		return "", "", false
	}
	of, member = crm.SiteID(s), rest[:at]
	return of, member, of.Valid() && validID(member)
}

func isSecret(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == s
}

// Session is a sign-in that lasts.
type Session struct {
	ID        string // "se_…", derived from the token; opens nothing by itself
	Member    string
	Hash      string // site.Hash of the token
	Agent     string // what the browser called itself
	CreatedAt time.Time
	SeenAt    time.Time // of the last request, to the hour
}

// A session ends without use, and for good; see docs/decisions.
const (
	SessionIdle = 7 * 24 * time.Hour
	SessionFor  = 30 * 24 * time.Hour
)

// NewSession makes a session and its token, which is kept nowhere.
func NewSession(of crm.SiteID, m string, secret [32]byte, agent string, now time.Time) (Session, string) {
	s := Session{Member: m, Agent: short(agent, 200), CreatedAt: now, SeenAt: now}
	token := s.Token(of, secret)
	s.ID, s.Hash = sessionID(token), site.Hash(token)
	return s, token
}

func sessionID(token string) string { return "se_" + digest("session", token) }

// Ends is when the session ends if nobody uses it.
func (s Session) Ends() time.Time {
	end, idle := s.CreatedAt.Add(SessionFor), s.SeenAt.Add(SessionIdle)
	if idle.Before(end) {
		return idle
	}
	return end
}

// Opens reports whether a token is the session's and the session is not over.
func (s Session) Opens(token string, now time.Time) bool {
	return subtle.ConstantTimeCompare([]byte(s.Hash), []byte(site.Hash(token))) == 1 && now.Before(s.Ends())
}

// short cuts a text that anybody may have written.
func short(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}
