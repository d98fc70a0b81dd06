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
	now := time.Now().UTC()
	demo, key, err := seedSite(ctx, table, "demo", "Bakkerij Demo", now)
	if err != nil {
		return services.Run{}, err
	}
	form := site.Form{ID: string(demo) + "-contact", Name: "Contact"}
	if err := table.PutForm(ctx, demo, form); err != nil {
		return services.Run{}, fmt.Errorf("making the demo form: %w", err)
	}
	other, otherKey, err := seedSite(ctx, table, "other", "Fietsen Voorbeeld", now)
	if err != nil {
		return services.Run{}, err
	}
	// Only scripts of its own pages may post to this one.
	quote := site.Form{ID: string(other) + "-quote", Name: "Offerte", Origins: []string{"https://www.example.nl"}, ThankYou: "https://www.example.nl/bedankt"}
	if err := table.PutForm(ctx, other, quote); err != nil {
		return services.Run{}, fmt.Errorf("making the form of the other site: %w", err)
	}
	run := services.Run{
		APIURL: apiURL, APIKey: key, FormURL: apiURL + "/f/" + form.ID,
		MailURL: s.Endpoint + "/_ministack/ses/messages", Sources: map[string]services.Source{},
		OtherAPIKey: otherKey, OtherFormURL: apiURL + "/f/" + quote.ID,
	}
	for kind, secret := range map[string]string{
		"shopify":     hex.EncodeToString(random(32)),
		"woocommerce": hex.EncodeToString(random(25)),
		"own":         "whsec_" + base64.StdEncoding.EncodeToString(random(32)),
	} {
		src := site.Source{ID: string(demo) + "-" + kind, Kind: kind, Name: kind, Secrets: []string{secret}}
		if err := table.PutSource(ctx, demo, src); err != nil {
			return services.Run{}, fmt.Errorf("making the demo connection %s: %w", kind, err)
		}
		run.Sources[kind] = services.Source{URL: apiURL + "/hooks/" + src.ID, Secret: secret}
	}
	return run, nil
}

// seedSite makes a site with an API key.
func seedSite(ctx context.Context, table *dynamo.Table, id, name string, now time.Time) (crm.SiteID, string, error) {
	s := site.Site{ID: crm.SiteID(id + hex.EncodeToString(random(4))), Name: name, Secret: random(32), Shards: 4,
		Country: "NL", Language: "nl", CreatedAt: now}
	if err := table.PutSite(ctx, s); err != nil {
		return "", "", fmt.Errorf("making the site %s: %w", name, err)
	}
	credential := site.NewCredential(s.ID, [32]byte(random(32)))
	if err := table.PutKey(ctx, s.ID, site.Key{ID: "key_" + hex.EncodeToString(random(6)), Hash: site.Hash(credential),
		Name: id, Scopes: site.Scopes, CreatedAt: now}); err != nil {
		return "", "", fmt.Errorf("making the key of %s: %w", name, err)
	}
	return s.ID, credential, nil
}

// random gives n random bytes; since Go 1.24 reading them cannot fail.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
