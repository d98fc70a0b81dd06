// Package queue sends work to SQS and holds messages that are being worked on.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientele/internal/domain/message"
)

// Message is one piece of work for one site.
type Message = message.Message

// Queue is one SQS queue.
type Queue struct {
	sqs *sqs.Client
	url *string
}

// Open makes a queue of its address; no request is made.
func Open(cfg aws.Config, url string, opts ...func(*sqs.Options)) (*Queue, error) {
	if url == "" {
		return nil, errors.New("the queue's address is not set; the function needs it in its environment")
	}
	return &Queue{sqs: sqs.NewFromConfig(cfg, opts...), url: &url}, nil
}

// Send puts a message on the queue; when it returns without error the message
// is kept durably. crm.TooLarge if it does not fit even compressed. The site is
// the message's group: on a standard queue SQS then serves the other sites
// first while one of them floods it, and keeps no order.
func (q *Queue) Send(ctx context.Context, m Message) error {
	body, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = q.sqs.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: q.url, MessageBody: &body, MessageGroupId: aws.String(string(m.Site)),
	})
	if err != nil {
		return fmt.Errorf("sending a message of %d bytes: %w", len(body), err)
	}
	return nil
}

// Hold keeps a received message hidden for short spells while it is worked on,
// so that a worker that is killed gives it back after at most visible instead
// of after the queue's own, long time-out. It shortens the message's time to
// visible now and renews it every third of that until stop is called, which the
// caller must do. A renewal that fails is logged and tried again; if all do, the
// message is handed out twice, which every worker expects. visible is at least
// 3 seconds, SQS counts in whole ones.
func (q *Queue) Hold(ctx context.Context, receipt string, visible time.Duration) (stop func()) {
	visible = max(visible, 3*time.Second)
	ctx, cancel := context.WithCancel(ctx)
	renew := func() {
		_, err := q.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(visible / time.Second),
		})
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "a message could not be held", "error", err.Error())
		}
	}
	renew()
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(visible / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				renew()
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
