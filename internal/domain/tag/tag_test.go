package tag_test

import (
	"fmt"
	"testing"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/tag"
)

func TestTagsAreCountedAcrossSpellings(t *testing.T) {
	n := tag.Tally{}
	for _, tags := range [][]string{{"VIP", "Été"}, {"vip"}, {"vip", "E\u0301TE\u0301"}, {"ÉTÉ"}, {"straße"}, {"STRASSE"}} {
		n.Add(tags)
	}
	got := tag.List([]tag.Tag{{Name: "Vip", Colour: "#b7791f", Version: 1}, {Name: "later", Version: 1}}, n)
	if s := fmt.Sprint(got); s != "[{{Vip #b7791f 1} true 3} {{E\u0301TE\u0301  0} false 3} {{STRASSE  0} false 2} {{later  1} true 0}]" {
		t.Error(s)
	}
}

func TestAnIDIsTheSameForEverySpellingAndTellsNothing(t *testing.T) {
	secret, other := []byte("one"), []byte("two")
	if a, b := tag.ID(secret, " Été  2026"), tag.ID(secret, "E\u0301TE\u0301 2026"); a != b || len(a) != 29 || a == tag.ID(other, "Été 2026") || a == tag.ID(secret, "Ete 2026") {
		t.Errorf("%s and %s", a, b)
	}
}

func TestPresetsHaveTheirTagsInBothLanguages(t *testing.T) {
	for name, p := range tag.Presets {
		for _, language := range []string{"nl", "en"} {
			tags, ok := p.Tags(language)
			if !ok || len(tags) > p.MaxTags {
				t.Errorf("%s in %s: %v", name, language, tags)
			}
			for _, x := range tags {
				var faults crm.Faults
				if x.Check(&faults); faults != nil {
					t.Errorf("%v: %v", x, faults)
				}
			}
		}
		if _, ok := p.Tags("xx"); ok {
			t.Errorf("%s in a language that nobody speaks", name)
		}
	}
}
