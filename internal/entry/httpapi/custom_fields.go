package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Sites is Callers, and how a site's settings are changed.
type Sites interface {
	Callers
	// ChangeSettings applies a rule to the settings and commits them with its entry,
	// repeating it while other writers come between.
	ChangeSettings(ctx context.Context, id crm.SiteID, rule func(*site.Site) (audit.Entry, error)) (site.Site, error)
	// AddSetting is ChangeSettings for a rule that makes something of an id: the record of
	// the request is committed with it.
	AddSetting(ctx context.Context, id crm.SiteID, once *contact.Once, made string, rule func(*site.Site) (audit.Entry, error)) (site.Site, error)
}

// customFieldJSON is a field that the site made.
type customFieldJSON struct {
	Key     string            `json:"key" doc:"Never changes; files name the field custom.<key>" pattern:"^[a-z][a-z0-9_]{0,39}$" example:"shoe_size"`
	Label   string            `json:"label" doc:"For people; at most 100 characters" example:"Shoe size"`
	Type    contact.FieldType `json:"type" doc:"Never changes: text, number, integer, date, boolean, choice, choices (several), url, email" enum:"text,number,integer,date,boolean,choice,choices,url,email" example:"number"`
	Options []string          `json:"options,omitempty" doc:"Of a choice: 1 to 100, compared without case" maxItems:"100"`
}

type customFieldsAnswer struct {
	ETag string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Body struct {
		Fields []customFieldJSON `json:"fields" nullable:"false" doc:"In the order that the site shows them"`
	}
}

type customFieldAnswer struct {
	ETag     string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made it"`
	Body     customFieldJSON
}

func fieldOf(s site.Site, key string) (*customFieldAnswer, bool) {
	f, ok := s.Policy().Field(key)
	return &customFieldAnswer{ETag: etag(s.Version), Body: customFieldJSON(f)}, ok
}

func addCustomFields(api huma.API, h contactsAPI) {
	tags := []string{"Custom fields"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-custom-fields", Method: http.MethodGet, Path: "/v1/custom-fields", Tags: tags,
		Summary:     "The fields that the site made for its contacts",
		Description: "Contacts have their values in `custom`, by key.",
	}, h.listFields)
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-custom-field", Method: http.MethodPost, Path: "/v1/custom-fields", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Make a field",
		Description: "A site has at most 100. Key and type never change.", Errors: []int{http.StatusConflict},
	}, h.createField)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-custom-field", Method: http.MethodPatch, Path: "/v1/custom-fields/{key}", Tags: tags,
		Summary: "Change a field's label, options or place",
		Description: "What is absent stays. An option that goes stays with the contacts that have it, and can be given no more. " +
			"Needs `If-Match` with the ETag of the list.",
		Errors: changeErrors,
	}, h.changeField)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-custom-field", Method: http.MethodDelete, Path: "/v1/custom-fields/{key}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete a field",
		Description: "Its values are shown and exported no more at once; what is kept of them goes with the next change of a contact's fields. " +
			"Needs `If-Match` with the ETag of the list.",
		Errors: changeErrors,
	}, h.deleteField)
}

func (h contactsAPI) listFields(_ context.Context, c caller, _ *struct{}) (*customFieldsAnswer, error) {
	out := &customFieldsAnswer{ETag: etag(c.site.Version)}
	out.Body.Fields = make([]customFieldJSON, len(c.site.CustomFields))
	for i, f := range c.site.CustomFields {
		out.Body.Fields[i] = customFieldJSON(f)
	}
	return out, nil
}

type createFieldInput struct {
	Making
	Body customFieldJSON
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createFieldInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		return s.AddField(contact.FieldDef(in.Body))
	})
}

func (h contactsAPI) createField(ctx context.Context, c caller, in *createFieldInput) (*customFieldAnswer, error) {
	s, key, replayed, err := h.addSetting(ctx, c, in.once(c, h.clock.Now(), "create-custom-field"), in.Body.Key, "custom_fields",
		func(s *site.Site, _ string) error { return s.AddField(contact.FieldDef(in.Body)) })
	if err != nil {
		return nil, err
	}
	out, ok := fieldOf(s, key)
	if !ok {
		return nil, goneSince()
	}
	out.Replayed = replayedHeader(replayed)
	return out, nil
}

// FieldKey is exported as huma reads embedded parameters of exported types alone.
type FieldKey struct {
	Key string `path:"key" doc:"The field's key" example:"shoe_size"`
}

type changeFieldInput struct {
	FieldKey
	Versioned
	Body struct {
		Label    optional[string]   `json:"label,omitempty" doc:"At most 100 characters" example:"Shoe size"`
		Options  optional[[]string] `json:"options,omitempty" doc:"Of a choice: all of them, in their order"`
		Position kept[int]          `json:"position,omitempty" doc:"0 is the first place" example:"0"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeFieldInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		_, err := s.ChangeField(in.Key, in.change())
		return err
	})
}

func (in *changeFieldInput) change() site.FieldChange {
	return site.FieldChange{Label: in.Body.Label.opt(), Options: in.Body.Options.opt(), Position: in.Body.Position.opt()}
}

func (h contactsAPI) changeField(ctx context.Context, c caller, in *changeFieldInput) (*customFieldAnswer, error) {
	if err := hasField(c, in.Key); err != nil {
		return nil, err
	}
	s, err := h.changeSettings(ctx, c, in.IfMatch, "custom_fields", func(s *site.Site) error {
		_, err := s.ChangeField(in.Key, in.change())
		return err
	})
	if err != nil {
		return nil, err
	}
	out, _ := fieldOf(s, in.Key)
	return out, nil
}

type deleteFieldInput struct {
	FieldKey
	Versioned
}

func (h contactsAPI) deleteField(ctx context.Context, c caller, in *deleteFieldInput) (*struct{}, error) {
	if err := hasField(c, in.Key); err != nil {
		return nil, err
	}
	_, err := h.changeSettings(ctx, c, in.IfMatch, "custom_fields", func(s *site.Site) error { return s.RemoveField(in.Key) })
	return nil, err
}

// hasField is a 404 for a field that the site does not have, before anything else is
// looked at.
func hasField(c caller, key string) error {
	if _, ok := c.site.Policy().Field(key); !ok {
		return crm.Errorf(crm.NotFound, "this site has no such field; see /v1/custom-fields")
	}
	return nil
}

// customValues are a contact's values of the site's own fields, each as its type is in JSON.
type customValues map[string]any

func (customValues) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Examples: []any{map[string]any{"shoe_size": 42.5, "newsletter_topics": []any{"bread"}}}}
}

func customOf(c *contact.Contact, pol contact.Policy) customValues {
	out := customValues{}
	for _, f := range pol.Custom {
		g, ok := f.Give(c.Custom[f.Key])
		if !ok {
			continue
		}
		switch g.Kind {
		case contact.GivenNumber:
			out[f.Key] = json.Number(g.Text) // digit for digit
		case contact.GivenBoolean:
			out[f.Key] = g.Text == "true"
		case contact.GivenTexts:
			out[f.Key] = g.Texts
		default:
			out[f.Key] = g.Text
		}
	}
	return out
}

// customGiven is one value of a request, of any type: the site's field decides.
type customGiven contact.Given

func (customGiven) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// UnmarshalJSON keeps a number's digits.
func (g *customGiven) UnmarshalJSON(b []byte) error {
	*g = customGiven{Kind: contact.GivenOther}
	switch {
	case bytes.Equal(b, []byte("null")):
		g.Kind = contact.GivenNull
	case bytes.Equal(b, []byte("true")), bytes.Equal(b, []byte("false")):
		g.Kind, g.Text = contact.GivenBoolean, string(b)
	case b[0] == '"':
		g.Kind = contact.GivenText
		return json.Unmarshal(b, &g.Text)
	case b[0] == '[':
		var list []*string
		if json.Unmarshal(b, &list) != nil {
			return nil // the rule says what is wrong
		}
		g.Kind = contact.GivenTexts
		for _, v := range list {
			if v == nil {
				g.Kind = contact.GivenOther
				return nil
			}
			g.Texts = append(g.Texts, *v)
		}
	case b[0] == '-' || '0' <= b[0] && b[0] <= '9':
		g.Kind, g.Text = contact.GivenNumber, string(b)
	}
	return nil
}

type customChange map[string]customGiven

func (customChange) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Examples: []any{map[string]any{"shoe_size": 42.5, "old": nil}}}
}

func customPatch(o optional[customChange]) contact.Opt[map[string]contact.Given] {
	p := contact.Opt[map[string]contact.Given]{Set: o.set}
	if o.value != nil {
		p.Value = make(map[string]contact.Given, len(o.value))
		for k, v := range o.value {
			p.Value[k] = contact.Given(v)
		}
	}
	return p
}
