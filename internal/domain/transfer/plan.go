package transfer

import (
	"errors"
	"fmt"
	"io"
	"math/bits"

	"clientele/internal/domain/transfer/csv"
)

// A Chunk is a range of bytes of a file that begins and ends at record borders,
// so that it can be read without the rest. Its JSON form is one line of the
// manifest, which a Step Functions Distributed Map reads as JSON lines.
type Chunk struct {
	N         int   `json:"n"`          // number of the chunk, from 0
	Offset    int64 `json:"offset"`     // first byte
	Length    int64 `json:"length"`     // bytes
	FirstRow  int   `json:"first_row"`  // number in the file of its first data row, from 1
	FirstLine int   `json:"first_line"` // physical line of that row, from 1
	Rows      int   `json:"rows"`       // data rows, also those that cannot be read; empty ones do not count
	// Deferred are the rows that an earlier row of the file may share an
	// identity with, ascending, counted from 0 within the chunk: row d is row
	// FirstRow+d of the file. See Plan.
	Deferred []int `json:"deferred,omitempty"`
}

// PlanOptions say how a file is cut.
type PlanOptions struct {
	Dialect csv.Dialect
	// Skip is how many rows stand above the first data row, empty ones not
	// counted: Layout.Header + 1.
	Skip int
	// A chunk ends before the row that would take it beyond one of these. A
	// single row of more bytes is a chunk of its own. 0 means 1,000 rows, 1 MiB.
	ChunkRows  int
	ChunkBytes int64
	// Keys appends to keys a hash of each identity that a row names, as KeyHash
	// makes them, and returns the result. The fields are only valid during the
	// call. Without it no row is deferred.
	Keys func(fields [][]byte, keys []uint64) []uint64
}

// Summary is what planning found out about the whole file.
type Summary struct {
	Rows     int // data rows
	Chunks   int
	Deferred int   // data rows that wait for the tail phase
	Faults   int   // data rows that cannot be read (csv.Fault)
	Empty    int   // empty rows below the header, which are no data rows
	Widest   int   // cells of the widest data row
	Data     int64 // offset of the first data row; the file's size if there is none
	Size     int64 // bytes
}

// Plan reads a UTF-8 file once, from its beginning to its end and in constant
// memory, cuts it into chunks and hands each to emit, in order. It ends with the
// first error of r or emit, which is wrapped.
//
// Chunks may be worked on in any order and at the same time, and yet the outcome
// can equal that of the rows applied one by one in file order: the rows of all
// chunks that are not deferred have no key in common, so they cannot touch the
// same contact through the file, and are applied first; the deferred ones are
// then applied one after another in file order. A row is deferred if any of its
// keys may have occurred in an earlier row, deferred or not. That is told by a
// Bloom filter of a fixed size: it never misses a repetition, and sometimes, in
// files of millions of rows, defers a row without need, which costs only time.
//
// The caller has to keep in mind that two rows without a common key may still
// mean the same contact, if the book knows that contact by both their keys.
func Plan(r io.Reader, o PlanOptions, emit func(Chunk) error) (Summary, error) {
	if o.ChunkRows <= 0 {
		o.ChunkRows = 1000
	}
	if o.ChunkBytes <= 0 {
		o.ChunkBytes = 1 << 20
	}
	var (
		sum      Summary
		chunk    Chunk
		deferred []int
		keys     []uint64
		seen     *bloom
		skip     = o.Skip
		end      int64
	)
	if o.Keys != nil {
		seen = new(bloom)
	}
	flush := func() error {
		if chunk.Rows == 0 {
			return nil
		}
		chunk.Length = end - chunk.Offset
		chunk.Deferred = append([]int(nil), deferred...)
		deferred = deferred[:0]
		sum.Chunks++
		if err := emit(chunk); err != nil {
			return fmt.Errorf("chunk %d: %w", chunk.N, err)
		}
		chunk.N++
		chunk.Rows = 0
		return nil
	}
	sum.Data = -1
	in := csv.NewReader(r, o.Dialect, csv.At{})
	for {
		rec, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !isFault(err) {
			return sum, fmt.Errorf("reading the file at byte %d: %w", end, err)
		}
		sum.Size = rec.End
		if rec.Blank() {
			if skip <= 0 {
				sum.Empty++
			}
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		if sum.Data < 0 {
			sum.Data = rec.Start
		}
		if chunk.Rows >= o.ChunkRows || chunk.Rows > 0 && rec.End-chunk.Offset > o.ChunkBytes {
			if err := flush(); err != nil {
				return sum, err
			}
		}
		if chunk.Rows == 0 {
			chunk.Offset, chunk.FirstRow, chunk.FirstLine = rec.Start, sum.Rows+1, int(rec.Line)
		}
		sum.Widest = max(sum.Widest, len(rec.Fields))
		if err != nil {
			sum.Faults++
		} else if seen != nil {
			keys = o.Keys(rec.Fields, keys[:0])
			if seen.addAll(keys) {
				deferred = append(deferred, chunk.Rows)
				sum.Deferred++
			}
		}
		chunk.Rows++
		sum.Rows++
		end = rec.End
	}
	if sum.Data < 0 {
		sum.Data = sum.Size
	}
	return sum, flush()
}

func isFault(err error) bool {
	var f *csv.Fault
	return errors.As(err, &f)
}

// KeyHash hashes an identity, kind and normalised value, for PlanOptions.Keys.
// It is the same in every process (FNV-1a), so that planning a file twice gives
// one plan.
func KeyHash[T string | []byte](kind string, value T) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * 0x100000001b3
	}
	h = (h ^ 0xFF) * 0x100000001b3 // no text has this byte: kind and value stay apart
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * 0x100000001b3
	}
	return h
}

// Sample reads the first n rows of a UTF-8 file, or fewer if it is shorter, for
// Guess and for a preview. Empty rows are left out, as Plan does, so that
// Layout.Header+1 is PlanOptions.Skip. A row that cannot be read is one cell
// with its text. The only errors are those of r.
func Sample(r io.Reader, d csv.Dialect, n int) ([][]string, error) {
	in := csv.NewReader(r, d, csv.At{})
	var rows [][]string
	for len(rows) < n {
		rec, err := in.Next()
		switch {
		case err == io.EOF:
			return rows, nil
		case err != nil && isFault(err):
			rows = append(rows, []string{string(rec.Raw)})
		case err != nil:
			return rows, err
		case !rec.Blank():
			rows = append(rows, rec.Strings())
		}
	}
	return rows, nil
}

// bloom remembers keys in 8 MiB, whatever their number. The bits of a key lie in
// one line of the processor's cache: a little less sharp, several times faster.
// Of 10⁶ keys fewer than one in 10⁵ is taken for an earlier one, of 10⁷ about
// one in twenty at the end.
type bloom [1 << 17][8]uint64

// addAll adds the keys of one row and reports whether any of them, perhaps, was
// added by an earlier row.
func (b *bloom) addAll(keys []uint64) (seen bool) {
	for _, k := range keys {
		line, x := b.place(k)
		hit := true
		for range bloomBits {
			hit = hit && line[x>>6&7]>>(x&63)&1 == 1
			x >>= 9
		}
		seen = seen || hit
	}
	for _, k := range keys {
		line, x := b.place(k)
		for range bloomBits {
			line[x>>6&7] |= 1 << (x & 63)
			x >>= 9
		}
	}
	return seen
}

// bloomBits is how many bits of its line a key has.
const bloomBits = 5

// place gives the line of a key, and 45 bits from which its bits come.
func (b *bloom) place(k uint64) (*[8]uint64, uint64) {
	k ^= k >> 32
	hi, lo := bits.Mul64(k*0x9E3779B97F4A7C15+1, 0xD6E8FEB86659FD93)
	k = hi ^ lo
	return &b[k>>47], k
}
