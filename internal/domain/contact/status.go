package contact

import (
	"slices"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/timeline"
)

// Status is lead, customer, vip, inactive or the id of one that the site made.
type Status string

// The statuses that every site has.
const (
	Lead     Status = "lead"
	Customer Status = "customer"
	VIP      Status = "vip"
	Inactive Status = "inactive"
)

// Statuses lists the built-in ones in their order.
var Statuses = []Status{Lead, Customer, VIP, Inactive}

// StatusDef is how a site shows a status. The built-in ones may be named and
// coloured anew, and never go.
type StatusDef struct {
	ID     Status
	Name   string // as the owner calls it; empty for a built-in one under its own name
	Colour string // "#rrggbb", or empty
	Into   Status // it is being deleted: its contacts move there, and nobody gets it any more
}

// BuiltIn reports whether every site has the status.
func (s Status) BuiltIn() bool { return slices.Contains(Statuses, s) }

// In is the name of a built-in status in a site's language, "" for an own one.
func (s Status) In(lang string) string {
	en := map[Status]string{Lead: "Lead", Customer: "Customer", VIP: "VIP", Inactive: "Inactive"}
	nl := map[Status]string{Lead: "Lead", Customer: "Klant", VIP: "VIP", Inactive: "Inactief"}
	if lang == "nl" {
		return nl[s]
	}
	return en[s]
}

// statusWords are what files call the built-in statuses.
var statusWords = map[string]Status{
	"lead": Lead, "prospect": Lead,
	"customer": Customer, "klant": Customer, "kunde": Customer, "client": Customer,
	"vip":      VIP,
	"inactive": Inactive, "inactief": Inactive, "inaktiv": Inactive, "inactif": Inactive,
}

// StatusNamed reads a status as people write it, in any case: its id, the name that
// the site gave it, or a word for a built-in one, in that order.
func (p Policy) StatusNamed(text string) (Status, bool) {
	word := crm.Fold(Trim(text))
	for _, d := range p.Statuses {
		if word == string(d.ID) {
			return d.ID, true
		}
	}
	for _, d := range p.Statuses {
		if d.Name != "" && word == crm.Fold(d.Name) {
			return d.ID, true
		}
	}
	s, ok := statusWords[word]
	return s, ok
}

// StatusOf is StatusNamed for what gives a status: one that is being deleted stands
// for where its contacts go.
func (p Policy) StatusOf(text string) (Status, bool) {
	s, ok := p.StatusNamed(text)
	for _, d := range p.Statuses {
		if d.ID == s && d.Into != "" {
			return d.Into, ok
		}
	}
	return s, ok
}

// Event is a first time that may make a lead a customer.
type Event string

const (
	FirstOrder       Event = "order"
	FirstPayment     Event = "payment"
	FirstInvoice     Event = "invoice"
	FirstAppointment Event = "appointment" // attended
)

// Events lists them.
var Events = []Event{FirstOrder, FirstPayment, FirstInvoice, FirstAppointment}

// Automation is which events promote a lead. The zero value: all of them.
type Automation struct {
	Off      bool    // the master switch
	Disabled []Event // rules that are switched off
}

// Promotes reports whether the event makes a lead a customer under the site's
// switches and its plan.
func (p Policy) Promotes(e Event) bool {
	return p.Plan.Has(plan.Customers) && !p.Automation.Off && !slices.Contains(p.Automation.Disabled, e)
}

// StatusIDs are the statuses that a contact of the site may have, in the
// order that the site gave them.
func (p Policy) StatusIDs() []Status {
	out := make([]Status, 0, len(Statuses)+len(p.Statuses))
	for _, d := range p.Statuses {
		if d.Into == "" {
			out = append(out, d.ID)
		}
	}
	for _, s := range Statuses {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// MayHave is nil if the plan lets contacts have the status by hand or by a file.
func (p Policy) MayHave(s Status) error {
	if s == Customer || s == VIP {
		return p.Plan.Needs(plan.Customers)
	}
	return nil
}

// MayImport reports whether a file may give the status: one that the site has
// and that its plan knows.
func (p Policy) MayImport(s Status) bool {
	return slices.Contains(p.StatusIDs(), s) && p.MayHave(s) == nil
}

// note keeps when an event was first seen, whatever the order of arrival; the
// automation may be asked later what it would have done (GiveBack).
func (c *Contact) note(firsts map[Event]time.Time) (changed bool) {
	for e, at := range firsts {
		if have, ok := c.Firsts[e]; ok && !at.Before(have) {
			continue
		}
		if c.Firsts == nil {
			c.Firsts = map[Event]time.Time{}
		}
		c.Firsts[e], changed = at, true
	}
	return changed
}

// Promote says that what happened makes a lead a customer, if one of it does under
// the switches and the plan.
func (f *Facts) Promote(pol Policy) {
	for e := range f.Firsts {
		if pol.Promotes(e) {
			f.Status = Customer
		}
	}
}

// GiveBack ends a manual status: from now on the automation decides again, and
// it decides at once from what the contact did so far.
func (c *Contact) GiveBack(pol Policy) {
	if c.StatusManual {
		c.StatusManual, c.Status = false, Lead
	}
	c.Automate(pol)
}

// Automate makes a lead that has no manual status a customer, if something it did
// promotes under the switches and the plan as they are now. Nothing moves backwards.
func (c *Contact) Automate(pol Policy) (changed bool) {
	for e := range c.Firsts {
		if pol.Promotes(e) {
			changed = c.promote(Customer) || changed
		}
	}
	return changed
}

// promote moves a lead that automation may move. Nothing moves backwards.
func (c *Contact) promote(to Status) bool {
	if c.StatusManual || c.Status != Lead || to == Lead {
		return false
	}
	c.Status = to
	return true
}

// StatusChange is the timeline's entry of an event that gave the contact another
// status than from; of a change by hand Entries tells.
func (c *Contact) StatusChange(from Status, why string, now time.Time) timeline.Activity {
	return timeline.Activity{At: now, Kind: timeline.Status, Values: []timeline.Value{
		{Name: "from", Text: string(from)}, {Name: "to", Text: string(c.Status)}, {Name: "why", Text: why}}}
}
