package mailer

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/mail"
)

// `go test ./internal/adapter/mailer -update` writes docs/mails anew.
var update = flag.Bool("update", false, "write docs/mails instead of comparing with it")

var moment = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// story is a mail as it might be sent.
func story(t mail.Template, lang string) (mail.House, mail.Message) {
	h := mail.House{Site: "bakery", Name: "Bakkerij De Zon", Language: "nl"}
	m := mail.Message{ID: "ml_" + string(t), Template: t, Language: lang, To: mail.Address{Email: "emma@example.nl", Name: "Emma Jansen"},
		Values: map[string]string{mail.Name: "Emma Jansen"}, CreatedAt: moment}
	until := func(d time.Duration) { m.Values[mail.Until] = moment.Add(d).Format(time.RFC3339) }
	switch t {
	case mail.Invitation:
		m.Values[mail.By], m.Values[mail.Link] = "Sanne de Vries", "https://app.example.nl/invitation#bakery.3q7x"
		until(7 * 24 * time.Hour)
	case mail.SignInCode:
		m.Values[mail.Code], m.Values[mail.Link] = "1234 5678", "https://app.example.nl/sign-in#bakery.3q7x"
		until(10 * time.Minute)
	case mail.AddressCode:
		m.Values[mail.Code] = "1234 5678"
		until(10 * time.Minute)
	case mail.AddressChanged:
		m.Values[mail.NewAddress] = "s…@bakkerij-de-zon.example"
	case mail.ConfirmSubscription:
		m.Values[mail.List], m.Values[mail.Link] = "Vers van de Zon", "https://app.example.nl/c/bakery-3q7x"
		until(7 * 24 * time.Hour)
	case mail.AccessReady:
		m.Values[mail.Link] = "https://app.example.nl/files/bakery-3q7x"
		until(24 * time.Hour)
	case mail.FromMember:
		m.Values[mail.Name], m.Values[mail.By] = "", "Sanne de Vries"
		m.Values[mail.Subject] = "Uw taart voor zaterdag"
		m.Values[mail.Text] = "Beste Emma,\n\nDe taart staat zaterdag vanaf 9 uur klaar.\nHet ontwerp zit bij deze mail; antwoord gerust als er iets anders moet.\n\nGroet,\nSanne"
		m.ReplyTo = mail.Address{Email: "sanne@bakkerij-de-zon.example", Name: "Sanne de Vries"}
	}
	return h, m
}

// The preview in docs/mails is what is sent: every mail, in every language.
func TestPreviewIsCurrent(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "docs", "mails")
	pages := map[string][]byte{}
	var index bytes.Buffer
	index.WriteString("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Mails</title></head>\n<body>\n<h1>The mails that Clientele sends</h1>\n<ul>\n")
	for _, tpl := range mail.Templates {
		for _, lang := range Languages {
			l, err := Render(story(tpl, lang))
			if err != nil {
				t.Fatal(err)
			}
			name := string(tpl) + "." + lang
			pages[name+".html"], pages[name+".txt"] = []byte(l.HTML), []byte("Subject: "+l.Subject+"\n\n"+l.Text)
			fmt.Fprintf(&index, "<li>%s, %s: <a href=\"%[3]s.html\">%[4]s</a> (<a href=\"%[3]s.txt\">as text</a>)</li>\n", tpl, lang, name, html.EscapeString(l.Subject))
		}
	}
	index.WriteString("</ul>\n</body>\n</html>\n")
	pages["index.html"] = index.Bytes()
	for name, want := range pages {
		file := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/mails/%s is not what is sent (%v); look at it with `go test ./internal/adapter/mailer -update` and git diff", name, err)
		}
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range there {
		if pages[f.Name()] == nil {
			t.Errorf("docs/mails/%s is a mail that does not exist any more", f.Name())
		}
	}
}

// Both parts say the same, in the reader's language, without anything that is
// fetched when the mail is opened.
func TestLettersAreWhole(t *testing.T) {
	for _, tpl := range mail.Templates {
		for _, lang := range Languages {
			h, m := story(tpl, lang)
			l, err := Render(h, m)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(l.HTML, `<html lang="`+lang+`"`) || l.Subject == "" {
				t.Errorf("%s.%s: language or subject is missing", tpl, lang)
			}
			for _, fetched := range []string{"<img", "src=", "url(", "@import", "<link", "<script"} {
				if strings.Contains(l.HTML, fetched) {
					t.Errorf("%s.%s: has %s", tpl, lang, fetched)
				}
			}
			for _, name := range []string{mail.Link, mail.Code, mail.List, mail.By} {
				if v := m.Values[name]; v != "" && (!strings.Contains(l.HTML, html.EscapeString(v)) || !strings.Contains(l.Text, v)) {
					t.Errorf("%s.%s: %s is not in both parts", tpl, lang, name)
				}
			}
			if strings.Contains(l.HTML+l.Text+l.Subject, "<no value>") || strings.Contains(l.Text, "ZgotmplZ") {
				t.Errorf("%s.%s: has a hole", tpl, lang)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ message, house, want string }{{"nl", "en", "nl"}, {"", "nl", "nl"}, {"nl-BE", "en", "nl"}, {"fr", "nl", "nl"}, {"fr", "de", "en"}, {"", "", "en"}} {
		if got := language(c.message, c.house); got != c.want {
			t.Errorf("%q at a house of %q: %s, want %s", c.message, c.house, got, c.want)
		}
	}
}

// The end of a link is kept without the fraction of its second, and is no day the
// shorter for it.
func TestASpanIsTheOneThatWasMeant(t *testing.T) {
	made := time.Date(2026, 11, 22, 12, 0, 0, 999_000_000, time.UTC)
	for span, want := range map[time.Duration]map[string]string{
		7 * 24 * time.Hour: {"nl": "7 dagen", "en": "7 days"}, 10 * time.Minute: {"nl": "10 minuten", "en": "10 minutes"},
	} {
		for lang, want := range want {
			m := mail.Message{CreatedAt: made, Values: map[string]string{mail.Until: made.Add(span).Format(time.RFC3339)}}
			if got := texts(mail.House{}, m, lang)["valid"]; got != want {
				t.Errorf("%s: %q, want %q", span, got, want)
			}
		}
	}
}

func TestSpansAreRoundedDown(t *testing.T) {
	for d, want := range map[time.Duration]string{
		15*time.Minute + 59*time.Second: "15 minutes", time.Minute: "1 minute", time.Hour: "1 hour", 90 * time.Minute: "90 minutes",
		47*time.Hour + 59*time.Minute: "47 hours", 7 * 24 * time.Hour: "7 days", 59 * time.Second: "", -time.Hour: "",
	} {
		if got := spell(d, "en"); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
