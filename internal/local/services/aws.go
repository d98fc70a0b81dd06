package services

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// call sends one request to a local service. MiniStack picks the service by
// the credential's scope and checks no signature, so none is computed and this
// package needs no SDK client for four services.
func call(ctx context.Context, service, method, url, contentType string, body []byte, header ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+Region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, fmt.Errorf("%s answered %d to %s %s: %.600s", service, res.StatusCode, method, req.URL.Path, b)
	}
	return b, nil
}

// cloudFormation calls one action and reads its XML answer into out.
func cloudFormation(ctx context.Context, endpoint string, out any, params url.Values) error {
	params.Set("Version", "2010-05-15")
	b, err := call(ctx, "cloudformation", "POST", endpoint+"/", "application/x-www-form-urlencoded", []byte(params.Encode()))
	if err != nil || out == nil {
		return err
	}
	return xml.Unmarshal(b, out)
}

// rest calls a JSON API such as API Gateway's.
func rest(ctx context.Context, service, method, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	b, err := call(ctx, service, method, url, "application/json", body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// dynamo calls one DynamoDB operation.
func dynamo(ctx context.Context, endpoint, operation string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = call(ctx, "dynamodb", "POST", endpoint+"/", "application/x-amz-json-1.0", body, "X-Amz-Target", "DynamoDB_20120810."+operation)
	return err
}

func join(parts ...string) string { return strings.Join(parts, "/") }
