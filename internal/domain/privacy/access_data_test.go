package privacy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/document"
	"clientele/internal/domain/order"
	"clientele/internal/domain/site"
	"clientele/internal/domain/timeline"
)

// fill gives every leaf of a value something, one element to each map and slice.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 1, 0, 0, *n, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, n)
		fill(e, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(int64(*n + 1000))
	}
}

// leaves calls visit with the path of every leaf, while that leaf alone is changed.
func leaves(path string, v reflect.Value, visit func(path string)) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		was := v.Interface()
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(9999 * time.Hour)))
		visit(path)
		v.Set(reflect.ValueOf(was))
		return
	case v.Kind() == reflect.Pointer:
		leaves(path, v.Elem(), visit)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			leaves(path+"."+v.Type().Field(i).Name, v.Field(i), visit)
		}
	case v.Kind() == reflect.Slice:
		leaves(path+"[]", v.Index(0), visit)
	case v.Kind() == reflect.Map:
		k := v.MapKeys()[0]
		old, e := v.MapIndex(k), reflect.New(v.Type().Elem()).Elem()
		e.Set(old)
		v.SetMapIndex(k, reflect.Value{})
		visit(path + " (its key)")
		leaves(path+"{}", e, func(p string) {
			v.SetMapIndex(k, e)
			visit(p)
		})
		v.SetMapIndex(k, old)
	case v.Kind() == reflect.String:
		was := v.String()
		v.SetString("another")
		visit(path)
		v.SetString(was)
	case v.Kind() == reflect.Bool:
		v.SetBool(false)
		visit(path)
		v.SetBool(true)
	default:
		v.SetInt(v.Int() + 1)
		visit(path)
		v.SetInt(v.Int() - 1)
	}
}

func (d *data) texts(t *testing.T) (asJSON, asHTML string) {
	t.Helper()
	var j, h bytes.Buffer
	if err := d.json(context.Background(), &j); err != nil {
		t.Fatal(err)
	}
	if err := d.html(context.Background(), &h); err != nil {
		t.Fatal(err)
	}
	return j.String(), h.String()
}

// one is a file with one value in a list.
func one(v any) *data {
	return &data{head: headFile{Language: "nl"}, sections: []section{{"orders", func(_ context.Context, visit func(any) error) error { return visit(v) }}}}
}

// Whoever gives a contact, an order, an entry, a device or a file a field has it here
// too: each, changed alone, changes both descriptions.
func TestEveryFieldIsInTheFile(t *testing.T) {
	c, o, d, a, f := &contact.Contact{}, &order.Order{}, &order.Dealing{}, &timeline.Activity{}, &document.File{}
	for name, c := range map[string]struct {
		value any
		file  func() *data
		not   map[string]string // what is left out, and why
	}{
		"contact": {c, func() *data { return &data{head: headFile{Language: "nl", Contact: contactOf(c, site.Site{})}} }, nil},
		"order": {o, func() *data { return one(orderOf(*o)) },
			map[string]string{"Visit": "kept nowhere", "Stub": "tells that nothing is known but the deletion"}},
		"dealing": {d, func() *data { return one(dealingOf(*d)) }, nil},
		"entry": {a, func() *data { return one(activityOf(*a)) },
			map[string]string{"Once": "of the writing", "Mail": "not kept with the entry"}},
		"file": {f, func() *data { return one(fileOf(*f, "s")) }, map[string]string{"Contact": "whom the whole file is about"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			v := reflect.ValueOf(c.value).Elem()
			fill(v, &n)
			wasJSON, wasHTML := c.file().texts(t)
			seen := 0
			leaves("", v, func(path string) {
				seen++
				field, _, _ := strings.Cut(strings.TrimLeft(path, "."), ".")
				if c.not[field] != "" {
					return
				}
				asJSON, asHTML := c.file().texts(t)
				if asJSON == wasJSON {
					t.Errorf("%s%s is not in data.json", name, path)
				}
				if asHTML == wasHTML {
					t.Errorf("%s%s is not in index.html", name, path)
				}
			})
			t.Logf("%d values", seen)
		})
	}
}

// Each kind of entry stands in one list.
func TestEveryKindOfEntryStandsInOneList(t *testing.T) {
	var all []timeline.Kind
	for _, e := range entrySections {
		all = append(all, e.kinds...)
	}
	slices.Sort(all)
	want := slices.Sorted(slices.Values(timeline.Kinds))
	if !slices.Equal(all, want) {
		t.Errorf("the lists have %v, there are %v", all, want)
	}
}

func namesOf(t reflect.Type, visit func(string)) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		namesOf(t.Elem(), visit)
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				visit(name)
			}
			namesOf(f.Type, visit)
		}
	}
}

func TestEveryNameHasWordsInBothLanguages(t *testing.T) {
	for _, v := range []any{headFile{}, activityFile{}, orderFile{}, dealingFile{}, deviceFile{}, suppressionFile{}, fileFile{}} {
		namesOf(reflect.TypeOf(v), func(name string) {
			if w := accessWords[name]; w[0] == "" || w[1] == "" {
				t.Errorf("%s of %T has no words", name, v)
			}
		})
	}
}

// Whatever anybody typed, the page has no element, attribute or address of theirs, and
// data.json says it exactly.
func TestHostileTextStaysText(t *testing.T) {
	list, err := os.ReadFile("testdata/blns.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := append(strings.Split(string(list), "\n"), "\u202eevil", "a\x00b", "</article></main>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)")
	s := site.Site{Name: `<script>alert("site")</script>`, CustomFields: []contact.FieldDef{{Key: "k", Label: `<b onclick=x>`, Type: "text"}}}
	allowed := map[string][]string{"html": {"lang"}, "head": nil, "meta": {"charset", "http-equiv", "content", "name"}, "title": nil, "style": nil, "body": nil, "main": nil,
		"section": nil, "article": nil, "h1": nil, "h2": nil, "p": nil, "dl": nil, "dt": nil, "dd": {"dir"}, "ul": nil, "li": nil, "a": {"href"}}
	for i, evil := range lines {
		c := contact.Contact{Email: evil, Tags: []string{evil}, Status: contact.Status(evil), ExternalIDs: []string{evil}}
		c.Note, c.FirstName, c.Custom, c.Language = evil, evil, map[string]string{"k": evil, evil: evil}, evil
		a := timeline.Activity{Kind: timeline.Form, Values: []timeline.Value{{Name: evil, Text: evil}}, Entry: &timeline.Entry{Title: evil, Text: evil}}
		f := fileOf(document.File{ID: "doc_1", Name: evil}, "s")
		d := &data{head: headFile{Site: s.Name, Language: languageOf(&c, s), Contact: contactOf(&c, s)}, files: []fileFile{f},
			sections: []section{{"submissions", func(_ context.Context, visit func(any) error) error { return visit(activityOf(a)) }},
				{"files", func(_ context.Context, visit func(any) error) error { return visit(f) }}}}
		asJSON, asHTML := d.texts(t)
		var back struct {
			Contact     struct{ Note string }
			Submissions []struct{ Values []valueFile }
		}
		if err := json.Unmarshal([]byte(asJSON), &back); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if want := strings.ToValidUTF8(evil, "\ufffd"); back.Contact.Note != want || back.Submissions[0].Values[0].Text != want {
			t.Errorf("line %d is %q in data.json", i+1, back.Contact.Note)
		}
		if strings.ContainsAny(asHTML, "\x00\u202e") {
			t.Errorf("line %d: a control character is in the page", i+1)
		}
		page := html.NewTokenizer(strings.NewReader(asHTML))
		for page.Next() != html.ErrorToken {
			tok := page.Token()
			if tok.Type != html.StartTagToken && tok.Type != html.SelfClosingTagToken {
				continue
			}
			attrs, ok := allowed[tok.Data]
			if !ok {
				t.Errorf("line %d: the page has an element %s", i+1, tok.Data)
			}
			for _, at := range tok.Attr {
				if !slices.Contains(attrs, at.Key) || at.Key == "href" && !strings.HasPrefix(at.Val, "./files/doc_1-") {
					t.Errorf("line %d: <%s %s=%q>", i+1, tok.Data, at.Key, at.Val)
				}
			}
		}
		if p := f.Path; strings.Count(p, "/") != 1 || strings.ContainsAny(p, "\\\x00") || strings.Contains(p, "/.") {
			t.Errorf("line %d: the path %q", i+1, p)
		}
	}
}
