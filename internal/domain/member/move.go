package member

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
)

// A member changes their own address, at one site, in two steps: a code is mailed to
// the new address, and the member gives it back. It opens nothing by itself: it works
// for that member, site and address alone. The old address is told.

// Moving is a member's wish for another address.
type Moving struct {
	By     site.Actor
	Email  string
	Client Client
	Secret [32]byte // random; of the handle
	Random uint64   // random; of the code
	Now    time.Time
}

// Move gives the member who asks another address. It tells how they were before.
func (t *Team) Move(by site.Actor, email string) (before, after Member, err error) {
	if by, err = t.as(by); err != nil {
		return before, after, err
	}
	m, err := t.Find(by.ID)
	if err != nil {
		return before, after, err
	}
	if m.Email == email {
		var faults crm.Faults
		faults.Add("/email", "this is your address already")
		return before, after, faults.Err()
	}
	for _, other := range t.Members {
		if other.ID != m.ID && crm.EmailKey(other.Email) == crm.EmailKey(email) {
			return before, after, crm.Errorf(crm.Conflict, "a colleague has this address, or was invited by it")
		}
	}
	before = *m
	m.Email = email
	m.Version++
	return before, *m, nil
}

// AskMove mails a code to the new address and gives the handle that it works with.
func AskMove(ctx context.Context, st Store, s site.Site, a Moving) (handle string, err error) {
	email, p, err := target(a.Email)
	if err != nil {
		return "", err
	}
	t, err := st.Team(ctx, s.ID)
	if err != nil {
		return "", err
	}
	_, m, err := t.Move(a.By, email)
	if err != nil {
		return "", err
	}
	if wait, err := st.ClientMay(ctx, a.Client, CodesPerClient, a.Now); err != nil || wait > 0 {
		return "", refused(wait, err)
	}
	if wait, err := st.PersonMay(ctx, p, CodesPerPerson, a.Now); err != nil || wait > 0 {
		return "", refused(wait, err)
	}
	code := newCode(a.Random)
	handle = movePrefix + string(p) + "_" + hex.EncodeToString(a.Secret[:])
	waits := SignIn{ID: moveID(s.ID, m.ID, handle), Code: sealCode(handle, code), Expires: a.Now.Add(CodeFor)}
	if err := st.PutSignIn(ctx, p, waits); err != nil {
		return "", err
	}
	return handle, st.SendMail(ctx, s.ID, mail.Message{Template: mail.AddressCode, Language: m.Language, To: mail.Address{Email: email, Name: m.Name},
		Values:    map[string]string{mail.Name: m.Name, mail.Code: spoken(code), mail.Until: waits.Expires.Format(time.RFC3339)},
		CreatedAt: a.Now, Expires: waits.Expires})
}

// Moved is a handle with the code from the mail.
type Moved struct {
	By                           site.Actor
	Email, Handle, Code, Request string
	Client                       Client
	Now                          time.Time
}

// Move changes the address of the member whose code it is. First the person of the new
// address gets the membership, so that no sign-in misses it; cut off there it is asked
// for again.
func Move(ctx context.Context, st Store, s site.Site, v Moved) error {
	if wait, err := st.ClientMay(ctx, v.Client, TriesPerClient, v.Now); err != nil || wait > 0 {
		return refused(wait, err)
	}
	email, p, err := target(v.Email)
	if err != nil {
		return err
	}
	of, ok := parseHandle(movePrefix, v.Handle)
	if ok = ok && of == p; ok {
		ok, err = proved(ctx, st, p, moveID(s.ID, v.By.ID, v.Handle), v.Handle, v.Code, v.Now)
	}
	if err != nil {
		return err
	}
	if !ok {
		var faults crm.Faults
		faults.Add("/code", "this code does not work: mistyped, for another address, older than 10 minutes, used, or tried too often; ask for a new one")
		return faults.Err()
	}
	t, err := st.Team(ctx, s.ID)
	if err != nil {
		return err
	}
	if _, _, err := t.Move(v.By, email); err != nil { // before Join, which takes the place of whoever has it
		return err
	}
	if err := st.Join(ctx, p, Membership{s.ID, v.By.ID}); err != nil {
		return err
	}
	var before Member
	_, _, err = st.ChangeTeam(ctx, s.ID, nil, func(t *Team) (string, Outcome, error) {
		var m Member
		var err error
		if before, m, err = t.Move(v.By, email); err != nil {
			return "", Outcome{}, err
		}
		return m.ID, Outcome{
			Entry: audit.Note(v.By, v.Request, v.Now, audit.MemberChanged, m.ID, "email"),
			Mail: &mail.Message{Template: mail.AddressChanged, Language: m.Language, To: mail.Address{Email: before.Email, Name: m.Name}, CreatedAt: v.Now,
				Values: map[string]string{mail.Name: m.Name, mail.NewAddress: masked(email)}},
		}, nil
	})
	if err != nil {
		return err
	}
	if old := PersonOf(before.Email); old != p {
		// Where this fails, the old address signs in to nothing all the same: the member has another.
		_ = st.Leave(ctx, old, Membership{s.ID, v.By.ID})
	}
	return nil
}

func target(address string) (string, Person, error) {
	email, err := crm.ParseEmail(address)
	if err != nil {
		var faults crm.Faults
		faults.Add("/email", "%s", err)
		return "", "", faults.Err()
	}
	return email, PersonOf(email), nil
}

func moveID(of crm.SiteID, member, handle string) string {
	return digest("move", fmt.Sprintf("%s %s %s", of, member, handle))
}

// masked is an address that its owner knows again, and nobody else.
func masked(email string) string {
	at := strings.LastIndexByte(email, '@')
	_, first := utf8.DecodeRuneInString(email)
	return email[:min(first, at)] + "…" + email[at:]
}
