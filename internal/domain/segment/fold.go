package segment

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold returns a text without case and accents: "Zoë" and "ZOE" are "zoe". It
// takes compatible characters apart (NFKD), drops marks, lowers, and writes out
// the letters of Latin that no decomposition covers.
func fold(s string) string { return string(appendFold(nil, s)) }

func appendFold(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			dst = append(dst, lower[c])
			i++
			continue
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		parts := norm.NFKD.PropertiesString(s[i:]).Decomposition()
		i += size
		if parts == nil {
			dst = appendLetter(dst, c)
			continue
		}
		for len(parts) > 0 {
			c, size := utf8.DecodeRune(parts)
			dst = appendLetter(dst, c)
			parts = parts[size:]
		}
	}
	return dst
}

func appendLetter(dst []byte, c rune) []byte {
	if accent(c) {
		return dst
	}
	c = unicode.ToLower(c)
	switch c {
	case 'ß':
		return append(dst, "ss"...)
	case 'æ':
		return append(dst, "ae"...)
	case 'œ':
		return append(dst, "oe"...)
	case 'þ':
		return append(dst, "th"...)
	case 'ø':
		return append(dst, 'o')
	case 'ł':
		return append(dst, 'l')
	case 'đ', 'ð':
		return append(dst, 'd')
	case 'ħ':
		return append(dst, 'h')
	case 'ı':
		return append(dst, 'i')
	case 'ς':
		return append(dst, "σ"...)
	case '’', '‘', 'ʼ':
		return append(dst, '\'') // telephones type O’Brien
	}
	return utf8.AppendRune(dst, c)
}

// accent reports whether a mark only colours a letter: the accents of Latin,
// Greek and Cyrillic and the vowel points of Arabic and Hebrew. The marks of
// Indic scripts, Thai and Japanese make another syllable and are kept.
func accent(c rune) bool {
	if !unicode.Is(unicode.Mn, c) || c == 0x3099 || c == 0x309A {
		return false
	}
	return unicode.In(c, unicode.Inherited, unicode.Hebrew, unicode.Cyrillic, unicode.Greek, unicode.Latin)
}

// lower maps ASCII to its folded form, and every other byte to 0xFF.
var lower = func() (t [256]byte) {
	for i := range t {
		switch {
		case i >= utf8.RuneSelf:
			t[i] = 0xFF
		case 'A' <= i && i <= 'Z':
			t[i] = byte(i) + 'a' - 'A'
		default:
			t[i] = byte(i)
		}
	}
	return t
}()

// contains reports whether s, folded, holds a folded needle that is not empty.
func contains(s, needle string) bool {
	first := needle[0]
	for i := 0; i < len(s); i++ {
		c := lower[s[i]]
		if c == 0xFF {
			return containsSlowly(s, needle)
		}
		if c != first || len(s)-i < len(needle) {
			continue
		}
		j := 1
		for j < len(needle) && lower[s[i+j]] == needle[j] {
			j++
		}
		if j == len(needle) {
			return true
		}
	}
	return false
}

// containsSlowly is contains for a text with letters beyond ASCII. It does not
// allocate for texts of usual length.
func containsSlowly(s, needle string) bool {
	var buf [256]byte
	return holds(appendFold(buf[:0], s), needle)
}

// containsJoined is contains for two texts with a blank between them.
func containsJoined(a, b, needle string) bool {
	var buf [256]byte
	joined := appendFold(buf[:0], a)
	return holds(appendFold(append(joined, ' '), b), needle)
}

func holds(b []byte, needle string) bool {
	for {
		i := bytes.IndexByte(b, needle[0])
		if i < 0 || len(b)-i < len(needle) {
			return false
		}
		if string(b[i:i+len(needle)]) == needle { // compares without copying
			return true
		}
		b = b[i+1:]
	}
}

// separators may stand anywhere in a phone number.
const separators = " .-/()\u00a0"

// phoneDigits returns what a text asks for as a part of a phone number: its
// digits without separators and without the zeros or the plus that stand for
// the way of dialling, so that 06-1234 finds +316 1234. It is empty if the text
// has other characters or fewer than three digits.
func phoneDigits(s string) string {
	var b []byte
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9':
			b = append(b, byte(c))
		case c == '+' && i == 0, strings.ContainsRune(separators, c):
		default:
			return ""
		}
	}
	significant := bytes.TrimLeft(b, "0")
	if len(b) < 3 || len(significant) < 2 {
		return ""
	}
	return string(significant)
}

// phoneHas reports whether a phone number holds these digits, whatever stands
// between them.
func phoneHas(phone, digits string) bool {
	for i := range len(phone) {
		j, k := i, 0
		for j < len(phone) && k < len(digits) {
			c := phone[j]
			j++
			if c < '0' || c > '9' {
				if k == 0 {
					break // a match starts at a digit
				}
				continue
			}
			if c != digits[k] {
				break
			}
			k++
		}
		if k == len(digits) {
			return true
		}
	}
	return false
}

// samePhone reports whether two phone numbers are the same but for separators.
func samePhone(a, b string) bool {
	for {
		a, b = strings.TrimLeft(a, separators), strings.TrimLeft(b, separators)
		if a == "" || b == "" || a[0] != b[0] {
			return a == b
		}
		a, b = a[1:], b[1:]
	}
}
