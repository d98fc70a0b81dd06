// Package faults makes calls to storage fail, before or after they took effect.
package faults

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
)

// A Fault decides the fate of the n-th call from 1: whether it takes effect, and
// what the caller is told. (true, err) is the time-out whose write went through.
type Fault func(n int, op string) (apply bool, err error)

// ErrDown is a failure that the SDK hands to its caller.
var ErrDown = errors.New("injected: the service is down")

// Blip is a failure that the SDK tries again by itself.
type Blip struct{}

func (Blip) Error() string        { return "injected: the connection broke" }
func (Blip) RetryableError() bool { return true }

// Injector puts a Fault into a client; Set it any time, nil heals.
type Injector struct {
	fault atomic.Pointer[Fault]
	calls atomic.Int64
}

// Set puts a fault in force and counts calls from 1 again.
func (i *Injector) Set(f Fault) {
	i.calls.Store(0)
	if f == nil {
		i.fault.Store(nil)
		return
	}
	i.fault.Store(&f)
}

// Calls is how many calls were made since Set.
func (i *Injector) Calls() int { return int(i.calls.Load()) }

// Option is for dynamo.Open. It stands inside the SDK's retries.
func (i *Injector) Option(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("Fault", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			n := int(i.calls.Add(1))
			f := i.fault.Load()
			if f == nil {
				return next.HandleFinalize(ctx, in)
			}
			apply, err := (*f)(n, middleware.GetOperationName(ctx))
			if !apply {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			out, meta, callErr := next.HandleFinalize(ctx, in)
			if err != nil && callErr == nil {
				return middleware.FinalizeOutput{}, meta, err
			}
			return out, meta, callErr
		}), middleware.After)
	})
}
