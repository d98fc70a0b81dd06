package bulk

import (
	"context"
	"maps"
	"slices"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

// Action is something that can be done to many contacts. It has a Rule or a Do.
type Action struct {
	Name string
	// Scope is what asking for it needs besides contacts.write.
	Scope site.Scope
	// Destructive actions are only started with the token of a preview.
	Destructive bool
	// Internal actions are started by the settings that they follow from (a tag is
	// renamed, a status deleted), not by their name.
	Internal bool
	// Why is what the timeline says of a new status, where nobody chose it by hand.
	Why string

	// Check mends the arguments and notes what is wrong with them, under /arguments.
	Check func(a *Args, s site.Site, faults *crm.Faults) error

	// Rule changes a contact in memory and names the fields that changed, none if
	// it was so already. It may run several times on fresh copies. A coded error
	// (crm.Error) counts the contact as failed.
	Rule func(c *contact.Contact, r Run) (changed []string, err error)

	// Do is for what a Rule cannot do. It is called again after a failure, so it
	// must bear that its work is done already: then it reports so as the first time.
	Do func(ctx context.Context, b Book, r Run, id crm.ContactID) (Result, error)

	// Finish, if there is one, is called when all contacts are dealt with, before
	// the job is done; perhaps more than once.
	Finish func(ctx context.Context, b Book, r Run) error
}

// Result is what became of one contact.
type Result struct {
	Changed bool
	Why     Reason // if not changed; Missing, Unchanged and Merged count as skipped
}

// Registry is the actions by name.
type Registry map[string]Action

// Builtin are the actions that need nothing but the book.
func Builtin() Registry {
	r := Registry{}
	r.Add(tagActions...)
	r.Add(statusActions...)
	r.Add(groupActions...)
	r.Add(deleteAction)
	return r
}

// Add puts actions into the registry.
func (r Registry) Add(actions ...Action) {
	for _, a := range actions {
		r[a.Name] = a
	}
}

// Public names the actions that can be asked for by name, sorted.
func (r Registry) Public() []string {
	var names []string
	for _, n := range slices.Sorted(maps.Keys(r)) {
		if !r[n].Internal {
			names = append(names, n)
		}
	}
	return names
}

const maxTagsAtOnce = 50

func checkTags(a *Args, _ site.Site, faults *crm.Faults) error {
	if len(a.Tags) == 0 || len(a.Tags) > maxTagsAtOnce {
		faults.Add("/arguments/tags", "give 1 to %d tags", maxTagsAtOnce)
		return nil
	}
	a.Tags = contact.CheckTags(a.Tags, "/arguments/tags", faults)
	return nil
}

func one(name string, changed bool, err error) ([]string, error) {
	if err != nil || !changed {
		return nil, err
	}
	return []string{name}, nil
}

// RenameTag is the action behind a tag's new name: From becomes To; without To
// it is removed.
const RenameTag = "rename_tag"

var tagActions = []Action{
	{Name: "add_tags", Check: checkTags, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		changed, err := c.ChangeTags(r.Job.Args.Tags, nil, r.Site.Policy())
		return one("tags", changed, err)
	}},
	{Name: "remove_tags", Check: checkTags, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		changed, err := c.ChangeTags(nil, r.Job.Args.Tags, r.Site.Policy())
		return one("tags", changed, err)
	}},
	{Name: RenameTag, Internal: true, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		a := r.Job.Args
		if a.To == "" {
			changed, err := c.ChangeTags(nil, []string{a.From}, r.Site.Policy())
			return one("tags", changed, err)
		}
		return one("tags", c.RenameTag(a.From, a.To), nil)
	}},
}

// ReplaceStatus is the action that moves the contacts of the status From to the
// status To, and then takes From off the site's statuses. ApplyAutomation makes
// customers of the leads that did before what promotes now.
const (
	ReplaceStatus   = "replace_status"
	ApplyAutomation = "apply_automation"
)

var statusActions = []Action{
	{Name: "set_status", Check: func(a *Args, s site.Site, faults *crm.Faults) error {
		if ids := s.Policy().StatusIDs(); !slices.Contains(ids, a.Status) {
			faults.Add("/arguments/status", "a status is one of %s", crm.Join(ids))
			return nil
		}
		return s.Policy().MayHave(a.Status)
	}, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		return c.Edit(contact.Patch{Status: contact.Some(r.Job.Args.Status)}, r.Site.Policy(), r.Job.By, r.Now)
	}},
	{Name: "give_back_status", Rule: func(c *contact.Contact, r Run) ([]string, error) {
		return c.Edit(contact.Patch{Status: contact.Some(contact.Status(""))}, r.Site.Policy(), r.Job.By, r.Now)
	}},
	{Name: ApplyAutomation, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		return one("status", c.Automate(r.Site.Policy()), nil)
	}},
	{Name: ReplaceStatus, Why: "status_deleted", Internal: true, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		if string(c.Status) != r.Job.Args.From {
			return nil, nil
		}
		c.Status = contact.Status(r.Job.Args.To)
		return []string{"status"}, nil
	}, Finish: func(ctx context.Context, b Book, r Run) error {
		_, err := b.ChangeSettings(ctx, func(s *site.Site) (audit.Entry, error) {
			s.DropStatus(contact.Status(r.Job.Args.From))
			return audit.Entry{At: r.Now, By: r.Job.By, Kind: site.BySystem, Action: audit.SettingsChanged, Object: string(s.ID), Fields: []string{"statuses"}}, nil
		})
		return err
	}},
}

// SetGroup is the action that puts contacts into a group, which whoever asks has found.
const SetGroup = "set_group"

// ClearGroupEverywhere is the action that frees the members of the group From.
const ClearGroupEverywhere = "clear_group_everywhere"

func setGroup(c *contact.Contact, id string, r Run) ([]string, error) {
	return c.Edit(contact.Patch{Group: contact.Some(id)}, r.Site.Policy(), r.Job.By, r.Now)
}

var groupActions = []Action{
	{Name: SetGroup, Check: func(a *Args, s site.Site, faults *crm.Faults) error {
		if a.Group == "" {
			faults.Add("/arguments/group", "give the id of a group, or use clear_group")
		}
		return s.Plan.Needs(plan.Groups)
	}, Rule: func(c *contact.Contact, r Run) ([]string, error) { return setGroup(c, r.Job.Args.Group, r) }},
	{Name: "clear_group", Rule: func(c *contact.Contact, r Run) ([]string, error) { return setGroup(c, "", r) }},
	{Name: ClearGroupEverywhere, Internal: true, Rule: func(c *contact.Contact, r Run) ([]string, error) {
		return one("group", c.LeaveGroup(r.Job.Args.From), nil)
	}},
}

var deleteAction = Action{Name: "delete", Destructive: true,
	Do: func(ctx context.Context, b Book, r Run, id crm.ContactID) (Result, error) {
		err := b.DeleteBy(ctx, id, r.Job.By, r.Now, func(contact.Contact) error { return nil })
		// It was there when the page was planned, so this job has deleted it before.
		if err == nil || crm.CodeOf(err) == crm.NotFound {
			return Result{Changed: true}, nil
		}
		return Result{}, err
	},
}
