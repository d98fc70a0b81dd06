// Mailer sends the mails of the mail queue and takes bounces and complaints back; see
// worker.Post and worker.Reports.
package main

import (
	"context"
	"fmt"
	"time"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/blob"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/adapter/mailer"
	"clientele/internal/adapter/queue"
	"clientele/internal/domain/consent"
	"clientele/internal/domain/site"
	"clientele/internal/entry/worker"
)

func main() { worker.StartMailer(build) }

// build wires the function; main_test.go calls it as well.
func build(_ context.Context, getenv func(string) string) (worker.Mailer, error) {
	cfg := awscfg.Load(getenv)
	table, err := dynamo.Open(awscfg.Dynamo(cfg, getenv), getenv("TABLE"))
	if err != nil {
		return worker.Mailer{}, err
	}
	files, err := blob.Open(cfg, getenv("BUCKET"))
	if err != nil {
		return worker.Mailer{}, err
	}
	mails, err := queue.Open(cfg, getenv("MAIL_QUEUE_URL"))
	if err != nil {
		return worker.Mailer{}, fmt.Errorf("MAIL_QUEUE_URL: %w", err)
	}
	dead, err := queue.Open(cfg, getenv("DEAD_LETTERS_URL"))
	if err != nil {
		return worker.Mailer{}, fmt.Errorf("DEAD_LETTERS_URL: %w", err)
	}
	sender, err := mailer.Open(awscfg.Mail(cfg, getenv), getenv("MAIL_FROM"), getenv("CONFIGURATION_SET"), time.Now)
	if err != nil {
		return worker.Mailer{}, err
	}
	post := worker.Post{
		Sites: table, Outbox: table, Book: func(s site.Site) worker.MailBook { return table.Book(s) },
		Files: files, Sender: sender, Queue: mails, Dead: dead, Clock: time.Now,
	}
	books := func(s site.Site) consent.Book { return table.Book(s) }
	return worker.Mailer{Mails: worker.Mails(post), Reports: worker.Reports(table, books, mailer.TagSite, mailer.TagMail, time.Now)}, nil
}
