package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

func addBatch(api huma.API, h contactsAPI) {
	tags := []string{"Contacts"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "look-up-contact", Method: http.MethodPost, Path: "/v1/contacts/look-up", Tags: tags,
		Summary: "Find the contact that has an address or an external id",
		Description: "Strongly consistent, one read. The address stands in the body, as addresses of people do not belong into URLs, " +
			"which end up in logs.",
		Errors: []int{http.StatusNotFound},
	}, h.lookUp)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "batch-get-contacts", Method: http.MethodPost, Path: "/v1/contacts/batch-get", Tags: tags,
		Summary: "Get up to 25 contacts", Description: "In the order of the ids. If one of them is not there the whole request is a 404 that names each.",
		Errors: []int{http.StatusNotFound},
	}, h.batchGet)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "batch-create-contacts", Method: http.MethodPost, Path: "/v1/contacts/batch-create", Tags: tags,
		DefaultStatus: http.StatusCreated, MaxBodyBytes: -1, Summary: "Create up to 25 contacts, all or none",
		Description: "If one of them is at fault or known already none is made, and the problem lists each. With an `Idempotency-Key` the " +
			"request can be repeated for 24 hours. For more at once there are imports.",
		Errors: []int{http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge},
	}, h.batchCreate)
}

type lookUpInput struct {
	Body struct {
		Email      string `json:"email,omitempty" doc:"Any of the contact's addresses" example:"emma@voorbeeld.example"`
		ExternalID string `json:"external_id,omitempty" doc:"Its id in another system, source:id" example:"shopify:207119551"`
	}
}

func (h contactsAPI) lookUp(ctx context.Context, c caller, in *lookUpInput) (*contactAnswer, error) {
	id := crm.Identity{Kind: crm.ByExternal, Value: in.Body.ExternalID}
	var faults crm.Faults
	switch {
	case (in.Body.Email == "") == (in.Body.ExternalID == ""):
		faults.Add("", "give an email or an external_id, one of them")
	case in.Body.Email != "":
		e, err := crm.ParseEmail(in.Body.Email)
		if err != nil {
			faults.Add("/email", "%s", err)
			break
		}
		id = crm.EmailIdentity(e)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	found, err := h.open(c.site).Find(ctx, id)
	if err != nil {
		return nil, err
	}
	return answer(found, c.site.Policy()), nil
}

type batchGetInput struct {
	Body struct {
		IDs []crm.ContactID `json:"ids" minItems:"1" maxItems:"25" nullable:"false" example:"[\"ct_0123456789abcdefghjkmnpqrs\"]"`
	}
}

type batchAnswer struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made the contacts"`
	Body     struct {
		Contacts []contactJSON `json:"contacts" nullable:"false"`
	}
}

func batch(cs []contact.Contact, pol contact.Policy) *batchAnswer {
	out := &batchAnswer{}
	for i := range cs {
		out.Body.Contacts = append(out.Body.Contacts, answer(cs[i], pol).Body)
	}
	return out
}

func (h contactsAPI) batchGet(ctx context.Context, c caller, in *batchGetInput) (*batchAnswer, error) {
	found, err := h.open(c.site).GetAll(ctx, in.Body.IDs)
	if err != nil {
		return nil, err
	}
	var faults crm.Faults
	for i := range found {
		if found[i].ID == "" {
			faults.Add(fmt.Sprintf("/ids/%d", i), "there is no such contact on this site")
		}
	}
	if len(faults) > 0 {
		return nil, &crm.Error{Code: crm.NotFound, Faults: faults,
			Detail: fmt.Sprintf("%d of the %d contacts are not on this site; each is listed in errors", len(faults), len(found))}
	}
	return batch(found, c.site.Policy()), nil
}

type batchCreateInput struct {
	Making
	Body struct {
		Contacts []contactChange `json:"contacts" minItems:"1" maxItems:"25" nullable:"false"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *batchCreateInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		var faults crm.Faults
		for i, b := range in.Body.Contacts {
			faults.TakeAt(fmt.Sprintf("/contacts/%d", i), draft(c, b))
		}
		return faults.Err()
	})
}

func (h contactsAPI) batchCreate(ctx context.Context, c caller, in *batchCreateInput) (*batchAnswer, error) {
	now := h.clock.Now()
	var faults crm.Faults
	var refused error
	made := make([]contact.Contact, len(in.Body.Contacts))
	for i := range made {
		at := fmt.Sprintf("/contacts/%d", i)
		if err := faults.TakeAt(at, h.hasGroup(ctx, c, in.Body.Contacts[i].Group.value, "/group")); err != nil {
			return nil, err
		}
		var err error
		made[i], err = contact.Draft(in.Body.Contacts[i].patch(), c.site.Policy(), c.by.Source(), c.by.ID, now)
		if err = faults.TakeAt(at, err); err != nil && refused == nil {
			refused = err
		}
	}
	if err := faults.With(refused); err != nil {
		return nil, err
	}
	made, replayed, err := h.open(c.site).CreateAll(ctx, made, in.once(c, now, "batch-create-contacts"))
	if err != nil {
		return nil, err
	}
	out := batch(made, c.site.Policy())
	out.Replayed = replayedHeader(replayed)
	return out, nil
}
