package privacy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/member"
	"clientele/internal/domain/order"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
	"clientele/internal/test/transferkit"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// sent is a queue that remembers.
type sent struct{ tasks []privacy.AccessTask }

func (q *sent) SendAccess(_ context.Context, t privacy.AccessTask) error {
	q.tasks = append(q.tasks, t)
	return nil
}

// colleagues has the member mb_1, as long as she is there.
type colleagues struct{ her member.Member }

func (c colleagues) Member(_ context.Context, _ crm.SiteID, id string) (site.Site, member.Member, error) {
	if id != c.her.ID {
		return site.Site{}, member.Member{}, crm.Errorf(crm.NotFound, "there is no such member on this site")
	}
	return site.Site{}, c.her, nil
}

var anna = colleagues{member.Member{ID: "mb_1", Email: "anna@bakery.example", Name: "Anna", Role: member.Manager, State: member.Active}}

type world struct {
	t     *testing.T
	table *dynamo.Table
	site  site.Site
	book  *dynamo.Book
	files *transferkit.Folder
	maker *privacy.AccessMaker
}

func newWorld(t *testing.T, table *dynamo.Table, id crm.SiteID) *world {
	s := dynamotest.Site(t, table, id)
	files := transferkit.NewFolder(t)
	return &world{t, table, s, table.Book(s), files, &privacy.AccessMaker{Files: files, Members: anna, Clock: clock}}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) contact(email, note string) contact.Contact {
	w.t.Helper()
	c, err := contact.Draft(contact.Patch{Email: contact.Some(email), Note: contact.Some(note)}, w.site.Policy(), "member", "mb_1", now)
	w.must(err)
	c, _, err = w.book.Create(context.Background(), c, nil)
	w.must(err)
	return c
}

func (w *world) request(c crm.ContactID, id string) privacy.Access {
	w.t.Helper()
	a, _, err := privacy.RequestAccess(context.Background(), w.book, &sent{}, w.site.ID, privacy.Access{ID: id, Contact: c, By: "mb_1", ByName: "Anna",
		ByKind: site.ByMember, Link: "https://app.example.com/v1/access-requests/" + id, CreatedAt: now}, nil, "r1")
	w.must(err)
	return a
}

// zip is what is in a file, by name.
func (w *world) zip(a privacy.Access) map[string]string {
	w.t.Helper()
	raw := w.files.Text(w.t, a.Key(w.site.ID))
	z, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	w.must(err)
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		w.must(err)
		b, err := io.ReadAll(r)
		w.must(err)
		if _, twice := out[f.Name]; twice {
			w.t.Errorf("%s is in the zip twice", f.Name)
		}
		out[f.Name] = string(b)
	}
	return out
}

func (w *world) rows(what audit.Action) int {
	w.t.Helper()
	rows, _, err := w.table.AuditLog(context.Background(), w.site.ID, audit.Filter{Action: what}, 100, "")
	w.must(err)
	return len(rows)
}

func TestAnAccessFileHasEverythingOfOneContact(t *testing.T) {
	ctx := context.Background()
	table := dynamotest.Table(t)
	w, other := newWorld(t, table, "bakery"), newWorld(t, table, "florist")
	c := w.contact("emma@b.example", "likes rye")
	stranger := other.contact("emma@b.example", "the florist's secret")
	neighbour := w.contact("finn@b.example", "the neighbour's secret")

	for i, d := range []order.Dealing{
		{Kind: order.Payment, Source: "till", ExternalID: "p1", Title: "Rye", Status: order.DealPaid, Amount: order.Money{Minor: 450, Currency: "EUR"}},
		{Kind: order.Invoice, Source: "till", ExternalID: "i1", Title: "Bill of May", Status: order.Issued},
		{Kind: order.Appointment, Source: "till", ExternalID: "a1", Title: "Tasting", Status: order.Booked},
	} {
		d.At, d.UpdatedAt, d.Customer.Email = now.Add(time.Duration(i)*time.Minute), now, "emma@b.example"
		w.must(order.AttachDealing(ctx, w.book, d, w.site.Policy(), now))
	}
	w.must(order.Attach(ctx, w.book, order.Order{Source: "shop", ExternalID: "o1", Number: "#1001", Status: order.Paid, Total: order.Money{Minor: 2995, Currency: "EUR"},
		PlacedAt: now, UpdatedAt: now, Customer: order.Customer{Email: "emma@b.example"}, Items: []order.Item{{Title: "Twelve rolls", Quantity: 12, UnitPrice: order.Money{Minor: 50, Currency: "EUR"}}}},
		w.site.Policy(), now))
	w.must(w.book.ChangeDevices(ctx, c.ID, func(l []contact.PushDevice) ([]contact.PushDevice, error) {
		return contact.RegisterDevice(l, contact.PushDevice{ID: "dv_1", Platform: "ios", Name: "Emma's phone", Token: "the-push-token"}, now), nil
	}))
	_, err := w.book.Change(ctx, c.ID, now, func(*contact.Contact) ([]timeline.Activity, error) {
		return []timeline.Activity{{At: now, Kind: timeline.Form, Source: "form:x", Values: []timeline.Value{{Name: "message", Text: "do you bake on Sunday?"}}},
			{At: now, Kind: timeline.Consent, Source: "member", Values: []timeline.Value{{Name: "to", Text: "subscribed by phone"}, {Name: "2.to", Text: "subscribed by post"}}},
			{At: now, Kind: timeline.Mail, Source: "member", Entry: &timeline.Entry{Title: "Sunday", Text: "We do.", To: "emma@b.example"}}}, nil
	})
	w.must(err)
	sketch := ""
	for _, f := range []document.File{{Purpose: document.ForEntry, State: document.Pending, Name: "sketch.pdf", Type: "application/pdf", Size: 3, At: now},
		{Purpose: document.ForEntry, State: document.Pending, Name: "never.pdf", Type: "application/pdf", Size: 3, At: now}} {
		f, err := w.book.AddFile(ctx, c.ID, f, now.Add(time.Hour), nil)
		w.must(err)
		if f.Name == "sketch.pdf" {
			sketch = f.ID
			w.must(w.files.Put(ctx, f.Arrival(w.site.ID), "", []byte("pdf")))
		}
	}

	a := w.request(c.ID, "acc_1")
	w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
	a, err = w.book.Access(ctx, a.ID)
	w.must(err)
	if a.State != privacy.AccessReady || a.Size == 0 {
		t.Fatalf("the request is %+v", a)
	}
	files := w.zip(a)
	if files["files/"+sketch+"-sketch.pdf"] != "pdf" || len(files) != 3 {
		t.Errorf("the zip has %v", slices.Collect(maps.Keys(files)))
	}
	var got map[string]json.RawMessage
	w.must(json.Unmarshal([]byte(files["data.json"]), &got))
	for list, want := range map[string]string{"contact": `"likes rye"`, "orders": "Twelve rolls", "payments": `"Rye"`, "invoices": "Bill of May", "appointments": "Tasting",
		"submissions": "do you bake on Sunday?", "consents": `"subscribed by post"`, "messages": "We do.", "devices": "Emma's phone", "timeline": `"created"`, "files": `"missing":true`, "suppressions": "[]"} {
		if !bytes.Contains(got[list], []byte(want)) {
			t.Errorf("%s has no %s: %s", list, want, got[list])
		}
	}
	for _, name := range []string{"data.json", "index.html"} {
		for _, secret := range []string{"the-push-token", "the florist's secret", "the neighbour's secret", string(stranger.ID), string(neighbour.ID), "florist"} {
			if strings.Contains(files[name], secret) {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
	if !strings.Contains(files["index.html"], "Ingevulde formulieren") || !strings.Contains(files["index.html"], "29.95 EUR") {
		t.Error("the page is not in Dutch, or has no order")
	}
	if _, err := other.book.Access(ctx, a.ID); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("another site has the request: %v", err)
	}
	m, ok, err := w.table.Take(ctx, w.site.ID, mail.Derive("access", a.ID), now, now.Add(time.Minute))
	w.must(err)
	if !ok || m.To.Email != "anna@bakery.example" || m.Values[mail.Link] != a.Link {
		t.Errorf("the mail is %+v", m)
	}
}

// The timeline of a contact that was merged in goes along, and the request is the primary's.
func TestAccessFollowsAMerge(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, dynamotest.Table(t), "bakery")
	c, gone := w.contact("emma@b.example", ""), w.contact("emma@work.example", "")
	_, err := w.book.Change(ctx, gone.ID, now, func(*contact.Contact) ([]timeline.Activity, error) {
		return []timeline.Activity{{At: now, Kind: timeline.Form, Values: []timeline.Value{{Name: "message", Text: "from work"}}}}, nil
	})
	w.must(err)
	_, _, _, err = w.book.Merge(ctx, contact.MergeOrder{Primary: c.ID, Others: []crm.ContactID{gone.ID}, Source: "member", By: "mb_1", At: now,
		Check: func([]contact.Contact) error { return nil }})
	w.must(err)
	a := w.request(gone.ID, "acc_1")
	if a.Contact != c.ID {
		t.Errorf("the request is about %s", a.Contact)
	}
	w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
	if got := w.zip(a)["data.json"]; !strings.Contains(got, "from work") {
		t.Error("what the merged contact said is not in the file")
	}
}

func TestRequestsThatCannotBeFulfilled(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, dynamotest.Table(t), "bakery")
	c := w.contact("emma@b.example", "")
	_, _, err := privacy.RequestAccess(ctx, w.book, &sent{}, w.site.ID, privacy.Access{ID: "acc_0", Contact: "ct_00000000000000000000000000", CreatedAt: now}, nil, "")
	if crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a contact there is not: %v", err)
	}
	a := w.request(c.ID, "acc_1")
	w.must(w.book.Delete(ctx, c.ID, now, func(contact.Contact) error { return nil }))
	w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
	if a, err = w.book.Access(ctx, a.ID); err != nil || a.State != privacy.AccessFailed || !strings.Contains(a.Fault, "deleted") {
		t.Errorf("a contact that was deleted: %+v, %v", a, err)
	}
	w.must(privacy.GiveUpAccess(ctx, w.book, a.ID, now.Add(time.Hour)))
	if again, err := w.book.Access(ctx, a.ID); err != nil || again != a {
		t.Errorf("what ended ended again: %+v, %v", again, err)
	}
}

// Repeated with its key a request is the same one, and its message goes out again.
func TestARequestIsRepeatedByItsKey(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, dynamotest.Table(t), "bakery")
	c, d := w.contact("emma@b.example", ""), w.contact("finn@b.example", "")
	q := &sent{}
	ask := func(id string, k crm.ContactID, hash string) (privacy.Access, bool, error) {
		return privacy.RequestAccess(ctx, w.book, q, w.site.ID, privacy.Access{ID: id, Contact: k, By: "mb_1", ByKind: site.ByMember, CreatedAt: now},
			&contact.Once{Principal: "mb_1", Key: "k", Hash: hash}, "")
	}
	if a, replayed, err := ask("acc_1", c.ID, "h"); err != nil || replayed || a.ID != "acc_1" {
		t.Fatal(a, replayed, err)
	}
	if a, replayed, err := ask("acc_2", c.ID, "h"); err != nil || !replayed || a.ID != "acc_1" {
		t.Error(a, replayed, err)
	}
	if _, _, err := ask("acc_3", d.ID, "other"); crm.CodeOf(err) != crm.KeyReused {
		t.Error(err)
	}
	if len(q.tasks) != 2 || q.tasks[1].Access != "acc_1" || w.rows(audit.AccessRequested) != 1 {
		t.Errorf("%v was sent, %d rows in the log", q.tasks, w.rows(audit.AccessRequested))
	}
}

// Killed at any call to the table, before or after it took effect, and handed out
// again, the request ends once: one file, one row of the log, one mail.
func TestAccessSurvivesKillsAndRedelivery(t *testing.T) {
	ctx := context.Background()
	var inject faults.Injector
	w := newWorld(t, dynamotest.Table(t, inject.Option), "bakery")
	c := w.contact("emma@b.example", "likes rye")
	inject.Set(nil)
	w.must(w.maker.Do(ctx, w.book, w.site, w.request(c.ID, "acc_0").ID))
	calls := 0
	inject.Set(func(n int, _ string) (bool, error) { calls = n; return true, nil })
	a := w.request(c.ID, "acc_x")
	asked := calls
	w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
	calls -= asked
	inject.Set(nil)
	runs := 2
	for _, applied := range []bool{false, true} {
		for at := 1; at <= calls; at++ {
			a := w.request(c.ID, fmt.Sprintf("acc_%v%d", applied, at))
			runs++
			inject.Set(func(n int, _ string) (bool, error) {
				if n == at {
					return applied, faults.ErrDown
				}
				return n < at, map[bool]error{false: faults.ErrDown}[n < at]
			})
			if err := w.maker.Do(ctx, w.book, w.site, a.ID); err != nil && !errors.Is(err, faults.ErrDown) {
				t.Errorf("call %d: %v", at, err)
			}
			inject.Set(nil)
			for range 2 {
				w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
			}
			a, err := w.book.Access(ctx, a.ID)
			w.must(err)
			if a.State != privacy.AccessReady || !strings.Contains(w.zip(a)["data.json"], "likes rye") {
				t.Errorf("after a failure at call %d the request is %+v", at, a)
			}
			if _, ok, err := w.table.Take(ctx, w.site.ID, mail.Derive("access", a.ID), now, now.Add(time.Minute)); err != nil || !ok {
				t.Errorf("no mail: %v", err)
			}
		}
	}
	if n := w.rows(audit.AccessFileMade); n != runs {
		t.Errorf("%d files are in the log, %d were made", n, runs)
	}
	t.Logf("killed at each of %d calls, twice", calls)
}

// Who asked and left since, or may not export any more, gets no mail; an API key gets none.
func TestWhoGetsTheMail(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, dynamotest.Table(t), "bakery")
	c := w.contact("emma@b.example", "")
	left, viewer := anna, anna
	left.her.ID = "mb_2"
	viewer.her.Role = member.Viewer
	for id, who := range map[string]colleagues{"acc_left": left, "acc_viewer": viewer} {
		w.maker.Members = who
		w.must(w.maker.Do(ctx, w.book, w.site, w.request(c.ID, id).ID))
		if _, ok, err := w.table.Take(ctx, w.site.ID, mail.Derive("access", id), now, now.Add(time.Minute)); err != nil || ok {
			t.Errorf("%s: there is a mail (%v)", id, err)
		}
	}
}

// Memory does not grow with the history: 10,000 entries of 2 kB.
func TestALongHistory(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, dynamotest.Table(t), "bakery")
	c := w.contact("emma@b.example", "")
	text := strings.Repeat("words that do not matter ", 80)
	const all, each = 10_000, 50
	for n := 0; n < all; n += each {
		_, err := w.book.Change(ctx, c.ID, now, func(*contact.Contact) (acts []timeline.Activity, _ error) {
			for i := range each {
				at := now.Add(-time.Duration(n+i) * time.Minute)
				kind := []timeline.Kind{timeline.Form, timeline.Edit}[i%2]
				acts = append(acts, timeline.Activity{At: at, Kind: kind, Values: []timeline.Value{{Name: "message", Text: fmt.Sprintf("%d %s", n+i, text)}}})
			}
			return acts, nil
		})
		w.must(err)
	}
	a := w.request(c.ID, "acc_1")
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	start := time.Now()
	w.must(w.maker.Do(ctx, w.book, w.site, a.ID))
	took := time.Since(start)
	close(stop)
	<-done
	data := w.zip(a)["data.json"]
	if n := strings.Count(data, "words that do not matter words"); n < all {
		t.Errorf("%d entries are in the file", n)
	}
	grew := (int64(peak.Load()) - int64(before.HeapAlloc)) >> 20
	t.Logf("%d entries, %d MB of JSON, in %v; the heap grew by %d MB", all, len(data)>>20, took, grew)
	if grew > 64 {
		t.Errorf("the heap grew by %d MB; 64 MB are the limit", grew)
	}
}
