package document

import (
	"context"
	"errors"
	"time"

	"clientele/internal/domain/crm"
)

// CompleteAvatar makes the pictures of an upload, which is removed. The
// record stays until the contact uses the picture; see contact.Contact.Avatar.
func CompleteAvatar(ctx context.Context, s Store, b Bucket, site crm.SiteID, id crm.ContactID, file string, now time.Time) (File, error) {
	f, err := s.GetFile(ctx, id, file)
	if err != nil {
		return f, err
	}
	if f.Purpose != ForAvatar {
		return f, crm.Errorf(crm.NotFound, "the contact has no such picture")
	}
	if f.State != Pending {
		return f, nil
	}
	f, content, err := f.load(ctx, s, b, site)
	if err != nil || f.State != Pending {
		return f, err
	}
	pictures, err := Pictures(content)
	if err != nil {
		if drop := errors.Join(s.DropFile(ctx, f), b.Remove(ctx, f.Objects(site)...)); drop != nil {
			return f, drop
		}
		var faults crm.Faults
		faults.Add("/id", "%s", err)
		return f, faults.Err()
	}
	for _, p := range pictures {
		if err := b.Put(ctx, AvatarKey(site, f.Contact, f.ID, p.Size), p.Type, p.Content); err != nil {
			return f, err
		}
		f.Type = p.Type
	}
	return f.ready(ctx, s, b, site, now)
}
