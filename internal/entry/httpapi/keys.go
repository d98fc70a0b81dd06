package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/admin"
	"clientele/internal/domain/site"
)

type keyJSON struct {
	ID         string       `json:"id" example:"key_7f3a09bc11de"`
	Version    int64        `json:"version" doc:"Rises with each change; also the ETag" example:"1"`
	Name       string       `json:"name" example:"webshop"`
	Scopes     []site.Scope `json:"scopes" nullable:"false" example:"[\"contacts.read\",\"contacts.write\"]"`
	Key        string       `json:"key,omitempty" doc:"The key itself: shown once, when it is made; only its hash is kept" example:"ck_bakery1f3a_0b5c"`
	CreatedAt  time.Time    `json:"created_at"`
	ExpiresAt  *time.Time   `json:"expires_at,omitempty" doc:"Refused from then on; absent: never"`
	LastUsedAt *time.Time   `json:"last_used_at,omitempty" doc:"To the hour; absent: never used"`
}

func keyOf(k site.Key, credential string) keyJSON {
	return keyJSON{ID: k.ID, Version: k.Version, Name: k.Name, Scopes: list(k.Scopes), Key: credential, CreatedAt: k.CreatedAt,
		ExpiresAt: when(k.ExpiresAt), LastUsedAt: when(k.UsedAt)}
}

type keyAnswer struct {
	ETag         string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or revoke"`
	Location     string `header:"Location"`
	Replayed     string `header:"Idempotency-Replayed" doc:"true if an earlier request with this Idempotency-Key made the key, which is then not shown again"`
	CacheControl string `header:"Cache-Control"`
	Body         keyJSON
}

type KeyByID struct {
	ID string `path:"id" maxLength:"64" example:"key_7f3a09bc11de"`
}

func addKeys(api huma.API, h siteAPI) {
	tags := []string{"API keys"}
	operation(api, site.Keys, huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/v1/keys", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary: "Make an API key", Description: "The key is in this answer and nowhere else. Nobody gives a permission that they lack.", Errors: createErrors,
	}, h.createKey)
	operation(api, site.Keys, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/v1/keys", Tags: tags, Summary: "The API keys of the site, with their last use",
	}, h.listKeys)
	operation(api, site.Keys, huma.Operation{
		OperationID: "get-key", Method: http.MethodGet, Path: "/v1/keys/{id}", Tags: tags, Summary: "Get an API key", Errors: []int{http.StatusNotFound},
	}, h.getKey)
	operation(api, site.Keys, huma.Operation{
		OperationID: "change-key", Method: http.MethodPatch, Path: "/v1/keys/{id}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Rename an API key, change its permissions or its end", Description: "In force with the key's next request. Needs `If-Match` with the key's ETag.",
		Errors: append([]int{http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.changeKey)
	operation(api, site.Keys, huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: "/v1/keys/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Revoke an API key", Description: "Its next request is refused. Needs `If-Match` with the key's ETag.", Errors: changeErrors,
	}, h.revokeKey)
}

type createKeyInput struct {
	Making
	Body struct {
		Name      string       `json:"name" example:"webshop"`
		Scopes    []site.Scope `json:"scopes" minItems:"1" maxItems:"20" nullable:"false" example:"[\"contacts.read\",\"contacts.write\"]"`
		ExpiresAt *time.Time   `json:"expires_at,omitempty" doc:"When the key ends; never if not given" example:"2036-12-31T00:00:00Z"`
	}
}

func (h siteAPI) createKey(ctx context.Context, c caller, in *createKeyInput) (*keyAnswer, error) {
	r := random[[16]byte]()
	change := admin.KeyChange{Name: &in.Body.Name, Scopes: &in.Body.Scopes}
	if in.Body.ExpiresAt != nil {
		at := in.Body.ExpiresAt.UTC()
		change.Expires = &at
	}
	credential, o := "", in.once(c, h.clock.Now(), "create-key")
	k, replayed, err := once(ctx, h.made(c), o, func() (k site.Key, err error) {
		k, credential, err = admin.CreateKey(ctx, h.store, c.site.ID, h.by(ctx, c), o, change, "key_"+hex.EncodeToString(r[:6]), random[[32]byte]())
		return k, err
	}, func(id string) (site.Key, error) { return h.store.Keys(c.site.ID).Get(ctx, id) })
	if err != nil {
		return nil, err
	}
	if replayed {
		credential = ""
	}
	return &keyAnswer{ETag: etag(k.Version), Location: "/v1/keys/" + k.ID, Replayed: replayedHeader(replayed), CacheControl: "no-store", Body: keyOf(k, credential)}, nil
}

type keysAnswer struct {
	Body struct {
		Keys []keyJSON `json:"keys" nullable:"false"`
	}
}

func (h siteAPI) listKeys(ctx context.Context, c caller, _ *struct{}) (*keysAnswer, error) {
	all, err := h.store.Keys(c.site.ID).List(ctx)
	if err != nil {
		return nil, err
	}
	out := &keysAnswer{}
	out.Body.Keys = make([]keyJSON, len(all))
	for i, k := range all {
		out.Body.Keys[i] = keyOf(k, "")
	}
	return out, nil
}

func (h siteAPI) getKey(ctx context.Context, c caller, in *KeyByID) (*keyAnswer, error) {
	k, err := h.store.Keys(c.site.ID).Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &keyAnswer{ETag: etag(k.Version), Body: keyOf(k, "")}, nil
}

type changeKeyInput struct {
	KeyByID
	Versioned
	Body struct {
		Name      kept[string]         `json:"name,omitempty" example:"webshop 2"`
		Scopes    kept[[]site.Scope]   `json:"scopes,omitempty" maxItems:"20" doc:"Replaces the permissions" example:"[\"contacts.read\"]"`
		ExpiresAt optional[*time.Time] `json:"expires_at,omitempty" doc:"null: never" example:"2036-12-31T00:00:00Z"`
	}
}

func (h siteAPI) changeKey(ctx context.Context, c caller, in *changeKeyInput) (*keyAnswer, error) {
	change := admin.KeyChange{Name: in.Body.Name.pointer(), Scopes: in.Body.Scopes.pointer()}
	if in.Body.ExpiresAt.set {
		change.Expires = &time.Time{}
		if at := in.Body.ExpiresAt.value; at != nil {
			*change.Expires = at.UTC()
		}
	}
	k, err := admin.ChangeKey(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, change, func(k site.Key) error { return atVersion(in.IfMatch, k.Version, "key") })
	if err != nil {
		return nil, err
	}
	return &keyAnswer{ETag: etag(k.Version), Body: keyOf(k, "")}, nil
}

type revokeKeyInput struct {
	KeyByID
	Versioned
}

func (h siteAPI) revokeKey(ctx context.Context, c caller, in *revokeKeyInput) (*struct{}, error) {
	return nil, admin.RevokeKey(ctx, h.store, c.site.ID, h.by(ctx, c), in.ID, func(k site.Key) error { return atVersion(in.IfMatch, k.Version, "key") })
}
