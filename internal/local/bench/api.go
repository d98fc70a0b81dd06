package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/site"
	"clientele/internal/entry/boot"
	"clientele/internal/entry/httpapi"
)

// api measures our handler against the bare calls that a create and a get need:
// one BatchGetItem of the site and the key, then one PutItem or GetItem. The bare
// calls are those that the handler itself made, in a second table.
func api(ctx context.Context, s *setting) error {
	was := slog.Default()
	slog.SetDefault(slog.New(boot.Logger(io.Discard))) // a function's log line costs too
	defer slog.SetDefault(was)

	b := &apiBench{engine: s.engine}
	var err error
	if b.twin, err = s.engine.table(ctx); err != nil {
		return err
	}
	name, err := s.engine.table(ctx)
	if err != nil {
		return err
	}
	table, err := dynamo.Open(s.engine.cfg, name, watch(func(in, _ any) { b.made = append(b.made, in) }))
	if err != nil {
		return err
	}
	at := benchSite()
	credential := site.NewCredential(at.ID, [32]byte([]byte("0123456789abcdef0123456789abcdef")))
	key := site.Key{ID: "key_bench", Hash: site.Hash(credential), Name: "bench", Scopes: site.Scopes, CreatedAt: at.CreatedAt}
	if err := table.PutSite(ctx, at); err != nil {
		return err
	}
	if err := table.PutKey(ctx, at.ID, key); err != nil {
		return err
	}
	for _, in := range b.made { // the twin knows them as well
		if _, err := b.repeat(ctx, in); err != nil {
			return err
		}
	}
	b.handler = httpapi.Contacts(table, func(s site.Site) httpapi.ContactBook { return table.Book(s) }, nil, nil, time.Now, "")
	b.key = "Bearer " + credential

	const calls = 1000
	run := hex.EncodeToString([]byte(time.Now().Format("150405")))
	var ids []string
	create := func(i int) (*http.Request, int) {
		r := httptest.NewRequestWithContext(ctx, "POST", "/v1/contacts", strings.NewReader(fmt.Sprintf(
			`{"email":"emma.%s.%d@voorbeeld.example","first_name":"Emma","last_name":"de Vries","phone":"+31612345678","tags":["newsletter"],`+
				`"address":{"street":"Molenstraat 12","postcode":"1011 AB","city":"Amsterdam","country":"NL"}}`, run, i)))
		r.Header.Set("Content-Type", "application/json")
		return r, http.StatusCreated
	}
	get := func(i int) (*http.Request, int) {
		return httptest.NewRequestWithContext(ctx, "GET", ids[i%len(ids)], nil), http.StatusOK
	}
	for _, m := range []struct {
		name    string
		request func(int) (*http.Request, int)
		needs   []reflect.Type
	}{
		{"create", create, []reflect.Type{reflect.TypeFor[*dynamodb.BatchGetItemInput](), reflect.TypeFor[*dynamodb.PutItemInput]()}},
		{"get", get, []reflect.Type{reflect.TypeFor[*dynamodb.BatchGetItemInput](), reflect.TypeFor[*dynamodb.GetItemInput]()}},
	} {
		one := func(i int) (time.Duration, error) {
			location, took, err := b.call(m.request(i))
			if location != "" {
				ids = append(ids, location)
			}
			return took, err
		}
		same := func(int) (sum time.Duration, err error) {
			for _, kind := range m.needs {
				took, err := b.repeatOne(ctx, kind)
				if err != nil {
					return 0, err
				}
				sum += took
			}
			return sum, nil
		}
		var ours, bare []time.Duration
		for i := range calls {
			a, err := one(i)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			b, err := same(i)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if i >= calls/4 { // what came before is the warm-up
				ours, bare = append(ours, a), append(bare, b)
			}
		}
		s.add(m.name+"_ms", float64(median(ours).Microseconds())/1000, "ms", goal{})
		s.add(m.name+"_ratio", median(ours).Seconds()/median(bare).Seconds(), "×", atMost(1.3))
	}
	if err := s.engine.drop(ctx, name); err != nil {
		return err
	}
	return s.engine.drop(ctx, b.twin)
}

type apiBench struct {
	engine  *engine
	twin    string
	handler http.Handler
	key     string
	made    []any // requests of the last call
}

// call lets the handler answer a request.
func (b *apiBench) call(r *http.Request, want int) (location string, took time.Duration, err error) {
	r.Header.Set("Authorization", b.key)
	b.made = b.made[:0]
	w := httptest.NewRecorder()
	start := time.Now()
	b.handler.ServeHTTP(w, r)
	took = time.Since(start)
	if w.Code != want {
		return "", 0, fmt.Errorf("status %d, want %d: %.300s", w.Code, want, w.Body)
	}
	return w.Header().Get("Location"), took, nil
}

// repeatOne makes the call of a kind that the handler made, bare.
func (b *apiBench) repeatOne(ctx context.Context, kind reflect.Type) (time.Duration, error) {
	for _, in := range b.made {
		if reflect.TypeOf(in) == kind {
			return b.repeat(ctx, in)
		}
	}
	return 0, fmt.Errorf("the handler made no %s", strings.TrimSuffix(kind.Elem().Name(), "Input"))
}

// repeat sends a request to the twin table.
func (b *apiBench) repeat(ctx context.Context, in any) (took time.Duration, err error) {
	db := b.engine.bare
	switch in := in.(type) {
	case *dynamodb.BatchGetItemInput:
		again := dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}}
		for _, k := range in.RequestItems {
			again.RequestItems[b.twin] = k
		}
		start := time.Now()
		_, err = db.BatchGetItem(ctx, &again)
		took = time.Since(start)
	case *dynamodb.GetItemInput:
		again := *in
		again.TableName = &b.twin
		start := time.Now()
		_, err = db.GetItem(ctx, &again)
		took = time.Since(start)
	case *dynamodb.PutItemInput:
		again := dynamodb.PutItemInput{TableName: &b.twin, Item: in.Item}
		start := time.Now()
		_, err = db.PutItem(ctx, &again)
		took = time.Since(start)
	default:
		err = fmt.Errorf("%T is not repeated here", in)
	}
	return took, err
}
