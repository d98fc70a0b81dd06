// Package dynamotest gives a test its own table on DynamoDB Local and a site in it.
package dynamotest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
	"clientele/internal/test/stack"
)

// Config is an SDK configuration for an endpoint of local services, with
// credentials that mean nothing.
func Config(endpoint string) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	}
}

// Table makes an empty table on DynamoDB Local that goes with the test. It fails
// the test, with the command that installs it, where the service is missing.
func Table(t testing.TB, opts ...func(*dynamodb.Options)) *dynamo.Table {
	t.Helper()
	table, _ := Named(t, stack.DynamoLocal(t), opts...)
	return table
}

// Named is Table on a given endpoint, with the table's name.
func Named(t testing.TB, endpoint string, opts ...func(*dynamodb.Options)) (*dynamo.Table, string) {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	if len(name) > 200 {
		name = name[:200]
	}
	name = fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	cfg := Config(endpoint)
	admin := dynamodb.NewFromConfig(cfg)
	if _, err := admin.CreateTable(context.Background(), dynamo.Schema(name)); err != nil {
		t.Fatalf("creating a table on %s: %v", endpoint, err)
	}
	t.Cleanup(func() {
		if _, err := admin.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Errorf("removing table %s: %v", name, err)
		}
	})
	table, err := dynamo.Open(cfg, name, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return table, name
}

// Site makes and stores a site of four shards.
func Site(t testing.TB, table *dynamo.Table, id crm.SiteID) site.Site {
	t.Helper()
	secret := sha256.Sum256([]byte(id))
	s := site.Site{ID: id, Name: string(id), Secret: secret[:], Shards: 4, Country: "NL", Language: "nl",
		CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := table.PutSite(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return s
}
