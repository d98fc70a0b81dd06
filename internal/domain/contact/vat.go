package contact

import (
	"fmt"
	"regexp"
	"strings"
)

// A vatFormat is how a country writes its VAT numbers, after the prefix and
// without blanks and punctuation.
type vatFormat struct {
	country string // ISO 3166-1 alpha-2
	prefix  string
	like    string
	shape   *regexp.Regexp
	check   func(rest string) bool // nil: the shape is all that is held against a number
}

// The formats of VIES (https://ec.europa.eu/taxation_customs/vies/#/faq, Q11),
// and of Great Britain, Switzerland (with the word for the tax, if given) and
// Norway. Check digits are looked at only where every number that was ever given
// out has them, as a wrong rule would refuse real people.
var vatFormats = func() []vatFormat {
	out := []vatFormat{}
	add := func(country, prefix, shape, like string, check func(string) bool) {
		out = append(out, vatFormat{country, prefix, prefix + like, regexp.MustCompile("^(?:" + shape + ")$"), check})
	}
	add("AT", "AT", `U\d{8}`, "U12345678", nil)
	add("BE", "BE", `[01]\d{9}`, "0403170701", belgian)
	add("BG", "BG", `\d{9,10}`, "123456789", nil)
	add("CY", "CY", `\d{8}[A-Z]`, "12345678L", nil)
	add("CZ", "CZ", `\d{8,10}`, "12345678", nil)
	add("DE", "DE", `\d{9}`, "123456789", nil)
	add("DK", "DK", `\d{8}`, "12345678", nil)
	add("EE", "EE", `\d{9}`, "123456789", nil)
	add("GR", "EL", `\d{9}`, "123456789", nil)
	add("ES", "ES", `[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]`, "X1234567X", nil)
	add("FI", "FI", `\d{8}`, "12345678", nil)
	add("FR", "FR", `[A-Z0-9]{2}\d{9}`, "12345678901", nil)
	add("HR", "HR", `\d{11}`, "12345678901", nil)
	add("HU", "HU", `\d{8}`, "12345678", nil)
	add("IE", "IE", `\d[A-Z0-9+*]\d{5}[A-Z]{1,2}`, "1234567WA", nil)
	add("IT", "IT", `\d{11}`, "12345678901", nil)
	add("LT", "LT", `\d{9}|\d{12}`, "123456789", nil)
	add("LU", "LU", `\d{8}`, "12345678", nil)
	add("LV", "LV", `\d{11}`, "12345678901", nil)
	add("MT", "MT", `\d{8}`, "12345678", nil)
	add("NL", "NL", `\d{9}B\d{2}`, "000099998B57", dutch)
	add("PL", "PL", `\d{10}`, "1234567890", nil)
	add("PT", "PT", `\d{9}`, "123456789", nil)
	add("RO", "RO", `\d{2,10}`, "1234567890", nil)
	add("SE", "SE", `\d{12}`, "123456789001", nil)
	add("SI", "SI", `\d{8}`, "12345678", nil)
	add("SK", "SK", `\d{10}`, "1234567890", nil)
	add("XI", "XI", `\d{9}|\d{12}|GD\d{3}|HA\d{3}`, "123456789", nil)
	add("GB", "GB", `\d{9}|\d{12}|GD\d{3}|HA\d{3}`, "123456789", nil)
	add("CH", "CHE", `\d{9}(?:MWST|TVA|IVA)?`, "123456789MWST", nil)
	add("NO", "NO", `\d{9}(?:MVA)?`, "123456789MVA", nil)
	return out
}()

// belgian: the last two digits are 97 less the rest modulo 97.
func belgian(n string) bool { return 97-modulo(n[:8], 97) == modulo(n[8:], 97) && n[8:] != "00" }

// dutch: a company's number passes the eleven test; that of a person on their
// own, since 2020, has the remainder 1 as a whole (ISO 7064, A = 10).
func dutch(n string) bool {
	sum := 0
	for i := range 8 {
		sum += int(n[i]-'0') * (9 - i)
	}
	return sum%11 == int(n[8]-'0') || modulo("2321"+n[:9]+"11"+n[10:], 97) == 1
}

func modulo(digits string, m int) int {
	r := 0
	for i := range len(digits) {
		r = (r*10 + int(digits[i]-'0')) % m
	}
	return r
}

// readVAT gives a VAT number as its country writes it, compact and with the
// prefix. The prefix of the number decides the country, or else country does
// (ISO 3166-1 alpha-2). Where it cannot be read, of is the format that it should
// have had, nil if there is none that is known for it.
func readVAT(v, country string) (number string, of *vatFormat) {
	plain := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(" .-/\u00a0\u202f\t", r):
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, v)
	if rest, ok := strings.CutPrefix(plain, "GR"); ok { // Greece goes by EL
		plain = "EL" + rest
	}
	for i := range vatFormats {
		f := &vatFormats[i]
		if rest, ok := strings.CutPrefix(plain, f.prefix); ok {
			if f.fits(&rest) {
				return f.prefix + rest, f
			}
			if strings.ContainsAny(rest, "0123456789") {
				of = f
			}
		}
	}
	for i := range vatFormats {
		f := &vatFormats[i]
		if rest := plain; f.country == country {
			if f.fits(&rest) {
				return f.prefix + rest, f
			}
			if of == nil {
				of = f
			}
		}
	}
	return "", of
}

func (f *vatFormat) fits(rest *string) bool {
	n := *rest
	if f.country == "BE" && len(n) == 9 { // as numbers were until 2007
		n = "0" + n
	}
	if !f.shape.MatchString(n) || f.check != nil && !f.check(n) {
		return false
	}
	*rest = n
	return true
}

// cleanVAT writes a VAT number as its country does, and leaves it as given where
// it cannot be read: a source cannot be asked again.
func cleanVAT(v, country string) (string, error) {
	if n, _ := readVAT(v, country); n != "" {
		return n, nil
	}
	return v, nil
}

// checkVAT refuses what somebody types who can be asked again. country is that of
// the contact's own address; where it is not known nothing is wrong.
func checkVAT(v, country string) error {
	n, of := readVAT(v, country)
	switch {
	case n != "" || of == nil:
		return nil
	case of.check != nil:
		return fmt.Errorf("this is not a VAT number of %s: it looks like %s, and its check digits must fit; look for a slip, or leave it empty", of.country, of.like)
	}
	return fmt.Errorf("this is not a VAT number of %s: it looks like %s; look for a slip, or leave it empty", of.country, of.like)
}
