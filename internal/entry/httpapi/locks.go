package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

type lockJSON struct {
	At     time.Time             `json:"at" doc:"Since when details are locked"`
	By     string                `json:"by" doc:"The member or API key whose edit locked them" example:"key_7f3a"`
	All    bool                  `json:"all" doc:"All details are locked, not single fields"`
	Fields map[string]lockedJSON `json:"fields,omitempty" doc:"With lock_scope field: since when and by whom each field is locked"`
	Offers map[string]offerJSON  `json:"offers,omitempty" doc:"What a form, shop or file has said meanwhile, where it differs"`
}

type lockedJSON struct {
	At time.Time `json:"at"`
	By string    `json:"by" example:"key_7f3a"`
}

type offerJSON struct {
	Source string            `json:"source" example:"form:demo-contact"`
	At     time.Time         `json:"at"`
	Values map[string]string `json:"values" doc:"The offered value by field; a name or an address has several, of a group it is the id"`
}

func lockOf(c *contact.Contact, pol contact.Policy) *lockJSON {
	if c.Lock == nil {
		return nil
	}
	j := &lockJSON{At: c.Lock.At, By: c.Lock.By, All: c.Lock.Fields == nil, Fields: map[string]lockedJSON{}, Offers: map[string]offerJSON{}}
	for u, l := range c.Lock.Fields {
		j.Fields[u] = lockedJSON(l)
	}
	for u, o := range c.Offered() {
		if !pol.HasUnit(u) {
			continue // of a field that is gone
		}
		j.Offers[u] = offerJSON{o.Source, o.AsOf.At, o.Details.Texts()}
	}
	return j
}

func addLocks(api huma.API, h contactsAPI) {
	tags := []string{"Contacts"}
	errors := []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "unlock-contact", Method: http.MethodPost, Path: "/v1/contacts/{id}/unlock", Tags: tags,
		Summary: "Let orders and forms change details again",
		Description: "Takes off the lock that a change by hand has set, from all details or from the fields that are named. " +
			"With take_offers what was offered meanwhile comes in first. Needs `If-Match` with the contact's ETag.",
		Errors: errors,
	}, h.unlock)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "take-offers", Method: http.MethodPost, Path: "/v1/contacts/{id}/take-offers", Tags: tags,
		Summary:     "Take over what a form, shop or file offered for locked fields",
		Description: "The fields get the offered values and stay locked. Needs `If-Match` with the contact's ETag.",
		Errors:      errors,
	}, h.takeOffers)
}

type unlockBody struct {
	Fields     []string `json:"fields,omitempty" maxItems:"50" doc:"What to unlock, as the lock names them; absent or empty for everything" example:"[\"name\"]"`
	TakeOffers bool     `json:"take_offers,omitempty" doc:"Take over what was offered for them"`
}

type unlockInput struct {
	ByID
	IfMatch string      `header:"If-Match" doc:"The ETag of the version that is unlocked"`
	Body    *unlockBody // a pointer, as nothing need be said
}

func (h contactsAPI) unlock(ctx context.Context, c caller, in *unlockInput) (*contactAnswer, error) {
	var what unlockBody
	if in.Body != nil {
		what = *in.Body
	}
	there, err := h.groupsThere(ctx, c, what.TakeOffers && (len(what.Fields) == 0 || slices.Contains(what.Fields, "group")))
	if err != nil {
		return nil, err
	}
	return h.edit(ctx, c, in.ID, in.IfMatch, func(k *contact.Contact, now time.Time) ([]string, error) {
		there(k)
		return k.Unlock(what.Fields, what.TakeOffers, c.site.Policy(), now)
	})
}

// groupsThere forgets the offer of a group that a contact cannot be in: that was deleted
// since, or under a plan without groups. They are read only if one may be taken.
func (h contactsAPI) groupsThere(ctx context.Context, c caller, asked bool) (func(*contact.Contact), error) {
	if !asked {
		return func(*contact.Contact) {}, nil
	}
	var groups []group.Group
	if c.site.Plan.Has(plan.Groups) {
		var err error
		if groups, err = h.open(c.site).Groups(ctx); err != nil {
			return nil, err
		}
	}
	return func(k *contact.Contact) {
		if !slices.ContainsFunc(groups, func(g group.Group) bool { return g.ID == k.OfferedGroup() }) {
			k.ForgetGroup()
		}
	}, nil
}

type takeOffersInput struct {
	ByID
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is changed"`
	Body    struct {
		Fields []string `json:"fields" minItems:"1" maxItems:"50" doc:"Whose offers to take, as the offers name them" example:"[\"address\"]"`
	}
}

func (h contactsAPI) takeOffers(ctx context.Context, c caller, in *takeOffersInput) (*contactAnswer, error) {
	there, err := h.groupsThere(ctx, c, slices.Contains(in.Body.Fields, "group"))
	if err != nil {
		return nil, err
	}
	return h.edit(ctx, c, in.ID, in.IfMatch, func(k *contact.Contact, now time.Time) ([]string, error) {
		there(k)
		return k.Take(in.Body.Fields, c.site.Policy(), now)
	})
}

// edit applies a change by hand to the version of a contact that the caller read, and
// tells the timeline what it changed.
func (h contactsAPI) edit(ctx context.Context, c caller, id, ifMatch string, rule func(*contact.Contact, time.Time) ([]string, error)) (*contactAnswer, error) {
	if err := needsVersion(ifMatch, "contact"); err != nil {
		return nil, err
	}
	now := h.clock.Now()
	next, err := h.open(c.site).Change(ctx, crm.ContactID(id), now, func(k *contact.Contact) ([]timeline.Activity, error) {
		if !matches(ifMatch, k.Version) {
			return nil, stale(k.Version)
		}
		before := k.Clone()
		changed, err := rule(k, now)
		if err != nil {
			return nil, err
		}
		if len(changed) == 0 {
			return nil, contact.ErrUnchanged
		}
		return contact.Entries(&before, k, changed, timeline.Activity{At: now, Source: c.by.Source(), By: c.by.ID}), nil
	})
	if err != nil {
		return nil, err
	}
	return answer(next, c.site.Policy()), nil
}
