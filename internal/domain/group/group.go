// Package group is customer groups: a contact is in at most one, and a shop asks
// what the members of a group pay.
//
// A group changes list prices by a percentage, and has fixed prices of single
// products, which go before it. Amounts are integers in minor units, percentages
// integers in hundredths of a per cent, so nothing is ever a fraction. A price is
// rounded once, by the unit, halves up: what a customer sees as the price of one
// times the quantity is the line, and the lines add up to the total.
package group

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/order"
)

// Group is a customer group.
type Group struct {
	ID          string // "gr_…"
	Name        string
	Description string
	Percentage  Percentage // below zero a discount, above a surcharge
	Prices      []Price    // of single products
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// Price is what one of a product costs members. A product may have one in each currency.
type Price struct {
	Product string // its SKU or its id in the shop
	Amount  order.Money
}

// Percentage is in hundredths of a per cent: -1250 is -12.50 %.
type Percentage int

// ParsePercentage reads a decimal number with at most two decimals, exactly.
func ParsePercentage(s string) (Percentage, error) {
	wrong := fmt.Errorf("a percentage is a number with at most two decimals, from -100 to 1000, for example -12.5")
	digits, negative := strings.CutPrefix(s, "-")
	whole, part, _ := strings.Cut(digits, ".")
	part = strings.TrimRight(part, "0")
	if len(whole) == 0 || len(whole) > 4 || len(part) > 2 || strings.Trim(whole+part, "0123456789") != "" {
		return 0, wrong
	}
	n, err := strconv.Atoi(whole + (part + "00")[:2])
	if negative {
		n = -n
	}
	if err != nil || n < -100_00 || n > 1000_00 {
		return 0, wrong
	}
	return Percentage(n), nil
}

// String is the shortest decimal that ParsePercentage reads back.
func (p Percentage) String() string {
	sign, n := "", int(p)
	if n < 0 {
		sign, n = "-", -n
	}
	s := fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Limits of a group.
const (
	MaxName        = 100
	MaxDescription = 1000
	MaxPrices      = 1000
	MaxProduct     = 100
	MaxGroups      = 200 // a site
)

// Check notes everything that is wrong with a group.
func (g *Group) Check(faults *crm.Faults) {
	g.Name = strings.Join(strings.Fields(g.Name), " ")
	if n := utf8.RuneCountInString(g.Name); n == 0 || n > MaxName {
		faults.Add("/name", "a group has a name of 1 to %d characters", MaxName)
	}
	if utf8.RuneCountInString(g.Description) > MaxDescription {
		faults.Add("/description", "a description has at most %d characters", MaxDescription)
	}
	if len(g.Prices) > MaxPrices {
		faults.Add("/prices", "a group has at most %d fixed prices", MaxPrices)
	}
	type key struct{ product, currency string }
	seen := map[key]bool{}
	for i, p := range g.Prices {
		at := "/prices/" + strconv.Itoa(i)
		if n := utf8.RuneCountInString(p.Product); n == 0 || n > MaxProduct {
			faults.Add(at+"/product", "give the SKU or the id of the product, at most %d characters", MaxProduct)
		}
		checkMoney(p.Amount, at, faults)
		if k := (key{p.Product, p.Amount.Currency}); seen[k] {
			faults.Add(at, "this product has a price in %s already", p.Amount.Currency)
		} else {
			seen[k] = true
		}
	}
}

// maxUnit keeps a line of maxQuantity within what a client reads exactly.
const (
	maxUnit     = order.MaxMinor / maxQuantity
	maxQuantity = 100_000
	maxItems    = 500
)

func checkMoney(m order.Money, at string, faults *crm.Faults) {
	if _, ok := order.Exponent(m.Currency); !ok {
		faults.Add(at+"/currency", "this is not a currency code of ISO 4217, such as EUR")
	}
	if m.Minor < 0 || m.Minor > maxUnit {
		faults.Add(at+"/amount", "a price is from 0 to %d minor units", int64(maxUnit))
	}
}

// Store keeps the groups of a site. What changes one commits the rows of the audit
// log that it is given along with it.
type Store interface {
	Groups(ctx context.Context) ([]Group, error)
	// GroupByID reads one, strongly consistent; crm.NotFound.
	GroupByID(ctx context.Context, id string) (Group, error)
	// PutGroup stores a new group (version 0), with the record of the request that makes
	// it, or the next version of one that is at its version; crm.Stale if somebody else was
	// faster, crm.NotFound if it is gone, crm.Conflict if Among refuses it or the request
	// was here before.
	PutGroup(ctx context.Context, g Group, once *contact.Once, log ...audit.Entry) (Group, error)
	// RemoveGroup removes a group that is at its version, else crm.Stale. Its members are
	// freed by the bulk action of the id job, which is remembered for a day (Left).
	RemoveGroup(ctx context.Context, g Group, job string, now time.Time, log ...audit.Entry) error
}

// Among refuses a group that cannot stand beside the others of its site.
func (g *Group) Among(all []Group) error {
	others := 0
	for _, o := range all {
		if o.ID == g.ID {
			continue
		}
		if others++; crm.SameFolded(o.Name, g.Name) {
			return crm.Errorf(crm.Conflict, "the group %s (%s) of this site has this name; names are compared without case. Change that one, or take another name", o.ID, o.Name)
		}
	}
	if g.Version == 0 && others >= MaxGroups {
		return crm.Errorf(crm.Conflict, "a site has at most %d groups; delete one first", MaxGroups)
	}
	return nil
}

// Item is a line of a basket at its list price.
type Item struct {
	ProductID string
	SKU       string
	Price     order.Money // of one
	Quantity  int
}

// Rule is which price a line got.
type Rule string

const (
	ByList       Rule = "list"
	ByPercentage Rule = "percentage"
	ByFixed      Rule = "fixed"
)

// Line is an item at the price of a group.
type Line struct {
	Item
	Unit  order.Money
	Total order.Money
	Rule  Rule
}

// Basket is priced lines and their sums, all in one currency.
type Basket struct {
	Lines []Line
	List  order.Money // what it costs without a group
	Total order.Money
}

// CheckItems notes everything that is wrong with a basket.
func CheckItems(items []Item, faults *crm.Faults) {
	if len(items) == 0 || len(items) > maxItems {
		faults.Add("/items", "a basket has 1 to %d items", maxItems)
	}
	worth := int64(0)
	for i, it := range items {
		at := "/items/" + strconv.Itoa(i)
		if it.Quantity > 0 && it.Quantity <= maxQuantity && it.Price.Minor <= maxUnit {
			worth = min(worth+it.Price.Minor*int64(it.Quantity), order.MaxMinor+1)
		}
		if it.ProductID == "" && it.SKU == "" {
			faults.Add(at+"/sku", "give the SKU or the product_id")
		}
		if it.Quantity < 1 || it.Quantity > maxQuantity {
			faults.Add(at+"/quantity", "a quantity is from 1 to %d", maxQuantity)
		}
		checkMoney(it.Price, at+"/unit_price", faults)
		if it.Price.Currency != items[0].Price.Currency {
			faults.Add(at+"/unit_price/currency", "a basket has one currency; this one begins in %q", items[0].Price.Currency)
		}
	}
	if worth > order.MaxMinor {
		faults.Add("/items", tooMuch)
	}
}

const tooMuch = "this is worth more than can be reckoned exactly"

// Price gives a checked basket the prices of a group; nil leaves it at list prices.
func (g *Group) Price(items []Item) (Basket, error) {
	b := Basket{Lines: make([]Line, len(items))}
	for i, it := range items {
		l := Line{Item: it, Unit: it.Price, Rule: ByList}
		if g != nil {
			l.Unit, l.Rule = g.unit(it)
		}
		l.Total = order.Money{Minor: l.Unit.Minor * int64(it.Quantity), Currency: l.Unit.Currency}
		b.List.Minor += it.Price.Minor * int64(it.Quantity)
		b.Total.Minor += l.Total.Minor
		b.Lines[i] = l
	}
	if len(items) > 0 {
		b.List.Currency, b.Total.Currency = items[0].Price.Currency, items[0].Price.Currency
	}
	var faults crm.Faults
	if b.Total.Minor > order.MaxMinor {
		faults.Add("/items", tooMuch)
	}
	return b, faults.Err()
}

// unit is what one costs: the fixed price of its SKU, else of its product, in
// the currency of the basket; else the list price with the percentage.
func (g *Group) unit(it Item) (order.Money, Rule) {
	for _, product := range []string{it.SKU, it.ProductID} {
		for _, p := range g.Prices {
			if product != "" && p.Product == product && p.Amount.Currency == it.Price.Currency {
				return p.Amount, ByFixed
			}
		}
	}
	if g.Percentage == 0 {
		return it.Price, ByList
	}
	// Halves up; no amount is below zero. Within int64: maxUnit × 110,000 < 2⁶³.
	n := (it.Price.Minor*int64(100_00+g.Percentage) + 50_00) / 100_00
	return order.Money{Minor: n, Currency: it.Price.Currency}, ByPercentage
}
