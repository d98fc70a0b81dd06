package services

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lambda plays the function, and the queue for what is given up.
type lambda struct {
	answer func(seqs []string) (status int, body string) // 0: the function ended in an error
	taken  [][]string
	dead   []string
}

func (l *lambda) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	if !strings.Contains(r.URL.Path, "/invocations") {
		form, _ := url.ParseQuery(string(b))
		var letter struct {
			DDBStreamBatchInfo struct{ StartSequenceNumber, EndSequenceNumber string }
		}
		_ = json.Unmarshal([]byte(form.Get("MessageBody")), &letter)
		l.dead = append(l.dead, letter.DDBStreamBatchInfo.StartSequenceNumber+"-"+letter.DDBStreamBatchInfo.EndSequenceNumber)
		return
	}
	var e struct {
		Records []struct {
			Dynamodb struct{ SequenceNumber string }
		}
	}
	_ = json.Unmarshal(b, &e)
	var seqs []string
	for _, r := range e.Records {
		seqs = append(seqs, r.Dynamodb.SequenceNumber)
	}
	l.taken = append(l.taken, seqs)
	status, body := l.answer(seqs)
	if status == 0 {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = io.WriteString(w, body)
}

func (l *lambda) stream(t *testing.T, retries int) *Stream {
	t.Helper()
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	m := mapping{BatchSize: 4, BisectBatchOnFunctionError: true, MaximumRetryAttempts: &retries, FunctionResponseTypes: []string{"ReportBatchItemFailures"}}
	return &Stream{stack: &Stack{Endpoint: srv.URL}, mapping: m, target: "relay", onFail: "dead", log: slog.New(slog.DiscardHandler),
		pause: func(ctx context.Context, _ int) bool { return ctx.Err() == nil }}
}

func some(t *testing.T, n int) (records []record) {
	t.Helper()
	for i := 1; i <= n; i++ {
		r, err := readRecord(json.RawMessage(fmt.Sprintf(`{"eventName":"INSERT","dynamodb":{"SequenceNumber":"%d","ApproximateCreationDateTime":%d,"NewImage":{"t":{"S":"mail"}}}}`, i, time.Now().Unix())), "arn")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func failures(seqs ...string) string {
	var list []map[string]string
	for _, s := range seqs {
		list = append(list, map[string]string{"itemIdentifier": s})
	}
	b, _ := json.Marshal(map[string]any{"batchItemFailures": list})
	return string(b)
}

func TestBatchesKeepTheirOrder(t *testing.T) {
	l := &lambda{answer: func([]string) (int, string) { return 200, failures() }}
	l.stream(t, 3).hand(t.Context(), "s", some(t, 6))
	if want := [][]string{{"1", "2", "3", "4"}, {"5", "6"}}; fmt.Sprint(l.taken) != fmt.Sprint(want) {
		t.Errorf("taken %v, want %v", l.taken, want)
	}
}

// What is reported comes again with all behind it, and nothing before it.
func TestAReportedRecordComesAgain(t *testing.T) {
	n := 0
	l := &lambda{answer: func([]string) (int, string) {
		if n++; n == 1 {
			return 200, failures("4", "3")
		}
		return 200, failures()
	}}
	l.stream(t, 3).hand(t.Context(), "s", some(t, 5))
	if want := [][]string{{"1", "2", "3", "4"}, {"3", "4"}, {"5"}}; fmt.Sprint(l.taken) != fmt.Sprint(want) {
		t.Errorf("taken %v, want %v", l.taken, want)
	}
}

// A record over which the function dies is found by halving, given up alone, and told.
func TestARecordThatKillsTheFunctionIsGivenUpAlone(t *testing.T) {
	done := map[string]bool{}
	l := &lambda{answer: func(seqs []string) (int, string) {
		if slices.Contains(seqs, "3") {
			return 0, `{"errorType":"Runtime.ExitError"}`
		}
		for _, s := range seqs {
			done[s] = true
		}
		return 200, failures()
	}}
	l.stream(t, 2).hand(t.Context(), "s", some(t, 5))
	for i := 1; i <= 5; i++ {
		if s := strconv.Itoa(i); done[s] == (s == "3") {
			t.Errorf("record %s: done %v", s, done[s])
		}
	}
	if !slices.Equal(l.dead, []string{"3-3"}) {
		t.Errorf("given up: %v", l.dead)
	}
}

func TestFilter(t *testing.T) {
	var m mapping
	for _, p := range []string{`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"t":{"S":["mail",{"prefix":"act"}]}}}}`,
		`{"eventName":[{"anything-but":["REMOVE"]}],"dynamodb":{"NewImage":{"again":{"N":[{"exists":true}]}}}}`} {
		var v any
		if err := json.Unmarshal([]byte(p), &v); err != nil {
			t.Fatal(err)
		}
		m.patterns = append(m.patterns, v)
	}
	for rec, want := range map[string]bool{
		`{"eventName":"INSERT","dynamodb":{"NewImage":{"t":{"S":"mail"}}}}`:     true,
		`{"eventName":"INSERT","dynamodb":{"NewImage":{"t":{"S":"activity"}}}}`: true,
		`{"eventName":"INSERT","dynamodb":{"NewImage":{"t":{"S":"slot"}}}}`:     false,
		`{"eventName":"MODIFY","dynamodb":{"NewImage":{"t":{"S":"mail"}}}}`:     false,
		`{"eventName":"MODIFY","dynamodb":{"NewImage":{"again":{"N":"1"}}}}`:    true,
		`{"eventName":"REMOVE","dynamodb":{"NewImage":{"again":{"N":"1"}}}}`:    false,
		`{"eventName":"REMOVE","dynamodb":{"OldImage":{"t":{"S":"mail"}}}}`:     false,
		`{"eventName":"INSERT"}`: false,
	} {
		var v map[string]any
		if err := json.Unmarshal([]byte(rec), &v); err != nil {
			t.Fatal(err)
		}
		if m.wants(v) != want {
			t.Errorf("%s: %v, want %v", rec, !want, want)
		}
	}
	if !(mapping{}).wants(map[string]any{}) {
		t.Error("without a filter something is kept away")
	}
}
