package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/order"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/bulkkit"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
	"clientele/internal/test/stack"
	"clientele/internal/test/transferkit"
)

// mark stands in everything that is planted of the person.
const mark = "qzmark"

// versioned is a bucket in memory that keeps the versions of files, as the real one does.
type versioned struct {
	files map[string][][]byte
	fails int // the n-th call from now fails; 0: none
}

func (v *versioned) down() error {
	if v.fails--; v.fails == 0 {
		return faults.ErrDown
	}
	return nil
}

func (v *versioned) Put(_ context.Context, key, _ string, body []byte) error {
	if err := v.down(); err != nil {
		return err
	}
	v.files[key] = append(v.files[key], body)
	return nil
}

func (v *versioned) Purge(_ context.Context, prefix string, keep func(string) bool) (n int, err error) {
	if err := v.down(); err != nil {
		return 0, err
	}
	for key := range maps.Clone(v.files) {
		if strings.HasPrefix(key, prefix) && (keep == nil || !keep(key)) {
			delete(v.files, key)
			n++
		}
	}
	return n, nil
}

func (v *versioned) Read(_ context.Context, key, _ string, _, _ int64) (io.ReadCloser, error) {
	f := v.files[key]
	if f == nil {
		return nil, transfer.ErrNoFile
	}
	return io.NopCloser(strings.NewReader(string(f[len(f)-1]))), nil
}

// person is somebody who stands in every place that a site has.
type person struct {
	t      *testing.T
	s      site.Site
	b      *dynamo.Book
	bucket *versioned
	queue  *bulkkit.Queue
	eraser *privacy.Eraser
	id     crm.ContactID
	other  crm.ContactID // merged into it
	clock  time.Time
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) put(key, body string) {
	p.bucket.files[key] = [][]byte{[]byte("old " + body), []byte(body)}
}

// plant puts the person everywhere and a bystander beside them.
func plant(t *testing.T, table *dynamo.Table, id crm.SiteID) *person {
	ctx, s := context.Background(), dynamotest.Site(t, table, id)
	p := &person{t: t, s: s, b: table.Book(s), bucket: &versioned{files: map[string][][]byte{}}, queue: &bulkkit.Queue{}, clock: now.Add(time.Hour)}
	p.eraser = &privacy.Eraser{Bucket: p.bucket, Queue: p.queue, Clock: func() time.Time { return p.clock }}
	p.must(table.PutForm(ctx, id, site.Form{ID: string(id) + "-contact"}))
	p.must(table.PutSource(ctx, id, site.Source{ID: string(id) + "-shop", Name: "shop", Kind: "own"}))

	// Job rows, of before.
	p.must(p.b.CreateJob(ctx, transfer.Job{ID: "exp_1", Kind: transfer.Export, State: transfer.Done, CreatedAt: now, Filter: "email = " + mark + "@weg.example", Result: "exports/" + string(id) + "/exp_1.csv"}, nil))
	p.must(p.b.CreateJob(ctx, transfer.Job{ID: "imp_1", Kind: transfer.Import, State: transfer.Done, CreatedAt: now, Filename: "list-" + mark + "@weg.example.csv",
		Columns: []transfer.Column{{Name: strings.ToUpper(mark) + "@WEG.example"}}, ErrFile: "errors/" + string(id) + "/imp_1.csv"}, nil))
	p.must(p.b.CreateBulk(ctx, bulk.Job{ID: "bk_1", State: bulk.Done, Action: "add_tags", CreatedAt: now, Selection: bulk.Selection{Filter: "email = " + mark + ".2@weg.example"}}, nil, nil,
		audit.Entry{At: now, By: "key_1", Kind: site.ByAPIKey, Action: audit.BulkStarted, Object: "bk_1"}))

	// The contact, each text of it marked, and one that goes into it.
	c := draft(t, mark+"@weg.example")
	c.Emails = []string{mark + ".2@weg.example", mark + ".3@weg.example"}
	c.ExternalIDs = []string{"shop:" + mark}
	d := reflect.ValueOf(&c.Details).Elem()
	for i := range d.NumField() {
		f := d.Field(i)
		if f.Kind() == reflect.String {
			f.SetString(mark + " " + d.Type().Field(i).Name)
		}
		if f.Type() == reflect.TypeFor[contact.Address]() {
			for n := range f.NumField() {
				f.Field(n).SetString(mark)
			}
		}
	}
	c.Phone, c.Phones = "+31612345678", []string{"06 " + mark}
	c.Tags = []string{mark}
	c.Custom = map[string]string{"shoe": mark}
	c, _, err := p.b.Create(ctx, c, nil, timeline.Activity{At: now, Kind: timeline.Form, Source: "form:contact", Values: []timeline.Value{{Name: "message", Text: "I am " + mark}}})
	p.must(err)
	p.id = c.ID
	o := draft(t, mark+".merged@weg.example")
	o.Note = mark
	o, _, err = p.b.Create(ctx, o, nil, timeline.Activity{At: now, Kind: timeline.Form, Values: []timeline.Value{{Name: "message", Text: mark}}})
	p.must(err)
	p.other = o.ID
	bought := versions(mark + ".merged@weg.example")[0]
	bought.Customer.LastName, bought.Billing.Street = mark, mark
	p.must(order.Attach(ctx, p.b, bought, policy, now))
	mustMerge(t, p.b, p.id, p.other)

	// What members wrote, files, devices, mails.
	_, _, err = p.b.AddEntry(ctx, p.id, timeline.Activity{At: now, Kind: timeline.Note, Source: "member", By: "mb_1", Entry: &timeline.Entry{Title: mark, Text: "about " + mark}}, nil, now)
	p.must(err)
	for i, purpose := range []document.Purpose{document.ForEntry, document.ForAvatar} {
		f, err := p.b.AddFile(ctx, p.id, document.File{ID: fmt.Sprintf("doc_%026d", i), Purpose: purpose, State: document.Pending, Name: mark + ".pdf", At: now}, now.Add(time.Hour), nil)
		p.must(err)
		for _, key := range f.Objects(id) {
			p.put(key, mark)
		}
	}
	p.put(fmt.Sprintf("documents/%s/%s/doc_lost", id, p.other), mark)
	p.put(fmt.Sprintf("access/%s/%s/acc_1.zip", id, p.id), mark)
	p.must(p.b.ChangeDevices(ctx, p.id, func([]contact.PushDevice) ([]contact.PushDevice, error) {
		return []contact.PushDevice{{ID: "dv_1", Platform: "ios", Name: mark, Token: mark, RegisteredAt: now}}, nil
	}))
	for i, m := range []mail.Message{
		{To: mail.Address{Email: "new@weg.example", Name: mark}, Contact: p.id},
		{To: mail.Address{Email: mark + ".2@WEG.example"}},
		{To: mail.Address{Email: "owner@shop.example"}, ReplyTo: mail.Address{Email: mark + "@weg.example", Name: mark}},
	} {
		m.ID, m.Template, m.CreatedAt = mail.Derive(fmt.Sprint(i)), mail.FromMember, now
		m.Values = map[string]string{mail.Subject: "s", mail.Text: "t " + mark}
		p.must(table.Post(ctx, id, m))
	}
	p.must(table.Close(ctx, id, mail.Derive("0"), mail.Outcome{State: "refused", Reason: "550 " + mark, At: now}))

	// Kept submissions.
	for i, text := range []string{"mail me at " + mark + "@weg.example", "0031 6 12345678"} {
		for _, under := range []string{string(id) + "-contact", "shop"} {
			p.must(p.b.KeepSubmission(ctx, under, timeline.Activity{ID: fmt.Sprintf("01KAN%021d", i), At: now, Kind: timeline.Form,
				Values: []timeline.Value{{Name: "a", Text: text}, {Name: "b", Text: mark}}}, time.Time{}))
		}
	}

	// Files of the site.
	for _, key := range []string{"exports/%s/exp_1.csv", "exports/%s/exp_lost.csv", "uploads/%s/imp_1", "imports/%s/imp_1/utf8.csv", "errors/%s/imp_1.csv"} {
		p.put(fmt.Sprintf(key, id), mark)
	}

	// Who is not to be touched.
	create(t, p.b, "bystander@weg.example")
	p.must(p.b.KeepSubmission(ctx, string(id)+"-contact", timeline.Activity{ID: "01KAN000000000000000000009", At: now, Kind: timeline.Form, Values: []timeline.Value{{Name: "a", Text: "bystander@weg.example"}}}, time.Time{}))
	p.put("documents/"+string(id)+"/ct_bystander/doc_1", "bystander")
	return p
}

// hits are the items and files of the site in which the mark still stands.
func (p *person) hits(admin *dynamodb.Client, name string) (found []string) {
	p.t.Helper()
	pages := dynamodb.NewScanPaginator(admin, &dynamodb.ScanInput{TableName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		p.must(err)
		for _, it := range page.Items {
			pk := it["PK"].(*types.AttributeValueMemberS).Value
			if pk != "S#"+string(p.s.ID) && !strings.HasPrefix(pk, "S#"+string(p.s.ID)+"#") {
				continue
			}
			for attr, v := range it {
				said, _ := json.Marshal(v)
				if strings.Contains(strings.ToLower(string(said)), mark) {
					found = append(found, pk+" "+it["SK"].(*types.AttributeValueMemberS).Value+" "+attr)
				}
			}
		}
	}
	for key, vs := range p.bucket.files {
		for _, body := range vs {
			if strings.Contains(key+string(body), mark) {
				found = append(found, key)
			}
		}
	}
	return found
}

func (p *person) start() privacy.Job {
	p.t.Helper()
	ctx, by := context.Background(), site.Actor{ID: "mb_1", Kind: site.ByMember}
	look, err := privacy.Look(ctx, p.b, p.s, by, p.other, p.clock)
	p.must(err)
	j, err := privacy.Start(ctx, p.b, p.queue, p.s, by, "er_1", p.id, look.Confirm, nil, p.clock)
	p.must(err)
	return j
}

func TestAnErasureLeavesNothingOfThePerson(t *testing.T) {
	ctx, endpoint := context.Background(), stack.DynamoLocal(t)
	table, name := dynamotest.Named(t, endpoint)
	admin := dynamodb.NewFromConfig(dynamotest.Config(endpoint))
	p := plant(t, table, "bakery")
	if n := len(p.hits(admin, name)); n < 30 {
		t.Fatalf("only %d places are planted", n)
	}
	by := site.Actor{ID: "mb_1", Kind: site.ByMember}
	if _, err := privacy.Start(ctx, p.b, p.queue, p.s, by, "er_0", p.id, "", nil, p.clock); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("without a token: %v", err)
	}
	look, err := privacy.Look(ctx, p.b, p.s, by, p.id, p.clock)
	if want := (privacy.Survey{Contacts: 2, Entries: 6, Orders: 1, Files: 2, Mails: 3, Submissions: 4, Exports: 1, Imports: 1}); err != nil || look.Survey != want {
		t.Errorf("the preview counts %+v, %v, want %+v", look.Survey, err, want)
	}
	if _, err := privacy.Start(ctx, p.b, p.queue, p.s, site.Actor{ID: "mb_2"}, "er_0", p.id, look.Confirm, nil, p.clock); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("another member's token: %v", err)
	}
	if _, err := privacy.Start(ctx, p.b, p.queue, p.s, by, "er_0", p.id, look.Confirm, nil, p.clock.Add(time.Hour)); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a token of an hour ago: %v", err)
	}
	j := p.start()
	task := privacy.Task{Site: p.s.ID, Job: j.ID}
	if !slices.Equal(p.queue.Erasures, []privacy.Task{task}) {
		t.Fatalf("sent %v", p.queue.Erasures)
	}
	for range 2 { // a message comes twice
		p.must(p.eraser.Do(ctx, p.b, p.s, task))
	}
	if found := p.hits(admin, name); len(found) > 0 {
		t.Errorf("the person still stands in\n%s", strings.Join(found, "\n"))
	}
	j, err = p.b.Erasure(ctx, j.ID)
	p.must(err)
	if j.State != privacy.Done || j.Sealed != "" {
		t.Errorf("the job ended as %+v", j)
	}
	removed := map[string]int{}
	for _, s := range j.Steps {
		removed[s.Name] = s.Removed
		if s.State == privacy.StepPending || s.Note == "" || s.At.IsZero() {
			t.Errorf("step %+v", s)
		}
	}
	if fmt.Sprint(removed) != "map[backups:0 contact:8 exports:2 files:7 imports:3 jobs:3 ledger:0 look:0 mails:3 queues:0 submissions:4]" {
		t.Errorf("removed %v", removed)
	}
	log, _, err := table.AuditLog(ctx, p.s.ID, audit.Filter{Action: audit.ContactErased}, 10, "")
	if err != nil || len(log) != 1 || log[0].Object != string(p.id) || log[0].By != "mb_1" {
		t.Errorf("the audit log says %+v, %v", log, err)
	}
	addresses := []string{mark + "@weg.example", mark + ".2@weg.example", mark + ".3@weg.example", mark + ".merged@weg.example"}
	known, err := p.b.Suppressions(ctx, addresses)
	p.must(err)
	for i, k := range known {
		if k.Reason != contact.SuppressedErased {
			t.Errorf("address %d is remembered as %q", i, k.Reason)
		}
	}
	file := "email,first_name\n" + strings.Join(addresses, ",Back\n") + ",Back\nsomebody@weg.example,New\n"
	back := transferkit.Import(t, transferkit.Conditions{Workers: 1}, transferkit.NewFolder(t), p.b, p.s, func() time.Time { return p.clock }, "imp_2", []byte(file), nil)
	if back.Counts.Created != 1 || back.Counts.Rejected != len(addresses) {
		t.Errorf("the import of the erased: %s", transferkit.String(back.Counts))
	}

	// The bystander is untouched, and their files are.
	if _, err := p.b.Find(ctx, crm.EmailIdentity("bystander@weg.example")); err != nil {
		t.Error(err)
	}
	if kept, err := p.b.Submissions(ctx, "bakery-contact", 10); err != nil || len(kept) != 1 {
		t.Errorf("%d submissions stay, %v", len(kept), err)
	}
	if len(p.bucket.files) != 2 { // theirs and the ledger's row
		t.Errorf("files that stay: %v", slices.Sorted(maps.Keys(p.bucket.files)))
	}
}

// A table that was set back to before the erasure is erased again by what the
// bucket remembers, whether it knows the person or only the hashes.
func TestAnErasureIsRepeatedInATableThatWasSetBack(t *testing.T) {
	ctx, endpoint := context.Background(), stack.DynamoLocal(t)
	table, _ := dynamotest.Named(t, endpoint)
	p := plant(t, table, "bakery")
	task := privacy.Task{Site: p.s.ID, Job: p.start().ID}
	p.must(p.eraser.Do(ctx, p.b, p.s, task))
	for name, restore := range map[string]func(*dynamo.Table) *person{
		"with the person": func(x *dynamo.Table) *person { return plant(t, x, "bakery") },
		"before the person was": func(x *dynamo.Table) *person {
			s := dynamotest.Site(t, x, "bakery")
			return &person{t: t, s: s, b: x.Book(s), id: p.id}
		},
	} {
		back, at := dynamotest.Named(t, endpoint)
		q := restore(back)
		q.bucket = p.bucket
		p.must(p.eraser.Do(ctx, q.b, q.s, task))
		if found := q.hits(dynamodb.NewFromConfig(dynamotest.Config(endpoint)), at); len(found) > 0 {
			t.Errorf("%s: still in %v", name, found)
		}
		if known, err := q.b.Suppressions(ctx, []string{mark + "@weg.example"}); err != nil || known[0].Reason != contact.SuppressedErased {
			t.Errorf("%s: remembered as %+v, %v", name, known, err)
		}
	}
	if err := p.eraser.Do(ctx, p.b, p.s, privacy.Task{Site: p.s.ID, Job: "er_unknown"}); err != nil {
		t.Errorf("a job that neither table nor bucket knows: %v", err)
	}
}

// Whatever call fails, before or after it took effect, the message's next
// delivery completes the job.
func TestAnErasureSurvivesEveryFailure(t *testing.T) {
	ctx, endpoint := context.Background(), stack.DynamoLocal(t)
	in := &faults.Injector{}
	table, name := dynamotest.Named(t, endpoint, in.Option)
	admin := dynamodb.NewFromConfig(dynamotest.Config(endpoint))
	for call := 1; ; call++ {
		in.Set(nil)
		p := plant(t, table, crm.SiteID(fmt.Sprintf("call%d", call)))
		task := privacy.Task{Site: p.s.ID, Job: p.start().ID}
		apply := call%2 == 0
		in.Set(func(n int, _ string) (bool, error) {
			if n == call {
				return apply, faults.ErrDown
			}
			return true, nil
		})
		err := p.eraser.Do(ctx, p.b, p.s, task)
		reached := in.Calls() >= call
		in.Set(nil)
		if reached && !apply && !errors.Is(err, faults.ErrDown) {
			t.Errorf("call %d: %v", call, err)
		}
		p.must(p.eraser.Do(ctx, p.b, p.s, task))
		p.erased(call, admin, name)
		if !reached {
			t.Logf("%d calls to the table, each failed", call-1)
			break
		}
	}
	for call := 1; ; call++ {
		p := plant(t, table, crm.SiteID(fmt.Sprintf("bucket%d", call)))
		task := privacy.Task{Site: p.s.ID, Job: p.start().ID}
		p.bucket.fails = call
		if p.eraser.Do(ctx, p.b, p.s, task) == nil {
			break
		}
		p.must(p.eraser.Do(ctx, p.b, p.s, task))
		p.erased(call, admin, name)
	}
}

func (p *person) erased(call int, admin *dynamodb.Client, name string) {
	p.t.Helper()
	if found := p.hits(admin, name); len(found) > 0 {
		p.t.Errorf("call %d: the person still stands in %v", call, found)
	}
	if j, err := p.b.Erasure(context.Background(), "er_1"); err != nil || j.State != privacy.Done {
		p.t.Errorf("call %d: %s, %v", call, j.State, err)
	}
}

// An export that runs may have read the person: the erasure waits for its file.
func TestAnErasureWaitsForAnExportThatRuns(t *testing.T) {
	ctx := context.Background()
	p := plant(t, dynamotest.Table(t), "bakery")
	p.must(p.b.CreateJob(ctx, transfer.Job{ID: "exp_2", Kind: transfer.Export, State: transfer.Running, CreatedAt: p.clock}, nil))
	task := privacy.Task{Site: p.s.ID, Job: p.start().ID}
	p.clock = p.clock.Add(time.Minute)
	p.must(p.eraser.Do(ctx, p.b, p.s, task))
	if j, err := p.b.Erasure(ctx, task.Job); err != nil || j.State != privacy.Running || len(p.queue.Erasures) != 2 {
		t.Fatalf("%s, %v, sent %v", j.State, err, p.queue.Erasures)
	}
	p.put("exports/bakery/exp_2.csv", mark)
	_, err := p.b.ChangeJob(ctx, "exp_2", p.clock, func(j *transfer.Job) error {
		j.State, j.Result = transfer.Done, "exports/bakery/exp_2.csv"
		return nil
	})
	p.must(err)
	p.must(p.eraser.Do(ctx, p.b, p.s, task))
	if j, err := p.b.Erasure(ctx, task.Job); err != nil || j.State != privacy.Done || p.bucket.files["exports/bakery/exp_2.csv"] != nil {
		t.Errorf("%s, %v", j.State, err)
	}
	if x, err := p.b.Job(ctx, "exp_2"); err != nil || x.State != transfer.Cancelled || x.Result != "" {
		t.Errorf("the export is %+v, %v", x, err)
	}
}
