package csv_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"clientele/internal/domain/transfer/csv"
)

// collect reads everything that r has, faults included.
func collect(tb testing.TB, r *csv.Reader) (out []plainRecord) {
	tb.Helper()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out
		}
		p := plainRecord{Start: rec.Start, End: rec.End, Line: rec.Line, Number: rec.Number, Loose: rec.Loose}
		var f *csv.Fault
		if errors.As(err, &f) {
			p.Fault, p.FaultLine, p.FaultColumn, p.FaultAt = f.Kind, f.Line, f.Column, f.Offset
			if rec.Fields != nil {
				tb.Fatalf("a fault came with fields: %q", rec.Fields)
			}
			if f.Record != rec.Number {
				tb.Fatalf("fault of record %d came with record %d", f.Record, rec.Number)
			}
		} else if err != nil {
			tb.Fatal(err)
		} else {
			p.Fields = rec.Strings()
			if int64(len(rec.Raw)) != rec.End-rec.Start {
				tb.Fatalf("raw %q is not bytes %d to %d", rec.Raw, rec.Start, rec.End)
			}
		}
		out = append(out, p)
	}
}

func fieldsOf(recs []plainRecord) (out [][]string) {
	for _, r := range recs {
		if r.Fault != "" {
			out = append(out, []string{string(r.Fault) + fmt.Sprintf(" line %d column %d", r.FaultLine, r.FaultColumn)})
			continue
		}
		out = append(out, r.Fields)
	}
	return out
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", csv.MaxField)
	wide := strings.Repeat(",", csv.MaxColumns-1)
	for _, c := range []struct {
		name, in string
		want     [][]string
	}{
		{"nothing", "", nil},
		{"one field", "a", [][]string{{"a"}}},
		{"LF", "a,b\nc,d\n", [][]string{{"a", "b"}, {"c", "d"}}},
		{"CRLF", "a,b\r\nc,d\r\n", [][]string{{"a", "b"}, {"c", "d"}}},
		{"bare CR", "a,b\rc,d\r", [][]string{{"a", "b"}, {"c", "d"}}},
		{"all line ends mixed", "a\nb\r\nc\rd\n\re", [][]string{{"a"}, {"b"}, {"c"}, {"d"}, {""}, {"e"}}},
		{"no line end at the end", "a,b\nc,d", [][]string{{"a", "b"}, {"c", "d"}}},
		{"a byte-order mark is no part of the header", "\ufeffa,b\n", [][]string{{"a", "b"}}},
		{"a byte-order mark before a quote", "\ufeff\"a\",b\n", [][]string{{"a", "b"}}},
		{"a byte-order mark and nothing", "\ufeff", nil},
		{"a later mark is text", "a\n\ufeffb\n", [][]string{{"a"}, {"\ufeffb"}}},
		{"a blank line is a record of one empty field", "a\n\nb\n", [][]string{{"a"}, {""}, {"b"}}},
		{"so is an empty quoted field", "\"\"\n", [][]string{{""}}},
		{"only a line end", "\n", [][]string{{""}}},
		{"empty fields", ",,\n", [][]string{{"", "", ""}}},
		{"a separator at the end of the file", "a,", [][]string{{"a", ""}}},
		{"blanks belong to the field", " a , b \n", [][]string{{" a ", " b "}}},
		{"tabs and other control characters are text", "a\tb\x00c,\x0bd\n", [][]string{{"a\tb\x00c", "\x0bd"}}},
		{"short and wide rows", "a,b\nc\nd,e,f\n", [][]string{{"a", "b"}, {"c"}, {"d", "e", "f"}}},
		{"quotes", `"a","b,c","d ""e"" f",""` + "\n", [][]string{{"a", "b,c", `d "e" f`, ""}}},
		{"a field of quotes only", `"""",""""""` + "\n", [][]string{{`"`, `""`}}},
		{"line ends in quotes are kept", "\"a\r\nb\nc\rd\",x\r\ny\n", [][]string{{"a\r\nb\nc\rd", "x"}, {"y"}}},
		{"a quoted field ends the file", `a,"b"`, [][]string{{"a", "b"}}},
		{"a stray quote in a plain field", `5" pipe,b"` + "\n", [][]string{{`5" pipe`, `b"`}}},
		{"a blank before a quote makes it plain", `a, "b"` + "\n", [][]string{{"a", ` "b"`}}},
		{"text behind a closing quote", `"a"b,"c" ,d` + "\n", [][]string{{"ab", "c ", "d"}}},
		{"quotes that nobody doubled", `"he said "hi" to me",x` + "\n", [][]string{{`he said hi" to me"`, "x"}}},
		{"text behind a closing quote at the end", `"a"b`, [][]string{{"ab"}}},
		{"a quote that is never closed costs its line", "a,b\n1,\"x\n2,y\n3,z\n",
			[][]string{{"a", "b"}, {"open_quote line 2 column 2"}, {"2", "y"}, {"3", "z"}}},
		{"also when a later row has quotes", "a,b\n1,\"x\n2,\"y\"\n3,\"z, z\"\n",
			[][]string{{"a", "b"}, {"open_quote line 2 column 2"}, {"2", "y"}, {"3", "z, z"}}},
		{"also with CRLF", "1,\"x\r\n2,y\r\n", [][]string{{"open_quote line 1 column 2"}, {"2", "y"}}},
		{"also with CR", "1,\"x\r2,y\r", [][]string{{"open_quote line 1 column 2"}, {"2", "y"}}},
		{"also in the last line", "a\n1,\"x", [][]string{{"a"}, {"open_quote line 2 column 2"}}},
		{"the fault is where the quote opens", "\"two\nlines\",\"open\nnext,row\n",
			[][]string{{"open_quote line 2 column 2"}, {"next", "row"}}},
		{"a lone quote", `"`, [][]string{{"open_quote line 1 column 1"}}},
		{"the longest field", long + ",b\n", [][]string{{long, "b"}}},
		{"one byte more", "a\n" + long + "x,b\nc\n", [][]string{{"a"}, {"field_too_long line 2 column 1"}, {"c"}}},
		{"the longest quoted field", `"` + long + "\",b\n", [][]string{{long, "b"}}},
		{"one byte more in quotes, with line ends", "a,\"" + long + "\n\",b\nc\n", [][]string{{"field_too_long line 1 column 2"}, {"c"}}},
		{"the widest row", wide + "\n", [][]string{make([]string, csv.MaxColumns)}},
		{"one column more", wide + ",\nb\n", [][]string{{"too_many_columns line 1 column 513"}, {"b"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []struct {
				how string
				src io.Reader
			}{
				{"at once", strings.NewReader(c.in)},
				{"byte by byte", iotest.OneByteReader(strings.NewReader(c.in))},
				{"with the end in the last read", iotest.DataErrReader(strings.NewReader(c.in))},
			} {
				got := fieldsOf(collect(t, csv.NewReader(in.src, csv.Dialect{}, csv.At{})))
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: got %.300q, want %.300q", in.how, got, c.want)
				}
			}
		})
	}
}

func TestReaderGetsPastRecordsOfAnySize(t *testing.T) {
	cell := strings.Repeat("x", 60_000) + ","
	for _, c := range []struct {
		name, huge string
		want       string
	}{
		{"a row of many long cells", strings.Repeat(cell, 60), "record_too_long line 2 column 18"},
		{"a row whose border lies in its line end", strings.Repeat(cell, 17) + strings.Repeat("x", csv.MaxRecord-17*60_001-1) + "\r", "record_too_long line 2 column 18"},
		{"one cell without end", strings.Repeat("x", 3<<20), "record_too_long line 2 column 1"},
		{"a quote without end", `"` + strings.Repeat("x", 3<<20), "open_quote line 2 column 1"},
		{"a quoted cell of 800 KiB that is closed", `"` + strings.Repeat("x\n", 400<<10) + `"`, "field_too_long line 2 column 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fieldsOf(collect(t, csv.NewReader(strings.NewReader("a\n"+c.huge+"\nb,c\n"), csv.Dialect{}, csv.At{})))
			want := [][]string{{"a"}, {c.want}, {"b", "c"}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %.200q, want %q", got, want)
			}
		})
	}
	t.Run("a forgotten quote in a large file without quotes", func(t *testing.T) {
		rows := strings.Repeat("some,plain,row\n", 200_000)
		got := collect(t, csv.NewReader(strings.NewReader("\"a,b\n"+rows), csv.Dialect{}, csv.At{}))
		if len(got) != 200_001 || got[0].Fault != csv.OpenQuote || got[200_000].Line != 200_001 {
			t.Errorf("%d records, the first %v, the last %v", len(got), got[0], got[len(got)-1])
		}
	})
}

func TestReaderSaysWhatItsSourceSaid(t *testing.T) {
	broken := errors.New("connection lost")
	r := csv.NewReader(io.MultiReader(strings.NewReader("a\nb,"), iotest.ErrReader(broken)), csv.Dialect{}, csv.At{})
	if rec, err := r.Next(); err != nil || rec.Text(0) != "a" {
		t.Fatalf("got %q, %v", rec.Fields, err)
	}
	for range 2 {
		// The rest may be half a record: it must not pass for a whole one.
		if rec, err := r.Next(); err != broken {
			t.Fatalf("got %q, %v", rec.Fields, err)
		}
	}
}

func TestReaderOfOtherSeparators(t *testing.T) {
	for _, comma := range []byte(csv.Separators) {
		in := strings.ReplaceAll("a~\"b~c\"~d\n~\n", "~", string(comma))
		want := [][]string{{"a", "b" + string(comma) + "c", "d"}, {"", ""}}
		got := fieldsOf(collect(t, csv.NewReader(strings.NewReader(in), csv.Dialect{Comma: comma}, csv.At{})))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", comma, got, want)
		}
	}
}

func TestRecord(t *testing.T) {
	for in, blank := range map[string]bool{"\n": true, ";;;\n": true, " ;\t;\"\"\n": true, ";x\n": false, "\u00a0\n": false} {
		rec, err := csv.NewReader(strings.NewReader(in), csv.Dialect{Comma: ';'}, csv.At{}).Next()
		if err != nil || rec.Blank() != blank {
			t.Errorf("%q: blank %t, %v", in, rec.Blank(), err)
		}
	}
	r := csv.NewReader(strings.NewReader("a,b\n\"c\n"), csv.Dialect{}, csv.At{})
	rec, _ := r.Next()
	if rec.Text(1) != "b" || rec.Text(2) != "" {
		t.Errorf("got %q and %q", rec.Text(1), rec.Text(2))
	}
	rec, err := r.Next()
	if want := "line 2, column 1: a quote is opened here and never closed"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if string(rec.Raw) != "\"c\n" || rec.Blank() {
		t.Errorf("raw %q, blank %t", rec.Raw, rec.Blank())
	}
}

// csv-spectrum is a public collection of awkward files and what they mean.
func TestSpectrum(t *testing.T) {
	files, _ := filepath.Glob("testdata/csv-spectrum/csvs/*.csv")
	if len(files) != 11 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "_crlf") { // see testdata/README.md
				data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
			}
			var want []map[string]string
			meant, err := os.ReadFile("testdata/csv-spectrum/json/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(meant, &want); err != nil {
				t.Fatal(err)
			}
			recs := fieldsOf(collect(t, csv.NewReader(bytes.NewReader(data), csv.Sniff(data), csv.At{})))
			var got []map[string]string
			for _, rec := range recs[1:] {
				row := map[string]string{}
				for i, v := range rec {
					row[recs[0][i]] = v
				}
				got = append(got, row)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// checkReader holds the reader against the reference, and every reader that
// starts at a record border or stops at one against the one that read it all.
func checkReader(t *testing.T, file string, comma byte, l csv.SmallLimits) {
	t.Helper()
	d := csv.Dialect{Comma: comma}
	want := reference(file, comma, l)
	got := collect(t, csv.NewSmallReader(iotest.HalfReader(strings.NewReader(file)), d, csv.At{}, l))
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q, limits %+v:\n got %v\nwant %v", file, l, got, want)
	}
	at := 0
	if strings.HasPrefix(file, "\ufeff") {
		at = 3
	}
	for _, r := range got {
		if r.Start != int64(at) || r.End <= r.Start {
			t.Fatalf("%q: %v does not begin at %d", file, r, at)
		}
		at = int(r.End)
	}
	if len(got) > 0 && at != len(file) {
		t.Fatalf("%q: the records end at %d", file, at)
	}
	for i := 1; i < len(got); i++ {
		border := got[i].Start
		head := collect(t, csv.NewSmallReader(strings.NewReader(file[:border]), d, csv.At{}, l))
		tail := collect(t, csv.NewSmallReader(strings.NewReader(file[border:]), d,
			csv.At{Offset: border, Line: got[i].Line, Number: got[i].Number}, l))
		if !reflect.DeepEqual(slices.Concat(head, tail), got) {
			t.Fatalf("%q cut at %d, limits %+v:\n got %v\n and %v\nwant %v", file, border, l, head, tail, got)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,\"x\ny\"\n", "\"a\"b,c\r\n\r\"\"\n", "\ufeff\"a\"\"\",\r", "a,\"b\nc,d\ne,\"f\"\n", ",,,,,,,,,,,,\n",
		"0123456789012345678901234567890123456789,\r\nx", "\"012345678901234567890123456789\"\n,\"", "\"\"\"", "a\n\"\n\"\n\"x",
	} {
		f.Add(s, byte(0), uint16(0))
		f.Add(s, byte(1), uint16(0x1234))
	}
	f.Fuzz(func(t *testing.T, file string, comma byte, limits uint16) {
		if len(file) > 400 {
			return
		}
		checkReader(t, file, csv.Separators[comma%4], csv.SmallLimits{
			Field: 3 + int(limits&0x1F), Record: 8 + int(limits>>5&0x7F), Columns: 1 + int(limits>>12), Buffer: 4 << (limits & 7)})
	})
}

// The same without a fuzzer's patience: text of the letters that matter.
func TestReaderAgreesWithAnotherParser(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	letters := []string{",", ",", "\"", "\"", "\"\"", "\n", "\r\n", "\r", "a", "bc", "\t", "é", "x,\"y\",", "\ufeff", "long text of plain letters"}
	rounds := 15_000
	if testing.Short() {
		rounds = 3_000
	}
	for range rounds {
		var b strings.Builder
		for range rnd.IntN(30) {
			b.WriteString(letters[rnd.IntN(len(letters))])
		}
		l := csv.SmallLimits{Field: csv.MaxField, Record: csv.MaxRecord, Columns: csv.MaxColumns, Buffer: 16 << rnd.IntN(10)}
		if rnd.IntN(3) == 0 {
			l = csv.SmallLimits{Field: 2 + rnd.IntN(20), Record: 3 + rnd.IntN(80), Columns: 1 + rnd.IntN(6), Buffer: 4 + rnd.IntN(8)}
		}
		checkReader(t, b.String(), ',', l)
	}
}
