package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/local/services"
)

// Seed makes the demo site: a contact form, an API key with every permission
// and three shop connections. It writes to the table at s.Dynamo, named s.Table.
func Seed(ctx context.Context, s *services.Stack, apiURL string) (services.Run, error) {
	table, err := dynamo.Open(aws.Config{
		Region: services.Region, BaseEndpoint: &s.Dynamo,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, s.Table)
	if err != nil {
		return services.Run{}, err
	}
	now := time.Now().UTC()
	demo := site.Site{ID: crm.SiteID("demo" + hex.EncodeToString(random(4))), Name: "Bakkerij Demo", Secret: random(32), Shards: 4,
		Country: "NL", Language: "nl", CreatedAt: now}
	if err := table.PutSite(ctx, demo); err != nil {
		return services.Run{}, fmt.Errorf("making the demo site: %w", err)
	}
	credential := site.NewCredential(demo.ID, [32]byte(random(32)))
	if err := table.PutKey(ctx, demo.ID, site.Key{ID: "key_" + hex.EncodeToString(random(6)), Hash: site.Hash(credential),
		Name: "demo", Scopes: site.Scopes, CreatedAt: now}); err != nil {
		return services.Run{}, fmt.Errorf("making the demo key: %w", err)
	}
	form := site.Form{ID: string(demo.ID) + "-contact", Name: "Contact"}
	if err := table.PutForm(ctx, demo.ID, form); err != nil {
		return services.Run{}, fmt.Errorf("making the demo form: %w", err)
	}
	run := services.Run{
		APIURL: apiURL, APIKey: credential, FormURL: apiURL + "/f/" + form.ID,
		MailURL: s.Endpoint + "/_ministack/ses/messages", Sources: map[string]services.Source{},
	}
	for kind, secret := range map[string]string{
		"shopify":     hex.EncodeToString(random(32)),
		"woocommerce": hex.EncodeToString(random(25)),
		"own":         "whsec_" + base64.StdEncoding.EncodeToString(random(32)),
	} {
		src := site.Source{ID: string(demo.ID) + "-" + kind, Kind: kind, Name: kind, Secrets: []string{secret}}
		if err := table.PutSource(ctx, demo.ID, src); err != nil {
			return services.Run{}, fmt.Errorf("making the demo connection %s: %w", kind, err)
		}
		run.Sources[kind] = services.Source{URL: apiURL + "/hooks/" + src.ID, Secret: secret}
	}
	return run, nil
}

// random gives n random bytes; since Go 1.24 reading them cannot fail.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
