package services

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// A Deployment is everything together: the services, the stack in them and the gateway before it.
type Deployment struct {
	DynamoDB  *DynamoDB
	MiniStack *MiniStack
	Stack     *Stack
	Gateway   *Gateway
	Stream    *Stream
	Mailbox   *Mailbox
	log       *os.File
}

// Up starts the services and deploys the template. What was started before an
// error is stopped again.
func Up(ctx context.Context, root, logs string, port int, say func(string, ...any)) (_ *Deployment, err error) {
	d := &Deployment{}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	say("starting DynamoDB Local and MiniStack")
	if d.DynamoDB, err = StartDynamoDB(ctx, root, filepath.Join(logs, "dynamodb.log")); err != nil {
		return nil, err
	}
	if d.Mailbox, err = StartMailbox(); err != nil {
		return nil, err
	}
	if d.MiniStack, err = StartMiniStack(ctx, root, d.DynamoDB.Endpoint, d.Mailbox.URL, filepath.Join(logs, "ministack.log")); err != nil {
		return nil, err
	}
	if err = d.Mailbox.HandsTo(d.MiniStack.Endpoint); err != nil {
		return nil, err
	}
	l, err := Listen(port)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if d.Stack, err = Deploy(ctx, root, d.MiniStack, d.DynamoDB, "http://"+l.Addr().String(), say); err != nil {
		return nil, err
	}
	if d.log, err = os.Create(filepath.Join(logs, "stream.log")); err != nil {
		return nil, err
	}
	if d.Stream, err = StartStream(d.Stack, d.log); err != nil {
		return nil, err
	}
	d.Gateway, err = StartGateway(d.Stack, d.Mailbox, l)
	return d, err
}

// Close stops everything, the last started first.
func (d *Deployment) Close() {
	if d.Gateway != nil {
		d.Gateway.Close()
	}
	if d.Stream != nil {
		d.Stream.Close()
	}
	if d.log != nil {
		d.log.Close()
	}
	if d.Mailbox != nil {
		defer d.Mailbox.Close() // after those who send
	}
	var all sync.WaitGroup
	if d.MiniStack != nil {
		all.Go(d.MiniStack.Close)
	}
	if d.DynamoDB != nil {
		all.Go(d.DynamoDB.Close)
	}
	all.Wait()
}

// Wait returns when the context ends (nil) or a service died (an error).
func (d *Deployment) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.DynamoDB.ended:
		return errors.New("DynamoDB Local died; see .local/log/dynamodb.log")
	case <-d.MiniStack.ended:
		return errors.New("MiniStack died; see .local/log/ministack.log")
	}
}
