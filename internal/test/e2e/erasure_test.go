package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"clientele/internal/local/client"
	"clientele/internal/test/dynamotest"
)

// traces are the places in the whole table and in every version of every file where a
// text stands, and all keys of the bucket.
func (s *stage) traces(of string) (items, files, keys []string) {
	s.t.Helper()
	_, db := s.table()
	of = strings.ToLower(of)
	rows := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: aws.String(s.run.Table)})
	for rows.HasMorePages() {
		page, err := rows.NextPage(s.ctx)
		s.must(err)
		for _, it := range page.Items {
			said, err := json.Marshal(it)
			s.must(err)
			if strings.Contains(strings.ToLower(string(said)), of) {
				pk, _ := it["PK"].(*types.AttributeValueMemberS)
				sk, _ := it["SK"].(*types.AttributeValueMemberS)
				items = append(items, pk.Value+" "+sk.Value)
			}
		}
	}
	bucket := s3.NewFromConfig(dynamotest.Config(s.run.ServicesURL), func(o *s3.Options) { o.UsePathStyle = true })
	versions := s3.NewListObjectVersionsPaginator(bucket, &s3.ListObjectVersionsInput{Bucket: &s.run.Bucket})
	for versions.HasMorePages() {
		page, err := versions.NextPage(s.ctx)
		s.must(err)
		for _, v := range page.Versions {
			keys = append(keys, *v.Key)
			out, err := bucket.GetObject(s.ctx, &s3.GetObjectInput{Bucket: &s.run.Bucket, Key: v.Key, VersionId: v.VersionId})
			s.must(err)
			content, err := io.ReadAll(out.Body)
			s.must(err)
			out.Body.Close()
			if strings.Contains(strings.ToLower(unpacked(content)), of) || strings.Contains(strings.ToLower(*v.Key), of) {
				files = append(files, *v.Key+" version "+aws.ToString(v.VersionId))
			}
		}
	}
	return items, files, keys
}

// unpacked is a file as it can be read: of a zip what is in it.
func unpacked(b []byte) string {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return string(b)
	}
	var all strings.Builder
	for _, f := range z.File {
		all.WriteString(f.Name + "\n")
		if r, err := f.Open(); err == nil {
			_, _ = io.Copy(&all, r)
			r.Close()
		}
	}
	return all.String()
}

// under counts the keys that begin with one of the prefixes.
func under(keys []string, prefixes ...string) (n int) {
	for _, k := range keys {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(k, p) }) {
			n++
		}
	}
	return n
}

// Somebody who stands everywhere that a site keeps anything is erased, and stands nowhere.
func TestAnErasureLeavesNoTrace(t *testing.T) {
	s := open(t)
	mark := fmt.Sprintf("wegwezen%x", time.Now().UnixNano())
	email, second, merged := mark+"@e2e.example", mark+".2@e2e.example", mark+".3@e2e.example"

	// The contact with what is in it, and one that goes into it.
	k := s.create(map[string]any{"email": email, "emails": []string{second}, "first_name": mark, "last_name": mark, "company": mark, "phone": "06 87654321",
		"note": "about " + mark, "address": map[string]any{"street": mark + " 1", "city": mark, "country": "NL"}})
	at := "/v1/contacts/" + k.ID
	other := s.create(map[string]any{"email": merged, "note": mark + " once more"})
	s.do(s.api, 201, "POST", at+"/entries", map[string]any{"title": mark, "text": "Called **" + mark + "**"})
	s.do(s.api, 202, "POST", s.run.FormURL, map[string]any{"email": email, "message": "I am " + mark}, "Accept", "application/json")
	s.do(s.api, 422, "POST", s.run.FormURL, map[string]any{"email": "no address", "message": "mail me at " + email}, "Accept", "application/json") // kept under the form
	s.do(s.api, 200, "POST", at+"/consent", map[string]any{"channel": "email", "state": "subscribed", "how": "told by " + mark, "text": mark, "at": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "note": mark})
	body := sample(t, "own", email, orderID())
	for _, name := range []string{surname, "Brink", "Fenna"} {
		body = bytes.ReplaceAll(body, []byte(name), []byte(mark))
	}
	a, err := s.api.Deliver(s.ctx, "own", s.run.Sources["own"], "msg_"+mark, "", body)
	s.must(err)
	s.wants(200, a, "the order")
	s.do(s.api, 201, "POST", "/v1/contacts/"+k.ID+"/devices", map[string]any{"token": mark, "platform": "web", "name": mark})

	// Files: in an entry and a mail, a picture, one that only arrived, and a link that is used too late.
	text := []byte("the file of " + mark)
	doc := s.announce(at+"/documents", map[string]any{"name": mark + ".txt", "size": len(text)}).send(text)
	s.do(s.api, 200, "POST", at+"/documents/"+doc+"/complete", nil)
	s.do(s.api, 201, "POST", at+"/messages", map[string]any{"subject": mark, "text": "Dear " + mark, "documents": []string{doc}}, "Idempotency-Key", mark)
	s.getsMail(email, 1)
	var picture bytes.Buffer
	s.must(png.Encode(&picture, image.NewNRGBA(image.Rect(0, 0, 40, 30))))
	for range 2 { // the first one is replaced, and leaves a version
		pic := s.announce(at+"/avatar", map[string]any{"size": picture.Len()}).send(picture.Bytes())
		s.do(s.api, 200, "POST", at+"/avatar/complete", map[string]any{"id": pic})
	}
	s.announce(at+"/documents", map[string]any{"name": "arrived.txt", "size": len(text)}).send(text)
	late := s.announce(at+"/documents", map[string]any{"name": "late.txt", "size": 4})

	order := map[string]any{"primary": k.ID, "others": []string{other.ID}}
	preview := s.do(s.api, 200, "POST", "/v1/merges/preview", order)
	s.do(s.api, 201, "POST", "/v1/merges", order, "If-Match", preview.Header.Get("ETag"), "Idempotency-Key", mark+"merge")

	// What the site made: a file that came in, with a row that is refused, one that went out, one that was asked for.
	file := []byte("email,last_name,note\n" + merged + "," + mark + "," + mark + "\nno address," + mark + "," + mark + "\n")
	j, err := s.api.Import(s.ctx, mark+"@e2e.example.csv", file, nil, nil)
	s.must(err)
	if j.Counts.Rejected != 1 {
		t.Errorf("the import: %s", j.Counts)
	}
	_, exported, err := s.api.Export(s.ctx, map[string]any{"format": "csv", "filter": `email = "` + email + `"`})
	s.must(err)
	if !bytes.Contains(exported, []byte(mark)) {
		t.Errorf("the export has nobody of that name")
	}
	asked := s.field(s.do(s.api, 202, "POST", "/v1/access-requests", map[string]any{"contact_id": k.ID}), "id")
	s.must(client.Until(s.ctx, 90*time.Second, func() (bool, error) {
		return s.field(s.do(s.api, 200, "GET", "/v1/access-requests/"+asked, nil), "state") == "ready", nil
	}))
	s.comes(email, func(k client.Contact) bool { return k.OrdersCount == 1 })

	items, files, keys := s.traces(mark)
	site := string(s.site())
	mine := []string{}
	for _, id := range []string{k.ID, other.ID} {
		for _, kind := range []string{"incoming", "documents", "avatars", "access"} {
			mine = append(mine, kind+"/"+site+"/"+id+"/")
		}
	}
	if len(items) < 10 || len(files) < 6 || under(keys, mine...) < 6 {
		t.Fatalf("planted in %d items and %d files, and %d are of the contact:\n%s", len(items), len(files), under(keys, mine...), strings.Join(append(items, files...), "\n"))
	}
	t.Logf("planted in %d items and %d versions of files", len(items), len(files))

	var p struct {
		Confirm                                                                string
		Contacts, Entries, Orders, Files, Mails, Submissions, Exports, Imports int
	}
	s.must(s.do(s.api, 200, "POST", "/v1/erasures/preview", map[string]any{"contact_id": k.ID}).JSON(&p))
	if p.Contacts != 2 || p.Entries == 0 || p.Orders != 1 || p.Files == 0 || p.Mails == 0 || p.Submissions == 0 || p.Exports == 0 || p.Imports == 0 {
		t.Errorf("the preview counts %+v", p)
	}
	s.do(s.api, 422, "POST", "/v1/erasures", map[string]any{"contact_id": k.ID})
	job := s.field(s.do(s.api, 202, "POST", "/v1/erasures", map[string]any{"contact_id": k.ID, "confirm": p.Confirm}), "id")
	var e struct {
		State, Detail string
		Steps         []struct {
			Name, State, Note string
			Removed           int
		}
	}
	err = client.Until(s.ctx, 3*time.Minute, func() (bool, error) {
		e.Steps = nil
		err := s.do(s.api, 200, "GET", "/v1/erasures/"+job, nil).JSON(&e)
		return e.State == "done" || e.State == "failed", err
	})
	if err != nil || e.State != "done" {
		t.Fatalf("the erasure is %+v, %v", e, err)
	}
	for _, step := range e.Steps {
		want, some := "done", slices.Contains([]string{"contact", "files", "mails", "submissions", "exports", "imports", "jobs"}, step.Name)
		if step.Name == "queues" || step.Name == "backups" {
			want = "kept"
		}
		if step.State != want || step.Note == "" || some && step.Removed == 0 {
			t.Errorf("the step %s: %s, %d removed, %q", step.Name, step.State, step.Removed, step.Note)
		}
	}

	// A link from before is used now: what it brings is kept nowhere.
	late.send([]byte("late"))
	s.do(s.api, 404, "POST", at+"/documents/"+late.ID+"/complete", nil)
	s.do(s.api, 404, "GET", at, nil)
	s.do(s.api, 404, "GET", "/v1/contacts/"+other.ID, nil)

	// The person does not come back by a file, whichever address it has.
	again, err := s.api.Import(s.ctx, "again.csv", []byte("email,last_name\n"+email+",x\n"+second+",x\n"+merged+",x\n"), nil, nil)
	s.must(err)
	if again.Counts.Rejected != 3 || again.Counts.Created != 0 {
		t.Errorf("imported again: %s", again.Counts)
	}
	var known struct {
		Suppressions []struct{ Reason string }
	}
	s.must(s.do(s.api, 200, "POST", "/v1/suppressions/check", map[string]any{"emails": []string{email, second, merged}}).JSON(&known))
	for i, x := range known.Suppressions {
		if x.Reason != "erased" {
			t.Errorf("address %d is suppressed as %q", i, x.Reason)
		}
	}
	s.absent(s.api, email)

	// The files of that try name them, as did what was sent; they go by themselves, and here with the next erasure.
	next := s.create(map[string]any{"email": s.address()})
	confirm := s.field(s.do(s.api, 200, "POST", "/v1/erasures/preview", map[string]any{"contact_id": next.ID}), "confirm")
	job = s.field(s.do(s.api, 202, "POST", "/v1/erasures", map[string]any{"contact_id": next.ID, "confirm": confirm}), "id")
	s.must(client.Until(s.ctx, 3*time.Minute, func() (bool, error) {
		return s.field(s.do(s.api, 200, "GET", "/v1/erasures/"+job, nil), "state") == "done", nil
	}))
	items, files, keys = s.traces(mark)
	if len(items)+len(files) > 0 {
		t.Errorf("the person still stands in\n%s", strings.Join(append(items, files...), "\n"))
	}
	if n := under(keys, mine...); n != 1 || under(keys, "incoming/"+site+"/"+k.ID+"/"+late.ID) != 1 {
		t.Errorf("%d files are of the contact; want one, that came too late and ends by itself", n)
	}
}
