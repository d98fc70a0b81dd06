package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
)

// Mailer is a function with two queues: of mails, and of what came back.
type Mailer struct {
	Mails   Handler
	Reports func(ctx context.Context, body []byte) error
}

// StartMailer builds the mailer, then serves until the process is ended.
func StartMailer(build func(ctx context.Context, getenv func(string) string) (Mailer, error)) {
	lambda.StartHandlerFunc(boot.Build(build).Batch)
}

// Batch tells the two queues apart by their messages.
func (m Mailer) Batch(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	return each(ctx, e, func(ctx context.Context, r events.SQSMessage) error {
		var kind struct{ Source string }
		if json.Unmarshal([]byte(r.Body), &kind) == nil && kind.Source == "aws.ses" {
			return m.Reports(ctx, []byte(r.Body))
		}
		return unpacked(m.Mails)(ctx, r)
	})
}

// sesEvent is an event of the mail service, as the event bus hands it on.
type sesEvent struct {
	Detail struct {
		EventType string `json:"eventType"`
		Bounce    struct {
			Type       string      `json:"bounceType"`
			Recipients []recipient `json:"bouncedRecipients"`
			At         time.Time   `json:"timestamp"`
		}
		Complaint struct {
			Recipients []recipient `json:"complainedRecipients"`
			At         time.Time   `json:"timestamp"`
		}
		Mail struct{ Tags map[string][]string }
	}
}

type recipient struct {
	Email string `json:"emailAddress"`
}

// Reports takes bounces and complaints. Only a bounce for good counts: a full mailbox
// is tried again by the mail service itself.
func Reports(dir site.Directory, open func(site.Site) consent.Book, siteTag, mailTag string, clock crm.Clock) func(context.Context, []byte) error {
	return func(ctx context.Context, body []byte) error {
		var e sesEvent
		if err := json.Unmarshal(body, &e); err != nil {
			return errors.New("an event of the mail service cannot be read") // its error may quote an address
		}
		d := e.Detail
		r := mail.Report{Site: crm.SiteID(first(d.Mail.Tags[siteTag])), Mail: first(d.Mail.Tags[mailTag])}
		var who []recipient
		switch {
		case d.EventType == "Bounce" && d.Bounce.Type == "Permanent":
			r.Why, r.At, who = mail.Bounced, d.Bounce.At, d.Bounce.Recipients
		case d.EventType == "Complaint":
			r.Why, r.At, who = mail.Complained, d.Complaint.At, d.Complaint.Recipients
		default:
			slog.InfoContext(ctx, "report ignored", "event", d.EventType, "bounce", d.Bounce.Type)
			return nil
		}
		s, err := dir.ByID(ctx, r.Site)
		if crm.CodeOf(err) == crm.NotFound {
			slog.WarnContext(ctx, "report dropped", "reason", "it is of no site of ours")
			return nil
		}
		if err != nil {
			return err
		}
		for _, w := range who {
			if r.Email, err = crm.ParseEmail(w.Email); err != nil {
				slog.WarnContext(ctx, "report dropped", "reason", err.Error())
				continue
			}
			if err := consent.Feedback(ctx, open(s), r.Email, contact.Suppression(r.Why), r.Mail, r.At, clock.Now()); err != nil {
				return fmt.Errorf("taking a report: %w", err)
			}
			slog.InfoContext(ctx, "report taken", "site", boot.LogSite(s.ID), "mail", r.Mail, "why", r.Why)
		}
		return nil
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
