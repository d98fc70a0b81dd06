// Package site is the tenant: its settings, and the credentials that lead to
// it. A request's site always comes from one of them: an API key, the public
// key of a form, or the address of a webhook source. Each carries the site's id,
// so that one read of the site's own partition gives the site and proves the
// credential, and there is no look-up across sites.
package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
)

// Site is one website or webshop.
type Site struct {
	ID        crm.SiteID
	Name      string
	Secret    []byte   // 32 bytes; slots and cursors are derived from it. Never changes
	Shards    int      // 4, 16 or 64; never changes
	Country   string   // ISO 3166-1 alpha-2
	Language  string   // "nl" or "en": what its visitors read
	MaxTags   int      // tags a contact may have; 0 means contact.DefaultTags
	Presets   []string // of tags that were started with; each sets MaxTags once
	Plan      plan.Plan
	Calls     int // API calls a minute of each key and member; 0 means quota.Calls. The operator sets it
	CreatedAt time.Time

	LockScope    contact.LockScope // empty: contact.LockContact
	Automation   contact.Automation
	Statuses     []contact.StatusDef // in the order that the site shows them
	CustomFields []contact.FieldDef  // in the order that the site shows them
	Lists        []contact.ListDef   // newsletter lists, in the order that the site shows them
	DoubleOptIn  bool                // who asks a form for mail without a list confirms it first
	Version      int64               // rises with each change of these settings
}

// Policy is what the contact rules need of the site.
func (s Site) Policy() contact.Policy {
	return contact.Policy{Country: s.Country, Language: s.Language, MaxTags: s.MaxTags, Plan: s.Plan, LockScope: s.LockScope,
		Automation: s.Automation, Statuses: s.Statuses, Custom: s.CustomFields,
		Lists: s.Lists, DoubleOptIn: s.DoubleOptIn}
}

// Key is an API key as stored: never the key itself.
type Key struct {
	ID        string // "key_…", for logs, audit and locks
	Hash      string // Hash of the whole key
	Name      string
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	UsedAt    time.Time // to the hour; zero: never
	Version   int64
}

// Hash is how an API key is kept. The secret part has 256 random bits, so a
// plain fast hash is enough (OWASP ASVS 5.0, 6.5.2).
func Hash(credential string) string {
	h := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(h[:])
}

// Credentials look like "ck_<site>_<secret>"; public keys of forms and sources
// like "<site>-<name>".
const keyPrefix = "ck_"

// NewCredential makes an API key of a site and 32 random bytes.
func NewCredential(id crm.SiteID, secret [32]byte) string {
	return keyPrefix + string(id) + "_" + hex.EncodeToString(secret[:])
}

// CredentialSite is the site that an API key claims to be of.
func CredentialSite(credential string) (crm.SiteID, bool) {
	rest, ok := strings.CutPrefix(credential, keyPrefix)
	if !ok || len(rest) > 120 {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	return crm.SiteID(id), ok && len(secret) == 64 && crm.SiteID(id).Valid()
}

// PublicSite is the site that the public key of a form or source claims to be of.
func PublicSite(public string) (crm.SiteID, bool) {
	id, name, ok := strings.Cut(public, "-")
	if !ok || name == "" || len(name) > 64 {
		return "", false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return "", false
		}
	}
	return crm.SiteID(id), crm.SiteID(id).Valid()
}

// Source is a connection of a webshop.
type Source struct {
	ID        string // "<site>-<name>", the last part of the webhook's address
	Kind      string // shopify, woocommerce or own
	Name      string
	Secrets   []string  // the one in force, and the one before it while that still signs
	OldUntil  time.Time // when all but the first end; zero: never
	CreatedAt time.Time
	Version   int64
}

// Live are the secrets that sign at a moment.
func (s Source) Live(now time.Time) []string {
	if len(s.Secrets) > 1 && !s.OldUntil.IsZero() && !now.Before(s.OldUntil) {
		return s.Secrets[:1]
	}
	return s.Secrets
}

// Form is a contact form on a page of the site.
type Form struct {
	ID        string // "<site>-<name>", its public key
	Name      string
	Origins   []string          // pages that may post with a script; empty: any
	Fields    map[string]string // field of the form → field of the contact, over what names tell
	Honeypot  string            // a field that people do not see; filled means a robot. Empty: "website_url"
	ThankYou  string            // where a plain form goes on success; empty: our own page
	Language  string            // empty: the visitor's browser, then the site
	Closed    bool
	Lists     []string  // ids of the newsletter lists that a yes to mail is for; none: mail of the site at all
	CreatedAt time.Time // zero: before this was kept
	Version   int64
}

// Directory finds a site by a credential, strongly consistent and always fresh:
// a revoked key is refused from the next request on.
type Directory interface {
	// ByCredential is the site of an API key or a member's session, and who asks with
	// it; crm.Unauthorized if it is unknown or over.
	ByCredential(ctx context.Context, credential string, now time.Time) (Site, Actor, error)
	// ByForm is the site and the form of a public key; crm.NotFound if unknown.
	ByForm(ctx context.Context, public string) (Site, Form, error)
	// BySource is the site and the source of a webhook address; crm.NotFound if unknown.
	BySource(ctx context.Context, public string) (Site, Source, error)
	// ByID is for workers, whose messages name the site; crm.NotFound if unknown.
	ByID(ctx context.Context, id crm.SiteID) (Site, error)
}
