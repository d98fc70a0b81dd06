package linear

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

// What a client asks and what it is told.
type input struct {
	op      string // create, get, find, update, merge, undo, delete
	id      crm.ContactID
	others  []crm.ContactID
	emails  []string // create, update: the main address first; find: one
	company string
	seen    []int64 // versions that a change is meant for, the primary's first
	merge   string
}

type output struct {
	// ok, or the code of an error. unknown: the answer was lost; the change may have
	// been made, then or not at all.
	told    string
	contact contact.Contact
	merge   string
}

// A state is the whole book of one site. It is never changed, only copied.
type state struct {
	people map[crm.ContactID]person
	merges map[string]merge
	hash   uint64 // of all entries, in any order
}

type person struct {
	contact contact.Contact
	into    crm.ContactID // merged into
	gone    bool
	last    string // the last merge into it that stands
}

type merge struct {
	primary       crm.ContactID
	before, after contact.Contact
	others        []contact.Contact
	prev          string
	undone        bool
}

func (p person) String() string {
	c := &p.contact
	return fmt.Sprint(c.ID, c.Version, c.Email, c.Emails, c.Company, c.Merged, p.into, p.gone, p.last)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

func (s state) with(id crm.ContactID, p person) state {
	old, had := s.people[id]
	s.people = maps.Clone(s.people)
	if s.people == nil {
		s.people = map[crm.ContactID]person{}
	}
	if had {
		s.hash ^= hash(old.String())
	}
	p.contact.ID = id
	s.people[id] = p
	s.hash ^= hash(p.String())
	return s
}

func (s state) withMerge(id string, m merge) state {
	if old, had := s.merges[id]; had {
		s.hash ^= hash(fmt.Sprint(id, old.undone))
	}
	s.merges = maps.Clone(s.merges)
	if s.merges == nil {
		s.merges = map[string]merge{}
	}
	s.merges[id] = m
	s.hash ^= hash(fmt.Sprint(id, m.undone))
	return s
}

// lives is the contact that an id leads to.
func (s state) lives(id crm.ContactID) (person, bool) {
	p, ok := s.people[id]
	for ok && p.into != "" {
		p, ok = s.people[p.into]
	}
	return p, ok && !p.gone
}

func (s state) answers(email string) (person, bool) {
	for _, p := range s.people {
		if !p.gone && p.into == "" && p.contact.HasEmail(email) {
			return p, true
		}
	}
	return person{}, false
}

func same(a, b *contact.Contact) bool {
	return a.ID == b.ID && a.Version == b.Version && a.Email == b.Email && slices.Equal(a.Emails, b.Emails) &&
		a.Company == b.Company && slices.Equal(a.Merged, b.Merged)
}

var anyTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// step is the book as it should be: it says whether an answer is one that the
// state allows, and what the state is after it.
func step(s state, in input, out output) (bool, state) {
	if out.told == "unknown" {
		if next, ok := s.apply(in, output{told: "ok", merge: fmt.Sprint("?", in.merge)}); ok {
			return true, next
		}
		return true, s // what does not fit any more was never done
	}
	switch in.op {
	case "get", "find":
		p, ok := s.read(in)
		if !ok {
			return out.told == "not-found", s
		}
		return out.told == "ok" && same(&p.contact, &out.contact), s
	}
	if out.told == "ok" {
		next, ok := s.apply(in, out)
		return ok, next
	}
	return s.refuses(in, out.told), s
}

func (s state) read(in input) (person, bool) {
	if in.op == "find" {
		return s.answers(in.emails[0])
	}
	return s.lives(in.id)
}

// apply makes a change; not ok if the state does not allow it.
func (s state) apply(in input, out output) (state, bool) {
	p, lives := s.lives(in.id)
	switch in.op {
	case "create":
		if _, known := s.people[out.contact.ID]; known || s.taken(in.emails, "") {
			return s, false
		}
		c := contact.Contact{Version: 1, Email: in.emails[0], Emails: in.emails[1:], Details: contact.Details{Company: in.company}}
		return s.with(out.contact.ID, person{contact: c}), true
	case "update":
		if !lives || p.contact.Version != in.seen[0] || s.taken(in.emails, p.contact.ID) {
			return s, false
		}
		p.contact = p.contact.Clone()
		p.contact.Version++
		p.contact.Company = in.company
		if len(in.emails) > 0 {
			p.contact.Email, p.contact.Emails = in.emails[0], in.emails[1:]
		}
		return s.with(p.contact.ID, p), out.contact.ID == "" || same(&p.contact, &out.contact)
	case "delete":
		if p.gone { // who comes while its timeline is cleared completes that, and is told so
			return s, true
		}
		if !lives || p.contact.Version != in.seen[0] {
			return s, false
		}
		for _, id := range p.contact.IDs() {
			s = s.with(id, person{gone: true})
		}
		return s, true
	case "merge":
		return s.merged(in, out)
	case "undo":
		return s.unmerged(in)
	}
	return s, false
}

func (s state) merged(in input, out output) (state, bool) {
	var all []contact.Contact
	for i, id := range append([]crm.ContactID{in.id}, in.others...) {
		p, ok := s.people[id]
		if !ok || p.gone || p.into != "" || p.contact.Version != in.seen[i] {
			return s, false
		}
		all = append(all, p.contact)
	}
	m := contact.Merge(all[0], all[1:], contact.Policy{}, anyTime)
	primary := s.people[in.id]
	s = s.withMerge(out.merge, merge{primary: in.id, before: all[0], after: m.Result, others: all[1:], prev: primary.last})
	s = s.with(in.id, person{contact: m.Result, last: out.merge})
	for _, o := range all[1:] {
		p := s.people[o.ID]
		p.contact, p.into = contact.Contact{}, in.id
		s = s.with(o.ID, p)
	}
	return s, true
}

func (s state) unmerged(in input) (state, bool) {
	m, ok := s.merges[in.merge]
	if ok && m.undone { // told again
		return s, true
	}
	p := s.people[m.primary]
	if !ok || p.gone || p.into != "" || p.last != in.merge {
		return s, false
	}
	c, others, err := contact.Unmerge(p.contact, m.before, m.after, m.others, anyTime)
	if err != nil {
		return s, false
	}
	for _, o := range others {
		for _, e := range append([]string{o.Email}, o.Emails...) {
			if holder, ok := s.answers(e); e != "" && ok && holder.contact.ID != m.primary {
				return s, false
			}
		}
	}
	s = s.with(m.primary, person{contact: c, last: m.prev})
	for _, o := range others {
		was := s.people[o.ID]
		was.contact, was.into = o, ""
		s = s.with(o.ID, was)
	}
	m.undone = true
	return s.withMerge(in.merge, m), true
}

// taken reports whether somebody else has one of the addresses.
func (s state) taken(emails []string, own crm.ContactID) bool {
	return slices.ContainsFunc(emails, func(e string) bool {
		p, ok := s.answers(e)
		return ok && p.contact.ID != own
	})
}

// refuses reports whether the state gives a reason for a refusal.
func (s state) refuses(in input, code string) bool {
	if code == string(crm.Busy) {
		return true
	}
	p, lives := s.lives(in.id)
	switch in.op {
	case "create":
		return code == "conflict" && s.taken(in.emails, "")
	case "update", "delete":
		switch code {
		case "not-found":
			return !lives
		case "stale":
			return lives && p.contact.Version != in.seen[0]
		case "conflict":
			return lives && p.contact.Version == in.seen[0] && s.taken(in.emails, p.contact.ID)
		}
	case "merge":
		return s.refusesMerge(in, code)
	case "undo":
		m, ok := s.merges[in.merge]
		end, alive := s.lives(m.primary)
		_ = end
		switch {
		case !ok || m.undone:
			return false
		case !alive: // its records go while it is deleted
			return code == "not-found" || code == "gone" || code == "conflict"
		}
		_, can := s.unmerged(in)
		return code == "conflict" && !can
	}
	return false
}

func (s state) refusesMerge(in input, code string) bool {
	for i, id := range append([]crm.ContactID{in.id}, in.others...) {
		p := s.people[id]
		_, leads := s.lives(id)
		switch {
		case code == "not-found" && !leads, code == "conflict" && leads && p.into != "",
			code == "stale" && p.into == "" && !p.gone && p.contact.Version != in.seen[i]:
			return true
		}
	}
	return false
}

var model = porcupine.Model{
	Init:  func() any { return state{} },
	Step:  func(s, in, out any) (bool, any) { return step(s.(state), in.(input), out.(output)) },
	Equal: func(a, b any) bool { return a.(state).hash == b.(state).hash },
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		return fmt.Sprintf("%s %s %v %v %s %v %s → %s %s v%d %s %v %s %s", i.op, i.id, i.others, i.emails, i.company, i.seen, i.merge,
			o.told, o.contact.ID, o.contact.Version, o.contact.Email, o.contact.Emails, o.contact.Company, o.merge)
	},
	DescribeState: func(s any) string {
		var lines []string
		for _, p := range s.(state).people {
			lines = append(lines, p.String())
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	},
}
