package segment

import (
	"context"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/site"
)

// Groups is what a filter needs of a site's book.
type Groups interface {
	// Groups lists the customer groups of the site, ordered by id.
	Groups(ctx context.Context) ([]group.Group, error)
}

// Open parses a filter for the contacts of a site: statuses, groups and newsletter lists
// are meant by name or by id. A name that the site does not know (CheckNames refuses it when a
// filter is given) stays as it is written; a list that it does not have is nobody's. Groups are read only for a filter that
// asks for them.
func Open(ctx context.Context, text string, s site.Site, b Groups) (Filter, error) {
	f, err := ParseOf(text, s.CustomFields)
	if err != nil || f.root == nil {
		return f, err
	}
	groups := map[string]string{}
	if f.root.asks(Group) {
		all, err := b.Groups(ctx)
		if err != nil {
			return f, err
		}
		for _, g := range all { // ordered by id, so by age: of two with one name the older counts
			if name := crm.Fold(g.Name); groups[name] == "" {
				groups[name] = g.ID
			}
		}
	}
	lists := map[string]string{}
	for _, d := range s.Lists {
		lists[crm.Fold(d.Name)], lists[crm.Fold(d.ID)] = d.ID, d.ID
	}
	return Filter{f.root.named(func(n *node) {
		switch {
		case n.field == List && n.op == isSet: // of the lists that there still are
			n.op = anyOf
			for _, d := range s.Lists {
				n.kids = append(n.kids, &node{op: has, field: List, value: d.ID})
			}
		case n.op == isSet:
		case n.field == List:
			n.value = lists[crm.Fold(n.value)]
		case n.field == Group && groups[crm.Fold(n.value)] != "":
			n.means(groups[crm.Fold(n.value)])
		case n.field == Status:
			if id, ok := s.StatusID(n.value); ok {
				n.means(id)
			}
		}
	})}, nil
}

// means gives a term another value.
func (n *node) means(id string) { n.value, n.needle = id, fold(id) }

// asks reports whether a term is about the field.
func (n *node) asks(f Field) bool {
	for _, k := range n.kids {
		if k.asks(f) {
			return true
		}
	}
	return n.field == f
}

// named is a copy whose terms are changed.
func (n *node) named(change func(*node)) *node {
	m := *n
	m.kids = make([]*node, len(n.kids))
	for i, k := range n.kids {
		m.kids[i] = k.named(change)
	}
	change(&m)
	return &m
}
