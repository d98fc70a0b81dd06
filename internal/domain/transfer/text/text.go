// Package text finds out how a file of text is encoded and turns it into UTF-8.
//
// A file that is ASCII for five megabytes may show with one byte that it is
// Windows-1252, so detection looks at the whole stream, in constant memory; the
// importer then rewrites a file that is not UTF-8 and counts its byte offsets
// in the copy. No replacement character (U+FFFD) is ever put in: a byte that
// means nothing is an error with its place, because a damaged name that nobody
// was told of is worse than a file that is refused.
package text

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encoding is a way to write text as bytes, by its IANA name.
type Encoding string

// The encodings. UTF-32 is recognised, so that it can be refused by name.
const (
	UTF8        Encoding = "utf-8"
	UTF16LE     Encoding = "utf-16le"
	UTF16BE     Encoding = "utf-16be"
	UTF32       Encoding = "utf-32"
	Windows1252 Encoding = "windows-1252"
)

func (e Encoding) String() string { return string(e) }

// Info is what a whole stream turned out to be.
type Info struct {
	Encoding Encoding
	BOM      bool  // it begins with a byte-order mark
	ASCII    bool  // all bytes are below 128: UTF-8 and Windows-1252 say the same
	Size     int64 // bytes
	// Bad is the offset of the first byte that does not fit the encoding, or
	// -1. For UTF-16 it is always -1: only the decoder finds out.
	Bad int64
}

// A DecodeError tells of bytes that mean nothing in their encoding.
type DecodeError struct {
	Encoding Encoding
	Offset   int64 // in the encoded stream
}

// Error tells the fault as a sentence.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("byte %d of the file is no %s text", e.Offset, e.Encoding)
}

// A Detector is an io.Writer that looks at everything written to it. Its zero
// value is ready; Write never fails.
type Detector struct {
	size      int64
	head      [4]byte // the first bytes
	nuls      [2]int64
	nonASCII  bool
	badUTF8   int64 // offset + 1 of the first byte that is not UTF-8
	bad1252   int64 // offset + 1 of the first byte that Windows-1252 lacks
	carry     [utf8.UTFMax]byte
	carrySize int
}

// Write looks at the next bytes of the stream.
func (d *Detector) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && d.size+int64(i) < int64(len(d.head)); i++ {
		d.head[d.size+int64(i)] = p[i]
	}
	for i := 0; i < len(p); {
		k := bytes.IndexByte(p[i:], 0)
		if k < 0 {
			break
		}
		d.nuls[(d.size+int64(i+k))&1]++
		i += k + 1
	}
	d.nonASCII = d.nonASCII || !ascii(p)
	if d.nonASCII && d.bad1252 == 0 {
		if k := indexUndefined(p); k >= 0 {
			d.bad1252 = d.size + int64(k) + 1
		}
	}
	d.validate(p)
	d.size += int64(len(p))
	return len(p), nil
}

// validate looks for the first byte that is not UTF-8.
func (d *Detector) validate(p []byte) {
	i := 0
	for ; d.badUTF8 == 0 && i < len(p) && (d.carrySize > 0 || !utf8.Valid(p[i:])); i++ {
		if d.carrySize == 0 {
			i += validPrefix(p[i:])
		}
		d.carry[d.carrySize] = p[i]
		d.carrySize++
		seq := d.carry[:d.carrySize]
		if !utf8.FullRune(seq) {
			continue
		}
		if r, n := utf8.DecodeRune(seq); r == utf8.RuneError && n == 1 {
			d.badUTF8 = d.size + int64(i) + 2 - int64(d.carrySize)
		}
		d.carrySize = 0
	}
}

// ascii reports whether all bytes are below 128.
func ascii(p []byte) bool {
	for ; len(p) >= 8; p = p[8:] {
		if binary.LittleEndian.Uint64(p)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range p {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Info says what everything written so far is, taken as the whole stream.
//
// A byte-order mark decides. Without one, NUL in every other byte means UTF-16:
// separators, digits and line ends of a CSV file are ASCII in every script.
// Then what is UTF-8 throughout is UTF-8, and the rest is Windows-1252, which
// is what spreadsheets in Western Europe write by default.
func (d *Detector) Info() Info {
	info := Info{Encoding: Windows1252, ASCII: !d.nonASCII, Size: d.size, Bad: d.bad1252 - 1}
	badUTF8 := d.badUTF8 - 1
	if badUTF8 < 0 && d.carrySize > 0 {
		badUTF8 = d.size - int64(d.carrySize) // cut in the middle of a letter
	}
	head := d.head[:min(d.size, 4)]
	is := func(mark string) bool { return len(head) >= len(mark) && string(head[:len(mark)]) == mark }
	switch units := d.size / 2; {
	case is("\xEF\xBB\xBF"):
		info.Encoding, info.BOM, info.Bad = UTF8, true, badUTF8
	case is("\xFF\xFE\x00\x00") || is("\x00\x00\xFE\xFF"):
		info.Encoding, info.BOM, info.Bad = UTF32, true, 0
	case is("\xFF\xFE"):
		info.Encoding, info.BOM, info.Bad = UTF16LE, true, -1
	case is("\xFE\xFF"):
		info.Encoding, info.BOM, info.Bad = UTF16BE, true, -1
	case units > 0 && d.nuls[1] > units/10 && d.nuls[0] <= d.nuls[1]/16:
		info.Encoding, info.Bad = UTF16LE, -1
	case units > 0 && d.nuls[0] > units/10 && d.nuls[1] <= d.nuls[0]/16:
		info.Encoding, info.Bad = UTF16BE, -1
	case badUTF8 < 0:
		info.Encoding, info.Bad = UTF8, -1
	}
	info.ASCII = info.ASCII && info.Encoding == UTF8
	return info
}

// Detect reads r to its end and says what it is. Its only errors are those of r.
func Detect(r io.Reader) (Info, error) {
	var d Detector
	if _, err := io.Copy(&d, r); err != nil {
		return Info{}, err
	}
	return d.Info(), nil
}

// undefined1252 reports whether Windows-1252 has no letter for c. The table of
// browsers maps these five to control characters, which nobody ever typed.
func undefined1252(c byte) bool {
	return c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D
}

// indexUndefined returns where the first of these bytes stands, or -1.
func indexUndefined(p []byte) int {
	first := -1
	for _, c := range []byte{0x81, 0x8D, 0x8F, 0x90, 0x9D} {
		if k := bytes.IndexByte(p, c); k >= 0 {
			first, p = k, p[:k]
		}
	}
	return first
}

// NewDecoder returns a reader of the text of r, in UTF-8 and without a
// byte-order mark, from the beginning of the stream on. Errors: a *DecodeError
// for the first bytes that mean nothing in the encoding, after all text before
// them; those of r.
func NewDecoder(r io.Reader, e Encoding) io.Reader {
	d := &decoder{src: r, encoding: e, in: make([]byte, 32<<10), out: make([]byte, 0, 32<<10)}
	switch e {
	case UTF8:
		d.decode = d.utf8
	case UTF16LE:
		d.decode = func() { d.utf16(binary.LittleEndian) }
	case UTF16BE:
		d.decode = func() { d.utf16(binary.BigEndian) }
	case Windows1252:
		d.decode = d.windows1252
	default:
		d.decode = d.broken
	}
	return d
}

// A decoder's decode moves what it can from in[pos:n] to out. What remains is
// part of a letter; at the end of the source nothing may remain.
type decoder struct {
	src      io.Reader
	encoding Encoding
	decode   func()

	in     []byte
	pos, n int
	base   int64 // offset in the stream of in[0]
	srcErr error

	out     []byte // decoded, and handed out from sent on
	sent    int
	err     error // to be reported when out is handed out
	started bool  // the first letter is decoded: a mark is text from here on
}

func (d *decoder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for d.sent == len(d.out) {
		if d.err != nil {
			return 0, d.err
		}
		d.more()
	}
	n := copy(p, d.out[d.sent:])
	d.sent += n
	return n, nil
}

func (d *decoder) more() {
	d.base += int64(d.pos)
	d.n = copy(d.in, d.in[d.pos:d.n])
	d.pos = 0
	d.out, d.sent = d.out[:0], 0
	if d.srcErr == nil {
		var n int
		n, d.srcErr = d.src.Read(d.in[d.n:])
		d.n += n
	}
	if d.decode(); d.err != nil {
		return
	}
	if d.srcErr == io.EOF && d.pos < d.n {
		d.broken() // the end cuts a letter
	} else if d.srcErr != nil {
		d.err = d.srcErr
	}
}

// broken ends the text at the bytes at hand.
func (d *decoder) broken() {
	if d.err == nil && (d.pos < d.n || d.encoding == UTF32) {
		d.err = &DecodeError{Encoding: d.encoding, Offset: d.base + int64(d.pos)}
	}
}

func (d *decoder) utf8() {
	b := d.in[d.pos:d.n]
	if !d.started {
		if len(b) < 3 && d.srcErr == nil {
			return
		}
		d.started = true
		if len(b) >= 3 && string(b[:3]) == "\xEF\xBB\xBF" {
			d.pos += 3
			b = b[3:]
		}
	}
	good := len(b)
	if !utf8.Valid(b) {
		good = validPrefix(b)
	}
	d.out = append(d.out, b[:good]...)
	d.pos += good
	if utf8.FullRune(b[good:]) {
		d.broken()
	}
}

// validPrefix returns how many bytes of b are whole letters of UTF-8.
func validPrefix(b []byte) int {
	i := 0
	for i < len(b) {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return i
}

func (d *decoder) utf16(order binary.ByteOrder) {
	for d.pos+2 <= d.n {
		r, size := rune(order.Uint16(d.in[d.pos:])), 2
		if utf16.IsSurrogate(r) {
			if r >= 0xDC00 {
				d.broken()
				return
			}
			if d.pos+4 > d.n {
				return
			}
			if r = utf16.DecodeRune(r, rune(order.Uint16(d.in[d.pos+2:]))); r == utf8.RuneError {
				d.broken()
				return
			}
			size = 4
		}
		d.pos += size
		if r != '\ufeff' || d.started {
			d.out = utf8.AppendRune(d.out, r)
		}
		d.started = true
	}
}

func (d *decoder) windows1252() {
	for ; d.pos < d.n; d.pos++ {
		c := d.in[d.pos]
		if undefined1252(c) {
			d.broken()
			return
		}
		d.out = utf8.AppendRune(d.out, charmap.Windows1252.DecodeByte(c))
	}
}
