package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"io"
	"testing"
	"time"

	"clientele/internal/domain/transfer/csv"
	"clientele/internal/local/gencontacts"
)

// contacts returns a clean file of contacts with its header.
func contacts(tb testing.TB, rows int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := gencontacts.Write(&b, gencontacts.Options{Rows: rows}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// readOurs and readStandard count the fields of a file.
func readOurs(b *testing.B, data []byte) (n int) {
	r := csv.NewReader(bytes.NewReader(data), csv.Dialect{}, csv.At{})
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return n
		}
		if err != nil {
			b.Fatal(err)
		}
		n += len(rec.Fields)
	}
}

func readStandard(b *testing.B, data []byte) (n int) {
	r := stdcsv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return n
		}
		if err != nil {
			b.Fatal(err)
		}
		n += len(rec)
	}
}

func BenchmarkReader(b *testing.B) {
	data := contacts(b, 5000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		readOurs(b, data)
	}
}

// BenchmarkReaderRatio tells how many times as fast as the standard library's
// reader ours is; the goal is 2. The two take turns, and the best time of each
// counts, so that other work on the machine weighs on neither.
func BenchmarkReaderRatio(b *testing.B) {
	data := contacts(b, 5000)
	ours, standard := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		n := readOurs(b, data)
		between := time.Now()
		m := readStandard(b, data)
		ours, standard = min(ours, between.Sub(start)), min(standard, time.Since(between))
		if n != m {
			b.Fatalf("%d fields, the standard library has %d", n, m)
		}
	}
	b.ReportMetric(float64(len(data))/ours.Seconds()/1e6, "ours-MB/s")
	b.ReportMetric(float64(len(data))/standard.Seconds()/1e6, "encoding_csv-MB/s")
	b.ReportMetric(float64(standard)/float64(ours), "ratio")
}

func BenchmarkWriter(b *testing.B) {
	rows := make([][11]string, 1000)
	for i := range rows {
		rows[i] = gencontacts.Row(i, gencontacts.DefaultSeed)
	}
	for _, p := range []struct {
		name    string
		profile csv.Profile
	}{{"spreadsheet", csv.Spreadsheet}, {"raw", csv.Raw}} {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			w := csv.NewWriter(io.Discard, p.profile, csv.Dialect{})
			for i := 0; b.Loop(); i++ {
				if err := w.Write(rows[i%1000][:]...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
