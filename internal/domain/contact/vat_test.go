package contact

import (
	"slices"
	"strings"
	"testing"

	"clientele/internal/domain/crm"
)

func TestVATNumbersAreWrittenAsTheirCountryDoes(t *testing.T) {
	for _, tt := range []struct{ typed, country, want string }{
		{"nl 0000.99998.B57", "", "NL000099998B57"}, // the example of the Dutch tax office
		{"NL123456782B01", "DE", "NL123456782B01"},  // a company's; the prefix goes before the address
		{"000099998B57", "NL", "NL000099998B57"},
		{"NL000099998B56", "", ""}, // a slip in the check digits
		{"BE 0403.170.701", "", "BE0403170701"},
		{"BE403170701", "", "BE0403170701"}, // as it was written until 2007
		{"BE0403170702", "", ""},
		{"ATU12345678", "", "ATU12345678"},
		{"GR123456789", "", "EL123456789"},
		{"CHE-123.456.789 MWST", "", "CHE123456789MWST"},
		{"NO 923 609 016 MVA", "", "NO923609016MVA"},
		{"gb 123 4567 89", "", "GB123456789"},
		{"XIGD123", "", "XIGD123"},
		{"IE1234567WA", "", "IE1234567WA"},
		{"ESX1234567X", "", "ESX1234567X"},
		{"FRXX123456789", "", "FRXX123456789"},
		{"BE123456789", "FR", "FRBE123456789"}, // a French key may look like a prefix
		{"123456789", "", ""},
		{"12-3456789", "US", ""},
		{"niet van toepassing", "NL", ""},
	} {
		if got, _ := readVAT(tt.typed, tt.country); got != tt.want {
			t.Errorf("%q in %q is %q, want %q", tt.typed, tt.country, got, tt.want)
		}
	}
	for i := range vatFormats {
		f := &vatFormats[i]
		if got, _ := readVAT(f.like, ""); got != f.like {
			t.Errorf("the example of %s, %s, reads %q", f.country, f.like, got)
		}
		if rest := strings.TrimPrefix(f.like, f.prefix); f.country != "XI" {
			if got, _ := readVAT(rest, f.country); got != f.like {
				t.Errorf("%s in %s reads %q", rest, f.country, got)
			}
		}
	}
}

func TestAWrongVATNumberIsRefusedByHandAndKeptFromASource(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  Details
		patch   Patch
		want    string // "": refused
		asTyped bool
	}{
		{"a right one is normalised", Details{}, Patch{VATNumber: Some("be 0403.170.701")}, "BE0403170701", false},
		{"a wrong one of a named country", Details{}, Patch{VATNumber: Some("BE0403170702")}, "", false},
		{"one that does not fit the address", Details{Address: Address{Country: "DE"}}, Patch{VATNumber: Some("12345")}, "", false},
		{"the bill's address goes before", Details{Address: Address{Country: "DE"}, BillingAddress: Address{Country: "NL"}}, Patch{VATNumber: Some("000099998B57")}, "NL000099998B57", false},
		{"the country of the same change", Details{}, Patch{VATNumber: Some("12345678"), Address: Some(&AddressPatch{Country: Some("Danmark")})}, "12345678", true},
		{"the country of the same change by its code", Details{}, Patch{VATNumber: Some("12345678"), Address: Some(&AddressPatch{Country: Some("DK")})}, "DK12345678", false},
		{"of a country without a known form", Details{Address: Address{Country: "US"}}, Patch{VATNumber: Some("12-3456789")}, "12-3456789", true},
		{"nobody knows the country", Details{}, Patch{VATNumber: Some("12-3456789")}, "12-3456789", true},
		{"what a source said may be sent back", Details{VATNumber: "BE 1"}, Patch{VATNumber: Some("BE 1"), Company: Some("x")}, "BE 1", true},
	} {
		c := New(Facts{Email: "a@b.example", Details: tt.before}, now)
		_, err := c.Edit(tt.patch, nl, "key_1", now)
		if tt.want == "" {
			if crm.CodeOf(err) != crm.Invalid || !strings.Contains(err.Error(), "VAT number") {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || c.VATNumber != tt.want || slices.Contains(c.AsTyped(), "vat_number") != tt.asTyped {
			t.Errorf("%s: %q, %v, %v", tt.name, c.VATNumber, c.AsTyped(), err)
		}
	}
	var d Details
	if err := d.SetText("vat_number", "BE 0403.170.702 ", "BE"); err != nil || d.VATNumber != "BE 0403.170.702 " {
		t.Errorf("a source's wrong number: %q, %v", d.VATNumber, err)
	}
}

func TestPhonesThatCannotBeReadAreMarked(t *testing.T) {
	c, err := Draft(Patch{Phone: Some("06 12345678"), Mobile: Some("bel na zes"), Phones: Some([]string{"020 123 45 67", "toestel 3", "+31612345678", "020-1234567", " "})}, nl, "api", "key_1", now)
	if err != nil || !slices.Equal(c.Phones, []string{"+31201234567", "+31612345678", "toestel 3"}) {
		t.Fatalf("%q, %v", c.Phones, err)
	}
	if got := c.AsTyped(); !slices.Equal(got, []string{"mobile", "phones/2"}) {
		t.Errorf("as typed: %v", got)
	}
	if e := c.Enrich(Facts{AsOf: at(1), Details: Details{Phones: []string{"toestel 3", "+3120000"}}}); !e.Visible || len(c.Phones) != 4 {
		t.Errorf("a source's phones join: %v", c.Phones)
	}
	if _, err := c.Edit(Patch{Phones: Some([]string{"1"})}, nl, "key_1", now); err != nil || len(c.Phones) != 1 || !c.IsLocked("phones") {
		t.Errorf("a change replaces them: %v, %v", c.Phones, err)
	}
	if c.Enrich(Facts{Source: "s", AsOf: at(2), Details: Details{Phones: []string{"2", "3"}}}); len(c.Phones) != 1 || !slices.Equal(c.Offered()["phones"].Details.Phones, []string{"2", "3"}) {
		t.Errorf("locked phones: %v, offered %v", c.Phones, c.Offered())
	}
	if _, err := c.Edit(Patch{Phones: Some(make([]string, MaxPhones+1))}, nl, "key_1", now); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("too many: %v", err)
	}
	if _, err := c.Edit(Patch{Phones: Opt[[]string]{Set: true}}, nl, "key_1", now); err != nil || c.Phones != nil {
		t.Errorf("cleared: %v, %v", c.Phones, err)
	}
}

func TestListsOfTextsAreReadAsWritten(t *testing.T) {
	for _, list := range [][]string{nil, {"a"}, {"a", "b"}, {"a;b", `c"d`, " e ", "", `"`, "f\ng", ";"}, {"\u200b", "a\"", "\"a\""}} {
		if got := splitList(JoinTexts(list)); !slices.Equal(got, list) {
			t.Errorf("%q came back as %q by %q", list, got, JoinTexts(list))
		}
	}
	if got := splitList(` a ; "b;c" x;; d "q" `); !slices.Equal(got, []string{"a", "b;c", `d "q"`}) {
		t.Errorf("read %q", got)
	}
	if got := splitList(`"open`); !slices.Equal(got, []string{"open"}) {
		t.Errorf("an open quote reads %q", got)
	}
}

func TestChannelWordsAreKnown(t *testing.T) {
	for word, want := range map[string]string{"E-mail": "email", "Telefoon": "phone", "WhatsApp": "whatsapp", " Post ": "post", "SMS": "sms", "": "", "duif": "!"} {
		var d Details
		err := d.SetText("preferred_channel", word, "NL")
		if want == "!" {
			if err == nil {
				t.Errorf("%q was taken", word)
			}
		} else if err != nil || d.PreferredChannel != want {
			t.Errorf("%q is %q, %v", word, d.PreferredChannel, err)
		}
	}
}
