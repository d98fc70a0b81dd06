package segment

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/contact"
)

// What the types of a site's own fields can be compared by.
var ownOps = map[contact.FieldType][]op{
	contact.NumberField:  {is, differs, less, atMost, more, atLeast},
	contact.IntegerField: {is, differs, less, atMost, more, atLeast},
	contact.DateField:    {is, differs, less, atMost, more, atLeast},
	contact.BooleanField: {is, differs},
	contact.ChoicesField: {has},
}

// ownField is the site's field of a name such as custom.shoe_size.
func (p *parser) ownField(start int, name string) (*contact.FieldDef, error) {
	f, ok := contact.Policy{Custom: p.own}.FieldNamed(name)
	if ok {
		return &f, nil
	}
	if len(p.own) == 0 {
		return nil, p.fail(start, "make it at /v1/custom-fields, or put a text to look for in quotes", "this site has no field %q", name)
	}
	names := make([]string, len(p.own))
	for i, f := range p.own {
		names[i] = f.Name()
	}
	return nil, p.fail(start, "use one of "+strings.Join(names, ", ")+", or put a text to look for in quotes", "this site has no field %q", name)
}

// ownValue makes the value of a comparison one that values of the field's type can
// be compared with.
func (p *parser) ownValue(n *node, at, start int) error {
	f, o := n.own, n.op
	allowed, typed := ownOps[f.Type]
	if !typed {
		allowed = []op{is, differs, has}
	}
	if !slices.Contains(allowed, o) {
		var names []string
		for _, o := range allowed {
			names = append(names, signs[o])
		}
		return p.fail(at, "use "+strings.Join(names, ", ")+", or "+f.Name()+":* for any value", "%s is not for %s, a field of type %s", signs[o], f.Name(), f.Type)
	}
	if o == has {
		if n.needle = fold(n.value); n.needle == "" {
			return p.fail(start, "write "+f.Name()+":* for any value", "there is nothing to look for")
		}
		return nil
	}
	if !typed || n.value == "" && (o == is || o == differs) {
		return nil // texts, and whether there is a value
	}
	v, err := f.Read(n.value)
	if f.Type == contact.NumberField || f.Type == contact.IntegerField {
		v, err = f.Accept(contact.Given{Kind: contact.GivenNumber, Text: n.value})
	}
	if err != nil || v == "" {
		return p.fail(start, map[contact.FieldType]string{contact.NumberField: "write digits, with a point before decimals: 42.5", contact.IntegerField: "write digits alone",
			contact.DateField: "write 2026-03-31", contact.BooleanField: "write yes or no"}[f.Type], "%s cannot be %q", f.Name(), n.value)
	}
	n.value = v
	return nil
}

// matchOwn compares a site's own field, as its type is meant. What a contact has from
// an older field of the same key, and this one cannot be, is no value.
func (n *node) matchOwn(kept string) bool {
	g, ok := n.own.Give(kept)
	switch {
	case n.op == isSet:
		return ok
	case !ok: // what is not known differs from every value, and is the empty one
		return n.op == differs && n.value != "" || n.op == is && n.value == ""
	case n.op == has && g.Kind == contact.GivenTexts:
		return slices.ContainsFunc(g.Texts, func(v string) bool { return strings.EqualFold(v, n.value) })
	case n.op == has:
		return contains(g.Text, n.needle)
	}
	var c int
	switch {
	case g.Kind == contact.GivenNumber && n.value != "":
		c = compareNumbers(g.Text, n.value)
	case n.own.Type == contact.DateField:
		c = cmp.Compare(g.Text, n.value)
	case !strings.EqualFold(g.Text, n.value):
		return n.op == differs
	}
	switch n.op {
	case is:
		return c == 0
	case differs:
		return c != 0
	case less:
		return c < 0
	case atMost:
		return c <= 0
	case more:
		return c > 0
	}
	return c >= 0
}

// compareNumbers compares two decimals as contact.FieldDef writes them, digit for digit:
// they may have more of these than any type of number.
func compareNumbers(a, b string) int {
	x, minus := strings.CutPrefix(a, "-")
	y, too := strings.CutPrefix(b, "-")
	switch {
	case minus && !too:
		return -1
	case too && !minus:
		return 1
	case minus:
		x, y = y, x
	}
	whole, part, _ := strings.Cut(x, ".")
	other, rest, _ := strings.Cut(y, ".")
	return cmp.Or(cmp.Compare(len(whole), len(other)), cmp.Compare(whole, other), cmp.Compare(part, rest))
}

// ParseOf is Parse for a site that has fields of its own.
func ParseOf(s string, own []contact.FieldDef) (Filter, error) {
	p := parser{s: s, days: time.UTC, own: own}
	root, err := p.filter()
	if err != nil {
		return Filter{}, err
	}
	return Filter{root}, nil
}

// name is how a filter names the field of a comparison.
func (n *node) name() string {
	if n.own != nil {
		return n.own.Name()
	}
	return n.field.String()
}

// Gone tells why a filter that was checked before is none any more: the site deleted
// a field since. ok is false for an error of another kind.
func Gone(err error) (why string, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return "", false
	}
	return "the site was changed since this was asked for, and its filter is none any more: " + e.Error(), true
}
