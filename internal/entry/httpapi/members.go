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

type invitationJSON struct {
	SentAt    time.Time `json:"sent_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"Seven days after it was sent"`
	By        string    `json:"by" doc:"Who sent it" example:"mb_0123456789abcdefghjkmnpqrs"`
}

type memberJSON struct {
	ID          string          `json:"id" example:"mb_0123456789abcdefghjkmnpqrs"`
	Version     int64           `json:"version" doc:"Rises with each change; also the ETag" example:"2"`
	Email       string          `json:"email" example:"ann@voorbeeld.example"`
	Name        string          `json:"name" example:"Ann de Boer"`
	Language    string          `json:"language" doc:"nl or en; empty: the site's" example:"nl"`
	Role        member.Role     `json:"role" doc:"owner, manager or viewer" example:"manager"`
	Given       []site.Scope    `json:"given" nullable:"false" doc:"Permissions beyond the role"`
	Taken       []site.Scope    `json:"taken" nullable:"false" doc:"Permissions of the role that this member lacks" example:"[\"contacts.export\"]"`
	Permissions []site.Scope    `json:"permissions" nullable:"false" doc:"What the member may do, all in all" example:"[\"contacts.read\"]"`
	State       member.State    `json:"state" doc:"invited or active" example:"active"`
	Invitation  *invitationJSON `json:"invitation,omitempty" doc:"There while invited"`
	CreatedAt   time.Time       `json:"created_at"`
	JoinedAt    *time.Time      `json:"joined_at,omitempty"`
	LastSeenAt  *time.Time      `json:"last_seen_at,omitempty" doc:"To the hour"`
}

func memberOf(m member.Member) memberJSON {
	j := memberJSON{ID: m.ID, Version: m.Version, Email: m.Email, Name: m.Name, Language: m.Language, Role: m.Role, Given: list(m.Given), Taken: list(m.Taken),
		Permissions: list(m.Scopes()), State: m.State, CreatedAt: m.CreatedAt, JoinedAt: when(m.JoinedAt), LastSeenAt: when(m.SeenAt)}
	if i := m.Invitation; i != nil {
		j.Invitation = &invitationJSON{i.SentAt, i.Expires, i.By}
	}
	return j
}

type memberAnswer struct {
	ETag     string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or remove"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key sent the invitation"`
	Body     memberJSON
}

type MemberByID struct {
	ID string `path:"id" maxLength:"64" example:"mb_0123456789abcdefghjkmnpqrs"`
}

// colleagues are members, who know each other, and keys that may manage them.
func colleagues(by site.Actor) error {
	if by.Kind == site.ByMember || by.May(site.Members) {
		return nil
	}
	return lacks(by, site.Members)
}

func addMembers(api huma.API, h siteAPI) {
	tags := []string{"Members"}
	operationFor(api, colleagues, huma.Operation{
		OperationID: "list-members", Method: http.MethodGet, Path: "/v1/members", Tags: tags,
		Summary: "Who works for the site", Description: "The invited among them. For every member; API keys need the permission `members`.",
	}, h.listMembers)
	operationFor(api, colleagues, huma.Operation{
		OperationID: "get-member", Method: http.MethodGet, Path: "/v1/members/{id}", Tags: tags,
		Summary: "Get a member", Description: "For every member; API keys need the permission `members`.", Errors: []int{http.StatusNotFound},
	}, h.getMember)
	operation(api, site.Members, huma.Operation{
		OperationID: "invite-member", Method: http.MethodPost, Path: "/v1/members", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary: "Invite somebody to the site",
		Description: "Sends a mail with a link that works once, for seven days. Owners may do everything; managers have the book and the settings; viewers look. " +
			"Single permissions are given and taken on top. Nobody gives a permission that they lack, and only an owner makes an owner " +
			"(the first owner of a site that has none may be invited with an API key).",
		Errors: createErrors,
	}, h.inviteMember)
	operation(api, site.Members, huma.Operation{
		OperationID: "change-member", Method: http.MethodPatch, Path: "/v1/members/{id}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Change a member's role and permissions", Description: "In force with the member's next request. A site always keeps an owner. Needs `If-Match` with the member's ETag.",
		Errors: append([]int{http.StatusConflict, http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.changeMember)
	operation(api, site.Members, huma.Operation{
		OperationID: "remove-member", Method: http.MethodDelete, Path: "/v1/members/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Remove a member, or withdraw an invitation", Description: "All their sessions are over with it. A site always keeps an owner. Needs `If-Match` with the member's ETag.",
		Errors: append([]int{http.StatusConflict}, changeErrors...),
	}, h.removeMember)
	operation(api, site.Members, huma.Operation{
		OperationID: "resend-invitation", Method: http.MethodPost, Path: "/v1/members/{id}/resend", Tags: tags,
		Summary: "Send an invitation again", Description: "With a new link, for seven days; the one before no longer works.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.resendInvitation)
}

type membersAnswer struct {
	Body struct {
		Members []memberJSON `json:"members" nullable:"false"`
	}
}

func (h siteAPI) listMembers(ctx context.Context, c caller, _ *struct{}) (*membersAnswer, error) {
	t, err := h.store.Team(ctx, c.site.ID)
	if err != nil {
		return nil, err
	}
	out := &membersAnswer{}
	out.Body.Members = make([]memberJSON, len(t.Members))
	for i, m := range t.Members {
		out.Body.Members[i] = memberOf(m)
	}
	return out, nil
}

func (h siteAPI) member(ctx context.Context, c caller, id string) (*memberAnswer, error) {
	_, m, err := h.store.Member(ctx, c.site.ID, id)
	if err != nil {
		return nil, err
	}
	return &memberAnswer{ETag: etag(m.Version), Body: memberOf(m)}, nil
}

func (h siteAPI) getMember(ctx context.Context, c caller, in *MemberByID) (*memberAnswer, error) {
	return h.member(ctx, c, in.ID)
}

type inviteInput struct {
	Making
	Body struct {
		Email    string       `json:"email" maxLength:"300" example:"ann@voorbeeld.example"`
		Name     string       `json:"name,omitempty" doc:"At most 200 characters; the invited may give another" example:"Ann de Boer"`
		Language string       `json:"language,omitempty" enum:"nl,en" doc:"Of the mail and of the pages; the site's if not given" example:"nl"`
		Role     member.Role  `json:"role" enum:"owner,manager,viewer" example:"manager"`
		Given    []site.Scope `json:"given,omitempty" maxItems:"20" doc:"Permissions beyond the role"`
		Taken    []site.Scope `json:"taken,omitempty" maxItems:"20" doc:"Permissions of the role that this member is to lack" example:"[\"contacts.export\"]"`
	}
}

func (h siteAPI) inviting(ctx context.Context, c caller) member.Inviting {
	return member.Inviting{By: c.by, ID: random[[16]byte](), Secret: random[[32]byte](), Link: h.link(ctx), Request: requestID(ctx), Now: h.clock.Now()}
}

func (h siteAPI) inviteMember(ctx context.Context, c caller, in *inviteInput) (*memberAnswer, error) {
	i, b := h.inviting(ctx, c), in.Body
	i.Once = in.once(c, i.Now, "invite-member")
	i.Wanted = member.Wanted{Email: b.Email, Name: b.Name, Language: b.Language, Role: b.Role, Given: b.Given, Taken: b.Taken}
	id, replayed, err := member.Invite(ctx, h.store, c.site, i)
	if err != nil {
		return nil, err
	}
	a, err := h.member(ctx, c, id)
	if crm.CodeOf(err) == crm.NotFound {
		return nil, crm.Errorf(crm.Gone, "the member that this request invited is gone since; take a new Idempotency-Key to invite them again")
	}
	if err != nil {
		return nil, err
	}
	a.Location, a.Replayed = "/v1/members/"+id, replayedHeader(replayed)
	return a, nil
}

type changeMemberInput struct {
	MemberByID
	Versioned
	Body struct {
		Name     optional[string]       `json:"name,omitempty" example:"Ann de Boer"`
		Language optional[string]       `json:"language,omitempty" doc:"nl or en; null: the site's" example:"nl"`
		Role     kept[member.Role]      `json:"role,omitempty" enum:"owner,manager,viewer" example:"viewer"`
		Given    optional[[]site.Scope] `json:"given,omitempty" doc:"Replaces the permissions beyond the role"`
		Taken    optional[[]site.Scope] `json:"taken,omitempty" doc:"Replaces the permissions that are taken"`
	}
}

func (h siteAPI) changeMember(ctx context.Context, c caller, in *changeMemberInput) (*memberAnswer, error) {
	b := in.Body
	return h.applyToMember(ctx, c, in.ID, in.IfMatch, member.Change{Name: b.Name.pointer(), Language: b.Language.pointer(), Role: b.Role.pointer(),
		Given: b.Given.pointer(), Taken: b.Taken.pointer()})
}

func (h siteAPI) applyToMember(ctx context.Context, c caller, id, ifMatch string, change member.Change) (*memberAnswer, error) {
	_, _, err := h.store.ChangeTeam(ctx, c.site.ID, nil, func(t *member.Team) (string, member.Outcome, error) {
		m, changed, err := t.Change(c.by, id, change, func(m member.Member) error { return atVersion(ifMatch, m.Version, "member") })
		if err != nil || len(changed) == 0 {
			return "", member.Outcome{}, err
		}
		return m.ID, member.Outcome{Entry: audit.Note(c.by, requestID(ctx), h.clock.Now(), audit.MemberChanged, m.ID, changed...)}, nil
	})
	if err != nil {
		return nil, err
	}
	return h.member(ctx, c, id)
}

type removeMemberInput struct {
	MemberByID
	Versioned
}

func (h siteAPI) removeMember(ctx context.Context, c caller, in *removeMemberInput) (*struct{}, error) {
	return nil, member.Remove(ctx, h.store, c.site.ID, c.by, in.ID, requestID(ctx), h.clock.Now(), func(m member.Member) error {
		return atVersion(in.IfMatch, m.Version, "member")
	})
}

type resendInput struct {
	MemberByID
	Keyed
}

func (h siteAPI) resendInvitation(ctx context.Context, c caller, in *resendInput) (*memberAnswer, error) {
	i := h.inviting(ctx, c)
	i.Once = in.once(c, i.Now, "resend-invitation "+in.ID)
	replayed, err := member.Reinvite(ctx, h.store, c.site, in.ID, i)
	if err != nil {
		return nil, err
	}
	a, err := h.member(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	a.Replayed = replayedHeader(replayed)
	return a, nil
}
