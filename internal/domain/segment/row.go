package segment

import (
	"time"

	"clientele/internal/domain/contact"
)

// Has reports whether a contact of the book passes the filter. A filter that asks
// for the site's own fields (see Own) needs a row that has them.
func (f Filter) Has(r *contact.Row) bool { return f.root == nil || f.root.match((*row)(r)) }

// Own reports whether the filter asks for fields that the site made.
func (f Filter) Own() bool { return f.root != nil && f.root.asks(Custom) }

// row lets a filter look at a contact.
type row contact.Row

func (r *row) Text(f Field) string {
	switch f {
	case ID:
		return string(r.ID)
	case Email:
		return r.Email
	case FirstName:
		return r.FirstName
	case LastName:
		return r.LastName
	case Company:
		return r.Company
	case Phone:
		return r.Phone
	case Status:
		return string(r.Status)
	case Consent:
		return string(r.Consent)
	case City:
		return r.City
	case Postcode:
		return r.Postcode
	case Country:
		return r.Country
	case Language:
		return r.Language
	case Group:
		return r.Group
	}
	return ""
}

func (r *row) Number(f Field) (int64, bool) { return int64(r.Orders), f == OrdersCount }

func (r *row) Time(f Field) (time.Time, bool) {
	switch f {
	case CreatedAt:
		return r.CreatedAt, true
	case UpdatedAt:
		return r.UpdatedAt, true
	}
	return time.Time{}, false
}

func (r *row) List(i int) (string, bool) {
	if i < len(r.Lists) {
		return r.Lists[i], true
	}
	return "", false
}

func (r *row) Tag(i int) (string, bool) {
	if i < len(r.Tags) {
		return r.Tags[i], true
	}
	return "", false
}

func (r *row) Own(key string) string { return r.Custom[key] }
