package plan

import (
	"errors"
	"strings"
	"testing"

	"clientele/internal/domain/crm"
)

func TestPlansHaveWhatTheyPayFor(t *testing.T) {
	for p, want := range map[Plan]bool{Mini: false, Business: false, Pro: true, Ecommerce: true, "": true, "unknown": false} {
		if p.Has(Customers) != want {
			t.Errorf("%q has customers: %v", p, !want)
		}
		err := p.Needs(Customers)
		if want != (err == nil) {
			t.Errorf("%q: %v", p, err)
		}
	}
	var e *crm.Error
	if err := Mini.Needs(Customers); !errors.As(err, &e) || e.Code != crm.PlanRequired || e.Plan != "pro" || !strings.Contains(e.Detail, "pro") {
		t.Errorf("the refusal does not name the plan: %v", err)
	}
}
