// Package document is files that members keep with a contact: documents of an entry
// or a message, and the contact's picture. A file is announced, uploaded to S3 with
// a presigned request of exactly the announced size, looked at, and then used; it is
// handed out through the site alone.
//
// A file has a record from before its first byte until it is gone. Records that
// nothing uses end by themselves, and the file follows its record: see relay. An
// upload may come when its record is gone already, with its contact even. So it does
// not arrive where files are kept: what arrives ends after a day by the bucket's own
// rule (and for good another day later, as the bucket keeps versions that long), and is
// copied to its place once it was looked at.
package document

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/transfer"
)

// Limits.
const (
	MaxSize   = 10 << 20 // of a document
	MaxName   = 200      // characters
	UploadFor = 15 * time.Minute
	// KeepPending and KeepReady are how long a file stays that was announced, or
	// uploaded, and that nothing uses.
	KeepPending = 24 * time.Hour
	KeepReady   = 7 * 24 * time.Hour
	// LinkFor is how long a link to a file can be followed. The download may take longer.
	LinkFor = time.Minute
)

// Purpose is what a file is for.
type Purpose string

const (
	ForEntry  Purpose = "document"
	ForAvatar Purpose = "avatar"
)

// State is how far a file is.
type State string

const (
	Pending State = "pending" // announced
	Ready   State = "ready"   // uploaded and looked at
	Used    State = "used"    // by an entry, a message or as the picture
)

// File is one file of a contact.
type File struct {
	ID      string        // "doc_…"
	Contact crm.ContactID // whose partition has the record; given by the store
	Purpose Purpose
	State   State
	Name    string
	Type    string // of what is in it; of one that is announced, of its name
	Size    int64
	SHA256  string // hex, once it was looked at
	Entry   string // the activity that uses it
	By      string
	At      time.Time // announced
}

// Key is where a document is in the bucket: no name, and nothing that tells who it is of.
func (f File) Key(site crm.SiteID) string {
	return fmt.Sprintf("documents/%s/%s/%s", site, f.Contact, f.ID)
}

// Arrival is where the upload comes in.
func (f File) Arrival(site crm.SiteID) string {
	return fmt.Sprintf("incoming/%s/%s/%s", site, f.Contact, f.ID)
}

// Objects are all that there may be of the file in the bucket.
func (f File) Objects(site crm.SiteID) []string {
	keys := []string{f.Arrival(site), f.Key(site)}
	if f.Purpose == ForAvatar {
		keys = keys[:1]
		for _, size := range AvatarSizes {
			keys = append(keys, AvatarKey(site, f.Contact, f.ID, size))
		}
	}
	return keys
}

// AvatarSizes are the widths and heights of a contact's picture in pixels.
var AvatarSizes = []int{512, 96}

// AvatarKey is where a picture is in the bucket in one of the sizes.
func AvatarKey(site crm.SiteID, c crm.ContactID, id string, size int) string {
	return fmt.Sprintf("avatars/%s/%s/%s-%d", site, c, id, size)
}

// Store keeps the records in a site's book. A contact's files are those of the
// contacts that went into it too.
type Store interface {
	// AddFile keeps a new record and gives it its contact; crm.NotFound if the contact
	// is none. It ends at the moment unless the file is used before.
	AddFile(ctx context.Context, id crm.ContactID, f File, ends time.Time, once *contact.Once) (File, error)

	// GetFile reads a record; crm.NotFound if the contact has no such file.
	GetFile(ctx context.Context, id crm.ContactID, file string) (File, error)

	// ReadyFile keeps what was found out about a pending file, and lets it stay until
	// the moment. A file that is no longer pending stays as it is, and is the answer.
	ReadyFile(ctx context.Context, f File, ends time.Time) (File, error)

	// DropFile removes the record of a file that nothing uses.
	DropFile(ctx context.Context, f File) error
}

// Bucket keeps the files.
type Bucket interface {
	PresignPut(ctx context.Context, key string, size int64, valid time.Duration) (transfer.Upload, error)
	// PresignFile is a link to a file, to be saved under a name (shown in the page if it is empty).
	PresignFile(ctx context.Context, key, filename, contentType string, valid time.Duration) (string, error)
	Stat(ctx context.Context, key string) (size int64, etag string, err error)
	Read(ctx context.Context, key, etag string, offset, length int64) (io.ReadCloser, error)
	Put(ctx context.Context, key, contentType string, body []byte) error
	Remove(ctx context.Context, keys ...string) error
}

// Announce begins an upload. sizes and names are checked now, what is in the file at Complete.
func Announce(ctx context.Context, s Store, b Bucket, site crm.SiteID, id crm.ContactID, f File, once *contact.Once) (File, transfer.Upload, error) {
	limit := int64(MaxSize)
	if f.Purpose == ForAvatar {
		limit = MaxAvatar
	}
	var faults crm.Faults
	if f.Size < 1 || f.Size > limit {
		faults.Add("/size", "a file has 1 to %d bytes", limit)
	}
	if f.Purpose == ForEntry {
		var err error
		if f.Name, f.Type, err = cleanName(f.Name); err != nil {
			faults.Add("/name", "%s", err)
		}
	}
	if err := faults.Err(); err != nil {
		return f, transfer.Upload{}, err
	}
	f.State = Pending
	f, err := s.AddFile(ctx, id, f, f.At.Add(KeepPending), once)
	if err != nil {
		return f, transfer.Upload{}, err
	}
	up, err := f.Upload(ctx, b, site)
	return f, up, err
}

// Upload is how a pending file is sent.
func (f File) Upload(ctx context.Context, b Bucket, site crm.SiteID) (transfer.Upload, error) {
	return b.PresignPut(ctx, f.Arrival(site), f.Size, UploadFor)
}

// Complete looks at an uploaded document: its size, what it is, its hash. One that is
// not what documents may be is removed. A second call gives what the first one gave.
func Complete(ctx context.Context, s Store, b Bucket, site crm.SiteID, id crm.ContactID, file string, now time.Time) (File, error) {
	f, err := s.GetFile(ctx, id, file)
	if err != nil || f.State != Pending {
		return f, err
	}
	if f.Purpose != ForEntry {
		return f, crm.Errorf(crm.NotFound, "the contact has no such document")
	}
	f, content, err := f.load(ctx, s, b, site)
	if err != nil || f.State != Pending {
		return f, err
	}
	kind, err := sniff(f.Name, content)
	if err != nil {
		if drop := errors.Join(s.DropFile(ctx, f), b.Remove(ctx, f.Objects(site)...)); drop != nil {
			return f, drop
		}
		var faults crm.Faults
		faults.Add("path/document", "%s", err)
		return f, faults.Err()
	}
	sum := sha256.Sum256(content)
	f.Type, f.SHA256 = kind, hex.EncodeToString(sum[:])
	if err := b.Put(ctx, f.Key(site), kind, content); err != nil {
		return f, err
	}
	return f.ready(ctx, s, b, site, now)
}

// ready records that the file is in its place, and takes away what arrived. Cut off
// before the record, it is done again from the beginning, or the record ends and takes
// the file along; a file whose record went meanwhile is removed here.
func (f File) ready(ctx context.Context, s Store, b Bucket, site crm.SiteID, now time.Time) (File, error) {
	f.State = Ready
	kept, err := s.ReadyFile(ctx, f, now.Add(KeepReady))
	if crm.CodeOf(err) == crm.NotFound {
		if left := b.Remove(context.WithoutCancel(ctx), f.Objects(site)...); left != nil {
			return f, left
		}
	}
	if err != nil {
		return f, err
	}
	return kept, b.Remove(ctx, f.Arrival(site))
}

// load reads an upload whole; it is of the announced size or is none. A file that another
// call has completed meanwhile is given as it is now, without what was in it.
func (f File) load(ctx context.Context, s Store, b Bucket, site crm.SiteID) (File, []byte, error) {
	size, etag, err := b.Stat(ctx, f.Arrival(site))
	if err == nil && size != f.Size {
		return f, nil, crm.Errorf(crm.Conflict, "the file has %d bytes, but %d were announced; announce it again", size, f.Size)
	}
	var r io.ReadCloser
	if err == nil {
		r, err = b.Read(ctx, f.Arrival(site), etag, 0, size)
	}
	if errors.Is(err, transfer.ErrNoFile) {
		now, err := s.GetFile(ctx, f.Contact, f.ID)
		if err == nil && now.State == Pending {
			err = crm.Errorf(crm.Conflict, "the file has not arrived; send it to the address that the upload got, then call this again")
		}
		return now, nil, err
	}
	if err != nil {
		return f, nil, err
	}
	defer r.Close()
	content := make([]byte, size)
	if _, err := io.ReadFull(r, content); err != nil {
		return f, nil, fmt.Errorf("reading an upload: %w", err)
	}
	return f, content, nil
}

// cleanName is a name that any system can save a file under, and the type that its
// ending tells.
func cleanName(name string) (clean, kind string, err error) {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if !utf8.ValidString(name) {
		return "", "", fmt.Errorf("the name is not valid UTF-8")
	}
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`<>:"|?*`, r) { // Cf: what turns the direction of text
			return -1
		}
		return r
	}, name))
	if n := utf8.RuneCountInString(name); n > MaxName {
		return "", "", fmt.Errorf("the name has %d characters, at most %d fit", n, MaxName)
	}
	kind, ok := types[ending(name)]
	if !ok || len(name) == len(ending(name))+1 {
		return "", "", fmt.Errorf("a document is a file with one of these endings: %s", strings.Join(endings(), ", "))
	}
	return name, kind, nil
}

func ending(name string) string {
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

func endings() []string {
	var out []string
	for e := range types {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}
