package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"sync"

	"clientele/internal/domain/consent"
)

// The pages that visitors may come to see. They need no script, and their one
// style stands inside, allowed by its hash.

const style = `
:root { color-scheme: light dark; }
body { font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 0 auto; padding: 2rem 1rem; }
label { display: block; font-weight: 600; margin-top: 1rem; }
input, textarea { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid #767676; border-radius: .3rem; }
.box { display: flex; gap: .6rem; align-items: baseline; font-weight: 400; }
.box input { width: auto; }
.trap { position: absolute; left: -100vw; width: 1px; height: 1px; overflow: hidden; }
button { margin-top: 1.5rem; padding: .7rem 1.4rem; font: inherit; font-weight: 600; color: #fff; background: #1a4fa3; border: 0; border-radius: .3rem; }
:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px; }
`

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

type formPage struct{ Lang, Name, Site, ID, Honeypot string }

type thanksPage struct{ Lang string }

type linkPage struct {
	Lang, Site string
	consent.Outcome
}

type noLinkPage struct{ Lang, Text string }

type refusalPage struct {
	Lang, Text string
	Faults     []string
	Back       string // address of the form, empty if there is no way back
}

// In says a page's own word in its language.
var words = map[string][2]string{ // en, nl
	"thanks":     {"Thank you", "Bedankt"},
	"received":   {"We have received your message.", "We hebben je bericht ontvangen."},
	"not sent":   {"Your message was not sent", "Je bericht is niet verstuurd"},
	"back":       {"Back to the form", "Terug naar het formulier"},
	"kept":       {"With your browser's back button you find what you filled in.", "Met de terugknop van je browser vind je terug wat je had ingevuld."},
	"contact":    {"Contact", "Contact"},
	"name":       {"Name", "Naam"},
	"email":      {"E-mail address", "E-mailadres"},
	"phone":      {"Phone (optional)", "Telefoon (niet verplicht)"},
	"message":    {"Message", "Bericht"},
	"newsletter": {"Yes, send me the newsletter", "Ja, stuur mij de nieuwsbrief"},
	"trap":       {"Leave this field empty", "Laat dit veld leeg"},
	"send":       {"Send", "Versturen"},

	"confirm title":     {"Confirm your subscription", "Bevestig je aanmelding"},
	"confirm text":      {"You asked for mail from", "Je hebt je aangemeld voor mail van"},
	"confirm ask":       {"Is that right? Then confirm it here. If it was not you, close this page: nothing is sent to you.", "Klopt dat? Bevestig het dan hier. Was jij het niet, sluit dan deze pagina: je krijgt niets."},
	"confirm do":        {"Yes, I confirm", "Ja, ik bevestig"},
	"confirm done":      {"Your subscription is confirmed", "Je aanmelding is bevestigd"},
	"confirm already":   {"Your subscription was already confirmed", "Je aanmelding was al bevestigd"},
	"confirm over":      {"There is nothing to confirm here any more: the link is older than seven days, you have left since, or the list or your address is no longer known here. Ask for it again where you signed up.", "Hier is niets meer te bevestigen: de link is ouder dan zeven dagen, je hebt je daarna afgemeld, of de lijst of je adres is hier niet meer bekend. Meld je opnieuw aan waar je dat eerder deed."},
	"unsubscribe title": {"Unsubscribe", "Afmelden"},
	"unsubscribe text":  {"Do you no longer want mail from", "Wil je geen mail meer van"},
	"unsubscribe do":    {"Unsubscribe me", "Meld mij af"},
	"unsubscribe done":  {"You are unsubscribed", "Je bent afgemeld"},
	"unsubscribe all":   {"This goes for all newsletters and offers, not for one list.", "Dit geldt voor alle nieuwsbrieven en aanbiedingen, niet voor één lijst."},
	"no link":           {"This link does not work", "Deze link werkt niet"},
}

// pages are parsed when the first one is asked for, as the other functions of the
// package have none.
func pages() *template.Template {
	parsed.Do(func() { parsed.pages = parsePages() })
	return parsed.pages
}

var parsed struct {
	sync.Once
	pages *template.Template
}

func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"say": func(lang, word string) string {
			if lang == "nl" {
				return words[word][1]
			}
			return words[word][0]
		},
		// The style is ours, and escaping it would change its hash.
		"style": func() template.HTML { return template.HTML("<style>" + style + "</style>") },
	}).Parse(`
{{define "head"}}<!doctype html>
<html lang="{{.Lang}}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
{{style}}{{end}}

{{define "form"}}{{template "head" .}}
{{$title := .Name}}{{if not $title}}{{$title = say .Lang "contact"}}{{end}}
<title>{{$title}}{{with .Site}} – {{.}}{{end}}</title>
<main>
<h1>{{$title}}</h1>
<form method="post" action="/f/{{.ID}}?lang={{.Lang}}" accept-charset="utf-8">
<label for="name">{{say .Lang "name"}}</label>
<input id="name" name="name" autocomplete="name" maxlength="400">
<label for="email">{{say .Lang "email"}}</label>
<input id="email" name="email" type="email" autocomplete="email" maxlength="254" required>
<label for="phone">{{say .Lang "phone"}}</label>
<input id="phone" name="phone" type="tel" autocomplete="tel" maxlength="100">
<label for="message">{{say .Lang "message"}}</label>
<textarea id="message" name="message" rows="6" maxlength="5000"></textarea>
<label class="box"><input type="checkbox" name="newsletter" value="yes"> {{say .Lang "newsletter"}}</label>
<div class="trap" aria-hidden="true">
<label for="trap">{{say .Lang "trap"}}</label>
<input id="trap" name="{{.Honeypot}}" tabindex="-1" autocomplete="off">
</div>
<button type="submit">{{say .Lang "send"}}</button>
</form>
</main>
</html>
{{end}}

{{define "link"}}{{template "head" .}}
{{$confirm := eq .Purpose "confirm"}}{{$title := say .Lang "unsubscribe title"}}{{if $confirm}}{{$title = say .Lang "confirm title"}}{{end}}
{{if .Done}}{{$title = say .Lang "unsubscribe done"}}{{if $confirm}}{{$title = say .Lang "confirm done"}}{{if .Already}}{{$title = say .Lang "confirm already"}}{{end}}{{end}}{{end}}
<title>{{$title}}{{with .Site}} – {{.}}{{end}}</title>
<main>
<h1>{{$title}}</h1>
{{if .Over}}<p role="alert">{{say .Lang "confirm over"}}</p>
{{else}}
{{if not .Done}}<p>{{if $confirm}}{{say .Lang "confirm text"}}{{else}}{{say .Lang "unsubscribe text"}}{{end}} {{.Site}}{{if not $confirm}}{{if not .Lists}}?{{end}}{{end}}</p>{{end}}
{{if not $confirm}}{{if not .Lists}}<p>{{say .Lang "unsubscribe all"}}</p>{{end}}{{end}}
{{with .Lists}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if not .Done}}{{if $confirm}}<p>{{say .Lang "confirm ask"}}</p>{{end}}
<form method="post" action="?lang={{.Lang}}"><button type="submit">{{if $confirm}}{{say .Lang "confirm do"}}{{else}}{{say .Lang "unsubscribe do"}}{{end}}</button></form>{{end}}
{{end}}
</main>
</html>
{{end}}

{{define "nolink"}}{{template "head" .}}
<title>{{say .Lang "no link"}}</title>
<main>
<h1>{{say .Lang "no link"}}</h1>
<p role="alert">{{.Text}}</p>
</main>
</html>
{{end}}

{{define "thanks"}}{{template "head" .}}
<title>{{say .Lang "thanks"}}</title>
<main>
<h1>{{say .Lang "thanks"}}</h1>
<p>{{say .Lang "received"}}</p>
</main>
</html>
{{end}}

{{define "refusal"}}{{template "head" .}}
<title>{{say .Lang "not sent"}}</title>
<main>
<h1>{{say .Lang "not sent"}}</h1>
{{with .Text}}<p role="alert">{{.}}</p>{{end}}
{{with .Faults}}<ul role="alert">{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if .Back}}<p>{{say .Lang "kept"}}</p>
<p><a href="{{.Back}}">{{say .Lang "back"}}</a></p>{{end}}
</main>
</html>
{{end}}
`))
}
