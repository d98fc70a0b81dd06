package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/transfer"
)

// People is what a book must hold after files were brought in, by address: an
// account of its own, kept row by row, to hold an export against.
type People map[string]*Person

// Person is what the rows with one address came to.
type Person struct {
	First, Last, Company, Phone string
	Tags                        []string
}

// Bring applies the rows of a file that an import took, in their order. The
// import tells what its columns are; rejected rows are by number.
func (p People) Bring(j Import, rows []Row, rejected map[int]bool, country string) {
	for _, row := range rows {
		if rejected[row.Number] {
			continue
		}
		is := map[string]string{}
		for _, c := range j.Columns {
			if v := contact.Trim(row.Cells[c.Name]); v != "" && c.Field != "" {
				is[c.Field] = v
			}
		}
		key := ""
		for _, f := range []string{"email", "email_2", "email_3"} {
			if e, err := crm.ParseEmail(is[f]); err == nil && key == "" {
				key = crm.EmailKey(e)
			}
		}
		who := p[key]
		if who == nil {
			who = &Person{}
			p[key] = who
		}
		set := func(to *string, v string) {
			if v != "" {
				*to = v
			}
		}
		set(&who.First, is["first_name"])
		set(&who.Last, is["last_name"])
		set(&who.Company, is["company"])
		in := country
		if code := contact.CleanCountry(is["country"]); len(code) == 2 {
			in = code
		}
		set(&who.Phone, contact.CleanPhone(is["phone"], in))
		for _, t := range transfer.SplitTags(is["tags"]) {
			who.Tags = contact.AddTag(who.Tags, t)
		}
	}
}

// Difference is where the contact with an address is not as it went in.
type Difference struct{ Email, What string }

func (d Difference) String() string { return d.Email + " " + d.What }

// Compare holds an export against the people: each must be in it exactly once,
// as they are. It tells the differences; others may be in the file as well.
func (p People) Compare(export []Row) (differences []Difference) {
	found := map[string][]Row{}
	for _, r := range export {
		for _, e := range append([]string{r.Cells["email"]}, strings.Split(r.Cells["email_2"], ";")...) {
			if e != "" {
				found[crm.EmailKey(e)] = append(found[crm.EmailKey(e)], r)
			}
		}
	}
	for key, rows := range found {
		if len(rows) > 1 {
			differences = append(differences, Difference{key, fmt.Sprintf("is in the file %d times", len(rows))})
		}
	}
	for key, who := range p {
		if len(found[key]) == 0 {
			differences = append(differences, Difference{key, "is missing"})
			continue
		}
		c := found[key][0].Cells
		for _, f := range [][3]string{{"first_name", who.First, c["first_name"]}, {"last_name", who.Last, c["last_name"]},
			{"company", who.Company, c["company"]}, {"phone", who.Phone, c["phone"]}} {
			if f[1] != f[2] {
				differences = append(differences, Difference{key, fmt.Sprintf("has the %s %q, went in with %q", f[0], f[2], f[1])})
			}
		}
		have, want := transfer.SplitTags(c["tags"]), slices.Clone(who.Tags)
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			differences = append(differences, Difference{key, fmt.Sprintf("has the tags %q, went in with %q", have, want)})
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int { return strings.Compare(a.String(), b.String()) })
	return differences
}

// RejectedRows reads the numbers out of an import's file of errors.
func RejectedRows(errors []Row) (map[int]bool, error) {
	out := map[int]bool{}
	for _, r := range errors {
		n, err := strconv.Atoi(r.Cells["error_row"])
		if err != nil || out[n] {
			return nil, fmt.Errorf("row %d of the file of errors has the row number %q", r.Number, r.Cells["error_row"])
		}
		out[n] = true
	}
	return out, nil
}
