package contact

import (
	"slices"
	"strings"
)

// A unit is what freshness is kept for: a single field, or several that only
// make sense together. Half an old address joined to half a new one is nobody's
// address, so an address changes as a whole, and so does a name.
type unit struct {
	name     string
	strength func(*Details) int // 0 nothing said, 1 a part, 2 whole
	copy     func(dst, src *Details)
	equal    func(a, b *Details) bool
	text     func(*Details) string // for the last tie-break
	joins    bool                  // what sources say is added to what is there
}

func text(name string, at func(*Details) *string) unit {
	return unit{
		name: name,
		strength: func(d *Details) int {
			if *at(d) == "" {
				return 0
			}
			return 2
		},
		copy:  func(dst, src *Details) { *at(dst) = *at(src) },
		equal: func(a, b *Details) bool { return *at(a) == *at(b) },
		text:  func(d *Details) string { return *at(d) },
	}
}

func phones() unit {
	return unit{
		name: phoneField.name,
		strength: func(d *Details) int {
			if len(d.Phones) == 0 {
				return 0
			}
			return 2
		},
		copy:  func(dst, src *Details) { dst.Phones = src.Phones },
		equal: func(a, b *Details) bool { return slices.Equal(a.Phones, b.Phones) },
		text:  func(d *Details) string { return JoinTexts(d.Phones) },
		joins: true,
	}
}

func address(name string, at func(*Details) *Address) unit {
	return unit{
		name: name,
		strength: func(d *Details) int {
			switch a := at(d); {
			case *a == (Address{}):
				return 0
			case a.Street == "" && a.Postcode == "":
				return 1
			}
			return 2
		},
		copy:  func(dst, src *Details) { *at(dst) = *at(src) },
		equal: func(a, b *Details) bool { return *at(a) == *at(b) },
		text: func(d *Details) string {
			a := at(d)
			return strings.Join([]string{a.Street, a.Street2, a.Postcode, a.City, a.Region, a.Country}, "\x00")
		},
	}
}

// groupUnit is the customer group: no text, but known, locked and offered as one.
const groupUnit = "group"

var units = []unit{
	{
		name: "name",
		strength: func(d *Details) int {
			switch {
			case d.FirstName != "" && d.LastName != "":
				return 2
			case d.FirstName != "" || d.LastName != "":
				return 1
			}
			return 0
		},
		copy:  func(dst, src *Details) { dst.FirstName, dst.LastName = src.FirstName, src.LastName },
		equal: func(a, b *Details) bool { return a.FirstName == b.FirstName && a.LastName == b.LastName },
		text:  func(d *Details) string { return d.FirstName + "\x00" + d.LastName },
	},
	text("company", func(d *Details) *string { return &d.Company }),
	text("phone", func(d *Details) *string { return &d.Phone }),
	text("mobile", func(d *Details) *string { return &d.Mobile }),
	phones(),
	text("website", func(d *Details) *string { return &d.Website }),
	text("language", func(d *Details) *string { return &d.Language }),
	text("birth_date", func(d *Details) *string { return &d.BirthDate }),
	text("gender", func(d *Details) *string { return &d.Gender }),
	text("vat_number", func(d *Details) *string { return &d.VATNumber }),
	text("fiscal_number", func(d *Details) *string { return &d.FiscalNumber }),
	text("preferred_channel", func(d *Details) *string { return &d.PreferredChannel }),
	text("note", func(d *Details) *string { return &d.Note }),
	text(groupUnit, func(d *Details) *string { return &d.Group }),
	address("address", func(d *Details) *Address { return &d.Address }),
	address("billing_address", func(d *Details) *Address { return &d.BillingAddress }),
	address("shipping_address", func(d *Details) *Address { return &d.ShippingAddress }),
}
