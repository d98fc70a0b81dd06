package transfer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer/csv"
	"clientele/internal/domain/transfer/text"
)

// The life of an import, every step of which may be repeated or cut off:
//
//	inspect  reads the upload once for its encoding (and keeps a copy in UTF-8 if
//	         it is another), recognises the columns, and cuts it into chunks at
//	         record borders: the manifest, a file. Then the job is running, and one
//	         message a chunk is sent.
//	run      brings the rows of a chunk in, in transactions of many, and records the
//	         chunk and its counts in one transaction. Chunks run side by side, so
//	         rows that may share a contact with an earlier row are left out here.
//	tail     brings those in, chunk after chunk, in the order of the file, in one
//	         task at a time. So the outcome is that of the rows one by one, whatever ran
//	         side by side.
//	finish   joins the parts of the error file; the job is done.
//	watch    comes every 20 seconds while the job runs. If no chunk has ended since
//	         the last time it sends the first of the missing ones again: the message
//	         of a worker that was killed before it could hold it would else be away for
//	         minutes. After three hours without any it gives the job up.
//
// What a worker had brought in before it was killed it recognises by the mark
// that each contact carries (contact.ImportMark), and counts it as it was.
type Importer struct {
	Files Files
	Queue Queue
	Clock crm.Clock
}

type outcome int

const (
	created outcome = iota
	updated
	unchanged
	merged
	rejected
	erased // rejected, as the person is not to come back
)

// ErrNotYet tells that a step came too early and is to be tried again.
var ErrNotYet = errors.New("it is too early for this step")

// Start makes an import that waits for its file.
func Start(ctx context.Context, jobs Jobs, files Files, s site.Site, j Job, once *contact.Once, log ...audit.Entry) (Job, Upload, error) {
	if err := j.CheckImport(s); err != nil {
		return j, Upload{}, err
	}
	j.Kind, j.State, j.UpdatedAt = Import, Uploading, j.CreatedAt
	if err := jobs.CreateJob(ctx, j, once, log...); err != nil {
		return j, Upload{}, err
	}
	up, err := j.Upload(ctx, files, s)
	return j, up, err
}

// CheckImport finds everything at fault in what an import is asked to do, and puts what is not
// said; crm.PlanRequired for a status that the plan lacks.
func (j *Job) CheckImport(s site.Site) error {
	var faults crm.Faults
	name := strings.ToLower(j.Filename)
	switch {
	case j.Filename == "" || len(j.Filename) > 255:
		faults.Add("/filename", "give the name of the file, at most 255 bytes")
	case strings.HasSuffix(name, ".xlsx") || strings.HasSuffix(name, ".xls") || strings.HasSuffix(name, ".ods") || strings.HasSuffix(name, ".numbers"):
		faults.Add("/filename", "spreadsheet files are not read; save it as CSV and import that")
	}
	if j.Size < 1 || j.Size > MaxFile {
		faults.Add("/size", "give the exact size of the file in bytes, 1 to %d (1 GiB)", int64(MaxFile))
	}
	checkMapping(j.Mapping, s.Policy(), &faults)
	if j.Options.Existing == "" {
		j.Options.Existing = Update
	}
	if !slices.Contains([]Existing{Update, Fill, Skip}, j.Options.Existing) {
		faults.Add("/options/existing", "existing is update, fill or skip")
	}
	var refused error
	if o := &j.Options; o.Status != "" {
		pol := s.Policy()
		if named, ok := pol.StatusOf(string(o.Status)); ok {
			o.Status = named
		}
		if ids := pol.StatusIDs(); !slices.Contains(ids, o.Status) {
			faults.Add("/options/status", "a status is one of %s", crm.Join(ids))
		} else {
			refused = pol.MayHave(o.Status)
		}
	}
	if len(j.Options.Tags) > 20 {
		faults.Add("/options/tags", "at most 20 tags can be given to all rows")
	}
	for i, t := range j.Options.Tags {
		if len([]rune(t)) > contact.MaxTag {
			faults.Add(fmt.Sprintf("/options/tags/%d", i), "a tag has at most %d characters", contact.MaxTag)
		}
	}
	if len(j.Mapping) > csv.MaxColumns {
		faults.Add("/mapping", "a file has at most %d columns", csv.MaxColumns)
	}
	return faults.With(refused)
}

// Upload is where the file of an import is sent.
func (j Job) Upload(ctx context.Context, files Files, s site.Site) (Upload, error) {
	return files.PresignPut(ctx, uploadKey(s.ID, j.ID), j.Size, UploadFor)
}

// UploadedJob reads the key of an upload, as a storage event names it.
func UploadedJob(key string) (crm.SiteID, string, bool) {
	rest, ok := strings.CutPrefix(key, "uploads/")
	id, job, cut := strings.Cut(rest, "/")
	return crm.SiteID(id), job, ok && cut && crm.SiteID(id).Valid() && job != "" && !strings.Contains(job, "/")
}

// Do carries out one task. An error means that the task is to be delivered
// again; a task that can never succeed ends its job and returns nil.
func (im *Importer) Do(ctx context.Context, b Book, s site.Site, t Task) error {
	j, err := b.Job(ctx, t.Job)
	if crm.CodeOf(err) == crm.NotFound || err == nil && (j.State.Ended() || j.Kind != Import) {
		return nil
	}
	if err != nil {
		return err
	}
	switch t.Step {
	case StepInspect:
		err = im.inspect(ctx, b, s, j)
	case StepRun, StepTail:
		err = im.chunk(ctx, b, s, j, t)
	case StepWatch:
		err = im.watch(ctx, b, s, j, t)
	default:
		return fmt.Errorf("import %s: there is no step %q", j.ID, t.Step)
	}
	var e *crm.Error
	if errors.As(err, &e) && e.Code == crm.Invalid {
		return im.fail(ctx, b, j, e.Detail)
	}
	if err != nil {
		return fmt.Errorf("import %s, %s: %w", j.ID, t.Step, err)
	}
	return nil
}

func (im *Importer) fail(ctx context.Context, b Jobs, j Job, why string) error {
	return failJob(ctx, b, j.ID, im.Clock.Now(), why)
}

// GiveUp ends a job whose task failed too often, for a reason that is in the logs.
func GiveUp(ctx context.Context, b Jobs, id string, now time.Time) error {
	return failJob(ctx, b, id, now, "something went wrong on our side, several times in a row; start it again, and tell us the id of this job if it fails again. What an import brought in stays")
}

func failJob(ctx context.Context, b Jobs, id string, now time.Time, why string) error {
	_, err := b.ChangeJob(ctx, id, now, func(j *Job) error {
		if j.State.Ended() {
			return contact.ErrUnchanged
		}
		j.State, j.Fault = Failed, why
		return nil
	})
	if crm.CodeOf(err) == crm.NotFound {
		return nil
	}
	return err
}

// sampleBytes decide on delimiter, header and columns.
const sampleBytes = 256 << 10

func (im *Importer) inspect(ctx context.Context, b Book, s site.Site, j Job) error {
	if j.State == Running {
		return im.dispatch(ctx, b, s, j) // planned before; perhaps not all messages went out
	}
	j, err := b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		if j.State != Uploading && j.State != Inspecting && j.State != Ready {
			return contact.ErrUnchanged
		}
		j.State, j.Fault = Inspecting, ""
		return nil
	})
	if err != nil {
		return err
	}
	if j.State != Inspecting {
		return nil
	}
	if j.File == "" {
		if j, err = im.readable(ctx, b, s, j); err != nil || j.State != Inspecting {
			return err
		}
	}
	f, err := im.Files.Read(ctx, j.File, j.ETag, 0, -1)
	if err != nil {
		return err
	}
	sample, err := io.ReadAll(io.LimitReader(f, sampleBytes))
	f.Close()
	if err != nil {
		return err
	}
	d, skip, columns, err := look(sample, j.Mapping, s.Policy())
	if err != nil {
		return err
	}
	wait := ""
	if lacking := unmatched(columns, j.Mapping); len(lacking) > 0 {
		wait = fmt.Sprintf("the mapping names %s, which the file does not have; its columns are %s", quoted(lacking), quoted(columnNames(columns)))
	} else if columnOf(columns, "email") == "" && columnOf(columns, "email_2") == "" {
		wait = "no column was recognised as the e-mail address; say in mapping which one it is and start the import again"
	}
	if wait == "" {
		return im.plan(ctx, b, s, j, d, skip, columns)
	}
	_, err = b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		if j.State != Inspecting {
			return contact.ErrUnchanged
		}
		j.State, j.Columns, j.Comma = Ready, columns, string(rune(d.Comma))
		j.Fault = wait
		return nil
	})
	return err
}

// readable finds out how the upload is written and, if that is not UTF-8,
// writes a copy that is.
func (im *Importer) readable(ctx context.Context, b Book, s site.Site, j Job) (Job, error) {
	key := uploadKey(s.ID, j.ID)
	size, etag, err := im.Files.Stat(ctx, key)
	if errors.Is(err, ErrNoFile) {
		// Started before the upload: back to waiting for it.
		return b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
			j.State, j.Fault = Uploading, "the file has not arrived yet; upload it with the request in upload"
			return nil
		})
	}
	if err != nil {
		return j, err
	}
	if size != j.Size {
		return j, crm.Errorf(crm.Invalid, "the file has %d bytes, %d were announced", size, j.Size)
	}
	f, err := im.Files.Read(ctx, key, etag, 0, -1)
	if err != nil {
		return j, err
	}
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		f.Close()
		return j, err
	}
	if what := foreign(head[:n]); what != "" {
		f.Close()
		return j, crm.Errorf(crm.Invalid, "this is %s, not a CSV file; open it in a spreadsheet program, save it as CSV and import that", what)
	}
	info, err := text.Detect(io.MultiReader(bytes.NewReader(head[:n]), f))
	f.Close()
	if err != nil {
		return j, unreadable(err)
	}
	if info.Encoding != text.UTF8 {
		if f, err = im.Files.Read(ctx, key, etag, 0, -1); err != nil {
			return j, err
		}
		defer f.Close()
		key = workKey(s.ID, j.ID, "utf8.csv")
		w := im.Files.Create(ctx, key, "text/csv; charset=utf-8")
		if _, err := io.Copy(w, text.NewDecoder(f, info.Encoding)); err != nil {
			w.Abort()
			return j, unreadable(err)
		}
		if err := w.Close(); err != nil {
			return j, err
		}
		if _, etag, err = im.Files.Stat(ctx, key); err != nil {
			return j, err
		}
	}
	return b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		if j.State != Inspecting {
			return contact.ErrUnchanged
		}
		j.File, j.ETag, j.Encoding = key, etag, string(info.Encoding)
		return nil
	})
}

// foreign names a kind of file by its first bytes; "" for what may be text.
func foreign(head []byte) string {
	for magic, what := range map[string]string{
		"PK\x03\x04": "an Excel, OpenDocument or ZIP file", "\xd0\xcf\x11\xe0": "an old Excel file", "%PDF": "a PDF file",
		"\x1f\x8b": "a compressed file", "\x89PNG": "a picture", "\xff\xd8\xff": "a picture", "GIF8": "a picture",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return what
		}
	}
	return ""
}

func unreadable(err error) error {
	var d *text.DecodeError
	if errors.As(err, &d) {
		return crm.Errorf(crm.Invalid, "the file cannot be read as text: %s", d)
	}
	return err
}

// look finds delimiter, header and columns at the beginning of a file; skip is
// how many rows stand above the data.
func look(sample []byte, mapping map[string]string, pol contact.Policy) (d csv.Dialect, skip int, columns []Column, err error) {
	d = csv.Sniff(sample)
	rows, err := Sample(bytes.NewReader(sample), d, 100)
	if err != nil {
		return d, 0, nil, err
	}
	if len(sample) == sampleBytes && len(rows) > 1 && len(rows) < 100 {
		rows = rows[:len(rows)-1] // cut off by the sample's end
	}
	if len(rows) == 0 {
		return d, 0, nil, crm.Errorf(crm.Invalid, "the file is empty; give one with a row of column names and at least one contact")
	}
	guess := Guess(rows)
	if guess.Header < 0 {
		guess.Header = mappedHeader(rows, mapping) // names that only the caller knows
	}
	if guess.Header < 0 && strangeHeader(rows, guess, mapping) {
		guess.Header = 0
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r))
	}
	if guess.Header >= 0 {
		width = len(rows[guess.Header])
	}
	for i := range width {
		c := Column{Name: fmt.Sprintf("column %d", i+1)}
		if guess.Header >= 0 && clean(rows[guess.Header][i]) != "" {
			c.Name = clean(rows[guess.Header][i])
		}
		if i < len(guess.Columns) {
			c.Field, c.Note = string(guess.Columns[i].Field), guess.Columns[i].Note
			if f, ok := siteField(c.Name, pol); ok && (f.Name() == c.Name || guess.Columns[i].Confidence < 1) {
				c.Field, c.Note = f.Name(), ""
				if slices.ContainsFunc(columns, func(o Column) bool { return o.Field == f.Name() }) {
					c.Field, c.Note = "", "another column holds this field already"
				}
			}
		}
		columns = append(columns, c)
	}
	assign(columns, mapping, pol)
	for i := range columns {
		if err := pol.MayHave(contact.Customer); err != nil && columns[i].Field == string(FieldStatus) {
			var e *crm.Error
			errors.As(err, &e)
			columns[i].Note = "customer and VIP are not taken: " + e.Detail
		}
	}
	return d, guess.Header + 1, columns, nil
}

// mapped is what the caller said of the n-th column (from 0), by name or number.
func mapped(mapping map[string]string, name string, n int) (field string, ok bool) {
	for k, f := range mapping {
		if strings.EqualFold(clean(k), name) {
			return f, true
		}
	}
	field, ok = mapping[strconv.Itoa(n+1)]
	return field, ok
}

// mappedHeader is the first row that has a cell with a name of the mapping.
func mappedHeader(rows [][]string, mapping map[string]string) int {
	return slices.IndexFunc(rows, func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool {
			_, ok := mapped(mapping, clean(cell), -1)
			return ok && clean(cell) != ""
		})
	})
}

// strangeHeader reports whether the first row is one of names that nobody knows:
// it has no address in a column where the other rows have one.
func strangeHeader(rows [][]string, guess Layout, mapping map[string]string) bool {
	address := func(row []string, column int) bool {
		if column >= len(row) {
			return false
		}
		_, err := crm.ParseEmail(clean(row[column]))
		return err == nil
	}
	return len(rows) > 1 && slices.ContainsFunc(columnsOf(rows), func(i int) bool {
		by, _ := mapped(mapping, "", i)
		return (by == "email" || guess.Index(FieldEmail) == i) && !address(rows[0], i) && address(rows[1], i)
	})
}

func columnsOf(rows [][]string) []int {
	out := make([]int, len(rows[0]))
	for i := range out {
		out[i] = i
	}
	return out
}

// unmatched are the names of a mapping that no column has.
func unmatched(columns []Column, mapping map[string]string) []string {
	var out []string
	for k := range mapping {
		if !slices.ContainsFunc(columns, func(c Column) bool { return strings.EqualFold(clean(k), c.Name) }) {
			if n, err := strconv.Atoi(k); err != nil || n < 1 || n > len(columns) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

func columnNames(columns []Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

func quoted(names []string) string {
	if len(names) > 30 {
		names = append(slices.Clone(names[:30]), "…")
	}
	return `"` + strings.Join(names, `", "`) + `"`
}

// assign applies the caller's mapping and leaves out what an import does not take.
func assign(columns []Column, mapping map[string]string, pol contact.Policy) {
	given, said := map[string]bool{}, make([]bool, len(columns))
	for i := range columns {
		c := &columns[i]
		if f, _ := Recognise(c.Name); f == FieldPassword {
			c.Field, c.Note = "", "passwords are never taken"
		} else if f, ok := mapped(mapping, c.Name, i); ok {
			c.Field, c.Note, said[i] = f, "", true
			if f == "" {
				c.Note = "left out as the mapping says"
			}
			given[f] = true
		} else if c.Field != "" && !importable(c.Field, pol) {
			c.Field, c.Note = "", "this is not kept by an import"
		}
	}
	for i := range columns { // a guess gives way to what the caller said
		if c := &columns[i]; c.Field != "" && given[c.Field] && !said[i] {
			c.Field, c.Note = "", "another column was mapped to this field"
		}
	}
}

var special = []string{"email", "email_2", "email_3", "name", "last_name_prefix", "house_number", "house_number_suffix",
	"billing_house_number", "billing_house_number_suffix", "shipping_house_number", "shipping_house_number_suffix", "tags", "group", "status", "newsletter_lists", "consent", "opt_out", "external_id", "birth_date"}

// ImportFields are the fields that a column can be mapped to.
func ImportFields(pol contact.Policy) []string {
	out := slices.Clone(special)
	for _, n := range contact.TextFields() {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	out = append(out, contact.VisitFields()...)
	for _, f := range pol.Custom {
		out = append(out, f.Name())
	}
	return out
}

func importable(field string, pol contact.Policy) bool {
	return slices.Contains(ImportFields(pol), field)
}

// siteField is the site's own field of a column: by custom.<key> as an export names
// it, by its key or its label, without case.
func siteField(column string, pol contact.Policy) (contact.FieldDef, bool) {
	for _, name := range []func(contact.FieldDef) string{contact.FieldDef.Name,
		func(f contact.FieldDef) string { return f.Key }, func(f contact.FieldDef) string { return contact.Trim(f.Label) }} {
		for _, f := range pol.Custom {
			if strings.EqualFold(name(f), column) {
				return f, true
			}
		}
	}
	return contact.FieldDef{}, false
}

// plan cuts the file into chunks and starts the job.
func (im *Importer) plan(ctx context.Context, b Book, s site.Site, j Job, d csv.Dialect, skip int, columns []Column) error {
	f, err := im.Files.Read(ctx, j.File, j.ETag, 0, -1)
	if err != nil {
		return err
	}
	defer f.Close()
	manifest := im.Files.Create(ctx, workKey(s.ID, j.ID, "manifest.jsonl"), "application/jsonl")
	out := json.NewEncoder(manifest)
	chunks, tails := 0, 0
	sum, err := Plan(f, PlanOptions{
		Dialect: d, Skip: skip, ChunkRows: chunkRows, ChunkBytes: chunkBytes, Keys: keys(columns),
	}, func(c Chunk) error {
		chunks++
		if len(c.Deferred) > 0 {
			tails++
		}
		return out.Encode(c)
	})
	if err == nil {
		err = manifest.Close()
	} else {
		manifest.Abort()
	}
	if err != nil {
		return err
	}
	if sum.Rows == 0 {
		return crm.Errorf(crm.Invalid, "the file has column names and no rows; give one with at least one contact")
	}
	j, err = b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		if j.State != Inspecting {
			return contact.ErrUnchanged
		}
		j.State, j.Columns, j.Comma, j.Total, j.Chunks, j.Tails = Running, columns, string(rune(d.Comma)), sum.Rows, chunks, tails
		return nil
	})
	if err != nil || j.State != Running {
		return err
	}
	return im.dispatch(ctx, b, s, j)
}

// keys are the identities of a row as numbers, for the planner to see whether an
// earlier row may have had one of them.
func keys(columns []Column) func([][]byte, []uint64) []uint64 {
	var at []int
	for i, c := range columns {
		switch c.Field {
		case "email", "email_2", "email_3", "external_id":
			at = append(at, i)
		}
	}
	return func(fields [][]byte, out []uint64) []uint64 {
		for _, i := range at {
			if i >= len(fields) {
				break
			}
			v := clean(string(fields[i]))
			if v == "" {
				continue
			}
			for _, part := range identityParts(columns[i].Field, v) {
				if e, err := crm.ParseEmail(part); err == nil {
					part = crm.EmailKey(e)
				}
				out = append(out, KeyHash(columns[i].Field[:2], part))
			}
		}
		return out
	}
}

// dispatch sends one message a chunk. Sent twice, they do no harm.
func (im *Importer) dispatch(ctx context.Context, b Book, s site.Site, j Job) error {
	if j.Sent { // somebody asked again, perhaps as nothing moves any more
		return im.watch(ctx, b, s, j, Task{Ended: j.Ended})
	}
	var batch []Task
	err := im.manifest(ctx, s, j, func(c Chunk) error {
		batch = append(batch, Task{Site: s.ID, Job: j.ID, Step: StepRun, Chunk: &c})
		if len(batch) < 10 {
			return nil
		}
		err := im.Queue.SendTask(ctx, batch...)
		batch = nil
		return err
	})
	if err == nil && len(batch) > 0 {
		err = im.Queue.SendTask(ctx, batch...)
	}
	if err != nil {
		return err
	}
	if err := im.Queue.SendLater(ctx, watchEvery, Task{Site: s.ID, Job: j.ID, Step: StepWatch}); err != nil {
		return err
	}
	_, err = b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		j.Sent = true
		return nil
	})
	return err
}

func (im *Importer) watch(ctx context.Context, b Book, s site.Site, j Job, t Task) error {
	if j.State != Running {
		return nil
	}
	next := Task{Site: s.ID, Job: j.ID, Step: StepWatch, Ended: j.Ended}
	if j.Ended == t.Ended {
		if next.Stalls = t.Stalls + 1; next.Stalls > maxStalls {
			return im.fail(ctx, b, j, "the import stopped: nothing moved for three hours. What was brought in stays; importing the file again goes on from there")
		}
		err := error(nil)
		if j.Ended >= j.Chunks {
			err = im.advance(ctx, b, s, j)
		} else {
			err = im.resend(ctx, b, s, j)
		}
		if err != nil {
			return err
		}
	}
	return im.Queue.SendLater(ctx, watchEvery, next)
}

// resend sends the first of the chunks that have not ended. Those that only wait
// their turn come twice, which does no harm and stays few.
func (im *Importer) resend(ctx context.Context, b Book, s site.Site, j Job) error {
	var batch []Task
	enough := errors.New("enough")
	err := im.manifest(ctx, s, j, func(c Chunk) error {
		if ended, err := b.ChunkEnded(ctx, j.ID, chunkName(StepRun, c.N)); err != nil || ended {
			return err
		}
		if batch = append(batch, Task{Site: s.ID, Job: j.ID, Step: StepRun, Chunk: &c}); len(batch) == resendMost {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	return im.Queue.SendTask(ctx, batch...)
}

func (im *Importer) manifest(ctx context.Context, s site.Site, j Job, visit func(Chunk) error) error {
	f, err := im.Files.Read(ctx, workKey(s.ID, j.ID, "manifest.jsonl"), "", 0, -1)
	if err != nil {
		return err
	}
	defer f.Close()
	for dec := json.NewDecoder(f); ; {
		var c Chunk
		if err := dec.Decode(&c); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the manifest: %w", err)
		}
		if err := visit(c); err != nil {
			return err
		}
	}
}

func chunkName(step Step, n int) string { return fmt.Sprintf("%s-%07d", step, n) }

// chunk does the rows of one chunk, then whatever is due after it.
func (im *Importer) chunk(ctx context.Context, b Book, s site.Site, j Job, t Task) error {
	if j.State != Running || t.Chunk == nil {
		return fmt.Errorf("%w: the job is %s", ErrNotYet, j.State)
	}
	if t.Step == StepTail {
		return im.tail(ctx, b, s, j, t.Chunk.N)
	}
	if err := im.endChunk(ctx, b, s, j, StepRun, *t.Chunk); err != nil {
		return err
	}
	j, err := b.Job(ctx, j.ID)
	if err != nil {
		return err
	}
	return im.advance(ctx, b, s, j)
}

// endChunk brings in the rows of a chunk that are the step's and records it,
// unless that was done before.
func (im *Importer) endChunk(ctx context.Context, b Book, s site.Site, j Job, step Step, c Chunk) error {
	name := chunkName(step, c.N)
	ended, err := b.ChunkEnded(ctx, j.ID, name)
	if err != nil || ended {
		return err
	}
	counts, err := im.rows(ctx, b, s, j, step, c)
	if err != nil {
		return err
	}
	_, err = b.EndChunk(ctx, j.ID, name, counts)
	return err
}

// advance starts the tail, or finishes, once every chunk has run.
func (im *Importer) advance(ctx context.Context, b Book, s site.Site, j Job) error {
	if j.State != Running || j.Ended < j.Chunks {
		return nil
	}
	if j.Tails == 0 || j.Ended == j.Chunks+j.Tails {
		return im.finish(ctx, b, s, j)
	}
	return im.tail(ctx, b, s, j, 0)
}

// tailFor is how long one task works on the tail before it hands on, well within
// a worker's time.
const tailFor = 10 * time.Second

// tail brings in the rows that were left out, chunk after chunk in the order of
// the file from chunk number from on, and finishes the job behind the last.
func (im *Importer) tail(ctx context.Context, b Book, s site.Site, j Job, from int) error {
	until := im.Clock.Now().Add(tailFor)
	handedOn := errors.New("handed on")
	err := im.manifest(ctx, s, j, func(c Chunk) error {
		if c.N < from || len(c.Deferred) == 0 {
			return nil
		}
		if im.Clock.Now().After(until) {
			if err := im.Queue.SendTask(ctx, Task{Site: s.ID, Job: j.ID, Step: StepTail, Chunk: &c}); err != nil {
				return err
			}
			return handedOn
		}
		return im.endChunk(ctx, b, s, j, StepTail, c)
	})
	if errors.Is(err, handedOn) {
		return nil
	}
	if err != nil {
		return err
	}
	return im.finish(ctx, b, s, j)
}

// batchRows is how many rows are brought in at a time: a transaction of
// DynamoDB holds 100 items.
const batchRows = 100

// rows brings in the rows of a chunk that are the step's.
func (im *Importer) rows(ctx context.Context, b Book, s site.Site, j Job, step Step, c Chunk) (Counts, error) {
	f, err := im.Files.Read(ctx, j.File, j.ETag, c.Offset, c.Length)
	if err != nil {
		return Counts{}, err
	}
	defer f.Close()
	groups, err := groupsByName(ctx, b, j.Columns)
	if err != nil {
		return Counts{}, err
	}
	r := csv.NewReader(f, csv.Dialect{Comma: j.Comma[0]}, csv.At{Offset: c.Offset, Line: int64(c.FirstLine), Number: 1})
	w := &rowWorker{
		layout: layout{columns: j.Columns, country: s.Country, policy: s.Policy(), groups: groups, options: j.Options, source: "import:" + j.ID, at: j.CreatedAt},
		book:   b, job: j, now: im.Clock.Now(), errs: newErrorPart(j),
	}
	row := c.FirstRow - 1
	deferred := c.Deferred
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		var fault *csv.Fault
		if err != nil && !errors.As(err, &fault) {
			return Counts{}, fmt.Errorf("reading chunk %d: %w", c.N, err)
		}
		if fault == nil && rec.Blank() {
			continue
		}
		row++
		late := len(deferred) > 0 && deferred[0] == row-c.FirstRow
		if late {
			deferred = deferred[1:]
		}
		if late != (step == StepTail) {
			continue
		}
		if fault != nil {
			w.reject(row, fault.Line, nil, rejection{columnNumber(j.Columns, fault.Column), "", fault.Error()})
			continue
		}
		if err := w.add(ctx, row, rec); err != nil {
			return Counts{}, err
		}
	}
	if err := w.flush(ctx); err != nil {
		return Counts{}, err
	}
	if part := w.errs.bytes(); part != nil {
		if err := im.Files.Put(ctx, workKey(s.ID, j.ID, "errors-"+chunkName(step, c.N)), "text/csv", part); err != nil {
			return Counts{}, err
		}
	}
	return w.counts, nil
}

// groupsByName leads from the folded names of the site's groups to their ids, if
// the file has a column of them. Of two with one name the older counts.
func groupsByName(ctx context.Context, b Contacts, columns []Column) (map[string]string, error) {
	if !slices.ContainsFunc(columns, func(c Column) bool { return c.Field == "group" }) {
		return nil, nil
	}
	groups, err := b.Groups(ctx)
	out := make(map[string]string, len(groups))
	for _, g := range groups { // ordered by id, so by age
		if name := crm.Fold(g.Name); out[name] == "" {
			out[name] = g.ID
		}
	}
	return out, err
}

func columnNumber(columns []Column, n int) string {
	if n >= 1 && n <= len(columns) {
		return columns[n-1].Name
	}
	return ""
}

// rowWorker gathers rows into batches and counts what became of them.
type rowWorker struct {
	layout layout
	book   Contacts
	job    Job
	now    time.Time
	counts Counts
	errs   *errorPart

	facts []contact.Facts
	gaps  [][]gap // of each: once it is brought in, those that are amiss
	rows  []sourceRow
	ids   map[crm.Identity]bool
}

// sourceRow is where facts come from.
type sourceRow struct {
	n      int
	line   int64
	fields []string
}

func (w *rowWorker) reject(row int, line int64, fields []string, r rejection) {
	w.counts.add(rejected)
	w.errs.add(row, line, r, fields)
}

func (w *rowWorker) add(ctx context.Context, row int, rec csv.Record) error {
	fields := rec.Strings()
	f, gaps, rej := w.layout.facts(fields, row)
	if rej != nil {
		w.reject(row, rec.Line, fields, *rej)
		return nil
	}
	ids := f.Identities()
	full := len(w.facts) == batchRows || slices.ContainsFunc(ids, func(id crm.Identity) bool { return w.ids[id] })
	if full {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if w.ids == nil {
		w.ids = make(map[crm.Identity]bool, batchRows)
	}
	for _, id := range ids {
		w.ids[id] = true
	}
	w.facts, w.gaps, w.rows = append(w.facts, f), append(w.gaps, gaps), append(w.rows, sourceRow{row, rec.Line, fields})
	return nil
}

func (w *rowWorker) flush(ctx context.Context) error {
	if len(w.facts) == 0 {
		return nil
	}
	outcomes, amiss := make([]outcome, len(w.facts)), make([][]gap, len(w.facts))
	err := w.book.UpsertAll(ctx, w.facts, w.now, func(i int, c *contact.Contact, f contact.Facts, isNew bool) (acts []timeline.Activity, err error) {
		before := c.Clone()
		amiss[i] = w.missing(w.rows[i].n, w.gaps[i], c, &f, isNew)
		if outcomes[i], err = w.bring(w.rows[i].n, c, f, isNew); err != nil || c.Import.Job == w.job.ID && c.Import.Created {
			return nil, err // whom a file made has it as their origin
		}
		if a, ok := contact.FileEntry(&before, c, f.Source, w.job.ID, w.now); ok {
			acts = append(acts, a)
		}
		return acts, nil
	})
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		r := w.rows[i]
		if o == erased {
			w.reject(r.n, r.line, r.fields, rejection{columnOf(w.job.Columns, "email"), "",
				"this person asked to be erased, so no file brings them back; they can come by themselves"})
			continue
		}
		if o == rejected {
			w.reject(r.n, r.line, r.fields, rejection{columnOf(w.job.Columns, "tags"), JoinTags(w.facts[i].Tags), fmt.Sprintf(
				"a contact has at most %d tags; with those that it has these would be more", w.layout.policy.TagLimit())})
			continue
		}
		w.counts.add(o)
		if len(amiss[i]) > 0 {
			w.counts.Incomplete++
			w.errs.add(r.n, r.line, together(amiss[i]), r.fields)
		}
	}
	w.facts, w.gaps, w.rows = w.facts[:0], w.gaps[:0], w.rows[:0]
	clear(w.ids)
	return nil
}

// missing are the gaps of a row that leave its contact without something. Of what
// this job brought in before it says the same again.
func (w *rowWorker) missing(row int, gaps []gap, c *contact.Contact, f *contact.Facts, isNew bool) (out []gap) {
	mark := c.Import
	own := mark != nil && mark.Job == w.job.ID && mark.Row == row
	if !isNew && !own && w.job.Options.Existing == Skip {
		return nil
	}
	if w.job.Options.Existing != Fill && !isNew && (mark == nil || mark.Job != w.job.ID) { // doubles in the file are told of by its counts
		for _, field := range c.PartsKept(&f.Details) {
			column := cmp.Or(columnOf(w.job.Columns, field), columnOf(w.job.Columns, "name"))
			out = append(out, gap{rejection: rejection{column, f.Details.Texts()[field],
				"the contact has a whole name or address, which a part of one does not replace; give all of its parts, and import this row again"}})
		}
	}
	for _, g := range gaps {
		if g.has != nil && !isNew {
			if same, other := g.has(c, f); same || other && !own && w.job.Options.Existing == Fill {
				continue
			}
		}
		out = append(out, g)
	}
	return out
}

// together tells of several cells of one row.
func together(gaps []gap) rejection {
	r := gaps[0].rejection
	for i, g := range gaps[1:] {
		if i == 0 {
			r.reason = r.column + ": " + r.reason
		}
		r.column, r.value, r.reason = r.column+"; "+g.column, r.value+"; "+g.value, r.reason+". "+g.column+": "+g.reason
	}
	r.reason = "the row went in without this: " + r.reason
	return r
}

// bring is the rule of an import for one row and its contact.
func (w *rowWorker) bring(row int, c *contact.Contact, f contact.Facts, isNew bool) (outcome, error) {
	opt := w.job.Options
	for address, r := range f.Suppressed { // set by the book: nobody has these addresses
		if r.Why != contact.SuppressedErased {
			continue
		}
		if isNew {
			return erased, contact.ErrUnchanged
		}
		f.Drop(crm.Identity{Kind: crm.ByEmail, Value: address})
	}
	if isNew {
		if c.TagsWith(f.Tags) > w.layout.policy.TagLimit() {
			return rejected, contact.ErrUnchanged
		}
		if f.Status == "" && opt.Status != "" {
			c.Status = opt.Status
		}
		c.Import = &contact.ImportMark{Job: w.job.ID, Row: row, Created: true}
		return created, nil
	}
	mark := c.Import
	if mark != nil && mark.Job != w.job.ID {
		mark = nil
	}
	if mark != nil && mark.Row == row { // our own work, before the message came again
		if mark.Created {
			return created, contact.ErrUnchanged
		}
		return updated, contact.ErrUnchanged
	}
	same := unchanged
	if mark != nil {
		same = merged
	}
	if opt.Existing == Skip {
		return same, contact.ErrUnchanged
	}
	if n := c.TagsWith(f.Tags); n > len(c.Tags) && n > w.layout.policy.TagLimit() {
		return rejected, contact.ErrUnchanged
	}
	if opt.Existing == Fill {
		c.KeepFilled(&f.Details)
	} else {
		c.KeepBlanks(&f.Details)
	}
	if !c.Enrich(f).Visible {
		return same, contact.ErrUnchanged
	}
	if mark != nil {
		return merged, nil
	}
	c.Import = &contact.ImportMark{Job: w.job.ID, Row: row}
	return updated, nil
}

// finish joins the parts of the error file, in the order of the file, and ends
// the job.
func (im *Importer) finish(ctx context.Context, b Book, s site.Site, j Job) error {
	j, err := b.Job(ctx, j.ID)
	if err != nil || j.State != Running {
		return err
	}
	key := ""
	if j.Counts.Rejected+j.Counts.Incomplete > 0 {
		key = errorKey(s.ID, j.ID)
		if err := im.joinErrors(ctx, s, j, key); err != nil {
			return err
		}
	}
	_, err = b.ChangeJob(ctx, j.ID, im.Clock.Now(), func(j *Job) error {
		if j.State != Running {
			return contact.ErrUnchanged
		}
		j.State, j.ErrFile = Done, key
		return nil
	})
	return err
}

func (im *Importer) joinErrors(ctx context.Context, s site.Site, j Job, key string) error {
	out := im.Files.Create(ctx, key, "text/csv; charset=utf-8")
	if _, err := out.Write(errorHeader(j)); err != nil {
		out.Abort()
		return err
	}
	err := im.manifest(ctx, s, j, func(c Chunk) error {
		for _, step := range []Step{StepRun, StepTail} {
			if step == StepTail && len(c.Deferred) == 0 {
				continue
			}
			part, err := im.Files.Read(ctx, workKey(s.ID, j.ID, "errors-"+chunkName(step, c.N)), "", 0, -1)
			if errors.Is(err, ErrNoFile) {
				continue
			}
			if err != nil {
				return err
			}
			_, err = io.Copy(out, part)
			part.Close()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		out.Abort()
		return err
	}
	return out.Close()
}

// errorPart is the rows of a chunk that were rejected or went in without a cell: where, which column, what stood
// there and why, then the row as it was, so that it can be mended and imported
// again.
type errorPart struct {
	buf     bytes.Buffer
	w       *csv.Writer
	columns []Column
}

func errorDialect(j Job) csv.Dialect { return csv.Dialect{Comma: j.Comma[0]} }

func newErrorPart(j Job) *errorPart {
	p := &errorPart{columns: j.Columns}
	p.w = csv.NewWriter(&p.buf, csv.Spreadsheet, errorDialect(j))
	p.w.Continue()
	return p
}

func errorHeader(j Job) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b, csv.Spreadsheet, errorDialect(j))
	head := []string{"error_row", "error_line", "error_column", "error_value", "error_reason"}
	for _, c := range j.Columns {
		head = append(head, c.Name)
	}
	_ = w.Write(head...) // a buffer takes everything
	_ = w.Flush()
	return b.Bytes()
}

func (p *errorPart) add(row int, line int64, r rejection, fields []string) {
	out := append([]string{strconv.Itoa(row), strconv.FormatInt(line, 10), r.column, r.value, r.reason}, fields...)
	for len(out) < len(p.columns)+5 {
		out = append(out, "")
	}
	for i, c := range p.columns {
		if f, _ := Recognise(c.Name); f == FieldPassword { // never kept, here neither
			out[i+5] = ""
		}
	}
	_ = p.w.Write(out...)
}

func (p *errorPart) bytes() []byte {
	_ = p.w.Flush()
	if p.buf.Len() == 0 {
		return nil
	}
	return p.buf.Bytes()
}

// Resume starts an import whose file has arrived: one that waits for a mapping,
// or one whose arrival went unnoticed. crm.Conflict once it has ended.
func Resume(ctx context.Context, jobs Jobs, q Queue, s site.Site, id string, mapping map[string]string, now time.Time) (Job, error) {
	var faults crm.Faults
	checkMapping(mapping, s.Policy(), &faults)
	if err := faults.Err(); err != nil {
		return Job{}, err
	}
	j, err := jobs.ChangeJob(ctx, id, now, func(j *Job) error {
		if j.State.Ended() {
			return crm.Errorf(crm.Conflict, "this import is %s; start a new one", j.State)
		}
		if len(mapping) == 0 {
			return contact.ErrUnchanged
		}
		if j.State == Running || j.State == Inspecting {
			return crm.Errorf(crm.Conflict, "this import is %s; its mapping can only change before or when it is ready", j.State)
		}
		j.Mapping = mapping
		return nil
	})
	if err != nil {
		return j, err
	}
	return j, q.SendTask(ctx, Task{Site: s.ID, Job: id, Step: StepInspect})
}

// Cancel stops an import; rows that were brought in stay. crm.Conflict if it is
// done or has failed.
func Cancel(ctx context.Context, jobs Jobs, id string, now time.Time) (Job, error) {
	return jobs.ChangeJob(ctx, id, now, func(j *Job) error {
		switch j.State {
		case Cancelled:
			return contact.ErrUnchanged
		case Done, Failed:
			return crm.Errorf(crm.Conflict, "this import is %s already", j.State)
		}
		j.State, j.Fault = Cancelled, "cancelled; the rows that were brought in before stay"
		return nil
	})
}

func checkMapping(mapping map[string]string, pol contact.Policy, faults *crm.Faults) {
	for _, column := range slices.Sorted(maps.Keys(mapping)) {
		if field := mapping[column]; field != "" && !importable(field, pol) {
			faults.Add("/mapping/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(column), "there is no field %q; there are %s", field, strings.Join(ImportFields(pol), ", "))
		}
	}
}
