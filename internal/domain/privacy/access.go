package privacy

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"clientele/internal/domain/audit"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/document"
	"clientele/internal/domain/group"
	"clientele/internal/domain/mail"
	"clientele/internal/domain/member"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
	"clientele/internal/domain/transfer"
)

// AccessState is how far an access request is: running → ready, or → failed, with
// Fault. Either is final, whatever comes twice.
type AccessState string

const (
	AccessRunning AccessState = "running"
	AccessReady   AccessState = "ready"
	AccessFailed  AccessState = "failed"
)

// AccessPrefix is what ids of access requests begin with.
const AccessPrefix = "acc_"

// AccessKeptFor is how long the file stays; the bucket's lifecycle rule removes it.
const AccessKeptFor = 7 * 24 * time.Hour

// Access is one request for everything that a site knows of a contact (GDPR,
// articles 15 and 20). It holds nothing of the person but the contact's id.
type Access struct {
	ID        string
	Contact   crm.ContactID
	State     AccessState
	By        string // who asked
	ByName    string
	ByKind    site.ActorKind
	Link      string // where the request is told about; what the mail leads to
	Fault     string // why it failed, for a person
	Size      int64  // bytes of the file
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Key is where the file is in the bucket.
func (a Access) Key(s crm.SiteID) string { return AccessKeys(s, a.Contact) + a.ID + ".zip" }

// AccessKeys begins the keys of all access files of a contact.
func AccessKeys(s crm.SiteID, c crm.ContactID) string {
	return "access/" + string(s) + "/" + string(c) + "/"
}

// Gone reports whether the file's days are over.
func (a Access) Gone(now time.Time) bool {
	return a.State == AccessReady && now.Sub(a.UpdatedAt) > AccessKeptFor
}

// note is a row of the audit log about the request.
func (a Access) note(what audit.Action, at time.Time, request string) audit.Entry {
	e := audit.Note(site.Actor{ID: a.By, Name: a.ByName, Kind: a.ByKind}, request, at, what, string(a.Contact))
	e.ID = audit.DeriveID(at, string(what), a.ID)
	return e
}

// AccessBook keeps the requests of one site.
type AccessBook interface {
	// CreateAccess keeps a new request with its row of the audit log, or nothing.
	// With once set, a second call with the same key gives what the first one made
	// (replayed); crm.KeyReused if the input was another.
	CreateAccess(ctx context.Context, a Access, once *contact.Once, e audit.Entry) (_ Access, replayed bool, err error)

	// Access reads one, strongly consistent; crm.NotFound.
	Access(ctx context.Context, id string) (Access, error)

	// EndAccess stores how a request that still runs ended, with its row of the audit
	// log and its mail if there are any, in one transaction. One that has ended stays as it is.
	EndAccess(ctx context.Context, a Access, e *audit.Entry, m *mail.Message) error

	// Get reads a contact; see contact.Book.
	Get(ctx context.Context, id crm.ContactID) (contact.Contact, error)
}

// Sources is all that a site knows of a contact. What takes ids gives what is kept
// under any of them (contact.Contact.IDs); next is empty on the last page.
type Sources interface {
	Get(ctx context.Context, id crm.ContactID) (contact.Contact, error)
	Timeline(ctx context.Context, id crm.ContactID, q timeline.Query) (acts []timeline.Activity, next string, err error)
	Orders(ctx context.Context, of []crm.ContactID, limit int, after string) (orders []order.Order, next string, err error)
	Dealings(ctx context.Context, of []crm.ContactID, kind order.DealingKind, limit int, after string) (list []order.Dealing, next string, err error)
	Devices(ctx context.Context, id crm.ContactID) ([]contact.PushDevice, error)
	Files(ctx context.Context, of []crm.ContactID) ([]document.File, error)
	Suppressions(ctx context.Context, addresses []string) ([]consent.Suppressed, error)
	Groups(ctx context.Context) ([]group.Group, error)
}

// AccessStore is both.
type AccessStore interface {
	AccessBook
	Sources
}

// AccessQueue hands requests to a worker; each arrives at least once.
type AccessQueue interface {
	SendAccess(ctx context.Context, t AccessTask) error
}

// AccessMessage is the kind of a message that carries an AccessTask as JSON.
const AccessMessage = "access"

// AccessTask asks for the file of a request.
type AccessTask struct {
	Site   crm.SiteID `json:"site"`
	Access string     `json:"access"`
}

// RequestAccess keeps a request and has its file made. Repeated with the same key
// it also makes up for a message that was never sent. crm.Invalid, naming
// contact_id, for a contact there is not.
func RequestAccess(ctx context.Context, b AccessBook, q AccessQueue, s crm.SiteID, a Access, once *contact.Once, request string) (_ Access, replayed bool, err error) {
	c, err := b.Get(ctx, a.Contact)
	if crm.CodeOf(err) == crm.NotFound {
		var faults crm.Faults
		faults.Add("/contact_id", "there is no such contact on this site")
		return a, false, faults.Err()
	}
	if err != nil {
		return a, false, err
	}
	a.Contact, a.State, a.UpdatedAt = c.ID, AccessRunning, a.CreatedAt
	a, replayed, err = b.CreateAccess(ctx, a, once, a.note(audit.AccessRequested, a.CreatedAt, request))
	if err != nil || a.State != AccessRunning {
		return a, replayed, err
	}
	return a, replayed, q.SendAccess(ctx, AccessTask{s, a.ID})
}

// AccessFiles is the bucket, with the contact's files and where the result goes.
type AccessFiles interface {
	Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error)
	Create(ctx context.Context, key, contentType string) transfer.FileWriter
}

// Members tells who is to get the mail.
type Members interface {
	Member(ctx context.Context, id crm.SiteID, m string) (site.Site, member.Member, error)
}

// AccessMaker writes the files.
type AccessMaker struct {
	Files   AccessFiles
	Members Members
	Clock   crm.Clock
}

// Do writes the file of a request and ends it. A worker that is killed leaves no
// file, or one without a link, which the next one replaces; the request, its row of
// the audit log and the mail change together, once.
func (mk *AccessMaker) Do(ctx context.Context, b AccessStore, s site.Site, id string) error {
	a, err := b.Access(ctx, id)
	if crm.CodeOf(err) == crm.NotFound || err == nil && a.State != AccessRunning {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := b.Get(ctx, a.Contact)
	if err == nil {
		a.Size, err = mk.write(ctx, b, s, &c, a)
	}
	if crm.CodeOf(err) == crm.NotFound { // also where it went while the file was written
		return endFailed(ctx, b, a, "the contact was deleted since", mk.Clock.Now())
	}
	if err != nil {
		return fmt.Errorf("access request %s: %w", a.ID, err)
	}
	m, err := mk.mail(ctx, s, a)
	if err != nil {
		return fmt.Errorf("access request %s: %w", a.ID, err)
	}
	a.State, a.UpdatedAt = AccessReady, mk.Clock.Now()
	e := a.note(audit.AccessFileMade, a.UpdatedAt, "")
	return b.EndAccess(ctx, a, &e, m)
}

// GiveUpAccess ends a request whose file could not be made.
func GiveUpAccess(ctx context.Context, b AccessBook, id string, now time.Time) error {
	a, err := b.Access(ctx, id)
	if crm.CodeOf(err) == crm.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return endFailed(ctx, b, a, "the file could not be made; ask for a new one", now)
}

func endFailed(ctx context.Context, b AccessBook, a Access, why string, now time.Time) error {
	a.State, a.Fault, a.Size, a.UpdatedAt = AccessFailed, why, 0, now
	return b.EndAccess(ctx, a, nil, nil)
}

// mail is for the member who asked, if they still may have the file. It leads to
// the request and never to the file.
func (mk *AccessMaker) mail(ctx context.Context, s site.Site, a Access) (*mail.Message, error) {
	if a.ByKind != site.ByMember {
		return nil, nil
	}
	_, m, err := mk.Members.Member(ctx, s.ID, a.By)
	if crm.CodeOf(err) == crm.NotFound || err == nil && (m.State != member.Active || !slices.Contains(m.Scopes(), site.ContactsExport)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := mk.Clock.Now()
	return &mail.Message{ID: mail.Derive("access", a.ID), Template: mail.AccessReady, Language: m.Language, To: mail.Address{Email: m.Email, Name: m.Name},
		Values: map[string]string{mail.Name: m.Name, mail.Link: a.Link, mail.Until: now.Add(AccessKeptFor).UTC().Format(time.RFC3339)}, CreatedAt: now}, nil
}

// write streams the zip: first the person's files, then both descriptions, which
// read the book page by page. Memory is bounded by a page.
func (mk *AccessMaker) write(ctx context.Context, b Sources, s site.Site, c *contact.Contact, a Access) (size int64, err error) {
	file := mk.Files.Create(ctx, a.Key(s.ID), "application/zip")
	defer func() {
		if err != nil {
			file.Abort()
		}
	}()
	out := &counter{w: file}
	z := zip.NewWriter(out)
	create := func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.CreatedAt})
	}
	d, err := gather(ctx, b, s, c, a)
	if err != nil {
		return 0, err
	}
	for i := range d.files {
		if err := mk.copyFile(ctx, create, s.ID, &d.files[i]); err != nil {
			return 0, err
		}
	}
	for _, part := range []struct {
		name  string
		write func(context.Context, io.Writer) error
	}{{"data.json", d.json}, {"index.html", d.html}} {
		w, err := create(part.name)
		if err == nil {
			err = part.write(ctx, w)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return out.n, file.Close()
}

// copyFile puts a file of the contact into the zip, and marks one that is not there:
// of an upload that never arrived there is a record alone.
func (mk *AccessMaker) copyFile(ctx context.Context, create func(string) (io.Writer, error), s crm.SiteID, f *fileFile) error {
	r, err := mk.Files.Read(ctx, f.key, "", 0, -1)
	if errors.Is(err, transfer.ErrNoFile) {
		f.Path, f.Missing = "", true
		return nil
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", f.ID, err)
	}
	defer r.Close()
	w, err := create(f.Path)
	if err == nil {
		_, err = io.Copy(w, r)
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", f.ID, err)
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pathIn is the name of a file in the zip: its own behind its id, which parts equal
// ones, and nothing that leads out of the folder.
func pathIn(id, name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	return "files/" + id + "-" + strings.TrimLeft(name, ".")
}
