// Package gencontacts makes realistic contact files for tests, benchmarks and
// the demo, in constant memory.
//
// The same seed and row number always give the same row, whatever the number of
// rows, so the file of 100,000 rows is exactly the beginning of the one of
// 500,000. Every address is under a domain reserved for examples (RFC 2606), so
// that nothing in here can ever be mailed to a person.
package gencontacts

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"clientele/internal/domain/transfer/csv"
)

// DefaultSeed is the seed of files that need no particular one.
const DefaultSeed = 20250101

// Header names the columns of a row.
var Header = [11]string{"email", "first_name", "last_name", "phone", "company", "street", "city", "postcode", "country", "tags", "consent"}

// Options say what to write.
type Options struct {
	Rows  int    // number of data rows
	Start int    // number of the first row, from 0: continues another file
	Seed  uint64 // 0 means DefaultSeed
	// Messy is the share of rows, in percent from 0 to 100, that have one of
	// the troubles of real uploads: no or bad address, a double of an earlier
	// row, blanks, line breaks, a formula, an over-long cell, too few or too
	// many columns, an odd phone number.
	Messy float64
}

// Write writes the header and the rows as CSV: commas, LF, tags joined with
// ";". Its only errors are those of w.
func Write(w io.Writer, o Options) error {
	if o.Seed == 0 {
		o.Seed = DefaultSeed
	}
	out := csv.NewWriter(w, csv.Raw, csv.Dialect{})
	if err := out.Write(Header[:]...); err != nil {
		return err
	}
	limit := uint64(o.Messy * 10000)
	for i := o.Start; i < o.Start+o.Rows; i++ {
		r := Row(i, o.Seed)
		fields := r[:]
		if mix(o.Seed^(uint64(i)*31+7))%1000000 < limit {
			fields = messy(i, r, o.Seed)
		}
		if err := out.Write(fields...); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Row returns the contact number i, from 0, in the order of Header.
func Row(i int, seed uint64) [11]string {
	h := mix(seed*0x1000003 + uint64(i)*2)
	k := mix(h ^ 0xA5A5A5A5A5A5A5A5)
	g := mix(k)
	// take draws a number below n and uses up some bits of the source.
	take := func(from *uint64, n int, bits uint) int {
		v := int(*from % uint64(n))
		*from >>= bits
		return v
	}

	fi, li := take(&h, len(firsts), 7), take(&h, len(lasts), 7)
	first, last := firsts[fi], lasts[li]
	business := take(&h, 100, 7) < 35
	c := &countries[countryMix[h&15]]
	h >>= 4
	city := c.cities[h%uint64(len(c.cities))]
	n := strconv.FormatInt(int64(i), 36)

	var email, company string
	if business {
		trade, suffix := trades[take(&k, len(trades), 5)], suffixes[take(&k, len(suffixes), 4)]
		kind := take(&k, 10, 4)
		switch kind {
		case 0: // needs CSV quoting
			company = last + ", " + lasts[g%uint64(len(lasts))] + " " + suffix
		case 1: // needs doubled quotes
			company = trade + ` "` + first + `" ` + suffix
		default:
			company = last + " " + trade + " " + suffix
		}
		who := "info"
		if kind&1 == 1 {
			who = firstSlugs[fi]
		}
		email = who + "." + n + "@" + lastSlugs[li] + "-" + strings.ToLower(trade) + ".example"
	} else {
		email = firstSlugs[fi] + "." + lastSlugs[li] + n + "@" + domains[take(&k, len(domains), 4)]
	}

	var phone string
	if take(&k, 100, 7) < 70 {
		v := g % 1000000000
		if g&(1<<40) != 0 {
			phone = fmt.Sprintf("+%s%09d", c.calling, v)
		} else {
			phone = fmt.Sprintf("+%s %03d %03d %03d", c.calling, v/1000000, v/1000%1000, v%1000)
		}
	}
	var street, postcode string
	if k%100 < 80 {
		street = c.street(streets[g%uint64(len(streets))], strconv.Itoa(1+int((g>>8)%240)))
		postcode = c.postcode(g >> 20 & 0xFFFFF)
	}

	t := mix(g)
	count := tagCounts[t&7]
	t >>= 3
	start, step := t%13, 1+(t>>8)%12
	chosen := make([]string, count)
	for j := range chosen {
		chosen[j] = tags[(start+uint64(j)*step)%13]
	}
	return [11]string{email, first, last, phone, company, street, city, postcode, c.code,
		strings.Join(chosen, ";"), consents[t>>16&7]}
}

// messy gives row i one of the troubles that real uploads have.
func messy(i int, r [11]string, seed uint64) []string {
	switch mix(seed^(uint64(i)*7919+13)) % 10 {
	case 0:
		r[0] = ""
	case 1:
		r[0] = strings.ReplaceAll(r[0], "@", " at ")
	case 2: // a double of an earlier row
		r = Row(max(0, i-1-i%50), seed)
	case 3:
		r[0] = "  " + strings.ToUpper(r[0]) + " "
	case 4:
		r[5] += "\nAppt. 3\nback door"
	case 5:
		r[1] = `=HYPERLINK("x")`
	case 6:
		r[4] = strings.Repeat("Ж", 300)
	case 7:
		return r[:7]
	case 8:
		return append(r[:], "extra", "cells")
	default:
		r[3] = "call me 06-12 34"
	}
	return r[:]
}

// mix is the splitmix64 finaliser: 64 well-mixed bits.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
