package segment

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clientele/internal/domain/contact"
)

// Parse reads a filter whose days are those of UTC. An empty text is the
// filter that matches everything. The error is an *Error.
func Parse(s string) (Filter, error) { return ParseIn(s, time.UTC) }

// ParseIn is Parse with the days of a time zone: a shop in Amsterdam that asks
// for yesterday means its own.
func ParseIn(s string, days *time.Location) (Filter, error) {
	p := parser{s: s, days: days}
	root, err := p.filter()
	if err != nil {
		return Filter{}, err
	}
	return Filter{root}, nil
}

type parser struct {
	s     string
	i     int // byte offset of the next character
	terms int
	days  *time.Location
	own   []contact.FieldDef // of the site
}

// fail reports what is wrong at a byte offset.
func (p *parser) fail(at int, fix, what string, args ...any) error {
	return &Error{Column: utf8.RuneCountInString(p.s[:at]) + 1, What: fmt.Sprintf(what, args...), Fix: fix}
}

func (p *parser) filter() (*node, error) {
	if len(p.s) > MaxBytes {
		return nil, &Error{Column: 1, What: fmt.Sprintf("the filter is longer than %d bytes", MaxBytes), Fix: "save a part of it as a tag"}
	}
	if i := invalidUTF8(p.s); i >= 0 {
		return nil, p.fail(i, "send the filter as UTF-8", "this is not a character")
	}
	if p.blank(); p.end() {
		return nil, nil
	}
	root, err := p.join(0)
	if err != nil {
		return nil, err
	}
	if !p.end() {
		return nil, p.fail(p.i, "remove it, or open one before", "this parenthesis closes nothing")
	}
	// Written out in full the filter must still be a filter: it is saved so.
	if len(Filter{root}.String()) > MaxBytes {
		return nil, &Error{Column: 1, What: fmt.Sprintf("the filter is longer than %d bytes when it is written out", MaxBytes), Fix: "make it shorter"}
	}
	return root, nil
}

func invalidUTF8(s string) int {
	for i, c := range s {
		if c == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

func (p *parser) end() bool { return p.i == len(p.s) }

func (p *parser) at(prefix string) bool { return strings.HasPrefix(p.s[p.i:], prefix) }

// blank skips white space and reports whether there was any.
func (p *parser) blank() bool {
	start := p.i
	for !p.end() {
		c, size := utf8.DecodeRuneInString(p.s[p.i:])
		if !unicode.IsSpace(c) {
			break
		}
		p.i += size
	}
	return p.i > start
}

// word returns the next word without taking it.
func (p *parser) word(stop string) string {
	for i, c := range p.s[p.i:] {
		if unicode.IsSpace(c) || strings.ContainsRune(stop, c) {
			return p.s[p.i : p.i+i]
		}
	}
	return p.s[p.i:]
}

const (
	nameStops  = "()\"=<>:!"
	valueStops = "()\""
)

// join reads terms up to the end or a closing parenthesis.
func (p *parser) join(depth int) (*node, error) {
	var kids []*node
	var how op // of the first connector: all or anyOf
	for {
		kid, err := p.negated(depth)
		if err != nil {
			return nil, err
		}
		kids = append(kids, kid)
		p.blank()
		if p.end() || p.at(")") {
			break
		}
		at, next := p.i, all
		switch w := p.word(nameStops); {
		case w == "AND":
			p.i += len(w)
		case w == "OR":
			p.i += len(w)
			next = anyOf
		case keyword(w) && w != "NOT":
			return nil, p.lower(w)
		}
		if how == 0 {
			how = next
		}
		if how != next {
			return nil, p.fail(at, "put parentheses around what belongs together, as in a AND (b OR c)", "AND and OR are mixed")
		}
		p.blank()
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	n := &node{op: how}
	for _, k := range kids {
		if k.op == how { // (a AND b) AND c is a AND b AND c
			n.kids = append(n.kids, k.kids...)
		} else {
			n.kids = append(n.kids, k)
		}
	}
	return n, nil
}

func (p *parser) lower(w string) error {
	return p.fail(p.i, "write "+strings.ToUpper(w)+" in capitals, or \""+w+"\" in quotes to look for the word", "%q is in small letters", w)
}

// negated reads a term with any number of NOT and - before it.
func (p *parser) negated(depth int) (*node, error) {
	negative := false
	for {
		if w := p.word(nameStops); w == "NOT" {
			p.i += len(w)
			p.blank()
			negative = !negative
		} else if p.at("-") {
			p.i++
			if after := p.i; p.end() || p.blank() {
				return nil, p.fail(after, "put - right before a term, or use NOT", "after - comes nothing")
			}
			negative = !negative
		} else {
			break
		}
	}
	n, err := p.term(depth)
	if err != nil || !negative {
		return n, err
	}
	if n.op == not {
		return n.kids[0], nil
	}
	return &node{op: not, kids: []*node{n}}, nil
}

// term reads a comparison, a text to look for, or a group in parentheses.
func (p *parser) term(depth int) (*node, error) {
	start := p.i
	switch {
	case p.end():
		return nil, p.fail(p.i, "add a term, as status = lead", "the filter ends where a term is expected")
	case p.at(")"):
		return nil, p.fail(p.i, "put a term before it", "there is no term before this parenthesis")
	case p.at("("):
		if depth == MaxDepth {
			return nil, p.fail(p.i, "make the filter flatter", "parentheses are more than %d deep", MaxDepth)
		}
		p.i++
		p.blank()
		n, err := p.join(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.end() {
			return nil, p.fail(start, "close it by )", "this parenthesis is not closed")
		}
		p.i++
		return n, p.separate()
	}
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(p.i, "use fewer, or save a part as a tag", "the filter has more than %d terms", MaxTerms)
	}
	if p.at(`"`) {
		s, err := p.quote()
		if err != nil {
			return nil, err
		}
		if o, _ := p.operator(); o != 0 {
			return nil, p.fail(start, "write its name without them", "a field stands in quotes")
		}
		return p.searchFor(start, s)
	}
	w := p.word(nameStops)
	switch {
	case w == "" && p.at("!") && !p.at("!="):
		return nil, p.fail(p.i, "use NOT or -", "! is not known")
	case w == "":
		return nil, p.fail(p.i, "put the name of a field before it", "an operator without a field")
	case w == "AND" || w == "OR":
		return nil, p.fail(p.i, "put a term before it, or \""+w+"\" in quotes to look for the word", "there is no term before %s", w)
	case w == "&&" || w == "||":
		return nil, p.fail(p.i, "use AND and OR", "%s is not known", w)
	}
	p.i += len(w)
	o, at := p.operator()
	if o == 0 {
		if keyword(w) {
			p.i = start
			return nil, p.lower(w)
		}
		if err := p.plain(start, w); err != nil {
			return nil, err
		}
		return p.searchFor(start, w)
	}
	if strings.HasPrefix(w, contact.CustomPrefix) {
		own, err := p.ownField(start, w)
		if err != nil {
			return nil, err
		}
		return p.comparison(&node{op: o, field: Custom, own: own}, at)
	}
	f, ok := FieldNamed(w)
	if !ok {
		return nil, p.fail(start, "use one of "+strings.Join(FieldNames(), ", ")+", or put a text to look for in quotes", "there is no field %q", w)
	}
	return p.comparison(&node{op: o, field: f}, at)
}

// operator takes an operator and returns 0, taking nothing, if there is none.
// at is where it stands.
func (p *parser) operator() (o op, at int) {
	start := p.i
	p.blank()
	at = p.i
	for _, o := range []op{differs, atMost, atLeast, is, less, more, has} { // the longer ones first
		if p.at(signs[o]) {
			p.i += len(signs[o])
			return o, at
		}
	}
	p.i = start
	return 0, start
}

// comparison reads the value of a field and completes the term.
func (p *parser) comparison(n *node, at int) (*node, error) {
	f, o := n.field, n.op
	if p.at("=") || p.at(">") || p.at("<") {
		return nil, p.fail(at, "use one of = != < <= > >= :", "this operator is not known")
	}
	p.blank()
	start, inQuotes := p.i, p.at(`"`)
	if inQuotes {
		s, err := p.quote()
		if err != nil {
			return nil, err
		}
		n.value = s
	} else {
		w := p.word(valueStops)
		if w == "" || w == "AND" || w == "OR" || w == "NOT" {
			return nil, p.fail(p.i, "put one after "+signs[o]+"; \"\" is the empty text", "the value of %s is missing", n.name())
		}
		p.i += len(w)
		if w == "*" && o == has {
			n.op = isSet
			return n, p.separate()
		}
		if err := p.plain(start, w); err != nil {
			return nil, err
		}
		n.value = w
	}
	if err := p.separate(); err != nil {
		return nil, err
	}
	switch fields[f].kind {
	case own:
		if err := p.ownValue(n, at, start); err != nil {
			return nil, err
		}
	case number:
		if o == has {
			return nil, p.fail(at, "use =, !=, <, <=, > or >=", "%s is a number", f)
		}
		v, err := strconv.ParseInt(n.value, 10, 64)
		if err != nil {
			return nil, p.fail(start, fmt.Sprintf("write digits, at most %d", int64(math.MaxInt64)), "%s needs a whole number", f)
		}
		n.number = v
	case moment:
		if o == has {
			return nil, p.fail(at, "use =, !=, <, <=, > or >=", "%s is a moment", f)
		}
		var ok bool
		if n.from, n.to, ok = span(n.value, p.days); !ok {
			return nil, p.fail(start, "write 2026-03-31 or 2026-03-31T17:00:00Z", "%s needs a day or a moment", f)
		}
	case tags:
		if o != has {
			return nil, p.fail(at, "write tags:vip, and NOT tags:vip for the contrary", "%s is not for tags", signs[o])
		}
		if n.value == "" {
			return nil, p.fail(start, "write tags:* for any tag", "a tag is not empty")
		}
	case lists:
		if o != has {
			return nil, p.fail(at, "write list:news, and NOT list:news for the contrary", "%s is not for newsletter lists", signs[o])
		}
		if n.value == "" {
			return nil, p.fail(start, "write list:* for any list", "a list has a name")
		}
	case text:
		if o != is && o != differs && o != has {
			return nil, p.fail(at, "use =, != or :", "%s is for numbers and moments, %s is text", signs[o], f)
		}
		if f == Phone {
			n.digits = phoneDigits(n.value)
		}
		if o == has {
			if n.needle = fold(n.value); n.needle == "" {
				return nil, p.fail(start, "write "+f.String()+":* for any value", "every text holds the empty one")
			}
		}
	}
	return n, nil
}

func (p *parser) searchFor(start int, s string) (*node, error) {
	n := &node{op: search, value: s, needle: fold(s), digits: phoneDigits(s)}
	if n.needle == "" {
		return nil, p.fail(start, "remove it: an empty filter matches everything", "there is nothing to look for")
	}
	return n, p.separate()
}

// separate demands a blank or a closing parenthesis after a term: in
// city:"a"b it is not clear what was meant.
func (p *parser) separate() error {
	if p.end() || p.at(")") {
		return nil
	}
	if c, _ := utf8.DecodeRuneInString(p.s[p.i:]); unicode.IsSpace(c) {
		return nil
	}
	return p.fail(p.i, "put a blank before it, or the whole text in quotes", "a term ends here and another character follows")
}

// plain refuses what was probably meant otherwise in a word without quotes.
func (p *parser) plain(start int, w string) error {
	if i := strings.Index(w, "*"); i >= 0 {
		return p.fail(start+i, "use : to look for a part, as city:utr, or put the text in quotes", "* does not stand for other letters")
	}
	if strings.HasPrefix(w, "'") && (len(w) > 1 && strings.HasSuffix(w, "'") || closedLater(p.s[start+len(w):])) {
		return p.fail(start, `put the text in double quotes: "…"`, "single quotes are letters here, as in 's-Hertogenbosch")
	}
	if i := strings.IndexAny(w, "“”„«»"); i >= 0 {
		return p.fail(start+i, "use straight ones: \"", "these quotes are not known")
	}
	return nil
}

// closedLater reports whether a single quote closes a word before the next term: then the one
// before it was meant to open a text.
func closedLater(rest string) bool {
	for _, w := range strings.Fields(rest) {
		switch {
		case keyword(w) || strings.ContainsAny(w, "\"=<>:("):
			return false
		case strings.HasSuffix(strings.TrimRight(w, ")"), "'"):
			return true
		}
	}
	return false
}

// quote reads a text in quotes.
func (p *parser) quote() (string, error) {
	start := p.i
	var b strings.Builder
	for p.i++; !p.end(); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return b.String(), nil
		case '\\':
			p.i++
			if !p.at(`"`) && !p.at(`\`) {
				return "", p.fail(p.i-1, `write \\ for a backslash and \" for a quote`, "a backslash before another character")
			}
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(start, `close them by "`, "these quotes are not closed")
}

// span reads a day in a zone or an instant.
func span(s string, days *time.Location) (from, to time.Time, ok bool) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		y, m, d := day.Date()
		// Not 24 hours later: days have 23 to 25.
		return time.Date(y, m, d, 0, 0, 0, 0, days).UTC(), time.Date(y, m, d+1, 0, 0, 0, 0, days).UTC(), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), t.UTC().Add(1), err == nil
}
