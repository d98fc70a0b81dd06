package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/order"
	"clientele/internal/domain/tag"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/stack"
)

func mergeOrder(primary crm.ContactID, others ...crm.ContactID) contact.MergeOrder {
	return contact.MergeOrder{Primary: primary, Others: others, Source: "api", By: "key_1", At: now.Add(time.Hour),
		Check: func([]contact.Contact) error { return nil }}
}

func mustMerge(t *testing.T, b *dynamo.Book, primary crm.ContactID, others ...crm.ContactID) (contact.MergeRecord, contact.Contact) {
	t.Helper()
	r, c, _, err := b.Merge(context.Background(), mergeOrder(primary, others...))
	if err != nil {
		t.Fatalf("merging: %v", err)
	}
	return r, c
}

func mustUndo(t *testing.T, b *dynamo.Book, id string) {
	t.Helper()
	if _, err := b.UndoMerge(context.Background(), id, "api", "key_1", now.Add(2*time.Hour)); err != nil {
		t.Fatalf("undoing: %v", err)
	}
}

// answersTo fails unless each id or address leads to the contact.
func answersTo(t *testing.T, b *dynamo.Book, want crm.ContactID, names ...string) {
	t.Helper()
	for _, n := range names {
		var c contact.Contact
		var err error
		if strings.Contains(n, "@") {
			c, err = find(t, b, n)
		} else {
			c, err = b.Get(context.Background(), crm.ContactID(n))
		}
		if err != nil || c.ID != want {
			t.Errorf("%s leads to %s, %v; want %s", n, c.ID, err, want)
		}
	}
}

func note(t *testing.T, b *dynamo.Book, id crm.ContactID, text string, at time.Time) {
	t.Helper()
	if _, err := b.Change(context.Background(), id, at, func(*contact.Contact) ([]timeline.Activity, error) {
		return []timeline.Activity{{At: at, Kind: timeline.Form, Values: []timeline.Value{{Name: "message", Text: text}}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// told is the messages of a timeline, newest first.
func told(t *testing.T, b *dynamo.Book, id crm.ContactID) string {
	t.Helper()
	var out []string
	for after := ""; ; {
		acts, next, err := b.Timeline(context.Background(), id, timeline.Query{Limit: 2, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range acts {
			if a.Kind == timeline.Form {
				out = append(out, a.Values[0].Text)
			} else {
				out = append(out, string(a.Kind))
			}
		}
		if after = next; after == "" {
			return strings.Join(out, " ")
		}
	}
}

func TestAMergeLosesNothingAndItsUndoGivesAllBack(t *testing.T) {
	b, ctx := book(t), context.Background()
	first, second := create(t, b, "a@b.example"), create(t, b, "c@b.example")
	_, err := b.Change(ctx, second.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Emails, c.ExternalIDs, c.Company, c.Tags = []string{"d@b.example"}, []string{"shop:1"}, "B", []string{"x"}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	note(t, b, first.ID, "one", now.Add(time.Minute))
	note(t, b, second.ID, "two", now.Add(2*time.Minute))
	note(t, b, first.ID, "three", now.Add(3*time.Minute))
	older := versions("c@b.example")
	if err := order.Attach(ctx, b, older[0], policy, now); err != nil {
		t.Fatal(err)
	}
	before, err := b.Get(ctx, second.ID)
	if err != nil {
		t.Fatal(err)
	}

	r, merged := mustMerge(t, b, first.ID, second.ID)
	if merged.Company != "Oud" || !slices.Equal(merged.Tags, []string{"x"}) || merged.Status != contact.Customer || merged.Figures.Orders != 1 {
		t.Errorf("merged %+v", merged)
	}
	answersTo(t, b, first.ID, "a@b.example", "c@b.example", "d@b.example", string(first.ID), string(second.ID))
	if rows, _, err := b.List(ctx, 10, ""); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	got := told(t, b, second.ID)
	if !strings.Contains(got, "three two one") || strings.Count(got, "order") != 1 {
		t.Errorf("the timeline is %s", got)
	}
	// A later version of the order replaces the one that came before the merge.
	if err := order.Attach(ctx, b, older[3], policy, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if again := told(t, b, first.ID); strings.Count(again, "order") != 1 {
		t.Errorf("the order has several entries: %s", again)
	}
	if c, err := b.Get(ctx, first.ID); err != nil || c.Figures.Orders != 1 || len(ordersOf(t, b, first.ID)) != 1 {
		t.Errorf("the figures are %+v, %v", c.Figures, err)
	}

	if _, err := b.Change(ctx, first.ID, now.Add(90*time.Minute), func(c *contact.Contact) ([]timeline.Activity, error) {
		c.Company, c.Tags, c.Emails = "B & C", append(c.Tags, "y"), append(c.Emails, "new@b.example")
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	mustUndo(t, b, r.ID)
	mustUndo(t, b, r.ID) // once
	answersTo(t, b, first.ID, "a@b.example", "new@b.example", string(first.ID))
	answersTo(t, b, second.ID, "c@b.example", "d@b.example", string(second.ID))
	// What one of them said does not stay behind at the other, where no erasure would find it.
	acts, _, err := b.Timeline(ctx, first.ID, timeline.Query{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprintf("%+v", acts); strings.Contains(all, "c@b.example") || strings.Count(all, r.ID) != 2 {
		t.Errorf("the primary's timeline is %s", all)
	}
	one, _ := b.Get(ctx, first.ID)
	two, _ := b.Get(ctx, second.ID)
	if one.Company != "B & C" || !slices.Equal(one.Tags, []string{"y"}) || one.Status != contact.Lead || one.Figures.Orders != 0 || len(one.Merged) != 0 {
		t.Errorf("the primary is %+v", one)
	}
	if two.Version <= merged.Version {
		t.Errorf("version %d was seen under this id already", two.Version)
	}
	two.Version, two.UpdatedAt = before.Version, before.UpdatedAt
	if two.Figures.Orders != 1 {
		t.Errorf("figures %+v", two.Figures)
	}
	two.Figures = before.Figures
	if fmt.Sprintf("%+v", two) != fmt.Sprintf("%+v", before) {
		t.Errorf("given back\n%+v, was\n%+v", two, before)
	}
	if got := told(t, b, second.ID); !strings.HasPrefix(got, "unmerge") || !strings.Contains(got, "two") || strings.Contains(got, "one") {
		t.Errorf("the timeline given back is %s", got)
	}
	if left := dynamo.MergeParts(b, r.ID); left != 0 {
		t.Errorf("%d parts with what the contacts were are kept", left)
	}
}

func ordersOf(t *testing.T, b *dynamo.Book, id crm.ContactID) []order.Order {
	t.Helper()
	c, err := b.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	orders, _, err := b.Orders(context.Background(), c.IDs(), 100, "")
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

func TestChainsOfMergesAreFollowedAndUndoneFromTheLast(t *testing.T) {
	b, ctx := book(t), context.Background()
	a, c, e := create(t, b, "a@b.example"), create(t, b, "c@b.example"), create(t, b, "e@b.example")
	inner, _ := mustMerge(t, b, c.ID, a.ID)
	outer, _ := mustMerge(t, b, e.ID, c.ID)
	answersTo(t, b, e.ID, string(a.ID), string(c.ID), "a@b.example", "c@b.example")
	_, _, _, err := b.Merge(ctx, mergeOrder(e.ID, a.ID))
	if x := wantCode(t, err, crm.Conflict); x.Holder != e.ID {
		t.Errorf("an id that was merged leads to %s", x.Holder)
	}
	_, err = b.UndoMerge(ctx, inner.ID, "api", "key_1", now)
	wantCode(t, err, crm.Conflict)
	mustUndo(t, b, outer.ID)
	answersTo(t, b, c.ID, string(a.ID), "a@b.example", "c@b.example")
	answersTo(t, b, e.ID, "e@b.example")
	mustUndo(t, b, inner.ID)
	answersTo(t, b, a.ID, string(a.ID), "a@b.example")
	later, _ := mustMerge(t, b, c.ID, a.ID)
	last, _ := mustMerge(t, b, c.ID, e.ID)
	_, err = b.UndoMerge(ctx, later.ID, "api", "key_1", now)
	if x := wantCode(t, err, crm.Conflict); !strings.Contains(x.Detail, last.ID) {
		t.Errorf("which merge is in the way: %s", x.Detail)
	}
}

func TestDeletingAMergedContactEndsAllThatWentIntoIt(t *testing.T) {
	table := dynamotest.Table(t)
	b, ctx := table.Book(dynamotest.Site(t, table, "bakery")), context.Background()
	a, c, e := create(t, b, "a@b.example"), create(t, b, "c@b.example"), create(t, b, "e@b.example")
	note(t, b, a.ID, "secret", now)
	if err := order.Attach(ctx, b, versions("a@b.example")[0], policy, now); err != nil {
		t.Fatal(err)
	}
	inner, _ := mustMerge(t, b, c.ID, a.ID)
	outer, _ := mustMerge(t, b, e.ID, c.ID)
	remove(t, b, a.ID) // by an old id
	for _, id := range []crm.ContactID{a.ID, c.ID, e.ID} {
		if _, err := b.Get(ctx, id); crm.CodeOf(err) != crm.NotFound {
			t.Errorf("%s still leads to somebody: %v", id, err)
		}
	}
	for _, m := range []string{inner.ID, outer.ID} {
		if _, err := b.GetMerge(ctx, m); crm.CodeOf(err) != crm.NotFound || dynamo.MergeParts(b, m) != 0 {
			t.Errorf("merge %s is kept: %v", m, err)
		}
	}
	if n, err := dynamo.TimelineItems(table, b, a.ID); err != nil || n != 1 { // the order
		t.Errorf("%d items are left of the timeline, %v", n, err)
	}
	if kept, _, err := b.Orders(ctx, []crm.ContactID{a.ID}, 10, ""); err != nil || len(kept) != 1 || kept[0].Customer != (order.Customer{}) {
		t.Errorf("the order is %+v, %v", kept, err)
	}
	again := create(t, b, "a@b.example")
	if again.ID == a.ID || again.ID == e.ID {
		t.Error("somebody new lives under an old id")
	}
	if _, err := b.Get(ctx, a.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("the old id shows somebody new: %v", err)
	}
}

func TestWhatMakesAnUndoImpossibleIsSaid(t *testing.T) {
	b, ctx := book(t), context.Background()
	a, c := create(t, b, "a@b.example"), create(t, b, "c@b.example")
	r, _ := mustMerge(t, b, a.ID, c.ID)
	if _, err := b.Change(ctx, a.ID, now, func(k *contact.Contact) ([]timeline.Activity, error) { k.Emails = nil; return nil, nil }); err != nil {
		t.Fatal(err)
	}
	new := create(t, b, "c@b.example")
	answersTo(t, b, a.ID, string(c.ID)) // the old id stays with the primary
	_, err := b.UndoMerge(ctx, r.ID, "api", "key_1", now)
	if e := wantCode(t, err, crm.Conflict); e.Holder != new.ID {
		t.Errorf("in the way is %s", e.Holder)
	}
	answersTo(t, b, a.ID, string(c.ID), "a@b.example")
	remove(t, b, new.ID)
	_, err = b.UndoMerge(ctx, r.ID, "api", "key_1", now.Add(31*24*time.Hour))
	wantCode(t, err, crm.Gone)
	mustUndo(t, b, r.ID) // the address that was dropped is free again
	answersTo(t, b, c.ID, string(c.ID), "c@b.example")
	_, err = b.UndoMerge(ctx, "mg_00000000000000000000000000", "api", "key_1", now)
	wantCode(t, err, crm.NotFound)
}

func TestTheLargestMergeIsOneTransaction(t *testing.T) {
	b, ctx := book(t), context.Background()
	primary := create(t, b, "p@b.example")
	var others []crm.ContactID
	for i := range contact.MaxMergeOthers {
		c := draft(t, fmt.Sprintf("o%d@b.example", i))
		c.Emails = []string{fmt.Sprintf("q%d@b.example", i)}
		made, _, err := b.Create(ctx, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, made.ID)
	}
	r, merged := mustMerge(t, b, primary.ID, others...)
	if n := len(merged.Identities()); n != 1+2*contact.MaxMergeOthers {
		t.Errorf("%d identities", n)
	}
	mustUndo(t, b, r.ID)
	for i, id := range others {
		answersTo(t, b, id, string(id), fmt.Sprintf("q%d@b.example", i))
	}
	for i := range others {
		if _, err := b.Change(ctx, others[i], now, func(c *contact.Contact) ([]timeline.Activity, error) {
			c.ExternalIDs = []string{fmt.Sprint("x:", i), fmt.Sprint("y:", i)}
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, _, err := b.Merge(ctx, mergeOrder(primary.ID, others...))
	if e := wantCode(t, err, crm.Conflict); len(e.Faults) == 0 {
		t.Errorf("no blocker: %v", e)
	}
	answersTo(t, b, others[0], string(others[0]), "o0@b.example")
}

func TestARepeatedMergeAnswersTheFirst(t *testing.T) {
	b, ctx := book(t), context.Background()
	a, c := create(t, b, "a@b.example"), create(t, b, "c@b.example")
	o := mergeOrder(a.ID, c.ID)
	o.Once = &contact.Once{Principal: "key_1", Key: "k", Hash: "h"}
	first, _, replayed, err := b.Merge(ctx, o)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	again, k, replayed, err := b.Merge(ctx, o)
	if err != nil || !replayed || again.ID != first.ID || k.ID != a.ID {
		t.Errorf("%+v, replayed %v, %v", again, replayed, err)
	}
	o.Once = &contact.Once{Principal: "key_1", Key: "k", Hash: "other"}
	_, _, _, err = b.Merge(ctx, o)
	wantCode(t, err, crm.KeyReused)
}

func TestAnAddressThatWasLeftGoesBackAndForth(t *testing.T) {
	b, ctx := book(t), context.Background()
	// second has the address in whose slot first lives.
	first := create(t, b, "a@b.example")
	if _, err := b.Change(ctx, first.ID, now, setEmail("moved@b.example")); err != nil {
		t.Fatal(err)
	}
	second := create(t, b, "a@b.example")
	for _, way := range [][2]crm.ContactID{{first.ID, second.ID}, {second.ID, first.ID}} {
		r, _ := mustMerge(t, b, way[0], way[1])
		answersTo(t, b, way[0], "a@b.example", "moved@b.example", string(first.ID), string(second.ID))
		mustUndo(t, b, r.ID)
		answersTo(t, b, first.ID, "moved@b.example", string(first.ID))
		answersTo(t, b, second.ID, "a@b.example", string(second.ID))
	}
}

// Each contact that comes back has the evidence of what its consents are again.
func TestAnUndoneMergeLeavesEvidenceWithEachContact(t *testing.T) {
	b, ctx := book(t), context.Background()
	var ids []crm.ContactID
	for email, to := range map[string]contact.Consent{"a@b.example": contact.ConsentNever, "b@b.example": contact.ConsentSubscribed, "c@b.example": contact.ConsentUnsubscribed} {
		c := create(t, b, email)
		if to != contact.ConsentNever {
			c = change(t, b, c.ID, settle(to, "member"))
		}
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	was := map[crm.ContactID]contact.Consent{}
	for _, id := range ids {
		c, err := b.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		was[id] = c.Consent
	}
	r, into := mustMerge(t, b, ids[0], ids[1:]...)
	if into.Consent != contact.ConsentUnsubscribed {
		t.Fatalf("together they are %s", into.Consent)
	}
	mustUndo(t, b, r.ID)
	for _, id := range ids {
		c, err := b.Get(ctx, id)
		if err != nil || c.Consent != was[id] {
			t.Fatalf("%s comes back %s, %v", id, c.Consent, err)
		}
		rows, err := b.Evidence(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, row := range rows {
			if row.Value("how") == "unmerge" {
				if n++; row.Value("from") != "unsubscribed" || row.Value("to") != string(was[id]) || row.Value("address") != c.Email {
					t.Errorf("%s has the evidence %v", c.Email, row.Values)
				}
			}
		}
		if want := map[bool]int{true: 1}[was[id] != contact.ConsentUnsubscribed]; n != want {
			t.Errorf("%s has %d rows of the undoing, want %d", c.Email, n, want)
		}
	}
}

func TestAnUndoneMergeDoesNotLiftASuppression(t *testing.T) {
	b, ctx := book(t), context.Background()
	a, c := create(t, b, "a@b.example"), create(t, b, "c@b.example")
	r, _ := mustMerge(t, b, a.ID, c.ID)
	for _, rule := range []contact.Rule{
		func(k *contact.Contact) ([]timeline.Activity, error) {
			k.Consent = contact.ConsentUnsubscribed
			return nil, nil
		},
		func(k *contact.Contact) ([]timeline.Activity, error) { k.Emails = nil; return nil, nil }, // c@ keeps the suppression
		func(k *contact.Contact) ([]timeline.Activity, error) {
			k.Consent = contact.ConsentSubscribed
			return nil, nil
		},
	} {
		if _, err := b.Change(ctx, a.ID, now, rule); err != nil {
			t.Fatal(err)
		}
	}
	mustUndo(t, b, r.ID)
	if back, err := find(t, b, "c@b.example"); err != nil || back.ID != c.ID || back.Consent != contact.ConsentUnsubscribed {
		t.Errorf("given back with consent %s, %v", back.Consent, err)
	}
	mustMerge(t, b, a.ID, c.ID)
	remove(t, b, a.ID)
	again := create(t, b, "c@b.example")
	if again.Consent != contact.ConsentUnsubscribed || again.ID == c.ID {
		t.Errorf("a new contact under a suppressed address: %s %s", again.ID, again.Consent)
	}
}

// Orders, imports, edits and merges of the same people, all at once: nothing is
// lost, and everything that leads somewhere leads to the right one.
func TestMergesRaceWithOrdersImportsAndEdits(t *testing.T) {
	endpoint := stack.DynamoLocal(t)
	table, name := dynamotest.Named(t, endpoint)
	s := dynamotest.Site(t, table, "bakery")
	b, ctx := table.Book(s), context.Background()
	const people, rounds = 4, 12
	var ids []crm.ContactID
	for i := range people {
		ids = append(ids, create(t, b, fmt.Sprintf("p%d@b.example", i)).ID)
	}
	// refused is an answer that a race may have.
	refused := func(err error) bool {
		switch crm.CodeOf(err) {
		case crm.Conflict, crm.Gone, crm.Invalid, crm.Busy:
			return true
		}
		return err == nil
	}
	var wg sync.WaitGroup
	for w := range 2 { // who merges and undoes
		wg.Go(func() {
			for round := range rounds {
				primary, other := ids[(round+w)%people], ids[(round+w+1)%people]
				r, _, _, err := b.Merge(ctx, mergeOrder(primary, other))
				if !refused(err) {
					t.Errorf("merging: %v", err)
				}
				if err == nil && round%3 != 0 {
					if _, err := b.UndoMerge(ctx, r.ID, "api", "key_1", now.Add(2*time.Hour)); !refused(err) {
						t.Errorf("undoing: %v", err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for round := range rounds {
			o := versions(fmt.Sprintf("p%d@b.example", round%people))[0]
			o.ExternalID, o.Customer.ExternalID = fmt.Sprint(round/2), "" // each comes twice, the second time from somebody else
			if round%2 == 1 {
				o.UpdatedAt, o.Status = o.UpdatedAt.Add(time.Hour), order.Paid
			}
			if err := order.Attach(ctx, b, o, policy, now.Add(time.Duration(round)*time.Minute)); !refused(err) {
				t.Errorf("attaching: %v", err)
			}
		}
	})
	wg.Go(func() {
		for round := range rounds {
			var facts []contact.Facts
			for i := range people {
				facts = append(facts, contact.Facts{Source: "import:1", Email: fmt.Sprintf("p%d@b.example", i), Tags: []string{fmt.Sprint("r", round)}, AsOf: contact.Stamp{At: now}})
			}
			err := b.UpsertAll(ctx, facts, now, func(_ int, c *contact.Contact, f contact.Facts, created bool) ([]timeline.Activity, error) {
				if !created && !c.Enrich(f).Dirty { // created is a try that comes to nothing
					return nil, contact.ErrUnchanged
				}
				return nil, nil
			})
			if !refused(err) {
				t.Errorf("importing: %v", err)
			}
		}
	})
	wg.Go(func() {
		for round := range rounds * 2 {
			if _, err := b.Change(ctx, ids[round%people], now, func(c *contact.Contact) ([]timeline.Activity, error) {
				c.Company = fmt.Sprint("c", round)
				return nil, nil
			}); !refused(err) {
				t.Errorf("editing: %v", err)
			}
		}
	})
	wg.Wait()
	sound(t, b, s, name, dynamodb.NewFromConfig(dynamotest.Config(endpoint)))
	all := 0
	if err := b.Each(ctx, func(c *contact.Contact) error { all += len(c.IDs()); return nil }); err != nil || all != people {
		t.Errorf("%d people became %d, %v", people, all, err)
	}
	orders, tags := map[string]bool{}, map[string]bool{}
	for i := range people {
		c, err := find(t, b, fmt.Sprintf("p%d@b.example", i))
		if err != nil {
			t.Fatalf("p%d: %v", i, err)
		}
		for _, tag := range c.Tags { // what came while they were one stays with the primary
			tags[tag] = true
		}
		answersTo(t, b, c.ID, string(c.ID))
		for _, o := range ordersOf(t, b, c.ID) {
			orders[o.Ref()] = true
		}
	}
	if len(orders) != rounds/2 || len(tags) != rounds {
		t.Errorf("%d orders of %d and %d tags of %d are with somebody", len(orders), rounds/2, len(tags), rounds)
	}
}

// What the site did to its tags between a merge and its undoing is done to whom comes
// back as well; what was done before the merge is not.
func TestTagsThatWereRenamedMeanwhileComeBackUnderTheirNewName(t *testing.T) {
	b, ctx := book(t), context.Background()
	tagged := func(email string, tags ...string) crm.ContactID {
		c := create(t, b, email)
		if _, err := b.Change(ctx, c.ID, now, func(c *contact.Contact) ([]timeline.Activity, error) {
			c.Tags = tags
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	rename := func(from, to string, at time.Time) {
		t.Helper()
		var err error
		if to == "" {
			err = b.RemoveTag(ctx, from, anyTag, "bk_1", at)
		} else {
			_, err = b.RenameTag(ctx, from, anyTag, tag.Tag{Name: to}, "bk_1", at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rename("Reborn", "Elsewhere", now.Add(-24*time.Hour)) // long before: the tag was given anew
	first := tagged("a@b.example", "Kept", "Mine")
	second := tagged("c@b.example", "guest", "Regular", "No-show", "kept", "Reborn")
	r, _ := mustMerge(t, b, first, second)
	at := now.Add(61 * time.Minute)
	rename("Guest", "Diner", at)
	rename("diner", "Visitor", at.Add(time.Minute))
	rename("no-show", "", at.Add(2*time.Minute))
	rename("Mine", "Ours", at.Add(3*time.Minute))
	if _, err := b.Change(ctx, first, at, func(c *contact.Contact) ([]timeline.Activity, error) { // what the jobs of these do
		c.Tags = []string{"Kept", "Ours", "Visitor", "Regular", "Reborn", "New"}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	mustUndo(t, b, r.ID)
	for id, want := range map[crm.ContactID]string{first: "[Kept Ours New]", second: "[Visitor Regular kept Reborn]"} {
		if c, err := b.Get(ctx, id); err != nil || fmt.Sprint(c.Tags) != want {
			t.Errorf("%s has %v, want %s; %v", id, c.Tags, want, err)
		}
	}
	if tags, err := b.Tags(ctx); err != nil || len(tags) != 3 { // Elsewhere, Visitor, Ours
		t.Errorf("the site knows %v, %v", tags, err)
	}
}

// Devices and documents go back to whom they came from; what came meanwhile stays.
func TestDevicesAndDocumentsGoBackToWhomTheyCameFrom(t *testing.T) {
	b, ctx := book(t), context.Background()
	first, second := create(t, b, "a@b.example").ID, create(t, b, "c@b.example").ID
	register := func(id crm.ContactID, device string, at time.Time) {
		t.Helper()
		if err := b.ChangeDevices(ctx, id, func(list []contact.PushDevice) ([]contact.PushDevice, error) {
			return contact.RegisterDevice(list, contact.PushDevice{ID: "dv_" + device, Platform: "ios", Token: contact.PushToken(device)}, at), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	upload := func(id crm.ContactID) string {
		t.Helper()
		f, err := b.AddFile(ctx, id, document.File{Purpose: document.ForEntry, State: document.Ready, Name: "a.pdf", At: now}, time.Time{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	have := func(id crm.ContactID) string {
		t.Helper()
		list, err := b.Devices(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, d := range list {
			names = append(names, string(d.Token))
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	for i := range contact.MaxDevices - 2 {
		register(first, fmt.Sprint("p", string(rune('a'+i))), now.Add(time.Duration(i)*time.Second))
	}
	register(first, "both", now.Add(time.Minute))
	register(second, "both", now.Add(time.Minute))
	register(second, "theirs", now.Add(2*time.Minute))
	mine, theirs := upload(first), upload(second)

	r, _ := mustMerge(t, b, first, second)
	if got := strings.Fields(have(second)); len(got) != contact.MaxDevices {
		t.Errorf("together they have %v", got)
	}
	later := upload(second)                         // by the old id
	register(second, "new", now.Add(time.Hour))     // the one that was seen longest ago goes: pa
	register(first, "theirs", now.Add(2*time.Hour)) // known
	mustUndo(t, b, r.ID)
	if got := have(second); got != "both theirs" {
		t.Errorf("given back with the devices %s", got)
	}
	if got := strings.Fields(have(first)); len(got) != contact.MaxDevices-1 || !slices.Contains(got, "new") || !slices.Contains(got, "both") || slices.Contains(got, "pa") || slices.Contains(got, "theirs") {
		t.Errorf("the primary has the devices %v", got)
	}
	for _, tt := range []struct {
		id   crm.ContactID
		file string
		has  bool
	}{{first, mine, true}, {second, theirs, true}, {first, later, true}, {first, theirs, false}, {second, mine, false}, {second, later, false}} {
		if _, err := b.GetFile(ctx, tt.id, tt.file); (err == nil) != tt.has {
			t.Errorf("%s of %s: %v", tt.file, tt.id, err)
		}
	}
}

func anyTag(tag.Tag) error { return nil }
