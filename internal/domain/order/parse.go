package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The kinds of source whose bodies Parse reads.
const (
	KindShopify     = "shopify"
	KindWooCommerce = "woocommerce"
	KindOwn         = "own" // our own schema, OwnOrder
)

// ErrIgnored marks a delivery that is in order but tells nothing about an
// order: errors.Is(err, ErrIgnored). Answer it with success, or the shop
// repeats it and in the end switches the webhook off.
var ErrIgnored = errors.New("not about an order")

// IgnoredError is an ErrIgnored with its reason.
type IgnoredError struct {
	Kind, Topic string
	Reason      string // safe to show
}

func (e *IgnoredError) Error() string {
	return fmt.Sprintf("%s event %q ignored: %s", e.Kind, e.Topic, e.Reason)
}

// Is makes errors.Is(e, ErrIgnored) true.
func (e *IgnoredError) Is(target error) bool { return target == ErrIgnored }

// Parse reads the body of a webhook of the given kind. Topic is what the shop
// calls the event: Shopify "orders/create", WooCommerce "order.updated", our
// own "order" or empty. The shop does not sign it, so it only tells orders
// from other things, and a body of the wrong sort is refused.
//
// Source is left to the caller. The error is an *IgnoredError for events that
// are not about orders, and an *InvalidError with every fault for a body that
// cannot be read; neither gets better by a retry. Texts of foreign shops that
// are too long are cut, our own schema refuses them.
//
// A notice of a deletion gives a Stub, which needs ReceivedAt.
func Parse(kind, topic string, body []byte) (Order, error) {
	topic = strings.ToLower(strings.TrimSpace(topic))
	var read func(string, object) (Order, error)
	switch kind {
	case KindShopify:
		read = parseShopify
	case KindWooCommerce:
		read = parseWooCommerce
	case KindOwn:
		read = parseOwn
	default:
		return Order{}, refuse("", "comes from a kind of source that is not known")
	}
	if reason := ignored(kind, topic); reason != "" {
		return Order{}, &IgnoredError{Kind: kind, Topic: clip(topic, MaxNumber), Reason: reason}
	}
	root, err := decode(body)
	if err != nil {
		return Order{}, err
	}
	root.r.strict = kind == KindOwn
	return read(topic, root)
}

// Ignored returns why a topic is not about an order, or "" if it is. Parse asks
// the same, so that a delivery may be set aside before its body is read.
func Ignored(kind, topic string) string {
	return ignored(kind, strings.ToLower(strings.TrimSpace(topic)))
}

// ignored is Ignored for a topic in lower case.
func ignored(kind, topic string) string {
	switch kind {
	case KindShopify:
		switch topic {
		case "orders/create", "orders/updated", "orders/paid", "orders/cancelled",
			"orders/fulfilled", "orders/partially_fulfilled", "orders/delete":
			return ""
		}
		resource, _, _ := strings.Cut(topic, "/")
		switch resource {
		case "customers":
			return "customers come in with their orders"
		case "refunds", "fulfillments", "order_transactions":
			return "orders/updated tells the same with the whole order"
		case "draft_orders", "checkouts", "carts":
			return "nobody ordered yet"
		}
	case KindWooCommerce:
		switch topic {
		case "order.created", "order.updated", "order.deleted", "order.restored":
			return ""
		}
		if resource, _, _ := strings.Cut(topic, "."); resource == "customer" {
			return "customers come in with their orders"
		}
	case KindOwn:
		switch topic {
		case "", "order", "order.created", "order.updated":
			return ""
		}
	}
	return "this event is not used"
}

func refuse(path, what string) error {
	return &InvalidError{Faults: []Fault{{Path: path, What: what}}}
}

// reader collects the faults of one body.
type reader struct {
	faults
	strict bool // our own schema: nothing unknown, nothing cut, no lenient types
}

// object is a JSON object at a path, nil m for one that is absent. Its methods
// read a field; an absent or null field reads as the zero value, a wrong type
// is a fault and reads as the zero value too.
type object struct {
	r    *reader
	path string
	m    map[string]any
	seen map[string]bool
}

// decode reads a body into exact values: numbers stay the text that was sent.
// What is no UTF-8 becomes U+FFFD.
func decode(body []byte) (object, error) {
	if len(body) > MaxBody {
		return object{}, refuse("", fmt.Sprintf("is larger than %d bytes", MaxBody))
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return object{}, refuse("", "is not JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return object{}, refuse("", "has more after its JSON")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return object{}, refuse("", "is not a JSON object")
	}
	return (&reader{}).object("", m), nil
}

func (r *reader) object(path string, m map[string]any) object {
	return object{r: r, path: path, m: m, seen: map[string]bool{}}
}

func (o object) at(key string) string { return o.path + "/" + key }

func (o object) fault(key, format string, args ...any) { o.r.add(o.at(key), format, args...) }

// get returns a field, nil if it is absent or null.
func (o object) get(key string) any {
	o.seen[key] = true
	return o.m[key]
}

// has reports whether a field is there and not null.
func (o object) has(key string) bool { return o.get(key) != nil }

// need adds a fault if a field is absent or null.
func (o object) need(keys ...string) {
	for _, k := range keys {
		if !o.has(k) {
			o.fault(k, "is missing")
		}
	}
}

// done refuses every field that was not asked for, if the schema is strict.
func (o object) done() {
	if !o.r.strict {
		return
	}
	for k := range sortedKeys(o.m) {
		if !o.seen[k] {
			o.fault(pointer(clip(k, MaxNumber)), "is not a field of the schema")
		}
	}
}

// text reads a text of at most limit characters. A foreign shop may send a
// number instead (a postcode, an SKU).
func (o object) text(key string, limit int) string {
	var s string
	switch v := o.get(key).(type) {
	case nil:
		return ""
	case string:
		s = v
	case json.Number:
		if o.r.strict {
			o.fault(key, "must be text")
			return ""
		}
		s = v.String()
	default:
		o.fault(key, "must be text")
		return ""
	}
	if o.r.strict {
		return s // Validate tells whether it is too long
	}
	return clip(s, limit)
}

// first reads the first text that is not blank.
func first(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// email reads an address. It is never cut: that would make another address.
func (o object) email(key string) string {
	s := o.text(key, MaxBody)
	if len(s) > MaxEmail && !o.r.strict {
		o.fault(key, "is longer than %d bytes", MaxEmail)
		return ""
	}
	return s
}

// id reads an id, a text or a whole number of any size; "0" says none.
func (o object) id(key string) string {
	var s string
	switch v := o.get(key).(type) {
	case nil:
		return ""
	case string:
		s = v
	case json.Number:
		if o.r.strict || !allDigits(v.String()) {
			o.fault(key, "must be an id")
			return ""
		}
		s = v.String()
	default:
		o.fault(key, "must be an id")
		return ""
	}
	if o.r.strict {
		return s
	}
	if len(s) > MaxID {
		o.fault(key, "is longer than %d bytes", MaxID)
		return ""
	}
	if s = strings.TrimSpace(s); s == "0" {
		return ""
	}
	return s
}

// literal reads a number as it was written, in text or as a JSON number.
func (o object) literal(key string) (string, bool) {
	switch v := o.get(key).(type) {
	case string:
		return v, true
	case json.Number:
		if !o.r.strict {
			return v.String(), true
		}
	}
	return "", false
}

// money reads an amount; absent is zero. An unknown currency is not reported
// here but once, by currency.
func (o object) money(key, currency string, read func(amount, currency string) (Money, error)) Money {
	zero := Money{Currency: currency}
	if !o.has(key) {
		return zero
	}
	s, ok := o.literal(key)
	if !ok {
		o.fault(key, "must be a decimal amount in quotes, like \"12.50\"")
		return zero
	}
	m, err := read(s, currency)
	if errors.Is(err, ErrCurrency) {
		return zero
	}
	if err != nil {
		o.fault(key, "%v", err)
		return zero
	}
	return m
}

// currency reads the code of the order's currency, which must be known.
func (o object) currency(key string) string {
	s := o.text(key, MaxNumber)
	if !o.r.strict {
		s = strings.ToUpper(strings.TrimSpace(s))
	}
	if s == "" {
		if !o.r.has(o.at(key)) {
			o.fault(key, "is missing")
		}
		return ""
	}
	if _, ok := Exponent(s); !ok {
		o.fault(key, "%v", ErrCurrency)
		return ""
	}
	return s
}

// moment reads a time with a zone (RFC 3339) as UTC in whole milliseconds.
func (o object) moment(key string) time.Time { return o.momentIn(key, time.RFC3339) }

func (o object) momentIn(key string, layouts ...string) time.Time {
	switch v := o.get(key).(type) {
	case nil:
		return time.Time{}
	case string:
		if v == "" && !o.r.strict {
			return time.Time{}
		}
		for _, layout := range layouts {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC().Truncate(time.Millisecond)
			}
		}
	}
	o.fault(key, "must be a moment like 2026-03-02T10:15:00Z")
	return time.Time{}
}

func (o object) boolean(key string) *bool {
	switch v := o.get(key).(type) {
	case nil:
		return nil
	case bool:
		return &v
	}
	o.fault(key, "must be true or false")
	return nil
}

// quantity reads a number of pieces. Fractions, which some shops sell by
// weight, are rounded half up.
func (o object) quantity(key string) int {
	const most = 1_000_000_000
	var s string
	switch v := o.get(key).(type) {
	case nil:
		return 0
	case json.Number:
		s = v.String()
	case string:
		if !o.r.strict {
			s = v
		}
	}
	d, isDecimal := parseDecimal(s)
	n, exact, fits := d.scaled(0)
	switch {
	case !isDecimal || o.r.strict && !exact:
		o.fault(key, "must be a whole number")
	case d.negative && n > 0:
		o.fault(key, "must not be negative")
	case !fits || n > most:
		o.fault(key, "is too large")
	default:
		return int(n)
	}
	return 0
}

// child reads an object; absent gives an empty one.
func (o object) child(key string) object {
	v := o.get(key)
	if m, ok := v.(map[string]any); ok {
		return o.r.object(o.at(key), m)
	}
	// PHP writes an empty map as an empty list.
	if list, isList := v.([]any); v != nil && !(isList && len(list) == 0 && !o.r.strict) {
		o.fault(key, "must be an object")
	}
	return o.r.object(o.at(key), nil)
}

// children reads a list of objects, at most limit of them, and how many more
// there are.
func (o object) children(key string, limit int) (list []object, more int) {
	v := o.get(key)
	if v == nil {
		return nil, 0
	}
	all, ok := v.([]any)
	if !ok {
		o.fault(key, "must be a list")
		return nil, 0
	}
	for i, v := range all {
		at := fmt.Sprintf("%s/%d", o.at(key), i)
		m, ok := v.(map[string]any)
		if !ok {
			o.r.add(at, "must be an object")
			continue
		}
		if len(list) == limit {
			more++
			continue
		}
		list = append(list, o.r.object(at, m))
	}
	return list, more
}

// country reads a code of ISO 3166-1; what is none reads as empty from a
// foreign shop, since the address is still of use without it.
func (o object) country(key string) string {
	s := o.text(key, MaxNumber)
	if o.r.strict {
		return s
	}
	if s = strings.ToUpper(strings.TrimSpace(s)); isCountry(s) {
		return s
	}
	return ""
}

// deletion reads a body that names nothing but the deleted order. A whole
// order is refused: whoever replays one under the topic of a deletion, which
// the shops do not sign, must not be able to delete it.
func deletion(root object) (Order, error) {
	o := Order{ExternalID: root.id("id"), Stub: true}
	if o.ExternalID == "" && !root.r.has("/id") {
		root.fault("id", "is missing")
	}
	if len(root.m) > 1 {
		root.r.add("", "holds more than the id of a deleted order")
	}
	return o, root.r.err()
}

// finish checks what was read and hands it out.
func finish(root object, o Order) (Order, error) {
	// The checks name the fields of our own schema, so a foreign body is
	// checked only after its own fields were in order.
	if root.r.strict || len(root.r.list) == 0 {
		o.check(&root.r.faults)
	}
	if err := root.r.err(); err != nil {
		return Order{}, err
	}
	return o, nil
}

// clip cuts a text to so many characters, never within one.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}

// pointer escapes a key for a JSON pointer, RFC 6901 section 3.
func pointer(key string) string {
	if !utf8.ValidString(key) {
		key = strings.ToValidUTF8(key, "\uFFFD")
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
