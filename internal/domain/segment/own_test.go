package segment

import (
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
)

var ownFields = []contact.FieldDef{
	{Key: "remark", Label: "Remark", Type: contact.TextField},
	{Key: "size", Label: "Shoe size", Type: contact.NumberField},
	{Key: "visits", Label: "Visits", Type: contact.IntegerField},
	{Key: "since", Label: "Since", Type: contact.DateField},
	{Key: "gold", Label: "Gold", Type: contact.BooleanField},
	{Key: "colour", Label: "Colour", Type: contact.ChoiceField, Options: []string{"Red", "Light; blue"}},
	{Key: "topics", Label: "Topics", Type: contact.ChoicesField, Options: []string{"Bread", "Cakes; sweet"}},
	{Key: "blog", Label: "Blog", Type: contact.URLField},
	{Key: "partner", Label: "Partner", Type: contact.EmailField},
}

func TestOwnFieldsAreComparedAsTheirType(t *testing.T) {
	has := &person{own: map[string]string{"remark": "Zoë's bread", "size": "42.5", "visits": "-7", "since": "2026-03-02", "gold": "true", "colour": "Purple", // no option any more
		"topics": `Bread;"Cakes; sweet"`, "blog": "https://a.example/x", "partner": "p@b.example"}}
	odd := &person{own: map[string]string{"size": "blue", "since": "soon", "gold": "perhaps"}} // of older fields of the same keys
	for _, c := range []struct {
		filter    string
		has, none bool
	}{
		{`custom.remark = "zoë's BREAD"`, true, false}, {"custom.remark:zoe", true, false}, {"custom.remark != x", true, true}, {"custom.remark = \"\"", false, true}, {`custom.remark != ""`, true, false},
		{"custom.size = 42.50", true, false}, {"custom.size > 9", true, false}, {"custom.size > 42.5", false, false}, {"custom.size >= 4.25e1", true, false}, {"custom.size < 100", true, false},
		{"custom.size <= 42.49", false, false}, {"custom.size != 42.5", false, true}, {"custom.size:*", true, false}, {"-custom.size:*", false, true}, {`custom.size = ""`, false, true},
		{"custom.visits < 0", true, false}, {"custom.visits > -10", true, false}, {"custom.visits >= -7", true, false}, {"custom.visits < -7", false, false},
		{"custom.since = 2026-03-02", true, false}, {"custom.since > 2026-03-01", true, false}, {"custom.since < 2026-03-02", false, false}, {"custom.since <= 2026-03-02", true, false},
		{`custom.since != ""`, true, false}, {"custom.since:*", true, false},
		{"custom.gold = yes", true, false}, {"custom.gold = true", true, false}, {"custom.gold = nee", false, false}, {"custom.gold != no", true, true}, {"custom.gold:*", true, false},
		{"custom.colour = PURPLE", true, false}, {"custom.colour:purp", true, false}, {"custom.colour = red", false, false}, {"custom.colour != red", true, true},
		{"custom.topics:bread", true, false}, {`custom.topics:"cakes; SWEET"`, true, false}, {"custom.topics:cakes", false, false}, {"-custom.topics:bread", false, true}, {"custom.topics:*", true, false},
		{"custom.blog:a.example", true, false}, {"custom.partner = P@B.example", true, false},
		{"custom.size > 40 AND (custom.gold = yes OR custom.topics:bread)", true, false},
	} {
		f, err := ParseOf(c.filter, ownFields)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if f.Match(has) != c.has || f.Match(nobody) != c.none || f.Match(odd) != c.none {
			t.Errorf("%s: %v for who has values, %v for who has none, %v for who has those of another type", c.filter, f.Match(has), f.Match(nobody), f.Match(odd))
		}
		if again, err := ParseOf(f.String(), ownFields); err != nil || !reflect.DeepEqual(again, f) || !f.Own() {
			t.Errorf("%s is written %s and read otherwise: %v", c.filter, f, err)
		}
	}
}

func TestWrongComparisonsOfOwnFieldsAreTold(t *testing.T) {
	for filter, want := range map[string]string{
		"custom.nose = 1":                          `column 1: this site has no field "custom.nose"; use one of custom.remark, custom.size,`,
		"vip custom. = 1":                          `column 5: this site has no field "custom."`,
		"custom.SIZE = 1":                          `this site has no field "custom.SIZE"`,
		"custom.size = big":                        `column 15: custom.size cannot be "big"; write digits, with a point before decimals: 42.5`,
		"custom.size = 42,5":                       `custom.size cannot be "42,5"`,
		"custom.size:4":                            `column 12: : is not for custom.size, a field of type number; use =, !=, <, <=, >, >=, or custom.size:* for any value`,
		"custom.visits = 1.5":                      `custom.visits cannot be "1.5"; write digits alone`,
		"custom.since > 2026-02-30":                `custom.since cannot be "2026-02-30"; write 2026-03-31`,
		`custom.since > ""`:                        `custom.since cannot be ""`,
		"custom.gold = perhaps":                    `custom.gold cannot be "perhaps"; write yes or no`,
		"custom.gold > no":                         `> is not for custom.gold, a field of type boolean; use =, !=, or`,
		"custom.topics = bread":                    `= is not for custom.topics, a field of type choices; use :, or custom.topics:* for any value`,
		"custom.remark < a":                        `< is not for custom.remark`,
		`custom.remark:""`:                         `there is nothing to look for; write custom.remark:* for any value`,
		"custom.remark =":                          `the value of custom.remark is missing`,
		"custom.size = " + strings.Repeat("9", 31): `custom.size cannot be`,
	} {
		if _, err := ParseOf(filter, ownFields); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", filter, err, want)
		}
	}
	if _, err := Parse("custom.size = 1"); err == nil || !strings.Contains(err.Error(), "make it at /v1/custom-fields") {
		t.Errorf("a site without fields: %v", err)
	}
}

func TestNumbersOfAnyLengthAreCompared(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	number := contact.FieldDef{Key: "n", Type: contact.NumberField}
	some := func() string {
		var b strings.Builder
		b.WriteString([]string{"", "-"}[r.IntN(2)])
		for range 1 + r.IntN(14) {
			b.WriteByte("0019"[r.IntN(4)])
		}
		if r.IntN(2) == 0 {
			b.WriteByte('.')
			for range 1 + r.IntN(14) {
				b.WriteByte("0019"[r.IntN(4)])
			}
		}
		v, err := number.Read(b.String())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for range 20_000 {
		a, b := some(), some()
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got := compareNumbers(a, b); got != x.Cmp(y) {
			t.Fatalf("%s and %s: %d, want %d", a, b, got, x.Cmp(y))
		}
	}
}
