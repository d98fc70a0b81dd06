package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/audit"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/mail"
	"clientele/internal/local/client"
	"clientele/internal/test/dynamotest"
)

// sentMail is a mail as the local mail service keeps it.
type sentMail struct {
	Source, Subject, BodyText, BodyHTML string
	To                                  []string
}

// mailsTo is what was sent to an address, in its order.
func (s *stage) mailsTo(email string) (found []sentMail) {
	s.t.Helper()
	a, err := s.api.Do(s.ctx, "GET", s.run.MailURL, nil)
	s.must(err)
	var out struct{ Messages map[string][]sentMail }
	s.must(a.JSON(&out))
	for _, list := range out.Messages {
		for _, m := range list {
			if slices.Contains(m.To, email) {
				found = append(found, m)
			}
		}
	}
	return found
}

// getsMail waits until an address has n mails.
func (s *stage) getsMail(email string, n int) (found []sentMail) {
	s.t.Helper()
	err := client.Until(s.ctx, 60*time.Second, func() (bool, error) {
		found = s.mailsTo(email)
		return len(found) >= n, nil
	})
	if err != nil || len(found) != n {
		s.t.Fatalf("%d mails, want %d (%v)", len(found), n, err)
	}
	return found
}

func (s *stage) site() crm.SiteID { return crm.SiteID(strings.SplitN(s.run.APIKey, "_", 3)[1]) }

// table is the deployed stack's own.
func (s *stage) table() (*dynamo.Table, *dynamodb.Client) {
	s.t.Helper()
	table, err := dynamo.Open(dynamotest.Config(s.run.TableURL), s.run.Table)
	s.must(err)
	return table, dynamodb.NewFromConfig(dynamotest.Config(s.run.TableURL))
}

func message(to, text string) mail.Message {
	return mail.Message{ID: mail.Derive(to, text), Template: mail.FromMember, To: mail.Address{Email: to, Name: surname}, Group: "person:" + to,
		Values: map[string]string{mail.Subject: text, mail.Text: text}, CreatedAt: time.Now().UTC()}
}

// What is committed is mailed, in its order, whatever lies beside it.
func TestACommittedMailGoesOutInItsOrder(t *testing.T) {
	s := open(t)
	table, db := s.table()
	email, other := s.address(), s.address()

	// One that nobody can read, and a record that relay cannot: both ahead of all others.
	broken := message(email, "broken")
	poison := func(id, attribute string) {
		item := map[string]types.AttributeValue{}
		for name, v := range map[string]string{"PK": "S#" + string(s.site()) + "#O", "SK": id, "t": "mail", "st": "pending",
			"g": broken.Order(), "body": `{"to":{"e":"` + email} {
			if name != attribute {
				item[name] = &types.AttributeValueMemberS{Value: v}
			}
		}
		item["sv"] = &types.AttributeValueMemberN{Value: "1"}
		_, err := db.PutItem(s.ctx, &dynamodb.PutItemInput{TableName: aws.String(s.run.Table), Item: item})
		s.must(err)
	}
	poison(broken.ID, "")
	poison(mail.Derive(email, "no order"), "g")

	texts := []string{"een", "twee", "drie", "vier"}
	for _, text := range texts {
		s.must(table.Post(s.ctx, s.site(), message(email, text)))
	}
	s.must(table.Post(s.ctx, s.site(), mail.Message{Template: mail.SignInCode, To: mail.Address{Email: other},
		Values: map[string]string{mail.Code: "482 913", mail.Link: s.run.APIURL + "/sign-in"}, CreatedAt: time.Now().UTC()}))

	var got []string
	for _, m := range s.getsMail(email, len(texts)) {
		got = append(got, m.Subject)
	}
	if !slices.Equal(got, texts) {
		t.Errorf("sent %q, want %q", got, texts)
	}
	code := s.getsMail(other, 1)[0]
	if !strings.Contains(code.BodyText, "482 913") || !strings.Contains(code.BodyHTML, "482 913") || code.Subject != "Je inlogcode voor Bakkerij Demo" {
		t.Errorf("the code is not in the mail: %+v", code)
	}

	// Asked to try again, the broken one is tried and put aside again; nothing is sent twice.
	_, err := db.UpdateItem(s.ctx, &dynamodb.UpdateItemInput{TableName: aws.String(s.run.Table),
		Key:              map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "S#" + string(s.site()) + "#O"}, "SK": &types.AttributeValueMemberS{Value: broken.ID}},
		UpdateExpression: aws.String("ADD again :one"), ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}}})
	s.must(err)
	s.must(table.Post(s.ctx, s.site(), message(email, "vijf")))
	s.getsMail(email, len(texts)+1)

	// What was sent says nothing any more.
	for _, text := range texts {
		if _, ok, err := table.Take(s.ctx, s.site(), message(email, text).ID, time.Now(), time.Now()); ok || err != nil {
			t.Errorf("%s waits still (%v)", text, err)
		}
	}
}

// What an actor did to a contact is in the audit log, once, and nothing that it says.
func TestTheAuditLogTellsWhoDidIt(t *testing.T) {
	s := open(t)
	table, _ := s.table()
	k := s.create(map[string]any{"email": s.address(), "last_name": surname})
	a := s.do(s.api, 200, "PATCH", "/v1/contacts/"+k.ID, map[string]any{"note": surname}, "If-Match", "*", "Content-Type", "application/merge-patch+json")
	s.do(s.api, 204, "DELETE", "/v1/contacts/"+k.ID, nil, "If-Match", a.Header.Get("ETag"))
	want := []audit.Action{audit.ContactDeleted, audit.ContactChanged, audit.ContactCreated}
	var got []audit.Action
	err := client.Until(s.ctx, 60*time.Second, func() (bool, error) {
		rows, _, err := table.AuditLog(s.ctx, s.site(), audit.Filter{Object: k.ID}, 50, "")
		got = nil
		for _, r := range rows {
			if !strings.HasPrefix(r.By, "key_") || strings.Contains(strings.Join(r.Fields, " "), surname) {
				t.Errorf("the row %+v", r)
			}
			got = append(got, r.Action)
		}
		return len(got) >= len(want), err
	})
	// Two of one millisecond stand in any order.
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v (%v)", got, want, err)
	}
}

// An invitation by the API is a mail with a link, in the language that was asked for.
func TestAnInvitationIsMailed(t *testing.T) {
	s := open(t)
	email := s.address()
	s.do(s.api, 201, "POST", "/v1/members", map[string]any{"email": email, "name": surname, "role": "viewer", "language": "en"})
	m := s.getsMail(email, 1)[0]
	if !strings.Contains(m.Subject, "invites you to") || !strings.Contains(m.BodyText, "/invitation#") || !strings.Contains(m.BodyText, surname) {
		t.Errorf("the invitation is %+v", m)
	}
}
