package contact

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// CleanCountry gives the ISO 3166-1 alpha-2 code of a country written as a code
// or by its name in Dutch, English, German, French, Spanish or Italian, and the
// text itself where it is neither.
func CleanCountry(v string) string {
	v = strings.TrimSpace(v)
	switch {
	case v == "":
		return ""
	case len(v) == 2 || len(v) == 3:
		r, err := language.ParseRegion(strings.ToUpper(v))
		if err == nil && r.IsCountry() {
			if c := r.Canonicalize().String(); len(c) == 2 {
				return c
			}
		}
		if strings.EqualFold(v, "uk") {
			return "GB"
		}
		return v
	}
	if c, ok := countryNames()[strings.ToLower(v)]; ok {
		return c
	}
	return v
}

var countryNames = sync.OnceValue(func() map[string]string {
	m := map[string]string{"holland": "NL", "nederland": "NL", "the netherlands": "NL", "great britain": "GB",
		"groot-brittannië": "GB", "england": "GB", "engeland": "GB", "usa": "US", "united states of america": "US"}
	for _, l := range []language.Tag{language.Dutch, language.English, language.German, language.French, language.Spanish, language.Italian} {
		names := display.Regions(l)
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				code := string(a) + string(b)
				r, err := language.ParseRegion(code)
				if err != nil || !r.IsCountry() || r.Canonicalize().String() != code {
					continue
				}
				if n := names.Name(r); n != "" {
					m[strings.ToLower(n)] = code
				}
			}
		}
	}
	return m
})
