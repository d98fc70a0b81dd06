package queue

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/message"
)

// call is one request as SQS got it.
type call struct {
	op   string
	body map[string]any
}

// fakeSQS answers everything and remembers it: which fields go over the wire is
// what is tested here.
func fakeSQS(t *testing.T) (*Queue, func() []call) {
	t.Helper()
	var mu sync.Mutex
	var calls []call
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		c := call{op: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")}
		_ = json.Unmarshal(raw, &c.body)
		mu.Lock()
		calls = append(calls, c)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if text, ok := c.body["MessageBody"].(string); ok {
			sum := md5.Sum([]byte(text)) // the SDK compares it
			_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": "1", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(srv.Close)
	q, err := Open(aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		srv.URL+"/1/intake", func(o *sqs.Options) { o.BaseEndpoint = &srv.URL })
	if err != nil {
		t.Fatal(err)
	}
	return q, func() []call {
		mu.Lock()
		defer mu.Unlock()
		return append([]call(nil), calls...)
	}
}

func TestAMessageGoesOutInItsSitesGroup(t *testing.T) {
	q, calls := fakeSQS(t)
	in := Message{Site: "demo1", Kind: "order", Body: []byte(`{"id":1}`)}
	if err := q.Send(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	c := calls()[0]
	if c.op != "SendMessage" || c.body["MessageGroupId"] != "demo1" || c.body["MessageDeduplicationId"] != nil {
		t.Errorf("sent %v", c)
	}
	out, err := message.Unpack(c.body["MessageBody"].(string))
	if err != nil || string(out.Body) != `{"id":1}` {
		t.Errorf("envelope: %v, %v", out, err)
	}
}

func TestWhatDoesNotFitIsNotSent(t *testing.T) {
	q, calls := fakeSQS(t)
	err := q.Send(context.Background(), Message{Site: "demo1", Kind: "order", Body: make([]byte, message.MaxBody+1)})
	if crm.CodeOf(err) != crm.TooLarge || len(calls()) != 0 {
		t.Errorf("%v after %d requests", err, len(calls()))
	}
}

func TestAHeldMessageIsRenewedUntilStopped(t *testing.T) {
	q, calls := fakeSQS(t)
	stop := q.Hold(context.Background(), "receipt", 3*time.Second)
	if n := len(calls()); n != 1 {
		t.Fatalf("%d requests at the start, want 1: the long time-out must be shortened at once", n)
	}
	time.Sleep(1300 * time.Millisecond)
	stop()
	n := len(calls())
	if n != 2 {
		t.Errorf("%d requests after 1.3 s, want 2", n)
	}
	for _, c := range calls() {
		if c.op != "ChangeMessageVisibility" || c.body["VisibilityTimeout"] != 3.0 || c.body["ReceiptHandle"] != "receipt" {
			t.Errorf("sent %v", c)
		}
	}
	time.Sleep(1100 * time.Millisecond)
	if len(calls()) != n {
		t.Error("it went on after stop")
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	if _, err := Open(aws.Config{}, ""); err == nil {
		t.Error("opened a queue without an address")
	}
}
