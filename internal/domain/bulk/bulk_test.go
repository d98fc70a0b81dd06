package bulk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/test/bulkkit"
	"clientele/internal/test/dynamotest"
)

var (
	now   = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	owner = site.Actor{ID: "mb_1", Kind: site.ByMember, Scopes: site.Scopes}
)

func clock() time.Time { return now }

// desk is a book with a worker.
type desk struct {
	*testing.T
	b       *dynamo.Book
	s       site.Site
	q       *bulkkit.Queue
	actions bulk.Registry
	jobs    int
}

func open(t *testing.T) *desk {
	t.Helper()
	table := dynamotest.Table(t)
	s := dynamotest.Site(t, table, "bakery")
	return &desk{T: t, b: table.Book(s), s: s, q: &bulkkit.Queue{}, actions: bulk.Builtin()}
}

func (d *desk) people(n int, tags ...string) []crm.ContactID {
	d.Helper()
	var facts []contact.Facts
	for i := range n {
		facts = append(facts, contact.Facts{Source: "import:1", Email: fmt.Sprintf("p%d-%d@b.example", len(tags), i), Tags: tags})
	}
	for part := range slices.Chunk(facts, 50) {
		if err := d.b.UpsertAll(d.Context(), part, now, func(int, *contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
			d.Fatal(err)
		}
	}
	ids := make([]crm.ContactID, n)
	for i, f := range facts {
		ids[i] = crm.EmailIdentity(f.Email).Slot(d.s.Secret)
	}
	return ids
}

func (d *desk) start(r bulk.Request) bulk.Job {
	d.Helper()
	d.jobs++
	j, err := bulk.Start(d.Context(), d.b, d.q, d.actions, d.s, owner, fmt.Sprint("bk_", d.jobs), r, now)
	if err != nil {
		d.Fatal(err)
	}
	return j
}

func (d *desk) run(c bulkkit.Conditions, j bulk.Job) bulk.Job {
	d.Helper()
	d.q.Drain(d, c, d.b, d.s, &bulk.Worker{Actions: d.actions, Queue: d.q, Clock: clock})
	j, err := d.b.Bulk(d.Context(), j.ID)
	if err != nil {
		d.Fatal(err)
	}
	return j
}

func (d *desk) want(j bulk.Job, state bulk.State, changed, skipped, failed int) {
	d.Helper()
	if want := (bulk.Counts{Done: changed + skipped + failed, Changed: changed, Skipped: skipped, Failed: failed}); j.Counts != want || j.State != state {
		d.Errorf("%s is %s with %+v %v, want %s with %+v (%s)", j.ID, j.State, j.Counts, j.Reasons, state, want, j.Fault)
	}
}

func (d *desk) count(f func(contact.Contact) bool) (n int) {
	d.Helper()
	err := d.b.Each(d.Context(), func(c *contact.Contact) error {
		if f(*c) {
			n++
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return n
}

var rough = bulkkit.Conditions{Workers: 6, Twice: 0.3, Kill: 0.5}

// Workers are killed and messages come twice, and yet each contact is changed
// once, has one entry in its timeline, and is counted once.
func TestKilledAndRepeatedWorkCountsExactly(t *testing.T) {
	d := open(t)
	plain, tagged := d.people(180), d.people(70, "Spring")
	j := d.run(rough, d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"spring", "new"}}, Selection: bulk.Selection{All: true}}))
	d.want(j, bulk.Done, 250, 0, 0)
	j = d.run(rough, d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"SPRING"}},
		Selection: bulk.Selection{IDs: append(slices.Clone(plain), "ct_00000000000000000000000000", plain[0])}}))
	d.want(j, bulk.Done, 0, 181, 0)
	if j.Reasons[bulk.Unchanged] != 180 || j.Reasons[bulk.Missing] != 1 {
		t.Errorf("reasons %v", j.Reasons)
	}
	// The filter no longer matches what the job has changed.
	j = d.run(rough, d.start(bulk.Request{Action: "remove_tags", Args: bulk.Args{Tags: []string{"spring"}}, Selection: bulk.Selection{Filter: "tags:spring"}}))
	d.want(j, bulk.Done, 250, 0, 0)
	if n := d.count(func(c contact.Contact) bool { return slices.Equal(c.Tags, []string{"new"}) && c.Version == 3 }); n != 250 {
		t.Errorf("%d of 250 have the one tag at version 3", n)
	}
	for _, id := range []crm.ContactID{plain[7], tagged[7]} {
		acts, _, err := d.b.Timeline(d.Context(), id, timeline.Query{Limit: 10})
		if err != nil || len(acts) != 3 || acts[0].By != owner.ID || acts[0].Source != "member" || !slices.Contains([]string{"bk_1", "bk_3"}, acts[0].Ref) {
			t.Errorf("timeline %+v, %v", acts, err)
		}
	}
}

func TestManyAreDeletedOnceAfterAPreview(t *testing.T) {
	d := open(t)
	d.people(130, "old")
	kept := d.people(40)
	r := bulk.Request{Action: "delete", Selection: bulk.Selection{Filter: "tags:old"}}
	fails := func(r bulk.Request, by site.Actor, at time.Time) {
		t.Helper()
		if _, err := bulk.Start(d.Context(), d.b, d.q, d.actions, d.s, by, "bk_x", r, at); crm.CodeOf(err) != crm.Invalid {
			t.Errorf("an unconfirmed deletion: %v", err)
		}
	}
	fails(r, owner, now)
	p, err := bulk.Look(d.Context(), d.b, d.actions, d.s, owner, r, now)
	if err != nil || p.Matched != 130 || !p.Destructive {
		t.Fatalf("preview %+v, %v", p, err)
	}
	r.Confirm = p.Confirm
	wider := r
	wider.Selection = bulk.Selection{All: true}
	fails(wider, owner, now)
	fails(r, site.Actor{ID: "mb_2", Scopes: site.Scopes}, now)
	fails(r, owner, now.Add(15*time.Minute))
	broken := r
	broken.Confirm = r.Confirm[:len(r.Confirm)-2] + "xx"
	fails(broken, owner, now)
	d.want(d.run(rough, d.start(r)), bulk.Done, 130, 0, 0)
	if n := d.count(func(contact.Contact) bool { return true }); n != len(kept) {
		t.Errorf("%d contacts are left, want %d", n, len(kept))
	}
}

// A change that the job has made is not made again after somebody took it back.
func TestARepeatedMessageDoesNotUndoAPerson(t *testing.T) {
	d := open(t)
	ids := d.people(3)
	j := d.run(bulkkit.Conditions{}, d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"x"}}, Selection: bulk.Selection{IDs: ids}}))
	if _, err := d.b.Change(d.Context(), ids[1], now, func(c *contact.Contact) ([]timeline.Activity, error) { c.Tags = nil; return nil, nil }); err != nil {
		t.Fatal(err)
	}
	// The page was worked on, and the worker died before it counted.
	p, err := d.b.BulkPart(d.Context(), j.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Plan, p.Done, p.Last = ids, false, true
	if err := d.b.PlanPage(d.Context(), j.ID, p); err != nil {
		t.Fatal(err)
	}
	if err := d.q.SendBulk(d.Context(), bulk.Task{Site: d.s.ID, Job: j.ID, Part: 1}); err != nil {
		t.Fatal(err)
	}
	j = d.run(bulkkit.Conditions{}, j)
	d.want(j, bulk.Done, 6, 0, 0)
	if c, err := d.b.Get(d.Context(), ids[1]); err != nil || len(c.Tags) != 0 {
		t.Errorf("tags %v, %v", c.Tags, err)
	}
}

func TestWhatARuleRefusesIsCounted(t *testing.T) {
	d := open(t)
	d.s.MaxTags = 2
	full, free := d.people(5, "a", "b"), d.people(4)
	r := bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"c"}}, Selection: bulk.Selection{IDs: append(full, free...)}}
	j := d.run(rough, d.start(r))
	d.want(j, bulk.Done, 4, 0, 5)
	if j.Reasons[bulk.Reason(crm.Invalid)] != 5 {
		t.Errorf("reasons %v", j.Reasons)
	}
	r = bulk.Request{Action: "set_status", Args: bulk.Args{Status: "vip"}, Selection: bulk.Selection{All: true}}
	d.want(d.run(rough, d.start(r)), bulk.Done, 9, 0, 0)
	if n := d.count(func(c contact.Contact) bool { return c.Status == contact.VIP && c.StatusManual }); n != 9 {
		t.Errorf("%d of 9 are VIP by hand", n)
	}
}

func TestACancelledJobStops(t *testing.T) {
	d := open(t)
	d.people(30)
	j := d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"x"}}, Selection: bulk.Selection{All: true}})
	if _, err := bulk.Cancel(d.Context(), d.b, j.ID, now); err != nil {
		t.Fatal(err)
	}
	d.want(d.run(rough, j), bulk.Cancelled, 0, 0, 0)
	if _, err := bulk.Cancel(d.Context(), d.b, j.ID, now); err != nil {
		t.Errorf("cancelled again: %v", err)
	}
	j = d.run(rough, d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"x"}}, Selection: bulk.Selection{All: true}}))
	d.want(j, bulk.Done, 30, 0, 0)
	if _, err := bulk.Cancel(d.Context(), d.b, j.ID, now); crm.CodeOf(err) != crm.Conflict {
		t.Errorf("a done job: %v", err)
	}
	if err := bulk.GiveUp(d.Context(), d.b, j.ID, now); err != nil {
		t.Error(err)
	}
	d.want(d.run(rough, j), bulk.Done, 30, 0, 0)
}

// With too little time left the rest goes to a new message.
func TestAWorkerEndsBeforeItsTimeIsOver(t *testing.T) {
	d := open(t)
	d.people(10)
	j := d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"x"}}, Selection: bulk.Selection{All: true}})
	w := &bulk.Worker{Actions: d.actions, Queue: d.q, Clock: time.Now}
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	if err := w.Do(ctx, d.b, d.s, bulk.Task{Site: d.s.ID, Job: j.ID, Part: 1}); err != nil {
		t.Fatal(err)
	}
	if p, err := d.b.BulkPart(d.Context(), j.ID, 1); err != nil || p.Done || p.Version != 1 {
		t.Errorf("part %+v, %v", p, err)
	}
	d.want(d.run(rough, j), bulk.Done, 10, 0, 0)
}

func TestARequestTellsAllThatIsWrong(t *testing.T) {
	d := open(t)
	for name, r := range map[string]bulk.Request{
		"no selection":      {Action: "clear_group"},
		"two selections":    {Action: "clear_group", Selection: bulk.Selection{All: true, Filter: "x"}},
		"a wrong filter":    {Action: "clear_group", Selection: bulk.Selection{Filter: "a ="}},
		"a wrong id":        {Action: "clear_group", Selection: bulk.Selection{IDs: []crm.ContactID{"x"}}},
		"too many ids":      {Action: "clear_group", Selection: bulk.Selection{IDs: slices.Repeat([]crm.ContactID{"ct_00000000000000000000000000"}, 10_001)}},
		"no such action":    {Action: "explode", Selection: bulk.Selection{All: true}},
		"an internal one":   {Action: bulk.RenameTag, Selection: bulk.Selection{All: true}},
		"no tags":           {Action: "add_tags", Selection: bulk.Selection{All: true}},
		"a blank tag":       {Action: "add_tags", Args: bulk.Args{Tags: []string{" "}}, Selection: bulk.Selection{All: true}},
		"an unknown status": {Action: "set_status", Args: bulk.Args{Status: "x"}, Selection: bulk.Selection{All: true}},
	} {
		if _, err := bulk.Start(d.Context(), d.b, d.q, d.actions, d.s, owner, "bk_x", r, now); crm.CodeOf(err) != crm.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.s.Plan = "mini"
	r := bulk.Request{Action: "set_status", Args: bulk.Args{Status: "vip"}, Selection: bulk.Selection{All: true}}
	if _, err := bulk.Start(d.Context(), d.b, d.q, d.actions, d.s, owner, "bk_x", r, now); crm.CodeOf(err) != crm.PlanRequired {
		t.Errorf("a status that the plan lacks: %v", err)
	}
	if jobs, err := d.b.ListBulk(d.Context(), 10); err != nil || len(jobs) != 0 {
		t.Errorf("%d jobs were made, %v", len(jobs), err)
	}
}

func TestAFilterNamesListsGroupsAndStatuses(t *testing.T) {
	d := open(t)
	d.s.Lists = []contact.ListDef{{ID: "list_a", Name: "Nieuws", Channel: contact.ByEmail}}
	if err := d.s.AddStatus("st_a", "Vaste gast", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := d.b.PutGroup(d.Context(), group.Group{ID: "gr_1", Name: "Horeca & Co"}, nil); err != nil {
		t.Fatal(err)
	}
	d.people(3)
	facts := []contact.Facts{{Source: "import:1", Email: "x@b.example", Details: contact.Details{Group: "gr_1"}, Status: "st_a",
		Lists: []contact.Subscription{{List: "list_a", Channel: contact.ByEmail, Standing: contact.Standing{State: contact.ConsentSubscribed}}}}}
	if err := d.b.UpsertAll(d.Context(), facts, now, func(int, *contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	for filter, n := range map[string]int{"list:NIEUWS": 1, "list:list_a": 1, "list:taart": 0, "-list:nieuws": 3, `group:"horeca & co"`: 1, "group = gr_1": 1, `status = "vaste gast"`: 1} {
		p, err := bulk.Look(d.Context(), d.b, d.actions, d.s, owner, bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"a"}}, Selection: bulk.Selection{Filter: filter}}, now)
		if err != nil || p.Matched != n {
			t.Errorf("%s is about %d, want %d; %v", filter, p.Matched, n, err)
		}
	}
	j := d.run(rough, d.start(bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{"a"}}, Selection: bulk.Selection{Filter: `list:nieuws AND group:"Horeca & Co"`}}))
	d.want(j, bulk.Done, 1, 0, 0)
}

// A filter reaches the site's own fields, which rows of lists do not have; a job whose
// field is deleted meanwhile ends with a reason, and changes nobody more.
func TestAFilterReachesTheSitesOwnFields(t *testing.T) {
	d := open(t)
	d.s.CustomFields = []contact.FieldDef{{Key: "size", Label: "Maat", Type: contact.NumberField}, {Key: "gold", Label: "Goud", Type: contact.BooleanField}}
	d.people(150)
	var facts []contact.Facts
	for i := range 60 {
		f := contact.Facts{Source: "import:1", Email: fmt.Sprintf("own%d@b.example", i)}
		f.SetCustom("size", fmt.Sprint(i))
		f.SetCustom("gold", fmt.Sprint(i%2 == 0))
		facts = append(facts, f)
	}
	if err := d.b.UpsertAll(d.Context(), facts, now, func(int, *contact.Contact, contact.Facts, bool) ([]timeline.Activity, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	add := func(filter string) bulk.Request {
		return bulk.Request{Action: "add_tags", Args: bulk.Args{Tags: []string{filter}}, Selection: bulk.Selection{Filter: filter}}
	}
	for filter, n := range map[string]int{"custom.size >= 50": 10, "custom.size > 9 AND custom.gold = yes": 25, "-custom.size:*": 150, "custom.gold != yes": 180} {
		p, err := bulk.Look(d.Context(), d.b, d.actions, d.s, owner, add(filter), now)
		if err != nil || p.Matched != n {
			t.Errorf("%s is about %d, want %d; %v", filter, p.Matched, n, err)
		}
		d.want(d.run(rough, d.start(add(filter))), bulk.Done, n, 0, 0)
		if got := d.count(func(c contact.Contact) bool { return c.HasTag(filter) }); got != n {
			t.Errorf("%s changed %d, want %d", filter, got, n)
		}
	}
	if _, err := bulk.Look(d.Context(), d.b, d.actions, d.s, owner, add("custom.nose = 1"), now); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a field that there is not: %v", err)
	}
	j := d.start(add("custom.size < 10"))
	d.s.CustomFields = nil
	j = d.run(bulkkit.Conditions{}, j)
	d.want(j, bulk.Failed, 0, 0, 0)
	if !strings.Contains(j.Fault, `this site has no field "custom.size"`) {
		t.Errorf("it failed as %s", j.Fault)
	}
}
