package order

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestMoneyIsReadExactly(t *testing.T) {
	for _, c := range []struct {
		amount, currency string
		minor            int64
		err              error
	}{
		{"12.50", "EUR", 1250, nil},
		{"12.5", "EUR", 1250, nil},
		{"12", "EUR", 1200, nil},
		{"0.07", "EUR", 7, nil},
		{"-3.10", "EUR", -310, nil},
		{"-0.00", "EUR", 0, nil},
		{"007.00", "EUR", 700, nil},
		{"409.94", "USD", 40994, nil}, // 40993.99… as a float
		{"1500", "JPY", 1500, nil},
		{"1500.00", "JPY", 1500, nil},
		{"1500.5", "JPY", 0, ErrPrecision},
		{"1.234", "KWD", 1234, nil},
		{"1.2345", "KWD", 0, ErrPrecision},
		{"1.2345", "CLF", 12345, nil},
		{"1.230000000000", "EUR", 123, nil},
		{"1.230000000001", "EUR", 0, ErrPrecision},
		{"1e3", "EUR", 100000, nil},
		{"1.0E-2", "EUR", 1, nil},
		{"90071992547409.91", "EUR", MaxMinor, nil},
		{"90071992547409.92", "EUR", 0, ErrTooLarge},
		{"1e99", "EUR", 0, ErrTooLarge},
		{"1e999999999", "EUR", 0, ErrAmount},
		{strings.Repeat("9", 99), "EUR", 0, ErrTooLarge},
		{"", "EUR", 0, ErrAmount}, {"-", "EUR", 0, ErrAmount}, {".5", "EUR", 0, ErrAmount}, {"5.", "EUR", 0, ErrAmount},
		{"1,50", "EUR", 0, ErrAmount}, {"+1", "EUR", 0, ErrAmount}, {" 1", "EUR", 0, ErrAmount}, {"١", "EUR", 0, ErrAmount},
		{"0x10", "EUR", 0, ErrAmount}, {"NaN", "EUR", 0, ErrAmount}, {"1e", "EUR", 0, ErrAmount}, {"1e+-1", "EUR", 0, ErrAmount},
		{"1", "eur", 0, ErrCurrency}, {"1", "", 0, ErrCurrency}, {"1", "UR ", 0, ErrCurrency}, {"1", "ZZZ", 0, ErrCurrency}, {"1", "EURO", 0, ErrCurrency},
	} {
		m, err := ParseMoney(c.amount, c.currency)
		if !errors.Is(err, c.err) || m.Minor != c.minor {
			t.Errorf("ParseMoney(%q, %s) = %v, %v; want %d, %v", c.amount, c.currency, m, err, c.minor, c.err)
		}
	}
}

func TestUnitPricesAreRounded(t *testing.T) {
	for amount, want := range map[string]int64{
		"3.335": 334, "3.3349999": 333, "-3.335": -334, "0.005": 1, "0.0049": 0, "0.0005": 0, "9.999": 1000, "3": 300, "1e-9": 0,
	} {
		if m, err := RoundMoney(amount, "EUR"); err != nil || m.Minor != want {
			t.Errorf("RoundMoney(%s) = %v, %v; want %d", amount, m, err, want)
		}
	}
}

func TestMoneyWritesWhatItReads(t *testing.T) {
	for _, c := range []Money{{1250, "EUR"}, {-7, "EUR"}, {0, "EUR"}, {1500, "JPY"}, {-1, "KWD"}, {MaxMinor, "BTC"}, {-MaxMinor, "CLF"}} {
		if got, err := ParseMoney(c.Decimal(), c.Currency); err != nil || got != c {
			t.Errorf("%v is written %q and read %v, %v", c, c.Decimal(), got, err)
		}
	}
	if s := (Money{1205, "EUR"}).String(); s != "12.05 EUR" {
		t.Error(s)
	}
	if _, ok := (Money{1, "EUR"}).Add(Money{1, "USD"}); ok {
		t.Error("two currencies were added")
	}
	if _, ok := (Money{MaxMinor, "EUR"}).Add(Money{1, "EUR"}); ok {
		t.Error("a sum beyond the limit was made")
	}
}

func TestEveryCurrencyCodeStandsOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range exponents {
		for code := range strings.FieldsSeq(row.codes) {
			if d, ok := Exponent(code); seen[code] || !ok || d != row.decimals {
				t.Errorf("%s: twice, or found as %d %v", code, d, ok)
			}
			seen[code] = true
		}
	}
	if len(seen) < 160 {
		t.Errorf("only %d currencies", len(seen))
	}
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func valid() Order {
	return Order{
		Source: "src1", ExternalID: "17", Number: "#17", Status: Paid,
		Total: Money{10000, "EUR"}, Refunded: Money{0, "EUR"}, PlacedAt: noon, UpdatedAt: noon,
		Customer: Customer{Email: "a@b.example"},
		Items:    []Item{{ExternalID: "1", Title: "Bread", Quantity: 2, UnitPrice: Money{5000, "EUR"}}},
	}
}

func TestWhatCounts(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*Order)
		counts   bool
		revenue  int64
		promotes bool
	}{
		{"paid", func(o *Order) {}, true, 10000, true},
		{"open", func(o *Order) { o.Status = Open }, true, 10000, true},
		{"fulfilled, a part refunded", func(o *Order) { o.Status = Fulfilled; o.Refunded.Minor = 2500 }, true, 7500, true},
		{"refunded", func(o *Order) { o.Status = Refunded; o.Refunded.Minor = 10000 }, true, 0, true},
		{"refunded more than was paid", func(o *Order) { o.Refunded.Minor = 10001 }, true, 0, true},
		{"draft", func(o *Order) { o.Status = Draft }, false, 0, false},
		{"cancelled", func(o *Order) { o.Status = Cancelled }, false, 0, true},
		{"failed", func(o *Order) { o.Status = Failed }, false, 0, true},
		{"a test", func(o *Order) { o.Test = true }, false, 0, true},
		{"deleted", func(o *Order) { o.DeletedAt = noon }, false, 0, true},
		{"deleted, then restored", func(o *Order) { o.DeletedAt = noon.Add(-1) }, true, 10000, true},
		{"only the notice of a deletion", func(o *Order) { *o = Order{ExternalID: "17", Stub: true} }, false, 0, false},
	} {
		o := valid()
		c.change(&o)
		if o.Counts() != c.counts || o.Revenue().Minor != c.revenue || o.Promotes() != c.promotes {
			t.Errorf("%s: counts %v, revenue %v, promotes %v", c.name, o.Counts(), o.Revenue(), o.Promotes())
		}
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	if err := valid().Validate(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("é", MaxTitle+1)
	bad := Order{
		ExternalID: strings.Repeat("x", MaxID+1), Number: long, Status: "shipped", Total: Money{-1, "EUR"}, Refunded: Money{1, "USD"},
		PlacedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		Customer: Customer{Email: long, FirstName: long, Phone: "\xff"}, Billing: Address{Country: "nl"},
		Items: []Item{{Title: long, Quantity: -1, UnitPrice: Money{1, "USD"}}},
	}
	want := "/source /id /number /status /placed_at /updated_at /total /refunded /customer/email /customer/first_name " +
		"/customer/phone /billing/country /items/0/title /items/0/quantity /items/0/unit_price"
	if got := paths(bad.Validate()); got != want {
		t.Errorf("faults\n%s\nwant\n%s", got, want)
	}
	many := valid()
	many.Items = make([]Item, 2*MaxItems)
	var e *InvalidError
	if !errors.As(many.Validate(), &e) || len(e.Faults) != maxFaults || e.More == 0 || !strings.Contains(e.Error(), "more") {
		t.Errorf("too many faults: %v", e)
	}
	if got := paths((Order{Source: "s", ExternalID: "1", Stub: true}).Validate()); got != "/deleted_at" {
		t.Error(got)
	}
}

// paths lists the paths of an *InvalidError.
func paths(err error) string {
	var e *InvalidError
	if !errors.As(err, &e) {
		return "no InvalidError"
	}
	var list []string
	for _, f := range e.Faults {
		list = append(list, f.Path)
	}
	return strings.Join(list, " ")
}

// versions makes a life of one order in which many versions share a second.
func versions(r *rand.Rand) []Order {
	var list []Order
	yes := true
	for range 12 {
		o := valid()
		o.UpdatedAt = noon.Add(time.Duration(r.IntN(3)) * time.Second)
		o.Status = []Status{Draft, Open, Paid, Fulfilled, Cancelled, Refunded, Failed}[r.IntN(7)]
		o.Refunded.Minor = int64(r.IntN(3))
		if r.IntN(2) == 0 {
			o.Customer.AcceptsMarketing = &yes
		}
		if r.IntN(3) == 0 {
			o = Order{Source: o.Source, ExternalID: o.ExternalID, Stub: true}.ReceivedAt(noon.Add(time.Duration(r.IntN(3)) * time.Second))
		}
		list = append(list, o)
	}
	return list
}

func TestAnyShuffleOfDeliveriesEndsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fold := func(list []Order) Order {
		state := list[0]
		for _, o := range list[1:] {
			before := state
			var changed bool
			state, changed = Merge(state, o)
			if same := same(before, state); same == changed {
				t.Fatalf("changed is %v, but the same state is %v", changed, same)
			}
		}
		return state
	}
	for range 500 {
		list := versions(r)
		want := fold(list)
		var five []Order
		for range 5 {
			five = append(five, list...)
		}
		r.Shuffle(len(five), func(i, j int) { five[i], five[j] = five[j], five[i] })
		if got := fold(five); !same(got, want) {
			t.Fatalf("shuffled %+v\nin order %+v", got, want)
		}
		// Associative: two workers that each joined a half agree with one.
		half, _ := Merge(fold(five[:30]), fold(five[30:]))
		if !same(half, want) {
			t.Fatal("joined halves differ")
		}
	}
}

func same(a, b Order) bool {
	return a.Hash() == b.Hash() && a.DeletedAt.Equal(b.DeletedAt)
}

func TestVersionsHaveATotalOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		list := versions(r)
		for _, a := range list {
			for _, b := range list {
				if a.Compare(b) != -b.Compare(a) || a.Newer(b) && b.Newer(a) {
					t.Fatal("not antisymmetric")
				}
				for _, c := range list {
					if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
						t.Fatal("not transitive")
					}
				}
			}
		}
	}
}

func TestWithinOneSecondTheLaterStatusWins(t *testing.T) {
	life := []Status{Draft, Open, Failed, Paid, Fulfilled, Cancelled, Refunded}
	for i, s := range life[1:] {
		a, b := valid(), valid()
		a.Status, b.Status = life[i], s
		if !b.Newer(a) || a.Newer(b) {
			t.Errorf("%s is not newer than %s", s, life[i])
		}
	}
	older := valid()
	older.Status, older.UpdatedAt = Refunded, noon.Add(-time.Second)
	if older.Newer(valid()) {
		t.Error("an older second won by its status")
	}
	if v := valid(); v.Newer(v) {
		t.Error("newer than itself")
	}
}

func TestADeletionKeepsTheOrderAndTheMoment(t *testing.T) {
	stub := Order{Source: "src1", ExternalID: "17", Stub: true}.ReceivedAt(noon.Add(time.Minute))
	again := stub.ReceivedAt(noon.Add(time.Hour))
	if !again.DeletedAt.Equal(stub.DeletedAt) {
		t.Error("a later receipt moved the deletion")
	}
	o, changed := Merge(valid(), stub)
	if !changed || !o.Deleted() || o.Customer.Email == "" || o.Total.Minor != 10000 {
		t.Errorf("%+v", o)
	}
	restored := valid()
	restored.UpdatedAt = noon.Add(2 * time.Minute)
	if o, _ = Merge(o, restored); o.Deleted() || !o.Counts() {
		t.Error("a restored order stays deleted")
	}
	if v := valid(); !same(v.ReceivedAt(noon), v) {
		t.Error("ReceivedAt deleted an order")
	}
}

func TestAVersionOfTheFutureIsReplacedByALaterOne(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ahead := Order{ExternalID: "1", Status: Open, UpdatedAt: now.AddDate(14, 0, 0)}.ReceivedAt(now)
	then, _ := Merge(ahead, Order{ExternalID: "1", Status: Cancelled, UpdatedAt: now.Add(time.Minute)}.ReceivedAt(now.Add(time.Minute)))
	if then.Status != Cancelled {
		t.Errorf("the order stays %s", then.Status)
	}
	if near := (Order{UpdatedAt: now.Add(time.Minute)}).ReceivedAt(now); !near.UpdatedAt.Equal(now.Add(time.Minute)) {
		t.Error("a clock that is a little ahead is not believed")
	}
	if d := (Dealing{UpdatedAt: now.AddDate(14, 0, 0)}).ReceivedAt(now); !d.UpdatedAt.Equal(now) {
		t.Errorf("a payment of %s", d.UpdatedAt)
	}
}
