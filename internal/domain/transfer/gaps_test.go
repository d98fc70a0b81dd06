package transfer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/transferkit"
)

// What a site took away after an export costs no row of it: not an option, a group,
// a list, nor the plan; nor does what a merge made more of than a contact may have.
func TestAnExportComesBackWholeWhateverTheSiteTookAway(t *testing.T) {
	b := newBench(t)
	_, s := b.site("bakery")
	ctx := context.Background()
	colour := contact.FieldDef{Key: "colour", Label: "Kleur", Type: contact.ChoiceField, Options: []string{"Rood", "Blauw"}}
	topics := contact.FieldDef{Key: "topics", Label: "Onderwerpen", Type: contact.ChoicesField, Options: []string{"Brood", "Taart; zoet", "Koek"}}
	s.CustomFields = []contact.FieldDef{colour, topics}
	s.Lists = []contact.ListDef{{ID: "list_a", Name: "Nieuws", Channel: contact.ByEmail}, {ID: "list_b", Name: "Taart", Channel: contact.ByEmail}}
	s, err := b.table.ChangeSite(ctx, s.ID, func(stored *site.Site) error { *stored = s; return nil })
	if err != nil {
		t.Fatal(err)
	}
	book := b.table.Book(s)
	if _, err := book.PutGroup(ctx, group.Group{ID: "gr_1", Name: "Horeca"}, nil); err != nil {
		t.Fatal(err)
	}
	file := "email,custom.colour,custom.topics,group,newsletter_lists\n" +
		"a@b.example,Rood,\"Brood;\"\"Taart; zoet\"\"\",Horeca,Nieuws;Taart\n" +
		"c@b.example,Blauw,Koek,,\n"
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 2, Created: 2})
	many := contact.Facts{Source: "merge", AsOf: contact.Stamp{At: base}, Email: "m@b.example"}
	if _, _, err := book.Upsert(ctx, many, base, func(c *contact.Contact, _ contact.Facts, _ bool) ([]timeline.Activity, error) {
		for i := range 30 { // more than a contact may have by hand, as a merge makes them
			c.Emails = append(c.Emails, fmt.Sprintf("m%d@b.example", i))
			c.ExternalIDs = append(c.ExternalIDs, fmt.Sprintf("shop:%d", i))
			c.Phones = append(c.Phones, fmt.Sprintf("+312012345%02d", i))
		}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	_, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1"})
	before := all(t, book)

	taken := map[string]func(*site.Site){
		"options": func(s *site.Site) {
			s.CustomFields = []contact.FieldDef{colour, topics}
			s.CustomFields[0].Options, s.CustomFields[1].Options = []string{"Blauw"}, []string{"Koek", "Brood"}
		},
		"list": func(s *site.Site) { s.Lists = s.Lists[:1] },
		"plan": func(s *site.Site) { s.Plan = "business" },
	}
	for name, take := range taken {
		less := s
		take(&less)
		j := b.run(book, less, out, transferkit.Conditions{}, nil)
		counts := transfer.Counts{Rows: 3, Unchanged: 3}
		if name == "list" { // nobody is on a list that there is not
			counts.Incomplete = 1
		}
		if j.Counts != counts {
			t.Errorf("%s gone: %s; %s", name, transferkit.String(j.Counts), b.files.Text(t, j.ErrFile))
		}
		if after := all(t, book); !slices.Equal(before, after) {
			t.Errorf("%s gone: the same file again made\n%v of\n%v", name, after, before)
		}
	}
	for _, c := range []struct{ email, key, want string }{{"a@b.example", "colour", "Rood"}, {"a@b.example", "topics", `Brood;"Taart; zoet"`}} {
		if k, err := book.Find(ctx, crm.EmailIdentity(c.email)); err != nil || k.Custom[c.key] != c.want {
			t.Errorf("%s of %s is %q, %v", c.key, c.email, k.Custom[c.key], err)
		}
	}

	// In an empty book nobody has the old option: the row goes in, and the cell is told.
	other, o := b.site("other")
	o.CustomFields = []contact.FieldDef{colour, topics}
	taken["options"](&o)
	o.Lists = s.Lists[:1]
	j := b.run(other, o, out, transferkit.Conditions{Workers: 3, Twice: 0.5, Kill: 0.3, Seed: 3}, nil)
	want(t, j, transfer.Counts{Rows: 3, Created: 3, Incomplete: 2})
	a, err := other.Find(ctx, crm.EmailIdentity("a@b.example"))
	if err != nil || fmt.Sprint(a.Custom, a.Group, a.Subscribed()) != "map[topics:Brood][list_a]" {
		t.Errorf("the rest of the row is %v %q %v, %v", a.Custom, a.Group, a.Subscribed(), err)
	}
	errs := b.files.Text(t, j.ErrFile)
	for _, said := range []string{
		`"group; newsletter_lists; custom.colour; custom.topics","Horeca; Nieuws;Taart; Rood; Brood;""Taart; zoet""","the row went in without this: group: there is no`,
		". custom.colour: this is none of the options of Kleur: Blauw", "at most 20 ids", "at most 10 addresses", "at most 10 further phones",
	} {
		if !strings.Contains(errs, said) {
			t.Errorf("the file of errors does not say %s:\n%s", said, errs)
		}
	}
	if n := strings.Count(errs, "\r\n"); n != 3 { // one line a row, under the names
		t.Errorf("the file of errors has %d lines:\n%s", n, errs)
	}
	// Mended, it goes in again: the row says what it lacked.
	_, err = other.PutGroup(ctx, group.Group{ID: "gr_2", Name: "Horeca"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.CustomFields, o.Lists = s.CustomFields, s.Lists
	j = b.run(other, o, errs, transferkit.Conditions{}, nil)
	if a, err = other.Find(ctx, crm.EmailIdentity("a@b.example")); err != nil || a.Custom["colour"] != "Rood" || a.Group != "gr_2" || len(a.Subscribed()) != 2 {
		t.Errorf("mended: %v %q %v, %v; %s", a.Custom, a.Group, a.Subscribed(), err, transferkit.String(j.Counts))
	}
}

// Of a cell that would not be used anyway nothing is told.
func TestACellThatIsNotUsedIsNotAmiss(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	s.CustomFields = []contact.FieldDef{{Key: "colour", Label: "Kleur", Type: contact.ChoiceField, Options: []string{"Blauw"}}}
	file := "email,custom.colour\na@b.example,Blauw\nc@b.example,\n"
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 2, Created: 2})
	odd := "email,custom.colour\na@b.example,Paars\nc@b.example,Paars\n"
	for existing, n := range map[transfer.Existing]int{transfer.Update: 2, transfer.Fill: 1, transfer.Skip: 0} {
		j := b.run(book, s, odd, transferkit.Conditions{}, func(j *transfer.Job) { j.Options.Existing = existing })
		want(t, j, transfer.Counts{Rows: 2, Unchanged: 2, Incomplete: n})
	}
	if c, err := book.Find(context.Background(), crm.EmailIdentity("a@b.example")); err != nil || c.Custom["colour"] != "Blauw" {
		t.Errorf("the colour is %q, %v", c.Custom["colour"], err)
	}
}

// The site's own dates are any; a birth date is one that somebody can have, and else
// stays out, except with whom it stood before there was such a rule.
func TestOnlyBirthDatesAreOfTheLiving(t *testing.T) {
	b := newBench(t)
	_, s := b.site("bakery")
	ctx := context.Background()
	s, err := b.table.ChangeSite(ctx, s.ID, func(stored *site.Site) error {
		stored.CustomFields = []contact.FieldDef{{Key: "founded", Label: "Opgericht", Type: contact.DateField}}
		s = *stored
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	book := b.table.Book(s)
	old := contact.Facts{Source: "merge", AsOf: contact.Stamp{At: base}, Email: "old@b.example"}
	if _, _, err := book.Upsert(ctx, old, base, func(c *contact.Contact, _ contact.Facts, _ bool) ([]timeline.Activity, error) {
		c.BirthDate = "1875-04-01"
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	j := b.run(book, s, "email,birth_date,custom.founded\n"+
		"a@b.example,1875-04-01,1875-04-01\n"+
		"b@b.example,2090-01-01,2090-01-01\n"+
		"c@b.example,1899-12-31,1899-12-31\n"+
		"d@b.example,31-3-1985,0000-00-00\n"+
		"old@b.example,1875-04-01,\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 5, Created: 4, Unchanged: 1, Incomplete: 2})
	for _, c := range []struct{ email, birth, founded string }{
		{"a@b.example", "", "1875-04-01"}, {"b@b.example", "", "2090-01-01"}, {"c@b.example", "", "1899-12-31"}, {"d@b.example", "1985-03-31", ""}, {"old@b.example", "1875-04-01", ""},
	} {
		if k, err := book.Find(ctx, crm.EmailIdentity(c.email)); err != nil || k.BirthDate != c.birth || k.Custom["founded"] != c.founded {
			t.Errorf("%s: %q and %q, %v; want %q and %q", c.email, k.BirthDate, k.Custom["founded"], err, c.birth, c.founded)
		}
	}
	if text := b.files.Text(t, j.ErrFile); !strings.Contains(text, "not before 1900") || !strings.Contains(text, "in the future") {
		t.Errorf("the errors file: %s", text)
	}
}

// What a file says of a part of a name or an address does not go unheard: a whole one
// stays, and the errors file tells so.
func TestPartsThatDoNotReplaceAWholeAreToldOf(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	file := "email,first_name,last_name,street,postcode,city\na@b.example,Real,Name,Kade 1,3511 AB,Utrecht\n"
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 1, Created: 1})
	want(t, b.run(book, s, "email,first_name,city\na@b.example,Real,Utrecht\n", transferkit.Conditions{}, nil), transfer.Counts{Rows: 1, Unchanged: 1})
	j := b.run(book, s, "email,first_name,Plaats,company\na@b.example,Other,Gent,C2\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 1, Updated: 1, Incomplete: 1})
	if text := b.files.Text(t, j.ErrFile); !strings.Contains(text, "Plaats") || !strings.Contains(text, "Gent") || !strings.Contains(text, "Other") {
		t.Errorf("the errors file: %s", text)
	}
	c, err := book.Find(context.Background(), crm.EmailIdentity("a@b.example"))
	if err != nil || c.FirstName != "Real" || c.Address.City != "Utrecht" || c.Company != "C2" {
		t.Errorf("%+v, %v", c.Details, err)
	}
}
