package site

import (
	"testing"

	"clientele/internal/domain/crm"
)

func TestCursorsCannotBeReadForgedOrMoved(t *testing.T) {
	a, b := Site{ID: "a", Secret: []byte("one")}, Site{ID: "b", Secret: []byte("two")}
	c := a.SealCursor("contacts", "0006f1-position")
	if p, err := a.OpenCursor("contacts", c); err != nil || p != "0006f1-position" {
		t.Fatalf("%q, %v", p, err)
	}
	if _, err := b.OpenCursor("contacts", c); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("another site opens it: %v", err)
	}
	if _, err := a.OpenCursor("timeline", c); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("another list opens it: %v", err)
	}
	for i := range c {
		for _, x := range []byte("Aa0_-!") {
			forged := []byte(c)
			if forged[i] == x {
				continue
			}
			forged[i] = x
			if _, err := a.OpenCursor("contacts", string(forged)); err == nil {
				t.Fatalf("byte %d changed to %c is taken", i, x)
			}
		}
	}
	for _, bad := range []string{"x", c[:len(c)-1], c + "A", c + "=", " " + c} {
		if _, err := a.OpenCursor("contacts", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if p, err := a.OpenCursor("contacts", ""); p != "" || err != nil {
		t.Errorf("no cursor is the beginning: %q, %v", p, err)
	}
}

func TestCredentialsSayTheirSite(t *testing.T) {
	k := NewCredential("bakery", [32]byte{1})
	if id, ok := CredentialSite(k); !ok || id != "bakery" {
		t.Errorf("%s, %v", id, ok)
	}
	for _, bad := range []string{"", "ck_", "ck_bakery", "ck_bakery_", "ck_bakery_short", "ck_b#kery_" + k[10:], "ck_BAKERY_" + k[10:], "sk" + k[2:], k + "00"} {
		if id, ok := CredentialSite(bad); ok {
			t.Errorf("%q is of site %s", bad, id)
		}
	}
	for public, ok := range map[string]bool{"bakery-contact": true, "bakery-contact-2": true, "bakery": false, "bakery-": false, "bak#ry-x": false, "bakery-a/b": false, "-x": false, "bakery-X": false} {
		if _, got := PublicSite(public); got != ok {
			t.Errorf("%q: %v", public, got)
		}
	}
}
