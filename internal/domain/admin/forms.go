package admin

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// FormChange is what of a form is wanted; a nil field stays.
type FormChange struct {
	Name, Honeypot, ThankYou, Language *string
	Origins                            *[]string
	Fields                             *map[string]string
	Closed                             *bool
	Lists                              *[]string
	Known                              []contact.ListDef // the lists of the site
}

func (c FormChange) apply(f *site.Form, faults *crm.Faults) {
	put(&f.Name, c.Name)
	put(&f.Honeypot, c.Honeypot)
	put(&f.ThankYou, c.ThankYou)
	put(&f.Language, c.Language)
	put(&f.Origins, c.Origins)
	put(&f.Fields, c.Fields)
	put(&f.Closed, c.Closed)
	put(&f.Lists, c.Lists)
	name(&f.Name, faults)
	c.lists(faults)
	if len(f.Honeypot) > 64 {
		faults.Add("/honeypot", "the name of the field has at most 64 characters")
	}
	if f.ThankYou != "" {
		if u, err := url.Parse(f.ThankYou); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(f.ThankYou) > 2048 {
			faults.Add("/thank_you", "give a whole address, https://…, or leave it empty for our own page")
		}
	}
	if f.Language != "" && f.Language != "nl" && f.Language != "en" {
		faults.Add("/language", "the language is nl or en; empty means the visitor's")
	}
	if len(f.Origins) > 20 {
		faults.Add("/origins", "a form has at most 20 origins")
	}
	for _, o := range f.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
			faults.Add("/origins", "an origin is https:// and a host, without a path, such as https://www.example.nl")
			break
		}
	}
	if len(f.Fields) > 100 {
		faults.Add("/fields", "at most 100 fields can be named")
	}
	for from, to := range f.Fields {
		if from == "" || len(from) > 200 || len(to) > 64 {
			faults.Add("/fields", "a field is a name of the form, of at most 200 bytes, and what it is for the contact")
			break
		}
	}
}

// lists checks those that are wanted now: a list that was deleted since stands in no form's way.
func (c FormChange) lists(faults *crm.Faults) {
	if c.Lists == nil {
		return
	}
	if len(*c.Lists) > contact.MaxLists {
		faults.Add("/lists", "a form is for at most %d lists", contact.MaxLists)
		return
	}
	for i, id := range *c.Lists {
		at := slices.IndexFunc(c.Known, func(d contact.ListDef) bool { return d.ID == id })
		switch pointer := fmt.Sprintf("/lists/%d", i); {
		case at < 0:
			faults.Add(pointer, "there is no such list on this site")
		case c.Known[at].Channel != contact.ByEmail:
			faults.Add(pointer, "a form's box is for lists of e-mail; this one is of %s", c.Known[at].Channel)
		case slices.Index(*c.Lists, id) < i:
			faults.Add(pointer, "this list is named twice")
		}
	}
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// CreateForm makes a form. Its id, which stands in its address, is made of the slug or the name.
func CreateForm(ctx context.Context, st Store, of crm.SiteID, by By, once *contact.Once, slug string, c FormChange) (site.Form, error) {
	f := site.Form{CreatedAt: by.At, Version: 1}
	var faults crm.Faults
	c.apply(&f, &faults)
	f.ID = publicID(of, slug, f.Name, "form", &faults)
	if err := faults.Err(); err != nil {
		return f, err
	}
	return create(ctx, st.Forms(of), "forms", once, f, by.note(audit.FormCreated, f.ID))
}

// ChangeForm changes a form. check sees it as it stands.
func ChangeForm(ctx context.Context, st Store, of crm.SiteID, by By, id string, c FormChange, check func(site.Form) error) (site.Form, error) {
	return st.Forms(of).Change(ctx, id, func(f *site.Form) (audit.Entry, error) {
		if err := check(*f); err != nil {
			return audit.Entry{}, err
		}
		old := *f
		var faults crm.Faults
		c.apply(f, &faults)
		if err := faults.Err(); err != nil {
			return audit.Entry{}, err
		}
		changed := fields("name", old.Name != f.Name, "origins", !slices.Equal(old.Origins, f.Origins), "fields", !maps.Equal(old.Fields, f.Fields),
			"honeypot", old.Honeypot != f.Honeypot, "thank_you", old.ThankYou != f.ThankYou, "language", old.Language != f.Language, "closed", old.Closed != f.Closed, "lists", !slices.Equal(old.Lists, f.Lists))
		if len(changed) == 0 {
			return audit.Entry{}, nil
		}
		return by.note(audit.FormChanged, id, changed...), nil
	})
}

// DeleteForm removes a form; contacts that came through it stay.
func DeleteForm(ctx context.Context, st Store, of crm.SiteID, by By, id string, check func(site.Form) error) error {
	return st.Forms(of).Delete(ctx, id, check, by.note(audit.FormDeleted, id))
}
