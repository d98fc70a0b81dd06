package transfer_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"clientele/internal/domain/transfer"
	"clientele/internal/domain/transfer/csv"
)

func TestRecognise(t *testing.T) {
	for field, headers := range map[transfer.Field][]string{
		transfer.FieldEmail: {"email", "E-mail", "E-MAIL ADDRESS", "E-mailadres *", "e_mail", "Emailadres", "Adresse électronique", "Courriel",
			"Adresse e-mail", "E-Mail-Adresse", "Email Address", "Your email (required)", "Uw e-mailadres a.u.b.", "user_email", "your-email",
			"E-mail 1 - Value", "Primary Email", "emailAddress", "email_work", "Work e-mail", "Adresse\u0301 e\u0301lectronique", "email-123"},
		transfer.FieldEmail2:            {"email 2", "E-mail 2 - Value", "E-mail 2 Address", "Second email", "Tweede e-mailadres", "email_2"},
		transfer.FieldEmail3:            {"E-mail 3 Address", "email3"},
		transfer.FieldName:              {"Name", "Naam", "Nom", "Full name", "Volledige naam", "your-name", "Vollständiger Name", "Contactpersoon", "Vor- und Nachname"},
		transfer.FieldFirstName:         {"First Name", "Voornaam", "VORNAME", "Prénom", "FNAME", "firstname", "Given Name", "firstName", "Uw voornaam:"},
		transfer.FieldLastNamePrefix:    {"Tussenvoegsel", "tussenvoegsels"},
		transfer.FieldLastName:          {"Last Name", "Achternaam", "Nachname", "Nom de famille", "Surname", "Family Name", "LASTNAME", "last_name"},
		transfer.FieldCompany:           {"Company", "Bedrijfsnaam", "Firma", "Société", "Entreprise", "Organization Name", "Default Address Company", "Raison sociale"},
		transfer.FieldPhone:             {"Phone", "Telefoonnummer", "Telefon", "N° de téléphone", "Phone Number", "Tel.", "tel-619", "Phone 1 - Value", "Home Phone", "phone_work", "Default Address Phone"},
		transfer.FieldMobile:            {"Mobile", "Mobiel", "Handy", "Téléphone portable", "Mobile Phone Number", "GSM", "SMS", "WhatsApp", "Phone 2 - Value"},
		transfer.FieldStreet:            {"Street", "Address", "Straat", "Straße", "STRASSE", "Adres", "Adresse", "Rue", "Street Address", "Address Line 1", "Default Address Address1", "Address 1 - Street", "Business Street", "physical_address_1", "Straat en huisnummer", "Straße/Hausnummer", "Adresse 1"},
		transfer.FieldStreet2:           {"Address 2", "Adresszusatz", "Complément d'adresse", "Default Address Address2", "physical_address_2", "address_line_2", "Business Street 2"},
		transfer.FieldHouseNumber:       {"House number", "Huisnummer", "Hausnummer", "Huisnr."},
		transfer.FieldHouseNumberSuffix: {"Toevoeging", "Huisnummer toevoeging"},
		transfer.FieldPostcode:          {"ZIP Code", "Postcode", "PLZ", "Postleitzahl", "Code postal", "Zip/Postal Code", "Default Address Zip", "Address 1 - Postal Code", "zipcode"},
		transfer.FieldCity:              {"City", "Plaats", "Woonplaats", "Ort", "Stadt", "Ville", "Default Address City", "Address 1 - City", "physical_city"},
		transfer.FieldRegion:            {"Region", "State", "Provincie", "Bundesland", "Région", "Province Code", "State / Region", "State/Region", "Default Address Province Code"},
		transfer.FieldCountry:           {"Country", "CC", "Land", "Pays", "Country/Region", "Country / Region", "country_id", "Default Address Country Code", "Landcode", "Ländercode"},
		transfer.FieldLanguage:          {"Language", "Taal", "Sprache", "Langue", "Locale", "Preferred language"},
		transfer.FieldBirthDate:         {"Birthday", "date_of_birth", "Geboortedatum", "Geburtsdatum", "Date de naissance", "DOB"},
		transfer.FieldGender:            {"gender", "Geslacht", "Geschlecht", "Sexe"},
		transfer.FieldWebsite:           {"Website", "Web Page", "Site web", "Website URL", "Homepage"},
		"utm_source":                    {"UTM Source", "utm_source", "Campagnebron"},
		"referrer":                      {"Referrer", "Referring Site", "Verwijzende website"},
		"landing_page":                  {"Landing Page", "landing_site", "Zielseite"},
		"device":                        {"Device", "Apparaat", "Gerät", "Appareil"},
		transfer.FieldFiscalNumber:      {"Fiscal number", "Fiscaal nummer", "Codice fiscale", "Numéro fiscal", "SIRET"},
		transfer.FieldChannel:           {"Preferred channel", "Voorkeurskanaal", "Bevorzugte Kontaktart", "Canal préféré"},
		transfer.FieldPhones:            {"Phones", "Overige telefoonnummers", "Weitere Telefonnummern", "Autres téléphones", "Phone 3"},
		transfer.FieldVATNumber:         {"VAT number", "BTW-nummer", "USt-IdNr.", "N° TVA", "Numéro de TVA", "taxvat", "BTW nr", "btw"},
		transfer.FieldTags:              {"Tags", "TAGS", "Labels", "Étiquettes", "Schlagwörter", "Categories"},
		transfer.FieldStatus:            {"Status", "Lead Status", "Statut"},
		transfer.FieldConsent: {"newsletter", "has_newsletter", "Nieuwsbrief", "Accepts Marketing", "Accepts Email Marketing", "Email Marketing Consent", "consent",
			"Opt-in", "DOUBLE_OPT-IN", "subscribed_to_emails", "Einwilligung", "Abonné newsletter", "Newsletter-Anmeldung", "Toestemming", "Subscribed"},
		transfer.FieldNote:       {"Note", "NOTES", "Opmerkingen", "Bemerkung", "Remarques", "your-message", "Bericht", "Commentaire"},
		transfer.FieldExternalID: {"Customer ID", "Klantnummer", "Kunden-Nr.", "Kundennummer", "customer_number", "Record ID", "External ID", "N° client", "id"},
		transfer.FieldCreatedAt:  {"Created at", "created_at", "OPTIN_TIME", "Subscribed at", "Date Added", "ADDED_TIME", "Erstellt am", "Date de création", "Aangemaakt op", "Sign Up"},
		transfer.FieldPassword:   {"password", "Passwort", "Wachtwoord", "Mot de passe", "user_pass", "password_hash", "Hashed Password", "Kennwort", "Password (encrypted)", "rp_token"},
		"billing_street":         {"billing_street", "Billing Address", "Billing Address 1", "Factuuradres", "Factuur straat", "Rechnungsadresse", "Rechnungsstraße", "Adresse de facturation", "billing_address_1"},
		"billing_street_2":       {"Billing Address 2"},
		"billing_city":           {"billing_city", "Factuurplaats", "Rechnungsadresse: Ort", "Ville (facturation)", "billingCity"},
		"billing_postcode":       {"billing_zipcode", "billing_postcode", "Factuuradres postcode"},
		"billing_region":         {"billing_state"},
		"billing_country":        {"billing_country", "Factuurland"},
		"billing_email":          {"billing_email"},
		"billing_phone":          {"billing_phone_number", "Billing Phone"},
		"billing_first_name":     {"billing_first_name"},
		"billing_company":        {"billing_company"},
		"shipping_street":        {"shipping_street", "Shipping Address 1", "Lieferadresse", "Bezorgadres", "Verzendadres", "Adresse de livraison", "Delivery address"},
		"shipping_city":          {"shipping_city", "Ville de livraison", "Aflever plaats", "Liefer-Ort"},
		"": {"", "*", "Position", "MEMBER_RATING", "OPTIN_IP", "CONFIRM_TIME", "LATITUDE", "TIMEZONE", "LAST_CHANGED", "LEID", "EUID",
			"Accepts SMS Marketing", "Total Spent", "E-mail 1 - Label", "E-mail 1 - Type", "active_subscription", "billing_id", "shipping_title",
			"Shipping method", "Invoice number", "Invoice date", "Factuurnummer", "Rechnungsnummer", "customer_group", "company_id", "nb_tasks", "linkedin_url",
			"Fax", "Middle Name", "Contact owner", "Email Opt In Time", "sales_channel", "salutation", "guest", "active",
			strings.Repeat("email ", 100), "\xff\xfe", "Delivery note"},
	} {
		for _, h := range headers {
			got, ok := transfer.Recognise(h)
			if got != field || ok != (field != "") {
				t.Errorf("%q: got %q, want %q", h, got, field)
			}
		}
	}
}

func TestFieldAddress(t *testing.T) {
	for f, want := range map[transfer.Field][2]string{
		"billing_city": {"billing", "city"}, "shipping_street_2": {"shipping", "street_2"}, transfer.FieldCity: {"", "city"},
	} {
		if kind, part := f.Address(); kind != want[0] || string(part) != want[1] {
			t.Errorf("%s: got %s, %s", f, kind, part)
		}
	}
	if transfer.FieldPassword.Stored() || transfer.FieldCreatedAt.Stored() || !transfer.FieldEmail.Stored() {
		t.Error("passwords and moments of creation are not stored, addresses are")
	}
}

// columns returns the fields of a layout by their headers.
func columns(l transfer.Layout) map[string]string {
	m := map[string]string{}
	for _, c := range l.Columns {
		if c.Field != "" {
			m[c.Header] = string(c.Field)
		}
	}
	return m
}

func guessed(l transfer.Layout) (out []string) {
	for _, c := range l.Columns {
		out = append(out, string(c.Field))
	}
	return out
}

func TestGuess(t *testing.T) {
	for _, c := range []struct {
		name   string
		file   string
		header int
		want   string // fields, joined
	}{
		{"nothing", "", -1, ""},
		{"a header alone", "email,name\n", 0, "email,name"},
		{"one column", "email\na@x.example\n", 0, "email"},
		{"title lines", "Our customers,,\nMade on,2026-01-02,\nNaam,E-mailadres,Plaats\nJan,jan@x.example,Goes\n", 2, "name,email,city"},
		{"the title is a name as well", "Contact\nVoornaam,E-mail\nJan,jan@x.example\n", 1, "first_name,email"},
		{"no header", "jan@x.example,Jan Jansen,+31 6 12345678,1234 AB,NL\npiet@x.example,Piet,0612345678,4321 BA,BE\n", -1, "email,,phone,postcode,country"},
		{"no header, and the first address is bad", "onbekend,Jan\npiet@x.example,Piet\nkees@x.example,Kees\n", -1, "email,"},
		{"no header, and somebody called Company", "Company,jan@x.example\nAcme,piet@x.example\n", -1, ",email"},
		{"a company called Contact", "Contact,Jansen,Goes,x\nAcme,Piet,Breda,y\n", -1, ",,,"},
		{"an unknown name above addresses", "Voornaam,Achternaam,Bereikbaar op\nJan,Vos,jan@x.example\nPiet,Kok,piet@x.example\n", 0, "first_name,last_name,email"},
		{"names that nobody knows are told as a bad row, not lost", "Kolom 1,Kolom 2\nJan,jan@x.example\nPiet,piet@x.example\n", -1, ",email"},
		{"three e-mail columns", "email_work,email_home,email_other\n", 0, "email,email_2,email_3"},
		{"the plain one first", "Home email,Email\n", 0, "email_2,email"},
		{"the same name twice", "email,email,email,email\n", 0, "email,email_2,email_3,"},
		{"a numbered one without the first", "email 2,name\n", 0, "email_2,name"},
		{"two phones", "Phone,Home Phone,Fax\n", 0, "phone,mobile,"},
		{"three phones", "Mobile,Phone,Other Phone\n", 0, "mobile,phone,phones"},
		{"the first company wins", "company_name,company,email\n", 0, "company,,email"},
		{"a customer number is better than an id", "id,klantnummer,email\n", 0, ",external_id,email"},
		{"Naam beside Voornaam", "Voornaam,Tussenvoegsel,Naam,E-mail\n", 0, "first_name,last_name_prefix,last_name,email"},
		{"Nom beside Prénom", "Nom,Prénom,Courriel\n", 0, "last_name,first_name,email"},
		{"a name beside both parts", "Name,First name,Last name,Email\n", 0, "name,first_name,last_name,email"},
		{"only the bill has a person", "billing_first_name,billing_email,billing_city,shipping_first_name\n", 0, "first_name,email,billing_city,"},
		{"the bill's person beside another", "first_name,email,billing_first_name,billing_email,billing_city\n", 0, "first_name,email,,,billing_city"},
		{"two passwords", "email,password,password_hash\n", 0, "email,password,password"},
		{"cells beyond the header", "email\na@x.example,b,c\n", 0, "email,,"},
		{"a colleague's address is nobody's identity", "email,Account manager\na@x.example,boss@y.example\n", 0, "email,"},
		{"consent is not guessed from values", "a@x.example,yes\nb@x.example,no\n", -1, "email,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := transfer.Guess(rowsOf(t, []byte(c.file)))
			if got := strings.Join(guessed(l), ","); got != c.want || l.Header != c.header {
				t.Errorf("got %s, header %d; want %s, header %d", got, l.Header, c.want, c.header)
			}
			for i, col := range l.Columns {
				if (col.Field == "") != (col.By == "") || col.Confidence < 0 || col.Confidence > 1 || (col.Field != "") != (col.Confidence > 0) {
					t.Errorf("column %d: %+v", i, col)
				}
			}
		})
	}
}

func TestGuessSaysWhy(t *testing.T) {
	l := transfer.Guess(rowsOf(t, []byte("company,email,company,password\nAcme,none,x,secret\nBeta,unknown,y,secret\n")))
	for i, want := range []string{"", "few values look like e-mail addresses", "column 1 holds company already", "passwords are never stored"} {
		if got := l.Columns[i].Note; got != want {
			t.Errorf("column %d: got %q, want %q", i+1, got, want)
		}
	}
}

// rowsOf returns the rows of a file, empty ones left out.
func rowsOf(tb testing.TB, file []byte) (rows [][]string) {
	tb.Helper()
	r := csv.NewReader(bytes.NewReader(file), csv.Sniff(file), csv.At{})
	for rec, err := r.Next(); err == nil; rec, err = r.Next() {
		if !rec.Blank() {
			rows = append(rows, rec.Strings())
		}
	}
	return rows
}

func TestFixtures(t *testing.T) {
	const emailName = "Email Address:email First Name:first_name Last Name:last_name Company:company ZIP Code:postcode OPTIN_TIME:created_at CC:country REGION:region NOTES:note TAGS:tags"
	files := map[string]struct {
		comma byte
		bom   bool
		rows  int
		want  string // header:field
	}{
		"atomic_crm_contacts_500.csv": {',', false, 500, `id:external_id first_name:first_name last_name:last_name gender:gender has_newsletter:consent status:status
			tags:tags company_name:company email_work:email email_home:email_2 email_other:email_3 phone_work:phone phone_home:mobile phone_other:phones`},
		"bagisto_customers.csv":         {',', false, 3, "email:email first_name:first_name last_name:last_name phone:phone date_of_birth:birth_date gender:gender"},
		"chatwoot_utf8_bom.csv":         {',', true, 1, "email:email name:name phone_number:phone"},
		"curated_subscribers.csv":       {',', false, 20, "Email_Address:email Subscribed_at:created_at UTM_Source:utm_source UTM_Medium:utm_medium UTM_Campaign:utm_campaign UTM_Term:utm_term UTM_Content:utm_content"},
		"ghost_duplicate_emails.csv":    {',', false, 2, "email:email"},
		"ghost_formula_like_values.csv": {',', false, 2, "email:email name:name note:note"},
		"mailchimp_subscribed.csv":      {',', false, 5, emailName},
		"mailchimp_unsubscribed.csv":    {',', false, 5, emailName + " UNSUB_TIME:opt_out"},
		"shopware_customers.csv": {';', false, 5, `customer_number:external_id first_name:first_name last_name:last_name email:email password:password language:language
			billing_street:billing_street billing_zipcode:billing_postcode billing_city:billing_city billing_country:billing_country
			billing_company:company billing_phone_number:phone
			shipping_street:shipping_street shipping_zipcode:shipping_postcode shipping_city:shipping_city shipping_country:shipping_country`},
		"substack_signup_emails.csv": {',', false, 21, "email:email email_disabled:opt_out created_at:created_at"},
	}
	found, _ := filepath.Glob("testdata/*.csv")
	if len(found) != len(files) {
		t.Errorf("%d files, the table has %d", len(found), len(files))
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			d := csv.Sniff(file)
			if d.Comma != want.comma || d.HasBOM != want.bom {
				t.Errorf("separator %q, mark %t", d.Comma, d.HasBOM)
			}
			rows := rowsOf(t, file)
			l := transfer.Guess(rows[:min(len(rows), 100)])
			if l.Header != 0 {
				t.Errorf("header in row %d", l.Header)
			}
			fields := map[string]string{}
			for header, f := range columns(l) {
				fields[strings.ReplaceAll(header, " ", "_")] = f
			}
			expected := map[string]string{}
			for _, pair := range strings.Fields(strings.NewReplacer("Email Address", "Email_Address", "First Name", "First_Name", "Last Name", "Last_Name", "ZIP Code", "ZIP_Code").Replace(want.want)) {
				header, f, _ := strings.Cut(pair, ":")
				expected[header] = f
			}
			if !reflect.DeepEqual(fields, expected) {
				t.Errorf("got %v\nwant %v", fields, expected)
			}
			sum, err := transfer.Plan(bytes.NewReader(file), transfer.PlanOptions{Dialect: d, Skip: l.Header + 1}, func(transfer.Chunk) error { return nil })
			if err != nil || sum.Rows != want.rows || sum.Faults != 0 || sum.Rows != len(rows)-1 {
				t.Errorf("%+v, %v; want %d rows", sum, err, want.rows)
			}
		})
	}
}

// Headers of well-known exports, with what matters of them.
func TestExports(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"Shopify", "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,Tags",
			"external_id,first_name,last_name,email,consent,company,street,street_2,city,region,country,postcode,mobile,phone,,,,note,,tags"},
		{"Shopify, older", "First Name,Last Name,Email,Accepts Marketing,Company,Address1,Address2,City,Province,Province Code,Country,Country Code,Zip,Phone,Total Spent,Total Orders,Tags,Note,Tax Exempt",
			"first_name,last_name,email,consent,company,street,street_2,city,region,,country,,postcode,phone,,,tags,note,"},
		{"WooCommerce", "ID,user_login,user_pass,user_email,display_name,first_name,last_name,billing_address_1,billing_postcode,billing_city,billing_phone,shipping_address_1",
			"external_id,,password,email,name,first_name,last_name,billing_street,billing_postcode,billing_city,phone,shipping_street"},
		{"WooCommerce analytics", "Name,Username,Last Active,Sign Up,Email,Orders,Total Spend,AOV,Country / Region,City,Region,Postal Code",
			"name,,,created_at,email,,,,country,city,region,postcode"},
		{"Google", "First Name,Middle Name,Last Name,Organization Name,Birthday,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,Address 1 - Street,Address 1 - City,Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,Website 1 - Value",
			"first_name,,last_name,company,birth_date,note,tags,,email,,email_2,,phone,street,city,region,postcode,country,website"},
		{"Outlook", "First Name,Last Name,Company,Business Street,Business Street 2,Business City,Business State,Business Postal Code,Business Country/Region,Business Phone,Mobile Phone,E-mail Address,E-mail Type,E-mail Display Name,E-mail 2 Address,Birthday,Notes,Web Page,Categories",
			"first_name,last_name,company,street,street_2,city,region,postcode,country,phone,mobile,email,,,email_2,birth_date,note,website,tags"},
		{"HubSpot", "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Marketing contact status,Create Date,Associated Company,Mobile Phone Number,Street Address,City,State/Region,Postal Code,Country/Region,Preferred language",
			"external_id,first_name,last_name,email,phone,,status,,created_at,company,mobile,street,city,region,postcode,country,language"},
		{"Klaviyo", "Email,Klaviyo ID,First Name,Last Name,Organization,Title,Phone Number,Address,Address 2,City,State / Region,Country,Zip Code,Date Added,Email Marketing Consent",
			"email,external_id,first_name,last_name,company,,phone,street,street_2,city,region,country,postcode,created_at,consent"},
		{"Brevo", "CONTACT ID,EMAIL,FIRSTNAME,LASTNAME,SMS,OPT_IN,ADDED_TIME,MODIFIED_TIME", "external_id,email,first_name,last_name,mobile,consent,created_at,"},
		{"Magento", "email,_website,created_at,dob,firstname,gender,group_id,lastname,password_hash,rp_token,taxvat,_address_city,_address_company,_address_country_id,_address_postcode,_address_region,_address_street,_address_telephone",
			"email,,created_at,birth_date,first_name,gender,,last_name,password,password,vat_number,city,company,country,postcode,region,street,phone"},
		{"Lightspeed", "customer_code,first_name,last_name,email,phone,mobile,company_name,physical_address_1,physical_address_2,physical_city,physical_postcode,physical_state,do_not_email",
			"external_id,first_name,last_name,email,phone,mobile,company,street,street_2,city,postcode,region,opt_out"},
		{"Mollie", "ID,Name,Email,Locale,Created at", "external_id,name,email,language,created_at"},
		{"Dutch", "Klantnummer;Aanhef;Voornaam;Tussenvoegsel;Achternaam;Bedrijfsnaam;Straat;Huisnummer;Toevoeging;Postcode;Woonplaats;Land;Telefoonnummer;Mobiel;E-mailadres;Nieuwsbrief;BTW-nummer",
			"external_id,,first_name,last_name_prefix,last_name,company,street,house_number,house_number_suffix,postcode,city,country,phone,mobile,email,consent,vat_number"},
		{"German", "Kundennummer;Anrede;Vorname;Name;Firma;Straße und Hausnummer;PLZ;Ort;Land;Telefon;E-Mail;Geburtsdatum;Bemerkungen",
			"external_id,,first_name,last_name,company,street,postcode,city,country,phone,email,birth_date,note"},
		{"French", "N° client;Civilité;Nom;Prénom;Société;Adresse;Complément d'adresse;Code postal;Ville;Pays;Téléphone;Portable;Adresse e-mail;Inscrit à la newsletter",
			"external_id,,last_name,first_name,company,street,street_2,postcode,city,country,phone,mobile,email,consent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := transfer.Guess(rowsOf(t, []byte(c.header+"\n")))
			got, want := guessed(l), strings.Split(c.want, ",")
			if l.Header != 0 || len(got) != len(want) {
				t.Fatalf("header %d, %d columns, want %d", l.Header, len(got), len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%q: got %q, want %q", l.Columns[i].Header, got[i], want[i])
				}
			}
		})
	}
}

// No header may be read as consent unless it speaks of it.
func FuzzRecognise(f *testing.F) {
	f.Add("E-mailadres *")
	f.Add("Billing Address 1")
	f.Add("ﬁrst náme")
	f.Fuzz(func(t *testing.T, header string) {
		a, ok := transfer.Recognise(header)
		b, _ := transfer.Recognise("  " + strings.ReplaceAll(header, " ", "  ") + " * ")
		if ok != (a != "") || len(header) < 30 && a != b {
			t.Errorf("%q: %q, %t, and %q with more blanks", header, a, ok, b)
		}
		l := transfer.Guess([][]string{{header, header}, {header}, {"a@x.example", header, header}})
		fields := maps.Collect(func(yield func(transfer.Field, bool) bool) {
			for _, c := range l.Columns {
				if c.Field != "" && c.Field != transfer.FieldPassword && !yield(c.Field, true) {
					return
				}
			}
		})
		n := 0
		for _, c := range l.Columns {
			if c.Field != "" && c.Field != transfer.FieldPassword {
				n++
			}
		}
		if n != len(fields) {
			t.Errorf("%q: a field has two columns: %+v", header, l.Columns)
		}
	})
}
