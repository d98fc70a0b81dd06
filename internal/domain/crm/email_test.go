package crm

import (
	"strings"
	"testing"
)

func TestParseEmail(t *testing.T) {
	for in, want := range map[string]string{
		"jan@b.example":                      "jan@b.example",
		"  Jan.De-Vries+shop@B.Example \t":   "Jan.De-Vries+shop@B.Example",
		"mailto:jan@b.example":               "jan@b.example",
		"Jan <jan@b.example>":                "jan@b.example",
		"\ufeffjan@b.example\u200b":          "jan@b.example",
		"ömil@b.example":                     "ömil@b.example",
		"info@bücher.example":                "info@bücher.example",
		`"jan, de vries"@b.example`:          `"jan, de vries"@b.example`,
		"o'brien@sub.b-c.example":            "o'brien@sub.b-c.example",
		strings.Repeat("x", 64) + "@b.co.uk": strings.Repeat("x", 64) + "@b.co.uk",
	} {
		if got, err := ParseEmail(in); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", " ", "jan", "@b.example", "jan@", "jan@b", "jan@b.1", "jan@.example", "jan@b..example", "jan@-b.example",
		".jan@b.example", "jan.@b.example", "ja..n@b.example", "jan @b.example", "jan@b.exa mple", "jan@@b.example", "a@b.example, c@d.example",
		"a@b.example;c@d.example", "a@b.example c@d.example", "jan at b.example", "jan@b.example\x00", "jan(x)@b.example", "jan@127.0.0.1",
		"jan@b.ex#mple", strings.Repeat("x", 65) + "@b.example", "jan@" + strings.Repeat("b", 250) + ".example", "jan\xff@b.example"} {
		if got, err := ParseEmail(in); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		} else if v := strings.TrimSpace(in); len(v) > 5 && strings.Contains(err.Error(), v) {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
}

func TestEmailKeyComparesWholeAddressesWithoutCase(t *testing.T) {
	same := [][2]string{{"Jan@B.Example", "jan@b.example"}, {"ÖMIL@b.example", "ömil@b.example"}, {"info@BÜCHER.example", "info@xn--bcher-kva.example"},
		{"re\u0301@b.example", "r\u00e9@b.example"}}
	for _, p := range same {
		if EmailKey(p[0]) != EmailKey(p[1]) {
			t.Errorf("%s and %s differ: %s, %s", p[0], p[1], EmailKey(p[0]), EmailKey(p[1]))
		}
	}
	for _, p := range [][2]string{{"a.b@c.example", "ab@c.example"}, {"a+x@c.example", "a@c.example"}} {
		if EmailKey(p[0]) == EmailKey(p[1]) {
			t.Errorf("%s and %s are two people", p[0], p[1])
		}
	}
}

func TestSlotsDependOnTheSitesSecret(t *testing.T) {
	id := EmailIdentity("jan@b.example")
	a, b := id.Slot([]byte("one")), id.Slot([]byte("two"))
	if a == b || !a.Valid() || !b.Valid() {
		t.Errorf("%s, %s", a, b)
	}
	if a == (Identity{ByExternal, id.Value}).Slot([]byte("one")) {
		t.Error("kinds share a slot")
	}
	counts := map[int]int{}
	for i := range 4000 {
		counts[Identity{ByEmail, strings.Repeat("x", i%50) + string(rune(i))}.Slot([]byte("s")).Shard(4)]++
	}
	for shard := range 4 {
		if counts[shard] < 800 {
			t.Errorf("shard %d has %d of 4000", shard, counts[shard])
		}
	}
	for _, bad := range []ContactID{"", "ct_", "ct_short", "xx_0123456789abcdefghjkmnpqrs", "ct_0123456789ABCDEFGHJKMNPQRS", "ct_0123456789abcdefghjkmnpq#s"} {
		if bad.Valid() {
			t.Errorf("%q passes for an id", bad)
		}
	}
}
