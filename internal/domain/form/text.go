package form

import "golang.org/x/text/language"

// A Sentence is something that a visitor reads, in each language.
type Sentence struct{ en, nl string }

// What a visitor may be told. Each says what to do.
var (
	Missing      = Sentence{"Fill in your e-mail address, so that we can reply.", "Vul je e-mailadres in, zodat we je kunnen antwoorden."}
	BadEmail     = Sentence{"This is not a complete e-mail address. It looks like name@example.com; check it and send the form again.", "Dit is geen volledig e-mailadres. Het ziet eruit als naam@voorbeeld.nl; kijk het na en verstuur het formulier opnieuw."}
	ManyEmails   = Sentence{"There is more than one e-mail address here. Fill in one and send the form again.", "Hier staat meer dan één e-mailadres. Vul er één in en verstuur het formulier opnieuw."}
	Empty        = Sentence{"Nothing was filled in. Fill in the form and send it again.", "Er is niets ingevuld. Vul het formulier in en verstuur het opnieuw."}
	TooManyField = Sentence{"The form has more than 100 answers, which is the most that is taken. Send fewer.", "Het formulier heeft meer dan 100 antwoorden; meer kunnen we niet aannemen. Stuur er minder."}
	LongName     = Sentence{"The name of a field is longer than 200 bytes.", "De naam van een veld is langer dan 200 bytes."}
	LongValue    = Sentence{"This text is too long (more than 10 KiB). Shorten it and send the form again.", "Deze tekst is te lang (meer dan 10 KiB). Kort hem in en verstuur het formulier opnieuw."}
	TooMuch      = Sentence{"The form is too large (more than 64 KiB). Shorten your text and send it again.", "Het formulier is te groot (meer dan 64 KiB). Kort je tekst in en verstuur het opnieuw."}
	Closed       = Sentence{"This form is closed and takes no more messages. Contact us in another way.", "Dit formulier is gesloten en neemt geen berichten meer aan. Neem op een andere manier contact op."}
	OtherOrigin  = Sentence{"This form may not be sent from this page. Open the page where the form belongs and send it from there.", "Dit formulier mag niet vanaf deze pagina worden verstuurd. Open de pagina waar het formulier hoort en verstuur het daar."}
	OtherType    = Sentence{"Forms are taken as application/json, application/x-www-form-urlencoded or multipart/form-data.", "Formulieren worden aangenomen als application/json, application/x-www-form-urlencoded of multipart/form-data."}
	Unreadable   = Sentence{"The form did not arrive in a readable way. Go back and send it again.", "Het formulier is niet leesbaar aangekomen. Ga terug en verstuur het opnieuw."}
	Charset      = Sentence{"The text has characters that cannot be read. Send it as UTF-8.", "De tekst heeft tekens die niet te lezen zijn. Verstuur hem als UTF-8."}
	File         = Sentence{"This form takes no files. Take the file out and send the form again.", "Dit formulier neemt geen bestanden aan. Haal het bestand weg en verstuur het formulier opnieuw."}
	Unknown      = Sentence{"There is no form at this address.", "Op dit adres is geen formulier."}
	NoLink       = Sentence{"The link is not whole, or not one of ours. Open it from the mail again.", "De link is niet volledig, of niet van ons. Open hem opnieuw vanuit de mail."}
	TryAgain     = Sentence{"Something went wrong on our side. Open the link again in a moment.", "Er ging bij ons iets mis. Open de link over een ogenblik opnieuw."}
	Broken       = Sentence{"Something went wrong on our side and your message was not kept. Send it again in a moment.", "Er ging bij ons iets mis en je bericht is niet bewaard. Verstuur het over een ogenblik opnieuw."}
)

// In gives the sentence in "nl" or "en"; any other language reads English.
func (s Sentence) In(lang string) string {
	if lang == "nl" {
		return s.nl
	}
	return s.en
}

var languages = language.NewMatcher([]language.Tag{language.English, language.Dutch})

// Language is "nl" or "en": what a visitor reads. The wishes come strongest
// first, each a language tag or an Accept-Language header; the first that names
// one of the two decides, and without any it is "en".
func Language(wishes ...string) string {
	for _, w := range wishes {
		if len(w) > 200 { // longer ones are made to cost us time
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, sure := languages.Match(tags...); sure >= language.High {
			return [2]string{"en", "nl"}[i]
		}
	}
	return "en"
}
