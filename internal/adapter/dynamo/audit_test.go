package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/site"
	"clientele/internal/test/dynamotest"
)

func TestTheAuditLog(t *testing.T) {
	ctx := context.Background()
	table := dynamotest.Table(t)
	s, other := dynamotest.Site(t, table, "bakery"), dynamotest.Site(t, table, "florist")
	ann, key := site.Actor{ID: "mb_ann", Name: "Ann", Kind: site.ByMember}, site.Actor{ID: "key_1", Kind: site.ByAPIKey}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 25 {
		by, what := ann, audit.MemberChanged
		if i%5 == 0 {
			by, what = key, audit.ExportStarted
		}
		if err := table.Audit(ctx, s.ID, audit.Note(by, "req", start.Add(time.Duration(i)*time.Hour), what, fmt.Sprint("o", i), "role")); err != nil {
			t.Fatal(err)
		}
	}
	at := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		name string
		f    audit.Filter
		want string // objects, newest first
	}{
		{"all", audit.Filter{}, "o24 o23 o22 o21 o20 o19 o18 o17 o16 o15 o14 o13 o12 o11 o10 o9 o8 o7 o6 o5 o4 o3 o2 o1 o0"},
		{"of an actor", audit.Filter{By: "key_1"}, "o20 o15 o10 o5 o0"},
		{"an action", audit.Filter{Action: audit.ExportStarted}, "o20 o15 o10 o5 o0"},
		{"an object", audit.Filter{Object: "o7"}, "o7"},
		{"from, inclusive, until, exclusive", audit.Filter{From: at(3), Until: at(6)}, "o5 o4 o3"},
		{"an actor in a time", audit.Filter{By: "key_1", From: at(4), Until: at(12)}, "o10 o5"},
		{"nobody", audit.Filter{By: "mb_bob"}, ""},
		{"a time that holds nothing", audit.Filter{From: at(6), Until: at(3)}, ""},
	} {
		for _, limit := range []int{1, 3, 50} {
			got, after := "", ""
			for pages := 0; ; pages++ {
				rows, next, err := table.AuditLog(ctx, s.ID, c.f, limit, after)
				if err != nil || len(rows) > limit || pages > 30 {
					t.Fatalf("%s, page %d: %d rows, %v", c.name, pages, len(rows), err)
				}
				for _, r := range rows {
					if got != "" {
						got += " "
					}
					got += r.Object
				}
				if after = next; next == "" {
					break
				}
			}
			if got != c.want {
				t.Errorf("%s, %d a page: %s, want %s", c.name, limit, got, c.want)
			}
		}
	}
	if rows, _, err := table.AuditLog(ctx, other.ID, audit.Filter{}, 50, ""); err != nil || len(rows) != 0 {
		t.Errorf("another site reads %v, %v", rows, err)
	}
}

// A redelivery tells the same again: one row, as it was told first.
func TestAnEntryToldTwiceIsOneRow(t *testing.T) {
	ctx := context.Background()
	table := dynamotest.Table(t)
	s := dynamotest.Site(t, table, "bakery")
	e := audit.Note(site.Actor{ID: "mb_ann", Name: "Ann", Kind: site.ByMember}, "r1", time.Now().UTC(), audit.ContactChanged, "ct_1", "email")
	e.ID = audit.DeriveID(e.At, "ct_1", "activity 1")
	again := e
	again.Name = "Somebody else"
	if err := table.Audit(ctx, s.ID, e, again, e); err != nil {
		t.Fatal(err)
	}
	rows, _, err := table.AuditLog(ctx, s.ID, audit.Filter{}, 50, "")
	if err != nil || len(rows) != 1 || rows[0].Name != "Ann" || rows[0].ID != e.ID || rows[0].Fields[0] != "email" {
		t.Errorf("%+v, %v", rows, err)
	}
	if audit.DeriveID(e.At, "ct_1", "activity 2") == e.ID {
		t.Error("two causes have one id")
	}
}

// Whatever code there is, a row that stands is not changed or removed: the guard
// refuses such a request before it leaves.
func TestTheAuditLogIsAppendOnly(t *testing.T) {
	ctx := context.Background()
	table := dynamotest.Table(t)
	s := dynamotest.Site(t, table, "bakery")
	e := audit.Note(site.Actor{ID: "mb_ann", Kind: site.ByMember}, "", time.Now().UTC(), audit.ExportStarted, "exp_1")
	e.ID = audit.DeriveID(e.At, "x")
	if err := table.Audit(ctx, s.ID, e); err != nil {
		t.Fatal(err)
	}
	for name, err := range dynamo.TamperWithAudit(table, s.ID, e.ID) {
		if !errors.Is(err, dynamo.ErrAppendOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rows, _, err := table.AuditLog(ctx, s.ID, audit.Filter{}, 5, ""); err != nil || len(rows) != 1 || rows[0].Object != "exp_1" {
		t.Errorf("afterwards %+v, %v", rows, err)
	}
}
