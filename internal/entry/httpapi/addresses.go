package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// addressJSON is a postal address in answers.
type addressJSON struct {
	Street    string `json:"street,omitempty" example:"Molenstraat 12"`
	Street2   string `json:"street_2,omitempty"`
	Postcode  string `json:"postcode,omitempty" example:"1011 AB"`
	City      string `json:"city,omitempty" example:"Amsterdam"`
	Region    string `json:"region,omitempty"`
	Country   string `json:"country,omitempty" doc:"ISO 3166-1 alpha-2 where it is known, else as given" example:"NL"`
	Formatted string `json:"formatted,omitempty" doc:"In lines, as the country writes its addresses; the country is named where it is not the site's" example:"Molenstraat 12\n1011 AB Amsterdam"`
}

func addressOf(a contact.Address, pol contact.Policy) addressJSON {
	j := addressJSON{Street: a.Street, Street2: a.Street2, Postcode: a.Postcode, City: a.City, Region: a.Region, Country: a.Country}
	if a != (contact.Address{}) {
		j.Formatted = strings.Join(a.Lines(pol.Country, pol.Language), "\n")
	}
	return j
}

type addressFormatAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Country         string             `json:"country" example:"NL"`
		Fields          []addressFieldJSON `json:"fields" nullable:"false" doc:"In the order in which the country writes them; the country itself is last"`
		PostcodePattern string             `json:"postcode_pattern,omitempty" doc:"Regular expression of a whole postcode: a hint for a form, no address is refused for it" example:"[1-9]\\d{3} ?[A-Za-z]{2}"`
		PostcodeExample string             `json:"postcode_example,omitempty" example:"1234 AB"`
	}
}

type addressFieldJSON struct {
	Name     string    `json:"name" doc:"As in a contact's address" example:"postcode"`
	Line     int       `json:"line" doc:"From 1; fields of one line stand side by side" example:"3"`
	Required bool      `json:"required" doc:"An address of the country has it; a hint for a form"`
	Label    labelJSON `json:"label"`
}

type labelJSON struct {
	NL string `json:"nl" example:"Postcode"`
	EN string `json:"en" example:"Postal code"`
}

type addressFormatInput struct {
	Country string `path:"country" doc:"ISO 3166-1 alpha-2" example:"NL"`
}

func addAddresses(api huma.API, h contactsAPI) {
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-address-format", Method: http.MethodGet, Path: "/v1/address-formats/{country}", Tags: []string{"Contacts"},
		Summary:     "How a country writes its addresses",
		Description: "For building a form: fields in their order, labels in Dutch and English, what an address needs. Of a country that is not known well, all fields.",
		Errors:      []int{http.StatusNotFound},
	}, h.addressFormat)
}

func (h contactsAPI) addressFormat(_ context.Context, _ caller, in *addressFormatInput) (*addressFormatAnswer, error) {
	f, ok := contact.FormatOf(in.Country)
	if !ok {
		return nil, crm.Errorf(crm.NotFound, "this is no country; give its two letters of ISO 3166-1, for example NL")
	}
	out := &addressFormatAnswer{CacheControl: "private, max-age=86400"}
	out.Body.Country, out.Body.PostcodePattern, out.Body.PostcodeExample = f.Country, f.Postcode, f.Example
	for i, line := range append(f.Lines, []string{"country"}) {
		for _, name := range line {
			field := addressFieldJSON{Name: name, Line: i + 1, Label: labelJSON(f.Labels[name])}
			for _, r := range f.Required {
				field.Required = field.Required || r == name
			}
			out.Body.Fields = append(out.Body.Fields, field)
		}
	}
	return out, nil
}
