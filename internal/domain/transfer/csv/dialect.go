package csv

import (
	"bytes"
	"math"
)

// Dialect is how a file is written. The quote is always ".
type Dialect struct {
	Comma  byte // separator of fields: one of , ; tab |
	HasBOM bool // the file begins with a UTF-8 byte-order mark
}

func (d Dialect) comma() byte {
	if d.Comma == 0 {
		return ','
	}
	return d.Comma
}

// Separators are those that Sniff looks for, the most likely first.
const Separators = ",;\t|"

// sniffed is how many records decide.
const sniffed = 200

// Sniff finds the dialect from the beginning of a file; 64 KiB are plenty. The
// sample may end anywhere. A file of one column has the separator ','.
//
// The separator is the one under which the records have the same number of
// columns, more than one, with sound quotes; the first such record, which is
// as a rule the header, weighs most, as its names seldom contain a separator
// while addresses and notes often do. A first line "sep=;" decides alone.
func Sniff(sample []byte) Dialect {
	var d Dialect
	if bytes.HasPrefix(sample, []byte(bom)) {
		d.HasBOM = true
		sample = sample[len(bom):]
	}
	d.Comma = ','
	if c, ok := sepLine(sample); ok {
		d.Comma = c
		return d
	}
	best := 0.0
	for i := range len(Separators) {
		if s := score(sample, Separators[i]); s > best+1e-9 {
			best, d.Comma = s, Separators[i]
		}
	}
	return d
}

// sepLine understands the first line by which files tell Excel their separator.
func sepLine(b []byte) (byte, bool) {
	if k := lineEnd(b); k > 0 {
		b = bytes.TrimRight(b[:k], "\r\n")
	}
	b = bytes.Trim(b, `"`)
	if len(b) == 5 && bytes.EqualFold(b[:4], []byte("sep=")) && bytes.IndexByte([]byte(Separators), b[4]) >= 0 {
		return b[4], true
	}
	return 0, false
}

// score rates a separator from 0, impossible.
func score(sample []byte, comma byte) float64 {
	var counts []int // columns of each record; 0 if its quotes make no sense
	r := NewReader(bytes.NewReader(sample), Dialect{Comma: comma}, At{})
	for len(counts) < sniffed {
		rec, err := r.Next()
		if f, ok := err.(*Fault); ok {
			// Where the sample is cut a quote stays open; that is nobody's fault.
			if f.Kind == OpenQuote && rec.End == int64(len(sample)) {
				break
			}
			counts = append(counts, 0)
			continue
		}
		if err != nil {
			break
		}
		if len(counts) > 0 && rec.End == int64(len(sample)) && !endsLine(sample) {
			break // probably cut in the middle
		}
		switch {
		case rec.Blank():
		case rec.Loose:
			counts = append(counts, 0)
		default:
			counts = append(counts, len(rec.Fields))
		}
	}
	often := map[int]int{}
	width := 1 // the commonest number of columns above one
	for _, c := range counts {
		often[c]++
		if c > 1 && (often[c] > often[width] || width == 1) {
			width = c
		}
	}
	if width == 1 {
		return 0
	}
	same := float64(often[width]) / float64(len(counts))
	// Rows that end early are common and do not speak against a separator as
	// rows that are too wide or in one piece do.
	near := 0.0
	header := 0.0
	for i, c := range counts {
		if c > width/2 && c < width {
			near++
		}
		if c > 1 && header == 0 {
			// The lower the first record in several columns stands, the less
			// it looks like a header: most files have it on top.
			header = 1 / float64(1+i)
			if c < width {
				header /= 2
			}
		}
	}
	near /= float64(len(counts))
	return (same + near/2 + header) * math.Log2(float64(min(width, 16))+1)
}

func endsLine(b []byte) bool {
	return len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r')
}
