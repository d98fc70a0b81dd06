package mailer

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"clientele/internal/domain/mail"
)

// Names of the tags by which a bounce is known.
const (
	TagSite = "clientele-site"
	TagMail = "clientele-mail"
)

// SES sends mails.
type SES struct {
	ses   *sesv2.Client
	from  string
	set   *string
	clock func() time.Time
}

var _ mail.Sender = (*SES)(nil)

// Open makes a sender; no request is made. from is the address that all mails
// come from, set the configuration set that reports bounces, which may be empty.
func Open(cfg aws.Config, from, set string, clock func() time.Time, opts ...func(*sesv2.Options)) (*SES, error) {
	if _, err := netmail.ParseAddress(from); err != nil {
		return nil, errors.New("the sender's address is missing or none; the function needs MAIL_FROM")
	}
	s := &SES{ses: sesv2.NewFromConfig(cfg, opts...), from: from, clock: clock}
	if set != "" {
		s.set = &set
	}
	return s, nil
}

// Send implements mail.Sender. The tags come back with a bounce and tell which
// mail it was.
func (s *SES) Send(ctx context.Context, h mail.House, m mail.Message, files []mail.File) (string, error) {
	l, err := Render(h, m)
	if err != nil {
		return "", err
	}
	raw, err := compose(netmail.Address{Name: line(h.Name), Address: s.from}, l, m, files, s.clock())
	if err != nil {
		return "", err
	}
	to, err := wire(m.To.Email)
	if err != nil {
		return "", err
	}
	out, err := s.ses.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &s.from, ConfigurationSetName: s.set,
		Destination: &types.Destination{ToAddresses: []string{to}},
		Content:     &types.EmailContent{Raw: &types.RawMessage{Data: raw}},
		EmailTags: []types.MessageTag{
			{Name: aws.String(TagSite), Value: aws.String(string(h.Site))},
			{Name: aws.String(TagMail), Value: &m.ID},
		},
	})
	if err != nil {
		return "", judge(err)
	}
	return aws.ToString(out.MessageId), nil
}

// judge tells a mail that SES will never take from a service that is down, full
// or not set up, for which the mail waits. SES's own words quote addresses, so
// they stay inside.
func judge(err error) error {
	var rejected *types.MessageRejected
	var bad *types.BadRequestException
	switch {
	case errors.As(err, &rejected) && !notVerified(rejected.ErrorMessage()):
		return &mail.RefusedError{Reason: "the sending service rejected what is in it"}
	case errors.As(err, &bad):
		return &mail.RefusedError{Reason: "the sending service cannot read it, or its address"}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("sending a mail: %s", api.ErrorCode())
	}
	return fmt.Errorf("sending a mail: %w", err)
}

// notVerified tells a sender that is not set up yet from a mail that is at fault:
// SES has one error for both.
func notVerified(message string) bool { return strings.Contains(message, "not verified") }
