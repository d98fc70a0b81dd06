package transfer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/domain/transfer/csv"
	"clientele/internal/test/transferkit"
)

var ownFields = []contact.FieldDef{
	{Key: "remark", Label: "Opmerking van de bakker", Type: contact.TextField},
	{Key: "size", Label: "Schoenmaat", Type: contact.NumberField},
	{Key: "since", Label: "Lid sinds", Type: contact.DateField},
	{Key: "gold", Label: "Gouden kaart", Type: contact.BooleanField},
	{Key: "topics", Label: "Onderwerpen", Type: contact.ChoicesField, Options: []string{"Brood", "Taart; zoet", `"Gratis"`}},
}

// textFields are the fields of a contact that hold any text.
var textFields = []string{"first_name", "last_name", "company", "phone", "mobile", "gender", "vat_number", "fiscal_number", "note",
	"street", "street_2", "postcode", "city", "region", "country", "billing_street", "billing_city", "shipping_street", "shipping_country"}

// bookOfLines has a contact for each hostile line, with the line in every text field.
func bookOfLines(t *testing.T, b *bench) (book transfer.Book, s site.Site, n int) {
	lines := naughty(t)
	bk, s := b.site("bakery")
	s.CustomFields = ownFields
	for i, line := range lines {
		f := contact.Facts{Source: "import:x", AsOf: contact.Stamp{At: base}, Email: fmt.Sprintf("blns%d@b.example", i)}
		for _, name := range textFields {
			f.Details.Cut(name, line, "NL")
		}
		f.Details.Phones = []string{contact.CleanPhone(clip(line, 100), "NL"), "+31201234567"}
		for _, own := range ownFields {
			f.Details.CutCustom(own, line)
		}
		f.SetCustom("topics", contact.JoinTexts([]string{"Taart; zoet", `"Gratis"`}))
		f.SetCustom("size", "1234567890123456789.5")
		if _, _, err := bk.Upsert(context.Background(), f, base, func(*contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return bk, s, len(lines)
}

func TestEveryFieldOfHostileTextComesBackFromAFile(t *testing.T) {
	b := newBench(t)
	book, s, n := bookOfLines(t, b)
	everything := slices.DeleteFunc(slices.Clone(transfer.ExportColumns), func(c string) bool {
		return slices.Contains([]string{"id", "created_at", "updated_at"}, c)
	})
	for _, f := range ownFields {
		everything = append(everything, f.Name())
	}
	_, first := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", Choice: everything})

	again := b.run(b.table.Book(s), s, first, transferkit.Conditions{Workers: 3}, nil)
	want(t, again, transfer.Counts{Rows: n, Unchanged: n})

	other, o := b.site("other")
	o.CustomFields = ownFields
	want(t, b.run(other, o, first, transferkit.Conditions{Workers: 3}, nil), transfer.Counts{Rows: n, Created: n})
	_, second := transferkit.Export(t, b.files, other, o, clockAt(base), transfer.Job{ID: "exp_2", Choice: everything})
	x, y := records(t, first), records(t, second)
	for i := range x {
		for j := range x[i] {
			// A cell's own blanks at its ends are nobody's text in another book.
			if a, b := contact.Trim(x[i][j]), contact.Trim(y[i][j]); a != b {
				t.Fatalf("%s of line %d was %q and is %q", x[0][j], i, a, b)
			}
		}
	}
}

// records are the rows of a file by their first cell, as an import reads them.
func records(t *testing.T, file string) [][]string {
	t.Helper()
	rows, err := transfer.Sample(strings.NewReader(file), csv.Sniff([]byte(file)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for i := range r {
			r[i] = csv.Unguard(r[i])
		}
	}
	slices.SortFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return rows
}

func TestColumnsOfASitesOwnFields(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	s.CustomFields = ownFields
	file := "E-mail,schoenmaat,GOLD,custom.since,Onderwerpen,weet ik\n" +
		"a@b.example,\"42,5\",ja,31-12-2020,brood;\"Taart; zoet\",hallo\n" +
		"b@b.example,groot,,,,\n"
	j := b.run(book, s, file, transferkit.Conditions{}, func(j *transfer.Job) { j.Mapping = map[string]string{"weet ik": "custom.remark"} })
	want(t, j, transfer.Counts{Rows: 2, Created: 1, Rejected: 1})
	if e := b.files.Text(t, j.ErrFile); !strings.Contains(e, `"schoenmaat","groot","this is not a number`) {
		t.Errorf("the error file says %s", e)
	}
	_ = book.Each(context.Background(), func(c *contact.Contact) error {
		if got := fmt.Sprint(c.Custom); got != `map[gold:true remark:hallo since:2020-12-31 size:42.5 topics:Brood;"Taart; zoet"]` {
			t.Errorf("kept %s", got)
		}
		return nil
	})
	_, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", Choice: []string{"email", "custom.size", "custom.topics"}})
	if !strings.Contains(out, `"a@b.example","42.5","Brood;""Taart; zoet"""`) {
		t.Errorf("the file says %s", out)
	}
	s.CustomFields = nil // deleted since
	_, out = transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_2"})
	if strings.Contains(out, "custom.") || strings.Contains(out, "42.5") {
		t.Errorf("a deleted field is in the file: %s", out)
	}
}

// An export's filter reaches them too; one whose field is deleted before it is written
// fails with a reason.
func TestAnExportsFilterReachesASitesOwnFields(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	s.CustomFields = ownFields
	b.run(book, s, "email,custom.size\na@b.example,\"42,5\"\nb@b.example,9\nc@b.example,\n", transferkit.Conditions{}, nil)
	for filter, n := range map[string]int{"custom.size > 9": 1, "custom.size <= 42.5": 2, "-custom.size:*": 1, "custom.size != 9": 2} {
		if j, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: fmt.Sprintf("exp_%x", filter), Choice: []string{"email"}, Filter: filter}); j.Total != n {
			t.Errorf("%s: %s", filter, out)
		}
	}
	ctx, q := context.Background(), &transferkit.Queue{}
	if _, err := transfer.Request(ctx, book, q, s, transfer.Job{ID: "exp_x", CreatedAt: base, Filter: "custom.nose = 1"}, nil); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a field that there is not: %v", err)
	}
	j, err := transfer.Request(ctx, book, q, s, transfer.Job{ID: "exp_y", CreatedAt: base, Filter: "custom.size > 9"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.CustomFields = nil
	q.Drain(t, transferkit.Conditions{}, book, s, &transfer.Exporter{Files: b.files, Clock: clockAt(base)})
	if j, err = book.Job(ctx, j.ID); err != nil || j.State != transfer.Failed || !strings.Contains(j.Fault, `this site has no field "custom.size"`) {
		t.Errorf("%s: %s, %v", j.State, j.Fault, err)
	}
}
