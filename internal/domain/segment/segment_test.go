package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// person is a row for tests: texts by field and the rest.
type person struct {
	texts   map[Field]string
	orders  int64
	created time.Time
	tags    []string
	lists   []string
	own     map[string]string
}

func (p *person) Text(f Field) string        { return p.texts[f] }
func (p *person) Number(Field) (int64, bool) { return p.orders, p.orders >= 0 }
func (p *person) Time(f Field) (time.Time, bool) {
	return p.created, f == CreatedAt && !p.created.IsZero()
}
func (p *person) Tag(i int) (string, bool) {
	if i >= len(p.tags) {
		return "", false
	}
	return p.tags[i], true
}

func (p *person) List(i int) (string, bool) {
	if i >= len(p.lists) {
		return "", false
	}
	return p.lists[i], true
}

func (p *person) Own(key string) string { return p.own[key] }

var zoe = &person{
	texts: map[Field]string{
		ID: "c_Ab1", Email: "Zoe.de-Wit@Example.nl", FirstName: "Zoë", LastName: "de Wit", Company: "Bakkerij Groß & Zn.",
		Phone: "+31 6 1234-5678", Status: "customer", City: "'s-Hertogenbosch", Postcode: "5211 AA", Country: "NL", Language: "nl", Consent: "subscribed",
	},
	orders: 3, created: time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC), tags: []string{"VIP", "brood abonnement"}, lists: []string{"list_a", "list_b"},
}

var nobody = &person{orders: -1}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter      string
		zoe, nobody bool
	}{
		{"", true, true}, {" \t\n", true, true},
		{"status = customer", true, false}, {`status="CUSTOMER"`, true, false}, {"status=cust", false, false},
		{"status != customer", false, true}, {"id = c_ab1", true, false},
		{"company = \"\"", false, true}, {`company != ""`, true, false},
		{"company:*", true, false}, {"-company:*", false, true}, {"tags:*", true, false}, {"orders_count:*", true, false}, {"created_at:*", true, false}, {`company:"*"`, false, false},
		{"first_name:zoe", true, false}, {"first_name:OË", true, false}, {"first_name:\"zoe\u0308\"", true, false}, {"first_name = zoe", false, false}, {"first_name = ZOË", true, false},
		{"company:gross", true, false}, {"company:GROẞ", true, false}, {"email:example.NL", true, false}, {"email = zoe.de-wit@example.nl", true, false},
		{"city:'s-h", true, false}, {"city:’s-h", true, false}, {"postcode:5211", true, false}, {`postcode = "5211 aa"`, true, false},
		{"tags:vip", true, false}, {"tags:vi", false, false}, {`tags:"Brood Abonnement"`, true, false}, {"-tags:vip", false, true}, {"NOT tags:gold", true, true},
		{"list:list_b", true, false}, {"list:list_c", false, false}, {"list:*", true, false}, {"-list:list_a", false, true},
		{"phone:0612345678", true, false}, {"phone:06-1234", true, false}, {"phone:+316", true, false}, {"phone:0031", true, false}, {"phone:612346", false, false},
		{`phone = "+31612345678"`, true, false}, {"phone = +31-6-12345678", true, false}, {"phone = 0612345678", false, false},
		{"orders_count = 3", true, false}, {"orders_count != 3", false, true}, {"orders_count > 2", true, false}, {"orders_count >= 4", false, false},
		{"orders_count < 4", true, false}, {"orders_count <= 2", false, false}, {"orders_count > -1", true, false}, {"orders_count<=3", true, false},
		{"created_at = 2026-03-02", true, false}, {"created_at != 2026-03-02", false, true}, {"created_at > 2026-03-02", false, false}, {"created_at >= 2026-03-02", true, false},
		{"created_at <= 2026-03-02", true, false}, {"created_at < 2026-03-02", false, false}, {"created_at > 2026-03-01", true, false},
		{"created_at > 2026-03-02T23:29:59Z", true, false}, {"created_at = 2026-03-03T00:30:00+01:00", true, false}, {`created_at <= "2026-03-02T23:30:00Z"`, true, false},
		{"created_at < 2026-03-02T23:30:00Z", false, false}, {"updated_at >= 2000-01-01", false, false},
		{"zoe", true, false}, {"WIT", true, false}, {`"zoë de w"`, true, false}, {"zoe wit", true, false}, {"zoe gross", true, false}, {"jan", false, false},
		{"1234-56", true, false}, {"0612345678", true, false}, {"example", true, false}, {"hertogenbosch", false, false}, {"-jan", true, true},
		{"status = lead OR tags:vip", true, false}, {"status = lead AND tags:vip", false, false},
		{"status = customer AND (city:utrecht OR tags:vip)", true, false}, {"NOT (status = customer AND tags:vip)", false, true},
		{"NOT NOT zoe", true, false}, {"--zoe", true, false}, {"NOT -zoe", true, false}, {"-(zoe OR jan)", false, true}, {"((((zoe))))", true, false},
		{`"AND"`, false, false}, {"city=AND1", false, false}, {"andy OR zoe", true, false}, {`"a \" b \\ c"`, false, false},
	} {
		filter := c.filter
		f, err := Parse(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if f.Match(zoe) != c.zoe || f.Match(nobody) != c.nobody {
			t.Errorf("%s: %v for Zoë, %v for nobody", filter, f.Match(zoe), f.Match(nobody))
		}
		again, err := Parse(f.String())
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s is written %s and read otherwise: %v", filter, f, err)
		}
	}
}

func TestErrorsTellWhereAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		filter string
		column int
		says   string
	}{
		{"colour = red", 1, `no field "colour"`}, {"  http://x.example", 3, `no field "http"`}, {"zoë AND kleur:x", 9, "first_name, last_name"},
		{"a AND b OR c", 9, "AND and OR are mixed"}, {"a OR b c", 8, "mixed"}, {"a b OR c", 5, "put parentheses"}, {"(a AND b OR c)", 10, "mixed"},
		{"a and b", 3, "write AND in capitals"}, {"a or b", 3, "OR in capitals"}, {"not a", 1, "NOT in capitals"}, {"and", 1, "capitals"}, {"a Not b", 3, "capitals"},
		{"status >= lead", 8, "status is text"}, {"tags = vip", 6, "write tags:vip"}, {`tags:""`, 6, "tags:*"}, {"list = news", 6, "write list:news"}, {`list:""`, 6, "list:*"}, {"orders_count:3", 13, "number"}, {"created_at:2026", 11, "moment"},
		{"orders_count = 3.5", 16, "whole number"}, {"orders_count > many", 16, "digits"}, {"orders_count > 99999999999999999999", 16, "whole number"},
		{"created_at > yesterday", 14, "2026-03-31"}, {"created_at > 2026-02-30", 14, "a day"}, {"created_at > 2026-02-03T10:00", 14, "moment"},
		{"status =", 9, "missing"}, {"status = AND a", 10, "missing"}, {"status = )", 10, "missing"}, {"status == lead", 8, "not known"}, {"status <> lead", 8, "not known"}, {"= lead", 1, "without a field"},
		{"city = Utr*", 11, "use : to look for a part"}, {"*", 1, "*"}, {"jan*", 4, "*"}, {`city:""`, 6, "city:*"}, {`""`, 1, "matches everything"}, {"status=*", 8, "*"},
		{"(a", 1, "not closed"}, {"a)", 2, "closes nothing"}, {"()", 2, "no term before"}, {"a AND", 6, "ends where a term"}, {"AND a", 1, "no term before AND"}, {"a AND OR b", 7, "before OR"}, {"NOT", 4, "ends"},
		{`"a`, 1, "not closed"}, {`city = "a`, 8, "not closed"}, {`"a\n"`, 3, "backslash"}, {`"a\`, 3, "backslash"}, {`"a""b"`, 4, "blank"}, {`city="a"b`, 9, "blank"}, {"(a)b", 4, "blank"}, {"f(a)", 2, "blank"}, {`a"b"`, 2, "blank"},
		{"status = “lead”", 10, "straight"}, {"„zoe“", 1, "straight"}, {`"status" = lead`, 1, "quotes"}, {"- zoe", 2, "after -"}, {"-", 2, "after -"}, {"!zoe", 1, "NOT"}, {"a && b", 3, "use AND"},
		{"((((((a))))))", 6, "5 deep"}, {strings.Repeat("a ", 21), 41, "more than 20 terms"}, {strings.Repeat("é", 1025), 1, "2048"}, {"zoë \xff", 5, "UTF-8"},
	} {
		_, err := Parse(c.filter)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error, want %s", c.filter, c.says)
			continue
		}
		if e.Column != c.column || !strings.Contains(e.Error(), c.says) || e.What == "" || e.Fix == "" {
			t.Errorf("%s: %v; want column %d and %q", c.filter, e, c.column, c.says)
		}
	}
	for _, name := range FieldNames() {
		_, err := Parse("x = 1")
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the known fields are told without %s", name)
		}
		if f, ok := FieldNamed(name); !ok || f.String() != name {
			t.Errorf("%s is no field", name)
		}
	}
}

func TestLimitsAreWhatTheySay(t *testing.T) {
	for _, s := range []string{strings.Repeat("a ", 20), "(((((a)))))", strings.Repeat("x", MaxBytes), strings.Repeat("NOT ", 500) + "a"} {
		if _, err := Parse(s); err != nil {
			t.Errorf("%.30s…: %v", s, err)
		}
	}
	// What only exceeds the limit when it is written out is refused, since it
	// could not be read again.
	long := strings.Repeat("city:a ", 19) + "city:" + strings.Repeat("x", MaxBytes-19*7-5)
	var e *Error
	if _, err := Parse(long); !errors.As(err, &e) || !strings.Contains(e.What, "written out") {
		t.Errorf("%v", err)
	}
}

func TestCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"a b":                              "a AND b",
		"(a) ((b))":                        "a AND b",
		"(a AND b) AND (c AND d)":          "a AND b AND c AND d",
		"(a OR b) c":                       "(a OR b) AND c",
		"-(a b)":                           "NOT (a AND b)",
		"NOT(-a)":                          "a",
		"status=lead":                      "status = lead",
		`tags:"two words"`:                 `tags:"two words"`,
		`status = "and"`:                   `status = "and"`,
		`"a\\\"b"`:                         `"a\\\"b"`,
		"created_at>=2026-01-01T10:00:00Z": `created_at >= "2026-01-01T10:00:00Z"`,
		"-company : *":                     "NOT company:*",
	} {
		if f, err := Parse(in); err != nil || f.String() != want {
			t.Errorf("%s is written %s, %v; want %s", in, f, err, want)
		}
	}
	if f, _ := Parse(" "); !f.All() || f.String() != "" {
		t.Error("the empty filter")
	}
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	amsterdam := time.FixedZone("CET", 3600)
	f, err := ParseIn("created_at = 2026-03-03", amsterdam) // 23:30 UTC is half past midnight
	if err != nil || !f.Match(zoe) {
		t.Error(err)
	}
	// The day the clocks go forward has 23 hours.
	if zone, err := time.LoadLocation("Europe/Amsterdam"); err == nil {
		from, to, _ := span("2026-03-29", zone)
		if d := to.Sub(from); d != 23*time.Hour {
			t.Error(d)
		}
	}
}

func TestFoldedTextsStayFolded(t *testing.T) {
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if c >= 0xD800 && c < 0xE000 {
			continue
		}
		s := fold(string(c))
		if again := fold(s); again != s {
			t.Fatalf("%U folds to %q, and that to %q", c, s, again)
		}
		if s != "" && !contains(string(c), s) {
			t.Fatalf("%U does not hold itself", c)
		}
	}
	for in, want := range map[string]string{"ÅÉÎÕÜ": "aeiou", "Łódź": "lodz", "Straße": "strasse", "Ærø": "aero", "ﬁn": "fin", "Ｚｏｅ": "zoe", "İSTANBUL": "istanbul", "Đà Nẵng": "da nang", "Ὀδυσσεύς": "οδυσσευσ", "Ёлка": "елка", "กำ": fold("กำ")} {
		if got := fold(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if fold("कि") == fold("का") {
		t.Error("vowel signs of Hindi are not accents")
	}
}

// The fast search must find what a plain search in the folded texts finds.
func TestContainsAgreesWithTheObvious(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aabAB é́ßs.ﬁ")
	random := func(n int) string {
		var b []rune
		for range r.IntN(n) {
			b = append(b, letters[r.IntN(len(letters))])
		}
		return string(b)
	}
	for range 200_000 {
		s, a, needle := random(9), random(4), fold(random(4))
		if needle == "" {
			continue
		}
		if got, want := contains(s, needle), strings.Contains(fold(s), needle); got != want {
			t.Fatalf("%q in %q: %v", needle, s, got)
		}
		if got, want := containsJoined(s, a, needle), strings.Contains(fold(s+" "+a), needle); got != want {
			t.Fatalf("%q in %q and %q: %v", needle, s, a, got)
		}
	}
}

// TestJoinsAgreeWithATruthTable checks joins against plain evaluation.
func TestJoinsAgreeWithATruthTable(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	names := []string{"alpha", "beta", "gamma"}
	var build func(depth int) (string, func(uint) bool)
	build = func(depth int) (string, func(uint) bool) {
		switch n := r.IntN(6); {
		case depth == 0 || n < 2:
			i := r.IntN(3)
			return "tags:" + names[i], func(set uint) bool { return set>>i&1 == 1 }
		case n == 2:
			s, f := build(depth - 1)
			return "NOT (" + s + ")", func(set uint) bool { return !f(set) }
		default:
			a, fa := build(depth - 1)
			b, fb := build(depth - 1)
			if n == 3 {
				return "(" + a + ") OR (" + b + ")", func(set uint) bool { return fa(set) || fb(set) }
			}
			return "(" + a + ") AND (" + b + ")", func(set uint) bool { return fa(set) && fb(set) }
		}
	}
	for range 2000 {
		s, want := build(4)
		f, err := Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		for set := range uint(8) {
			p := &person{}
			for i, n := range names {
				if set>>i&1 == 1 {
					p.tags = append(p.tags, n)
				}
			}
			if f.Match(p) != want(set) {
				t.Fatalf("%s, written %s, is wrong for %v", s, f, p.tags)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a", "status = customer AND orders_count >= 3 AND (city:utrecht OR city:zeist)", `-tags:vip "de wit" created_at > 2026-01-01`,
		`"a \" \\ b" OR company:*`, "NOT (a b) phone:06-12345", "created_at <= 2026-01-01T10:00:00.5+02:00", "a AND b OR c", "(((((", "city:’s AND -(NOT x)", "\x00 \u0308 İ ß \U000E0001",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > utf8.RuneCountInString(s)+1 || e.What == "" || e.Fix == "" {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := Parse(filter.String())
		if err != nil || !reflect.DeepEqual(again, filter) || again.String() != filter.String() {
			t.Fatalf("%q is written %q and read as %q, %v", s, filter, again, err)
		}
		if filter.Match(zoe) != again.Match(zoe) || filter.Match(nobody) != again.Match(nobody) {
			t.Fatalf("%q matches otherwise when it is read again", s)
		}
		if filter.All() {
			return
		}
		not, err := Parse("NOT (" + s + ")")
		if err == nil && not.Match(zoe) == filter.Match(zoe) {
			t.Fatalf("%q and its contrary agree", s)
		}
	})
}

// column is a row of a table of columns, as a list in memory keeps it.
type column struct {
	i     int
	texts [Language + 1][]string
	count []int64
	times []int64
	tags  [][]string
}

func (c *column) Text(f Field) string        { return c.texts[f][c.i] }
func (c *column) Number(Field) (int64, bool) { return c.count[c.i], true }
func (c *column) Time(Field) (time.Time, bool) {
	return time.UnixMilli(c.times[c.i]), true
}
func (c *column) Own(string) string { return "" }

func (c *column) List(int) (string, bool) { return "", false }
func (c *column) Tag(i int) (string, bool) {
	if i >= len(c.tags[c.i]) {
		return "", false
	}
	return c.tags[c.i][i], true
}

const rows = 100_000

func table() *column {
	r := rand.New(rand.NewPCG(1, 2))
	c := &column{}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	tags := [][]string{nil, {"vip"}, {"newsletter", "wholesale"}, {"newsletter"}}
	for f := range c.texts {
		c.texts[f] = make([]string, rows)
	}
	for i := range rows {
		first, last := pick("Anna", "Zoë", "Jan", "Mohammed", "Fenna", "Willem-Alexander"), pick("de Wit", "Jansen", "van den Berg", "Müller", "Bakker")
		c.texts[FirstName][i], c.texts[LastName][i] = first, last
		c.texts[Email][i] = fmt.Sprintf("person.%d@example-%d.nl", i, i%97)
		c.texts[Company][i] = pick("", "", "Bakkerij De Wit", "Haanstra & Zn.")
		c.texts[Phone][i] = fmt.Sprintf("+316%08d", i)
		c.texts[Status][i] = pick("lead", "customer", "vip")
		c.texts[City][i] = pick("Utrecht", "Zeist", "Deventer", "Nice")
		c.count = append(c.count, int64(r.IntN(9)))
		c.times = append(c.times, 1767225600000+int64(i)*60000)
		c.tags = append(c.tags, tags[r.IntN(len(tags))])
	}
	return c
}

// BenchmarkMatch reads a table of 100,000 contacts once per operation.
func BenchmarkMatch(b *testing.B) {
	c := table()
	for _, s := range []string{
		"status = customer", "orders_count >= 3", "created_at >= 2026-02-01", "tags:vip", "city:utr",
		"wit", "4242", `"jan jan"`, "nobody-has-this", "status = customer AND orders_count >= 3 AND (city:utrecht OR city:zeist) AND NOT tags:vip",
	} {
		f, err := Parse(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = 0
				for c.i = range rows {
					if f.Match(c) {
						n++
					}
				}
			}
			b.ReportMetric(float64(n), "found")
		})
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	c := table()
	for _, s := range []string{"wit", `"zoë de"`, "city:utr tags:vip created_at > 2026-01-01 orders_count > 1", "phone:0612"} {
		f, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { c.i = (c.i + 1) % rows; f.Match(c) }); n != 0 {
			t.Errorf("%s: %v allocations a row", s, n)
		}
	}
	if !slices.Contains(FieldNames(), "email") || Field(99).String() != "" {
		t.Error("field names")
	}
}
