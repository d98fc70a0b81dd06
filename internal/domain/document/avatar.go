package document

import (
	"context"
	"errors"

	"clientele/internal/domain/crm"
)

// CompleteAvatar makes the pictures of an upload, beside which it is removed. The
// record stays until the contact uses the picture; see contact.Contact.Avatar.
func CompleteAvatar(ctx context.Context, s Store, b Bucket, site crm.SiteID, id crm.ContactID, file string) (File, error) {
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
	content, err := f.load(ctx, b, site)
	if err != nil {
		return f, err
	}
	pictures, err := Pictures(content)
	if err != nil {
		if drop := errors.Join(s.DropFile(ctx, f), b.Remove(ctx, f.Objects(site)...)); drop != nil {
			return f, drop
		}
		var faults crm.Faults
		faults.Add("path/picture", "%s", err)
		return f, faults.Err()
	}
	for _, p := range pictures {
		if err := b.Put(ctx, AvatarKey(site, f.Contact, f.ID, p.Size), p.Type, p.Content); err != nil {
			return f, err
		}
		f.Type = p.Type
	}
	f.State = Ready
	if f, err = s.ReadyFile(ctx, f, f.At.Add(KeepReady)); err != nil {
		return f, err
	}
	return f, b.Remove(ctx, f.Key(site)) // with what the camera wrote into it
}
