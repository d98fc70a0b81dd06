package contact

import (
	"slices"
	"time"

	"clientele/internal/domain/timeline"
)

// Entries are what the timeline tells of a change by hand, whose fields are named.
// Status, tags, consent and group each get an entry with what they were and what they
// are, that of a consent being its evidence; of the rest one entry has the names. as is what they have in common.
func Entries(before, after *Contact, changed []string, as timeline.Activity) (acts []timeline.Activity) {
	var rest []string
	add := func(kind timeline.Kind, name string, values ...timeline.Value) {
		a := as
		a.Kind, a.Changed, a.Values = kind, []string{name}, values
		acts = append(acts, a)
	}
	for _, name := range changed {
		switch name {
		case "status":
			why := "manual"
			if !after.StatusManual {
				why = "automation"
			}
			add(timeline.Status, name, fromTo(string(before.Status), string(after.Status), timeline.Value{Name: "why", Text: why})...)
		case "consent":
			p := Proof{How: as.Source, Source: as.Source, By: as.By, At: as.At, Address: after.Email}
			for _, ch := range ConsentChanges(before, after) {
				acts = append(acts, p.Entry(ch))
			}
		case "group":
			add(timeline.Group, name, fromTo(before.Group, after.Group)...)
		case "tags":
			if v := tagValues(before.Tags, after.Tags); len(v) > 0 {
				add(timeline.Tags, name, v...)
			} else { // their order or spelling
				rest = append(rest, name)
			}
		default:
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		as.Kind, as.Changed = timeline.Edit, rest
		acts = append([]timeline.Activity{as}, acts...)
	}
	return acts
}

// FileEntry is what the timeline tells of a row of a file that changed a contact; false
// if it only offered for what is locked.
func FileEntry(before, after *Contact, source, job string, at time.Time) (timeline.Activity, bool) {
	a := timeline.Activity{At: at, Kind: timeline.Import, Source: source, Ref: job, Changed: changedBy(before, after)}
	if before.Status != after.Status {
		a.Values = fromTo(string(before.Status), string(after.Status))
	}
	a.Values = append(a.Values, tagValues(before.Tags, after.Tags)...)
	return a, len(a.Changed) > 0
}

func fromTo(from, to string, more ...timeline.Value) []timeline.Value {
	return append([]timeline.Value{{Name: "from", Text: from}, {Name: "to", Text: to}}, more...)
}

// tagValues are the tags that came and went, compared without case.
func tagValues(before, after []string) (values []timeline.Value) {
	without := func(name string, these, those []string) {
		for _, t := range these {
			if !slices.ContainsFunc(those, func(o string) bool { return SameTag(t, o) }) {
				values = append(values, timeline.Value{Name: name, Text: t})
			}
		}
	}
	without("added", after, before)
	without("removed", before, after)
	return values
}
