package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// A POST is safe to repeat in one of two ways, and its description says in which.
// What makes something takes an Idempotency-Key (Making): the record of the key is
// committed with what it makes. What comes out the same however often it is done
// (repeatable) needs none. Asking for a code by mail is neither: each is a new one, and they are few an hour.

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
			err = goneSince()
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

func goneSince() error {
	return crm.Errorf(crm.Gone, "what this request made was deleted since; take a new Idempotency-Key to make it again")
}

func replayedHeader(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}

// repeatable are the POSTs that come out the same however often they are done, and why.
var repeatable = map[string]string{
	"accept-invitation":     "the link works once, and is refused from then on.",
	"add-suppressions":      "an address is on the list or it is not.",
	"batch-get-contacts":    looks,
	"cancel-bulk":           "a job that is cancelled stays so.",
	"cancel-import":         "an import that is cancelled stays so.",
	"check-suppressions":    looks,
	"complete-avatar":       "the same file gives the same picture.",
	"complete-document":     "a document that is complete is told as it is.",
	"create-tag":            "a name has one tag, and no colour leaves the one that it has.",
	"finish-request":        "a request that is done stays so.",
	"look-up-contact":       looks,
	"pin-entry":             "an entry is pinned or it is not.",
	"preview-bulk":          looks,
	"preview-erasure":       looks,
	"preview-list-deletion": looks,
	"preview-merge":         looks,
	"price-basket":          looks,
	"record-consent":        "what is known already, of that moment, is not noted twice.",
	"register-device":       "the same token is the same device.",
	"rotate-source-secret":  "the ETag is of one version, and is refused from then on.",
	"run-import":            "an import that runs goes on.",
	"subscribe-contact":     "who is on the list stays on it, and nobody is asked twice a day.",
	"tag-contact":           "a contact has a tag or has it not.",
	"take-offers":           "the ETag is of one version, and is refused from then on.",
	"undo-merge":            "a merge that is undone stays so.",
	"unlock-contact":        "the ETag is of one version, and is refused from then on.",
	"unpin-entry":           "an entry is pinned or it is not.",
	"use-tag-preset":        "tags that are there stay, and the limit is set the first time alone.",
	"verify-my-email":       "a code works once, and is refused from then on.",
	"verify-sign-in":        "a code works once, and is refused from then on.",
}

const looks = "it changes nothing."

// repeats says of a POST how it is safe to repeat.
func repeats(op *huma.Operation) {
	why, ok := repeatable[op.OperationID]
	if !ok {
		return
	}
	op.Extensions = map[string]any{"x-idempotent": true}
	if op.Description = strings.TrimSuffix(op.Description, " Safe to repeat."); op.Description != "" {
		op.Description += " "
	}
	op.Description += "Safe to repeat: " + why
}
