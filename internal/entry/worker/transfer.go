package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/transfer"
	"clientele/internal/entry/boot"
)

// Holder keeps a message hidden while it is worked on; see queue.Hold.
type Holder interface {
	Hold(ctx context.Context, receipt string, visible time.Duration) (stop func())
}

// heldFor is after how long the message of a killed worker comes back.
const heldFor = 30 * time.Second

// Doer carries out one task of a job: transfer.Importer and transfer.Exporter.
type Doer interface {
	Do(ctx context.Context, b transfer.Book, s site.Site, t transfer.Task) error
}

// maxTries is how often the queue hands a task out (maxReceiveCount of
// template.yaml). If the last try fails too the job ends as failed, so that nobody
// waits for it.
const maxTries = 5

// Tasks carries out the tasks of a queue.
func Tasks(dir site.Directory, open func(site.Site) transfer.Book, hold Holder, do Doer) Handler {
	return func(ctx context.Context, d Delivery) error {
		if d.Kind != transfer.TaskMessage {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		var t transfer.Task
		if err := json.Unmarshal(d.Body, &t); err != nil {
			return fmt.Errorf("unpacking a task: %w", err)
		}
		defer hold.Hold(ctx, d.Receipt, heldFor)()
		start := time.Now()
		// The site is the message's own: only our functions can send to the queue.
		t.Site = d.Site
		err := runTask(ctx, dir, open, do, t)
		if err != nil && d.Tries >= maxTries && !errors.Is(err, transfer.ErrNotYet) {
			err = errors.Join(err, giveUp(ctx, dir, open, t))
		}
		if err != nil {
			return err
		}
		slog.InfoContext(ctx, "task done", "site", boot.LogSite(d.Site), "job", t.Job, "step", t.Step, "ms", time.Since(start).Milliseconds())
		return nil
	}
}

func runTask(ctx context.Context, dir site.Directory, open func(site.Site) transfer.Book, do Doer, t transfer.Task) error {
	s, err := dir.ByID(ctx, t.Site)
	if crm.CodeOf(err) == crm.NotFound {
		slog.WarnContext(ctx, "task dropped: the site is gone", "site", boot.LogSite(t.Site), "job", t.Job)
		return nil
	}
	if err != nil {
		return err
	}
	return do.Do(ctx, open(s), s, t)
}

func giveUp(ctx context.Context, dir site.Directory, open func(site.Site) transfer.Book, t transfer.Task) error {
	s, err := dir.ByID(ctx, t.Site)
	if err != nil {
		return err
	}
	return transfer.GiveUp(ctx, open(s), t.Job, time.Now())
}

// Uploads has the import of each uploaded file inspected, by way of the queue,
// which tries again and tells when it gives up. An error brings the event back.
func Uploads(tasks transfer.Queue) func(context.Context, events.S3Event) error {
	return func(ctx context.Context, e events.S3Event) error {
		for _, r := range e.Records {
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil {
				key = r.S3.Object.Key
			}
			id, job, ok := transfer.UploadedJob(key)
			if !ok {
				slog.WarnContext(ctx, "a file that is no upload was announced")
				continue
			}
			if err := tasks.SendTask(ctx, transfer.Task{Site: id, Job: job, Step: transfer.StepInspect}); err != nil {
				return err
			}
		}
		return nil
	}
}

// Both is a function with two triggers: a queue and a bucket's events.
type Both struct {
	Queue  Handler
	Bucket func(context.Context, events.S3Event) error
}

// StartBoth builds the handlers, then serves until the process is ended.
func StartBoth(build func(ctx context.Context, getenv func(string) string) (Both, error)) {
	lambda.StartHandlerFunc(boot.Build(build).Invoke)
}

// Invoke tells the two triggers apart by their records.
func (b Both) Invoke(ctx context.Context, raw json.RawMessage) (any, error) {
	var kind struct {
		Records []struct {
			Source string `json:"eventSource"`
		}
	}
	if err := json.Unmarshal(raw, &kind); err != nil || len(kind.Records) == 0 {
		if json.Valid(raw) {
			return nil, nil // the test event that a bucket sends when it is connected
		}
		return nil, fmt.Errorf("an event that is no JSON: %w", err)
	}
	if kind.Records[0].Source == "aws:s3" {
		var e events.S3Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("reading a storage event: %w", err)
		}
		return nil, b.Bucket(ctx, e)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("reading a queue event: %w", err)
	}
	return Batch(b.Queue)(ctx, e)
}
