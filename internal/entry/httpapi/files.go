package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
)

// fileBook keeps the records of files.
type fileBook interface {
	document.Store
	SetAvatar(ctx context.Context, id crm.ContactID, file string, as timeline.Activity) (contact.Contact, error)
}

func addFiles(api huma.API, h contactsAPI) {
	tags := []string{"Files"}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "create-document", Method: http.MethodPost, Path: "/v1/contacts/{id}/documents", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Announce a document of a contact",
		Description: "Send the file to the address in the answer, with its headers, within 15 minutes, and then call complete. PDF, pictures (JPEG, PNG, " +
			"GIF, WebP), Office and OpenDocument without macros, text and CSV, at most 10 MiB. A document that no entry or message uses is deleted after 7 days.",
		Errors: []int{http.StatusNotFound},
	}, h.createDocument)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "complete-document", Method: http.MethodPost, Path: "/v1/contacts/{id}/documents/{document}/complete", Tags: tags,
		Summary: "Tell that a document is uploaded", Description: "It is looked at: what it is by its content, not by its name. A file that is something else is deleted.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.completeDocument)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-document", Method: http.MethodGet, Path: "/v1/contacts/{id}/documents/{document}", Tags: tags,
		DefaultStatus: http.StatusSeeOther, Summary: "Download a document",
		Description: "Leads to the file by a link that works for a minute. It is always saved, never shown.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.getDocument)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "delete-document", Method: http.MethodDelete, Path: "/v1/contacts/{id}/documents/{document}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete a document that no entry uses",
		Description: "One that an entry uses goes with the entry, or by a change of it.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.deleteDocument)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "create-avatar", Method: http.MethodPost, Path: "/v1/contacts/{id}/avatar", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Announce a contact's picture",
		Description: "JPEG, PNG, WebP or GIF (its first frame), at most 5 MiB and 40 million pixels. Send it to the address in the answer, and then call complete.",
		Errors:      []int{http.StatusNotFound},
	}, h.createAvatar)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "complete-avatar", Method: http.MethodPost, Path: "/v1/contacts/{id}/avatar/complete", Tags: tags,
		Summary:     "Make an uploaded file the contact's picture",
		Description: "It is turned as the camera was held, cut to a square and kept in 512 and 96 pixels, without anything else that was in the file.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, h.completeAvatar)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-avatar", Method: http.MethodGet, Path: "/v1/contacts/{id}/avatar", Tags: tags,
		DefaultStatus: http.StatusSeeOther, Summary: "A contact's picture", Description: "Leads to the picture by a link that works for a minute.",
		Errors: []int{http.StatusNotFound},
	}, h.getAvatar)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "delete-avatar", Method: http.MethodDelete, Path: "/v1/contacts/{id}/avatar", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Take a contact's picture off", Errors: []int{http.StatusNotFound},
	}, h.deleteAvatar)
}

type fileUploadJSON struct {
	Method  string            `json:"method" example:"PUT"`
	URL     string            `json:"url" doc:"Where to send the file, for 15 minutes" example:"https://bucket.example/incoming/…"`
	Headers map[string]string `json:"headers" doc:"To be sent along as they are"`
}

type fileStateJSON struct {
	ID     string          `json:"id" example:"doc_01jd9z8b6rq7xkq1m0v4t2c5ye"`
	Name   string          `json:"name,omitempty" example:"sketch.pdf"`
	Type   string          `json:"type,omitempty" example:"application/pdf"`
	Size   int64           `json:"size" doc:"Bytes" example:"48213"`
	SHA256 string          `json:"sha256,omitempty" doc:"Of a complete document, in hex"`
	State  document.State  `json:"state" doc:"pending, ready, or used by an entry" enum:"pending,ready,used" example:"pending"`
	Upload *fileUploadJSON `json:"upload,omitempty" doc:"Of one that was just announced"`
}

type fileAnswer struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key announced it"`
	Body     fileStateJSON
}

func answerFile(f document.File) *fileAnswer {
	return &fileAnswer{Body: fileStateJSON{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, SHA256: f.SHA256, State: f.State}}
}

type createDocumentInput struct {
	ByID
	Making
	Body struct {
		Name string `json:"name" maxLength:"1000" doc:"With an ending that tells what it is; at most 200 characters" example:"sketch.pdf"`
		Size int64  `json:"size" minimum:"1" maximum:"10485760" doc:"Bytes, exactly" example:"48213"`
	}
}

func (h contactsAPI) createDocument(ctx context.Context, c caller, in *createDocumentInput) (*fileAnswer, error) {
	return h.announce(ctx, c, in.ID, document.File{Purpose: document.ForEntry, Name: in.Body.Name, Size: in.Body.Size}, in.Making)
}

// announce makes the record of a file and says where to send it.
func (h contactsAPI) announce(ctx context.Context, c caller, id string, f document.File, m Making) (*fileAnswer, error) {
	f.By, f.At = c.by.ID, h.clock.Now()
	b, o := h.open(c.site), m.once(c, f.At, "announce "+string(f.Purpose)+" "+id)
	var u transfer.Upload
	f, replayed, err := once(ctx, b.MadeBy, o, func() (_ document.File, err error) {
		f, u, err = document.Announce(ctx, b, h.files, c.site.ID, crm.ContactID(id), f, o)
		return f, err
	}, func(file string) (document.File, error) {
		f, err := b.GetFile(ctx, crm.ContactID(id), file)
		if err == nil && f.State == document.Pending {
			u, err = f.Upload(ctx, h.files, c.site.ID)
		}
		return f, err
	})
	if err != nil {
		return nil, err
	}
	a := answerFile(f)
	if a.Replayed = replayedHeader(replayed); f.State == document.Pending {
		a.Body.Upload = &fileUploadJSON{u.Method, u.URL, u.Headers}
	}
	return a, nil
}

type documentInput struct {
	ByID
	Document string `path:"document" doc:"The document's id" example:"doc_01jd9z8b6rq7xkq1m0v4t2c5ye"`
}

func (h contactsAPI) completeDocument(ctx context.Context, c caller, in *documentInput) (*fileAnswer, error) {
	f, err := document.Complete(ctx, h.open(c.site), h.files, c.site.ID, crm.ContactID(in.ID), in.Document, h.clock.Now())
	if err != nil {
		return nil, err
	}
	return answerFile(f), nil
}

type linkAnswer struct {
	Location     string `header:"Location" doc:"The file"`
	CacheControl string `header:"Cache-Control"`
}

func (h contactsAPI) link(ctx context.Context, key, name, kind string) (*linkAnswer, error) {
	to, err := h.files.PresignFile(ctx, key, name, kind, document.LinkFor)
	if err != nil {
		return nil, err
	}
	return &linkAnswer{Location: to, CacheControl: "no-store"}, nil
}

func (h contactsAPI) getDocument(ctx context.Context, c caller, in *documentInput) (*linkAnswer, error) {
	f, err := h.open(c.site).GetFile(ctx, crm.ContactID(in.ID), in.Document)
	if err == nil && f.Purpose != document.ForEntry {
		err = crm.Errorf(crm.NotFound, "the contact has no such document")
	}
	if err == nil && f.State == document.Pending {
		err = crm.Errorf(crm.Conflict, "the document is not complete; upload it, and call its complete")
	}
	if err != nil {
		return nil, err
	}
	return h.link(ctx, f.Key(c.site.ID), f.Name, f.Type)
}

func (h contactsAPI) deleteDocument(ctx context.Context, c caller, in *documentInput) (*struct{}, error) {
	b := h.open(c.site)
	f, err := b.GetFile(ctx, crm.ContactID(in.ID), in.Document)
	if err == nil && f.Purpose != document.ForEntry {
		err = crm.Errorf(crm.NotFound, "the contact has no such document")
	}
	if err != nil {
		return nil, err
	}
	return nil, b.DropFile(ctx, f)
}

type createAvatarInput struct {
	ByID
	Making
	Body struct {
		Size int64 `json:"size" minimum:"1" maximum:"5242880" doc:"Bytes, exactly" example:"231044"`
	}
}

func (h contactsAPI) createAvatar(ctx context.Context, c caller, in *createAvatarInput) (*fileAnswer, error) {
	return h.announce(ctx, c, in.ID, document.File{Purpose: document.ForAvatar, Size: in.Body.Size}, in.Making)
}

type completeAvatarInput struct {
	ByID
	Body struct {
		ID string `json:"id" maxLength:"100" doc:"What the announcement gave" example:"doc_01jd9z8b6rq7xkq1m0v4t2c5ye"`
	}
}

func (h contactsAPI) completeAvatar(ctx context.Context, c caller, in *completeAvatarInput) (*contactAnswer, error) {
	b := h.open(c.site)
	f, err := document.CompleteAvatar(ctx, b, h.files, c.site.ID, crm.ContactID(in.ID), in.Body.ID, h.clock.Now())
	if err != nil {
		return nil, err
	}
	return h.setAvatar(ctx, c, in.ID, f.ID)
}

func (h contactsAPI) setAvatar(ctx context.Context, c caller, id, file string) (*contactAnswer, error) {
	k, err := h.open(c.site).SetAvatar(ctx, crm.ContactID(id), file, timeline.Activity{At: h.clock.Now(), Source: c.by.Source(), By: c.by.ID})
	if err != nil {
		return nil, err
	}
	return answer(k, c.site.Policy()), nil
}

type getAvatarInput struct {
	ByID
	Size string `query:"size" enum:"96,512" default:"512" doc:"Width and height in pixels"`
}

func (h contactsAPI) getAvatar(ctx context.Context, c caller, in *getAvatarInput) (*linkAnswer, error) {
	b := h.open(c.site)
	k, err := b.Get(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	if k.Avatar == "" {
		return nil, crm.Errorf(crm.NotFound, "the contact has no picture")
	}
	f, err := b.GetFile(ctx, k.ID, k.Avatar)
	if err != nil {
		return nil, err
	}
	size, _ := strconv.Atoi(in.Size) // one of two
	return h.link(ctx, document.AvatarKey(c.site.ID, f.Contact, f.ID, size), "", f.Type)
}

func (h contactsAPI) deleteAvatar(ctx context.Context, c caller, in *ByID) (*struct{}, error) {
	_, err := h.setAvatar(ctx, c, in.ID, "")
	return nil, err
}
