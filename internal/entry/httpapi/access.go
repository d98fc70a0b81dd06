package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
)

// AccessRequests is what the API of access requests is made of.
type AccessRequests struct {
	Open  func(site.Site) privacy.AccessBook
	Files interface {
		PresignGet(ctx context.Context, key, filename string, valid time.Duration) (string, error)
	}
	Queue privacy.AccessQueue
	Clock crm.Clock
	// PublicURL begins the links of mails; where it is empty, the host of the request does.
	PublicURL string

	log Log
}

type accessJSON struct {
	ID        string        `json:"id" example:"acc_01k2abcdefghjkmnpqrstvwxyz"`
	ContactID crm.ContactID `json:"contact_id" doc:"Whom it is about; where a merged contact was asked for, the one it went into" example:"ct_0123456789abcdefghjkmnpqrs"`
	State     string        `json:"state" enum:"running,ready,failed,expired" doc:"expired: the 7 days are over, or the contact is gone" example:"ready"`
	URL       string        `json:"url,omitempty" doc:"Where the zip is while it is ready; valid for 15 minutes, ask again for a fresh one" example:"https://files.example.com/access/acc_01k2abcdefghjkmnpqrstvwxyz.zip"`
	Size      int64         `json:"size,omitempty" doc:"Bytes of the zip" example:"48213"`
	Until     *time.Time    `json:"until,omitempty" doc:"Until when the file is kept" example:"2026-05-08T12:00:00Z"`
	Detail    string        `json:"detail,omitempty" doc:"Why there is no file"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

type accessAnswer struct {
	Location   string `header:"Location"`
	RetryAfter string `header:"Retry-After" doc:"While it runs"`
	Replayed   string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made it"`
	Body       accessJSON
}

type accessInput struct {
	Making
	Body struct {
		ContactID string `json:"contact_id" maxLength:"64" doc:"Whose data are asked for" example:"ct_0123456789abcdefghjkmnpqrs"`
	}
}

type AccessByID struct {
	ID string `path:"id" maxLength:"64" example:"acc_01k2abcdefghjkmnpqrstvwxyz"`
}

func addAccess(api huma.API, h AccessRequests) {
	tags := []string{"Privacy"}
	operation(api, site.ContactsExport, huma.Operation{
		OperationID: "request-access", Method: http.MethodPost, Path: "/v1/access-requests", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary: "Ask for everything that is known of a contact",
		Description: "For the right of access and to take data along (GDPR, articles 15 and 20). One zip is made in the background: data.json with " +
			"everything, index.html with the same to read, in the contact's or the site's language, and the files. A member who asked gets a mail when it is ready.",
		Errors: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, h.request)
	operation(api, site.ContactsExport, huma.Operation{
		OperationID: "get-access", Method: http.MethodGet, Path: "/v1/access-requests/{id}", Tags: tags,
		Summary:     "How an access request goes, and its link",
		Description: "The file is kept for 7 days. Handing out a link stands in the audit log.",
		Errors:      []int{http.StatusNotFound},
	}, h.get)
}

func (h AccessRequests) request(ctx context.Context, c caller, in *accessInput) (*accessAnswer, error) {
	now := h.Clock.Now()
	id, err := newJobID(privacy.AccessPrefix, now)
	if err != nil {
		return nil, err
	}
	where := "/v1/access-requests/"
	link := h.PublicURL
	if link == "" {
		link, _ = ctx.Value(linkKey).(string)
	}
	a, replayed, err := privacy.RequestAccess(ctx, h.Open(c.site), h.Queue, c.site.ID, privacy.Access{
		ID: id, Contact: crm.ContactID(in.Body.ContactID), By: c.by.ID, ByName: c.by.Name, ByKind: c.by.Kind, Link: link + where + id, CreatedAt: now,
	}, in.once(c, now, "request-access"), requestID(ctx))
	if err != nil {
		return nil, err
	}
	out := accessAnswerOf(a)
	out.Location = where + a.ID
	out.Replayed = replayedHeader(replayed)
	return out, nil
}

func accessAnswerOf(a privacy.Access) *accessAnswer {
	out := &accessAnswer{Body: accessJSON{ID: a.ID, ContactID: a.Contact, State: string(a.State), Size: a.Size, Detail: a.Fault, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}}
	if a.State == privacy.AccessRunning {
		out.RetryAfter = "1"
	}
	if a.State == privacy.AccessReady {
		out.Body.Until = when(a.UpdatedAt.Add(privacy.AccessKeptFor))
	}
	return out
}

// get hands out no link to the file of a contact that is gone: who was erased
// stays so, also where the bucket still has the file.
func (h AccessRequests) get(ctx context.Context, c caller, in *AccessByID) (*accessAnswer, error) {
	b, now := h.Open(c.site), h.Clock.Now()
	a, err := b.Access(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := accessAnswerOf(a)
	if a.State != privacy.AccessReady {
		return out, nil
	}
	gone := ""
	if a.Gone(now) {
		gone = "the file was kept for 7 days and is gone; ask for a new one"
	} else if k, err := b.Get(ctx, a.Contact); crm.CodeOf(err) == crm.NotFound || err == nil && k.ID != a.Contact {
		gone = "the contact was deleted or merged since; the file is handed out no more"
	} else if err != nil {
		return nil, err
	}
	if gone != "" {
		out.Body.State, out.Body.Detail = "expired", gone
		return out, nil
	}
	// Noted before it is done, once an hour and actor, as for exports.
	e := audit.Note(c.by, requestID(ctx), now, audit.AccessDownloaded, string(a.Contact))
	e.ID = audit.DeriveID(now.Truncate(time.Hour), string(audit.AccessDownloaded), a.ID, c.by.ID)
	if err := h.log.Audit(ctx, c.site.ID, e); err != nil {
		return nil, err
	}
	out.Body.URL, err = h.Files.PresignGet(ctx, a.Key(c.site.ID), "access-"+a.UpdatedAt.Format(time.DateOnly)+".zip", transfer.DownloadFor)
	return out, err
}
