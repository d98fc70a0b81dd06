package contact

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"clientele/internal/domain/crm"
)

var shop = Policy{Country: "NL", Custom: []FieldDef{
	{Key: "remark", Label: "Remark", Type: TextField},
	{Key: "size", Label: "Shoe size", Type: NumberField},
	{Key: "visits", Label: "Visits", Type: IntegerField},
	{Key: "since", Label: "Since", Type: DateField},
	{Key: "gold", Label: "Gold card", Type: BooleanField},
	{Key: "colour", Label: "Colour", Type: ChoiceField, Options: []string{"Red", "Light; blue", "Groen"}},
	{Key: "topics", Label: "Topics", Type: ChoicesField, Options: []string{"Bread", "Cakes; sweet", `"Free"`}},
	{Key: "blog", Label: "Blog", Type: URLField},
	{Key: "partner", Label: "Partner's mail", Type: EmailField},
}}

func own(key string) FieldDef {
	f, _ := shop.Field(key)
	return f
}

func TestCustomValuesHaveOneSpelling(t *testing.T) {
	for _, tt := range []struct{ key, typed, want string }{ // want "!" is refused
		{"size", " 42 ", "42"}, {"size", "42,5", "42.5"}, {"size", "1.234,50", "1234.5"}, {"size", "1,234.50", "1234.5"}, {"size", "1 234,5", "1234.5"},
		{"size", "1,234", "!"}, {"size", "1.234", "1.234"}, {"size", "-0.0", "0"}, {"size", "+007", "7"}, {"size", ".5", "0.5"}, {"size", "5.", "5"},
		{"size", "1e3", "1000"}, {"size", "1.5E-3", "0.0015"}, {"size", "1e99", "!"}, {"size", "1e999999999", "!"}, {"size", "NaN", "!"}, {"size", "0x10", "!"}, {"size", "veel", "!"},
		{"size", "12345678901234567890.0987654321", "12345678901234567890.0987654321"}, {"size", strings.Repeat("9", 31), "!"},
		{"visits", "9007199254740991", "9007199254740991"}, {"visits", "-9007199254740992", "!"}, {"visits", "1.5", "!"}, {"visits", "3.0", "3"},
		{"since", "2026-02-28", "2026-02-28"}, {"since", "2026-02-30", "!"},
		{"gold", "Ja", "true"}, {"gold", "0", "false"}, {"gold", "misschien", "!"},
		{"colour", "RED", "Red"}, {"colour", "light; blue", "Light; blue"}, {"colour", "Purple", "!"},
		{"topics", `"cakes; sweet";bread;Bread`, `Bread;"Cakes; sweet"`}, {"topics", `"""free"""`, `"""Free"""`}, {"topics", "Bread;Fish", "!"},
		{"blog", "https://a.example/x?y=1", "https://a.example/x?y=1"}, {"blog", "javascript:alert(1)", "!"}, {"blog", "a b", "!"},
		{"partner", "x@b.example", "x@b.example"}, {"partner", "X <x@b.example>", "!"}, {"partner", "x", "!"},
		{"remark", "  blanks stay ", "  blanks stay "}, {"remark", strings.Repeat("é", 1001), "!"}, {"remark", "\xff", "!"}, {"remark", "", ""},
	} {
		got, err := own(tt.key).Read(tt.typed)
		if err != nil {
			got = "!"
		}
		if got != tt.want {
			t.Errorf("%s of %q: %q, %v; want %q", tt.key, tt.typed, got, err, tt.want)
		} else if err == nil {
			if again, err := own(tt.key).Read(got); again != got || err != nil {
				t.Errorf("%q reads itself as %q, %v", got, again, err)
			}
		}
	}
}

func TestCustomValuesOfTheAPIHaveTypes(t *testing.T) {
	text := func(s string) Given { return Given{Kind: GivenText, Text: s} }
	number := func(s string) Given { return Given{Kind: GivenNumber, Text: s} }
	yes := Given{Kind: GivenBoolean, Text: "true"}
	list := func(s ...string) Given { return Given{Kind: GivenTexts, Texts: s} }
	all := []Given{text("x"), number("1"), yes, list("Bread"), {Kind: GivenOther}}
	takes := map[string][]Given{
		"remark": {text(" x ")}, "size": {number("1.50"), text("1.50")}, "visits": {number("1e2"), text("100")}, "since": {text("2026-01-01")},
		"gold": {yes}, "colour": {text("red")}, "topics": {list("bread", "BREAD"), list()}, "blog": {text("http://a.example")}, "partner": {text("a@b.example")},
	}
	for _, f := range shop.Custom {
		for _, g := range takes[f.Key] {
			v, err := f.Accept(g)
			if err != nil {
				t.Errorf("%s refuses %v: %v", f.Key, g, err)
				continue
			}
			back, ok := f.Give(v)
			if again, err := f.Accept(back); v != "" && (!ok || err != nil || again != v) {
				t.Errorf("%s gives %q as %v, which is %q, %v", f.Key, v, back, again, err)
			}
		}
		if v, err := f.Accept(Given{}); v != "" || err != nil {
			t.Errorf("null for %s: %q, %v", f.Key, v, err)
		}
		refused := 0
		for _, g := range all {
			if _, err := f.Accept(g); err != nil {
				refused++
			}
		}
		if refused < 3 {
			t.Errorf("%s refuses only %d values of other types", f.Key, refused)
		}
	}
}

func TestAFieldOfAnotherTypeHidesWhatItCannotBe(t *testing.T) {
	if g, ok := (FieldDef{Key: "size", Type: NumberField}).Give("blue"); ok {
		t.Errorf("a number field gives %v", g)
	}
	if g, ok := own("colour").Give("Yellow"); !ok || g.Text != "Yellow" {
		t.Errorf("an option that is gone gives %v", g)
	}
}

func TestPatchOfCustomFields(t *testing.T) {
	c := New(Facts{Email: "a@b.example", Details: Details{Custom: map[string]string{"size": "42", "colour": "Yellow", "gone": "x"}}}, now)
	kept := c.Custom
	changed, err := c.Edit(Patch{Custom: Some(map[string]Given{"remark": {Kind: GivenText, Text: "hi"}, "size": {}, "colour": {Kind: GivenText, Text: "Yellow"}})}, shop, "key_1", now)
	if err != nil || !slices.Equal(changed, []string{"custom.gone", "custom.remark", "custom.size"}) {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if fmt.Sprint(c.Custom) != "map[colour:Yellow remark:hi]" || fmt.Sprint(kept) != "map[colour:Yellow gone:x size:42]" {
		t.Errorf("now %v; the old map %v", c.Custom, kept)
	}
	_, err = c.Edit(Patch{Custom: Some(map[string]Given{"nose": {Kind: GivenText, Text: "x"}, "size": {Kind: GivenBoolean, Text: "true"}, "colour": {Kind: GivenText, Text: "Pink"}})}, shop, "key_1", now)
	for _, p := range []string{"/custom/nose", "/custom/size", "/custom/colour"} {
		if crm.CodeOf(err) != crm.Invalid || !hasFault(err, p) {
			t.Errorf("no fault at %s: %v", p, err)
		}
	}
	if _, err := c.Edit(Patch{Custom: Opt[map[string]Given]{Set: true}}, shop, "key_1", now); err != nil || c.Custom != nil {
		t.Errorf("null clears all: %v, %v", c.Custom, err)
	}
}

func hasFault(err error, pointer string) bool {
	e, ok := err.(*crm.Error)
	return ok && slices.ContainsFunc(e.Faults, func(f crm.Fault) bool { return f.Pointer == pointer })
}

func TestCustomFieldsLockAndAreOfferedEachOnItsOwn(t *testing.T) {
	pol := shop
	pol.LockScope = LockField
	c := New(Facts{Email: "a@b.example", AsOf: at(0)}, now)
	if _, err := c.Edit(Patch{Custom: Some(map[string]Given{"size": {Kind: GivenNumber, Text: "41"}})}, pol, "key_1", now); err != nil {
		t.Fatal(err)
	}
	c.Enrich(Facts{Source: "s", AsOf: at(1), Details: Details{Custom: map[string]string{"size": "42", "remark": "new"}}})
	if c.Custom["size"] != "41" || c.Custom["remark"] != "new" || c.Offered()["custom.size"].Details.Custom["size"] != "42" {
		t.Errorf("%v, offered %v", c.Custom, c.Offered())
	}
	if changed, err := c.Take([]string{"custom.size"}, pol, now); err != nil || len(changed) != 1 || c.Custom["size"] != "42" {
		t.Errorf("taken %v, %v: %v", changed, err, c.Custom)
	}
	if _, err := c.Unlock([]string{"custom.nose"}, false, pol, now); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("a field there is not: %v", err)
	}
	if changed, err := c.Unlock([]string{"custom.size"}, false, pol, now); err != nil || len(changed) != 1 || c.Lock != nil {
		t.Errorf("unlocked %v, %v", changed, err)
	}
	c.Lock = &Lock{At: now}
	if _, err := c.Unlock([]string{"note"}, false, pol, now); err != nil || !c.IsLocked("custom.gold") || c.IsLocked("note") {
		t.Errorf("of a whole lock one field opened: %v, %v", c.Lock, err)
	}
}

func TestCustomFactsEndTheSameInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 300 {
		facts := make([]Facts, 2+r.IntN(5))
		for i := range facts {
			f := Facts{Source: fmt.Sprint("s", i), Email: "a@b.example", AsOf: at(r.IntN(3)), Details: Details{Phones: pick2(r, "1", "2", "3")}}
			for _, key := range pick2(r, "size", "remark", "colour") {
				f.SetCustom(key, fmt.Sprint(r.IntN(3)))
			}
			facts[i] = f
		}
		locked := r.IntN(2) == 0
		var first string
		for shuffle := range 6 {
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			c := New(Facts{Email: "a@b.example", AsOf: at(-1)}, now)
			if locked {
				c.Lock = &Lock{At: now, Fields: map[string]Locked{"custom.size": {}}}
			}
			for _, f := range facts {
				c.Enrich(f)
				if e := c.Enrich(f); e.Visible || e.Dirty {
					t.Fatal("a repetition did something")
				}
			}
			got := fmt.Sprintf("%v %v %v", c.Custom, c.Phones, c.Offers["custom.size"].Details.Custom)
			if shuffle == 0 {
				first = got
			} else if got != first {
				t.Fatalf("round %d:\n%s\n%s\nof %+v", round, first, got, facts)
			}
		}
	}
}

func TestDefinitionsAreChecked(t *testing.T) {
	for _, f := range shop.Custom {
		var faults crm.Faults
		if f.Check(&faults); faults.Err() != nil {
			t.Errorf("%s: %v", f.Key, faults.Err())
		}
	}
	for _, tt := range []struct {
		def FieldDef
		at  string
	}{
		{FieldDef{Key: "Size", Label: "x", Type: TextField}, "/key"},
		{FieldDef{Key: "a", Label: " ", Type: TextField}, "/label"},
		{FieldDef{Key: "a", Label: "x", Type: "colour"}, "/type"},
		{FieldDef{Key: "a", Label: "x", Type: TextField, Options: []string{"a"}}, "/options"},
		{FieldDef{Key: "a", Label: "x", Type: ChoiceField}, "/options"},
		{FieldDef{Key: "a", Label: "x", Type: ChoiceField, Options: []string{"a", "A"}}, "/options/1"},
		{FieldDef{Key: "a", Label: "x", Type: ChoiceField, Options: []string{" a"}}, "/options/0"},
	} {
		var faults crm.Faults
		if tt.def.Check(&faults); !hasFault(faults.Err(), tt.at) {
			t.Errorf("%+v: %v", tt.def, faults.Err())
		}
	}
}
