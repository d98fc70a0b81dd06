package webhook

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// secretOf is a secret that each kind takes.
var secretOf = map[Kind]string{
	Shopify:     "hush-🤫",
	WooCommerce: "ck ' & \" <secret>",
	Own:         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}

var signatureOf = map[Kind]string{Shopify: shopifySignature, WooCommerce: wooSignature, Own: ownSignature}

func reason(err error) Reason {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}

func TestSamplesVerify(t *testing.T) {
	for kind, file := range map[Kind]string{Shopify: "shopify.json", WooCommerce: "woocommerce.json", Own: "own.json"} {
		body, err := os.ReadFile(filepath.Join("..", "..", "..", "events", "orders", file))
		if err != nil {
			t.Fatal(err)
		}
		h := Sign(kind, secretOf[kind], body, "msg_1", now)
		if v, err := Verify(kind, []string{secretOf[kind]}, h, body, now); v != Accepted || err != nil {
			t.Errorf("%s: %v, %v", kind, v, err)
		}
	}
}

// The vector of the Standard Webhooks libraries, and two made with
// `openssl dgst -sha256 -hmac it's-a-secret -binary | base64`.
func TestKnownSignatures(t *testing.T) {
	h := http.Header{}
	h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("webhook-timestamp", "1614265330")
	h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	body := []byte(`{"test": 2432232314}`)
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if v, err := Verify(Own, []string{secret}, h, body, time.Unix(1614265330, 0)); v != Accepted {
			t.Errorf("%s: %v", secret, err)
		}
	}
	const known = "mU1S60f2x9d5kaKmnEoG1A1yTvGWW1wiPyXyEWlwlKw="
	for kind, header := range map[Kind]string{Shopify: "X-Shopify-Hmac-SHA256", WooCommerce: "X-WC-Webhook-Signature"} {
		h := http.Header{}
		h.Set(header, known)
		if v, err := Verify(kind, []string{"it's-a-secret"}, h, []byte(`{"id":727}`), now); v != Accepted {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	body := []byte(`{"id":1}`)
	for _, c := range []struct {
		name   string
		kind   Kind
		change func(h http.Header, secrets *[]string, at *time.Time)
		want   Reason
	}{
		{"no Shopify signature", Shopify, func(h http.Header, _ *[]string, _ *time.Time) { h.Del(shopifySignature) }, MissingHeader},
		{"no WooCommerce signature", WooCommerce, func(h http.Header, _ *[]string, _ *time.Time) { h.Del(wooSignature) }, MissingHeader},
		{"an empty signature", WooCommerce, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(wooSignature, "") }, MissingHeader},
		{"two signatures", Shopify, func(h http.Header, _ *[]string, _ *time.Time) { h.Add(shopifySignature, "x") }, BadHeader},
		{"the header of another kind", Shopify, func(h http.Header, _ *[]string, _ *time.Time) {
			h.Set(wooSignature, h.Get(shopifySignature))
			h.Del(shopifySignature)
		}, MissingHeader},
		{"hex instead of base64", Shopify, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(shopifySignature, strings.Repeat("ab", 32)) }, BadSignature},
		{"another secret", Shopify, func(_ http.Header, s *[]string, _ *time.Time) { *s = []string{"other"} }, BadSignature},
		{"no secrets", Shopify, func(_ http.Header, s *[]string, _ *time.Time) { *s = nil }, NoSecret},
		{"an empty secret, and signed with it", Shopify, func(h http.Header, s *[]string, _ *time.Time) {
			*s = []string{""}
			h.Set(shopifySignature, sign(nil, body))
		}, NoSecret},
		{"a huge header", Shopify, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(shopifySignature, strings.Repeat("a", 5000)) }, BadHeader},
		{"no id", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Del(ownID) }, MissingHeader},
		{"no moment", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Del(ownTimestamp) }, MissingHeader},
		{"no own signature", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Del(ownSignature) }, MissingHeader},
		{"a moment that is none", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownTimestamp, "now") }, BadHeader},
		{"a moment with a sign", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownTimestamp, "+"+h.Get(ownTimestamp)) }, BadHeader},
		{"a moment with a zero", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownTimestamp, "0"+h.Get(ownTimestamp)) }, BadHeader},
		{"another moment", Own, func(h http.Header, _ *[]string, _ *time.Time) {
			h.Set(ownTimestamp, strconv.FormatInt(now.Unix()+1, 10))
		}, BadSignature},
		{"another id", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownID, "msg_2") }, BadSignature},
		{"an id with a dot", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownID, "msg.1") }, BadHeader},
		{"a long id", Own, func(h http.Header, _ *[]string, _ *time.Time) { h.Set(ownID, strings.Repeat("a", 256)) }, BadHeader},
		{"too old", Own, func(_ http.Header, _ *[]string, at *time.Time) { *at = at.Add(Tolerance + time.Second) }, Stale},
		{"too new", Own, func(_ http.Header, _ *[]string, at *time.Time) { *at = at.Add(-Tolerance - time.Second) }, Stale},
		{"another version", Own, func(h http.Header, _ *[]string, _ *time.Time) {
			h.Set(ownSignature, strings.Replace(h.Get(ownSignature), "v1,", "v2,", 1))
		}, BadSignature},
		{"no version", Own, func(h http.Header, _ *[]string, _ *time.Time) {
			h.Set(ownSignature, strings.TrimPrefix(h.Get(ownSignature), "v1,"))
		}, BadSignature},
		{"too many signatures", Own, func(h http.Header, _ *[]string, _ *time.Time) {
			h.Set(ownSignature, strings.Repeat("v1,x ", 20)+h.Get(ownSignature))
		}, BadHeader},
		{"a short secret", Own, func(_ http.Header, s *[]string, _ *time.Time) { *s = []string{"whsec_c2hvcnQ="} }, NoSecret},
		{"a secret that is no base64", Own, func(_ http.Header, s *[]string, _ *time.Time) { *s = []string{"whsec_!"} }, NoSecret},
		{"an unknown kind", "magento", func(http.Header, *[]string, *time.Time) {}, UnknownKind},
	} {
		secrets, at := []string{secretOf[c.kind]}, now
		h := Sign(c.kind, secretOf[c.kind], body, "msg_1", now)
		c.change(h, &secrets, &at)
		v, err := Verify(c.kind, secrets, h, body, at)
		if v != 0 || reason(err) != c.want {
			t.Errorf("%s: %v, %v; want %s", c.name, v, err, c.want)
		}
		for _, s := range secrets {
			if err != nil && s != "" && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the text tells the secret: %v", c.name, err)
			}
		}
	}
}

func TestTheToleranceIsIncluded(t *testing.T) {
	h := Sign(Own, secretOf[Own], nil, "msg_1", now)
	for _, d := range []time.Duration{-Tolerance, 0, Tolerance} {
		if v, err := Verify(Own, []string{secretOf[Own]}, h, nil, now.Add(d)); v != Accepted {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestASecretCanBeRotated(t *testing.T) {
	body := []byte(`{"id":1}`)
	next := map[Kind]string{Shopify: "next", WooCommerce: "next", Own: "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))}
	for kind, old := range secretOf {
		for _, live := range [][]string{{old, next[kind]}, {next[kind], old}, {"", next[kind], old}} {
			for _, used := range []string{old, next[kind]} {
				if v, err := Verify(kind, live, Sign(kind, used, body, "m", now), body, now); v != Accepted {
					t.Errorf("%s: %v", kind, err)
				}
			}
		}
		if v, _ := Verify(kind, []string{next[kind]}, Sign(kind, old, body, "m", now), body, now); v != 0 {
			t.Errorf("%s: a secret that was withdrawn still works", kind)
		}
	}
	// A sender that rotates signs with both.
	h := Sign(Own, secretOf[Own], body, "m", now)
	h.Set(ownSignature, "v1a,xyz v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "+h.Get(ownSignature))
	if v, err := Verify(Own, []string{secretOf[Own]}, h, body, now); v != Accepted {
		t.Error(err)
	}
}

func TestThePingOfWooCommerce(t *testing.T) {
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"}}
	for _, secrets := range [][]string{nil, {"s"}} {
		if v, err := Verify(WooCommerce, secrets, form, []byte("webhook_id=17"), now); v != Ping || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	}
	for _, body := range []string{"", "webhook_id=", "webhook_id=x", "webhook_id=-1", "webhook_id=17&x=1", "webhook_id=17\n", `{"webhook_id":17}`, "webhook_id=" + strings.Repeat("1", 80)} {
		if v, err := Verify(WooCommerce, []string{"s"}, form, []byte(body), now); v != 0 || reason(err) != MissingHeader {
			t.Errorf("%q: %v, %v", body, v, err)
		}
	}
	if v, _ := Verify(Shopify, []string{"s"}, form, []byte("webhook_id=17"), now); v != 0 {
		t.Error("Shopify sends no ping")
	}
	// A signature that is there must be right, ping or not.
	h := Sign(WooCommerce, "other", []byte("webhook_id=17"), "m", now)
	if v, err := Verify(WooCommerce, []string{"s"}, h, []byte("webhook_id=17"), now); v != 0 || reason(err) != BadSignature {
		t.Errorf("%v, %v", v, err)
	}
}

// TestEveryMutationIsRefused flips every bit of body, signature, id, moment and
// secret, and cuts and lengthens them.
func TestEveryMutationIsRefused(t *testing.T) {
	tried := 0
	for kind, secret := range secretOf {
		body := []byte(`{"id":727,"total":"29.35","note":"é"}`)
		good := Sign(kind, secret, body, "msg_1", now)
		refused := func(what, secret string, h http.Header, body []byte) {
			tried++
			if v, err := Verify(kind, []string{secret}, h, body, now); v != 0 || err == nil {
				t.Fatalf("%s took a changed %s", kind, what)
			}
		}
		mutate([]byte(body), func(b []byte) { refused("body", secret, good, b) })
		for _, name := range []string{signatureOf[kind], ownID, ownTimestamp} {
			if good.Get(name) == "" {
				continue
			}
			mutate([]byte(good.Get(name)), func(b []byte) {
				if name == ownSignature && len(bytes.Fields(b)) == 1 && string(bytes.Fields(b)[0]) == good.Get(name) {
					return // blanks around a signature separate it from nothing
				}
				h := good.Clone()
				h[name] = []string{string(b)}
				refused(name, secret, h, body)
			})
		}
		start := 0
		if kind == Own {
			start = len("whsec_") // the prefix is decoration
		}
		mutate([]byte(secret[start:]), func(b []byte) {
			if kind == Own {
				// Another spelling of the same key is the same key.
				was, _ := ownKey(secret)
				if key, ok := ownKey(string(b)); ok && bytes.Equal(key, was) {
					return
				}
			}
			refused("secret", secret[:start]+string(b), good, body)
		})
	}
	if tried < 2000 {
		t.Errorf("only %d mutations", tried)
	}
	t.Logf("%d mutations refused", tried)
}

// mutate calls f with b changed in one bit, cut, lengthened and swapped.
func mutate(b []byte, f func([]byte)) {
	for i := range b {
		for bit := range 8 {
			m := bytes.Clone(b)
			m[i] ^= 1 << bit
			f(m)
		}
		f(append(bytes.Clone(b[:i]), b[i+1:]...))
	}
	for _, tail := range []string{"\x01", "=", "A", "\n"} {
		f(append(bytes.Clone(b), tail...))
	}
	f(nil)
}

func FuzzVerify(f *testing.F) {
	f.Add("own", "id", "1614265330", "v1,x v1,y", []byte("{}"))
	f.Add("woocommerce", "", "", "", []byte("webhook_id=1"))
	secret := make([]byte, 32)
	rand.Read(secret)
	live := []string{"whsec_" + base64.StdEncoding.EncodeToString(secret)}
	f.Fuzz(func(t *testing.T, kind, id, timestamp, signature string, body []byte) {
		h := http.Header{}
		h.Set(ownID, id)
		h.Set(ownTimestamp, timestamp)
		for _, name := range signatureOf {
			h.Set(name, signature)
		}
		if v, err := Verify(Kind(kind), live, h, body, now); v == Accepted || v == 0 && reason(err) == "" {
			t.Fatalf("%v, %v", v, err)
		}
	})
}

func BenchmarkVerify20kB(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 20<<10)
	h := Sign(Own, secretOf[Own], body, "m", now)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := Verify(Own, []string{secretOf[Own]}, h, body, now); v != Accepted {
			b.Fatal("refused")
		}
	}
}
