// Package awscfg loads the SDK's configuration once for all adapters of a
// function. Locally AWS_ENDPOINT_URL points every client at the local services.
package awscfg

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// Load reads region, credentials and endpoint from the environment.
func Load(ctx context.Context) (aws.Config, error) {
	// The default transport keeps 10 idle connections a host; an import or export
	// has more requests under way and would open a new one for each.
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = 64
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return aws.Config{}, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	return cfg, nil
}
