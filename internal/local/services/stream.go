package services

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Stream plays Lambda's event source mapping of the table's stream: MiniStack's
// own one sees its own tables alone. It reads the stream of DynamoDB Local and
// invokes the deployed function with its records, as the mapping of the template
// says: what the filter lets through, in order, again from a record that was
// reported, in halves after an error, and to the on-failure queue at the end.
type Stream struct {
	stack   *Stack
	arn     string
	mapping mapping
	target  string // the function's name
	onFail  string // address of a queue; may be empty
	log     *slog.Logger
	// Waits between tries; a test makes them short.
	pause func(ctx context.Context, try int) bool

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// mapping is what the template says of the trigger.
type mapping struct {
	BatchSize                  int
	BisectBatchOnFunctionError bool
	MaximumRetryAttempts       *int
	MaximumRecordAgeInSeconds  int
	FunctionResponseTypes      []string
	FilterCriteria             struct{ Filters []struct{ Pattern string } }
	EventSourceArn             getAtt
	FunctionName               struct{ Ref string }
	DestinationConfig          struct {
		OnFailure struct{ Destination getAtt }
	}

	patterns []any
}

// getAtt is {"Fn::GetAtt": ["Table", "StreamArn"]}.
type getAtt struct {
	Of []string `json:"Fn::GetAtt"`
}

func (g getAtt) resource() string {
	if len(g.Of) == 0 {
		return ""
	}
	return g.Of[0]
}

// readMapping finds the trigger on the table's stream in the processed template.
func readMapping(processed map[string]resource) (m mapping, ok bool, err error) {
	for _, r := range processed {
		if r.Type != "AWS::Lambda::EventSourceMapping" {
			continue
		}
		b, err := json.Marshal(r.Properties)
		if err != nil {
			return m, false, err
		}
		m = mapping{}
		if json.Unmarshal(b, &m) != nil || m.EventSourceArn.resource() != "Table" {
			continue // a queue's
		}
		for _, f := range m.FilterCriteria.Filters {
			var p any
			if err := json.Unmarshal([]byte(f.Pattern), &p); err != nil {
				return m, false, fmt.Errorf("a filter of the stream is no JSON: %w", err)
			}
			m.patterns = append(m.patterns, p)
		}
		return m, true, nil
	}
	return m, false, nil
}

// StartStream reads the stack's stream until Close and tells the log what failed. nil
// if the template has no function on it.
func StartStream(s *Stack, log io.Writer) (*Stream, error) {
	if s.stream.FunctionName.Ref == "" {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Stream{stack: s, mapping: s.stream, target: s.resources[s.stream.FunctionName.Ref],
		onFail: s.resources[s.stream.DestinationConfig.OnFailure.Destination.resource()], pause: growing, cancel: cancel, log: slog.New(slog.NewTextHandler(log, nil))}
	var d struct {
		Table struct{ LatestStreamArn string }
	}
	if err := t.ask(ctx, "DynamoDB_20120810.DescribeTable", map[string]any{"TableName": s.Table}, &d); err != nil {
		cancel()
		return nil, err
	}
	if t.arn = d.Table.LatestStreamArn; t.arn == "" {
		cancel()
		return nil, errors.New("the table has no stream")
	}
	t.done.Go(func() { t.read(ctx) })
	return t, nil
}

// Close stops reading; what is being worked on may come again with the next start.
func (t *Stream) Close() {
	t.cancel()
	t.done.Wait()
}

func (t *Stream) ask(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	b, err := call(ctx, "dynamodb", "POST", t.stack.Dynamo+"/", "application/x-amz-json-1.0", body, "X-Amz-Target", operation)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

const streams = "DynamoDBStreams_20120810."

type shard struct {
	ShardID, ParentShardID string
	iterator, last         string // last: sequence number of the last record that was read
	ended                  bool
}

// read goes through the shards, a parent before its children.
func (t *Stream) read(ctx context.Context) {
	known := map[string]*shard{}
	var order []*shard
	var looked time.Time
	for ctx.Err() == nil {
		if time.Since(looked) > 10*time.Second {
			var d struct {
				StreamDescription struct{ Shards []shard }
			}
			if err := t.ask(ctx, streams+"DescribeStream", map[string]any{"StreamArn": t.arn}, &d); err == nil {
				looked = time.Now()
				for _, s := range d.StreamDescription.Shards {
					if known[s.ShardID] == nil {
						known[s.ShardID] = &s
						order = append(order, &s)
					}
				}
			}
		}
		read := 0
		for _, s := range order {
			if parent := known[s.ParentShardID]; s.ended || parent != nil && !parent.ended {
				continue
			}
			records, err := t.records(ctx, s)
			if err != nil {
				t.log.Warn("reading the stream", "error", err)
				s.iterator = "" // expired, or the engine is busy: get a new one
				continue
			}
			read += len(records)
			t.hand(ctx, s.ShardID, records)
		}
		if read == 0 && !wait(ctx, 100*time.Millisecond) {
			return
		}
	}
}

// record is one record as the stream gives it, which is also how a function gets it.
type record struct {
	raw json.RawMessage
	val map[string]any
	seq string
	at  time.Time
}

func (t *Stream) records(ctx context.Context, s *shard) ([]record, error) {
	if s.iterator == "" {
		in := map[string]any{"StreamArn": t.arn, "ShardId": s.ShardID, "ShardIteratorType": "TRIM_HORIZON"}
		if s.last != "" {
			in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", s.last
		}
		var out struct{ ShardIterator string }
		if err := t.ask(ctx, streams+"GetShardIterator", in, &out); err != nil {
			return nil, err
		}
		s.iterator = out.ShardIterator
	}
	var out struct {
		Records           []json.RawMessage
		NextShardIterator string
	}
	if err := t.ask(ctx, streams+"GetRecords", map[string]any{"ShardIterator": s.iterator, "Limit": 1000}, &out); err != nil {
		return nil, err
	}
	records := make([]record, 0, len(out.Records))
	for _, raw := range out.Records {
		r, err := readRecord(raw, t.arn)
		if err != nil {
			return nil, err
		}
		s.last = r.seq
		records = append(records, r)
	}
	s.iterator, s.ended = out.NextShardIterator, out.NextShardIterator == ""
	return records, nil
}

func readRecord(raw json.RawMessage, arn string) (record, error) {
	r := record{}
	if err := json.Unmarshal(raw, &r.val); err != nil {
		return r, err
	}
	// What Lambda says of itself and DynamoDB Local does not.
	r.val["eventSource"], r.val["awsRegion"], r.val["eventSourceARN"] = "aws:dynamodb", Region, arn
	change, _ := r.val["dynamodb"].(map[string]any)
	r.seq, _ = change["SequenceNumber"].(string)
	if at, ok := change["ApproximateCreationDateTime"].(float64); ok {
		sec, frac := math.Modf(at)
		r.at = time.Unix(int64(sec), int64(frac*1e9))
	}
	var err error
	r.raw, err = json.Marshal(r.val)
	return r, err
}

// hand gives the records that pass the filter to the function, batch by batch.
func (t *Stream) hand(ctx context.Context, shard string, records []record) {
	wanted := slices.DeleteFunc(records, func(r record) bool { return !t.mapping.wants(r.val) })
	for batch := range slices.Chunk(wanted, max(1, t.mapping.BatchSize)) {
		t.deliver(ctx, shard, batch)
	}
}

// deliver returns when each record of the batch was taken or given up.
func (t *Stream) deliver(ctx context.Context, shard string, batch []record) {
	for try := 1; len(batch) > 0 && ctx.Err() == nil; try++ {
		from, err := t.invoke(ctx, batch)
		if err == nil && from < 0 {
			return
		}
		if err == nil {
			t.log.Warn("records come again", "records", len(batch)-from, "try", try)
			batch = batch[from:] // those before it were taken
		} else if t.log.Warn("invoking the function", "records", len(batch), "try", try, "error", err); t.mapping.BisectBatchOnFunctionError && len(batch) > 1 {
			half := len(batch) / 2
			t.deliver(ctx, shard, batch[:half])
			batch, try = batch[half:], 0
			continue
		}
		if why := t.spent(try, batch[0]); why != "" {
			t.giveUp(ctx, shard, batch, why, try)
			return
		}
		if !t.pause(ctx, try) {
			return
		}
	}
}

// spent tells why a batch is given up; "" if it is not.
func (t *Stream) spent(try int, first record) string {
	m := t.mapping
	switch {
	case m.MaximumRetryAttempts != nil && *m.MaximumRetryAttempts >= 0 && try > *m.MaximumRetryAttempts:
		return "RetryAttemptsExhausted"
	case m.MaximumRecordAgeInSeconds > 0 && !first.at.IsZero() && time.Since(first.at) > time.Duration(m.MaximumRecordAgeInSeconds)*time.Second:
		return "MaximumRecordAgeExceeded"
	}
	return ""
}

// invoke returns the first record of the batch that comes again, -1 for none. An
// error is the function's, or that it was not reached.
func (t *Stream) invoke(ctx context.Context, batch []record) (from int, err error) {
	raws := make([]json.RawMessage, len(batch))
	for i, r := range batch {
		raws[i] = r.raw
	}
	body, err := json.Marshal(map[string]any{"Records": raws})
	if err != nil {
		return 0, err
	}
	address := join(t.stack.Endpoint, "2015-03-31/functions", t.target, "invocations")
	req, err := http.NewRequestWithContext(ctx, "POST", address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+Region+"/lambda/aws4_request, SignedHeaders=host, Signature=none")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 || res.Header.Get("X-Amz-Function-Error") != "" {
		return 0, fmt.Errorf("%s answered %d %s: %.300s", t.target, res.StatusCode, res.Header.Get("X-Amz-Function-Error"), b)
	}
	if !slices.Contains(t.mapping.FunctionResponseTypes, "ReportBatchItemFailures") {
		return -1, nil
	}
	var out struct {
		Failures []struct{ ItemIdentifier string } `json:"batchItemFailures"`
	}
	if len(b) > 0 && json.Unmarshal(b, &out) != nil {
		return 0, nil // an answer that cannot be read: all of it comes again
	}
	from = -1
	for _, f := range out.Failures {
		at := slices.IndexFunc(batch, func(r record) bool { return r.seq == f.ItemIdentifier })
		if at < 0 {
			return 0, nil // names none of them: all come again
		}
		if from < 0 || at < from {
			from = at
		}
	}
	return from, nil
}

// giveUp tells the on-failure queue which records were left, as Lambda does.
func (t *Stream) giveUp(ctx context.Context, shard string, batch []record, why string, tries int) {
	t.log.Error("records are given up", "records", len(batch), "why", why)
	if t.onFail == "" {
		return
	}
	letter, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{"functionArn": t.target, "condition": why, "approximateInvokeCount": tries},
		"version":        "1.0",
		"DDBStreamBatchInfo": map[string]any{"shardId": shard, "startSequenceNumber": batch[0].seq, "endSequenceNumber": batch[len(batch)-1].seq,
			"batchSize": len(batch), "streamArn": t.arn},
	})
	if err != nil {
		return
	}
	for try := 1; ; try++ {
		_, err := call(ctx, "sqs", "POST", t.stack.Endpoint+"/", "application/x-www-form-urlencoded",
			[]byte(url.Values{"Action": {"SendMessage"}, "Version": {"2012-11-05"}, "QueueUrl": {t.onFail}, "MessageBody": {string(letter)}}.Encode()))
		if err == nil || !t.pause(ctx, try) {
			return
		}
	}
}

func growing(ctx context.Context, try int) bool {
	return wait(ctx, min(100*time.Millisecond<<min(try, 10), 10*time.Second))
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// wants reports whether a record passes one of the filter's patterns.
func (m mapping) wants(rec map[string]any) bool {
	return len(m.patterns) == 0 || slices.ContainsFunc(m.patterns, func(p any) bool { return matches(p, rec, true) })
}

// matches knows of Lambda's patterns what template.yaml uses: fields, lists of
// values, prefix, anything-but and exists.
func matches(pattern, value any, there bool) bool {
	switch p := pattern.(type) {
	case map[string]any:
		fields, _ := value.(map[string]any)
		for name, sub := range p {
			v, ok := fields[name]
			if !matches(sub, v, ok) {
				return false
			}
		}
		return true
	case []any:
		return slices.ContainsFunc(p, func(one any) bool { return passes(one, value, there) })
	}
	return false
}

func passes(test, value any, there bool) bool {
	rule, ok := test.(map[string]any)
	if !ok {
		return there && test == value
	}
	for name, arg := range rule {
		s, _ := value.(string)
		switch name {
		case "exists":
			return arg == there
		case "prefix":
			want, _ := arg.(string)
			return there && strings.HasPrefix(s, want)
		case "anything-but":
			list, _ := arg.([]any)
			return there && !slices.Contains(list, value)
		}
	}
	return false
}
