package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// A POST is safe to repeat in one of two ways, and its description says in which.
// What makes something takes an Idempotency-Key (Making): the record of the key is
// committed with what it makes. What comes out the same however often it is done
// (repeatable) needs none.

// Keyed is the key of a request without a body.
type Keyed struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"Makes the request safe to repeat for 24 hours; a fresh UUID is best"`
}

// Making is the key of a request with a body.
type Making struct {
	Keyed
	RawBody []byte
}

// once is the request of a caller, for the operation (and whatever of its path
// tells it from others); nil without a key.
func (k Keyed) once(c caller, now time.Time, what string) *contact.Once {
	return Making{Keyed: k}.once(c, now, what)
}

func (m Making) once(c caller, now time.Time, what string) *contact.Once {
	if m.Key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(what + "\x00" + hashJSON(m.RawBody)))
	return &contact.Once{Principal: c.by.ID, Key: m.Key, Hash: hex.EncodeToString(sum[:]), At: now}
}

// hashJSON is the same for two bodies that say the same, whatever their blanks
// and the order of their members.
func hashJSON(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) == nil {
		if b, err := json.Marshal(v); err == nil {
			body = b
		}
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// madeBy is what a request made before; see dynamo.Book.MadeBy.
type madeBy func(ctx context.Context, o *contact.Once) (made string, ok bool, err error)

// once has a request make something, whose record is committed with it, or finds
// what the request made before.
func once[T any](ctx context.Context, made madeBy, o *contact.Once, do func() (T, error), find func(id string) (T, error)) (_ T, replayed bool, err error) {
	before := func() (found T, ok bool, err error) {
		id, ok, err := made(ctx, o)
		if err != nil || !ok {
			return found, false, err
		}
		found, err = find(id)
		if crm.CodeOf(err) == crm.NotFound {
			err = crm.Errorf(crm.Gone, "what this request made was deleted since; take a new Idempotency-Key to make it again")
		}
		return found, true, err
	}
	if o == nil {
		out, err := do()
		return out, false, err
	}
	if found, ok, err := before(); ok || err != nil {
		return found, ok, err
	}
	out, err := do()
	if err == nil {
		return out, false, nil
	}
	// The request may have been here twice at once, and its own work is in its way; or
	// what it made is there, and what comes after that failed.
	if found, ok, again := before(); ok || crm.CodeOf(again) == crm.KeyReused {
		return found, ok, again
	}
	return out, false, err
}

func replayedHeader(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}

// repeatable marks an operation that comes out the same however often it is done,
// and says why.
func repeatable(why string, op huma.Operation) huma.Operation {
	op.Extensions = map[string]any{"x-idempotent": true}
	if op.Description != "" {
		op.Description += " "
	}
	op.Description += "Safe to repeat: " + why
	return op
}
