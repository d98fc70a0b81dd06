package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/entry/boot"
)

// Post sends the mails that the queue refers to.
type Post struct {
	Sites  site.Directory
	Outbox mail.Outbox
	Book   func(site.Site) MailBook
	Files  Files
	Sender mail.Sender
	Queue  Holding
	Dead   MailQueue // what no sender can read; a person looks at it
	Clock  crm.Clock
}

// MailBook is what sending asks of a site's book.
type MailBook interface {
	// Suppression is why the site may not write to an address; "" if it may.
	Suppression(ctx context.Context, email string) (mail.Suppression, error)
	// NoteMail puts on the timeline of the mail's contact that it could not be sent.
	// Twice is once; a contact that is gone gets nothing.
	NoteMail(ctx context.Context, m mail.Message, o mail.Outcome) error
}

// Files opens documents; transfer.ErrNoFile if there is none.
type Files interface {
	Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error)
}

// Holding keeps a message while it is worked on, or puts it off.
type Holding interface {
	Holder
	Later(ctx context.Context, receipt string, after time.Duration) error
}

// takenFor is how long a sender has a mail: longer than the function runs.
const takenFor = 2 * time.Minute

// backoff is after how long a mail that failed is tried again. With the queue's 20
// tries that is some three and a half hours, then it is a dead letter.
func backoff(tries int) time.Duration {
	return min(5*time.Second<<min(tries-1, 10), 15*time.Minute)
}

// Mails sends what the queue refers to. A mail that can never be sent is recorded
// and done; where a service is down, full or not set up the message comes back, and
// meanwhile the queue holds the later ones of that contact.
func Mails(p Post) Handler {
	return func(ctx context.Context, d Delivery) error {
		r, err := mail.ReadReference(d.Message)
		if err != nil {
			return err
		}
		stop := p.Queue.Hold(ctx, d.Receipt, heldFor)
		log := slog.With("site", boot.LogSite(d.Site), "mail", r.ID)
		err = p.send(ctx, r, log)
		stop()
		if err == nil {
			return nil
		}
		if late := p.Queue.Later(ctx, d.Receipt, backoff(d.Tries)); late != nil {
			log.WarnContext(ctx, "a mail comes back later than it might", "error", late.Error())
		}
		return err
	}
}

func (p Post) send(ctx context.Context, r mail.Reference, log *slog.Logger) error {
	s, err := p.Sites.ByID(ctx, r.Site)
	if crm.CodeOf(err) == crm.NotFound {
		log.WarnContext(ctx, "mail dropped", "reason", "the site is gone")
		return nil
	}
	if err != nil {
		return err
	}
	now := p.Clock.Now()
	m, ok, err := p.Outbox.Take(ctx, s.ID, r.ID, now, now.Add(takenFor))
	if crm.CodeOf(err) == crm.Malformed {
		// It stays in the outbox; a newer release may be able to read it.
		log.ErrorContext(ctx, "mail goes to the dead letters", "reason", err.Error())
		return p.Dead.SendMail(ctx, r)
	}
	if err != nil {
		return err
	}
	if !ok {
		log.InfoContext(ctx, "mail was done already")
		return nil
	}
	o, err := p.deliver(ctx, s, m, now)
	if err != nil {
		if again := p.Outbox.Release(ctx, s.ID, m.ID); again != nil {
			log.WarnContext(ctx, "a mail could not be given back and waits for its time", "error", again.Error())
		}
		return err
	}
	if o.State == mail.Refused && m.Contact != "" {
		if err := p.Book(s).NoteMail(ctx, m, o); err != nil {
			return err
		}
	}
	// From here on it is sent: only this write keeps it from being sent again.
	if err := p.close(ctx, s.ID, m.ID, o); err != nil {
		return err
	}
	log.InfoContext(ctx, "mail done", "template", m.Template, "state", o.State, "reason", o.Reason, "ms_since_commit", p.Clock.Now().Sub(m.CreatedAt).Milliseconds())
	return nil
}

// deliver is how the mail ended; an error if it is worth another try.
func (p Post) deliver(ctx context.Context, s site.Site, m mail.Message, now time.Time) (mail.Outcome, error) {
	o := mail.Outcome{At: now}
	if !m.Expires.IsZero() && !now.Before(m.Expires) {
		o.State = mail.Expired
		return o, nil
	}
	why, err := p.Book(s).Suppression(ctx, m.To.Email)
	if err != nil {
		return o, err
	}
	if why.Stops(m.Template.Class()) {
		o.State, o.Reason = mail.Suppressed, string(why)
		return o, nil
	}
	files, err := p.files(ctx, s.ID, m.Attachments)
	if err == nil {
		o.Ref, err = p.Sender.Send(ctx, mail.House{Site: s.ID, Name: s.Name, Language: s.Language}, m, files)
	}
	if reason, ok := mail.RefusedReason(err); ok {
		o.State, o.Reason = mail.Refused, reason
		return o, nil
	}
	o.State = mail.Sent
	return o, err
}

// close tries a few times at once: the sooner it is marked, the less can happen
// that sends it a second time.
func (p Post) close(ctx context.Context, id crm.SiteID, message string, o mail.Outcome) (err error) {
	ctx = context.WithoutCancel(ctx) // what is sent is sent, whatever time is left
	for range 3 {
		if err = p.Outbox.Close(ctx, id, message, o); err == nil {
			return nil
		}
	}
	return err
}

// files loads the attachments, which are the site's own.
func (p Post) files(ctx context.Context, id crm.SiteID, list []mail.Attachment) ([]mail.File, error) {
	var out []mail.File
	var sum int64
	for _, a := range list {
		kind, rest, _ := strings.Cut(a.Key, "/")
		if kind == "" || !strings.HasPrefix(rest, string(id)+"/") || strings.Contains(rest, "..") {
			return nil, &mail.RefusedError{Reason: "an attachment is not the site's"}
		}
		b, err := p.file(ctx, a.Key)
		if err != nil {
			return nil, err
		}
		if sum += int64(len(b)); sum > mail.MaxAttachmentBytes {
			return nil, &mail.RefusedError{Reason: "the attachments are too large"}
		}
		out = append(out, mail.File{Attachment: a, Content: b})
	}
	return out, nil
}

func (p Post) file(ctx context.Context, key string) ([]byte, error) {
	r, err := p.Files.Read(ctx, key, "", 0, -1)
	if errors.Is(err, transfer.ErrNoFile) {
		return nil, &mail.RefusedError{Reason: "an attachment is gone"}
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, mail.MaxAttachmentBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading an attachment: %w", err)
	}
	return b, nil
}
