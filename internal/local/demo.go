package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"clientele/internal/local/client"
	"clientele/internal/local/gencontacts"
	"clientele/internal/local/services"
)

// demo is `make demo`: it drives the whole of Clientele over HTTP, as shops,
// visitors and the owner do, with the files of the test data, and checks what
// came of it. It can be run again on the same book, whatever was done to that
// meanwhile: whoever is there stays one contact, and keeps what a person changed.
func demo(ctx context.Context, root string, _ []string) error {
	absent := errors.New("start `make run` in another terminal first")
	run, err := services.ReadRun(filepath.Join(root, ".local", "run.json"))
	if errors.Is(err, os.ErrNotExist) {
		return absent
	}
	if err != nil {
		return err
	}
	d := &show{out: os.Stdout, root: root, run: run, api: client.New(run.APIURL, run.APIKey), people: client.People{}, before: map[string]int{}, began: time.Now()}
	if info, err := os.Stdout.Stat(); err == nil {
		d.live = info.Mode()&os.ModeCharDevice != 0
	}
	if _, _, err := d.api.Page(ctx, 1, ""); errors.Is(err, syscall.ECONNREFUSED) {
		return absent // of a run that was killed
	} else if err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{d.forms, d.orders, d.files, d.owner, d.out2in} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return d.summary()
}

// show is a run of the demo: what it says and what it found.
type show struct {
	out    io.Writer
	live   bool // a terminal: progress stays on one line
	root   string
	run    services.Run
	api    *client.Client
	people client.People // whoever went in by file
	began  time.Time

	before map[string]int // how many each buyer had before, by address
	added  int            // contacts that were not there before

	checks int
	failed []string
}

func (d *show) say(format string, args ...any) { fmt.Fprintf(d.out, "  "+format+"\n", args...) }

func (d *show) chapter(title string) { fmt.Fprintf(d.out, "\n%s\n", title) }

// check counts what must hold, and says it where it does not.
func (d *show) check(ok bool, format string, args ...any) bool {
	d.checks++
	if !ok {
		text := fmt.Sprintf(format, args...)
		d.failed = append(d.failed, text)
		d.say("DIFFERS: %s", text)
	}
	return ok
}

// answered is check for an answer's status.
func (d *show) answered(what string, a client.Answer, err error, status int) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	d.check(a.Is(status), "%s: %s, not %d", what, a, status)
	return nil
}

func (d *show) read(path ...string) ([]byte, error) {
	return os.ReadFile(filepath.Join(append([]string{d.root}, path...)...))
}

// buyers are the people of the sample orders, and what they are to have spent.
var buyers = []struct {
	shop, email, name string
	sample            string // its order's id in the sample
	revenue           client.Money
}{
	{"shopify", "bob.norman@hostmail.com", "Bob Norman", `"id": 450789469`, client.Money{Amount: 40994, Currency: "USD"}},
	{"woocommerce", "john.doe@example.com", "John Doe", `"id": 727`, client.Money{Amount: 2935, Currency: "USD"}},
	{"own", "fenna.de-wit@example.nl", "Fenna de Wit", `"id": "2026-000042"`, client.Money{Amount: 10000, Currency: "EUR"}},
}

func (d *show) forms(ctx context.Context) error {
	d.chapter("1. Visitors fill in the contact form")
	for _, b := range buyers {
		was, known, err := d.find(ctx, b.email)
		if err != nil {
			return err
		}
		if !known {
			d.added++
		}
		d.before[b.email] = was.OrdersCount
		a, err := d.api.PostForm(ctx, d.run.FormURL, map[string]any{"name": b.name, "email": b.email, "message": "Do you deliver on Saturday?"})
		if err := d.answered("the form as JSON", a, err, 202); err != nil {
			return err
		}
		k, ok, err := d.api.Recent(ctx, b.email)
		if err != nil {
			return err
		}
		if d.check(ok, "%s is not in the book", b.email) {
			d.say("JSON   %-26s → %s, %d order(s)", b.email, k.Status, k.OrdersCount)
		}
	}
	const visitor = "joost.visser@example.nl"
	_, known, err := d.find(ctx, visitor)
	if err != nil {
		return err
	}
	if !known {
		d.added++
	}
	a, err := d.api.PostPlain(ctx, d.run.FormURL, url.Values{"naam": {"Joost Visser"}, "e-mail": {visitor}, "telefoon": {"06-12345678"}, "bericht": {"Hoi!"}})
	if err := d.answered("the plain form", a, err, 303); err != nil {
		return err
	}
	k, ok, err := d.api.Recent(ctx, visitor)
	if err != nil {
		return err
	}
	if d.check(ok, "%s is not in the book", visitor) {
		d.check(known || k.Status == "lead" && k.FirstName == "Joost" && k.LastName == "Visser" && k.Phone == "+31612345678",
			"%s is %s, %s %s, %s", visitor, k.Status, k.FirstName, k.LastName, k.Phone)
		d.say("plain  %-26s → %s, phone %s, then %s", visitor, k.Status, k.Phone, a.Header.Get("Location"))
	}
	return nil
}

func (d *show) orders(ctx context.Context) error {
	d.chapter("2. Shops deliver signed orders, each twice")
	for _, b := range buyers {
		body, err := d.order(ctx, b.shop, b.sample, b.email)
		if err != nil {
			return err
		}
		for range 2 {
			a, err := d.api.Deliver(ctx, b.shop, d.run.Sources[b.shop], "msg_demo_"+b.shop, client.Topics[b.shop], body)
			if err := d.answered(b.shop+"'s webhook", a, err, 200); err != nil {
				return err
			}
		}
	}
	for _, b := range buyers {
		var k client.Contact
		err := client.Until(ctx, 30*time.Second, func() (done bool, err error) {
			k, _, err = d.api.Recent(ctx, b.email)
			return k.OrdersCount > 0, err
		})
		if err != nil {
			d.check(false, "the order of %s: %v", b.email, err)
			continue
		}
		d.say("%-11s  %-26s → %s, %d order(s), %s", b.shop, b.email, k.Status, k.OrdersCount, amounts(k.Revenue))
	}
	return nil
}

// order is the sample order of a shop: the one that the buyer has already, else one that
// nobody ever had, as the order of a contact who was deleted stays theirs.
func (d *show) order(ctx context.Context, shop, sample, email string) ([]byte, error) {
	body, err := d.read("events", "orders", shop+".json")
	if err != nil {
		return nil, err
	}
	id := fmt.Sprint(time.Now().UnixMicro())
	k, ok, err := d.api.Recent(ctx, email)
	if err != nil {
		return nil, err
	}
	if ok && k.OrdersCount > 0 {
		orders, err := d.api.Orders(ctx, k.ID)
		if err != nil {
			return nil, err
		}
		for _, o := range orders {
			if strings.HasSuffix(o.Source, shop) {
				id = o.ID
			}
		}
	}
	was := sample[strings.Index(sample, ": ")+2:]
	if strings.HasPrefix(was, `"`) {
		id = strconv.Quote(id)
	}
	return bytes.Replace(body, []byte(sample), []byte(strings.TrimSuffix(sample, was)+id), 1), nil
}

// settled looks at the buyers once more, when every delivery is long through.
func (d *show) settled(ctx context.Context) error {
	for _, b := range buyers {
		k, ok, err := d.find(ctx, b.email)
		if err != nil {
			return err
		}
		if had := d.before[b.email]; had > 0 {
			d.check(ok && k.OrdersCount == had, "%s has %d order(s), and had %d before the one that they had already came again", b.email, k.OrdersCount, had)
			continue
		}
		d.check(ok && k.Status == "customer" && k.OrdersCount == 1 && len(k.Revenue) == 1 && k.Revenue[0] == b.revenue,
			"%s is %s with %d order(s), %s; not a customer with one of %s", b.email, k.Status, k.OrdersCount, amounts(k.Revenue), amounts([]client.Money{b.revenue}))
	}
	return nil
}

func amounts(list []client.Money) string {
	var out []string
	for _, m := range list {
		out = append(out, fmt.Sprintf("%s %d.%02d", m.Currency, m.Amount/100, m.Amount%100))
	}
	if out == nil {
		return "nothing spent"
	}
	return strings.Join(out, ", ")
}

// find reads a contact by its address, wherever in the list it stands: the
// refusal of a second contact with it names the first. One that is made by the
// question goes again.
func (d *show) find(ctx context.Context, email string) (k client.Contact, ok bool, err error) {
	a, err := d.api.Do(ctx, "POST", "/v1/contacts", map[string]any{"email": email})
	if err == nil && a.Is(201) {
		_, err = d.api.Do(ctx, "DELETE", a.Header.Get("Location"), nil, "If-Match", a.Header.Get("ETag"))
	}
	if err != nil || !a.Is(409) {
		return k, false, err
	}
	var held struct {
		ID string `json:"contact_id"`
	}
	if err := a.JSON(&held); err != nil {
		return k, false, err
	}
	k, err = d.api.Contact(ctx, held.ID)
	return k, err == nil, err
}

// Of the generated rows one in twenty has a trouble of real uploads.
const generated, messy = 10_000, 5

func (d *show) files(ctx context.Context) error {
	d.chapter("3. The owner imports files")
	file, err := d.read("internal", "domain", "transfer", "testdata", "atomic_crm_contacts_500.csv")
	if err != nil {
		return err
	}
	if err := d.bring(ctx, "atomic_crm_contacts_500.csv", file); err != nil {
		return err
	}
	var made bytes.Buffer
	if err := gencontacts.Write(&made, gencontacts.Options{Rows: generated, Messy: messy}); err != nil {
		return err
	}
	return d.bring(ctx, fmt.Sprintf("%d generated rows, %d%% of them messy", generated, messy), made.Bytes())
}

func (d *show) bring(ctx context.Context, name string, file []byte) error {
	start := time.Now()
	j, err := d.api.Import(ctx, "contacts.csv", file, nil, d.progress(name))
	if err != nil {
		return err
	}
	d.say("%s: %s, in %.1f s", name, j.Counts, time.Since(start).Seconds())
	d.added += j.Counts.Created
	_, rows, err := client.ReadCSV(file)
	if err != nil {
		return err
	}
	d.check(j.Counts.Rows == len(rows), "%d rows were dealt with, the file has %d", j.Counts.Rows, len(rows))
	var faults []byte
	if j.ErrorsURL != "" {
		if faults, err = d.api.Download(ctx, j.ErrorsURL); err != nil {
			return err
		}
	}
	_, bad, err := client.ReadCSV(faults)
	if err != nil {
		return err
	}
	rejected, err := client.RejectedRows(bad)
	if err != nil {
		return err
	}
	d.check(len(rejected) == j.Counts.Rejected, "the file of errors has %d rows, %d were rejected", len(rejected), j.Counts.Rejected)
	if len(bad) > 0 {
		d.say("  the file of errors begins:")
	}
	for _, r := range bad[:min(3, len(bad))] {
		c := r.Cells
		d.say("    row %s, line %s, %s %q: %s", c["error_row"], c["error_line"], c["error_column"], c["error_value"], c["error_reason"])
	}
	d.people.Bring(j, rows, rejected, "NL")
	return nil
}

// progress shows how far an import is: one living line on a terminal, a line a
// quarter elsewhere.
func (d *show) progress(name string) func(client.Import) {
	shown := -1
	return func(j client.Import) {
		percent := int(j.Progress * 100)
		switch {
		case percent == shown:
			return
		case d.live && j.State == "done":
			fmt.Fprint(d.out, "\r\033[K")
		case d.live:
			fmt.Fprintf(d.out, "\r\033[K  %s: %3d %%", name, percent)
		case shown < 0 || percent/25 > shown/25 && percent < 100:
			fmt.Fprintf(d.out, "  %s: %3d %%\n", name, percent)
		}
		shown = percent
	}
}

func (d *show) owner(ctx context.Context) error {
	d.chapter("4. The owner works in the book")
	email := fmt.Sprintf("emma.%d@example.nl", time.Now().UnixMilli())
	create := map[string]any{"email": email, "first_name": "Emma", "last_name": "de Vries", "phone": "06 12345678", "tags": []string{"bread"}}
	var k client.Contact
	var a client.Answer
	step := func(what string, status int, method, path string, body any, h ...string) error {
		var err error
		a, err = d.api.Do(ctx, method, path, body, h...)
		if err := d.answered(what, a, err, status); err != nil {
			return err
		}
		d.say("%-52s %d", what, a.Status)
		return nil
	}
	if err := step("create, with an Idempotency-Key", 201, "POST", "/v1/contacts", create, "Idempotency-Key", email); err != nil {
		return err
	}
	if err := a.JSON(&k); err != nil {
		return err
	}
	d.check(k.Phone == "+31612345678", "the phone is %q", k.Phone)
	at := "/v1/contacts/" + k.ID
	for _, s := range []struct {
		what         string
		status       int
		method, path string
		body         any
		header       []string
	}{
		{"the same request again: the same contact", 201, "POST", "/v1/contacts", create, []string{"Idempotency-Key", email}},
		{"a second contact with the address: refused, with link", 409, "POST", "/v1/contacts", map[string]any{"email": strings.ToUpper(email)}, nil},
		{"change without If-Match: refused", 428, "PATCH", at, map[string]any{"note": "rings twice"}, nil},
		{"change of another version: refused", 412, "PATCH", at, map[string]any{"note": "rings twice"}, []string{"If-Match", `"99"`}},
		{"change with the ETag", 200, "PATCH", at, map[string]any{"note": "rings twice"}, []string{"If-Match", k.ETag()}},
		{"delete of the version before: refused", 412, "DELETE", at, nil, []string{"If-Match", k.ETag()}},
		{"get", 200, "GET", at, nil, nil},
		{"delete with the ETag", 204, "DELETE", at, nil, []string{"If-Match", "now"}},
		{"get what is gone", 404, "GET", at, nil, nil},
	} {
		if len(s.header) > 1 && s.header[1] == "now" {
			s.header = []string{"If-Match", a.Header.Get("ETag")}
		}
		if err := step(s.what, s.status, s.method, s.path, s.body, s.header...); err != nil {
			return err
		}
	}
	return nil
}

func (d *show) out2in(ctx context.Context) error {
	d.chapter("5. The owner exports the book, and imports that file again")
	if err := d.settled(ctx); err != nil {
		return err
	}
	start := time.Now()
	count, file, err := d.api.Export(ctx, map[string]any{"format": "csv"})
	if err != nil {
		return err
	}
	header, rows, err := client.ReadCSV(file)
	if err != nil {
		return err
	}
	d.say("%d contacts in %d columns, %d bytes, in %.1f s", len(rows), len(header), len(file), time.Since(start).Seconds())
	all, err := d.api.All(ctx)
	if err != nil {
		return err
	}
	d.check(count == len(rows) && len(all) == len(rows), "the job says %d contacts, the file has %d, the list %d", count, len(rows), len(all))
	differences, kept, err := d.differences(ctx, rows)
	if err != nil {
		return err
	}
	if d.check(len(differences) == 0, "%d of %d people differ from what went in, such as: %v", len(differences), len(d.people), differences[:min(5, len(differences))]) {
		d.say("all %d people of the files are in it, once each, with name, company, phone and tags as they went in", len(d.people))
	}
	if kept > 0 {
		d.say("but %d whom a person edited since, and who keep that", kept)
	}
	j, err := d.api.Import(ctx, "export.csv", file, nil, d.progress("importing it again"))
	if err != nil {
		return err
	}
	d.say("imported again: %s", j.Counts)
	if j.Counts.Updated > 0 { // what a file had offered for what is locked is taken back by what the export says
		if j, err = d.api.Import(ctx, "export.csv", file, nil, d.progress("and once more")); err != nil {
			return err
		}
		d.say("and once more: %s", j.Counts)
	}
	nameless := 0 // no address, by which an import finds people
	for _, r := range rows {
		if r.Cells["email"] == "" {
			nameless++
		}
	}
	d.check(j.Counts.Unchanged == len(rows)-nameless && j.Counts.Rejected == nameless,
		"importing the export again is to leave all %d contacts unchanged: %s", len(rows), j.Counts)
	again, err := d.api.All(ctx)
	if err != nil {
		return err
	}
	d.check(len(again) == len(all), "there are %d contacts now, %d before", len(again), len(all))
	return nil
}

// differences are where the export is not what the files say, and how many contacts keep
// what a person changed in them since.
func (d *show) differences(ctx context.Context, rows []client.Row) (out []client.Difference, kept int, err error) {
	edited := map[string]bool{}
	for _, x := range d.people.Compare(rows) {
		by, known := edited[x.Email]
		if !known && len(edited) < 100 {
			k, ok, err := d.find(ctx, x.Email)
			if err != nil {
				return nil, 0, err
			}
			by = ok && k.Locked != nil
			edited[x.Email] = by
			if by {
				kept++
			}
		}
		if !by {
			out = append(out, x)
		}
	}
	return out, kept, nil
}

func (d *show) summary() error {
	d.chapter(fmt.Sprintf("%d checks in %.0f s, %d of them differ.", d.checks, time.Since(d.began).Seconds(), len(d.failed)))
	for _, f := range d.failed {
		d.say("- %s", f)
	}
	if len(d.failed) > 0 {
		return errors.New("the demo did not come out as it should")
	}
	if d.added > 0 {
		d.say("It leaves %d contacts in the demo site's book that were not there before. Run again, it adds nobody; a new `make run` starts empty.", d.added)
	} else {
		d.say("It leaves the demo site's book as it was before, but for the visitors' questions.")
	}
	d.say("Look around: %s/v1/openapi.json, or the curl lines that `make run` printed.", d.run.APIURL)
	return nil
}
