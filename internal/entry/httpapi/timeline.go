package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

func addTimeline(api huma.API, h contactsAPI) {
	tags := []string{"Timeline"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-timeline", Method: http.MethodGet, Path: "/v1/contacts/{id}/timeline", Tags: tags,
		Summary: "What happened to a contact, newest first",
		Description: "Entries of some kinds or of a stretch of time alone, if asked for. A page is full unless it is the last one, or " +
			"10,000 entries were looked through for it; `next_cursor` goes with the same filter only.",
		Errors: []int{http.StatusNotFound},
	}, h.timeline)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/v1/contacts/{id}/orders", Tags: tags,
		Summary: "The orders of a contact", Description: "By shop and id in the shop.", Errors: []int{http.StatusNotFound},
	}, h.orders)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-figures", Method: http.MethodGet, Path: "/v1/contacts/{id}/figures", Tags: tags,
		Summary:     "The figures beside a contact's timeline",
		Description: "Strongly consistent: orders, revenue and average a currency, first and last order, last activity, open requests.",
		Errors:      []int{http.StatusNotFound},
	}, h.figures)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "finish-request", Method: http.MethodPost, Path: "/v1/contacts/{id}/requests/{activity}/done", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Mark a request as done",
		Description: "A submission that says something in words is an open request until it is marked as done or the contact is sent a message.",
		Errors:      []int{http.StatusNotFound},
	}, h.finishRequest)
}

type activityJSON struct {
	ID      string        `json:"id"`
	At      time.Time     `json:"at"`
	Kind    timeline.Kind `json:"kind" doc:"form, order, status, edit or created; more may come" example:"form"`
	Source  string        `json:"source,omitempty"`
	By      string        `json:"by,omitempty" doc:"The member or API key who did it"`
	Ref     string        `json:"ref,omitempty" doc:"What it is about, for example an order's source:id"`
	Changed []string      `json:"changed,omitempty" doc:"Names of the fields that changed"`
	Open    bool          `json:"open,omitempty" doc:"A request that nobody has answered or marked as done"`
	Pinned  bool          `json:"pinned,omitempty"`
	Entry   *writtenJSON  `json:"entry,omitempty" doc:"Of a note or a message: what a member wrote"`
	Values  []valueJSON   `json:"values,omitempty" doc:"What was said, in its order"`
}

type valueJSON struct {
	Name string `json:"name" example:"message"`
	Text string `json:"text"`
}

func activities(acts []timeline.Activity) []activityJSON {
	out := make([]activityJSON, len(acts))
	for i, a := range acts {
		out[i] = activityJSON{ID: a.ID, At: a.At, Kind: a.Kind, Source: a.Source, By: a.By, Ref: a.Ref, Changed: a.Changed, Open: a.Open,
			Pinned: a.Pinned, Entry: entryOf(a.Entry)}
		for _, v := range a.Values {
			out[i].Values = append(out[i].Values, valueJSON(v))
		}
	}
	return out
}

type timelineInput struct {
	ByID
	Paging
	Kind  []string  `query:"kind,explode" maxItems:"20" doc:"Entries of this kind; several times for several kinds" example:"order"`
	Since time.Time `query:"since" doc:"Entries of this moment or later"`
	Until time.Time `query:"until" doc:"Entries before this moment"`

	OnlyPinned bool `query:"pinned" doc:"true gives the pinned entries alone, in pinned"`
}

// list names what is asked for, so that a cursor fits no other filter.
func (in *timelineInput) list() string {
	kinds := slices.Clone(in.Kind)
	slices.Sort(kinds)
	return fmt.Sprintf("timeline %s %q %d %d", in.ID, slices.Compact(kinds), in.Since.UnixMicro(), in.Until.UnixMicro())
}

func (in *timelineInput) query() (timeline.Query, error) {
	q := timeline.Query{Since: in.Since, Until: in.Until, Limit: in.limit()}
	var faults crm.Faults
	for _, k := range in.Kind {
		if !slices.Contains(timeline.Kinds, timeline.Kind(k)) {
			faults.Add("query/kind", "a kind is one of %s", strings.Join(kindNames(), ", "))
			break
		}
		q.Kinds = append(q.Kinds, timeline.Kind(k))
	}
	if !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until) {
		faults.Add("query/until", "the end of the time asked for is not after its beginning")
	}
	return q, faults.Err()
}

func kindNames() []string {
	names := make([]string, len(timeline.Kinds))
	for i, k := range timeline.Kinds {
		names[i] = string(k)
	}
	return names
}

type timelineAnswer struct {
	Body struct {
		Pinned     []activityJSON `json:"pinned,omitempty" doc:"On the first page: the entries that are pinned, as far as they are asked for. They stand in activities as well"`
		Activities []activityJSON `json:"activities" nullable:"false"`
		NextCursor string         `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (h contactsAPI) timeline(ctx context.Context, c caller, in *timelineInput) (*timelineAnswer, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.After, err = c.site.OpenCursor(in.list(), in.Cursor); err != nil {
		return nil, err
	}
	b, out := h.open(c.site), &timelineAnswer{}
	out.Body.Activities = []activityJSON{}
	if in.Cursor == "" {
		pinned, err := b.Pinned(ctx, crm.ContactID(in.ID))
		if err != nil {
			return nil, err
		}
		pinned = slices.DeleteFunc(pinned, func(a timeline.Activity) bool { return !q.Wants(a) })
		out.Body.Pinned = activities(pinned)
	}
	if in.OnlyPinned {
		return out, nil
	}
	acts, next, err := b.Timeline(ctx, crm.ContactID(in.ID), q)
	if err != nil {
		return nil, err
	}
	out.Body.Activities = activities(acts)
	out.Body.NextCursor = c.site.SealCursor(in.list(), next)
	return out, nil
}

type orderJSON struct {
	Source    string       `json:"source" example:"shopify"`
	ID        string       `json:"id" doc:"The id in the shop" example:"450789469"`
	Number    string       `json:"number" example:"#1001"`
	Status    order.Status `json:"status" doc:"draft, open, paid, fulfilled, cancelled, refunded, failed" example:"paid"`
	Deleted   bool         `json:"deleted" doc:"The shop deleted it; it no longer counts"`
	Test      bool         `json:"test"`
	Total     moneyJSON    `json:"total"`
	Refunded  moneyJSON    `json:"refunded"`
	Items     []itemJSON   `json:"items" nullable:"false"`
	PlacedAt  time.Time    `json:"placed_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

type itemJSON struct {
	SKU       string    `json:"sku"`
	Title     string    `json:"title"`
	Quantity  int       `json:"quantity"`
	UnitPrice moneyJSON `json:"unit_price"`
}

type ordersInput struct {
	ByID
	Paging
}

type ordersAnswer struct {
	Body struct {
		Orders     []orderJSON `json:"orders" nullable:"false"`
		NextCursor string      `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (h contactsAPI) orders(ctx context.Context, c caller, in *ordersInput) (*ordersAnswer, error) {
	list := "orders " + in.ID
	after, err := c.site.OpenCursor(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	b := h.open(c.site)
	found, err := b.Get(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	orders, next, err := b.Orders(ctx, found.IDs(), in.limit(), after)
	if err != nil {
		return nil, err
	}
	out := &ordersAnswer{}
	out.Body.Orders = make([]orderJSON, len(orders))
	for i, o := range orders {
		j := orderJSON{Source: o.Source, ID: o.ExternalID, Number: o.Number, Status: o.Status, Deleted: o.Deleted(), Test: o.Test,
			Total: money(o.Total), Refunded: money(o.Refunded), PlacedAt: o.PlacedAt, UpdatedAt: o.UpdatedAt, Items: []itemJSON{}}
		for _, it := range o.Items {
			j.Items = append(j.Items, itemJSON{it.SKU, it.Title, it.Quantity, money(it.UnitPrice)})
		}
		out.Body.Orders[i] = j
	}
	out.Body.NextCursor = c.site.SealCursor(list, next)
	return out, nil
}

func money(m order.Money) moneyJSON { return moneyJSON{m.Minor, m.Currency} }

type figuresJSON struct {
	OrdersCount      int           `json:"orders_count" doc:"Orders that count: not cancelled, failed, draft, deleted or test" example:"2"`
	Revenue          []revenueJSON `json:"revenue" nullable:"false" doc:"One line a currency; currencies are never summed"`
	FirstOrderAt     *time.Time    `json:"first_order_at,omitempty"`
	LastOrderAt      *time.Time    `json:"last_order_at,omitempty"`
	LastActivityAt   time.Time     `json:"last_activity_at" doc:"Of the newest entry of the timeline that is not in the future: orders, payments, invoices, appointments that were, and what people did"`
	LastActivityKind timeline.Kind `json:"last_activity_kind" example:"order"`
	OpenRequests     int           `json:"open_requests" doc:"Requests that nobody has answered or marked as done, at most 200" example:"1"`
}

type revenueJSON struct {
	Orders  int       `json:"orders" example:"2"`
	Total   moneyJSON `json:"total" doc:"Refunds taken off"`
	Average moneyJSON `json:"average" doc:"Of an order"`
}

type figuresAnswer struct{ Body figuresJSON }

func (h contactsAPI) figures(ctx context.Context, c caller, in *ByID) (*figuresAnswer, error) {
	b := h.open(c.site)
	found, err := b.Get(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	acts, _, err := b.Timeline(ctx, found.ID, timeline.Query{Limit: 1, Until: h.clock.Now().Add(time.Millisecond)})
	if err != nil {
		return nil, err
	}
	f := found.Figures
	j := figuresJSON{OrdersCount: f.Orders, Revenue: []revenueJSON{}, FirstOrderAt: when(f.FirstAt), LastOrderAt: when(f.LastAt), OpenRequests: len(found.Open)}
	for _, cur := range f.Currencies() {
		j.Revenue = append(j.Revenue, revenueJSON{f.In(cur), moneyJSON{f.Revenue[cur], cur}, moneyJSON{f.Average(cur), cur}})
	}
	for _, a := range acts { // the newest; a contact's making is one at least
		j.LastActivityAt, j.LastActivityKind = a.At, a.Kind
	}
	return &figuresAnswer{j}, nil
}

type requestInput struct {
	ByID
	Activity string `path:"activity" doc:"The id of the timeline's entry" example:"01JD9Z8B6RQ7XKQ1M0V4T2C5YE"`
}

func (h contactsAPI) finishRequest(ctx context.Context, c caller, in *requestInput) (*struct{}, error) {
	now := h.clock.Now()
	_, err := h.open(c.site).Change(ctx, crm.ContactID(in.ID), now, func(k *contact.Contact) ([]timeline.Activity, error) {
		if err := k.Done(in.Activity); err != nil {
			return nil, err
		}
		return []timeline.Activity{{At: now, Kind: timeline.Edit, Source: c.by.Source(), By: c.by.ID, Ref: in.Activity, Changed: []string{"requests"}}}, nil
	})
	return nil, err
}
