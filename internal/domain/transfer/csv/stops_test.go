package csv

import (
	"math/rand/v2"
	"testing"
)

func TestStopsAgreesWithALookAtEachByte(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	near := []byte{0, 1, 9, 10, 13, 15, 16, 17, ',', ',' - 1, ',' + 1, ',' | 0x80, ';', '|', 0x7F, 0x80, 0x8A, 0x8F, 0x90, 0xFF}
	for range 20000 {
		var b [64]byte
		for i := range b {
			if rnd.IntN(3) > 0 {
				b[i] = near[rnd.IntN(len(near))]
			} else {
				b[i] = byte(rnd.UintN(256))
			}
		}
		for _, comma := range []byte(Separators) {
			var want uint64
			for i, c := range b {
				if c == comma || c < 16 {
					want |= 1 << i
				}
			}
			if got := stops(&b, comma); got != want {
				t.Fatalf("%q, separator %q: %064b, want %064b", b, comma, got, want)
			}
		}
	}
}
