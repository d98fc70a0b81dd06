package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/test/dynamotest"
)

func drafts(t *testing.T, emails ...string) []contact.Contact {
	t.Helper()
	out := make([]contact.Contact, len(emails))
	for i, e := range emails {
		c, err := contact.Draft(contact.Patch{Email: contact.Some(e)}, contact.Policy{Country: "NL"}, "api", "key_1", time.Now().UTC())
		if err != nil {
			t.Fatal(err)
		}
		out[i] = c
	}
	return out
}

func TestABatchIsMadeWholeOrNotAtAll(t *testing.T) {
	ctx, table := context.Background(), dynamotest.Table(t)
	b := table.Book(dynamotest.Site(t, table, "bakery"))
	var emails []string
	for i := range contact.MaxBatch {
		emails = append(emails, fmt.Sprintf("p%d@b.example", i))
	}
	once := &contact.Once{Principal: "key_1", Key: "k", Hash: "h"}
	made, replayed, err := b.CreateAll(ctx, drafts(t, emails...), once)
	if err != nil || replayed || len(made) != contact.MaxBatch {
		t.Fatalf("%d made, replayed %v, %v", len(made), replayed, err)
	}
	again, replayed, err := b.CreateAll(ctx, drafts(t, emails...), once)
	if err != nil || !replayed || len(again) != len(made) || again[24].ID != made[24].ID {
		t.Errorf("the same key made %d, replayed %v, %v", len(again), replayed, err)
	}
	_, _, err = b.CreateAll(ctx, drafts(t, "new@b.example", "P7@b.example"), nil)
	if e, ok := err.(*crm.Error); !ok || e.Code != crm.Conflict || len(e.Faults) != 1 || e.Faults[0].Pointer != "/contacts/1" || !strings.Contains(e.Faults[0].Detail, string(made[7].ID)) {
		t.Errorf("a known address: %v", err)
	}
	if _, err := b.Find(ctx, crm.EmailIdentity("new@b.example")); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("half of a refused batch was made: %v", err)
	}
	if _, _, err := b.CreateAll(ctx, drafts(t, "x@b.example", "X@b.example"), nil); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("one address twice: %v", err)
	}
	// An address whose contact is gone founds a new one, with another id.
	if err := b.Delete(ctx, made[3].ID, time.Now(), func(contact.Contact) error { return nil }); err != nil {
		t.Fatal(err)
	}
	fresh, _, err := b.CreateAll(ctx, drafts(t, "p3@b.example", "y@b.example"), nil)
	if err != nil || fresh[0].ID == made[3].ID {
		t.Errorf("%v, %v", fresh, err)
	}
}

func TestABatchIsReadInItsOrder(t *testing.T) {
	ctx, table := context.Background(), dynamotest.Table(t)
	b := table.Book(dynamotest.Site(t, table, "bakery"))
	other := table.Book(dynamotest.Site(t, table, "garage"))
	made, _, err := b.CreateAll(ctx, drafts(t, "a@b.example", "b@b.example"), nil)
	if err != nil {
		t.Fatal(err)
	}
	nobody := crm.NewContactID([16]byte{9})
	got, err := b.GetAll(ctx, []crm.ContactID{made[1].ID, nobody, "none", made[0].ID, made[1].ID})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []crm.ContactID{made[1].ID, "", "", made[0].ID, made[1].ID} {
		if got[i].ID != want {
			t.Errorf("place %d has %q, want %q", i, got[i].ID, want)
		}
	}
	if got, err := other.GetAll(ctx, []crm.ContactID{made[0].ID}); err != nil || got[0].ID != "" {
		t.Errorf("another site reads %q, %v", got[0].ID, err)
	}
}
