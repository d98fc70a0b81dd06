package privacy

import (
	"bufio"
	"context"
	"html"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"clientele/internal/domain/order"
)

// accessPolicy lets the page load nothing and run nothing, wherever it is opened.
const accessPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

const accessStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1b1b;background:#fff}
h2{margin-top:2rem;border-bottom:1px solid #ccc}article{border:1px solid #ccc;border-radius:4px;padding:.5rem 1rem;margin:.75rem 0}
dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.15rem 1rem;margin:.25rem 0}dt{color:#595959}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
ul{margin:0;padding-left:1.2rem}@media(max-width:36rem){dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}`

// html writes index.html: what data.json has, for a reader. What is empty is left out.
func (d *data) html(ctx context.Context, out io.Writer) error {
	p := &page{Writer: bufio.NewWriterSize(out, 64<<10), dutch: d.head.Language == "nl"}
	title := p.say("page_title")
	p.raw(`<!DOCTYPE html><html lang="` + d.head.Language + `"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="` + accessPolicy +
		`"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>`)
	p.text(title)
	p.raw(`</title><style>` + accessStyle + `</style></head><body><main><h1>`)
	p.text(title)
	p.raw(`</h1><p>`)
	p.text(p.say("page_intro"))
	p.raw(`</p><dl>`)
	p.member("site", reflect.ValueOf(d.head.Site))
	p.member("made_at", reflect.ValueOf(d.head.MadeAt))
	p.raw(`</dl><section><h2>`)
	p.text(p.say("contact"))
	p.raw(`</h2>`)
	p.value("contact", reflect.ValueOf(d.head.Contact))
	p.raw(`</section>`)
	for _, s := range d.sections {
		p.raw(`<section><h2>`)
		p.text(p.say(s.name))
		p.raw(`</h2>`)
		n := 0
		err := s.each(ctx, func(v any) error {
			n++
			p.raw(`<article>`)
			p.value(s.name, reflect.ValueOf(v))
			p.raw("</article>\n")
			return p.err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			p.raw(`<p>`)
			p.text(p.say("page_none"))
			p.raw(`</p>`)
		}
		p.raw(`</section>`)
	}
	p.raw("</main></body></html>\n")
	if p.err != nil {
		return p.err
	}
	return p.Flush()
}

// page writes values; it keeps its first error.
type page struct {
	*bufio.Writer
	dutch bool
	err   error
}

func (p *page) raw(s string) {
	if p.err == nil {
		_, p.err = p.WriteString(s)
	}
}

// text writes what anybody may have typed: escaped, and without characters that a page
// cannot have or that turn the text around them.
func (p *page) text(s string) {
	p.raw(html.EscapeString(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || r == 0xfffe || r == 0xffff:
			return '\ufffd'
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))))
}

// say is a name in the page's language; a name that is not ours stands for itself.
func (p *page) say(name string) string {
	words, ok := accessWords[name]
	switch {
	case !ok:
		return name
	case p.dutch:
		return words[0]
	}
	return words[1]
}

// member writes a name with its value.
func (p *page) member(name string, v reflect.Value) {
	if hollow(v) {
		return
	}
	label := p.say(name)
	if c, ok := v.Interface().(customFile); ok { // the site's own field has its own words
		label, v = c.Label, reflect.ValueOf(c.Value)
	}
	p.raw(`<dt>`)
	p.text(label)
	p.raw(`</dt><dd dir="auto">`)
	p.value(name, v)
	p.raw(`</dd>`)
}

func (p *page) value(name string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case time.Time:
		p.text(x.UTC().Format("2006-01-02 15:04:05 UTC"))
		return
	case moneyFile:
		p.text(order.Money{Minor: x.Amount, Currency: x.Currency}.String())
		return
	case valueFile:
		p.raw(`<dl>`)
		p.member(x.Name, reflect.ValueOf(x.Text))
		p.raw(`</dl>`)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p.value(name, v.Elem())
	case reflect.Bool:
		p.text(p.say(strconv.FormatBool(v.Bool())))
	case reflect.Int, reflect.Int64:
		p.text(strconv.FormatInt(v.Int(), 10))
	case reflect.String:
		s := v.String()
		if name == "path" {
			p.raw(`<a href="` + html.EscapeString((&url.URL{Path: "./" + s}).EscapedPath()) + `">`)
			p.text(s)
			p.raw(`</a>`)
			return
		}
		if v.Type() != reflect.TypeFor[string]() { // one of our own words: a state, a kind
			s = p.say(s)
		}
		p.text(s)
	case reflect.Slice:
		p.raw(`<ul>`)
		for i := range v.Len() {
			p.raw(`<li>`)
			p.value("", v.Index(i))
			p.raw(`</li>`)
		}
		p.raw(`</ul>`)
	case reflect.Map:
		p.raw(`<dl>`)
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			p.member(k.String(), v.MapIndex(k))
		}
		p.raw(`</dl>`)
	case reflect.Struct:
		p.raw(`<dl>`)
		p.members(v)
		p.raw(`</dl>`)
	}
}

func (p *page) members(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			p.members(v.Field(i))
		case name != "":
			p.member(name, v.Field(i))
		}
	}
}

// hollow reports whether a value says nothing.
func hollow(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	case reflect.Bool: // no is an answer
		return false
	}
	return v.IsZero()
}

// accessWords are the names of data.json for readers, in Dutch and English.
var accessWords = map[string][2]string{
	"page_title": {"Uw gegevens", "Your data"},
	"page_intro": {"Dit is alles wat deze site over u bewaart. data.json bevat hetzelfde voor computers; de map files bevat de bestanden.",
		"This is everything that this site keeps about you. data.json has the same for computers; the folder files has the files."},
	"page_none": {"Niets", "Nothing"}, "true": {"ja", "yes"}, "false": {"nee", "no"},

	"contact": {"Contact", "Contact"}, "consents": {"Toestemmingen", "Consents"}, "submissions": {"Ingevulde formulieren", "Submitted forms"},
	"messages": {"Berichten", "Messages"}, "timeline": {"Tijdlijn", "Timeline"}, "orders": {"Bestellingen", "Orders"}, "payments": {"Betalingen", "Payments"},
	"invoices": {"Facturen", "Invoices"}, "appointments": {"Afspraken", "Appointments"}, "devices": {"Apparaten", "Devices"},
	"suppressions": {"Geblokkeerde adressen", "Suppressed addresses"}, "files": {"Bestanden", "Files"},

	"site": {"Site", "Site"}, "made_at": {"Gemaakt op", "Made at"}, "format_version": {"Versie van het formaat", "Version of the format"},
	"id": {"Nummer", "Id"}, "version": {"Versie", "Version"}, "email": {"E-mailadres", "E-mail address"}, "emails": {"Meer e-mailadressen", "Further e-mail addresses"},
	"external_ids": {"Nummers in andere systemen", "Ids in other systems"}, "external_id": {"Nummer in het andere systeem", "Id in the other system"},
	"first_name": {"Voornaam", "First name"}, "last_name": {"Achternaam", "Last name"}, "company": {"Bedrijf", "Company"}, "phone": {"Telefoon", "Phone"},
	"mobile": {"Mobiel", "Mobile"}, "phones": {"Meer telefoonnummers", "Further phones"}, "website": {"Website", "Website"}, "language": {"Taal", "Language"},
	"birth_date": {"Geboortedatum", "Date of birth"}, "gender": {"Geslacht", "Gender"}, "vat_number": {"Btw-nummer", "VAT number"},
	"fiscal_number": {"Fiscaal nummer", "Fiscal number"}, "preferred_channel": {"Voorkeurskanaal", "Preferred channel"}, "note": {"Notitie", "Note"},
	"address": {"Adres", "Address"}, "billing_address": {"Factuuradres", "Billing address"}, "shipping_address": {"Bezorgadres", "Shipping address"},
	"street": {"Straat", "Street"}, "street_2": {"Adresregel 2", "Address line 2"}, "postcode": {"Postcode", "Postcode"}, "city": {"Plaats", "City"},
	"region": {"Regio", "Region"}, "country": {"Land", "Country"}, "custom": {"Eigen velden van de site", "The site's own fields"},
	"label": {"Naam", "Label"}, "value": {"Waarde", "Value"}, "status": {"Status", "Status"}, "status_name": {"Naam van de status", "Name of the status"},
	"status_manual": {"Status met de hand gekozen", "Status chosen by hand"}, "firsts": {"Eerste keer", "First time"}, "tags": {"Labels", "Tags"},
	"group": {"Klantgroep", "Customer group"}, "group_name": {"Naam van de klantgroep", "Name of the customer group"}, "avatar": {"Foto", "Picture"},
	"consent": {"Toestemming voor e-mail", "Consent to e-mail"}, "consent_mark": {"Sinds wanneer en waardoor", "Since when and why"},
	"channels": {"Andere kanalen", "Other channels"}, "subscriptions": {"Nieuwsbrieven", "Newsletters"}, "list": {"Lijst", "List"},
	"list_name": {"Naam van de lijst", "Name of the list"}, "channel": {"Kanaal", "Channel"}, "since": {"Sinds", "Since"}, "source": {"Bron", "Source"},
	"asked_at": {"Bevestiging gevraagd op", "Asked to confirm at"}, "recorded": {"Vastgelegd met bewijs", "Recorded with its evidence"},
	"held": {"Geen andere mail dan van de lijsten, want", "No mail but of the lists, as"}, "held_since": {"Dat is zo sinds", "That is so since"}, "orders_count": {"Aantal bestellingen", "Number of orders"}, "revenue": {"Omzet", "Revenue"},
	"total": {"Totaal", "Total"}, "first_order_at": {"Eerste bestelling", "First order"}, "last_order_at": {"Laatste bestelling", "Last order"},
	"open_requests": {"Open verzoeken", "Open requests"}, "origin": {"Herkomst", "Origin"}, "campaign": {"Campagne", "Campaign"},
	"referrer": {"Vorige pagina", "Page before"}, "landing_page": {"Eerste pagina", "First page"}, "device": {"Apparaat", "Device"}, "medium": {"Medium", "Medium"},
	"name": {"Naam", "Name"}, "term": {"Zoekterm", "Term"}, "content": {"Inhoud", "Content"}, "class": {"Soort", "Sort"}, "browser": {"Browser", "Browser"},
	"os": {"Besturingssysteem", "Operating system"}, "locked": {"Vergrendeld", "Locked"}, "all": {"Alles", "Everything"}, "fields": {"Velden", "Fields"},
	"offers": {"Wat bronnen later zeiden", "What sources said later"}, "values": {"Gegevens", "Values"},
	"decided": {"Met de hand gekozen op", "Chosen by hand at"}, "merged": {"Samengevoegde contacten", "Merged contacts"},
	"as_of": {"Stand van", "As of"}, "seq": {"Volgnummer", "Sequence"}, "stamps": {"Stand per veld", "As of by field"},
	"import": {"Import", "Import"}, "job": {"Opdracht", "Job"}, "row": {"Rij", "Row"}, "created": {"Aangemaakt", "Created"},
	"created_at": {"Aangemaakt op", "Created at"}, "updated_at": {"Gewijzigd op", "Changed at"},
	"at": {"Moment", "Moment"}, "by": {"Door", "By"}, "kind": {"Soort", "Kind"}, "ref": {"Betreft", "About"}, "changed": {"Gewijzigde velden", "Changed fields"},
	"open": {"Open", "Open"}, "pinned": {"Vastgezet", "Pinned"}, "entry": {"Tekst", "Entry"}, "title": {"Titel", "Title"}, "text": {"Tekst", "Text"},
	"documents": {"Documenten", "Documents"}, "edited_at": {"Bewerkt op", "Edited at"}, "edited_by": {"Bewerkt door", "Edited by"}, "to": {"Aan", "To"},
	"mail": {"Mail", "Mail"}, "state": {"Toestand", "State"}, "reason": {"Reden", "Reason"},
	"number": {"Nummer", "Number"}, "deleted": {"Verwijderd", "Deleted"}, "deleted_at": {"Verwijderd op", "Deleted at"}, "test": {"Proefbestelling", "Test"},
	"refunded": {"Terugbetaald", "Refunded"}, "placed_at": {"Besteld op", "Ordered at"}, "paid_at": {"Betaald op", "Paid at"}, "customer": {"Klant", "Customer"},
	"items": {"Regels", "Lines"}, "more_items": {"Regels die niet bewaard zijn", "Lines that were not kept"}, "sku": {"Artikelnummer", "SKU"},
	"quantity": {"Aantal", "Quantity"}, "unit_price": {"Prijs per stuk", "Price of one"}, "accepts_marketing": {"Wil reclame", "Accepts marketing"},
	"amount": {"Bedrag", "Amount"}, "currency": {"Munt", "Currency"}, "order": {"Bestelling", "Order"},
	"platform": {"Platform", "Platform"}, "registered_at": {"Aangemeld op", "Registered at"}, "last_seen_at": {"Laatst gezien", "Last seen"},
	"type": {"Type", "Type"}, "size": {"Bytes", "Bytes"}, "sha256": {"Controlegetal (SHA-256)", "Checksum (SHA-256)"}, "purpose": {"Waarvoor", "What for"},
	"path": {"Bestand", "File"}, "missing": {"Ontbreekt: nooit aangekomen", "Missing: never arrived"},

	"lead": {"lead", "lead"}, "vip": {"VIP", "VIP"}, "inactive": {"inactief", "inactive"},
	"never": {"nooit", "never"}, "pending": {"in afwachting", "pending"}, "subscribed": {"aangemeld", "subscribed"}, "bounced": {"onbestelbaar", "bounced"},
	"unsubscribed": {"afgemeld", "unsubscribed"}, "complained": {"klacht", "complained"}, "erased": {"gewist", "erased"},
	"form": {"formulier", "form"}, "payment": {"betaling", "payment"}, "invoice": {"factuur", "invoice"}, "reservation": {"afspraak", "appointment"},
	"appointment": {"afspraak", "appointment"}, "edit": {"wijziging", "change"}, "merge": {"samenvoeging", "merge"}, "unmerge": {"samenvoeging ongedaan", "merge undone"},
	"paid": {"betaald", "paid"}, "fulfilled": {"geleverd", "delivered"}, "cancelled": {"geannuleerd", "cancelled"}, "failed": {"mislukt", "failed"},
	"draft": {"concept", "draft"}, "issued": {"verstuurd", "issued"}, "void": {"vervallen", "void"}, "booked": {"geboekt", "booked"},
	"attended": {"geweest", "attended"}, "no_show": {"niet verschenen", "not attended"}, "waiting": {"wacht", "waiting"}, "sent": {"verstuurd", "sent"},
	"ready": {"klaar", "ready"}, "used": {"in gebruik", "used"}, "document": {"document", "document"},
}
