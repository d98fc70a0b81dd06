package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/entry/httpapi"
	"clientele/internal/test/dynamotest"
	"clientele/internal/test/faults"
	"clientele/internal/test/stack"
)

// kept is everything in the table but counters of calls and when who was seen last.
func (o *office) kept() map[string]row {
	o.t.Helper()
	client := dynamodb.NewFromConfig(dynamotest.Config(stack.DynamoLocal(o.t)))
	out := map[string]row{}
	for page := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &o.named}); page.HasMorePages(); {
		got, err := page.NextPage(o.t.Context())
		if err != nil {
			o.t.Fatal(err)
		}
		for _, it := range got.Items {
			delete(it, "seen")
			if pk := said(it["PK"]); !strings.Contains(pk, "#Q#") {
				out[pk+" "+said(it["SK"])] = row{said(it["t"]), said(&types.AttributeValueMemberM{Value: it})}
			}
		}
	}
	return out
}

// row is an item: its kind, and all of it.
type row struct{ kind, all string }

// said is a value as a text, the same for the same value.
func said(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberSS:
		return fmt.Sprint(slices.Sorted(slices.Values(v.Value)))
	case *types.AttributeValueMemberM:
		out := map[string]string{}
		for k, x := range v.Value {
			out[k] = said(x)
		}
		return fmt.Sprint(out)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// posts are the POST operations of the description by id.
func posts(t *testing.T) map[string]post {
	t.Helper()
	raw, err := httpapi.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Paths map[string]map[string]post }
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]post{}
	for path, methods := range doc.Paths {
		if op, ok := methods["post"]; ok {
			op.path = path
			out[op.OperationID] = op
		}
	}
	return out
}

type post struct {
	path        string
	OperationID string
	Description string
	Idempotent  bool `json:"x-idempotent"`
	Parameters  []struct{ Name string }
	RequestBody *struct {
		Content map[string]struct{ Example json.RawMessage }
	}
}

func (p post) keyed() bool {
	return slices.ContainsFunc(p.Parameters, func(x struct{ Name string }) bool { return x.Name == "Idempotency-Key" })
}

// neither asks for something new each time, and says so.
var neither = []string{"sign-in", "change-my-email"}

func TestEveryPostSaysHowItIsSafeToRepeat(t *testing.T) {
	for id, op := range posts(t) {
		if slices.Contains(neither, id) {
			continue
		}
		if op.keyed() == op.Idempotent {
			t.Errorf("%s: an Idempotency-Key %v, idempotent by nature %v; it is one of the two", id, op.keyed(), op.Idempotent)
		}
		if op.Idempotent && !strings.Contains(op.Description, "Safe to repeat: ") {
			t.Errorf("%s does not say why it is safe to repeat", id)
		}
	}
}

// asking makes a request of an operation anew, about new things: its example, or what
// an operation without one needs.
func (e *exemplary) asking(op post) (at, body, version string) {
	e.t.Helper()
	switch op.OperationID {
	case "resend-invitation":
		e.people++
		return "/v1/members/" + e.made("/v1/members", fmt.Sprintf(`{"email":"v%d@b.example","role":"viewer"}`, e.people), "id") + "/resend", "", "*"
	case "cancel-bulk":
		return "/v1/bulk/" + e.made("/v1/bulk", `{"action":"clear_group","all":true}`, "id") + "/cancel", "", "*"
	case "cancel-import":
		return "/v1/imports/" + e.made("/v1/imports", `{"filename":"x.csv","size":5}`, "id") + "/cancel", "", "*"
	case "undo-merge":
		body := fmt.Sprintf(`{"primary":%q,"others":[%q]}`, e.contact(), e.contact())
		tag := e.call(e.api, e.owner, "POST", "/v1/merges/preview", body).Header().Get("ETag")
		_, said := e.send("POST", "/v1/merges", body, tag)
		var m struct{ ID string }
		if err := json.Unmarshal([]byte(said), &m); err != nil || m.ID == "" {
			e.t.Fatal(said)
		}
		return "/v1/merges/" + m.ID + "/undo", "", "*"
	}
	var example string
	if op.RequestBody != nil {
		example = string(op.RequestBody.Content["application/json"].Example)
	}
	at, body, version = e.ask(op.path, op.OperationID, example)
	if op.OperationID == "look-up-contact" {
		return at, body, version
	}
	if version == "*" && slices.ContainsFunc(op.Parameters, func(x struct{ Name string }) bool { return x.Name == "If-Match" }) {
		version = e.call(e.api, e.owner, "GET", at[:strings.LastIndex(at, "/")], "").Header().Get("ETag")
	}
	return at, e.renamed(body), version
}

// renamed gives what has a name of its own another one, so that it can be made anew.
func (e *exemplary) renamed(body string) string {
	var m map[string]any
	if json.Unmarshal([]byte(body), &m) != nil {
		return body
	}
	e.people++
	fresh := func(m map[string]any) {
		for _, f := range []string{"name", "label", "title", "subject", "slug", "key"} {
			if s, ok := m[f].(string); ok && m["size"] == nil {
				m[f] = fmt.Sprint(s, e.people)
			}
		}
		if _, ok := m["email"].(string); ok {
			m["email"] = fmt.Sprintf("q%d@b.example", e.people)
		}
		if m["email"] != nil {
			delete(m, "external_ids")
			delete(m, "emails")
			delete(m, "group")
		}
	}
	fresh(m)
	if cs, ok := m["contacts"].([]any); ok {
		for _, c := range cs {
			fresh(c.(map[string]any))
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(b)
}

// other is a body that says something else.
func other(body string) string {
	for _, f := range []string{`"size":`, `"name":"`, `"label":"`, `"title":"`, `"text":"`, `"email":"`, `"filter":"`, `"contact_id":"`, `"primary":"`, `"action":"`, `"confirm":"`} {
		if before, after, ok := strings.Cut(body, f); ok {
			return before + f + "1" + after
		}
	}
	return `{"a":1}`
}

// A request with an Idempotency-Key makes one thing however often it is sent, and
// answers it; cut off at any call to the table, before or after it took effect, it is
// sent again and makes one thing as well. The same key for something else is refused.
func TestAKeyMakesOneThing(t *testing.T) {
	ops := posts(t)
	keyed := 0
	for _, id := range slices.Sorted(maps.Keys(ops)) {
		op := ops[id]
		if !op.keyed() {
			continue
		}
		keyed++
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			e := newExemplary(t)
			send := func(at, body, version, key string) (int, map[string]any, bool) {
				w := e.call(e.api, e.owner, "POST", at, body, "If-Match", version, "Idempotency-Key", key)
				var m map[string]any
				_ = json.Unmarshal(w.Body.Bytes(), &m)
				return w.Code, m, w.Header().Get("Idempotency-Replayed") == "true"
			}
			at, body, version := e.asking(op)
			before := e.kept()
			status, first, replayed := send(at, body, version, "the key")
			if status >= 300 || replayed {
				t.Fatalf("%s %s: %d %v", at, body, status, first)
			}
			after := e.kept()
			again, second, replayed := send(at, " "+body, version, "the key")
			if again != status || !replayed || fmt.Sprint(first["id"], first["key"] == nil) != fmt.Sprint(second["id"], first["key"] == nil) {
				t.Errorf("again: %d %v %v; first %d %v", again, replayed, second, status, first)
			}
			if now := e.kept(); !maps.Equal(now, after) {
				t.Errorf("the second time changed something:\n%s", changed(after, now))
			}
			if body != "" {
				if status, p, _ := send(at, other(body), version, "the key"); status != 422 {
					t.Errorf("with another body: %d %v", status, p)
				}
			}
			if status, p, _ := send("/v1/contacts", `{"email":"x@b.example"}`, "*", "the key"); status != 422 || p["type"] != "/problems/idempotency-key-reused" {
				t.Errorf("the key for another operation: %d %v", status, p)
			}
			want := kinds(before, after)
			for cut, over := 1, false; !over; cut++ {
				for _, applied := range []bool{false, true} {
					at, body, version := e.asking(op)
					key, before := fmt.Sprint("cut ", cut, applied), e.kept()
					hit := false
					e.fault.Set(func(n int, call string) (bool, error) {
						if n == cut {
							hit = true
							return applied, faults.ErrDown
						}
						return true, nil
					})
					send(at, body, version, key)
					e.fault.Set(nil)
					if over = !hit; over {
						break
					}
					if again, said, _ := send(at, body, version, key); again != status {
						t.Errorf("cut off at call %d, taken effect %v: again %d %v", cut, applied, again, said)
					}
					if got := kinds(before, e.kept()); got != want {
						t.Errorf("cut off at call %d, taken effect %v: made %s, want %s", cut, applied, got, want)
					}
				}
			}
		})
	}
	if keyed < 20 {
		t.Errorf("only %d operations take a key", keyed)
	}
}

// kinds counts the items that came, by their kind.
func kinds(before, after map[string]row) string {
	n := map[string]int{}
	for k, r := range after {
		if _, ok := before[k]; !ok && r.kind != "groups" { // one for all groups
			n[r.kind]++
		}
	}
	return fmt.Sprint(n)
}

func changed(before, after map[string]row) string {
	var out []string
	for k, v := range after {
		if before[k] != v {
			out = append(out, k+"\n  "+before[k].all+"\n  "+v.all)
		}
	}
	return strings.Join(out, "\n")
}

// A POST that says that it is safe to repeat changes nothing the second time.
func TestWhatIsIdempotentByNatureChangesNothingTheSecondTime(t *testing.T) {
	ops := posts(t)
	elsewhere := []string{"verify-sign-in", "verify-my-email", "accept-invitation", "complete-avatar", "complete-document", "run-import", "take-offers", "finish-request",
		"register-device"} // what they need, their own tests make; a device is noted as seen
	for _, id := range slices.Sorted(maps.Keys(ops)) {
		op := ops[id]
		if !op.Idempotent || slices.Contains(elsewhere, id) {
			continue
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			e := newExemplary(t)
			at, body, version := e.asking(op)
			if w := e.call(e.api, e.owner, "POST", at, body, "If-Match", version); w.Code >= 300 {
				t.Fatalf("%s %s: %d %s", at, body, w.Code, w.Body)
			}
			after := e.kept()
			w := e.call(e.api, e.owner, "POST", at, body, "If-Match", version)
			if w.Code >= 500 {
				t.Errorf("again: %d %s", w.Code, w.Body)
			}
			if now := e.kept(); !maps.Equal(now, after) {
				t.Errorf("the second time changed something:\n%s", changed(after, now))
			}
		})
	}
}
