package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/message"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/entry/boot"
	"clientele/internal/entry/worker"
)

var now = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

type directory struct {
	site.Directory
	fail error
}

func (d directory) ByID(_ context.Context, id crm.SiteID) (site.Site, error) {
	if d.fail != nil {
		return site.Site{}, d.fail
	}
	if id != "demo" {
		return site.Site{}, crm.Errorf(crm.NotFound, "there is no such site")
	}
	return site.Site{ID: id, Country: "NL"}, nil
}

type book struct {
	dealings []order.Dealing
	orders   []order.Order
	gone     []order.Order
	kept     []timeline.Activity
	under    string
	until    time.Time
	fail     error
}

func (b *book) Attach(_ context.Context, o order.Order, f contact.Facts, now time.Time, rule order.Rule) (contact.Contact, error) {
	if b.fail != nil {
		return contact.Contact{}, b.fail
	}
	c := contact.New(f, now)
	_, _, err := rule(&c, f, true, nil, nil)
	b.orders = append(b.orders, o)
	return c, err
}

func (b *book) AttachDealing(_ context.Context, d order.Dealing, f contact.Facts, now time.Time, rule order.DealingRule) (contact.Contact, error) {
	if b.fail != nil {
		return contact.Contact{}, b.fail
	}
	c := contact.New(f, now)
	_, _, err := rule(&c, f, true, nil)
	b.dealings = append(b.dealings, d)
	return c, err
}

func (b *book) Forget(_ context.Context, o order.Order) (bool, error) {
	b.gone = append(b.gone, o)
	return true, b.fail
}

func (b *book) KeepSubmission(_ context.Context, under string, a timeline.Activity, until time.Time) error {
	if b.fail != nil {
		return b.fail
	}
	b.kept, b.under, b.until = append(b.kept, a), under, until
	return nil
}

func intake(b *book) worker.Handler {
	return worker.Intake(directory{}, func(site.Site) order.Book { return b }, func() time.Time { return now })
}

// logs catches what is logged.
func logs(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(boot.Logger(&out)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func sample(t *testing.T, name string) events.SQSEvent {
	t.Helper()
	raw, err := os.ReadFile("../../../events/intake/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

// failed are the numbers of the records, from 1, that come again.
func failed(t *testing.T, h worker.Handler, e events.SQSEvent) []int {
	t.Helper()
	out, err := worker.Batch(h)(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	got := []int{}
	for _, f := range out.BatchItemFailures {
		for i, r := range e.Records {
			if r.MessageId == f.ItemIdentifier {
				got = append(got, i+1)
			}
		}
	}
	return got
}

func TestAnOrderOfTheQueueIsAttached(t *testing.T) {
	logs(t)
	b := &book{}
	if again := failed(t, intake(b), sample(t, "order.json")); len(again) != 0 {
		t.Fatalf("failed: %v", again)
	}
	if len(b.orders) != 1 || b.orders[0].Source != "shop" || b.orders[0].ExternalID != "2026-000042" || len(b.kept) != 0 {
		t.Errorf("%+v", b)
	}
}

func TestEachMessageOfABatchHasItsOwnFate(t *testing.T) {
	out := logs(t)
	b := &book{}
	// Of a newer release, and garbage: they wait, and end among the dead letters.
	if again := failed(t, intake(b), sample(t, "batch.json")); !reflect.DeepEqual(again, []int{5, 6}) {
		t.Errorf("failed: %v, want 5 and 6", again)
	}
	if len(b.orders) != 1 || len(b.kept) != 1 {
		t.Fatalf("%d orders, %d kept", len(b.orders), len(b.kept))
	}
	a := b.kept[0]
	if b.under != "shop" || a.Values[len(a.Values)-1] != (timeline.Value{Name: "body", Text: `{"id":"1","status":"odd"}`}) ||
		!b.until.Equal(time.Date(2026, 4, 1, 9, 16, 31, 0, time.UTC)) || !strings.Contains(a.Values[0].Text, "/status") {
		t.Errorf("kept %+v under %s until %s", a, b.under, b.until)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil || l["level"] == nil || l["timestamp"] == nil || l["message"] == nil {
			t.Errorf("log line %s", line)
		}
	}
	for _, private := range []string{"fenna", "Fenna", "612345678", "Brink", `"demo"`} {
		if strings.Contains(out.String(), private) {
			t.Errorf("the log tells %q", private)
		}
	}
}

func TestWhatIsKeptOfARepeatedMessageIsOneItem(t *testing.T) {
	logs(t)
	b := &book{}
	for range 2 {
		failed(t, intake(b), sample(t, "batch.json"))
	}
	if len(b.kept) != 2 || b.kept[0].ID != b.kept[1].ID || len(b.kept[0].ID) != 26 {
		t.Errorf("%+v", b.kept)
	}
}

func TestWhatARetryCanHelpComesAgain(t *testing.T) {
	logs(t)
	e := sample(t, "order.json")
	for _, err := range []error{errors.New("down"), crm.Errorf(crm.Busy, "busy"), context.DeadlineExceeded} {
		if again := failed(t, intake(&book{fail: err}), e); !reflect.DeepEqual(again, []int{1}) {
			t.Errorf("%v: done, and the order is lost", err)
		}
	}
	h := worker.Intake(directory{fail: errors.New("down")}, func(site.Site) order.Book { return &book{} }, func() time.Time { return now })
	if again := failed(t, h, e); !reflect.DeepEqual(again, []int{1}) {
		t.Error("the directory was down, and the order is lost")
	}
	// Refused, and not even to be kept: not done either.
	bad := sample(t, "batch.json")
	bad.Records = bad.Records[1:2]
	if again := failed(t, intake(&book{fail: errors.New("down")}), bad); !reflect.DeepEqual(again, []int{1}) {
		t.Error("a refused message was dropped that could not be kept")
	}
}

func TestADeletionHasTheMomentInWhichItWasReceived(t *testing.T) {
	logs(t)
	b := &book{}
	d := worker.Delivery{Message: message.Message{Site: "demo", Kind: "order", Body: []byte(`{"id":42}`), Attributes: map[string]string{
		"source": "demo-my-shop", "kind": "woocommerce", "topic": "order.deleted", "received_at": "2026-03-02T09:00:00Z"}}}
	if err := intake(b)(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	if len(b.gone) != 1 || b.gone[0].Source != "my-shop" || !b.gone[0].DeletedAt.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v", b.gone)
	}
}

func TestALargeBodyIsKeptPackedOrNotAtAll(t *testing.T) {
	logs(t)
	b := &book{}
	d := worker.Delivery{Message: message.Message{Site: "demo", Kind: "order", Attributes: map[string]string{"source": "demo-shop", "kind": "own", "received_at": "2026-03-02T09:00:00Z"}}}
	d.Body = []byte(`{"id":"1","note":"` + strings.Repeat("x", 1<<20) + `"}`)
	if err := intake(b)(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, v := range b.kept[0].Values {
		size += len(v.Name) + len(v.Text)
	}
	if last := b.kept[0].Values[len(b.kept[0].Values)-1]; last.Name != "body_gzip_base64" || size > 310<<10 {
		t.Errorf("%d bytes, last %s", size, last.Name)
	}
}

func TestAPanicTouchesNoOtherMessage(t *testing.T) {
	out := logs(t)
	e := sample(t, "batch.json")
	e.Records = e.Records[:3]
	calls := 0
	h := func(context.Context, worker.Delivery) error {
		calls++
		if calls == 2 {
			panic("jan@example.nl")
		}
		return nil
	}
	if again := failed(t, h, e); !reflect.DeepEqual(again, []int{2}) || calls != 3 {
		t.Errorf("failed: %v after %d calls", again, calls)
	}
	if strings.Contains(out.String(), "jan@") {
		t.Error("the log has what was thrown")
	}
}

func TestWhatThereIsNoTimeForComesAgain(t *testing.T) {
	logs(t)
	e := sample(t, "batch.json")
	e.Records = e.Records[:3]
	ctx, cancel := context.WithTimeout(context.Background(), 2100*time.Millisecond)
	defer cancel()
	out, err := worker.Batch(func(ctx context.Context, _ worker.Delivery) error {
		<-ctx.Done() // a store that hangs
		return ctx.Err()
	})(ctx, e)
	if err != nil || len(out.BatchItemFailures) != 3 || ctx.Err() != nil {
		t.Errorf("%d failures (%v), at the end: %v; the answer must get out before the time is up", len(out.BatchItemFailures), err, ctx.Err())
	}
}

func TestADeliveryTellsHowOftenItCame(t *testing.T) {
	logs(t)
	var got worker.Delivery
	e := sample(t, "batch.json")
	e.Records = e.Records[1:2]
	failed(t, func(_ context.Context, d worker.Delivery) error { got = d; return nil }, e)
	if got.Tries != 2 || got.ID != e.Records[0].MessageId || got.Receipt != e.Records[0].ReceiptHandle || got.Site != "demo" {
		t.Errorf("%+v", got)
	}
}

func TestPaymentsInvoicesAndAppointmentsOfTheQueueAreAttached(t *testing.T) {
	logs(t)
	b := &book{}
	e := sample(t, "order.json")
	for i, kind := range []string{"payment", "invoice", "appointment"} {
		body, err := os.ReadFile("../../../events/orders/" + kind + ".json")
		if err != nil {
			t.Fatal(err)
		}
		r := e.Records[0]
		m, err := message.Unpack(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		m.Body = body
		r.MessageId = kind
		if r.Body, err = m.Pack(); err != nil {
			t.Fatal(err)
		}
		if again := failed(t, intake(b), events.SQSEvent{Records: []events.SQSMessage{r}}); len(again) != 0 {
			t.Fatalf("%s failed: %v", kind, again)
		}
		if len(b.dealings) != i+1 || string(b.dealings[i].Kind) != kind || b.dealings[i].Source != "shop" || len(b.orders) != 0 || len(b.kept) != 0 {
			t.Errorf("%s: %+v", kind, b)
		}
	}
}
