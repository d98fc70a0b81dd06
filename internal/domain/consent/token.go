package consent

import (
	"strconv"
	"strings"
	"time"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

// Purpose is the one thing that a link may do.
type Purpose string

const (
	ToConfirm     Purpose = "confirm"     // what is awaited, for ConfirmFor
	ToUnsubscribe Purpose = "unsubscribe" // from a list or from all mail; it never ends
)

// ConfirmFor is how long the link of a request to confirm works.
const ConfirmFor = 7 * 24 * time.Hour

// A Token is what the link of a mail carries. It is sealed under the site's
// secret: it can be neither read nor made by anybody else, and names nobody.
type Token struct {
	Purpose Purpose
	Address crm.ContactID // slot of the address that the mail went to: whoever has it clicks
	List    string        // to unsubscribe from; empty: from all mail
	At      time.Time     // when the mail was made
	Contact crm.ContactID // whom it was sent to; empty where none has an id yet
}

// sealed is what tokens are bound to, so that no cursor passes for one.
const sealed = "consent link"

// Seal makes the text of a link's end: the site and the sealed token.
func (t Token) Seal(s site.Site) string {
	body := strings.Join([]string{string(t.Purpose), string(t.Address), t.List, strconv.FormatInt(t.At.Unix(), 36), string(t.Contact)}, " ")
	return string(s.ID) + "-" + s.SealCursor(sealed, body)
}

// TokenSite is the site that a link claims to be of.
func TokenSite(text string) (crm.SiteID, bool) {
	id, rest, ok := strings.Cut(text, "-")
	return crm.SiteID(id), ok && rest != "" && len(text) < 500 && crm.SiteID(id).Valid()
}

// OpenToken reads a link of the site. crm.NotFound for what is none.
func OpenToken(s site.Site, text string) (Token, error) {
	_, rest, _ := strings.Cut(text, "-")
	body, err := s.OpenCursor(sealed, rest)
	parts := strings.Split(body, " ")
	if len(parts) == 4 { // as once made
		parts = append(parts, "")
	}
	if err != nil || len(parts) != 5 {
		return Token{}, crm.Errorf(crm.NotFound, "this link is not one of ours, or not whole; open it from the mail again")
	}
	at, err := strconv.ParseInt(parts[3], 36, 64)
	if err != nil {
		return Token{}, err
	}
	return Token{Purpose(parts[0]), crm.ContactID(parts[1]), parts[2], time.Unix(at, 0).UTC(), crm.ContactID(parts[4])}, nil
}

// Link is a token as an address under base, for example "https://api.example.nl".
func Link(s site.Site, base string, t Token) string {
	return strings.TrimRight(base, "/") + "/c/" + t.Seal(s)
}

// UnsubscribeLink is the address that a mail to the contact has in its
// List-Unsubscribe header (RFC 8058) and at its foot. list is the one that it was sent
// to; empty for mail to all.
func UnsubscribeLink(s site.Site, base string, c *contact.Contact, list string, now time.Time) string {
	return Link(s, base, Token{Purpose: ToUnsubscribe, Address: slotOf(s, c.Email), List: list, At: now, Contact: c.ID})
}

func slotOf(s site.Site, email string) crm.ContactID {
	return crm.EmailIdentity(email).Slot(s.Secret)
}
