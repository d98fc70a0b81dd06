package contact

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/crm"
)

var (
	now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	nl  = Policy{Country: "NL"}
)

func at(h int) Stamp { return Stamp{At: now.Add(time.Duration(h) * time.Hour)} }

func TestFactsEndTheSameInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	for round := range 300 {
		facts := make([]Facts, 2+r.IntN(5))
		for i := range facts {
			f := Facts{Source: fmt.Sprint("s", i), Email: "a@b.example", AsOf: at(r.IntN(4)), Tags: []string{pick("a", "b", "c")}}
			f.FirstName, f.LastName = pick("", "Jan", "Piet"), pick("", "Vries")
			f.Company, f.Phone = pick("", "X", "Y"), pick("", "1", "2")
			f.Address = Address{Street: pick("", "Kade 1", "Kade 2"), City: pick("", "Gent")}
			f.Phones = pick2(r, "+31201", "+31202", "toestel")
			f.VATNumber, f.FiscalNumber, f.PreferredChannel = pick("", "BE1", "BE2"), pick("", "7"), pick("", "sms", "post")
			f.Consent = Consent(pick("", "pending", "subscribed", "bounced", "unsubscribed", "complained"))
			for _, list := range []string{"news", "offers"} {
				if said := pick("", "never", "pending", "subscribed", "subscribed", "unsubscribed"); said != "" {
					f.Lists = append(f.Lists, Subscription{List: list, Channel: ByEmail, Standing: Standing{State: Consent(said)}})
				}
			}
			f.Status = Status(pick("", "customer"))
			f.Group = pick("", "gr_1", "gr_2")
			facts[i] = f
		}
		var first string
		for shuffle := range 6 {
			r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			c := New(facts[0], now)
			for _, f := range facts[1:] {
				c.Enrich(f)
				c.Enrich(f) // a repetition changes nothing
			}
			slices.Sort(c.Tags)
			got := fmt.Sprintf("%+v %v %s %s", c.Details, c.Tags, c.Consent, c.Status)
			for _, l := range c.Subscriptions {
				got += fmt.Sprintf(" %s=%s", l.List, l.State)
			}
			if shuffle == 0 {
				first = got
			} else if got != first {
				t.Fatalf("round %d:\n%s\n%s\nof %+v", round, first, got, facts)
			}
		}
	}
}

// pick2 is some of the options.
func pick2(r *rand.Rand, options ...string) (out []string) {
	for _, o := range options {
		if r.IntN(3) == 0 {
			out = append(out, o)
		}
	}
	return out
}

func TestEnrichRules(t *testing.T) {
	base := func() Contact {
		return New(Facts{Email: "a@b.example", AsOf: at(0), Details: Details{FirstName: "Emma", LastName: "Vries", Company: "Oud",
			Address: Address{Street: "Kade 1", City: "Gent"}}, Consent: ConsentUnsubscribed, Status: Customer}, now)
	}
	for _, tt := range []struct {
		name   string
		before func(*Contact)
		facts  Facts
		check  func(Contact) bool
	}{
		{"a blank keeps what is there", nil, Facts{AsOf: at(1)}, func(c Contact) bool { return c.Company == "Oud" && c.FirstName == "Emma" }},
		{"a fresher value replaces", nil, Facts{AsOf: at(1), Details: Details{Company: "Nieuw"}}, func(c Contact) bool { return c.Company == "Nieuw" }},
		{"an older value does not", nil, Facts{AsOf: at(-1), Details: Details{Company: "Ouder", Phone: "+31612345678"}}, func(c Contact) bool { return c.Company == "Oud" && c.Phone == "+31612345678" }},
		{"half a name leaves a whole one", nil, Facts{AsOf: at(1), Details: Details{FirstName: "E."}}, func(c Contact) bool { return c.FullName() == "Emma Vries" }},
		{"a city leaves a whole address", nil, Facts{AsOf: at(1), Details: Details{Address: Address{City: "Lier"}}}, func(c Contact) bool { return c.Address.City == "Gent" }},
		{"an address changes as a whole", nil, Facts{AsOf: at(1), Details: Details{Address: Address{Street: "Plein 2"}}}, func(c Contact) bool { return c.Address == Address{Street: "Plein 2"} }},
		{"a lock keeps the details and takes the tags", func(c *Contact) { c.Lock = &Lock{At: now} }, Facts{AsOf: at(1), Details: Details{Company: "Nieuw", Phone: "1"}, Tags: []string{"x"}},
			func(c Contact) bool { return c.Company == "Oud" && c.Phone == "" && len(c.Tags) == 1 }},
		{"nothing lifts an unsubscription", nil, Facts{AsOf: at(1), Consent: ConsentSubscribed}, func(c Contact) bool { return c.Consent == ConsentUnsubscribed }},
		{"a customer stays one", nil, Facts{AsOf: at(1), Status: Lead}, func(c Contact) bool { return c.Status == Customer }},
		{"an order moves a lead", func(c *Contact) { c.Status = Lead }, Facts{AsOf: at(1), Status: Customer}, func(c Contact) bool { return c.Status == Customer }},
		{"a status set by hand wins", func(c *Contact) { c.Status, c.StatusManual = Lead, true }, Facts{AsOf: at(1), Status: Customer}, func(c Contact) bool { return c.Status == Lead }},
		{"VIP is not moved", func(c *Contact) { c.Status = VIP }, Facts{AsOf: at(1), Status: Customer}, func(c Contact) bool { return c.Status == VIP }},
		{"a further address joins", nil, Facts{AsOf: at(1), Email: "c@b.example"}, func(c Contact) bool {
			return c.Email == "a@b.example" && slices.Equal(c.Emails, []string{"c@b.example"})
		}},
		{"its own address does not join twice", nil, Facts{AsOf: at(1), Email: "A@B.example"}, func(c Contact) bool { return len(c.Emails) == 0 }},
		{"tags are one without case", func(c *Contact) { c.Tags = []string{"VIP"} }, Facts{AsOf: at(1), Tags: []string{" vip ", "a  b"}}, func(c Contact) bool { return slices.Equal(c.Tags, []string{"VIP", "a b"}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := base()
			if tt.before != nil {
				tt.before(&c)
			}
			c.Enrich(tt.facts)
			if !tt.check(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestEditLocksAndNamesWhatChanged(t *testing.T) {
	c, err := Draft(Patch{Email: Some("a@b.example"), Company: Some("Oud")}, nl, "api", "key_1", now)
	if err != nil || c.Lock != nil {
		t.Fatalf("%+v, %v", c.Lock, err)
	}
	changed, err := c.Edit(Patch{Tags: Some([]string{"x"})}, nl, "key_1", now)
	if err != nil || c.Lock != nil || !slices.Equal(changed, []string{"tags"}) {
		t.Errorf("tags are no detail: %v %v %v", c.Lock, changed, err)
	}
	changed, err = c.Edit(Patch{Company: Some("Nieuw"), Status: Some(VIP)}, nl, "key_1", now)
	if err != nil || c.Lock == nil || c.Lock.By != "key_1" || !c.StatusManual || !slices.Equal(changed, []string{"company", "status"}) {
		t.Errorf("%+v %v %v", c.Lock, changed, err)
	}
	if _, err := c.Edit(Patch{Email: Some("")}, nl, "key_1", now); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("the last way to know somebody was cleared: %v", err)
	}
}

func TestDraftTellsEveryFaultAtOnce(t *testing.T) {
	_, err := Draft(Patch{Email: Some("x"), Website: Some("a b"), BirthDate: Some("gisteren"), Language: Some("??"), Status: Some(Status("baas")),
		Consent: Some(Consent("ja")), FirstName: Some(strings.Repeat("é", 201)), Address: Some(&AddressPatch{Postcode: Some(strings.Repeat("1", 21))}),
		Emails: Some([]string{"ok@b.example", "fout"}), Tags: Some([]string{strings.Repeat("t", 101)}), ExternalIDs: Some([]string{"los"})}, nl, "api", "key_1", now)
	var e *crm.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	var at []string
	for _, f := range e.Faults {
		at = append(at, f.Pointer)
	}
	slices.Sort(at)
	want := []string{"/address/postcode", "/birth_date", "/consent", "/email", "/emails/1", "/external_ids/0", "/first_name", "/language", "/status", "/tags/0", "/website"}
	if !slices.Equal(at, want) {
		t.Errorf("faults at %v\nwant      %v", at, want)
	}
}

func TestValuesAreWrittenOneWay(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{CleanPhone("06 12345678", "NL"), "+31612345678"},
		{CleanPhone("+31 (0)6-12345678", "BE"), "+31612345678"},
		{CleanPhone("0031 612345678", "NL"), "+31612345678"},
		{CleanPhone("1-955-371-0847 x371", "US"), "1-955-371-0847 x371"},
		{CleanPhone("bel me 06-12 34", "NL"), "bel me 06-12 34"},
		{CleanPhone("06-12 34", "NL"), "06-12 34"},
		{CleanPhone("+31 123 456 789", ""), "+31123456789"},
		{CleanPhone("+31612345678", ""), "+31612345678"},
		{CleanCountry("nl"), "NL"}, {CleanCountry("Nederland"), "NL"}, {CleanCountry("The Netherlands"), "NL"}, {CleanCountry("België"), "BE"},
		{CleanCountry("Deutschland"), "DE"}, {CleanCountry("USA"), "US"}, {CleanCountry("UK"), "GB"}, {CleanCountry("Atlantis"), "Atlantis"},
		{string(ConsentFrom("Ja")), "subscribed"}, {string(ConsentFrom("cleaned")), "bounced"}, {string(ConsentFrom("afgemeld")), "unsubscribed"}, {string(ConsentFrom("0")), "never"}, {string(ConsentFrom("misschien")), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
	for full, want := range map[string][2]string{"Jan": {"Jan", ""}, "Jan van der Berg": {"Jan", "van der Berg"}, "Berg, Jan": {"Jan", "Berg"}, "  Jan   Vos ": {"Jan", "Vos"}} {
		if f, l := SplitName(full); f != want[0] || l != want[1] {
			t.Errorf("%q is %q and %q", full, f, l)
		}
	}
}
