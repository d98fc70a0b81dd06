package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/local/gencontacts"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/transferkit"
)

var base = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func clockAt(t time.Time) crm.Clock { return func() time.Time { return t } }

type bench struct {
	t     *testing.T
	table *dynamo.Table
	files *transferkit.Folder
	n     int
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, table: dynamotest.Table(t), files: transferkit.NewFolder(t)}
}

func (b *bench) site(id crm.SiteID) (*dynamo.Book, site.Site) {
	s := dynamotest.Site(b.t, b.table, id)
	return b.table.Book(s), s
}

func (b *bench) run(book *dynamo.Book, s site.Site, file string, c transferkit.Conditions, change func(*transfer.Job)) transfer.Job {
	b.t.Helper()
	b.n++
	at := base.Add(time.Duration(b.n) * time.Hour)
	return transferkit.Import(b.t, c, b.files, book, s, clockAt(at), fmt.Sprintf("imp_%03d", b.n), []byte(file), change)
}

// all reads a book as text, without what depends on moments and ids.
func all(t *testing.T, book *dynamo.Book) []string {
	t.Helper()
	var out []string
	err := book.Each(context.Background(), func(c *contact.Contact) error {
		out = append(out, fmt.Sprintf("%s|%v|%s|%s|%s|%s|%v|%v|%s", c.Email, c.Emails, c.FirstName, c.LastName, c.Company, c.Phone, c.Address, c.Tags, c.Consent))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func want(t *testing.T, j transfer.Job, counts transfer.Counts) {
	t.Helper()
	if j.State != transfer.Done || j.Counts != counts {
		t.Fatalf("%s (%s): %s\nwant %s", j.State, j.Fault, transferkit.String(j.Counts), transferkit.String(counts))
	}
}

func messy(t *testing.T, rows int) string {
	t.Helper()
	var b bytes.Buffer
	if err := gencontacts.Write(&b, gencontacts.Options{Rows: rows, Seed: 20250101, Messy: 5}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// doubles is a file whose rows meet each other's contacts in every way.
func doubles(n int) string {
	var b strings.Builder
	b.WriteString("email,first_name,company,tags\n")
	for i := range n {
		who := i % (n/3 + 1)
		fmt.Fprintf(&b, "p%d@b.example,N%d,%s,t%d\n", who, i, []string{"", "C" + fmt.Sprint(i)}[i%2], i%4)
	}
	return b.String()
}

func TestOutcomeIsThatOfTheRowsOneByOne(t *testing.T) {
	b := newBench(t)
	for name, file := range map[string]string{"messy": messy(t, 6000), "doubles": doubles(4500)} {
		t.Run(name, func(t *testing.T) {
			calmBook, calmSite := b.site(crm.SiteID("calm" + name))
			calm := b.run(calmBook, calmSite, file, transferkit.Conditions{Workers: 1}, nil)
			wildBook, wildSite := b.site(crm.SiteID("wild" + name))
			wild := b.run(wildBook, wildSite, file, transferkit.Conditions{Workers: 6, Twice: 0.3, Kill: 0.3, Lose: 0.2, Seed: 7}, nil)
			want(t, wild, calm.Counts)
			c := calm.Counts
			if c.Rows != c.Created+c.Updated+c.Unchanged+c.Merged+c.Rejected || c.Rows != calm.Total {
				t.Errorf("%s do not add up to %d", transferkit.String(c), calm.Total)
			}
			x, y := all(t, calmBook), all(t, wildBook)
			if !slices.Equal(x, y) {
				for i := range x {
					if i >= len(y) || x[i] != y[i] {
						t.Fatalf("%d and %d contacts; the first difference:\n%s\n%s", len(x), len(y), x[i], y[min(i, len(y)-1)])
					}
				}
			}
			if len(x) != c.Created {
				t.Errorf("%d contacts, %d created", len(x), c.Created)
			}
			if name == "messy" {
				if got, want := b.files.Text(t, wild.ErrFile), b.files.Text(t, calm.ErrFile); got != want {
					t.Error("the error files differ")
				}
			}
			again := b.run(calmBook, calmSite, file, transferkit.Conditions{Workers: 3}, nil)
			if name == "messy" && (again.Counts.Created != 0 || again.Counts.Rejected != c.Rejected) {
				t.Errorf("the second time: %s", transferkit.String(again.Counts))
			}
		})
	}
}

func TestExportComesBackUnchanged(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	b.run(book, s, messy(t, 1500), transferkit.Conditions{Workers: 3}, nil)
	ctx := context.Background()
	for i, line := range naughty(t) {
		c, err := contact.Draft(contact.Patch{Email: contact.Some(fmt.Sprintf("blns%d@b.example", i)), FirstName: contact.Some(clip(line, 200)),
			Company: contact.Some(clip(line, 300)), Note: contact.Some(line), Tags: contact.Some([]string{clip(line, 100), `a;b`, `c"d`})}, s.Policy(), "api", "key_1", base)
		if err != nil {
			continue // not UTF-8, or no tag
		}
		if _, _, err := book.Create(ctx, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	job, file := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1"})
	before := all(t, book)
	if job.Total != len(before) {
		t.Fatalf("%d contacts in the file, %d in the book", job.Total, len(before))
	}
	again := b.run(book, s, file, transferkit.Conditions{Workers: 3}, nil)
	if after := all(t, book); !slices.Equal(before, after) {
		for i := range before {
			if before[i] != after[i] {
				t.Errorf("the same file again changed\n%q into\n%q", before[i], after[i])
			}
		}
	}
	want(t, again, transfer.Counts{Rows: len(before), Unchanged: len(before)})

	// And into an empty book it makes the same contacts.
	other, o := b.site("bakery2")
	copied := b.run(other, o, file, transferkit.Conditions{Workers: 3}, nil)
	want(t, copied, transfer.Counts{Rows: len(before), Created: len(before)})
	_, second := transferkit.Export(t, b.files, other, o, clockAt(base), transfer.Job{ID: "exp_2", Choice: []string{"email", "tags", "consent", "street", "phone"}})
	_, first := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_3", Choice: []string{"email", "tags", "consent", "street", "phone"}})
	x, y := strings.Split(first, "\r\n"), strings.Split(second, "\r\n")
	slices.Sort(x)
	slices.Sort(y)
	if !slices.Equal(x, y) {
		t.Error("the copy exports something else")
	}
}

func naughty(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "order", "testdata", "blns.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range strings.Split(string(raw), "\n") {
		if l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

func TestRejectedRowsAreToldAndComeBackMended(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	file := "E-mailadres;Voornaam;Geboortedatum\r\nok@b.example;Jan;1980-01-02\r\njan at b.example;Piet;\r\n;Niemand;\r\na@b.example;Eva;31-31-1990\r\n" +
		"x@b.example;Te;;veel\r\none@b.example, two@b.example;Twee;\r\n"
	j := b.run(book, s, file, transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 6, Created: 1, Rejected: 5})
	errors := b.files.Text(t, j.ErrFile)
	for _, line := range []string{
		`"error_row";"error_line";"error_column";"error_value";"error_reason";"E-mailadres";"Voornaam";"Geboortedatum"`,
		`"2";"3";"E-mailadres";"jan at b.example";"an e-mail address has an @ between name and domain";"jan at b.example";"Piet";""`,
		`"3";"4";"E-mailadres";"";"the row has no e-mail address, by which contacts are found; add one";"";"Niemand";""`,
		`"4";"5";"Geboortedatum";"31-31-1990";`, `"5";"6";"";"veel";`, `"6";"7";"E-mailadres";"one@b.example, two@b.example";"there is more than one address here; give one"`,
	} {
		if !strings.Contains(errors, line) {
			t.Errorf("the error file lacks %s\n%s", line, errors)
		}
	}
	mended := strings.NewReplacer(`"jan at b.example";"Piet"`, `"jan@b.example";"Piet"`).Replace(errors)
	again := b.run(book, s, mended, transferkit.Conditions{}, nil)
	if again.Counts.Created != 1 || again.Counts.Rejected != 4 {
		t.Errorf("the mended file: %s (%s)", transferkit.String(again.Counts), again.Fault)
	}
}

func TestImportRules(t *testing.T) {
	existing := contact.Facts{Source: "form:x", Email: "emma@b.example", AsOf: contact.Stamp{At: base.Add(-time.Hour)},
		Details: contact.Details{FirstName: "Emma", LastName: "Vries", Company: "Oud"}, Tags: []string{"old"}, Status: contact.Customer, Consent: contact.ConsentUnsubscribed}
	row := "email,first_name,last_name,company,phone,tags,status,consent\nEMMA@b.example,Emma,Vries,Nieuw,0612345678,new,lead,yes\n"
	for _, tt := range []struct {
		name     string
		existing transfer.Existing
		counts   transfer.Counts
		company  string
		phone    string
		tags     string
	}{
		{"update replaces what the row says", transfer.Update, transfer.Counts{Rows: 1, Updated: 1}, "Nieuw", "+31612345678", "[old new]"},
		{"fill only fills what is empty", transfer.Fill, transfer.Counts{Rows: 1, Updated: 1}, "Oud", "+31612345678", "[old new]"},
		{"skip leaves the contact", transfer.Skip, transfer.Counts{Rows: 1, Unchanged: 1}, "Oud", "", "[old]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			book, s := b.site("bakery")
			if _, _, err := book.Upsert(context.Background(), existing, base, func(*contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
			j := b.run(book, s, row, transferkit.Conditions{}, func(j *transfer.Job) { j.Options.Existing = tt.existing })
			want(t, j, tt.counts)
			c, err := book.Find(context.Background(), crm.EmailIdentity("emma@b.example"))
			if err != nil {
				t.Fatal(err)
			}
			if c.Company != tt.company || c.Phone != tt.phone || fmt.Sprint(c.Tags) != tt.tags {
				t.Errorf("%s, %s, %v", c.Company, c.Phone, c.Tags)
			}
			if c.Status != contact.Customer || c.Consent != contact.ConsentUnsubscribed || c.Email != "emma@b.example" {
				t.Errorf("an import moved a customer back, lifted an unsubscription or changed the address: %s %s %s", c.Status, c.Consent, c.Email)
			}
		})
	}
}

// A file is a source: what a member locked stays, in every mode, and what the file says
// otherwise is offered. The same file again writes nothing.
func TestAFileObeysTheLock(t *testing.T) {
	for _, existing := range []transfer.Existing{transfer.Update, transfer.Fill} {
		b := newBench(t)
		book, s := b.site("bakery")
		file := "email,company,phone,tags\nemma@b.example,Uit het bestand,0612345678,new\n"
		b.run(book, s, file, transferkit.Conditions{}, nil)
		ctx, emma := context.Background(), crm.EmailIdentity("emma@b.example")
		c, err := book.Find(ctx, emma)
		if err != nil {
			t.Fatal(err)
		}
		edited := base.Add(90 * time.Minute)
		if _, err := book.Change(ctx, c.ID, edited, func(c *contact.Contact) ([]timeline.Activity, error) {
			_, err := c.Edit(contact.Patch{Company: contact.Some("Met de hand"), Phone: contact.Some("")}, contact.Policy{}, "mb_1", edited)
			return nil, err
		}); err != nil {
			t.Fatal(err)
		}
		for round, wants := range []transfer.Counts{{Rows: 1, Updated: 1}, {Rows: 1, Unchanged: 1}} {
			j := b.run(book, s, file, transferkit.Conditions{}, func(j *transfer.Job) { j.Options.Existing = existing })
			want(t, j, wants)
			if c, err = book.Find(ctx, emma); err != nil {
				t.Fatal(err)
			}
			offers := c.Offered()
			offered := offers["company"].Details.Company
			if c.Company != "Met de hand" || c.Phone != "" || c.Version != 3 || offers["phone"].Details.Phone != "+31612345678" ||
				(existing == transfer.Update) != (offered == "Uit het bestand") {
				t.Errorf("%s, round %d: version %d, %+v, offers %+v", existing, round, c.Version, c.Details, offers)
			}
		}
	}
}

func TestFilesOfOtherProducts(t *testing.T) {
	for file, counts := range map[string]transfer.Counts{
		"atomic_crm_contacts_500.csv":   {Rows: 500, Created: 500},
		"bagisto_customers.csv":         {Rows: 3, Created: 3},
		"chatwoot_utf8_bom.csv":         {Rows: 1, Created: 1},
		"ghost_duplicate_emails.csv":    {Rows: 2, Created: 1, Merged: 1},
		"ghost_formula_like_values.csv": {Rows: 2, Created: 2},
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t)
			book, s := b.site("bakery")
			j := b.run(book, s, string(raw), transferkit.Conditions{Workers: 2}, nil)
			if j.Counts != counts {
				errors := ""
				if j.ErrFile != "" {
					errors = clip(b.files.Text(t, j.ErrFile), 2000)
				}
				t.Errorf("%s %s: %s\nwant %s\n%s", j.State, j.Fault, transferkit.String(j.Counts), transferkit.String(counts), errors)
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	for name, tt := range map[string]struct {
		file  string
		state transfer.State
		says  string
	}{
		"an empty file":         {"\n\n", transfer.Failed, "the file is empty"},
		"only column names":     {"email,name\n", transfer.Failed, "column names and no rows"},
		"no e-mail column":      {"kleur,maat\nrood,XL\nblauw,S\n", transfer.Ready, "no column was recognised as the e-mail address"},
		"half a UTF-16 letter":  {"\xff\xfee\x00m\x00a", transfer.Failed, "cannot be read as text"},
		"a spreadsheet":         {"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00!\x00\x90\x81\x8d", transfer.Failed, "save it as CSV"},
		"Windows letters":       {"email;naam\njosé@b.example;Jos\xe9 Garc\xeda\n", transfer.Done, ""},
		"UTF-16 from a desktop": {"\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00a\x00@\x00b\x00.\x00n\x00l\x00\n\x00", transfer.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			j := b.run(book, s, tt.file, transferkit.Conditions{}, nil)
			if j.State != tt.state || !strings.Contains(j.Fault, tt.says) {
				t.Errorf("%s: %s (%s)\nwant %s: %s", j.State, j.Fault, transferkit.String(j.Counts), tt.state, tt.says)
			}
		})
	}
}

func TestMappingOfNamesThatOnlyTheCallerKnows(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	file := "Waar bereikbaar,Heet\nx@b.example,Jan\ny@b.example,Piet\n"
	j := b.run(book, s, file, transferkit.Conditions{}, func(j *transfer.Job) {
		j.Mapping = map[string]string{"waar BEREIKBAAR": "email", "Heet": "first_name"}
	})
	want(t, j, transfer.Counts{Rows: 2, Created: 2})
	if c, err := book.Find(context.Background(), crm.EmailIdentity("x@b.example")); err != nil || c.FirstName != "Jan" {
		t.Errorf("%+v, %v", c, err)
	}
	j = b.run(book, s, file, transferkit.Conditions{}, func(j *transfer.Job) { j.Mapping = map[string]string{"1": "email"} })
	if j.State != transfer.Done || j.Counts.Unchanged != 2 {
		t.Errorf("by number: %s %s %s", j.State, j.Fault, transferkit.String(j.Counts))
	}
	j = b.run(book, s, "email,naam\nz@b.example,Zoe\n", transferkit.Conditions{}, func(j *transfer.Job) { j.Mapping = map[string]string{"E-mail": "email"} })
	if j.State != transfer.Ready || !strings.Contains(j.Fault, `"E-mail"`) || !strings.Contains(j.Fault, `"naam"`) {
		t.Errorf("a name the file lacks: %s %s", j.State, j.Fault)
	}
}

func TestIdentitiesThatStandTwice(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	file := "email,E-mail 2,external_id\na@b.example,A@b.example,x; x\nc@b.example,d@b.example,1; 2\ne@b.example,,2\nd@b.example,,\n"
	j := b.run(book, s, file, transferkit.Conditions{Workers: 2}, func(j *transfer.Job) {
		j.Mapping = map[string]string{"E-mail 2": "email_2", "external_id": "external_id"}
	})
	want(t, j, transfer.Counts{Rows: 4, Created: 2, Merged: 2}) // the third has the second's id, the fourth its address
	c, err := book.Find(context.Background(), crm.EmailIdentity("d@b.example"))
	if err != nil || c.Email != "c@b.example" || fmt.Sprint(c.ExternalIDs) != "[file:1 file:2]" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTagsHaveLimits(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	_, _, err := transfer.Start(context.Background(), book, b.files, s, transfer.Job{ID: "imp_x", Filename: "x.csv", Size: 1,
		Options: transfer.Options{Tags: []string{strings.Repeat("x", 50_000)}}}, nil)
	if crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a tag of 50 KB for all rows: %v", err)
	}
	j := b.run(book, s, "email,tags\na@b.example,"+strings.Repeat("t;", 5000)+"\nc@b.example,ok\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 2, Created: 1, Rejected: 1})
}

// What a site allows holds for files too; a row that does not fit is told of and
// not half taken.
func TestTagsOfAFileKeepToTheSitesLimit(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	s.MaxTags = 3
	j := b.run(book, s, "email,tags,company\na@b.example,1;2;3,A\nc@b.example,1;2;3;4,C\nd@b.example,1;2,D\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 3, Created: 2, Rejected: 1})
	j = b.run(book, s, "email,tags,company\na@b.example,3;4,A2\nd@b.example,2;3,D2\nA@b.example,2,A3\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 3, Updated: 2, Rejected: 1})
	if text := b.files.Text(t, j.ErrFile); !strings.Contains(text, "at most 3 tags") || !strings.Contains(text, "A2") {
		t.Errorf("errors %s", text)
	}
	for email, want := range map[string]string{"a@b.example": "A3 [1 2 3]", "d@b.example": "D2 [1 2 3]"} {
		c, err := book.Find(context.Background(), crm.EmailIdentity(email))
		if err != nil || fmt.Sprint(c.Company, " ", c.Tags) != want {
			t.Errorf("%s: %s %v, %v", email, c.Company, c.Tags, err)
		}
	}
}

// Files know a customer group by its name, both ways.
func TestGroupsGoOutAndComeInByName(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	ctx := context.Background()
	g, err := book.PutGroup(ctx, group.Group{ID: "gr_1", Name: "Horeca & Co"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := b.run(book, s, "email,group\na@b.example,HORECA & co\nc@b.example,\nd@b.example,Nobody\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 3, Created: 3, Incomplete: 1})
	if c, err := book.Find(ctx, crm.EmailIdentity("a@b.example")); err != nil || c.Group != g.ID {
		t.Errorf("in group %q, %v", c.Group, err)
	}
	_, file := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", Choice: []string{"email", "group"}, Filter: `group:"horeca & CO"`})
	if !strings.Contains(file, "\"a@b.example\",\"Horeca & Co\"") && !strings.Contains(file, "a@b.example,Horeca & Co") || strings.Contains(file, "c@b.example") {
		t.Errorf("exported %s", file)
	}
	s.Plan = "business"
	j = b.run(book, s, "email,group\nc@b.example,Horeca & Co\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 1, Unchanged: 1, Incomplete: 1})
	if c, err := book.Find(ctx, crm.EmailIdentity("c@b.example")); err != nil || c.Group != "" {
		t.Errorf("a plan without groups gave %q, %v", c.Group, err)
	}
}

// A group is fresh and locked like any other detail: an import that was started before
// somebody chose one, and goes on after it, changes nothing; one that is started later offers.
func TestAnImportLeavesTheGroupThatWasChosenMeanwhile(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	ctx := context.Background()
	for id, name := range map[string]string{"gr_1": "Uit het bestand", "gr_2": "Gekozen"} {
		if _, err := book.PutGroup(ctx, group.Group{ID: id, Name: name}, nil); err != nil {
			t.Fatal(err)
		}
	}
	want(t, b.run(book, s, "email,group\na@b.example,\n", transferkit.Conditions{}, nil), transfer.Counts{Rows: 1, Created: 1})
	chosen := base.Add(150 * time.Minute) // between the second import's start, at two hours, and its end
	find := func() contact.Contact {
		c, err := book.Find(ctx, crm.EmailIdentity("a@b.example"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := book.Change(ctx, find().ID, chosen, func(c *contact.Contact) ([]timeline.Activity, error) {
		_, err := c.Edit(contact.Patch{Group: contact.Some("gr_2")}, s.Policy(), "mb_1", chosen)
		return nil, err
	}); err != nil {
		t.Fatal(err)
	}
	file := "email,group\na@b.example,uit het bestand\n"
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 1, Unchanged: 1})
	if c := find(); c.Group != "gr_2" || len(c.Offers) != 0 {
		t.Errorf("the older file: in %s, offers %v", c.Group, c.Offers)
	}
	want(t, b.run(book, s, file, transferkit.Conditions{}, nil), transfer.Counts{Rows: 1, Updated: 1})
	if c := find(); c.Group != "gr_2" || c.Offered()["group"].Details.Group != "gr_1" {
		t.Errorf("the later file: in %s, offers %v", c.Group, c.Offers)
	}
}

// The timeline tells what a file changed of whom it did not make: once, whatever comes twice,
// and nothing where nothing changed or what it said is only offered.
func TestTheTimelineTellsWhatAFileChanged(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	ctx := context.Background()
	var made strings.Builder
	made.WriteString("email,company,tags,status\n")
	for i := range 40 {
		fmt.Fprintf(&made, "p%d@b.example,Oud,,lead\n", i)
	}
	b.run(book, s, made.String(), transferkit.Conditions{}, nil)
	changed := strings.NewReplacer(",Oud,,lead", ",Nieuw,stamgast,klant").Replace(made.String()) + "new@b.example,X,,\nnew@b.example,,vast,\n"
	rough := transferkit.Conditions{Workers: 4, Twice: 0.5, Kill: 0.3, Seed: 5}
	j := b.run(book, s, changed, rough, nil)
	want(t, j, transfer.Counts{Rows: 42, Created: 1, Updated: 40, Merged: 1})
	b.run(book, s, changed, rough, nil) // nothing new
	for _, email := range []string{"p0@b.example", "p39@b.example", "new@b.example"} {
		c, err := book.Find(ctx, crm.EmailIdentity(email))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := book.Change(ctx, c.ID, base.Add(100*time.Hour), func(c *contact.Contact) ([]timeline.Activity, error) {
			_, err := c.Edit(contact.Patch{Company: contact.Some("Met de hand")}, s.Policy(), "mb_1", base.Add(100*time.Hour))
			return nil, err
		}); err != nil {
			t.Fatal(err)
		}
		b.n = max(b.n, 110) // later than the edit
		b.run(book, s, "email,company\n"+email+",Aangeboden\n", rough, nil)
		acts, _, err := book.Timeline(ctx, c.ID, timeline.Query{Limit: 50, Kinds: []timeline.Kind{timeline.Import}})
		if err != nil {
			t.Fatal(err)
		}
		if email == "new@b.example" {
			if len(acts) != 0 {
				t.Errorf("whom a file made has %+v", acts)
			}
			continue
		}
		if len(acts) != 1 || acts[0].Ref != j.ID || acts[0].Source != "import:"+j.ID || fmt.Sprint(acts[0].Changed, acts[0].Values) !=
			"[company status tags] [{from lead} {to customer} {added stamgast}]" {
			t.Errorf("%s: the timeline tells %+v", email, acts)
		}
	}
}

func TestExportOfManyIDs(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	b.run(book, s, messy(t, 400), transferkit.Conditions{Workers: 3}, nil)
	var ids []crm.ContactID
	if err := book.Each(context.Background(), func(c *contact.Contact) error { ids = append(ids, c.ID, c.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	job, file := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", IDs: ids, Choice: []string{"email"}})
	if job.Total != len(ids)/2 || strings.Count(file, "\r\n") != job.Total+1 {
		t.Errorf("%d rows of %d ids", job.Total, len(ids)/2)
	}
	job, file = transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_2", Filter: `tags:vip AND country = "NL"`, Choice: []string{"country", "tags"}})
	if job.Total == 0 || job.Total == len(ids)/2 || strings.Count(file, `"NL"`) != job.Total {
		t.Errorf("%d rows pass the filter", job.Total)
	}
}

func TestOptOutsStand(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "mailchimp_unsubscribed.csv"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	book, s := b.site("bakery")
	b.run(book, s, string(raw), transferkit.Conditions{}, nil)
	b.run(book, s, "email,newsletter\nu1@example.com,yes\n", transferkit.Conditions{}, nil)
	b.run(book, s, "email,newsletter,opt-out\nz1@b.example,yes,yes\nz2@b.example,yes,no\n", transferkit.Conditions{}, nil)
	b.run(book, s, "email,Nieuwsbrief,afgemeld\nz3@b.example,ja,2024-01-02\nz4@b.example,ja,\n", transferkit.Conditions{}, nil)
	for email, want := range map[string]contact.Consent{"u1@example.com": contact.ConsentUnsubscribed, "z1@b.example": contact.ConsentUnsubscribed,
		"z2@b.example": contact.ConsentSubscribed, "z3@b.example": contact.ConsentUnsubscribed, "z4@b.example": contact.ConsentSubscribed} {
		if c, err := book.Find(context.Background(), crm.EmailIdentity(email)); err != nil || c.Consent != want {
			t.Errorf("%s is %s, %v; want %s", email, c.Consent, err, want)
		}
	}
}

func TestHeaderOfUnknownNamesIsNoContact(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	j := b.run(book, s, "contactpersoon,plaatsje,bereikbaar\nJan,Ede,jan@b.example\nKees,Ede,kees@b.example\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 2, Created: 2})
	if j.Columns[2].Name != "bereikbaar" || j.Columns[2].Field != "email" {
		t.Errorf("columns %+v", j.Columns)
	}
	j = b.run(book, s, "wie,wat\nx@b.example,Jan\n", transferkit.Conditions{}, func(j *transfer.Job) { j.Mapping = map[string]string{"1": "email", "2": "first_name"} })
	want(t, j, transfer.Counts{Rows: 1, Created: 1})
	j = b.run(book, s, "y@b.example,Jan\nz@b.example,Piet\n", transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 2, Created: 2})
	j = b.run(book, s, "email,password\nq@b.example,geheim\n", transferkit.Conditions{}, func(j *transfer.Job) { j.Mapping = map[string]string{"password": "note"} })
	if c, err := book.Find(context.Background(), crm.EmailIdentity("q@b.example")); err != nil || c.Note != "" {
		t.Errorf("%s: the note is %q, %v", j.State, c.Note, err)
	}
}

// A list goes out and comes in by name. What a file says lifts no refusal, and leaves its evidence.
func TestNewsletterListsGoOutAndComeInByName(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	ctx := context.Background()
	s.Lists = []contact.ListDef{{ID: "list_a", Name: "Nieuws; brood", Channel: contact.ByEmail, DoubleOptIn: true}, {ID: "list_b", Name: "Taart", Channel: contact.ByEmail}}
	for email, said := range map[string]contact.Consent{"b@b.example": "", "c@b.example": contact.ConsentUnsubscribed} {
		f := contact.Facts{Source: "form:x", AsOf: contact.Stamp{At: base}, Email: email, Consent: said}
		if _, _, err := book.Upsert(ctx, f, base, func(*contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
	}
	file := "email,newsletter_lists\na@b.example,\"\"\"nieuws; brood\"\";TAART\"\nb@b.example,list_b\nc@b.example,Taart\nd@b.example,Kaas\ne@b.example,\n"
	j := b.run(book, s, file, transferkit.Conditions{}, nil)
	want(t, j, transfer.Counts{Rows: 5, Created: 3, Updated: 2, Incomplete: 1})
	for email, on := range map[string]string{"a@b.example": "[list_a list_b]", "b@b.example": "[list_b]", "c@b.example": "[]", "e@b.example": "[]"} {
		c, err := book.Find(ctx, crm.EmailIdentity(email))
		if got := fmt.Sprint(c.Subscribed()); err != nil || got != on {
			t.Errorf("%s is on %s, want %s; %v", email, got, on, err)
		}
		rows, err := book.Evidence(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		from := 0
		for _, r := range consent.History(&c, rows) {
			if r.Value("list") != "" && r.Value("how") == "import" && r.Source == "import:"+j.ID {
				from++
			}
		}
		if want := map[string]int{"a@b.example": 2, "b@b.example": 1, "c@b.example": 1}[email]; from != want {
			t.Errorf("%s has %d rows of evidence from the file, want %d", email, from, want)
		}
	}
	_, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: "exp_1", CreatedAt: base, Choice: []string{"email", "newsletter_lists"}, Filter: "list:taart"})
	for _, row := range []string{`"a@b.example","""Nieuws; brood"";Taart"`, `"b@b.example","Taart"`} {
		if !strings.Contains(out, row) {
			t.Errorf("the file lacks %s: %s", row, out)
		}
	}
	if strings.Count(out, "@") != 2 {
		t.Errorf("the filter let through: %s", out)
	}
	s.Lists = s.Lists[:1] // one is deleted: nobody is on it
	for filter, n := range map[string]int{"list:*": 1, "list:list_b": 0, "list:list_a": 1, "-list:*": 4} {
		if j, out := transferkit.Export(t, b.files, book, s, clockAt(base), transfer.Job{ID: fmt.Sprintf("exp_%x", filter), CreatedAt: base, Choice: []string{"email"}, Filter: filter}); j.Total != n {
			t.Errorf("%s: %s", filter, out)
		}
	}
}
