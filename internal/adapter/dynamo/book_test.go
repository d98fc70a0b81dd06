package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func book(t *testing.T) *dynamo.Book {
	t.Helper()
	table := dynamotest.Table(t)
	return table.Book(dynamotest.Site(t, table, "bakery"))
}

func draft(t *testing.T, email string) contact.Contact {
	t.Helper()
	c, err := contact.Draft(contact.Patch{Email: contact.Some(email), FirstName: contact.Some("Emma")}, contact.Policy{Country: "NL"}, "api", "key_1", now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t *testing.T, b *dynamo.Book, email string) contact.Contact {
	t.Helper()
	c, _, err := b.Create(context.Background(), draft(t, email), nil)
	if err != nil {
		t.Fatalf("creating %s: %v", email, err)
	}
	return c
}

func find(t *testing.T, b *dynamo.Book, email string) (contact.Contact, error) {
	t.Helper()
	return b.Find(context.Background(), crm.EmailIdentity(email))
}

func setEmail(email string) contact.Rule {
	return func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Email = email
		return nil, nil
	}
}

func remove(t *testing.T, b *dynamo.Book, id crm.ContactID) {
	t.Helper()
	if err := b.Delete(context.Background(), id, now, func(contact.Contact) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code crm.Code) *crm.Error {
	t.Helper()
	var e *crm.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got error %v, want code %s", err, code)
	}
	return e
}

func TestContactIsReadAsItWasWritten(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "Emma@Voorbeeld.example")
	if c.Version != 1 || !c.ID.Valid() {
		t.Fatalf("created %+v", c)
	}
	for name, read := range map[string]func() (contact.Contact, error){
		"by id":      func() (contact.Contact, error) { return b.Get(ctx, c.ID) },
		"by address": func() (contact.Contact, error) { return find(t, b, "emma@voorbeeld.EXAMPLE") },
	} {
		got, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c)
		}
	}
}

func TestSecondContactWithAnAddressIsRefused(t *testing.T) {
	b := book(t)
	first := create(t, b, "a@b.example")
	_, _, err := b.Create(context.Background(), draft(t, "A@B.example"), nil)
	if e := wantCode(t, err, crm.Conflict); e.Holder != first.ID {
		t.Errorf("holder %s, want %s", e.Holder, first.ID)
	}
}

func TestAddressMovesWithItsContact(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "old@b.example")
	moved, err := b.Change(ctx, c.ID, now.Add(time.Minute), setEmail("new@b.example"))
	if err != nil {
		t.Fatal(err)
	}
	if moved.ID != c.ID || moved.Version != 2 {
		t.Fatalf("moved to %s version %d", moved.ID, moved.Version)
	}
	if _, err := find(t, b, "old@b.example"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the old address still answers: %v", err)
	}
	if got, err := find(t, b, "new@b.example"); err != nil || got.ID != c.ID {
		t.Errorf("the new address gives %s, %v", got.ID, err)
	}
	// Somebody new comes with the old address, in whose slot the first one lives.
	second := create(t, b, "old@b.example")
	if second.ID == c.ID {
		t.Fatal("two contacts share an id")
	}
	if got, err := find(t, b, "old@b.example"); err != nil || got.ID != second.ID {
		t.Errorf("the old address gives %s, %v; want %s", got.ID, err, second.ID)
	}
	if got, err := b.Get(ctx, c.ID); err != nil || got.Email != "new@b.example" {
		t.Errorf("the first contact is now %+v, %v", got, err)
	}
	_, err = b.Change(ctx, c.ID, now, setEmail("old@b.example"))
	if e := wantCode(t, err, crm.Conflict); e.Holder != second.ID {
		t.Errorf("holder %s, want %s", e.Holder, second.ID)
	}
	remove(t, b, second.ID)
	back, err := b.Change(ctx, c.ID, now.Add(time.Hour), setEmail("old@b.example"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := find(t, b, "old@b.example"); err != nil || got.ID != back.ID {
		t.Errorf("after moving back: %s, %v", got.ID, err)
	}
	if _, err := find(t, b, "new@b.example"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the address that was left still answers: %v", err)
	}
}

func TestDeletedIdIsNeverLivedInAgain(t *testing.T) {
	b, ctx := book(t), context.Background()
	c := create(t, b, "a@b.example")
	if _, err := b.Change(ctx, c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Emails = []string{"second@b.example"}
		return []timeline.Activity{{At: now, Kind: timeline.Edit}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	remove(t, b, c.ID)
	if _, err := b.Get(ctx, c.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("a deleted contact is read: %v", err)
	}
	for _, e := range []string{"a@b.example", "second@b.example"} {
		again := create(t, b, e)
		if again.ID == c.ID {
			t.Errorf("%s lives under the id of the deleted contact", e)
		}
		acts, _, err := b.Timeline(ctx, again.ID, timeline.Query{Limit: 10})
		if err != nil || len(acts) != 1 {
			t.Errorf("the new contact's timeline is %v, %v", acts, err)
		}
		if got, err := find(t, b, e); err != nil || got.ID != again.ID {
			t.Errorf("%s gives %s, %v", e, got.ID, err)
		}
	}
	if _, err := b.Get(ctx, c.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the old id shows somebody else: %v", err)
	}
	wantCode(t, b.Delete(ctx, c.ID, now, func(contact.Contact) error { return nil }), crm.NotFound)
}

func TestRepeatedCreateAnswersTheFirst(t *testing.T) {
	b, ctx := book(t), context.Background()
	once := &contact.Once{Principal: "key_1", Key: "k", Hash: "h", At: now}
	first, replayed, err := b.Create(ctx, draft(t, "a@b.example"), once)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	second, replayed, err := b.Create(ctx, draft(t, "a@b.example"), once)
	if err != nil || !replayed || second.ID != first.ID {
		t.Fatalf("%s replayed %v, %v", second.ID, replayed, err)
	}
	_, _, err = b.Create(ctx, draft(t, "c@b.example"), &contact.Once{Principal: "key_1", Key: "k", Hash: "other"})
	wantCode(t, err, crm.KeyReused)
	if _, err := find(t, b, "c@b.example"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the refused request left a contact: %v", err)
	}
	if _, _, err := b.Create(ctx, draft(t, "d@b.example"), &contact.Once{Principal: "key_2", Key: "k", Hash: "h"}); err != nil {
		t.Errorf("another key's Idempotency-Key is its own: %v", err)
	}
	once.At = now.Add(25 * time.Hour)
	if _, replayed, err := b.Create(ctx, draft(t, "e@b.example"), once); err != nil || replayed {
		t.Errorf("after 24 hours the key is free: replayed %v, %v", replayed, err)
	}
}

func TestManyWritersOnOneAddressMakeOneContact(t *testing.T) {
	b, ctx := book(t), context.Background()
	const writers = 64
	for round := range 3 {
		email := fmt.Sprintf("race%d@b.example", round)
		var wg sync.WaitGroup
		created := make(chan crm.ContactID, writers)
		for w := range writers {
			wg.Go(func() {
				f := contact.Facts{Source: "form:x", Email: email, AsOf: contact.Stamp{At: now.Add(time.Duration(w) * time.Second)}, Tags: []string{fmt.Sprint("t", w)}}
				c, isNew, err := b.Upsert(ctx, f, now, func(c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
					if !created {
						c.Enrich(f)
					}
					return nil, nil
				})
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
				if isNew {
					created <- c.ID
				}
			})
		}
		wg.Wait()
		close(created)
		if len(created) != 1 {
			t.Fatalf("%d contacts were made", len(created))
		}
		c, err := find(t, b, email)
		if err != nil || len(c.Tags) != writers || c.Version != writers {
			t.Errorf("after %d writers: %d tags, version %d, %v", writers, len(c.Tags), c.Version, err)
		}
	}
}

func TestListShowsEveryContactOnceLastChangedFirst(t *testing.T) {
	b, ctx := book(t), context.Background()
	var want []crm.ContactID
	for i := range 23 {
		c := draft(t, fmt.Sprintf("p%d@b.example", i))
		c.UpdatedAt = now.Add(time.Duration(i) * time.Second)
		made, _, err := b.Create(ctx, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		want = append([]crm.ContactID{made.ID}, want...)
	}
	var got []crm.ContactID
	for after := ""; ; {
		rows, next, err := b.List(ctx, 5, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			got = append(got, r.ID)
			if r.FirstName != "Emma" || r.Version != 1 || r.Consent != contact.ConsentNever {
				t.Fatalf("row %+v", r)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestOtherSitesKeysAreRefused(t *testing.T) {
	table := dynamotest.Table(t)
	a, b := table.Book(dynamotest.Site(t, table, "bakery")), table.Book(dynamotest.Site(t, table, "bakery2"))
	c := create(t, a, "a@b.example")
	if _, err := b.Get(context.Background(), c.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("another site reads the contact: %v", err)
	}
	if other := create(t, b, "a@b.example"); other.ID == c.ID {
		t.Error("the same address has the same id on two sites")
	}
}

func TestPhoneOnlyContactHasNoIdentity(t *testing.T) {
	b, ctx := book(t), context.Background()
	c, err := contact.Draft(contact.Patch{Phone: contact.Some("06 12345678")}, contact.Policy{Country: "NL"}, "api", "key_1", now)
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := b.Create(ctx, c, nil)
	if err != nil || made.Phone != "+31612345678" {
		t.Fatalf("%+v, %v", made, err)
	}
	if made, err = b.Change(ctx, made.ID, now, setEmail("later@b.example")); err != nil {
		t.Fatal(err)
	}
	if got, err := find(t, b, "later@b.example"); err != nil || got.ID != made.ID {
		t.Errorf("%s, %v", got.ID, err)
	}
}

func TestPagesGoBeyondAMegabyte(t *testing.T) {
	b, ctx := book(t), context.Background()
	tags := make([]string, contact.MaxTags)
	for i := range tags {
		tags[i] = fmt.Sprintf("%03d%s", i, strings.Repeat("<", contact.MaxTag-3))
	}
	const contacts = 90
	for i := range contacts {
		c := draft(t, fmt.Sprintf("p%d@b.example", i))
		c.Tags = tags
		if _, _, err := b.Create(ctx, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[crm.ContactID]bool{}
	for after := ""; ; {
		rows, next, err := b.List(ctx, 40, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			seen[r.ID] = true
		}
		if after = next; after == "" {
			break
		}
	}
	if len(seen) != contacts {
		t.Errorf("the pages show %d of %d contacts", len(seen), contacts)
	}
	c := create(t, b, "talker@b.example")
	const messages = 40
	for i := range messages {
		_, err := b.Change(ctx, c.ID, now.Add(time.Duration(i)*time.Minute), func(*contact.Contact) ([]timeline.Activity, error) {
			return []timeline.Activity{{At: now.Add(time.Duration(i) * time.Minute), Kind: timeline.Form, Values: []timeline.Value{{Name: "message", Text: strings.Repeat("x", 60_000)}}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for after := ""; ; {
		acts, next, err := b.Timeline(ctx, c.ID, timeline.Query{Limit: 30, After: after})
		if err != nil {
			t.Fatal(err)
		}
		n += len(acts)
		if after = next; after == "" {
			break
		}
	}
	if n != messages+1 { // and its making
		t.Errorf("the timeline shows %d of %d entries", n, messages+1)
	}
}

func TestADeletionThatWasCutOffIsFinishedByTheNextReader(t *testing.T) {
	in := &faults.Injector{}
	table := dynamotest.Table(t, in.Option)
	b, ctx := table.Book(dynamotest.Site(t, table, "bakery")), context.Background()
	c := create(t, b, "a@b.example")
	if _, err := b.Change(ctx, c.ID, now, func(*contact.Contact) ([]timeline.Activity, error) {
		return []timeline.Activity{{At: now, Kind: timeline.Form, Values: []timeline.Value{{Name: "secret", Text: "x"}}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	in.Set(func(_ int, op string) (bool, error) {
		if op == "Query" {
			return false, faults.ErrDown
		}
		return true, nil
	})
	if err := b.Delete(ctx, c.ID, now, func(contact.Contact) error { return nil }); err == nil {
		t.Fatal("the deletion was not cut off")
	}
	in.Set(nil)
	if _, err := b.Get(ctx, c.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the deleted contact is read: %v", err)
	}
	if left, err := dynamo.TimelineItems(table, b, c.ID); err != nil || left != 0 {
		t.Errorf("%d entries of the timeline are left, %v", left, err)
	}
}
