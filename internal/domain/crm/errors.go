package crm

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code is what a program reads of an error. Each code has one HTTP status, in
// entry/httpapi; an error without a code is internal and its text stays inside.
type Code string

const (
	Invalid              Code = "invalid"               // the input is at fault; Faults says where
	Malformed            Code = "malformed"             // the input cannot be read at all
	Unauthorized         Code = "unauthorized"          // no credential, or one that is not known
	Forbidden            Code = "forbidden"             // a credential that may not do this
	NotFound             Code = "not-found"             // no such thing on this site
	Conflict             Code = "conflict"              // somebody else has it; Holder may name who
	Stale                Code = "stale"                 // changed since it was read
	PreconditionRequired Code = "precondition-required" // a change must say which version it changes
	KeyReused            Code = "idempotency-key-reused"
	Busy                 Code = "busy"      // lost too many races; the same call may go through in a moment
	TooLarge             Code = "too-large" // over a stated limit
	Gone                 Code = "gone"      // was here and takes nothing any more
	Unsupported          Code = "unsupported-media-type"
	Quota                Code = "quota-exceeded" // too many calls; Wait says for how long
	PlanRequired         Code = "plan-required"  // the site's plan lacks it; Plan names one that has it
)

// A Fault is one thing wrong with the input.
type Fault struct {
	Pointer string // RFC 6901 pointer into the body, or "header/…", "query/…"
	Detail  string // what is wrong and what to do, for a person
}

// Error is an error that may be shown to whoever caused it. Detail never holds
// data of anybody but the caller.
type Error struct {
	Code   Code
	Detail string
	Faults []Fault
	Holder ContactID     // Conflict: the contact that has the identity
	Wait   time.Duration // Quota: how long to wait
	Plan   string        // PlanRequired: the smallest plan that has it
	Cause  error         // for the log only
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code) + ": " + e.Detail)
	for _, f := range e.Faults {
		b.WriteString("; " + f.Pointer + ": " + f.Detail)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error with a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of the first coded error in the chain, "" for an internal one.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Faults collects every fault of one input, so that a person mends them all at once.
type Faults []Fault

// Add notes a fault at the JSON pointer.
func (f *Faults) Add(pointer, format string, args ...any) {
	*f = append(*f, Fault{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// Take adds the faults of an error that is about the input; any other error is
// given back.
func (f *Faults) Take(err error) error { return f.TakeAt("", err) }

// TakeAt is Take for a part of the input that begins at a pointer.
func (f *Faults) TakeAt(pointer string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != Invalid {
		return err
	}
	for _, one := range e.Faults {
		*f = append(*f, Fault{Pointer: pointer + one.Pointer, Detail: one.Detail})
	}
	return nil
}

// With is the error of these faults and of another error: one with all faults
// where that is about the input too.
func (f Faults) With(err error) error {
	if other := f.Take(err); other != nil && len(f) == 0 {
		return other
	}
	return f.Err()
}

// Err is nil without faults, otherwise one Invalid error with all of them.
func (f Faults) Err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return &Error{Code: Invalid, Detail: f[0].Detail, Faults: f}
	}
	return &Error{Code: Invalid, Detail: fmt.Sprintf("%d fields are at fault; each is listed in errors", len(f)), Faults: f}
}
