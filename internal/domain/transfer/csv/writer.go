package csv

import "io"

// A Profile is a way to write a file.
type Profile byte

const (
	// Spreadsheet is for people: byte-order mark, CRLF, every field quoted, so
	// that a cell with any separator survives, and values that a spreadsheet
	// would run as a formula guarded (see Guard).
	Spreadsheet Profile = iota
	// Raw is for programs: exact values, LF, quotes only where they are needed.
	Raw
)

// A Writer writes records. It keeps at most some 64 KiB and one field in
// memory; call Flush at the end. The first error of the destination stays, and
// every later call returns it.
type Writer struct {
	dst     io.Writer
	buf     []byte
	err     error
	profile Profile
	comma   byte
	started bool // anything of the file exists
	cells   int  // in the record at hand
	emptied bool // the one cell of the record at hand was written as nothing
	special [256]bool
}

const flushAt = 64 << 10

// NewWriter writes to dst. A zero Comma of the dialect means ','; its HasBOM
// counts for nothing, the profile decides.
func NewWriter(dst io.Writer, p Profile, d Dialect) *Writer {
	w := &Writer{dst: dst, profile: p, comma: d.comma(), buf: make([]byte, 0, flushAt+4<<10)}
	w.special[w.comma], w.special['"'], w.special['\r'], w.special['\n'] = true, true, true, true
	return w
}

// Write writes one record. It does not keep the fields.
func (w *Writer) Write(fields ...string) error {
	for _, f := range fields {
		cell(w, f)
	}
	return w.End()
}

// WriteBytes writes one record. It does not keep the fields.
func (w *Writer) WriteBytes(fields [][]byte) error {
	for _, f := range fields {
		cell(w, f)
	}
	return w.End()
}

// Cell adds a field to the record at hand; End closes the record.
func (w *Writer) Cell(v string) { cell(w, v) }

// CellBytes is Cell for bytes, which it does not keep.
func (w *Writer) CellBytes(v []byte) { cell(w, v) }

// End closes the record at hand. A record without any cell is an empty line,
// which reads back as a record of one empty field.
func (w *Writer) End() error {
	w.start()
	if w.emptied && w.cells == 1 {
		w.buf = append(w.buf, '"', '"') // not to be taken for a blank line
	}
	w.cells, w.emptied = 0, false
	if w.profile == Spreadsheet {
		w.buf = append(w.buf, '\r')
	}
	w.buf = append(w.buf, '\n')
	if len(w.buf) >= flushAt {
		return w.Flush()
	}
	return w.err
}

// Flush hands everything to the destination.
func (w *Writer) Flush() error {
	if len(w.buf) > 0 && w.err == nil {
		_, w.err = w.dst.Write(w.buf)
	}
	w.buf = w.buf[:0]
	return w.err
}

// start writes what stands before the first record.
func (w *Writer) start() {
	if !w.started && w.profile == Spreadsheet {
		w.buf = append(w.buf, bom...)
	}
	w.started = true
}

func cell[T text](w *Writer, v T) {
	first := !w.started
	w.start()
	if w.cells++; w.cells > 1 {
		w.buf = append(w.buf, w.comma)
	}
	if len(w.buf) >= flushAt {
		w.Flush()
	}
	if w.profile == Raw {
		if len(v) == 0 {
			w.emptied = true
			return
		}
		plain := true
		for i := range len(v) {
			if w.special[v[i]] {
				plain = false
				break
			}
		}
		// A mark at the beginning of the file would be lost as its encoding.
		if plain && !(first && len(v) >= len(bom) && string(v[:len(bom)]) == bom) {
			w.buf = append(w.buf, v...)
			return
		}
	}
	w.buf = append(w.buf, '"')
	if w.profile == Spreadsheet && Guarded(v) {
		w.buf = append(w.buf, '\'')
	}
	from := 0
	for i := range len(v) {
		if v[i] == '"' {
			w.buf = append(w.buf, v[from:i+1]...)
			w.buf = append(w.buf, '"')
			from = i + 1
		}
	}
	w.buf = append(w.buf, v[from:]...)
	w.buf = append(w.buf, '"')
}
