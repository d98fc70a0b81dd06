package timeline

import (
	"slices"
	"time"
)

// Query asks for a page of a timeline.
type Query struct {
	Kinds []Kind    // empty: all
	Since time.Time // the earliest moment; zero: from the beginning
	Until time.Time // the first moment that is too late; zero: to the end
	After string    // the position that the page starts after; empty: the newest
	Limit int       // entries of a page
}

// Wants reports whether an entry is one that is asked for.
func (q Query) Wants(a Activity) bool {
	return (len(q.Kinds) == 0 || slices.Contains(q.Kinds, a.Kind)) &&
		!a.At.Before(q.Since) && (q.Until.IsZero() || a.At.Before(q.Until))
}

// MaxLooked is how many entries are looked through for one page. A page has
// fewer than its limit only where as many in a row were none that is asked for.
const MaxLooked = 10_000
