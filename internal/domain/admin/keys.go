package admin

import (
	"context"
	"slices"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/site"
)

// KeyChange is what of an API key is wanted; a nil field stays.
type KeyChange struct {
	Name    *string
	Scopes  *[]site.Scope
	Expires *time.Time // zero: never
}

func (c KeyChange) apply(k *site.Key, by By) error {
	var faults crm.Faults
	if c.Name != nil {
		k.Name = *c.Name
	}
	name(&k.Name, &faults)
	var gained []site.Scope
	if c.Scopes != nil {
		var next []site.Scope
		for _, s := range site.Scopes {
			if slices.Contains(*c.Scopes, s) {
				next = append(next, s)
				if !slices.Contains(k.Scopes, s) {
					gained = append(gained, s)
				}
			}
		}
		for _, s := range *c.Scopes {
			if !slices.Contains(site.Scopes, s) {
				faults.Add("/scopes", "there is no permission of this name; there are %s", member.ScopeNames())
				break
			}
		}
		k.Scopes = next
	}
	if len(k.Scopes) == 0 && len(faults) == 0 {
		faults.Add("/scopes", "a key without a permission opens nothing; give it one of %s", member.ScopeNames())
	}
	if c.Expires != nil {
		k.ExpiresAt = *c.Expires
		if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(by.At) {
			faults.Add("/expires_at", "this moment is over; leave it out for a key that does not end")
		}
	}
	if err := faults.Err(); err != nil {
		return err
	}
	return member.MayGive(by.Actor, gained)
}

// CreateKey makes an API key of random bytes. The key itself is in the answer and
// kept nowhere.
func CreateKey(ctx context.Context, st Store, of crm.SiteID, by By, once *contact.Once, c KeyChange, id string, secret [32]byte) (k site.Key, credential string, err error) {
	credential = site.NewCredential(of, secret)
	k = site.Key{ID: id, Hash: site.Hash(credential), CreatedAt: by.At, Version: 1}
	if err := c.apply(&k, by); err != nil {
		return k, "", err
	}
	k, err = create(ctx, st.Keys(of), "keys", once, k, by.note(audit.KeyCreated, id))
	return k, credential, err
}

// ChangeKey changes a key from its next request on. check sees it as it stands.
func ChangeKey(ctx context.Context, st Store, of crm.SiteID, by By, id string, c KeyChange, check func(site.Key) error) (site.Key, error) {
	return st.Keys(of).Change(ctx, id, func(k *site.Key) (audit.Entry, error) {
		if err := check(*k); err != nil {
			return audit.Entry{}, err
		}
		old := *k
		if err := c.apply(k, by); err != nil {
			return audit.Entry{}, err
		}
		changed := fields("name", old.Name != k.Name, "scopes", !slices.Equal(old.Scopes, k.Scopes), "expires_at", !old.ExpiresAt.Equal(k.ExpiresAt))
		if len(changed) == 0 {
			return audit.Entry{}, nil
		}
		return by.note(audit.KeyChanged, id, changed...), nil
	})
}

// RevokeKey ends a key: its next request is refused.
func RevokeKey(ctx context.Context, st Store, of crm.SiteID, by By, id string, check func(site.Key) error) error {
	return st.Keys(of).Delete(ctx, id, check, by.note(audit.KeyRevoked, id))
}
