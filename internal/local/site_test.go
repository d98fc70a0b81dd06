package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/test/dynamotest"
)

func TestSiteSaysWhatIsMissing(t *testing.T) {
	all := []string{"-table", "book", "-api-url", "https://api.example.com/", "-name", "Bakkerij"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "-table is missing"},
		{all[:2], "-api-url is missing"},
		{all[:4], "-name is missing"},
		{append(all[:4:4], "-name", "  "), "-name is missing"},
		{append(all[:6:6], "-api-url", "api.example.com"), "is no address"},
		{append(all[:6:6], "-country", "Narnia"), "is no country"},
		{append(all[:6:6], "-language", "fr"), "is not nl or en"},
		{append(all[:6:6], "-plan", "gold"), "is not mini, business"},
		{append(all[:6:6], "-owner", "nobody"), "-owner: "},
		{append(all[:6:6], "Demo"), "needs quotes"},
		{append(all[:6:6], "-profile", "x"), "the flags are"},
	} {
		if _, _, _, err := siteWanted(c.args); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, which is no sentence with %q", c.args, err, c.want)
		}
	}
	table, url, w, err := siteWanted(append(all, "-country", "be", "-shopify-secret", "theirs"))
	if err != nil || table != "book" || url != "https://api.example.com" || w.country != "BE" || w.language != "nl" || w.secrets["shopify"] != "theirs" {
		t.Errorf("%q %q %+v %v", table, url, w, err)
	}
}

// What is printed leads to the site, and the key is in it once.
func TestSiteIsMade(t *testing.T) {
	ctx := context.Background()
	table := dynamotest.Table(t)
	_, url, w, err := siteWanted([]string{"-table", "book", "-api-url", "https://api.example.com", "-name", "Bäckerei am Großen Markt 24"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := makeSite(ctx, table, url, w)
	if err != nil {
		t.Fatal(err)
	}
	s, key, err := table.ByCredential(ctx, m.key, time.Now())
	if err != nil || s.ID != m.id || s.Name != w.name || s.Country != "NL" || len(key.Scopes) != len(site.Scopes) {
		t.Errorf("%+v %+v %v", s, key, err)
	}
	if s, _, err := table.ByForm(ctx, strings.TrimPrefix(m.formURL, url+"/f/")); err != nil || s.ID != m.id {
		t.Errorf("the form %s: %v", m.formURL, err)
	}
	for kind, made := range m.sources {
		if s, src, err := table.BySource(ctx, strings.TrimPrefix(made.URL, url+"/hooks/")); err != nil || s.ID != m.id || src.Kind != kind {
			t.Errorf("the connection %s: %v", made.URL, err)
		}
	}
	var out strings.Builder
	m.print(&out, w)
	if strings.Count(out.String(), m.key) != 1 || !strings.Contains(out.String(), m.formURL) || strings.Count(out.String(), "/hooks/") != 3 {
		t.Error(out.String())
	}
}

func TestIDPrefix(t *testing.T) {
	for name, want := range map[string]string{"Bakkerij": "bakkerij", "Fietsen Voorbeeld B.V.": "fietsenvoorb", "Ωμέγα": "site", "": "site"} {
		if got := idPrefix(name); got != want || !crm.SiteID(got+"00000000").Valid() {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}
