package crm

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is the form by which two texts are the same word whatever their case:
// Unicode's full case folding of the composed form (NFC), so that "Straße" and
// "STRASSE", and "é" in one character or in two, are equal. Accents stay.
func Fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// SameFolded reports whether Fold is the same for both.
func SameFolded(a, b string) bool {
	if ascii(a) && ascii(b) {
		return strings.EqualFold(a, b)
	}
	return a == b || Fold(a) == Fold(b)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
