package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/member"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

var _ site.Directory = (*Table)(nil)

type siteRecord struct {
	Name      string    `json:"name"`
	Secret    []byte    `json:"secret"`
	Shards    int       `json:"shards"`
	Country   string    `json:"country"`
	Language  string    `json:"language"`
	MaxTags   int       `json:"max_tags,omitempty"`
	Presets   []string  `json:"presets,omitempty"`
	CreatedAt time.Time `json:"created_at"`

	Plan       plan.Plan         `json:"plan,omitempty"`
	Calls      int               `json:"calls,omitempty"`
	LockScope  contact.LockScope `json:"lock_scope,omitempty"`
	Automation automationRecord  `json:"automation,omitzero"`
	Statuses   []statusRecord    `json:"statuses,omitempty"`
	Fields     []fieldRecord     `json:"fields,omitempty"`

	Lists       []listRecord `json:"lists,omitempty"`
	DoubleOptIn bool         `json:"double_opt_in,omitempty"`
}

type listRecord struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Channel     contact.Channel   `json:"channel"`
	DoubleOptIn bool              `json:"double_opt_in,omitempty"`
	Texts       map[string]string `json:"texts,omitempty"`
	TextVersion int               `json:"text_version,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
}

type automationRecord struct {
	Off      bool            `json:"off,omitempty"`
	Disabled []contact.Event `json:"disabled,omitempty"`
}

func (a automationRecord) IsZero() bool { return !a.Off && len(a.Disabled) == 0 }

type statusRecord struct {
	ID     contact.Status `json:"id"`
	Name   string         `json:"name,omitempty"`
	Colour string         `json:"colour,omitempty"`
	Into   contact.Status `json:"into,omitempty"`
}

type fieldRecord struct {
	Key     string            `json:"key"`
	Label   string            `json:"label"`
	Type    contact.FieldType `json:"type"`
	Options []string          `json:"options,omitempty"`
}

func siteRecordOf(s site.Site) siteRecord {
	r := siteRecord{Name: s.Name, Secret: s.Secret, Shards: s.Shards, Country: s.Country, Language: s.Language, MaxTags: s.MaxTags, Presets: s.Presets,
		CreatedAt: s.CreatedAt, Plan: s.Plan, Calls: s.Calls, LockScope: s.LockScope, Automation: automationRecord(s.Automation)}
	for _, d := range s.Statuses {
		r.Statuses = append(r.Statuses, statusRecord(d))
	}
	for _, l := range s.Lists {
		r.Lists = append(r.Lists, listRecord(l))
	}
	r.DoubleOptIn = s.DoubleOptIn
	for _, f := range s.CustomFields {
		r.Fields = append(r.Fields, fieldRecord(f))
	}
	return r
}

func (r siteRecord) site(id crm.SiteID, version int64) site.Site {
	s := site.Site{ID: id, Name: r.Name, Secret: r.Secret, Shards: r.Shards, Country: r.Country, Language: r.Language, MaxTags: r.MaxTags, Presets: r.Presets,
		CreatedAt: r.CreatedAt, Plan: r.Plan, Calls: r.Calls, LockScope: r.LockScope, Automation: contact.Automation(r.Automation), Version: version}
	for _, d := range r.Statuses {
		s.Statuses = append(s.Statuses, contact.StatusDef(d))
	}
	for _, l := range r.Lists {
		s.Lists = append(s.Lists, contact.ListDef(l))
	}
	s.DoubleOptIn = r.DoubleOptIn
	for _, f := range r.Fields {
		s.CustomFields = append(s.CustomFields, contact.FieldDef(f))
	}
	return s
}

// open reads the site and the item that its credential points to, in one
// request; ok is false unless both are there. beside is nil for the site alone.
func (t *Table) open(ctx context.Context, id crm.SiteID, beside item) (s site.Site, it item, ok bool, err error) {
	keys := []item{siteKey(id)}
	if beside != nil {
		keys = append(keys, beside)
	}
	found, err := t.getAll(ctx, id, keys)
	if err != nil {
		return s, nil, false, err
	}
	for _, k := range keys {
		if it = found[mapKey(k)]; it == nil {
			return s, nil, false, nil
		}
	}
	s, err = siteOf(id, found[mapKey(keys[0])])
	return s, it, err == nil, err
}

func siteOf(id crm.SiteID, it item) (site.Site, error) {
	var r siteRecord
	if err := decode(it, &r); err != nil {
		return site.Site{}, err
	}
	return r.site(id, number(it, "v")), nil
}

func decode(it item, into any) error {
	if v := number(it, "sv"); v > schemaVersion {
		return fmt.Errorf("item %s has schema version %d, this function knows %d", text(it, "t"), v, schemaVersion)
	}
	if err := json.Unmarshal([]byte(text(it, "body")), into); err != nil {
		return fmt.Errorf("unpacking item %s: %w", text(it, "t"), err)
	}
	return nil
}

// ByCredential implements site.Directory.
func (t *Table) ByCredential(ctx context.Context, credential string, now time.Time) (site.Site, site.Actor, error) {
	unknown := crm.Errorf(crm.Unauthorized, "this API key is not known; send one as Authorization: Bearer ck_…")
	if member.IsSession(credential) {
		return t.bySession(ctx, credential, now)
	}
	id, ok := site.CredentialSite(credential)
	if !ok {
		return site.Site{}, site.Actor{}, unknown
	}
	at := apiKeyKey(id, site.Hash(credential))
	s, it, ok, err := t.open(ctx, id, at)
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	if !ok {
		return site.Site{}, site.Actor{}, unknown
	}
	k, err := apiKeyOf(it)
	if err != nil {
		return site.Site{}, site.Actor{}, err
	}
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return site.Site{}, site.Actor{}, unknown
	}
	if stale(k.UsedAt, now) {
		t.touch(ctx, id, now, "seen", at)
	}
	return s, site.Actor{ID: k.ID, Name: k.Name, Kind: site.ByAPIKey, Scopes: k.Scopes}, nil
}

// ByForm implements site.Directory.
func (t *Table) ByForm(ctx context.Context, public string) (site.Site, site.Form, error) {
	none := crm.Errorf(crm.NotFound, "there is no form at this address")
	id, ok := site.PublicSite(public)
	if !ok {
		return site.Site{}, site.Form{}, none
	}
	s, it, ok, err := t.open(ctx, id, formKey(id, public))
	if err != nil {
		return site.Site{}, site.Form{}, err
	}
	if !ok {
		return site.Site{}, site.Form{}, none
	}
	f, err := formOf(it)
	return s, f, err
}

// BySource implements site.Directory.
func (t *Table) BySource(ctx context.Context, public string) (site.Site, site.Source, error) {
	none := crm.Errorf(crm.NotFound, "there is no webhook source at this address")
	id, ok := site.PublicSite(public)
	if !ok {
		return site.Site{}, site.Source{}, none
	}
	s, it, ok, err := t.open(ctx, id, sourceKey(id, public))
	if err != nil {
		return site.Site{}, site.Source{}, err
	}
	if !ok {
		return site.Site{}, site.Source{}, none
	}
	src, err := sourceOf(it)
	return s, src, err
}

// ByID implements site.Directory.
func (t *Table) ByID(ctx context.Context, id crm.SiteID) (site.Site, error) {
	if !id.Valid() {
		return site.Site{}, crm.Errorf(crm.NotFound, "there is no such site")
	}
	s, _, ok, err := t.open(ctx, id, nil)
	if err == nil && !ok {
		err = crm.Errorf(crm.NotFound, "there is no such site")
	}
	return s, err
}

// PutSite stores a new site; crm.Conflict if its id is in use.
func (t *Table) PutSite(ctx context.Context, s site.Site) error {
	return t.putNewRecord(ctx, s.ID, siteKey(s.ID), "site", siteRecordOf(s))
}

// ChangeSite is ChangeSettings without a row in the audit log.
func (t *Table) ChangeSite(ctx context.Context, id crm.SiteID, rule func(*site.Site) error) (site.Site, error) {
	return t.changeSite(ctx, id, func(s *site.Site) (*audit.Entry, error) { return nil, rule(s) })
}

// ChangeSettings applies a rule to a site's settings and stores them with an
// entry of the audit log, repeating the rule when another writer came between;
// the rule only touches its argument. An entry without an action says that
// nothing changed. Id, secret and shards never change.
func (t *Table) ChangeSettings(ctx context.Context, id crm.SiteID, rule func(*site.Site) (audit.Entry, error)) (site.Site, error) {
	return t.AddSetting(ctx, id, nil, "", rule)
}

// AddSetting is ChangeSettings for a rule that makes something of an id: the record of
// the request is committed with it.
func (t *Table) AddSetting(ctx context.Context, id crm.SiteID, once *contact.Once, made string, rule func(*site.Site) (audit.Entry, error)) (site.Site, error) {
	var own []types.TransactWriteItem
	if once != nil {
		own = append(own, t.onceWrite(id, once, made))
	}
	return t.changeSite(ctx, id, func(s *site.Site) (*audit.Entry, error) {
		e, err := rule(s)
		return &e, err
	}, own...)
}

func (t *Table) changeSite(ctx context.Context, id crm.SiteID, rule func(*site.Site) (*audit.Entry, error), own ...types.TransactWriteItem) (site.Site, error) {
	for try := 1; try <= maxTries; try++ {
		if try > 1 {
			if err := pause(ctx, try); err != nil {
				return site.Site{}, err
			}
		}
		old, err := t.ByID(ctx, id)
		if err != nil {
			return old, err
		}
		next := old
		e, err := rule(&next)
		if err != nil || e != nil && e.Action == "" {
			return old, err
		}
		next.ID, next.Secret, next.Shards, next.Version = old.ID, old.Secret, old.Shards, old.Version+1
		body, err := json.Marshal(siteRecordOf(next))
		if err != nil {
			return old, fmt.Errorf("packing a site: %w", err)
		}
		cond, values := "v = :old", item{":old": num(old.Version), ":v": num(next.Version), ":body": str(string(body)), ":sv": num(schemaVersion)}
		if old.Version == 0 { // as it was made
			cond = "attribute_exists(PK) AND attribute_not_exists(v)"
			delete(values, ":old")
		}
		writes := append(slices.Clone(own), types.TransactWriteItem{Update: &types.Update{
			TableName: t.name, Key: siteKey(id), UpdateExpression: ptr("SET body = :body, v = :v, sv = :sv"),
			ConditionExpression: &cond, ExpressionAttributeValues: values,
		}})
		if e != nil {
			w, err := t.auditWrite(id, *e)
			if err != nil {
				return old, err
			}
			writes = append(writes, w)
		}
		err = t.commit(ctx, id, writes...)
		var l *lost
		if !asLost(err, &l) {
			return next, err
		}
	}
	return site.Site{}, busy()
}

// PutKey stores a new API key.
func (t *Table) PutKey(ctx context.Context, id crm.SiteID, k site.Key) error {
	return t.putNewRecord(ctx, id, apiKeyKey(id, k.Hash), "api key", apiKeyRecordOf(k))
}

// PutForm stores a new form.
func (t *Table) PutForm(ctx context.Context, id crm.SiteID, f site.Form) error {
	return t.putNewRecord(ctx, id, formKey(id, f.ID), "form", formRecordOf(f))
}

// PutSource stores a new webhook source.
func (t *Table) PutSource(ctx context.Context, id crm.SiteID, s site.Source) error {
	return t.putNewRecord(ctx, id, sourceKey(id, s.ID), "source", sourceRecordOf(s))
}

func (t *Table) putNewRecord(ctx context.Context, id crm.SiteID, k item, what string, record any) error {
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("packing a %s: %w", what, err)
	}
	k["t"], k["sv"], k["body"] = str(what), num(schemaVersion), str(string(body))
	err = t.commit(ctx, id, types.TransactWriteItem{Put: &types.Put{
		TableName: t.name, Item: k, ConditionExpression: ptr("attribute_not_exists(PK)"),
	}})
	var l *lost
	if asLost(err, &l) {
		return crm.Errorf(crm.Conflict, "this %s exists already", what)
	}
	return err
}
