package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer/csv"
)

// Exporter writes a site's contacts into a file.
type Exporter struct {
	Files Files
	Clock crm.Clock
}

// ExportColumns are the columns of an export, in their order. An import
// recognises each by its name; those that it does not take (ids, figures,
// moments) it leaves out by name as well.
var ExportColumns = []string{
	"id", "email", "email_2", "first_name", "last_name", "company", "phone", "mobile", "phones", "website", "language", "birth_date",
	"gender", "vat_number", "fiscal_number", "preferred_channel", "street", "street_2", "postcode", "city", "region", "country",
	"billing_street", "billing_street_2", "billing_postcode", "billing_city", "billing_region", "billing_country",
	"shipping_street", "shipping_street_2", "shipping_postcode", "shipping_city", "shipping_region", "shipping_country",
	"status", "tags", "group", "consent", "newsletter_lists", "note", "external_id",
	"origin_channel", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "landing_page", "device", "browser", "os",
	"orders_count", "created_at", "updated_at",
}

// exportColumns are those and the site's own fields.
func exportColumns(s site.Site) []string {
	out := slices.Clone(ExportColumns)
	for _, f := range s.CustomFields {
		out = append(out, f.Name())
	}
	return out
}

// CheckExport finds everything at fault in what an export is asked for, but for the names in
// its filter (segment.CheckNames), and puts what is not said.
func (j *Job) CheckExport(s site.Site) error {
	var faults crm.Faults
	if j.Format == "" {
		j.Format = "csv"
	}
	if j.Format != "csv" {
		faults.Add("/format", "the format is csv")
	}
	if len(j.IDs) > 0 && j.Filter != "" {
		faults.Add("/filter", "give ids or a filter, not both")
	}
	if _, err := segment.ParseOf(j.Filter, s.CustomFields); err != nil {
		faults.Add("/filter", "%s", err)
	}
	if len(j.IDs) > maxExportIDs {
		faults.Add("/ids", "at most %d ids; use a filter for more", maxExportIDs)
	}
	for i, id := range j.IDs {
		if !id.Valid() {
			faults.Add("/ids/"+strconv.Itoa(i), "this is not the id of a contact")
		}
	}
	known := exportColumns(s)
	for i, c := range j.Choice {
		if !slices.Contains(known, c) {
			faults.Add("/columns/"+strconv.Itoa(i), "there is no column %q; there are %s", c, strings.Join(known, ", "))
		}
	}
	return faults.Err()
}

// Request makes an export and has it carried out.
func Request(ctx context.Context, jobs Jobs, q Queue, s site.Site, j Job, once *contact.Once, log ...audit.Entry) (Job, error) {
	if err := j.CheckExport(s); err != nil {
		return j, err
	}
	j.Kind, j.State, j.UpdatedAt = Export, Running, j.CreatedAt
	if err := jobs.CreateJob(ctx, j, once, log...); err != nil {
		return j, err
	}
	return j, q.SendTask(ctx, Task{Site: s.ID, Job: j.ID, Step: StepExport})
}

// Again hands an export that runs to a worker once more: a request that is repeated makes
// up for a message that was never sent.
func Again(ctx context.Context, q Queue, s site.Site, j Job) error {
	if j.State.Ended() {
		return nil
	}
	return q.SendTask(ctx, Task{Site: s.ID, Job: j.ID, Step: StepExport})
}

// Do writes the file of a job: every contact that exists from the start to the
// end of the writing is in it exactly once. Written twice, the second file
// replaces the first.
func (ex *Exporter) Do(ctx context.Context, b Book, s site.Site, t Task) error {
	j, err := b.Job(ctx, t.Job)
	if crm.CodeOf(err) == crm.NotFound || err == nil && (j.State.Ended() || j.Kind != Export) {
		return nil
	}
	if err != nil {
		return err
	}
	columns := j.Choice
	if len(columns) == 0 {
		columns = exportColumns(s)
	}
	filter, err := segment.Open(ctx, j.Filter, s, b) // it was checked before
	if why, gone := segment.Gone(err); gone {
		return failJob(ctx, b, j.ID, ex.Clock.Now(), why)
	}
	if err != nil {
		return fmt.Errorf("export %s: its filter: %w", j.ID, err)
	}
	key := exportKey(s.ID, j.ID)
	file := ex.Files.Create(ctx, key, "text/csv; charset=utf-8")
	rows, err := ex.write(ctx, b, file, s, j, filter, columns)
	if err != nil {
		file.Abort()
		return fmt.Errorf("export %s: %w", j.ID, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("export %s: %w", j.ID, err)
	}
	_, err = b.ChangeJob(ctx, j.ID, ex.Clock.Now(), func(j *Job) error {
		if j.State != Running {
			return contact.ErrUnchanged
		}
		j.State, j.Result, j.Total = Done, key, rows
		return nil
	})
	return err
}

func (ex *Exporter) write(ctx context.Context, b Contacts, file FileWriter, s site.Site, j Job, filter segment.Filter, columns []string) (rows int, err error) {
	w := csv.NewWriter(file, csv.Spreadsheet, csv.Dialect{Comma: ','})
	if err := w.Write(columns...); err != nil {
		return 0, err
	}
	read := make([]func(*contact.Contact) string, len(columns))
	for i, name := range columns {
		if read[i] = cellOf(name); strings.HasPrefix(name, contact.CustomPrefix) {
			read[i] = customCell(name, s.Policy())
		}
		if name == "status" {
			read[i] = func(c *contact.Contact) string { return s.StatusText(c.Status) }
		}
		if name == "newsletter_lists" {
			read[i] = listsCell(s.Policy())
		}
		if name == "group" {
			groups, err := b.Groups(ctx)
			if err != nil {
				return 0, err
			}
			read[i] = groupCell(groups)
		}
	}
	all := filter.All()
	visit := func(c *contact.Contact) error {
		if !all {
			if r := c.Row(); !filter.Has(&r) {
				return nil
			}
		}
		rows++
		for _, cell := range read {
			w.Cell(cell(c))
		}
		return w.End()
	}
	if len(j.IDs) == 0 {
		err = b.Each(ctx, visit)
	} else {
		ids := slices.Clone(j.IDs)
		slices.Sort(ids)
		seen := make(map[crm.ContactID]bool, len(ids)) // the id of a merged contact gives its primary again
		for part := range slices.Chunk(slices.Compact(ids), 100) {
			list, err := b.GetAll(ctx, part)
			if err != nil {
				return rows, err
			}
			for i := range list {
				if list[i].ID == "" || seen[list[i].ID] {
					continue
				}
				seen[list[i].ID] = true
				if err := visit(&list[i]); err != nil {
					return rows, err
				}
			}
		}
	}
	if err == nil {
		err = w.Flush()
	}
	return rows, err
}

// cells leads from each column to what it says of a contact.
var cells = map[string]func(*contact.Contact) string{
	"id":           func(c *contact.Contact) string { return string(c.ID) },
	"email":        func(c *contact.Contact) string { return c.Email },
	"email_2":      func(c *contact.Contact) string { return strings.Join(c.Emails, ";") },
	"status":       func(c *contact.Contact) string { return string(c.Status) },
	"tags":         func(c *contact.Contact) string { return JoinTags(c.Tags) },
	"consent":      func(c *contact.Contact) string { return string(c.Consent) },
	"external_id":  func(c *contact.Contact) string { return strings.Join(c.ExternalIDs, ";") },
	"orders_count": func(c *contact.Contact) string { return strconv.Itoa(c.Figures.Orders) },
	"created_at":   func(c *contact.Contact) string { return c.CreatedAt.Format(time.RFC3339) },
	"updated_at":   func(c *contact.Contact) string { return c.UpdatedAt.Format(time.RFC3339) },
}

func groupCell(groups []group.Group) func(*contact.Contact) string {
	names := make(map[string]string, len(groups))
	for _, g := range groups {
		names[g.ID] = g.Name
	}
	return func(c *contact.Contact) string { return names[c.Group] }
}

// listsCell names the newsletter lists that may be sent to a contact.
func listsCell(pol contact.Policy) func(*contact.Contact) string {
	return func(c *contact.Contact) string {
		var names []string
		for _, id := range c.Subscribed() {
			if d, ok := pol.List(id); ok {
				names = append(names, d.Name)
			}
		}
		return JoinTags(names)
	}
}

// cellOf is how a column is read; all of them are looked up once a file.
func cellOf(name string) func(*contact.Contact) string {
	if f, ok := cells[name]; ok {
		return f
	}
	if at := contact.VisitTextAt(name); at != nil {
		return at
	}
	at := contact.TextAt(name)
	if at == nil {
		return func(*contact.Contact) string { return "" }
	}
	return func(c *contact.Contact) string { return at(&c.Details) }
}

// customCell reads a field of the site; one that is gone is empty.
func customCell(name string, pol contact.Policy) func(*contact.Contact) string {
	f, _ := pol.FieldNamed(name)
	return func(c *contact.Contact) string {
		if _, ok := f.Give(c.Custom[f.Key]); !ok {
			return ""
		}
		return c.Custom[f.Key]
	}
}
