package services

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"time"
)

// MailPath is where the gateway shows the mails that were "sent".
const MailPath = "/_local/mail"

var mailbox = template.Must(template.New("mailbox").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sent mail</title>
<style>body{font-family:sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}iframe{width:100%;height:28rem;border:1px solid #999}pre{white-space:pre-wrap;overflow-wrap:anywhere}summary{padding:.5rem 0}</style></head>
<body>
<h1>Sent mail</h1>
<p>{{len .}} mails, the last first. Nothing of it left this machine.</p>
{{range .}}<details>
<summary>{{.When.Format "15:04:05"}} to {{range .To}}{{.}} {{end}}: <strong>{{.Subject}}</strong></summary>
{{with .BodyHTML}}<iframe sandbox title="the mail" srcdoc="{{.}}"></iframe>{{end}}
<details><summary>as text</summary><pre>{{.BodyText}}</pre></details>
</details>
{{end}}</body>
</html>
`))

type sentMail struct {
	To                          []string
	Subject, BodyText, BodyHTML string
	Timestamp                   float64
}

func (m sentMail) When() time.Time { return time.UnixMilli(int64(m.Timestamp * 1000)) }

// showMail lists what the local mail service keeps. Each mail stands in a frame that
// runs nothing and reaches nothing.
func (s *Stack) showMail(w http.ResponseWriter, r *http.Request) {
	b, err := call(r.Context(), "ses", "GET", s.Endpoint+"/_ministack/ses/messages", "", nil)
	var out struct{ Messages map[string][]sentMail }
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	var all []sentMail
	for _, list := range out.Messages {
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b sentMail) int { return b.When().Compare(a.When()) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_ = mailbox.Execute(w, all)
}
