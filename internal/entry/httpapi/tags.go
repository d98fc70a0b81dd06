package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/bulk"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/segment"
	"clientele/internal/domain/site"
	"clientele/internal/domain/tag"
	"clientele/internal/domain/timeline"
)

// usage is how many contacts have each tag, are in each group, may be sent each list and
// have each status, and when that was counted.
type usage struct {
	at       time.Time
	until    time.Time
	tags     tag.Tally
	groups   map[string]int
	lists    map[string]int
	statuses map[contact.Status]int
	all      bool // else only the first contact.MostLooked of the book were counted
}

// usages counts on demand, over the rows of the book, so that the figures are
// those of the contacts themselves: nothing is kept beside them that could
// drift or grow hot. Of a large book a count is kept for a while; of a very large one
// it ends before the request does.
type usages struct {
	mu sync.Mutex
	of map[crm.SiteID]usage
}

// Where counting takes longer than quickly, it may take a twentieth of the time.
const (
	quickly    = 250 * time.Millisecond
	keepFactor = 20
	keepMost   = time.Minute
	mostSites  = 200
)

func (u *usages) count(ctx context.Context, s site.Site, b ContactBook, clock crm.Clock) (usage, error) {
	start := clock.Now()
	u.mu.Lock()
	have, ok := u.of[s.ID]
	u.mu.Unlock()
	if ok && start.Before(have.until) {
		return have, nil
	}
	n := usage{at: start.UTC().Truncate(time.Millisecond), tags: tag.Tally{}, groups: map[string]int{}, lists: map[string]int{}, statuses: map[contact.Status]int{}}
	var err error
	n.all, err = contact.FirstRows(ctx, b.EachRow, contact.MostLooked, func(r contact.Row) error {
		n.tags.Add(r.Tags)
		if r.Group != "" {
			n.groups[r.Group]++
		}
		for _, l := range r.Lists {
			n.lists[l]++
		}
		n.statuses[r.Status]++
		return nil
	})
	if err != nil {
		return n, err
	}
	if now := clock.Now(); now.Sub(start) > quickly {
		n.until = now.Add(min(keepFactor*now.Sub(start), keepMost))
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.of == nil || len(u.of) >= mostSites {
			u.of = map[crm.SiteID]usage{}
		}
		u.of[s.ID] = n
	}
	return n, nil
}

// TagJSON is exported as huma reads embedded fields of exported types alone.
type TagJSON struct {
	ID      string `json:"id" doc:"Follows from the name: another name has another id" example:"tg_0123456789abcdefghjkmnpqrs"`
	Version int64  `json:"version" doc:"Rises with each change; also the ETag. 0: only contacts have it" example:"1"`
	Name    string `json:"name" example:"VIP"`
	Colour  string `json:"colour" doc:"#rrggbb, or empty" example:"#b7791f"`
}

type tagUseJSON struct {
	TagJSON
	Uses  int  `json:"uses" doc:"Contacts that have it" example:"12"`
	Known bool `json:"known" doc:"It was made, coloured or comes of a preset; it stays when nobody has it" example:"true"`
}

type tagsAnswer struct {
	Body struct {
		Tags          []tagUseJSON `json:"tags" nullable:"false" doc:"Most used first"`
		MaxPerContact int          `json:"max_per_contact" doc:"How many tags a contact may have" example:"50"`
		CountedAll    bool         `json:"counted_all" doc:"false in a book of more than 100,000 contacts: the first 100,000 that were read are counted, so there are at least so many uses, and tags that only others have are missing" example:"true"`
		CountedAt     time.Time    `json:"counted_at" doc:"The uses are exact as of this moment; of a large book at most a minute ago"`
	}
}

type tagAnswer struct {
	Status   int
	ETag     string `header:"ETag" doc:"The version, quoted; send it as If-Match to change or delete"`
	Location string `header:"Location"`
	Body     struct {
		TagJSON
		Job string `json:"job,omitempty" doc:"The bulk action that brings the change to the contacts, see /v1/bulk/{id}" example:"bk_01k2abcdefghjkmnpqrstvwxyz"`
	}
}

// TagByID is exported as huma reads embedded parameters of exported types alone.
type TagByID struct {
	ID string `path:"id" maxLength:"64" doc:"The tag's id" example:"tg_0123456789abcdefghjkmnpqrs"`
}

func addTags(api huma.API, h contactsAPI) {
	tags := []string{"Tags"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-tags", Method: http.MethodGet, Path: "/v1/tags", Tags: tags,
		Summary:     "The tags of the site and how often each is used",
		Description: "At most 100,000 contacts are counted; of a larger book counted_all is false. A tag that the site has made is listed in any case.",
	}, h.listTags)
	operation(api, site.Settings, huma.Operation{
		OperationID: "create-tag", Method: http.MethodPost, Path: "/v1/tags", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: -1,
		Summary:     "Make a tag, or give one a colour",
		Description: "Contacts can be given tags that nobody has made; this is for tags that are to be offered, or coloured.",
		Errors:      []int{http.StatusRequestEntityTooLarge},
	}, h.createTag)
	operation(api, site.Settings, huma.Operation{
		OperationID: "use-tag-preset", Method: http.MethodPost, Path: "/v1/tags/preset", Tags: tags, MaxBodyBytes: -1,
		Summary: "Start with the tags of a trade",
		Description: "hospitality makes eight tags (friends and family, business, influencer, local, no-show, problem case, regular, VIP) and lets a contact " +
			"have nine. Tags that are there stay.",
		Errors: []int{http.StatusRequestEntityTooLarge},
	}, h.usePreset)
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "get-tag", Method: http.MethodGet, Path: "/v1/tags/{id}", Tags: tags, Summary: "Get a tag", Errors: []int{http.StatusNotFound},
	}, h.getTag)
	operation(api, site.Settings, huma.Operation{
		OperationID: "change-tag", Method: http.MethodPatch, Path: "/v1/tags/{id}", Tags: tags, MaxBodyBytes: -1,
		Summary: "Colour or rename a tag",
		Description: "A new name is brought to the contacts in the background, and the answer is 202 with the job. A name that another tag has " +
			"merges the two: each contact has it once. Needs `If-Match` with the tag's ETag. Where the job could not be started the same request, " +
			"repeated within a day, starts it.",
		Errors: append([]int{http.StatusRequestEntityTooLarge}, changeErrors...),
	}, h.changeTag)
	renamed := api.OpenAPI().Paths["/v1/tags/{id}"].Patch.Responses
	renamed["202"] = &huma.Response{Description: "The new name is brought to the contacts by the job", Headers: renamed["200"].Headers, Content: renamed["200"].Content}
	operation(api, site.Settings, huma.Operation{
		OperationID: "delete-tag", Method: http.MethodDelete, Path: "/v1/tags/{id}", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Remove a tag from the site and all contacts", Description: "The contacts lose it in the background. Needs `If-Match` with the tag's ETag. " +
			"Where the job could not be started the same request, repeated within a day, starts it.",
		Errors: changeErrors,
	}, h.deleteTag)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "tag-contact", Method: http.MethodPost, Path: "/v1/contacts/{id}/tags", Tags: []string{"Contacts"}, MaxBodyBytes: -1,
		Summary:     "Add and remove tags of a contact",
		Description: "All other tags stay, whoever changes them at the same time, so no `If-Match` is needed. Tags are compared without case.",
		Errors:      []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
	}, h.tagContact)
}

func (h contactsAPI) listTags(ctx context.Context, c caller, _ *struct{}) (*tagsAnswer, error) {
	b := h.open(c.site)
	known, err := b.Tags(ctx)
	if err != nil {
		return nil, err
	}
	n, err := h.used.count(ctx, c.site, b, h.clock)
	if err != nil {
		return nil, err
	}
	out := &tagsAnswer{}
	out.Body.Tags = []tagUseJSON{}
	for _, u := range tag.List(known, n.tags) {
		out.Body.Tags = append(out.Body.Tags, tagUseJSON{h.tagJSON(c, u.Tag), u.Uses, u.Known})
	}
	out.Body.MaxPerContact, out.Body.CountedAt, out.Body.CountedAll = c.site.Policy().TagLimit(), n.at, n.all
	return out, nil
}

func (h contactsAPI) tagJSON(c caller, t tag.Tag) TagJSON {
	return TagJSON{tag.ID(c.site.Secret, t.Name), t.Version, t.Name, t.Colour}
}

func (h contactsAPI) getTag(ctx context.Context, c caller, in *TagByID) (*tagAnswer, error) {
	t, err := h.tagNamed(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return h.tagAnswer(c, t, http.StatusOK), nil
}

func (h contactsAPI) tagAnswer(c caller, t tag.Tag, status int) *tagAnswer {
	out := &tagAnswer{Status: status, ETag: etag(t.Version)}
	out.Body.TagJSON = h.tagJSON(c, t)
	return out
}

type createTagInput struct {
	Body struct {
		Name   string `json:"name" doc:"At most 100 characters" example:"VIP"`
		Colour string `json:"colour,omitempty" doc:"#rrggbb" example:"#b7791f"`
	}
}

func (h contactsAPI) createTag(ctx context.Context, c caller, in *createTagInput) (*tagAnswer, error) {
	t := tag.Tag{Name: in.Body.Name, Colour: in.Body.Colour}
	var faults crm.Faults
	if t.Check(&faults); faults != nil {
		return nil, faults.Err()
	}
	t, err := h.open(c.site).ChangeTag(ctx, t.Name, func(k *tag.Tag) error {
		before := *k
		if k.Name = t.Name; t.Colour != "" {
			k.Colour = t.Colour
		}
		if before == *k && k.Version > 0 {
			return contact.ErrUnchanged
		}
		return nil
	}, h.setting(ctx, c, tag.ID(c.site.Secret, t.Name), "tag"))
	if err != nil {
		return nil, err
	}
	return h.tagAnswer(c, t, http.StatusCreated), nil
}

type presetInput struct {
	Body struct {
		Preset   string `json:"preset" enum:"hospitality" example:"hospitality"`
		Language string `json:"language,omitempty" enum:"nl,en" doc:"Of the names; the site's own if not given" example:"nl"`
	}
}

func (h contactsAPI) usePreset(ctx context.Context, c caller, in *presetInput) (*tagsAnswer, error) {
	language := in.Body.Language
	if language == "" {
		language = c.site.Language
	}
	p := tag.Presets[in.Body.Preset]
	tags, ok := p.Tags(language)
	if !ok {
		tags, _ = p.Tags("en")
	}
	b := h.open(c.site)
	for _, t := range tags {
		if _, err := b.ChangeTag(ctx, t.Name, func(k *tag.Tag) error {
			if k.Version > 0 {
				return contact.ErrUnchanged
			}
			k.Name, k.Colour = t.Name, t.Colour
			return nil
		}, h.setting(ctx, c, tag.ID(c.site.Secret, t.Name), "tag")); err != nil {
			return nil, err
		}
	}
	now := h.clock.Now()
	var err error
	if c.site, err = h.dir.ChangeSettings(ctx, c.site.ID, func(s *site.Site) (audit.Entry, error) {
		if slices.Contains(s.Presets, in.Body.Preset) {
			return audit.Entry{}, nil // what was chosen since stays
		}
		s.MaxTags, s.Presets = p.MaxTags, append(slices.Clone(s.Presets), in.Body.Preset)
		return audit.Note(c.by, requestID(ctx), now, audit.SettingsChanged, string(c.site.ID), "max_tags"), nil
	}); err != nil {
		return nil, err
	}
	return h.listTags(ctx, c, nil)
}

// setting is the row of the audit log for a change of a tag or a group.
func (h contactsAPI) setting(ctx context.Context, c caller, id, what string) audit.Entry {
	return audit.Note(c.by, requestID(ctx), h.clock.Now(), audit.SettingsChanged, id, what)
}

// tagNamed is the tag of an id: one that the site knows, or one that only contacts have.
func (h contactsAPI) tagNamed(ctx context.Context, c caller, id string) (tag.Tag, error) {
	b := h.open(c.site)
	if rest, ok := strings.CutPrefix(id, "tg_"); !ok || !crm.ContactID("ct_"+rest).Valid() {
		return tag.Tag{}, crm.Errorf(crm.NotFound, "there is no such tag on this site")
	}
	t, err := b.Tag(ctx, id)
	if crm.CodeOf(err) != crm.NotFound {
		return t, err
	}
	found := errors.New("found") // ends the reading
	ids := map[string]string{}   // by name
	all, scan := contact.FirstRows(ctx, b.EachRow, contact.MostLooked, func(r contact.Row) error {
		for _, name := range r.Tags {
			if ids[name] == "" {
				ids[name] = tag.ID(c.site.Secret, name)
			}
			if ids[name] == id {
				t.Name = name
				return found
			}
		}
		return nil
	})
	if errors.Is(scan, found) {
		return t, nil
	}
	if scan != nil {
		return t, scan
	}
	if !all {
		err = crm.Errorf(crm.NotFound, "there is no such tag that the site has made, nor among the first %d contacts; if others have it, make it first, by POST /v1/tags with its name", contact.MostLooked)
	}
	return t, err
}

type changeTagInput struct {
	TagByID
	Versioned
	Body struct {
		Name   kept[string]     `json:"name,omitempty" doc:"The new name" example:"Regular"`
		Colour optional[string] `json:"colour,omitempty" doc:"#rrggbb; null for none" example:"#2c7a7b"`
	}
}

func (h contactsAPI) changeTag(ctx context.Context, c caller, in *changeTagInput) (*tagAnswer, error) {
	b := h.open(c.site)
	if in.Body.Name.given.set {
		if out, err := h.renamedBefore(ctx, c, in); out != nil || err != nil {
			return out, err
		}
	}
	old, err := h.tagNamed(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	next := tag.Tag{Name: old.Name, Colour: old.Colour}
	if name := in.Body.Name.pointer(); name != nil {
		next = tag.Tag{Name: *name}
		if crm.SameFolded(contact.CleanTag(*name), old.Name) {
			next.Colour = old.Colour
		}
	}
	if in.Body.Colour.set {
		next.Colour = in.Body.Colour.value
	}
	check := func(t tag.Tag) error { return atVersion(in.IfMatch, t.Version, "tag") }
	if err := check(old); err != nil {
		return nil, err
	}
	var faults crm.Faults
	if next.Check(&faults); faults != nil {
		return nil, faults.Err()
	}
	if next.Name == old.Name && next.Colour == old.Colour && old.Version > 0 {
		return h.tagAnswer(c, old, http.StatusOK), nil
	}
	log := h.setting(ctx, c, in.ID, "tag")
	if next.Name == old.Name {
		next, err = b.ChangeTag(ctx, old.Name, func(k *tag.Tag) error {
			if k.Version == 0 && old.Version > 0 {
				return crm.Errorf(crm.NotFound, "the tag was removed meanwhile")
			}
			if err := check(*k); err != nil {
				return err
			}
			k.Colour = next.Colour
			return nil
		}, log)
		if err != nil {
			return nil, err
		}
		return h.tagAnswer(c, next, http.StatusOK), nil
	}
	now := h.clock.Now()
	job, err := newJobID("bk_", now)
	if err != nil {
		return nil, err
	}
	if next, err = b.RenameTag(ctx, old.Name, check, next, job, now, log); err != nil {
		return nil, err
	}
	j, err := h.startInternal(ctx, c, job, renaming(old.Name, next.Name))
	if err != nil {
		return nil, err
	}
	return h.tagAnswer(c, next, http.StatusAccepted).with(j), nil
}

// renamedBefore takes up a renaming that a request which said the same began before;
// nil if there is nothing left of one. There is something left only while the site has
// the tag as that renaming left it: gone, or there in the letters that are asked for. Else
// it was changed since, and this is a change of its own.
func (h contactsAPI) renamedBefore(ctx context.Context, c caller, in *changeTagInput) (*tagAnswer, error) {
	next := tag.Tag{Name: in.Body.Name.given.value, Colour: in.Body.Colour.value}
	var faults crm.Faults
	if next.Check(&faults); faults != nil {
		return nil, nil // the tag is looked for first
	}
	b := h.open(c.site)
	t, err := b.Tag(ctx, tag.ID(c.site.Secret, next.Name))
	if crm.CodeOf(err) == crm.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if in.Body.Colour.set && t.Colour != next.Colour {
		return nil, nil
	}
	if tag.ID(c.site.Secret, t.Name) == in.ID {
		if t.Name != next.Name {
			return nil, nil
		}
	} else if _, err := b.Tag(ctx, in.ID); crm.CodeOf(err) != crm.NotFound {
		return nil, err
	}
	j, ok, err := h.leftover(ctx, c, "tag "+in.ID, next.Name, h.renaming(ctx, c, in.ID, next.Name))
	if err != nil || !ok {
		return nil, err
	}
	return h.tagAnswer(c, t, http.StatusAccepted).with(j), nil
}

type deleteTagInput struct {
	TagByID
	Versioned
}

func (h contactsAPI) deleteTag(ctx context.Context, c caller, in *deleteTagInput) (*tagAnswer, error) {
	b := h.open(c.site)
	if _, err := b.Tag(ctx, in.ID); crm.CodeOf(err) == crm.NotFound {
		j, ok, err := h.leftover(ctx, c, "tag "+in.ID, "", h.renaming(ctx, c, in.ID, ""))
		if err != nil {
			return nil, err
		}
		if ok {
			return h.tagAnswer(c, tag.Tag{Name: j.Args.From}, http.StatusAccepted).with(j), nil
		}
	}
	t, err := h.tagNamed(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	now := h.clock.Now()
	job, err := newJobID("bk_", now)
	if err != nil {
		return nil, err
	}
	check := func(t tag.Tag) error { return atVersion(in.IfMatch, t.Version, "tag") }
	if err := b.RemoveTag(ctx, t.Name, check, job, now, h.setting(ctx, c, in.ID, "tag")); err != nil {
		return nil, err
	}
	j, err := h.startInternal(ctx, c, job, renaming(t.Name, ""))
	if err != nil {
		return nil, err
	}
	return h.tagAnswer(c, t, http.StatusAccepted).with(j), nil
}

// renaming brings a tag's new name, or its end, to the contacts.
func renaming(from, to string) bulk.Request {
	return bulk.Request{Action: bulk.RenameTag, Args: bulk.Args{From: from, To: to}, Selection: bulk.Selection{Filter: segment.HasTag(from)}}
}

// renaming is renaming for a tag of which contacts alone may still tell the name.
func (h contactsAPI) renaming(ctx context.Context, c caller, id, to string) func() (bulk.Request, error) {
	return func() (bulk.Request, error) {
		t, err := h.tagNamed(ctx, c, id)
		return renaming(t.Name, to), err
	}
}

// with names the job that brings the change to the contacts.
func (a *tagAnswer) with(j bulk.Job) *tagAnswer {
	a.Location, a.Body.Job = "/v1/bulk/"+j.ID, j.ID
	return a
}

type tagContactInput struct {
	ByID
	Body struct {
		Add    []string `json:"add,omitempty" maxItems:"50" doc:"Tags to give" example:"[\"VIP\"]"`
		Remove []string `json:"remove,omitempty" maxItems:"50" doc:"Tags to take; one that stands in both is taken" example:"[\"no-show\"]"`
	}
}

func (h contactsAPI) tagContact(ctx context.Context, c caller, in *tagContactInput) (*contactAnswer, error) {
	var faults crm.Faults
	add, remove := contact.CheckTags(in.Body.Add, "/add", &faults), contact.CheckTags(in.Body.Remove, "/remove", &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	now := h.clock.Now()
	next, err := h.open(c.site).Change(ctx, crm.ContactID(in.ID), now, func(k *contact.Contact) ([]timeline.Activity, error) {
		before := k.Clone()
		changed, err := k.ChangeTags(add, remove, c.site.Policy())
		if err != nil {
			return nil, err
		}
		if !changed {
			return nil, contact.ErrUnchanged
		}
		return contact.Entries(&before, k, []string{"tags"}, timeline.Activity{At: now, Source: c.by.Source(), By: c.by.ID}), nil
	})
	if err != nil {
		return nil, err
	}
	return answer(next, c.site.Policy()), nil
}
