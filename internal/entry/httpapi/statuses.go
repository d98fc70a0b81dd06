package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

type statusJSON struct {
	ID       contact.Status `json:"id" doc:"lead, customer, vip, inactive, or st_… of one that the site made" example:"st_5f0c2a9d1b7e"`
	Name     string         `json:"name" example:"Stamgast"`
	Colour   string         `json:"colour" doc:"#rrggbb, or empty" example:"#1a7f37"`
	BuiltIn  bool           `json:"built_in" doc:"Every site has it; it can be named and coloured anew and never goes" example:"false"`
	Contacts *int           `json:"contacts,omitempty" doc:"Contacts that have it, if asked for with count; of a large book counted at most a minute ago" example:"12"`
	Into     contact.Status `json:"moving_to,omitempty" doc:"It is being deleted: nobody gets it any more, and its contacts move to this one"`
}

type statusesAnswer struct {
	ETag string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Body struct {
		Statuses   []statusJSON `json:"statuses" nullable:"false" doc:"In the order of the site"`
		CountedAll *bool        `json:"counted_all,omitempty" doc:"If asked for with count: false in a book of more than 100,000 contacts, of which the first 100,000 that were read are counted, so there are at least so many" example:"true"`
	}
}

type statusAnswer struct {
	ETag     string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made it"`
	Body     statusJSON
}

func addStatuses(api huma.API, h contactsAPI) {
	tags := []string{"Statuses"}
	changed := []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-statuses", Method: http.MethodGet, Path: "/v1/statuses", Tags: tags,
		Summary: "The statuses that contacts of the site have", Description: "The four that every site has and its own, in its order. With count=true each with how many contacts have it, which takes longer in a large book.",
	}, h.listStatuses)
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-status", Method: http.MethodPost, Path: "/v1/statuses", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make a status", Description: "At most 50 besides the built-in ones. Names are unique without case. It stands last in the order.",
	}, h.createStatus)
	operation(api, site.Settings, huma.Operation{
		OperationID: "order-statuses", Method: http.MethodPut, Path: "/v1/statuses/order", Tags: tags,
		Summary: "Put the statuses in an order", Description: "The ids of all of them, each once. Needs `If-Match` with the ETag of the list.",
		Errors: []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, h.orderStatuses)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-status", Method: http.MethodPatch, Path: "/v1/statuses/{id}", Tags: tags,
		Summary: "Name or colour a status anew",
		Description: "A JSON merge patch; its contacts keep it, as they have its id. The name null gives a built-in status its own name back. " +
			"Needs `If-Match` with the ETag of the list.",
		Errors: changed,
	}, h.changeStatus)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-status", Method: http.MethodDelete, Path: "/v1/statuses/{id}", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Delete a status",
		Description: "From now on nobody gets it. Its contacts move to the target in the background, and are worked with as ever meanwhile; then it is gone. " +
			"Answers the job that moves them. Safe to repeat with the same target. Needs `If-Match` with the ETag of the list.",
		Errors: append(changed, http.StatusConflict),
	}, h.deleteStatus)
	operation(api, site.Settings, huma.Operation{
		OperationID: "apply-automation", Method: http.MethodPost, Path: "/v1/statuses/apply-automation", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Apply the automation to what happened before",
		Description: "Every lead whose status nobody gave by hand becomes a customer if a first order, payment, invoice or attended appointment of it " +
			"promotes under the site's switches and plan as they are now: after an upgrade, or when a rule was switched on. Nobody moves backwards. " +
			"Answers the job that does it.",
	}, h.applyAutomation)
}

func statusOf(d contact.StatusDef) statusJSON {
	return statusJSON{ID: d.ID, Name: d.Name, Colour: d.Colour, BuiltIn: d.ID.BuiltIn(), Into: d.Into}
}

func statusesOf(s site.Site) *statusesAnswer {
	out := &statusesAnswer{ETag: etag(s.Version)}
	for _, d := range s.AllStatuses() {
		out.Body.Statuses = append(out.Body.Statuses, statusOf(d))
	}
	return out
}

func oneStatus(s site.Site, id contact.Status) *statusAnswer {
	out := &statusAnswer{ETag: etag(s.Version)}
	for _, d := range s.AllStatuses() {
		if d.ID == id {
			out.Body = statusOf(d)
		}
	}
	return out
}

type listStatusesInput struct {
	Count bool `query:"count" doc:"Whether to count the contacts of each"`
}

func (h contactsAPI) listStatuses(ctx context.Context, c caller, in *listStatusesInput) (*statusesAnswer, error) {
	out := statusesOf(c.site)
	if !in.Count {
		return out, nil
	}
	n, err := h.used.count(ctx, c.site, h.open(c.site), h.clock)
	if err != nil {
		return nil, err
	}
	out.Body.CountedAll = &n.all
	for i := range out.Body.Statuses {
		contacts := n.statuses[out.Body.Statuses[i].ID]
		out.Body.Statuses[i].Contacts = &contacts
	}
	return out, nil
}

// changeSettings applies a rule to the version of the site's settings that the caller
// has read; "*" is any. One that changes nothing makes no new version.
func (h contactsAPI) changeSettings(ctx context.Context, c caller, ifMatch string, field string, rule func(*site.Site) error) (site.Site, error) {
	if err := needsVersion(ifMatch, "list"); err != nil {
		return site.Site{}, err
	}
	now := h.clock.Now()
	return h.open(c.site).ChangeSettings(ctx, func(s *site.Site) (audit.Entry, error) {
		if err := atVersion(ifMatch, s.Version, "list"); err != nil {
			return audit.Entry{}, err
		}
		before := *s // rules put new slices in the place of old ones
		if err := rule(s); err != nil || reflect.DeepEqual(before, *s) {
			return audit.Entry{}, err
		}
		return audit.Note(c.by, requestID(ctx), now, audit.SettingsChanged, string(s.ID), field), nil
	})
}

type createStatusInput struct {
	Making
	Body struct {
		Name   string `json:"name" maxLength:"500" doc:"At most 60 characters" example:"Stamgast"`
		Colour string `json:"colour,omitempty" doc:"#rrggbb" example:"#1a7f37"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createStatusInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		return s.AddStatus("st_", in.Body.Name, in.Body.Colour)
	})
}

func (h contactsAPI) createStatus(ctx context.Context, c caller, in *createStatusInput) (*statusAnswer, error) {
	var r [6]byte
	if _, err := rand.Read(r[:]); err != nil {
		return nil, err
	}
	s, id, replayed, err := h.addSetting(ctx, c, in.once(c, h.clock.Now(), "create-status"), "st_"+hex.EncodeToString(r[:]), "statuses",
		func(s *site.Site, id string) error {
			return s.AddStatus(contact.Status(id), in.Body.Name, in.Body.Colour)
		})
	if err != nil {
		return nil, err
	}
	out := oneStatus(s, contact.Status(id))
	if out.Body.ID == "" {
		return nil, goneSince()
	}
	out.Location, out.Replayed = "/v1/statuses/"+id, replayedHeader(replayed)
	return out, nil
}

// addSetting makes something of an id by a rule over the site's settings; id is of what
// the request made before, if it was here.
func (h contactsAPI) addSetting(ctx context.Context, c caller, o *contact.Once, fresh, field string, rule func(s *site.Site, id string) error) (_ site.Site, id string, replayed bool, err error) {
	now, id := h.clock.Now(), fresh
	s, replayed, err := once(ctx, h.open(c.site).MadeBy, o, func() (site.Site, error) {
		return h.dir.AddSetting(ctx, c.site.ID, o, fresh, func(s *site.Site) (audit.Entry, error) {
			return audit.Note(c.by, requestID(ctx), now, audit.SettingsChanged, string(s.ID), field), rule(s, fresh)
		})
	}, func(made string) (site.Site, error) {
		id = made
		return h.dir.ByID(ctx, c.site.ID)
	})
	return s, id, replayed, err
}

type StatusByID struct {
	ID string `path:"id" maxLength:"64" doc:"The status's id" example:"st_5f0c2a9d1b7e"`
}

type changeStatusInput struct {
	StatusByID
	Versioned
	Body struct {
		Name   optional[string] `json:"name,omitempty" doc:"At most 60 characters" example:"Stamgast"`
		Colour optional[string] `json:"colour,omitempty" doc:"#rrggbb; null for none" example:"#1a7f37"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeStatusInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		return s.ChangeStatus(contact.Status(in.ID), in.Body.Name.opt(), in.Body.Colour.opt())
	})
}

func (h contactsAPI) changeStatus(ctx context.Context, c caller, in *changeStatusInput) (*statusAnswer, error) {
	id := contact.Status(in.ID)
	if err := hasStatus(c, id); err != nil {
		return nil, err
	}
	s, err := h.changeSettings(ctx, c, in.IfMatch, "statuses", func(s *site.Site) error {
		return s.ChangeStatus(id, in.Body.Name.opt(), in.Body.Colour.opt())
	})
	if err != nil {
		return nil, err
	}
	return oneStatus(s, id), nil
}

type orderStatusesInput struct {
	Versioned
	Body struct {
		IDs []contact.Status `json:"ids" minItems:"1" maxItems:"100" doc:"All statuses in the new order" example:"[\"lead\",\"customer\",\"st_5f0c2a9d1b7e\",\"vip\",\"inactive\"]"`
	}
}

func (h contactsAPI) orderStatuses(ctx context.Context, c caller, in *orderStatusesInput) (*statusesAnswer, error) {
	s, err := h.changeSettings(ctx, c, in.IfMatch, "statuses", func(s *site.Site) error { return s.OrderStatuses(in.Body.IDs) })
	if err != nil {
		return nil, err
	}
	return statusesOf(s), nil
}

type deleteStatusInput struct {
	StatusByID
	Versioned
	Target contact.Status `query:"target" maxLength:"64" doc:"The status that its contacts get; it must be given" example:"lead"`
}

func (h contactsAPI) deleteStatus(ctx context.Context, c caller, in *deleteStatusInput) (*bulkAnswer, error) {
	id := contact.Status(in.ID)
	if err := hasStatus(c, id); err != nil {
		return nil, err
	}
	if in.Target == "" {
		var f crm.Faults
		f.Add("query/target", "say which status the contacts of this one get, for example ?target=lead")
		return nil, f.Err()
	}
	// Asked for again it is of another version, by the first asking.
	if !slices.ContainsFunc(c.site.Statuses, func(d contact.StatusDef) bool { return d.ID == id && d.Into == in.Target }) {
		s, err := h.changeSettings(ctx, c, in.IfMatch, "statuses", func(s *site.Site) error { return s.RetireStatus(id, in.Target) })
		if err != nil {
			return nil, err
		}
		c.site = s
	}
	job, err := newJobID("bk_", h.clock.Now())
	if err != nil {
		return nil, err
	}
	j, err := h.startInternal(ctx, c, job, bulk.Request{Action: bulk.ReplaceStatus, Args: bulk.Args{From: in.ID, To: string(in.Target)},
		Selection: bulk.Selection{Filter: "status = " + in.ID}})
	if err != nil {
		return nil, err
	}
	return started(j), nil
}

// hasStatus is a 404 for a status that the site does not have, before anything
// else is looked at.
func hasStatus(c caller, id contact.Status) error {
	if slices.Contains(contact.Statuses, id) || slices.ContainsFunc(c.site.Statuses, func(d contact.StatusDef) bool { return d.ID == id }) {
		return nil
	}
	return crm.Errorf(crm.NotFound, "there is no such status on this site; see /v1/statuses")
}

type applyInput struct{ Keyed }

func (h contactsAPI) applyAutomation(ctx context.Context, c caller, in *applyInput) (*bulkAnswer, error) {
	r := bulk.Request{Action: bulk.ApplyAutomation, Selection: bulk.Selection{Filter: "status = lead"}, Once: in.once(c, h.clock.Now(), "apply-automation")}
	return h.startOnce(ctx, c, r, func(id string, _ time.Time) (bulk.Job, error) {
		if err := c.site.Plan.Needs(plan.Customers); err != nil {
			return bulk.Job{}, err
		}
		return h.startInternal(ctx, c, id, r)
	})
}
