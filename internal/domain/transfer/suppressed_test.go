package transfer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/test/transferkit"
)

// No file brings back who asked to be erased, and who left starts as having left;
// the fast path for new rows does not look first, and refuses all the same.
func TestAFileBringsNobodyBackWhoWasErased(t *testing.T) {
	b := newBench(t)
	book, s := b.site("bakery")
	ctx := context.Background()
	var file strings.Builder
	file.WriteString("email,first_name,newsletter\n")
	for i := range 250 {
		fmt.Fprintf(&file, "p%d@b.example,P%d,yes\n", i, i)
		why := contact.SuppressedErased
		if i%50 == 1 {
			why = contact.SuppressedUnsubscribed
		} else if i%50 != 0 {
			continue
		}
		if err := book.Suppress(ctx, fmt.Sprintf("P%d@B.example", i), why, base); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		j := b.run(book, s, file.String(), transferkit.Conditions{}, nil)
		if j.Counts.Rejected != 5 || j.Counts.Rows != 250 {
			t.Fatalf("%s", transferkit.String(j.Counts))
		}
	}
	for i := range 250 {
		c, err := book.Find(ctx, crm.EmailIdentity(fmt.Sprintf("p%d@b.example", i)))
		switch want := contact.ConsentSubscribed; {
		case i%50 == 0:
			if crm.CodeOf(err) != crm.NotFound {
				t.Errorf("row %d is back: %v", i, err)
			}
		case i%50 == 1:
			want = contact.ConsentUnsubscribed
			fallthrough
		default:
			if err != nil || c.Consent != want {
				t.Errorf("row %d is %s, %v; want %s", i, c.Consent, err, want)
			}
		}
	}
}
