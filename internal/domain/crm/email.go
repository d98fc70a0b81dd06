package crm

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// MaxEmail is the longest address in bytes (RFC 5321 §4.5.3.1.3: a path of 256
// octets holds two angle brackets).
const MaxEmail = 254

// ErrManyAddresses tells that a text holds more than one address, which is
// never stored as one.
var ErrManyAddresses = errors.New("there is more than one address here; give one")

// ParseEmail checks an address and returns it as given, without the blanks
// around it, a "mailto:" before it or a display name ("Jan <jan@example.nl>").
// The error is a sentence for a person, without the address itself.
func ParseEmail(s string) (string, error) {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' })
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if strings.HasSuffix(s, ">") {
		if i := strings.LastIndexByte(s, '<'); i >= 0 && !strings.ContainsAny(s[:i], "<>@") {
			s = strings.TrimSpace(s[i+1 : len(s)-1])
		}
	}
	if s == "" {
		return "", errors.New("there is no e-mail address here")
	}
	if !utf8.ValidString(s) {
		return "", errors.New("the address is not valid UTF-8")
	}
	if len(s) > MaxEmail {
		return "", errors.New("the address is longer than 254 bytes")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", errors.New("an e-mail address has an @ between name and domain")
	}
	local, domain := s[:at], s[at+1:]
	quoted := len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"'
	if !quoted && strings.ContainsAny(s, ",;") || strings.Count(s, "@") > 1 && !quoted {
		return "", ErrManyAddresses
	}
	switch {
	case local == "":
		return "", errors.New("the part before the @ is missing")
	case len(local) > 64:
		return "", errors.New("the part before the @ is longer than 64 bytes")
	case domain == "":
		return "", errors.New("the domain after the @ is missing")
	}
	for _, r := range local {
		if unicode.IsControl(r) || r == utf8.RuneError || !quoted && (unicode.IsSpace(r) || strings.ContainsRune(`()<>[]:\"`, r)) {
			return "", errors.New("the part before the @ has a character that no address may have")
		}
	}
	if !quoted && (local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..")) {
		return "", errors.New("the part before the @ has a dot too many")
	}
	if err := checkDomain(domain); err != nil {
		return "", err
	}
	return s, nil
}

func checkDomain(domain string) error {
	ascii := domain
	if !plain(domain) {
		a, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return errors.New("the domain after the @ cannot exist")
		}
		ascii = a
	}
	labels := strings.Split(ascii, ".")
	if len(ascii) > 253 || len(labels) < 2 {
		return errors.New("the domain after the @ has no ending such as .nl or .com")
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return errors.New("the domain after the @ cannot exist")
		}
		for i := 0; i < len(l); i++ {
			if c := l[i] | 0x20; (c < 'a' || c > 'z') && (l[i] < '0' || l[i] > '9') && l[i] != '-' && l[i] != '_' {
				return errors.New("the domain after the @ has a character that no domain may have")
			}
		}
	}
	if tld := labels[len(labels)-1]; len(tld) < 2 || strings.Trim(tld, "0123456789") == "" {
		return errors.New("the domain after the @ has no ending such as .nl or .com")
	}
	return nil
}

// EmailKey is what addresses are compared by: the whole address case-folded and
// composed, its domain in the ASCII form. No dot or plus folding: two people may
// have a.b@ and ab@. The argument is an address that ParseEmail gave.
func EmailKey(address string) string {
	if plain(address) {
		return strings.ToLower(address)
	}
	at := strings.LastIndexByte(address, '@')
	local, domain := address[:at], address[at+1:]
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = a
	}
	return norm.NFC.String(strings.ToLower(norm.NFC.String(local))) + "@" + strings.ToLower(domain)
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
