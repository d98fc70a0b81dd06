package group_test

import (
	"fmt"
	"math/big"
	"testing"

	"clientele/internal/domain/crm"
	"clientele/internal/domain/group"
	"clientele/internal/domain/order"
)

func eur(n int64) order.Money { return order.Money{Minor: n, Currency: "EUR"} }

func TestPercentagesAreExact(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "-12.5": "-12.5", "-12.50": "-12.5", "7.05": "7.05", "-100": "-100", "1000.00": "1000", "-0.01": "-0.01", "0.10": "0.1", "10": "10"} {
		p, err := group.ParsePercentage(in)
		if err != nil || p.String() != want {
			t.Errorf("%s is %s, %v", in, p, err)
		}
	}
	for _, in := range []string{"", "-", ".5", "1.234", "1e2", "-100.01", "1000.01", "12,5", "+3", "99999", "--1", "1.2.3", "１"} {
		if p, err := group.ParsePercentage(in); err == nil {
			t.Errorf("%q is %s", in, p)
		}
	}
}

func TestAPriceIsRoundedOnceByTheUnit(t *testing.T) {
	for _, tt := range []struct {
		list       int64
		percentage group.Percentage
		quantity   int
		unit, line int64
	}{
		{1000, -1250, 1, 875, 875},
		{5, -1000, 10, 5, 50},  // 4.5 is up
		{15, -1000, 2, 14, 28}, // 13.5
		{999, -3333, 3, 666, 1998},
		{1, -5000, 100, 1, 100}, // half a cent is up
		{1, -5001, 100, 0, 0},
		{2995, 2100, 1, 3624, 3624}, // 3623.95
		{2995, -10000, 7, 0, 0},
		{0, 100000, 7, 0, 0},
		{90071992547, 0xffff, 1000, 680358795704, 680358795704000},
	} {
		g := &group.Group{Percentage: tt.percentage}
		b, err := g.Price([]group.Item{{SKU: "a", Price: eur(tt.list), Quantity: tt.quantity}})
		if err != nil {
			t.Error(err)
		}
		if l := b.Lines[0]; l.Unit != eur(tt.unit) || l.Total != eur(tt.line) || l.Rule != group.ByPercentage || b.Total != eur(tt.line) || b.List != eur(tt.list*int64(tt.quantity)) {
			t.Errorf("%d with %s %%: %+v", tt.list, tt.percentage, b)
		}
	}
	// Against fractions of any size.
	for list := int64(0); list < 400; list += 7 {
		for p := -10000; p <= 100000; p += 1237 {
			g := &group.Group{Percentage: group.Percentage(p)}
			exact := new(big.Rat).SetFrac64(list*int64(10000+p), 10000)
			exact.Add(exact, big.NewRat(1, 2))
			want := new(big.Int).Div(exact.Num(), exact.Denom()).Int64()
			b, _ := g.Price([]group.Item{{SKU: "a", Price: eur(list), Quantity: 1}})
			if got := b.Total.Minor; got != want {
				t.Errorf("%d at %d is %d, want %d", list, p, got, want)
			}
		}
	}
}

// Minor units are those of the currency, whatever it has of them: nothing is divided by a hundred.
func TestCurrenciesWithoutAndWithThreeDecimals(t *testing.T) {
	money := func(n int64, currency string) order.Money { return order.Money{Minor: n, Currency: currency} }
	g := &group.Group{Percentage: -1250, Prices: []group.Price{{Product: "a", Amount: money(700, "JPY")}, {Product: "a", Amount: money(1, "KWD")}}}
	for _, tt := range []struct {
		sku         string
		list, total order.Money
		rule        group.Rule
	}{
		{"b", money(995, "JPY"), money(871*3, "JPY"), group.ByPercentage},   // 870.625 yen
		{"b", money(1234, "KWD"), money(1080*3, "KWD"), group.ByPercentage}, // 1.07975 dinar
		{"a", money(995, "JPY"), money(700*3, "JPY"), group.ByFixed},
		{"a", money(1234, "KWD"), money(1*3, "KWD"), group.ByFixed},
		{"a", money(4, "EUR"), money(4*3, "EUR"), group.ByPercentage}, // 3.5 cents
	} {
		items := []group.Item{{SKU: tt.sku, Price: tt.list, Quantity: 3}}
		var faults crm.Faults
		group.CheckItems(items, &faults)
		b, err := g.Price(items)
		if err != nil || faults != nil || b.Total != tt.total || b.Lines[0].Rule != tt.rule {
			t.Errorf("%v of %s is %v by %s, want %v; %v %v", tt.list, tt.sku, b.Total, b.Lines[0].Rule, tt.total, err, faults)
		}
	}
}

func TestAFixedPriceGoesBeforeThePercentage(t *testing.T) {
	g := &group.Group{Percentage: -1000, Prices: []group.Price{
		{Product: "p1", Amount: eur(700)}, {Product: "sku-1", Amount: eur(650)}, {Product: "sku-2", Amount: order.Money{Minor: 5, Currency: "USD"}},
	}}
	b, err := g.Price([]group.Item{
		{SKU: "sku-1", ProductID: "p1", Price: eur(1000), Quantity: 2},
		{SKU: "sku-9", ProductID: "p1", Price: eur(1000), Quantity: 1},
		{SKU: "sku-2", Price: eur(1000), Quantity: 1}, // its fixed price is in dollars
	})
	got := fmt.Sprint(err)
	for _, l := range b.Lines {
		got += fmt.Sprint(l.Rule, " ", l.Unit.Minor, " ", l.Total.Minor, "; ")
	}
	if got != "<nil>fixed 650 1300; fixed 700 700; percentage 900 900; " || b.Total != eur(2900) || b.List != eur(4000) {
		t.Errorf("%s%+v of %+v", got, b.Total, b.List)
	}
	var none *group.Group
	if b, err := none.Price([]group.Item{{SKU: "a", Price: eur(5), Quantity: 3}}); err != nil || b.Total != eur(15) || b.Lines[0].Rule != group.ByList {
		t.Errorf("without a group %+v", b)
	}
}

func TestAllThatIsWrongIsTold(t *testing.T) {
	count := func(check func(*crm.Faults)) int {
		var f crm.Faults
		check(&f)
		return len(f)
	}
	g := group.Group{Name: " ", Prices: []group.Price{{Product: "", Amount: eur(-1)}, {Product: "a", Amount: order.Money{Currency: "XXX"}}, {Product: "b", Amount: eur(1)}, {Product: "b", Amount: eur(2)}}}
	if n := count(g.Check); n != 5 {
		t.Errorf("%d faults of a group", n)
	}
	items := []group.Item{{SKU: "a", Price: eur(1), Quantity: 1}, {Price: order.Money{Minor: 1 << 60, Currency: "USD"}, Quantity: 0}}
	if n := count(func(f *crm.Faults) { group.CheckItems(items, f) }); n != 4 {
		t.Errorf("%d faults of a basket", n)
	}
	dear := []group.Item{{SKU: "a", Price: eur(90071992547), Quantity: 100_000}}
	if n := count(func(f *crm.Faults) { group.CheckItems(dear, f) }); n != 0 {
		t.Errorf("%d faults of a dear basket", n)
	}
	if _, err := (&group.Group{Percentage: 1}).Price(dear); crm.CodeOf(err) != crm.Invalid {
		t.Errorf("more than can be reckoned: %v", err)
	}
	if n := count(func(f *crm.Faults) { group.CheckItems(append(dear, dear...), f) }); n != 1 {
		t.Errorf("%d faults of a basket beyond all", n)
	}
	if n := count(func(f *crm.Faults) { group.CheckItems(nil, f) }); n != 1 {
		t.Errorf("%d faults of an empty basket", n)
	}
}
