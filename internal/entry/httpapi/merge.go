package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// mergeBook is what merging needs of a site's book.
type mergeBook interface {
	// PreviewMerge tells what a merge would come to, of the contacts as seen was handed them, the primary first.
	PreviewMerge(ctx context.Context, primary crm.ContactID, others []crm.ContactID, now time.Time, seen func([]contact.Contact)) (contact.Merging, error)
	// Merge carries it out, whole or not at all. crm.Conflict with what is in the way; a second call
	// with the same Once answers what the first one did (replayed).
	Merge(ctx context.Context, o contact.MergeOrder) (_ contact.MergeRecord, primary contact.Contact, replayed bool, err error)
	// GetMerge reads a merge; crm.NotFound if there is none.
	GetMerge(ctx context.Context, id string) (contact.MergeRecord, error)
	// UndoMerge takes a merge back, whole or not at all; crm.Conflict or crm.Gone, with
	// the reason, if that cannot be done. A merge that was undone is answered as it is.
	UndoMerge(ctx context.Context, id, source, by string, now time.Time) (contact.MergeRecord, error)
}

func addMerges(api huma.API, h contactsAPI) {
	tags := []string{"Merges"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "preview-merge", Method: http.MethodPost, Path: "/v1/merges/preview", Tags: tags,
		Summary: "See what merging contacts would come to",
		Description: "Writes nothing. Tells the contact that would be, whose value stands in each field, what would only stay in the note, " +
			"and what is in the way. Its ETag is the If-Match of the merge.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.previewMerge)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "merge-contacts", Method: http.MethodPost, Path: "/v1/merges", Tags: tags, MaxBodyBytes: -1,
		DefaultStatus: http.StatusCreated, Summary: "Merge contacts into one",
		Description: "Up to 24 contacts go into the primary, whole or not at all. Nothing is lost: empty fields are filled, addresses, phones, ids, " +
			"tags, timelines and orders join, the furthest status and the strictest consent stand, and one note keeps all that each of them said. " +
			"Old ids and addresses lead to the primary from then on. Needs `If-Match` with the ETag of the preview. It can be undone for 30 days.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, h.merge)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-merge", Method: http.MethodGet, Path: "/v1/merges/{id}", Tags: tags,
		Summary: "Get a merge", Description: "For as long as it can be undone.", Errors: []int{http.StatusNotFound},
	}, h.getMerge)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "undo-merge", Method: http.MethodPost, Path: "/v1/merges/{id}/undo", Tags: tags,
		Summary: "Undo a merge",
		Description: "Each of the others lives again under its old id, with its addresses, timeline and orders. What was changed at the primary " +
			"since stays there; what still is as the merge left it becomes as it was before. Of several merges into one contact the last is undone " +
			"first. May be repeated.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusGone},
	}, h.undoMerge)
}

type mergeRequest struct {
	Primary crm.ContactID   `json:"primary" maxLength:"100" doc:"The contact that stays" example:"ct_0123456789abcdefghjkmnpqrs"`
	Others  []crm.ContactID `json:"others" minItems:"1" maxItems:"24" nullable:"false" doc:"Those that go into it; where several have a value that it lacks, the first one's stands" example:"[\"ct_1123456789abcdefghjkmnpqrs\"]"`
}

type mergePreviewInput struct{ Body mergeRequest }

type differenceJSON struct {
	Contact crm.ContactID     `json:"contact" doc:"Who says it"`
	Field   string            `json:"field" example:"company"`
	Values  map[string]string `json:"values" doc:"By field; a name or an address has several"`
}

type blockerJSON struct {
	Code   contact.BlockerCode `json:"code" doc:"too_many_tags, too_many_identities, too_many_phones, too_many_merged, too_large; more may come" example:"too_many_tags"`
	Detail string              `json:"detail" example:"together they have 260 tags; a contact has at most 250"`
}

type mergePreview struct {
	ETag string `header:"ETag" doc:"Send it as If-Match to carry out exactly this merge"`
	Body struct {
		Mergeable   bool                     `json:"mergeable" doc:"Nothing is in the way"`
		Blockers    []blockerJSON            `json:"blockers" nullable:"false"`
		Contact     contactJSON              `json:"contact" doc:"What the primary would be"`
		From        map[string]crm.ContactID `json:"from" doc:"By field, the contact whose value stands. Fields that are joined are not in it"`
		Changed     []string                 `json:"changed" nullable:"false" doc:"Fields of the primary that would change" example:"[\"company\"]"`
		Differences []differenceJSON         `json:"differences" nullable:"false" doc:"Values in whose field another one stands; they are kept in the note"`
	}
}

func (h contactsAPI) previewMerge(ctx context.Context, c caller, in *mergePreviewInput) (*mergePreview, error) {
	out := &mergePreview{}
	m, err := h.open(c.site).PreviewMerge(ctx, in.Body.Primary, in.Body.Others, h.clock.Now(), func(cs []contact.Contact) { out.ETag = mergeTag(cs) })
	if err != nil {
		return nil, err
	}
	out.Body.Mergeable = len(m.Blockers) == 0
	out.Body.Blockers = make([]blockerJSON, len(m.Blockers))
	for i, b := range m.Blockers {
		out.Body.Blockers[i] = blockerJSON(b)
	}
	out.Body.Contact = answer(m.Result, c.site.Policy()).Body
	out.Body.From, out.Body.Changed = m.From, list(m.Changed)
	out.Body.Differences = make([]differenceJSON, len(m.Differences))
	for i, d := range m.Differences {
		out.Body.Differences[i] = differenceJSON{d.Contact, d.Field, d.Texts}
	}
	return out, nil
}

// mergeTag is the entity tag of contacts in their versions, in their order.
func mergeTag(cs []contact.Contact) string {
	h := sha256.New()
	for i := range cs {
		fmt.Fprintf(h, "%s %d\n", cs[i].ID, cs[i].Version)
	}
	return `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

type mergeInput struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the preview"`
	Making
	Body mergeRequest
}

type mergeJSON struct {
	ID        string          `json:"id" example:"mg_01kb2m3n4p5q6r7s8t9v0w1x2y"`
	Primary   crm.ContactID   `json:"primary" example:"ct_0123456789abcdefghjkmnpqrs"`
	Others    []crm.ContactID `json:"others" nullable:"false" example:"[\"ct_1123456789abcdefghjkmnpqrs\"]"`
	Source    string          `json:"source" doc:"member or api" example:"api"`
	By        string          `json:"by" doc:"The member or API key that merged" example:"key_7f3a"`
	At        time.Time       `json:"at"`
	UndoUntil time.Time       `json:"undo_until"`
	UndoneAt  *time.Time      `json:"undone_at,omitempty" doc:"There if it was undone"`
	UndoneBy  string          `json:"undone_by,omitempty"`
}

type mergeAnswer struct {
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key merged them"`
	Body     mergeJSON
}

func mergeOf(r contact.MergeRecord) *mergeAnswer {
	return &mergeAnswer{Body: mergeJSON{r.ID, r.Primary, r.Others, r.Source, r.By, r.At, r.Until, when(r.UndoneAt), r.UndoneBy}}
}

func (h contactsAPI) merge(ctx context.Context, c caller, in *mergeInput) (*mergeAnswer, error) {
	if strings.TrimSpace(in.IfMatch) == "" {
		return nil, crm.Errorf(crm.PreconditionRequired, "send If-Match with the ETag of the preview, so that what is merged is what was seen")
	}
	o := contact.MergeOrder{Primary: in.Body.Primary, Others: in.Body.Others, Source: c.by.Source(), By: c.by.ID, At: h.clock.Now(),
		Check: func(cs []contact.Contact) error {
			if strings.TrimPrefix(strings.TrimSpace(in.IfMatch), "W/") != mergeTag(cs) {
				return crm.Errorf(crm.Stale, "one of the contacts was changed since the preview; look at it again and repeat the merge")
			}
			return nil
		}}
	o.Once = in.once(c, o.At, "merge-contacts")
	r, _, replayed, err := h.open(c.site).Merge(ctx, o)
	if err != nil {
		return nil, err
	}
	a := mergeOf(r)
	a.Location = "/v1/merges/" + r.ID
	a.Replayed = replayedHeader(replayed)
	return a, nil
}

type byMerge struct {
	ID string `path:"id" doc:"The merge's id" example:"mg_01kb2m3n4p5q6r7s8t9v0w1x2y"`
}

func (h contactsAPI) getMerge(ctx context.Context, c caller, in *byMerge) (*mergeAnswer, error) {
	r, err := h.open(c.site).GetMerge(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return mergeOf(r), nil
}

func (h contactsAPI) undoMerge(ctx context.Context, c caller, in *byMerge) (*mergeAnswer, error) {
	r, err := h.open(c.site).UndoMerge(ctx, in.ID, c.by.Source(), c.by.ID, h.clock.Now())
	if err != nil {
		return nil, err
	}
	return mergeOf(r), nil
}
