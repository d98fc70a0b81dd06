package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Nothing of a person is in the logs, whatever the tests before this one sent:
// it comes last by the name of its file.
func TestLogsNameNobody(t *testing.T) {
	s := open(t)
	email := s.address()
	s.do(s.api, 202, "POST", s.run.FormURL+"?email="+url.QueryEscape(email), map[string]any{"email": email, "last_name": surname}, "Accept", "application/json")
	s.do(s.api, 422, "POST", s.run.FormURL, map[string]any{"email": email + ".", "last_name": surname}, "Accept", "application/json")
	s.do(s.api, 409, "POST", "/v1/contacts", map[string]any{"email": email})
	s.do(s.api, 404, "GET", "/v1/contacts/"+email, nil)

	person := regexp.MustCompile(`(?i)[\w.+-]+(@|%40)[\w.-]+\.(example|com|nl)\b|` + surname + `|bearer ck_|` + regexp.QuoteMeta(s.run.APIKey))
	lines := 0
	for _, group := range s.logGroups() {
		for _, line := range s.log(group) {
			lines++
			if hit := person.FindString(line); hit != "" {
				t.Errorf("%s tells %q: %.300s", group, hit, line)
			}
		}
	}
	if lines < 4 {
		t.Errorf("the logs have %d lines; are these the logs?", lines)
	}
}

// logs calls the log service of the local stack, which checks no signature.
func (s *stage) logs(action string, in, out any) {
	s.t.Helper()
	u, err := url.Parse(s.run.MailURL)
	s.must(err)
	a, err := s.api.Do(s.ctx, "POST", u.Scheme+"://"+u.Host+"/", in,
		"Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "Logs_20140328."+action,
		"Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/logs/aws4_request, SignedHeaders=host, Signature=none")
	s.must(err)
	if a.Status != 200 {
		s.t.Fatalf("%s: %s", action, a)
	}
	s.must(a.JSON(out))
}

func (s *stage) logGroups() (names []string) {
	var out struct {
		LogGroups []struct{ LogGroupName string }
	}
	s.logs("DescribeLogGroups", map[string]any{}, &out)
	for _, g := range out.LogGroups {
		names = append(names, g.LogGroupName)
	}
	if !strings.Contains(strings.Join(names, " "), "FormsLog") {
		s.t.Fatalf("no log of the forms among %v", names)
	}
	return names
}

func (s *stage) log(group string) (lines []string) {
	in := map[string]any{"logGroupName": group}
	for {
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		s.logs("FilterLogEvents", in, &out)
		for _, e := range out.Events {
			lines = append(lines, e.Message)
		}
		if out.NextToken == "" || out.NextToken == in["nextToken"] {
			return lines
		}
		in["nextToken"] = out.NextToken
	}
}
