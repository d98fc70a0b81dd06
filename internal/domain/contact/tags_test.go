package contact_test

import (
	"fmt"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

func TestTagsAreComparedByFullCaseFolding(t *testing.T) {
	for _, same := range [][2]string{{"VIP", "vip"}, {"Straße", "STRASSE"}, {"é", "E\u0301"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"ﬃ", "FFI"}, {"\u212a", "k"}} {
		if !contact.SameTag(same[0], same[1]) {
			t.Errorf("%q and %q are two tags", same[0], same[1])
		}
	}
	for _, two := range [][2]string{{"e", "é"}, {"I", "ı"}, {"a", "b"}, {"", "a"}} {
		if contact.SameTag(two[0], two[1]) {
			t.Errorf("%q and %q are one tag", two[0], two[1])
		}
	}
}

func TestRenamingATagKeepsItsPlaceAndMergesIt(t *testing.T) {
	for _, tt := range []struct {
		tags     []string
		from, to string
		want     string
	}{
		{[]string{"a", "b", "c"}, "B", "x", "[a x c] true"},
		{[]string{"a", "b", "c"}, "b", "B ", "[a B c] true"},
		{[]string{"a", "b", "c"}, "b", "b", "[a b c] false"},
		{[]string{"a", "b", "c"}, "a", "C", "[b C] true"},
		{[]string{"a", "b", "c"}, "c", "A", "[A b] true"},
		{[]string{"a"}, "z", "x", "[a] false"},
	} {
		c := contact.Contact{Tags: tt.tags}
		changed := c.RenameTag(tt.from, tt.to)
		if got := fmt.Sprint(c.Tags, " ", changed); got != tt.want {
			t.Errorf("%s to %s: %s, want %s", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestTagsByHandKeepToTheLimitOrChangeNothing(t *testing.T) {
	c := contact.Contact{Tags: []string{"a", "b"}}
	pol := contact.Policy{MaxTags: 2}
	if _, err := c.ChangeTags([]string{"c"}, nil, pol); crm.CodeOf(err) != crm.Invalid || len(c.Tags) != 2 {
		t.Errorf("beyond the limit: %v, %v", c.Tags, err)
	}
	if changed, err := c.ChangeTags([]string{"c"}, []string{"A"}, pol); err != nil || !changed || fmt.Sprint(c.Tags) != "[b c]" {
		t.Errorf("one for another: %v, %v", c.Tags, err)
	}
	if changed, err := c.ChangeTags([]string{"B"}, []string{"x"}, pol); err != nil || changed {
		t.Errorf("what it has: %v, %v", c.Tags, err)
	}
}
