package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
)

// bulkActions is what can be asked for: the names and checks; the worker has
// what does them.
var bulkActions = bulk.Builtin()

type bulkArguments struct {
	Tags   []string       `json:"tags,omitempty" doc:"add_tags, remove_tags: which, at most 50" example:"[\"spring 2026\"]"`
	Group  string         `json:"group,omitempty" maxLength:"64" doc:"set_group: the id of a customer group"`
	Status contact.Status `json:"status,omitempty" doc:"set_status: lead, customer, vip, inactive or one that the site made" example:"vip"`
}

func (a bulkArguments) args() bulk.Args {
	return bulk.Args{Tags: a.Tags, Status: a.Status, Group: a.Group}
}

type bulkRequest struct {
	Action    string        `json:"action" maxLength:"50" doc:"add_tags, remove_tags, set_status, give_back_status, apply_automation, set_group, clear_group or delete" example:"add_tags"`
	Arguments bulkArguments `json:"arguments,omitempty" doc:"What the action needs to know"`
	IDs       []string      `json:"ids,omitempty" minItems:"1" doc:"Which contacts, at most 10,000. Give one of ids, filter and all"`
	Filter    string        `json:"filter,omitempty" maxLength:"2048" doc:"Which contacts, in the language of exports. A tag that the site has not made, and that no contact has, is refused; in a book of more than 20,000 contacts it is taken as it is" example:"status = customer AND city:utrecht"`
	All       bool          `json:"all,omitempty" doc:"All contacts of the site"`
	Confirm   string        `json:"confirm,omitempty" maxLength:"512" doc:"The token of a preview of this same request; delete needs it"`
}

func (b bulkRequest) request() bulk.Request {
	r := bulk.Request{Action: b.Action, Args: b.Arguments.args(), Selection: bulk.Selection{Filter: b.Filter, All: b.All}, Confirm: b.Confirm}
	for _, id := range b.IDs {
		r.Selection.IDs = append(r.Selection.IDs, crm.ContactID(id))
	}
	return r
}

type reasonJSON struct {
	Reason bulk.Reason `json:"reason" example:"unchanged"`
	Detail string      `json:"detail" doc:"What it means" example:"it was so already"`
	Count  int         `json:"count" example:"3"`
}

var reasonTexts = map[bulk.Reason]string{
	bulk.Missing:                  "there is no such contact",
	bulk.Unchanged:                "it was so already",
	bulk.Merged:                   "it went into another contact meanwhile",
	bulk.Reason(crm.Invalid):      "a rule refused it; for tags: the contact would have more than the site allows",
	bulk.Reason(crm.PlanRequired): "the plan of the site lacks this",
	bulk.Reason(crm.TooLarge):     "the contact would be larger than an entry of the book can be",
	bulk.Reason(crm.Conflict):     "it does not go together with what is there",
}

type bulkJobJSON struct {
	ID     string     `json:"id" example:"bk_01k2abcdefghjkmnpqrstvwxyz"`
	State  bulk.State `json:"state" doc:"queued, running, done, cancelled or failed" example:"running"`
	Action string     `json:"action" doc:"As asked for, or rename_tag, replace_status, clear_group_everywhere where it follows from a change of the settings" example:"add_tags"`
	Counts struct {
		Done    int `json:"done" doc:"Contacts dealt with; the sum of the others" example:"500"`
		Changed int `json:"changed" example:"480"`
		Skipped int `json:"skipped" doc:"Nothing to change, or not there" example:"18"`
		Failed  int `json:"failed" doc:"Refused by a rule" example:"2"`
	} `json:"counts"`
	Reasons   []reasonJSON `json:"reasons" nullable:"false" doc:"Why contacts were skipped or failed"`
	Total     int          `json:"total,omitempty" doc:"How many contacts were named by ids"`
	Progress  float64      `json:"progress" doc:"0 to 1" example:"0.5"`
	Filter    string       `json:"filter,omitempty"`
	Detail    string       `json:"detail,omitempty" doc:"Why it failed or was cancelled"`
	By        string       `json:"by" doc:"The member or API key that asked" example:"key_7f3a"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

func bulkOf(j bulk.Job) bulkJobJSON {
	out := bulkJobJSON{ID: j.ID, State: j.State, Action: j.Action, Reasons: []reasonJSON{}, Total: j.Selection.Count, Filter: j.Selection.Filter,
		Detail: j.Fault, By: j.By, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt}
	out.Counts.Done, out.Counts.Changed, out.Counts.Skipped, out.Counts.Failed = j.Counts.Done, j.Counts.Changed, j.Counts.Skipped, j.Counts.Failed
	for why, n := range j.Reasons {
		out.Reasons = append(out.Reasons, reasonJSON{why, reasonTexts[why], n})
	}
	slices.SortFunc(out.Reasons, func(a, b reasonJSON) int { return strings.Compare(string(a.Reason), string(b.Reason)) })
	switch {
	case j.State == bulk.Done:
		out.Progress = 1
	case j.Selection.Count > 0:
		out.Progress = float64(j.Counts.Done) / float64(j.Selection.Count)
	case j.Parts > 0:
		out.Progress = float64(j.Ended) / float64(j.Parts)
	}
	return out
}

type bulkAnswer struct {
	Location   string `header:"Location"`
	Replayed   string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key started it"`
	RetryAfter string `header:"Retry-After"`
	Body       bulkJobJSON
}

func bulkAnswerOf(j bulk.Job) *bulkAnswer {
	out := &bulkAnswer{Body: bulkOf(j)}
	if !j.State.Ended() {
		out.RetryAfter = "1"
	}
	return out
}

type BulkByID struct {
	ID string `path:"id" maxLength:"64" example:"bk_01k2abcdefghjkmnpqrstvwxyz"`
}

func addBulk(api huma.API, h contactsAPI) {
	tags := []string{"Bulk"}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "preview-bulk", Method: http.MethodPost, Path: "/v1/bulk/preview", Tags: tags, MaxBodyBytes: -1,
		Summary: "What a bulk action would do",
		Description: "Takes the body of a bulk action, changes nothing, and answers how many contacts it is about and a token that confirms " +
			"this same request for 15 minutes. At most 100,000 contacts are looked at, for a filter over the site's own fields 25,000; " +
			"of a larger book counted_all is false. The action itself is about all of them.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, h.previewBulk)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "start-bulk", Method: http.MethodPost, Path: "/v1/bulk", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary: "Change many contacts",
		Description: "Works in the background, contact by contact: what a single change refuses is refused here for that contact, and counted. " +
			"Each contact that changes gets an entry in its timeline with the id of the job. delete needs the token of a preview.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, h.startBulk)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-bulk", Method: http.MethodGet, Path: "/v1/bulk", Tags: tags, Summary: "The newest 100 bulk actions",
	}, h.listBulk)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-bulk", Method: http.MethodGet, Path: "/v1/bulk/{id}", Tags: tags, Summary: "How a bulk action goes",
		Errors: []int{http.StatusNotFound},
	}, h.getBulk)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "cancel-bulk", Method: http.MethodPost, Path: "/v1/bulk/{id}/cancel", Tags: tags,
		Summary: "Cancel a bulk action", Description: "What was changed stays. Safe to repeat.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.cancelBulk)
}

type previewAnswer struct {
	Body struct {
		Matched     int       `json:"matched" doc:"Contacts that it is about" example:"128"`
		CountedAll  bool      `json:"counted_all" doc:"false if not all contacts were looked at: the action is about at least so many" example:"true"`
		Destructive bool      `json:"destructive" doc:"It must be confirmed" example:"true"`
		Confirm     string    `json:"confirm" doc:"Send it along with the same request"`
		ExpiresAt   time.Time `json:"expires_at" doc:"Until when the token confirms"`
	}
}

type bulkInput struct{ Body bulkRequest }

// checkBulk finds what is at fault in a bulk action where the site has to be asked: the group that is
// given and the names in the filter.
func (h contactsAPI) checkBulk(ctx context.Context, c caller, r bulk.Request) error {
	var faults crm.Faults
	if err := faults.Take(h.hasGroup(ctx, c, r.Args.Group, "/arguments/group")); err != nil {
		return err
	}
	if err := segment.CheckNames(ctx, r.Selection.Filter, c.site, h.open(c.site), &faults, "/filter"); err != nil {
		return err
	}
	if len(faults) == 0 {
		return nil
	}
	return faults.With(bulk.Check(bulkActions, c.site, c.by, r))
}

func (h contactsAPI) previewBulk(ctx context.Context, c caller, in *bulkInput) (*previewAnswer, error) {
	if err := h.checkBulk(ctx, c, in.Body.request()); err != nil {
		return nil, err
	}
	p, err := bulk.Look(ctx, h.open(c.site), bulkActions, c.site, c.by, in.Body.request(), h.clock.Now())
	if err != nil {
		return nil, err
	}
	out := &previewAnswer{}
	out.Body.Matched, out.Body.CountedAll, out.Body.Destructive, out.Body.Confirm, out.Body.ExpiresAt = p.Matched, p.All, p.Destructive, p.Confirm, p.Expires
	return out, nil
}

type startBulkInput struct {
	Making
	Body bulkRequest
}

func (h contactsAPI) startBulk(ctx context.Context, c caller, in *startBulkInput) (*bulkAnswer, error) {
	r := in.Body.request()
	r.Once = in.once(c, h.clock.Now(), "start-bulk")
	return h.startOnce(ctx, c, r, func(id string, now time.Time) (bulk.Job, error) {
		if err := h.checkBulk(ctx, c, in.Body.request()); err != nil {
			return bulk.Job{}, err
		}
		r.Trace = requestID(ctx)
		return bulk.Start(ctx, h.open(c.site), h.jobs, bulkActions, c.site, c.by, id, r, now)
	})
}

// startOnce starts a job under a new id, or finds the one that the request started, and
// has it carried out if nobody does.
func (h contactsAPI) startOnce(ctx context.Context, c caller, r bulk.Request, start func(id string, now time.Time) (bulk.Job, error)) (*bulkAnswer, error) {
	b, now := h.open(c.site), h.clock.Now()
	id, err := newJobID("bk_", now)
	if err != nil {
		return nil, err
	}
	j, replayed, err := once(ctx, b.MadeBy, r.Once, func() (bulk.Job, error) { return start(id, now) },
		func(id string) (bulk.Job, error) { return bulk.Resume(ctx, b, h.jobs, c.site, id, now) })
	if err != nil {
		return nil, err
	}
	a := started(j)
	a.Replayed = replayedHeader(replayed)
	return a, nil
}

// startInternal starts the job that follows from a change of the settings; one of the
// id that is there is resumed.
func (h contactsAPI) startInternal(ctx context.Context, c caller, id string, r bulk.Request) (bulk.Job, error) {
	r.Trace = requestID(ctx)
	return bulk.StartInternal(ctx, h.open(c.site), h.jobs, bulkActions, c.site, c.by, id, r, h.clock.Now())
}

// leftover takes up what a change of something, into what, left to do within the last
// day: its job, if that has not done it. Where there is none yet request says what it is,
// or crm.NotFound. ok is false if nothing is left.
func (h contactsAPI) leftover(ctx context.Context, c caller, thing, into string, request func() (bulk.Request, error)) (j bulk.Job, ok bool, err error) {
	b, now := h.open(c.site), h.clock.Now()
	id, ok, err := b.Left(ctx, thing, into, now)
	if err != nil || !ok {
		return j, false, err
	}
	j, err = bulk.Resume(ctx, b, h.jobs, c.site, id, now)
	switch {
	case err == nil && j.State == bulk.Done:
		return j, false, nil
	case err == nil && !j.State.Ended():
		return j, true, nil
	case err == nil: // given up or cancelled: there may be more to do
		next, err := newJobID("bk_", now)
		if err != nil {
			return j, false, err
		}
		if id, err = b.LeaveTo(ctx, thing, into, id, next, now); err != nil {
			return j, false, err
		}
	case crm.CodeOf(err) != crm.NotFound:
		return j, false, err
	}
	r, err := request()
	if crm.CodeOf(err) == crm.NotFound {
		return j, false, nil
	}
	if err == nil {
		j, err = h.startInternal(ctx, c, id, r)
	}
	return j, err == nil, err
}

func started(j bulk.Job) *bulkAnswer {
	out := bulkAnswerOf(j)
	out.Location = "/v1/bulk/" + j.ID
	return out
}

func (h contactsAPI) getBulk(ctx context.Context, c caller, in *BulkByID) (*bulkAnswer, error) {
	j, err := h.open(c.site).Bulk(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return bulkAnswerOf(j), nil
}

func (h contactsAPI) cancelBulk(ctx context.Context, c caller, in *BulkByID) (*bulkAnswer, error) {
	j, err := bulk.Cancel(ctx, h.open(c.site), in.ID, h.clock.Now())
	if err != nil {
		return nil, err
	}
	return bulkAnswerOf(j), nil
}

type bulksAnswer struct {
	Body struct {
		Bulk []bulkJobJSON `json:"bulk" nullable:"false"`
	}
}

func (h contactsAPI) listBulk(ctx context.Context, c caller, _ *struct{}) (*bulksAnswer, error) {
	jobs, err := h.open(c.site).ListBulk(ctx, 100)
	if err != nil {
		return nil, err
	}
	out := &bulksAnswer{}
	out.Body.Bulk = make([]bulkJobJSON, len(jobs))
	for i, j := range jobs {
		out.Body.Bulk[i] = bulkOf(j)
	}
	return out, nil
}
