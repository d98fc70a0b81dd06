package services

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"
)

const (
	stackName  = "clientele"
	codeBucket = "clientele-code"
	mailDomain = "example.com" // MailIdentity of template.yaml
)

// A Stack is the deployed template.
type Stack struct {
	Endpoint  string // of everything but the table
	Dynamo    string // of the table
	APIID     string
	Table     string
	Bucket    string
	Outputs   map[string]string
	resources map[string]string // logical id → physical id
	any       map[string]string // path of an ANY route → function
	stream    mapping           // of the table's stream; empty if no function is on it
}

// Deploy brings template.yaml to the running services: `sam build` and `sam
// package` when a source changed since the last time, then CloudFormation
// creates the stack from the packaged template. (`sam deploy` does the same
// with the same template, and waits some eight seconds in between.)
func Deploy(ctx context.Context, root string, ms *MiniStack, db *DynamoDB, publicURL string, say func(string, ...any)) (*Stack, error) {
	if err := needParts(python(root)); err != nil {
		return nil, err
	}
	if _, err := call(ctx, "s3", "PUT", join(ms.Endpoint, codeBucket), "application/xml",
		[]byte("<CreateBucketConfiguration><LocationConstraint>"+Region+"</LocationConstraint></CreateBucketConfiguration>")); err != nil {
		return nil, err
	}
	template, err := packaged(ctx, root, ms, say)
	if err != nil {
		return nil, err
	}
	templateURL := join(ms.Endpoint, codeBucket, "template.json")
	if _, err := call(ctx, "s3", "PUT", templateURL, "", template); err != nil {
		return nil, err
	}
	if err := cloudFormation(ctx, ms.Endpoint, nil, url.Values{
		"Action": {"CreateStack"}, "StackName": {stackName}, "TemplateURL": {templateURL},
		"Capabilities.member.1": {"CAPABILITY_IAM"}, "Capabilities.member.2": {"CAPABILITY_AUTO_EXPAND"},
		"Parameters.member.1.ParameterKey": {"Keep"}, "Parameters.member.1.ParameterValue": {"no"},
		"Parameters.member.2.ParameterKey": {"PublicUrl"}, "Parameters.member.2.ParameterValue": {publicURL},
	}); err != nil {
		return nil, err
	}
	s := &Stack{Endpoint: ms.Endpoint, Dynamo: db.Endpoint}
	if err := s.await(ctx); err != nil {
		return nil, err
	}
	processed, err := s.processed(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.createRoutes(ctx, processed); err != nil {
		return nil, err
	}
	if s.stream, _, err = readMapping(processed); err != nil {
		return nil, err
	}
	// On AWS a person has SES verify the sender's domain.
	if err := rest(ctx, "ses", "POST", join(ms.Endpoint, "v2/email/identities"), map[string]any{"EmailIdentity": mailDomain}, nil); err != nil {
		return nil, err
	}
	return s, s.createTable(ctx, processed)
}

// await waits until the stack stands and reads its outputs and resources.
func (s *Stack) await(ctx context.Context) error {
	for {
		var d struct {
			Stack struct {
				Status  string `xml:"StackStatus"`
				Reason  string `xml:"StackStatusReason"`
				Outputs []struct {
					Key   string `xml:"OutputKey"`
					Value string `xml:"OutputValue"`
				} `xml:"Outputs>member"`
			} `xml:"DescribeStacksResult>Stacks>member"`
		}
		if err := cloudFormation(ctx, s.Endpoint, &d, url.Values{"Action": {"DescribeStacks"}, "StackName": {stackName}}); err != nil {
			return err
		}
		if strings.HasSuffix(d.Stack.Status, "_IN_PROGRESS") {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		if d.Stack.Status != "CREATE_COMPLETE" {
			return fmt.Errorf("the stack is %s: %s", d.Stack.Status, d.Stack.Reason)
		}
		s.Outputs = map[string]string{}
		for _, o := range d.Stack.Outputs {
			s.Outputs[o.Key] = o.Value
		}
		break
	}
	s.resources = map[string]string{}
	for next := ""; ; { // a page has 100
		var l struct {
			Resources []struct {
				Logical  string `xml:"LogicalResourceId"`
				Physical string `xml:"PhysicalResourceId"`
			} `xml:"ListStackResourcesResult>StackResourceSummaries>member"`
			Next string `xml:"ListStackResourcesResult>NextToken"`
		}
		ask := url.Values{"Action": {"ListStackResources"}, "StackName": {stackName}}
		if next != "" {
			ask.Set("NextToken", next)
		}
		if err := cloudFormation(ctx, s.Endpoint, &l, ask); err != nil {
			return err
		}
		for _, r := range l.Resources {
			s.resources[r.Logical] = r.Physical
		}
		if next = l.Next; next == "" {
			break
		}
	}
	s.APIID, s.Table, s.Bucket = s.resources["HttpApi"], s.Outputs["TableName"], s.Outputs["BucketName"]
	return nil
}

type resource struct {
	Type       string
	Properties map[string]any
}

// processed is the template after the SAM transform.
func (s *Stack) processed(ctx context.Context) (map[string]resource, error) {
	var g struct {
		Body string `xml:"GetTemplateResult>TemplateBody"`
	}
	if err := cloudFormation(ctx, s.Endpoint, &g, url.Values{"Action": {"GetTemplate"}, "StackName": {stackName}, "TemplateStage": {"Processed"}}); err != nil {
		return nil, err
	}
	var t struct{ Resources map[string]resource }
	if err := json.Unmarshal([]byte(g.Body), &t); err != nil {
		return nil, fmt.Errorf("reading the processed template: %w", err)
	}
	return t.Resources, nil
}

// defaultPath is how the OpenAPI body writes the route of all that has none.
const defaultPath = "$default"

// createRoutes makes the API's routes. AWS imports them from the OpenAPI body
// that SAM generates; MiniStack ignores that body.
func (s *Stack) createRoutes(ctx context.Context, processed map[string]resource) error {
	b, err := json.Marshal(processed["HttpApi"].Properties["Body"])
	if err != nil {
		return err
	}
	var body struct {
		Paths map[string]map[string]struct {
			Integration struct {
				URI     struct{ Sub string } `json:"uri"`
				Payload string               `json:"payloadFormatVersion"`
			} `json:"x-amazon-apigateway-integration"`
		} `json:"paths"`
	}
	// The URI is {"Fn::Sub": "…functions/${ContactsFunction.Arn}/invocations"}.
	b = bytes.ReplaceAll(b, []byte(`"Fn::Sub"`), []byte(`"Sub"`))
	if err := json.Unmarshal(b, &body); err != nil {
		return fmt.Errorf("reading the API's routes: %w", err)
	}
	api := join(s.Endpoint, "v2/apis", s.APIID)
	integrations := map[string]string{}
	s.any = map[string]string{}
	for path, methods := range body.Paths {
		for method, m := range methods {
			_, after, _ := strings.Cut(m.Integration.URI.Sub, "functions/${")
			function, _, ok := strings.Cut(after, ".Arn}")
			if !ok {
				return fmt.Errorf("the route %s %s leads to %q, which is no function of this template", method, path, m.Integration.URI.Sub)
			}
			if s.resources[function] == "" {
				return fmt.Errorf("the route %s %s leads to %s, which the stack does not have", method, path, function)
			}
			if integrations[function] == "" {
				var made struct{ IntegrationID string }
				if err := rest(ctx, "apigateway", "POST", join(api, "integrations"), map[string]any{
					"integrationType": "AWS_PROXY", "integrationMethod": "POST", "payloadFormatVersion": m.Integration.Payload,
					"integrationUri": "arn:aws:lambda:" + Region + ":000000000000:function:" + s.resources[function],
				}, &made); err != nil {
					return err
				}
				integrations[function] = made.IntegrationID
			}
			if method == "x-amazon-apigateway-any-method" {
				method = "ANY"
				s.any[path] = s.resources[function]
			}
			key := strings.ToUpper(method) + " " + path
			if path == defaultPath {
				key = "$default"
			}
			if err := rest(ctx, "apigateway", "POST", join(api, "routes"), map[string]any{
				"routeKey": key, "target": "integrations/" + integrations[function],
			}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// createTable makes the stack's table in DynamoDB Local, with the template's
// own keys, indexes and stream.
func (s *Stack) createTable(ctx context.Context, processed map[string]resource) error {
	in := map[string]any{"TableName": s.Table}
	for _, name := range []string{"AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "BillingMode"} {
		if v, ok := processed["Table"].Properties[name]; ok {
			in[name] = v
		}
	}
	if v, ok := processed["Table"].Properties["StreamSpecification"].(map[string]any); ok && s.stream.FunctionName.Ref != "" {
		in["StreamSpecification"] = map[string]any{"StreamEnabled": true, "StreamViewType": v["StreamViewType"]}
	}
	if err := dynamo(ctx, s.Dynamo, "CreateTable", in); err != nil {
		return err
	}
	if ttl, ok := processed["Table"].Properties["TimeToLiveSpecification"]; ok {
		return dynamo(ctx, s.Dynamo, "UpdateTimeToLive", map[string]any{"TableName": s.Table, "TimeToLiveSpecification": ttl})
	}
	return nil
}

// packaged returns the packaged template and sees to it that the code it
// points to is in MiniStack's bucket.
func packaged(ctx context.Context, root string, ms *MiniStack, say func(string, ...any)) ([]byte, error) {
	sum, err := sourceSum(root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, ".local", "packaged", sum)
	file := filepath.Join(dir, "template.json")
	if b, err := os.ReadFile(file); err == nil {
		_ = os.Chtimes(dir, time.Time{}, time.Now())
		say("no source changed: the functions of the last build are taken")
		for _, key := range codeKeys(b) {
			zip, err := os.ReadFile(filepath.Join(dir, key))
			if err != nil {
				return nil, err
			}
			if _, err := call(ctx, "s3", "PUT", join(ms.Endpoint, codeBucket, key), "", zip); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	// A folder of our own: another run of this checkout may be building, too.
	work, err := os.MkdirTemp(ms.scratch, "build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	built, err := build(ctx, root, filepath.Join(work, "build"), say)
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(work, "packaged")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return nil, err
	}
	say("sam package")
	if err := sam(ctx, root, awsEnv(ms.Endpoint), "package", "--template-file", built, "--region", Region,
		"--s3-bucket", codeBucket, "--use-json", "--output-template-file", filepath.Join(tmp, "template.json")); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(tmp, "template.json"))
	if err != nil {
		return nil, err
	}
	for _, key := range codeKeys(b) {
		zip, err := call(ctx, "s3", "GET", join(ms.Endpoint, codeBucket, key), "", nil)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(tmp, key), zip, 0o644); err != nil {
			return nil, err
		}
	}
	// It appears whole or not at all, and what nobody used for an hour goes.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	old, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	for _, d := range old {
		if info, err := d.Info(); err == nil && d.Name() != sum && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(filepath.Dir(dir), d.Name()))
		}
	}
	return b, nil
}

// codeKeys finds the objects that a packaged template points to.
func codeKeys(template []byte) []string {
	seen := map[string]bool{}
	rest := string(template)
	for {
		_, after, ok := strings.Cut(rest, "\"s3://"+codeBucket+"/")
		if !ok {
			break
		}
		key, after, _ := strings.Cut(after, `"`)
		seen[key], rest = true, after
	}
	keys := make([]string, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// build runs `sam build` for this machine and returns the built template.
func build(ctx context.Context, root, dir string, say func(string, ...any)) (string, error) {
	env := append(awsEnv("http://127.0.0.1:1"), "CGO_ENABLED=0", "FUNCTION_OS="+runtime.GOOS, "FUNCTION_ARCH="+runtime.GOARCH)
	say("compiling the functions (minutes on a machine that never did, seconds later)")
	// First all packages once: sam builds the functions one by one and would
	// hide a compile error behind its own words.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "./functions/...")
	cmd.Dir, cmd.Env = root, append(env, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the functions do not compile:\n%s", out)
	}
	say("sam build")
	err := sam(ctx, root, env, "build", "--build-dir", dir)
	return filepath.Join(dir, "template.yaml"), err
}

func sam(ctx context.Context, root string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, python(root), append([]string{"-m", "samcli"}, args...)...)
	cmd.Dir, cmd.Env = root, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sam %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// sourceSum is a sum over everything that a deployment is made of.
func sourceSum(root string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	add := func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintf(h, "\x00%s\x00", strings.TrimPrefix(path, root))
		_, err = io.Copy(h, f)
		return err
	}
	for _, name := range []string{"go.mod", "go.sum", "Makefile", "samconfig.toml", "template.yaml"} {
		if err := add(filepath.Join(root, name)); err != nil {
			return "", err
		}
	}
	for _, top := range []string{"functions", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch rel := strings.TrimPrefix(path, root); {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || rel == "/internal/local" || rel == "/internal/test"):
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			return add(path)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
