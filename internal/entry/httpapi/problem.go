package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
)

// Problem is the body of every error, RFC 9457. All faults of a request are
// told at once.
type Problem struct {
	Type      string         `json:"type" doc:"Names the kind of problem, for programs to tell it by; there is no page at it" example:"/problems/invalid"`
	Title     string         `json:"title" doc:"The kind of problem in words" example:"Some fields are at fault"`
	Status    int            `json:"status" doc:"The HTTP status" example:"422"`
	Detail    string         `json:"detail,omitempty" doc:"What is wrong here and what to do" example:"the domain after the @ has no ending such as .nl or .com"`
	Errors    []ProblemFault `json:"errors,omitempty" doc:"Each field at fault"`
	RequestID string         `json:"request_id,omitempty" doc:"Quote this when asking for help"`
	Contact   string         `json:"contact,omitempty" doc:"With conflict: the address of the contact that has the identity" example:"/v1/contacts/ct_0123456789abcdefghjkmnpqrs"`
	ContactID string         `json:"contact_id,omitempty" doc:"With conflict: its id"`
	Plan      string         `json:"plan,omitempty" doc:"With plan-required: the smallest plan that has it" example:"pro"`

	retry int // seconds, for Retry-After; 0: a repeat would not help, or not soon
}

// ProblemFault is one fault: in the body (pointer) or in the request's
// parameters (parameter).
type ProblemFault struct {
	Pointer   string `json:"pointer,omitempty" doc:"RFC 6901 pointer to the field in the body" example:"/email"`
	Parameter string `json:"parameter,omitempty" doc:"The parameter at fault, as query/…, path/… or header/…" example:"query/limit"`
	Detail    string `json:"detail" doc:"What is wrong and what to do"`
}

func (p *Problem) Error() string  { return p.Detail }
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers of the answer, whether huma writes it or WriteProblem does.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="clientele"`)
	}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	return h
}

// ContentType tells huma to answer errors as problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// kinds is the one table from codes to HTTP.
var kinds = map[crm.Code]struct {
	status int
	title  string
}{
	crm.Invalid:              {http.StatusUnprocessableEntity, "Some of the input is at fault"},
	crm.Malformed:            {http.StatusBadRequest, "The request cannot be read"},
	crm.Unauthorized:         {http.StatusUnauthorized, "This needs a credential that is known"},
	crm.Forbidden:            {http.StatusForbidden, "This is not allowed"},
	crm.NotFound:             {http.StatusNotFound, "There is nothing here"},
	crm.Conflict:             {http.StatusConflict, "This does not go together with what is there"},
	crm.Stale:                {http.StatusPreconditionFailed, "It was changed since it was read"},
	crm.PreconditionRequired: {http.StatusPreconditionRequired, "Say which version is meant"},
	crm.KeyReused:            {http.StatusUnprocessableEntity, "This Idempotency-Key was used before"},
	crm.Busy:                 {http.StatusServiceUnavailable, "Too many writers at once"},
	crm.TooLarge:             {http.StatusRequestEntityTooLarge, "The request is too large"},
	crm.Gone:                 {http.StatusGone, "It is no longer here"},
	crm.Unsupported:          {http.StatusUnsupportedMediaType, "This content type is not read here"},
	crm.Quota:                {http.StatusTooManyRequests, "Too many calls"},
	crm.PlanRequired:         {http.StatusForbidden, "The plan of this site lacks this"},
}

const internalTitle = "Something went wrong on our side"

// ProblemOf makes the answer to an error. What has no code is internal: it is
// logged, and its text stays inside.
func ProblemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	id := requestID(ctx)
	var e *crm.Error
	if !errors.As(err, &e) {
		slog.ErrorContext(ctx, "request failed", "request_id", id, "error", err.Error())
		return internalProblem(id)
	}
	return problemOf(e, id)
}

func internalProblem(id string) *Problem {
	return &Problem{Type: "/problems/internal", Title: internalTitle, Status: http.StatusInternalServerError,
		Detail: "the request was not carried out; try again, and quote the request_id if it stays", RequestID: id}
}

func problemOf(e *crm.Error, id string) *Problem {
	k := kinds[e.Code]
	p := &Problem{Type: "/problems/" + string(e.Code), Title: k.title, Status: k.status, Detail: e.Detail, RequestID: id}
	p.Plan, p.retry = e.Plan, int(math.Ceil(e.Wait.Seconds()))
	if e.Code == crm.Busy {
		p.retry = max(1, p.retry)
	}
	for _, f := range e.Faults {
		p.Errors = append(p.Errors, problemFault(f))
	}
	if e.Holder != "" {
		p.Contact, p.ContactID = "/v1/contacts/"+string(e.Holder), string(e.Holder)
	}
	return p
}

func problemFault(f crm.Fault) ProblemFault {
	if f.Pointer == "" || strings.HasPrefix(f.Pointer, "/") {
		return ProblemFault{Pointer: f.Pointer, Detail: f.Detail}
	}
	return ProblemFault{Parameter: f.Pointer, Detail: f.Detail}
}

// WriteProblem answers an error outside of huma: forms, webhooks, middleware.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(r.Context(), err)
	w.Header().Set("Content-Type", "application/problem+json")
	maps.Copy(w.Header(), p.GetHeaders())
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

// humaError makes huma's own findings (schema validation, unreadable bodies)
// the same kind of answer as ours.
func humaError(status int, msg string, errs ...error) huma.StatusError {
	code := crm.Malformed
	for c, k := range kinds {
		if k.status == status && c != crm.KeyReused && c != crm.PlanRequired {
			code = c
		}
	}
	p := &Problem{Type: "/problems/" + string(code), Title: kinds[code].title, Status: status, Detail: msg}
	if status >= 500 {
		p.Type, p.Title = "/problems/internal", internalTitle
		return p
	}
	if code == crm.Unsupported {
		p.Detail = "send the body as application/json, and say so in Content-Type"
		return p
	}
	for _, e := range errs {
		var d *huma.ErrorDetail
		if !errors.As(e, &d) {
			p.Errors = append(p.Errors, ProblemFault{Detail: e.Error()})
			continue
		}
		p.Errors = append(p.Errors, faultOf(d))
	}
	if len(errs) == 0 && msg == "request body is required" {
		p.Detail = "send a body: the JSON that /v1/openapi.json shows for this"
	}
	p.told()
	return p
}

// told sums up the faults in detail.
func (p *Problem) told() {
	if len(p.Errors) == 1 {
		p.Detail = p.Errors[0].Detail
	} else if len(p.Errors) > 1 {
		p.Detail = strconv.Itoa(len(p.Errors)) + " fields are at fault; each is listed in errors"
	}
}

func faultOf(d *huma.ErrorDetail) ProblemFault {
	where, rest, _ := strings.Cut(d.Location, ".")
	if where != "body" {
		return ProblemFault{Parameter: strings.Trim(where+"/"+rest, "/"), Detail: parameterSays(d.Message)}
	}
	if body, ok := d.Value.(string); ok && rest == "" && strings.Contains(d.Message, "JSON") || strings.Contains(d.Message, "json:") || strings.HasPrefix(d.Message, "invalid character") {
		return unreadable(d.Message, body)
	}
	// body.emails[2].x → /emails/2/x
	rest = strings.NewReplacer("[", ".", "]", "").Replace(rest)
	if name, ok := strings.CutSuffix(d.Message, missing); ok {
		rest, d.Message = strings.TrimPrefix(rest+"."+name, "."), "it"+missing
	}
	if rest != "" {
		rest = "/" + strings.ReplaceAll(rest, ".", "/")
	}
	return ProblemFault{Pointer: rest, Detail: d.Message}
}

func init() {
	// huma has one error constructor for the whole program.
	huma.NewError = humaError
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		e := humaError(status, msg, errs...)
		if p, ok := e.(*Problem); ok && ctx != nil {
			p.RequestID = requestID(ctx.Context())
			if a := askedOf(ctx.Context()); a != nil && status == http.StatusUnprocessableEntity {
				p.Errors = a.all(p.Errors)
				p.told()
			}
		}
		return e
	}
}
