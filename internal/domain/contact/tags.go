package contact

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/crm"
)

// CleanTag is a tag without the blanks around it and with single ones within;
// otherwise it stays as it was typed.
func CleanTag(tag string) string { return Trim(strings.Join(strings.Fields(tag), " ")) }

// SameTag reports whether two tags are one: compared without case, see crm.Fold.
func SameTag(a, b string) bool { return crm.SameFolded(a, b) }

// CheckTags cleans tags and drops repetitions; each at fault is noted under the
// pointer and its number.
func CheckTags(tags []string, pointer string, faults *crm.Faults) (clean []string) {
	for i, t := range tags {
		switch err := checkText(t, MaxTag); {
		case err != nil:
			faults.Add(pointer+"/"+strconv.Itoa(i), "%s", err)
		case CleanTag(t) == "":
			faults.Add(pointer+"/"+strconv.Itoa(i), "a tag has at least one character")
		default:
			clean = AddTag(clean, t)
		}
	}
	return clean
}

// AddTag adds a tag unless the contact has it; tags are compared without case.
func AddTag(tags []string, tag string) []string {
	tag = CleanTag(tag)
	if tag == "" || tagIndex(tags, tag) >= 0 {
		return tags
	}
	return append(tags, tag)
}

func tagIndex(tags []string, tag string) int {
	return slices.IndexFunc(tags, func(t string) bool { return SameTag(t, tag) })
}

// HasTag reports whether the contact has a tag.
func (c *Contact) HasTag(tag string) bool { return tagIndex(c.Tags, tag) >= 0 }

// ChangeTags adds and removes tags by hand and leaves all others; it reports
// whether any changed. A tag in both is removed. crm.Invalid, and nothing is
// changed, if the contact would have more than the site allows.
func (c *Contact) ChangeTags(add, remove []string, pol Policy) (changed bool, err error) {
	next := slices.DeleteFunc(slices.Clone(c.Tags), func(t string) bool { return tagIndex(remove, t) >= 0 })
	changed = len(next) != len(c.Tags)
	n := len(next)
	for _, t := range add {
		if tagIndex(remove, CleanTag(t)) < 0 {
			next = AddTag(next, t)
		}
	}
	// What a contact has from before a lower limit, it keeps.
	if limit := pol.TagLimit(); len(next) > limit && len(next) > n {
		return false, tooManyTags(limit, len(next))
	}
	c.Tags, changed = next, changed || len(next) != n
	return changed, nil
}

// RenameTag gives a tag another name, in its place; where the contact has the new
// one already, the old one goes.
func (c *Contact) RenameTag(from, to string) (changed bool) {
	i := tagIndex(c.Tags, from)
	if i < 0 {
		return false
	}
	next := slices.Clone(c.Tags)
	if j := tagIndex(next, to); j >= 0 && j != i {
		next = slices.Delete(next, i, i+1)
		if j > i {
			j--
		}
		i = j
	}
	next[i] = CleanTag(to)
	if slices.Equal(next, c.Tags) {
		return false
	}
	c.Tags = next
	return true
}

// Renaming is a tag that the site renamed, or removed from everybody (To is empty).
type Renaming struct {
	At       time.Time
	From, To string
}

// renamingFor is how long the job of a renaming may be under way: a merge that long
// after it may still have met the old name.
const renamingFor = time.Hour

// Retag does to a contact from the past what the site did to its tags since.
func (c *Contact) Retag(since time.Time, all []Renaming) {
	for _, r := range all { // oldest first
		switch {
		case r.At.Before(since.Add(-renamingFor)):
		case r.To != "":
			c.RenameTag(r.From, r.To)
		default:
			c.Tags = slices.DeleteFunc(slices.Clone(c.Tags), func(t string) bool { return SameTag(t, r.From) })
		}
	}
}

// TagsWith is how many tags the contact would have with these.
func (c *Contact) TagsWith(tags []string) int {
	all := c.Tags[:len(c.Tags):len(c.Tags)]
	for _, t := range tags {
		all = AddTag(all, t)
	}
	return len(all)
}

func tooManyTags(limit, n int) error {
	var f crm.Faults
	f.Add("/tags", "a contact has at most %d tags; these would be %d", limit, n)
	return f.Err()
}
