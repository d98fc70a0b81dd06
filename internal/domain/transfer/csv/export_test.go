package csv

import "io"

// NewSmallReader is NewReader with limits and a buffer that a test can reach.
func NewSmallReader(src io.Reader, d Dialect, at At, l SmallLimits) *Reader {
	r := NewReader(src, d, at)
	r.buf = make([]byte, l.Buffer)
	r.maxField, r.maxRecord = l.Field, l.Record
	r.cells = r.cells[:l.Columns]
	return r
}

// SmallLimits stand for MaxField, MaxRecord, MaxColumns and the first buffer.
type SmallLimits struct{ Field, Record, Columns, Buffer int }
