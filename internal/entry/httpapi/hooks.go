package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/message"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/entry/webhook"
)

// MaxHook is the largest body of a webhook, in bytes: more than the gateway
// hands to a function.
const MaxHook = 6 << 20

// Enqueuer keeps a message durably before it returns. crm.TooLarge for one that
// does not fit.
type Enqueuer interface {
	Send(ctx context.Context, m message.Message) error
}

// Hooks takes the webhooks of shops, POST /hooks/{source}: it verifies the raw
// bytes against the source's secrets, puts them on the queue in one write and
// answers. Nothing is parsed here, so an answer takes no longer on a busy day,
// and nothing that was not signed is written anywhere.
func Hooks(dir site.Directory, queue Enqueuer, clock crm.Clock) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/{source}", func(w http.ResponseWriter, r *http.Request) {
		status, err := takeHook(r, dir, queue, clock)
		if err != nil {
			WriteProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"status": status})
	})
	return Logged(routed(mux))
}

// takeHook returns accepted, ignored (signed, but not about an order) or pong.
func takeHook(r *http.Request, dir site.Directory, queue Enqueuer, clock crm.Clock) (string, error) {
	s, src, err := dir.BySource(r.Context(), r.PathValue("source"))
	if err != nil {
		return "", err
	}
	NoteSite(r.Context(), s.ID)
	body, err := ReadBody(r, MaxHook)
	if err != nil {
		return "", err
	}
	now := clock.Now()
	kind := webhook.Kind(src.Kind)
	verdict, err := webhook.Verify(kind, src.Live(now), r.Header, body, now)
	var refused *webhook.Error
	switch {
	case errors.As(err, &refused) && refused.Reason == webhook.UnknownKind:
		return "", fmt.Errorf("source of kind %q: %w", src.Kind, err)
	case err != nil:
		return "", &crm.Error{Code: crm.Unauthorized, Detail: err.Error()}
	case verdict == webhook.Ping:
		return "pong", nil
	}
	topic := ""
	if h := webhook.TopicHeader(kind); h != "" {
		topic = hint(r.Header.Get(h))
	}
	if order.Ignored(src.Kind, topic) != "" {
		return "ignored", nil
	}
	if !json.Valid(body) {
		// Signed, so it is the shop's own: an answer of 400 shows up on its side.
		return "", crm.Errorf(crm.Malformed, "the body is signed but is not JSON; set the webhook's format to JSON")
	}
	if src.Kind == order.KindOwn { // whoever writes to our own schema is helped most by hearing at once
		var invalid *order.InvalidError
		if _, _, err := order.ParseDelivery(src.Kind, topic, body); errors.As(err, &invalid) {
			var faults crm.Faults
			for _, f := range invalid.Faults {
				faults.Add(f.Path, "%s", f.What)
			}
			return "", faults.Err()
		}
	}
	err = queue.Send(r.Context(), message.Message{Site: s.ID, Kind: webhook.OrderMessage, Body: body, Attributes: map[string]string{
		webhook.AttrSource: src.ID, webhook.AttrShop: src.Kind, webhook.AttrTopic: topic, webhook.AttrDelivery: deliveryOf(r.Header),
		webhook.AttrReceived: now.Format(time.RFC3339Nano),
	}})
	if err != nil {
		return "", err
	}
	return "accepted", nil
}

func deliveryOf(h http.Header) string {
	for _, name := range []string{"X-Shopify-Webhook-Id", "X-Wc-Webhook-Delivery-Id", "Webhook-Id"} {
		if id := h.Get(name); id != "" {
			return hint(id)
		}
	}
	return ""
}

// hint is a header that anybody may have written, made safe to keep.
func hint(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 200)], "")
}
