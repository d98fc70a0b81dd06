package form_test

import (
	"context"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/form"
	"clientele/internal/domain/site"
)

func TestAFormSaysTheSitesFieldsThatItsMapHas(t *testing.T) {
	s := site.Site{ID: "demo1", Country: "NL", Language: "nl", CustomFields: []contact.FieldDef{
		{Key: "size", Label: "Maat", Type: contact.NumberField}, {Key: "credit", Label: "Krediet", Type: contact.NumberField},
		{Key: "topics", Label: "Onderwerpen", Type: contact.ChoicesField, Options: []string{"Brood", "Taart"}},
	}}
	f := site.Form{ID: "demo1-contact", Fields: map[string]string{"maat": "custom.size", "over": "custom.topics"}}
	b := &book{}
	if _, err := form.Submit(context.Background(), b, s, f, form.Submission{ID: "01JNB4YV80000000000000000A", At: now, Language: "nl",
		Values: values("email", "a@example.nl", "maat", "42,5", "over", "taart", "over", "brood", "credit", "9999", "Krediet", "9999", "custom.credit", "9999")}); err != nil {
		t.Fatal(err)
	}
	if got := b.facts[0].Custom; len(got) != 2 || got["size"] != "42.5" || got["topics"] != "Brood;Taart" {
		t.Errorf("the form said %v", got)
	}
	if _, err := form.Submit(context.Background(), b, s, f, form.Submission{ID: "01JNB4YV80000000000000000B", At: now, Language: "nl",
		Values: values("email", "a@example.nl", "maat", "groot")}); err != nil || b.facts[1].Custom != nil {
		t.Errorf("what is no number: %v, %v", b.facts[1].Custom, err)
	}
}

func TestAFormTellsHowItsVisitorCame(t *testing.T) {
	b := &book{}
	sub := form.Submission{ID: "01JNB4YV80000000000000000A", At: now, Language: "nl", Page: "https://www.example.nl/contact",
		From: "https://www.example.nl/contact?utm_source=old&token=secret", Agent: "Mozilla/5.0 (iPhone; CPU) Version/18.0 Mobile Safari/604.1",
		Values: values("email", "a@example.nl", "utm_source", "nb", "fields[utm_medium]", "email", "referrer", "https://www.google.com/search?q=private", "landing_page", "https://example.nl/w?x=1")}
	if _, err := form.Submit(context.Background(), b, site.Site{ID: "demo1", Country: "NL"}, site.Form{ID: "demo1-contact"}, sub); err != nil {
		t.Fatal(err)
	}
	want := contact.Visit{Channel: "email", Campaign: contact.Campaign{Source: "nb", Medium: "email"}, Referrer: "www.google.com/search", Landing: "example.nl/w",
		Device: contact.Device{Class: "phone", Browser: "Safari", OS: "iOS"}}
	if got := b.facts[0].Visit; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	known := contact.New(contact.Facts{Email: "a@example.nl", Source: "import:1"}, now)
	b.known = &known
	if r, err := form.Submit(context.Background(), b, site.Site{ID: "demo1", Country: "NL"}, site.Form{ID: "demo1-contact"}, sub); err != nil || r.Contact.Origin.Visit != (contact.Visit{}) {
		t.Errorf("the origin of a known contact became %+v, %v", r.Contact.Origin, err)
	}
}
