package member

import (
	"crypto/subtle"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Team is all members of a site.
type Team struct{ Members []Member }

// MaxMembers is how many members a site may have, the invited included.
const MaxMembers = 100

// Clone copies what rules may change.
func (t Team) Clone() Team {
	t.Members = slices.Clone(t.Members)
	for i := range t.Members {
		m := &t.Members[i]
		m.Given, m.Taken = slices.Clone(m.Given), slices.Clone(m.Taken)
		if m.Invitation != nil {
			inv := *m.Invitation
			m.Invitation = &inv
		}
	}
	return t
}

// Find is the member of an id; crm.NotFound if the team has none.
func (t *Team) Find(id string) (*Member, error) {
	for i := range t.Members {
		if t.Members[i].ID == id {
			return &t.Members[i], nil
		}
	}
	return nil, crm.Errorf(crm.NotFound, "there is no such member on this site")
}

// owners counts who owns the site and can sign in.
func (t *Team) owners() (n int) {
	for _, m := range t.Members {
		if m.Role == Owner && m.State == Active {
			n++
		}
	}
	return n
}

// Wanted is a member to be invited, or what a member is to become.
type Wanted struct {
	Email        string
	Name         string
	Language     string
	Role         Role
	Given, Taken []site.Scope
}

// clean checks every field and reports all faults at once.
func (w *Wanted) clean(newcomer bool) error {
	var faults crm.Faults
	if newcomer {
		email, err := crm.ParseEmail(w.Email)
		if err != nil {
			faults.Add("/email", "%s", err)
		}
		w.Email = email
	}
	w.Name = strings.TrimSpace(w.Name)
	if utf8.RuneCountInString(w.Name) > 200 {
		faults.Add("/name", "a name has at most 200 characters")
	}
	if w.Language != "" && w.Language != "nl" && w.Language != "en" {
		faults.Add("/language", "the language is nl or en; empty means the site's")
	}
	if !slices.Contains(Roles, w.Role) {
		faults.Add("/role", "the role is owner, manager or viewer")
	}
	w.Given, w.Taken = known(w.Given, "/given", &faults), known(w.Taken, "/taken", &faults)
	for _, s := range w.Given {
		if slices.Contains(w.Taken, s) {
			faults.Add("/taken", "%s is both given and taken; leave it in one of them", s)
		}
	}
	if w.Role == Owner && len(w.Taken) > 0 {
		faults.Add("/taken", "an owner has every permission; make this member a manager to take some away")
	}
	return faults.Err()
}

// known sorts permissions and takes doubles out.
func known(scopes []site.Scope, pointer string, faults *crm.Faults) []site.Scope {
	var out []site.Scope
	for _, s := range scopes {
		if !slices.Contains(site.Scopes, s) {
			faults.Add(pointer, "there is no permission of this name; there are %s", ScopeNames())
		}
	}
	for _, s := range site.Scopes {
		if slices.Contains(scopes, s) {
			out = append(out, s)
		}
	}
	return out
}

// ScopeNames is all permissions in words.
func ScopeNames() string {
	names := make([]string, len(site.Scopes))
	for i, s := range site.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// MayGive refuses to hand on permissions that the actor does not have.
func MayGive(by site.Actor, scopes []site.Scope) error {
	var lacking []string
	for _, s := range scopes {
		if !by.Owner && !by.May(s) {
			lacking = append(lacking, string(s))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return crm.Errorf(crm.Forbidden, "nobody gives permissions that they lack themselves: %s", strings.Join(lacking, ", "))
}

// as is the actor as the team knows them now: a member's rights may have changed
// since the request was let in.
func (t *Team) as(by site.Actor) (site.Actor, error) {
	if by.Kind != site.ByMember {
		return by, nil
	}
	m, err := t.Find(by.ID)
	if err != nil || m.State != Active {
		return by, crm.Errorf(crm.Unauthorized, "you are no member of this site any more")
	}
	return m.Actor(by.Session), nil
}

// manager is the actor if they may deal with this member.
func (t *Team) manager(by site.Actor, id string) (site.Actor, error) {
	by, err := t.as(by)
	if err == nil && by.ID != id && !by.May(site.Members) {
		err = crm.Errorf(crm.Forbidden, "this needs the permission %s; ask an owner of the site for it", site.Members)
	}
	return by, err
}

var ownersOnly = crm.Errorf(crm.Forbidden, "only an owner makes, changes or removes an owner")

// Invite adds a member who has yet to accept. The first owner of a site that
// has none may be invited by an API key that may do everything.
func (t *Team) Invite(by site.Actor, w Wanted, id string, inv Invitation) (Member, error) {
	by, err := t.manager(by, id)
	if err != nil {
		return Member{}, err
	}
	if err := w.clean(true); err != nil {
		return Member{}, err
	}
	if w.Role == Owner && !by.Owner && t.owners() > 0 {
		return Member{}, ownersOnly
	}
	m := Member{ID: id, Email: w.Email, Name: w.Name, Language: w.Language, Role: w.Role, Given: w.Given, Taken: w.Taken,
		State: Invited, Invitation: &inv, CreatedAt: inv.SentAt, Version: 1}
	if err := MayGive(by, m.Scopes()); err != nil {
		return Member{}, err
	}
	for _, other := range t.Members {
		if crm.EmailKey(other.Email) == crm.EmailKey(w.Email) {
			if other.State == Invited {
				return Member{}, crm.Errorf(crm.Conflict, "this address has been invited already (%s); send the invitation again, or withdraw it first", other.ID)
			}
			return Member{}, crm.Errorf(crm.Conflict, "this address is a member already (%s); change that member", other.ID)
		}
	}
	if len(t.Members) >= MaxMembers {
		return Member{}, crm.Errorf(crm.Conflict, "a site has at most %d members; remove one first", MaxMembers)
	}
	t.Members = append(t.Members, m)
	return m, nil
}

// Resend gives an invited member a new invitation; the link of the one before
// opens nothing any more.
func (t *Team) Resend(by site.Actor, id string, inv Invitation) (Member, error) {
	by, err := t.manager(by, id)
	if err != nil {
		return Member{}, err
	}
	m, err := t.Find(id)
	if err != nil {
		return Member{}, err
	}
	if m.State != Invited {
		return Member{}, crm.Errorf(crm.Conflict, "this member has joined; there is nothing to send again")
	}
	if m.Role == Owner && !by.Owner && t.owners() > 0 {
		return Member{}, ownersOnly
	}
	m.Invitation = &inv
	m.Version++
	return *m, nil
}

// ErrInvitation is the answer to every invitation that cannot be accepted, whatever the reason.
var ErrInvitation = crm.Errorf(crm.Gone, "this invitation was used, withdrawn or is older than 7 days; sign in with your address if you accepted it, else ask for a new one")

// CheckInvitation is the member whom a token invites.
func (t *Team) CheckInvitation(id, token string, now time.Time) (*Member, error) {
	m, err := t.Find(id)
	if err != nil || m.State != Invited || m.Invitation == nil || !now.Before(m.Invitation.Expires) ||
		subtle.ConstantTimeCompare([]byte(m.Invitation.Hash), []byte(site.Hash(token))) != 1 {
		return nil, ErrInvitation
	}
	return m, nil
}

// Accept makes an invited member an active one; the token works once.
func (t *Team) Accept(id, token, name string, now time.Time) (Member, error) {
	m, err := t.CheckInvitation(id, token, now)
	if err != nil {
		return Member{}, err
	}
	if name = strings.TrimSpace(name); name != "" {
		m.Name = name
	}
	m.State, m.Invitation, m.JoinedAt, m.SeenAt = Active, nil, now, now
	m.Version++
	return *m, nil
}

// Change is what of a member is to be changed; a nil field stays.
type Change struct {
	Name         *string
	Language     *string
	Role         *Role
	Given, Taken *[]site.Scope
}

// Change changes a member, and tells which fields did. check sees the member as
// it stands. A member changes their own name and language without any permission.
func (t *Team) Change(by site.Actor, id string, c Change, check func(Member) error) (Member, []string, error) {
	by, err := t.manager(by, id)
	if err != nil {
		return Member{}, nil, err
	}
	m, err := t.Find(id)
	if err != nil {
		return Member{}, nil, err
	}
	if err := check(*m); err != nil {
		return Member{}, nil, err
	}
	w := Wanted{Name: m.Name, Language: m.Language, Role: m.Role, Given: m.Given, Taken: m.Taken}
	set(&w.Name, c.Name)
	set(&w.Language, c.Language)
	set(&w.Role, c.Role)
	set(&w.Given, c.Given)
	set(&w.Taken, c.Taken)
	if err := w.clean(false); err != nil {
		return Member{}, nil, err
	}
	next := *m
	next.Name, next.Language, next.Role, next.Given, next.Taken = w.Name, w.Language, w.Role, w.Given, w.Taken
	var changed []string
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"name", next.Name != m.Name}, {"language", next.Language != m.Language}, {"role", next.Role != m.Role},
		{"given", !slices.Equal(next.Given, m.Given)}, {"taken", !slices.Equal(next.Taken, m.Taken)},
	} {
		if f.differs {
			changed = append(changed, f.name)
		}
	}
	if len(changed) == 0 {
		return *m, nil, nil
	}
	if (m.Role == Owner || next.Role == Owner) && !by.Owner {
		return Member{}, nil, ownersOnly
	}
	var gained []site.Scope
	for _, s := range next.Scopes() {
		if !slices.Contains(m.Scopes(), s) {
			gained = append(gained, s)
		}
	}
	if err := MayGive(by, gained); err != nil {
		return Member{}, nil, err
	}
	if m.Role == Owner && next.Role != Owner {
		if err := t.keepsOwner(m); err != nil {
			return Member{}, nil, err
		}
	}
	next.Version++
	*m = next
	return next, changed, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// keepsOwner refuses to lose the last owner who can sign in.
func (t *Team) keepsOwner(leaving *Member) error {
	if leaving.Role == Owner && leaving.State == Active && t.owners() == 1 {
		return crm.Errorf(crm.Conflict, "a site always keeps an owner who can sign in; make somebody else owner first")
	}
	return nil
}

// Remove takes a member out, or withdraws an invitation. Sessions end with it.
func (t *Team) Remove(by site.Actor, id string, check func(Member) error) (Member, error) {
	by, err := t.manager(by, id)
	if err != nil {
		return Member{}, err
	}
	m, err := t.Find(id)
	if err != nil {
		return Member{}, err
	}
	if err := check(*m); err != nil {
		return Member{}, err
	}
	if m.Role == Owner && !by.Owner && t.owners() > 0 {
		return Member{}, ownersOnly
	}
	if err := t.keepsOwner(m); err != nil {
		return Member{}, err
	}
	gone := *m
	t.Members = slices.DeleteFunc(t.Members, func(m Member) bool { return m.ID == id })
	return gone, nil
}
