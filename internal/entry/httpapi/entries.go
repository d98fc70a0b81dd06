package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/quota"
	"clientele/internal/domain/richtext"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// entryBook keeps what members write.
type entryBook interface {
	AddEntry(ctx context.Context, id crm.ContactID, a timeline.Activity, once *contact.Once, now time.Time) (_ timeline.Activity, replayed bool, err error)
	Entry(ctx context.Context, id crm.ContactID, entry string) (timeline.Activity, error)
	// ChangeEntry and DeleteEntry commit rows of the audit log with what they do.
	ChangeEntry(ctx context.Context, id crm.ContactID, entry string, rule func(*timeline.Activity) error, log ...audit.Entry) (timeline.Activity, error)
	DeleteEntry(ctx context.Context, id crm.ContactID, entry string, check func(timeline.Activity) error, log ...audit.Entry) error
	Pin(ctx context.Context, id crm.ContactID, entry string, on bool) error
	Pinned(ctx context.Context, id crm.ContactID) ([]timeline.Activity, error)
	// MadeBy is what an earlier request of the same key made; see once.
	MadeBy(ctx context.Context, o *contact.Once) (made string, ok bool, err error)
	SendMessage(ctx context.Context, id crm.ContactID, once *contact.Once, now time.Time,
		rule func(*contact.Contact) (timeline.Activity, error)) (_ timeline.Activity, replayed bool, err error)
	Suppression(ctx context.Context, email string) (mail.Suppression, error)
}

type writtenJSON struct {
	Version   int64          `json:"version" doc:"Rises with each edit; also the ETag" example:"1"`
	Title     string         `json:"title" example:"Called about the wedding cake"`
	Text      string         `json:"text" doc:"Markdown, as it was written" example:"She wants **three** tiers."`
	HTML      string         `json:"html" doc:"The text as HTML that is safe in any page: no scripts, styles or pictures; links are nofollow, noreferrer, noopener" example:"<p>She wants <strong>three</strong> tiers.</p>\n"`
	Documents []documentJSON `json:"documents" nullable:"false"`
	EditedAt  *time.Time     `json:"edited_at,omitempty"`
	EditedBy  string         `json:"edited_by,omitempty"`
	To        string         `json:"to,omitempty" doc:"Of a message: the address"`
	State     timeline.State `json:"state,omitempty" doc:"Of a message: waiting, sent (to the mail service) or failed; left out once it is over a month old" example:"sent"`
	Reason    string         `json:"reason,omitempty" doc:"Why a message failed"`
}

type documentJSON struct {
	ID   string `json:"id" example:"doc_01jd9z8b6rq7xkq1m0v4t2c5ye"`
	Name string `json:"name" example:"sketch.pdf"`
	Type string `json:"type" example:"application/pdf"`
	Size int64  `json:"size" doc:"Bytes" example:"48213"`
}

func entryOf(e *timeline.Entry) *writtenJSON {
	if e == nil {
		return nil
	}
	j := &writtenJSON{Version: e.Version, Title: e.Title, Text: e.Text, HTML: richtext.HTML(e.Text), Documents: []documentJSON{},
		EditedAt: when(e.EditedAt), EditedBy: e.EditedBy, To: e.To, State: e.State, Reason: e.Reason}
	for _, d := range e.Documents {
		j.Documents = append(j.Documents, documentJSON(d))
	}
	return j
}

func addEntries(api huma.API, h contactsAPI) {
	tags := []string{"Timeline"}
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "create-entry", Method: http.MethodPost, Path: "/v1/contacts/{id}/entries", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Write a note into a contact's timeline",
		Description: "A call, a visit, an agreement: a title, a text in Markdown, documents that were uploaded before. It stands at the moment " +
			"that it tells of. With an `Idempotency-Key` the request can be repeated for 24 hours.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge},
	}, h.createEntry)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-entry", Method: http.MethodGet, Path: "/v1/contacts/{id}/entries/{entry}", Tags: tags,
		Summary: "Get one entry of a timeline", Description: "Any that is stored, with the ETag of a note.", Errors: []int{http.StatusNotFound},
	}, h.getEntry)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "change-entry", Method: http.MethodPatch, Path: "/v1/contacts/{id}/entries/{entry}", Tags: tags,
		Summary: "Change a note",
		Description: "A JSON merge patch. Documents that are left out are deleted. Needs `If-Match` with the note's ETag. What the system " +
			"wrote, and messages, cannot be changed.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, h.changeEntry)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "delete-entry", Method: http.MethodDelete, Path: "/v1/contacts/{id}/entries/{entry}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Delete a note with its documents",
		Description: "Needs `If-Match` with the note's ETag.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, h.deleteEntry)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "pin-entry", Method: http.MethodPost, Path: "/v1/contacts/{id}/entries/{entry}/pin", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Pin an entry above the timeline", Description: "At most 10 a contact.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c caller, in *entryInput) (*struct{}, error) {
		return nil, h.open(c.site).Pin(ctx, crm.ContactID(in.ID), in.Entry, true)
	})
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "unpin-entry", Method: http.MethodPost, Path: "/v1/contacts/{id}/entries/{entry}/unpin", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Take an entry off its pin", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, c caller, in *entryInput) (*struct{}, error) {
		return nil, h.open(c.site).Pin(ctx, crm.ContactID(in.ID), in.Entry, false)
	})
	operation(api, site.MessagesSend, huma.Operation{
		OperationID: "send-message", Method: http.MethodPost, Path: "/v1/contacts/{id}/messages", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Send a contact a mail",
		Description: "The mail goes out if and only if the message is in the timeline; its entry tells how far it is. Open requests of the " +
			"contact are answered by it. Needs an `Idempotency-Key`. A site may send 500 a day. An address that returned mail or whose owner complained is refused.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests},
	}, h.sendMessage)
}

// EntryPath is exported as huma reads embedded parameters of exported types alone.
type EntryPath struct {
	Entry string `path:"entry" doc:"The id of the entry" example:"01JD9Z8B6RQ7XKQ1M0V4T2C5YE"`
}

type entryInput struct {
	ByID
	EntryPath
}

type createEntryInput struct {
	ByID
	Making
	Body struct {
		Title     string    `json:"title,omitempty" doc:"One line, at most 200 characters" example:"Called about the wedding cake"`
		Text      string    `json:"text,omitempty" doc:"Markdown, at most 20,000 characters" example:"She wants **three** tiers."`
		Documents []string  `json:"documents,omitempty" maxItems:"10" doc:"Ids of documents of this contact that are complete"`
		At        time.Time `json:"at,omitzero" doc:"The moment that it tells of; absent: now"`
	}
}

type activityAnswer struct {
	ETag     string `header:"ETag" doc:"The version of a note, quoted"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made the entry"`
	Body     activityJSON
}

func answerEntry(a timeline.Activity) *activityAnswer {
	out := &activityAnswer{Body: activities([]timeline.Activity{a})[0]}
	if a.Entry != nil {
		out.ETag = etag(a.Entry.Version)
	}
	return out
}

func madeEntry(id string, a timeline.Activity, replayed bool) *activityAnswer {
	out := answerEntry(a)
	out.Location = "/v1/contacts/" + id + "/entries/" + a.ID
	out.Replayed = replayedHeader(replayed)
	return out
}

func documents(ids []string) []timeline.Document {
	var docs []timeline.Document
	for _, id := range ids {
		docs = append(docs, timeline.Document{ID: id})
	}
	return docs
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createEntryInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		b := in.Body
		_, err := timeline.NewNote(timeline.Entry{Title: b.Title, Text: b.Text, Documents: documents(b.Documents)}, b.At, c.at, c.by.Source(), c.by.ID)
		return err
	})
}

func (h contactsAPI) createEntry(ctx context.Context, c caller, in *createEntryInput) (*activityAnswer, error) {
	now := h.clock.Now()
	b := in.Body
	a, err := timeline.NewNote(timeline.Entry{Title: b.Title, Text: b.Text, Documents: documents(b.Documents)}, b.At, now, c.by.Source(), c.by.ID)
	if err != nil {
		return nil, err
	}
	a, replayed, err := h.open(c.site).AddEntry(ctx, crm.ContactID(in.ID), a, in.once(c, now, "create-entry "+in.ID), now)
	if err != nil {
		return nil, err
	}
	return madeEntry(in.ID, a, replayed), nil
}

func (h contactsAPI) getEntry(ctx context.Context, c caller, in *entryInput) (*activityAnswer, error) {
	a, err := h.open(c.site).Entry(ctx, crm.ContactID(in.ID), in.Entry)
	if err != nil {
		return nil, err
	}
	return answerEntry(a), nil
}

type changeEntryInput struct {
	ByID
	EntryPath
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is changed"`
	Body    struct {
		Title     optional[string]   `json:"title,omitempty" doc:"One line, at most 200 characters"`
		Text      optional[string]   `json:"text,omitempty" doc:"Markdown, at most 20,000 characters"`
		Documents optional[[]string] `json:"documents,omitempty" doc:"All that the note keeps; at most 10"`
	}
}

func (h contactsAPI) changeEntry(ctx context.Context, c caller, in *changeEntryInput) (*activityAnswer, error) {
	if err := needsVersion(in.IfMatch, "note"); err != nil {
		return nil, err
	}
	if len(in.Body.Documents.value) > 2*timeline.MaxDocuments {
		in.Body.Documents.value = in.Body.Documents.value[:2*timeline.MaxDocuments] // refused all the same
	}
	now := h.clock.Now()
	a, err := h.open(c.site).ChangeEntry(ctx, crm.ContactID(in.ID), in.Entry, func(a *timeline.Activity) error {
		if err := a.Own(); err != nil {
			return err
		}
		if !matches(in.IfMatch, a.Entry.Version) {
			return staleEntry(a.Entry.Version)
		}
		var p timeline.EntryPatch
		if in.Body.Title.set {
			p.Title = &in.Body.Title.value
		}
		if in.Body.Text.set {
			p.Text = &in.Body.Text.value
		}
		if in.Body.Documents.set {
			docs := documents(in.Body.Documents.value)
			for i, d := range docs { // what is known of those that stay
				if at := slices.IndexFunc(a.Entry.Documents, func(o timeline.Document) bool { return o.ID == d.ID }); at >= 0 {
					docs[i] = a.Entry.Documents[at]
				}
			}
			p.Documents = &docs
		}
		changed, err := a.Edit(p, c.by.ID, now)
		if err == nil && !changed {
			err = contact.ErrUnchanged
		}
		return err
	}, audit.Note(c.by, requestID(ctx), now, audit.NoteChanged, in.ID+"/"+in.Entry))
	if err != nil {
		return nil, err
	}
	return answerEntry(a), nil
}

func staleEntry(version int64) error { return staleOf("note", version) }

type deleteEntryInput struct {
	ByID
	EntryPath
	IfMatch string `header:"If-Match" doc:"The ETag of the version that is deleted"`
}

func (h contactsAPI) deleteEntry(ctx context.Context, c caller, in *deleteEntryInput) (*struct{}, error) {
	if err := needsVersion(in.IfMatch, "note"); err != nil {
		return nil, err
	}
	return nil, h.open(c.site).DeleteEntry(ctx, crm.ContactID(in.ID), in.Entry, func(a timeline.Activity) error {
		if err := a.Own(); err != nil {
			return err
		}
		if !matches(in.IfMatch, a.Entry.Version) {
			return staleEntry(a.Entry.Version)
		}
		return nil
	}, audit.Note(c.by, requestID(ctx), h.clock.Now(), audit.NoteDeleted, in.ID+"/"+in.Entry))
}

type sendMessageInput struct {
	ByID
	Making
	Body struct {
		Subject   string   `json:"subject" doc:"One line, at most 200 characters" example:"Your wedding cake"`
		Text      string   `json:"text" doc:"Markdown, at most 20,000 characters; the mail has it as plain paragraphs" example:"Dear Emma, your sketch is attached."`
		Documents []string `json:"documents,omitempty" maxItems:"10" doc:"Ids of documents of this contact that are complete; 10 MiB together"`
		To        string   `json:"to,omitempty" doc:"One of the contact's addresses; absent: the main one" example:"emma@voorbeeld.example"`
		ReplyTo   string   `json:"reply_to,omitempty" enum:"me,nobody" doc:"me: answers come to the member who sends it, at the address that they proved; only members can. Absent: me for a member, nobody for an API key" example:"nobody"`
	}
}

// Resolve has the rules looked at where something else is at fault already.
func (in *sendMessageInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		_, err := timeline.NewMessage(timeline.Message{Subject: in.Body.Subject, Text: in.Body.Text, Documents: documents(in.Body.Documents)}, c.at, c.by.Source(), c.by.ID)
		return err
	})
}

func (h contactsAPI) sendMessage(ctx context.Context, c caller, in *sendMessageInput) (*activityAnswer, error) {
	b, now := h.open(c.site), h.clock.Now()
	m := timeline.Message{Subject: in.Body.Subject, Text: in.Body.Text, Documents: documents(in.Body.Documents), ByName: c.by.Signature()}
	var faults crm.Faults
	if in.Key == "" {
		faults.Add("header/Idempotency-Key", "send one with every message: a fresh UUID for each, the same one when you repeat a request, so that nobody gets a mail twice")
	}
	switch reply := in.Body.ReplyTo; {
	case c.by.Email != "" && reply != "nobody":
		m.ReplyTo = mail.Address{Email: c.by.Email, Name: c.by.Name}
	case reply == "me":
		faults.Add("/reply_to", "only a member of the site can have answers sent to themselves")
	}
	o := in.once(c, now, "send-message "+in.ID)
	a, replayed, err := once(ctx, b.MadeBy, o, func() (timeline.Activity, error) {
		return h.newMessage(ctx, c, in.ID, in.Body.To, m, o, now, faults)
	}, func(id string) (timeline.Activity, error) { return b.Entry(ctx, crm.ContactID(in.ID), id) })
	if err != nil {
		return nil, err
	}
	return madeEntry(in.ID, a, replayed), nil
}

// newMessage writes a message that counts towards the day's; faults were found in it before.
func (h contactsAPI) newMessage(ctx context.Context, c caller, id, to string, m timeline.Message, o *contact.Once, now time.Time, faults crm.Faults) (timeline.Activity, error) {
	var none timeline.Activity
	b := h.open(c.site)
	found, err := b.Get(ctx, crm.ContactID(id))
	if err != nil {
		return none, err
	}
	m.To.Email, err = mailboxOf(&found, to)
	if err := faults.Take(err); err != nil {
		return none, err
	}
	_, err = timeline.NewMessage(m, now, c.by.Source(), c.by.ID)
	if err := faults.Take(err); err != nil {
		return none, err
	}
	if err := faults.Err(); err != nil {
		return none, err
	}
	why, err := b.Suppression(ctx, m.To.Email)
	if err != nil {
		return none, err
	}
	if why.Stops(mail.FromMember.Class()) {
		return none, crm.Errorf(crm.Conflict, "no mail goes to this address: it is marked as %s; take another address of the contact", why)
	}
	l := quota.Messages()
	if granted, _, wait, err := h.dir.TakeCalls(ctx, c.site.ID, "messages", l, 1, now); err != nil {
		return none, err
	} else if granted == 0 {
		return none, &crm.Error{Code: crm.Quota, Wait: wait, Detail: "this site has sent its messages of today; wait, or write to many by a newsletter"}
	}
	a, _, err := b.SendMessage(ctx, found.ID, o, now, func(k *contact.Contact) (timeline.Activity, error) {
		if _, err := mailboxOf(k, m.To.Email); err != nil {
			return none, err
		}
		m.To.Name, m.Language = k.FullName(), k.Language
		k.Answered()
		return timeline.NewMessage(m, now, c.by.Source(), c.by.ID)
	})
	return a, err
}

// mailboxOf is an address of the contact: the main one if none is asked for.
func mailboxOf(k *contact.Contact, want string) (string, error) {
	var faults crm.Faults
	switch {
	case want == "" && k.Email == "":
		faults.Add("/to", "the contact has no e-mail address")
	case want == "":
		want = k.Email
	default:
		key := crm.EmailKey(want)
		at := slices.IndexFunc(append([]string{k.Email}, k.Emails...), func(e string) bool { return e != "" && crm.EmailKey(e) == key })
		if at < 0 {
			faults.Add("/to", "this is no address of the contact")
		} else {
			want = append([]string{k.Email}, k.Emails...)[at]
		}
	}
	return want, faults.Err()
}
