package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// GetAll implements contact.Batch and transfer.Contacts: one request for the slots, and more for
// those whose contact was merged into another.
func (b *Book) GetAll(ctx context.Context, ids []crm.ContactID) ([]contact.Contact, error) {
	found, err := b.slotsAt(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]contact.Contact, len(ids))
	for i, id := range ids {
		c, ok, err := contactOf(found[id])
		if !ok && text(found[id], "merged") != "" {
			c, err = b.Get(ctx, id)
		}
		if err != nil && crm.CodeOf(err) != crm.NotFound {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

// slotsAt reads slots by id; ids that are none, or have nothing, are not in the map.
func (b *Book) slotsAt(ctx context.Context, ids []crm.ContactID) (map[crm.ContactID]item, error) {
	out := make(map[crm.ContactID]item, len(ids))
	var keys []item
	for _, id := range ids {
		if _, ok := out[id]; id.Valid() && !ok {
			out[id] = nil
			keys = append(keys, slotKey(&b.site, id))
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	for _, it := range found {
		out[crm.ContactID(text(it, "SK"))] = it
	}
	return out, err
}

// CreateAll implements contact.Batch.
func (b *Book) CreateAll(ctx context.Context, cs []contact.Contact, once *contact.Once) ([]contact.Contact, bool, error) {
	if err := apart(cs); err != nil {
		return nil, false, err
	}
	random := make([]bool, len(cs)) // whose founding slot is known to be lived in
	known := suppressions{}
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return nil, false, err
			}
		}
		var writes []types.TransactWriteItem
		for i := range cs {
			cs[i].Suppress(b.suppressedBy(known, cs[i].Identities()))
			w, err := b.birth(&cs[i], random[i], nil, known)
			if err != nil {
				return nil, false, err
			}
			writes = append(writes, w...)
		}
		writes = b.with(once, joinIDs(cs), writes...)
		if len(writes) > maxTransaction {
			return nil, false, crm.Errorf(crm.TooLarge, "these contacts have %d addresses and ids together, a batch takes %d; send fewer at once", len(writes), maxTransaction-1)
		}
		err := b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !errors.As(err, &l) {
			return cs, false, err
		}
		if first, ok, err := b.replay(ctx, once); ok || err != nil {
			return first, ok, err
		}
		var faults crm.Faults
		for i := range cs {
			holder, err := b.look(ctx, cs[i].Identities(), known)
			if err != nil {
				return nil, false, err
			}
			if holder != "" {
				faults.Add(fmt.Sprintf("/contacts/%d", i), "the contact %s of this site has this e-mail address or external id", holder)
			}
			random[i] = true
		}
		if len(faults) > 0 {
			return nil, false, &crm.Error{Code: crm.Conflict, Faults: faults,
				Detail: fmt.Sprintf("none was made: %d of these contacts are known already; each is listed in errors", len(faults))}
		}
	}
	return nil, false, busy()
}

// apart refuses contacts that share an identity among each other.
func apart(cs []contact.Contact) error {
	var faults crm.Faults
	of := map[crm.Identity]int{}
	for i := range cs {
		for _, id := range cs[i].Identities() {
			if j, ok := of[id]; ok {
				faults.Add(fmt.Sprintf("/contacts/%d", i), "it has an e-mail address or external id of contact %d of this request; an address belongs to one contact", j)
				break
			}
			of[id] = i
		}
	}
	return faults.Err()
}

func joinIDs(cs []contact.Contact) string {
	ids := make([]string, len(cs))
	for i := range cs {
		ids[i] = string(cs[i].ID)
	}
	return strings.Join(ids, " ")
}
