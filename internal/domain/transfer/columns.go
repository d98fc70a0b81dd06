package transfer

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Field is what a column, or a field of a form, holds of a contact.
type Field string

// The fields. Address fields also exist with "billing_" and "shipping_" before
// them: see [Field.Address].
const (
	FieldEmail             Field = "email"
	FieldEmail2            Field = "email_2" // further addresses of the same person
	FieldEmail3            Field = "email_3"
	FieldName              Field = "name" // the full name, to be split
	FieldFirstName         Field = "first_name"
	FieldLastNamePrefix    Field = "last_name_prefix" // "van den", which Dutch files keep apart
	FieldLastName          Field = "last_name"
	FieldCompany           Field = "company"
	FieldPhone             Field = "phone"
	FieldMobile            Field = "mobile" // a second phone
	FieldStreet            Field = "street"
	FieldStreet2           Field = "street_2" // second line of the address
	FieldHouseNumber       Field = "house_number"
	FieldHouseNumberSuffix Field = "house_number_suffix" // "bis", "3 hoog"
	FieldPostcode          Field = "postcode"
	FieldCity              Field = "city"
	FieldRegion            Field = "region"
	FieldCountry           Field = "country"
	FieldLanguage          Field = "language"
	FieldBirthDate         Field = "birth_date"
	FieldGender            Field = "gender"
	FieldWebsite           Field = "website"
	FieldVATNumber         Field = "vat_number"
	FieldFiscalNumber      Field = "fiscal_number"
	FieldChannel           Field = "preferred_channel"
	FieldPhones            Field = "phones" // further phones
	FieldTags              Field = "tags"
	FieldGroup             Field = "group" // of customers, by name
	FieldStatus            Field = "status"
	FieldConsent           Field = "consent"          // to marketing mail; only from a column that says so
	FieldLists             Field = "newsletter_lists" // by name; only of a column that is called so
	FieldOptOut            Field = "opt_out"          // anything but a no in it is an unsubscription
	FieldNote              Field = "note"
	FieldExternalID        Field = "external_id"
	FieldCreatedAt         Field = "created_at" // recognised, so that it is no riddle, and not imported
	FieldPassword          Field = "password"   // recognised, so that it is never stored, logged or exported
)

// Stored reports whether the values of the field may be kept at all.
func (f Field) Stored() bool { return f != FieldPassword && f != FieldCreatedAt && f != "" }

// Address parts a field of a billing or shipping address: "billing_city" is
// ("billing", City). Any other field is ("", itself).
func (f Field) Address() (kind string, part Field) {
	for _, kind := range []string{"billing", "shipping"} {
		if rest, ok := strings.CutPrefix(string(f), kind+"_"); ok {
			return kind, Field(rest)
		}
	}
	return "", f
}

// addressParts are the fields that billing and shipping addresses have.
var addressParts = []Field{FieldEmail, FieldName, FieldFirstName, FieldLastNamePrefix, FieldLastName, FieldCompany, FieldPhone, FieldMobile,
	FieldStreet, FieldStreet2, FieldHouseNumber, FieldHouseNumberSuffix, FieldPostcode, FieldCity, FieldRegion, FieldCountry, FieldVATNumber}

// names lists how columns are called, in Dutch, English, German and French,
// and in the exports of Mailchimp, Shopify, WooCommerce, Shopware, Magento,
// Lightspeed, Mollie, Google, Outlook, HubSpot, Klaviyo and Brevo. Case,
// accents, blanks and punctuation do not matter.
var names = map[Field]string{
	FieldEmail: `email; mail; email address; mail address; e-mailadres; mailadres; adresse e-mail; adresse mail;
		adresse électronique; courrier électronique; courriel; adresse courriel; adresse de courriel; mél; e-mail-adresse;
		mailadresse; elektronische adresse; email id; user email; subscriber email; email 1; email 1 address; email1;
		correo; correo electrónico; posta elettronica; indirizzo email; email subscriber address`,
	FieldEmail2: `email 2; email 2 address; second email; tweede e-mail; tweede e-mailadres; zweite e-mail; zweite e-mail-adresse;
		deuxième e-mail; deuxième adresse e-mail; e-mailadres 2; adresse e-mail 2; e-mail-adresse 2; email address 2`,
	FieldEmail3: `email 3; email 3 address; third email; derde e-mail; derde e-mailadres; dritte e-mail; troisième e-mail;
		e-mailadres 3; adresse e-mail 3; e-mail-adresse 3; email address 3`,
	FieldName: `name; full name; display name; contact name; contact; contact person; customer name; client name; naam;
		volledige naam; contactpersoon; klantnaam; voor- en achternaam; voornaam en achternaam; naam contactpersoon; nom;
		nom complet; nom et prénom; prénom et nom; nom prénom; nom du client; vollständiger name; ganzer name; kundenname;
		ansprechpartner; vor- und nachname; vorname und nachname; first and last name; name surname`,
	FieldFirstName: `first name; fname; given name; forename; christian name; first; voornaam; voornamen; roepnaam; vorname;
		rufname; prénom; prénoms`,
	FieldLastNamePrefix: `tussenvoegsel; tussenvoegsels; infix; voorvoegsel; voorvoegsels; surname prefix; last name prefix;
		namenszusatz; vorsatzwort`,
	FieldLastName: `last name; lname; surname; family name; second name; last; achternaam; familienaam; geslachtsnaam; nachname;
		familienname; zuname; nom de famille; patronyme`,
	FieldCompany: `company; company name; organization; organisation; organization name; organisation name; business;
		business name; firm; firm name; associated company; bedrijf; bedrijfsnaam; naam bedrijf; organisatie; organisatienaam;
		handelsnaam; firma; firmenname; firmennamen; unternehmen; organisationsname; entreprise; société; nom de l'entreprise;
		nom de la société; raison sociale; organisme`,
	FieldPhone: `phone; phone number; phone no; telephone; telephone number; telephone no; tel; tel no; tel nr; telnr; landline;
		contact number; phone 1; telefoon; telefoonnummer; telefoonnr; telefoon nr; tel nummer; vaste telefoon; vast nummer;
		contactnummer; telefon; telefonnummer; telefonnr; telefon nr; rufnummer; festnetz; festnetznummer; téléphone;
		numéro de téléphone; n° de téléphone; no de téléphone; n téléphone; téléphone fixe; fixe; numéro`,
	FieldMobile: `mobile; mobile phone; mobile number; mobile no; mobile phone number; cell; cell phone; cellphone; cell number;
		phone 2; phone number 2; second phone; telephone 2; sms; whatsapp; whatsapp number; mobiel; mobiele telefoon;
		mobiel nummer; mobiele nummer; mobiel telefoonnummer; mobieltje; gsm; gsm nummer; 06 nummer; telefoon 2;
		telefoonnummer 2; tweede telefoonnummer; handy; handynummer; handy nr; mobil; mobiltelefon; mobilnummer; mobilfunk;
		mobilfunknummer; mobiltelefonnummer; telefon 2; portable; téléphone portable; téléphone mobile; numéro de portable;
		numéro de mobile; téléphone 2; tel 2`,
	FieldStreet: `street; street address; street name; address; address 1; address line 1; address street; street 1; street line 1;
		postal address; mailing address; straat; straatnaam; adres; adres 1; adresregel 1; straat 1; straat en huisnummer;
		straat huisnummer; straat en nummer; straat nr; straat huisnr; postadres; straße; str; straße 1; anschrift; adresse;
		adresse 1; adresszeile 1; straße und hausnummer; straße hausnummer; straße nr; straße und nr; straße hausnr;
		postanschrift; rue; voie; adresse ligne 1; ligne d'adresse 1; adresse postale; numéro et rue; n° et rue; rue et numéro`,
	FieldStreet2: `address 2; address line 2; street 2; street line 2; extended address; additional address; apartment; suite;
		unit; adres 2; adresregel 2; straat 2; adres toevoeging; appartement; adresszusatz; adresszeile 2; straße 2;
		adresse 2; complément d'adresse; complément adresse; complément; adresse ligne 2; ligne d'adresse 2; bâtiment`,
	FieldHouseNumber: `house number; house no; house nr; street number; street no; huisnummer; huisnr; huis nr; straatnummer;
		hausnummer; hausnr; haus nr; numéro de rue; numéro de voie; numéro de maison; n° de rue; n° de voie`,
	FieldHouseNumberSuffix: `toevoeging; huisnummertoevoeging; huisnr toevoeging; toevoeging huisnummer; house number addition;
		house number suffix; house number ext; hausnummerzusatz; hausnr zusatz; busnummer; bus nr; huisletter`,
	FieldPostcode: `postcode; postal code; zip; zip code; zip postal code; postal zip code; postcode zip; zip postcode; plz;
		postleitzahl; code postal; cp; postcode plaatscode`,
	FieldCity: `city; town; city town; town city; suburb; locality; plaats; plaatsnaam; woonplaats; stad; gemeente; ort; ortschaft;
		stadt; wohnort; ville; commune; localité; city name`,
	FieldRegion: `region; state; province; county; state province; state region; province state; province code; state code;
		region code; province name; state name; region name; state county; provincie; regio; provincie staat; bundesland;
		kanton; région; département; canton; province région; état`,
	FieldCountry: `country; country code; country region; country name; country id; country iso; country iso code; iso country code;
		country code iso; cc; land; landcode; landencode; landnaam; ländercode; land code; länderkürzel; landeskennzeichen;
		staat; pays; code pays; nom du pays; pays région; land regio; land region`,
	FieldLanguage: `language; lang; language code; locale; preferred language; taal; taalcode; voorkeurstaal; sprache; sprachcode;
		korrespondenzsprache; bevorzugte sprache; langue; code langue; langue préférée`,
	FieldBirthDate: `birthday; birth date; date of birth; dob; bday; geboortedatum; verjaardag; geburtsdatum; geburtstag;
		date de naissance; né le; anniversaire; customer dob`,
	FieldGender: `gender; sex; geslacht; geschlecht; sexe; genre; customer gender`,
	FieldWebsite: `website; website url; website address; url; web; web page; web address; homepage; home page; company website;
		webpagina; webadres; internetadres; webseite; internetseite; internetadresse; site web; site internet; page web`,
	FieldVATNumber: `vat; vat number; vat no; vat nr; vat id; vat id number; vat registration number; eu vat; eu vat number; taxvat;
		tax vat number; tax id; tax number; btw; btw nummer; btw nr; btw id; btw identificatienummer; ust id; ust idnr; ust id nr; ust nr;
		umsatzsteuer id; umsatzsteuer identifikationsnummer; umsatzsteuernummer; mwst nummer; mwst nr; steuernummer; uid nummer;
		tva; n° tva; no tva; numéro de tva; n° de tva; tva intracommunautaire; numéro de tva intracommunautaire`,
	FieldFiscalNumber: `fiscal number; fiscal code; tax code; codice fiscale; fiscaal nummer; nif; dni; rsin; steuernr;
		numéro fiscal; identifiant fiscal; siret; siren`,
	FieldChannel: `preferred channel; preferred communication; preferred contact method; contact preference; communication preference;
		preferred method of contact; voorkeurskanaal; voorkeur contact; contactvoorkeur; communicatievoorkeur; gewenst contact;
		bevorzugter kanal; bevorzugte kontaktart; kontaktpräferenz; canal préféré; moyen de contact préféré; préférence de contact`,
	FieldPhones: `phones; further phones; other phones; other phone; phone 3; phone number 3; third phone; additional phone numbers;
		overige telefoonnummers; telefoon 3; telefoonnummer 3; derde telefoon; andere telefoonnummers; weitere telefonnummern;
		telefon 3; autres téléphones; téléphone 3`,
	"origin_channel": `origin channel; acquisition channel; herkomst kanaal; kanaal van herkomst; herkunftskanal; canal d'acquisition`,
	"utm_source":     `utm source; campaign source; campagnebron; kampagnenquelle; source de campagne`,
	"utm_medium":     `utm medium; campaign medium; campagnemedium; kampagnenmedium; support de campagne`,
	"utm_campaign":   `utm campaign; campaign name; campagnenaam; kampagnenname; nom de campagne`,
	"utm_term":       `utm term; campaign term`,
	"utm_content":    `utm content; campaign content`,
	"referrer":       `referrer; referer; referring site; verwijzende website; verwijzende pagina; verweisende seite; site référent`,
	"landing_page":   `landing page; landing site; bestemmingspagina; zielseite; page de destination`,
	"device":         `device; device type; apparaat; soort apparaat; gerät; gerätetyp; appareil`,
	"browser":        `browser; navigateur`,
	"os":             `os; operating system; besturingssysteem; betriebssystem; système d'exploitation`,
	FieldGroup:       `group`,
	FieldLists:       `newsletter lists; nieuwsbrieflijsten; newsletter listen; listes de newsletter`,
	FieldTags: `tags; tag; tag names; labels; label; keywords; categories; category; group membership; trefwoorden; etiketten;
		etiket; categorieën; categorie; schlagworte; schlagwörter; stichwörter; kategorien; kategorie; étiquettes; étiquette;
		mots-clés; catégories; catégorie; libellés`,
	FieldStatus: `status; customer status; contact status; lead status; lifecycle stage; klantstatus; klant status; contactstatus;
		kundenstatus; statut; statut client; statut du contact`,
	FieldOptOut: `unsubscribed; unsubscribe; unsubscribed at; unsubscribe date; unsubscribe time; unsubscribed on; unsub time; unsub date;
		unsub reason; unsub campaign title; is unsubscribed; has unsubscribed; opt out; optout; opted out; opt out date; opted out at;
		has opted out of email; has opted out; email opt out; email optout; marketing opt out; do not email; do not mail; do not contact;
		email disabled; email blacklisted; blacklisted; blocklisted; unsubscribed from all email; unsubscribed from all emails;
		afgemeld; afgemeld op; afmelddatum; afgemeld voor nieuwsbrief; uitgeschreven; uitgeschreven op; uitschrijfdatum; uitschrijving;
		niet mailen; geen nieuwsbrief; abgemeldet; abgemeldet am; abmeldedatum; newsletter abgemeldet; desabonne; désabonné; désinscrit;
		désinscription; date de désinscription`,
	FieldConsent: `consent; newsletter; newsletters; has newsletter; newsletter subscription; newsletter subscribed;
		newsletter subscriber; newsletter opt in; newsletter consent; newsletter signup; subscribe to newsletter;
		subscribed to newsletter; subscribe newsletter; is newsletter subscriber; receive newsletter; wants newsletter;
		subscribed; is subscribed; is subscriber; subscribed to emails; email subscribed; email subscriber; email subscription;
		accepts marketing; accepts email marketing; accept marketing; buyer accepts marketing; email marketing consent;
		marketing consent; marketing opt in; marketing optin; email marketing; email opt in; email optin; email consent;
		consent email; mailing consent; email marketing opt in; marketing permission; marketing permissions; opt in; optin;
		opted in; has opted in; double opt in; gdpr consent; agreed to marketing;
		nieuwsbrief; nieuwsbrieven; nieuwsbrief ontvangen; nieuwsbrief inschrijving; ingeschreven voor nieuwsbrief;
		aangemeld voor nieuwsbrief; nieuwsbrief aanmelding; abonnee nieuwsbrief; ontvangt nieuwsbrief; toestemming;
		toestemming nieuwsbrief; toestemming marketing; toestemming mailing; akkoord marketing; akkoord nieuwsbrief; mailing;
		newsletter anmeldung; newsletter abonnement; newsletter abonniert; newsletter angemeldet; newsletter empfänger;
		einwilligung; einwilligung newsletter; werbeeinwilligung; zustimmung; zustimmung newsletter; rundbrief;
		abonné newsletter; abonné à la newsletter; inscrit à la newsletter; inscription newsletter; abonnement newsletter;
		lettre d'information; infolettre; consentement; consentement marketing; consentement newsletter; accepte le marketing;
		accepte la newsletter; accord marketing`,
	FieldNote: `note; notes; remark; remarks; comment; comments; memo; message; customer note; internal note; internal notes;
		contact note; order note; question; notitie; notities; opmerking; opmerkingen; toelichting; bericht; vraag;
		vraag of opmerking; vragen of opmerkingen; notiz; notizen; bemerkung; bemerkungen; anmerkung; anmerkungen; kommentar;
		kommentare; nachricht; mitteilung; interne notiz; remarque; remarques; commentaire; commentaires; notes internes`,
	FieldExternalID: `external id; customer id; customer number; customer no; customer nr; customer code; client id;
		client number; contact id; record id; user id; member id; member number; subscriber id; profile id; klaviyo id;
		person id; klantnummer; klantnr; klant nr; klant id; klantcode; relatienummer; debiteurnummer; debiteurennummer;
		lidnummer; kundennummer; kunden nr; kundennr; kunden id; kontakt id; debitorennummer; mitgliedsnummer; numéro client;
		numéro de client; n° client; no client; id client; code client; identifiant client; identifiant externe; identifiant; id`,
	FieldCreatedAt: `created; created at; created on; created date; create date; creation date; creation time; date created; added;
		date added; added at; added on; added time; registration date; registered at; registered on; date registered;
		signup date; sign up; sign up date; signed up; signed up at; subscribed at; subscribe date; subscription date;
		date subscribed; optin time; optin date; member since; customer since; user registered; aangemaakt; aangemaakt op;
		aanmaakdatum; datum aangemaakt; toegevoegd op; registratiedatum; inschrijfdatum; datum inschrijving; aanmelddatum;
		klant sinds; erstellt; erstellt am; erstellungsdatum; erstelldatum; angelegt am; hinzugefügt am; registriert am;
		registrierungsdatum; anmeldedatum; kunde seit; date de création; créé le; date d'inscription; date d'ajout; ajouté le;
		inscrit le; client depuis`,
	FieldPassword: `pwd; pass; pw; user pass; mdp; salt; pin; pin code; secret; token; rp token; hash`,
}

// Words that make a column a password wherever they stand in its name.
var secrets = []string{"password", "passwd", "passwort", "passwor", "wachtwoord", "kennwort", "motdepasse", "contrasena"}

// byName is names, turned around, when the first file needs it: most functions
// that have this package never read one.
var byName = sync.OnceValue(func() map[string]Field {
	m := map[string]Field{}
	for field, list := range names {
		for name := range strings.SplitSeq(list, ";") {
			key := strings.Join(words(name), "")
			if other, ok := m[key]; ok && other != field {
				panic(fmt.Sprintf("%q is called %s and %s", name, other, field))
			}
			m[key] = field
		}
	}
	return m
})

// fillers are words that may stand beside a name without changing it much.
var fillers = wordSet(`your my our the a an please enter required mandatory optional customer client contact user member person
	subscriber buyer primary main default current preferred value work home other business private personal office
	physical secondary alternative alternate additional extra second
	uw je jouw mijn ons onze het de een svp aub verplicht optioneel klant gebruiker werk thuis zakelijk zakelijke prive
	overig overige ander andere hoofd algemeen van
	ihr ihre deine dein mein meine bitte pflichtfeld kunde kunden benutzer privat geschaftlich dienstlich weitere andere haupt der die das
	votre vos mon ma mes notre obligatoire facultatif utilisateur personnel personnelle professionnel professionnelle pro
	autre prive domicile bureau principal principale le la les du des l d`)

// addressWords may stand before a part of an address: "Address 1 - City".
var addressWords = wordSet("address adres adresse anschrift addresses")

// Words for the two other kinds of addresses; longer ones first, as in German
// and Dutch the next word may follow without a gap.
var addressKinds = []struct {
	kind  string
	words []string
}{
	{"billing", []string{"billing", "billto", "bill", "invoicing", "invoice", "facturatie", "facturation", "factuur", "rechnungs", "rechnung"}},
	{"shipping", []string{"shipping", "shipment", "shipto", "ship", "delivery", "verzending", "verzend", "bezorg", "aflever", "levering",
		"lieferungs", "liefer", "versand", "livraison", "expedition"}},
}

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// letters that Unicode does not take apart.
var letters = strings.NewReplacer("ß", "ss", "ẞ", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ı", "i", "°", " ")

// words splits a name into words of lower-case letters and digits, without
// accents: "E-mailadres *" is e, mailadres; "firstName" is first, name.
func words(name string) []string {
	var b strings.Builder
	var last rune
	for _, r := range norm.NFD.String(name) {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToLower(r))
			last = r
		}
	}
	parts := strings.FieldsFunc(letters.Replace(b.String()), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	// Single letters belong together: a.u.b., s.v.p.
	out, short := parts[:0], false
	for _, p := range parts {
		if len(p) == 1 && short {
			out[len(out)-1] += p
			continue
		}
		out, short = append(out, p), len(p) == 1
	}
	return out
}

// longestName is more than any name of a column; longer cells are text.
const longestName = 100

// Recognise tells which field a column, or a form's field, of this name holds.
// Dutch, English, German and French names are known, and those of common
// exports; case, accents, blanks and punctuation do not matter.
func Recognise(header string) (Field, bool) {
	f, _ := recognise(header)
	return f, f != ""
}

// recognise also tells how sure that is: 1 for the name itself, less for a name
// with something around it ("work e-mail", "Address 1 - City").
func recognise(header string) (Field, float64) {
	if len(header) > longestName {
		return "", 0
	}
	if strings.TrimSpace(header) == "_website" {
		return "", 0 // Magento's word for a shop, whose values are no addresses
	}
	w := words(header)
	key := strings.Join(w, "")
	if f, ok := byName()[key]; ok {
		if key == "id" {
			return f, 0.6 // many tables have one; a customer number is better
		}
		return f, 1
	}
	for _, s := range secrets {
		if strings.Contains(key, s) {
			return FieldPassword, 1
		}
	}
	for i, word := range w {
		for _, a := range addressKinds {
			for _, p := range a.words {
				rest, ok := strings.CutPrefix(word, p)
				if !ok {
					continue
				}
				other := append(append(slices.Clone(w[:i]), rest), w[i+1:]...)
				if f, sure := around(slices.DeleteFunc(other, isEmpty)); slices.Contains(addressParts, f) {
					return Field(a.kind + "_" + string(f)), sure
				}
				return "", 0
			}
		}
	}
	f, sure := around(w)
	if f == FieldConsent || f == FieldOptOut || f == FieldPassword || f == FieldGroup {
		// Consent is only what says so itself, without anything around it; and another
		// shop's "customer group" names groups of that shop.
		return "", 0
	}
	return f, min(sure, 0.8)
}

func isEmpty(s string) bool { return s == "" }

// around looks for a name with fillers, numbers or address words around it.
func around(w []string) (Field, float64) {
	if f, ok := byName()[strings.Join(w, "")]; ok {
		return f, 1
	}
	plain := slices.DeleteFunc(slices.Clone(w), func(s string) bool { return fillers[s] })
	part := slices.DeleteFunc(slices.Clone(plain), func(s string) bool { return addressWords[s] })
	for _, try := range [][]string{plain, part} {
		key := strings.Join(try, "")
		if f, ok := byName()[key]; ok {
			return f, 0.8
		}
		var letters []string
		for _, s := range try {
			if s = strings.TrimRight(s, "0123456789"); s != "" {
				letters = append(letters, s)
			}
		}
		if f, ok := byName()[strings.Join(letters, "")]; ok {
			return f, 0.7
		}
	}
	return "", 0
}

// By says what a column was recognised by.
type By string

// The ways to recognise a column.
const (
	ByName   By = "name"
	ByValues By = "values"
)

// A ColumnGuess is what is known about one column of a file.
type ColumnGuess struct {
	Header     string  // as it stands in the file; "" without a header
	Field      Field   // "" if it is not imported
	By         By      // "" if Field is
	Confidence float64 // 0 to 1
	Note       string  // for the person who checks: why it is not imported, or what is odd
}

// A Layout is how the rows of a file are to be read.
type Layout struct {
	Header  int // index of the header in the rows looked at, or -1
	Columns []ColumnGuess
}

// Index returns the column that holds f, or -1.
func (l Layout) Index(f Field) int {
	return slices.IndexFunc(l.Columns, func(c ColumnGuess) bool { return c.Field == f && f != "" })
}

// headerWithin is how many title lines, at most, may stand above a header.
const headerWithin = 30

// Guess looks at the first rows of a file, as [Sample] returns them, and says
// where the header is and what each column holds. A header may stand below
// title lines. If no row looks like one there is none: then no row is taken
// away, and the columns are recognised by their values where these are plain.
//
// A second e-mail column becomes email_2, a third email_3, a second phone
// mobile; of other fields the column with the surer name is taken, or else the
// first, and the others are left out with a note.
func Guess(rows [][]string) Layout {
	l := Layout{Header: headerRow(rows)}
	width := 0
	for _, row := range rows[max(l.Header, 0):] {
		width = max(width, len(row))
	}
	l.Columns = make([]ColumnGuess, width)
	values := rows[l.Header+1:]

	for i := range l.Columns {
		c := &l.Columns[i]
		if l.Header >= 0 && i < len(rows[l.Header]) {
			c.Header = strings.TrimSpace(rows[l.Header][i])
			if f, sure := recognise(c.Header); f != "" {
				c.Field, c.By, c.Confidence = f, ByName, sure
			}
		}
	}
	l.settle()
	l.takeBilling()
	if l.Index(FieldEmail) < 0 {
		l.findEmail(values)
	}
	if l.Header < 0 {
		l.findByValues(values)
	}
	for i := range l.Columns {
		c := &l.Columns[i]
		if c.By == ByName && (c.Field == FieldEmail || c.Field == FieldEmail2 || c.Field == FieldEmail3) {
			if share, n := looking(values, i, looksLikeEmail); n > 0 && share < 0.5 {
				c.Confidence /= 2
				c.Note = "few values look like e-mail addresses"
			}
		}
		if c.Field == FieldPassword {
			c.Note = "passwords are never stored"
		}
	}
	return l
}

// headerRow returns the row with the most names that are recognised, the first
// of several, or -1.
func headerRow(rows [][]string) int {
	best, most := -1, 0
	for i, row := range rows[:min(len(rows), headerWithin)] {
		filled, known, email := 0, 0, false
		for _, cell := range row {
			if cell = strings.TrimSpace(cell); cell == "" {
				continue
			}
			filled++
			if looksLikeEmail(cell) || looksLikePhone(cell) {
				known = -len(row) // nobody names a column so: it is somebody's data
				break
			}
			if f, _ := recognise(cell); f != "" {
				known++
				email = email || f == FieldEmail
			}
		}
		// One name alone may be a company called "Contact".
		if known > most && (known > 1 || email || known*2 > filled) {
			best, most = i, known
		}
	}
	return best
}

// settle makes sure that each field has one column.
func (l *Layout) settle() {
	// "Naam" and "Nom" beside a first name are the last name.
	if l.Index(FieldFirstName) >= 0 && l.Index(FieldLastName) < 0 {
		if i := l.Index(FieldName); i >= 0 && slices.Contains([]string{"naam", "nom", "name"}, strings.Join(words(l.Columns[i].Header), "")) {
			l.Columns[i].Field = FieldLastName
			l.Columns[i].Note = "taken as the last name, as there is a first name"
		}
	}
	order := make([]int, len(l.Columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch ca, cb := l.Columns[a].Confidence, l.Columns[b].Confidence; {
		case ca > cb:
			return -1
		case ca < cb:
			return 1
		}
		return 0
	})
	taken := map[Field]int{}
	for _, i := range order {
		c := &l.Columns[i]
		if c.Field == "" || c.Field == FieldPassword {
			continue
		}
		choices := []Field{c.Field}
		switch c.Field {
		case FieldEmail, FieldEmail2, FieldEmail3:
			choices = append(choices, FieldEmail, FieldEmail2, FieldEmail3)
		case FieldPhone, FieldMobile:
			choices = append(choices, FieldPhone, FieldMobile, FieldPhones)
		}
		free := slices.IndexFunc(choices, func(f Field) bool { _, ok := taken[f]; return !ok })
		if free < 0 {
			c.Note = fmt.Sprintf("column %d holds %s already", taken[c.Field]+1, c.Field)
			c.Field, c.By, c.Confidence = "", "", 0
			continue
		}
		c.Field = choices[free]
		taken[c.Field] = i
	}
}

// takeBilling takes the name, phone and address for mail of the bill for want of
// others; what the bill has beyond an address is not kept twice.
func (l *Layout) takeBilling() {
	for i := range l.Columns {
		c := &l.Columns[i]
		kind, part := c.Field.Address()
		if kind == "" || slices.Contains(postal, part) {
			continue
		}
		if kind == "billing" && l.Index(part) < 0 {
			c.Field, c.Note = part, fmt.Sprintf("taken as the %s, as there is no other", strings.ReplaceAll(string(part), "_", " "))
			continue
		}
		c.Field, c.By, c.Confidence = "", "", 0
		c.Note = "of this address only the place is kept"
	}
}

// postal are the fields that an address of a contact has.
var postal = []Field{FieldStreet, FieldStreet2, FieldHouseNumber, FieldHouseNumberSuffix, FieldPostcode, FieldCity, FieldRegion, FieldCountry}

// findEmail takes the column whose values are mostly addresses, for want of one
// that is called so.
func (l *Layout) findEmail(values [][]string) {
	best, bestShare := -1, 0.0
	for i, c := range l.Columns {
		if share, _ := looking(values, i, looksLikeEmail); c.Field == "" && share >= 0.5 && share > bestShare {
			best, bestShare = i, share
		}
	}
	if best >= 0 {
		c := &l.Columns[best]
		c.Field, c.By, c.Confidence, c.Note = FieldEmail, ByValues, bestShare, ""
	}
}

// findByValues recognises the columns of a file without a header. Names of
// people look like anything, and consent is never guessed.
func (l *Layout) findByValues(values [][]string) {
	for _, kind := range []struct {
		field Field
		like  func(string) bool
	}{
		{FieldEmail2, looksLikeEmail}, {FieldPhone, looksLikePhone}, {FieldWebsite, looksLikeWebsite},
		{FieldPostcode, looksLikePostcode}, {FieldCountry, looksLikeCountry},
	} {
		for i := range l.Columns {
			c := &l.Columns[i]
			share, n := looking(values, i, kind.like)
			if c.Field == "" && n > 0 && share >= 0.7 && l.Index(kind.field) < 0 {
				c.Field, c.By, c.Confidence = kind.field, ByValues, share*0.9
			}
		}
	}
}

// looking returns which share of the filled cells of a column look like
// something, and how many are filled.
func looking(rows [][]string, column int, like func(string) bool) (share float64, filled int) {
	yes := 0
	for _, row := range rows {
		if column >= len(row) {
			continue
		}
		if cell := strings.TrimSpace(row[column]); cell != "" {
			filled++
			if like(cell) {
				yes++
			}
		}
	}
	if filled == 0 {
		return 0, 0
	}
	return float64(yes) / float64(filled), filled
}

// looksLikeEmail is no validation: one @ with something on both sides.
func looksLikeEmail(s string) bool {
	local, host, ok := strings.Cut(s, "@")
	return ok && local != "" && strings.Contains(host, ".") && len(s) <= 320 &&
		!strings.ContainsAny(local, " \t:/") && !strings.HasPrefix(host, ".") && strings.Count(s, "@") == 1 && !strings.Contains(host, " ")
}

// looksLikePhone: 8 to 15 digits that begin with + or 0, and what people put
// between them.
func looksLikePhone(s string) bool {
	s = strings.TrimPrefix(s, "'")
	if s == "" || s[0] != '+' && s[0] != '0' && s[0] != '(' {
		return false
	}
	digits := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !strings.ContainsRune("+ ()-./", r):
			return false
		}
	}
	return digits >= 8 && digits <= 15
}

func looksLikeWebsite(s string) bool {
	s = strings.ToLower(s)
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "www.")
}

// looksLikePostcode: Dutch ones only; four or five digits may be anything.
func looksLikePostcode(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) != 6 || s[0] == '0' {
		return false
	}
	for i := range 6 {
		c := s[i]
		if i < 4 && (c < '0' || c > '9') || i >= 4 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// countries are those whose codes and names tell a column without a header.
var countries = wordSet(`nl be de fr lu at ch gb uk ie us es it pt pl dk se no fi nederland belgie belgique belgium netherlands
	duitsland germany deutschland frankrijk france luxemburg luxembourg oostenrijk osterreich austria schweiz suisse switzerland
	paysbas niederlande allemagne belgien frankreich spain espana italy italia`)

func looksLikeCountry(s string) bool { return countries[strings.Join(words(s), "")] }
