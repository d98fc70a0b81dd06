package consent

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Limits of a list, in characters.
const (
	MaxName        = 100
	MaxDescription = 300
	MaxText        = 1000
)

// Languages in which the wording of a list can be given.
var Languages = []string{"nl", "en"}

// ListChange is what is said of a list; what is not set stays.
type ListChange struct {
	Name, Description contact.Opt[string]
	Channel           contact.Opt[contact.Channel] // of a new list alone
	DoubleOptIn       contact.Opt[bool]
	Texts             contact.Opt[map[string]string] // by language
}

// AddList makes a list. Double opt-in is on for e-mail unless it is switched off;
// other channels have none, as nothing is sent over them.
func AddList(s *site.Site, id string, ch ListChange, now time.Time) (contact.ListDef, error) {
	d := contact.ListDef{ID: id, Channel: contact.ByEmail, CreatedAt: now}
	if ch.Channel.Set {
		d.Channel = ch.Channel.Value
	}
	d.DoubleOptIn = d.Channel == contact.ByEmail
	if len(s.Lists) >= contact.MaxLists {
		return d, crm.Errorf(crm.Conflict, "a site has at most %d lists; delete one first", contact.MaxLists)
	}
	if err := change(s, &d, ch); err != nil {
		return d, err
	}
	s.Lists = append(slices.Clone(s.Lists), d)
	return d, nil
}

// ChangeList changes a list. A new wording is a new version of it; evidence keeps
// the wording that people saw.
func ChangeList(s *site.Site, id string, ch ListChange) (contact.ListDef, error) {
	i := slices.IndexFunc(s.Lists, func(d contact.ListDef) bool { return d.ID == id })
	if i < 0 {
		return contact.ListDef{}, noList()
	}
	d := s.Lists[i]
	var f crm.Faults
	if ch.Channel.Set && ch.Channel.Value != d.Channel {
		f.Add("/channel", "the channel of a list never changes, as people agreed to that one; make another list")
	}
	if err := f.With(change(s, &d, ch)); err != nil {
		return d, err
	}
	s.Lists = slices.Clone(s.Lists)
	s.Lists[i] = d
	return d, nil
}

// RemoveList ends a list. What people said of it stays with them as evidence.
func RemoveList(s *site.Site, id string) error {
	n := len(s.Lists)
	s.Lists = slices.DeleteFunc(slices.Clone(s.Lists), func(d contact.ListDef) bool { return d.ID == id })
	if len(s.Lists) == n {
		return noList()
	}
	return nil
}

func noList() error { return crm.Errorf(crm.NotFound, "there is no such list on this site") }

func change(s *site.Site, d *contact.ListDef, ch ListChange) error {
	var f crm.Faults
	set := func(to *string, o contact.Opt[string], pointer string, limit int) {
		if !o.Set {
			return
		}
		if n := utf8.RuneCountInString(o.Value); n > limit {
			f.Add(pointer, "the text has %d characters, at most %d fit", n, limit)
		}
		*to = contact.Trim(o.Value)
	}
	set(&d.Name, ch.Name, "/name", MaxName)
	set(&d.Description, ch.Description, "/description", MaxDescription)
	if d.Name == "" {
		f.Add("/name", "a list needs a name")
	}
	if !slices.Contains(contact.ConsentChannels, d.Channel) {
		f.Add("/channel", "a channel is email, sms, phone, post or whatsapp")
	}
	if ch.DoubleOptIn.Set {
		d.DoubleOptIn = ch.DoubleOptIn.Value
	}
	if d.DoubleOptIn && d.Channel != contact.ByEmail {
		f.Add("/double_opt_in", "double opt-in goes by mail; lists of other channels have none")
	}
	if ch.Texts.Set {
		texts := map[string]string{}
		for lang, t := range ch.Texts.Value {
			switch n := utf8.RuneCountInString(t); {
			case !slices.Contains(Languages, lang):
				f.Add("/texts/"+lang, "a wording is in nl or en")
			case n > MaxText:
				f.Add("/texts/"+lang, "the text has %d characters, at most %d fit", n, MaxText)
			case contact.Trim(t) != "":
				texts[lang] = contact.Trim(t)
			}
		}
		if !equal(texts, d.Texts) {
			d.Texts, d.TextVersion = texts, d.TextVersion+1
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	for _, other := range s.Lists {
		if other.ID != d.ID && crm.SameFolded(other.Name, d.Name) {
			return crm.Errorf(crm.Conflict, "the list %s (%s) of this site has this name; names are compared without case. Change that one, or take another name", other.ID, other.Name)
		}
	}
	return nil
}

// removeFor is how long a preview of the end of a list can be confirmed.
const removeFor = 15 * time.Minute

const removeList = "list removal"

// Removal is what the end of a list would do.
type Removal struct {
	Subscriptions int // contacts that may be sent the list
	Confirm       string
	Expires       time.Time
}

// LookRemoval tells how many subscriptions go with a list, and gives the token by which
// this actor confirms it. crm.NotFound.
func LookRemoval(s site.Site, by site.Actor, list string, subscriptions int, now time.Time) (Removal, error) {
	if _, ok := s.Policy().List(list); !ok {
		return Removal{}, noList()
	}
	r := Removal{Subscriptions: subscriptions, Expires: now.Add(removeFor).Truncate(time.Second)}
	r.Confirm = s.SealCursor(removeList, by.ID+" "+list+" "+strconv.FormatInt(r.Expires.Unix(), 10))
	return r, nil
}

// ConfirmRemoval refuses a token that does not confirm the end of this list by this actor now.
func ConfirmRemoval(s site.Site, by site.Actor, list, token string, now time.Time) error {
	var f crm.Faults
	if token == "" {
		f.Add("query/confirm", "this cannot be undone: ask for a preview of the deletion first, and send its confirm token along")
		return f.Err()
	}
	said, err := s.OpenCursor(removeList, token)
	until, ok := strings.CutPrefix(said, by.ID+" "+list+" ")
	if err != nil || !ok {
		f.Add("query/confirm", "this token confirms the deletion of another list; ask for a preview of this one")
		return f.Err()
	}
	if end, err := strconv.ParseInt(until, 10, 64); err != nil || now.Unix() >= end {
		f.Add("query/confirm", "this token is more than 15 minutes old; ask for a new preview")
	}
	return f.Err()
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
