package mailer

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"clientele/internal/domain/mail"
)

var sender = netmail.Address{Name: "Bakkerij De Zon", Address: "post@mail.example.nl"}

// received is a mail as its reader's program takes it apart.
type received struct {
	header     netmail.Header
	text, html string
	files      map[string]string
}

func receive(t *testing.T, raw []byte) received {
	t.Helper()
	for i, l := range bytes.Split(raw, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("line %d is no line of a mail: %q", i, l)
		}
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := received{header: m.Header, files: map[string]string{}}
	r.walk(t, m.Header.Get("Content-Type"), m.Body)
	return r
}

func (r *received) walk(t *testing.T, contentType string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("%s: %v", contentType, err)
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch of, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); {
		case strings.HasPrefix(of, "multipart/"):
			r.walk(t, p.Header.Get("Content-Type"), p)
		case p.Header.Get("Content-Disposition") != "":
			b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
			if err != nil {
				t.Fatal(err)
			}
			r.files[p.FileName()] = string(b)
		default:
			b, err := io.ReadAll(quotedprintable.NewReader(p))
			if err != nil {
				t.Fatal(err)
			}
			if of == "text/html" {
				r.html = string(b)
			} else {
				r.text = strings.ReplaceAll(string(b), "\r\n", "\n")
			}
		}
	}
}

func sent(t *testing.T, h mail.House, m mail.Message, files ...mail.File) received {
	t.Helper()
	l, err := Render(h, m)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := compose(netmail.Address{Name: line(h.Name), Address: sender.Address}, l, m, files, moment)
	if err != nil {
		t.Fatal(err)
	}
	r := receive(t, raw)
	if r.text != l.Text || r.html != strings.ReplaceAll(l.HTML, "\n", "\r\n") {
		t.Fatalf("the parts are not what was rendered:\n%q\n%q", r.text, l.Text)
	}
	return r
}

var headers = []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Message-Id", "Mime-Version", "Reply-To", "Subject", "To", "X-Mail-Id"}

func TestAMailFromAMember(t *testing.T) {
	h, m := story(mail.FromMember, "nl")
	m.To.Email = "emma@müller.example"
	m.Values[mail.Unsubscribe] = "https://app.example.nl/u/bakery-3q7x"
	big := strings.Repeat("\x00\xff\r\n.\r\n--=_files", 20000)
	r := sent(t, h, m,
		mail.File{Attachment: mail.Attachment{Name: "Ontwerp Zwölf \"taart\".pdf", Type: "application/pdf"}, Content: []byte(big)},
		mail.File{Attachment: mail.Attachment{Name: "../../etc/passwd", Type: "text/html; charset=x\r\nBcc: a@b.nl"}, Content: nil})
	for name, want := range map[string]string{
		"To": `"Emma Jansen" <emma@xn--mller-kva.example>`, "From": `"Bakkerij De Zon" <post@mail.example.nl>`,
		"Reply-To": `"Sanne de Vries" <sanne@bakkerij-de-zon.example>`, "Message-Id": "<ml_message@mail.example.nl>",
		"List-Unsubscribe": "<https://app.example.nl/u/bakery-3q7x>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Auto-Submitted": "", "Content-Language": "nl", "Date": "Sun, 22 Nov 2026 12:00:00 +0000",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if len(r.files) != 2 || r.files[`Ontwerp Zwölf "taart".pdf`] != big {
		t.Errorf("%d files; the first has %d bytes, want %d", len(r.files), len(r.files[`Ontwerp Zwölf "taart".pdf`]), len(big))
	}
	if _, ok := r.files["passwd"]; !ok {
		t.Error("a file's name kept its path")
	}
}

// Whatever people call themselves and write, a mail keeps its headers and parts, its
// page its elements.
func TestHostileValues(t *testing.T) {
	b, err := os.ReadFile("../../domain/order/testdata/blns.txt")
	if err != nil {
		t.Fatal(err)
	}
	strange := append(strings.Split(string(b), "\n"),
		"x\r\nBcc: victim@example.com", "x\nSubject: other", "\r\n\r\n<html>", "=?utf-8?q?=0D=0ABcc:_a@b.nl?=", "\u202egpj.exe", "</title><script>alert(1)</script>",
		strings.Repeat("é", 5000), strings.Repeat("x", 5000), "a\x00b", "\xff\xfe", "--=_body_ml_message--", "{{.site}}", "button: x", `"><a href="https://evil.example">`)
	want := map[mail.Template]string{}
	for _, tpl := range mail.Templates {
		h, m := story(tpl, "en")
		l, err := Render(h, m)
		if err != nil {
			t.Fatal(err)
		}
		want[tpl] = elements(t, l.HTML, tpl)
	}
	for _, s := range strange {
		if strings.TrimSpace(clean(s, true)) == "" {
			continue
		}
		for _, tpl := range mail.Templates {
			h, m := story(tpl, "en")
			h.Name, m.To.Name, m.ReplyTo.Name = s, s, s
			for name := range m.Values {
				switch name {
				case mail.Link, mail.Until:
				default:
					if m.Values[name] != "" {
						m.Values[name] = s
					}
				}
			}
			r := sent(t, h, m, mail.File{Attachment: mail.Attachment{Name: s, Type: s}, Content: []byte(s)})
			for name := range r.header {
				if !slices.Contains(headers, name) {
					t.Fatalf("%q made a header %s", s, name)
				}
			}
			for _, name := range []string{"To", "From"} {
				if list, err := r.header.AddressList(name); err != nil || len(list) != 1 {
					t.Fatalf("%q: %s is %q (%v)", s, name, r.header.Get(name), err)
				}
			}
			if len(r.files) != 1 {
				t.Fatalf("%q made %d files", s, len(r.files))
			}
			if got := elements(t, r.html, tpl); got != want[tpl] {
				t.Fatalf("%s: %q changed the page:\n%s\nwant\n%s", tpl, s, got, want[tpl])
			}
		}
	}
}

// elements lists a page's elements; the paragraphs of a member's text are one.
func elements(t *testing.T, page string, tpl mail.Template) string {
	t.Helper()
	var out []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		if z.Next() == html.ErrorToken {
			return strings.Join(out, " ")
		}
		tok := z.Token()
		if tok.Type != html.StartTagToken {
			continue
		}
		names := tok.Data
		for _, a := range tok.Attr {
			names += " " + a.Key
			if a.Key == "href" {
				names += "=" + a.Val
			}
		}
		if tpl == mail.FromMember && len(out) > 0 && out[len(out)-1] == names {
			continue
		}
		out = append(out, names)
	}
}

func TestAnAddressThatCannotBeSentToIsRefused(t *testing.T) {
	h, m := story(mail.SignInCode, "en")
	m.To.Email = "emmä@example.nl"
	l, err := Render(h, m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compose(sender, l, m, nil, moment)
	if reason, ok := mail.RefusedReason(err); !ok || strings.Contains(reason, "emm") {
		t.Errorf("error %v", err)
	}
}

func TestALinkThatIsNoneIsNotShown(t *testing.T) {
	for _, link := range []string{"javascript:alert(1)", "https://", "https://user:pw@example.nl/", "https://example.nl/\r\nX: y", "data:text/html,x"} {
		if got := address(link); strings.ContainsAny(got, "\r\n") || got != "" {
			t.Errorf("%q became %q", link, got)
		}
	}
	if got := address("https://example.nl/ü?a=b#x"); got != "https://example.nl/%C3%BC?a=b#x" {
		t.Errorf("%q", got)
	}
}
