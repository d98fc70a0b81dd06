package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/admin"
	"clientele/internal/domain/site"
)

type sourceJSON struct {
	ID             string     `json:"id" doc:"Stands in the address of its webhook, /hooks/{id}" example:"bakery1f3a-shopify"`
	Version        int64      `json:"version" doc:"Rises with each change; also the ETag" example:"1"`
	Kind           string     `json:"kind" doc:"shopify, woocommerce or own" example:"shopify"`
	Name           string     `json:"name" example:"Webshop"`
	Secret         string     `json:"secret,omitempty" doc:"What the shop signs with: shown when it is made or rotated" example:"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="`
	OldSecretUntil *time.Time `json:"old_secret_until,omitempty" doc:"Until then the secret before this one signs as well"`
	CreatedAt      *time.Time `json:"created_at,omitempty"`
}

type sourceAnswer struct {
	ETag         string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or delete"`
	Location     string `header:"Location"`
	Replayed     string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made the connection"`
	CacheControl string `header:"Cache-Control"`
	Body         sourceJSON
}

func (h siteAPI) source(s site.Source, withSecret bool) *sourceAnswer {
	a := &sourceAnswer{ETag: etag(s.Version), Body: sourceJSON{ID: s.ID, Version: s.Version, Kind: s.Kind, Name: s.Name, CreatedAt: when(s.CreatedAt)}}
	if len(s.Live(h.clock.Now())) > 1 {
		a.Body.OldSecretUntil = when(s.OldUntil)
	}
	if withSecret && len(s.Secrets) > 0 {
		a.Body.Secret, a.CacheControl = s.Secrets[0], "no-store"
	}
	return a
}

type SourceByID struct {
	ID string `path:"source" maxLength:"100" example:"bakery1f3a-shopify"`
}

func addSources(api huma.API, h siteAPI) {
	tags := []string{"Shop connections"}
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-source", Method: http.MethodPost, Path: "/v1/sources", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary:     "Connect a webshop",
		Description: "Shopify gives a secret: send it along. For WooCommerce and own shops one is made, to be entered there. Orders go to `/hooks/{id}`.",
		Errors:      createErrors,
	}, h.createSource)
	operation(api, site.Settings, huma.Operation{
		OperationID: "list-sources", Method: http.MethodGet, Path: "/v1/sources", Tags: tags, Summary: "The connected webshops",
	}, h.listSources)
	operation(api, site.Settings, huma.Operation{
		OperationID: "get-source", Method: http.MethodGet, Path: "/v1/sources/{source}", Tags: tags, Summary: "Get a connection", Errors: []int{http.StatusNotFound},
	}, h.getSource)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-source", Method: http.MethodPatch, Path: "/v1/sources/{source}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Rename a connection", Description: "Needs `If-Match` with its ETag.", Errors: append([]int{http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.changeSource)
	operation(api, site.Settings, huma.Operation{
		OperationID: "rotate-source-secret", Method: http.MethodPost, Path: "/v1/sources/{source}/rotate", Tags: tags, MaxBodyBytes: -1,
		Summary:     "Give a connection a new secret",
		Description: "What is signed with the one before is taken for 24 hours more, so that no order is lost while the shop is set up. Needs `If-Match` with its ETag.",
		Errors:      append([]int{http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.rotateSource)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-source", Method: http.MethodDelete, Path: "/v1/sources/{source}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete a connection", Description: "Its webhooks are refused from then on; orders stay. Needs `If-Match` with its ETag.", Errors: changeErrors,
	}, h.deleteSource)
}

type createSourceInput struct {
	Making
	Body struct {
		Kind   string `json:"kind" enum:"shopify,woocommerce,own" example:"own"`
		Name   string `json:"name,omitempty" doc:"The kind if not given" example:"Webshop"`
		Slug   string `json:"slug,omitempty" maxLength:"40" doc:"Ends the connection's id: a–z, digits and hyphens; made of the name if not given" example:"webshop"`
		Secret string `json:"secret,omitempty" maxLength:"256" doc:"The shop's, where the shop gives one; one is made if not given" example:"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="`
	}
}

func (h siteAPI) createSource(ctx context.Context, c caller, in *createSourceInput) (*sourceAnswer, error) {
	b := in.Body
	o := in.once(c, h.clock.Now(), "create-source")
	s, replayed, err := once(ctx, h.made(c), o, func() (site.Source, error) {
		return admin.CreateSource(ctx, h.store, c.site.ID, h.by(ctx, c), o,
			admin.SourceWanted{Kind: b.Kind, Name: b.Name, Slug: b.Slug, Secret: b.Secret}, random[[32]byte]())
	}, func(id string) (site.Source, error) { return h.store.Sources(c.site.ID).Get(ctx, id) })
	if err != nil {
		return nil, err
	}
	a := h.source(s, true)
	a.Location, a.Replayed = "/v1/sources/"+s.ID, replayedHeader(replayed)
	return a, nil
}

type sourcesAnswer struct {
	Body struct {
		Sources []sourceJSON `json:"sources" nullable:"false"`
	}
}

func (h siteAPI) listSources(ctx context.Context, c caller, _ *struct{}) (*sourcesAnswer, error) {
	all, err := h.store.Sources(c.site.ID).List(ctx)
	if err != nil {
		return nil, err
	}
	out := &sourcesAnswer{}
	out.Body.Sources = make([]sourceJSON, len(all))
	for i, s := range all {
		out.Body.Sources[i] = h.source(s, false).Body
	}
	return out, nil
}

func (h siteAPI) getSource(ctx context.Context, c caller, in *SourceByID) (*sourceAnswer, error) {
	s, err := h.store.Sources(c.site.ID).Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return h.source(s, false), nil
}

type changeSourceInput struct {
	SourceByID
	Versioned
	Body struct {
		Name string `json:"name" example:"Webshop"`
	}
}

func (h siteAPI) changeSource(ctx context.Context, c caller, in *changeSourceInput) (*sourceAnswer, error) {
	s, err := admin.RenameSource(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, in.Body.Name, func(s site.Source) error { return atVersion(in.IfMatch, s.Version, "connection") })
	if err != nil {
		return nil, err
	}
	return h.source(s, false), nil
}

type rotateInput struct {
	SourceByID
	Versioned
	Body *struct { // a pointer, as nothing need be said
		Secret string `json:"secret,omitempty" maxLength:"256" doc:"The shop's new one, where the shop gives one; one is made if not given" example:"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="`
	}
}

func (h siteAPI) rotateSource(ctx context.Context, c caller, in *rotateInput) (*sourceAnswer, error) {
	secret := ""
	if in.Body != nil {
		secret = in.Body.Secret
	}
	s, err := admin.RotateSecret(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, secret, random[[32]byte](), func(s site.Source) error { return atVersion(in.IfMatch, s.Version, "connection") })
	if err != nil {
		return nil, err
	}
	return h.source(s, true), nil
}

type deleteSourceInput struct {
	SourceByID
	Versioned
}

func (h siteAPI) deleteSource(ctx context.Context, c caller, in *deleteSourceInput) (*struct{}, error) {
	return nil, admin.DeleteSource(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, func(s site.Source) error { return atVersion(in.IfMatch, s.Version, "connection") })
}
