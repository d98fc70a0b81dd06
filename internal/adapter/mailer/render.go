// Package mailer renders mails and sends them through SES.
//
// A mail is one file a language in templates: its blocks, from which the HTML
// and the text part are both made, so that they say the same. A value never makes
// a block: it is filled in after the file was cut into blocks, and escaped where
// it ends up.
package mailer

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"clientele/internal/domain/mail"
)

//go:embed templates
var files embed.FS

// Languages that every mail is written in; the first is for all others.
var Languages = []string{"en", "nl"}

// A Letter is a rendered mail.
type Letter struct {
	Language, Subject, HTML, Text string
}

type block struct {
	Kind, Text, Link string
	Paragraphs       []string
}

// part is a block of a file before values are filled in.
type part struct {
	kind string
	text *texttemplate.Template
}

var kinds = []string{"subject", "preheader", "heading", "p", "text", "code", "button", "small"}

var (
	layout  = template.Must(template.ParseFS(files, "templates/layout.html"))
	letters = mustReadAll()
)

func mustReadAll() map[string][]part {
	all := map[string][]part{}
	for _, t := range mail.Templates {
		for _, lang := range Languages {
			name := string(t) + "." + lang
			parts, err := read(name)
			if err != nil {
				panic(fmt.Sprintf("mail template %s: %v", name, err))
			}
			all[name] = parts
		}
	}
	return all
}

func read(name string) ([]part, error) {
	b, err := fs.ReadFile(files, path.Join("templates", name))
	if err != nil {
		return nil, err
	}
	var parts []part
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		kind, text, ok := strings.Cut(lines.Text(), ": ")
		if !ok || !slices.Contains(kinds, kind) {
			return nil, fmt.Errorf("%q is no block", lines.Text())
		}
		t, err := texttemplate.New(kind).Option("missingkey=zero").Parse(text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{kind, t})
	}
	return parts, nil
}

// Render makes the letter of a message. The message was checked when it was
// committed (mail.Message.Check).
func Render(h mail.House, m mail.Message) (Letter, error) {
	l := Letter{Language: language(m.Language, h.Language)}
	parts := letters[string(m.Template)+"."+l.Language]
	if parts == nil {
		return l, &mail.RefusedError{Reason: "there is no mail of this name"}
	}
	values := texts(h, m, l.Language)
	var preheader string
	var blocks []block
	for _, p := range parts {
		var b strings.Builder
		if err := p.text.Execute(&b, values); err != nil {
			return l, fmt.Errorf("rendering mail %s: %w", m.Template, err)
		}
		text := b.String()
		switch {
		case strings.TrimSpace(text) == "":
			continue
		case p.kind == "subject":
			l.Subject = text
		case p.kind == "preheader":
			preheader = text
		case p.kind == "text":
			blocks = append(blocks, block{Kind: p.kind, Paragraphs: paragraphs(text)})
		case p.kind == "button":
			if link := address(m.Values[mail.Link]); link != "" {
				blocks = append(blocks, block{Kind: p.kind, Text: text, Link: link})
			}
		default:
			blocks = append(blocks, block{Kind: p.kind, Text: text})
		}
	}
	unsubscribe := address(m.Values[mail.Unsubscribe])
	var html bytes.Buffer
	if err := layout.Execute(&html, map[string]any{
		"Language": l.Language, "Subject": l.Subject, "Preheader": preheader, "House": values["site"], "Blocks": blocks,
		"Unsubscribe": unsubscribe, "UnsubscribeText": words[l.Language]["unsubscribe"],
	}); err != nil {
		return l, fmt.Errorf("rendering mail %s: %w", m.Template, err)
	}
	l.HTML = html.String()
	l.Text = plain(values["site"], blocks, unsubscribe, words[l.Language]["unsubscribe"])
	return l, nil
}

var words = map[string]map[string]string{
	"nl": {"unsubscribe": "Afmelden", "by": "Een collega", "minute": "1 minuut", "minutes": "%d minuten", "hour": "1 uur", "hours": "%d uur", "days": "%d dagen"},
	"en": {"unsubscribe": "Unsubscribe", "by": "A colleague", "minute": "1 minute", "minutes": "%d minutes", "hour": "1 hour", "hours": "%d hours", "days": "%d days"},
}

func language(wanted ...string) string {
	for _, w := range wanted {
		base, _, _ := strings.Cut(strings.ToLower(w), "-")
		if slices.Contains(Languages, base) {
			return base
		}
	}
	return Languages[0]
}

// texts are the values as they may be filled in.
func texts(h mail.House, m mail.Message, lang string) map[string]string {
	out := map[string]string{}
	for name, v := range m.Values {
		if name == mail.Text {
			out[name] = strings.TrimSpace(clean(v, true))
		} else {
			out[name] = line(v)
		}
	}
	out["site"] = line(h.Name)
	out["name"] = line(m.Values[mail.Name])
	if m.Template == mail.Invitation && out[mail.By] == "" {
		out[mail.By] = words[lang]["by"]
	}
	if until, err := time.Parse(time.RFC3339, m.Values[mail.Until]); err == nil {
		out["valid"] = spell(until.Sub(m.CreatedAt.Truncate(time.Second)), lang) // as until has no fraction
	}
	if m.ReplyTo.Email != "" {
		out["reply"] = "yes"
	}
	return out
}

// spell is a span as it is said, rounded down: nobody shall be promised too much.
func spell(d time.Duration, lang string) string {
	w := words[lang]
	switch minutes := int(d / time.Minute); {
	case minutes < 1:
		return ""
	case minutes == 1:
		return w["minute"]
	case minutes < 120 && minutes != 60:
		return fmt.Sprintf(w["minutes"], minutes)
	case minutes == 60:
		return w["hour"]
	case minutes < 48*60:
		return fmt.Sprintf(w["hours"], minutes/60)
	default:
		return fmt.Sprintf(w["days"], minutes/60/24)
	}
}

// maxLine is how much of a value stands in a sentence or a header.
const maxLine = 200

// line makes a value fit a sentence or a header: one line, no character that
// hides or turns others.
func line(s string) string {
	s = strings.Join(strings.Fields(clean(s, false)), " ")
	if r := []rune(s); len(r) > maxLine {
		s = strings.TrimSpace(string(r[:maxLine-1])) + "…"
	}
	return s
}

// clean takes off what is no text: controls, marks of direction, tags, and what
// is not UTF-8. Lines stay if they may.
func clean(s string, lines bool) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			if !lines {
				return ' '
			}
			if r == '\r' {
				return '\n'
			}
			return r
		case r == '\u2028' || r == '\u2029' || r == '\u0085':
			if lines {
				return '\n'
			}
			return ' '
		case r == '\u200d' || r == '\u200c': // parts of letters and emoji
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\ufffe' || r == '\uffff':
			return -1
		}
		return r
	}, s)
}

func paragraphs(s string) (out []string) {
	for _, p := range strings.Split(s, "\n\n") {
		if p = strings.Trim(p, "\n"); strings.TrimSpace(p) != "" {
			out = append(out, p)
		}
	}
	return out
}

// address is a web address in the form that a header and a page can hold; "" if
// it is none.
func address(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	out := u.String()
	for _, r := range out {
		if r <= ' ' || r > '~' || strings.ContainsRune(`<>"`, r) {
			return ""
		}
	}
	return out
}

// plain is the text part: the same blocks, links written out.
func plain(house string, blocks []block, unsubscribe, unsubscribeText string) string {
	out := []string{house}
	for _, b := range blocks {
		switch b.Kind {
		case "text":
			out = append(out, b.Paragraphs...)
		case "button":
			out = append(out, b.Text+":\n"+b.Link)
		case "code":
			out = append(out, "    "+b.Text)
		default:
			out = append(out, b.Text)
		}
	}
	if unsubscribe != "" {
		out = append(out, unsubscribeText+":\n"+unsubscribe)
	}
	return strings.Join(out, "\n\n") + "\n"
}
