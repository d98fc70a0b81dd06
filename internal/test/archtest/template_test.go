package archtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"clientele/internal/adapter/dynamo"
)

// A template is template.yaml with its short tags (!Ref, !GetAtt, !Sub …) taken
// as what they hold: `!GetAtt A.Arn` is "A.Arn", `!Ref A` is "A".
type template struct {
	Globals struct {
		Function struct{ Timeout int }
	}
	Resources map[string]struct {
		Type                string
		DeletionPolicy      string
		UpdateReplacePolicy string
		Metadata            struct{ BuildMethod string }
		Properties          json.RawMessage
	}
}

type function struct {
	Timeout  int
	Policies []json.RawMessage
	Events   map[string]struct {
		Type       string
		Properties struct {
			Queue                 string
			FunctionResponseTypes []string
			// Of a table's stream.
			Stream                                          string
			BisectBatchOnFunctionError                      bool
			MaximumRetryAttempts, MaximumRecordAgeInSeconds int
			DestinationConfig                               struct {
				OnFailure struct{ Type, Destination string }
			}
			FilterCriteria struct{ Filters []struct{ Pattern string } }
		}
	}
}

type queue struct {
	VisibilityTimeout      int
	MaximumMessageSize     int
	MessageRetentionPeriod int
	SqsManagedSseEnabled   bool
	FifoQueue              bool
	RedrivePolicy          struct {
		DeadLetterTargetArn string
		MaxReceiveCount     int
	}
}

func load(t *testing.T) template {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	untag(&doc)
	// By way of JSON, whose decoding does not mind how a word is capitalised.
	var tree any
	if err := doc.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	var out template
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func untag(n *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		n.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[n.Kind]
	}
	for _, c := range n.Content {
		untag(c)
	}
}

// each decodes the resources of one type.
func each[T any](t *testing.T, tpl template, kind string) map[string]T {
	t.Helper()
	out := map[string]T{}
	for name, r := range tpl.Resources {
		if r.Type == kind {
			var v T
			if err := json.Unmarshal(r.Properties, &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out[name] = v
		}
	}
	if len(out) == 0 {
		t.Fatalf("the template has no %s", kind)
	}
	return out
}

func TestEveryFunctionHasAFolder(t *testing.T) {
	tpl := load(t)
	described := map[string]bool{}
	for name := range each[function](t, tpl, "AWS::Serverless::Function") {
		short, ok := strings.CutSuffix(name, "Function")
		if !ok {
			t.Errorf("%s: functions are named <Folder>Function", name)
		}
		if tpl.Resources[name].Metadata.BuildMethod != "makefile" {
			t.Errorf("%s: BuildMethod is not makefile, and another one ships stale binaries", name)
		}
		described[strings.ToLower(short)] = true
	}
	folders, err := os.ReadDir(filepath.Join(root(t), "functions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !described[f.Name()] {
			t.Errorf("functions/%s has no resource in template.yaml", f.Name())
		}
		delete(described, f.Name())
	}
	for name := range described {
		t.Errorf("template.yaml has a function %s and functions/%s does not exist", name, name)
	}
}

func TestEveryQueueCanFailSafely(t *testing.T) {
	tpl := load(t)
	queues := each[queue](t, tpl, "AWS::SQS::Queue")
	consumed := map[string]bool{}
	for name, f := range each[function](t, tpl, "AWS::Serverless::Function") {
		timeout := f.Timeout
		if timeout == 0 {
			timeout = tpl.Globals.Function.Timeout
		}
		for event, e := range f.Events {
			if e.Type != "SQS" {
				continue
			}
			id := strings.TrimSuffix(e.Properties.Queue, ".Arn")
			q, ok := queues[id]
			if !ok {
				t.Errorf("%s.%s listens to %q, which is no queue of this template", name, event, e.Properties.Queue)
				continue
			}
			consumed[id] = true
			if !slices.Contains(e.Properties.FunctionResponseTypes, "ReportBatchItemFailures") {
				t.Errorf("%s.%s does not report partial failures", name, event)
			}
			if q.VisibilityTimeout < 6*timeout {
				t.Errorf("%s is visible again after %d s, less than six times the %d s of %s", id, q.VisibilityTimeout, timeout, name)
			}
			dead, ok := queues[strings.TrimSuffix(q.RedrivePolicy.DeadLetterTargetArn, ".Arn")]
			if !ok {
				t.Errorf("%s has no dead-letter queue", id)
				continue
			}
			if q.RedrivePolicy.MaxReceiveCount < 5 {
				t.Errorf("%s gives up after %d tries, fewer than 5", id, q.RedrivePolicy.MaxReceiveCount)
			}
			if dead.FifoQueue != q.FifoQueue {
				t.Errorf("%s and its dead letters are not of one kind, which SQS asks for", id)
			}
			if dead.MessageRetentionPeriod <= q.MessageRetentionPeriod {
				t.Errorf("the dead letters of %s are kept for %d s, not longer than its messages", id, dead.MessageRetentionPeriod)
			}
		}
	}
	for id, q := range queues {
		if !q.SqsManagedSseEnabled {
			t.Errorf("%s is not encrypted", id)
		}
		if q.MaximumMessageSize != 1<<20 {
			t.Errorf("messages of %s have at most %d bytes, not 1 MiB", id, q.MaximumMessageSize)
		}
		if strings.HasSuffix(id, "Queue") && !consumed[id] {
			t.Errorf("nobody reads %s", id)
		}
	}
}

// A stream stops at a record that fails for ever, and forgets it after a day: so
// tries are bounded, a bad record is found by halving, and what is given up is told.
func TestEveryStreamCanFailSafely(t *testing.T) {
	tpl := load(t)
	queues := each[queue](t, tpl, "AWS::SQS::Queue")
	streams := 0
	for name, f := range each[function](t, tpl, "AWS::Serverless::Function") {
		for event, e := range f.Events {
			if e.Type != "DynamoDB" {
				continue
			}
			streams++
			p, where := e.Properties, name+"."+event
			if p.Stream != "Table.StreamArn" {
				t.Errorf("%s listens to %q, not to the table", where, p.Stream)
			}
			if !slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures") || !p.BisectBatchOnFunctionError {
				t.Errorf("%s tries whole batches again", where)
			}
			if p.MaximumRetryAttempts < 1 || p.MaximumRecordAgeInSeconds < 3600 || p.MaximumRecordAgeInSeconds > 82800 {
				t.Errorf("%s tries %d times for %d s: it must end before the stream forgets after a day", where, p.MaximumRetryAttempts, p.MaximumRecordAgeInSeconds)
			}
			dead := strings.TrimSuffix(p.DestinationConfig.OnFailure.Destination, ".Arn")
			if q, ok := queues[dead]; !ok || q.FifoQueue || !strings.HasSuffix(dead, "DeadLetters") {
				t.Errorf("%s gives up to %q, not to a plain queue of dead letters", where, dead)
			}
			if len(p.FilterCriteria.Filters) == 0 || len(p.FilterCriteria.Filters) > 5 { // five is Lambda's limit
				t.Errorf("%s has %d filters", where, len(p.FilterCriteria.Filters))
			}
			for _, f := range p.FilterCriteria.Filters {
				if !json.Valid([]byte(f.Pattern)) {
					t.Errorf("%s has a filter that is no JSON: %s", where, f.Pattern)
				}
			}
		}
	}
	if streams != 1 {
		t.Errorf("%d functions read the stream; two readers a shard is all it bears, and relay is the one", streams)
	}
}

// No right is wider than a function's work: no wildcard action, no Scan, no
// whole account as a resource.
func TestPoliciesAreNarrow(t *testing.T) {
	tpl := load(t)
	written := map[string]json.RawMessage{}
	for name, f := range each[function](t, tpl, "AWS::Serverless::Function") {
		for i, p := range f.Policies {
			var ref string
			if json.Unmarshal(p, &ref) == nil {
				if tpl.Resources[ref].Type != "AWS::IAM::ManagedPolicy" {
					t.Errorf("%s has the policy %s, which this template does not define", name, ref)
				}
				continue
			}
			written[fmt.Sprintf("%s, policy %d", name, i)] = p
		}
	}
	for name, p := range each[struct{ PolicyDocument json.RawMessage }](t, tpl, "AWS::IAM::ManagedPolicy") {
		written[name] = p.PolicyDocument
	}
	for where, doc := range written {
		var policy struct {
			Statement []struct {
				Effect           string
				Action, Resource []string
			}
		}
		if err := json.Unmarshal(doc, &policy); err != nil {
			t.Fatalf("%s: %v (actions and resources are lists here)", where, err)
		}
		for _, s := range policy.Statement {
			for _, a := range s.Action {
				if strings.Contains(a, "*") || strings.HasSuffix(a, ":Scan") {
					t.Errorf("%s allows %s", where, a)
				}
			}
			for _, r := range s.Resource {
				if r == "*" || strings.HasSuffix(r, ":*") {
					t.Errorf("%s reaches %s", where, r)
				}
			}
			if len(s.Action) == 0 || len(s.Resource) == 0 {
				t.Errorf("%s has a statement without actions or resources", where)
			}
		}
	}
}

// What runs unseen must be heard of: alarms for every function and every dead-letter queue.
func TestAlarmsCoverEverything(t *testing.T) {
	tpl := load(t)
	for name, r := range tpl.Resources {
		want := ""
		switch {
		case r.Type == "AWS::Serverless::Function":
			want = strings.TrimSuffix(name, "Function") + "ErrorsAlarm"
		case r.Type == "AWS::SQS::Queue" && strings.HasSuffix(name, "DeadLetters"):
			want = name + "Alarm"
		default:
			continue
		}
		if tpl.Resources[want].Type != "AWS::CloudWatch::Alarm" {
			t.Errorf("%s has no alarm %s", name, want)
		}
	}
}

func TestTableIsTheSchema(t *testing.T) {
	tpl := load(t)
	table := each[map[string]any](t, tpl, "AWS::DynamoDB::Table")["Table"]
	if p := tpl.Resources["Table"]; !strings.HasPrefix(p.DeletionPolicy, "Retain") || p.UpdateReplacePolicy != "Retain" {
		t.Error("the table goes with the stack")
	}
	schema := dynamo.Schema("t")
	for field, want := range map[string]any{
		"KeySchema": schema.KeySchema, "AttributeDefinitions": schema.AttributeDefinitions, "BillingMode": schema.BillingMode,
		"LocalSecondaryIndexes": schema.LocalSecondaryIndexes, "GlobalSecondaryIndexes": schema.GlobalSecondaryIndexes,
	} {
		if got, want := plain(t, table[field]), plain(t, want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s in template.yaml and in dynamo.Schema differ:\n%v\n%v", field, got, want)
		}
	}
}

// What is kept can be got back and is read by nobody else; nothing but a
// restore or a lawsuit would tell that one of these went missing.
func TestDataIsSafe(t *testing.T) {
	tpl := load(t)
	table := each[struct {
		TimeToLiveSpecification struct {
			AttributeName string
			Enabled       bool
		}
		PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled bool }
		StreamSpecification              struct{ StreamViewType string }
		SSESpecification                 struct{ SSEEnabled bool }
	}](t, tpl, "AWS::DynamoDB::Table")["Table"]
	if ttl := table.TimeToLiveSpecification; ttl.AttributeName != "ttl" || !ttl.Enabled {
		t.Errorf("items end by %+v, not by ttl", ttl)
	}
	if !table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled {
		t.Error("the table has no point-in-time recovery")
	}
	if v := table.StreamSpecification.StreamViewType; v != "NEW_AND_OLD_IMAGES" {
		t.Errorf("the table's stream shows %q", v)
	}
	if !table.SSESpecification.SSEEnabled {
		t.Error("the table is not encrypted")
	}

	if p := tpl.Resources["Bucket"]; !strings.HasPrefix(p.DeletionPolicy, "Retain") || p.UpdateReplacePolicy != "Retain" {
		t.Error("the bucket goes with the stack")
	}
	bucket := each[struct {
		VersioningConfiguration struct{ Status string }
		BucketEncryption        struct {
			ServerSideEncryptionConfiguration []struct {
				ServerSideEncryptionByDefault struct{ SSEAlgorithm string }
			}
		}
		PublicAccessBlockConfiguration map[string]bool
		LifecycleConfiguration         struct {
			Rules []struct {
				Status, Prefix   string
				ExpirationInDays int
			}
		}
	}](t, tpl, "AWS::S3::Bucket")["Bucket"]
	if s := bucket.VersioningConfiguration.Status; s != "Enabled" {
		t.Errorf("the bucket's versioning is %q", s)
	}
	if e := bucket.BucketEncryption.ServerSideEncryptionConfiguration; len(e) != 1 || e[0].ServerSideEncryptionByDefault.SSEAlgorithm == "" {
		t.Error("the bucket is not encrypted")
	}
	// An upload of a contact who is gone is removed by nothing else; see package document.
	ends := map[string]int{}
	for _, r := range bucket.LifecycleConfiguration.Rules {
		if r.Status == "Enabled" {
			ends[r.Prefix] = r.ExpirationInDays
		}
	}
	if ends["incoming/"] != 1 || ends["documents/"] != 0 || ends["avatars/"] != 0 {
		t.Errorf("files end after these days: %v; what arrives after one, what is kept never", ends)
	}
	for _, way := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if !bucket.PublicAccessBlockConfiguration[way] {
			t.Errorf("the bucket may be public: %s", way)
		}
	}
}

// plain brings a value of either side to the same JSON shape, without what is empty.
func plain(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return prune(out)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e = prune(e); e == nil {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return v
}
