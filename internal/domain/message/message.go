// Package message is what travels through the queues: one envelope for every
// kind of work, written by the adapter that sends and read by the workers, so
// that neither needs to know the other.
//
// An envelope is JSON with a version. Readers accept the present version and
// the one before; a newer one is an error, so that a message of a newer release
// waits for a worker that knows it.
package message

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"clientele/internal/domain/crm"
)

// Limits in bytes.
const (
	// MaxPacked is the longest envelope: a queue message of 1 MiB, less a reserve
	// for attributes and for what a redrive adds.
	MaxPacked = 1<<20 - 16<<10
	// MaxBody is the longest body, packed or not. It bounds what a worker unpacks.
	MaxBody = 16 << 20

	// Below this a compressed body is hardly ever smaller than the plain one.
	worthPacking = 1 << 10
)

const version = 1

// Message is one piece of work for one site.
type Message struct {
	Site       crm.SiteID
	Kind       string            // what sort of work, "order"
	Attributes map[string]string // small facts beside the body
	Body       []byte
}

type envelope struct {
	Version    int               `json:"v"`
	Site       crm.SiteID        `json:"site"`
	Kind       string            `json:"kind"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// One of them holds the body.
	Text string `json:"text,omitempty"`
	Raw  []byte `json:"raw,omitempty"`  // not UTF-8
	Gzip []byte `json:"gzip,omitempty"` // shorter that way
}

// Pack makes the envelope's text. A body is compressed where that is shorter,
// so that a webhook of several MB fits; crm.TooLarge if it does not even so.
// The text has only characters that a queue takes: XML 1.0's.
func (m Message) Pack() (string, error) {
	if !m.Site.Valid() || m.Kind == "" {
		return "", fmt.Errorf("packing a message: it needs a site and a kind")
	}
	if len(m.Body) > MaxBody {
		return "", tooLarge()
	}
	e := envelope{Version: version, Site: m.Site, Kind: m.Kind, Attributes: m.Attributes}
	if utf8.Valid(m.Body) {
		e.Text = string(m.Body)
	} else {
		e.Raw = m.Body
	}
	packed, err := e.encode()
	if err != nil {
		return "", err
	}
	if len(m.Body) > worthPacking {
		z, err := compress(m.Body)
		if err != nil {
			return "", err
		}
		e.Text, e.Raw, e.Gzip = "", nil, z
		small, err := e.encode()
		if err != nil {
			return "", err
		}
		if len(small) < len(packed) {
			packed = small
		}
	}
	if len(packed) > MaxPacked {
		return "", tooLarge()
	}
	return string(packed), nil
}

func tooLarge() error {
	return crm.Errorf(crm.TooLarge, "the body is too large to be queued, even compressed; split it")
}

func (e envelope) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // bodies are mostly JSON and HTML; escapes would double them
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("packing a message: %w", err)
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	// JSON allows these two inside strings, a queue refuses them; outside of
	// strings they cannot occur.
	out = bytes.ReplaceAll(out, []byte("\ufffe"), []byte(`\ufffe`))
	out = bytes.ReplaceAll(out, []byte("\uffff"), []byte(`\uffff`))
	return out, nil
}

// Unpack reads an envelope. An error means that this release cannot read it,
// however often it tries.
func Unpack(text string) (Message, error) {
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return Message{}, fmt.Errorf("unpacking a message of %d bytes: %w", len(text), err)
	}
	if e.Version != version {
		return Message{}, fmt.Errorf("unpacking a message: it has version %d, this function knows %d", e.Version, version)
	}
	if !e.Site.Valid() || e.Kind == "" {
		return Message{}, fmt.Errorf("unpacking a message: it has no site or no kind")
	}
	m := Message{Site: e.Site, Kind: e.Kind, Attributes: e.Attributes, Body: []byte(e.Text)}
	switch {
	case e.Raw != nil:
		m.Body = e.Raw
	case e.Gzip != nil:
		body, err := decompress(e.Gzip)
		if err != nil {
			return Message{}, fmt.Errorf("unpacking a message: %w", err)
		}
		m.Body = body
	}
	return m, nil
}

func compress(b []byte) ([]byte, error) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return z.Bytes(), nil
}

func decompress(z []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBody {
		return nil, fmt.Errorf("the body is longer than %d bytes", MaxBody)
	}
	return b, nil
}
