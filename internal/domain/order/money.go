package order

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// MaxMinor bounds every amount, in minor units. It is 2⁵³−1, the largest
// integer that a JavaScript client of the API still reads exactly.
const MaxMinor = 1<<53 - 1

// Money is an amount of one currency in its minor units: cents for EUR, whole
// yen for JPY, fils for KWD. Amounts of different currencies are never added.
type Money struct {
	Minor    int64  // between -MaxMinor and MaxMinor
	Currency string // ISO 4217 code in capitals; see Exponent
}

// Exponent returns how many decimals a currency has, and false for a code that
// is neither in ISO 4217 nor one of the few others that WooCommerce offers.
func Exponent(currency string) (decimals int, known bool) {
	if len(currency) != 3 {
		return 0, false
	}
	// Codes stand at every fourth byte, so that "URF" is not found inside others.
	for _, row := range exponents {
		if i := strings.Index(row.codes, currency); i >= 0 && i%4 == 0 {
			return row.decimals, true
		}
	}
	return 0, false
}

// exponents is the list of active codes of ISO 4217 (table A.1, 2024) with the
// number of decimals of each; every code takes four bytes. Below it are codes
// outside the standard that WooCommerce lets a shop choose
// (get_woocommerce_currencies): refusing them would lose orders.
var exponents = []struct {
	decimals int
	codes    string
}{
	{0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "},
	{3, "BHD IQD JOD KWD LYD OMR TND "},
	{4, "CLF UYW "},
	{2, "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF " +
		"CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF " +
		"IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN " +
		"MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS " +
		"SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "},
	{2, "CUC GGP HRK IMP JEP PRB SLL VEF "},
	{0, "BYR IRT "},
	{8, "BTC "},
}

// Errors of ParseMoney and RoundMoney.
var (
	ErrCurrency  = errors.New("is not a currency code of ISO 4217")
	ErrAmount    = errors.New("is not a decimal amount like 12.50")
	ErrPrecision = errors.New("has more decimals than its currency")
	ErrTooLarge  = errors.New("is too large")
)

// ParseMoney reads a decimal amount such as "12.5" or "-3" exactly: no
// floating point, no rounding. Zeros beyond the currency's decimals are
// allowed ("1500.00" JPY is ¥1500); any other digit there is ErrPrecision.
func ParseMoney(amount, currency string) (Money, error) {
	return parseMoney(amount, currency, false)
}

// RoundMoney reads like ParseMoney, but rounds what lies beyond the currency's
// decimals to the nearest minor unit, halves away from zero. It is for unit
// prices that a shop divided out of a line total.
func RoundMoney(amount, currency string) (Money, error) {
	return parseMoney(amount, currency, true)
}

func parseMoney(amount, currency string, round bool) (Money, error) {
	decimals, ok := Exponent(currency)
	if !ok {
		return Money{}, ErrCurrency
	}
	d, ok := parseDecimal(amount)
	if !ok {
		return Money{}, ErrAmount
	}
	minor, exact, ok := d.scaled(decimals)
	if !ok || minor > MaxMinor {
		return Money{}, ErrTooLarge
	}
	if !exact && !round {
		return Money{}, ErrPrecision
	}
	if d.negative {
		minor = -minor
	}
	return Money{Minor: minor, Currency: currency}, nil
}

// decimal is the number 0.digits × 10^point.
type decimal struct {
	negative bool
	digits   string // without leading zeros
	point    int
}

// parseDecimal reads the number grammar of JSON, and leading zeros as well. An
// exponent beyond ±99 is refused: no amount needs it, and 1e999999999 would
// cost a gigabyte of zeros.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	if len(s) > 100 {
		return d, false
	}
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent, hasExponent := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent, hasExponent = s[:i], s[i+1:], true
	}
	whole, fraction, hasFraction := strings.Cut(mantissa, ".")
	if whole == "" || hasFraction && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return d, false
	}
	d.point = len(whole)
	if hasExponent {
		exponent, down := strings.CutPrefix(exponent, "-")
		if !down {
			exponent = strings.TrimPrefix(exponent, "+")
		}
		if exponent == "" || len(exponent) > 2 || !allDigits(exponent) {
			return d, false
		}
		e := 0
		for _, c := range exponent {
			e = e*10 + int(c-'0')
		}
		if down {
			e = -e
		}
		d.point += e
	}
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	d.point -= len(all) - len(d.digits)
	d.digits = strings.TrimRight(d.digits, "0")
	return d, true
}

// scaled returns the absolute number × 10^decimals rounded half up, and
// whether that was exact. ok is false beyond int64.
func (d decimal) scaled(decimals int) (n int64, exact, ok bool) {
	if d.digits == "" {
		return 0, true, true
	}
	want := d.point + decimals // digits before the point of the result
	if want > 18 {
		return 0, false, false
	}
	for i := 0; i < want; i++ {
		n *= 10
		if i < len(d.digits) {
			n += int64(d.digits[i] - '0')
		}
	}
	if want < 0 {
		return 0, false, true
	}
	if want >= len(d.digits) {
		return n, true, true
	}
	if d.digits[want] >= '5' {
		n++
	}
	return n, false, true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Decimal writes the amount with all decimals of its currency and without
// separators, as ParseMoney reads it: "12.50". An unknown currency is written
// with none.
func (m Money) Decimal() string {
	decimals, _ := Exponent(m.Currency)
	sign, n := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, n = "-", -n
	}
	digits := fmt.Sprintf("%0*d", decimals+1, n)
	if decimals == 0 {
		return sign + digits
	}
	cut := len(digits) - decimals
	return sign + digits[:cut] + "." + digits[cut:]
}

// String is Decimal and the currency: "12.50 EUR".
func (m Money) String() string { return strings.TrimSpace(m.Decimal() + " " + m.Currency) }

// Add returns the sum of two amounts of one currency. It reports false, and
// changes nothing, if the currencies differ or the sum exceeds MaxMinor.
func (m Money) Add(n Money) (Money, bool) {
	if m.Currency != n.Currency || tooLarge(m.Minor) || tooLarge(n.Minor) {
		return m, false
	}
	sum := m.Minor + n.Minor // cannot overflow: both are below 2⁵³
	if tooLarge(sum) {
		return m, false
	}
	return Money{Minor: sum, Currency: m.Currency}, true
}

func tooLarge(minor int64) bool {
	return minor == math.MinInt64 || minor > MaxMinor || minor < -MaxMinor
}
