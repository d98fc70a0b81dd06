package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/admin"
	"clientele/internal/domain/site"
)

type formJSON struct {
	ID        string            `json:"id" doc:"Stands in the form's address, /f/{id}" example:"bakery1f3a-contact"`
	Version   int64             `json:"version" doc:"Rises with each change; also the ETag" example:"1"`
	Name      string            `json:"name" example:"Contact"`
	Origins   []string          `json:"origins" nullable:"false" doc:"Pages whose scripts may post; empty: any" example:"[\"https://www.example.nl\"]"`
	Fields    map[string]string `json:"fields" doc:"Field of the form to field of the contact, over what its name tells" example:"{\"vraag\":\"note\"}"`
	Honeypot  string            `json:"honeypot" doc:"A field that people do not see; filled means a robot. Empty: website_url"`
	ThankYou  string            `json:"thank_you" doc:"Where a plain form goes when it was sent; empty: our own page" example:"https://www.example.nl/bedankt"`
	Language  string            `json:"language" doc:"nl or en; empty: the visitor's" example:"nl"`
	Closed    bool              `json:"closed" doc:"A closed form takes nothing"`
	Lists     []string          `json:"lists" nullable:"false" doc:"Newsletter lists that a ticked box for mail is for; empty: mail of the site at all. A list with double opt-in asks the visitor to confirm by mail" example:"[\"list_7h2k9q4m1x8w\"]"`
	CreatedAt *time.Time        `json:"created_at,omitempty"`
}

type formAnswer struct {
	ETag     string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or delete"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made the form"`
	Body     formJSON
}

func formOf(f site.Form) *formAnswer {
	j := formJSON{ID: f.ID, Version: f.Version, Name: f.Name, Origins: list(f.Origins), Fields: f.Fields, Honeypot: f.Honeypot, ThankYou: f.ThankYou,
		Language: f.Language, Closed: f.Closed, Lists: list(f.Lists), CreatedAt: when(f.CreatedAt)}
	if j.Fields == nil {
		j.Fields = map[string]string{}
	}
	return &formAnswer{ETag: etag(f.Version), Body: j}
}

type FormByID struct {
	ID string `path:"form" maxLength:"100" doc:"The form's public key" example:"bakery1f3a-contact"`
}

func addFormSettings(api huma.API, h siteAPI) {
	tags := []string{"Forms"}
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-form", Method: http.MethodPost, Path: "/v1/forms", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary: "Make a form", Description: "What is posted to `/f/{id}` becomes a lead from then on.", Errors: createErrors,
	}, h.createForm)
	operation(api, site.Settings, huma.Operation{
		OperationID: "list-forms", Method: http.MethodGet, Path: "/v1/forms", Tags: tags, Summary: "The forms of the site",
	}, h.listForms)
	operation(api, site.Settings, huma.Operation{
		OperationID: "get-form", Method: http.MethodGet, Path: "/v1/forms/{form}", Tags: tags, Summary: "Get a form", Errors: []int{http.StatusNotFound},
	}, h.getForm)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-form", Method: http.MethodPatch, Path: "/v1/forms/{form}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Change, close or open a form", Description: "A JSON merge patch; `fields`, `origins` and `lists` are replaced whole. Needs `If-Match` with the form's ETag.",
		Errors: append([]int{http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.changeForm)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-form", Method: http.MethodDelete, Path: "/v1/forms/{form}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete a form", Description: "Contacts that came through it stay. Needs `If-Match` with the form's ETag.", Errors: changeErrors,
	}, h.deleteForm)
}

type createFormInput struct {
	Making
	Body struct {
		Name     string            `json:"name" doc:"At most 200 characters" example:"Contact"`
		Slug     string            `json:"slug,omitempty" maxLength:"40" doc:"Ends the form's id: a–z, digits and hyphens; made of the name if not given" example:"contact"`
		Origins  []string          `json:"origins,omitempty" maxItems:"20" example:"[\"https://www.example.nl\"]"`
		Fields   map[string]string `json:"fields,omitempty" example:"{\"vraag\":\"note\"}"`
		Honeypot string            `json:"honeypot,omitempty"`
		ThankYou string            `json:"thank_you,omitempty" example:"https://www.example.nl/bedankt"`
		Language string            `json:"language,omitempty" enum:"nl,en"`
		Lists    []string          `json:"lists,omitempty" maxItems:"50" doc:"Ids of newsletter lists of e-mail" example:"[\"list_7h2k9q4m1x8w\"]"`
	}
}

func (h siteAPI) createForm(ctx context.Context, c caller, in *createFormInput) (*formAnswer, error) {
	b := &in.Body
	o := in.once(c, h.clock.Now(), "create-form")
	f, replayed, err := once(ctx, h.made(c), o, func() (site.Form, error) {
		return admin.CreateForm(ctx, h.store, c.site.ID, h.by(ctx, c), o, b.Slug, admin.FormChange{
			Name: &b.Name, Origins: &b.Origins, Fields: &b.Fields, Honeypot: &b.Honeypot, ThankYou: &b.ThankYou, Language: &b.Language, Lists: &b.Lists, Known: c.site.Lists})
	}, func(id string) (site.Form, error) { return h.store.Forms(c.site.ID).Get(ctx, id) })
	if err != nil {
		return nil, err
	}
	a := formOf(f)
	a.Location, a.Replayed = "/v1/forms/"+f.ID, replayedHeader(replayed)
	return a, nil
}

type formsAnswer struct {
	Body struct {
		Forms []formJSON `json:"forms" nullable:"false"`
	}
}

func (h siteAPI) listForms(ctx context.Context, c caller, _ *struct{}) (*formsAnswer, error) {
	all, err := h.store.Forms(c.site.ID).List(ctx)
	if err != nil {
		return nil, err
	}
	out := &formsAnswer{}
	out.Body.Forms = make([]formJSON, len(all))
	for i, f := range all {
		out.Body.Forms[i] = formOf(f).Body
	}
	return out, nil
}

func (h siteAPI) getForm(ctx context.Context, c caller, in *FormByID) (*formAnswer, error) {
	f, err := h.store.Forms(c.site.ID).Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return formOf(f), nil
}

type changeFormInput struct {
	FormByID
	Versioned
	Body struct {
		Name     kept[string]                `json:"name,omitempty" example:"Contact"`
		Origins  optional[[]string]          `json:"origins,omitempty"`
		Fields   optional[map[string]string] `json:"fields,omitempty"`
		Honeypot optional[string]            `json:"honeypot,omitempty"`
		ThankYou optional[string]            `json:"thank_you,omitempty"`
		Language optional[string]            `json:"language,omitempty" doc:"nl or en; null: the visitor's"`
		Closed   kept[bool]                  `json:"closed,omitempty" example:"true"`
		Lists    optional[[]string]          `json:"lists,omitempty" maxItems:"50" doc:"Replaces them" example:"[\"list_7h2k9q4m1x8w\"]"`
	}
}

func (h siteAPI) changeForm(ctx context.Context, c caller, in *changeFormInput) (*formAnswer, error) {
	b := &in.Body
	f, err := admin.ChangeForm(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, admin.FormChange{Name: b.Name.pointer(), Origins: b.Origins.pointer(), Fields: b.Fields.pointer(),
		Honeypot: b.Honeypot.pointer(), ThankYou: b.ThankYou.pointer(), Language: b.Language.pointer(), Closed: b.Closed.pointer(),
		Lists: b.Lists.pointer(), Known: c.site.Lists},
		func(f site.Form) error { return atVersion(in.IfMatch, f.Version, "form") })
	if err != nil {
		return nil, err
	}
	return formOf(f), nil
}

type deleteFormInput struct {
	FormByID
	Versioned
}

func (h siteAPI) deleteForm(ctx context.Context, c caller, in *deleteFormInput) (*struct{}, error) {
	return nil, admin.DeleteForm(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, func(f site.Form) error { return atVersion(in.IfMatch, f.Version, "form") })
}
