package segment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/tag"
)

// Names is what a site calls things.
type Names interface {
	Groups
	// Tags are those that the site knows whether or not a contact has them.
	Tags(ctx context.Context) ([]tag.Tag, error)
	// EachRow visits every contact.
	EachRow(ctx context.Context, visit func(contact.Row) error) error
}

// CheckNames finds the statuses, groups, lists, tags and consents of a filter that are none
// of the site's: a name that is misspelt would match nobody, or with NOT everybody. What
// is given later (a tag for the first time) has to be made first. In a book of more than
// mostTagged contacts a tag is taken as it is, as the rest may have it. Whoever opens a
// filter that was checked takes it as it is, as things go while a job waits.
func CheckNames(ctx context.Context, text string, s site.Site, b Names, faults *crm.Faults, pointer string) error {
	f, err := ParseOf(text, s.CustomFields)
	if err != nil || f.root == nil {
		return nil // told by whoever parses it
	}
	k := knower{ctx: ctx, site: s, book: b}
	f.root.each(func(n *node) {
		if n.op == isSet || n.value == "" || err != nil {
			return
		}
		var what string
		var names, ids []string // ids are taken as well, and not told
		switch n.field {
		case Status:
			what = "status"
			for _, d := range s.AllStatuses() {
				names, ids = append(names, s.StatusText(d.ID)), append(ids, string(d.ID), d.Name)
			}
		case Consent:
			what = "consent"
			for _, c := range contact.Consents {
				names = append(names, string(c))
			}
		case List:
			what = "newsletter list"
			for _, d := range s.Lists {
				names, ids = append(names, d.Name), append(ids, d.ID)
			}
		case Group:
			what = "customer group"
			names, ids, err = k.groups()
		case Tags:
			what = "tag"
			var all bool
			if names, all, err = k.tags(n.value); !all {
				return
			}
		default:
			return
		}
		if err == nil && !n.isOne(names) && !n.isOne(ids) {
			faults.Add(pointer, "%s", none(what, n.value, names))
		}
	})
	return err
}

// isOne reports whether the value of a term is one of the names, or for a text that is to hold it, a part of one.
func (n *node) isOne(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return crm.Fold(name) == crm.Fold(n.value) || n.op == has && n.field != List && n.field != Tags && strings.Contains(fold(name), n.needle)
	})
}

// most is how many names are told.
const most = 20

func none(what, value string, names []string) string {
	says := fmt.Sprintf("there is no %s %q", what, value)
	switch {
	case len(names) == 0:
		return says + "; the site has none"
	case len(names) > most:
		return fmt.Sprintf("%s; there are %s and %d more", says, strings.Join(names[:most], ", "), len(names)-most)
	}
	return says + "; there are " + strings.Join(names, ", ")
}

// mostTagged is how many contacts are looked at for the tags that they alone have: a second's work.
const mostTagged = 20_000

// knower reads the names of a site at most once.
type knower struct {
	ctx  context.Context
	site site.Site
	book Names

	group, groupIDs, known, used []string
	scanned, all                 bool
}

func (k *knower) groups() (names, ids []string, err error) {
	if k.group != nil {
		return k.group, k.groupIDs, nil
	}
	all, err := k.book.Groups(k.ctx)
	k.group = []string{}
	for _, g := range all {
		k.group, k.groupIDs = append(k.group, g.Name), append(k.groupIDs, g.ID)
	}
	return k.group, k.groupIDs, err
}

// tags are those that the site knows; where the value is none of them, those of the
// contacts as well. all is false where there may be more.
func (k *knower) tags(value string) (names []string, all bool, err error) {
	if k.known == nil {
		all, err := k.book.Tags(k.ctx)
		if err != nil {
			return nil, false, err
		}
		k.known = []string{}
		for _, t := range all {
			k.known = append(k.known, t.Name)
		}
	}
	same := func(t string) bool { return crm.Fold(t) == crm.Fold(value) }
	if slices.ContainsFunc(k.known, same) {
		return k.known, true, nil
	}
	if !k.scanned {
		tally := tag.Tally{}
		k.all, err = contact.FirstRows(k.ctx, k.book.EachRow, mostTagged, func(r contact.Row) error { tally.Add(r.Tags); return nil })
		if err != nil {
			return nil, false, err
		}
		k.scanned = true
		for _, u := range tag.List(nil, tally) {
			k.used = append(k.used, u.Name)
		}
	}
	return append(slices.Clone(k.known), slices.DeleteFunc(slices.Clone(k.used), func(t string) bool {
		return slices.ContainsFunc(k.known, func(o string) bool { return crm.Fold(o) == crm.Fold(t) })
	})...), k.all, nil
}

// each visits every term.
func (n *node) each(visit func(*node)) {
	for _, k := range n.kids {
		k.each(visit)
	}
	if len(n.kids) == 0 {
		visit(n)
	}
}
