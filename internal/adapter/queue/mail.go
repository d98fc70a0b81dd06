package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientele/internal/domain/mail"
)

// SendMail puts a reference on a FIFO queue. Mails of one order follow each other,
// all others pass them: one that fails holds up its own contact alone. The same
// reference again within five minutes is dropped by the queue.
func (q *Queue) SendMail(ctx context.Context, r mail.Reference) error {
	body, err := r.Message().Pack()
	if err != nil {
		return err
	}
	_, err = q.sqs.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: q.url, MessageBody: &body,
		MessageGroupId:         aws.String(mail.Derive(string(r.Site), r.Order)),
		MessageDeduplicationId: aws.String(mail.Derive(string(r.Site), r.ID, strconv.FormatInt(r.Again, 10))),
	})
	if err != nil {
		return fmt.Errorf("sending a reference to a mail: %w", err)
	}
	return nil
}

// SendDead keeps a letter for a person, as JSON.
func (q *Queue) SendDead(ctx context.Context, letter any) error {
	body, err := json.Marshal(letter)
	if err != nil {
		return fmt.Errorf("packing a dead letter: %w", err)
	}
	if _, err := q.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: q.url, MessageBody: aws.String(string(body))}); err != nil {
		return fmt.Errorf("sending a dead letter: %w", err)
	}
	return nil
}

// Later has a message that failed come back after a while instead of after the
// queue's own time-out. What Hold has in hand must be stopped before.
func (q *Queue) Later(ctx context.Context, receipt string, after time.Duration) error {
	_, err := q.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: q.url, ReceiptHandle: &receipt, VisibilityTimeout: int32(after / time.Second),
	})
	if err != nil {
		return fmt.Errorf("putting a message off: %w", err)
	}
	return nil
}
