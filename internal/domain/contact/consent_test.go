package contact

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/timeline"
)

// standings are all ways in which somebody can stand with e-mail and with two lists, as far as
// refusals and what was lifted of them allow.
func standings() (out []Contact) {
	add := func(all Standing, a, b Consent) {
		c := Contact{Consent: all.State, ConsentMark: all.Mark}
		for i, said := range []Consent{a, b} {
			if said != ConsentNever {
				c.stand(Scope{ByEmail, []string{"a", "b"}[i]}, Standing{State: said})
			}
		}
		out = append(out, c)
	}
	for _, a := range Consents {
		for _, b := range Consents {
			for _, all := range Consents {
				low := func(said Consent) bool { return said != ConsentNever && said.rank() < all.rank() }
				if !all.Blocks() || !low(a) && !low(b) {
					add(Standing{State: all}, a, b)
				}
			}
			if a != ConsentSubscribed && b != ConsentSubscribed {
				continue
			}
			for _, held := range []Consent{ConsentUnsubscribed, ConsentComplained} {
				if slices.ContainsFunc([]Consent{a, b}, func(said Consent) bool {
					return said != ConsentNever && said != ConsentSubscribed && said.rank() < held.rank()
				}) {
					continue
				}
				add(Standing{State: ConsentNever, Mark: Mark{Held: held}}, a, b)
			}
		}
	}
	return out
}

func sayConsents(c *Contact) string {
	whole := c.Standing(Scope{Channel: ByEmail})
	return fmt.Sprintf("%s (held %q), a %s, b %s", whole.State, whole.Held, c.Standing(Scope{ByEmail, "a"}).State, c.Standing(Scope{ByEmail, "b"}).State)
}

// Whoever of two is merged into the other, in each scope the stricter of both stays, what one
// has refused is lifted nowhere, and a list is sent to nobody who would not get it from both,
// unless one never spoke of it.
func TestMergedConsentsAreTheStrictest(t *testing.T) {
	all := standings()
	for i := range all {
		for j := range all {
			x, y := all[i].Clone(), all[j].Clone()
			x.JoinConsents(&all[j])
			y.JoinConsents(&all[i])
			where := fmt.Sprintf("%s\nand %s\nare %s", sayConsents(&all[i]), sayConsents(&all[j]), sayConsents(&x))
			if got := sayConsents(&y); got != sayConsents(&x) {
				t.Fatalf("%s\nor %s", where, got)
			}
			for _, s := range []Scope{{Channel: ByEmail}, {ByEmail, "a"}, {ByEmail, "b"}} {
				one, _ := all[i].Refused(s)
				other, _ := all[j].Refused(s)
				if stays, _ := x.Refused(s); Strictest(stays, Strictest(one, other)) != stays {
					t.Fatalf("%s: a refusal of %+v is lifted", where, s)
				}
				if s.List == "" {
					continue
				}
				strict := Strictest(all[i].Standing(s).State, all[j].Standing(s).State)
				if got := x.Standing(s).State; Strictest(strict, got) != got {
					t.Fatalf("%s: the stricter of %+v was %s", where, s, strict)
				}
			}
			if again := x.Clone(); again.JoinConsents(&all[j]) || again.JoinConsents(&all[i]) {
				t.Fatalf("%s\nand the same again %s", where, sayConsents(&again))
			}
		}
	}
}

// However many are merged, and in whichever order, they end the same.
func TestConsentsOfManyEndTheSameInAnyOrder(t *testing.T) {
	all := standings()
	for i := 0; i < len(all); i += 3 {
		for j := 1; j < len(all); j += 4 {
			for k := 2; k < len(all); k += 7 {
				want := ""
				for _, order := range [][3]int{{i, j, k}, {k, i, j}, {j, k, i}, {k, j, i}} {
					c := all[order[0]].Clone()
					c.JoinConsents(&all[order[1]])
					c.JoinConsents(&all[order[2]])
					if got := sayConsents(&c); want == "" {
						want = got
					} else if got != want {
						t.Fatalf("%s\nand %s\nand %s\nare %s\nor %s", sayConsents(&all[i]), sayConsents(&all[j]), sayConsents(&all[k]), want, got)
					}
				}
			}
		}
	}
}

// Who has left the last of the lists that lifted a refusal, or whose site deleted it, has
// refused all again.
func TestARefusalStandsAgainWithoutTheList(t *testing.T) {
	var c Contact
	c.Settle(Scope{Channel: ByEmail}, ConsentUnsubscribed, Mark{Since: now})
	c.Settle(Scope{ByEmail, "a"}, ConsentSubscribed, Mark{Since: now})
	c.Settle(Scope{ByEmail, "b"}, ConsentSubscribed, Mark{Since: now})
	c.Forget(c.Unknown(Policy{Lists: []ListDef{{ID: "b"}}}), now)
	if got := sayConsents(&c); got != `never (held "unsubscribed"), a never, b subscribed` {
		t.Error(got)
	}
	c.Forget(c.Unknown(Policy{}), now.Add(time.Hour))
	if got := sayConsents(&c); got != `unsubscribed (held ""), a never, b never` {
		t.Error(got)
	}
}

// What is held is as old as the refusal, whatever is said of its channel meanwhile, and of two
// the younger stands. A record of before that was kept has the moment at which it was lifted.
func TestWhatIsHeldIsAsOldAsTheRefusal(t *testing.T) {
	all, list := Scope{Channel: ByEmail}, Scope{ByEmail, "a"}
	held := func(at time.Time) Contact {
		c := Contact{Email: "a@b.example"}
		c.Settle(all, ConsentUnsubscribed, Mark{Since: at, Source: "link"})
		c.Settle(list, ConsentSubscribed, Mark{Since: at.Add(24 * time.Hour), Source: "link"})
		return c
	}
	since := func(c *Contact) time.Time {
		_, at := c.Refused(all)
		return at
	}
	old := now.Add(-240 * time.Hour)
	c := held(old)
	if got := since(&c); !got.Equal(old) {
		t.Errorf("lifted by a list: refused since %s", got)
	}
	c.AskToConfirm(all, now, "form:f")
	if got := since(&c); !got.Equal(old) {
		t.Errorf("asked: refused since %s", got)
	}
	for _, pair := range [][2]Contact{{held(old), held(old.Add(time.Hour))}, {held(old.Add(time.Hour)), held(old)}} {
		pair[0].JoinConsents(&pair[1])
		if got := since(&pair[0]); !got.Equal(old.Add(time.Hour)) {
			t.Errorf("merged: refused since %s", got)
		}
	}
	c.Settle(list, ConsentUnsubscribed, Mark{Since: old.Add(-time.Hour), Source: "member"})
	if got := since(&c); !got.Equal(old) {
		t.Errorf("a no of before, on paper: refused since %s", got)
	}
	left := Contact{Consent: ConsentBounced, ConsentMark: Mark{Since: now}}
	c = held(old)
	left.JoinConsents(&c)
	if got := left.Standing(all); got.State != ConsentUnsubscribed || !got.Since.Equal(old) {
		t.Errorf("merged into who takes no mail: %+v", got)
	}
	before := Contact{Email: "a@b.example", Consent: ConsentNever, ConsentMark: Mark{Since: old, Source: "link", Held: ConsentUnsubscribed}}
	before.AskToConfirm(all, now, "form:f")
	if got := since(&before); !got.Equal(old) {
		t.Errorf("a record of before: refused since %s", got)
	}
}

// A refusal of all mail but a list leaves evidence wherever it goes, also where the channel's
// state stays as it was.
func TestWhatIsHeldLeavesEvidence(t *testing.T) {
	all := Scope{Channel: ByEmail}
	var was, other Contact
	other.Settle(all, ConsentUnsubscribed, Mark{Since: now, Source: "link"})
	other.Settle(Scope{ByEmail, "a"}, ConsentSubscribed, Mark{Since: now, Source: "link"})
	is := was.Clone()
	is.JoinConsents(&other)
	said := func(rows []timeline.Activity) (out []string) {
		for _, r := range rows {
			out = append(out, fmt.Sprintf("%s: %s %s, %s %s", r.Ref, r.Value("from"), r.Value("from_held"), r.Value("to"), r.Value("held")))
		}
		return out
	}
	if got := said(WithProof(&was, &is, nil)); !slices.Equal(got, []string{": never , never unsubscribed", "a: never , subscribed "}) {
		t.Errorf("merged: %q", got)
	}
	if got := said(Proof{At: now}.Rows(&is, &was)); !slices.Equal(got, []string{": never unsubscribed, never ", "a: subscribed , never "}) {
		t.Errorf("undone: %q", got)
	}
	row := Proof{At: now}.Entry(ConsentChange{Scope: all, From: Standing{State: ConsentUnsubscribed}, To: Standing{State: ConsentNever}})
	if got := WithProof(&was, &is, []timeline.Activity{row}); len(got) != 3 {
		t.Errorf("a row that tells of no refusal stands for one that does: %q", said(got))
	}
}

// Rows that are packed come out as they were.
func TestProofsArePackedAndUnpacked(t *testing.T) {
	var was, is Contact
	for i := range 8 {
		is.stand(Scope{ByEmail, fmt.Sprint("list_", i)}, Standing{State: ConsentSubscribed, Mark: Mark{Since: now}})
	}
	p := Proof{How: "api", Source: "api", By: "key_1", At: now, Text: "1. Yes. 2. No."}
	rows := p.Rows(&was, &is)
	rows[0].ID = "A"
	packed := PackProofs(rows, maxProofs)
	if len(rows) != 8 || len(packed) != 1 {
		t.Fatalf("%d rows in %d", len(rows), len(packed))
	}
	got := UnpackProofs(packed[0])
	for i := range rows {
		if i > 0 {
			rows[i].ID = fmt.Sprint("A_", i+1)
		}
		if fmt.Sprint(got[i]) != fmt.Sprint(rows[i]) {
			t.Errorf("row %d: %+v, want %+v", i, got[i], rows[i])
		}
	}
}

// Of two refusals that meet in one contact the stricter stays, and the later date: a
// consent that was given between the two lifts neither.
func TestTheLaterRefusalStaysInAMerge(t *testing.T) {
	early, late := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	refused := func(to Consent, at time.Time) Contact {
		c := Contact{Email: "a@b.example", CreatedAt: early}
		c.Settle(Scope{Channel: ByEmail, List: "l"}, to, Mark{Since: at, Source: "link"})
		c.Settle(Scope{Channel: ByEmail}, to, Mark{Since: at, Source: "link"})
		return c
	}
	for _, states := range [][2]Consent{
		{ConsentUnsubscribed, ConsentUnsubscribed}, {ConsentComplained, ConsentUnsubscribed},
		{ConsentUnsubscribed, ConsentComplained},
	} {
		a, b := refused(states[0], early), refused(states[1], late)
		for _, pair := range [][2]Contact{{a.Clone(), b.Clone()}, {b.Clone(), a.Clone()}} {
			pair[0].JoinConsents(&pair[1])
			for _, list := range []string{"", "l"} {
				is, since := pair[0].Refused(Scope{Channel: ByEmail, List: list})
				if is != Strictest(states[0], states[1]) || !since.Equal(late) {
					t.Errorf("of %v, list %q: %s since %v", states, list, is, since)
				}
			}
		}
	}
	c := refused(ConsentUnsubscribed, late)
	c.Enrich(Facts{Source: "import:j", AsOf: Stamp{At: early}, Consent: ConsentComplained})
	if is, since := c.Refused(Scope{Channel: ByEmail}); is != ConsentComplained || !since.Equal(late) {
		t.Errorf("after an old file: %s since %v", is, since)
	}
}
