package services

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httputil"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MailPath is where the gateway shows the mails that were "sent".
const MailPath = "/_local/mail"

// A Mailbox stands before the mail service: it hands every request on, and keeps the
// mails that the service took, as MiniStack keeps neither their files nor who they are from.
type Mailbox struct {
	URL    string // for AWS_ENDPOINT_URL_SESV2
	to     *url.URL
	server *http.Server

	mu    sync.Mutex
	mails []letter // the oldest first
	bytes int
	next  int
}

// keepMails is how much the mailbox keeps: of more the oldest go.
const keepMails = 200 << 20

type letter struct {
	N                                      int
	At                                     time.Time
	From, To, ReplyTo, Subject, Text, HTML string
	Files                                  []attached
	size                                   int
}

type attached struct {
	Name, Type string
	Content    []byte
}

// StartMailbox listens on a free port; HandsTo says where the service is.
func StartMailbox() (*Mailbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Mailbox{URL: "http://" + l.Addr().String()}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(m.to) },
		ModifyResponse: func(res *http.Response) error {
			if body, ok := res.Request.Context().Value(sentBody{}).([]byte); ok && res.StatusCode == http.StatusOK {
				return m.keep(body, time.Now())
			}
			return nil
		},
	}
	m.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/v2/email/outbound-emails" {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 60<<20))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), sentBody{}, body))
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = m.server.Serve(l) }()
	return m, nil
}

type sentBody struct{}

// HandsTo says where the mail service is. Nobody sends before.
func (m *Mailbox) HandsTo(endpoint string) (err error) {
	m.to, err = url.Parse(endpoint)
	return err
}

// Close stops listening.
func (m *Mailbox) Close() { _ = m.server.Close() }

// keep takes the mail out of a request of SES.
func (m *Mailbox) keep(request []byte, at time.Time) error {
	var in struct {
		Content struct{ Raw struct{ Data []byte } }
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return fmt.Errorf("the mailbox cannot read what was sent: %w", err)
	}
	l, err := readMail(in.Content.Raw.Data)
	if err != nil {
		return fmt.Errorf("the mailbox cannot read what was sent: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l.N, l.At, l.size = m.next, at, len(in.Content.Raw.Data)
	m.next++
	m.mails = append(m.mails, l)
	for m.bytes += l.size; m.bytes > keepMails; m.mails = m.mails[1:] {
		m.bytes -= m.mails[0].size
	}
	return nil
}

func readMail(raw []byte) (l letter, err error) {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return l, err
	}
	for _, h := range []struct {
		name string
		to   *string
	}{{"From", &l.From}, {"To", &l.To}, {"Reply-To", &l.ReplyTo}, {"Subject", &l.Subject}} {
		v := msg.Header.Get(h.name)
		if *h.to, err = new(mime.WordDecoder).DecodeHeader(v); err != nil {
			*h.to = v
		}
	}
	return l, l.part(textproto.MIMEHeader(msg.Header), msg.Body)
}

// part takes in one part of a mail with all that is in it.
func (l *letter) part(h textproto.MIMEHeader, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := l.part(p.Header, p); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	how, named, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	switch {
	case how == "attachment":
		l.Files = append(l.Files, attached{named["filename"], kind, content})
	case kind == "text/html":
		l.HTML = string(content)
	default:
		l.Text = string(content)
	}
	return nil
}

// Size is the length of a file as a person reads it.
func (a attached) Size() string {
	switch n := len(a.Content); {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d KB", n/1000)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// Page is the HTML part for the frame: its links open beside the mailbox.
func (l letter) Page() string { return `<base target="_blank">` + l.HTML }

var mailbox = template.Must(template.New("mailbox").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sent mail</title>
<style>body{font-family:sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}iframe{width:100%;height:28rem;border:1px solid #999}pre{white-space:pre-wrap;overflow-wrap:anywhere}summary{padding:.5rem 0}</style></head>
<body>
<h1>Sent mail</h1>
<p>{{len .}} mails, the last first. Nothing of it left this machine.</p>
{{range .}}{{$n := .N}}<details>
<summary>{{.At.Format "15:04:05"}} to {{.To}}: <strong>{{.Subject}}</strong>{{with .Files}} ({{len .}} attached){{end}}</summary>
<p>From {{.From}}{{with .ReplyTo}}, answers to {{.}}{{end}}</p>
{{if .Files}}<ul>{{range $i, $f := .Files}}<li><a href="` + MailPath + `/{{$n}}/{{$i}}">{{.Name}}</a> ({{.Type}}, {{.Size}})</li>{{end}}</ul>
{{end}}{{if .HTML}}<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="the mail" srcdoc="{{.Page}}"></iframe>{{end}}
<details><summary>as text</summary><pre>{{.Text}}</pre></details>
</details>
{{end}}</body>
</html>
`))

// ServeHTTP shows what was sent, and hands out its files. Each mail stands in a frame
// that runs nothing and reaches nothing.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	all := slices.Clone(m.mails)
	m.mu.Unlock()
	w.Header().Set("X-Content-Type-Options", "nosniff")
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, MailPath), "/")
	if rest == "" {
		slices.Reverse(all)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_ = mailbox.Execute(w, all)
		return
	}
	mail, file, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(mail)
	i, err2 := strconv.Atoi(file)
	at := slices.IndexFunc(all, func(l letter) bool { return l.N == n })
	if err != nil || err2 != nil || at < 0 || i < 0 || i >= len(all[at].Files) {
		http.NotFound(w, r)
		return
	}
	f := all[at].Files[i]
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	_, _ = w.Write(f.Content)
}
