package contact

import (
	"reflect"
	"testing"

	"clientele/internal/domain/timeline"
)

func TestAChangeByHandTellsWhatWasAndWhatIs(t *testing.T) {
	as := timeline.Activity{Source: "member", By: "mb_1"}
	v := func(pairs ...string) (out []timeline.Value) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, timeline.Value{Name: pairs[i], Text: pairs[i+1]})
		}
		return out
	}
	entry := func(kind timeline.Kind, changed []string, values []timeline.Value) timeline.Activity {
		return timeline.Activity{Source: "member", By: "mb_1", Kind: kind, Changed: changed, Values: values}
	}
	for _, c := range []struct {
		name          string
		before, after Contact
		changed       []string
		want          []timeline.Activity
	}{
		{"nothing", Contact{}, Contact{}, nil, nil},
		{"fields alone", Contact{}, Contact{}, []string{"name", "phone"}, []timeline.Activity{entry(timeline.Edit, []string{"name", "phone"}, nil)}},
		{"a status by hand", Contact{Status: Lead}, Contact{Status: VIP, StatusManual: true}, []string{"status"},
			[]timeline.Activity{entry(timeline.Status, []string{"status"}, v("from", "lead", "to", "vip", "why", "manual"))}},
		{"a status given back", Contact{Status: VIP, StatusManual: true}, Contact{Status: Customer}, []string{"status"},
			[]timeline.Activity{entry(timeline.Status, []string{"status"}, v("from", "vip", "to", "customer", "why", "automation"))}},
		{"everything at once", Contact{Tags: []string{"Old", "kept"}, Consent: ConsentNever, Details: Details{Group: "gr_1"}},
			Contact{Tags: []string{"KEPT", "new"}, Consent: ConsentSubscribed}, []string{"company", "tags", "consent", "group"},
			[]timeline.Activity{
				entry(timeline.Edit, []string{"company"}, nil),
				entry(timeline.Tags, []string{"tags"}, v("added", "new", "removed", "Old")),
				entry(timeline.Consent, nil, v("channel", "email", "from", "never", "to", "subscribed", "since", "0001-01-01T00:00:00Z", "how", "member")),
				entry(timeline.Group, []string{"group"}, v("from", "gr_1", "to", "")),
			}},
		{"tags in another order", Contact{Tags: []string{"a", "b"}}, Contact{Tags: []string{"b", "a"}}, []string{"tags"},
			[]timeline.Activity{entry(timeline.Edit, []string{"tags"}, nil)}},
	} {
		if got := Entries(&c.before, &c.after, c.changed, as); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", c.name, got, c.want)
		}
	}
}
