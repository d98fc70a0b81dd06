package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
)

// JobBook has the jobs of a site, and what it calls things, for filters.
type JobBook interface {
	transfer.Jobs
	segment.Names
}

// Transfers is what the APIs of imports and exports are made of.
type Transfers struct {
	Open  func(site.Site) JobBook
	Files transfer.Files
	Queue transfer.Queue
	Clock crm.Clock

	log Log
}

// Log is the audit log, for what has no transaction of its own with it.
type Log interface {
	// Audit writes entries; one whose id stands in the log stays as it is.
	Audit(ctx context.Context, id crm.SiteID, entries ...audit.Entry) error
}

// note writes to the audit log what was done to a job, by a row that follows from the
// moment, so that one that is written again is the same.
func (t Transfers) note(ctx context.Context, c caller, what audit.Action, job string, at time.Time) error {
	e := audit.Note(c.by, requestID(ctx), t.Clock.Now(), what, job)
	e.ID = audit.DeriveID(at, string(what), job, c.by.ID)
	return t.log.Audit(ctx, c.site.ID, e)
}

// Audited is Callers with the log.
type Audited interface {
	Callers
	Log
}

// Imports is the API that starts imports and tells how they go.
func Imports(dir Audited, t Transfers) http.Handler {
	t.log = dir
	return serve(dir, t.Clock, MaxBody, func(a huma.API) { addImports(a, t) })
}

// Exports is the API that asks for exports and access files, and hands out their links.
func Exports(dir Audited, t Transfers, access AccessRequests) http.Handler {
	t.log, access.log = dir, dir
	return withClient(serve(dir, t.Clock, maxManyIDs, func(a huma.API) {
		addExports(a, t)
		addAccess(a, access)
	}))
}

// maxManyIDs holds the 10,000 ids that an export or a bulk action can be of.
const maxManyIDs = 512 << 10

func newJobID(prefix string, at time.Time) (string, error) {
	id, err := ulid.New(ulid.Timestamp(at), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("making the id of a job: %w", err)
	}
	return prefix + strings.ToLower(id.String()), nil
}

type countsJSON struct {
	Rows      int `json:"rows" doc:"Rows dealt with; the sum of created, updated, unchanged, merged and rejected" example:"500"`
	Created   int `json:"created" example:"480"`
	Updated   int `json:"updated" example:"5"`
	Unchanged int `json:"unchanged" example:"5"`
	Merged    int `json:"merged" doc:"Rows that joined a contact which an earlier row of this file had made or changed" example:"6"`
	Rejected  int `json:"rejected" doc:"Rows that were not taken; errors_url tells why" example:"4"`

	Incomplete int `json:"incomplete" doc:"Rows that went in without a cell, as the site has no such option, group or list (any more) or a contact has room for no more; errors_url tells which" example:"2"`
}

type uploadJSON struct {
	Method  string            `json:"method" example:"PUT"`
	URL     string            `json:"url" doc:"Send the file here, within an hour; it takes one upload of exactly the announced size"`
	Headers map[string]string `json:"headers" doc:"To be sent exactly so"`
}

type columnJSON struct {
	Name  string `json:"name" doc:"As the file calls it" example:"E-mailadres"`
	Field string `json:"field" doc:"The contact's field; empty: left out" example:"email"`
	Note  string `json:"note,omitempty" doc:"Why it is left out"`
}

type importJSON struct {
	ID        string         `json:"id" example:"imp_01k2abcdefghjkmnpqrstvwxyz"`
	State     transfer.State `json:"state" doc:"uploading, inspecting, ready (waits for a mapping), running, done, failed, cancelled" example:"running"`
	Filename  string         `json:"filename" example:"klanten.csv"`
	Counts    countsJSON     `json:"counts"`
	Total     int            `json:"total_rows" doc:"Rows in the file, known from running on"`
	Progress  float64        `json:"progress" doc:"0 to 1" example:"0.4"`
	Columns   []columnJSON   `json:"columns" nullable:"false" doc:"What each column is taken for, known after inspecting"`
	Encoding  string         `json:"encoding,omitempty" example:"utf-8"`
	Delimiter string         `json:"delimiter,omitempty" example:";"`
	Detail    string         `json:"detail,omitempty" doc:"Why it failed or what it waits for"`
	ErrorsURL string         `json:"errors_url,omitempty" doc:"A CSV file of the rejected and incomplete rows with row, line, column, value and reason; valid for 15 minutes"`
	Upload    *uploadJSON    `json:"upload,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

type importAnswer struct {
	Location   string `header:"Location"`
	Replayed   string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key started it"`
	RetryAfter string `header:"Retry-After"`
	Body       importJSON
}

type importOptions struct {
	Existing transfer.Existing `json:"existing,omitempty" enum:"update,fill,skip" default:"update" doc:"What happens to contacts that are known: update, fill only what is empty, or skip"`
	Tags     []string          `json:"tags,omitempty" doc:"Given to every row"`
	Status   contact.Status    `json:"status,omitempty" doc:"For new contacts whose row says none; lead if not given"`
}

type startInput struct {
	Making
	Body struct {
		Filename string            `json:"filename" minLength:"1" maxLength:"255" example:"klanten.csv"`
		Size     int64             `json:"size" doc:"The exact size of the file in bytes, at most 1 GiB" example:"135485"`
		Mapping  map[string]string `json:"mapping,omitempty" doc:"Column name, or its number from 1, to field; an empty field leaves the column out. Columns that are not named are recognised"`
		Options  importOptions     `json:"options,omitempty"`
	}
}

type ImportByID struct {
	ID string `path:"id" maxLength:"64" example:"imp_01k2abcdefghjkmnpqrstvwxyz"`
}

func addImports(api huma.API, t Transfers) {
	tags := []string{"Imports"}
	operation(api, site.ContactsImport, huma.Operation{
		OperationID: "start-import", Method: http.MethodPost, Path: "/v1/imports", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary: "Start an import",
		Description: "Answers where to send the file. The import starts by itself when the file has arrived and the column of the e-mail " +
			"address is recognised by its name, in Dutch, English, German or French, or named in `mapping`.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, t.startImport)
	operation(api, site.ContactsImport, huma.Operation{
		OperationID: "list-imports", Method: http.MethodGet, Path: "/v1/imports", Tags: tags, Summary: "The newest 100 imports",
	}, t.listImports)
	operation(api, site.ContactsImport, huma.Operation{
		OperationID: "get-import", Method: http.MethodGet, Path: "/v1/imports/{id}", Tags: tags, Summary: "How an import goes",
		Errors: []int{http.StatusNotFound},
	}, t.getImport)
	operation(api, site.ContactsImport, huma.Operation{
		OperationID: "run-import", Method: http.MethodPost, Path: "/v1/imports/{id}/start", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary:     "Start an import whose file has arrived",
		Description: "For an import that is ready and waits for a mapping, or whose file arrived unnoticed. Safe to repeat.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
	}, t.runImport)
	operation(api, site.ContactsImport, huma.Operation{
		OperationID: "cancel-import", Method: http.MethodPost, Path: "/v1/imports/{id}/cancel", Tags: tags,
		Summary:     "Cancel an import",
		Description: "Rows that were brought in stay. Safe to repeat.", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, t.cancelImport)
}

// Resolve has the rules looked at where something else is at fault already.
func (in *startInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		j := in.job()
		return j.CheckImport(c.site)
	})
}

func (in *startInput) job() transfer.Job {
	o := in.Body.Options
	return transfer.Job{Filename: in.Body.Filename, Size: in.Body.Size, Mapping: in.Body.Mapping,
		Options: transfer.Options{Existing: o.Existing, Tags: o.Tags, Status: o.Status}}
}

func (t Transfers) startImport(ctx context.Context, c caller, in *startInput) (*importAnswer, error) {
	now := t.Clock.Now()
	id, err := newJobID("imp_", now)
	if err != nil {
		return nil, err
	}
	b, o := t.Open(c.site), in.once(c, now, "start-import")
	var up transfer.Upload
	j, replayed, err := once(ctx, b.MadeBy, o, func() (transfer.Job, error) {
		j := in.job()
		j.ID, j.By, j.CreatedAt = id, c.by.ID, now
		j, up, err = transfer.Start(ctx, b, t.Files, c.site, j, o, audit.Note(c.by, requestID(ctx), now, audit.ImportStarted, id))
		return j, err
	}, func(id string) (transfer.Job, error) {
		j, err := b.Job(ctx, id)
		if err == nil && j.State == transfer.Uploading {
			up, err = j.Upload(ctx, t.Files, c.site)
		}
		return j, err
	})
	if err != nil {
		return nil, err
	}
	out, err := t.importAnswer(ctx, j)
	if err != nil {
		return nil, err
	}
	out.Location, out.Replayed = "/v1/imports/"+j.ID, replayedHeader(replayed)
	if j.State == transfer.Uploading {
		out.Body.Upload = &uploadJSON{up.Method, up.URL, up.Headers}
	}
	return out, nil
}

func (t Transfers) importAnswer(ctx context.Context, j transfer.Job) (*importAnswer, error) {
	b := importJSON{ID: j.ID, State: j.State, Filename: j.Filename, Counts: countsJSON(j.Counts), Total: j.Total, Columns: []columnJSON{},
		Encoding: j.Encoding, Delimiter: j.Comma, Detail: j.Fault, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt}
	for _, c := range j.Columns {
		b.Columns = append(b.Columns, columnJSON(c))
	}
	switch {
	case j.State == transfer.Done:
		b.Progress = 1
	case j.Total > 0:
		b.Progress = float64(j.Counts.Rows) / float64(j.Total)
	}
	if j.ErrFile != "" {
		u, err := t.Files.PresignGet(ctx, j.ErrFile, "errors-"+j.ID+".csv", transfer.DownloadFor)
		if err != nil {
			return nil, err
		}
		b.ErrorsURL = u
	}
	out := &importAnswer{Body: b}
	if !j.State.Ended() {
		out.RetryAfter = "1"
	}
	return out, nil
}

// job reads a job of a kind; another kind's is not found.
func (t Transfers) job(ctx context.Context, c caller, kind transfer.Kind, id string) (transfer.Job, error) {
	j, err := t.Open(c.site).Job(ctx, id)
	if err == nil && j.Kind != kind {
		err = crm.Errorf(crm.NotFound, "there is no such %s on this site", kind)
	}
	return j, err
}

func (t Transfers) getImport(ctx context.Context, c caller, in *ImportByID) (*importAnswer, error) {
	j, err := t.job(ctx, c, transfer.Import, in.ID)
	if err != nil {
		return nil, err
	}
	return t.importAnswer(ctx, j)
}

type importsAnswer struct {
	Body struct {
		Imports []importJSON `json:"imports" nullable:"false"`
	}
}

func (t Transfers) listImports(ctx context.Context, c caller, _ *struct{}) (*importsAnswer, error) {
	jobs, err := t.Open(c.site).ListJobs(ctx, transfer.Import, 100)
	if err != nil {
		return nil, err
	}
	out := &importsAnswer{}
	out.Body.Imports = make([]importJSON, len(jobs))
	for i, j := range jobs {
		j.ErrFile = "" // links are made for one import at a time
		a, err := t.importAnswer(ctx, j)
		if err != nil {
			return nil, err
		}
		out.Body.Imports[i] = a.Body
	}
	return out, nil
}

type runInput struct {
	ImportByID
	Body struct {
		Mapping map[string]string `json:"mapping,omitempty" doc:"As for starting an import; replaces what was given then"`
	}
}

func (t Transfers) runImport(ctx context.Context, c caller, in *runInput) (*importAnswer, error) {
	if _, err := t.job(ctx, c, transfer.Import, in.ID); err != nil {
		return nil, err
	}
	j, err := transfer.Resume(ctx, t.Open(c.site), t.Queue, c.site, in.ID, in.Body.Mapping, t.Clock.Now())
	if err != nil {
		return nil, err
	}
	return t.importAnswer(ctx, j)
}

func (t Transfers) cancelImport(ctx context.Context, c caller, in *ImportByID) (*importAnswer, error) {
	if _, err := t.job(ctx, c, transfer.Import, in.ID); err != nil {
		return nil, err
	}
	j, err := transfer.Cancel(ctx, t.Open(c.site), in.ID, t.Clock.Now())
	if err == nil {
		err = t.note(ctx, c, audit.ImportCancelled, j.ID, j.UpdatedAt)
	}
	if err != nil {
		return nil, err
	}
	return t.importAnswer(ctx, j)
}

type exportJSON struct {
	ID     string         `json:"id" example:"exp_01k2abcdefghjkmnpqrstvwxyz"`
	State  transfer.State `json:"state" doc:"running, done or failed" example:"done"`
	Format string         `json:"format" example:"csv"`
	URL    string         `json:"url,omitempty" doc:"Where the file is; valid for 15 minutes, ask again for a fresh one. The file is kept for 7 days"`
	Counts struct {
		Rows int `json:"rows" doc:"Contacts in the file, known when it is done" example:"500"`
	} `json:"counts"`
	Detail    string    `json:"detail,omitempty" doc:"Why it failed, or where the file is"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type exportAnswer struct {
	Location   string `header:"Location"`
	Replayed   string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key asked for it"`
	RetryAfter string `header:"Retry-After"`
	Body       exportJSON
}

type exportInput struct {
	Making
	Body struct {
		Format  string   `json:"format,omitempty" enum:"csv" default:"csv"`
		Filter  string   `json:"filter,omitempty" maxLength:"2048" doc:"Which contacts, for example status = \"customer\" AND tags:vip. A tag that the site has not made, and that no contact has, is refused; in a book of more than 20,000 contacts it is taken as it is" example:"status = \"customer\""`
		IDs     []string `json:"ids,omitempty" minItems:"1" doc:"Which contacts, at most 10,000; not together with a filter"`
		Columns []string `json:"columns,omitempty" minItems:"1" doc:"Which columns, in this order; all if not given"`
	}
}

type ExportByID struct {
	ID string `path:"id" maxLength:"64" example:"exp_01k2abcdefghjkmnpqrstvwxyz"`
}

func addExports(api huma.API, t Transfers) {
	tags := []string{"Exports"}
	operation(api, site.ContactsExport, huma.Operation{
		OperationID: "request-export", Method: http.MethodPost, Path: "/v1/exports", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: -1,
		Summary:     "Ask for an export",
		Description: "The file is written in the background: comma-separated, UTF-8 with a byte-order mark, safe to open in a spreadsheet. It can be imported again unchanged.",
		Errors:      []int{http.StatusRequestEntityTooLarge},
	}, t.requestExport)
	operation(api, site.ContactsExport, huma.Operation{
		OperationID: "get-export", Method: http.MethodGet, Path: "/v1/exports/{id}", Tags: tags, Summary: "How an export goes, and its link",
		Errors: []int{http.StatusNotFound},
	}, t.getExport)
}

func (t Transfers) requestExport(ctx context.Context, c caller, in *exportInput) (*exportAnswer, error) {
	now := t.Clock.Now()
	id, err := newJobID("exp_", now)
	if err != nil {
		return nil, err
	}
	j := transfer.Job{ID: id, By: c.by.ID, CreatedAt: now, Format: in.Body.Format, Filter: in.Body.Filter, Choice: in.Body.Columns}
	for _, id := range in.Body.IDs {
		j.IDs = append(j.IDs, crm.ContactID(id))
	}
	b, o := t.Open(c.site), in.once(c, now, "request-export")
	j, replayed, err := once(ctx, b.MadeBy, o, func() (transfer.Job, error) {
		var faults crm.Faults
		if err := segment.CheckNames(ctx, j.Filter, c.site, b, &faults, "/filter"); err != nil {
			return j, err
		}
		if len(faults) > 0 {
			return j, faults.With(j.CheckExport(c.site))
		}
		return transfer.Request(ctx, b, t.Queue, c.site, j, o, audit.Note(c.by, requestID(ctx), now, audit.ExportStarted, id))
	}, func(id string) (transfer.Job, error) {
		j, err := b.Job(ctx, id)
		if err == nil {
			err = transfer.Again(ctx, t.Queue, c.site, j)
		}
		return j, err
	})
	if err != nil {
		return nil, err
	}
	out, err := t.exportAnswer(ctx, c, j)
	if err != nil {
		return nil, err
	}
	out.Location, out.Replayed = "/v1/exports/"+j.ID, replayedHeader(replayed)
	return out, nil
}

func (t Transfers) getExport(ctx context.Context, c caller, in *ExportByID) (*exportAnswer, error) {
	j, err := t.job(ctx, c, transfer.Export, in.ID)
	if err != nil {
		return nil, err
	}
	return t.exportAnswer(ctx, c, j)
}

func (t Transfers) exportAnswer(ctx context.Context, c caller, j transfer.Job) (*exportAnswer, error) {
	out := &exportAnswer{Body: exportJSON{ID: j.ID, State: j.State, Format: j.Format, Detail: j.Fault, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt}}
	out.Body.Counts.Rows = j.Total
	if j.State == transfer.Done && t.Clock.Now().Sub(j.UpdatedAt) > transfer.KeptFor {
		out.Body.Detail = "the file was kept for 7 days and is gone; ask for a new export"
	} else if j.State == transfer.Done {
		// The handing out of a link is noted before it is done, once an hour and actor, as pages
		// ask again and again: nothing leaves the book without a row.
		if err := t.note(ctx, c, audit.ExportDownloaded, j.ID, t.Clock.Now().Truncate(time.Hour)); err != nil {
			return nil, err
		}
		u, err := t.Files.PresignGet(ctx, j.Result, "contacts-"+j.UpdatedAt.Format(time.DateOnly)+".csv", transfer.DownloadFor)
		if err != nil {
			return nil, err
		}
		out.Body.URL = u
	} else if !j.State.Ended() {
		out.RetryAfter = "1"
	}
	return out, nil
}
