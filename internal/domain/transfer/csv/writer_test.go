package csv_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"clientele/internal/domain/transfer/csv"
)

func write(tb testing.TB, p csv.Profile, d csv.Dialect, rows [][]string) string {
	tb.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b, p, d)
	for _, row := range rows {
		if err := w.Write(row...); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name    string
		profile csv.Profile
		comma   byte
		rows    [][]string
		want    string
	}{
		{"raw quotes only where it must", csv.Raw, 0, [][]string{{"a", "b c", "d,e", `f"g`, "h\ni", "j\rk", ";", " l ", ""}},
			"a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",\"j\rk\",;, l ,\n"},
		{"raw with semicolons", csv.Raw, ';', [][]string{{"a;b", "c,d"}}, "\"a;b\";c,d\n"},
		{"raw leaves formulas alone", csv.Raw, 0, [][]string{{"=1+1", "'=x", "+31 6 1"}}, "=1+1,'=x,+31 6 1\n"},
		{"raw one empty field is no blank line", csv.Raw, 0, [][]string{{""}, {"", ""}, {"x"}}, "\"\"\n,\nx\n"},
		{"raw without cells is a blank line", csv.Raw, 0, [][]string{{}, {"x"}}, "\nx\n"},
		{"raw keeps a mark that is text", csv.Raw, 0, [][]string{{"\ufeffa", "\ufeffb"}, {"\ufeffc"}}, "\"\ufeffa\",\ufeffb\n\ufeffc\n"},
		{"spreadsheet quotes everything", csv.Spreadsheet, 0, [][]string{{"a", "", `b"c`}, {""}}, "\ufeff\"a\",\"\",\"b\"\"c\"\r\n\"\"\r\n"},
		{"spreadsheet with semicolons", csv.Spreadsheet, ';', [][]string{{"a", "b"}}, "\ufeff\"a\";\"b\"\r\n"},
		{"spreadsheet guards", csv.Spreadsheet, 0, [][]string{{"=1", "'=1", "-5", "+31612345678", `@"`, "'06"}},
			"\ufeff\"'=1\",\"''=1\",\"-5\",\"+31612345678\",\"'@\"\"\",\"''06\"\r\n"},
		{"nothing at all", csv.Spreadsheet, 0, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := write(t, c.profile, csv.Dialect{Comma: c.comma}, c.rows); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWriterCellByCell(t *testing.T) {
	var b bytes.Buffer
	w := csv.NewWriter(&b, csv.Raw, csv.Dialect{})
	w.Cell("a")
	w.CellBytes([]byte("b,"))
	w.End()
	w.WriteBytes([][]byte{[]byte("c"), nil})
	if err := w.Flush(); err != nil || b.String() != "a,\"b,\"\nc,\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestWriterKeepsItsFirstError(t *testing.T) {
	full := errors.New("no room left")
	w := csv.NewWriter(failingWriter{full}, csv.Raw, csv.Dialect{})
	row := []string{strings.Repeat("x", 40_000), strings.Repeat("y", 40_000)}
	var err error
	for range 5 {
		err = w.Write(row...)
	}
	if err != full || w.Flush() != full {
		t.Errorf("got %v and %v", err, w.Flush())
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriterMakesNoGarbage(t *testing.T) {
	row := []string{"plain", "=formula", `with "quotes", and more`, ""}
	for _, p := range []csv.Profile{csv.Spreadsheet, csv.Raw} {
		w := csv.NewWriter(io.Discard, p, csv.Dialect{})
		if n := testing.AllocsPerRun(2000, func() { w.Write(row...) }); n != 0 {
			t.Errorf("profile %d: %v allocations a record", p, n)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct{ value, guarded string }{
		{"", ""},
		{"'", "'"},
		{"''", "''"},
		{"plain", "plain"},
		{"'s-Gravenhage", "'s-Gravenhage"},
		{"a=b", "a=b"},
		{"=SUM(A1)", "'=SUM(A1)"},
		{"'=SUM(A1)", "''=SUM(A1)"},
		{"'''=SUM(A1)", "''''=SUM(A1)"},
		{"@handle", "'@handle"},
		{"\tx", "'\tx"}, {"\rx", "'\rx"}, {"\nx", "'\nx"}, {"\x00x", "'\x00x"},
		{"-", "'-"}, {"+", "'+"}, {"--1", "'--1"}, {"-1-1", "'-1-1"}, {"-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"},
		{"-5", "-5"}, {"+3.14", "+3.14"}, {"-1.234,56", "-1.234,56"}, {"-1.", "'-1."}, {"-.5", "'-.5"}, {"-1..2", "'-1..2"},
		{"'-5", "''-5"},
		{"+31612345678", "+31612345678"}, {"+31 6 12345678", "+31 6 12345678"}, {"+44 123", "+44 123"},
		{"+31-6-12345678", "'+31-6-12345678"}, // a spreadsheet would work it out
		{"+31  6", "'+31  6"}, {"+31 6 ", "'+31 6 "}, {"+1234567890123456 7", "'+1234567890123456 7"}, {"-31 6", "'-31 6"},
		{"'+31612345678", "''+31612345678"},
		{"0612345678", "0612345678"}, {"'0612345678", "''0612345678"}, {"'06-12 34 (5)", "''06-12 34 (5)"}, {"'0x", "'0x"}, {"'12", "'12"},
	} {
		if got := csv.Guard(c.value); got != c.guarded {
			t.Errorf("Guard(%q) = %q, want %q", c.value, got, c.guarded)
		}
		if got := csv.Unguard(c.guarded); got != c.value {
			t.Errorf("Unguard(%q) = %q, want %q", c.guarded, got, c.value)
		}
		if csv.Guarded([]byte(c.value)) != (c.value != c.guarded) || string(csv.Unguard([]byte(c.guarded))) != c.value {
			t.Errorf("%q: bytes and strings differ", c.value)
		}
	}
	// What spreadsheets write, without having been through Guard.
	for in, want := range map[string]string{"'+31612345678": "+31612345678", "'0612345678": "0612345678", "'=x": "=x"} {
		if got := csv.Unguard(in); got != want {
			t.Errorf("Unguard(%q) = %q, want %q", in, got, want)
		}
	}
}

func checkGuard(t *testing.T, v string) {
	t.Helper()
	g := csv.Guard(v)
	if got := csv.Unguard(g); got != v {
		t.Errorf("%q came back as %q", v, got)
	}
	if g != "" && strings.IndexByte("=+-@\t\r\n\x00", g[0]) >= 0 {
		// Only numbers and phones may begin so, and they have no letter.
		if strings.ContainsFunc(g[1:], func(r rune) bool { return !strings.ContainsRune("0123456789., ", r) }) {
			t.Errorf("%q is written as %q", v, g)
		}
	}
}

func FuzzGuard(f *testing.F) {
	for _, s := range []string{"", "'", "=1", "''=1", "'0", "+31 6", "-5", "'+5"} {
		f.Add(s)
	}
	f.Fuzz(checkGuard)
}

// naughty returns strings that break software.
func naughty(tb testing.TB) (out []string) {
	tb.Helper()
	f, err := os.Open("testdata/blns.txt")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		out = append(out, s.Text())
	}
	return out
}

func checkRoundTrip(t *testing.T, rows [][]string) {
	t.Helper()
	for _, p := range []csv.Profile{csv.Spreadsheet, csv.Raw} {
		for _, comma := range []byte(csv.Separators) {
			d := csv.Dialect{Comma: comma}
			file := write(t, p, d, rows)
			var back [][]string
			for _, rec := range collect(t, csv.NewReader(iotest.HalfReader(strings.NewReader(file)), d, csv.At{})) {
				if p == csv.Spreadsheet {
					for i, v := range rec.Fields {
						rec.Fields[i] = csv.Unguard(v)
					}
				}
				back = append(back, rec.Fields)
			}
			if !reflect.DeepEqual(back, rows) {
				t.Fatalf("profile %d, separator %q: %q came back as %q, by way of %q", p, comma, rows, back, file)
			}
			if again := write(t, p, d, back); again != file {
				t.Fatalf("profile %d: the second export is %q, the first %q", p, again, file)
			}
		}
	}
}

func TestNaughtyStringsComeBack(t *testing.T) {
	var rows [][]string
	for _, s := range naughty(t) {
		checkGuard(t, s)
		rows = append(rows, []string{s}, []string{"'" + s, s + "\r\n" + s, "=" + s}, []string{"", s})
	}
	checkRoundTrip(t, rows)
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("a,b\x1fc\x1e\x1f=1\x1e'0")
	f.Add("\ufeff\"\r\n\x1e")
	f.Fuzz(func(t *testing.T, s string) {
		var rows [][]string
		for line := range strings.SplitSeq(s, "\x1e") {
			rows = append(rows, strings.Split(line, "\x1f"))
			if len(line) > 10_000 {
				return
			}
		}
		checkRoundTrip(t, rows)
	})
}
