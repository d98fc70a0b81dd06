package contact

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// cleanPhone writes a number as E.164 where the phone library can read it for
// the country, and leaves it as typed where it cannot, or where it has an
// extension, which E.164 has no place for.
func cleanPhone(v, country string) (string, error) {
	return CleanPhone(v, country), nil
}

// CleanPhone is the rule for every phone number of the book. country is an ISO
// 3166-1 alpha-2 code, used for numbers without a country code; those must be
// numbers that the country gives out, or a slip of the pen would become somebody
// else's number.
func CleanPhone(v, country string) string {
	v = strings.TrimSpace(v)
	if isE164(v) { // the library would say the same, at 10 µs
		return v
	}
	if strings.ContainsFunc(v, unicode.IsLetter) { // "bel me …", extensions, names
		return v
	}
	n, err := phonenumbers.Parse(v, strings.ToUpper(country))
	if err != nil || !phonenumbers.IsValidNumber(n) && !(v[0] == '+' && phonenumbers.IsPossibleNumber(n)) {
		return v
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

func isE164(v string) bool {
	if len(v) < 8 || len(v) > 16 || v[0] != '+' || v[1] == '0' {
		return false
	}
	for i := 1; i < len(v); i++ {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return true
}
