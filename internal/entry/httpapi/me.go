package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
)

// membersOnly keeps API keys out of what is a person's own.
func membersOnly(by site.Actor) error {
	if by.Kind == site.ByMember {
		return nil
	}
	return crm.Errorf(crm.Forbidden, "this is for members who signed in; an API key has no sessions and no name of its own to change here")
}

func addMe(api huma.API, h siteAPI) {
	tags := []string{"Sign-in"}
	operationFor(api, anyone, huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/v1/me", Tags: tags,
		Summary: "Who I am and what I may do", Description: "For every key and member.",
	}, h.getMe)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "change-me", Method: http.MethodPatch, Path: "/v1/me", Tags: tags, MaxBodyBytes: -1,
		Summary: "Change my name and language", Description: "For members. Needs `If-Match` with the ETag of `/v1/me`.",
		Errors: []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, h.changeMe)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "change-my-email", Method: http.MethodPost, Path: "/v1/me/email", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary: "Ask for another address of mine",
		Description: "For members. Mails a code to the new address, which works for ten minutes, with five tries, together with `change` of this answer. " +
			"Nothing changes before. At this site alone; at most five codes an hour for an address.",
		Errors: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, h.changeMyEmail)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "verify-my-email", Method: http.MethodPost, Path: "/v1/me/email/verify", Tags: tags, MaxBodyBytes: -1,
		Summary:     "Change my address with the code",
		Description: "From now on this address signs in, and the one before no longer does; it is told. Sessions stay.",
		Errors:      []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, h.verifyMyEmail)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "leave-site", Method: http.MethodDelete, Path: "/v1/me", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Leave the site", Description: "For members. A site always keeps an owner. Needs `If-Match` with the ETag of `/v1/me`.",
		Errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, h.leave)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "list-sessions", Method: http.MethodGet, Path: "/v1/sessions", Tags: tags,
		Summary: "Where I am signed in", Description: "My sessions at this site, newest first. A session ends after 7 days without use, and after 30 days.",
	}, h.listSessions)
	operationFor(api, membersOnly, huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: "/v1/sessions/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Sign out", Description: "`current` is the session of this request. Refused from the next request on.",
		Errors: []int{http.StatusNotFound},
	}, h.endSession)
}

type meAnswer struct {
	ETag string `header:"ETag" doc:"The member's version, quoted; none for an API key"`
	Body struct {
		ID          string         `json:"id" example:"mb_0123456789abcdefghjkmnpqrs"`
		Kind        site.ActorKind `json:"kind" doc:"member or key" example:"member"`
		Name        string         `json:"name" example:"Ann de Boer"`
		Permissions []site.Scope   `json:"permissions" nullable:"false" example:"[\"contacts.read\"]"`
		Site        struct {
			ID   crm.SiteID `json:"id" example:"bakery1f3a"`
			Name string     `json:"name" example:"Bakkerij Jansen"`
		} `json:"site"`
		Member  *memberJSON `json:"member,omitempty" doc:"There for members"`
		Session string      `json:"session,omitempty" doc:"The session of this request" example:"se_0123456789abcdefghjkmnpqrs"`
	}
}

func (h siteAPI) getMe(ctx context.Context, c caller, _ *struct{}) (*meAnswer, error) {
	out := &meAnswer{}
	b := &out.Body
	b.ID, b.Kind, b.Name, b.Permissions, b.Session = c.by.ID, c.by.Kind, c.by.Name, list(c.by.Scopes), c.by.Session
	b.Site.ID, b.Site.Name = c.site.ID, c.site.Name
	if c.by.Kind == site.ByMember {
		a, err := h.member(ctx, c, c.by.ID)
		if err != nil {
			return nil, err
		}
		out.ETag, b.Member = a.ETag, &a.Body
	}
	return out, nil
}

type changeMeInput struct {
	Versioned
	Body struct {
		Name     optional[string] `json:"name,omitempty" example:"Ann de Boer"`
		Language optional[string] `json:"language,omitempty" doc:"nl or en; null: the site's" example:"en"`
	}
}

func (h siteAPI) changeMe(ctx context.Context, c caller, in *changeMeInput) (*memberAnswer, error) {
	return h.applyToMember(ctx, c, c.by.ID, in.IfMatch, member.Change{Name: in.Body.Name.pointer(), Language: in.Body.Language.pointer()})
}

type changeMyEmailInput struct {
	Body struct {
		Email string `json:"email" maxLength:"300" example:"ann.new@voorbeeld.example"`
	}
}

type changeMyEmailAnswer struct {
	Body struct {
		Change    string    `json:"change" doc:"Goes with the code" example:"em_0123456789abcdefghjkmnpqrs_0b5c"`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

func (h siteAPI) changeMyEmail(ctx context.Context, c caller, in *changeMyEmailInput) (*changeMyEmailAnswer, error) {
	now := h.clock.Now()
	handle, err := member.AskMove(ctx, h.store, c.site, member.Moving{By: c.by, Email: in.Body.Email, Client: clientOf(ctx).network,
		Secret: random[[32]byte](), Random: randomCode(), Now: now})
	if err != nil {
		return nil, err
	}
	out := &changeMyEmailAnswer{}
	out.Body.Change, out.Body.ExpiresAt = handle, now.Add(member.CodeFor)
	return out, nil
}

type verifyMyEmailInput struct {
	Body struct {
		Email  string `json:"email" maxLength:"300" doc:"The new address again" example:"ann.new@voorbeeld.example"`
		Change string `json:"change" maxLength:"120" example:"em_0123456789abcdefghjkmnpqrs_0b5c"`
		Code   string `json:"code" maxLength:"20" doc:"Eight digits; blanks do not matter" example:"1234 5678"`
	}
}

func (h siteAPI) verifyMyEmail(ctx context.Context, c caller, in *verifyMyEmailInput) (*memberAnswer, error) {
	if err := member.Move(ctx, h.store, c.site, member.Moved{By: c.by, Email: in.Body.Email, Handle: in.Body.Change, Code: in.Body.Code,
		Request: requestID(ctx), Client: clientOf(ctx).network, Now: h.clock.Now()}); err != nil {
		return nil, err
	}
	return h.member(ctx, c, c.by.ID)
}

func (h siteAPI) leave(ctx context.Context, c caller, in *Versioned) (*struct{}, error) {
	return h.removeMember(ctx, c, &removeMemberInput{MemberByID{c.by.ID}, *in})
}

type sessionJSON struct {
	ID         string    `json:"id" example:"se_0123456789abcdefghjkmnpqrs"`
	Current    bool      `json:"current" doc:"The session of this request" example:"true"`
	Agent      string    `json:"agent" doc:"What the browser called itself" example:"Mozilla/5.0"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at" doc:"To the hour"`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends without use"`
}

type sessionsAnswer struct {
	Body struct {
		Sessions []sessionJSON `json:"sessions" nullable:"false"`
	}
}

func (h siteAPI) listSessions(ctx context.Context, c caller, _ *struct{}) (*sessionsAnswer, error) {
	all, err := h.store.Sessions(ctx, c.site.ID, c.by.ID)
	if err != nil {
		return nil, err
	}
	out := &sessionsAnswer{}
	out.Body.Sessions = []sessionJSON{}
	for _, s := range all {
		if s.Ends().After(h.clock.Now()) {
			out.Body.Sessions = append(out.Body.Sessions, sessionJSON{s.ID, s.ID == c.by.Session, s.Agent, s.CreatedAt, s.SeenAt, s.Ends()})
		}
	}
	return out, nil
}

type endSessionInput struct {
	ID string `path:"id" maxLength:"64" example:"current"`
}

func (h siteAPI) endSession(ctx context.Context, c caller, in *endSessionInput) (*struct{}, error) {
	if in.ID == "current" {
		in.ID = c.by.Session
	}
	return nil, h.store.EndSession(ctx, c.site.ID, c.by.ID, in.ID, audit.Note(c.by, requestID(ctx), h.clock.Now(), audit.SessionEnded, in.ID))
}
