package contact

import (
	"slices"
	"time"

	"clientele/internal/domain/plan"
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
		out = append(out, d.ID)
	}
	for _, s := range Statuses {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// mayHave is nil if the plan lets contacts have the status by hand or by a file.
func (p Policy) mayHave(s Status) error {
	if s == Customer || s == VIP {
		return p.Plan.Needs(plan.Customers)
	}
	return nil
}

// MayImport reports whether a file may give the status: one that the site has
// and that its plan knows.
func (p Policy) MayImport(s Status) bool {
	return slices.Contains(p.StatusIDs(), s) && p.mayHave(s) == nil
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

// GiveBack ends a manual status: from now on the automation decides again, and
// it decides at once from what the contact did so far.
func (c *Contact) GiveBack(pol Policy) {
	c.StatusManual, c.Status = false, Lead
	for e := range c.Firsts {
		if pol.Promotes(e) {
			c.Status = Customer
		}
	}
}

// promote moves a lead that automation may move. Nothing moves backwards.
func (c *Contact) promote(to Status) bool {
	if c.StatusManual || c.Status != Lead || to == Lead {
		return false
	}
	c.Status = to
	return true
}
