package member

import (
	"crypto/sha256"
	"encoding/base32"
	"net/netip"

	"clientele/internal/domain/crm"
)

// Person is somebody across sites, by a hash of the address: its key for what is
// of no site, which is in which ones they work and sign-ins that wait for a code.
type Person string

// Client is a network that requests come from, by a hash: what sign-ins are
// counted by.
type Client string

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// digest is 26 letters and digits.
func digest(what, of string) string {
	h := sha256.Sum256([]byte(what + "\x00" + of))
	return encoding.EncodeToString(h[:16])
}

func isDigest(s string) bool {
	b, err := encoding.DecodeString(s)
	return err == nil && len(b) == 16 && encoding.EncodeToString(b) == s
}

// PersonOf is the person of an address that crm.ParseEmail gave.
func PersonOf(email string) Person { return Person(digest("person", crm.EmailKey(email))) }

// ClientOf is the network of an address on the internet: an IPv4 address, or the
// /64 that an IPv6 subscriber has. What is no address is one network, too.
func ClientOf(ip string) Client {
	if a, err := netip.ParseAddr(ip); err == nil {
		a = a.Unmap()
		if p, err := a.Prefix(64); err == nil && a.Is6() {
			return Client(digest("client", p.String()))
		}
		return Client(digest("client", a.String()))
	}
	return Client(digest("client", ""))
}

// Valid reports whether it has the form that PersonOf gives.
func (p Person) Valid() bool { return isDigest(string(p)) }

// Valid reports whether it has the form that ClientOf gives.
func (c Client) Valid() bool { return isDigest(string(c)) }
