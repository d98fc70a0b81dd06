package transfer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/transfer/csv"
)

// A rejection says why a row was not taken: in which column, what stood there,
// and what to do.
type rejection struct {
	column string
	value  string
	reason string
}

// A gap is a cell that stays out while its row goes in: it names what the site does
// not have (any more), or more than a contact may have. So a file that an export
// made loses no row, whatever the site took away since.
type gap struct {
	rejection
	// has reports whether the contact has what the cell says all the same; then
	// nothing is amiss, and f says of it what the contact has. other: it has
	// something else there.
	has func(c *contact.Contact, f *contact.Facts) (same, other bool)
}

// layout is what a job does with the columns of its file.
type layout struct {
	columns []Column
	country string // of the site
	policy  contact.Policy
	options Options
	groups  map[string]string // ids by folded name
	source  string
	at      time.Time
}

// facts reads one row. What stays out of it is told by gaps. Values are trimmed, and the apostrophe that spreadsheets
// put before +31… and 0… is taken off.
func (l *layout) facts(fields []string, row int) (_ contact.Facts, gaps []gap, _ *rejection) {
	f := contact.Facts{Source: l.source, AsOf: contact.Stamp{At: l.at, Seq: int64(row)}, Tags: l.options.Tags}
	var name, prefix string
	var houses [3]struct{ number, suffix string } // main, billing, shipping
	for i := len(l.columns); i < len(fields); i++ {
		if v := clean(fields[i]); v != "" {
			return f, nil, &rejection{"", v, fmt.Sprintf("the row has %d cells, the header has %d columns; put quotes around a cell that holds the separator", len(fields), len(l.columns))}
		}
	}
	country := l.country
	for i, c := range l.columns {
		if i < len(fields) && c.Field == "country" {
			if code := contact.CleanCountry(clean(fields[i])); len(code) == 2 {
				country = code
			}
		}
	}
	for i, c := range l.columns {
		if i >= len(fields) {
			break // a short row lacks its last cells
		}
		v := clean(fields[i])
		if v == "" || c.Field == "" {
			continue
		}
		reject := func(err error) (contact.Facts, []gap, *rejection) {
			return f, nil, &rejection{c.Name, v, err.Error()}
		}
		leave := func(has func(*contact.Contact, *contact.Facts) (bool, bool), why string, args ...any) {
			gaps = append(gaps, gap{rejection{c.Name, v, fmt.Sprintf(why, args...)}, has})
		}
		switch c.Field {
		case "email", "email_2", "email_3":
			for _, part := range identityParts(c.Field, v) {
				e, err := crm.ParseEmail(part)
				if err != nil {
					return reject(err)
				}
				if f.Email == "" {
					f.Email = e
				} else {
					f.Emails = append(f.Emails, e)
				}
			}
		case "name":
			name = v
		case "last_name_prefix":
			prefix = v
		case "house_number", "billing_house_number", "shipping_house_number":
			houses[whose(c.Field)].number = v
		case "house_number_suffix", "billing_house_number_suffix", "shipping_house_number_suffix":
			houses[whose(c.Field)].suffix = v
		case "tags":
			tags := SplitTags(v)
			if len(tags) > contact.MaxTags {
				return reject(fmt.Errorf("a contact has at most %d tags; these are %d", l.policy.TagLimit(), len(tags)))
			}
			for _, t := range tags {
				if len([]rune(t)) > contact.MaxTag {
					return reject(fmt.Errorf("a tag has at most %d characters", contact.MaxTag))
				}
				f.Tags = contact.AddTag(f.Tags[:len(f.Tags):len(f.Tags)], t)
			}
		case "group":
			id := l.groups[crm.Fold(v)]
			inGroup := func(c *contact.Contact, _ *contact.Facts) (bool, bool) {
				return id != "" && c.Group == id, c.Group != ""
			}
			if id == "" {
				leave(inGroup, "there is no customer group of this name; make it first, then import this row again")
			} else if err := l.policy.Plan.Needs(plan.Groups); err != nil {
				leave(inGroup, "%s", err)
			} else {
				f.Group = id
			}
		case "status":
			if s, ok := l.policy.StatusOf(v); ok && l.policy.MayImport(s) {
				f.Status = s
			}
		case "consent":
			f.Consent = strictest(f.Consent, contact.ConsentFrom(v))
		case "newsletter_lists":
			for _, name := range SplitTags(v) {
				d, ok := l.list(name)
				if !ok {
					leave(nil, "there is no newsletter list %q; make it first, then import this row again", name)
					continue
				}
				if !slices.ContainsFunc(f.Lists, func(s contact.Subscription) bool { return s.List == d.ID }) {
					f.Lists = append(f.Lists, contact.Subscription{List: d.ID, Channel: d.Channel, Standing: contact.Standing{State: contact.ConsentSubscribed}})
				}
			}
		case "opt_out":
			if said := contact.ConsentFrom(v); said != contact.ConsentNever { // a date, a reason, a yes
				f.Consent = contact.ConsentUnsubscribed
			}
		case "external_id":
			for _, x := range identityParts(c.Field, v) {
				if len(x) > 300 {
					return reject(fmt.Errorf("an id has at most 300 bytes"))
				}
				f.ExternalIDs = append(f.ExternalIDs, x)
			}
		case "preferred_channel": // a word for none of them says nothing
			_ = f.Details.SetText(c.Field, v, country)
		case "birth_date":
			d, err := dateFrom(v)
			if err != nil {
				return reject(err)
			}
			if d == "1899-12-30" || d == "1899-12-31" || d == "0001-01-01" {
				break // what spreadsheets and programs write for none
			}
			if err := contact.CheckBirth(d, l.at); err != nil {
				leave(func(c *contact.Contact, said *contact.Facts) (bool, bool) {
					if c.BirthDate == d { // of before there was this rule
						said.BirthDate = d
					}
					return c.BirthDate == d, c.BirthDate != ""
				}, "%s", err)
				break
			}
			f.BirthDate = d
		default:
			if f.Visit.SetText(c.Field, v) {
				break
			}
			if strings.HasPrefix(c.Field, contact.CustomPrefix) {
				stale, err := l.custom(&f.Details, c.Field, v)
				if err != nil && stale == nil {
					return reject(err)
				}
				if err != nil {
					leave(stale, "%s", err)
				}
				break
			}
			if c.Field == string(FieldPhones) {
				all, err := contact.ReadPhones(v, country)
				if err != nil {
					return reject(err)
				}
				if len(all) > contact.MaxPhones {
					leave(func(c *contact.Contact, _ *contact.Facts) (bool, bool) { return hasAll(c.Phones, all), false },
						"a contact has at most %d further phones; these are %d, so not all were taken", contact.MaxPhones, len(all))
				}
			}
			if err := f.Details.SetText(c.Field, v, country); err != nil {
				return reject(err)
			}
		}
	}
	if f.Email == "" {
		return f, nil, &rejection{columnOf(l.columns, "email"), "", "the row has no e-mail address, by which contacts are found; add one"}
	}
	if f.FirstName == "" && f.LastName == "" && name != "" {
		f.FirstName, f.LastName = contact.SplitName(name)
	}
	if prefix != "" && f.LastName != "" && !strings.HasPrefix(f.LastName, prefix+" ") {
		f.LastName = prefix + " " + f.LastName
	}
	for i, a := range []*contact.Address{&f.Address, &f.BillingAddress, &f.ShippingAddress} {
		if h := houses[i]; h.number != "" && a.Street != "" {
			a.Street = strings.Join(strings.Fields(a.Street+" "+h.number+" "+h.suffix), " ")
		}
	}
	if n := len(f.Emails) + len(f.ExternalIDs); n >= contact.MaxIdentities {
		return f, nil, &rejection{columnOf(l.columns, "email"), "", fmt.Sprintf("one contact can be known by %d addresses and ids; these are %d", contact.MaxIdentities, n+1)}
	}
	if ids := f.ExternalIDs; len(ids) > contact.MaxExternal {
		gaps = append(gaps, gap{rejection{columnOf(l.columns, "external_id"), "", fmt.Sprintf("a contact has at most %d ids, so not all were taken", contact.MaxExternal)},
			func(c *contact.Contact, _ *contact.Facts) (bool, bool) { return hasAll(c.ExternalIDs, ids), false }})
	}
	if more := f.Emails; len(more) > contact.MaxEmails-1 {
		gaps = append(gaps, gap{rejection{columnOf(l.columns, "email"), "", fmt.Sprintf("a contact has at most %d addresses, so not all were taken", contact.MaxEmails)},
			func(c *contact.Contact, _ *contact.Facts) (bool, bool) {
				return !slices.ContainsFunc(more, func(e string) bool { return !c.HasEmail(e) }), false
			}})
	}
	return f, gaps, nil
}

func hasAll(have, said []string) bool {
	return !slices.ContainsFunc(said, func(v string) bool { return !slices.Contains(have, v) })
}

// list is the site's list of a name or an id.
func (l *layout) list(name string) (contact.ListDef, bool) {
	i := slices.IndexFunc(l.policy.Lists, func(d contact.ListDef) bool { return d.ID == name || crm.SameFolded(d.Name, name) })
	if i < 0 {
		return contact.ListDef{}, false
	}
	return l.policy.Lists[i], true
}

// custom sets a field of the site; one that is gone since the file was looked at
// says nothing. An error with stale is of a choice whose options lack the value: what
// they have of it is set.
func (l *layout) custom(d *contact.Details, name, v string) (stale func(*contact.Contact, *contact.Facts) (bool, bool), err error) {
	f, ok := l.policy.FieldNamed(name)
	if !ok {
		return nil, nil
	}
	if f.Type == contact.DateField {
		if v, err = dateFrom(v); err != nil {
			return nil, err
		}
	}
	read, err := f.Read(v)
	if err != nil && (f.Type == contact.ChoiceField || f.Type == contact.ChoicesField) {
		read = f.OptionsIn(v)
		stale = func(c *contact.Contact, said *contact.Facts) (same, other bool) {
			have := c.Custom[f.Key]
			if same = strings.EqualFold(have, v); same {
				said.SetCustom(f.Key, have)
			}
			return same, have != ""
		}
	} else if err != nil {
		return nil, err
	}
	d.SetCustom(f.Key, read)
	return stale, err
}

// whose address a column is of: 0 main, 1 billing, 2 shipping.
func whose(field string) int {
	switch {
	case strings.HasPrefix(field, "billing_"):
		return 1
	case strings.HasPrefix(field, "shipping_"):
		return 2
	}
	return 0
}

// strictest is the later of two consents in their list.
func strictest(a, b contact.Consent) contact.Consent {
	if slices.Index(contact.Consents, b) > slices.Index(contact.Consents, a) {
		return b
	}
	return a
}

// identityParts divides a cell of addresses or ids into the identities that it
// names, as they are kept. Our own export joins further addresses and ids by
// semicolons; a main address with several in it is refused by crm.ParseEmail. An id
// without a source is of the file; our own contact ids are nobody's outside.
func identityParts(field, v string) []string {
	if field == "email" {
		return []string{v}
	}
	var out []string
	for _, p := range strings.Split(v, ";") {
		p = strings.TrimSpace(p)
		if p == "" || crm.ContactID(p).Valid() {
			continue
		}
		if field == "external_id" && !strings.Contains(p, ":") {
			p = "file:" + p
		}
		out = append(out, p)
	}
	return out
}

func clean(v string) string {
	return contact.Trim(csv.Unguard(v))
}

func columnOf(columns []Column, field string) string {
	for _, c := range columns {
		if c.Field == field {
			return c.Name
		}
	}
	return ""
}

// dateFrom reads a date as files write it: the day before the month where both
// could be meant, as everywhere in Europe, and the year first in ISO 8601.
func dateFrom(v string) (string, error) {
	if strings.Trim(v, "0-/. :") == "" {
		return "", nil // 0000-00-00: what databases write for none
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, time.DateTime, "2006/01/02", "2006.01.02", "20060102",
		"2-1-2006", "2/1/2006", "2.1.2006", "2 January 2006", "January 2, 2006", "2 Jan 2006", "1/2/2006", "1-2-2006"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.Format(time.DateOnly), nil
		}
	}
	return "", fmt.Errorf("this is not a date; write it as YYYY-MM-DD, for example 1985-03-31")
}

// SplitTags reads a list of tags: divided by semicolons, commas or bars; a tag
// with one of these in it stands in quotes.
func SplitTags(v string) []string {
	var tags []string
	var b strings.Builder
	quoted := false
	end := func() {
		if t := strings.TrimSpace(b.String()); t != "" {
			tags = append(tags, t)
		}
		b.Reset()
	}
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"' && quoted && i+1 < len(v) && v[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"' && (quoted || strings.TrimSpace(b.String()) == ""):
			quoted = !quoted
		case !quoted && (c == ';' || c == ',' || c == '|'):
			end()
		default:
			b.WriteByte(c)
		}
	}
	end()
	return tags
}

// JoinTags is the reverse of SplitTags.
func JoinTags(tags []string) string {
	var b strings.Builder
	for i, t := range tags {
		if i > 0 {
			b.WriteByte(';')
		}
		if strings.ContainsAny(t, `;,|"`) {
			t = `"` + strings.ReplaceAll(t, `"`, `""`) + `"`
		}
		b.WriteString(t)
	}
	return b.String()
}
