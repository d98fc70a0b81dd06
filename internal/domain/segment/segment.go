// Package segment is the filter language with which contacts are listed, saved
// as segments, changed in bulk and exported.
//
//	status = customer AND orders_count >= 3 AND (city:utrecht OR city:zeist)
//	-tags:vip created_at >= 2026-01-01
//	"de wit"
//
// It is a subset of AIP-160 (https://google.aip.dev/160):
//
//   - = and != compare the whole value; text without case, phone numbers
//     without separators. "" is the empty text: company = "".
//   - : asks whether a text holds another, without case and accents; tags:vip
//     whether the contact has the tag, without case; field:* whether there is
//     any value; list:news whether they are subscribed to the newsletter list.
//     Lists, groups and statuses are meant by name or id: see Open.
//   - custom.shoe_size is a field that the site made, compared as its type is: text, web
//     address, e-mail address and choice as texts; number, integer and date by their
//     order; boolean with yes or no; custom.topics:bread whether one of several choices
//     is. "" is no value: custom.since = "".
//   - <, <=, > and >= are for orders_count and for moments. A moment is RFC 3339
//     or a day, YYYY-MM-DD; a day is meant whole: > is after it, <= includes it.
//   - AND, OR, NOT (or - before a term) in capitals, and parentheses. Terms side
//     by side are joined by AND.
//   - A word or a text in quotes alone is looked for in name, e-mail, company
//     and phone. In quotes, \" and \\ stand for " and \.
//
// What differs from AIP-160: AND and OR may not be mixed without parentheses
// (there OR binds tighter, in most languages AND does; whoever reads a filter
// the other way mails the wrong people), there are no wildcards, functions or
// nested fields, and ' is a letter ('s-Hertogenbosch); a text in single quotes is refused.
package segment

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// Limits of a filter, OWASP ASVS 4.3.1.
const (
	MaxBytes = 2048 // of its text, and of its text as String writes it
	MaxTerms = 20   // comparisons and searched texts
	MaxDepth = 5    // parentheses within each other
)

// Field is a field of a contact that filters know.
type Field uint8

// The fields.
const (
	ID Field = iota + 1
	Email
	FirstName
	LastName
	Company
	Phone
	Status
	Tags
	Consent
	City
	Postcode
	Country
	Language
	OrdersCount
	CreatedAt
	UpdatedAt
	Group
	List
	Custom // one of the site's own, see node.own
)

type kind uint8

const (
	text kind = iota
	number
	moment
	tags
	lists
	own
)

var fields = [...]struct {
	name string
	kind kind
}{
	ID: {"id", text}, Email: {"email", text}, FirstName: {"first_name", text}, LastName: {"last_name", text},
	Company: {"company", text}, Phone: {"phone", text}, Status: {"status", text}, Tags: {"tags", tags},
	Consent: {"consent", text}, City: {"city", text}, Postcode: {"postcode", text}, Country: {"country", text},
	Language: {"language", text}, OrdersCount: {"orders_count", number}, CreatedAt: {"created_at", moment}, UpdatedAt: {"updated_at", moment},
	Group: {"group", text}, List: {"list", lists}, Custom: {"custom.<key>", own},
}

// String is the name of the field in a filter.
func (f Field) String() string {
	if int(f) < len(fields) {
		return fields[f].name
	}
	return ""
}

// FieldNamed returns the field of a name, and false if there is none.
func FieldNamed(name string) (Field, bool) {
	for f := ID; int(f) < len(fields); f++ {
		if fields[f].name == name {
			return f, true
		}
	}
	return 0, false
}

// FieldNames lists the fields in the order of this page.
func FieldNames() []string {
	var names []string
	for f := ID; int(f) < len(fields); f++ {
		names = append(names, f.String())
	}
	return names
}

// Row is a contact as a filter sees it. A filter calls only the method of a
// field's type, and calls it once a term; none should allocate, since a list
// matches a hundred thousand rows. One value that moves over the rows will do.
type Row interface {
	// Text returns a text field, "" if it is empty.
	Text(Field) string
	// Number returns OrdersCount, and false if it is not known.
	Number(Field) (int64, bool)
	// Time returns CreatedAt or UpdatedAt, and false if it is not known.
	Time(Field) (time.Time, bool)
	// Tag returns the i-th tag from 0, and false beyond the last.
	Tag(i int) (string, bool)
	// List returns the id of the i-th newsletter list that may be sent to the contact,
	// and false beyond the last.
	List(i int) (string, bool)
	// Own returns a field of the site by its key, as it is kept; "" without a value.
	Own(key string) string
}

// Filter is a parsed filter. Its zero value matches every contact. It never
// changes and may be used by many goroutines.
type Filter struct{ root *node }

type op uint8

const (
	all    op = iota + 1 // every kid
	anyOf                // at least one kid
	not                  // not the one kid
	search               // value in name, e-mail, company or phone
	is                   // field = value
	differs
	less
	atMost
	more
	atLeast
	has   // field:value
	isSet // field:*
)

var signs = [...]string{is: "=", differs: "!=", less: "<", atMost: "<=", more: ">", atLeast: ">=", has: ":", isSet: ":"}

// node is one step of a filter. Nested joins of one kind are flattened and
// double negations gone, so that equal meanings of parentheses are equal nodes.
type node struct {
	op    op
	field Field
	own   *contact.FieldDef // of Custom
	kids  []*node

	value  string // as written, without quotes
	needle string // value folded, for has and search
	digits string // value as part of a phone number, "" if it is none
	number int64
	// A moment is the span [from, to): a day, or the one nanosecond of an instant.
	from, to time.Time
}

// All reports whether the filter matches every contact.
func (f Filter) All() bool { return f.root == nil }

// Match reports whether a contact passes the filter.
func (f Filter) Match(r Row) bool { return f.root == nil || f.root.match(r) }

func (n *node) match(r Row) bool {
	switch n.op {
	case all:
		for _, k := range n.kids {
			if !k.match(r) {
				return false
			}
		}
		return true
	case anyOf:
		for _, k := range n.kids {
			if k.match(r) {
				return true
			}
		}
		return false
	case not:
		return !n.kids[0].match(r)
	case search:
		return n.found(r)
	}
	switch fields[n.field].kind {
	case number:
		v, ok := r.Number(n.field)
		switch n.op {
		case isSet:
			return ok
		case differs: // what is not known differs from every value
			return !ok || v != n.number
		case is:
			return ok && v == n.number
		case less:
			return ok && v < n.number
		case atMost:
			return ok && v <= n.number
		case more:
			return ok && v > n.number
		case atLeast:
			return ok && v >= n.number
		}
	case moment:
		v, ok := r.Time(n.field)
		switch n.op {
		case isSet:
			return ok
		case differs:
			return !ok || v.Before(n.from) || !v.Before(n.to)
		case is:
			return ok && !v.Before(n.from) && v.Before(n.to)
		case less:
			return ok && v.Before(n.from)
		case atMost:
			return ok && v.Before(n.to)
		case more:
			return ok && !v.Before(n.to)
		case atLeast:
			return ok && !v.Before(n.from)
		}
	case tags:
		for i := 0; ; i++ {
			tag, ok := r.Tag(i)
			if !ok {
				return false
			}
			if n.op == isSet || crm.SameFolded(tag, n.value) {
				return true
			}
		}
	case own:
		return n.matchOwn(r.Own(n.own.Key))
	case lists:
		for i := 0; ; i++ {
			list, ok := r.List(i)
			if !ok {
				return false
			}
			if n.op == isSet || list == n.value {
				return true
			}
		}
	case text:
		v := r.Text(n.field)
		switch n.op {
		case isSet:
			return v != ""
		case is:
			return n.equals(v)
		case differs:
			return !n.equals(v)
		case has:
			return n.field == Phone && n.digits != "" && phoneHas(v, n.digits) || contains(v, n.needle)
		}
	}
	return false
}

func (n *node) equals(v string) bool {
	return strings.EqualFold(v, n.value) || n.field == Phone && n.digits != "" && samePhone(v, n.value)
}

// found looks for a text in all that people know somebody by.
func (n *node) found(r Row) bool {
	first, last := r.Text(FirstName), r.Text(LastName)
	if contains(last, n.needle) || contains(first, n.needle) || contains(r.Text(Email), n.needle) || contains(r.Text(Company), n.needle) {
		return true
	}
	// "fenna de wit" stands in neither half of the name.
	if strings.Contains(n.needle, " ") && first != "" && last != "" && containsJoined(first, last, n.needle) {
		return true
	}
	if n.digits != "" {
		return phoneHas(r.Text(Phone), n.digits)
	}
	return contains(r.Text(Phone), n.needle)
}

// String writes the filter in its canonical form. Parse reads it as the same
// filter.
func (f Filter) String() string {
	if f.root == nil {
		return ""
	}
	var b strings.Builder
	f.root.write(&b)
	return b.String()
}

func (n *node) write(b *strings.Builder) {
	switch n.op {
	case all, anyOf:
		for i, k := range n.kids {
			switch {
			case i > 0 && n.op == all:
				b.WriteString(" AND ")
			case i > 0:
				b.WriteString(" OR ")
			}
			k.writeWithin(b)
		}
	case not:
		b.WriteString("NOT ")
		n.kids[0].writeWithin(b)
	case search:
		b.WriteString(quoted(n.value))
	case has:
		b.WriteString(n.name() + ":" + quoted(n.value))
	case isSet:
		b.WriteString(n.name() + ":*")
	default:
		b.WriteString(n.name() + " " + signs[n.op] + " " + quoted(n.value))
	}
}

// writeWithin puts parentheses around a join that stands within another.
func (n *node) writeWithin(b *strings.Builder) {
	if n.op != all && n.op != anyOf {
		n.write(b)
		return
	}
	b.WriteString("(")
	n.write(b)
	b.WriteString(")")
}

// quoted writes a value, in quotes unless it is a plain word.
func quoted(s string) string {
	plain := s != "" && !keyword(s)
	for i, c := range s {
		if !(unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || i > 0 && strings.ContainsRune("@.-", c)) {
			plain = false
		}
	}
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// HasTag is the filter of those that have a tag.
func HasTag(tag string) string { return "tags:" + quoted(tag) }

// keyword reports whether a word is AND, OR or NOT in any case.
func keyword(s string) bool {
	return strings.EqualFold(s, "AND") || strings.EqualFold(s, "OR") || strings.EqualFold(s, "NOT")
}

// Error tells where a filter is wrong, what is wrong, and what to do.
type Error struct {
	Column int    // from 1, in characters
	What   string // "there is no field \"colour\""
	Fix    string // "use one of id, email, …"
}

func (e *Error) Error() string {
	return "column " + strconv.Itoa(e.Column) + ": " + e.What + "; " + e.Fix
}
