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
	"clientele/internal/domain/member"
	"clientele/internal/domain/plan"
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
	if err := demo.invite(ctx, table, apiURL, demoOwner); err != nil {
		return services.Run{}, err
	}
	owner, err := member.Accept(ctx, table, member.Accepted{Token: demo.invitation, Name: "Dana Demo", Agent: "make run", Secret: [32]byte(random(32)), Now: time.Now().UTC()})
	if err != nil {
		return services.Run{}, fmt.Errorf("making the owner of the demo site: %w", err)
	}
	return services.Run{
		OwnerEmail: demoOwner, OwnerSession: owner.Token,
		APIURL: apiURL, APIKey: demo.key, FormURL: demo.formURL,
		MailURL: s.Endpoint + "/_ministack/ses/messages", TableURL: s.Dynamo, Table: s.Table, ServicesURL: s.Endpoint, Bucket: s.Bucket, Sources: demo.sources,
		OtherAPIKey: other.key, OtherFormURL: other.formURL,
	}, nil
}

// wanted is a site to be made.
type wanted struct {
	prefix                  string // the site's id begins with it; a–z and digits, at most 18
	name, country, language string
	plan                    plan.Plan         // empty: everything
	calls                   int               // API calls a minute of each key; 0 for the usual limit
	form                    site.Form         // its id without the site's
	secrets                 map[string]string // kind of shop connection → what signs its webhooks
	owner                   string            // address of who is invited to own it; empty: nobody
}

const demoOwner = "owner@demo.example"

// made is what its owner needs of a new site. The key is kept nowhere else.
type made struct {
	id         crm.SiteID
	site       site.Site
	key        string
	formURL    string
	sources    map[string]services.Source
	invitation string // the owner's, if one was invited
}

// invite sends the invitation of the first owner.
func (m *made) invite(ctx context.Context, table *dynamo.Table, url, email string) error {
	by := site.Actor{ID: "setup", Name: m.site.Name, Kind: site.BySystem, Owner: true, Scopes: site.Scopes}
	i := member.Inviting{By: by, Wanted: member.Wanted{Email: email, Role: member.Owner}, ID: [16]byte(random(16)), Secret: [32]byte(random(32)), Link: url, Now: time.Now().UTC()}
	id, _, err := member.Invite(ctx, table, m.site, i)
	if err != nil {
		return fmt.Errorf("inviting the owner of %s: %w", m.site.Name, err)
	}
	m.invitation = member.InvitationToken(m.id, id, i.Secret)
	return nil
}

// makeSite writes a site with an API key that has every permission, a form and
// its shop connections.
func makeSite(ctx context.Context, table *dynamo.Table, apiURL string, w wanted) (made, error) {
	now := time.Now().UTC()
	s := site.Site{ID: crm.SiteID(w.prefix + hex.EncodeToString(random(4))), Name: w.name, Secret: random(32), Shards: 4, Calls: w.calls, Plan: w.plan, DoubleOptIn: true,
		Country: w.country, Language: w.language, CreatedAt: now}
	if err := table.PutSite(ctx, s); err != nil {
		return made{}, fmt.Errorf("making the site %s: %w", w.name, err)
	}
	m := made{id: s.ID, site: s, key: site.NewCredential(s.ID, [32]byte(random(32))), sources: map[string]services.Source{}}
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
