package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/local/services"
)

// Seed makes the demo site, with a contact form, an API key with every
// permission and three shop connections, and a second site beside it, by which
// tests see that sites stay apart. It writes to the table at s.Dynamo, named
// s.Table.
func Seed(ctx context.Context, s *services.Stack, apiURL string) (services.Run, error) {
	table, err := dynamo.Open(sdk(s), s.Table)
	if err != nil {
		return services.Run{}, err
	}
	demo, err := makeSite(ctx, table, apiURL, wanted{
		prefix: "demo", name: "Bakkerij Demo", country: "NL", language: "nl", calls: 6000, // for load runs on it
		form: site.Form{ID: "contact", Name: "Contact"}, secrets: newSecrets(),
	})
	if err != nil {
		return services.Run{}, err
	}
	// Only scripts of its own pages may post to this one.
	other, err := makeSite(ctx, table, apiURL, wanted{
		prefix: "other", name: "Fietsen Voorbeeld", country: "NL", language: "nl",
		form: site.Form{ID: "quote", Name: "Offerte", Origins: []string{"https://www.example.nl"}, ThankYou: "https://www.example.nl/bedankt"},
	})
	if err != nil {
		return services.Run{}, err
	}
	return services.Run{
		APIURL: apiURL, APIKey: demo.key, FormURL: demo.formURL,
		MailURL: s.Endpoint + "/_ministack/ses/messages", TableURL: s.Dynamo, Table: s.Table, Sources: demo.sources,
		OtherAPIKey: other.key, OtherFormURL: other.formURL,
	}, nil
}

// wanted is a site to be made.
type wanted struct {
	prefix                  string // the site's id begins with it; a–z and digits, at most 18
	name, country, language string
	calls                   int               // API calls a minute of each key; 0 for the usual limit
	form                    site.Form         // its id without the site's
	secrets                 map[string]string // kind of shop connection → what signs its webhooks
}

// made is what its owner needs of a new site. The key is kept nowhere else.
type made struct {
	id      crm.SiteID
	key     string
	formURL string
	sources map[string]services.Source
}

// makeSite writes a site with an API key that has every permission, a form and
// its shop connections.
func makeSite(ctx context.Context, table *dynamo.Table, apiURL string, w wanted) (made, error) {
	now := time.Now().UTC()
	s := site.Site{ID: crm.SiteID(w.prefix + hex.EncodeToString(random(4))), Name: w.name, Secret: random(32), Shards: 4, Calls: w.calls,
		Country: w.country, Language: w.language, CreatedAt: now}
	if err := table.PutSite(ctx, s); err != nil {
		return made{}, fmt.Errorf("making the site %s: %w", w.name, err)
	}
	m := made{id: s.ID, key: site.NewCredential(s.ID, [32]byte(random(32))), sources: map[string]services.Source{}}
	if err := table.PutKey(ctx, s.ID, site.Key{ID: "key_" + hex.EncodeToString(random(6)), Hash: site.Hash(m.key),
		Name: w.prefix, Scopes: site.Scopes, CreatedAt: now}); err != nil {
		return made{}, fmt.Errorf("making the key of %s: %w", w.name, err)
	}
	form := w.form
	form.ID = string(s.ID) + "-" + form.ID
	if err := table.PutForm(ctx, s.ID, form); err != nil {
		return made{}, fmt.Errorf("making the form of %s: %w", w.name, err)
	}
	m.formURL = apiURL + "/f/" + form.ID
	for kind, secret := range w.secrets {
		src := site.Source{ID: string(s.ID) + "-" + kind, Kind: kind, Name: kind, Secrets: []string{secret}}
		if err := table.PutSource(ctx, s.ID, src); err != nil {
			return made{}, fmt.Errorf("making the connection %s of %s: %w", kind, w.name, err)
		}
		m.sources[kind] = services.Source{URL: apiURL + "/hooks/" + src.ID, Secret: secret}
	}
	return m, nil
}

// newSecrets makes a secret for each kind of shop, in the form that it has there.
func newSecrets() map[string]string {
	return map[string]string{
		"shopify":     hex.EncodeToString(random(32)),
		"woocommerce": hex.EncodeToString(random(25)),
		"own":         "whsec_" + base64.StdEncoding.EncodeToString(random(32)),
	}
}

// random gives n random bytes; since Go 1.24 reading them cannot fail.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
