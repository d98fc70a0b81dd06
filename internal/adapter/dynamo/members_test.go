package dynamo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
)

var setUp = site.Actor{ID: "key_setup", Name: "setup", Kind: site.ByAPIKey, Scopes: site.Scopes}

// office is a table with sites, whose clock and chance the test holds.
type office struct {
	t     *testing.T
	table *dynamo.Table
	now   time.Time
	n     uint64
}

func newOffice(t *testing.T, opts ...func(*faults.Injector)) *office {
	var in faults.Injector
	o := &office{t: t, table: dynamotest.Table(t, in.Option), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	for _, opt := range opts {
		opt(&in)
	}
	return o
}

func (o *office) secret() (b [32]byte) {
	o.n++
	binary.BigEndian.PutUint64(b[:], o.n)
	return b
}

func (o *office) id() (b [16]byte) {
	s := o.secret()
	copy(b[:], s[:])
	return b
}

// mails are those that wait in the outbox of a site, newest last.
func (o *office) mails(id crm.SiteID) []mail.Message {
	o.t.Helper()
	out, err := dynamo.Outbox(o.table, id)
	if err != nil {
		o.t.Fatal(err)
	}
	slices.SortFunc(out, func(a, b mail.Message) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out
}

// token is what the link of the newest mail carries.
func (o *office) token(id crm.SiteID) string {
	o.t.Helper()
	m := o.mails(id)
	if len(m) == 0 {
		o.t.Fatal("no mail waits")
	}
	_, token, _ := strings.Cut(m[len(m)-1].Values[mail.Link], "#")
	return token
}

func (o *office) invite(s site.Site, by site.Actor, email string, role member.Role) (string, error) {
	o.now = o.now.Add(time.Second)
	id, _, err := member.Invite(context.Background(), o.table, s, member.Inviting{By: by, Wanted: member.Wanted{Email: email, Role: role},
		ID: o.id(), Secret: o.secret(), Link: "https://api.example.com", Now: o.now})
	return id, err
}

func (o *office) accept(token string) (member.SignedIn, error) {
	o.now = o.now.Add(time.Second)
	return member.Accept(context.Background(), o.table, member.Accepted{Token: token, Secret: o.secret(), Now: o.now})
}

// hire invites and accepts.
func (o *office) hire(s site.Site, by site.Actor, email string, role member.Role) member.SignedIn {
	o.t.Helper()
	if _, err := o.invite(s, by, email, role); err != nil {
		o.t.Fatal(err)
	}
	in, err := o.accept(o.token(s.ID))
	if err != nil {
		o.t.Fatal(err)
	}
	return in
}

func (o *office) ask(email string, client string) (string, error) {
	o.now = o.now.Add(time.Second)
	o.n++
	return member.AskCode(context.Background(), o.table, member.Asked{Email: email, Client: member.ClientOf(client), Secret: o.secret(), Random: 10_000_000 + o.n, Link: "https://api.example.com", Now: o.now})
}

func (o *office) verify(handle, code string) ([]member.SignedIn, error) {
	return member.Verify(context.Background(), o.table, member.Verified{Handle: handle, Code: code, Client: member.ClientOf("192.0.2.7"), Random: o.secret, Now: o.now})
}

// code is the one in the newest mail of a site.
func (o *office) code(id crm.SiteID) string {
	m := o.mails(id)
	return m[len(m)-1].Values[mail.Code]
}

func (o *office) who(token string) (site.Site, site.Actor, error) {
	return o.table.ByCredential(context.Background(), token, o.now)
}

// actions are those of a site's audit log, oldest first.
func (o *office) actions(id crm.SiteID) string {
	o.t.Helper()
	rows, _, err := o.table.AuditLog(context.Background(), id, audit.Filter{}, 200, "")
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, r := range slices.Backward(rows) {
		out = append(out, string(r.Action))
	}
	return strings.Join(out, " ")
}

func answers(t *testing.T, what string, err error, want crm.Code) {
	t.Helper()
	if crm.CodeOf(err) != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func TestAnInvitationMakesAMember(t *testing.T) {
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	if _, err := o.invite(s, setUp, "Ann@b.example", member.Owner); err != nil {
		t.Fatal(err)
	}
	first := o.token(s.ID)
	_, err := o.invite(s, setUp, "ann@B.example", member.Viewer)
	answers(t, "the address a second time", err, crm.Conflict)

	team, _ := o.table.Team(context.Background(), s.ID)
	id := team.Members[0].ID
	if _, err := member.Reinvite(context.Background(), o.table, s, id, member.Inviting{By: setUp, Secret: o.secret(), Link: "https://x.example", Now: o.now.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	_, err = o.accept(first)
	answers(t, "the link of the mail before", err, crm.Gone)
	_, err = o.accept(strings.Replace(o.token(s.ID), "ci_bakery", "ci_florist", 1))
	answers(t, "at another site", err, crm.Gone)

	late := o.now
	o.now = o.now.Add(member.InvitationFor)
	_, err = o.accept(o.token(s.ID))
	answers(t, "after seven days", err, crm.Gone)

	o.now = late
	in, err := o.accept(o.token(s.ID))
	if err != nil || in.Member.State != member.Active || in.Site.ID != s.ID {
		t.Fatalf("%+v, %v", in, err)
	}
	_, err = o.accept(o.token(s.ID))
	answers(t, "a second time", err, crm.Gone)
	got, by, err := o.who(in.Token)
	if err != nil || got.ID != s.ID || by.ID != id || by.Kind != site.ByMember || !by.Owner || len(by.Scopes) != len(site.Scopes) {
		t.Errorf("the session is of %+v at %s, %v", by, got.ID, err)
	}
	if got, want := o.actions(s.ID), "member.invited invitation.resent member.joined"; got != want {
		t.Errorf("the log says %s, want %s", got, want)
	}
}

func TestASessionIsOfOneSiteAndEnds(t *testing.T) {
	o := newOffice(t)
	a, b := dynamotest.Site(t, o.table, "bakery"), dynamotest.Site(t, o.table, "florist")
	in := o.hire(a, setUp, "ann@b.example", member.Owner)
	o.hire(b, setUp, "ann@b.example", member.Viewer)
	for name, token := range map[string]string{
		"moved to another site": strings.Replace(in.Token, "cs_bakery", "cs_florist", 1),
		"another secret":        in.Token[:len(in.Token)-1] + "0",
		"cut":                   in.Token[:len(in.Token)-1],
		"of an invitation":      strings.Replace(in.Token, "cs_", "ci_", 1),
		"of no form":            "cs_bakery",
	} {
		if token == in.Token {
			token = in.Token[:len(in.Token)-1] + "1"
		}
		_, _, err := o.who(token)
		answers(t, "a token "+name, err, crm.Unauthorized)
	}
	began := o.now
	for day := 6; day < 30; day += 6 { // used, it lives on
		o.now = began.Add(time.Duration(day) * 24 * time.Hour)
		if _, _, err := o.who(in.Token); err != nil {
			t.Fatalf("day %d: %v", day, err)
		}
		dynamo.Settle(o.table)
	}
	o.now = began.Add(member.SessionFor)
	_, _, err := o.who(in.Token)
	answers(t, "after thirty days", err, crm.Unauthorized)

	again := o.hire(a, in.Member.Actor(""), "bob@b.example", member.Viewer)
	o.now = o.now.Add(member.SessionIdle)
	_, _, err = o.who(again.Token)
	answers(t, "after seven idle days", err, crm.Unauthorized)
}

func TestARemovedMemberIsOutAtOnce(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	ann := o.hire(s, setUp, "ann@b.example", member.Owner)
	bob := o.hire(s, ann.Member.Actor(""), "bob@b.example", member.Manager)
	any := func(member.Member) error { return nil }
	answers(t, "the last owner", member.Remove(ctx, o.table, s.ID, ann.Member.Actor(""), ann.Member.ID, "", o.now, any), crm.Conflict)
	if err := member.Remove(ctx, o.table, s.ID, ann.Member.Actor(""), bob.Member.ID, "", o.now, any); err != nil {
		t.Fatal(err)
	}
	_, _, err := o.who(bob.Token)
	answers(t, "the session of who was removed", err, crm.Unauthorized)
	// A new life with the address has nothing of the old one.
	back := o.hire(s, ann.Member.Actor(""), "bob@b.example", member.Viewer)
	if back.Member.ID == bob.Member.ID {
		t.Error("the id came back")
	}
	_, _, err = o.who(bob.Token)
	answers(t, "the old session after coming back", err, crm.Unauthorized)
	if h, err := o.ask("bob@b.example", "192.0.2.1"); err != nil {
		t.Error(err)
	} else if in, err := o.verify(h, o.code(s.ID)); err != nil || len(in) != 1 || in[0].Member.ID != back.Member.ID {
		t.Errorf("%+v, %v", in, err)
	}
	if got := o.actions(s.ID); !strings.Contains(got, "member.removed") || !strings.HasSuffix(got, "session.started") {
		t.Error(got)
	}
}

// Two owners who demote each other at the same moment: one of them stays.
func TestASiteAlwaysKeepsAnOwner(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	ann := o.hire(s, setUp, "ann@b.example", member.Owner)
	bob := o.hire(s, ann.Member.Actor(""), "bob@b.example", member.Owner)
	viewer := member.Viewer
	for round := range 5 {
		var wg sync.WaitGroup
		for _, pair := range [][2]member.SignedIn{{ann, bob}, {bob, ann}, {ann, ann}, {bob, bob}} {
			wg.Go(func() {
				_, _, _ = o.table.ChangeTeam(ctx, s.ID, nil, func(team *member.Team) (string, member.Outcome, error) {
					by := pair[0].Member.Actor("")
					m, changed, err := team.Change(by, pair[1].Member.ID, member.Change{Role: &viewer}, func(member.Member) error { return nil })
					if err != nil || len(changed) == 0 {
						return "", member.Outcome{}, err
					}
					return m.ID, member.Outcome{Entry: audit.Note(by, "", o.now, audit.MemberChanged, m.ID, changed...)}, nil
				})
			})
		}
		wg.Wait()
		team, err := o.table.Team(ctx, s.ID)
		owners := 0
		for i := range team.Members {
			if team.Members[i].Role == member.Owner {
				owners++
			}
		}
		if err != nil || owners != 1 {
			t.Fatalf("round %d: %d owners, %v", round, owners, err)
		}
		_, _, err = o.table.ChangeTeam(ctx, s.ID, nil, func(team *member.Team) (string, member.Outcome, error) {
			for i := range team.Members {
				team.Members[i].Role = member.Owner
			}
			return "", member.Outcome{Entry: audit.Note(setUp, "", o.now, audit.MemberChanged, "")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestACodeSignsInToEverySite(t *testing.T) {
	o := newOffice(t)
	a, b := dynamotest.Site(t, o.table, "bakery"), dynamotest.Site(t, o.table, "florist")
	o.hire(a, setUp, "ann@b.example", member.Owner)
	o.hire(b, setUp, "Ann@B.example", member.Viewer)
	h, err := o.ask("ANN@b.example", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	m := o.mails(a.ID)[len(o.mails(a.ID))-1]
	if m.Template != mail.SignInCode || !strings.HasSuffix(m.Values[mail.Link], "/sign-in#"+h+"."+strings.ReplaceAll(m.Values[mail.Code], " ", "")) || !m.Expires.Equal(o.now.Add(10*time.Minute)) {
		t.Errorf("the mail %+v", m)
	}
	in, err := o.verify(h, m.Values[mail.Code])
	if err != nil || len(in) != 2 || in[0].Site.ID != "bakery" || in[1].Site.ID != "florist" || in[1].Member.Role != member.Viewer {
		t.Fatalf("%+v, %v", in, err)
	}
	for _, s := range in {
		if got, by, err := o.who(s.Token); err != nil || got.ID != s.Site.ID || by.ID != s.Member.ID {
			t.Errorf("%s: %+v, %v", got.ID, by, err)
		}
	}
	_, err = o.verify(h, m.Values[mail.Code])
	answers(t, "a second time", err, crm.Unauthorized)
}

func TestACodeCannotBeGuessedOrMoved(t *testing.T) {
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	o.hire(s, setUp, "ann@b.example", member.Owner)
	o.hire(s, setUp, "bob@b.example", member.Viewer)
	h, err := o.ask("ann@b.example", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	right := o.code(s.ID)
	other, err := o.ask("ann@b.example", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.verify(other, right)
	answers(t, "with the handle of another request", err, crm.Unauthorized)

	// However many guess at once, five are compared; the sixth is not, not even the right one.
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			_, err := member.Verify(context.Background(), o.table, member.Verified{Handle: h, Code: fmt.Sprintf("%08d", i), Client: member.ClientOf(fmt.Sprint("198.51.100.", i)), Now: o.now})
			if crm.CodeOf(err) != crm.Unauthorized {
				t.Errorf("guess %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	_, err = o.verify(h, right)
	answers(t, "the right code after five wrong ones", err, crm.Unauthorized)

	h, err = o.ask("ann@b.example", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(member.CodeFor)
	_, err = o.verify(h, o.code(s.ID))
	answers(t, "after ten minutes", err, crm.Unauthorized)
	for _, bad := range []string{"", "si_", h + "0", "si_" + strings.Repeat("0", 26) + "_" + strings.Repeat("0", 64)} {
		_, err = o.verify(bad, "12345678")
		answers(t, "a handle of no sign-in", err, crm.Unauthorized)
	}
}

func TestCodesAreAskedForSoOftenAndNoMore(t *testing.T) {
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	o.hire(s, setUp, "ann@b.example", member.Owner)
	for _, email := range []string{"ann@b.example", "nobody@b.example"} {
		for i := range 5 {
			if _, err := o.ask(email, fmt.Sprint("192.0.2.", i)); err != nil {
				t.Fatalf("%s, code %d: %v", email, i, err)
			}
		}
		_, err := o.ask(email, "192.0.2.99")
		answers(t, "the sixth code for "+email, err, crm.Quota)
	}
	for i := range 10 {
		if _, err := o.ask(fmt.Sprintf("p%d@b.example", i), "203.0.113.5"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := o.ask("p11@b.example", "203.0.113.5")
	answers(t, "the eleventh from one network", err, crm.Quota)
	o.now = o.now.Add(15 * time.Minute)
	if _, err := o.ask("ann@b.example", "203.0.113.5"); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

// Whether an address is a member's can be told neither from the answer nor from
// the calls that it takes.
func TestNobodyLearnsWhoIsAMember(t *testing.T) {
	var in *faults.Injector
	o := newOffice(t, func(i *faults.Injector) { in = i })
	s := dynamotest.Site(t, o.table, "bakery")
	o.hire(s, setUp, "ann@b.example", member.Owner)
	calls := map[string]string{}
	handles := map[string]string{}
	for _, email := range []string{"ann@b.example", "nobody@b.example"} {
		var ops []string
		in.Set(func(_ int, op string) (bool, error) { ops = append(ops, op); return true, nil })
		h, err := o.ask(email, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		in.Set(nil)
		calls[email], handles[email] = strings.Join(ops, " "), h
		// A wrong code: the same answer.
		_, err = o.verify(h, "00000000")
		answers(t, email, err, crm.Unauthorized)
	}
	if calls["ann@b.example"] != calls["nobody@b.example"] || calls["ann@b.example"] == "" {
		t.Errorf("calls for a member: %s; for nobody: %s", calls["ann@b.example"], calls["nobody@b.example"])
	}
	if len(handles["ann@b.example"]) != len(handles["nobody@b.example"]) {
		t.Error("the handles differ in length")
	}
	if n := len(o.mails(s.ID)); n != 2 { // the invitation, one code
		t.Errorf("%d mails wait", n)
	}
}

// Accepting can be cut off anywhere and be done again; once it is done, a sign-in
// finds the member.
func TestAcceptingIsDoneAgain(t *testing.T) {
	for cut := 1; ; cut++ {
		var in *faults.Injector
		o := newOffice(t, func(i *faults.Injector) { in = i })
		s := dynamotest.Site(t, o.table, "bakery")
		if _, err := o.invite(s, setUp, "ann@b.example", member.Owner); err != nil {
			t.Fatal(err)
		}
		token := o.token(s.ID)
		for _, applied := range []bool{false, true} {
			in.Set(func(n int, _ string) (bool, error) {
				if n == cut {
					return applied, faults.ErrDown
				}
				return true, nil
			})
			_, err := o.accept(token)
			reached := in.Calls() >= cut
			in.Set(nil)
			if !reached {
				if cut < 4 {
					t.Errorf("it takes %d calls", cut-1)
				}
				return
			}
			if err == nil {
				t.Fatalf("cut %d: no error", cut)
			}
		}
		if _, err := o.accept(token); err != nil && crm.CodeOf(err) != crm.Gone { // gone: the cut one went through
			t.Fatalf("cut %d: %v", cut, err)
		}
		h, err := o.ask("ann@b.example", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.verify(h, o.code(s.ID)); err != nil || len(got) != 1 {
			t.Fatalf("cut %d: %+v, %v", cut, got, err)
		}
		if got := o.actions(s.ID); got != "member.invited member.joined session.started" {
			t.Errorf("cut %d: %s", cut, got)
		}
	}
}

func TestInvitingIsSafeToRepeat(t *testing.T) {
	o := newOffice(t)
	s := dynamotest.Site(t, o.table, "bakery")
	once := &contact.Once{Principal: "key_1", Key: "k", Hash: "h"}
	invite := func(o2 *contact.Once) (string, bool, error) {
		return member.Invite(context.Background(), o.table, s, member.Inviting{By: setUp, Once: o2, Wanted: member.Wanted{Email: "ann@b.example", Role: member.Owner},
			ID: o.id(), Secret: o.secret(), Link: "https://x.example", Now: o.now})
	}
	first, replayed, err := invite(once)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	again, replayed, err := invite(once)
	if err != nil || !replayed || again != first || len(o.mails(s.ID)) != 1 {
		t.Errorf("%s %v %v, %d mails", again, replayed, err, len(o.mails(s.ID)))
	}
	_, _, err = invite(&contact.Once{Principal: "key_1", Key: "k", Hash: "another"})
	answers(t, "the key for another request", err, crm.KeyReused)
	// Time to live deletes late: a record that is over is none.
	_, replayed, err = invite(&contact.Once{Principal: "key_1", Key: "k", Hash: "h", At: once.At.Add(24 * time.Hour)})
	if replayed {
		t.Error("a key of a day ago is still known")
	}
	answers(t, "a second invitation", err, crm.Conflict)
}

// A request bound to a person reaches nothing but that person, one bound to a
// site nothing of a person.
func TestPersonsAndSitesStayApart(t *testing.T) {
	table := dynamotest.Table(t)
	ann, bob := member.PersonOf("ann@b.example"), member.PersonOf("bob@b.example")
	client := member.ClientOf("192.0.2.1")
	for _, c := range []struct {
		name string
		r    interface{ Valid() bool }
		pk   string
		ok   bool
	}{
		{"a person's own", ann, "P#" + string(ann), true},
		{"another person's", ann, "P#" + string(bob), false},
		{"one that begins alike", ann, "P#" + string(ann) + "0", false},
		{"a site's", ann, "S#bakery", false},
		{"a person's, by a site", crm.SiteID("bakery"), "P#" + string(ann), false},
		{"a person's, by a network", client, "P#" + string(ann), false},
		{"a network's own", client, "N#" + string(client), true},
		{"a site's, by a network", client, "S#bakery", false},
		{"of no form", member.Person("S#bakery"), "P#S#bakery", false},
		{"of nobody", member.Person(""), "P#", false},
	} {
		err := dynamo.RealmProbe(table, c.r, c.pk, "x")
		if c.ok && err != nil || !c.ok && !errors.Is(err, dynamo.ErrStray) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if member.ClientOf("2001:db8:1:2::1") != member.ClientOf("2001:db8:1:2:ffff::9") || member.ClientOf("2001:db8:1:3::1") == member.ClientOf("2001:db8:1:2::1") {
		t.Error("an IPv6 subscriber is not one client")
	}
}
