package timeline

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/richtext"
)

// Limits of what a member writes.
const (
	MaxTitle     = 200    // characters
	MaxText      = 20_000 // characters
	MaxDocuments = 10
	MaxPins      = 10 // entries that are pinned at a contact
)

// Entry is what a member wrote: a note, or a message to the contact.
type Entry struct {
	Title     string
	Text      string // Markdown, see richtext
	Documents []Document
	Version   int64     // rises with each edit
	EditedAt  time.Time // zero while it is as it was made
	EditedBy  string
	To        string // of a message: the address
	Mail      string // of a message: the id of its mail
	State     State  // of a message; known when read
	Reason    string // of a message that was not sent
}

// State is how far a message is.
type State string

const (
	Waiting State = "waiting" // to be sent
	Sent    State = "sent"
	Failed  State = "failed"
)

// Document is a file of the contact that goes with an entry.
type Document struct {
	ID, Name, Type string
	Size           int64
}

// Check tells all that is wrong with what was written; each fault names its field.
func (e Entry) Check() error { return e.check("title") }

func (e Entry) check(title string) error {
	var faults crm.Faults
	text := func(field, v string, limit int) {
		if !utf8.ValidString(v) {
			faults.Add("/"+field, "the text is not valid UTF-8")
		} else if n := utf8.RuneCountInString(v); n > limit {
			faults.Add("/"+field, "the text has %d characters, at most %d fit", n, limit)
		}
	}
	text(title, e.Title, MaxTitle)
	text("text", e.Text, MaxText)
	if err := richtext.Check(e.Text); err != nil {
		faults.Add("/text", "%s", err)
	}
	if strings.ContainsAny(e.Title, "\r\n") {
		faults.Add("/"+title, "a %s is one line", title)
	}
	if strings.TrimSpace(e.Title) == "" && strings.TrimSpace(e.Text) == "" {
		faults.Add("/"+title, "an entry needs a title or a text")
	}
	if len(e.Documents) > MaxDocuments {
		faults.Add("/documents", "an entry has at most %d documents", MaxDocuments)
	}
	for i, d := range e.Documents {
		if slices.ContainsFunc(e.Documents[:i], func(o Document) bool { return o.ID == d.ID }) {
			faults.Add("/documents", "a document stands there twice")
			break
		}
	}
	return faults.Err()
}

// NewNote is an entry of a member's own about a moment that was; the zero moment is
// now. It is kept in whole milliseconds, as its id sorts by them.
func NewNote(e Entry, at, now time.Time, source, by string) (Activity, error) {
	var faults crm.Faults
	err := faults.Take(e.Check())
	if at.IsZero() {
		at = now
	}
	if at.After(now.Add(time.Minute)) || at.Before(time.UnixMilli(0)) {
		faults.Add("/at", "an entry tells of a moment between 1970 and now")
	}
	if err == nil {
		err = faults.Err()
	}
	e.Version = 1
	return Activity{At: at.UTC().Truncate(time.Millisecond), Kind: Note, Source: source, By: by, Entry: &e}, err
}

// EntryPatch is an edit; what is nil stays.
type EntryPatch struct {
	Title, Text *string
	Documents   *[]Document
}

// Edit changes a note. crm.Conflict for what the system wrote, and for a message,
// which is sent. changed is false where nothing is other than it was.
func (a *Activity) Edit(p EntryPatch, by string, now time.Time) (changed bool, err error) {
	if err := a.Own(); err != nil {
		return false, err
	}
	e := *a.Entry
	if p.Title != nil {
		e.Title = *p.Title
	}
	if p.Text != nil {
		e.Text = *p.Text
	}
	if p.Documents != nil {
		e.Documents = *p.Documents
	}
	if err := e.Check(); err != nil {
		return false, err
	}
	if e.Title == a.Entry.Title && e.Text == a.Entry.Text && slices.Equal(e.Documents, a.Entry.Documents) {
		return false, nil
	}
	e.Version, e.EditedAt, e.EditedBy = e.Version+1, now, by
	a.Entry = &e
	return true, nil
}

// Own is nil for an entry that members may edit and delete.
func (a *Activity) Own() error {
	if a.Kind != Note || a.Entry == nil {
		return crm.Errorf(crm.Conflict, "this entry tells what happened; only notes can be edited and deleted")
	}
	return nil
}
