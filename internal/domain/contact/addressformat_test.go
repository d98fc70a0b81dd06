package contact

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestAddressesAreWrittenAsTheirCountryDoes(t *testing.T) {
	for _, tt := range []struct {
		address Address
		home    string
		want    string
	}{
		{Address{Street: "Molenstraat 12", Street2: "bis", Postcode: "1011 AB", City: "Amsterdam", Country: "NL"}, "NL", "Molenstraat 12|bis|1011 AB Amsterdam"},
		{Address{Street: "Molenstraat 12", Postcode: "1011 AB", City: "Amsterdam", Country: "NL"}, "BE", "Molenstraat 12|1011 AB Amsterdam|Nederland"},
		{Address{Street: "1 Main St", City: "Springfield", Region: "IL", Postcode: "62701", Country: "US"}, "NL", "1 Main St|Springfield, IL 62701|Verenigde Staten"},
		{Address{Street: "1 Main St", Region: "IL", Postcode: "62701", Country: "US"}, "US", "1 Main St|IL 62701"},
		{Address{Street: "10 High Street", City: "London", Postcode: "SW1A 1AA", Country: "GB"}, "GB", "10 High Street|London|SW1A 1AA"},
		{Address{Street: "Fő utca 1", City: "Budapest", Postcode: "1037", Country: "HU"}, "HU", "Budapest|Fő utca 1|1037"},
		{Address{Street: "Via Roma 1", City: "Roma", Region: "RM", Postcode: "00144", Country: "IT"}, "IT", "Via Roma 1|00144 Roma RM"},
		{Address{Street: "Dorpsweg 1", City: "Epe", Region: "Gelderland", Country: "NL"}, "NL", "Dorpsweg 1|Epe|Gelderland"},
		{Address{Street: "Straße 1", Postcode: "1", City: "X", Country: "Atlantis"}, "NL", "Straße 1|1 X|Atlantis"},
		{Address{Street: "Kade 1", Postcode: "9000", City: "Gent"}, "BE", "Kade 1|9000 Gent"},
		{Address{}, "NL", ""},
	} {
		if got := strings.Join(tt.address.Lines(tt.home, "nl"), "|"); got != tt.want {
			t.Errorf("%+v from %s:\n%s, want\n%s", tt.address, tt.home, got, tt.want)
		}
	}
}

func TestEveryAddressFormatIsWhole(t *testing.T) {
	for country, row := range addressRows {
		f, ok := FormatOf(country)
		if !ok || f.Country != country {
			t.Errorf("%s is no country", country)
			continue
		}
		all := slices.Concat(f.Lines...)
		for _, name := range f.Required {
			if !slices.Contains(all, name) {
				t.Errorf("%s requires %s, which stands on no line", country, name)
			}
		}
		for _, name := range all {
			if l := f.Labels[name]; l.NL == "" || l.EN == "" {
				t.Errorf("%s has no label for %s", country, name)
			}
		}
		if re, err := regexp.Compile("^(?:" + row.postcode + ")$"); err != nil || row.postcode != "" && !re.MatchString(row.example) {
			t.Errorf("%s: its example %q is no postcode, %v", country, row.example, err)
		}
		// Nothing of an address is lost, whatever the country has a place for.
		a := Address{"one", "two", "three", "four", "five", country}
		text := strings.Join(a.Lines("NL", "en"), "\n")
		for _, part := range []string{"one", "two", "three", "four", "five"} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s of %s stands %d times in %q", part, country, strings.Count(text, part), text)
			}
		}
	}
	for _, none := range []string{"", "XX", "EU", "nl1", "NLD", "ZZ"} {
		if _, ok := FormatOf(none); ok {
			t.Errorf("%q has a format", none)
		}
	}
	if f, ok := FormatOf("mg"); !ok || f.Country != "MG" || len(slices.Concat(f.Lines...)) != 5 {
		t.Errorf("of a country that the table lacks: %+v", f)
	}
}
