package worker

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/entry/boot"
	"clientele/internal/entry/webhook"
)

// Limits of what is kept of a message that can never be an order.
const (
	keepFor   = 30 * 24 * time.Hour
	keepBytes = 300 << 10 // of the packed body; an item has 400 KB
)

// Intake brings the orders, payments, invoices and appointments of the queue into the books. What no retry can help
// (a body that is no order) is logged by its reasons, kept under its source for 30
// days, and done. Store errors and lost races come back.
func Intake(dir site.Directory, open func(site.Site) order.Book, clock crm.Clock) Handler {
	return func(ctx context.Context, d Delivery) error {
		if d.Kind != webhook.OrderMessage {
			return fmt.Errorf("a message of kind %q is not for this queue", d.Kind)
		}
		log := slog.With("site", boot.LogSite(d.Site), "message_id", d.ID, "shop", d.Attributes[webhook.AttrShop])
		s, err := dir.ByID(ctx, d.Site)
		if crm.CodeOf(err) == crm.NotFound {
			log.WarnContext(ctx, "order dropped", "reason", "the site is gone")
			return nil
		}
		if err != nil {
			return err
		}
		err = attach(ctx, open(s), s, d, clock.Now())
		if err == nil {
			log.InfoContext(ctx, "order taken")
			return nil
		}
		reasons, final := hopeless(err)
		if !final {
			return err
		}
		if errors.Is(err, order.ErrIgnored) {
			log.InfoContext(ctx, "order ignored", "reason", reasons)
			return nil
		}
		// Not the reasons: a shop's own field names stand in them, which may be
		// anything. They are kept with the message.
		log.WarnContext(ctx, "order refused and kept under its source", "faults", strings.Count(reasons, ";")+1)
		return keep(ctx, open(s), d, reasons, clock.Now())
	}
}

func attach(ctx context.Context, b order.Book, s site.Site, d Delivery, now time.Time) error {
	o, other, err := order.ParseDelivery(d.Attributes[webhook.AttrShop], d.Attributes[webhook.AttrTopic], d.Body)
	if err != nil {
		return err
	}
	if other != nil {
		other.Source = sourceName(d)
		return order.AttachDealing(ctx, b, other.ReceivedAt(received(d, now)), s.Policy(), now)
	}
	o.Source = sourceName(d)
	o = o.ReceivedAt(received(d, now))
	return order.Attach(ctx, b, o, s.Policy(), now)
}

// hopeless reports whether an error stays however often the message comes, and
// why, in words that hold no value of the message.
func hopeless(err error) (reasons string, final bool) {
	var invalid *order.InvalidError
	var ignored *order.IgnoredError
	switch {
	case errors.As(err, &ignored):
		return ignored.Reason, true
	case errors.As(err, &invalid):
		paths := make([]string, len(invalid.Faults))
		for i, f := range invalid.Faults {
			paths[i] = strings.TrimSpace(f.Path + " " + f.What)
		}
		return strings.Join(paths, "; "), true
	}
	switch code := crm.CodeOf(err); code {
	case crm.Invalid, crm.Malformed, crm.TooLarge:
		return string(code), true
	}
	return "", false
}

// keep stores the message as it came under its source, so that a person can see
// what the shop sends. Its id follows from the message: a repetition takes the
// same place.
func keep(ctx context.Context, b order.Book, d Delivery, reasons string, now time.Time) error {
	at := received(d, now)
	sum := sha256.Sum256(append([]byte(d.Attributes[webhook.AttrTopic]+"\x00"), d.Body...))
	id, err := ulid.New(ulid.Timestamp(at), bytes.NewReader(sum[:]))
	if err != nil {
		return fmt.Errorf("making an id: %w", err)
	}
	a := timeline.Activity{ID: id.String(), At: at, Kind: timeline.Order, Source: sourceName(d), Values: []timeline.Value{
		{Name: "refused", Text: reasons},
		{Name: "topic", Text: d.Attributes[webhook.AttrTopic]},
		{Name: "bytes", Text: strconv.Itoa(len(d.Body))},
	}}
	v, err := packed(d.Body)
	if err != nil {
		return err
	}
	if len(v.Text) <= keepBytes {
		a.Values = append(a.Values, v)
	}
	return b.KeepSubmission(ctx, sourceName(d), a, at.Add(keepFor))
}

// packed is the body as text, or compressed where it is long or no text.
func packed(body []byte) (timeline.Value, error) {
	if len(body) <= 16<<10 && utf8.Valid(body) {
		return timeline.Value{Name: "body", Text: string(body)}, nil
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(body); err != nil {
		return timeline.Value{}, fmt.Errorf("packing a body: %w", err)
	}
	if err := w.Close(); err != nil {
		return timeline.Value{}, fmt.Errorf("packing a body: %w", err)
	}
	return timeline.Value{Name: "body_gzip_base64", Text: base64.StdEncoding.EncodeToString(z.Bytes())}, nil
}

// sourceName is the source without its site: "shop" of "demo1-shop".
func sourceName(d Delivery) string {
	return strings.TrimPrefix(d.Attributes[webhook.AttrSource], string(d.Site)+"-")
}

// received is when the delivery reached us; the same for every redelivery.
func received(d Delivery, now time.Time) time.Time {
	t, err := time.Parse(time.RFC3339Nano, d.Attributes[webhook.AttrReceived])
	if err != nil {
		return now
	}
	return t.UTC()
}
