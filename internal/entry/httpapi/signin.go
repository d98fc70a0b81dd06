package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
)

func addSignIn(api huma.API, h siteAPI) {
	tags := []string{"Sign-in"}
	publicOperation(api, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/v1/sign-in", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary: "Ask for a code by mail",
		Description: "The answer is the same whether or not the address is a member's. The code works for ten minutes, once, with five tries, and only together with " +
			"`sign_in` of this answer. At most five codes an hour for an address.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, h.signIn)
	publicOperation(api, huma.Operation{
		OperationID: "verify-sign-in", Method: http.MethodPost, Path: "/v1/sign-in/verify", Tags: tags, MaxBodyBytes: -1,
		Summary:     "Sign in with the code",
		Description: "Answers a session for each site that the person works for. Both stand in the body, as what opens a session does not belong into URLs.",
		Errors:      []int{http.StatusUnauthorized, http.StatusRequestEntityTooLarge},
	}, h.verifySignIn)
	publicOperation(api, huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/v1/invitations/accept", Tags: tags, MaxBodyBytes: -1,
		Summary:     "Accept an invitation",
		Description: "With the token in the mail's link, behind the `#`. Makes the invited a member of the site and signs them in. Works once.",
		Errors:      []int{http.StatusGone, http.StatusRequestEntityTooLarge},
	}, h.acceptInvitation)
}

type signInInput struct {
	Body struct {
		Email    string `json:"email" maxLength:"300" example:"ann@voorbeeld.example"`
		Language string `json:"language,omitempty" enum:"nl,en" doc:"Of the mail; the member's own if not given" example:"nl"`
	}
}

type signInAnswer struct {
	Body struct {
		SignIn    string    `json:"sign_in" doc:"Goes with the code; keep it in the browser that asked" example:"si_0123456789abcdefghjkmnpqrs_0b5c"`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

func (h siteAPI) signIn(ctx context.Context, in *signInInput) (*signInAnswer, error) {
	now := h.clock.Now()
	handle, err := member.AskCode(ctx, h.store, member.Asked{Email: in.Body.Email, Language: in.Body.Language, Client: clientOf(ctx).network,
		Secret: random[[32]byte](), Random: randomCode(), Link: h.link(ctx), Now: now})
	if err != nil {
		return nil, err
	}
	out := &signInAnswer{}
	out.Body.SignIn, out.Body.ExpiresAt = handle, now.Add(member.CodeFor)
	return out, nil
}

type verifyInput struct {
	Body struct {
		SignIn string `json:"sign_in" maxLength:"120" example:"si_0123456789abcdefghjkmnpqrs_0b5c"`
		Code   string `json:"code" maxLength:"20" doc:"Eight digits; blanks do not matter" example:"1234 5678"`
	}
}

type signedInJSON struct {
	Site struct {
		ID   crm.SiteID `json:"id" example:"bakery1f3a"`
		Name string     `json:"name" example:"Bakkerij Jansen"`
	} `json:"site"`
	Member      string       `json:"member" example:"mb_0123456789abcdefghjkmnpqrs"`
	Role        member.Role  `json:"role" example:"owner"`
	Permissions []site.Scope `json:"permissions" nullable:"false" example:"[\"contacts.read\"]"`
	Token       string       `json:"token" doc:"Send it as Authorization: Bearer …; shown once" example:"cs_bakery1f3a_mb_0123456789abcdefghjkmnpqrs_0b5c"`
	ExpiresAt   time.Time    `json:"expires_at" doc:"When the session ends without use"`
}

func signedInOf(s member.SignedIn) signedInJSON {
	j := signedInJSON{Member: s.Member.ID, Role: s.Member.Role, Permissions: list(s.Member.Scopes()), Token: s.Token, ExpiresAt: s.Ends}
	j.Site.ID, j.Site.Name = s.Site.ID, s.Site.Name
	return j
}

type sessionsMade struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Sessions []signedInJSON `json:"sessions" nullable:"false" doc:"One for each site"`
	}
}

func (h siteAPI) verifySignIn(ctx context.Context, in *verifyInput) (*sessionsMade, error) {
	who := clientOf(ctx)
	made, err := member.Verify(ctx, h.store, member.Verified{Handle: in.Body.SignIn, Code: in.Body.Code, Client: who.network, Agent: who.agent,
		Request: requestID(ctx), Random: random[[32]byte], Now: h.clock.Now()})
	if err != nil {
		return nil, err
	}
	return sessionsOf(made...), nil
}

func sessionsOf(made ...member.SignedIn) *sessionsMade {
	out := &sessionsMade{CacheControl: "no-store"}
	out.Body.Sessions = make([]signedInJSON, len(made))
	for i, s := range made {
		out.Body.Sessions[i] = signedInOf(s)
	}
	return out
}

type acceptInput struct {
	Body struct {
		Token string `json:"token" maxLength:"200" example:"ci_bakery1f3a_mb_0123456789abcdefghjkmnpqrs_0b5c"`
		Name  string `json:"name,omitempty" doc:"As colleagues see it, at most 200 characters" example:"Ann de Boer"`
	}
}

func (h siteAPI) acceptInvitation(ctx context.Context, in *acceptInput) (*sessionsMade, error) {
	made, err := member.Accept(ctx, h.store, member.Accepted{Token: in.Body.Token, Name: in.Body.Name, Agent: clientOf(ctx).agent,
		Request: requestID(ctx), Secret: random[[32]byte](), Now: h.clock.Now()})
	if err != nil {
		return nil, err
	}
	return sessionsOf(made), nil
}
