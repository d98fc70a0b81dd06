package e2e

import (
	"bytes"
	"image"
	"image/png"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/local/client"
)

// A box of a form that is for a list asks the person by mail; looking at the link does nothing,
// and pressing its button subscribes.
func TestAFormsBoxIsConfirmedByMail(t *testing.T) {
	s := open(t)
	email := s.address()
	list := s.field(s.do(s.api, 201, "POST", "/v1/lists", map[string]any{"name": s.slug(), "texts": map[string]string{"nl": "Ja, mail mij nieuws."}}), "id")
	form := s.field(s.do(s.api, 201, "POST", "/v1/forms", map[string]any{"name": "News", "slug": s.slug(), "lists": []string{list}}), "id")
	a, err := s.api.PostPlain(s.ctx, s.run.APIURL+"/f/"+form, url.Values{"email": {email}, "nieuwsbrief": {"on"}})
	s.must(err)
	s.wants(303, a, "the form")
	k := s.comes(email, nil)
	state := func() string {
		var out struct {
			Subscriptions []struct{ List, State string }
		}
		s.must(s.do(s.api, 200, "GET", "/v1/contacts/"+k.ID+"/consent", nil).JSON(&out))
		if len(out.Subscriptions) != 1 || out.Subscriptions[0].List != list {
			t.Fatalf("stands at %+v", out)
		}
		return out.Subscriptions[0].State
	}
	if got := state(); got != "pending" {
		t.Errorf("the list is %s before it is confirmed", got)
	}
	link := regexp.MustCompile(`https?://[^\s"<>)\]]+/c/[A-Za-z0-9_=.-]+`).FindString(s.getsMail(email, 1)[0].BodyText)
	path, ok := strings.CutPrefix(link, s.run.APIURL+"/c/")
	if !ok {
		t.Fatalf("the mail's link is %q, not one of %s", link, s.run.APIURL)
	}
	s.do(s.api, 200, "GET", "/c/"+path, nil) // as a program that checks mails
	if got := state(); got != "pending" {
		t.Errorf("the list is %s after a look at the link", got)
	}
	s.do(s.api, 200, "POST", "/c/"+path, nil)
	if got := state(); got != "subscribed" {
		t.Errorf("the list is %s after it was confirmed", got)
	}
}

// uploading is a file that was announced and may be sent.
type uploading struct {
	s      *stage
	ID     string
	Upload struct {
		Method, URL string
		Headers     map[string]string
	}
}

func (s *stage) announce(path string, body map[string]any) uploading {
	s.t.Helper()
	u := uploading{s: s}
	s.must(s.do(s.api, 201, "POST", path, body).JSON(&u))
	return u
}

// send uploads the file and gives its id.
func (u uploading) send(content []byte) string {
	u.s.t.Helper()
	h := client.Header{}
	for name, v := range u.Upload.Headers {
		h = append(h, name, v)
	}
	a, err := u.s.api.Send(u.s.ctx, u.Upload.Method, u.Upload.URL, bytes.NewReader(content), h)
	u.s.must(err)
	u.s.wants(200, a, "the upload")
	return u.ID
}

// stored is a file that an answer leads to.
func (s *stage) stored(path string) []byte {
	s.t.Helper()
	content, err := s.api.Download(s.ctx, s.do(s.api, 303, "GET", path, nil).Header.Get("Location"))
	s.must(err)
	return content
}

// Files go to storage by the upload that the API gives, and come back by its link.
func TestADocumentAndAPictureComeBack(t *testing.T) {
	s := open(t)
	at := "/v1/contacts/" + s.create(map[string]any{"email": s.address(), "last_name": surname}).ID
	doc := s.announce(at+"/documents", map[string]any{"name": "schets.txt", "size": 5}).send([]byte("hallo"))
	s.do(s.api, 200, "POST", at+"/documents/"+doc+"/complete", nil)
	if got := s.stored(at + "/documents/" + doc); string(got) != "hallo" {
		t.Errorf("the document is %q", got)
	}
	var b bytes.Buffer
	s.must(png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 600, 400))))
	pic := s.announce(at+"/avatar", map[string]any{"size": b.Len()}).send(b.Bytes())
	s.do(s.api, 200, "POST", at+"/avatar/complete", map[string]any{"id": pic})
	got, err := png.Decode(bytes.NewReader(s.stored(at + "/avatar?size=96")))
	if err != nil || got.Bounds().Dx() != 96 || got.Bounds().Dy() != 96 {
		t.Errorf("the picture: %v", err)
	}
}

func TestATagIsGivenToMany(t *testing.T) {
	s := open(t)
	tag, city := s.slug(), s.slug()
	var ids []string
	for range 5 {
		ids = append(ids, s.create(map[string]any{"email": s.address(), "address": map[string]any{"city": city}}).ID)
	}
	job := s.field(s.do(s.api, 202, "POST", "/v1/bulk", map[string]any{"action": "add_tags", "arguments": map[string]any{"tags": []string{tag}}, "filter": "city = " + `"` + city + `"`}), "id")
	var j struct {
		State  string
		Counts struct{ Changed int }
	}
	err := client.Until(s.ctx, 90*time.Second, func() (bool, error) {
		err := s.do(s.api, 200, "GET", "/v1/bulk/"+job, nil).JSON(&j)
		return j.State == "done", err
	})
	if err != nil || j.Counts.Changed != len(ids) {
		t.Errorf("the job is %+v, %v", j, err)
	}
	for _, id := range ids {
		if k, err := s.api.Contact(s.ctx, id); err != nil || !slices.Contains(k.Tags, tag) {
			t.Errorf("%s has %v, %v", id, k.Tags, err)
		}
	}
}
