package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

type entryJSON struct {
	ID      string         `json:"id" example:"01K2ABCDEFGHJKMNPQRSTVWXYZ"`
	At      time.Time      `json:"at"`
	By      string         `json:"by" doc:"The member or API key" example:"mb_0123456789abcdefghjkmnpqrs"`
	Name    string         `json:"name,omitempty" doc:"What they were called at that time" example:"Ann de Boer"`
	Kind    site.ActorKind `json:"kind" doc:"member, key or system" example:"member"`
	Action  audit.Action   `json:"action" doc:"What was done; more may come" example:"export.started"`
	Object  string         `json:"object,omitempty" doc:"The id of what it was done to" example:"exp_01k2abcdefghjkmnpqrstvwxyz"`
	Fields  []string       `json:"fields,omitempty" doc:"Names of the fields that changed, never their values"`
	Request string         `json:"request_id,omitempty"`
}

func addAudit(api huma.API, h siteAPI) {
	operation(api, site.Audit, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/v1/audit", Tags: []string{"Audit"},
		Summary:     "Who did what, newest first",
		Description: "Nothing in it is ever changed or removed. With a filter a page may hold fewer rows than asked for, or none, and still have a `next_cursor`.",
	}, h.listAudit)
}

type auditInput struct {
	Paging
	By     string    `query:"by" maxLength:"64" doc:"Only of this member or API key" example:"mb_0123456789abcdefghjkmnpqrs"`
	Action string    `query:"action" maxLength:"64" doc:"Only this action" example:"export.started"`
	Object string    `query:"object" maxLength:"64" doc:"Only what was done to this"`
	Since  time.Time `query:"since" doc:"Entries of this moment or later" example:"2026-01-01T00:00:00Z"`
	Until  time.Time `query:"until" doc:"Entries before this moment"`
}

type auditAnswer struct {
	Body struct {
		Entries    []entryJSON `json:"entries" nullable:"false"`
		NextCursor string      `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (h siteAPI) listAudit(ctx context.Context, c caller, in *auditInput) (*auditAnswer, error) {
	var faults crm.Faults
	for name, at := range map[string]time.Time{"query/since": in.Since, "query/until": in.Until} {
		if !at.IsZero() && (at.Year() < 1970 || at.Year() > 9999) {
			faults.Add(name, "give a moment from 1970 on")
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	f := audit.Filter{By: in.By, Action: audit.Action(in.Action), Object: in.Object, From: in.Since, Until: in.Until}
	list := "audit " + in.By + "\x00" + in.Action + "\x00" + in.Object + "\x00" + in.Since.UTC().Format(time.RFC3339Nano) + "\x00" + in.Until.UTC().Format(time.RFC3339Nano)
	after, err := c.site.OpenCursor(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, next, err := h.store.AuditLog(ctx, c.site.ID, f, in.limit(), after)
	if err != nil {
		return nil, err
	}
	out := &auditAnswer{}
	out.Body.Entries = make([]entryJSON, len(rows))
	for i, e := range rows {
		out.Body.Entries[i] = entryJSON{e.ID, e.At, e.By, e.Name, e.Kind, e.Action, e.Object, e.Fields, e.Request}
	}
	out.Body.NextCursor = c.site.SealCursor(list, next)
	return out, nil
}
