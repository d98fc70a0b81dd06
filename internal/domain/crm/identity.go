package crm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// ContactID names a contact of one site, "ct_" and 26 characters. The first
// contact of an identity gets the identity's own slot id; others are random.
type ContactID string

const contactPrefix = "ct_"

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewContactID makes an id of 16 random or derived bytes.
func NewContactID(b [16]byte) ContactID {
	return ContactID(contactPrefix + idEncoding.EncodeToString(b[:]))
}

// Valid reports whether the text has the form of a contact id.
func (id ContactID) Valid() bool {
	s, ok := strings.CutPrefix(string(id), contactPrefix)
	if !ok || len(s) != 26 {
		return false
	}
	_, err := idEncoding.DecodeString(s)
	return err == nil
}

// Shard is the shard, from 0 to shards-1, that the id lives in; it follows from
// the id alone, so that a read by id needs no look-up. At most 256 shards.
func (id ContactID) Shard(shards int) int {
	s := string(id)[len(contactPrefix):]
	var b [2]byte
	if _, err := idEncoding.Decode(b[:], []byte(s[:2])); err != nil || shards < 2 {
		return 0
	}
	return int(b[0]) % shards
}

// IdentityKind is what sort of name a contact is known by.
type IdentityKind string

const (
	ByEmail    IdentityKind = "email"    // Value: EmailKey of the address
	ByExternal IdentityKind = "external" // Value: "source:id", as another system calls the person
	ByOrder    IdentityKind = "order"    // Value: "source:id" of an order: whose it is
	ByDealing  IdentityKind = "dealing"  // Value: "kind:source:id" of a payment, invoice or appointment: whose it is
)

// An Identity belongs to at most one contact of a site.
type Identity struct {
	Kind  IdentityKind
	Value string
}

// EmailIdentity is the identity of an address that ParseEmail gave.
func EmailIdentity(address string) Identity { return Identity{ByEmail, EmailKey(address)} }

// Slot is where the identity is kept: HMAC-SHA-256 under the site's secret, so
// that an id tells nothing of the address and cannot be guessed from it.
func (i Identity) Slot(secret []byte) ContactID {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(i.Kind))
	h.Write([]byte{0})
	h.Write([]byte(i.Value))
	var b [16]byte
	copy(b[:], h.Sum(nil))
	return NewContactID(b)
}
