package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/group"
	"clientele/internal/domain/order"
	"clientele/internal/domain/privacy"
	"clientele/internal/domain/site"
	"clientele/internal/domain/tag"
	"clientele/internal/domain/timeline"
)

// ContactBook is what the contacts API needs of a site's book.
type ContactBook interface {
	bulk.Book
	tag.Store
	group.Store
	contact.Batch
	consent.Book
	contact.Devices
	mergeBook
	entryBook
	fileBook
	privacy.Book // its Erase is DeleteBy, after which no file brings the person back
	// Left is the job that a change of the settings left to do within the last day.
	Left(ctx context.Context, thing, into string, now time.Time) (job string, ok bool, err error)
	// LeaveTo puts another job in the place of was, which ended without doing it; the answer is
	// the job that is there, of whoever came first.
	LeaveTo(ctx context.Context, thing, into, was, job string, now time.Time) (string, error)
	Orders(ctx context.Context, of []crm.ContactID, limit int, after string) (orders []order.Order, next string, err error)
	Submissions(ctx context.Context, form string, limit int) ([]timeline.Activity, error)
}

// Contacts is the API for contacts, and the OpenAPI description of the whole API. Links in
// mails begin with publicURL; where it is empty, with the host of the request.
func Contacts(dir Sites, open func(site.Site) ContactBook, jobs Jobs, files document.Bucket, clock crm.Clock, publicURL string) http.Handler {
	h := contactsAPI{dir, open, jobs, files, clock, publicURL, &usages{}}
	many := serve(dir, clock, maxManyIDs, func(a huma.API) { addBulk(a, h) })
	mux := http.NewServeMux()
	mux.Handle("/", serveOr(elsewhere, dir, clock, MaxBody, func(a huma.API) { addContacts(a, h) }))
	mux.Handle("/v1/bulk", many)
	mux.Handle("/v1/bulk/", many)
	mux.Handle("GET /v1/openapi.json", Logged(openAPIHandler()))
	return onlyStraight(mux)
}

type contactsAPI struct {
	dir   Sites
	open  func(site.Site) ContactBook
	jobs  Jobs
	files document.Bucket
	clock crm.Clock
	url   string
	used  *usages
}

type moneyJSON struct {
	Amount   int64  `json:"amount" doc:"In minor units: cents for EUR" example:"2995"`
	Currency string `json:"currency" doc:"ISO 4217" example:"EUR"`
}

type originJSON struct {
	Source   string        `json:"source" doc:"member, api, form:<id>, import:<job> or a webshop's source" example:"form:demo-contact"`
	By       string        `json:"by,omitempty" doc:"The member or API key that made it by hand" example:"key_7f3a"`
	At       time.Time     `json:"at"`
	Channel  string        `json:"channel,omitempty" doc:"search, social, ads, email, affiliate, referral, campaign or direct, where it is known" example:"search"`
	Campaign *campaignJSON `json:"campaign,omitempty"`
	Referrer string        `json:"referrer,omitempty" doc:"Host and path of the page before" example:"www.google.com/"`
	Landing  string        `json:"landing_page,omitempty" doc:"Host and path of the first page" example:"www.example.nl/winter"`
	Device   *deviceJSON   `json:"device,omitempty"`
}

// campaignJSON is what the followed link said: utm_source, utm_medium …
type campaignJSON struct {
	Source  string `json:"source,omitempty" example:"newsletter"`
	Medium  string `json:"medium,omitempty" example:"email"`
	Name    string `json:"name,omitempty" example:"winter"`
	Term    string `json:"term,omitempty"`
	Content string `json:"content,omitempty"`
}

type deviceJSON struct {
	Class   string `json:"class,omitempty" doc:"phone, tablet, computer or bot" example:"phone"`
	Browser string `json:"browser,omitempty" example:"Safari"`
	OS      string `json:"os,omitempty" example:"iOS"`
}

func originOf(o contact.Origin) originJSON {
	j := originJSON{Source: o.Source, By: o.By, At: o.At, Channel: o.Visit.Channel, Referrer: o.Visit.Referrer, Landing: o.Visit.Landing}
	if c := campaignJSON(o.Visit.Campaign); c != (campaignJSON{}) {
		j.Campaign = &c
	}
	if d := deviceJSON(o.Visit.Device); d != (deviceJSON{}) {
		j.Device = &d
	}
	return j
}

// ContactJSON is a contact in full.
type contactJSON struct {
	ID               crm.ContactID      `json:"id" example:"ct_0123456789abcdefghjkmnpqrs"`
	Version          int64              `json:"version" doc:"Rises with each change; also the ETag" example:"3"`
	Email            string             `json:"email" doc:"Main address; empty if there is none" example:"emma@voorbeeld.example"`
	Emails           []string           `json:"emails" nullable:"false" doc:"Further addresses that find this contact"`
	FirstName        string             `json:"first_name" example:"Emma"`
	LastName         string             `json:"last_name" example:"de Vries"`
	Company          string             `json:"company"`
	Phone            string             `json:"phone" doc:"E.164 where it can be read, else as typed" example:"+31612345678"`
	Mobile           string             `json:"mobile"`
	Phones           []string           `json:"phones" nullable:"false" doc:"Further phones, in the order of the numbers"`
	AsTyped          []string           `json:"as_typed" nullable:"false" doc:"Which phones and VAT numbers could not be read and stand here as they were typed" example:"[\"phone\",\"phones/1\"]"`
	Website          string             `json:"website"`
	Language         string             `json:"language" doc:"BCP 47" example:"nl"`
	BirthDate        string             `json:"birth_date" doc:"YYYY-MM-DD" example:"1985-03-31"`
	Gender           string             `json:"gender"`
	VATNumber        string             `json:"vat_number" doc:"As its country writes it where it can be read, else as typed" example:"NL000099998B57"`
	FiscalNumber     string             `json:"fiscal_number" doc:"Any other number of a tax office"`
	PreferredChannel string             `json:"preferred_channel" doc:"How the person likes to be reached: email, phone, sms, whatsapp, post, or empty" example:"whatsapp"`
	Note             string             `json:"note"`
	Address          addressJSON        `json:"address"`
	BillingAddress   addressJSON        `json:"billing_address"`
	ShippingAddress  addressJSON        `json:"shipping_address"`
	Custom           customValues       `json:"custom" doc:"Values of the site's own fields by key, each as the field's type is in JSON; see /v1/custom-fields"`
	Status           contact.Status     `json:"status" doc:"lead, customer, vip, inactive or one that the site made" example:"lead"`
	StatusManual     bool               `json:"status_manual" doc:"Given by hand: the automation leaves it until it is given back with \"status\": null"`
	Tags             []string           `json:"tags" nullable:"false" example:"[\"newsletter\"]"`
	Group            string             `json:"group" doc:"The id of the customer group; empty for none" example:"gr_01k2abcdefghjkmnpqrstvwxyz"`
	Consent          contact.Consent    `json:"consent" doc:"To all e-mail of the site: never, pending, subscribed, bounced, unsubscribed or complained. A newsletter list has a state of its own" example:"subscribed"`
	ConsentSince     *time.Time         `json:"consent_since,omitempty" doc:"Since when it is so"`
	ConsentSource    string             `json:"consent_source,omitempty" doc:"What said so: form:<id>, import:<job>, api, member, link, one-click, provider; suppression: the address took no mail before this contact had it" example:"link"`
	Subscriptions    []subscriptionJSON `json:"subscriptions" nullable:"false" doc:"Where they stand with newsletter lists"`
	ExternalIDs      []string           `json:"external_ids" nullable:"false" doc:"Ids in other systems, source:id"`
	OrdersCount      int                `json:"orders_count" doc:"Orders that count: not cancelled, failed, draft or test" example:"2"`
	Revenue          []moneyJSON        `json:"revenue" nullable:"false" doc:"One sum a currency, refunds taken off"`
	FirstOrderAt     *time.Time         `json:"first_order_at,omitempty"`
	LastOrderAt      *time.Time         `json:"last_order_at,omitempty"`
	Avatar           string             `json:"avatar,omitempty" doc:"Where their picture is" example:"/v1/contacts/ct_0123456789abcdefghjkmnpqrs/avatar"`
	Origin           originJSON         `json:"origin"`
	Locked           *lockJSON          `json:"locked,omitempty" doc:"There if details were edited by hand; orders and forms then leave them, and what they say is an offer"`
	Merged           []crm.ContactID    `json:"merged" nullable:"false" doc:"Contacts that went into this one; their ids lead here"`
	CreatedAt        time.Time          `json:"created_at"`
	UpdatedAt        time.Time          `json:"updated_at"`
}

// rowJSON is a contact in a list.
type rowJSON struct {
	ID          crm.ContactID   `json:"id" example:"ct_0123456789abcdefghjkmnpqrs"`
	Version     int64           `json:"version" example:"3"`
	Email       string          `json:"email" example:"emma@voorbeeld.example"`
	FirstName   string          `json:"first_name" example:"Emma"`
	LastName    string          `json:"last_name" example:"de Vries"`
	Company     string          `json:"company"`
	Phone       string          `json:"phone" example:"+31612345678"`
	Status      contact.Status  `json:"status" example:"lead"`
	Tags        []string        `json:"tags" nullable:"false"`
	Group       string          `json:"group" doc:"The id of the customer group; empty for none" example:""`
	Consent     contact.Consent `json:"consent" example:"never"`
	Lists       []string        `json:"lists" nullable:"false" doc:"Newsletter lists that may be sent to them"`
	OrdersCount int             `json:"orders_count" example:"0"`
	City        string          `json:"city"`
	Postcode    string          `json:"postcode"`
	Country     string          `json:"country"`
	Language    string          `json:"language"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
}

type addressChange struct {
	Street   optional[string] `json:"street,omitempty"`
	Street2  optional[string] `json:"street_2,omitempty"`
	Postcode optional[string] `json:"postcode,omitempty"`
	City     optional[string] `json:"city,omitempty"`
	Region   optional[string] `json:"region,omitempty"`
	Country  optional[string] `json:"country,omitempty"`
}

// contactChange is the body of a create and of a merge patch.
type contactChange struct {
	Email            optional[string]         `json:"email,omitempty" doc:"Main address, at most 254 bytes" example:"emma@voorbeeld.example"`
	Emails           optional[[]string]       `json:"emails,omitempty" doc:"Further addresses, at most 9"`
	FirstName        optional[string]         `json:"first_name,omitempty" doc:"At most 200 characters" example:"Emma"`
	LastName         optional[string]         `json:"last_name,omitempty" doc:"At most 200 characters" example:"de Vries"`
	Company          optional[string]         `json:"company,omitempty" doc:"At most 300 characters"`
	Phone            optional[string]         `json:"phone,omitempty" doc:"Any spelling; kept as E.164 where it can be read" example:"06 12345678"`
	Mobile           optional[string]         `json:"mobile,omitempty"`
	Phones           optional[[]string]       `json:"phones,omitempty" doc:"Further phones, at most 10; replaces the list" example:"[\"+31201234567\"]"`
	Website          optional[string]         `json:"website,omitempty"`
	Language         optional[string]         `json:"language,omitempty" doc:"BCP 47" example:"nl"`
	BirthDate        optional[string]         `json:"birth_date,omitempty" doc:"YYYY-MM-DD"`
	Gender           optional[string]         `json:"gender,omitempty" doc:"Free text, at most 50 characters"`
	VATNumber        optional[string]         `json:"vat_number,omitempty" doc:"Checked where the number or the contact's address names a country of the EU, GB, CH or NO" example:"NL000099998B57"`
	FiscalNumber     optional[string]         `json:"fiscal_number,omitempty" doc:"At most 50 characters"`
	PreferredChannel optional[string]         `json:"preferred_channel,omitempty" doc:"email, phone, sms, whatsapp or post" example:"whatsapp"`
	Note             optional[string]         `json:"note,omitempty" doc:"Plain text, at most 5,000 characters"`
	Address          optional[*addressChange] `json:"address,omitempty"`
	BillingAddress   optional[*addressChange] `json:"billing_address,omitempty"`
	ShippingAddress  optional[*addressChange] `json:"shipping_address,omitempty"`
	Custom           optional[customChange]   `json:"custom,omitempty" doc:"Values of the site's own fields by key: an absent one stays, null clears it. A number may come as text"`
	Status           optional[string]         `json:"status,omitempty" doc:"lead, customer, vip, inactive or one that the site made. Set by hand it stays; null gives it back to the automation"`
	Tags             optional[[]string]       `json:"tags,omitempty" doc:"Replaces all tags; compared without case"`
	Group            optional[string]         `json:"group,omitempty" doc:"The id of a customer group; null for none"`
	Consent          optional[string]         `json:"consent,omitempty" doc:"To e-mail: never, pending, subscribed, bounced, unsubscribed or complained. It lifts no refusal: see record-consent"`
	ExternalIDs      optional[[]string]       `json:"external_ids,omitempty" doc:"source:id, at most 20"`
}

type contactAnswer struct {
	ETag     string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or delete"`
	Location string `header:"Location"`
	Where    string `header:"Content-Location" doc:"There if the id is that of a contact that was merged: the address of the one it went into, which this is"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made the contact"`
	Body     contactJSON
}

// ByID and Paging are exported as huma reads embedded parameters of exported types alone.
type ByID struct {
	ID string `path:"id" doc:"The contact's id; the id of a merged contact gives the one it went into" example:"ct_0123456789abcdefghjkmnpqrs"`
}

type Paging struct {
	Limit  int    `query:"limit" minimum:"1" default:"50" doc:"Rows a page; more than 200 gives 200"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next_cursor of the page before; empty gives the first page"`
}

func (p Paging) limit() int { return min(p.Limit, 200) }

func addContacts(api huma.API, h contactsAPI) {
	tags := []string{"Contacts"}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "create-contact", Method: http.MethodPost, Path: "/v1/contacts", Tags: tags,
		DefaultStatus: http.StatusCreated, MaxBodyBytes: -1, Summary: "Create a contact",
		Description: "Only an e-mail address is needed (or a phone number, or an external id). An address that another contact " +
			"has is refused with 409 and a link to that contact. With an `Idempotency-Key` the request can be repeated for 24 hours.",
		Errors: []int{http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge},
	}, h.create)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-contacts", Method: http.MethodGet, Path: "/v1/contacts", Tags: tags,
		Summary: "List contacts, last changed first", Description: "Strongly consistent: a contact that was just written is in it.",
	}, h.list)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-contact", Method: http.MethodGet, Path: "/v1/contacts/{id}", Tags: tags,
		Summary: "Get a contact", Description: "Strongly consistent.", Errors: []int{http.StatusNotFound, http.StatusNotModified},
	}, h.get)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "change-contact", Method: http.MethodPatch, Path: "/v1/contacts/{id}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Change a contact",
		Description: "A JSON merge patch (RFC 7396): what is absent stays, null clears, arrays are replaced. Needs `If-Match` with the " +
			"contact's ETag. A change of the details locks them: orders and forms no longer change them.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, h.change)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "delete-contact", Method: http.MethodDelete, Path: "/v1/contacts/{id}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete a contact",
		Description: "The contact and its timeline go; orders stay without personal data. Needs `If-Match` with the contact's ETag.",
		Errors:      []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, h.delete)
	addBatch(api, h)
	addLocks(api, h)
	addTags(api, h)
	addGroups(api, h)
	addCustomFields(api, h)
	addMerges(api, h)
	addErasures(api, h)
	addStatuses(api, h)
	addAddresses(api, h)
	addConsents(api, h)
	addDevices(api, h)
	addTimeline(api, h)
	addEntries(api, h)
	addFiles(api, h)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-submissions", Method: http.MethodGet, Path: "/v1/forms/{form}/submissions", Tags: []string{"Forms"},
		Summary:     "Submissions that are kept under a form",
		Description: "Those that named nobody, and those that a robot seems to have sent (kept for 30 days). The newest 200.",
		Errors:      []int{http.StatusNotFound},
	}, h.submissions)
}

type createInput struct {
	Making
	Body contactChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error { return draft(c, in.Body) })
}

// draft finds what is at fault in a contact to be, where the schema found something as well: who
// gives a phone number of a wrong kind is not told to give one.
func draft(c caller, b contactChange) error {
	p := b.patch()
	if p.Email.Set && p.Email.Value == "" || p.Phone.Set || p.Mobile.Set || p.ExternalIDs.Set && len(p.ExternalIDs.Value) == 0 {
		p.ExternalIDs = contact.Opt[[]string]{Set: true, Value: []string{"x:x"}}
	}
	_, err := contact.Draft(p, c.site.Policy(), c.by.Source(), c.by.ID, c.at)
	return err
}

func (h contactsAPI) create(ctx context.Context, c caller, in *createInput) (*contactAnswer, error) {
	var faults crm.Faults
	if err := faults.Take(h.hasGroup(ctx, c, in.Body.Group.value, "/group")); err != nil {
		return nil, err
	}
	now := h.clock.Now()
	made, err := contact.Draft(in.Body.patch(), c.site.Policy(), c.by.Source(), c.by.ID, now)
	if err = faults.With(err); err != nil {
		return nil, err
	}
	made, replayed, err := h.open(c.site).Create(ctx, made, in.once(c, now, "create-contact"))
	if err != nil {
		return nil, err
	}
	a := answer(made, c.site.Policy())
	a.Location = "/v1/contacts/" + string(made.ID)
	a.Replayed = replayedHeader(replayed)
	return a, nil
}

type listInput struct{ Paging }

type listAnswer struct {
	Body struct {
		Contacts   []rowJSON `json:"contacts" nullable:"false"`
		NextCursor string    `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (h contactsAPI) list(ctx context.Context, c caller, in *listInput) (*listAnswer, error) {
	after, err := c.site.OpenCursor("contacts", in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, next, err := h.open(c.site).List(ctx, in.limit(), after)
	if err != nil {
		return nil, err
	}
	out := &listAnswer{}
	out.Body.Contacts = rowsJSON(rows, c.site.Policy())
	out.Body.NextCursor = c.site.SealCursor("contacts", next)
	return out, nil
}

// rowsJSON tells of the lists that the site still has.
func rowsJSON(rows []contact.Row, pol contact.Policy) []rowJSON {
	out := make([]rowJSON, len(rows))
	for i, r := range rows {
		r.Lists = slices.DeleteFunc(r.Lists, func(id string) bool { _, ok := pol.List(id); return !ok })
		out[i] = rowJSON{r.ID, r.Version, r.Email, r.FirstName, r.LastName, r.Company, r.Phone, r.Status, list(r.Tags), r.Group,
			r.Consent, list(r.Lists), r.Orders, r.City, r.Postcode, r.Country, r.Language, r.CreatedAt, r.UpdatedAt}
	}
	return out
}

type getInput struct {
	ByID
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag that is known; 304 if it still holds"`
}

func (h contactsAPI) get(ctx context.Context, c caller, in *getInput) (*contactAnswer, error) {
	found, err := h.open(c.site).Get(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	if in.IfNoneMatch != "" && matches(in.IfNoneMatch, found.Version) {
		return nil, &notModified{etag(found.Version)}
	}
	a := answer(found, c.site.Policy())
	if string(found.ID) != in.ID {
		a.Where = "/v1/contacts/" + string(found.ID)
	}
	return a, nil
}

type changeInput struct {
	ByID
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is changed"`
	Body    contactChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error { return contact.CheckPatch(in.Body.patch(), c.site.Policy(), c.at) })
}

func (h contactsAPI) change(ctx context.Context, c caller, in *changeInput) (*contactAnswer, error) {
	var faults crm.Faults
	if err := faults.Take(h.hasGroup(ctx, c, in.Body.Group.value, "/group")); err != nil {
		return nil, err
	}
	return h.edit(ctx, c, in.ID, in.IfMatch, func(k *contact.Contact, now time.Time) ([]string, error) {
		changed, err := k.Edit(in.Body.patch(), c.site.Policy(), c.by.ID, now)
		return changed, slices.Clone(faults).With(err)
	})
}

// absent is a 404 if the contact is not there, else the error: what is not on the
// site is told before what is wrong with the request.
func (h contactsAPI) absent(ctx context.Context, c caller, id string, err error) error {
	if _, none := h.open(c.site).Get(ctx, crm.ContactID(id)); none != nil {
		return none
	}
	return err
}

type deleteInput struct {
	ByID
	Erase   bool   `query:"erase" doc:"The person asked to be erased: a hash of their addresses is kept, so that no import brings them back. POST /v1/erasures also clears files, mails, exports and imports"`
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is deleted"`
}

func (h contactsAPI) delete(ctx context.Context, c caller, in *deleteInput) (*struct{}, error) {
	if err := needsVersion(in.IfMatch, "contact"); err != nil {
		return nil, err
	}
	end := h.open(c.site).DeleteBy
	if in.Erase {
		end = h.open(c.site).Erase
	}
	return nil, end(ctx, crm.ContactID(in.ID), c.by.ID, h.clock.Now(), func(k contact.Contact) error {
		if !matches(in.IfMatch, k.Version) {
			return stale(k.Version)
		}
		return nil
	})
}

type submissionsInput struct {
	Form string `path:"form" doc:"The form's public key" example:"demo-contact"`
}

type submissionsAnswer struct {
	Body struct {
		Submissions []activityJSON `json:"submissions" nullable:"false"`
	}
}

func (h contactsAPI) submissions(ctx context.Context, c caller, in *submissionsInput) (*submissionsAnswer, error) {
	none := crm.Errorf(crm.NotFound, "there is no such form on this site")
	if len(in.Form) > 100 { // longer than any form's or source's name
		return nil, none
	}
	acts, err := h.open(c.site).Submissions(ctx, in.Form, 200)
	if err != nil {
		return nil, err
	}
	if len(acts) == 0 { // a form that is gone still shows what is kept under it
		known, err := h.takesIn(ctx, c.site.ID, in.Form)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, none
		}
	}
	out := &submissionsAnswer{}
	out.Body.Submissions = activities(acts)
	return out, nil
}

// takesIn reports whether the site has a form of this public key, or a source of
// this name.
func (h contactsAPI) takesIn(ctx context.Context, id crm.SiteID, name string) (bool, error) {
	if of, ok := site.PublicSite(name); ok && of == id { // never look at another site's
		if _, _, err := h.dir.ByForm(ctx, name); crm.CodeOf(err) != crm.NotFound {
			return err == nil, err
		}
	}
	_, _, err := h.dir.BySource(ctx, string(id)+"-"+name)
	if crm.CodeOf(err) == crm.NotFound {
		return false, nil
	}
	return err == nil, err
}

func answer(c contact.Contact, pol contact.Policy) *contactAnswer {
	j := contactJSON{
		ID: c.ID, Version: c.Version, Email: c.Email, Emails: list(c.Emails), FirstName: c.FirstName, LastName: c.LastName,
		Company: c.Company, Phone: c.Phone, Mobile: c.Mobile, Website: c.Website, Language: c.Language, BirthDate: c.BirthDate,
		Gender: c.Gender, VATNumber: c.VATNumber, FiscalNumber: c.FiscalNumber, PreferredChannel: c.PreferredChannel,
		Phones: list(c.Phones), AsTyped: list(c.AsTyped()), Note: c.Note, Address: addressOf(c.Address, pol),
		BillingAddress: addressOf(c.BillingAddress, pol), ShippingAddress: addressOf(c.ShippingAddress, pol),
		Status: c.Status, StatusManual: c.StatusManual, Tags: list(c.Tags), Group: c.Group, Consent: c.Consent, Subscriptions: subscriptionsOf(&c, pol), ExternalIDs: list(c.ExternalIDs),
		OrdersCount: c.Figures.Orders, Revenue: []moneyJSON{}, FirstOrderAt: when(c.Figures.FirstAt), LastOrderAt: when(c.Figures.LastAt),
		Origin: originOf(c.Origin), Merged: list(c.Merged), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	mark := c.Standing(contact.Scope{Channel: contact.ByEmail})
	j.ConsentSince, j.ConsentSource = when(mark.Since), mark.Source
	for cur, n := range c.Figures.Revenue {
		j.Revenue = append(j.Revenue, moneyJSON{n, cur})
	}
	slices.SortFunc(j.Revenue, func(a, b moneyJSON) int { return strings.Compare(a.Currency, b.Currency) })
	if c.Avatar != "" {
		j.Avatar = "/v1/contacts/" + string(c.ID) + "/avatar"
	}
	j.Locked, j.Custom = lockOf(&c, pol), customOf(&c, pol)
	return &contactAnswer{ETag: etag(c.Version), Body: j}
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (b contactChange) patch() contact.Patch {
	return contact.Patch{
		Email: b.Email.opt(), Emails: b.Emails.opt(), ExternalIDs: b.ExternalIDs.opt(),
		FirstName: b.FirstName.opt(), LastName: b.LastName.opt(), Company: b.Company.opt(), Phone: b.Phone.opt(),
		Mobile: b.Mobile.opt(), Website: b.Website.opt(), Language: b.Language.opt(), BirthDate: b.BirthDate.opt(),
		Gender: b.Gender.opt(), VATNumber: b.VATNumber.opt(), FiscalNumber: b.FiscalNumber.opt(),
		PreferredChannel: b.PreferredChannel.opt(), Phones: b.Phones.opt(), Note: b.Note.opt(),
		Address: addressPatch(b.Address), BillingAddress: addressPatch(b.BillingAddress), ShippingAddress: addressPatch(b.ShippingAddress),
		Status:  contact.Opt[contact.Status]{Set: b.Status.set, Value: contact.Status(b.Status.value)},
		Consent: contact.Opt[contact.Consent]{Set: b.Consent.set, Value: contact.Consent(b.Consent.value)},
		Tags:    b.Tags.opt(), Group: b.Group.opt(), Custom: customPatch(b.Custom),
	}
}

func addressPatch(o optional[*addressChange]) contact.Opt[*contact.AddressPatch] {
	p := contact.Opt[*contact.AddressPatch]{Set: o.set}
	if v := o.value; v != nil {
		p.Value = &contact.AddressPatch{
			Street: v.Street.opt(), Street2: v.Street2.opt(), Postcode: v.Postcode.opt(),
			City: v.City.opt(), Region: v.Region.opt(), Country: v.Country.opt(),
		}
	}
	return p
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// matches compares a list of entity tags as RFC 9110 §8.8.3.2 does; weak
// ones match too, as a version says all there is to say.
func matches(header string, version int64) bool {
	tags, _ := entityTags(header)
	return slices.Contains(tags, "*") || slices.Contains(tags, etag(version))
}

// needsVersion refuses a change that does not say which version of what it is of.
func needsVersion(ifMatch, what string) error {
	if strings.TrimSpace(ifMatch) != "" {
		return nil
	}
	return crm.Errorf(crm.PreconditionRequired, "send If-Match with the ETag of the %s as you read it, so that nobody's change is lost", what)
}

func stale(version int64) error { return staleOf("contact", version) }

func staleOf(what string, version int64) error {
	return crm.Errorf(crm.Stale, "the %s was changed since; it is at version %d now: read it again and repeat your change", what, version)
}

// notModified is a 304, which has no body.
type notModified struct{ etag string }

func (n *notModified) Error() string           { return "not modified" }
func (n *notModified) GetStatus() int          { return http.StatusNotModified }
func (n *notModified) GetHeaders() http.Header { return http.Header{"Etag": {n.etag}} }
