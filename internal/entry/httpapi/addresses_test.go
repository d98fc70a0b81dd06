package httpapi_test

import (
	"fmt"
	"testing"
)

func TestHowACountryWritesItsAddresses(t *testing.T) {
	s := newShop(t)
	f := s.must(200, s.do("GET", "/v1/address-formats/us", ""))
	var got string
	for _, x := range f["fields"].([]any) {
		m := x.(map[string]any)
		got += fmt.Sprintf("%v %v %v %v;", m["line"], m["name"], m["required"], m["label"].(map[string]any)["nl"])
	}
	if got != "1 street true Straat en huisnummer;2 street_2 false Toevoeging;3 city true Plaats;3 region true Staat;3 postcode true ZIP-code;4 country false Land;" {
		t.Errorf("the United States: %s", got)
	}
	s.must(404, s.do("GET", "/v1/address-formats/XX", ""))
	c := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example","address":{"street":"Rue 1","postcode":"9","city":"Liège","country":"Belgique"},"billing_address":{"street":"Kade 1","city":"Epe","country":"NL"}}`))
	if a, b := c["address"].(map[string]any)["formatted"], c["billing_address"].(map[string]any)["formatted"]; a != "Rue 1\n9 Liège\nBelgië" || b != "Kade 1\nEpe" {
		t.Errorf("formatted %q and %q", a, b)
	}
}
