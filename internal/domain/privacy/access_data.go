package privacy

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// The types of this file are data.json: names are those of the API, for good. The
// readable page is made of the same values (access_html.go), so that neither knows
// more than the other; a name needs its words there.

type headFile struct {
	Format   int         `json:"format_version"` // rises if a name changes its meaning
	Site     string      `json:"site"`
	MadeAt   time.Time   `json:"made_at"`
	Language string      `json:"language"` // of index.html
	Contact  contactFile `json:"contact"`
}

type contactFile struct {
	ID               crm.ContactID           `json:"id"`
	Version          int64                   `json:"version"`
	Email            string                  `json:"email"`
	Emails           []string                `json:"emails"`
	ExternalIDs      []string                `json:"external_ids"`
	FirstName        string                  `json:"first_name"`
	LastName         string                  `json:"last_name"`
	Company          string                  `json:"company"`
	Phone            string                  `json:"phone"`
	Mobile           string                  `json:"mobile"`
	Phones           []string                `json:"phones"`
	Website          string                  `json:"website"`
	Language         string                  `json:"language"`
	BirthDate        string                  `json:"birth_date"`
	Gender           string                  `json:"gender"`
	VATNumber        string                  `json:"vat_number"`
	FiscalNumber     string                  `json:"fiscal_number"`
	PreferredChannel string                  `json:"preferred_channel"`
	Note             string                  `json:"note"`
	Address          addressFile             `json:"address"`
	BillingAddress   addressFile             `json:"billing_address"`
	ShippingAddress  addressFile             `json:"shipping_address"`
	Custom           map[string]customFile   `json:"custom"`
	Status           contact.Status          `json:"status"`
	StatusName       string                  `json:"status_name"`
	StatusManual     bool                    `json:"status_manual"`
	Firsts           map[string]time.Time    `json:"firsts"`
	Tags             []string                `json:"tags"`
	Group            string                  `json:"group"`
	GroupName        string                  `json:"group_name"`
	Avatar           string                  `json:"avatar"`
	Consent          contact.Consent         `json:"consent"`
	ConsentMark      markFile                `json:"consent_mark"`
	Channels         map[string]standingFile `json:"channels"`
	Subscriptions    []subscriptionFile      `json:"subscriptions"`
	AskedAt          time.Time               `json:"asked_at,omitzero"`
	OrdersCount      int                     `json:"orders_count"`
	Revenue          []revenueFile           `json:"revenue"`
	FirstOrderAt     time.Time               `json:"first_order_at,omitzero"`
	LastOrderAt      time.Time               `json:"last_order_at,omitzero"`
	OpenRequests     []string                `json:"open_requests"`
	Origin           originFile              `json:"origin"`
	Locked           *lockFile               `json:"locked,omitempty"`
	Offers           map[string]offerFile    `json:"offers"`
	Decided          map[string]time.Time    `json:"decided"`
	Merged           []crm.ContactID         `json:"merged"`
	AsOf             stampFile               `json:"as_of"`
	Stamps           map[string]stampFile    `json:"stamps"`
	Import           *importFile             `json:"import,omitempty"`
	CreatedAt        time.Time               `json:"created_at"`
	UpdatedAt        time.Time               `json:"updated_at"`
}

type addressFile struct {
	Street   string `json:"street"`
	Street2  string `json:"street_2"`
	Postcode string `json:"postcode"`
	City     string `json:"city"`
	Region   string `json:"region"`
	Country  string `json:"country"`
}

type customFile struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

type markFile struct {
	Since   time.Time `json:"since,omitzero"`
	Source  string    `json:"source,omitempty"`
	AskedAt time.Time `json:"asked_at,omitzero"`
	Given   bool      `json:"recorded,omitempty"`

	Held      contact.Consent `json:"held,omitempty"`
	HeldSince time.Time       `json:"held_since,omitzero"`
}

type standingFile struct {
	State contact.Consent `json:"state"`
	markFile
}

type subscriptionFile struct {
	List     string          `json:"list"`
	ListName string          `json:"list_name"`
	Channel  contact.Channel `json:"channel"`
	standingFile
}

type revenueFile struct {
	Orders int       `json:"orders"`
	Total  moneyFile `json:"total"`
}

type moneyFile struct {
	Amount   int64  `json:"amount"` // in minor units
	Currency string `json:"currency"`
}

type originFile struct {
	Source   string       `json:"source"`
	By       string       `json:"by,omitempty"`
	At       time.Time    `json:"at,omitzero"`
	Channel  string       `json:"channel,omitempty"`
	Campaign campaignFile `json:"campaign,omitzero"`
	Referrer string       `json:"referrer,omitempty"`
	Landing  string       `json:"landing_page,omitempty"`
	Device   browserFile  `json:"device,omitzero"`
}

type campaignFile struct {
	Source  string `json:"source,omitempty"`
	Medium  string `json:"medium,omitempty"`
	Name    string `json:"name,omitempty"`
	Term    string `json:"term,omitempty"`
	Content string `json:"content,omitempty"`
}

type browserFile struct {
	Class   string `json:"class,omitempty"`
	Browser string `json:"browser,omitempty"`
	OS      string `json:"os,omitempty"`
}

type lockFile struct {
	At     time.Time             `json:"at"`
	By     string                `json:"by"`
	All    bool                  `json:"all"`
	Fields map[string]lockedFile `json:"fields,omitempty"`
}

type lockedFile struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

type offerFile struct {
	Source string            `json:"source"`
	AsOf   stampFile         `json:"as_of"`
	Values map[string]string `json:"values"`
}

type stampFile struct {
	At  time.Time `json:"at,omitzero"`
	Seq int64     `json:"seq,omitempty"`
}

type importFile struct {
	Job     string `json:"job"`
	Row     int    `json:"row"`
	Created bool   `json:"created"`
}

type activityFile struct {
	ID      string        `json:"id"`
	At      time.Time     `json:"at"`
	Kind    timeline.Kind `json:"kind"`
	Source  string        `json:"source,omitempty"`
	By      string        `json:"by,omitempty"`
	Ref     string        `json:"ref,omitempty"`
	Changed []string      `json:"changed,omitempty"`
	Open    bool          `json:"open,omitempty"`
	Pinned  bool          `json:"pinned,omitempty"`
	Entry   *entryFile    `json:"entry,omitempty"`
	Values  []valueFile   `json:"values,omitempty"`
}

type entryFile struct {
	Title     string         `json:"title"`
	Text      string         `json:"text"` // Markdown
	Documents []attachedFile `json:"documents,omitempty"`
	Version   int64          `json:"version"`
	EditedAt  time.Time      `json:"edited_at,omitzero"`
	EditedBy  string         `json:"edited_by,omitempty"`
	To        string         `json:"to,omitempty"`
	Mail      string         `json:"mail,omitempty"`
	State     timeline.State `json:"state,omitempty"`
	Reason    string         `json:"reason,omitempty"`
}

type attachedFile struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

type valueFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type orderFile struct {
	Source    string       `json:"source"`
	ID        string       `json:"id"`
	Number    string       `json:"number"`
	Status    order.Status `json:"status"`
	Deleted   bool         `json:"deleted"`
	DeletedAt time.Time    `json:"deleted_at,omitzero"`
	Test      bool         `json:"test"`
	Total     moneyFile    `json:"total"`
	Refunded  moneyFile    `json:"refunded"`
	PlacedAt  time.Time    `json:"placed_at,omitzero"`
	PaidAt    time.Time    `json:"paid_at,omitzero"`
	UpdatedAt time.Time    `json:"updated_at,omitzero"`
	Customer  customerFile `json:"customer"`
	Billing   placeFile    `json:"billing_address"`
	Shipping  placeFile    `json:"shipping_address"`
	Items     []itemFile   `json:"items"`
	MoreItems int          `json:"more_items,omitempty"`
}

type customerFile struct {
	Email            string `json:"email,omitempty"`
	FirstName        string `json:"first_name,omitempty"`
	LastName         string `json:"last_name,omitempty"`
	Company          string `json:"company,omitempty"`
	Phone            string `json:"phone,omitempty"`
	ExternalID       string `json:"external_id,omitempty"`
	Language         string `json:"language,omitempty"`
	AcceptsMarketing *bool  `json:"accepts_marketing,omitempty"`
}

type placeFile struct {
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Company   string `json:"company,omitempty"`
	Street    string `json:"street,omitempty"`
	Street2   string `json:"street_2,omitempty"`
	Postcode  string `json:"postcode,omitempty"`
	City      string `json:"city,omitempty"`
	Region    string `json:"region,omitempty"`
	Country   string `json:"country,omitempty"`
	Phone     string `json:"phone,omitempty"`
}

type itemFile struct {
	ID        string    `json:"id,omitempty"`
	SKU       string    `json:"sku"`
	Title     string    `json:"title"`
	Quantity  int       `json:"quantity"`
	UnitPrice moneyFile `json:"unit_price"`
}

type dealingFile struct {
	Kind      order.DealingKind   `json:"kind"`
	Source    string              `json:"source"`
	ID        string              `json:"id"`
	Number    string              `json:"number"`
	Title     string              `json:"title"`
	Status    order.DealingStatus `json:"status"`
	Amount    moneyFile           `json:"amount,omitzero"`
	Order     string              `json:"order,omitempty"`
	At        time.Time           `json:"at,omitzero"`
	UpdatedAt time.Time           `json:"updated_at,omitzero"`
	Customer  customerFile        `json:"customer"`
}

type deviceFile struct {
	ID           string    `json:"id"`
	Platform     string    `json:"platform"`
	Name         string    `json:"name"`
	RegisteredAt time.Time `json:"registered_at"`
	LastSeenAt   time.Time `json:"last_seen_at"`
}

type suppressionFile struct {
	Email  string              `json:"email"`
	Reason contact.Suppression `json:"reason"`
	At     time.Time           `json:"at"`
}

type fileFile struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Type    string           `json:"type"`
	Size    int64            `json:"size"`
	SHA256  string           `json:"sha256,omitempty"`
	Purpose document.Purpose `json:"purpose"`
	State   document.State   `json:"state"`
	Entry   string           `json:"entry,omitempty"`
	By      string           `json:"by,omitempty"`
	At      time.Time        `json:"at"`
	Path    string           `json:"path,omitempty"`    // in the zip
	Missing bool             `json:"missing,omitempty"` // its upload never arrived

	key string // in the bucket
}

// data is what the two descriptions are written of.
type data struct {
	head     headFile
	files    []fileFile
	sections []section
}

// section is one list of the file. each reads it from the book again, page by page.
type section struct {
	name string
	each func(ctx context.Context, visit func(any) error) error
}

const accessPage = 100

// entrySections say which entries of the timeline stand where: each in one place.
var entrySections = []struct {
	name  string
	kinds []timeline.Kind
}{
	{"consents", []timeline.Kind{timeline.Consent}}, // row by row; those of an undone merge stand with it
	{"submissions", []timeline.Kind{timeline.Form}},
	{"messages", []timeline.Kind{timeline.Mail}},
	{"timeline", slices.DeleteFunc(slices.Clone(timeline.Kinds), func(k timeline.Kind) bool {
		return k == timeline.Consent || k == timeline.Form || k == timeline.Mail
	})},
}

var dealingSections = []struct {
	name string
	kind order.DealingKind
}{{"payments", order.Payment}, {"invoices", order.Invoice}, {"appointments", order.Appointment}}

// gather reads what is small and says how the rest is read.
func gather(ctx context.Context, b Sources, s site.Site, c *contact.Contact, a Access) (*data, error) {
	d := &data{head: headFile{Format: 1, Site: s.Name, MadeAt: a.CreatedAt, Language: languageOf(c, s), Contact: contactOf(c, s)}}
	groups, err := b.Groups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if g.ID == c.Group {
			d.head.Contact.GroupName = g.Name
		}
	}
	files, err := b.Files(ctx, c.IDs())
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		d.files = append(d.files, fileOf(f, s.ID))
	}
	for _, e := range entrySections {
		d.sections = append(d.sections, section{e.name, func(ctx context.Context, visit func(any) error) error {
			q := timeline.Query{Kinds: e.kinds, Limit: accessPage}
			return pages(func(after string) ([]timeline.Activity, string, error) {
				q.After = after
				return b.Timeline(ctx, c.ID, q)
			}, func(a timeline.Activity) error {
				if e.name != "consents" {
					return visit(activityOf(a))
				}
				for _, row := range contact.UnpackProofs(a) {
					if err := visit(activityOf(row)); err != nil {
						return err
					}
				}
				return nil
			})
		}})
	}
	d.sections = append(d.sections, section{"orders", func(ctx context.Context, visit func(any) error) error {
		return pages(func(after string) ([]order.Order, string, error) { return b.Orders(ctx, c.IDs(), accessPage, after) },
			func(o order.Order) error { return visit(orderOf(o)) })
	}})
	for _, k := range dealingSections {
		d.sections = append(d.sections, section{k.name, func(ctx context.Context, visit func(any) error) error {
			return pages(func(after string) ([]order.Dealing, string, error) {
				return b.Dealings(ctx, c.IDs(), k.kind, accessPage, after)
			}, func(o order.Dealing) error { return visit(dealingOf(o)) })
		}})
	}
	d.sections = append(d.sections,
		section{"devices", func(ctx context.Context, visit func(any) error) error {
			list, err := b.Devices(ctx, c.ID)
			return eachOf(list, err, func(p contact.PushDevice) error {
				return visit(deviceFile{p.ID, p.Platform, p.Name, p.RegisteredAt, p.SeenAt}) // never the token
			})
		}},
		section{"suppressions", func(ctx context.Context, visit func(any) error) error {
			var addresses []string
			for _, a := range append([]string{c.Email}, c.Emails...) {
				if a != "" {
					addresses = append(addresses, a)
				}
			}
			list, err := b.Suppressions(ctx, addresses)
			for i, known := range list {
				if err == nil && known.Reason != "" {
					err = visit(suppressionFile{addresses[i], known.Reason, known.At})
				}
			}
			return err
		}},
		section{"files", func(_ context.Context, visit func(any) error) error {
			return eachOf(d.files, nil, func(f fileFile) error { return visit(f) })
		}})
	return d, nil
}

func pages[T any](read func(after string) ([]T, string, error), visit func(T) error) error {
	for after := ""; ; {
		list, next, err := read(after)
		if err := eachOf(list, err, visit); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func eachOf[T any](list []T, err error, visit func(T) error) error {
	for i := range list {
		if err != nil {
			break
		}
		err = visit(list[i])
	}
	return err
}

// json writes data.json.
func (d *data) json(ctx context.Context, out io.Writer) error {
	w := bufio.NewWriterSize(out, 64<<10)
	head, err := json.Marshal(d.head)
	if err != nil {
		return err
	}
	_, _ = w.Write(head[:len(head)-1]) // the lists are further members; w keeps the first error for Flush
	for _, s := range d.sections {
		_, _ = w.WriteString(",\n\"" + s.name + "\":[")
		before := "\n"
		err := s.each(ctx, func(v any) error {
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			_, _ = w.WriteString(before)
			_, err = w.Write(b)
			before = ",\n"
			return err
		})
		if err != nil {
			return err
		}
		_, _ = w.WriteString("]")
	}
	_, _ = w.WriteString("}\n")
	return w.Flush()
}

// languageOf is the person's where the page knows it, else the site's.
func languageOf(c *contact.Contact, s site.Site) string {
	for _, l := range []string{c.Language, s.Language} {
		base, _, _ := strings.Cut(strings.ToLower(l), "-")
		if base == "nl" || base == "en" {
			return base
		}
	}
	return "en"
}

func contactOf(c *contact.Contact, s site.Site) contactFile {
	pol := s.Policy()
	f := contactFile{ID: c.ID, Version: c.Version, Email: c.Email, Emails: list(c.Emails), ExternalIDs: list(c.ExternalIDs),
		FirstName: c.FirstName, LastName: c.LastName, Company: c.Company, Phone: c.Phone, Mobile: c.Mobile, Phones: list(c.Phones),
		Website: c.Website, Language: c.Language, BirthDate: c.BirthDate, Gender: c.Gender, VATNumber: c.VATNumber, FiscalNumber: c.FiscalNumber,
		PreferredChannel: c.PreferredChannel, Note: c.Note, Address: addressFile(c.Address), BillingAddress: addressFile(c.BillingAddress),
		ShippingAddress: addressFile(c.ShippingAddress), Custom: map[string]customFile{}, Status: c.Status, StatusName: s.StatusText(c.Status),
		StatusManual: c.StatusManual, Firsts: map[string]time.Time{}, Tags: list(c.Tags), Group: c.Group, Avatar: c.Avatar,
		Consent: c.Consent, ConsentMark: markOf(c.ConsentMark), Channels: map[string]standingFile{}, Subscriptions: []subscriptionFile{}, AskedAt: c.AskedAt,
		OrdersCount: c.Figures.Orders, Revenue: []revenueFile{}, FirstOrderAt: c.Figures.FirstAt, LastOrderAt: c.Figures.LastAt,
		OpenRequests: list(c.Open), Origin: originOf(c.Origin), Offers: map[string]offerFile{}, Decided: c.Decided, Merged: list(c.Merged),
		AsOf: stampFile(c.AsOf), Stamps: map[string]stampFile{}, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
	for k, v := range c.Custom { // also of a field that the site has no longer
		label := k
		if def, ok := pol.Field(k); ok {
			label = def.Label
		}
		f.Custom[k] = customFile{label, v}
	}
	for e, at := range c.Firsts {
		f.Firsts[string(e)] = at
	}
	for ch, st := range c.Channels {
		f.Channels[string(ch)] = standingFile{st.State, markOf(st.Mark)}
	}
	for _, sub := range c.Subscriptions {
		def, _ := pol.List(sub.List)
		f.Subscriptions = append(f.Subscriptions, subscriptionFile{sub.List, def.Name, sub.Channel, standingFile{sub.State, markOf(sub.Mark)}})
	}
	sums := maps.Clone(c.Figures.Revenue)
	for cur, n := range c.Figures.Counts {
		f.Revenue = append(f.Revenue, revenueFile{n, moneyFile{sums[cur], cur}})
		delete(sums, cur)
	}
	for cur, sum := range sums {
		f.Revenue = append(f.Revenue, revenueFile{0, moneyFile{sum, cur}})
	}
	slices.SortFunc(f.Revenue, func(a, b revenueFile) int { return cmp.Compare(a.Total.Currency, b.Total.Currency) })
	if l := c.Lock; l != nil {
		f.Locked = &lockFile{At: l.At, By: l.By, All: l.Fields == nil, Fields: map[string]lockedFile{}}
		for u, by := range l.Fields {
			f.Locked.Fields[u] = lockedFile(by)
		}
	}
	for u, o := range c.Offers { // all of them, not those alone that say something new
		f.Offers[u] = offerFile{o.Source, stampFile(o.AsOf), o.Details.Texts()}
	}
	for name, st := range c.Stamps {
		f.Stamps[name] = stampFile(st)
	}
	if m := c.Import; m != nil {
		f.Import = &importFile{m.Job, m.Row, m.Created}
	}
	return f
}

// list is never null in JSON.
func list[T any](l []T) []T { return append([]T{}, l...) }

func markOf(m contact.Mark) markFile {
	return markFile{m.Since, m.Source, m.Asked, m.Given, m.Held, m.HeldSince}
}

func moneyOf(m order.Money) moneyFile { return moneyFile{m.Minor, m.Currency} }

func originOf(o contact.Origin) originFile {
	return originFile{Source: o.Source, By: o.By, At: o.At, Channel: o.Visit.Channel, Campaign: campaignFile(o.Visit.Campaign),
		Referrer: o.Visit.Referrer, Landing: o.Visit.Landing, Device: browserFile(o.Visit.Device)}
}

func activityOf(a timeline.Activity) activityFile {
	f := activityFile{ID: a.ID, At: a.At, Kind: a.Kind, Source: a.Source, By: a.By, Ref: a.Ref, Changed: a.Changed, Open: a.Open, Pinned: a.Pinned}
	for _, v := range a.Values {
		f.Values = append(f.Values, valueFile(v))
	}
	if e := a.Entry; e != nil {
		f.Entry = &entryFile{Title: e.Title, Text: e.Text, Version: e.Version, EditedAt: e.EditedAt, EditedBy: e.EditedBy, To: e.To,
			Mail: e.Mail, State: e.State, Reason: e.Reason}
		for _, d := range e.Documents {
			f.Entry.Documents = append(f.Entry.Documents, attachedFile(d))
		}
	}
	return f
}

func orderOf(o order.Order) orderFile {
	f := orderFile{Source: o.Source, ID: o.ExternalID, Number: o.Number, Status: o.Status, Deleted: o.Deleted(), DeletedAt: o.DeletedAt, Test: o.Test,
		Total: moneyOf(o.Total), Refunded: moneyOf(o.Refunded), PlacedAt: o.PlacedAt, PaidAt: o.PaidAt, UpdatedAt: o.UpdatedAt,
		Customer: customerFile(o.Customer), Billing: placeFile(o.Billing), Shipping: placeFile(o.Shipping), Items: []itemFile{}, MoreItems: o.MoreItems}
	for _, it := range o.Items {
		f.Items = append(f.Items, itemFile{it.ExternalID, it.SKU, it.Title, it.Quantity, moneyOf(it.UnitPrice)})
	}
	return f
}

func dealingOf(d order.Dealing) dealingFile {
	return dealingFile{d.Kind, d.Source, d.ExternalID, d.Number, d.Title, d.Status, moneyOf(d.Amount), d.Order, d.At, d.UpdatedAt, customerFile(d.Customer)}
}

func fileOf(f document.File, s crm.SiteID) fileFile {
	out := fileFile{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, SHA256: f.SHA256, Purpose: f.Purpose, State: f.State,
		Entry: f.Entry, By: f.By, At: f.At, Path: pathIn(f.ID, f.Name), key: f.Key(s)}
	switch {
	case f.State == document.Pending:
		out.key = f.Arrival(s)
	case f.Purpose == document.ForAvatar: // the largest of its pictures; the upload is gone
		out.key = document.AvatarKey(s, f.Contact, f.ID, slices.Max(document.AvatarSizes))
		_, kind, _ := strings.Cut(f.Type, "/")
		out.Path = pathIn(f.ID, "avatar."+kind)
	}
	return out
}
