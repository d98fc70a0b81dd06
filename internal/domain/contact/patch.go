package contact

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
)

// Opt is a field of a change: not Set leaves it as it is, Set with the zero
// value clears it.
type Opt[T any] struct {
	Set   bool
	Value T
}

// Some is a set value.
func Some[T any](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// Patch is what a member or the API changes or creates by hand.
type Patch struct {
	Email                                    Opt[string]
	Emails                                   Opt[[]string]
	ExternalIDs                              Opt[[]string]
	FirstName, LastName, Company             Opt[string]
	Phone, Mobile, Website, Language         Opt[string]
	BirthDate, Gender, VATNumber, Note       Opt[string]
	FiscalNumber, PreferredChannel           Opt[string]
	Phones                                   Opt[[]string]
	Custom                                   Opt[map[string]Given] // by key; GivenNull clears one, nil clears all
	Address, BillingAddress, ShippingAddress Opt[*AddressPatch]    // nil clears
	Status                                   Opt[Status]
	Tags                                     Opt[[]string]
	Consent                                  Opt[Consent]
	Group                                    Opt[string] // an id that the caller has found; empty: none
}

// AddressPatch changes parts of an address.
type AddressPatch struct {
	Street, Street2, Postcode, City, Region, Country Opt[string]
}

// A field of the details: its name in API, files and forms, its limit in
// characters, and what makes a text into its value.
type field struct {
	name  string
	max   int
	at    func(*Details) *string
	clean func(v, country string) (string, error)
	check func(v, country string) error // refuses by hand what clean leaves as typed; country may be empty
}

var fields = []field{
	{"first_name", 200, func(d *Details) *string { return &d.FirstName }, nil, nil},
	{"last_name", 200, func(d *Details) *string { return &d.LastName }, nil, nil},
	{"company", 300, func(d *Details) *string { return &d.Company }, nil, nil},
	{"phone", 100, func(d *Details) *string { return &d.Phone }, cleanPhone, nil},
	{"mobile", 100, func(d *Details) *string { return &d.Mobile }, cleanPhone, nil},
	{"website", 2000, func(d *Details) *string { return &d.Website }, cleanWebsite, nil},
	{"language", 35, func(d *Details) *string { return &d.Language }, cleanLanguage, nil},
	{"birth_date", 10, func(d *Details) *string { return &d.BirthDate }, cleanDate, nil},
	{"gender", 50, func(d *Details) *string { return &d.Gender }, nil, nil},
	{"vat_number", 50, func(d *Details) *string { return &d.VATNumber }, cleanVAT, checkVAT},
	{"fiscal_number", 50, func(d *Details) *string { return &d.FiscalNumber }, nil, nil},
	{"preferred_channel", 30, func(d *Details) *string { return &d.PreferredChannel }, cleanChannel, nil},
	{"note", 5000, func(d *Details) *string { return &d.Note }, nil, nil},
}

// phoneField is the list of further phones; its limit is that of one of them.
var phoneField = struct {
	name string
	max  int
}{"phones", 100}

type addressField struct {
	name string
	max  int
	at   func(*Address) *string
	opt  func(*AddressPatch) *Opt[string]
}

var addressFields = []addressField{
	{"street", 300, func(a *Address) *string { return &a.Street }, func(p *AddressPatch) *Opt[string] { return &p.Street }},
	{"street_2", 300, func(a *Address) *string { return &a.Street2 }, func(p *AddressPatch) *Opt[string] { return &p.Street2 }},
	{"postcode", 20, func(a *Address) *string { return &a.Postcode }, func(p *AddressPatch) *Opt[string] { return &p.Postcode }},
	{"city", 200, func(a *Address) *string { return &a.City }, func(p *AddressPatch) *Opt[string] { return &p.City }},
	{"region", 200, func(a *Address) *string { return &a.Region }, func(p *AddressPatch) *Opt[string] { return &p.Region }},
	{"country", 100, func(a *Address) *string { return &a.Country }, func(p *AddressPatch) *Opt[string] { return &p.Country }},
}

func (p *Patch) texts() []*Opt[string] { // in the order of fields
	return []*Opt[string]{&p.FirstName, &p.LastName, &p.Company, &p.Phone, &p.Mobile, &p.Website,
		&p.Language, &p.BirthDate, &p.Gender, &p.VATNumber, &p.FiscalNumber, &p.PreferredChannel, &p.Note}
}

// Policy is what of the site's settings the rules need.
type Policy struct {
	Country    string // ISO 3166-1 alpha-2; how a phone number without a country code is read
	Language   string // "nl" or "en": in which names of countries are written
	MaxTags    int    // tags a contact may have; 0 means DefaultTags
	Plan       plan.Plan
	LockScope  LockScope // empty: the whole contact
	Automation Automation
	Custom     []FieldDef  // the site's own fields
	Statuses   []StatusDef // in the site's order; the built-in ones need not stand in it

	Lists []ListDef // newsletter lists
	// DoubleOptIn: who asks a form for mail without naming a list confirms it first.
	DoubleOptIn bool
}

// Draft makes a contact of what a member or the API gives. Every fault is
// reported at once. A contact needs an e-mail address, a phone number or an
// external id.
func Draft(p Patch, pol Policy, source, by string, now time.Time) (Contact, error) {
	c := New(Facts{Source: source, AsOf: Stamp{At: now}}, now)
	c.Origin.By = by
	var faults crm.Faults
	refused := c.apply(p, pol, source, now, &faults)
	if len(faults) == 0 && c.Email == "" && c.Phone == "" && c.Mobile == "" && len(c.ExternalIDs) == 0 {
		faults.Add("/email", "a contact needs an e-mail address, a phone number or an external id; give one of them")
	}
	if c.Status != Lead {
		c.StatusManual = true
	}
	if err := faults.Err(); err != nil {
		return c, err
	}
	return c, refused
}

// CheckPatch finds what is at fault in a patch, whatever contact it is for.
func CheckPatch(p Patch, pol Policy, now time.Time) error {
	var faults crm.Faults
	var c Contact
	_ = c.apply(p, pol, "", now, &faults) // what the plan lacks is told by Edit
	return faults.Err()
}

// Edit changes a contact as a member or the API asks, and names the fields that
// changed. Any change of the details locks them against sources (Lock); a status that
// is given is the member's from then on, a cleared one is given back to the
// automation. crm.PlanRequired for a status that the plan lacks.
func (c *Contact) Edit(p Patch, pol Policy, by string, now time.Time) (changed []string, err error) {
	before := c.Clone()
	var faults crm.Faults
	refused := c.apply(p, pol, sourceOf(by), now, &faults)
	if len(faults) == 0 && len(c.Identities()) == 0 && c.Phone == "" && c.Mobile == "" {
		faults.Add("/email", "a contact keeps an e-mail address, a phone number or an external id; give another one before clearing this")
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	all := unitsOf(&before.Details, &c.Details)
	for i := range all {
		if u := &all[i]; !u.equal(&before.Details, &c.Details) {
			changed = append(changed, u.name)
			c.setStamp(u.name, Stamp{At: now})
			c.decide(u.name, now)
		}
	}
	c.lock(changed, pol.LockScope, by, now)
	if p.Status.Set && p.Status.Value == "" {
		c.GiveBack(pol)
	} else if c.Status != before.Status || p.Status.Set && !c.StatusManual {
		c.StatusManual = true
	}
	if c.Status != before.Status || c.StatusManual != before.StatusManual {
		changed = append(changed, "status")
	}
	note := func(name string, same bool) {
		if !same {
			changed = append(changed, name)
		}
	}
	note("email", c.Email == before.Email)
	note("emails", slices.Equal(c.Emails, before.Emails))
	note("external_ids", slices.Equal(c.ExternalIDs, before.ExternalIDs))
	note("tags", slices.Equal(c.Tags, before.Tags))
	note("consent", c.Consent == before.Consent)
	return changed, nil
}

func (c *Contact) apply(p Patch, pol Policy, source string, now time.Time, faults *crm.Faults) (refused error) {
	applyAddress("address", p.Address, &c.Address, faults)
	applyAddress("billing_address", p.BillingAddress, &c.BillingAddress, faults)
	applyAddress("shipping_address", p.ShippingAddress, &c.ShippingAddress, faults)
	country := known(c.Address.Country, pol.Country)
	for i, o := range p.texts() {
		if !o.Set {
			continue
		}
		f := &fields[i]
		if o.Value == *f.at(&c.Details) { // what a source said may be sent back as it was read
			continue
		}
		of := country
		if f.check != nil { // the company's
			of = known(c.BillingAddress.Country, country)
		}
		v, err := f.value(o.Value, of)
		if err == nil && f.name == "birth_date" {
			err = bornBy(v, now)
		}
		if err == nil && v != "" && f.check != nil {
			err = f.check(v, known(c.BillingAddress.Country, c.Address.Country))
		}
		if err != nil {
			faults.Add("/"+f.name, "%s", err)
			continue
		}
		*f.at(&c.Details) = v
	}
	c.applyCustom(p.Custom, pol, faults)
	if p.Phones.Set {
		c.applyPhones(p.Phones.Value, country, faults)
	}
	if p.Email.Set {
		c.Email = ""
		if p.Email.Value != "" {
			e, err := crm.ParseEmail(p.Email.Value)
			if err != nil {
				faults.Add("/email", "%s", err)
			}
			c.Email = e
		}
	}
	if p.Emails.Set {
		limit := max(MaxEmails-1, len(c.Emails)) // a merge may have made more
		c.Emails = nil
		if len(p.Emails.Value) > limit {
			faults.Add("/emails", "a contact has at most %d further addresses", limit)
		} else {
			for i, v := range p.Emails.Value {
				e, err := crm.ParseEmail(v)
				if err != nil {
					faults.Add(fmt.Sprintf("/emails/%d", i), "%s", err)
				} else if !c.HasEmail(e) {
					c.Emails = append(c.Emails, e)
				}
			}
		}
	} else if p.Email.Set && c.Email != "" {
		// The new main address may have been a further one.
		key := crm.EmailKey(c.Email)
		c.Emails = slices.DeleteFunc(c.Emails, func(e string) bool { return crm.EmailKey(e) == key })
	}
	if p.ExternalIDs.Set {
		limit := max(MaxExternal, len(c.ExternalIDs))
		c.ExternalIDs = nil
		if len(p.ExternalIDs.Value) > limit {
			faults.Add("/external_ids", "a contact has at most %d external ids", limit)
		} else {
			for i, x := range p.ExternalIDs.Value {
				if src, id, ok := strings.Cut(x, ":"); !ok || src == "" || id == "" || strings.Contains(x, ";") || len(x) > 300 || !utf8.ValidString(x) {
					faults.Add(fmt.Sprintf("/external_ids/%d", i), `an external id is "source:id" without semicolons, at most 300 bytes, for example "shopify:123"`)
				} else if !slices.Contains(c.ExternalIDs, x) {
					c.ExternalIDs = append(c.ExternalIDs, x)
				}
			}
		}
	}
	if s := p.Status.Value; p.Status.Set && s != "" && s != c.Status { // what a downgraded site has, it keeps
		if ids := pol.StatusIDs(); !slices.Contains(ids, s) {
			faults.Add("/status", "a status is one of %s", crm.Join(ids))
		} else if refused = pol.MayHave(s); refused == nil {
			c.Status = s
		}
	}
	if p.Consent.Set {
		if p.Consent.Value == "" {
			p.Consent.Value = ConsentNever
		}
		if !slices.Contains(Consents, p.Consent.Value) {
			faults.Add("/consent", "a consent is one of %s", crm.Join(Consents))
		} else if !c.refuseLift(p.Consent.Value, faults) && p.Consent.Value != c.Consent {
			c.Settle(Scope{Channel: ByEmail}, p.Consent.Value, Mark{Since: now, Source: source})
		}
	}
	if p.Group.Set && p.Group.Value != c.Group {
		if p.Group.Value != "" {
			refused = errors.Join(refused, pol.Plan.Needs(plan.Groups))
		}
		c.Group = p.Group.Value
	}
	if p.Tags.Set {
		had := len(c.Tags)
		c.Tags = nil
		if len(p.Tags.Value) > 2*MaxTags {
			faults.Add("/tags", "a contact has at most %d tags; these are %d", pol.TagLimit(), len(p.Tags.Value))
			p.Tags.Value = nil
		}
		for i, t := range p.Tags.Value {
			if err := checkText(t, MaxTag); err != nil {
				faults.Add(fmt.Sprintf("/tags/%d", i), "%s", err)
			} else {
				c.Tags = AddTag(c.Tags, t)
			}
		}
		if limit := pol.TagLimit(); len(c.Tags) > limit && len(c.Tags) > had {
			faults.Add("/tags", "a contact has at most %d tags; these are %d", limit, len(c.Tags))
		}
	}
	return refused
}

func (c *Contact) applyPhones(phones []string, country string, faults *crm.Faults) {
	if slices.Equal(phones, c.Phones) { // what a source said may be sent back as it was read
		return
	}
	if limit := max(MaxPhones, len(c.Phones)); len(phones) > limit { // a merge may have made more
		faults.Add("/phones", "a contact has at most %d further phones; these are %d", limit, len(phones))
		return
	}
	var list []string
	for i, v := range phones {
		if err := checkText(v, phoneField.max); err != nil {
			faults.Add(fmt.Sprintf("/phones/%d", i), "%s", err)
		} else if v = CleanPhone(v, country); v != "" {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	c.Phones = slices.Compact(list)
}

// known is the first of the countries that is a code.
func known(countries ...string) string {
	i := slices.IndexFunc(countries, func(c string) bool { return len(c) == 2 })
	if i < 0 {
		return ""
	}
	return countries[i]
}

// sourceOf is what a change by hand stands under; see Origin.
func sourceOf(by string) string {
	if strings.HasPrefix(by, "mb_") {
		return "member"
	}
	return "api"
}

// TagLimit is how many tags a contact of the site may have.
func (p Policy) TagLimit() int {
	if p.MaxTags > 0 {
		return min(p.MaxTags, MaxTags)
	}
	return DefaultTags
}

func applyAddress(name string, p Opt[*AddressPatch], to *Address, faults *crm.Faults) {
	if !p.Set {
		return
	}
	if p.Value == nil {
		*to = Address{}
		return
	}
	for _, f := range addressFields {
		if o := f.opt(p.Value); o.Set {
			if err := checkText(o.Value, f.max); err != nil {
				faults.Add("/"+name+"/"+f.name, "%s", err)
			} else {
				*f.at(to) = o.Value
			}
		}
	}
	to.Country = CleanCountry(to.Country)
}

func (f *field) value(v, country string) (string, error) {
	if v == "" {
		return "", nil
	}
	if err := checkText(v, f.max); err != nil {
		return "", err
	}
	if f.clean == nil {
		return v, nil
	}
	return f.clean(v, country)
}

// checkText refuses what cannot be kept. Control characters are kept: they
// occur in real names pasted from elsewhere, and pages escape what they show.
func checkText(v string, limit int) error {
	if !utf8.ValidString(v) {
		return fmt.Errorf("the text is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(v); n > limit {
		return fmt.Errorf("the text has %d characters, at most %d fit", n, limit)
	}
	return nil
}

func cleanDate(v, _ string) (string, error) {
	if _, err := time.Parse(time.DateOnly, v); err != nil {
		return "", fmt.Errorf("a birth date is written YYYY-MM-DD, for example 1985-03-31")
	}
	return v, notBefore1900(v)
}

// firstBirth is the earliest birth date that is taken: who was born before is no
// customer, but a date that somebody mistyped or a program made up.
const firstBirth = "1900-01-01"

// CheckBirth refuses a birth date, YYYY-MM-DD, that nobody can have now.
func CheckBirth(v string, now time.Time) error {
	if err := notBefore1900(v); err != nil {
		return err
	}
	return bornBy(v, now)
}

func notBefore1900(v string) error {
	if v < firstBirth {
		return fmt.Errorf("a birth date is not before 1900; leave it out if it is not known")
	}
	return nil
}

// bornBy refuses a birth date after the day that it is where the day begins first.
func bornBy(v string, now time.Time) error {
	if v > now.UTC().Add(14*time.Hour).Format(time.DateOnly) {
		return fmt.Errorf("a birth date is not in the future; write YYYY-MM-DD, for example 1985-03-31")
	}
	return nil
}

func cleanLanguage(v, _ string) (string, error) {
	t, err := language.Parse(strings.ReplaceAll(v, "_", "-"))
	if err != nil {
		return "", fmt.Errorf("a language is a code such as nl, en or nl-BE")
	}
	return t.String(), nil
}

// channelWords are how files and forms call the ways to reach somebody, in
// Dutch, English, German and French.
var channelWords = map[string]string{"e-mail": "email", "mail": "email", "courriel": "email",
	"telephone": "phone", "telefoon": "phone", "bellen": "phone", "call": "phone", "telefon": "phone", "téléphone": "phone",
	"text": "sms", "letter": "post", "brief": "post", "per post": "post", "courrier": "post", "poste": "post", "whats app": "whatsapp"}

func cleanChannel(v, _ string) (string, error) {
	w := strings.ToLower(Trim(v))
	if c, ok := channelWords[w]; ok {
		w = c
	}
	if !slices.Contains(Channels, w) {
		return "", fmt.Errorf("a preferred channel is one of %s", crm.Join(Channels))
	}
	return w, nil
}

func cleanWebsite(v, _ string) (string, error) {
	if strings.ContainsFunc(v, unicode.IsSpace) {
		return "", fmt.Errorf("a web address has no blanks")
	}
	w := v
	if !strings.Contains(w, "://") {
		w = "https://" + w
	}
	u, err := url.Parse(w)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(u.Host, ".") {
		return "", fmt.Errorf("a web address looks like https://www.example.nl")
	}
	return w, nil
}

// SetText sets a field by its name in files and forms: those of Details, the
// parts of the address, and those of billing_ and shipping_. country is how a
// phone number without a country code is read. The error is a sentence.
func (d *Details) SetText(name, v, country string) error {
	for i := range fields {
		if f := &fields[i]; f.name == name {
			v, err := f.value(v, country)
			if err == nil {
				*f.at(d) = v
			}
			return err
		}
	}
	if name == phoneField.name {
		return d.setPhones(v, country)
	}
	f, of := addressPart(name)
	if f == nil {
		return fmt.Errorf("there is no field %s", name)
	}
	if err := checkText(v, f.max); err != nil {
		return err
	}
	if f.name == "country" {
		v = CleanCountry(v)
	}
	*f.at(of(d)) = v
	return nil
}

// ReadPhones are the numbers of a cell, divided by semicolons; at most what a merge
// may have made.
func ReadPhones(v, country string) ([]string, error) {
	list := splitList(v)
	for i := range list {
		if err := checkText(list[i], phoneField.max); err != nil {
			return nil, err
		}
		list[i] = CleanPhone(list[i], country)
	}
	list = slices.DeleteFunc(list, func(p string) bool { return p == "" })
	if len(list) > MaxMergedPhones {
		return nil, fmt.Errorf("a contact has at most %d further phones; these are %d", MaxPhones, len(list))
	}
	return list, nil
}

// setPhones adds the numbers of a cell as far as there is room.
func (d *Details) setPhones(v, country string) error {
	list, err := ReadPhones(v, country)
	d.Phones = joinPhones(d.Phones, list)
	return err
}

// AsTyped names the fields whose value could not be read and is kept as it was
// typed: phones that are no number of their country, VAT numbers of no known form.
func (d *Details) AsTyped() []string {
	var out []string
	for _, f := range []struct{ name, v string }{{"phone", d.Phone}, {"mobile", d.Mobile}} {
		if f.v != "" && !isE164(f.v) {
			out = append(out, f.name)
		}
	}
	for i, p := range d.Phones {
		if !isE164(p) {
			out = append(out, fmt.Sprintf("phones/%d", i))
		}
	}
	if n, _ := readVAT(d.VATNumber, ""); d.VATNumber != "" && n != d.VATNumber {
		out = append(out, "vat_number")
	}
	return out
}

// TextAt is how to read a field by its name, as SetText sets it; nil for a name
// there is not.
func TextAt(name string) func(*Details) string {
	for i := range fields {
		if f := &fields[i]; f.name == name {
			return func(d *Details) string { return *f.at(d) }
		}
	}
	if f, of := addressPart(name); f != nil {
		return func(d *Details) string { return *f.at(of(d)) }
	}
	if name == phoneField.name {
		return func(d *Details) string { return JoinTexts(d.Phones) }
	}
	if key, ok := strings.CutPrefix(name, CustomPrefix); ok {
		return func(d *Details) string { return d.Custom[key] }
	}
	return nil
}

// addressPart finds a part of an address by its name, and whose it is.
func addressPart(name string) (*addressField, func(*Details) *Address) {
	of, part := func(d *Details) *Address { return &d.Address }, name
	if p, ok := strings.CutPrefix(name, "billing_"); ok {
		of, part = func(d *Details) *Address { return &d.BillingAddress }, p
	} else if p, ok := strings.CutPrefix(name, "shipping_"); ok {
		of, part = func(d *Details) *Address { return &d.ShippingAddress }, p
	}
	for i := range addressFields {
		if addressFields[i].name == part {
			return &addressFields[i], of
		}
	}
	return nil, nil
}

// Texts are the fields that are not empty, by the names that SetText knows, and the
// id of the group.
func (d *Details) Texts() map[string]string {
	out := map[string]string{}
	for _, name := range TextFields() {
		if v := TextAt(name)(d); v != "" {
			out[name] = v
		}
	}
	for key, v := range d.Custom {
		out[CustomPrefix+key] = v
	}
	if d.Group != "" {
		out[groupUnit] = d.Group
	}
	return out
}

// DetailsOf is the reverse of Texts: it takes the texts as they are.
func DetailsOf(texts map[string]string) (d Details) {
	for name, v := range texts {
		for i := range fields {
			if fields[i].name == name {
				*fields[i].at(&d) = v
			}
		}
		if f, of := addressPart(name); f != nil {
			*f.at(of(&d)) = v
		}
		if name == phoneField.name {
			d.Phones = splitList(v)
		}
		if name == groupUnit {
			d.Group = v
		}
		if key, ok := strings.CutPrefix(name, CustomPrefix); ok {
			d.SetCustom(key, v)
		}
	}
	return d
}
