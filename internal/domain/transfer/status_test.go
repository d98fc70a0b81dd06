package transfer_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/transferkit"
)

func TestStatusesComeAndGoByName(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	if err := s.AddStatus("st_a", "Große Kunden", ""); err != nil {
		t.Fatal(err)
	}
	file := "email,status\na@b.example,GROSSE KUNDEN\nb@b.example,klant\nc@b.example,st_a\nd@b.example,nonsense\n"
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 4, Created: 4})
	status := func(email string) contact.Status {
		c, err := book.Find(context.Background(), crm.EmailIdentity(email))
		if err != nil {
			t.Fatal(err)
		}
		return c.Status
	}
	for email, want := range map[string]contact.Status{"a@b.example": "st_a", "b@b.example": "customer", "c@b.example": "st_a", "d@b.example": "lead"} {
		if got := status(email); got != want {
			t.Errorf("%s is %s, want %s", email, got, want)
		}
	}
	j, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", CreatedAt: base, Choice: []string{"email", "status"}, Filter: `status = "große kunden" OR status:klant`})
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(out, "\ufeff")), "\r\n")
	slices.Sort(lines)
	if got := strings.Join(lines, " "); j.Total != 3 || !strings.HasPrefix(got, `"a@b.example","Große Kunden" "b@b.example","customer" "c@b.example","Große Kunden"`) {
		t.Errorf("exported are %d: %q", j.Total, out)
	}

	// A plan without customers takes the row and not its status, and says so.
	book, s = b.site("mini")
	s.Plan = plan.Mini
	j = b.run(book, s, "email,status\na@b.example,customer\nb@b.example,inactive\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 2, Created: 2})
	if a, i := status("a@b.example"), status("b@b.example"); a != contact.Lead || i != contact.Inactive {
		t.Errorf("under the plan mini they are %s and %s", a, i)
	}
	if i := slices.IndexFunc(j.Columns, func(c transfer.Column) bool { return c.Field == "status" }); i < 0 || !strings.Contains(j.Columns[i].Note, "the plan pro") {
		t.Errorf("the report says %+v", j.Columns)
	}
	_, _, err := transfer.Start(context.Background(), book, b.files, s, transfer.Job{ID: "imp_x", Filename: "a.csv", Size: 5, CreatedAt: base, Options: transfer.Options{Status: contact.VIP}}, nil)
	if crm.CodeOf(err) != crm.PlanRequired {
		t.Errorf("an import that makes VIPs: %v", err)
	}
}
