package contact

import (
	"cmp"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clientele/internal/domain/crm"
)

// FieldType is what a field that the site made can hold.
type FieldType string

const (
	TextField    FieldType = "text"
	NumberField  FieldType = "number"  // decimal, exact
	IntegerField FieldType = "integer" // exact in every reader of JSON: up to 2^53-1
	DateField    FieldType = "date"
	BooleanField FieldType = "boolean"
	ChoiceField  FieldType = "choice"  // one of its options
	ChoicesField FieldType = "choices" // several of them
	URLField     FieldType = "url"
	EmailField   FieldType = "email"
)

// FieldTypes lists them.
var FieldTypes = []FieldType{TextField, NumberField, IntegerField, DateField, BooleanField, ChoiceField, ChoicesField, URLField, EmailField}

// FieldDef is a field that the site made. Key and type never change.
type FieldDef struct {
	Key     string // in API, files and forms; files and locks name the field custom.<key>
	Label   string // for people
	Type    FieldType
	Options []string // of a choice
}

// Limits of the fields that a site makes.
const (
	MaxFields     = 100 // a site
	MaxFieldLabel = 100 // characters
	MaxOptions    = 100 // a field
	MaxOption     = 100 // characters
	maxCustomText = 1000
	maxDigits     = 30 // of a number, before and after the point together
)

// CustomPrefix stands before a key where the fields of a site stand beside those
// that every contact has.
const CustomPrefix = "custom."

// Name is the field's name in files, locks and offers.
func (f FieldDef) Name() string { return CustomPrefix + f.Key }

var fieldKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Check reports what is wrong with a definition.
func (f FieldDef) Check(faults *crm.Faults) {
	if !fieldKey.MatchString(f.Key) {
		faults.Add("/key", "a key has 1 to 40 small letters, digits and underscores and starts with a letter, for example shoe_size")
	}
	if !slices.Contains(FieldTypes, f.Type) {
		faults.Add("/type", "a type is one of %s", crm.Join(FieldTypes))
	}
	if err := checkText(f.Label, MaxFieldLabel); err != nil {
		faults.Add("/label", "%s", err)
	} else if Trim(f.Label) == "" {
		faults.Add("/label", "give the field a label, as people read it")
	}
	if f.Type != ChoiceField && f.Type != ChoicesField {
		if len(f.Options) > 0 {
			faults.Add("/options", "only a field of type choice or choices has options")
		}
		return
	}
	if len(f.Options) == 0 || len(f.Options) > MaxOptions {
		faults.Add("/options", "give 1 to %d options to choose from", MaxOptions)
		return
	}
	for i, o := range f.Options {
		at := "/options/" + strconv.Itoa(i)
		if err := checkText(o, MaxOption); err != nil {
			faults.Add(at, "%s", err)
		} else if Trim(o) != o || o == "" {
			faults.Add(at, "an option is not empty and has no blanks around it")
		} else if slices.ContainsFunc(f.Options[:i], func(p string) bool { return strings.EqualFold(o, p) }) {
			faults.Add(at, "this option is there already; options are compared without case")
		}
	}
}

// Field is the site's field of a key.
func (p Policy) Field(key string) (FieldDef, bool) {
	i := slices.IndexFunc(p.Custom, func(f FieldDef) bool { return f.Key == key })
	if i < 0 {
		return FieldDef{}, false
	}
	return p.Custom[i], true
}

// FieldNamed is the site's field of a name such as custom.shoe_size.
func (p Policy) FieldNamed(name string) (FieldDef, bool) {
	key, ok := strings.CutPrefix(name, CustomPrefix)
	if !ok {
		return FieldDef{}, false
	}
	return p.Field(key)
}

// Read makes what stands in a cell of a file or a field of a form into the value
// that is kept: one spelling for each value, so that equal ones are equal texts.
// Empty says nothing. The error is a sentence.
func (f FieldDef) Read(v string) (string, error) {
	if f.Type != TextField {
		v = Trim(v)
	}
	if v == "" {
		return "", nil
	}
	if err := checkText(v, maxCustomText); err != nil && f.Type != ChoicesField {
		return "", err
	}
	switch f.Type {
	case NumberField, IntegerField:
		n, err := plainNumber(v)
		if err != nil {
			return "", err
		}
		return f.number(n)
	case DateField:
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return "", fmt.Errorf("a date is written YYYY-MM-DD, for example 2026-03-31")
		}
	case BooleanField:
		switch strings.ToLower(v) {
		case "true", "yes", "y", "1", "on", "ja", "j", "waar", "wahr", "oui", "vrai", "x":
			return "true", nil
		case "false", "no", "n", "0", "off", "nee", "onwaar", "nein", "falsch", "non", "faux":
			return "false", nil
		}
		return "", fmt.Errorf("this is neither yes nor no")
	case ChoiceField:
		return f.option(v)
	case ChoicesField:
		return f.choose(splitList(v))
	case URLField:
		u, err := url.Parse(v)
		if strings.ContainsFunc(v, unicode.IsSpace) || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", fmt.Errorf("a web address looks like https://www.example.nl")
		}
	case EmailField:
		return readEmail(v)
	}
	return v, nil
}

// readEmail is looser than crm.ParseEmail, as nobody is known by such a field.
func readEmail(v string) (string, error) {
	a, err := mail.ParseAddress(v)
	if err != nil || a.Address != v {
		return "", fmt.Errorf("an e-mail address looks like emma@example.nl")
	}
	return v, nil
}

// Given is a value as JSON gives it.
type Given struct {
	Kind  GivenKind
	Text  string // of a text; of a number its literal; "true" or "false"
	Texts []string
}

// GivenKind is the type of a JSON value.
type GivenKind int

const (
	GivenNull GivenKind = iota
	GivenText
	GivenNumber
	GivenBoolean
	GivenTexts
	GivenOther
)

// Accept is Read for a value of the API, which has types. A number may also come as text.
func (f FieldDef) Accept(g Given) (string, error) {
	switch {
	case g.Kind == GivenNull:
		return "", nil
	case g.Kind == GivenNumber && (f.Type == NumberField || f.Type == IntegerField), g.Kind == GivenText && (f.Type == NumberField || f.Type == IntegerField):
		if g.Text == "" {
			return "", nil
		}
		n, err := jsonNumber(g.Text)
		if err != nil {
			return "", err
		}
		return f.number(n)
	case g.Kind == GivenBoolean && f.Type == BooleanField:
		return g.Text, nil
	case g.Kind == GivenTexts && f.Type == ChoicesField:
		return f.choose(g.Texts)
	case g.Kind == GivenText && f.Type != BooleanField && f.Type != ChoicesField:
		return f.Read(g.Text)
	}
	return "", fmt.Errorf("%s is a field of type %s: give %s, or null to clear it", f.Key, f.Type, map[FieldType]string{
		TextField: "a text", NumberField: "a number", IntegerField: "a whole number", DateField: "a date as text", BooleanField: "true or false",
		ChoiceField: "one of its options", ChoicesField: "a list of its options", URLField: "a web address", EmailField: "an e-mail address"}[f.Type])
}

// Give is the reverse of Accept for a value that is kept; ok is false for one
// that the field cannot have: of an older field of the same key.
func (f FieldDef) Give(v string) (Given, bool) {
	switch f.Type {
	case ChoiceField: // also one that is no option any more
		return Given{Kind: GivenText, Text: v}, v != ""
	case ChoicesField:
		return Given{Kind: GivenTexts, Texts: splitList(v)}, v != ""
	}
	if read, err := f.Read(v); err != nil || read != v || v == "" {
		return Given{}, false
	}
	switch f.Type {
	case NumberField, IntegerField:
		return Given{Kind: GivenNumber, Text: v}, true
	case BooleanField:
		return Given{Kind: GivenBoolean, Text: v}, true
	}
	return Given{Kind: GivenText, Text: v}, true
}

func (f FieldDef) option(v string) (string, error) {
	if i := slices.IndexFunc(f.Options, func(o string) bool { return strings.EqualFold(o, v) }); i >= 0 {
		return f.Options[i], nil
	}
	return "", fmt.Errorf("this is none of the options of %s: %s", f.Label, strings.Join(f.Options, ", "))
}

// OptionsIn are those of the values in a cell that are options of the field.
func (f FieldDef) OptionsIn(v string) string {
	list := slices.DeleteFunc(splitList(v), func(o string) bool { _, err := f.option(o); return err != nil })
	if f.Type != ChoicesField || len(list) > MaxOptions {
		return ""
	}
	kept, _ := f.choose(list) // each is one
	return kept
}

// choose keeps options in the order of the field, each once.
func (f FieldDef) choose(list []string) (string, error) {
	if len(list) > MaxOptions {
		return "", fmt.Errorf("a field has at most %d options; these are %d", MaxOptions, len(list))
	}
	chosen := map[string]bool{}
	for _, v := range list {
		o, err := f.option(v)
		if err != nil {
			return "", err
		}
		chosen[o] = true
	}
	var out []string
	for _, o := range f.Options {
		if chosen[o] {
			out = append(out, o)
		}
	}
	return JoinTexts(out), nil
}

var (
	decimal     = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)$`)
	literal     = regexp.MustCompile(`^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$`)
	thousands   = regexp.MustCompile(`^[+-]?\d{1,3}([.,]\d{3})$`)
	largestInt  = "9007199254740991" // 2^53-1
	errNoNumber = fmt.Errorf("this is not a number; write it as 1234.5")
)

// plainNumber reads a number as people and spreadsheets write it: with a comma or
// a point for decimals. One comma with three digits behind it may be either; it is
// refused rather than misread a thousandfold.
func plainNumber(v string) (string, error) {
	v = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "").Replace(v)
	comma, point := strings.Count(v, ","), strings.Count(v, ".")
	switch {
	case comma == 1 && point == 0:
		if thousands.MatchString(v) {
			return "", fmt.Errorf("this number can be read in two ways; write it without a separator of thousands, and decimals behind a point")
		}
		v = strings.Replace(v, ",", ".", 1)
	case comma > 0 && point == 1 && strings.LastIndexByte(v, ',') < strings.IndexByte(v, '.'):
		v = strings.ReplaceAll(v, ",", "")
	case point > 0 && comma == 1 && strings.LastIndexByte(v, '.') < strings.IndexByte(v, ','):
		v = strings.Replace(strings.ReplaceAll(v, ".", ""), ",", ".", 1)
	}
	if !decimal.MatchString(v) {
		return jsonNumber(v) // 1e6, as spreadsheets write large ones
	}
	return tidyNumber(v)
}

// jsonNumber reads a number as JSON writes it, digit for digit.
func jsonNumber(v string) (string, error) {
	m := literal.FindStringSubmatch(v)
	if m == nil {
		return "", errNoNumber
	}
	exp, _ := strconv.Atoi(m[4]) // at most three digits; none are zero
	if exp > maxDigits || exp < -maxDigits {
		return "", errManyDigits
	}
	digits, scale := m[2]+m[3], len(m[3])-exp
	if scale < 0 {
		digits, scale = digits+strings.Repeat("0", -scale), 0
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return tidyNumber(m[1] + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:])
}

var errManyDigits = fmt.Errorf("a number has at most %d digits", maxDigits)

// tidyNumber writes a decimal without needless signs and zeros.
func tidyNumber(v string) (string, error) {
	sign := ""
	if v[0] == '-' {
		sign = "-"
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(v, "+-"), ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(whole)+len(fraction) > maxDigits {
		return "", errManyDigits
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		return sign + whole + "." + fraction, nil
	}
	if whole == "0" {
		sign = ""
	}
	return sign + whole, nil
}

// number holds a tidy number against the field's type.
func (f FieldDef) number(n string) (string, error) {
	if f.Type != IntegerField {
		return n, nil
	}
	abs := strings.TrimPrefix(n, "-")
	if strings.Contains(n, ".") {
		return "", fmt.Errorf("this is not a whole number")
	}
	if cmp.Or(cmp.Compare(len(abs), len(largestInt)), cmp.Compare(abs, largestInt)) > 0 {
		return "", fmt.Errorf("a whole number is at most %s", largestInt)
	}
	return n, nil
}

// SetCustom gives a field a value that Read or Accept made; empty clears it. The
// map of a contact is never changed in place, as others may look at it.
func (d *Details) SetCustom(key, v string) {
	if d.Custom[key] == v {
		return
	}
	next := maps.Clone(d.Custom)
	if v == "" {
		delete(next, key)
	} else {
		if next == nil {
			next = map[string]string{}
		}
		next[key] = v
	}
	if len(next) == 0 {
		next = nil
	}
	d.Custom = next
}

// CutCustom sets a field from what a visitor typed, who cannot be asked again: a
// text beyond the limit is cut, what the field cannot hold leaves it empty.
func (d *Details) CutCustom(f FieldDef, v string) {
	if f.Type == TextField && utf8.RuneCountInString(v) > maxCustomText {
		v = firstRunes(v, maxCustomText)
	}
	if v, err := f.Read(v); err == nil {
		d.SetCustom(f.Key, v)
	}
}

// customUnit is the unit of one field of the site.
func customUnit(key string) unit {
	return unit{
		name: CustomPrefix + key,
		strength: func(d *Details) int {
			if d.Custom[key] == "" {
				return 0
			}
			return 2
		},
		copy:  func(dst, src *Details) { dst.SetCustom(key, src.Custom[key]) },
		equal: func(a, b *Details) bool { return a.Custom[key] == b.Custom[key] },
		text:  func(d *Details) string { return d.Custom[key] },
	}
}

// unitsOf are all units that one of the details may have something in.
func unitsOf(all ...*Details) []unit {
	keys := map[string]bool{}
	for _, d := range all {
		for k := range d.Custom {
			keys[k] = true
		}
	}
	if len(keys) == 0 {
		return units
	}
	out := slices.Clone(units)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, customUnit(k))
	}
	return out
}

// applyCustom changes fields of the site by hand. What a field that is gone left
// behind goes with any change of the site's fields.
func (c *Contact) applyCustom(p Opt[map[string]Given], pol Policy, faults *crm.Faults) {
	if !p.Set {
		return
	}
	if p.Value == nil {
		c.Custom = nil
		return
	}
	for _, key := range slices.Sorted(maps.Keys(p.Value)) {
		f, ok := pol.Field(key)
		if !ok {
			if len(p.Value) > 2*MaxFields || utf8.RuneCountInString(key) > MaxFieldLabel {
				key = "…"
			}
			faults.Add("/custom/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), "this site has no such field; see /v1/custom-fields")
			continue
		}
		if have, ok := f.Give(c.Custom[key]); ok && have.equal(p.Value[key]) { // also of an option that is gone
			continue
		}
		v, err := f.Accept(p.Value[key])
		if err != nil {
			faults.Add("/custom/"+key, "%s", err)
			continue
		}
		c.SetCustom(key, v)
	}
	for key := range c.Custom {
		if _, ok := pol.Field(key); !ok {
			c.SetCustom(key, "")
		}
	}
}

func (g Given) equal(o Given) bool {
	return g.Kind == o.Kind && g.Text == o.Text && slices.Equal(g.Texts, o.Texts)
}

// HasUnit reports whether contacts of the site have a unit of the name.
func (p Policy) HasUnit(name string) bool { return slices.Contains(p.Units(), name) }
