package e2e

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
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
	_, path, ok := strings.Cut(link, "/c/")
	if !ok {
		t.Fatalf("the mail has no link")
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

// Files go to storage by the upload that the API gives, and come back by its link.
func TestADocumentAndAPictureComeBack(t *testing.T) {
	s := open(t)
	at := "/v1/contacts/" + s.create(map[string]any{"email": s.address(), "last_name": surname}).ID
	send := func(path string, body map[string]any, content []byte) string {
		t.Helper()
		var f struct {
			ID     string
			Upload struct {
				Method, URL string
				Headers     map[string]string
			}
		}
		s.must(s.do(s.api, 201, "POST", path, body).JSON(&f))
		h := client.Header{}
		for name, v := range f.Upload.Headers {
			h = append(h, name, v)
		}
		up, err := s.api.Send(s.ctx, f.Upload.Method, f.Upload.URL, bytes.NewReader(content), h)
		s.must(err)
		s.wants(200, up, "the upload")
		return f.ID
	}
	// The answer leads to storage: followed, it is the file itself.
	back := func(path string) []byte {
		t.Helper()
		bare := *s.api.HTTP
		bare.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c := *s.api
		c.HTTP = &bare
		a := s.do(&c, 303, "GET", path, nil)
		content, err := s.api.Download(s.ctx, a.Header.Get("Location"))
		s.must(err)
		return content
	}
	doc := send(at+"/documents", map[string]any{"name": "schets.txt", "size": 5}, []byte("hallo"))
	s.do(s.api, 200, "POST", at+"/documents/"+doc+"/complete", nil)
	if got := back(at + "/documents/" + doc); string(got) != "hallo" {
		t.Errorf("the document is %q", got)
	}
	var b bytes.Buffer
	s.must(png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 600, 400))))
	pic := send(at+"/avatar", map[string]any{"size": b.Len()}, b.Bytes())
	s.do(s.api, 200, "POST", at+"/avatar/complete", map[string]any{"id": pic})
	got, err := png.Decode(bytes.NewReader(back(at + "/avatar?size=96")))
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
