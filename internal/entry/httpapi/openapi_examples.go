package httpapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
)

// says is what an example of each error tells; kinds has its status and title.
var says = map[crm.Code]crm.Error{
	crm.Invalid: {Detail: "the domain after the @ has no ending such as .nl or .com",
		Faults: []crm.Fault{{Pointer: "/email", Detail: "the domain after the @ has no ending such as .nl or .com"}}},
	crm.Malformed:            {Detail: "the body is not valid JSON: unexpected end of input"},
	crm.Unauthorized:         {Detail: "this API key is not known; send one as Authorization: Bearer ck_…"},
	crm.Forbidden:            {Detail: "this API key lacks the permission contacts.write; use a key that has it"},
	crm.NotFound:             {Detail: "there is no such contact on this site"},
	crm.Conflict:             {Detail: "another contact of this site has this e-mail address or external id; change that one, or give another address", Holder: "ct_0123456789abcdefghjkmnpqrs"},
	crm.Stale:                {Detail: "the contact was changed since; it is at version 4 now: read it again and repeat your change"},
	crm.PreconditionRequired: {Detail: "send If-Match with the ETag of the contact as you read it, so that nobody's change is lost"},
	crm.KeyReused:            {Detail: "this Idempotency-Key was used for another request in the last 24 hours; take a new key for a new request"},
	crm.Busy:                 {Detail: "too many writers change this at once; try again in a moment"},
	crm.TooLarge:             {Detail: "the body is larger than 64 KiB, which is the most that is read here"},
	crm.Gone:                 {Detail: "the contact that this request made was deleted since; take a new Idempotency-Key to make it again"},
	crm.Unsupported:          {Detail: "send the body as application/json"},
	crm.Quota:                {Detail: "600 calls a minute are the limit of this site's keys and members; wait 1 seconds"},
	crm.PlanRequired:         {Detail: "the plan mini has no customers and their statuses; the plan pro has them", Plan: "pro"},
}

// asks are the examples of requests whose fields, each with its own example, do
// not go together: alternatives, what only some sites have, what cannot change.
var asks = map[string]string{
	"start-bulk":             `{"action":"add_tags","arguments":{"tags":["spring 2026"]},"filter":"status = customer AND city:utrecht"}`,
	"preview-bulk":           `{"action":"delete","filter":"status = lead AND updated_at < 2024-01-01"}`,
	"create-contact":         aContact,
	"batch-create-contacts":  `{"contacts":[{"email":"noor@voorbeeld.example","first_name":"Noor"},{"phone":"06 87654321","last_name":"Bakker"}]}`,
	"look-up-contact":        `{"email":"emma@voorbeeld.example"}`,
	"change-contact":         `{"last_name":"de Vries-Bakker","phones":["+31201234567"],"company":null}`,
	"change-entry":           `{"title":"Called again about the wedding cake"}`,
	"send-message":           `{"subject":"Your wedding cake","text":"Dear Emma, shall we taste on Friday?"}`,
	"change-newsletter-list": `{"name":"Weekly newsletter","texts":{"nl":"Ja, mail mij elke week het nieuws van de bakkerij."}}`,
	"price-basket":           `{"contact_id":"ct_0123456789abcdefghjkmnpqrs","items":[{"product_id":"632910392","sku":"BREAD-800","unit_price":{"amount":2995,"currency":"EUR"},"quantity":2}]}`,
	"order-statuses":         `{"ids":["lead","customer","vip","inactive"]}`,
	"change-site":            `{"name":"Bakkerij Jansen","lock_scope":"field","automation":{"disabled":["appointment"]}}`,
	"run-import":             `{"mapping":{"Wie mailen we":"email"}}`,
	"create-form":            `{"name":"Contact","slug":"contact","origins":["https://www.example.nl"],"fields":{"vraag":"note"},"thank_you":"https://www.example.nl/bedankt"}`,
	"change-form":            `{"name":"Contact","closed":true}`,
	"create-source":          `{"kind":"own","name":"Webshop"}`,
}

const aContact = `{"email":"emma@voorbeeld.example","first_name":"Emma","last_name":"de Vries","phone":"06 12345678","language":"nl",` +
	`"address":{"street":"Oudegracht 158","postcode":"3511 AZ","city":"Utrecht","country":"NL"},"tags":["VIP"]}`

// tellApart brings into the description what the code decides beyond schemas: an
// id is not empty, If-Match is needed where its absence is a 428, a key where the operation's text
// says so, and null in a request that makes something is the same as absent.
func tellApart(doc *huma.OpenAPI) {
	seen := map[*huma.Schema]bool{}
	for _, p := range doc.Paths { // a change says itself what null clears
		if p.Patch != nil && p.Patch.RequestBody != nil {
			for _, m := range p.Patch.RequestBody.Content {
				asTheyAre(doc.Components.Schemas, m.Schema, seen)
			}
		}
	}
	for _, p := range doc.Paths {
		for _, op := range []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if op == nil {
				continue
			}
			for _, param := range op.Parameters {
				one, key := 1, param.Name == "Idempotency-Key" && strings.Contains(op.Description, "Needs an `Idempotency-Key`")
				if param.In == "path" && param.Schema.MinLength == nil || key {
					param.Schema.MinLength = &one // an empty id is another address, an empty key none
				}
				if param.Name == "If-Match" && op.Responses["428"] != nil || key {
					param.Required = true
				}
			}
			if op.RequestBody != nil {
				for _, m := range op.RequestBody.Content {
					nullable(doc.Components.Schemas, m.Schema, seen)
				}
			}
		}
	}
}

// asTheyAre keeps a schema and those in it from nullable.
func asTheyAre(reg huma.Registry, s *huma.Schema, seen map[*huma.Schema]bool) {
	if s != nil && s.Ref != "" {
		s = reg.SchemaFromRef(s.Ref)
	}
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	asTheyAre(reg, s.Items, seen)
	for _, p := range s.Properties {
		asTheyAre(reg, p, seen)
	}
}

// nullable lets every member that need not be given be null.
func nullable(reg huma.Registry, s *huma.Schema, seen map[*huma.Schema]bool) {
	if s != nil && s.Ref != "" {
		s = reg.SchemaFromRef(s.Ref)
	}
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	nullable(reg, s.Items, seen)
	for name, p := range s.Properties {
		nullable(reg, p, seen)
		switch {
		case slices.Contains(s.Required, name):
		case p.Ref != "":
			s.Properties[name] = &huma.Schema{AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
		default:
			p.Nullable = true
			if len(p.Enum) > 0 && !slices.Contains(p.Enum, nil) {
				p.Enum = append(p.Enum, nil)
			}
		}
	}
}

// addExamples gives every body of the description an example: bodies of success
// one made of the examples of their fields, errors one for each kind of problem
// that has their status.
func addExamples(doc *huma.OpenAPI) {
	for _, p := range doc.Paths {
		for _, op := range []*huma.Operation{p.Get, p.Post, p.Put, p.Patch, p.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				delete(op.RequestBody.Content, "application/octet-stream") // what huma adds for operations that hash the raw body
				if ask, ok := asks[op.OperationID]; ok {
					op.RequestBody.Content["application/json"].Example = json.RawMessage(ask)
				}
				exampleOf(doc, op.RequestBody.Content)
			}
			for status, r := range op.Responses {
				if n, err := strconv.Atoi(status); err == nil && n >= 400 {
					r.Content = map[string]*huma.MediaType{"application/problem+json": problemExamples(r.Content["application/problem+json"], n)}
					continue
				}
				exampleOf(doc, r.Content)
			}
		}
	}
}

func problemExamples(m *huma.MediaType, status int) *huma.MediaType {
	if m == nil {
		m = &huma.MediaType{Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}
	}
	m.Examples = map[string]*huma.Example{}
	for code, k := range kinds {
		if k.status == status {
			e := says[code]
			e.Code = code
			p := problemOf(&e, "7a5e0cbb-1d4f-4b8e-9a55-0f6a2d7c1b3e")
			m.Examples[string(code)] = &huma.Example{Summary: p.Title, Value: p}
		}
	}
	if status == 500 {
		m.Examples["internal"] = &huma.Example{Summary: internalTitle, Value: internalProblem("7a5e0cbb-1d4f-4b8e-9a55-0f6a2d7c1b3e")}
	}
	return m
}

func exampleOf(doc *huma.OpenAPI, content map[string]*huma.MediaType) {
	for kind, m := range content {
		if strings.Contains(kind, "json") && m.Schema != nil && m.Example == nil && len(m.Examples) == 0 {
			m.Example = sample(doc.Components.Schemas, m.Schema, 0)
		}
	}
}

// sample is a value that a schema allows, of its own examples where it has some.
func sample(reg huma.Registry, s *huma.Schema, depth int) any {
	if s.Ref != "" {
		s = reg.SchemaFromRef(s.Ref)
	}
	switch {
	case s == nil || depth > 6:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return sample(reg, s.OneOf[0], depth+1)
	case len(s.AnyOf) > 0:
		return sample(reg, s.AnyOf[0], depth+1)
	}
	switch s.Type {
	case huma.TypeObject:
		out := map[string]any{}
		for name, p := range s.Properties {
			// What need not be given stands in an example only where it is told what it looks like.
			if slices.Contains(s.Required, name) || len(p.Examples) > 0 || len(p.AnyOf) > 0 || p.Ref != "" {
				out[name] = sample(reg, p, depth+1)
			}
		}
		return out
	case huma.TypeArray:
		if v := sample(reg, s.Items, depth+1); v != nil && v != "" {
			return []any{v}
		}
		return []any{}
	case huma.TypeInteger, huma.TypeNumber:
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case huma.TypeBoolean:
		return false
	case huma.TypeString:
		switch s.Format {
		case "date-time":
			return "2026-05-01T12:00:00Z"
		case "uri":
			return "https://example.com/"
		}
		return ""
	}
	return nil
}

// addLimits describes the headers that tell how often one may call.
func addLimits(doc *huma.OpenAPI) {
	header := func(says, example string) *huma.Header {
		return &huma.Header{Description: says, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	policy := header("The limit: q calls in w seconds, draft-ietf-httpapi-ratelimit-headers", `"default";q=600;w=60`)
	left := header("What is left of it: r calls at once, all of them again in t seconds", `"default";r=598;t=1`)
	wait := header("How many seconds to wait", "1")
	for _, p := range doc.Paths {
		for _, op := range methods(p) {
			if op == nil {
				continue
			}
			for status, r := range op.Responses {
				if r.Headers == nil {
					r.Headers = map[string]*huma.Header{}
				}
				if len(op.Security) == 0 && status != "401" {
					r.Headers["RateLimit-Policy"], r.Headers["RateLimit"] = policy, left
				}
				if status == "429" || status == "503" {
					r.Headers["Retry-After"] = wait
				}
			}
		}
	}
}
