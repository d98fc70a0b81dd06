package message

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"clientele/internal/domain/crm"
)

func TestEveryBodyComesBackAsItWas(t *testing.T) {
	noise := make([]byte, 500<<10)
	src := rand.NewChaCha8([32]byte{1})
	src.Read(noise)
	for name, body := range map[string][]byte{
		"empty":                        {},
		"short JSON":                   []byte(`{"email":"jan@example.nl","note":"<b>&"}`),
		"characters a queue refuses":   []byte("a\ufffeb\uffffc\x00\x01\x0b\x7f"),
		"not UTF-8":                    {0xff, 0xfe, 'a'},
		"6 MiB that can be packed":     bytes.Repeat([]byte(`{"sku":"MEEL-25","price":"48.75"},`), 6<<20/34),
		"500 KiB that cannot, no text": noise,
	} {
		t.Run(name, func(t *testing.T) {
			in := Message{Site: "demo1", Kind: "order", Attributes: map[string]string{"topic": "x\uffff"}, Body: body}
			packed, err := in.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if len(packed) > MaxPacked || !utf8.ValidString(packed) {
				t.Fatalf("envelope of %d bytes, valid %t", len(packed), utf8.ValidString(packed))
			}
			if i := strings.IndexFunc(packed, func(r rune) bool { return r < ' ' || r == 0xfffe || r == 0xffff }); i >= 0 {
				t.Fatalf("a character that a queue refuses at %d", i)
			}
			out, err := Unpack(packed)
			if err != nil {
				t.Fatal(err)
			}
			if out.Site != in.Site || out.Kind != in.Kind || !maps.Equal(out.Attributes, in.Attributes) || !bytes.Equal(out.Body, in.Body) {
				t.Fatal("it came back changed")
			}
		})
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	for _, body := range [][]byte{noise, make([]byte, MaxBody+1)} {
		_, err := Message{Site: "demo1", Kind: "order", Body: body}.Pack()
		if crm.CodeOf(err) != crm.TooLarge {
			t.Errorf("%d bytes: %v, want too-large", len(body), err)
		}
	}
}

func TestUnreadableEnvelopesAreErrors(t *testing.T) {
	for _, text := range []string{"", "{", `{"v":2,"site":"demo1","kind":"order"}`, `{"v":1,"kind":"order"}`,
		`{"v":1,"site":"demo1"}`, `{"v":1,"site":"../x","kind":"order"}`, `{"v":1,"site":"demo1","kind":"order","gzip":"AAAA"}`} {
		if m, err := Unpack(text); err == nil {
			t.Errorf("%q was read as %v", text, m)
		}
	}
}
