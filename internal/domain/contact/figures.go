package contact

import (
	"maps"
	"slices"
	"time"

	"clientele/internal/domain/crm"
)

// Figures sum up the orders that count.
type Figures struct {
	Orders  int
	Counts  map[string]int   // of them by ISO 4217 code
	Revenue map[string]int64 // minor units by ISO 4217 code, refunds taken off; currencies are never summed
	FirstAt time.Time        // when the first and the last order was placed; zero without orders
	LastAt  time.Time
}

// Add counts an order, or takes it off again (n is -1): its revenue, and not when it
// was placed.
func (f *Figures) Add(n int, currency string, revenue int64) {
	if f.Counts == nil {
		f.Counts = map[string]int{}
	}
	if f.Revenue == nil {
		f.Revenue = map[string]int64{}
	}
	f.Orders += n
	if f.Counts[currency] += n; f.Counts[currency] == 0 {
		delete(f.Counts, currency)
	}
	if f.Revenue[currency] += int64(n) * revenue; f.Revenue[currency] == 0 {
		delete(f.Revenue, currency)
	}
}

// Placed takes the moment of an order that counts into first and last.
func (f *Figures) Placed(at time.Time) {
	if at.IsZero() {
		return
	}
	if f.FirstAt.IsZero() || at.Before(f.FirstAt) {
		f.FirstAt = at
	}
	if at.After(f.LastAt) {
		f.LastAt = at
	}
}

// Join adds the figures of another contact, whose orders are others.
func (f *Figures) Join(o Figures) {
	*f = f.clone()
	if f.Counts == nil {
		f.Counts = map[string]int{}
	}
	if f.Revenue == nil {
		f.Revenue = map[string]int64{}
	}
	f.Orders += o.Orders
	for cur, n := range o.Counts {
		f.Counts[cur] += n
	}
	for cur, n := range o.Revenue {
		if f.Revenue[cur] += n; f.Revenue[cur] == 0 {
			delete(f.Revenue, cur)
		}
	}
	f.Placed(o.FirstAt)
	f.Placed(o.LastAt)
}

// ByCurrency reports whether each order is counted by its currency. Figures that
// were kept before that are not, until the next order has all of them counted.
func (f *Figures) ByCurrency() bool {
	n := 0
	for _, of := range f.Counts {
		n += of
	}
	return n == f.Orders
}

// Currencies are those of the orders, in the order of the alphabet.
func (f *Figures) Currencies() []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(f.Counts)), maps.Keys(f.Revenue))
	slices.Sort(all)
	return slices.Compact(all)
}

// In is how many orders are of a currency.
func (f *Figures) In(currency string) int {
	if _, only := f.Revenue[currency]; only && len(f.Revenue) == 1 && !f.ByCurrency() {
		return f.Orders
	}
	return f.Counts[currency]
}

// Average is the revenue of an order of a currency in minor units, rounded half up.
func (f *Figures) Average(currency string) int64 {
	n := int64(f.In(currency))
	if n == 0 {
		return 0
	}
	return (2*f.Revenue[currency] + n) / (2 * n) // revenue is never below zero
}

func (f Figures) clone() Figures {
	f.Counts, f.Revenue = maps.Clone(f.Counts), maps.Clone(f.Revenue)
	return f
}

// MaxOpen is how many open requests a contact keeps; of more the oldest go.
const MaxOpen = 200

// Ask notes that a request of the contact waits for an answer.
func (c *Contact) Ask(activity string) {
	if slices.Contains(c.Open, activity) {
		return
	}
	c.Open = append(c.Open, activity)
	if extra := len(c.Open) - MaxOpen; extra > 0 {
		c.Open = slices.Delete(c.Open, 0, extra)
	}
}

// Done notes that a request was seen to. crm.NotFound if it is none that is open.
func (c *Contact) Done(activity string) error {
	i := slices.Index(c.Open, activity)
	if i < 0 {
		return crm.Errorf(crm.NotFound, "this is no open request of the contact")
	}
	c.Open = slices.Delete(c.Open, i, i+1)
	return nil
}

// Answered notes that the contact was written to, which answers all of its requests.
func (c *Contact) Answered() { c.Open = nil }
