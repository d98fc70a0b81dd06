package worker

import (
	"context"
	"encoding/json"
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

// Doer carries out one task of a job: transfer.Importer and transfer.Exporter.
type Doer interface {
	Do(ctx context.Context, b transfer.Book, s site.Site, t transfer.Task) error
}

// Tasks carries out the tasks of a queue.
func Tasks(dir site.Directory, open func(site.Site) transfer.Book, hold Holder, do Doer) Handler {
	return task(dir, hold, transfer.TaskMessage, transfer.ErrNotYet, func(ctx context.Context, of crm.SiteID, t transfer.Task) work {
		t.Site = of
		return work{job: t.Job, told: []any{"step", t.Step},
			do:     func(s site.Site) error { return do.Do(ctx, open(s), s, t) },
			giveUp: func(s site.Site) error { return transfer.GiveUp(ctx, open(s), t.Job, time.Now()) },
		}
	})
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
