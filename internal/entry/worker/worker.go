// Package worker is where the queues get in: one message at a time, each of
// which may come twice.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"clientele/internal/domain/message"
	"clientele/internal/entry/boot"
)

// Delivery is a message as the queue handed it out.
type Delivery struct {
	message.Message
	ID      string // of this message on the queue; a redrive gives a new one
	Receipt string // by which it is held (queue.Hold)
	Tries   int    // how often it was handed out, from 1
}

// Handler does the work of one message. nil means that it is done, or recorded
// as one that can never be; any error brings the message back. It must bear
// being called twice with the same message.
type Handler func(context.Context, Delivery) error

// Start builds the handler, then serves the queue until the process is ended.
func Start(build func(ctx context.Context, getenv func(string) string) (Handler, error)) {
	lambda.StartHandlerFunc(Batch(boot.Build(build)))
}

// reserve is kept of the invocation's time, so that the answer that tells which
// messages are done gets out: without it all of them would come again.
const reserve = 2 * time.Second

// Batch handles the messages of an event one after the other and tells which of
// them failed. A failure, a panic too, touches no other message. What there is no
// time left for comes back as well. The error is always nil: with one, SQS would
// give the whole batch back.
func Batch(h Handler) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		return each(ctx, e, unpacked(h))
	}
}

func each(ctx context.Context, e events.SQSEvent, h func(context.Context, events.SQSMessage) error) (events.SQSEventResponse, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-reserve))
		defer cancel()
	}
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, r := range e.Records {
		start := time.Now()
		err := one(ctx, h, r)
		if err != nil {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
			slog.ErrorContext(ctx, "message failed and comes again", "message_id", r.MessageId,
				"tries", tries(r), "ms", time.Since(start).Milliseconds(), "error", err.Error())
		}
	}
	return out, nil
}

func one(ctx context.Context, h func(context.Context, events.SQSMessage) error, r events.SQSMessage) (err error) {
	defer func() {
		if v := recover(); v != nil {
			// Not what was thrown: it may hold a value of the message.
			slog.ErrorContext(ctx, "panic", "message_id", r.MessageId, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked with a %T", v)
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("no time left for it: %w", err)
	}
	return h(ctx, r)
}

// unpacked gives a handler what is in the envelope. What cannot be unpacked goes to
// the dead letters in the end: a newer release may be able to read it, and nobody
// else can say whose it is.
func unpacked(h Handler) func(context.Context, events.SQSMessage) error {
	return func(ctx context.Context, r events.SQSMessage) error {
		m, err := message.Unpack(r.Body)
		if err != nil {
			return err
		}
		return h(ctx, Delivery{Message: m, ID: r.MessageId, Receipt: r.ReceiptHandle, Tries: tries(r)})
	}
}

func tries(r events.SQSMessage) int {
	n, _ := strconv.Atoi(r.Attributes["ApproximateReceiveCount"]) // absent in hand-made events
	return max(n, 1)
}

// ByKind hands each delivery to the handler of its kind.
func ByKind(handlers map[string]Handler) Handler {
	return func(ctx context.Context, d Delivery) error {
		h, ok := handlers[d.Kind]
		if !ok {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		return h(ctx, d)
	}
}
