package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
)

// Jobs takes work for the background.
type Jobs interface {
	bulk.Queue
	privacy.Queue
}

func addErasures(api huma.API, h contactsAPI) {
	tags := []string{"Privacy"}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "preview-erasure", Method: http.MethodPost, Path: "/v1/erasures/preview", Tags: tags,
		Summary:     "What erasing a person would remove",
		Description: "Changes nothing; counts what there is of the person in each place, and answers a token that confirms the erasure for 15 minutes.",
		Errors:      []int{http.StatusNotFound},
	}, h.previewErasure)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "start-erasure", Method: http.MethodPost, Path: "/v1/erasures", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Erase a person (GDPR Art. 17)",
		Description: "Works in the background through a checklist of every place: the contact and those merged into it, timeline, files and their versions, " +
			"mails, kept submissions, files of exports and imports. Orders stay without personal data. A hash of each address stays, so that no import brings " +
			"the person back. It cannot be undone, so it needs the token of a preview.",
		Errors: []int{http.StatusNotFound},
	}, h.startErasure)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-erasures", Method: http.MethodGet, Path: "/v1/erasures", Tags: tags, Summary: "The newest 100 erasures",
	}, h.listErasures)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-erasure", Method: http.MethodGet, Path: "/v1/erasures/{id}", Tags: tags, Summary: "The checklist of an erasure",
		Description: "It holds no personal data and stays, as the evidence that the request was met.",
		Errors:      []int{http.StatusNotFound},
	}, h.getErasure)
}

type stepJSON struct {
	Name    string            `json:"name" doc:"look, contact, files, mails, submissions, exports, imports, jobs, ledger, queues or backups; more may come" example:"contact"`
	State   privacy.StepState `json:"state" enum:"pending,done,kept" doc:"kept: nothing can be removed there, note says why and when it ends" example:"done"`
	At      *time.Time        `json:"at,omitempty" doc:"When it was done"`
	Found   int               `json:"found" doc:"Things that there were at the start" example:"12"`
	Removed int               `json:"removed" example:"12"`
	Note    string            `json:"note,omitempty" doc:"What was removed, and what stays and why" example:"documents and pictures are removed with all their versions"`
}

type erasureJSON struct {
	ID        string        `json:"id" example:"er_01k2abcdefghjkmnpqrstvwxyz"`
	State     privacy.State `json:"state" enum:"queued,running,done,failed" example:"running"`
	Contact   crm.ContactID `json:"contact_id" doc:"Whom it was asked for; there is nobody of this id any more" example:"ct_0123456789abcdefghjkmnpqrs"`
	Steps     []stepJSON    `json:"steps" nullable:"false"`
	Detail    string        `json:"detail,omitempty" doc:"Why it failed"`
	By        string        `json:"by" doc:"The member or API key that asked" example:"key_7f3a"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

func erasureOf(j privacy.Job) erasureJSON {
	out := erasureJSON{ID: j.ID, State: j.State, Contact: j.Contact, Steps: []stepJSON{}, Detail: j.Fault, By: j.By, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt}
	for _, s := range j.Steps {
		out.Steps = append(out.Steps, stepJSON{s.Name, s.State, when(s.At), s.Found, s.Removed, s.Note})
	}
	return out
}

type erasureAnswer struct {
	Location   string `header:"Location"`
	Replayed   string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key asked for it"`
	RetryAfter string `header:"Retry-After"`
	Body       erasureJSON
}

type previewErasureInput struct {
	Body struct {
		Contact crm.ContactID `json:"contact_id" maxLength:"100" example:"ct_0123456789abcdefghjkmnpqrs"`
	}
}

type erasurePreviewAnswer struct {
	Body struct {
		Contact     crm.ContactID `json:"contact_id" doc:"Of a merged contact: the one it went into" example:"ct_0123456789abcdefghjkmnpqrs"`
		Contacts    int           `json:"contacts" doc:"The contact and those merged into it" example:"1"`
		Entries     int           `json:"entries" doc:"Of their timelines" example:"12"`
		Orders      int           `json:"orders" doc:"Orders, payments and appointments, which stay without personal data" example:"2"`
		Files       int           `json:"files" doc:"Documents and pictures" example:"1"`
		Mails       int           `json:"mails" example:"0"`
		Submissions int           `json:"submissions" doc:"Kept under forms and shop connections" example:"0"`
		Exports     int           `json:"exports" doc:"Export files of the site, all of which go" example:"1"`
		Imports     int           `json:"imports" doc:"Ended imports, whose files go" example:"1"`
		Confirm     string        `json:"confirm" doc:"Send it along to erase"`
		ExpiresAt   time.Time     `json:"expires_at" doc:"Until when the token confirms"`
	}
}

func (h contactsAPI) previewErasure(ctx context.Context, c caller, in *previewErasureInput) (*erasurePreviewAnswer, error) {
	p, err := privacy.Look(ctx, h.open(c.site), c.site, c.by, in.Body.Contact, h.clock.Now())
	if err != nil {
		return nil, err
	}
	out, v := &erasurePreviewAnswer{}, p.Survey
	b := &out.Body
	b.Contact, b.Contacts, b.Entries, b.Orders, b.Files, b.Mails = p.Contact, v.Contacts, v.Entries, v.Orders, v.Files, v.Mails
	b.Submissions, b.Exports, b.Imports, b.Confirm, b.ExpiresAt = v.Submissions, v.Exports, v.Imports, p.Confirm, p.Expires
	return out, nil
}

type startErasureInput struct {
	Making
	Body struct {
		Contact crm.ContactID `json:"contact_id" maxLength:"100" example:"ct_0123456789abcdefghjkmnpqrs"`
		Confirm string        `json:"confirm,omitempty" maxLength:"512" doc:"The token of a preview of this same erasure" example:"the-token-of-a-preview"`
	}
}

func (h contactsAPI) startErasure(ctx context.Context, c caller, in *startErasureInput) (*erasureAnswer, error) {
	now := h.clock.Now()
	id, err := newJobID("er_", now)
	if err != nil {
		return nil, err
	}
	b, o := h.open(c.site), in.once(c, now, "start-erasure")
	j, replayed, err := once(ctx, b.MadeBy, o, func() (privacy.Job, error) {
		return privacy.Start(ctx, b, h.jobs, c.site, c.by, id, in.Body.Contact, in.Body.Confirm, o, now)
	}, func(id string) (privacy.Job, error) {
		j, err := b.Erasure(ctx, id)
		if err == nil {
			err = privacy.Again(ctx, h.jobs, c.site, j)
		}
		return j, err
	})
	if err != nil {
		return nil, err
	}
	return &erasureAnswer{Location: "/v1/erasures/" + j.ID, Replayed: replayedHeader(replayed), RetryAfter: "1", Body: erasureOf(j)}, nil
}

type ErasureByID struct {
	ID string `path:"id" maxLength:"64" example:"er_01k2abcdefghjkmnpqrstvwxyz"`
}

func (h contactsAPI) getErasure(ctx context.Context, c caller, in *ErasureByID) (*erasureAnswer, error) {
	j, err := h.open(c.site).Erasure(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &erasureAnswer{Body: erasureOf(j)}
	if j.State == privacy.Queued || j.State == privacy.Running {
		out.RetryAfter = "1"
	}
	return out, nil
}

type erasuresAnswer struct {
	Body struct {
		Erasures []erasureJSON `json:"erasures" nullable:"false"`
	}
}

func (h contactsAPI) listErasures(ctx context.Context, c caller, _ *struct{}) (*erasuresAnswer, error) {
	jobs, err := h.open(c.site).ListErasures(ctx, 100)
	if err != nil {
		return nil, err
	}
	out := &erasuresAnswer{}
	out.Body.Erasures = make([]erasureJSON, len(jobs))
	for i, j := range jobs {
		out.Body.Erasures[i] = erasureOf(j)
	}
	return out, nil
}
