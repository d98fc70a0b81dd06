package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/relay"
	"clientele/internal/entry/boot"
)

// Relay hands on what the table's stream says was committed.
type Relay struct {
	// Read understands a record; a *relay.PoisonError if nobody ever will.
	Read  func(events.DynamoDBEventRecord) (relay.Change, error)
	Mails MailQueue
	Audit AuditLog
	Dead  DeadLetters
	Files FileRemover
}

// FileRemover removes files; one that is not there is removed already.
type FileRemover interface {
	Remove(ctx context.Context, keys ...string) error
}

// MailQueue keeps references in order per contact.
type MailQueue interface {
	// SendMail puts a reference behind those with its order. The same one again
	// within some minutes is dropped, so relay may say everything twice.
	SendMail(ctx context.Context, r mail.Reference) error
}

// AuditLog writes rows; one whose id stands there stays as it is.
type AuditLog interface {
	Audit(ctx context.Context, id crm.SiteID, entries ...audit.Entry) error
}

// DeadLetters keeps what a person has to look at.
type DeadLetters interface {
	SendDead(ctx context.Context, letter any) error
}

// DeadRecord is the dead letter of a record: where it is in the table, and nothing
// of what it says.
type DeadRecord struct {
	Reason   string `json:"reason"`
	PK       string `json:"pk"`
	SK       string `json:"sk"`
	Event    string `json:"event"`
	Sequence string `json:"sequence"`
}

// StartRelay builds the relay, then serves the stream until the process is ended.
func StartRelay(build func(ctx context.Context, getenv func(string) string) (Relay, error)) {
	lambda.StartHandlerFunc(boot.Build(build).Batch)
}

// Batch takes the records of one shard in their order. A record that cannot be
// understood goes to the dead letters and the next is taken. Where a service is at
// fault it stops and names that record: the stream comes again from there, so
// nothing overtakes it. The error is always nil: with one the whole batch would.
func (r Relay) Batch(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-reserve))
		defer cancel()
	}
	out := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	mails, rows, files := 0, 0, 0
	for _, rec := range e.Records {
		c, err := r.one(ctx, rec)
		var poison *relay.PoisonError
		if errors.As(err, &poison) {
			err = r.bury(ctx, rec, poison)
		}
		if err != nil {
			slog.ErrorContext(ctx, "record failed and comes again", "event", rec.EventName, "key", keyHash(rec), "error", err.Error())
			out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: rec.Change.SequenceNumber})
			break
		}
		if c.Mail != nil {
			mails++
		}
		if c.Audit != nil {
			rows++
		}
		files += len(c.Files)
	}
	slog.InfoContext(ctx, "records taken", "records", len(e.Records), "mails", mails, "audit", rows, "files", files, "failed", len(out.BatchItemFailures))
	return out, nil
}

func (r Relay) one(ctx context.Context, rec events.DynamoDBEventRecord) (relay.Change, error) {
	if err := ctx.Err(); err != nil {
		return relay.Change{}, fmt.Errorf("no time left for it: %w", err)
	}
	c, err := r.read(rec)
	if err != nil {
		return c, err
	}
	if c.Audit != nil {
		if err := r.Audit.Audit(ctx, c.Site, *c.Audit); err != nil {
			return c, err
		}
	}
	if len(c.Files) > 0 {
		if err := r.Files.Remove(ctx, c.Files...); err != nil {
			return c, err
		}
	}
	if c.Mail != nil {
		return c, r.Mails.SendMail(ctx, *c.Mail)
	}
	return c, nil
}

// read turns a panic over a record into poison.
func (r Relay) read(rec events.DynamoDBEventRecord) (c relay.Change, err error) {
	defer func() {
		if v := recover(); v != nil {
			// Not what was thrown: it may hold a value of the record.
			slog.Error("panic", "stack", string(debug.Stack()))
			err = &relay.PoisonError{Reason: fmt.Sprintf("reading it panicked with a %T", v)}
		}
	}()
	return r.Read(rec)
}

func (r Relay) bury(ctx context.Context, rec events.DynamoDBEventRecord, p *relay.PoisonError) error {
	slog.ErrorContext(ctx, "record goes to the dead letters", "event", rec.EventName, "type", recordType(rec), "key", keyHash(rec), "reason", p.Reason)
	return r.Dead.SendDead(ctx, DeadRecord{Reason: p.Reason, PK: keyPart(rec, "PK"), SK: keyPart(rec, "SK"),
		Event: rec.EventName, Sequence: rec.Change.SequenceNumber})
}

func keyPart(rec events.DynamoDBEventRecord, name string) string {
	if v, ok := rec.Change.Keys[name]; ok && v.DataType() == events.DataTypeString {
		return v.String()
	}
	return ""
}

// keyHash is how a record's key stands in logs: who knows the key finds its lines.
func keyHash(rec events.DynamoDBEventRecord) string {
	h := sha256.Sum256([]byte(keyPart(rec, "PK") + "\x00" + keyPart(rec, "SK")))
	return hex.EncodeToString(h[:6])
}

func recordType(rec events.DynamoDBEventRecord) string {
	if v, ok := rec.Change.NewImage["t"]; ok && v.DataType() == events.DataTypeString && len(v.String()) < 40 {
		return v.String()
	}
	return "unknown"
}
