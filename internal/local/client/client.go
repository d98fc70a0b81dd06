// Package client speaks to a running Clientele as its users do: over HTTP, with
// an API key, a form or a shop's signature. The demo and the end-to-end tests
// share it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"clientele/internal/entry/webhook"
	"clientele/internal/local/services"
)

// Client is one API key at one address.
type Client struct {
	URL  string
	Key  string // empty: none is sent
	HTTP *http.Client
}

// New makes a client that gives up on a request after half a minute.
func New(address, key string) *Client {
	return &Client{URL: strings.TrimSuffix(address, "/"), Key: key, HTTP: &http.Client{
		Timeout: 30 * time.Second,
		// A redirect is an answer, to be looked at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 32},
	}}
}

// Answer is a response that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// Is reports whether the status is one of those given.
func (a Answer) Is(statuses ...int) bool {
	for _, s := range statuses {
		if a.Status == s {
			return true
		}
	}
	return false
}

// JSON unpacks the body.
func (a Answer) JSON(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("the answer (%d) is not the JSON that was expected: %w", a.Status, err)
	}
	return nil
}

func (a Answer) String() string { return fmt.Sprintf("%d %.500s", a.Status, a.Body) }

// Header is headers of a request, name and value in turn.
type Header []string

// JSONBody is the header of a JSON body.
var JSONBody = Header{"Content-Type", "application/json"}

// Send makes one request. The address is a path of the API or a whole URL; the
// key goes with paths alone. An error means that there was no answer.
func (c *Client) Send(ctx context.Context, method, address string, body io.Reader, h Header) (Answer, error) {
	own := strings.HasPrefix(address, "/")
	if own {
		address = c.URL + address
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return Answer{}, err
	}
	if own && c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	for i := 0; i+1 < len(h); i += 2 {
		switch h[i] {
		case "Host":
		case "Content-Length":
			if _, err := fmt.Sscan(h[i+1], &req.ContentLength); err != nil {
				return Answer{}, fmt.Errorf("content-length %q: %w", h[i+1], err)
			}
		default:
			req.Header.Set(h[i], h[i+1])
		}
	}
	start := time.Now()
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("reading the answer to %s: %w", method, err)
	}
	return Answer{res.StatusCode, res.Header, b, time.Since(start)}, nil
}

// Do sends v as JSON (nil: no body).
func (c *Client) Do(ctx context.Context, method, path string, v any, h ...string) (Answer, error) {
	if v == nil {
		return c.Send(ctx, method, path, nil, h)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return Answer{}, err
	}
	return c.Send(ctx, method, path, bytes.NewReader(b), append(JSONBody[:2:2], h...))
}

// call is Do for what has to succeed.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	a, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	if a.Status >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, a)
	}
	return a.JSON(out)
}

// Money is an amount in minor units.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Address is a postal address.
type Address struct {
	Street, Postcode, City, Country string
}

// Contact is what is looked at of a contact; of a row of a list some are empty.
type Contact struct {
	ID          string    `json:"id"`
	Version     int64     `json:"version"`
	Email       string    `json:"email"`
	Emails      []string  `json:"emails"`
	FirstName   string    `json:"first_name"`
	LastName    string    `json:"last_name"`
	Company     string    `json:"company"`
	Phone       string    `json:"phone"`
	Note        string    `json:"note"`
	Status      string    `json:"status"`
	Tags        []string  `json:"tags"`
	Consent     string    `json:"consent"`
	OrdersCount int       `json:"orders_count"`
	Revenue     []Money   `json:"revenue"`
	Address     Address   `json:"address"`
	Locked      *struct{} `json:"locked"` // there if a person edited details
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// ETag is the version as If-Match wants it.
func (c Contact) ETag() string { return fmt.Sprintf(`"%d"`, c.Version) }

// Contact reads one.
func (c *Client) Contact(ctx context.Context, id string) (k Contact, err error) {
	return k, c.call(ctx, "GET", "/v1/contacts/"+id, nil, &k)
}

// Page reads a page of contacts, last changed first.
func (c *Client) Page(ctx context.Context, limit int, cursor string) (list []Contact, next string, err error) {
	var p struct {
		Contacts   []Contact `json:"contacts"`
		NextCursor string    `json:"next_cursor"`
	}
	err = c.call(ctx, "GET", fmt.Sprintf("/v1/contacts?limit=%d&cursor=%s", limit, url.QueryEscape(cursor)), nil, &p)
	return p.Contacts, p.NextCursor, err
}

// All reads every contact.
func (c *Client) All(ctx context.Context) (all []Contact, err error) {
	for cursor := ""; ; {
		page, next, err := c.Page(ctx, 200, cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); next == "" {
			return all, nil
		}
		cursor = next
	}
}

// Recent looks for an address among the contacts that changed last, some
// thousand of them, and reads its contact; ok is false if it is not there.
func (c *Client) Recent(ctx context.Context, email string) (k Contact, ok bool, err error) {
	for cursor, pages := "", 0; pages < 10; pages++ {
		page, next, err := c.Page(ctx, 200, cursor)
		if err != nil {
			return k, false, err
		}
		for _, p := range page {
			if strings.EqualFold(p.Email, email) {
				k, err := c.Contact(ctx, p.ID)
				return k, err == nil, err
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	return k, false, nil
}

// Activity is an entry of a timeline, or a kept submission.
type Activity struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Ref    string `json:"ref"`
	Values []struct {
		Name string `json:"name"`
		Text string `json:"text"`
	} `json:"values"`
}

// Timeline reads the newest entries of a contact's timeline.
func (c *Client) Timeline(ctx context.Context, id string) ([]Activity, error) {
	var out struct {
		Activities []Activity `json:"activities"`
	}
	return out.Activities, c.call(ctx, "GET", "/v1/contacts/"+id+"/timeline?limit=200", nil, &out)
}

// Submissions reads what is kept under a form.
func (c *Client) Submissions(ctx context.Context, form string) ([]Activity, error) {
	var out struct {
		Submissions []Activity `json:"submissions"`
	}
	err := c.call(ctx, "GET", "/v1/forms/"+form+"/submissions", nil, &out)
	return out.Submissions, err
}

// Order is what is looked at of an order.
type Order struct {
	Source    string    `json:"source"`
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	Total     Money     `json:"total"`
	Refunded  Money     `json:"refunded"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Orders reads the orders of a contact.
func (c *Client) Orders(ctx context.Context, id string) ([]Order, error) {
	var out struct {
		Orders []Order `json:"orders"`
	}
	err := c.call(ctx, "GET", "/v1/contacts/"+id+"/orders", nil, &out)
	return out.Orders, err
}

// PostForm submits a form as a page's script does.
func (c *Client) PostForm(ctx context.Context, form string, values map[string]any) (Answer, error) {
	return c.Do(ctx, "POST", form, values, "Accept", "application/json")
}

// PostPlain submits a form as a browser does without a script.
func (c *Client) PostPlain(ctx context.Context, form string, values url.Values) (Answer, error) {
	return c.Send(ctx, "POST", form, strings.NewReader(values.Encode()),
		Header{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8"})
}

// Topics are what the shops call a new order.
var Topics = map[string]string{"shopify": "orders/create", "woocommerce": "order.created"}

// Deliver posts a webhook, signed as the kind of shop does.
func (c *Client) Deliver(ctx context.Context, kind string, to services.Source, id, topic string, body []byte) (Answer, error) {
	var h Header
	for name, v := range webhook.Sign(webhook.Kind(kind), to.Secret, body, id, time.Now()) {
		h = append(h, name, v[0])
	}
	if name := webhook.TopicHeader(webhook.Kind(kind)); name != "" && topic != "" {
		h = append(h, name, topic)
	}
	return c.Send(ctx, "POST", to.URL, bytes.NewReader(body), h)
}

// Until asks again, some five times a second, until done says so or fails.
func Until(ctx context.Context, within time.Duration, done func() (bool, error)) error {
	for end := time.Now().Add(within); ; {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("it did not come about within %s", within)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
