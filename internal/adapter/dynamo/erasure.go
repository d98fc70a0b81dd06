package dynamo

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
)

var _ privacy.Book = (*Book)(nil)

// An erasure is an item among the jobs.
const erasureKind = "erasure"

func erasureBody(j privacy.Job) (string, error) {
	j.Version = 0
	return packJSON(j)
}

func erasureOf(it item) (j privacy.Job, err error) {
	if text(it, "t") != erasureKind {
		return j, crm.Errorf(crm.NotFound, "there is no such job on this site")
	}
	err = decode(it, &j)
	j.Version = number(it, "n")
	return j, err
}

// CreateErasure implements privacy.Book.
func (b *Book) CreateErasure(ctx context.Context, j privacy.Job, once *contact.Once) error {
	body, err := erasureBody(j)
	if err != nil {
		return err
	}
	return b.createJob(ctx, b.with(once, j.ID, b.putJob(b.jobKey(j.ID), erasureKind, body))...)
}

// Erasure implements privacy.Book.
func (b *Book) Erasure(ctx context.Context, id string) (privacy.Job, error) {
	it, err := b.jobItem(ctx, id)
	if err != nil {
		return privacy.Job{}, err
	}
	return erasureOf(it)
}

// ChangeErasure implements privacy.Book.
func (b *Book) ChangeErasure(ctx context.Context, id string, now time.Time, change func(*privacy.Job) ([]audit.Entry, error)) (privacy.Job, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return privacy.Job{}, err
			}
		}
		j, err := b.Erasure(ctx, id)
		if err != nil {
			return j, err
		}
		rows, err := change(&j)
		if errors.Is(err, contact.ErrUnchanged) {
			return j, nil
		} else if err != nil {
			return j, err
		}
		j.UpdatedAt = now
		body, err := erasureBody(j)
		if err != nil {
			return j, err
		}
		writes := []types.TransactWriteItem{b.setBody(b.jobKey(id), body, j.Version)}
		for _, e := range rows {
			w, err := b.t.auditWrite(b.site.ID, e)
			if err != nil {
				return j, err
			}
			writes = append(writes, w)
		}
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !asLost(err, &l) {
			j.Version++
			return j, err
		}
	}
	return privacy.Job{}, busy()
}

// ListErasures implements privacy.Book.
func (b *Book) ListErasures(ctx context.Context, limit int) (jobs []privacy.Job, err error) {
	err = b.listJobs(ctx, erasureKind, limit, func(it item) error {
		j, err := erasureOf(it)
		jobs = append(jobs, j)
		return err
	})
	return jobs, err
}

// CountOf implements privacy.Book.
func (b *Book) CountOf(ctx context.Context, ids []crm.ContactID) (entries, orders, files int, err error) {
	for _, id := range ids {
		err := b.t.each(ctx, b.site.ID, query{pk: activityPK(b.site.ID, id), forward: true}, func(it item) error {
			switch text(it, "t") {
			case "activity":
				entries++
			case "order", "dealing":
				orders++
			case "upload":
				files++
			}
			return nil
		})
		if err != nil {
			return 0, 0, 0, err
		}
	}
	return entries, orders, files, nil
}

func (b *Book) removeItem(ctx context.Context, it item) error {
	return b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: key(text(it, "PK"), text(it, "SK"))}})
}

// MailsOf implements privacy.Book. What a sent mail left may quote the address in
// the mail service's words, so it goes as well.
func (b *Book) MailsOf(ctx context.Context, s privacy.Subject, until time.Time, remove bool) (n int, err error) {
	about := map[string]bool{}
	for _, id := range s.IDs {
		about[string(id)] = true
	}
	err = b.t.each(ctx, b.site.ID, query{pk: outboxPK(b.site.ID), forward: true}, func(it item) error {
		theirs := about[text(it, "contact")]
		if body := text(it, "body"); body != "" {
			m, err := mailOf(it)
			if err != nil {
				return err
			}
			if m.CreatedAt.After(until) {
				return nil
			}
			theirs = theirs || s.Named(m.To.Email) || s.Named(m.ReplyTo.Email) || s.Named(body)
		}
		if !theirs {
			return nil
		}
		if n++; remove {
			return b.removeItem(ctx, it)
		}
		return nil
	})
	return n, err
}

// SubmissionsOf implements privacy.Book.
func (b *Book) SubmissionsOf(ctx context.Context, s privacy.Subject, until time.Time, remove bool) (n int, err error) {
	forms, err := b.t.Forms(b.site.ID).List(ctx)
	if err != nil {
		return 0, err
	}
	sources, err := b.t.Sources(b.site.ID).List(ctx)
	if err != nil {
		return 0, err
	}
	under := map[string]bool{}
	for _, f := range forms {
		under[f.ID] = true
	}
	for _, c := range sources {
		under[strings.TrimPrefix(c.ID, string(b.site.ID)+"-")] = true
	}
	for name := range under {
		err := b.t.each(ctx, b.site.ID, query{pk: submissionPK(b.site.ID, name), forward: true}, func(it item) error {
			a, err := activityOf(it)
			if err != nil {
				return err
			}
			theirs := false
			for _, v := range a.Values {
				theirs = theirs || s.Named(v.Text)
			}
			if !theirs || a.At.After(until) {
				return nil
			}
			if n++; remove {
				return b.removeItem(ctx, it)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// erasedText stands where an address stood in a job.
const erasedText = "(erased)"

// RedactJobs implements privacy.Book: in the texts of jobs, such as the filter of an
// export, addresses are taken out.
func (b *Book) RedactJobs(ctx context.Context, s privacy.Subject) (n int, err error) {
	if len(s.Emails) == 0 {
		return 0, nil
	}
	parts := make([]string, len(s.Emails))
	for i, e := range s.Emails {
		parts[i] = regexp.QuoteMeta(e)
	}
	address := regexp.MustCompile("(?i)" + strings.Join(parts, "|"))
	err = b.t.each(ctx, b.site.ID, query{pk: jobPK(b.site.ID), forward: true}, func(it item) error {
		if text(it, "t") == erasureKind || !address.MatchString(text(it, "body")) {
			return nil
		}
		n++
		return b.changeJob(ctx, text(it, "SK"), func(it item) (string, error) {
			body := text(it, "body")
			if !address.MatchString(body) {
				return "", contact.ErrUnchanged
			}
			return address.ReplaceAllString(body, erasedText), nil
		})
	})
	return n, err
}

// SuppressSlots implements privacy.Book.
func (b *Book) SuppressSlots(ctx context.Context, slots []crm.ContactID, now time.Time) error {
	for _, slot := range slots {
		err := b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: &types.Update{
			TableName: b.t.name, Key: slotKey(&b.site, slot),
			UpdateExpression:         ptr("SET sup = :sup, supat = :at, t = :t, sv = :sv REMOVE #ttl"),
			ConditionExpression:      ptr("attribute_not_exists(#o) AND (attribute_not_exists(sup) OR sup <> :sup)"),
			ExpressionAttributeNames: map[string]string{"#o": "owner", "#ttl": "ttl"},
			ExpressionAttributeValues: item{":sup": str(string(contact.SuppressedErased)), ":at": num(micros(now)), ":t": str("slot"),
				":sv": num(schemaVersion)},
		}})
		var l *lost
		if err != nil && !asLost(err, &l) { // lost: it is so already, or they came back by themselves
			return err
		}
	}
	return nil
}
