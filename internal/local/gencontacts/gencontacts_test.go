package gencontacts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"clientele/internal/local/gencontacts"
)

// The sums were taken of the files of an independent implementation in another
// language. Figures that were measured on these files stay comparable only as
// long as no byte of them changes.
func TestFilesNeverChange(t *testing.T) {
	for _, c := range []struct {
		name    string
		options gencontacts.Options
		want    string
	}{
		{"100,000 clean rows", gencontacts.Options{Rows: 100000},
			"d14ab4b41b1c229d87e7cbab407507f8678d487792b085dbd322154b595996a6"},
		{"one row in twenty is messy", gencontacts.Options{Rows: 50000, Messy: 5},
			"2640ba1a4ac2fcf3bb243aee7d45b58adc4ddfd1aa6d13d10bd1b38ca36ac437"},
		{"far rows of another seed, most of them messy", gencontacts.Options{Rows: 3000, Start: 70000000, Seed: 7, Messy: 60},
			"400a9cd4d0db2639ad89a1f8075295083a5bfaf3d2f903a5196d5449896bd044"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum := sha256.New()
			if err := gencontacts.Write(sum, c.options); err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(sum.Sum(nil)); got != c.want {
				t.Errorf("SHA-256 is %s, want %s", got, c.want)
			}
		})
	}
}

func BenchmarkRow(b *testing.B) {
	for i := range b.N {
		gencontacts.Row(i, gencontacts.DefaultSeed)
	}
}
