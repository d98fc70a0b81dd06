package member

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/quota"
	"clientele/internal/domain/site"
)

// Membership says that a person is a member of a site. The site decides: one
// whose member is gone counts for nothing.
type Membership struct {
	Site   crm.SiteID
	Member string
}

// Outcome is what is committed together with a change of a team: an entry of the
// audit log, and what else is not nil.
type Outcome struct {
	Entry   audit.Entry
	Mail    *mail.Message
	Session *Session
}

// Store keeps teams, persons and what is under way. Reads are strongly consistent.
type Store interface {
	// Team is all members of a site.
	Team(ctx context.Context, id crm.SiteID) (Team, error)
	// ChangeTeam applies a rule to a site's team and commits what it changed with
	// its outcome, all or nothing. It repeats the rule if another change came
	// between, so the rule only touches its argument. Nothing is written where an
	// outcome has no action. With once, the id that the rule returns is kept
	// under it, and a repeated request changes nothing and gets that id.
	ChangeTeam(ctx context.Context, id crm.SiteID, once *contact.Once, rule func(*Team) (string, Outcome, error)) (made string, replayed bool, err error)
	// Member is a site with one member; crm.NotFound if it has none of that id.
	Member(ctx context.Context, id crm.SiteID, member string) (site.Site, Member, error)
	// StartSession and EndSession commit with their entry. Ending one that is not there is crm.NotFound.
	StartSession(ctx context.Context, id crm.SiteID, s Session, e audit.Entry) error
	EndSession(ctx context.Context, id crm.SiteID, member, session string, e audit.Entry) error
	Sessions(ctx context.Context, id crm.SiteID, member string) ([]Session, error)
	// SendMail commits a mail of a site.
	SendMail(ctx context.Context, id crm.SiteID, m mail.Message) error

	// Memberships, at most 100, Join and Leave are about a person across sites. To
	// join again is to join once; to leave takes only the very membership away.
	Memberships(ctx context.Context, p Person) ([]Membership, error)
	Join(ctx context.Context, p Person, m Membership) error
	Leave(ctx context.Context, p Person, m Membership) error
	// PutSignIn keeps a sign-in that waits for its code, TrySignIn applies a try to
	// it and stores what came of it before it answers: of tries at one moment each
	// sees the others. crm.NotFound if there is none.
	PutSignIn(ctx context.Context, p Person, s SignIn) error
	TrySignIn(ctx context.Context, p Person, id string, try func(*SignIn) error) error
	// PretendMail makes the calls that Member and SendMail make, for a person
	// who is a member nowhere, so that their absence cannot be told by the time it takes.
	PretendMail(ctx context.Context, p Person, now time.Time) error

	// PersonMay and ClientMay count a call against a limit: 0 if it is within, else
	// how long to wait until one is.
	PersonMay(ctx context.Context, p Person, l quota.Limit, now time.Time) (wait time.Duration, err error)
	ClientMay(ctx context.Context, c Client, l quota.Limit, now time.Time) (wait time.Duration, err error)
}

// How often codes may be asked for and tried. Five codes an hour with five tries
// each leave whoever guesses at an address a chance of one in four million an hour.
var (
	CodesPerPerson = quota.Limit{Name: "codes", Burst: 5, Window: time.Hour}
	CodesPerClient = quota.Limit{Name: "codes", Burst: 10, Window: 2 * time.Minute}
	TriesPerClient = quota.Limit{Name: "tries", Burst: 30, Window: 2 * time.Minute}
)

// SignIn waits for its code.
type SignIn struct {
	ID      string // hash of the handle
	Code    string // HMAC of the code under the handle's secret, which is kept nowhere
	Expires time.Time
	Tries   int
	Used    bool
}

// CodeFor is how long a code works, CodeTries how many tries it has, wrong or right.
const (
	CodeFor   = 10 * time.Minute
	CodeTries = 5
)

// Asked is a request for a code.
type Asked struct {
	Email    string
	Language string // of the mail; empty: the member's
	Client   Client
	Secret   [32]byte // random; of the handle
	Random   uint64   // random; of the code
	Link     string   // where the pages are; empty: the mail has the code alone
	Now      time.Time
}

// AskCode sends a code to an address if a member has it, and gives the handle
// that the code works with, which only the asker has. What is answered, and
// which calls are made, does not depend on whether there is such a member.
func AskCode(ctx context.Context, st Store, a Asked) (handle string, err error) {
	email, err := crm.ParseEmail(a.Email)
	if err != nil {
		var faults crm.Faults
		faults.Add("/email", "%s", err)
		return "", faults.Err()
	}
	p := PersonOf(email)
	if wait, err := st.ClientMay(ctx, a.Client, CodesPerClient, a.Now); err != nil || wait > 0 {
		return "", refused(wait, err)
	}
	if wait, err := st.PersonMay(ctx, p, CodesPerPerson, a.Now); err != nil || wait > 0 {
		return "", refused(wait, err)
	}
	code := newCode(a.Random)
	handle = signInPrefix + string(p) + "_" + hex.EncodeToString(a.Secret[:])
	s := SignIn{ID: digest("sign-in", handle), Code: sealCode(handle, code), Expires: a.Now.Add(CodeFor)}
	if err := st.PutSignIn(ctx, p, s); err != nil {
		return "", err
	}
	in, err := st.Memberships(ctx, p)
	if err != nil {
		return "", err
	}
	for _, ms := range in {
		_, m, err := st.Member(ctx, ms.Site, ms.Member)
		if crm.CodeOf(err) == crm.NotFound || err == nil && (m.State != Active || PersonOf(m.Email) != p) {
			continue
		}
		if err != nil {
			return "", err
		}
		return handle, st.SendMail(ctx, ms.Site, codeMail(m, a, s, handle, code))
	}
	return handle, st.PretendMail(ctx, p, a.Now)
}

// refused is the answer to a call beyond a limit. How long to wait tells no more than that
// somebody asked: who is no member is counted alike.
func refused(wait time.Duration, err error) error {
	if err != nil {
		return err
	}
	return &crm.Error{Code: crm.Quota, Wait: wait, Detail: fmt.Sprintf("too many tries; wait %s and try again", minutes(wait))}
}

func minutes(d time.Duration) string {
	if d <= time.Minute {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", int(math.Ceil(d.Minutes())))
}

func codeMail(m Member, a Asked, s SignIn, handle, code string) mail.Message {
	if a.Language == "" {
		a.Language = m.Language
	}
	values := map[string]string{mail.Name: m.Name, mail.Code: spoken(code), mail.Until: s.Expires.Format(time.RFC3339)}
	if a.Link != "" {
		// Behind the #, which browsers send nowhere: no log has the code.
		values[mail.Link] = a.Link + "/sign-in#" + url.QueryEscape(handle) + "." + code
	}
	return mail.Message{Template: mail.SignInCode, Language: a.Language, To: mail.Address{Email: m.Email, Name: m.Name},
		Values: values, CreatedAt: a.Now, Expires: s.Expires}
}

func newCode(random uint64) string { return fmt.Sprintf("%08d", random%100_000_000) }

// spoken is a code as people read it.
func spoken(code string) string { return code[:4] + " " + code[4:] }

func sealCode(handle, code string) string {
	mac := hmac.New(sha256.New, []byte(handle))
	mac.Write([]byte(code))
	return hex.EncodeToString(mac.Sum(nil))
}

// errCode is the answer to every code that does not work, whatever the reason.
var errCode = crm.Errorf(crm.Unauthorized, "this code does not work: mistyped, older than 10 minutes, used, or tried too often; ask for a new one")

// Try counts a try and reports whether the code is the right one.
func (s *SignIn) Try(handle, code string, now time.Time) error {
	if s.Used || s.Tries >= CodeTries || !now.Before(s.Expires) {
		return errCode
	}
	s.Tries++
	if hmac.Equal([]byte(s.Code), []byte(sealCode(handle, code))) {
		s.Used = true
	}
	return nil
}

// SignedIn is a session of a member with its token.
type SignedIn struct {
	Site   site.Site
	Member Member
	Token  string
	Ends   time.Time
}

// Verified is a handle with the code from the mail.
type Verified struct {
	Handle, Code   string
	Client         Client
	Agent, Request string
	Random         func() [32]byte
	Now            time.Time
}

// Verify signs a person in to each site that they are a member of. The code works
// once.
func Verify(ctx context.Context, st Store, v Verified) ([]SignedIn, error) {
	if wait, err := st.ClientMay(ctx, v.Client, TriesPerClient, v.Now); err != nil || wait > 0 {
		return nil, refused(wait, err)
	}
	p, ok := parseHandle(signInPrefix, v.Handle)
	if !ok {
		return nil, errCode
	}
	if right, err := proved(ctx, st, p, digest("sign-in", v.Handle), v.Handle, v.Code, v.Now); err != nil {
		return nil, err
	} else if !right {
		return nil, errCode
	}
	in, err := st.Memberships(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []SignedIn{}
	for _, ms := range in {
		s, m, err := st.Member(ctx, ms.Site, ms.Member)
		if crm.CodeOf(err) == crm.NotFound {
			if err := st.Leave(ctx, p, ms); err != nil { // left behind by a removal that was cut off
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.State != Active || PersonOf(m.Email) != p {
			continue
		}
		made, token := NewSession(s.ID, m.ID, v.Random(), v.Agent, v.Now)
		e := audit.Note(m.Actor(made.ID), v.Request, v.Now, audit.SessionStarted, made.ID)
		if err := st.StartSession(ctx, s.ID, made, e); err != nil {
			return nil, err
		}
		out = append(out, SignedIn{s, m, token, made.Ends()})
	}
	return out, nil
}

// proved tries a code as people type it, and reports whether it is the right one.
func proved(ctx context.Context, st Store, p Person, id, handle, typed string, now time.Time) (right bool, err error) {
	code := strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, typed)
	err = st.TrySignIn(ctx, p, id, func(s *SignIn) error {
		err := s.Try(handle, code, now)
		right = s.Used
		return err
	})
	if crm.CodeOf(err) == crm.NotFound || errors.Is(err, errCode) {
		return false, nil
	}
	return right, err
}

func parseHandle(prefix, handle string) (Person, bool) {
	rest, ok := strings.CutPrefix(handle, prefix)
	p, secret, _ := strings.Cut(rest, "_")
	return Person(p), ok && Person(p).Valid() && isSecret(secret)
}

// Inviting is who invites whom.
type Inviting struct {
	By      site.Actor
	Wanted  Wanted
	Once    *contact.Once
	ID      [16]byte // random
	Secret  [32]byte // random
	Link    string   // where the pages are
	Request string
	Now     time.Time
}

// Invite invites somebody to a site. Repeated under one idempotency key it sends
// one mail, and gives the member that the first made.
func Invite(ctx context.Context, st Store, s site.Site, i Inviting) (id string, replayed bool, err error) {
	inv := invitation(s.ID, NewID(i.ID), i)
	return st.ChangeTeam(ctx, s.ID, i.Once, func(t *Team) (string, Outcome, error) {
		m, err := t.Invite(i.By, i.Wanted, NewID(i.ID), inv)
		if err != nil {
			return "", Outcome{}, err
		}
		return m.ID, i.outcome(s, m, audit.MemberInvited), nil
	})
}

// Reinvite sends an invitation again, with a new link; repeated under one idempotency
// key it sends one mail.
func Reinvite(ctx context.Context, st Store, s site.Site, id string, i Inviting) (replayed bool, err error) {
	_, replayed, err = st.ChangeTeam(ctx, s.ID, i.Once, func(t *Team) (string, Outcome, error) {
		m, err := t.Resend(i.By, id, invitation(s.ID, id, i))
		if err != nil {
			return "", Outcome{}, err
		}
		return m.ID, i.outcome(s, m, audit.InvitationResent), nil
	})
	return replayed, err
}

func invitation(of crm.SiteID, id string, i Inviting) Invitation {
	return Invitation{Hash: site.Hash(InvitationToken(of, id, i.Secret)), By: i.By.ID, SentAt: i.Now, Expires: i.Now.Add(InvitationFor)}
}

func (i Inviting) outcome(s site.Site, m Member, what audit.Action) Outcome {
	lang := m.Language
	if lang == "" {
		lang = s.Language
	}
	return Outcome{
		Entry: audit.Note(i.By, i.Request, i.Now, what, m.ID),
		Mail: &mail.Message{Template: mail.Invitation, Language: lang, To: mail.Address{Email: m.Email, Name: m.Name}, CreatedAt: i.Now, Expires: m.Invitation.Expires,
			Values: map[string]string{
				mail.Name: m.Name, mail.By: i.By.Signature(), mail.Until: m.Invitation.Expires.Format(time.RFC3339),
				mail.Link: i.Link + "/invitation#" + InvitationToken(s.ID, m.ID, i.Secret),
			}},
	}
}

// Accepted is an invitation's token with what its reader says.
type Accepted struct {
	Token, Name    string
	Agent, Request string
	Secret         [32]byte // random; of the session
	Now            time.Time
}

// Accept makes an invited person a member and signs them in. First the person
// gets the membership, then the site the member, so that no active member is one
// whom a sign-in does not find; cut off between the two, it is done again.
func Accept(ctx context.Context, st Store, a Accepted) (SignedIn, error) {
	of, id, ok := ParseInvitation(a.Token)
	if !ok {
		return SignedIn{}, ErrInvitation
	}
	if len(a.Name) > 800 {
		var faults crm.Faults
		faults.Add("/name", "a name has at most 200 characters")
		return SignedIn{}, faults.Err()
	}
	t, err := st.Team(ctx, of)
	if err != nil {
		return SignedIn{}, err
	}
	m, err := t.CheckInvitation(id, a.Token, a.Now)
	if err != nil {
		return SignedIn{}, err
	}
	if err := st.Join(ctx, PersonOf(m.Email), Membership{of, id}); err != nil {
		return SignedIn{}, err
	}
	made, token := NewSession(of, id, a.Secret, a.Agent, a.Now)
	_, _, err = st.ChangeTeam(ctx, of, nil, func(t *Team) (string, Outcome, error) {
		m, err := t.Accept(id, a.Token, a.Name, a.Now)
		if err != nil {
			return "", Outcome{}, err
		}
		return id, Outcome{Entry: audit.Note(m.Actor(made.ID), a.Request, a.Now, audit.MemberJoined, m.ID), Session: &made}, nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	s, joined, err := st.Member(ctx, of, id)
	return SignedIn{s, joined, token, made.Ends()}, err
}

// Remove takes a member out of a site, or withdraws an invitation. Their sessions
// are over with it: a request proves the session and the member.
func Remove(ctx context.Context, st Store, of crm.SiteID, by site.Actor, id, request string, now time.Time, check func(Member) error) error {
	var gone Member
	_, _, err := st.ChangeTeam(ctx, of, nil, func(t *Team) (string, Outcome, error) {
		var err error
		if gone, err = t.Remove(by, id, check); err != nil {
			return "", Outcome{}, err
		}
		what := audit.MemberRemoved
		switch {
		case gone.State == Invited:
			what = audit.InvitationWithdraw
		case by.ID == id:
			what = audit.MemberLeft
		}
		return id, Outcome{Entry: audit.Note(by, request, now, what, id)}, nil
	})
	if err != nil {
		return err
	}
	// Where this fails, the membership names a member who is gone, and counts for
	// nothing; the next sign-in takes it away.
	_ = st.Leave(ctx, PersonOf(gone.Email), Membership{of, id})
	return nil
}
