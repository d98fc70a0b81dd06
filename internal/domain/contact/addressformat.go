package contact

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// An AddressFormat is how a country writes its addresses: for pages that build a
// form, and for labels. It refuses nothing; a real address is always kept.
type AddressFormat struct {
	Country  string     // ISO 3166-1 alpha-2
	Lines    [][]string // names of the fields of an Address in their order, a line each
	Required []string   // what an address of the country has
	Labels   map[string]Label
	Postcode string // regular expression of a whole postcode, as a hint; empty where there is none or it is not known
	Example  string // of a postcode
	layout   string
}

// Label is how a field is called, in Dutch and English.
type Label struct{ NL, EN string }

// A row of the table, after the data of libaddressinput
// (https://chromium-i18n.appspot.com/ssl-address): A is the street and its second
// line, Z postcode, C city, S region, a bar ends a line.
type addressRow struct {
	layout, required  string
	postcode, example string
	labels            string // of Z, C and S where they are not the usual ones
}

var usualLabels = map[string]Label{
	"street": {"Straat en huisnummer", "Street and number"}, "street_2": {"Toevoeging", "Apartment, suite, etc."},
	"Z": {"Postcode", "Postal code"}, "C": {"Plaats", "City"}, "S": {"Regio", "Region"}, "country": {"Land", "Country"},
	"zip": {"ZIP-code", "ZIP code"}, "eircode": {"Eircode", "Eircode"}, "pin": {"PIN-code", "PIN code"},
	"town": {"Plaats", "Town"}, "suburb": {"Plaats", "Suburb"},
	"province": {"Provincie", "Province"}, "state": {"Staat", "State"}, "county": {"Graafschap", "County"}, "district": {"District", "District"},
	"emirate": {"Emiraat", "Emirate"}, "prefecture": {"Prefectuur", "Prefecture"}, "canton": {"Kanton", "Canton"}, "municipality": {"Gemeente", "Municipality"}, "island": {"Eiland", "Island"},
}

var addressRows = map[string]addressRow{
	"AD": {"A|Z C", "AC", `AD[1-7]0\d`, "AD500", ""},
	"AE": {"A|C|S", "AS", "", "", "S=emirate"},
	"AT": {"A|Z C", "AZC", `\d{4}`, "1010", ""},
	"AU": {"A|C S Z", "ACSZ", `\d{4}`, "2060", "C=suburb S=state"},
	"AW": {"A|C", "AC", "", "", ""},
	"BE": {"A|Z C", "AZC", `\d{4}`, "1000", ""},
	"BG": {"A|Z C", "AC", `\d{4}`, "1000", ""},
	"BQ": {"A|C|S", "AC", "", "", "S=island"},
	"BR": {"A|C-S|Z", "ACSZ", `\d{5}-?\d{3}`, "40301-110", "S=state"},
	"CA": {"A|C S Z", "ACSZ", `[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d`, "H3Z 2Y7", "S=province"},
	"CH": {"A|Z C", "AZC", `\d{4}`, "3005", "S=canton"},
	"CN": {"Z|S C|A", "ACSZ", `\d{6}`, "266033", "S=province"},
	"CW": {"A|C", "AC", "", "", ""},
	"CY": {"A|Z C", "AC", `\d{4}`, "2008", ""},
	"CZ": {"A|Z C", "AZC", `\d{3} ?\d{2}`, "100 00", ""},
	"DE": {"A|Z C", "AZC", `\d{5}`, "26133", ""},
	"DK": {"A|Z C", "AZC", `\d{4}`, "8660", ""},
	"EE": {"A|Z C", "AZC", `\d{5}`, "69501", ""},
	"ES": {"A|Z C|S", "ACZS", `\d{5}`, "28039", "S=province"},
	"FI": {"A|Z C", "AZC", `\d{5}`, "00550", ""},
	"FR": {"A|Z C", "AZC", `\d{5}`, "33380", ""},
	"GB": {"A|C|Z", "ACZ", `[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}`, "EC1Y 8SY", "C=town"},
	"GR": {"A|Z C", "AZC", `\d{3} ?\d{2}`, "151 24", ""},
	"HK": {"A|C|S", "AS", "", "", "C=district S=district"},
	"HR": {"A|Z C", "AZC", `\d{5}`, "10000", ""},
	"HU": {"C|A|Z", "ACZ", `\d{4}`, "1037", ""},
	"IE": {"A|C|S|Z", "A", `[A-Za-z\d]{3} ?[A-Za-z\d]{4}`, "A65 F4E2", "Z=eircode C=town S=county"},
	"IL": {"A|C Z", "AC", `\d{5}(\d{2})?`, "9614303", ""},
	"IN": {"A|C Z|S", "ACSZ", `\d{6}`, "110034", "Z=pin S=state"},
	"IS": {"A|Z C", "AZC", `\d{3}`, "320", ""},
	"IT": {"A|Z C S", "ACSZ", `\d{5}`, "00144", "S=province"},
	"JP": {"Z|S C|A", "ASZ", `\d{3}-?\d{4}`, "154-0023", "S=prefecture"},
	"KR": {"S C|A|Z", "ACSZ", `\d{5}`, "03051", "S=province"},
	"LI": {"A|Z C", "AZC", `94(8[5-9]|9[0-8])`, "9496", ""},
	"LT": {"A|Z C", "AZC", `(LT-)?\d{5}`, "LT-04340", "S=municipality"},
	"LU": {"A|Z C", "AZC", `(L-)?\d{4}`, "L-4750", ""},
	"LV": {"A|S|C, Z", "AZC", `(LV-)?\d{4}`, "LV-1073", "S=municipality"},
	"MC": {"A|Z C", "AZC", `980\d{2}`, "98000", ""},
	"MT": {"A|C Z", "AC", `[A-Za-z]{3} ?\d{2,4}`, "NXR 01", ""},
	"MX": {"A|Z C, S", "AZCS", `\d{5}`, "02860", "S=state"},
	"NL": {"A|Z C", "AZC", `[1-9]\d{3} ?[A-Za-z]{2}`, "1234 AB", "S=province"},
	"NO": {"A|Z C", "AZC", `\d{4}`, "0025", ""},
	"NZ": {"A|C Z", "ACZ", `\d{4}`, "6001", ""},
	"PL": {"A|Z C", "AZC", `\d{2}-?\d{3}`, "00-950", ""},
	"PT": {"A|Z C", "AZC", `\d{4}-?\d{3}`, "2725-079", ""},
	"RO": {"A|Z S C", "ACZ", `\d{6}`, "060274", "S=county"},
	"RS": {"A|Z C", "AC", `\d{5,6}`, "106314", ""},
	"SE": {"A|Z C", "AZC", `\d{3} ?\d{2}`, "11455", ""},
	"SG": {"A|C Z", "AZ", `\d{6}`, "546080", ""},
	"SI": {"A|Z C", "AZC", `(SI-)?\d{4}`, "4000", ""},
	"SK": {"A|Z C", "AZC", `\d{3} ?\d{2}`, "010 01", ""},
	"SM": {"A|Z C", "AZ", `4789\d`, "47890", ""},
	"SR": {"A|C|S", "AC", "", "", "S=district"},
	"SX": {"A|C", "AC", "", "", ""},
	"TR": {"A|Z C/S", "ACZS", `\d{5}`, "01960", "S=province"},
	"UA": {"A|C|S|Z", "ACZ", `\d{5}`, "15432", ""},
	"US": {"A|C, S Z", "ACSZ", `\d{5}(-\d{4})?`, "95014", "Z=zip S=state"},
	"VA": {"A|Z C", "AC", `00120`, "00120", ""},
	"ZA": {"A|C|S|Z", "ACZ", `\d{4}`, "0083", "S=province"},
}

// anyAddress is for countries that the table does not have.
var anyAddress = addressRow{layout: "A|Z C|S", required: "AC"}

var addressLetters = map[rune][]string{'A': {"street", "street_2"}, 'Z': {"postcode"}, 'C': {"city"}, 'S': {"region"}}

// FormatOf is how a country writes its addresses; ok is false for what is no
// country. Countries that nothing is known of have all fields.
func FormatOf(country string) (_ AddressFormat, ok bool) {
	r, err := language.ParseRegion(strings.ToUpper(country))
	if err != nil || len(country) != 2 || !r.IsCountry() || r.Canonicalize().String() != strings.ToUpper(country) {
		return AddressFormat{}, false
	}
	row, known := addressRows[r.String()]
	if !known {
		row = anyAddress
	}
	f := AddressFormat{Country: r.String(), Postcode: row.postcode, Example: row.example, layout: row.layout,
		Labels: map[string]Label{"street": usualLabels["street"], "street_2": usualLabels["street_2"], "country": usualLabels["country"]}}
	for _, line := range strings.Split(row.layout, "|") {
		var names []string
		for _, letter := range line {
			for _, name := range addressLetters[letter] {
				if name == "street_2" {
					f.Lines, names = append(f.Lines, names), nil
				}
				names = append(names, name)
			}
		}
		f.Lines = append(f.Lines, names)
	}
	for _, letter := range row.required {
		f.Required = append(f.Required, addressLetters[letter][0])
	}
	for _, letter := range "ZCS" {
		if strings.ContainsRune(row.layout, letter) {
			f.Labels[addressLetters[letter][0]] = usualLabels[string(letter)]
		}
	}
	for _, own := range strings.Fields(row.labels) {
		if letter, what, _ := strings.Cut(own, "="); strings.Contains(row.layout, letter) {
			f.Labels[addressLetters[rune(letter[0])][0]] = usualLabels[what]
		}
	}
	return f, true
}

// Lines writes an address as its country does; home is where the letter is
// posted, whose name is left out. lang is "nl" or "en". Nothing of the address is
// lost: what its country has no place for stands at the end.
func (a Address) Lines(home, lang string) []string {
	f, ok := FormatOf(cmp.Or(a.Country, home))
	if !ok {
		f = AddressFormat{layout: anyAddress.layout}
	}
	values := map[rune]string{'Z': a.Postcode, 'C': a.City, 'S': a.Region}
	var out []string
	for _, line := range strings.Split(f.layout, "|") {
		if line == "A" {
			out = append(out, a.Street, a.Street2)
			continue
		}
		var text, between string
		for _, r := range line {
			v, field := values[r]
			switch {
			case !field:
				between += string(r)
			case v != "":
				if text != "" {
					text += between
				}
				text, between = text+v, ""
			}
			if field {
				delete(values, r)
			}
		}
		out = append(out, text)
	}
	for _, r := range "ZCS" {
		out = append(out, values[r])
	}
	if !strings.EqualFold(a.Country, home) {
		out = append(out, countryName(a.Country, lang))
	}
	return slices.DeleteFunc(out, func(l string) bool { return strings.TrimSpace(l) == "" })
}

// countryName is the name of a country in Dutch or English, and any other text as it is.
func countryName(country, lang string) string {
	r, err := language.ParseRegion(country)
	if err != nil || len(country) != 2 || !r.IsCountry() {
		return country
	}
	tag := language.English
	if lang == "nl" {
		tag = language.Dutch
	}
	return cmp.Or(display.Regions(tag).Name(r), country)
}
