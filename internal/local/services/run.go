package services

import (
	"encoding/json"
	"os"
)

// Run tells where a running local deployment is and how to get in. It is what
// `.local/run.json` holds.
type Run struct {
	APIURL  string `json:"api_url"`
	APIKey  string `json:"api_key"`
	FormURL string `json:"form_url"`
	MailURL string `json:"mail_url"`
	// The owner of the demo site, who signs in with a code by mail, and a session of theirs.
	OwnerEmail   string `json:"owner_email"`
	OwnerSession string `json:"owner_session"`
	// The table and the bucket, for tests that look into them or have to break something.
	TableURL    string            `json:"table_url"`
	Table       string            `json:"table"`
	ServicesURL string            `json:"services_url"` // of everything but the table
	Bucket      string            `json:"bucket"`
	Sources     map[string]Source `json:"sources"`
	// A second site: what is not for it, it must not see.
	OtherAPIKey  string `json:"other_api_key"`
	OtherFormURL string `json:"other_form_url"`
}

// Source is a shop connection of the demo site: where its webhooks go and what signs them.
type Source struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// Write saves the run for other programs; the file appears whole or not at all.
func (r Run) Write(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// ReadRun reads what Write wrote.
func ReadRun(file string) (Run, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Run{}, err
	}
	var r Run
	return r, json.Unmarshal(b, &r)
}
