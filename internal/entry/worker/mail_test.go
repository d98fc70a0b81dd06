package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/stack"
)

// office is a post office on a real table with a sender that records.
type office struct {
	t     *testing.T
	table *dynamo.Table
	name  string
	site  site.Site
	now   time.Time
	who   contact.Contact

	sent   []mail.Message
	files  []mail.File
	answer error            // of the sending service
	docs   map[string]int64 // key → size
	dead   []mail.Reference
	later  []time.Duration
}

func openOffice(t *testing.T) *office {
	t.Helper()
	table, name := dynamotest.Named(t, stack.DynamoLocal(t))
	o := &office{t: t, table: table, name: name, site: dynamotest.Site(t, table, "bakery"), docs: map[string]int64{},
		now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	c, err := contact.Draft(contact.Patch{Email: contact.Some("emma@example.nl")}, contact.Policy{Country: "NL"}, "api", "", o.now)
	if err != nil {
		t.Fatal(err)
	}
	if o.who, _, err = table.Book(o.site).Create(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) Send(_ context.Context, _ mail.House, m mail.Message, files []mail.File) (string, error) {
	if o.answer != nil {
		return "", o.answer
	}
	o.sent, o.files = append(o.sent, m), files
	return "0100", nil
}

func (o *office) Read(_ context.Context, key, _ string, _, _ int64) (io.ReadCloser, error) {
	n, ok := o.docs[key]
	if !ok {
		return nil, transfer.ErrNoFile
	}
	return io.NopCloser(bytes.NewReader(make([]byte, n))), nil
}

func (o *office) SendMail(_ context.Context, r mail.Reference) error {
	o.dead = append(o.dead, r)
	return nil
}

func (o *office) Hold(context.Context, string, time.Duration) func() { return func() {} }

func (o *office) Later(_ context.Context, _ string, after time.Duration) error {
	o.later = append(o.later, after)
	return nil
}

func (o *office) message() mail.Message {
	return mail.Message{ID: mail.Derive("1"), Template: mail.FromMember, To: mail.Address{Email: "emma@example.nl"}, Contact: o.who.ID,
		Values: map[string]string{mail.Subject: "Uw taart", mail.Text: "Hij staat klaar."}, CreatedAt: o.now}
}

func (o *office) post(m mail.Message) mail.Reference {
	o.t.Helper()
	if err := o.table.Post(o.t.Context(), o.site.ID, m); err != nil {
		o.t.Fatal(err)
	}
	return mail.Reference{Site: o.site.ID, ID: m.ID, Order: m.Order()}
}

func (o *office) deliver(r mail.Reference, tries int) error {
	h := Mails(Post{Sites: o.table, Outbox: o.table, Book: func(s site.Site) MailBook { return o.table.Book(s) },
		Files: o, Sender: o, Queue: o, Dead: o, Clock: func() time.Time { return o.now }})
	return h(o.t.Context(), Delivery{Message: r.Message(), Tries: tries})
}

// raw changes an item as no code of ours would.
func (o *office) raw(pk, sk, expr string, values map[string]types.AttributeValue) {
	o.t.Helper()
	_, err := dynamodb.NewFromConfig(dynamotest.Config(stack.DynamoLocal(o.t))).UpdateItem(o.t.Context(), &dynamodb.UpdateItemInput{
		TableName: &o.name, Key: map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: pk}, "SK": &types.AttributeValueMemberS{Value: sk}},
		UpdateExpression: aws.String(expr), ExpressionAttributeValues: values,
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) timeline() string {
	o.t.Helper()
	acts, _, err := o.table.Book(o.site).Timeline(o.t.Context(), o.who.ID, timeline.Query{Limit: 50})
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, a := range acts {
		if a.Kind != "mail" {
			continue
		}
		for _, v := range a.Values {
			out = append(out, v.Text)
		}
	}
	return strings.Join(out, " ")
}

func TestAMailIsSentOnceHoweverOftenItComes(t *testing.T) {
	o := openOffice(t)
	r := o.post(o.message())
	for range 3 {
		if err := o.deliver(r, 1); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.sent) != 1 || o.sent[0].To.Email != "emma@example.nl" {
		t.Errorf("sent %d times", len(o.sent))
	}
}

// A service that is down loses nothing: the mail comes back, later each time.
func TestAMailWaitsForAServiceThatIsDown(t *testing.T) {
	o := openOffice(t)
	r := o.post(o.message())
	o.answer = errors.New("throttled")
	for tries := 1; tries <= 3; tries++ {
		if err := o.deliver(r, tries); err == nil {
			t.Fatal("it counts as done")
		}
	}
	o.answer = nil
	if err := o.deliver(r, 4); err != nil || len(o.sent) != 1 {
		t.Errorf("sent %d times, %v", len(o.sent), err)
	}
	if len(o.later) != 3 || o.later[0] >= o.later[1] || o.later[1] >= o.later[2] {
		t.Errorf("it came back after %v", o.later)
	}
}

func TestARefusedMailIsOnTheTimeline(t *testing.T) {
	o := openOffice(t)
	r := o.post(o.message())
	o.answer = &mail.RefusedError{Reason: "the sending service rejected what is in it"}
	for range 2 {
		if err := o.deliver(r, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.timeline(); got != "message refused the sending service rejected what is in it" {
		t.Errorf("timeline: %q", got)
	}
}

func TestARefusedMailOfAGoneContactIsDone(t *testing.T) {
	o := openOffice(t)
	r := o.post(o.message())
	if err := o.table.Book(o.site).Delete(t.Context(), o.who.ID, o.now, func(contact.Contact) error { return nil }); err != nil {
		t.Fatal(err)
	}
	o.answer = &mail.RefusedError{Reason: "x"}
	if err := o.deliver(r, 1); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotSent(t *testing.T) {
	key := "documents/bakery/1"
	for name, c := range map[string]struct {
		spoil func(o *office, m *mail.Message)
		sent  int
	}{
		"as it is":        {func(*office, *mail.Message) {}, 1},
		"expired":         {func(o *office, m *mail.Message) { m.Expires = o.now }, 0},
		"not yet expired": {func(o *office, m *mail.Message) { m.Expires = o.now.Add(time.Second) }, 1},
		"with a document": {func(o *office, m *mail.Message) {
			o.docs[key], m.Attachments = 5, []mail.Attachment{{Name: "a.pdf", Key: key, Size: 5}}
		}, 1},
		"whose document is gone": {func(o *office, m *mail.Message) {
			m.Attachments = []mail.Attachment{{Name: "a.pdf", Key: key, Size: 5}}
		}, 0},
		"with a document of another site": {func(o *office, m *mail.Message) {
			o.docs["documents/cafe/1"], m.Attachments = 5, []mail.Attachment{{Name: "a.pdf", Key: "documents/cafe/1", Size: 5}}
		}, 0},
		"with a path": {func(o *office, m *mail.Message) {
			o.docs["documents/bakery/../cafe/1"], m.Attachments = 5, []mail.Attachment{{Name: "a.pdf", Key: "documents/bakery/../cafe/1", Size: 5}}
		}, 0},
		"with a document that grew": {func(o *office, m *mail.Message) {
			o.docs[key], m.Attachments = mail.MaxAttachmentBytes+1, []mail.Attachment{{Name: "a.pdf", Key: key, Size: 5}}
		}, 0},
	} {
		o := openOffice(t)
		m := o.message()
		c.spoil(o, &m)
		r := o.post(m)
		if err := o.deliver(r, 1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(o.sent) != c.sent || c.sent == 1 && len(o.files) != len(m.Attachments) {
			t.Errorf("%s: sent %d times with %d files, want %d", name, len(o.sent), len(o.files), c.sent)
		}
		if _, ok, err := o.table.Take(t.Context(), o.site.ID, r.ID, o.now, o.now); ok || err != nil {
			t.Errorf("%s: it is not done (%v)", name, err)
		}
	}
}

// Who left a newsletter can still be answered; who complained or was erased gets
// what he asks for himself, and nothing else.
func TestSuppressedAddresses(t *testing.T) {
	o := openOffice(t)
	b := o.table.Book(o.site)
	n := 0
	for _, c := range []struct {
		why      contact.Suppression
		template mail.Template
		sent     bool
	}{
		{contact.SuppressedUnsubscribed, mail.FromMember, true}, {contact.SuppressedBounced, mail.FromMember, false},
		{contact.SuppressedComplained, mail.FromMember, false}, {contact.SuppressedErased, mail.FromMember, false},
		{contact.SuppressedComplained, mail.SignInCode, true}, {contact.SuppressedBounced, mail.AccessReady, true},
	} {
		n++
		address := strings.Repeat("x", n) + "@example.nl" // of nobody
		if err := b.Suppress(t.Context(), address, c.why, o.now); err != nil {
			t.Fatal(err)
		}
		m := o.message()
		m.ID, m.Template, m.To.Email, m.Contact = mail.Derive(address), c.template, address, ""
		m.Values[mail.Code], m.Values[mail.Link] = "1", "https://example.nl/"
		o.sent = nil
		if err := o.deliver(o.post(m), 1); err != nil || (len(o.sent) == 1) != c.sent {
			t.Errorf("%s to one who is %s: sent %d times, %v", c.template, c.why, len(o.sent), err)
		}
	}
}

// What no sender can read is put aside, and stays where a newer release finds it.
func TestAnUnreadableMailIsPutAside(t *testing.T) {
	for name, spoil := range map[string]func(o *office, r mail.Reference){
		"broken": func(o *office, r mail.Reference) {
			o.raw("S#bakery#O", r.ID, "SET body = :b", map[string]types.AttributeValue{":b": &types.AttributeValueMemberS{Value: `{"to":{"e":"emma@exam`}})
		},
		"newer": func(o *office, r mail.Reference) {
			o.raw("S#bakery#O", r.ID, "SET sv = :v", map[string]types.AttributeValue{":v": &types.AttributeValueMemberN{Value: "99"}})
		},
	} {
		o := openOffice(t)
		r := o.post(o.message())
		spoil(o, r)
		if err := o.deliver(r, 1); err != nil || len(o.sent) != 0 || len(o.dead) != 1 || o.dead[0].ID != r.ID {
			t.Errorf("%s: sent %d times, put aside %v, %v", name, len(o.sent), o.dead, err)
		}
	}
}

func reports(t *testing.T) [][]byte {
	t.Helper()
	b, err := os.ReadFile("../../../events/mailer/reports.json")
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(b), `"demo`, `"bakery`)), &e); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, r := range e.Records {
		out = append(out, []byte(strings.ReplaceAll(r.Body, `["demo"]`, `["bakery"]`)))
	}
	return out
}

// What came back stops what is written next, in whatever order it comes and however often.
func TestBouncesAndComplaintsComeBack(t *testing.T) {
	o := openOffice(t)
	take := Reports(o.table, func(s site.Site) consent.Book { return o.table.Book(s) }, "clientele-site", "clientele-mail", func() time.Time { return o.now.Add(time.Hour) })
	all := reports(t)
	bounce, full, complaint := all[0], all[1], all[2]
	why := func(email string) mail.Suppression {
		t.Helper()
		s, err := o.table.Book(o.site).Suppression(t.Context(), email)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, step := range []struct {
		body []byte
		want mail.Suppression
	}{{full, ""}, {bounce, mail.Bounced}, {complaint, mail.Complained}, {bounce, mail.Complained}, {complaint, mail.Complained}} {
		if err := take(t.Context(), step.body); err != nil {
			t.Fatal(err)
		}
		if got := why("emma@example.nl"); got != step.want {
			t.Errorf("the address is %q, want %q", got, step.want)
		}
	}
	if got := why("noor@example.nl"); got != "" {
		t.Errorf("a full mailbox is %q", got)
	}
	if k, err := o.table.Book(o.site).Get(t.Context(), o.who.ID); err != nil || k.Consent != contact.ConsentComplained {
		t.Errorf("the contact is %s, %v", k.Consent, err)
	}
	if err := take(t.Context(), bytes.ReplaceAll(bounce, []byte("emma@"), []byte("nobody@"))); err != nil || why("nobody@example.nl") != mail.Bounced {
		t.Errorf("an address of nobody is %q, %v", why("nobody@example.nl"), err)
	}
	if err := take(t.Context(), []byte(`{"source":"aws.ses","detail":{"bounce":{"bouncedRecipients":"emma@example.nl"}}}`)); err == nil || strings.Contains(err.Error(), "emma") {
		t.Errorf("a broken report: %v", err)
	}
	if err := take(t.Context(), bytes.ReplaceAll(bounce, []byte(`["bakery"]`), []byte(`["nosuchsite"]`))); err != nil {
		t.Errorf("a report of no site: %v", err)
	}
}
