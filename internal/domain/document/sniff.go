package document

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const office = "application/vnd.openxmlformats-officedocument."

// types are what documents may be, by the ending of their names. What a browser runs
// is not among them: no HTML, no SVG, no macros.
var types = map[string]string{
	"pdf":  "application/pdf",
	"jpg":  "image/jpeg",
	"jpeg": "image/jpeg",
	"png":  "image/png",
	"gif":  "image/gif",
	"webp": "image/webp",
	"txt":  "text/plain",
	"csv":  "text/csv",
	"docx": office + "wordprocessingml.document",
	"xlsx": office + "spreadsheetml.sheet",
	"pptx": office + "presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text",
	"ods":  "application/vnd.oasis.opendocument.spreadsheet",
	"odp":  "application/vnd.oasis.opendocument.presentation",
	"doc":  "application/msword",
	"xls":  "application/vnd.ms-excel",
	"ppt":  "application/vnd.ms-powerpoint",
}

// ole is how the old Office formats begin (compound file binary).
var ole = []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}

// magic is how files of a type begin.
var magic = map[string][]string{
	"application/pdf": {"%PDF-"},
	"image/jpeg":      {"\xff\xd8\xff"},
	"image/png":       {"\x89PNG\r\n\x1a\n"},
	"image/gif":       {"GIF87a", "GIF89a"},
}

// sniff is the type of a file by what is in it; an error, in words for who sent it,
// if that is not what its name says.
func sniff(name string, content []byte) (string, error) {
	e := ending(name)
	want := types[e]
	ok := false
	switch e {
	case "txt", "csv":
		ok = isText(content)
	case "doc", "xls", "ppt":
		ok = bytes.HasPrefix(content, ole)
	case "docx", "xlsx", "pptx":
		ok = isOffice(content, map[string]string{"docx": "word/", "xlsx": "xl/", "pptx": "ppt/"}[e])
	case "odt", "ods", "odp":
		ok = isOpenDocument(content, want)
	case "webp":
		ok = len(content) > 12 && string(content[:4]) == "RIFF" && string(content[8:12]) == "WEBP"
	default:
		for _, m := range magic[want] {
			ok = ok || strings.HasPrefix(string(content[:min(16, len(content))]), m)
		}
	}
	if !ok {
		return "", fmt.Errorf("what is in the file is no .%s; send the file in its own format, without macros", e)
	}
	return want, nil
}

// isText takes text in any encoding that has no control characters of its own,
// and nothing that a program might take for a page.
func isText(content []byte) bool {
	if bytes.HasPrefix(content, []byte{0xff, 0xfe}) || bytes.HasPrefix(content, []byte{0xfe, 0xff}) {
		return len(content)%2 == 0 // UTF-16
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), " \t\r\n\f")
	if bytes.HasPrefix(start, []byte("<")) || bytes.HasPrefix(start, []byte("%PDF")) {
		return false
	}
	for _, c := range content {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(content) || len(content) > 0 // else of a code page
}

// maxEntries bounds what is looked at of an archive's directory.
const maxEntries = 10_000

func isOffice(content []byte, folder string) bool {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(z.File) > maxEntries {
		return false
	}
	described, inside := false, false
	for _, f := range z.File {
		switch {
		case f.Name == "[Content_Types].xml":
			kinds, ok := head(f, 1<<20)
			if !ok || strings.Contains(string(kinds), "macroEnabled") {
				return false
			}
			described = true
		case strings.HasSuffix(strings.ToLower(f.Name), "vbaproject.bin"):
			return false
		case strings.HasPrefix(f.Name, folder):
			inside = true
		}
	}
	return described && inside
}

func isOpenDocument(content []byte, kind string) bool {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(z.File) > maxEntries {
		return false
	}
	ok := false
	for _, f := range z.File {
		if f.Name == "mimetype" {
			b, read := head(f, 200)
			ok = read && string(b) == kind
		}
		if strings.HasPrefix(f.Name, "Basic/") || strings.HasPrefix(f.Name, "Scripts/") {
			return false
		}
	}
	return ok
}

// head reads a file of an archive that has at most limit bytes, whatever it claims.
func head(f *zip.File, limit int64) ([]byte, bool) {
	r, err := f.Open()
	if err != nil {
		return nil, false
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	return b, err == nil && int64(len(b)) <= limit
}
