package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/timeline"
)

// A merge links: the others' slots lose their bodies and say into whom they went
// (merged), their identities' slots answer with the primary, and the primary's
// body lists them. Activities and orders stay in the partitions of the ids under
// which they were written and are read together. It is one transaction,
// whatever its size: what would not fit into one is a blocker.
//
// The merge itself is an item without personal data, mg_…, and parts: the bodies
// before and after it, which undoing needs and which go with time, with the
// undoing, or with the primary.

const kindMerge = "merge"

// maxImages is how many bytes of bodies one transaction of at most 4 MB may keep.
const maxImages = 3_000_000

type mergeItem struct {
	Primary  crm.ContactID   `json:"p"`
	Others   []crm.ContactID `json:"o"`
	Source   string          `json:"s,omitempty"`
	By       string          `json:"b,omitempty"`
	At       int64           `json:"at"`
	Until    int64           `json:"u"`
	Prev     string          `json:"pv,omitempty"` // the merge into the same primary before this one
	Versions []int64         `json:"v"`            // of the bodies in the parts
	Parts    int             `json:"n"`
}

func (b *Book) mergeOf(it item) (contact.MergeRecord, mergeItem, error) {
	var m mergeItem
	if err := json.Unmarshal([]byte(text(it, "body")), &m); err != nil {
		return contact.MergeRecord{}, m, fmt.Errorf("unpacking merge %s: %w", text(it, "SK"), err)
	}
	return contact.MergeRecord{ID: text(it, "SK"), Primary: m.Primary, Others: m.Others, Source: m.Source, By: m.By,
		At: fromMicros(m.At), Until: fromMicros(m.Until), UndoneAt: fromMicros(number(it, "undone")), UndoneBy: text(it, "undone_by")}, m, nil
}

func noMerge() error {
	return crm.Errorf(crm.NotFound, "there is no such merge on this site; a merge is kept for 30 days")
}

// mergeItemOf reads a merge; nil if there is none.
func (b *Book) mergeItemOf(ctx context.Context, id string) (item, error) {
	if rest, ok := strings.CutPrefix(id, "mg_"); !ok || len(rest) != 26 || strings.Contains(rest, "#") {
		return nil, nil
	}
	return b.t.get(ctx, b.site.ID, mergeKey(b.site.ID, id))
}

// GetMerge reads a merge; crm.NotFound if there is none.
func (b *Book) GetMerge(ctx context.Context, id string) (contact.MergeRecord, error) {
	it, err := b.mergeItemOf(ctx, id)
	if err != nil {
		return contact.MergeRecord{}, err
	}
	if it == nil {
		return contact.MergeRecord{}, noMerge()
	}
	r, _, err := b.mergeOf(it)
	return r, err
}

// parties are the contacts of a merge with their slots, the primary first.
type parties struct {
	contacts []contact.Contact
	slots    []item
	stored   contact.Contact // the primary with lists that were deleted since
}

func (b *Book) parties(ctx context.Context, primary crm.ContactID, others []crm.ContactID, now time.Time) (parties, error) {
	var p parties
	if err := contact.CheckMergeIDs(primary, others); err != nil {
		return p, err
	}
	ids := append([]crm.ContactID{primary}, others...)
	keys := make([]item, len(ids))
	for i, id := range ids {
		if !id.Valid() {
			return p, unknownParty(id)
		}
		keys[i] = slotKey(&b.site, id)
	}
	found, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return p, err
	}
	for i, id := range ids {
		it := found[mapKey(keys[i])]
		c, ok, err := contactOf(it)
		if err != nil {
			return p, err
		}
		if !ok && text(it, "merged") != "" {
			into, err := b.Get(ctx, id)
			if err != nil {
				return p, err
			}
			return p, &crm.Error{Code: crm.Conflict, Holder: into.ID, Detail: "contact " + string(id) + " was merged into another one; name that one in its place"}
		}
		if !ok {
			return p, unknownParty(id)
		}
		if i == 0 {
			p.stored = c.Clone()
		}
		if err := b.forget(ctx, &c, now); err != nil {
			return p, err
		}
		p.contacts, p.slots = append(p.contacts, c), append(p.slots, it)
	}
	return p, nil
}

func unknownParty(id crm.ContactID) error {
	if !id.Valid() {
		return notFound()
	}
	return crm.Errorf(crm.NotFound, "there is no contact %s on this site", id)
}

// PreviewMerge tells what a merge would come to, and hands the contacts that it
// was computed of to seen, the primary first.
func (b *Book) PreviewMerge(ctx context.Context, primary crm.ContactID, others []crm.ContactID, now time.Time, seen func([]contact.Contact)) (contact.Merging, error) {
	p, err := b.parties(ctx, primary, others, now)
	if err != nil {
		return contact.Merging{}, err
	}
	seen(p.contacts)
	m := contact.Merge(p.contacts[0], p.contacts[1:], b.site.Policy(), now)
	o := contact.MergeOrder{Primary: primary, Others: others, At: now}
	if len(m.Blockers) == 0 {
		_, _, err = b.mergeWrites(p, &m, o)
	}
	return m, err
}

// Merge carries out a merge in one transaction. crm.Conflict, with the blockers as faults, if it
// cannot be. A repetition with the same Once answers what the first one did.
func (b *Book) Merge(ctx context.Context, o contact.MergeOrder) (r contact.MergeRecord, c contact.Contact, replayed bool, err error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return r, c, false, err
			}
		}
		if made, ok, err := b.MadeBy(ctx, o.Once); err != nil || ok {
			if err == nil {
				r, err = b.GetMerge(ctx, made)
			}
			if err == nil {
				c, err = b.Get(ctx, r.Primary)
			}
			return r, c, ok, err
		}
		p, err := b.parties(ctx, o.Primary, o.Others, o.At)
		if err != nil {
			return r, c, false, err
		}
		if err := o.Check(p.contacts); err != nil {
			return r, c, false, err
		}
		m := contact.Merge(p.contacts[0], p.contacts[1:], b.site.Policy(), o.At)
		var writes []types.TransactWriteItem
		if len(m.Blockers) == 0 {
			if r, writes, err = b.mergeWrites(p, &m, o); err != nil {
				return r, c, false, err
			}
		}
		if len(m.Blockers) > 0 {
			return r, c, false, blocked(m.Blockers)
		}
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !errors.As(err, &l) {
			return r, m.Result, false, err
		}
	}
	return r, c, false, busy()
}

func blocked(blockers []contact.Blocker) error {
	e := crm.Errorf(crm.Conflict, "these contacts cannot be merged: %s", blockers[0].Detail)
	for _, bl := range blockers {
		e.Faults = append(e.Faults, crm.Fault{Pointer: "/others", Detail: bl.Detail})
	}
	return e
}

// mergeWrites makes the transaction of a merge; it adds the blockers that only
// what is to be stored can tell.
func (b *Book) mergeWrites(p parties, m *contact.Merging, o contact.MergeOrder) (contact.MergeRecord, []types.TransactWriteItem, error) {
	var r contact.MergeRecord
	primary, others := &p.contacts[0], p.contacts[1:]
	if !m.Result.UpdatedAt.After(primary.UpdatedAt) {
		m.Result.UpdatedAt = primary.UpdatedAt.Add(time.Microsecond)
	}
	id, err := newULID(o.At)
	if err != nil {
		return r, nil, err
	}
	r = contact.MergeRecord{ID: "mg_" + strings.ToLower(id), Primary: o.Primary, Others: o.Others, Source: o.Source, By: o.By,
		At: o.At, Until: o.At.Add(contact.UndoFor)}

	slots := b.changes(p)
	home := slots.of(primary.ID)
	if err := home.live(&m.Result, primary.Version); errors.Is(err, errTooLarge) {
		m.Blockers = append(m.Blockers, contact.Blocker{Code: contact.TooLargeToMerge, Detail: "together they are larger than one entry of the book; shorten notes or take tags off first"})
		return r, nil, nil
	} else if err != nil {
		return r, nil, err
	}
	home.set("mg", str(r.ID))
	for i := range others {
		c := &others[i]
		s := slots.of(c.ID)
		s.when("v = :old", ":old", num(c.Version))
		s.remove("body", "slim", "rev", "v")
		s.set("merged", str(string(primary.ID)))
		for _, identity := range c.Identities() {
			slots.of(identity.Slot(b.site.Secret)).pass(c.ID, primary.ID)
		}
	}
	writes := slots.writes()

	bodies, versions := []string{text(p.slots[0], "body"), home.body}, []int64{primary.Version, m.Result.Version}
	for i := range others {
		bodies, versions = append(bodies, text(p.slots[i+1], "body")), append(versions, others[i].Version)
	}
	parts, size := partsOf(bodies)
	header, err := packJSON(mergeItem{Primary: r.Primary, Others: r.Others, Source: r.Source, By: r.By, At: micros(r.At), Until: micros(r.Until),
		Prev: text(p.slots[0], "mg"), Versions: versions, Parts: len(parts)})
	if err != nil {
		return r, nil, err
	}
	it := mergeKey(b.site.ID, r.ID)
	it["t"], it["sv"], it["body"], it["ttl"] = str(kindMerge), num(schemaVersion), str(header), num(r.Until.Add(24*time.Hour).Unix())
	writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it}})
	for n, part := range parts {
		it := mergePartKey(b.site.ID, r.ID, n)
		it["t"], it["sv"], it["ttl"], it["bodies"] = str(kindMerge), num(schemaVersion), num(r.Until.Unix()), part
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: b.t.name, Item: it}})
	}
	note := contact.MergeNote(r.ID, *m, others, o.Source, o.By, o.At)
	writes, err = b.withActivities(writes, primary.ID, contact.WithProof(&p.stored, &m.Result, []timeline.Activity{note}))
	if size > maxImages || crm.CodeOf(err) == crm.TooLarge {
		m.Blockers = append(m.Blockers, contact.Blocker{Code: contact.TooLargeToMerge, Detail: "there is more to them than one merge takes; merge fewer at once"})
		return r, nil, nil
	} else if err != nil {
		return r, nil, err
	}
	writes = b.with(o.Once, r.ID, writes...)
	// Undoing writes about the same, the note anew, and an entry in each one's timeline.
	if undo := len(slots.all) + 3 + len(parts) + len(others); max(len(writes)+1, undo) > maxTransaction {
		m.Blockers = append(m.Blockers, contact.Blocker{Code: contact.TooManyIdentities, Detail: "they have more e-mail addresses and external ids than one merge takes; merge fewer at once"})
	}
	return r, writes, nil
}

// partsOf divides bodies over as few items as hold them.
func partsOf(bodies []string) (parts []types.AttributeValue, size int) {
	var part *types.AttributeValueMemberL
	room := 0
	for _, body := range bodies {
		size += len(body)
		if part == nil || len(body) > room {
			part, room = &types.AttributeValueMemberL{}, maxBytes
			parts = append(parts, part)
		}
		part.Value = append(part.Value, str(body))
		room -= len(body) + 4
	}
	return parts, size
}

// images reads the bodies around a merge as contacts: the primary before and after
// it, then the others. ok is false if they are gone.
func (b *Book) images(ctx context.Context, r contact.MergeRecord, m mergeItem) (images []contact.Contact, ok bool, err error) {
	var bodies []string
	for n := range m.Parts {
		it, err := b.t.get(ctx, b.site.ID, mergePartKey(b.site.ID, r.ID, n))
		if err != nil {
			return nil, false, err
		}
		list, ok := it["bodies"].(*types.AttributeValueMemberL)
		if !ok {
			return nil, false, nil
		}
		for _, v := range list.Value {
			s, _ := v.(*types.AttributeValueMemberS)
			bodies = append(bodies, s.Value)
		}
	}
	ids := append([]crm.ContactID{r.Primary, r.Primary}, r.Others...)
	if len(bodies) != len(ids) || len(m.Versions) != len(ids) {
		return nil, false, fmt.Errorf("merge %s keeps %d bodies of %d", r.ID, len(bodies), len(ids))
	}
	for i, id := range ids {
		c, _, err := contactOf(item{"SK": str(string(id)), "body": str(bodies[i]), "v": num(m.Versions[i])})
		if err != nil {
			return nil, false, err
		}
		images = append(images, c)
	}
	return images, true, nil
}

// UndoMerge takes a merge back in one transaction; of one that was undone it
// tells so again. crm.Conflict, with the reason, if it cannot be undone any more.
func (b *Book) UndoMerge(ctx context.Context, id, source, by string, now time.Time) (contact.MergeRecord, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return contact.MergeRecord{}, err
			}
		}
		it, err := b.mergeItemOf(ctx, id)
		if err != nil {
			return contact.MergeRecord{}, err
		}
		if it == nil {
			return contact.MergeRecord{}, noMerge()
		}
		r, m, err := b.mergeOf(it)
		if err != nil || !r.UndoneAt.IsZero() {
			return r, err
		}
		if now.After(r.Until) {
			return r, crm.Errorf(crm.Gone, "a merge can be undone for 30 days; this one is older")
		}
		r.UndoneAt, r.UndoneBy = now, by
		primary, home, err := b.stands(ctx, r)
		var writes []types.TransactWriteItem
		if err == nil {
			writes, err = b.undoWrites(ctx, r, m, primary, home, source)
		}
		if crm.CodeOf(err) != "" {
			// What is in the way is so only if nobody else undid the merge or changed the
			// primary between the reads.
			if same, e := b.unchanged(ctx, r, primary.Version); e != nil {
				return r, e
			} else if !same {
				continue
			}
		}
		if err != nil {
			return r, err
		}
		err = b.t.commit(ctx, b.site.ID, writes...)
		var l *lost
		if !errors.As(err, &l) {
			return r, err
		}
	}
	return contact.MergeRecord{}, busy()
}

// stands reads the primary of a merge, if the merge is the last one into it.
func (b *Book) stands(ctx context.Context, r contact.MergeRecord) (contact.Contact, item, error) {
	it, err := b.slotItem(ctx, r.Primary)
	if err != nil {
		return contact.Contact{}, nil, err
	}
	c, ok, err := contactOf(it)
	switch {
	case err != nil:
		return c, nil, err
	case !ok && text(it, "merged") != "":
		return contact.Contact{}, nil, crm.Errorf(crm.Conflict, "the primary was itself merged into another contact since; undo that merge first")
	case !ok:
		return contact.Contact{}, nil, crm.Errorf(crm.Gone, "the contact that the others went into was deleted, and they with it")
	case text(it, "mg") != r.ID:
		return contact.Contact{}, nil, crm.Errorf(crm.Conflict, "more was merged into this contact since; undo %s first", text(it, "mg"))
	}
	return c, it, nil
}

// unchanged reports whether a merge still stands and its primary still has the
// version; 0 is any, of one that was not read.
func (b *Book) unchanged(ctx context.Context, r contact.MergeRecord, version int64) (bool, error) {
	it, err := b.mergeItemOf(ctx, r.ID)
	if err != nil || it == nil || number(it, "undone") != 0 {
		return false, err
	}
	c, ok, err := b.lives(ctx, r.Primary)
	return version == 0 || ok && c.Version == version, err
}

func (b *Book) undoWrites(ctx context.Context, r contact.MergeRecord, m mergeItem, primary contact.Contact, home item, source string) ([]types.TransactWriteItem, error) {
	images, ok, err := b.images(ctx, r, m)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, crm.Errorf(crm.Gone, "what these contacts were before is no longer kept, so the merge stays")
	}
	renamed, err := b.renamings(ctx)
	if err != nil {
		return nil, err
	}
	for i := range images {
		images[i].Retag(r.At, renamed)
	}
	c, others, err := contact.Unmerge(primary, images[0], images[1], images[2:], r.UndoneAt)
	if err != nil {
		return nil, err
	}
	if !c.UpdatedAt.After(primary.UpdatedAt) {
		c.UpdatedAt = primary.UpdatedAt.Add(time.Microsecond)
	}
	before := primary.Clone()
	if err := b.forget(ctx, &before, r.UndoneAt); err != nil {
		return nil, err
	}
	if err := b.renew(ctx, &c); err != nil {
		return nil, err
	}
	all := parties{contacts: []contact.Contact{primary}, slots: []item{home}}
	for i := range others {
		if err := b.renew(ctx, &others[i]); err != nil {
			return nil, err
		}
		all.contacts, all.slots = append(all.contacts, others[i]), append(all.slots, nil)
	}
	slots := b.changes(all)
	s := slots.of(c.ID)
	if err := s.live(&c, primary.Version); err != nil {
		return nil, err
	}
	s.when("mg = :was", ":was", str(r.ID))
	if m.Prev != "" {
		s.set("mg", str(m.Prev))
	} else {
		s.remove("mg")
	}
	for i := range others {
		s := slots.of(others[i].ID)
		if err := b.giveBack(ctx, slots, &primary, &others[i]); err != nil {
			return nil, err
		}
		if err := s.live(&others[i], 0); err != nil {
			return nil, err
		}
		s.when("merged = :into", ":into", str(string(c.ID)))
		s.remove("merged")
	}
	writes := slots.writes()
	writes = append(writes, types.TransactWriteItem{Update: &types.Update{
		TableName: b.t.name, Key: mergeKey(b.site.ID, r.ID),
		UpdateExpression:          ptr("SET undone = :at, undone_by = :by"),
		ConditionExpression:       ptr("attribute_exists(PK) AND attribute_not_exists(undone)"),
		ExpressionAttributeValues: item{":at": num(micros(r.UndoneAt)), ":by": str(r.UndoneBy)},
	}})
	for n := range m.Parts {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: mergePartKey(b.site.ID, r.ID, n)}})
	}
	return b.undoNotes(writes, r, source, &before, &c, others)
}

// giveBack passes the identities that a contact had to it again. An identity that
// the primary has dropped since comes back; one that somebody else has is in the way.
func (b *Book) giveBack(ctx context.Context, slots *changes, primary, c *contact.Contact) error {
	ids := c.Identities()
	if len(ids) == 0 {
		return nil
	}
	stored, err := b.slots(ctx, ids)
	if err != nil {
		return err
	}
	for i, identity := range ids {
		owner := crm.ContactID(text(stored[i], "owner"))
		if owner != "" && owner != primary.ID {
			return &crm.Error{Code: crm.Conflict, Holder: owner,
				Detail: "an e-mail address or external id that contact " + string(c.ID) + " had belongs to another contact by now; take it off that one, then undo the merge"}
		}
		s := slots.of(identity.Slot(b.site.Secret))
		s.pass(owner, c.ID)
		if r := rememberedBy(stored[i]); owner == "" && r.Why != "" && identity.Kind == crm.ByEmail {
			c.Suppress(r) // what the primary left behind with it
			s.when("sup = :sup", ":sup", str(string(r.Why)))
		} else if owner == "" {
			s.conds = append(s.conds, "attribute_not_exists(sup)")
		}
	}
	return nil
}

func (b *Book) undoNotes(writes []types.TransactWriteItem, r contact.MergeRecord, source string, before, after *contact.Contact, others []contact.Contact) (_ []types.TransactWriteItem, err error) {
	note := timeline.Activity{At: r.UndoneAt, Kind: timeline.Unmerge, Source: source, By: r.UndoneBy, Ref: r.ID}
	proof := contact.Proof{How: "unmerge", Source: source, By: r.UndoneBy, At: r.UndoneAt, Note: "the merge " + r.ID + " was undone"}
	for i, id := range r.Others {
		mine := note
		mine.Values = []timeline.Value{{Name: "primary", Text: string(r.Primary)}}
		// Until now the primary's consents were theirs; those of before are again.
		mine = contact.WithRows(mine, proof.Rows(before, &others[i]))
		if writes, err = b.withActivities(writes, id, []timeline.Activity{mine}); err != nil {
			return nil, err
		}
		note.Values = append(note.Values, timeline.Value{Name: "other", Text: string(id)})
	}
	return b.withActivities(writes, r.Primary, []timeline.Activity{r.PartedNote(), contact.WithRows(note, proof.Rows(before, after))})
}

// renew brings a contact that comes back up to date. Its figures are of the orders
// that are kept under its ids: whoever changes one of them changes the version of who
// it belongs to, so what is stored with the condition of the version is right.
func (b *Book) renew(ctx context.Context, c *contact.Contact) (err error) {
	c.Renew(b.site.Policy())
	if err := b.forget(ctx, c, c.UpdatedAt); err != nil {
		return err
	}
	if c.Group != "" {
		if _, err := b.GroupByID(ctx, c.Group); crm.CodeOf(err) == crm.NotFound { // deleted since
			c.LeaveGroup(c.Group)
		} else if err != nil {
			return err
		}
	}
	c.Figures, err = b.sumWithout(ctx, c, "")
	return err
}

// errTooLarge is what does not fit an item.
var errTooLarge = errors.New("too large")

// changes are one write a slot, of several slots that a merge touches at once.
type changes struct {
	b   *Book
	all []*slotChange
}

// changes starts with the slots of the parties.
func (b *Book) changes(p parties) *changes {
	s := &changes{b: b}
	for i := range p.contacts {
		s.of(p.contacts[i].ID)
	}
	return s
}

func (s *changes) of(id crm.ContactID) *slotChange {
	for _, c := range s.all {
		if c.id == id {
			return c
		}
	}
	c := &slotChange{id: id, values: item{}, names: map[string]string{}}
	c.set("t", str("slot"))
	c.set("sv", num(schemaVersion))
	s.all = append(s.all, c)
	return c
}

func (s *changes) writes() []types.TransactWriteItem {
	out := make([]types.TransactWriteItem, 0, maxTransaction)
	for _, c := range s.all {
		expr := "SET " + strings.Join(c.sets, ", ")
		if len(c.removes) > 0 {
			expr += " REMOVE " + strings.Join(c.removes, ", ")
		}
		out = append(out, types.TransactWriteItem{Update: &types.Update{
			TableName: s.b.t.name, Key: slotKey(&s.b.site, c.id), UpdateExpression: &expr,
			ConditionExpression:      ptr(strings.Join(c.conds, " AND ")),
			ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}})
	}
	return out
}

// slotChange is one write of a slot in the making.
type slotChange struct {
	id                   crm.ContactID
	sets, removes, conds []string
	names                map[string]string
	values               item
	body                 string
}

func (c *slotChange) set(name string, v types.AttributeValue) {
	c.names["#"+name], c.values[":"+name] = name, v
	c.sets = append(c.sets, "#"+name+" = :"+name)
}

func (c *slotChange) remove(names ...string) {
	for _, n := range names {
		c.names["#"+n] = n
		c.removes = append(c.removes, "#"+n)
	}
}

func (c *slotChange) when(cond, name string, v types.AttributeValue) {
	c.conds, c.values[name] = append(c.conds, cond), v
}

// live lets a contact live in its slot: in the place of version old of it, or, if
// that is 0, again.
func (c *slotChange) live(k *contact.Contact, old int64) error {
	p, err := pack(k)
	if crm.CodeOf(err) == crm.TooLarge {
		return errTooLarge
	}
	if err != nil {
		return err
	}
	c.body = p.body
	c.set("body", str(p.body))
	c.set("slim", str(p.slim))
	c.set("rev", str(p.rev))
	c.set("v", num(k.Version))
	if old == 0 {
		c.conds = append(c.conds, "attribute_not_exists(body) AND attribute_not_exists(gone)")
	} else {
		c.when("v = :old", ":old", num(old))
	}
	return nil
}

// pass lets the slot's identity change its owner; "" is nobody.
func (c *slotChange) pass(from, to crm.ContactID) {
	c.set("owner", str(string(to)))
	if from == "" {
		c.conds = append(c.conds, "attribute_not_exists(#owner)")
		c.remove("ttl") // a tombstone's time to live would take the new owner with it
		return
	}
	c.when("#owner = :from", ":from", str(string(from)))
}

// endMerged ends what went into a contact that was deleted: the ids become
// tombstones, and what was kept to undo the merges goes. It can stop anywhere and
// be called again; orders tells of each id whether orders stay with it.
func (b *Book) endMerged(ctx context.Context, stored item, orders map[crm.ContactID]bool, now time.Time) error {
	merged := mergedOf(stored)
	if len(merged) == 0 {
		return nil
	}
	keys := make([]item, len(merged))
	for i, id := range merged {
		keys[i] = slotKey(&b.site, id)
	}
	slots, err := b.t.getAll(ctx, b.site.ID, keys)
	if err != nil {
		return err
	}
	last := []string{text(stored, "mg")}
	for _, k := range keys {
		last = append(last, text(slots[mapKey(k)], "mg"))
	}
	for _, id := range last {
		if err := b.forgetMerges(ctx, id); err != nil {
			return err
		}
	}
	for i, id := range merged {
		u := &types.Update{
			TableName: b.t.name, Key: keys[i],
			UpdateExpression:          ptr("SET gone = :gone REMOVE merged, mg"),
			ConditionExpression:       ptr("attribute_exists(merged)"),
			ExpressionAttributeValues: item{":gone": num(number(stored, "gone"))},
		}
		if !orders[id] { // as in sweep
			u.UpdateExpression = ptr("SET gone = :gone, #ttl = :ttl REMOVE merged, mg")
			u.ConditionExpression = ptr("attribute_exists(merged) AND attribute_not_exists(#o) AND attribute_not_exists(sup)")
			u.ExpressionAttributeNames = map[string]string{"#ttl": "ttl", "#o": "owner"}
			u.ExpressionAttributeValues[":ttl"] = num(now.Add(tombstoneFor).Unix())
		}
		err := b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: u})
		var l *lost
		if asLost(err, &l) && text(l.items[0], "merged") != "" { // somebody new has the address already, or it is suppressed
			u.UpdateExpression, u.ConditionExpression, u.ExpressionAttributeNames = ptr("SET gone = :gone REMOVE merged, mg"), ptr("attribute_exists(merged)"), nil
			delete(u.ExpressionAttributeValues, ":ttl")
			err = b.t.commit(ctx, b.site.ID, types.TransactWriteItem{Update: u})
		}
		if err != nil && !asLost(err, &l) {
			return err
		}
	}
	return nil
}

// mergedOf are the ids that went into a contact, from the slot where it lives or,
// until its deletion is complete, lived.
func mergedOf(it item) []crm.ContactID {
	var ids []crm.ContactID
	_ = json.Unmarshal([]byte(text(it, "went")), &ids) // written by death alone; none without
	return ids
}

// forgetMerges removes a merge and those before it into the same primary, with
// what is kept to undo them. One that is gone was the oldest.
func (b *Book) forgetMerges(ctx context.Context, id string) error {
	it, err := b.mergeItemOf(ctx, id)
	if err != nil || it == nil {
		return err
	}
	_, m, err := b.mergeOf(it)
	if err != nil {
		return err
	}
	// The one before goes first, or an interruption would leave it behind.
	if err := b.forgetMerges(ctx, m.Prev); err != nil {
		return err
	}
	writes := []types.TransactWriteItem{{Delete: &types.Delete{TableName: b.t.name, Key: mergeKey(b.site.ID, id)}}}
	for n := range m.Parts {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.t.name, Key: mergePartKey(b.site.ID, id, n)}})
	}
	return b.t.commit(ctx, b.site.ID, writes...)
}
