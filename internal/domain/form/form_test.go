package form_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/form"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// book remembers what was asked of it. It knows at most one contact.
type book struct {
	known *contact.Contact
	facts []contact.Facts
	acts  []timeline.Activity
	kept  []timeline.Activity
	until time.Time
	fail  error
}

func (b *book) Upsert(_ context.Context, f contact.Facts, now time.Time, rule contact.FactsRule) (contact.Contact, bool, error) {
	if b.fail != nil {
		return contact.Contact{}, false, b.fail
	}
	b.facts = append(b.facts, f)
	c, created := contact.New(f, now), true
	if b.known != nil {
		c, created = b.known.Clone(), false
	}
	acts, err := rule(&c, f, created)
	b.acts = append(b.acts, acts...)
	return c, created, err
}

func (b *book) KeepSubmission(_ context.Context, under string, a timeline.Activity, until time.Time) error {
	if b.fail != nil {
		return b.fail
	}
	b.kept, b.until = append(b.kept, a), until
	return nil
}

func values(pairs ...string) []timeline.Value {
	var out []timeline.Value
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, timeline.Value{Name: pairs[i], Text: pairs[i+1]})
	}
	return out
}

func submit(b *book, f site.Form, pairs ...string) (form.Result, error) {
	f.ID = "demo1-contact"
	return form.Submit(context.Background(), b, site.Site{ID: "demo1", Country: "NL", Language: "nl"}, f,
		form.Submission{ID: "01JNB4YV80000000000000000A", Values: values(pairs...), Page: "https://www.example.nl/contact", Language: "nl", At: now})
}

func TestWhatAFormSaysOfAPerson(t *testing.T) {
	long := strings.Repeat("é", 400)
	for _, tt := range []struct {
		name string
		form site.Form
		in   []string
		want contact.Facts
	}{
		{"a plain Dutch form", site.Form{}, []string{"naam", "Jan van der Berg", "e-mailadres", " Jan@Example.nl ", "telefoon", "06-12345678", "bericht", "Hallo"},
			contact.Facts{Email: "Jan@Example.nl", Details: contact.Details{FirstName: "Jan", LastName: "van der Berg", Phone: "+31612345678"}}},
		{"an address in parts", site.Form{}, []string{"email", "a@example.nl", "straat", "Brink", "huisnummer", "12", "toevoeging", "bis", "postcode", "7411 BT", "plaats", "Deventer", "land", "België", "phone", "0470 12 34 56"},
			contact.Facts{Email: "a@example.nl", Details: contact.Details{Phone: "+32470123456", Address: contact.Address{Street: "Brink 12 bis", Postcode: "7411 BT", City: "Deventer", Country: "BE"}}}},
		{"a name in three parts", site.Form{}, []string{"email", "a@example.nl", "voornaam", "Jan", "tussenvoegsel", "van der", "achternaam", "Berg"},
			contact.Facts{Email: "a@example.nl", Details: contact.Details{FirstName: "Jan", LastName: "van der Berg"}}},
		{"names that page builders wrap", site.Form{}, []string{"form_fields[email]", "a@example.nl", "your-name", "Jan Berg", "contact.company", "Berg BV"},
			contact.Facts{Email: "a@example.nl", Details: contact.Details{FirstName: "Jan", LastName: "Berg", Company: "Berg BV"}}},
		{"a name that only mentions mail", site.Form{}, []string{"Op welk mailadres bereiken we je?", "a@example.nl"}, contact.Facts{Email: "a@example.nl"}},
		{"the site's map goes before the name", site.Form{Fields: map[string]string{"veld1": "email", "naam": "company", "email": ""}},
			[]string{"email", "not@this.nl", "veld1", "a@example.nl", "naam", "Berg BV"},
			contact.Facts{Email: "a@example.nl", Details: contact.Details{Company: "Berg BV"}}},
		{"the map may name a part of an address as the API does", site.Form{Fields: map[string]string{"x": "address.city"}},
			[]string{"email", "a@example.nl", "x", "Deventer"}, contact.Facts{Email: "a@example.nl", Details: contact.Details{Address: contact.Address{City: "Deventer"}}}},
		{"nobody makes himself a VIP, tagged, or another system's customer", site.Form{Fields: map[string]string{"s": "status"}},
			[]string{"email", "a@example.nl", "status", "vip", "s", "vip", "tags", "gold", "external_id", "shopify:1", "note", "x", "email_2", "b@example.nl"},
			contact.Facts{Email: "a@example.nl"}},
		{"a ticked newsletter box", site.Form{}, []string{"email", "a@example.nl", "newsletter", "on"}, contact.Facts{Email: "a@example.nl", Consent: contact.ConsentSubscribed}},
		{"a ticked box beside its hidden no", site.Form{}, []string{"email", "a@example.nl", "nieuwsbrief", "0", "nieuwsbrief", "1"}, contact.Facts{Email: "a@example.nl", Consent: contact.ConsentSubscribed}},
		{"an unticked box says nothing", site.Form{}, []string{"email", "a@example.nl", "newsletter", "0"}, contact.Facts{Email: "a@example.nl"}},
		{"a box about privacy is no consent to mail", site.Form{}, []string{"email", "a@example.nl", "privacy", "on", "consent", "on", "akkoord", "ja", "unsubscribe", "on"}, contact.Facts{Email: "a@example.nl"}},
		{"unless the site says that it is", site.Form{Fields: map[string]string{"consent": "consent"}}, []string{"email", "a@example.nl", "consent", "on"}, contact.Facts{Email: "a@example.nl", Consent: contact.ConsentSubscribed}},
		{"a name that is too long is cut", site.Form{}, []string{"email", "a@example.nl", "voornaam", long}, contact.Facts{Email: "a@example.nl", Details: contact.Details{FirstName: strings.Repeat("é", 200)}}},
		{"what a field cannot hold is left out", site.Form{}, []string{"email", "a@example.nl", "geboortedatum", "ooit", "website", "geen idee"}, contact.Facts{Email: "a@example.nl"}},
		{"a phone number instead of an address", site.Form{}, []string{"naam", "Jan", "telefoon", "0570 123456"}, contact.Facts{Details: contact.Details{FirstName: "Jan", Phone: "+31570123456"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{}
			if _, err := submit(b, tt.form, tt.in...); err != nil {
				t.Fatal(err)
			}
			tt.want.Source, tt.want.AsOf = "form:demo1-contact", contact.Stamp{At: now}
			if !reflect.DeepEqual(b.facts, []contact.Facts{tt.want}) {
				t.Errorf("facts\n%+v, want\n%+v", b.facts, tt.want)
			}
			want := timeline.Activity{ID: "01JNB4YV80000000000000000A", At: now, Kind: timeline.Form, Source: "form:demo1-contact",
				Ref: "https://www.example.nl/contact", Values: values(tt.in...)}
			told := b.acts
			if tt.want.Consent != "" { // its evidence comes behind
				if told = b.acts[:1]; len(b.acts) != 2 || b.acts[1].Kind != timeline.Consent || b.acts[1].Value("how") != "form" ||
					b.acts[1].Value("address") != tt.want.Email || b.acts[1].Value("page") != want.Ref {
					t.Errorf("evidence %+v", b.acts[1:])
				}
			}
			if !reflect.DeepEqual(told, []timeline.Activity{want}) {
				t.Errorf("activities\n%+v, want\n%+v", b.acts, want)
			}
			if len(b.kept) != 0 {
				t.Error("it was kept under the form too")
			}
		})
	}
}

func TestAKnownContactIsEnrichedAndStaysWhatItIs(t *testing.T) {
	c := contact.New(contact.Facts{Email: "a@example.nl", Status: contact.Customer, Consent: contact.ConsentUnsubscribed,
		Details: contact.Details{FirstName: "Jan", LastName: "Berg", Company: "Berg BV"}}, now.Add(-time.Hour))
	b := &book{known: &c}
	r, err := submit(b, site.Form{}, "email", "a@example.nl", "telefoon", "0570 123456", "newsletter", "on", "bedrijf", "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Created || r.Contact.Status != contact.Customer || r.Contact.Consent != contact.ConsentUnsubscribed ||
		r.Contact.Company != "Berg BV" || r.Contact.Phone != "+31570123456" {
		t.Errorf("%+v", r)
	}
}

func TestARobotIsKeptAsideAndToldNothing(t *testing.T) {
	b := &book{}
	r, err := submit(b, site.Form{}, "email", "a@example.nl", "website_url", "https://spam.example", "bericht", "buy")
	if err != nil || !r.Robot || len(b.facts) != 0 {
		t.Fatalf("%+v, %v; %d leads", r, err, len(b.facts))
	}
	if len(b.kept) != 1 || !reflect.DeepEqual(b.kept[0].Values, values("email", "a@example.nl", "bericht", "buy")) || !b.until.Equal(now.Add(30*24*time.Hour)) {
		t.Errorf("kept %+v until %s", b.kept, b.until)
	}
}

func TestWhatNamesNobodyIsKeptAndRefused(t *testing.T) {
	for _, tt := range []struct {
		name, pointer string
		in            []string
		want          form.Sentence
	}{
		{"no address", "/email", []string{"bericht", "Hallo"}, form.Missing},
		{"an empty address", "/e-mail", []string{"e-mail", " ", "bericht", "Hallo"}, form.Missing},
		{"a broken address", "/e-mail", []string{"e-mail", "jan@", "telefoon", "0570 123456"}, form.BadEmail},
		{"two addresses", "/a~1email", []string{"a/email", "jan@example.nl, piet@example.nl"}, form.ManyEmails},
		{"a phone number that is none", "/email", []string{"telefoon", "bel maar"}, form.Missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{}
			_, err := submit(b, site.Form{}, tt.in...)
			var e *crm.Error
			if !errors.As(err, &e) || e.Code != crm.Invalid || len(e.Faults) != 1 || e.Faults[0].Pointer != tt.pointer || e.Faults[0].Detail != tt.want.In("nl") {
				t.Errorf("error %v, want %s at %s", err, tt.want.In("nl"), tt.pointer)
			}
			if len(b.facts) != 0 || len(b.kept) != 1 || !reflect.DeepEqual(b.kept[0].Values, values(tt.in...)) {
				t.Errorf("%d leads, kept %+v", len(b.facts), b.kept)
			}
		})
	}
}

func TestOverALimitNothingIsKept(t *testing.T) {
	many := make([]string, 2*(form.MaxFields+1))
	large := []string{"email", "a@example.nl"}
	for range 7 {
		large = append(large, "t", strings.Repeat("x", form.MaxValue))
	}
	for _, tt := range []struct {
		name string
		form site.Form
		in   []string
		want crm.Code
	}{
		{"a closed form", site.Form{Closed: true}, []string{"email", "a@example.nl"}, crm.Gone},
		{"101 fields", site.Form{}, many, crm.Invalid},
		{"a long name", site.Form{}, []string{"email", "a@example.nl", strings.Repeat("n", form.MaxName+1), "x"}, crm.Invalid},
		{"a long value", site.Form{}, []string{"email", "a@example.nl", "t", strings.Repeat("x", form.MaxValue+1)}, crm.Invalid},
		{"much in all", site.Form{}, large, crm.TooLarge},
		{"nothing at all", site.Form{}, nil, crm.Invalid},
		{"blanks alone", site.Form{}, []string{"email", " ", "bericht", ""}, crm.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{}
			if _, err := submit(b, tt.form, tt.in...); crm.CodeOf(err) != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
			if len(b.facts)+len(b.kept) != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestPasswordsAreKeptNowhere(t *testing.T) {
	for _, name := range []string{"Wachtwoord", "password2", "pwd", "pass", "PIN", "mdp", "token", "mot_de_passe", "Kennwort", "contact[pwd]", "account.token",
		"user_passw", strings.Repeat("Kies zelf een woord. ", 8) + "Uw wachtwoord"} {
		b := &book{}
		if _, err := submit(b, site.Form{}, "email", "a@example.nl", name, "geheim"); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(b.acts[0].Values, values("email", "a@example.nl", name, "")) {
			t.Errorf("%s: %+v", name, b.acts[0].Values)
		}
	}
	b := &book{}
	if _, err := submit(b, site.Form{}, "email", "a@example.nl", "Passagiers", "2", "opinie", "goed"); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b.acts[0].Values, values("email", "a@example.nl", "Passagiers", "2", "opinie", "goed")) {
		t.Errorf("no password, and gone: %+v", b.acts[0].Values)
	}
}

func TestAFailureOfTheStoreIsTold(t *testing.T) {
	down := errors.New("down")
	for _, in := range [][]string{{"email", "a@example.nl"}, {"bericht", "x"}, {"email", "a@example.nl", "website_url", "x"}} {
		if _, err := submit(&book{fail: down}, site.Form{}, in...); !errors.Is(err, down) {
			t.Errorf("%v: %v: a visitor would believe that it arrived", in, err)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		wishes []string
		want   string
	}{
		{[]string{"", "nl-BE,nl;q=0.9,en;q=0.5", "en"}, "nl"},
		{[]string{"en", "nl"}, "en"},
		{[]string{"", "de-DE,fr;q=0.5", "nl"}, "nl"},
		{[]string{"", "de;q=0.9,nl;q=0.1", "en"}, "nl"},
		{[]string{strings.Repeat("a-", 5000), "\xff;;;q", "nl"}, "nl"},
		{nil, "en"},
	} {
		if got := form.Language(tt.wishes...); got != tt.want {
			t.Errorf("%.60q: %s, want %s", tt.wishes, got, tt.want)
		}
	}
}
