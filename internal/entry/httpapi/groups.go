package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/order"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

// percentage is a JSON number, digit for digit.
type percentage struct{ json.Number }

func (percentage) Schema(huma.Registry) *huma.Schema {
	low, high := -100.0, 1000.0
	return &huma.Schema{Type: huma.TypeNumber, Minimum: &low, Maximum: &high, Examples: []any{-12.5}}
}

func (p *percentage) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &p.Number) }

func (p percentage) MarshalJSON() ([]byte, error) { return []byte(p.Number), nil }

func percentageOf(p group.Percentage) percentage { return percentage{json.Number(p.String())} }

type groupPriceJSON struct {
	Product  string `json:"product" doc:"Its SKU, or its id in the shop" example:"BREAD-800"`
	Amount   int64  `json:"amount" doc:"What one costs, in minor units" example:"349"`
	Currency string `json:"currency" doc:"ISO 4217; a product may have a price in each" example:"EUR"`
}

type groupJSON struct {
	ID          string           `json:"id" example:"gr_01k2abcdefghjkmnpqrstvwxyz"`
	Version     int64            `json:"version" doc:"Rises with each change; also the ETag" example:"2"`
	Name        string           `json:"name" example:"Horeca"`
	Description string           `json:"description" example:"Restaurants around the corner"`
	Percentage  percentage       `json:"percentage" doc:"Below zero a discount, above a surcharge; two decimals"`
	Prices      []groupPriceJSON `json:"prices" nullable:"false" doc:"Fixed prices of single products, which go before the percentage"`
	Members     *int             `json:"members,omitempty" doc:"Contacts in the group; of a large book counted at most a minute ago, of one of more than 100,000 contacts at least so many" example:"12"`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
}

func groupOf(g group.Group, members *int) groupJSON {
	out := groupJSON{ID: g.ID, Version: g.Version, Name: g.Name, Description: g.Description, Percentage: percentageOf(g.Percentage),
		Prices: []groupPriceJSON{}, Members: members, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt}
	for _, p := range g.Prices {
		out.Prices = append(out.Prices, groupPriceJSON{p.Product, p.Amount.Minor, p.Amount.Currency})
	}
	return out
}

type groupChange struct {
	Name        optional[string]           `json:"name,omitempty" doc:"1 to 100 characters" example:"Horeca"`
	Description optional[string]           `json:"description,omitempty" doc:"At most 1,000 characters" example:"Restaurants around the corner"`
	Percentage  optional[percentage]       `json:"percentage,omitempty" doc:"Below zero a discount, above a surcharge; at most two decimals"`
	Prices      optional[[]groupPriceJSON] `json:"prices,omitempty" doc:"Replaces all fixed prices; at most 1,000"`
}

// apply changes a group as a merge patch does.
func (b groupChange) apply(g *group.Group) error {
	var faults crm.Faults
	if b.Name.set {
		g.Name = b.Name.value
	}
	if b.Description.set {
		g.Description = b.Description.value
	}
	if b.Percentage.set {
		g.Percentage = 0
		if n := b.Percentage.value.Number; n != "" {
			p, err := group.ParsePercentage(string(n))
			if err != nil {
				faults.Add("/percentage", "%s", err)
			}
			g.Percentage = p
		}
	}
	if b.Prices.set {
		g.Prices = nil
		for _, p := range b.Prices.value {
			g.Prices = append(g.Prices, group.Price{Product: p.Product, Amount: order.Money{Minor: p.Amount, Currency: p.Currency}})
		}
	}
	g.Check(&faults)
	return faults.Err()
}

type groupAnswer struct {
	ETag     string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or delete"`
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if an earlier request with this key made it"`
	Body     groupJSON
}

// GroupByID is exported as huma reads embedded parameters of exported types alone.
type GroupByID struct {
	ID string `path:"id" maxLength:"64" doc:"The group's id" example:"gr_01k2abcdefghjkmnpqrstvwxyz"`
}

func addGroups(api huma.API, h contactsAPI) {
	tags := []string{"Groups"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-groups", Method: http.MethodGet, Path: "/v1/groups", Tags: tags, Summary: "The customer groups and how many members each has",
	}, h.listGroups)
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-group", Method: http.MethodPost, Path: "/v1/groups", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary: "Make a customer group", Description: "Needs a plan that has customer groups. Names are unique without case: 409 names the group that has it.",
		Errors: createErrors,
	}, h.createGroup)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-group", Method: http.MethodGet, Path: "/v1/groups/{id}", Tags: tags, Summary: "Get a customer group", Errors: []int{http.StatusNotFound},
	}, h.getGroup)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-group", Method: http.MethodPatch, Path: "/v1/groups/{id}", Tags: tags, MaxBodyBytes: -1, Summary: "Change a customer group",
		Description: "A JSON merge patch. Needs `If-Match` with the group's ETag. Prices change at once for all members.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusRequestEntityTooLarge},
	}, h.changeGroup)
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-group", Method: http.MethodDelete, Path: "/v1/groups/{id}", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Delete a customer group", Description: "Its members are only freed, in the background: the answer is the job that does it. " +
			"From now on they pay list prices. Needs `If-Match` with the group's ETag. Where the job could not be started the same request, repeated " +
			"within a day, starts it.",
		Errors: changeErrors,
	}, h.deleteGroup)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-group-members", Method: http.MethodGet, Path: "/v1/groups/{id}/contacts", Tags: tags, Summary: "The members of a group, in no order",
		Description: "A page may have fewer rows than asked for, or none; the last has no next_cursor.",
		Errors:      []int{http.StatusNotFound},
	}, h.listMembers)
	operation(api, site.Prices, huma.Operation{
		OperationID: "price-basket", Method: http.MethodPost, Path: "/v1/price", Tags: tags, MaxBodyBytes: -1, Summary: "What a contact pays for a basket",
		Description: "For shops: the prices of the contact's group. Who buys is named in the body, never in the address, by one of three: the contact's id, the shop's own id " +
			"of the customer's account (`external_id`, as `shopify:6763`), or the e-mail address that the account has. A fixed price of the product goes before the percentage; a price is rounded by the unit, " +
			"halves up. Who is unknown or in no group pays list prices, so the answer does not tell who is a customer.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, h.price)
}

type groupsAnswer struct {
	Body struct {
		Groups     []groupJSON `json:"groups" nullable:"false"`
		CountedAll bool        `json:"counted_all" doc:"false in a book of more than 100,000 contacts: the first 100,000 that were read are counted, so there are at least so many members" example:"true"`
		CountedAt  time.Time   `json:"counted_at" doc:"When the members were counted"`
	}
}

func (h contactsAPI) listGroups(ctx context.Context, c caller, _ *struct{}) (*groupsAnswer, error) {
	b := h.open(c.site)
	groups, err := b.Groups(ctx)
	if err != nil {
		return nil, err
	}
	n, err := h.used.count(ctx, c.site, b, h.clock)
	if err != nil {
		return nil, err
	}
	out := &groupsAnswer{}
	out.Body.Groups, out.Body.CountedAt, out.Body.CountedAll = make([]groupJSON, len(groups)), n.at, n.all
	for i, g := range groups {
		members := n.groups[g.ID]
		out.Body.Groups[i] = groupOf(g, &members)
	}
	return out, nil
}

type createGroupInput struct {
	Making
	Body groupChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *createGroupInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		return in.Body.apply(&group.Group{})
	})
}

func (h contactsAPI) createGroup(ctx context.Context, c caller, in *createGroupInput) (*groupAnswer, error) {
	if err := c.site.Plan.Needs(plan.Groups); err != nil {
		return nil, err
	}
	now := h.clock.Now()
	id, err := newJobID("gr_", now)
	if err != nil {
		return nil, err
	}
	g := group.Group{ID: id, CreatedAt: now, UpdatedAt: now}
	if err := in.Body.apply(&g); err != nil {
		return nil, err
	}
	b, o := h.open(c.site), in.once(c, now, "create-group")
	g, replayed, err := once(ctx, b.MadeBy, o, func() (group.Group, error) {
		return b.PutGroup(ctx, g, o, h.setting(ctx, c, g.ID, "group"))
	}, func(id string) (group.Group, error) { return b.GroupByID(ctx, id) })
	if err != nil {
		return nil, err
	}
	return &groupAnswer{etag(g.Version), "/v1/groups/" + g.ID, replayedHeader(replayed), groupOf(g, nil)}, nil
}

func (h contactsAPI) getGroup(ctx context.Context, c caller, in *GroupByID) (*groupAnswer, error) {
	b := h.open(c.site)
	g, err := b.GroupByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := h.used.count(ctx, c.site, b, h.clock)
	if err != nil {
		return nil, err
	}
	members := n.groups[g.ID]
	return &groupAnswer{ETag: etag(g.Version), Body: groupOf(g, &members)}, nil
}

type changeGroupInput struct {
	GroupByID
	Versioned
	Body groupChange
}

// Resolve has the rules looked at where something else is at fault already.
func (in *changeGroupInput) Resolve(ctx huma.Context) []error {
	return checkLater(ctx, func(c caller) error {
		return in.Body.apply(&group.Group{Name: "x"})
	})
}

func (h contactsAPI) changeGroup(ctx context.Context, c caller, in *changeGroupInput) (*groupAnswer, error) {
	if err := needsVersion(in.IfMatch, "group"); err != nil {
		return nil, err
	}
	if err := c.site.Plan.Needs(plan.Groups); err != nil {
		return nil, err
	}
	b := h.open(c.site)
	g, err := b.GroupByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := atVersion(in.IfMatch, g.Version, "group"); err != nil {
		return nil, err
	}
	before := g
	if err := in.Body.apply(&g); err != nil {
		return nil, err
	}
	if g.Name == before.Name && g.Description == before.Description && g.Percentage == before.Percentage && slices.Equal(g.Prices, before.Prices) {
		return &groupAnswer{ETag: etag(g.Version), Body: groupOf(g, nil)}, nil
	}
	g.UpdatedAt = h.clock.Now()
	if g, err = b.PutGroup(ctx, g, nil, h.setting(ctx, c, g.ID, "group")); err != nil {
		return nil, err
	}
	return &groupAnswer{ETag: etag(g.Version), Body: groupOf(g, nil)}, nil
}

type deleteGroupInput struct {
	GroupByID
	Versioned
}

func (h contactsAPI) deleteGroup(ctx context.Context, c caller, in *deleteGroupInput) (*bulkAnswer, error) {
	b, now := h.open(c.site), h.clock.Now()
	free := bulk.Request{Action: bulk.ClearGroupEverywhere, Args: bulk.Args{From: in.ID}, Selection: bulk.Selection{Filter: "group = " + in.ID}}
	g, err := b.GroupByID(ctx, in.ID)
	if crm.CodeOf(err) == crm.NotFound {
		if j, ok, lerr := h.leftover(ctx, c, "group "+in.ID, "", func() (bulk.Request, error) { return free, nil }); ok || lerr != nil {
			return started(j), lerr
		}
	}
	if err != nil {
		return nil, err
	}
	if err := atVersion(in.IfMatch, g.Version, "group"); err != nil {
		return nil, err
	}
	job, err := newJobID("bk_", now)
	if err != nil {
		return nil, err
	}
	if err := b.RemoveGroup(ctx, g, job, now, h.setting(ctx, c, g.ID, "group")); err != nil {
		return nil, err
	}
	j, err := h.startInternal(ctx, c, job, free)
	if err != nil {
		return nil, err
	}
	return started(j), nil
}

// hasGroup refuses the id of a group that there is not; empty is none.
func (h contactsAPI) hasGroup(ctx context.Context, c caller, id, pointer string) error {
	if id == "" {
		return nil
	}
	var faults crm.Faults
	if len(id) > 64 {
		faults.Add(pointer, "this is not the id of a group")
		return faults.Err()
	}
	_, err := h.open(c.site).GroupByID(ctx, id)
	if crm.CodeOf(err) == crm.NotFound {
		faults.Add(pointer, "there is no such group on this site; see /v1/groups")
		return faults.Err()
	}
	return err
}

type membersInput struct {
	GroupByID
	Paging
}

// mostRead is how many rows are looked at for one page of members.
const mostRead = 20_000

func (h contactsAPI) listMembers(ctx context.Context, c caller, in *membersInput) (*listAnswer, error) {
	list := "members " + in.ID
	after, err := c.site.OpenCursor(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	b := h.open(c.site)
	if _, err := b.GroupByID(ctx, in.ID); err != nil {
		return nil, err
	}
	first, id, _ := strings.Cut(after, " ")
	shard, _ := strconv.Atoi(first) // our own cursor, or empty
	past, rows, read := crm.ContactID(id), []contact.Row{}, 0
	for shard < c.site.Shards && len(rows) < in.limit() && read < mostRead {
		page, last, end, err := b.RowsAfter(ctx, shard, past, 1000)
		if err != nil {
			return nil, err
		}
		past, read = last, read+1000
		for _, r := range page {
			if r.Group != in.ID {
				continue
			}
			if rows = append(rows, r); len(rows) == in.limit() {
				past, end = r.ID, false
				break
			}
		}
		if end {
			shard, past = shard+1, ""
		}
	}
	next := ""
	if shard < c.site.Shards {
		next = strconv.Itoa(shard) + " " + string(past)
	}
	out := &listAnswer{}
	out.Body.Contacts = rowsJSON(rows, c.site.Policy())
	out.Body.NextCursor = c.site.SealCursor(list, next)
	return out, nil
}

type priceInput struct {
	Body struct {
		ContactID  string     `json:"contact_id,omitempty" maxLength:"64" doc:"Who buys: give one of contact_id, external_id and email, or none for list prices" example:"ct_0123456789abcdefghjkmnpqrs"`
		ExternalID string     `json:"external_id,omitempty" maxLength:"300" doc:"source:id" example:"shopify:6763"`
		Email      string     `json:"email,omitempty" maxLength:"400"`
		Items      []priceAsk `json:"items"`
	}
}

type priceAsk struct {
	ProductID string    `json:"product_id,omitempty" maxLength:"100" example:"632910392"`
	SKU       string    `json:"sku,omitempty" maxLength:"100" example:"BREAD-800"`
	UnitPrice moneyJSON `json:"unit_price" doc:"The list price of one"`
	Quantity  int       `json:"quantity" example:"2"`
}

type priceLine struct {
	ProductID string     `json:"product_id,omitempty" example:"632910392"`
	SKU       string     `json:"sku,omitempty" example:"BREAD-800"`
	Quantity  int        `json:"quantity" example:"2"`
	ListPrice moneyJSON  `json:"list_price" doc:"Of one"`
	UnitPrice moneyJSON  `json:"unit_price" doc:"What one costs this contact"`
	Total     moneyJSON  `json:"total" doc:"unit_price times quantity"`
	Rule      group.Rule `json:"rule" doc:"fixed, percentage or list" example:"percentage"`
}

type priceAnswer struct {
	Body struct {
		Lines     []priceLine `json:"lines" nullable:"false" doc:"As the items were given"`
		ListTotal moneyJSON   `json:"list_total"`
		Total     moneyJSON   `json:"total" doc:"The sum of the lines"`
	}
}

func (h contactsAPI) price(ctx context.Context, c caller, in *priceInput) (*priceAnswer, error) {
	items := make([]group.Item, len(in.Body.Items))
	for i, it := range in.Body.Items {
		items[i] = group.Item{ProductID: it.ProductID, SKU: it.SKU, Price: order.Money{Minor: it.UnitPrice.Amount, Currency: it.UnitPrice.Currency}, Quantity: it.Quantity}
	}
	var faults crm.Faults
	group.CheckItems(items, &faults)
	who := 0
	for _, v := range []string{in.Body.ContactID, in.Body.ExternalID, in.Body.Email} {
		if v != "" {
			who++
		}
	}
	if who > 1 {
		faults.Add("/contact_id", "give one of contact_id, external_id and email")
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	g, err := h.groupOf(ctx, c, in)
	if err != nil {
		return nil, err
	}
	b, err := g.Price(items)
	if err != nil {
		return nil, err
	}
	out := &priceAnswer{}
	out.Body.Lines = make([]priceLine, len(b.Lines))
	for i, l := range b.Lines {
		out.Body.Lines[i] = priceLine{l.ProductID, l.SKU, l.Quantity, money(l.Price), money(l.Unit), money(l.Total), l.Rule}
	}
	out.Body.ListTotal, out.Body.Total = money(b.List), money(b.Total)
	return out, nil
}

// groupOf is the group of whoever buys, nil for list prices: also for somebody
// unknown, and on a plan that has no groups (any more), as a checkout must go on.
func (h contactsAPI) groupOf(ctx context.Context, c caller, in *priceInput) (*group.Group, error) {
	if !c.site.Plan.Has(plan.Groups) {
		return nil, nil
	}
	b := h.open(c.site)
	var k contact.Contact
	var err error
	switch {
	case in.Body.ContactID != "":
		k, err = b.Get(ctx, crm.ContactID(in.Body.ContactID))
	case in.Body.ExternalID != "":
		k, err = b.Find(ctx, crm.Identity{Kind: crm.ByExternal, Value: in.Body.ExternalID})
	case in.Body.Email != "":
		address, bad := crm.ParseEmail(in.Body.Email)
		if bad != nil { // nobody's
			return nil, nil
		}
		k, err = b.Find(ctx, crm.EmailIdentity(address))
	}
	if err == nil && k.Group != "" {
		var g group.Group
		if g, err = b.GroupByID(ctx, k.Group); err == nil {
			return &g, nil
		}
	}
	if crm.CodeOf(err) == crm.NotFound {
		return nil, nil
	}
	return nil, err
}
