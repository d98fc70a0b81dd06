// Package awscfg makes the SDK's configuration once for all adapters of a
// function.
//
// It reads the few variables that Lambda sets itself, instead of the SDK's own
// config package: that one also knows profiles, single sign-on, assumed roles and
// the metadata service, which no function uses, and costs 1.5 MB of each zip
// and some milliseconds of each start.
package awscfg

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Load reads region, credentials and, for local services, endpoints:
// AWS_ENDPOINT_URL is for all of them, AWS_ENDPOINT_URL_DYNAMODB and
// AWS_ENDPOINT_URL_SESV2 for the table and the mail service where those are
// elsewhere (see Dynamo and Mail).
func Load(getenv func(string) string) aws.Config {
	cfg := aws.Config{Region: getenv("AWS_REGION")}
	if cfg.Region == "" {
		cfg.Region = getenv("AWS_DEFAULT_REGION")
	}
	creds := aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
		Source: "environment",
	}
	// Lambda sets them for the life of the process and replaces the process before
	// they lapse.
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		if !creds.HasKeys() {
			return creds, errors.New("there are no credentials in the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
		}
		return creds, nil
	})
	if url := getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	// The default transport keeps 10 idle connections a host; an import or export
	// has more requests under way and would open a new one for each.
	cfg.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
	})
	return cfg
}

// Dynamo is the configuration for the table.
func Dynamo(cfg aws.Config, getenv func(string) string) aws.Config {
	return at(cfg, getenv("AWS_ENDPOINT_URL_DYNAMODB"))
}

// Mail is the configuration for the mail service.
func Mail(cfg aws.Config, getenv func(string) string) aws.Config {
	return at(cfg, getenv("AWS_ENDPOINT_URL_SESV2"))
}

func at(cfg aws.Config, url string) aws.Config {
	if url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}
