package dynamo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// Every identity of a site has one slot: the item at the shard and id that its
// HMAC gives. A contact lives in the slot of the identity that founded it, or in
// a random one. The attributes of a slot:
//
//	owner   who answers to this identity: the id that lives here, another one's,
//	        or absent: nobody
//	body    where a contact lives: all of it, as JSON
//	slim    where a contact lives: what lists need, as JSON
//	v       its version
//	rev     when it was last written, sorts by_updated; absent elsewhere, so that
//	        the index holds contacts alone
//	merged  the id of the contact that the one which lived here went into
//	mg      where a contact lives or lived: the last merge into it that stands
//	gone    tombstone: when the contact that lived here was deleted. An id is
//	        never lived in twice
//	sup     the suppression that an address keeps when a contact lets go of it, and
//	        for how long it lasts there is no end: see suppression.go
//	sweep   tombstone whose timeline is not cleared yet
//
//	slot                         owner      body  gone
//	a contact and its identity   itself     yes
//	a contact that left it       nobody     yes
//	  … and somebody new has it  that one   yes
//	a further identity           its id
//	merged into another          that one         (merged says which, whoever the owner is)
//	deleted                      nobody           yes
//	  … and somebody new has it  that one         yes
//
// Packed attributes instead of one each: measured, reading 100,000 rows takes
// half the time.
type bodyRecord struct {
	Email    string                  `json:"e,omitempty"`
	Emails   []string                `json:"es,omitempty"`
	External []string                `json:"x,omitempty"`
	First    string                  `json:"fn,omitempty"`
	Last     string                  `json:"ln,omitempty"`
	Company  string                  `json:"co,omitempty"`
	Phone    string                  `json:"ph,omitempty"`
	Mobile   string                  `json:"mo,omitempty"`
	Website  string                  `json:"w,omitempty"`
	Language string                  `json:"la,omitempty"`
	Birth    string                  `json:"bd,omitempty"`
	Gender   string                  `json:"g,omitempty"`
	VAT      string                  `json:"vat,omitempty"`
	Fiscal   string                  `json:"fnr,omitempty"`
	Channel  string                  `json:"pc,omitempty"`
	Phones   []string                `json:"ps,omitempty"`
	Custom   map[string]string       `json:"cf,omitempty"`
	Note     string                  `json:"no,omitempty"`
	Main     *[6]string              `json:"a,omitempty"`
	Billing  *[6]string              `json:"ab,omitempty"`
	Shipping *[6]string              `json:"as,omitempty"`
	Status   contact.Status          `json:"st"`
	Manual   bool                    `json:"sm,omitempty"`
	Tags     []string                `json:"t,omitempty"`
	Consent  contact.Consent         `json:"c,omitempty"`
	Orders   int                     `json:"oc,omitempty"`
	Revenue  map[string]int64        `json:"or,omitempty"`
	Counts   map[string]int          `json:"on,omitempty"`
	Open     []string                `json:"rq,omitempty"`
	Avatar   string                  `json:"av,omitempty"`
	FirstAt  int64                   `json:"of,omitempty"`
	LastAt   int64                   `json:"ol,omitempty"`
	Source   string                  `json:"so,omitempty"`
	SourceAt int64                   `json:"sa,omitempty"`
	Visit    *visitRecord            `json:"vi,omitempty"`
	LockAt   int64                   `json:"lk,omitempty"`
	LockBy   string                  `json:"lb,omitempty"`
	LockOn   map[string]lockedRecord `json:"lf,omitempty"` // absent: all
	Offers   map[string]offerRecord  `json:"off,omitempty"`
	Decided  map[string]int64        `json:"dc,omitempty"`
	Firsts   map[contact.Event]int64 `json:"fi,omitempty"`
	Group    string                  `json:"gr,omitempty"`
	Merged   []crm.ContactID         `json:"mg,omitempty"`
	By       string                  `json:"sb,omitempty"`
	Created  int64                   `json:"ca"`
	Updated  int64                   `json:"ua"`
	AsOf     stamp                   `json:"ao"`
	Stamps   map[string]stamp        `json:"sp,omitempty"`
	Import   *importMark             `json:"im,omitempty"`

	ConsentMark *markRecord                         `json:"cm,omitempty"`
	Channels    map[contact.Channel]*standingRecord `json:"cc,omitempty"`
	Lists       []subscriptionRecord                `json:"su,omitempty"`
	AskedAt     int64                               `json:"aq,omitempty"`
}

type markRecord struct {
	Since  int64           `json:"t,omitempty"`
	Source string          `json:"s,omitempty"`
	Asked  int64           `json:"a,omitempty"`
	Given  bool            `json:"g,omitempty"`
	Held   contact.Consent `json:"he,omitempty"`

	HeldSince int64 `json:"hs,omitempty"`
}

type standingRecord struct {
	State contact.Consent `json:"c"`
	markRecord
}

type subscriptionRecord struct {
	List    string          `json:"l"`
	Channel contact.Channel `json:"h,omitempty"` // absent: e-mail
	standingRecord
}

func markOf(m contact.Mark) markRecord {
	return markRecord{micros(m.Since), m.Source, micros(m.Asked), m.Given, m.Held, micros(m.HeldSince)}
}

func (m markRecord) mark() contact.Mark {
	return contact.Mark{Since: fromMicros(m.Since), Source: m.Source, Asked: fromMicros(m.Asked), Given: m.Given, Held: m.Held, HeldSince: fromMicros(m.HeldSince)}
}

// packConsents and unpackConsents keep where the person stands with channels and lists.
func packConsents(c *contact.Contact, r *bodyRecord) {
	if c.ConsentMark != (contact.Mark{}) {
		m := markOf(c.ConsentMark)
		r.ConsentMark = &m
	}
	for ch, st := range c.Channels {
		if r.Channels == nil {
			r.Channels = map[contact.Channel]*standingRecord{}
		}
		r.Channels[ch] = &standingRecord{st.State, markOf(st.Mark)}
	}
	for _, l := range c.Subscriptions {
		rec := subscriptionRecord{l.List, l.Channel, standingRecord{l.State, markOf(l.Mark)}}
		if l.Channel == contact.ByEmail {
			rec.Channel = ""
		}
		r.Lists = append(r.Lists, rec)
	}
	r.AskedAt = micros(c.AskedAt)
}

func unpackConsents(r *bodyRecord, c *contact.Contact) {
	if r.ConsentMark != nil {
		c.ConsentMark = r.ConsentMark.mark()
	}
	for ch, st := range r.Channels {
		if c.Channels == nil {
			c.Channels = map[contact.Channel]contact.Standing{}
		}
		c.Channels[ch] = contact.Standing{State: st.State, Mark: st.mark()}
	}
	for _, l := range r.Lists {
		sub := contact.Subscription{List: l.List, Channel: l.Channel, Standing: contact.Standing{State: l.State, Mark: l.mark()}}
		if sub.Channel == "" {
			sub.Channel = contact.ByEmail
		}
		c.Subscriptions = append(c.Subscriptions, sub)
	}
	c.AskedAt = fromMicros(r.AskedAt)
}

type stamp [2]int64 // microseconds, sequence

type lockedRecord struct {
	At int64  `json:"t"`
	By string `json:"b,omitempty"`
}

type offerRecord struct {
	Source string            `json:"s"`
	AsOf   stamp             `json:"t"`
	Texts  map[string]string `json:"v"` // by name of the field
}

type visitRecord struct {
	Channel  string    `json:"c,omitempty"`
	Campaign [5]string `json:"u,omitzero"`
	Referrer string    `json:"r,omitempty"`
	Landing  string    `json:"l,omitempty"`
	Device   [3]string `json:"d,omitzero"`
}

func packVisit(v contact.Visit) *visitRecord {
	if v == (contact.Visit{}) {
		return nil
	}
	c, d := v.Campaign, v.Device
	return &visitRecord{v.Channel, [5]string{c.Source, c.Medium, c.Name, c.Term, c.Content}, v.Referrer, v.Landing, [3]string{d.Class, d.Browser, d.OS}}
}

func (r *visitRecord) visit() contact.Visit {
	if r == nil {
		return contact.Visit{}
	}
	c, d := r.Campaign, r.Device
	return contact.Visit{Channel: r.Channel, Campaign: contact.Campaign{Source: c[0], Medium: c[1], Name: c[2], Term: c[3], Content: c[4]},
		Referrer: r.Referrer, Landing: r.Landing, Device: contact.Device{Class: d[0], Browser: d[1], OS: d[2]}}
}

type importMark struct {
	Job     string `json:"j"`
	Row     int    `json:"r"`
	Created bool   `json:"c,omitempty"`
}

// micros keeps the zero time as 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(m int64) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(m).UTC()
}

func packAddress(a contact.Address) *[6]string {
	if a == (contact.Address{}) {
		return nil
	}
	return &[6]string{a.Street, a.Street2, a.Postcode, a.City, a.Region, a.Country}
}

func unpackAddress(a *[6]string) contact.Address {
	if a == nil {
		return contact.Address{}
	}
	return contact.Address{Street: a[0], Street2: a[1], Postcode: a[2], City: a[3], Region: a[4], Country: a[5]}
}

// packed is a contact as its slot keeps it.
type packed struct{ body, slim, rev string }

func pack(c *contact.Contact) (packed, error) {
	r := bodyRecord{
		Email: c.Email, Emails: c.Emails, External: c.ExternalIDs, First: c.FirstName, Last: c.LastName,
		Company: c.Company, Phone: c.Phone, Mobile: c.Mobile, Website: c.Website, Language: c.Language,
		Birth: c.BirthDate, Gender: c.Gender, VAT: c.VATNumber, Fiscal: c.FiscalNumber, Channel: c.PreferredChannel, Phones: c.Phones, Custom: c.Custom, Note: c.Note,
		Main: packAddress(c.Address), Billing: packAddress(c.BillingAddress), Shipping: packAddress(c.ShippingAddress),
		Status: c.Status, Manual: c.StatusManual, Tags: c.Tags, Orders: c.Figures.Orders, Revenue: c.Figures.Revenue,
		FirstAt: micros(c.Figures.FirstAt), LastAt: micros(c.Figures.LastAt), Source: c.Origin.Source,
		SourceAt: micros(c.Origin.At), Created: micros(c.CreatedAt), Updated: micros(c.UpdatedAt),
		AsOf: stamp{micros(c.AsOf.At), c.AsOf.Seq}, Consent: c.Consent,
	}
	if c.Consent == contact.ConsentNever {
		r.Consent = ""
	}
	if c.Lock != nil {
		r.LockAt, r.LockBy = micros(c.Lock.At), c.Lock.By
		for u, l := range c.Lock.Fields {
			if r.LockOn == nil {
				r.LockOn = map[string]lockedRecord{}
			}
			r.LockOn[u] = lockedRecord{micros(l.At), l.By}
		}
	}
	for u, o := range c.Offers {
		if r.Offers == nil {
			r.Offers = map[string]offerRecord{}
		}
		r.Offers[u] = offerRecord{o.Source, stamp{micros(o.AsOf.At), o.AsOf.Seq}, o.Details.Texts()}
	}
	for u, at := range c.Decided {
		if r.Decided == nil {
			r.Decided = map[string]int64{}
		}
		r.Decided[u] = micros(at)
	}
	for e, at := range c.Firsts {
		if r.Firsts == nil {
			r.Firsts = map[contact.Event]int64{}
		}
		r.Firsts[e] = micros(at)
	}
	r.Visit = packVisit(c.Origin.Visit)
	r.Group, r.Merged, r.By = c.Group, c.Merged, c.Origin.By
	r.Counts, r.Open, r.Avatar = c.Figures.Counts, c.Open, c.Avatar
	if len(c.Stamps) > 0 {
		r.Stamps = make(map[string]stamp, len(c.Stamps))
		for k, v := range c.Stamps {
			r.Stamps[k] = stamp{micros(v.At), v.Seq}
		}
	}
	if c.Import != nil {
		r.Import = &importMark{c.Import.Job, c.Import.Row, c.Import.Created}
	}
	packConsents(c, &r)
	body, err := packJSON(&r)
	if err != nil {
		return packed{}, fmt.Errorf("packing contact %s: %w", c.ID, err)
	}
	slim, err := packJSON([]any{c.Email, c.FirstName, c.LastName, c.Company, c.Phone, c.Status, c.Tags, r.Consent,
		c.Figures.Orders, c.Address.City, c.Address.Postcode, c.Address.Country, c.Language, r.Created, r.Updated, c.Subscribed(), c.Group})
	if err != nil {
		return packed{}, fmt.Errorf("packing contact %s: %w", c.ID, err)
	}
	if n := len(body) + len(slim); n > maxBytes { // tags and name stand in both
		return packed{}, crm.Errorf(crm.TooLarge, "this contact has %d KB, an entry of the book holds %d", n/1000, maxBytes/1000)
	}
	return packed{body, slim, rev(c)}, nil
}

// maxBytes is what the attributes of an item may have together; DynamoDB takes
// 400 KB with their names and keys.
const maxBytes = 390_000

// packJSON is JSON without the escapes for web pages, which would make up to six
// bytes of one; crm.TooLarge for what does not fit an item.
func packJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	if b.Len() > maxBytes {
		return "", crm.Errorf(crm.TooLarge, "this has %d KB, an entry of the book holds %d", b.Len()/1000, maxBytes/1000)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// rev sorts by the moment of the last write; with the id it is unique in a site.
func rev(c *contact.Contact) string {
	return fmt.Sprintf("%014x-%s", c.UpdatedAt.UnixMicro(), c.ID[len("ct_"):][:12])
}

// contactOf is the contact that lives in a slot; ok is false where none does.
func contactOf(it item) (c contact.Contact, ok bool, err error) {
	body := text(it, "body")
	if body == "" {
		return c, false, nil
	}
	if v := number(it, "sv"); v > schemaVersion {
		return c, false, fmt.Errorf("slot %s has schema version %d, this function knows %d", text(it, "SK"), v, schemaVersion)
	}
	var r bodyRecord
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		return c, false, fmt.Errorf("unpacking contact %s: %w", text(it, "SK"), err)
	}
	c = contact.Contact{
		ID: crm.ContactID(text(it, "SK")), Version: number(it, "v"),
		Email: r.Email, Emails: r.Emails, ExternalIDs: r.External,
		Details: contact.Details{
			FirstName: r.First, LastName: r.Last, Company: r.Company, Phone: r.Phone, Mobile: r.Mobile,
			Website: r.Website, Language: r.Language, BirthDate: r.Birth, Gender: r.Gender, VATNumber: r.VAT, FiscalNumber: r.Fiscal,
			PreferredChannel: r.Channel, Phones: r.Phones, Custom: r.Custom, Note: r.Note,
			Address: unpackAddress(r.Main), BillingAddress: unpackAddress(r.Billing), ShippingAddress: unpackAddress(r.Shipping),
		},
		Status: r.Status, StatusManual: r.Manual, Tags: r.Tags, Consent: r.Consent,
		Figures:   contact.Figures{Orders: r.Orders, Revenue: r.Revenue, FirstAt: fromMicros(r.FirstAt), LastAt: fromMicros(r.LastAt)},
		Origin:    contact.Origin{Visit: r.Visit.visit(), Source: r.Source, At: fromMicros(r.SourceAt)},
		CreatedAt: fromMicros(r.Created), UpdatedAt: fromMicros(r.Updated),
		AsOf: contact.Stamp{At: fromMicros(r.AsOf[0]), Seq: r.AsOf[1]},
	}
	if c.Consent == "" {
		c.Consent = contact.ConsentNever
	}
	if r.LockAt != 0 {
		c.Lock = &contact.Lock{At: fromMicros(r.LockAt), By: r.LockBy}
		for u, l := range r.LockOn {
			if c.Lock.Fields == nil {
				c.Lock.Fields = map[string]contact.Locked{}
			}
			c.Lock.Fields[u] = contact.Locked{At: fromMicros(l.At), By: l.By}
		}
	}
	for u, o := range r.Offers {
		if c.Offers == nil {
			c.Offers = map[string]contact.Offer{}
		}
		c.Offers[u] = contact.Offer{Source: o.Source, AsOf: contact.Stamp{At: fromMicros(o.AsOf[0]), Seq: o.AsOf[1]}, Details: contact.DetailsOf(o.Texts)}
	}
	for u, at := range r.Decided {
		if c.Decided == nil {
			c.Decided = map[string]time.Time{}
		}
		c.Decided[u] = fromMicros(at)
	}
	for e, at := range r.Firsts {
		if c.Firsts == nil {
			c.Firsts = map[contact.Event]time.Time{}
		}
		c.Firsts[e] = fromMicros(at)
	}
	if len(r.Firsts) == 0 && r.Orders > 0 { // from before firsts were kept
		at := c.Figures.FirstAt
		if at.IsZero() {
			at = c.CreatedAt
		}
		c.Firsts = map[contact.Event]time.Time{contact.FirstOrder: at}
	}
	c.Group, c.Merged, c.Origin.By = r.Group, r.Merged, r.By
	c.Figures.Counts, c.Open, c.Avatar = r.Counts, r.Open, r.Avatar
	unpackConsents(&r, &c)
	if len(r.Stamps) > 0 {
		c.Stamps = make(map[string]contact.Stamp, len(r.Stamps))
		for k, v := range r.Stamps {
			c.Stamps[k] = contact.Stamp{At: fromMicros(v[0]), Seq: v[1]}
		}
	}
	if r.Import != nil {
		c.Import = &contact.ImportMark{Job: r.Import.Job, Row: r.Import.Row, Created: r.Import.Created}
	}
	return c, true, nil
}

func rowOf(it item) (contact.Row, error) {
	r := contact.Row{ID: crm.ContactID(text(it, "SK")), Version: number(it, "v")}
	var created, updated int64
	fields := []any{&r.Email, &r.FirstName, &r.LastName, &r.Company, &r.Phone, &r.Status, &r.Tags, &r.Consent,
		&r.Orders, &r.City, &r.Postcode, &r.Country, &r.Language, &created, &updated, &r.Lists, &r.Group}
	if err := json.Unmarshal([]byte(text(it, "slim")), &fields); err != nil {
		return r, fmt.Errorf("unpacking the row of contact %s: %w", r.ID, err)
	}
	if r.Consent == "" {
		r.Consent = contact.ConsentNever
	}
	r.CreatedAt, r.UpdatedAt = fromMicros(created), fromMicros(updated)
	return r, nil
}

// putNew stores a contact in a slot where nothing has ever been.
func (b *Book) putNew(c *contact.Contact, founding bool) (types.TransactWriteItem, error) {
	p, err := pack(c)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	it := slotKey(&b.site, c.ID)
	it["t"], it["sv"] = str("slot"), num(schemaVersion)
	it["body"], it["slim"], it["rev"], it["v"] = str(p.body), str(p.slim), str(p.rev), num(c.Version)
	if founding {
		it["owner"] = str(string(c.ID))
	}
	if c.Origin.By != "" { // relay's filter of the stream sees it
		it["by"] = str(c.Origin.By)
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: b.t.name, Item: it,
		ConditionExpression:                 ptr("attribute_not_exists(PK)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, nil
}

// What becomes of the owner of a contact's own slot in a change.
type homeOwner int

const (
	homeKeeps homeOwner = iota
	homeClaims
	homeReleases
)

// putBody stores a changed contact where version old of it lives. If it claims
// its own slot, it fails as claim does where the slot remembers another suppression than sup.
func (b *Book) putBody(c *contact.Contact, old int64, home homeOwner, sup contact.Suppression) (types.TransactWriteItem, error) {
	p, err := pack(c)
	if err != nil {
		return types.TransactWriteItem{}, err
	}
	u := &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, c.ID),
		ConditionExpression: ptr("v = :old"),
		ExpressionAttributeValues: item{":body": str(p.body), ":slim": str(p.slim), ":rev": str(p.rev),
			":v": num(c.Version), ":old": num(old), ":sv": num(schemaVersion)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	expr := "SET body = :body, slim = :slim, rev = :rev, v = :v, sv = :sv"
	switch home {
	case homeClaims:
		expr += ", #o = :me"
		u.ConditionExpression = ptr("v = :old AND attribute_not_exists(#o) AND attribute_not_exists(sup)")
		if sup != "" {
			u.ConditionExpression = ptr("v = :old AND attribute_not_exists(#o) AND sup = :was")
			u.ExpressionAttributeValues[":was"] = str(string(sup))
		}
	case homeReleases:
		expr += " REMOVE #o"
		u.ConditionExpression = ptr("v = :old AND #o = :me")
	}
	if home != homeKeeps {
		u.ExpressionAttributeNames = map[string]string{"#o": "owner"} // a reserved word
		u.ExpressionAttributeValues[":me"] = str(string(c.ID))
	}
	u.UpdateExpression = &expr
	return types.TransactWriteItem{Update: u}, nil
}

// claim gives an identity without an owner to a contact, whatever else its slot
// holds: nothing yet, a tombstone, or a contact that has left it. It fails if
// the slot remembers another suppression than sup.
func (b *Book) claim(slot, owner crm.ContactID, sup contact.Suppression) types.TransactWriteItem {
	u := &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, slot),
		// A tombstone's time to live would take the new owner with it.
		UpdateExpression:          ptr("SET #o = :me, t = :t, sv = :sv REMOVE #ttl"),
		ConditionExpression:       ptr("attribute_not_exists(#o) AND attribute_not_exists(sup)"),
		ExpressionAttributeNames:  map[string]string{"#o": "owner", "#ttl": "ttl"},
		ExpressionAttributeValues: item{":me": str(string(owner)), ":t": str("slot"), ":sv": num(schemaVersion)},

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if sup != "" {
		u.ConditionExpression = ptr("attribute_not_exists(#o) AND sup = :sup")
		u.ExpressionAttributeValues[":sup"] = str(string(sup))
	}
	return types.TransactWriteItem{Update: u}
}

// release takes an identity from a contact that does not live in its slot; the
// slot as it was read tells whether anything else is kept there. An address keeps
// the suppression that its contact leaves, or a stricter one of before.
func (b *Book) release(id crm.Identity, owner crm.ContactID, stored item, leaves contact.Remembered) types.TransactWriteItem {
	slot := id.Slot(b.site.Secret)
	names := map[string]string{"#o": "owner"}
	values := item{":me": str(string(owner))}
	if id.Kind != crm.ByEmail {
		leaves = contact.Remembered{}
	}
	keeps, news := leaving(stored, leaves)
	if keeps.Why == "" && text(stored, "body") == "" && number(stored, "gone") == 0 && text(stored, "merged") == "" {
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: b.t.name, Key: slotKey(&b.site, slot),
			ConditionExpression: ptr("#o = :me AND attribute_not_exists(body) AND attribute_not_exists(gone) AND attribute_not_exists(merged)" +
				" AND attribute_not_exists(sup)"),
			ExpressionAttributeNames:  names,
			ExpressionAttributeValues: values,
		}}
	}
	u := &types.Update{
		TableName: b.t.name, Key: slotKey(&b.site, slot),
		UpdateExpression:          ptr("REMOVE #o"),
		ConditionExpression:       ptr("#o = :me"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
	if news {
		remember(u, keeps)
	}
	return types.TransactWriteItem{Update: u}
}

func ptr[T any](v T) *T { return &v }
