package worker

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/relay"
)

// handed records what relay hands on, in its order.
type handed struct {
	said []string
	fail func(what string) error
}

func (h *handed) say(what string) error {
	if h.fail != nil {
		if err := h.fail(what); err != nil {
			return err
		}
	}
	h.said = append(h.said, what)
	return nil
}

func (h *handed) SendMail(_ context.Context, r mail.Reference) error {
	return h.say("mail " + string(r.Site) + " " + strings.TrimLeft(strings.TrimPrefix(r.ID, "ml_"), "0"))
}

func (h *handed) Audit(_ context.Context, id crm.SiteID, entries ...audit.Entry) error {
	for _, e := range entries {
		if err := h.say("audit " + string(id) + " " + e.By); err != nil {
			return err
		}
	}
	return nil
}

func (h *handed) Remove(_ context.Context, keys ...string) error {
	return h.say("away " + strings.Join(keys, " "))
}

func (h *handed) SendDead(_ context.Context, letter any) error {
	b, err := json.Marshal(letter)
	if err != nil {
		return err
	}
	if strings.Contains(string(b), "emma@") || strings.Contains(string(b), "482") {
		return errors.New("the letter tells what it is about")
	}
	sk := letter.(DeadRecord).SK
	return h.say("dead " + sk[len(sk)-1:])
}

func batch(t *testing.T) events.DynamoDBEvent {
	t.Helper()
	b, err := os.ReadFile("../../../events/relay/batch.json")
	if err != nil {
		t.Fatal(err)
	}
	var e events.DynamoDBEvent
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

var all = []string{"mail demo 1", "audit demo mb_sanne", "dead 2", "dead 1", "mail demo 3", "mail demo 1"}

func (h *handed) relay() Relay {
	return Relay{Read: dynamo.ReadChange, Mails: h, Audit: h, Dead: h, Files: h}
}

func TestPoisonedRecordsBlockNothing(t *testing.T) {
	h := &handed{}
	out, err := h.relay().Batch(context.Background(), batch(t))
	if err != nil || len(out.BatchItemFailures) != 0 || !slices.Equal(h.said, all) {
		t.Errorf("handed on %q, %v came back, %v", h.said, out.BatchItemFailures, err)
	}
}

// Wherever a service fails, the stream comes again from that record and in the end
// everything was handed on in its order.
func TestAFailureComesAgainFromItsRecord(t *testing.T) {
	for fails := range all {
		n := 0
		h := &handed{fail: func(string) error {
			if n++; n == fails+1 {
				return errors.New("the service is down")
			}
			return nil
		}}
		e := batch(t)
		out, err := h.relay().Batch(context.Background(), e)
		if err != nil || len(out.BatchItemFailures) != 1 || !slices.Equal(h.said, all[:fails]) {
			t.Fatalf("failure %d: handed on %q, %v came back, %v", fails, h.said, out.BatchItemFailures, err)
		}
		from := slices.IndexFunc(e.Records, func(r events.DynamoDBEventRecord) bool {
			return r.Change.SequenceNumber == out.BatchItemFailures[0].ItemIdentifier
		})
		if from < 0 {
			t.Fatalf("failure %d names no record", fails)
		}
		e.Records = e.Records[from:]
		if out, err := h.relay().Batch(context.Background(), e); err != nil || len(out.BatchItemFailures) != 0 || !slices.Equal(h.said, all) {
			t.Errorf("failure %d: in the end %q", fails, h.said)
		}
	}
}

// A file goes with its record, whichever way that went: with its contact, its note,
// another picture, or by its time to live.
func TestAFileGoesWithItsRecord(t *testing.T) {
	record := func(purpose, event string) (e events.DynamoDBEvent) {
		image := `{"PK":{"S":"S#demo#A#ct_1"},"SK":{"S":"UPLOAD#doc_1"},"t":{"S":"upload"},"sv":{"N":"1"},"st":{"S":"used"},"body":{"S":"{\"p\":\"` + purpose + `\",\"s\":1,\"at\":1}"}}`
		images := `"OldImage":` + image
		if event == "MODIFY" {
			images += `,"NewImage":` + image
		}
		if err := json.Unmarshal([]byte(`{"Records":[{"eventName":"`+event+`","dynamodb":{"SequenceNumber":"1","Keys":{"PK":{"S":"S#demo#A#ct_1"},"SK":{"S":"UPLOAD#doc_1"}},`+images+`}}]}`), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	h := &handed{}
	for _, e := range []events.DynamoDBEvent{record("entry", "REMOVE"), record("avatar", "REMOVE"), record("entry", "MODIFY")} {
		if out, err := h.relay().Batch(context.Background(), e); err != nil || len(out.BatchItemFailures) != 0 {
			t.Fatal(out, err)
		}
	}
	want := []string{"away incoming/demo/ct_1/doc_1 documents/demo/ct_1/doc_1", "away incoming/demo/ct_1/doc_1 avatars/demo/ct_1/doc_1-512 avatars/demo/ct_1/doc_1-96"}
	if !slices.Equal(h.said, want) {
		t.Errorf("handed on %q", h.said)
	}
}

func TestAPanicOverARecordIsPoison(t *testing.T) {
	h := &handed{}
	r := h.relay()
	r.Read = func(rec events.DynamoDBEventRecord) (relay.Change, error) {
		if strings.HasSuffix(keyPart(rec, "SK"), "1") && rec.EventName == "INSERT" {
			panic("emma@example.nl")
		}
		return dynamo.ReadChange(rec)
	}
	out, err := r.Batch(context.Background(), batch(t))
	if err != nil || len(out.BatchItemFailures) != 0 || !slices.Contains(h.said, "mail demo 3") || !slices.Contains(h.said, "dead 1") {
		t.Errorf("handed on %q, %v came back, %v", h.said, out.BatchItemFailures, err)
	}
}

func TestWhatThereIsNoTimeForComesAgain(t *testing.T) {
	h := &handed{}
	ctx, cancel := context.WithTimeout(context.Background(), reserve)
	defer cancel()
	e := batch(t)
	out, err := h.relay().Batch(ctx, e)
	if err != nil || len(out.BatchItemFailures) != 1 || out.BatchItemFailures[0].ItemIdentifier != e.Records[0].Change.SequenceNumber || len(h.said) != 0 {
		t.Errorf("handed on %q, %v came back, %v", h.said, out.BatchItemFailures, err)
	}
}
