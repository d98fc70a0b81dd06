// Package e2e tests the deployed template over HTTP, from outside: what a
// visitor, a shop and an owner see. The tests share one stack and one site, so
// each uses addresses of its own.
package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clientele/internal/local/client"
	"clientele/internal/local/services"
	"clientele/internal/test/stack"
)

// surname is in what every test sends, and must be in no log.
const surname = "Zwaluwstaart"

// stage is a test's view of the stack: the demo site and the other one.
type stage struct {
	t          *testing.T
	ctx        context.Context
	run        services.Run
	api, other *client.Client
}

func open(t *testing.T) *stage {
	t.Helper()
	run := stack.Deployed(t)
	return &stage{t, t.Context(), run, client.New(run.APIURL, run.APIKey), client.New(run.APIURL, run.OtherAPIKey)}
}

var people atomic.Int64

// address is one that nobody has.
func (s *stage) address() string {
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(s.t.Name(), "Test")))
	return fmt.Sprintf("%.30s.%d.%x@e2e.example", name, people.Add(1), time.Now().UnixNano())
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// do sends v as JSON and wants a status.
func (s *stage) do(c *client.Client, want int, method, path string, v any, h ...string) client.Answer {
	s.t.Helper()
	a, err := c.Do(s.ctx, method, path, v, h...)
	s.must(err)
	s.wants(want, a, method+" "+path)
	return a
}

func (s *stage) wants(want int, a client.Answer, what string) {
	s.t.Helper()
	if a.Status != want {
		s.t.Fatalf("%s: %s; want %d", what, a, want)
	}
	if want >= 400 && want != http.StatusNotModified && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		s.t.Errorf("%s: the error is %q, not a problem", what, a.Header.Get("Content-Type"))
	}
}

// create makes a contact.
func (s *stage) create(v map[string]any, h ...string) client.Contact {
	s.t.Helper()
	var k client.Contact
	s.must(s.do(s.api, 201, "POST", "/v1/contacts", v, h...).JSON(&k))
	return k
}

// comes waits until the contact with an address is as it should be.
func (s *stage) comes(email string, as func(client.Contact) bool) client.Contact {
	s.t.Helper()
	var k client.Contact
	err := client.Until(s.ctx, 45*time.Second, func() (ok bool, err error) {
		k, ok, err = s.api.Recent(s.ctx, email)
		return ok && (as == nil || as(k)), err
	})
	if err != nil {
		s.t.Fatalf("%s: %v; it is %+v", email, err, k)
	}
	return k
}

// absent fails if the book has somebody with the address.
func (s *stage) absent(c *client.Client, email string) {
	s.t.Helper()
	if _, ok, err := c.Recent(s.ctx, email); ok || err != nil {
		s.t.Errorf("%s is in the book (%v)", email, err)
	}
}
