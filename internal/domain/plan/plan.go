// Package plan is what a site pays for and what that lets it do. Only the
// making of something new is refused: what a site has from before a downgrade
// stays readable and goes out in every export.
package plan

import "clientele/internal/domain/crm"

// Plan is what the site has subscribed to.
type Plan string

// The plans, from small to large. A site without one has everything.
const (
	Mini      Plan = "mini"
	Business  Plan = "business"
	Pro       Plan = "pro"
	Ecommerce Plan = "ecommerce"
)

// Plans lists them from small to large.
var Plans = []Plan{Mini, Business, Pro, Ecommerce}

// Feature is what a plan has or lacks.
type Feature string

const (
	// Customers: contacts may become customer or VIP, by hand, by a file or by the
	// automation. Inactive and the site's own statuses, which leads have as well, are
	// in every plan.
	Customers Feature = "customers"
	// Groups: customer groups with prices.
	Groups Feature = "groups"
)

// since names the smallest plan with a feature; every larger one has it as well.
var since = map[Feature]Plan{
	Customers: Pro,
	Groups:    Pro,
}

var says = map[Feature]string{
	Customers: "customers and their statuses",
	Groups:    "customer groups",
}

// Has reports whether the plan has a feature.
func (p Plan) Has(f Feature) bool { return p == "" || rank(p) >= rank(since[f]) }

// Needs is nil if the plan has the feature, else a crm.PlanRequired that names
// the plan that has it.
func (p Plan) Needs(f Feature) error {
	if p.Has(f) {
		return nil
	}
	return &crm.Error{Code: crm.PlanRequired, Plan: string(since[f]),
		Detail: "the plan " + string(p) + " has no " + says[f] + "; the plan " + string(since[f]) + " has them"}
}

func rank(p Plan) int {
	for i, q := range Plans {
		if q == p {
			return i
		}
	}
	return -1 // an unknown plan has nothing
}
