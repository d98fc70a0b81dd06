// Package webhook decides whether a delivery of a shop is genuine, before
// anything looks into it.
//
// Verify works on the raw bytes of the body: decode a base64 body of the
// gateway first, and never parse and re-serialise. Shopify and WooCommerce
// sign the body alone. Topic, shop and delivery id stand in headers that
// whoever replays a captured body may choose, and a replay has no age; so the
// route decides which source a delivery belongs to, every source has secrets
// of its own, and what is written must be monotonic. Our own kind follows
// Standard Webhooks, which signs an id and a moment as well.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is the dialect of a source; its values are those of the package order.
type Kind string

// The kinds.
const (
	Shopify     Kind = "shopify"
	WooCommerce Kind = "woocommerce"
	Own         Kind = "own" // Standard Webhooks
)

// Verdict is what to do with a genuine request; its zero value is no verdict.
type Verdict int

// The verdicts.
const (
	// Accepted is a signed delivery: store it.
	Accepted Verdict = iota + 1
	// Ping is WooCommerce asking whether somebody listens, when the webhook is
	// saved. It is not signed: answer exactly 200 and write nothing.
	Ping
)

// Limits.
const (
	Tolerance     = 300 * time.Second // how far a signed moment may lie from ours, either way
	maxID         = 255               // bytes of a webhook-id
	maxSignatures = 16                // signatures of one delivery
	maxHeader     = 4096              // bytes of a signature header
)

// Reason tells refusals apart.
type Reason string

// The reasons.
const (
	MissingHeader Reason = "missing_header"
	BadHeader     Reason = "bad_header"
	BadSignature  Reason = "bad_signature"
	Stale         Reason = "stale_timestamp"
	NoSecret      Reason = "no_secret"    // the source has no usable secret: ours to mend
	UnknownKind   Reason = "unknown_kind" // a fault of the program
)

// Error is a refusal. Its text is safe to show: it names a header at most,
// never a secret, a signature or a part of the body.
type Error struct {
	Reason Reason
	Text   string
}

func (e *Error) Error() string { return e.Text }

func refuse(r Reason, text string) (Verdict, error) { return 0, &Error{Reason: r, Text: text} }

// The headers of each kind.
const (
	shopifySignature = "X-Shopify-Hmac-Sha256"
	wooSignature     = "X-Wc-Webhook-Signature"
	ownID            = "Webhook-Id"
	ownTimestamp     = "Webhook-Timestamp"
	ownSignature     = "Webhook-Signature"
)

// Verify tells whether a request of the given kind is genuine. Secrets are all
// that are live at the moment, during a rotation two; empty ones are left out,
// since anybody can sign with an empty key. For Own a secret is base64 of at
// least 24 bytes, with or without the prefix "whsec_"; for the shops it is the
// text itself. Header names must be in Go's canonical form (http.Header.Set).
// An error is always an *Error.
//
// Sources: https://shopify.dev/docs/apps/build/webhooks/subscribe/https
// (X-Shopify-Hmac-SHA256), WooCommerce's class-wc-webhook.php
// (generate_signature, deliver_ping) and
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
func Verify(kind Kind, secrets []string, h http.Header, body []byte, now time.Time) (Verdict, error) {
	switch kind {
	case Shopify:
		return verifyBody(shopifySignature, secrets, h, body)
	case WooCommerce:
		if len(h.Values(wooSignature)) == 0 && isPing(body) {
			return Ping, nil
		}
		return verifyBody(wooSignature, secrets, h, body)
	case Own:
		return verifyOwn(secrets, h, body, now)
	}
	return refuse(UnknownKind, "this kind of source is not known")
}

// verifyBody checks a base64 HMAC-SHA256 of the body alone.
func verifyBody(header string, secrets []string, h http.Header, body []byte) (Verdict, error) {
	got, err := single(h, header, maxHeader)
	if err != nil {
		return 0, err
	}
	// Every secret is tried and the results are joined, so that the time taken
	// does not tell which one fits.
	fits, usable := false, false
	for _, s := range secrets {
		if s == "" {
			continue
		}
		usable = true
		// The text is compared, not what it decodes to: base64 has several
		// spellings of the same bytes, and only one is what the shop sends.
		if hmac.Equal([]byte(got), []byte(sign([]byte(s), body))) {
			fits = true
		}
	}
	switch {
	case !usable:
		return refuse(NoSecret, "this source has no secret to check signatures with")
	case !fits:
		return refuse(BadSignature, "the signature does not belong to this body; check the secret")
	}
	return Accepted, nil
}

func sign(key []byte, parts ...[]byte) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// verifyOwn is Standard Webhooks with symmetric keys. The project's Go library
// is not used because it reads the clock itself, takes an empty secret, and
// checks the moment before the signature.
func verifyOwn(secrets []string, h http.Header, body []byte, now time.Time) (Verdict, error) {
	id, err := single(h, ownID, maxID)
	if err != nil {
		return 0, err
	}
	timestamp, err := single(h, ownTimestamp, 20)
	if err != nil {
		return 0, err
	}
	signatures, err := single(h, ownSignature, maxHeader)
	if err != nil {
		return 0, err
	}
	// What is signed is id.timestamp.body. A dot in the id would let the same
	// bytes be read with another id, moment and body.
	if strings.Contains(id, ".") {
		return refuse(BadHeader, "the header webhook-id must not contain a dot")
	}
	seconds, ok := wholeNumber(timestamp)
	if !ok {
		return refuse(BadHeader, "the header webhook-timestamp must be whole seconds since 1970")
	}
	given := strings.Fields(signatures)
	if len(given) > maxSignatures {
		return refuse(BadHeader, "the header webhook-signature holds too many signatures")
	}
	fits, usable := false, false
	for _, s := range secrets {
		key, ok := ownKey(s)
		if !ok {
			continue
		}
		usable = true
		want := []byte("v1," + sign(key, []byte(id+"."+timestamp+"."), body))
		for _, g := range given { // other versions, as v1a, never compare equal
			if hmac.Equal([]byte(g), want) {
				fits = true
			}
		}
	}
	switch {
	case !usable:
		return refuse(NoSecret, "this source has no secret to check signatures with")
	case !fits:
		return refuse(BadSignature, "the signature does not belong to this request; check the secret")
	}
	// The age comes last: a stranger learns nothing of our clock.
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return refuse(Stale, "the request was signed more than 300 seconds from now; check the sender's clock and sign each retry anew")
	}
	return Accepted, nil
}

// ownKey decodes a secret of Standard Webhooks. The specification asks for 24
// to 64 bytes; longer keys do no harm, shorter ones can be guessed.
func ownKey(secret string) ([]byte, bool) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	return key, err == nil && len(key) >= 24
}

// single reads a header that must be there exactly once: of two, a proxy and
// we might each read another.
func single(h http.Header, name string, limit int) (string, error) {
	values := h.Values(name)
	shown := strings.ToLower(name)
	switch {
	case len(values) == 0 || values[0] == "":
		return "", &Error{MissingHeader, "the header " + shown + " is missing"}
	case len(values) > 1:
		return "", &Error{BadHeader, "the header " + shown + " is there more than once"}
	case len(values[0]) > limit:
		return "", &Error{BadHeader, "the header " + shown + " is too long"}
	}
	return values[0], nil
}

// isPing recognises the form body that WooCommerce posts when a webhook is
// saved, "webhook_id=17" and nothing else.
func isPing(body []byte) bool {
	id, ok := strings.CutPrefix(string(body[:min(len(body), 64)]), "webhook_id=")
	_, isNumber := wholeNumber(id)
	return ok && isNumber && len(body) < 64
}

// wholeNumber reads plain digits: no sign, no leading zero, nothing beyond
// what fits. So a moment has one spelling.
func wholeNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// Sign returns the headers with which a sender of the given kind would deliver
// body now; for tests and the demo. Id is the delivery's id, which the shops do
// not sign. The topic is left to the caller, see TopicHeader. A secret that
// Verify would not use gives a signature that it refuses.
func Sign(kind Kind, secret string, body []byte, id string, now time.Time) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	switch kind {
	case Shopify:
		h.Set("X-Shopify-Webhook-Id", id)
		h.Set(shopifySignature, sign([]byte(secret), body))
	case WooCommerce:
		h.Set("X-WC-Webhook-Delivery-ID", id)
		h.Set(wooSignature, sign([]byte(secret), body))
	case Own:
		timestamp := strconv.FormatInt(now.Unix(), 10)
		key, _ := ownKey(secret)
		h.Set(ownID, id)
		h.Set(ownTimestamp, timestamp)
		h.Set(ownSignature, "v1,"+sign(key, []byte(id+"."+timestamp+"."), body))
	}
	return h
}

// TopicHeader names the header in which a kind tells the topic of a delivery,
// "" if it has none. It is not signed: take it for a hint.
func TopicHeader(kind Kind) string {
	switch kind {
	case Shopify:
		return "X-Shopify-Topic"
	case WooCommerce:
		return "X-Wc-Webhook-Topic"
	}
	return ""
}
