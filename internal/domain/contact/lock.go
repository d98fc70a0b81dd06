package contact

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/crm"
)

// LockScope is how much a member's edit of the details locks.
type LockScope string

const (
	LockContact LockScope = "contact" // all details; the default
	LockField   LockScope = "field"   // what was edited
)

// Lock says that a member edited details by hand. Sources then no longer change
// them; their orders and forms still attach, and what they say is kept as an
// [Offer].
type Lock struct {
	At     time.Time
	By     string            // the member or API key of the last edit
	Fields map[string]Locked // by name of a unit; nil: all details are locked
}

// Locked is since when and by whom one field is locked.
type Locked struct {
	At time.Time
	By string
}

// Offer is the freshest that a source said about a locked field, also where it
// said what stands there.
type Offer struct {
	Source  string
	AsOf    Stamp
	Details Details // the offered field alone is filled
}

// Units are the names of what is locked, fresh and offered as one: a single field, or
// "name" and the addresses, whose parts only make sense together.
func Units() []string {
	out := make([]string, len(units))
	for i := range units {
		out[i] = units[i].name
	}
	return out
}

func unitOf(name string) *unit {
	i := slices.IndexFunc(units, func(u unit) bool { return u.name == name })
	if i < 0 {
		return nil
	}
	return &units[i]
}

// IsLocked reports whether sources leave the unit alone.
func (c *Contact) IsLocked(unit string) bool {
	if c.Lock == nil {
		return false
	}
	_, ok := c.Lock.Fields[unit]
	return ok || c.Lock.Fields == nil
}

// lock closes the edited units under the site's scope. A whole lock stays whole.
func (c *Contact) lock(edited []string, scope LockScope, by string, now time.Time) {
	if len(edited) == 0 {
		return
	}
	whole := scope != LockField || c.Lock != nil && c.Lock.Fields == nil
	next := &Lock{At: now, By: by}
	if !whole {
		next.Fields = map[string]Locked{}
		if c.Lock != nil {
			for k, v := range c.Lock.Fields {
				next.Fields[k] = v
			}
		}
		for _, u := range edited {
			next.Fields[u] = Locked{At: now, By: by}
		}
	}
	c.Lock = next
}

// Unlock lets sources change the named units again, all of them without names.
// With take, what sources offered meanwhile comes in first. It reports the units
// that were open or changed by it; crm.Invalid for a name there is not.
func (c *Contact) Unlock(names []string, take bool, now time.Time) (changed []string, err error) {
	if err := knownUnits(names); err != nil {
		return nil, err
	}
	if c.Lock == nil {
		return nil, nil
	}
	all := len(names) == 0
	if all {
		names = Units()
	}
	if take {
		changed = c.take(names, now)
	}
	open := map[string]Locked{}
	for _, u := range Units() {
		if !c.IsLocked(u) || slices.Contains(names, u) {
			continue
		}
		if open[u] = (Locked{c.Lock.At, c.Lock.By}); c.Lock.Fields != nil {
			open[u] = c.Lock.Fields[u]
		}
	}
	for _, n := range names {
		delete(c.Offers, n)
	}
	if c.Lock.Fields = open; len(open) == 0 {
		c.Lock = nil
	}
	return append(changed, "locked"), nil
}

// Take gives locked units the values that sources offered. They stay locked.
func (c *Contact) Take(names []string, by string, now time.Time) (changed []string, err error) {
	if err := knownUnits(names); err != nil {
		return nil, err
	}
	for i, n := range names {
		if _, ok := c.Offered()[n]; !ok {
			var f crm.Faults
			f.Add("/fields/"+strconv.Itoa(i), "no source has offered another value for %s", n)
			return nil, f.Err()
		}
	}
	changed = c.take(names, now)
	if c.Lock != nil && c.Lock.Fields != nil {
		for _, n := range changed {
			c.Lock.Fields[n] = Locked{At: now, By: by}
		}
	}
	return changed, nil
}

// take is a member's choice of a value that a source gave: it is as fresh as an
// edit, so that an older saying of another source does not undo it.
func (c *Contact) take(names []string, now time.Time) (changed []string) {
	for _, n := range names {
		o, ok := c.Offers[n]
		if !ok {
			continue
		}
		u := unitOf(n)
		if !u.equal(&c.Details, &o.Details) {
			u.copy(&c.Details, &o.Details)
			changed = append(changed, n)
		}
		c.setStamp(n, Stamp{At: now})
		delete(c.Offers, n)
	}
	return changed
}

// offer keeps what a source says about a locked unit: of several sayings the same one
// as Enrich would have let win, whatever their order.
func (c *Contact) offer(u *unit, f *Facts) Effect {
	said := u.strength(&f.Details)
	if said == 0 {
		return Effect{}
	}
	same := u.equal(&c.Details, &f.Details)
	if old, ok := c.Offers[u.name]; ok {
		has, newer := u.strength(&old.Details), f.AsOf.compare(old.AsOf)
		if has > said || has == said && newer < 0 {
			return Effect{}
		}
		if has == said && newer == 0 && u.text(&f.Details) <= u.text(&old.Details) {
			return Effect{}
		}
		same = u.equal(&old.Details, &f.Details)
	}
	o := Offer{Source: f.Source, AsOf: f.AsOf}
	u.copy(&o.Details, &f.Details)
	if c.Offers == nil {
		c.Offers = map[string]Offer{}
	}
	c.Offers[u.name] = o
	return Effect{Visible: !same, Dirty: true}
}

// Offered are the offers that differ from what the contact has, by name of the unit.
func (c *Contact) Offered() map[string]Offer {
	out := map[string]Offer{}
	for n, o := range c.Offers {
		if !unitOf(n).equal(&c.Details, &o.Details) {
			out[n] = o
		}
	}
	return out
}

func knownUnits(names []string) error {
	var f crm.Faults
	for i, n := range names {
		if unitOf(n) == nil {
			f.Add("/fields/"+strconv.Itoa(i), "%q cannot be locked; the fields are %s", Trim(n), strings.Join(Units(), ", "))
		}
	}
	return f.Err()
}
