package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// newsletterJSON is a newsletter list.
type newsletterJSON struct {
	ID          string            `json:"id" example:"list_7h2k9q4m1x8w"`
	Name        string            `json:"name" example:"Monthly newsletter"`
	Description string            `json:"description" example:"What is new in the bakery"`
	Channel     contact.Channel   `json:"channel" enum:"email,sms,phone,post,whatsapp" example:"email"`
	DoubleOptIn bool              `json:"double_opt_in" doc:"Who asks for it confirms by mail before they are subscribed" example:"true"`
	Texts       map[string]string `json:"texts" doc:"What people agree to, by language: nl, en" example:"{\"nl\":\"Ja, mail mij het nieuws van de bakkerij.\"}"`
	TextVersion int               `json:"text_version" doc:"Rises with each change of the wording; evidence names it" example:"1"`
	CreatedAt   time.Time         `json:"created_at"`
}

func listOf(d contact.ListDef) newsletterJSON {
	if d.Texts == nil {
		d.Texts = map[string]string{}
	}
	return newsletterJSON(d)
}

type newsletterChange struct {
	Name        optional[string]            `json:"name,omitempty" doc:"At most 100 characters; no other list has it" example:"Monthly newsletter"`
	Description optional[string]            `json:"description,omitempty" doc:"At most 300 characters" example:"What is new in the bakery"`
	Channel     kept[string]                `json:"channel,omitempty" doc:"email (default), sms, phone, post or whatsapp; it never changes" example:"email"`
	DoubleOptIn kept[bool]                  `json:"double_opt_in,omitempty" doc:"On for a new list of e-mail unless it is switched off" example:"true"`
	Texts       optional[map[string]string] `json:"texts,omitempty" doc:"What people agree to, by language: nl, en; at most 1,000 characters each. A change is a new version" example:"{\"nl\":\"Ja, mail mij het nieuws van de bakkerij.\"}"`
}

func (b newsletterChange) change() consent.ListChange {
	return consent.ListChange{Name: b.Name.opt(), Description: b.Description.opt(), DoubleOptIn: b.DoubleOptIn.opt(), Texts: b.Texts.opt(),
		Channel: contact.Opt[contact.Channel]{Set: b.Channel.given.set, Value: contact.Channel(b.Channel.given.value)}}
}

type newslettersAnswer struct {
	ETag string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Body struct {
		Lists []newsletterJSON `json:"lists" nullable:"false"`
	}
}

type newsletterAnswer struct {
	ETag     string `header:"ETag" doc:"Of the site's settings; send it as If-Match to change them"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made it"`
	Body     newsletterJSON
}

func listNamed(s site.Site, id string) (*newsletterAnswer, error) {
	d, ok := s.Policy().List(id)
	if !ok {
		return nil, crm.Errorf(crm.NotFound, "there is no such list on this site")
	}
	return &newsletterAnswer{ETag: etag(s.Version), Body: listOf(d)}, nil
}

// ListID is exported as huma reads embedded parameters of exported types alone.
type ListID struct {
	List string `path:"list" doc:"The list's id" example:"list_7h2k9q4m1x8w"`
}

func addConsents(api huma.API, h contactsAPI) {
	tags := []string{"Newsletter lists"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-newsletter-lists", Method: http.MethodGet, Path: "/v1/lists", Tags: tags,
		Summary: "The newsletter lists of the site", Description: "At most 50, in the order in which they were made.",
	}, func(_ context.Context, c caller, _ *struct{}) (*newslettersAnswer, error) {
		out := &newslettersAnswer{ETag: etag(c.site.Version)}
		out.Body.Lists = []newsletterJSON{}
		for _, d := range c.site.Lists {
			out.Body.Lists = append(out.Body.Lists, listOf(d))
		}
		return out, nil
	})
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-newsletter-list", Method: http.MethodPost, Path: "/v1/lists", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Make a newsletter list",
		Description: "With its wording: what people agree to who join it. Evidence keeps the wording that each of them saw.",
		Errors:      []int{http.StatusConflict},
	}, h.createList)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-newsletter-list", Method: http.MethodPatch, Path: "/v1/lists/{list}", Tags: tags,
		Summary: "Change a newsletter list", Description: "What is absent stays. Who is on it stays on it. Needs `If-Match` with the ETag of the list of lists.",
		Errors: append([]int{http.StatusConflict}, changeErrors...),
	}, h.changeList)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-newsletter-list", Method: http.MethodDelete, Path: "/v1/lists/{list}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete a newsletter list",
		Description: "Nobody is on it any more, at once; the evidence of who was stays with the contacts. It cannot be undone, so it needs the token of a " +
			"preview, and `If-Match` with the ETag of the list of lists.",
		Errors: changeErrors,
	}, h.deleteList)
	operation(api, site.Settings, huma.Operation{
		OperationID: "preview-list-deletion", Method: http.MethodPost, Path: "/v1/lists/{list}/preview-deletion", Tags: tags,
		Summary:     "How many subscriptions go with a newsletter list",
		Description: "Answers the number and a token that confirms the deletion of this list for 15 minutes.", Errors: []int{http.StatusNotFound},
	}, h.previewListDeletion)

	tags = []string{"Consent"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-consent", Method: http.MethodGet, Path: "/v1/contacts/{id}/consent", Tags: tags,
		Summary: "What a contact agreed to, with the evidence",
		Description: "Where they stand with each channel and list, and the whole history, oldest first: when, how, with which wording, from which " +
			"address or form, by whom. Nothing changes or removes a row of it but an erasure.",
		Errors: []int{http.StatusNotFound},
	}, h.getConsent)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "record-consent", Method: http.MethodPost, Path: "/v1/contacts/{id}/consent", Tags: tags,
		Summary: "Record a consent that somebody gave or took back elsewhere",
		Description: "On paper, by phone, at the counter: say how, when and to which text. Beside the person's own click, this alone lifts an " +
			"unsubscription, and only if it was given after it. A yes to a list is one to that list alone; all other mail stays as it was.",
		Errors: []int{http.StatusNotFound},
	}, h.recordConsent)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "subscribe-contact", Method: http.MethodPost, Path: "/v1/contacts/{id}/subscriptions", Tags: tags,
		Summary: "Put a contact on a newsletter list, or take it off",
		Description: "With double opt-in, and for somebody who has refused mail before, the person is asked by mail to confirm and is subscribed " +
			"once they do; they are asked at most once a day, and once more after each time that they used a link. Taking off works at once. " +
			"409: they were asked today and were taken off since, so no mail goes yet.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, h.subscribe)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-suppressions", Method: http.MethodGet, Path: "/v1/suppressions", Tags: tags,
		Summary: "Suppressed addresses that no contact has",
		Description: "By hash, as the addresses themselves are not kept: of people who left, whose mail bounced, who complained, or who asked to " +
			"be erased. Contacts have their own consent. A page may have fewer rows than asked for, also none, before the last.",
	}, h.listSuppressions)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "check-suppressions", Method: http.MethodPost, Path: "/v1/suppressions/check", Tags: tags,
		Summary: "Which of these addresses take no marketing mail", Description: "Up to 100 addresses; the answers are in their order. One without a reason is not suppressed, or not any more: " +
			"a contact that has it may be sent what it is subscribed to.",
	}, h.checkSuppressions)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "add-suppressions", Method: http.MethodPost, Path: "/v1/suppressions", Tags: tags,
		Summary: "Suppress addresses",
		Description: "For a list of another system that is to stay respected. A contact that has one of them is unsubscribed; of the others a " +
			"hash is kept, and whoever comes under it starts unsubscribed. Nobody is taken off by this API: a person lifts it by confirming.",
	}, h.addSuppressions)
}

type createNewsletterInput struct {
	Making
	Body newsletterChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createNewsletterInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		_, err := consent.AddList(&s, "", in.Body.change(), c.at)
		return err
	})
}

func (h contactsAPI) createList(ctx context.Context, c caller, in *createNewsletterInput) (*newsletterAnswer, error) {
	now := h.clock.Now()
	s, id, replayed, err := h.addSetting(ctx, c, in.once(c, now, "create-newsletter-list"), "list_"+strings.ToLower(rand.Text()[:12]), "lists",
		func(s *site.Site, id string) error {
			_, err := consent.AddList(s, id, in.Body.change(), now)
			return err
		})
	if err != nil {
		return nil, err
	}
	out, err := listNamed(s, id)
	if err != nil {
		return nil, goneSince()
	}
	out.Replayed = replayedHeader(replayed)
	return out, nil
}

type changeNewsletterInput struct {
	ListID
	Versioned
	Body newsletterChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeNewsletterInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		s := c.site
		_, err := consent.ChangeList(&s, in.List, in.Body.change())
		return err
	})
}

func (h contactsAPI) changeList(ctx context.Context, c caller, in *changeNewsletterInput) (*newsletterAnswer, error) {
	if _, err := listNamed(c.site, in.List); err != nil {
		return nil, err
	}
	s, err := h.changeSettings(ctx, c, in.IfMatch, "lists", func(s *site.Site) error {
		_, err := consent.ChangeList(s, in.List, in.Body.change())
		return err
	})
	if err != nil {
		return nil, err
	}
	return listNamed(s, in.List)
}

type listDeletionAnswer struct {
	Body struct {
		Subscriptions int       `json:"subscriptions" doc:"Contacts that may be sent the list; of a large book counted at most a minute ago" example:"128"`
		CountedAll    bool      `json:"counted_all" doc:"false in a book of more than 100,000 contacts: the first 100,000 that were read are counted, so there are at least so many" example:"true"`
		Confirm       string    `json:"confirm" doc:"Send it along to delete the list"`
		ExpiresAt     time.Time `json:"expires_at" doc:"Until when the token confirms"`
	}
}

func (h contactsAPI) previewListDeletion(ctx context.Context, c caller, in *ListID) (*listDeletionAnswer, error) {
	n, err := h.used.count(ctx, c.site, h.open(c.site), h.clock)
	if err != nil {
		return nil, err
	}
	r, err := consent.LookRemoval(c.site, c.by, in.List, n.lists[in.List], h.clock.Now())
	if err != nil {
		return nil, err
	}
	out := &listDeletionAnswer{}
	out.Body.Subscriptions, out.Body.CountedAll, out.Body.Confirm, out.Body.ExpiresAt = r.Subscriptions, n.all, r.Confirm, r.Expires
	return out, nil
}

type deleteNewsletterInput struct {
	ListID
	Versioned
	Confirm string `query:"confirm" maxLength:"512" doc:"The token of a preview of this deletion; it must be given"`
}

func (h contactsAPI) deleteList(ctx context.Context, c caller, in *deleteNewsletterInput) (*struct{}, error) {
	if _, err := listNamed(c.site, in.List); err != nil {
		return nil, err
	}
	if err := consent.ConfirmRemoval(c.site, c.by, in.List, in.Confirm, h.clock.Now()); err != nil {
		return nil, err
	}
	_, err := h.changeSettings(ctx, c, in.IfMatch, "lists", func(s *site.Site) error { return consent.RemoveList(s, in.List) })
	return nil, err
}

// StandingJSON is exported as huma reads embedded fields of exported types alone.
type StandingJSON struct {
	State   contact.Consent `json:"state" enum:"never,pending,subscribed,bounced,unsubscribed,complained" example:"subscribed"`
	Since   *time.Time      `json:"since,omitempty"`
	Source  string          `json:"source,omitempty" doc:"What said so: form:<id>, import:<job>, api, member, link, one-click, provider …" example:"link"`
	AskedAt *time.Time      `json:"asked_at,omitempty" doc:"Since when a confirmation by the person is awaited"`
	Held    contact.Consent `json:"held,omitempty" doc:"Of a channel: the refusal that a list alone has lifted. All other mail stays refused, and it stands again when no list is left"`

	HeldSince *time.Time `json:"held_since,omitempty" doc:"Since when they have refused what is held. A consent that they gave later can be recorded"`
}

func standing(s contact.Standing) StandingJSON {
	return StandingJSON{s.State, when(s.Since), s.Source, when(s.Asked), s.Held, when(s.HeldSince)}
}

type subscriptionJSON struct {
	List string `json:"list" example:"list_7h2k9q4m1x8w"`
	StandingJSON
	UnsubscribeURL string `json:"unsubscribe_url,omitempty" doc:"Only with the evidence, for who may send messages: the person's own link to leave this list, for the List-Unsubscribe header and the foot of a mail" example:"https://api.example.com/c/bakery-Zm9v"`
}

// subscriptionsOf are those of lists that the site still has.
func subscriptionsOf(c *contact.Contact, pol contact.Policy) []subscriptionJSON {
	out := []subscriptionJSON{}
	for _, l := range c.Subscriptions {
		if _, ok := pol.List(l.List); ok {
			out = append(out, subscriptionJSON{List: l.List, StandingJSON: standing(l.Standing)})
		}
	}
	return out
}

type evidenceJSON struct {
	ID          string          `json:"id" example:"01JNB4YV80000000000000000A"`
	At          time.Time       `json:"at" doc:"When it was noted"`
	Channel     contact.Channel `json:"channel" example:"email"`
	List        string          `json:"list,omitempty" example:"list_7h2k9q4m1x8w"`
	From        contact.Consent `json:"from" example:"pending"`
	To          contact.Consent `json:"to" example:"subscribed"`
	Held        contact.Consent `json:"held,omitempty" doc:"Of a channel: the refusal that a list alone has lifted; all other mail stayed refused"`
	Since       string          `json:"since,omitempty" doc:"When it was given"`
	How         string          `json:"how" doc:"form, order, import, api, member, link, one-click, provider, suppression, merge, unmerge or list (the last one was deleted)" example:"link"`
	Source      string          `json:"source,omitempty" example:"form:demo-contact"`
	By          string          `json:"by,omitempty" doc:"The member or API key that did it" example:"key_7f3a"`
	Address     string          `json:"address,omitempty" doc:"The address or number that was used" example:"emma@voorbeeld.example"`
	Page        string          `json:"page,omitempty"`
	Text        string          `json:"text,omitempty" doc:"What they agreed to" example:"Ja, mail mij het nieuws van de bakkerij."`
	TextVersion int             `json:"text_version,omitempty" example:"1"`
	TextSHA256  string          `json:"text_sha256,omitempty"`
	Language    string          `json:"language,omitempty" example:"nl"`
	Network     string          `json:"network,omitempty" doc:"The first part of the visitor's network address; the whole is not kept" example:"192.0.2.0/24"`
	Note        string          `json:"note,omitempty"`
}

func evidence(a timeline.Activity) evidenceJSON {
	return evidenceJSON{ID: a.ID, At: a.At, Channel: contact.Channel(a.Value("channel")), List: a.Value("list"),
		From: contact.Consent(a.Value("from")), To: contact.Consent(a.Value("to")), Held: contact.Consent(a.Value("held")), Since: a.Value("since"), How: a.Value("how"),
		Source: a.Source, By: a.By, Address: a.Value("address"), Page: a.Value("page"), Text: a.Value("text"), TextVersion: consent.Version(a),
		TextSHA256: a.Value("text_sha256"), Language: a.Value("language"), Network: a.Value("network"), Note: a.Value("note")}
}

type consentAnswer struct {
	Body struct {
		Channels      map[contact.Channel]StandingJSON `json:"channels" doc:"By channel; that of e-mail is the contact's consent" example:"{\"email\":{\"state\":\"subscribed\"}}"`
		Subscriptions []subscriptionJSON               `json:"subscriptions" nullable:"false"`
		History       []evidenceJSON                   `json:"history" nullable:"false" doc:"Oldest first"`

		UnsubscribeURL string `json:"unsubscribe_url,omitempty" doc:"For who may send messages, of a contact with an address: the person's own link to leave all mail, for the List-Unsubscribe header (RFC 8058: it takes a POST) and the foot of a mail. It never ends" example:"https://api.example.com/c/bakery-Zm9v"`
	}
}

func (h contactsAPI) getConsent(ctx context.Context, c caller, in *consentInput) (*consentAnswer, error) {
	b := h.open(c.site)
	k, err := b.Get(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	rows, err := b.Evidence(ctx, k.ID)
	if err != nil {
		return nil, err
	}
	out := &consentAnswer{}
	out.Body.Channels = map[contact.Channel]StandingJSON{}
	for _, ch := range contact.ConsentChannels {
		out.Body.Channels[ch] = standing(k.Standing(contact.Scope{Channel: ch}))
	}
	out.Body.Subscriptions, out.Body.History = subscriptionsOf(&k, c.site.Policy()), []evidenceJSON{}
	if k.Email != "" && c.by.May(site.MessagesSend) {
		leave := func(list string) string {
			return consent.UnsubscribeLink(c.site, cmp.Or(h.url, in.base), &k, list, h.clock.Now())
		}
		out.Body.UnsubscribeURL = leave("")
		for i := range out.Body.Subscriptions {
			if l, _ := c.site.Policy().List(out.Body.Subscriptions[i].List); l.Channel == contact.ByEmail {
				out.Body.Subscriptions[i].UnsubscribeURL = leave(l.ID)
			}
		}
	}
	for _, r := range consent.History(&k, rows) {
		out.Body.History = append(out.Body.History, evidence(r))
	}
	return out, nil
}

type recordConsentInput struct {
	ByID
	Body struct {
		Channel string    `json:"channel,omitempty" doc:"email, sms, phone, post or whatsapp; not needed with a list" example:"email"`
		List    string    `json:"list,omitempty" doc:"The list that it is for; absent for the whole channel"`
		State   string    `json:"state" doc:"subscribed or unsubscribed" example:"subscribed"`
		How     string    `json:"how" maxLength:"300" doc:"How they gave it, in words" example:"signed form at the counter"`
		At      time.Time `json:"at" doc:"When they gave it" example:"2026-05-01T12:00:00Z"`
		Text    string    `json:"text,omitempty" maxLength:"2000" doc:"What they agreed to, word for word; the list's own wording if absent" example:"Ja, mail mij het nieuws van de bakkerij."`
		Note    string    `json:"note,omitempty" maxLength:"1000" doc:"For example where the paper is kept"`
	}
}

func (h contactsAPI) recordConsent(ctx context.Context, c caller, in *recordConsentInput) (*contactAnswer, error) {
	k, err := consent.Record(ctx, h.open(c.site), c.site, crm.ContactID(in.ID), consent.Given{
		Channel: contact.Channel(in.Body.Channel), List: in.Body.List, State: contact.Consent(in.Body.State), How: in.Body.How,
		At: in.Body.At, Text: in.Body.Text, Note: in.Body.Note}, c.by, h.clock.Now())
	if err != nil {
		return nil, err
	}
	return answer(k, c.site.Policy()), nil
}

type subscribeInput struct {
	ByID
	WithHost
	Body struct {
		List  string `json:"list" doc:"The list's id" example:"list_7h2k9q4m1x8w"`
		State string `json:"state" doc:"subscribed or unsubscribed" example:"subscribed"`
	}
}

type consentInput struct {
	ByID
	WithHost
}

// WithHost keeps what links in mails begin with where the deployment does not say it.
type WithHost struct{ base string }

// Resolve reads the host.
func (in *WithHost) Resolve(ctx huma.Context) []error {
	in.base = hostURL(ctx.Host())
	return nil
}

func (h contactsAPI) subscribe(ctx context.Context, c caller, in *subscribeInput) (*contactAnswer, error) {
	k, err := consent.Subscribe(ctx, h.open(c.site), c.site, crm.ContactID(in.ID), in.Body.List, contact.Consent(in.Body.State), c.by,
		cmp.Or(h.url, in.base), h.clock.Now())
	if err != nil {
		return nil, h.absent(ctx, c, in.ID, err)
	}
	return answer(k, c.site.Policy()), nil
}

type suppressionJSON struct {
	Hash    string              `json:"hash" doc:"Of the address, under a secret of the site" example:"ct_0123456789abcdefghjkmnpqrs"`
	Reason  contact.Suppression `json:"reason,omitempty" doc:"bounced, unsubscribed, complained or erased; absent: it is not suppressed" example:"unsubscribed"`
	At      *time.Time          `json:"at,omitempty"`
	Contact crm.ContactID       `json:"contact_id,omitempty" doc:"The contact that has the address"`
}

type suppressionsAnswer struct {
	Body struct {
		Suppressions []suppressionJSON `json:"suppressions" nullable:"false"`
		NextCursor   string            `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func suppressed(list []consent.Suppressed) *suppressionsAnswer {
	out := &suppressionsAnswer{}
	out.Body.Suppressions = make([]suppressionJSON, len(list))
	for i, s := range list {
		out.Body.Suppressions[i] = suppressionJSON{s.Hash, s.Reason, nil, s.Contact}
		if s.Reason != "" {
			out.Body.Suppressions[i].At = when(s.At)
		}
	}
	return out
}

func (h contactsAPI) listSuppressions(ctx context.Context, c caller, in *struct{ Paging }) (*suppressionsAnswer, error) {
	after, err := c.site.OpenCursor("suppressions", in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := h.open(c.site).ListSuppressed(ctx, in.limit(), after)
	if err != nil {
		return nil, err
	}
	out := suppressed(list)
	out.Body.NextCursor = c.site.SealCursor("suppressions", next)
	return out, nil
}

type addressesBody struct {
	Emails []string `json:"emails" minItems:"1" maxItems:"100" nullable:"false" example:"[\"emma@voorbeeld.example\"]"`
}

func (b addressesBody) parse() ([]string, error) {
	var f crm.Faults
	out := make([]string, len(b.Emails))
	for i, v := range b.Emails {
		e, err := crm.ParseEmail(v)
		if err != nil {
			f.Add("/emails/"+strconv.Itoa(i), "%s", err)
		}
		out[i] = e
	}
	return out, f.Err()
}

func (h contactsAPI) checkSuppressions(ctx context.Context, c caller, in *struct{ Body addressesBody }) (*suppressionsAnswer, error) {
	addresses, err := in.Body.parse()
	if err != nil {
		return nil, err
	}
	list, err := h.open(c.site).Suppressions(ctx, addresses)
	if err != nil {
		return nil, err
	}
	return suppressed(list), nil
}

func (h contactsAPI) addSuppressions(ctx context.Context, c caller, in *struct{ Body addressesBody }) (*suppressionsAnswer, error) {
	addresses, err := in.Body.parse()
	if err != nil {
		return nil, err
	}
	b, now := h.open(c.site), h.clock.Now()
	for _, a := range addresses {
		if err := consent.Suppress(ctx, b, a, c.by, now); err != nil {
			return nil, err
		}
	}
	list, err := b.Suppressions(ctx, addresses)
	if err != nil {
		return nil, err
	}
	return suppressed(list), nil
}
