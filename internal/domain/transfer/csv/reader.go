package csv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// Limits of what is read. A record beyond them is a [Fault], never a crash:
// memory stays below about twice MaxRecord whatever the file holds.
const (
	MaxField   = 64 << 10 // bytes of one field, as written between its quotes
	MaxRecord  = 1 << 20  // bytes of one record with its line end
	MaxColumns = 512      // fields of one record
)

// rawKept is how much of a record is kept for the report when the record
// itself had to be thrown away to get past it.
const rawKept = 4 << 10

// FaultKind says why a record could not be read.
type FaultKind string

// The kinds of faults.
const (
	OpenQuote      FaultKind = "open_quote"       // a quote is opened and never closed
	FieldTooLong   FaultKind = "field_too_long"   // more than MaxField bytes
	RecordTooLong  FaultKind = "record_too_long"  // more than MaxRecord bytes
	TooManyColumns FaultKind = "too_many_columns" // more than MaxColumns fields
)

// A Fault is a record that could not be read. The reader has moved to the next
// record already: calling Next again goes on.
type Fault struct {
	Kind   FaultKind
	Record int64 // number of the record, as in Record.Number
	Line   int64 // physical line of the field at fault, from 1
	Column int   // field at fault, from 1
	Offset int64 // byte of the stream where the field at fault begins
}

// Error tells the fault as a sentence.
func (f *Fault) Error() string {
	var what string
	switch f.Kind {
	case OpenQuote:
		what = "a quote is opened here and never closed"
	case FieldTooLong:
		what = fmt.Sprintf("a cell is longer than %d bytes", MaxField)
	case RecordTooLong:
		what = fmt.Sprintf("a row is longer than %d bytes", MaxRecord)
	case TooManyColumns:
		what = fmt.Sprintf("a row has more than %d columns", MaxColumns)
	}
	return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, what)
}

// A Record is one record of the file. Fields and Raw point into the reader's
// memory and are valid until the next call of Next.
type Record struct {
	Fields [][]byte // never empty, except beside a Fault
	// Raw is the record as it stands in the file, with its line end. Beside a
	// Fault it may be cut after the first 4 KiB.
	Raw        []byte
	Start, End int64 // byte range in the stream, line end included; records tile the stream
	Line       int64 // physical line where it starts, from 1; CRLF is one line end
	Number     int64 // number of the record, from 1; empty lines count
	Loose      bool  // text stood behind a closing quote and was taken into the field
}

// Blank reports whether no field holds more than spaces and tabs: an empty
// line, or what is left of an empty row (";;;;") when a spreadsheet saved it.
func (rec *Record) Blank() bool {
	for _, f := range rec.Fields {
		for _, c := range f {
			if c != ' ' && c != '\t' {
				return false
			}
		}
	}
	return rec.Fields != nil
}

// Text returns field i, from 0, as a string; a short record is padded with
// empty fields.
func (rec *Record) Text(i int) string {
	if i >= len(rec.Fields) {
		return ""
	}
	return string(rec.Fields[i])
}

// Strings returns a copy of the fields that outlives the next call of Next.
func (rec *Record) Strings() []string {
	out := make([]string, len(rec.Fields))
	for i, f := range rec.Fields {
		out[i] = string(f)
	}
	return out
}

// At tells a reader where in the whole stream its input begins. The zero value
// is the beginning, and only there a byte-order mark is skipped.
type At struct {
	Offset int64 // byte offset of the first byte; must be where a record begins
	Line   int64 // its physical line, from 1; 0 means 1
	Number int64 // number of the first record, from 1; 0 means 1
}

// A Reader reads records. It is not safe for use by several goroutines.
type Reader struct {
	src    io.Reader
	buf    []byte
	pos, n int   // unread bytes are buf[pos:n]
	base   int64 // offset in the stream of buf[0]
	err    error // what src ended with; io.EOF is its plain end

	line, number int64
	bomChecked   bool

	maxField, maxRecord int // the limits; smaller in tests

	block int    // start in buf of 64 bytes whose stops are known,
	ahead uint64 // and those of them that were not passed yet, a bit a byte

	comma   byte
	stop    [256]bool // bytes that end an unquoted field
	cells   [][]byte  // as many as a record may have
	scratch []byte    // fields with doubled quotes, with these halved
}

// NewReader reads src, which is UTF-8, from a record border on. A zero Comma
// of the dialect means ','.
func NewReader(src io.Reader, d Dialect, at At) *Reader {
	r := &Reader{
		src: src, comma: d.comma(),
		base: at.Offset, line: max(at.Line, 1), number: max(at.Number, 1),
		buf:        make([]byte, 64<<10),
		bomChecked: at.Offset != 0,
		maxField:   MaxField, maxRecord: MaxRecord,
		cells: make([][]byte, MaxColumns),
		block: -64,
	}
	r.stop[r.comma], r.stop['\r'], r.stop['\n'] = true, true, true
	return r
}

// Next returns the next record. Errors: io.EOF at the end of the input; a
// *Fault for a record that could not be read, with a Record that has no Fields,
// after which reading goes on; anything else is the source's own error, and
// final.
func (r *Reader) Next() (Record, error) {
	if !r.bomChecked {
		for r.n < len(bom) && r.err == nil {
			r.fill()
		}
		if bytes.HasPrefix(r.buf[:r.n], []byte(bom)) {
			r.pos = len(bom)
		}
		r.bomChecked = true
	}
	for {
		var s scan
		more := r.scan(&s)
		if more {
			if r.err == nil {
				r.fill()
				continue
			}
			return Record{}, r.err
		}
		rec := Record{Start: r.base + int64(r.pos), Line: r.line, Number: r.number, Loose: s.loose}
		r.number++
		if s.fault != "" {
			return r.fail(rec, &s)
		}
		rec.Fields = r.cells[:s.fields:s.fields]
		rec.Raw = r.buf[r.pos : r.pos+s.end]
		r.pos += s.end
		r.line += s.lines
		rec.End = r.base + int64(r.pos)
		return rec, nil
	}
}

// scan is the outcome of looking at one record. Positions count from r.pos.
type scan struct {
	fields int   // how many of r.cells it fills
	end    int   // one past its line end
	lines  int64 // line ends in it, its own included
	loose  bool

	fault    FaultKind
	faultAt  int // where the field at fault begins
	faultCol int // its number, from 1
	resume   int // if not 0: the record's end is the first line end from here on
}

// scan looks at the record at r.pos and fills r.cells. It answers true if the
// record does not end in the bytes at hand: read more, or report r.err.
//
// It never looks further than MaxRecord bytes, so what it finds depends on the
// record alone and not on how the input came in.
func (r *Reader) scan(s *scan) (more bool) {
	w := r.buf[r.pos:r.n]
	full := len(w) >= r.maxRecord
	if full {
		w = w[:r.maxRecord]
	}
	atEOF := r.err == io.EOF && !full
	if len(w) == 0 {
		return true
	}
	stop, comma := &r.stop, r.comma
	fields, n := r.cells, 0
	scratch := r.scratch[:0]
	// The stops are known for the block of 64 bytes at b; those in m are still
	// ahead. The block may have been left by the record before.
	b, m := r.block-r.pos, r.ahead
	if b <= -64 {
		b, m = -64, 0
	} else if b < 0 {
		m &= ^uint64(0) << -b
	}
	i := 0 // start of the field
	for {
		j := i // end of the field, where its separator stands
		quoted := i < len(w) && w[i] == '"'

		// The fast lane takes plain fields that end in a separator. It asks
		// for the stops of 64 bytes at once, because the branches that the
		// processor guesses wrong cost more than all the rest.
		for !quoted && n < len(fields) {
			if m == 0 {
				if j = max(b+64, i); j+64 > len(w) {
					break
				}
				b, m = j, stops((*[64]byte)(w[j:]), comma)
				continue
			}
			j = b + bits.TrailingZeros64(m)
			m &= m - 1
			if w[j] != comma || j-i > r.maxField {
				if !stop[w[j]] {
					continue // another control character
				}
				break
			}
			fields[n] = w[i:j]
			n++
			j++
			i = j
			quoted = i < len(w) && w[i] == '"'
		}

		var field []byte
		if quoted {
			q := r.quoted(w, i, &scratch)
			if q.open || q.torn {
				if !q.torn && !full && !atEOF {
					return true
				}
				*s = scan{fault: OpenQuote, faultAt: i, faultCol: n + 1, resume: i + 1}
				return false
			}
			s.loose = s.loose || q.loose
			s.lines += q.lines
			j, field = q.end, q.field
			if q.size > r.maxField {
				s.blame(FieldTooLong, i, n)
			}
		} else {
			for j < len(w) && !stop[w[j]] {
				j++
			}
			field = w[i:j]
			if j-i > r.maxField {
				s.blame(FieldTooLong, i, n)
			}
		}
		if j == len(w) && !atEOF {
			if !full {
				return true
			}
			*s = scan{fault: RecordTooLong, faultAt: i, faultCol: n + 1, resume: j}
			return false
		}
		if n < len(fields) {
			fields[n] = field
			n++
		} else {
			s.blame(TooManyColumns, i, n)
		}
		if j < len(w) && w[j] == comma {
			i = j + 1
			if i-b < 64 {
				m &= ^uint64(0) << (i - b)
			} else {
				b, m = i-64, 0
			}
			continue
		}
		if j < len(w) {
			s.lines++
			if w[j] == '\r' {
				if j+1 == len(w) && !atEOF {
					if !full {
						return true // its LF may be still to come
					}
					*s = scan{fault: RecordTooLong, faultAt: i, faultCol: n, resume: j}
					return false
				}
				if j+1 < len(w) && w[j+1] == '\n' {
					j++
				}
			}
			j++
		}
		s.end, s.fields = j, n
		r.block, r.ahead = r.pos+b, m
		r.scratch = scratch
		return false
	}
}

// blame notes the first fault of a record whose shape is sound.
func (s *scan) blame(kind FaultKind, at, fields int) {
	if s.fault == "" {
		s.fault, s.faultAt, s.faultCol = kind, at, fields+1
	}
}

// quote is the outcome of looking at one quoted field.
type quote struct {
	field []byte
	end   int   // where its separator stands, or the end of what is at hand
	size  int   // bytes as written, for the limit
	lines int64 // line ends inside the quotes
	open  bool  // no closing quote at hand, or it is not yet sure that it is one
	torn  bool  // the closing quote belongs to something else: see below
	loose bool
}

// quoted looks at the field whose opening quote is w[i].
//
// Text behind a closing quote ("ab"cd) is taken literally if all of it stands
// on one line. If the quotes span lines, then most likely the first one was
// never closed and the second one opens a field of a later row: the field is
// torn, and only the line of its opening quote is to blame.
func (r *Reader) quoted(w []byte, i int, scratch *[]byte) (q quote) {
	from := i + 1 // start of what is not yet taken
	head := -1    // where the field begins in scratch, if it had to be copied
	k := from
	for {
		c := bytes.IndexByte(w[k:], '"')
		if c < 0 {
			return quote{open: true}
		}
		k += c
		if k+1 < len(w) && w[k+1] == '"' {
			if head < 0 {
				head = len(*scratch)
			}
			*scratch = append(*scratch, w[from:k+1]...)
			k += 2
			from = k
			continue
		}
		break
	}
	if k+1 == len(w) && (r.err != io.EOF || len(w) == r.maxRecord) {
		// The next byte decides whether it closes the field.
		if len(w) == r.maxRecord {
			return quote{end: len(w), size: k - i - 1}
		}
		return quote{open: true}
	}
	q.end, q.size = k+1, k-i-1
	q.field = w[from:k]
	q.lines = countLines(w[i+1 : k])
	if q.end < len(w) && !r.stop[w[q.end]] {
		if q.lines > 0 {
			return quote{torn: true}
		}
		q.loose = true
		for q.end < len(w) && !r.stop[w[q.end]] {
			q.end++
		}
		q.size = q.end - i
		if head < 0 {
			head = len(*scratch)
		}
		*scratch = append(*scratch, w[from:k]...)
		*scratch = append(*scratch, w[k+1:q.end]...)
		q.field = (*scratch)[head:]
	} else if head >= 0 {
		*scratch = append(*scratch, q.field...)
		q.field = (*scratch)[head:]
	}
	q.field = q.field[:len(q.field):len(q.field)]
	return q
}

// fail moves behind a record that could not be read and describes it.
func (r *Reader) fail(rec Record, s *scan) (Record, error) {
	start := r.pos
	f := &Fault{
		Kind: s.fault, Record: rec.Number, Column: s.faultCol,
		Line:   r.line + countLines(r.buf[start:start+s.faultAt]),
		Offset: r.base + int64(start+s.faultAt),
	}
	if s.resume == 0 { // its shape is sound, and it is all at hand
		rec.Raw = r.buf[start : start+s.end]
		r.pos += s.end
		r.line += s.lines
		rec.End = r.base + int64(r.pos)
		return rec, f
	}
	r.line += countLines(r.buf[start : start+s.resume])
	r.pos += s.resume
	if k := lineEnd(r.buf[r.pos:r.n]); k > 0 && (r.buf[r.pos+k-1] == '\n' || r.pos+k < r.n) {
		// The usual case, a forgotten quote: the whole line is at hand.
		rec.Raw = r.buf[start : r.pos+k]
		r.pos += k
		r.line++
		rec.End = r.base + int64(r.pos)
		return rec, f
	}
	r.scratch = append(r.scratch[:0], r.buf[start:min(r.n, start+rawKept)]...)
	rec.Raw = r.scratch
	for {
		k := lineEnd(r.buf[r.pos:r.n])
		if k > 0 && r.buf[r.pos+k-1] == '\r' && r.pos+k == r.n && r.err == nil {
			r.pos += k - 1
			r.fill() // is there a LF behind the CR?
			continue
		}
		if k > 0 {
			r.pos += k
			r.line++
			break
		}
		r.pos = r.n
		if r.err != nil {
			break
		}
		r.fill()
	}
	rec.End = r.base + int64(r.pos)
	return rec, f
}

// fill reads until the buffer is full or the source ends. It moves the unread
// bytes to the front, and doubles the buffer if they fill it.
func (r *Reader) fill() {
	if r.pos > 0 {
		copy(r.buf, r.buf[r.pos:r.n])
		r.base += int64(r.pos)
		r.n -= r.pos
		r.pos = 0
		r.block, r.ahead = -64, 0
	} else if r.n == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for idle := 0; r.n < len(r.buf) && r.err == nil; {
		n, err := r.src.Read(r.buf[r.n:])
		r.n += n
		r.err = err
		if n > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			r.err = io.ErrNoProgress
		}
	}
}

// stops returns a bit for each byte of b that is the separator or below 16, as
// line ends are and little else.
func stops(b *[64]byte, comma byte) uint64 {
	c := ones * uint64(comma)
	return stops8(binary.LittleEndian.Uint64(b[0:]), c) |
		stops8(binary.LittleEndian.Uint64(b[8:]), c)<<8 |
		stops8(binary.LittleEndian.Uint64(b[16:]), c)<<16 |
		stops8(binary.LittleEndian.Uint64(b[24:]), c)<<24 |
		stops8(binary.LittleEndian.Uint64(b[32:]), c)<<32 |
		stops8(binary.LittleEndian.Uint64(b[40:]), c)<<40 |
		stops8(binary.LittleEndian.Uint64(b[48:]), c)<<48 |
		stops8(binary.LittleEndian.Uint64(b[56:]), c)<<56
}

const ones = 0x0101010101010101

// stops8 is stops for eight bytes at once, with no carry from one to the next.
func stops8(x, commas uint64) uint64 {
	const low = 0x7F * ones
	a, b := x&(0xF0*ones), x^commas // a byte that is zero now is a stop
	a |= a&low + low                // its high bit says: not zero
	b |= b&low + low
	// The high bits of the eight bytes, gathered in the topmost byte.
	return ^(a & b) & (0x80 * ones) * 0x0002040810204081 >> 56
}

// countLines counts the line ends in b; CRLF is one.
func countLines(b []byte) int64 {
	n := int64(bytes.Count(b, []byte{'\n'}))
	for {
		k := bytes.IndexByte(b, '\r')
		if k < 0 {
			return n
		}
		b = b[k+1:]
		if len(b) == 0 || b[0] != '\n' {
			n++
		}
	}
}

// lineEnd returns the index behind the first line end in b, or 0. A CR at the
// very end of b counts as one.
func lineEnd(b []byte) int {
	k := bytes.IndexByte(b, '\n')
	if k >= 0 {
		b = b[:k]
	}
	if c := bytes.IndexByte(b, '\r'); c >= 0 && c+1 != k {
		return c + 1
	}
	return k + 1
}
