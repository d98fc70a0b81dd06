package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clientele/internal/local/client"
	"clientele/internal/local/gencontacts"
)

// An import of 20,000 rows goes on while forms and the book keep answering. Its
// workers are killed in the middle, twice; it comes out as the same file on the
// other site does, where nobody disturbs it.
func TestImportWhileServing(t *testing.T) {
	s := open(t)
	const rows = 20_000
	var made bytes.Buffer
	// Rows that no other run on this stack has.
	start := int(time.Now().Unix()%1_000_000) * rows
	s.must(gencontacts.Write(&made, gencontacts.Options{Rows: rows, Start: start, Messy: 3}))
	file := made.Bytes()

	stop := make(chan struct{})
	served := s.serve(stop)
	killed, at := 0, 0.15
	j, err := s.api.Import(s.ctx, "twenty thousand.csv", file, nil, func(j client.Import) {
		if j.State == "running" && j.Progress >= at && at < 1 {
			killed += s.killWorkers("ImporterFunction")
			at += 0.2
		}
	})
	close(stop)
	requests := served()
	s.must(err)
	t.Logf("%s; %d workers killed, %d requests served meanwhile", j.Counts, killed, requests)
	if killed == 0 && procfs() {
		t.Error("no worker was found to kill")
	}
	if requests < 20 {
		t.Errorf("only %d requests were made meanwhile", requests)
	}
	calm, err := s.other.Import(s.ctx, "the same.csv", file, nil, nil)
	s.must(err)
	if j.Counts != calm.Counts || j.Counts.Rows != rows {
		t.Errorf("killed: %s\ncalm:   %s", j.Counts, calm.Counts)
	}
	s.cameIn(s.api, file, j)
	s.cameIn(s.other, file, calm)
}

// cameIn holds an export against the file that was imported.
func (s *stage) cameIn(c *client.Client, file []byte, j client.Import) {
	s.t.Helper()
	_, rows, err := client.ReadCSV(file)
	s.must(err)
	var faults []byte
	if j.Counts.Rejected > 0 {
		faults, err = c.Download(s.ctx, j.ErrorsURL)
		s.must(err)
	}
	_, bad, err := client.ReadCSV(faults)
	s.must(err)
	rejected, err := client.RejectedRows(bad)
	s.must(err)
	if len(rejected) != j.Counts.Rejected {
		s.t.Errorf("%d rows in the file of errors, %d rejected", len(rejected), j.Counts.Rejected)
	}
	people := client.People{}
	people.Bring(j, rows, rejected, "NL")
	if j.Counts.Created != len(people) {
		s.t.Errorf("%d contacts were created for %d people", j.Counts.Created, len(people))
	}
	count, out, err := c.Export(s.ctx, map[string]any{"format": "csv"})
	s.must(err)
	_, exported, err := client.ReadCSV(out)
	s.must(err)
	if count != len(exported) {
		s.t.Errorf("the export says %d contacts and has %d", count, len(exported))
	}
	if d := people.Compare(exported); len(d) > 0 {
		s.t.Errorf("%d people differ, such as %v", len(d), d[:min(len(d), 5)])
	}
}

// serve posts forms and works in the book until stop is closed; the function it
// returns waits and tells how many requests there were. Each must be answered,
// as it should be and within ten seconds.
func (s *stage) serve(stop chan struct{}) func() int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	requests := 0
	answered := func(what string, a client.Answer, err error, want int) bool {
		mu.Lock()
		defer mu.Unlock()
		requests++
		if err != nil || a.Status != want || a.Took > 10*time.Second {
			s.t.Errorf("%s during the import: %s after %s, %v", what, a, a.Took, err)
			return false
		}
		return true
	}
	again := func(once func()) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					once()
				}
			}
		})
	}
	ctx := context.WithoutCancel(s.ctx)
	again(func() {
		a, err := s.api.PostForm(ctx, s.run.FormURL, map[string]any{"email": s.address(), "last_name": surname})
		answered("a form", a, err, 202)
	})
	again(func() {
		a, err := s.api.PostPlain(ctx, s.run.FormURL, url.Values{"email": {s.address()}})
		answered("a plain form", a, err, 303)
	})
	again(func() {
		a, err := s.api.Do(ctx, "POST", "/v1/contacts", map[string]any{"email": s.address(), "last_name": surname})
		var k client.Contact
		if !answered("create", a, err, 201) || a.JSON(&k) != nil {
			return
		}
		at := "/v1/contacts/" + k.ID
		a, err = s.api.Do(ctx, "PATCH", at, map[string]any{"note": "x"}, "If-Match", k.ETag())
		answered("change", a, err, 200)
		a, err = s.api.Do(ctx, "GET", at, nil)
		answered("get", a, err, 200)
		a, err = s.api.Do(ctx, "GET", "/v1/contacts?limit=50", nil)
		answered("list", a, err, 200)
		a, err = s.api.Do(ctx, "DELETE", at, nil, "If-Match", `"2"`)
		answered("delete", a, err, 204)
	})
	return func() int { wg.Wait(); return requests }
}

func procfs() bool {
	_, err := os.Stat("/proc/self/environ")
	return err == nil
}

// killWorkers kills the processes of a function of this stack, and of no other:
// each has the port of its own MiniStack in its environment. Only Linux shows
// that; elsewhere nothing is killed.
func (s *stage) killWorkers(function string) (killed int) {
	u, err := url.Parse(s.run.MailURL)
	s.must(err)
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	s.must(err)
	for _, file := range environs {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || filepath.Base(exe) != "bootstrap" {
			continue
		}
		env, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		ours, named := false, false
		for v := range strings.SplitSeq(string(env), "\x00") {
			ours = ours || v == "GATEWAY_PORT="+u.Port()
			named = named || strings.HasPrefix(v, "AWS_LAMBDA_FUNCTION_NAME=") && strings.Contains(v, function)
		}
		if ours && named && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

func TestImportWithAMapping(t *testing.T) {
	s := open(t)
	email := s.address()
	file := []byte("Voornaam;Waar het heen mag;Notitie\nSam;" + email + ";x\n;geen adres;y\n;weet niet;y\n;later;y\n;nooit;y\n")
	j, err := s.api.StartImport(s.ctx, "klanten.csv", len(file), nil)
	s.must(err)
	a, err := s.api.Upload(s.ctx, j, file)
	s.must(err)
	s.wants(200, a, "the upload")
	// A second upload does not take the place of the first.
	if a, err = s.api.Upload(s.ctx, j, file); err != nil || a.Status != 412 {
		t.Errorf("a second upload: %s, %v", a, err)
	}
	at := "/v1/imports/" + j.ID
	s.must(client.Until(s.ctx, 30*time.Second, func() (bool, error) {
		err := s.do(s.api, 200, "GET", at, nil).JSON(&j)
		return j.State == "ready", err
	}))
	if !strings.Contains(j.Detail, "mapping") {
		t.Errorf("it waits and says %q", j.Detail)
	}
	s.do(s.api, 422, "POST", at+"/start", map[string]any{"mapping": map[string]string{"Voornaam": "shoe_size"}})
	s.do(s.api, 202, "POST", at+"/start", map[string]any{"mapping": map[string]string{"Waar het heen mag": "email", "1": "first_name"}})
	s.must(client.Until(s.ctx, 30*time.Second, func() (bool, error) {
		err := s.do(s.api, 200, "GET", at, nil).JSON(&j)
		return j.State == "done", err
	}))
	if want := (client.Counts{Rows: 5, Created: 1, Rejected: 4}); j.Counts != want {
		t.Errorf("%s", j.Counts)
	}
	if k := s.comes(email, nil); k.FirstName != "Sam" {
		t.Errorf("%+v", k)
	}
	text, err := s.api.Download(s.ctx, j.ErrorsURL)
	s.must(err)
	_, bad, err := client.ReadCSV(text)
	s.must(err)
	if len(bad) != 4 || bad[0].Cells["error_row"] != "2" || bad[0].Cells["error_line"] != "3" || bad[0].Cells["error_column"] != "Waar het heen mag" ||
		bad[0].Cells["error_value"] != "geen adres" || bad[0].Cells["error_reason"] == "" {
		t.Errorf("the file of errors: %s", text)
	}
	s.do(s.api, 409, "POST", at+"/start", map[string]any{})
	s.do(s.api, 409, "POST", at+"/cancel", nil)
}

func TestUploadOfAnotherSize(t *testing.T) {
	s := open(t)
	j, err := s.api.StartImport(s.ctx, "klanten.csv", 10, nil)
	s.must(err)
	if a, err := s.api.Upload(s.ctx, j, []byte("email\nmuch-more@e2e.example\n")); err == nil && a.Status < 400 {
		t.Errorf("a file of another size is taken: %s", a)
	}
	s.do(s.api, 200, "POST", "/v1/imports/"+j.ID+"/cancel", nil)
}

func TestImportOfGarbage(t *testing.T) {
	s := open(t)
	for name, file := range map[string]string{
		"bytes":       "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + strings.Repeat("\x00\xff\x13", 500),
		"only a head": "email,name\n",
		"blank":       " \n\n \n",
	} {
		j, err := s.other.Import(s.ctx, "klanten.csv", []byte(file), nil, nil)
		if err == nil || j.State != "failed" && j.State != "ready" || j.Detail == "" || j.Counts.Created > 0 {
			t.Errorf("%s: %s, %q, %s, %v", name, j.State, j.Detail, j.Counts, err)
		}
	}
}

func TestExport(t *testing.T) {
	s := open(t)
	email, tag := s.address(), fmt.Sprintf("t%d", time.Now().UnixNano())
	k := s.create(map[string]any{"email": email, "first_name": "=1+1", "last_name": surname, "note": "two\nlines, \"quoted\"", "tags": []string{tag, "a;b"}})
	plain := s.create(map[string]any{"email": s.address()})

	// By filter, with the columns that were asked for.
	n, file, err := s.api.Export(s.ctx, map[string]any{"filter": "tags:" + tag, "columns": []string{"email", "first_name", "note", "tags"}})
	s.must(err)
	header, rows, err := client.ReadCSV(file)
	s.must(err)
	if n != 1 || len(rows) != 1 || strings.Join(header, " ") != "email first_name note tags" {
		t.Fatalf("%d contacts: %s", n, file)
	}
	if c := rows[0].Cells; c["email"] != email || c["first_name"] != "=1+1" || c["note"] != "two\nlines, \"quoted\"" || c["tags"] != tag+`;"a;b"` {
		t.Errorf("%q", c)
	}
	if !bytes.Contains(file, []byte(`"'=1+1"`)) {
		t.Errorf("a formula is not guarded: %s", file)
	}
	// By id; and the file imports again unchanged.
	n, file, err = s.api.Export(s.ctx, map[string]any{"ids": []string{k.ID, plain.ID, k.ID}})
	s.must(err)
	if n != 2 {
		t.Errorf("%d contacts for two ids", n)
	}
	j, err := s.api.Import(s.ctx, "export.csv", file, nil, nil)
	s.must(err)
	if want := (client.Counts{Rows: 2, Unchanged: 2}); j.Counts != want {
		t.Errorf("imported again: %s", j.Counts)
	}
	if now, err := s.api.Contact(s.ctx, k.ID); err != nil || now.Version != k.Version {
		t.Errorf("version %d, was %d (%v)", now.Version, k.Version, err)
	}
}
