package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/admin"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

// SiteStore is what the site's API needs of the table.
type SiteStore interface {
	Callers
	admin.Store
	member.Store
	// MadeBy is what an earlier request of the same key made; see once.
	MadeBy(ctx context.Context, id crm.SiteID, o *contact.Once) (made string, ok bool, err error)
}

// Site is the API for what a site is set up with and who works for it: settings,
// members, API keys, forms, connections, the audit log, and sign-in. Links in
// mails begin with publicURL; where it is empty, with the host of the request,
// which a gateway lets through only if it is the API's own.
func Site(store SiteStore, clock crm.Clock, publicURL string) http.Handler {
	h := siteAPI{store, clock, strings.TrimRight(publicURL, "/")}
	api := serve(store, clock, MaxBody, func(a huma.API) { addSite(a, h) })
	mux := http.NewServeMux()
	addSignIn(newAPI(mux), h)
	addDoorPages(mux)
	public := Logged(limitBody(MaxBody, routed(mux)))
	top := http.NewServeMux()
	top.Handle("/", api)
	for _, p := range []string{"/v1/sign-in", "/v1/sign-in/", "/v1/invitations/", "/sign-in", "/invitation"} {
		top.Handle(p, public)
	}
	return withClient(onlyStraight(top))
}

type siteAPI struct {
	store SiteStore
	clock crm.Clock
	url   string
}

func addSite(api huma.API, h siteAPI) {
	addSettings(api, h)
	addMembers(api, h)
	addMe(api, h)
	addKeys(api, h)
	addFormSettings(api, h)
	addSources(api, h)
	addAudit(api, h)
}

const (
	clientKey ctxKey = 100 + iota
	linkKey
)

// client is where a request comes from.
type client struct {
	network member.Client
	agent   string
}

// withClient keeps what a handler needs to know of the request itself. The
// gateway gives the address that the connection came from, which nobody forges.
func withClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ip := r.RemoteAddr
		if host, _, err := net.SplitHostPort(ip); err == nil {
			ip = host
		}
		ctx := context.WithValue(r.Context(), clientKey, client{member.ClientOf(ip), r.UserAgent()})
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, linkKey, "https://"+r.Host)))
	})
}

func clientOf(ctx context.Context) client {
	c, _ := ctx.Value(clientKey).(client)
	return c
}

// link is what links in mails begin with.
func (h siteAPI) link(ctx context.Context) string {
	if h.url != "" {
		return h.url
	}
	l, _ := ctx.Value(linkKey).(string)
	return l
}

func (h siteAPI) made(c caller) madeBy {
	return func(ctx context.Context, o *contact.Once) (string, bool, error) {
		return h.store.MadeBy(ctx, c.site.ID, o)
	}
}

func (h siteAPI) by(ctx context.Context, c caller) admin.By {
	return admin.By{Actor: c.by, Request: requestID(ctx), At: h.clock.Now()}
}

// random gives n random bytes; reading them cannot fail.
func random[T [16]byte | [32]byte]() (b T) {
	switch v := any(&b).(type) {
	case *[16]byte:
		_, _ = rand.Read(v[:])
	case *[32]byte:
		_, _ = rand.Read(v[:])
	}
	return b
}

func randomCode() uint64 {
	b := random[[16]byte]()
	return binary.BigEndian.Uint64(b[:8])
}

// atVersion refuses a change that does not name the version it is of.
func atVersion(ifMatch string, version int64, what string) error {
	if err := needsVersion(ifMatch, what); err != nil {
		return err
	}
	if !matches(ifMatch, version) {
		return staleOf(what, version)
	}
	return nil
}

// pointer is nil for a field that a change leaves as it is.
func (o optional[T]) pointer() *T {
	if !o.set {
		return nil
	}
	return &o.value
}

// Versioned is a change of a version.
type Versioned struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is meant"`
}

var (
	changeErrors = []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
	createErrors = []int{http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge}
)

type automationJSON struct {
	Enabled  bool            `json:"enabled" doc:"The master switch: whether anything makes a lead a customer by itself" example:"true"`
	Disabled []contact.Event `json:"disabled" nullable:"false" doc:"Rules that are switched off: order, payment, invoice, appointment" example:"[\"appointment\"]"`
}

type settingsJSON struct {
	ID          crm.SiteID        `json:"id" example:"bakery1f3a"`
	Version     int64             `json:"version" doc:"Rises with each change of the settings; also the ETag" example:"3"`
	Name        string            `json:"name" example:"Bakkerij Jansen"`
	Country     string            `json:"country" doc:"ISO 3166-1 alpha-2; how phone numbers without a country are read" example:"NL"`
	Language    string            `json:"language" doc:"nl or en: what visitors and contacts read" example:"nl"`
	Plan        plan.Plan         `json:"plan" doc:"mini, business, pro or ecommerce; empty for a site without limits. The operator changes it" example:"pro"`
	LockScope   contact.LockScope `json:"lock_scope" doc:"What an edit by hand locks against sources: the contact, or the field" example:"contact"`
	MaxTags     int               `json:"max_tags" doc:"Tags that a contact may have" example:"50"`
	Automation  automationJSON    `json:"automation"`
	DoubleOptIn bool              `json:"double_opt_in" doc:"Who asks a form for mail of the site at all, without a list, confirms it by mail first; lists have their own switch" example:"true"`
	CreatedAt   time.Time         `json:"created_at"`
}

type settingsAnswer struct {
	ETag string `header:"ETag" doc:"The version, quoted; send it as If-Match to change"`
	Body settingsJSON
}

func settingsOf(s site.Site) *settingsAnswer {
	j := settingsJSON{ID: s.ID, Version: s.Version, Name: s.Name, Country: s.Country, Language: s.Language, Plan: s.Plan, LockScope: s.LockScope,
		MaxTags: s.MaxTags, DoubleOptIn: s.DoubleOptIn, CreatedAt: s.CreatedAt, Automation: automationJSON{!s.Automation.Off, list(s.Automation.Disabled)}}
	if j.LockScope == "" {
		j.LockScope = contact.LockContact
	}
	if j.MaxTags == 0 {
		j.MaxTags = contact.DefaultTags
	}
	return &settingsAnswer{ETag: etag(s.Version), Body: j}
}

func anyone(site.Actor) error { return nil }

func addSettings(api huma.API, h siteAPI) {
	tags := []string{"Site"}
	operationFor(api, anyone, huma.Operation{
		OperationID: "get-site", Method: http.MethodGet, Path: "/v1/site", Tags: tags,
		Summary: "The site and its settings", Description: "For every key and member.",
	}, func(_ context.Context, c caller, _ *struct{}) (*settingsAnswer, error) {
		return settingsOf(c.site), nil
	})
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-site", Method: http.MethodPatch, Path: "/v1/site", Tags: tags, MaxBodyBytes: -1,
		Summary: "Change the settings", Description: "A JSON merge patch: what is absent stays. Needs `If-Match` with the site's ETag.",
		Errors: []int{http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, h.changeSite)
}

type automationChange struct {
	Enabled  kept[bool]                `json:"enabled,omitempty" example:"true"`
	Disabled optional[[]contact.Event] `json:"disabled,omitempty" maxItems:"10" doc:"Replaces the rules that are switched off; null for none" example:"[\"appointment\"]"`
}

type changeSiteInput struct {
	Versioned
	Body struct {
		Name        kept[string]            `json:"name,omitempty" doc:"At most 200 characters" example:"Bakkerij Jansen"`
		Country     kept[string]            `json:"country,omitempty" example:"NL"`
		Language    kept[string]            `json:"language,omitempty" enum:"nl,en" example:"nl"`
		LockScope   kept[contact.LockScope] `json:"lock_scope,omitempty" enum:"contact,field" example:"field"`
		MaxTags     kept[int]               `json:"max_tags,omitempty" minimum:"1" maximum:"250" example:"50"`
		Automation  kept[automationChange]  `json:"automation,omitempty"`
		DoubleOptIn kept[bool]              `json:"double_opt_in,omitempty" example:"true"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeSiteInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		return in.change().Check(c.site)
	})
}

func (in *changeSiteInput) change() admin.Settings {
	b, a := in.Body, in.Body.Automation.given.value
	change := admin.Settings{Name: b.Name.pointer(), Country: b.Country.pointer(), Language: b.Language.pointer(), LockScope: b.LockScope.pointer(),
		MaxTags: b.MaxTags.pointer(), DoubleOptIn: b.DoubleOptIn.pointer(), Disabled: a.Disabled.pointer()}
	if on := a.Enabled.pointer(); on != nil {
		off := !*on
		change.AutomationOff = &off
	}
	return change
}

func (h siteAPI) changeSite(ctx context.Context, c caller, in *changeSiteInput) (*settingsAnswer, error) {
	s, err := admin.ChangeSettings(ctx, h.store, c.site.ID, h.by(ctx, c), in.change(), func(s site.Site) error {
		return atVersion(in.IfMatch, s.Version, "site")
	})
	if err != nil {
		return nil, err
	}
	return settingsOf(s), nil
}
