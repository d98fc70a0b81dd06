package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/transfer"
)

var (
	_ transfer.Queue = (*Queue)(nil)
	_ bulk.Queue     = (*Queue)(nil)
	_ privacy.Queue  = (*Queue)(nil)
)

// SendTask implements transfer.Queue.
func (q *Queue) SendTask(ctx context.Context, tasks ...transfer.Task) error {
	return sendAll(ctx, q, tasks, taskMessage)
}

// SendBulk implements bulk.Queue.
func (q *Queue) SendBulk(ctx context.Context, tasks ...bulk.Task) error {
	return sendAll(ctx, q, tasks, func(t bulk.Task) (Message, error) { return messageOf(t.Site, bulk.TaskMessage, t) })
}

// sendAll sends tasks, at most 10 in one request.
func sendAll[T any](ctx context.Context, q *Queue, tasks []T, pack func(T) (Message, error)) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(tasks))
	for i, t := range tasks {
		m, err := pack(t)
		if err != nil {
			return err
		}
		body, err := m.Pack()
		if err != nil {
			return err
		}
		entries[i] = types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: &body, MessageGroupId: aws.String(string(m.Site)),
		}
	}
	for len(entries) > 0 {
		// A message of many deferred rows has some 10 KiB; ten of them fit 1 MiB.
		n := min(len(entries), 10)
		out, err := q.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: q.url, Entries: entries[:n]})
		if err != nil {
			return fmt.Errorf("sending %d tasks: %w", n, err)
		}
		if len(out.Failed) > 0 {
			return fmt.Errorf("sending %d tasks: %d were refused: %s", n, len(out.Failed), aws.ToString(out.Failed[0].Code))
		}
		entries = entries[n:]
	}
	return nil
}

// SendLater implements transfer.Queue.
func (q *Queue) SendLater(ctx context.Context, after time.Duration, t transfer.Task) error {
	m, err := taskMessage(t)
	if err != nil {
		return err
	}
	return q.sendLater(ctx, after, m)
}

// SendErasure implements privacy.Queue.
func (q *Queue) SendErasure(ctx context.Context, after time.Duration, t privacy.Task) error {
	m, err := messageOf(t.Site, privacy.TaskMessage, t)
	if err != nil {
		return err
	}
	return q.sendLater(ctx, after, m)
}

func (q *Queue) sendLater(ctx context.Context, after time.Duration, m Message) error {
	body, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = q.sqs.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: q.url, MessageBody: &body, MessageGroupId: aws.String(string(m.Site)), DelaySeconds: int32(after / time.Second),
	})
	if err != nil {
		return fmt.Errorf("sending a task for later: %w", err)
	}
	return nil
}

func taskMessage(t transfer.Task) (Message, error) { return messageOf(t.Site, transfer.TaskMessage, t) }

func messageOf(site crm.SiteID, kind string, task any) (Message, error) {
	body, err := json.Marshal(task)
	if err != nil {
		return Message{}, fmt.Errorf("packing a task: %w", err)
	}
	return Message{Site: site, Kind: kind, Body: body}, nil
}
