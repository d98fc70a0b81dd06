package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"clientele/internal/adapter/awscfg"
	"clientele/internal/adapter/dynamo"
	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/plan"
	"clientele/internal/domain/site"
)

// newSite makes a site in a deployed stack, and prints once what its owner needs.
// Region and credentials come from the usual variables, as those of the
// functions do.
func newSite(ctx context.Context, _ string, args []string) error {
	name, apiURL, w, err := siteWanted(args)
	if err != nil {
		return err
	}
	cfg := awscfg.Load(os.Getenv)
	if cfg.Region == "" {
		return errors.New("AWS_REGION is not set: the region of the stack")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("%w; `eval \"$(aws configure export-credentials --format env)\"` sets them from a profile", err)
	}
	table, err := dynamo.Open(awscfg.Dynamo(cfg, os.Getenv), name)
	if err != nil {
		return err
	}
	m, err := makeSite(ctx, table, apiURL, w)
	if err != nil {
		return err
	}
	if w.owner != "" {
		if err := m.invite(ctx, table, apiURL, w.owner); err != nil {
			return err
		}
	}
	m.print(os.Stdout, w)
	return nil
}

// siteWanted reads the flags: the table's name, the API's address and the site.
func siteWanted(args []string) (table, apiURL string, w wanted, err error) {
	flags := flag.NewFlagSet("site", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is in the error
	flags.StringVar(&table, "table", "", "")
	flags.StringVar(&apiURL, "api-url", "", "")
	flags.StringVar(&w.name, "name", "", "")
	flags.StringVar(&w.country, "country", "NL", "")
	flags.StringVar(&w.language, "language", "nl", "")
	flags.StringVar(&w.owner, "owner", "", "")
	flags.StringVar((*string)(&w.plan), "plan", "", "")
	shopify := flags.String("shopify-secret", "", "")
	if err := flags.Parse(args); err != nil {
		return "", "", w, fmt.Errorf("%w (the flags are -table, -api-url, -name, -country, -language, -owner, -plan and -shopify-secret)", err)
	}
	w.name, apiURL = strings.TrimSpace(w.name), strings.TrimRight(apiURL, "/")
	country := contact.CleanCountry(w.country)
	u, badURL := url.Parse(apiURL)
	owner, badOwner := crm.ParseEmail(w.owner)
	if badOwner == nil {
		w.owner = owner
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is not part of a flag; a name of several words needs quotes", flags.Arg(0))
	case table == "":
		err = errors.New("-table is missing: the stack's output TableName")
	case apiURL == "":
		err = errors.New("-api-url is missing: the stack's output ApiUrl")
	case badURL != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		err = fmt.Errorf("-api-url %q is no address such as https://abc123.execute-api.eu-west-1.amazonaws.com", apiURL)
	case w.name == "":
		err = errors.New("-name is missing: what the site is called")
	case len(country) != 2 || country != strings.ToUpper(country):
		err = fmt.Errorf("-country %q is no country such as NL", w.country)
	case w.owner != "" && badOwner != nil:
		err = fmt.Errorf("-owner: %w", badOwner)
	case w.plan != "" && !slices.Contains(plan.Plans, w.plan):
		err = fmt.Errorf("-plan %q is not mini, business, pro or ecommerce", w.plan)
	case w.language != "nl" && w.language != "en":
		err = fmt.Errorf("-language %q is not nl or en", w.language)
	}
	w.country, w.prefix = country, idPrefix(w.name)
	w.form, w.secrets = site.Form{ID: "contact", Name: "Contact"}, newSecrets()
	if *shopify != "" { // Shopify gives one and takes none
		w.secrets["shopify"] = *shopify
	}
	return table, apiURL, w, err
}

// idPrefix is what the id of a site takes of its name.
func idPrefix(name string) string {
	var out []byte
	for _, c := range []byte(strings.ToLower(name)) {
		if (c >= 'a' && c <= 'z' || c >= '0' && c <= '9') && len(out) < 12 {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return "site"
	}
	return string(out)
}

func (m made) print(to io.Writer, w wanted) {
	out := bufio.NewWriter(to)
	defer out.Flush()
	if w.owner != "" {
		fmt.Fprintf(out, "\n%s gets an invitation by mail, and becomes the owner by its link, within seven days.\n", w.owner)
	}
	fmt.Fprintf(out, `
The site %s is made.

  site       %s
  API key    %s
             every permission; shown now and never again: only its hash is kept
  form       %s
`, w.name, m.id, m.key, m.formURL)
	for _, kind := range []string{"shopify", "woocommerce", "own"} {
		fmt.Fprintf(out, "  %-12s %s\n               secret %s\n", kind, m.sources[kind].URL, m.sources[kind].Secret)
	}
}
