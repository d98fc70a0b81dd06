package admin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
)

var kinds = []string{order.KindShopify, order.KindWooCommerce, order.KindOwn}

// SourceKinds lists the kinds of shops.
func SourceKinds() []string { return slices.Clone(kinds) }

// OldSecretFor is how long the secret before still signs after a rotation.
const OldSecretFor = 24 * time.Hour

// SecretOf makes a webhook secret of random bytes, in the form that it has in a
// shop of the kind.
func SecretOf(kind string, random [32]byte) string {
	switch kind {
	case order.KindOwn:
		return "whsec_" + base64.StdEncoding.EncodeToString(random[:])
	case order.KindWooCommerce:
		return hex.EncodeToString(random[:25])
	}
	return hex.EncodeToString(random[:])
}

func checkSecret(kind, secret string, faults *crm.Faults) {
	own := strings.TrimPrefix(secret, "whsec_")
	b, err := base64.StdEncoding.DecodeString(own)
	switch {
	case kind == order.KindOwn && (own == secret || err != nil || len(b) < 24 || len(b) > 64):
		faults.Add("/secret", "a secret of our own schema is whsec_ and 24 to 64 bytes in base64; leave it out to have one made")
	case kind != order.KindOwn && (len(secret) < 16 || len(secret) > 256):
		faults.Add("/secret", "the secret has 16 to 256 characters; leave it out to have one made")
	}
}

// SourceWanted is a connection to be made.
type SourceWanted struct {
	Kind, Name, Slug string
	Secret           string // the shop's, where the shop gives one
}

// CreateSource makes a connection of a webshop. Its secret is in it.
func CreateSource(ctx context.Context, st Store, of crm.SiteID, by By, once *contact.Once, w SourceWanted, random [32]byte) (site.Source, error) {
	var faults crm.Faults
	if !slices.Contains(kinds, w.Kind) {
		faults.Add("/kind", "the kind is one of %s", strings.Join(kinds, ", "))
	}
	if w.Name == "" {
		w.Name = w.Kind
	}
	name(&w.Name, &faults)
	if w.Secret == "" {
		w.Secret = SecretOf(w.Kind, random)
	}
	checkSecret(w.Kind, w.Secret, &faults)
	s := site.Source{ID: publicID(of, w.Slug, w.Name, "shop", &faults), Kind: w.Kind, Name: w.Name, Secrets: []string{w.Secret}, CreatedAt: by.At, Version: 1}
	if err := faults.Err(); err != nil {
		return s, err
	}
	return create(ctx, st.Sources(of), "connections", once, s, by.note(audit.SourceCreated, s.ID))
}

// RenameSource renames a connection. check sees it as it stands.
func RenameSource(ctx context.Context, st Store, of crm.SiteID, by By, id, to string, check func(site.Source) error) (site.Source, error) {
	return st.Sources(of).Change(ctx, id, func(s *site.Source) (audit.Entry, error) {
		if err := check(*s); err != nil {
			return audit.Entry{}, err
		}
		var faults crm.Faults
		name(&to, &faults)
		if err := faults.Err(); err != nil || s.Name == to {
			return audit.Entry{}, err
		}
		s.Name = to
		return by.note(audit.SourceChanged, id, "name"), nil
	})
}

// RotateSecret gives a connection a new secret. What is signed with the one before
// is taken for OldSecretFor, so that no order is lost while the shop is set up.
func RotateSecret(ctx context.Context, st Store, of crm.SiteID, by By, id, secret string, random [32]byte, check func(site.Source) error) (site.Source, error) {
	return st.Sources(of).Change(ctx, id, func(s *site.Source) (audit.Entry, error) {
		if err := check(*s); err != nil {
			return audit.Entry{}, err
		}
		next := secret
		if next == "" {
			next = SecretOf(s.Kind, random)
		}
		var faults crm.Faults
		checkSecret(s.Kind, next, &faults)
		if len(s.Secrets) > 0 && s.Secrets[0] == next {
			faults.Add("/secret", "this is the secret that it has; give another one")
		}
		if err := faults.Err(); err != nil {
			return audit.Entry{}, err
		}
		s.Secrets, s.OldUntil = append([]string{next}, s.Secrets[:min(1, len(s.Secrets))]...), by.At.Add(OldSecretFor)
		return by.note(audit.SourceRotated, id, "secret"), nil
	})
}

// DeleteSource removes a connection: its webhooks are refused from then on. Orders stay.
func DeleteSource(ctx context.Context, st Store, of crm.SiteID, by By, id string, check func(site.Source) error) error {
	return st.Sources(of).Delete(ctx, id, check, by.note(audit.SourceDeleted, id))
}
