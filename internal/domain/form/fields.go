package form

import (
	"slices"
	"strings"
	"unicode"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
)

// What a form may say about a contact besides its address. Status, tags, notes,
// further addresses and ids of other systems are not among them: the poster is
// anybody, and with those they could raise themselves or take over another.
var allowed = func() map[string]bool {
	m := map[string]bool{}
	for _, f := range []string{"email", "consent", "name", "first_name", "last_name_prefix",
		"last_name", "company", "phone", "mobile", "website", "language",
		"birth_date", "gender", "vat_number", "fiscal_number", "preferred_channel", "phones"} {
		m[f] = true
	}
	for _, f := range []string{"street", "street_2", "house_number", "house_number_suffix",
		"postcode", "city", "region", "country"} {
		m[f], m["billing_"+f], m["shipping_"+f] = true, true, true
	}
	return m
}()

// target is the field of the contact that a field of the form says, "" for
// none: then it only stands in the activity. The site's own map decides (mapped),
// also that a field says nothing; without it the name tells. A field that the site
// made is only said where the map has it: it may be for the site's own eyes.
func target(s site.Site, f site.Form, name string) (to string, mapped bool) {
	if to, ok := f.Fields[name]; ok {
		// The API's "address.city" is as good as "city".
		flat := strings.NewReplacer("billing_address.", "billing_", "shipping_address.", "shipping_", "address.", "").Replace(strings.TrimSpace(to))
		if _, own := s.Policy().FieldNamed(flat); own || allowed[flat] {
			return flat, true
		}
		return "", true
	}
	for _, n := range spellings(name) {
		if to, known := recognise(n); known {
			if allowed[to] {
				return to, false
			}
			return "", false // a known one that a form does not say
		}
	}
	return "", false
}

// asks reports whether a submission wants an answer: whether it says anything in words
// besides who the visitor is. Ticked boxes and the tokens that scripts add are no words.
func asks(s site.Site, f site.Form, values []timeline.Value) bool {
	for _, v := range values {
		text := strings.TrimSpace(v.Text)
		if to, _ := target(s, f, v.Name); to != "" || text == "" {
			continue
		}
		lower := strings.ToLower(v.Name)
		if strings.ContainsFunc(text, unicode.IsSpace) ||
			slices.ContainsFunc(questions, func(q string) bool { return strings.Contains(lower, q) }) {
			return true
		}
	}
	return false
}

// questions are parts of names of fields for what a visitor wants.
var questions = []string{"message", "bericht", "vraag", "question", "comment", "opmerking", "nachricht", "frage", "request", "verzoek"}

// asksForMail are parts of names that ask for a yes to mail.
var asksForMail = []string{"newsletter", "nieuwsbrief", "marketing", "mailing", "subscribe", "optin", "opt_in", "opt-in"}

// aboutOtherThings are names that a file uses for consent to mail and a form
// mostly for the box about privacy or terms. Those only count where the site's
// map says so: a consent that nobody gave is worse than one not noted.
var aboutOtherThings = map[string]bool{"consent": true, "gdpr_consent": true, "gdpr-consent": true, "toestemming": true,
	"einwilligung": true, "zustimmung": true, "consentement": true}

func recognise(name string) (string, bool) {
	lower := strings.ToLower(name)
	if strings.Contains(lower, "unsubscribe") || aboutOtherThings[lower] {
		return "", true
	}
	for _, part := range asksForMail {
		if strings.Contains(lower, part) && !strings.Contains(lower, "mailing_address") {
			return "consent", true
		}
	}
	f, known := transfer.Recognise(name)
	return string(f), known
}

// secret reports whether a field holds a password, which is kept nowhere: what a
// file's column of the name would be, wrapped by a page builder or not.
func secret(name string) bool {
	for _, n := range spellings(name) {
		if f, _ := transfer.Recognise(n); f == transfer.FieldPassword {
			return true
		}
		lower := strings.ToLower(n)
		for _, part := range []string{"passw", "wachtwoord"} { // also in a question that is too long for a column's name
			if strings.Contains(lower, part) {
				return true
			}
		}
	}
	return false
}

// spellings are the names that a field may go by. Page builders wrap them:
// contact[email], form_fields[email]; JSON nests them.
func spellings(name string) []string {
	inner := name
	if i, j := strings.LastIndexByte(name, '['), strings.LastIndexByte(name, ']'); i >= 0 && j > i+1 {
		inner = name[i+1 : j]
	}
	return []string{name, inner, inner[strings.LastIndexByte(inner, '.')+1:]}
}

// person is what was said about somebody, by field; of several that say the same
// field the first counts.
type person map[string]string

// details fills the fields of a contact. country is how a phone number without
// a country code is read; a country that was filled in goes before it.
func (p person) details(pol contact.Policy) contact.Details {
	country := pol.Country
	if c := contact.CleanCountry(p["country"]); len(c) == 2 {
		country = c
	}
	street := func(kind string) {
		if p[kind+"street"] != "" {
			p[kind+"street"] = joined(p[kind+"street"], p[kind+"house_number"], p[kind+"house_number_suffix"])
		}
	}
	street("")
	street("billing_")
	street("shipping_")
	if full := p["name"]; full != "" && p["first_name"] == "" && p["last_name"] == "" {
		p["first_name"], p["last_name"] = contact.SplitName(full)
	} else if full != "" && p["last_name"] == "" {
		p["last_name"] = full // "Naam" beside a first name
	}
	if p["last_name"] != "" {
		p["last_name"] = joined(p["last_name_prefix"], p["last_name"])
	}
	var d contact.Details
	for field, text := range p {
		if own, ok := pol.FieldNamed(field); ok {
			d.CutCustom(own, text)
		} else if text != "" {
			d.Cut(field, text, country)
		}
	}
	return d
}

func joined(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}
