package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/form"
	"clientele/internal/domain/timeline"
)

const (
	typeJSON       = "application/json"
	typeURLEncoded = "application/x-www-form-urlencoded"
	typeMultipart  = "multipart/form-data"

	maxNesting = 10 // of objects in a JSON submission
)

// charsetField is where HTML forms tell their charset when the page asks
// (HTML, "_charset_"); it is no answer of the visitor.
const charsetField = "_charset_"

// readForm reads the answers of a submission in the order in which they were
// posted. crm.Unsupported for other content types, crm.Malformed for a body that
// cannot be read, crm.Invalid for a file; all in the visitor's language.
func readForm(contentType string, body []byte, lang string) ([]timeline.Value, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, crm.Errorf(crm.Unsupported, "%s", form.OtherType.In(lang))
	}
	var values []timeline.Value
	charset := params["charset"]
	switch {
	case kind == typeURLEncoded:
		values, err = readURLEncoded(body)
	case kind == typeMultipart:
		values, err = readMultipart(body, params["boundary"], lang)
	case kind == typeJSON || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		values, err = readJSON(body)
		charset = "utf-8" // JSON has no other
	default:
		return nil, crm.Errorf(crm.Unsupported, "%s", form.OtherType.In(lang))
	}
	var coded *crm.Error
	if errors.As(err, &coded) {
		return nil, err
	}
	if err != nil {
		return nil, &crm.Error{Code: crm.Malformed, Detail: form.Unreadable.In(lang), Cause: err}
	}
	kept := values[:0]
	for _, v := range values {
		if v.Name == charsetField {
			if v.Text != "" {
				charset = v.Text
			}
			continue
		}
		if v.Name != "" || v.Text != "" {
			kept = append(kept, v)
		}
	}
	for i := range kept {
		name, ok1 := toUTF8(kept[i].Name, charset)
		text, ok2 := toUTF8(kept[i].Text, charset)
		if !ok1 || !ok2 {
			return nil, crm.Errorf(crm.Malformed, "%s", form.Charset.In(lang))
		}
		kept[i] = timeline.Value{Name: name, Text: text}
	}
	return kept, nil
}

// toUTF8 reads a text of the charset that the page says. Browsers take all names
// of Latin-1 for Windows-1252, so it is what they send.
func toUTF8(s, charset string) (string, bool) {
	switch strings.ToLower(strings.TrimSpace(charset)) {
	case "windows-1252", "cp1252", "iso-8859-1", "iso8859-1", "latin1", "us-ascii":
		out, err := charmap.Windows1252.NewDecoder().String(s)
		return out, err == nil
	}
	return s, utf8.ValidString(s)
}

// readURLEncoded keeps the order, which url.ParseQuery does not.
func readURLEncoded(body []byte) ([]timeline.Value, error) {
	var values []timeline.Value
	for pair := range strings.SplitSeq(string(bytes.TrimSpace(body)), "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		if text, err = url.QueryUnescape(text); err != nil {
			return nil, err
		}
		values = append(values, timeline.Value{Name: name, Text: text})
	}
	return values, nil
}

func readMultipart(body []byte, boundary, lang string) ([]timeline.Value, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	var values []timeline.Value
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		_, disposition, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if disposition["filename"] != "" {
			var faults crm.Faults
			faults.Add(form.Pointer(strings.ToValidUTF8(part.FormName(), "")), "%s", form.File.In(lang))
			return nil, faults.Err()
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if _, file := disposition["filename"]; file && len(text) == 0 {
			continue // a file field that was left empty
		}
		v := timeline.Value{Name: part.FormName(), Text: string(text)}
		if _, params, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err == nil && params["charset"] != "" {
			if s, ok := toUTF8(v.Text, params["charset"]); ok {
				v.Text = s
			}
		}
		values = append(values, v)
	}
}

// readJSON flattens an object: {"a":{"b":1}} gives a.b = "1", a list one value
// an element. null says nothing.
func readJSON(body []byte) ([]timeline.Value, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	j := flattener{dec: dec}
	if err := j.object("", 1); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more after the JSON object")
	}
	return j.values, nil
}

type flattener struct {
	dec    *json.Decoder
	values []timeline.Value
	names  int // bytes of all names: nesting multiplies them
}

// object reads what follows an opening brace.
func (j *flattener) object(prefix string, depth int) error {
	for j.dec.More() {
		t, err := j.dec.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errors.New("a key that is no text")
		}
		if err := j.value(prefix+name, depth); err != nil {
			return err
		}
	}
	_, err := j.dec.Token()
	return err
}

func (j *flattener) value(name string, depth int) error {
	t, err := j.dec.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		if depth == maxNesting {
			return fmt.Errorf("nested deeper than %d", maxNesting)
		}
		if v == '{' {
			return j.object(name+".", depth+1)
		}
		for j.dec.More() {
			if err := j.value(name, depth+1); err != nil {
				return err
			}
		}
		_, err := j.dec.Token()
		return err
	case string:
		j.add(name, v)
	case json.Number:
		j.add(name, v.String())
	case bool:
		j.add(name, strconv.FormatBool(v))
	}
	if j.names > form.MaxTotal || len(j.values) > form.MaxTotal {
		return errors.New("too many or too long names")
	}
	return nil
}

func (j *flattener) add(name, text string) {
	j.names += len(name)
	j.values = append(j.values, timeline.Value{Name: name, Text: text})
}
