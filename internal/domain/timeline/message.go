package timeline

import (
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/richtext"
)

// Message is what a member writes to a contact.
type Message struct {
	Subject   string
	Text      string // Markdown; the mail has it without the marks
	Documents []Document
	To        mail.Address
	ReplyTo   mail.Address // empty: nobody reads answers
	Language  string       // of the mail's frame: nl or en, empty for the site's
	ByName    string       // who writes, as the reader sees it
}

// NewMessage is the entry of a message, with its mail.
func NewMessage(m Message, now time.Time, source, by string) (Activity, error) {
	e := Entry{Title: m.Subject, Text: m.Text, Documents: m.Documents, Version: 1, To: m.To.Email}
	plain := richtext.Plain(m.Text)
	var faults crm.Faults
	var err error
	if strings.TrimSpace(m.Subject) != "" || strings.TrimSpace(m.Text) != "" { // else the same is told in better words
		err = faults.Take(e.check("subject"))
	}
	if strings.TrimSpace(m.Subject) == "" {
		faults.Add("/subject", "a message needs a subject")
	}
	if strings.TrimSpace(m.Text) == "" || len(faults) == 0 && strings.TrimSpace(plain) == "" {
		faults.Add("/text", "a message needs a text")
	}
	if err == nil {
		err = faults.Err()
	}
	if m.Language != "nl" && m.Language != "en" {
		m.Language = ""
	}
	return Activity{At: now.UTC().Truncate(time.Millisecond), Kind: Mail, Source: source, By: by, Entry: &e, Mail: &mail.Message{
		Template: mail.FromMember, Language: m.Language, To: m.To, ReplyTo: m.ReplyTo, CreatedAt: now,
		Values: map[string]string{mail.Subject: m.Subject, mail.Text: plain, mail.Name: m.To.Name, mail.By: m.ByName},
	}}, err
}
