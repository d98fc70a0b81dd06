// Package crm holds the few words that every other domain package shares: the
// ids of sites and contacts, e-mail addresses and the identity they make,
// errors with a code, and the clock that is handed in.
package crm

import "time"

// SiteID names a tenant. Letters a–z and digits only, 4 to 26 of them, so that
// it can stand inside keys, form addresses and API keys without escaping.
type SiteID string

// Valid reports whether the id has the form that New… functions give it. Ids
// from outside (a key, a form address) are checked with it before any look-up.
func (s SiteID) Valid() bool {
	if len(s) < 4 || len(s) > 26 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Clock tells the time. The domain never asks the system itself.
type Clock func() time.Time

// Now is the clock's time in UTC, cut to the microsecond, which is what storage keeps.
func (c Clock) Now() time.Time { return c().UTC().Truncate(time.Microsecond) }
