package transfer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"clientele/internal/domain/transfer"
	"clientele/internal/domain/transfer/csv"
	"clientele/internal/local/gencontacts"
)

// plannedRow is a data row as a worker sees it.
type plannedRow struct {
	Number, Line int
	Fields       []string
	Fault        string
	Deferred     bool
}

// firstFieldKey takes the first field, trimmed and without case, as identity.
func firstFieldKey(fields [][]byte, keys []uint64) []uint64 {
	if v := bytes.ToLower(bytes.TrimSpace(fields[0])); len(v) > 0 {
		keys = append(keys, transfer.KeyHash("email", v))
	}
	return keys
}

// work plans a file and reads each chunk from its own bytes alone.
func work(tb testing.TB, file []byte, o transfer.PlanOptions) (rows []plannedRow, sum transfer.Summary) {
	tb.Helper()
	var chunks []transfer.Chunk
	sum, err := transfer.Plan(iotest.HalfReader(bytes.NewReader(file)), o, func(c transfer.Chunk) error {
		chunks = append(chunks, c)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	deferred := 0
	for n, c := range chunks {
		if c.N != n || c.Rows < 1 || c.Length < 1 {
			tb.Fatalf("chunk %d: %+v", n, c)
		}
		if c.Rows > 1 && o.ChunkBytes > 0 && c.Length > o.ChunkBytes || o.ChunkRows > 0 && c.Rows > o.ChunkRows {
			tb.Fatalf("chunk %d is beyond the limits: %+v", n, c)
		}
		if n > 0 && (c.Offset < chunks[n-1].Offset+chunks[n-1].Length || c.FirstRow != chunks[n-1].FirstRow+chunks[n-1].Rows) {
			tb.Fatalf("chunk %d: %+v does not follow %+v", n, c, chunks[n-1])
		}
		deferred += len(c.Deferred)
		r := csv.NewReader(bytes.NewReader(file[c.Offset:c.Offset+c.Length]), o.Dialect, csv.At{Offset: c.Offset, Line: int64(c.FirstLine)})
		d := 0
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err == nil && rec.Blank() {
				continue
			}
			row := plannedRow{Number: c.FirstRow + d, Line: int(rec.Line), Deferred: slices.Contains(c.Deferred, d)}
			if err != nil {
				row.Fault = err.Error()
			} else {
				row.Fields = rec.Strings()
			}
			rows = append(rows, row)
			d++
		}
		if d != c.Rows {
			tb.Fatalf("chunk %d has %d rows: %+v", n, d, c)
		}
	}
	if sum.Chunks != len(chunks) || sum.Rows != len(rows) || sum.Deferred != deferred {
		tb.Fatalf("%+v, but %d chunks, %d rows, %d deferred", sum, len(chunks), len(rows), deferred)
	}
	if sum.Size != int64(len(file)) && !bytes.Equal(file, []byte("\ufeff")) {
		tb.Fatalf("%+v of a file of %d bytes", sum, len(file))
	}
	return rows, sum
}

func TestPlan(t *testing.T) {
	file := "Our customers\n\nemail,name\na@x.example,\"A\nA\"\n\n;\n,\nb@x.example,B,extra\nA@x.example ,again\n\"open,C\nd@x.example,D"
	rows, sum := work(t, []byte(file), transfer.PlanOptions{Skip: 2, ChunkRows: 2, Keys: firstFieldKey})
	want := []plannedRow{
		{1, 4, []string{"a@x.example", "A\nA"}, "", false},
		{2, 7, []string{";"}, "", false},
		{3, 9, []string{"b@x.example", "B", "extra"}, "", false},
		{4, 10, []string{"A@x.example ", "again"}, "", true},
		{5, 11, nil, "line 11, column 1: a quote is opened here and never closed", false},
		{6, 12, []string{"d@x.example", "D"}, "", false},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v", rows)
	}
	if want := (transfer.Summary{Rows: 6, Chunks: 3, Deferred: 1, Faults: 1, Empty: 2, Widest: 3, Data: 26, Size: int64(len(file))}); sum != want {
		t.Errorf("got %+v, want %+v", sum, want)
	}
}

func TestPlanOfNearlyNothing(t *testing.T) {
	for file, want := range map[string]transfer.Summary{
		"":                {},
		"email\n":         {Data: 6, Size: 6},
		"email\n\n \n":    {Data: 9, Size: 9, Empty: 2},
		"\ufeffemail\nx":  {Rows: 1, Chunks: 1, Widest: 1, Data: 9, Size: 10},
		"email\r\n\r\nx,": {Rows: 1, Chunks: 1, Widest: 2, Data: 9, Size: 11, Empty: 1},
	} {
		if _, got := work(t, []byte(file), transfer.PlanOptions{Skip: 1}); got != want {
			t.Errorf("%q: got %+v, want %+v", file, got, want)
		}
	}
}

func TestPlanWithoutHeader(t *testing.T) {
	rows, sum := work(t, []byte("\ufeffa@x.example\nb@x.example\n"), transfer.PlanOptions{})
	if len(rows) != 2 || sum.Data != 3 {
		t.Errorf("%+v, %+v", rows, sum)
	}
}

// The form of the manifest is a promise: jobs that were planned before a deploy
// run after it.
func TestChunkAsJSON(t *testing.T) {
	for want, c := range map[string]transfer.Chunk{
		`{"n":0,"offset":9,"length":70,"first_row":1,"first_line":2,"rows":3}`:                          {N: 0, Offset: 9, Length: 70, FirstRow: 1, FirstLine: 2, Rows: 3},
		`{"n":7,"offset":5368709120,"length":1,"first_row":4,"first_line":9,"rows":3,"deferred":[0,2]}`: {N: 7, Offset: 5 << 30, Length: 1, FirstRow: 4, FirstLine: 9, Rows: 3, Deferred: []int{0, 2}},
	} {
		line, err := json.Marshal(c)
		if err != nil || string(line) != want {
			t.Errorf("got %s, %v", line, err)
		}
		var back transfer.Chunk
		if err := json.Unmarshal(line, &back); err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("got %+v, %v", back, err)
		}
	}
}

func TestPlanEndsWithTheFirstError(t *testing.T) {
	full, lost := errors.New("no room left"), errors.New("connection lost")
	calls := 0
	_, err := transfer.Plan(strings.NewReader("a\nb\nc\n"), transfer.PlanOptions{ChunkRows: 1}, func(transfer.Chunk) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 || err.Error() != "chunk 0: no room left" {
		t.Errorf("%v after %d calls", err, calls)
	}
	_, err = transfer.Plan(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(lost)), transfer.PlanOptions{}, func(transfer.Chunk) error {
		t.Error("a chunk of half a file")
		return nil
	})
	if !errors.Is(err, lost) {
		t.Error(err)
	}
}

// However a file is cut, its rows are the same in the same order, and a row is
// deferred whenever an earlier one has its identity.
func checkPlan(t *testing.T, file []byte, comma byte) {
	t.Helper()
	d := csv.Dialect{Comma: comma}
	whole, _ := work(t, file, transfer.PlanOptions{Dialect: d, ChunkRows: 1 << 30, ChunkBytes: 1 << 40, Keys: firstFieldKey})
	seen := map[string]bool{}
	for _, row := range whole {
		if row.Fields == nil {
			continue
		}
		id := strings.ToLower(strings.TrimSpace(row.Fields[0]))
		if id != "" && seen[id] != row.Deferred {
			t.Fatalf("row %d (%q), deferred %t", row.Number, id, row.Deferred)
		}
		seen[id] = true
	}
	for _, size := range [][2]int64{{1, 1 << 20}, {2, 1 << 20}, {7, 40}, {1000, 1}, {1000, 33}, {1000, 1000}, {100, 1 << 14}} {
		rows, _ := work(t, file, transfer.PlanOptions{Dialect: d, ChunkRows: int(size[0]), ChunkBytes: size[1], Keys: firstFieldKey})
		if !slices.EqualFunc(rows, whole, func(a, b plannedRow) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%q in chunks of %d rows and %d bytes:\n got %v\nwant %v", file, size[0], size[1], rows, whole)
		}
	}
}

func TestAnyChunksHaveTheSameRows(t *testing.T) {
	var file bytes.Buffer
	if err := gencontacts.Write(&file, gencontacts.Options{Rows: 2000, Messy: 30}); err != nil {
		t.Fatal(err)
	}
	checkPlan(t, file.Bytes(), ',')
	rnd := rand.New(rand.NewPCG(3, 4))
	letters := []string{",", "\"", "\"\"", "\n", "\n", "\r\n", "\r", "a", "b@x", "é", " ", "\"x,\ny\",", "\ufeff"}
	for range 60 {
		var b bytes.Buffer
		for range rnd.IntN(120) {
			b.WriteString(letters[rnd.IntN(len(letters))])
		}
		checkPlan(t, b.Bytes(), ',')
	}
}

func FuzzPlan(f *testing.F) {
	f.Add([]byte("email,name\na,\"b\nc\"\n\na,\"d\r\ne,f\r\n\"g\"h,i"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) < 300 {
			checkPlan(t, file, ',')
		}
	})
}

// A repetition is never missed, however many keys there are; what is deferred
// without need stays little.
func TestDeferredRowsAreFew(t *testing.T) {
	const n = 300_000
	file := &rowSource{n: n, row: func(i int) string {
		if i%1000 == 999 { // a double of the row 500 before
			i -= 500
		}
		return fmt.Sprintf("person%d@mail.example,x\n", i)
	}}
	missed, needless := 0, 0
	_, err := transfer.Plan(file, transfer.PlanOptions{Keys: firstFieldKey}, func(c transfer.Chunk) error {
		if c.Rows != 1000 {
			t.Fatalf("%+v", c)
		}
		if !slices.Contains(c.Deferred, 999) {
			missed++
		}
		needless += len(c.Deferred) - 1
		return nil
	})
	if err != nil || missed > 0 || needless > n/10_000 {
		t.Errorf("%d missed, %d deferred without need, %v", missed, needless, err)
	}
}

// rowSource makes a file without keeping it.
type rowSource struct {
	i, n int
	row  func(i int) string
	rest string
}

func (s *rowSource) Read(p []byte) (int, error) {
	total := 0
	for total < len(p) {
		if s.rest == "" {
			if s.i == s.n {
				break
			}
			s.rest = s.row(s.i)
			s.i++
		}
		k := copy(p[total:], s.rest)
		s.rest = s.rest[k:]
		total += k
	}
	if total == 0 {
		return 0, io.EOF
	}
	return total, nil
}

func TestPlanningNeedsTheSameMemoryForAnyFile(t *testing.T) {
	const row = "person@mail.example,first,last,+31 6 12345678,a street somewhere\n"
	peak := func(rows int) uint64 {
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		most := uint64(0)
		_, err := transfer.Plan(&rowSource{n: rows, row: func(int) string { return row }}, transfer.PlanOptions{
			Keys: func(_ [][]byte, keys []uint64) []uint64 { return keys },
		}, func(c transfer.Chunk) error {
			if c.N%50 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return most
	}
	small, large := peak(10_000), peak(500_000)
	if large > small+small/10 || large > 16<<20 {
		t.Errorf("%d bytes for 10,000 rows, %d for 500,000", small, large)
	}
}

func TestSample(t *testing.T) {
	rows, err := transfer.Sample(strings.NewReader("\ufeffa,b\n\n,\n\"open\n1,2\n3,4\n"), csv.Dialect{}, 3)
	if want := [][]string{{"a", "b"}, {"\"open\n"}, {"1", "2"}}; err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q, %v", rows, err)
	}
	if rows, err = transfer.Sample(strings.NewReader("a"), csv.Dialect{}, 3); err != nil || len(rows) != 1 {
		t.Errorf("got %q, %v", rows, err)
	}
	lost := errors.New("connection lost")
	if _, err = transfer.Sample(iotest.ErrReader(lost), csv.Dialect{}, 3); err != lost {
		t.Errorf("got %v", err)
	}
}

func TestKeyHash(t *testing.T) {
	if transfer.KeyHash("a", "bc") == transfer.KeyHash("ab", "c") {
		t.Error("kind and value run together")
	}
	if transfer.KeyHash("email", "x") != transfer.KeyHash("email", []byte("x")) {
		t.Error("text and bytes differ")
	}
	if got := transfer.KeyHash("email", "a@x.example"); got != 0x18bf19fc69b75b27 {
		t.Errorf("%#x: the same file gets another plan after a deploy", got)
	}
}

func BenchmarkPlan(b *testing.B) {
	var file bytes.Buffer
	if err := gencontacts.Write(&file, gencontacts.Options{Rows: 50_000}); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		keys func([][]byte, []uint64) []uint64
	}{{"without_keys", nil}, {"with_keys", firstFieldKey}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(file.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := transfer.Plan(bytes.NewReader(file.Bytes()), transfer.PlanOptions{Skip: 1, Keys: c.keys}, func(transfer.Chunk) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
