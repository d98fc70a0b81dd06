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
// [Offer]. Every source obeys it, a file too.
type Lock struct {
	At     time.Time         // since when anything is locked
	By     string            // the member or API key whose edit locked it
	Fields map[string]Locked // by name of a unit, never empty; nil: all details are locked
}

// Locked is since when and by whom one field is locked.
type Locked struct {
	At time.Time
	By string
}

// Offer is the freshest that a source said about a locked field since, also where
// it said what stands there: at most one a field.
type Offer struct {
	Source  string
	AsOf    Stamp
	Details Details // the offered field alone is filled
}

// Units are the names of what every contact has locked, fresh and offered as one: a
// single field, or "name" and the addresses, whose parts only make sense together.
func Units() []string {
	out := make([]string, len(units))
	for i := range units {
		out[i] = units[i].name
	}
	return out
}

// Units are those of every contact, and the site's own fields.
func (p Policy) Units() []string {
	out := Units()
	for _, f := range p.Custom {
		out = append(out, f.Name())
	}
	return out
}

// unitOf is the unit of a name, nil if there is none; any key may be a site's field.
func unitOf(name string) *unit {
	if key, ok := strings.CutPrefix(name, CustomPrefix); ok {
		u := customUnit(key)
		return &u
	}
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

// lock closes the edited units under the site's scope. A whole lock stays whole, and
// what is locked stays locked by whom it was. Who chooses a group alone has said
// nothing of the person, whose orders go on to tell the rest.
func (c *Contact) lock(edited []string, scope LockScope, by string, now time.Time) {
	if len(edited) == 0 {
		return
	}
	if len(edited) == 1 && edited[0] == groupUnit {
		scope = LockField
	}
	if c.Lock == nil {
		c.Lock = &Lock{At: now, By: by, Fields: map[string]Locked{}}
	}
	if scope != LockField {
		c.Lock.Fields = nil
	}
	if c.Lock.Fields == nil {
		return
	}
	for _, u := range edited {
		if _, ok := c.Lock.Fields[u]; !ok {
			c.Lock.Fields[u] = Locked{At: now, By: by}
		}
	}
}

// decide notes that a member chose what stands in a unit: what any source knew by
// then no longer counts for it, however late it comes, locked or not.
func (c *Contact) decide(unit string, now time.Time) {
	if c.Decided == nil {
		c.Decided = map[string]time.Time{}
	}
	c.Decided[unit] = now
	delete(c.Offers, unit)
}

// Unlock lets sources change the named units again, all of them without names.
// With take, what sources offered meanwhile comes in first; without it, an offer
// is declined. It names what changed, "locked" among it; crm.Invalid for a name
// there is not.
func (c *Contact) Unlock(names []string, take bool, pol Policy, now time.Time) (changed []string, err error) {
	if err := pol.knownUnits(names); err != nil {
		return nil, err
	}
	if c.Lock == nil {
		return nil, nil
	}
	still := map[string]Locked{}
	opened := false
	for _, u := range pol.Units() {
		switch {
		case !c.IsLocked(u):
		case len(names) == 0 || slices.Contains(names, u):
			opened = true
			if take && c.take(u, now) {
				changed = append(changed, u)
			} else if _, offered := c.Offers[u]; offered {
				c.decide(u, now)
			}
		case c.Lock.Fields == nil:
			still[u] = Locked{At: c.Lock.At, By: c.Lock.By}
		default:
			still[u] = c.Lock.Fields[u]
		}
	}
	if !opened {
		return nil, nil
	}
	if c.Lock.Fields = still; len(still) == 0 {
		c.Lock = nil
	}
	return append(changed, "locked"), nil
}

// Take gives locked units the values that sources offered. They stay locked.
// crm.Invalid, naming all of them, for units without an offer.
func (c *Contact) Take(names []string, pol Policy, now time.Time) (changed []string, err error) {
	if err := pol.knownUnits(names); err != nil {
		return nil, err
	}
	var f crm.Faults
	offered := c.Offered()
	for i, n := range names {
		if _, ok := offered[n]; !ok {
			f.Add("/fields/"+strconv.Itoa(i), "no source has offered another value for %s", n)
		}
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	for _, n := range names {
		if c.take(n, now) {
			changed = append(changed, n)
		}
	}
	return changed, nil
}

// take is a member's choice of what a source offered for a unit. It reports whether
// that changed it.
func (c *Contact) take(unit string, now time.Time) bool {
	o, ok := c.Offers[unit]
	if !ok {
		return false
	}
	u := unitOf(unit)
	changed := u.differs(&c.Details, o)
	if u.joins {
		o.Details.Phones = joinPhones(c.Phones, o.Details.Phones)
	}
	u.copy(&c.Details, &o.Details)
	c.setStamp(unit, Stamp{At: now})
	c.decide(unit, now)
	return changed
}

// LeaveGroup frees a member of a group that is deleted, and forgets that somebody chose
// it: nothing is left to hold against what a file says. It reports whether they were one.
func (c *Contact) LeaveGroup(id string) bool {
	if c.Group != id {
		return false
	}
	c.Group = ""
	delete(c.Decided, groupUnit)
	if c.Lock != nil && c.Lock.Fields != nil {
		if delete(c.Lock.Fields, groupUnit); len(c.Lock.Fields) == 0 {
			c.Lock = nil
		}
	}
	if c.Offers[groupUnit].Details.Group == id {
		delete(c.Offers, groupUnit)
	}
	return true
}

// OfferedGroup is the group that a file offered, "" if none did. One that the site does
// not have any more ForgetGroup drops.
func (c *Contact) OfferedGroup() string { return c.Offers[groupUnit].Details.Group }

// ForgetGroup drops the offer of a group.
func (c *Contact) ForgetGroup() { delete(c.Offers, groupUnit) }

// offer keeps what a source says about a locked unit: of several sayings the same one
// that Enrich would have let win, whatever their order.
func (c *Contact) offer(u *unit, f *Facts) Effect {
	said := u.strength(&f.Details)
	if said == 0 {
		return Effect{}
	}
	same := !u.differs(&c.Details, Offer{Details: f.Details})
	if old, ok := c.Offers[u.name]; ok {
		has, newer := u.strength(&old.Details), f.AsOf.compare(old.AsOf)
		if has > said || has == said && newer < 0 {
			return Effect{}
		}
		if has == said && newer == 0 {
			c := strings.Compare(u.text(&f.Details), u.text(&old.Details))
			if c < 0 || c == 0 && f.Source <= old.Source {
				return Effect{}
			}
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
		if unitOf(n).differs(&c.Details, o) {
			out[n] = o
		}
	}
	return out
}

// differs reports whether taking an offer would change the details.
func (u *unit) differs(d *Details, o Offer) bool {
	if u.joins {
		return !slices.Equal(d.Phones, joinPhones(d.Phones, o.Details.Phones))
	}
	return !u.equal(d, &o.Details)
}

func (p Policy) knownUnits(names []string) error {
	var f crm.Faults
	all := p.Units()
	for i, n := range names {
		if !slices.Contains(all, n) {
			f.Add("/fields/"+strconv.Itoa(i), "%q cannot be locked; the fields are %s", Trim(n), strings.Join(all, ", "))
		}
	}
	return f.Err()
}
