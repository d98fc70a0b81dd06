package mailer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"path"
	"strings"
	"time"

	"golang.org/x/net/idna"

	domain "clientele/internal/domain/mail"
)

// compose makes the MIME message. Each header's value is encoded here, so that
// none can end its line; bodies are encoded, so that no boundary occurs in them.
func compose(from mail.Address, l Letter, m domain.Message, files []domain.File, now time.Time) ([]byte, error) {
	to, err := mailbox(m.To)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	header(&b, "From", from.String())
	header(&b, "To", to)
	if m.ReplyTo.Email != "" {
		reply, err := mailbox(m.ReplyTo)
		if err != nil {
			return nil, err
		}
		header(&b, "Reply-To", reply)
	}
	header(&b, "Subject", mime.QEncoding.Encode("utf-8", line(l.Subject)))
	header(&b, "Date", now.UTC().Format(time.RFC1123Z))
	// SES puts its own in place of the first; the second reaches the reader.
	_, host, _ := strings.Cut(from.Address, "@")
	header(&b, "Message-ID", "<"+m.ID+"@"+host+">")
	header(&b, "X-Mail-ID", m.ID)
	header(&b, "Content-Language", l.Language)
	if m.Template.Class() == domain.Service {
		header(&b, "Auto-Submitted", "auto-generated") // no absence notes in answer
	}
	if u := address(m.Values[domain.Unsubscribe]); u != "" {
		header(&b, "List-Unsubscribe", "<"+u+">")
		header(&b, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	header(&b, "MIME-Version", "1.0")
	if len(files) == 0 {
		err = alternative(&b, l, m.ID, func(contentType string) (io.Writer, error) {
			header(&b, "Content-Type", contentType)
			b.WriteString("\r\n")
			return &b, nil
		})
		return b.Bytes(), err
	}
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary(m.ID, "files")); err != nil {
		return nil, err
	}
	header(&b, "Content-Type", fmt.Sprintf("multipart/mixed; boundary=%q", w.Boundary()))
	b.WriteString("\r\n")
	if err := alternative(&b, l, m.ID, func(contentType string) (io.Writer, error) {
		return w.CreatePart(textproto.MIMEHeader{"Content-Type": {contentType}})
	}); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := attach(w, f); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

// boundary has a sequence that neither quoted-printable nor base64 makes.
func boundary(id, part string) string { return "=_" + part + "_" + id }

func header(b *bytes.Buffer, name, value string) {
	// Long values are folded at their blanks, and nowhere else.
	column := len(name) + 1
	b.WriteString(name + ":")
	for i, word := range strings.Split(value, " ") {
		if i > 0 && column+1+len(word) > 76 {
			b.WriteString("\r\n")
			column = 0
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	b.WriteString("\r\n")
}

func alternative(b *bytes.Buffer, l Letter, id string, open func(contentType string) (io.Writer, error)) error {
	w := multipart.NewWriter(b)
	if err := w.SetBoundary(boundary(id, "body")); err != nil {
		return err
	}
	if _, err := open(fmt.Sprintf("multipart/alternative; boundary=%q", w.Boundary())); err != nil {
		return err
	}
	for _, p := range []struct{ kind, text string }{{"text/plain", l.Text}, {"text/html", l.HTML}} { // the best last
		out, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {p.kind + "; charset=utf-8"},
			"Content-Transfer-Encoding": {"quoted-printable"},
		})
		if err != nil {
			return err
		}
		q := quotedprintable.NewWriter(out)
		if _, err := io.WriteString(q, strings.ReplaceAll(p.text, "\n", "\r\n")); err != nil {
			return err
		}
		if err := q.Close(); err != nil {
			return err
		}
	}
	return w.Close()
}

func attach(w *multipart.Writer, f domain.File) error {
	name := line(path.Base(strings.ReplaceAll(f.Name, `\`, "/")))
	if name == "" || name == "." || name == "/" {
		name = "file"
	}
	kind, _, err := mime.ParseMediaType(f.Type)
	// A message type would have to stand without an encoding (RFC 2046 §5.2).
	if err != nil || len(kind) > 127 || !strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		kind = "application/octet-stream"
	}
	out, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {kind},
		"Content-Transfer-Encoding": {"base64"},
		"Content-Disposition":       {disposition(name)},
	})
	if err != nil {
		return err
	}
	lines := &lines{w: out}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	if _, err := enc.Write(f.Content); err != nil {
		return err
	}
	return enc.Close()
}

// disposition names the file; a name beyond ASCII is written as RFC 2231 says. What
// does not fit a line is cut off before the name's ending.
func disposition(name string) string {
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	base := []rune(strings.TrimSuffix(name, ext))
	for {
		d := mime.FormatMediaType("attachment", map[string]string{"filename": string(base) + ext})
		switch {
		case d == "" || len(d) > 700 && len(base) == 0:
			return "attachment"
		case len(d) <= 700:
			return d
		}
		base = base[:len(base)*3/4]
	}
}

// lines breaks base64 every 76 characters.
type lines struct {
	w      io.Writer
	column int
}

func (l *lines) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if l.column == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return n, err
			}
			l.column = 0
		}
		k, err := l.w.Write(p[:min(len(p), 76-l.column)])
		n, l.column, p = n+k, l.column+k, p[k:]
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// mailbox is an address as a header holds it.
func mailbox(a domain.Address) (string, error) {
	email, err := wire(a.Email)
	if err != nil {
		return "", err
	}
	return (&mail.Address{Name: line(a.Name), Address: email}).String(), nil
}

// wire is an address as mail servers take it: its domain in ASCII. A name before
// the @ beyond ASCII needs SMTPUTF8, which SES has not.
func wire(email string) (string, error) {
	at := strings.LastIndexByte(email, '@')
	if at < 1 {
		return "", &domain.RefusedError{Reason: "the address is none"}
	}
	host, err := idna.Lookup.ToASCII(email[at+1:])
	if err != nil {
		host = email[at+1:]
	}
	out := email[:at] + "@" + host
	for i := 0; i < len(out); i++ {
		if out[i] <= ' ' || out[i] > '~' {
			return "", &domain.RefusedError{Reason: "the address has letters before the @ that the sending service does not take"}
		}
	}
	return out, nil
}
