package dynamo_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
)

func written(to string) mail.Message {
	return mail.Message{
		Template: mail.FromMember, Language: "nl", To: mail.Address{Email: to, Name: "Emma"}, ReplyTo: mail.Address{Email: "sanne@bakery.example"},
		Values:      map[string]string{mail.Subject: "Uw taart", mail.Text: "Hij staat klaar."},
		Attachments: []mail.Attachment{{Name: "foto.png", Type: "image/png", Key: "documents/bakery/1", Size: 10}},
		Expires:     now.Add(time.Hour),
	}
}

// mails is the outbox of a site with one contact, whose change caused a mail.
func mails(t *testing.T) (*dynamo.Table, contact.Contact, string) {
	t.Helper()
	table := dynamotest.Table(t)
	b := table.Book(dynamotest.Site(t, table, "bakery"))
	c := create(t, b, "emma@example.nl")
	m := written("emma@example.nl")
	_, err := b.Change(context.Background(), c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.FirstName = "E."
		return []timeline.Activity{{ID: "01J00000000000000000000000", At: now, Kind: "mail", Mail: &m}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return table, c, mail.Derive(string(c.ID), "01J00000000000000000000000")
}

func TestAMailIsCommittedWithItsActivity(t *testing.T) {
	table, c, id := mails(t)
	got, ok, err := table.Take(context.Background(), "bakery", id, now, now.Add(time.Minute))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := written("emma@example.nl")
	want.ID, want.Contact, want.CreatedAt = id, c.ID, now
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAChangeThatIsLostMailsNobody(t *testing.T) {
	table := dynamotest.Table(t)
	b := table.Book(dynamotest.Site(t, table, "bakery"))
	c, other := create(t, b, "emma@example.nl"), create(t, b, "noor@example.nl")
	m := written("emma@example.nl")
	_, err := b.Change(context.Background(), c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Email = other.Email
		return []timeline.Activity{{ID: "01J00000000000000000000000", At: now, Kind: "mail", Mail: &m}}, nil
	})
	wantCode(t, err, crm.Conflict)
	if _, ok, err := table.Take(context.Background(), "bakery", mail.Derive(string(c.ID), "01J00000000000000000000000"), now, now); ok || err != nil {
		t.Errorf("there is a mail (%v)", err)
	}
}

// A mail that cannot be rendered must not take a change of the book into the
// table with it: it would be found out only when nobody waits for the answer.
func TestAMailThatLacksAValueIsRefusedWithItsChange(t *testing.T) {
	b := book(t)
	c := create(t, b, "emma@example.nl")
	m := written("emma@example.nl")
	delete(m.Values, mail.Subject)
	_, err := b.Change(context.Background(), c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.FirstName = "E."
		return []timeline.Activity{{At: now, Kind: "mail", Mail: &m}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), mail.Subject) {
		t.Errorf("error %v, want one that names the value", err)
	}
	if got, _ := b.Get(context.Background(), c.ID); got.Version != c.Version {
		t.Error("the contact was changed all the same")
	}
}

func TestOneSenderHasAMailAtATime(t *testing.T) {
	ctx := context.Background()
	table, _, id := mails(t)
	take := func(at time.Time) (bool, error) {
		_, ok, err := table.Take(ctx, "bakery", id, at, at.Add(time.Minute))
		return ok, err
	}
	if ok, err := take(now); !ok || err != nil {
		t.Fatal(ok, err)
	}
	_, err := take(now.Add(59 * time.Second))
	wantCode(t, err, crm.Busy)
	if ok, err := take(now.Add(time.Minute)); !ok || err != nil {
		t.Errorf("it was not given on when its sender's time was over: %v, %v", ok, err)
	}
	if err := table.Release(ctx, "bakery", id); err != nil {
		t.Fatal(err)
	}
	if ok, err := take(now.Add(2 * time.Second)); !ok || err != nil {
		t.Errorf("it was not given on when its sender gave it back: %v, %v", ok, err)
	}
	if ok, err := func() (bool, error) {
		_, ok, err := table.Take(ctx, "cafe", id, now, now)
		return ok, err
	}(); ok || err != nil {
		t.Errorf("another site got it: %v, %v", ok, err)
	}
}

func TestAMailThatEndedSaysNothingAnyMore(t *testing.T) {
	ctx := context.Background()
	table, _, id := mails(t)
	if err := table.Close(ctx, "bakery", id, mail.Outcome{State: mail.Sent, Ref: "0100", At: now}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := table.Take(ctx, "bakery", id, now, now); ok || err != nil {
		t.Errorf("it can be sent again: %v", err)
	}
	// What comes late changes nothing.
	if err := table.Close(ctx, "bakery", id, mail.Outcome{State: mail.Refused, At: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	it, err := dynamo.StoredMail(table, "bakery", id)
	if err != nil {
		t.Fatal(err)
	}
	if it["st"] != string(mail.Sent) || it["body"] != "" || strings.Contains(strings.Join(values(it), " "), "emma") {
		t.Errorf("kept: %v", it)
	}
}

func values(m map[string]string) (all []string) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// How a mail ended is told where its contact's entries are, whoever answers for them by now.
func TestTheNoteOfAMailFollowsAMerge(t *testing.T) {
	ctx := context.Background()
	table, c, id := mails(t)
	b := table.Book(dynamotest.Site(t, table, "bakery"))
	m := written("emma@example.nl")
	m.ID, m.Contact, m.CreatedAt = id, c.ID, now
	o := mail.Outcome{State: mail.Refused, Reason: "the address is none", At: now}
	notes := func(of crm.ContactID) (n int) {
		t.Helper()
		acts, _, err := b.Timeline(ctx, of, timeline.Query{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range acts {
			if a.Kind == "mail" && a.Ref == id {
				n++
			}
		}
		return n
	}
	first, last := create(t, b, "noor@example.nl"), create(t, b, "sam@example.nl")
	merged, _ := mustMerge(t, b, first.ID, c.ID)
	outer, _ := mustMerge(t, b, last.ID, first.ID)
	for range 2 { // told twice
		if err := b.NoteMail(ctx, m, o); err != nil {
			t.Fatal(err)
		}
	}
	if n := notes(last.ID); n != 1 {
		t.Errorf("the primary's timeline has the note %d times", n)
	}
	mustUndo(t, b, outer.ID)
	mustUndo(t, b, merged.ID)
	if n, other := notes(c.ID), notes(first.ID); n != 1 || other != 0 {
		t.Errorf("after the undo the contact has the note %d times, the other %d times", n, other)
	}
	if err := b.Delete(ctx, c.ID, now, func(contact.Contact) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := b.NoteMail(ctx, m, o); err != nil {
		t.Errorf("a note about who is gone: %v", err)
	}
}
