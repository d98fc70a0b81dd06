package relay

import (
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

func TestWhatAnActorDidIsOneRow(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	a := timeline.Activity{ID: "01J", At: at, Kind: timeline.Edit, By: "mb_1", Changed: []string{"phone"}, Values: []timeline.Value{{Name: "phone", Text: "0612345678"}}}
	e, ok := Done("ct_1", a)
	if !ok || e.Kind != site.ByMember || e.By != "mb_1" || e.Object != "ct_1" || e.Action != audit.ContactChanged || !slices.Equal(e.Fields, a.Changed) {
		t.Errorf("%+v, %v", e, ok)
	}
	if again, _ := Done("ct_1", a); again.ID != e.ID {
		t.Error("told twice it would be two rows")
	}
	if other, _ := Done("ct_2", a); other.ID == e.ID {
		t.Error("two contacts share a row")
	}
	a.Kind, a.By = timeline.Status, "key_1"
	if e, _ := Done("ct_1", a); e.Kind != site.ByAPIKey || !slices.Equal(e.Fields, []string{"status", "phone"}) {
		t.Errorf("%+v", e)
	}
	a.By = ""
	if _, ok := Done("ct_1", a); ok {
		t.Error("nobody did something")
	}
}
