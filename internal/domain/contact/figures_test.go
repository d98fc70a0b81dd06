package contact

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"clientele/internal/domain/crm"
)

func TestFiguresAreSumsByCurrency(t *testing.T) {
	at := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	var a, b Figures
	for _, n := range []int64{1000, 1001} {
		a.Add(1, "EUR", n)
	}
	a.Placed(at(3))
	a.Placed(at(5))
	b.Add(1, "USD", 700)
	b.Add(1, "EUR", 0) // refunded in full
	b.Placed(at(4))
	b.Placed(at(9))
	joined := a
	joined.Join(b)
	if got, want := joined, (Figures{Orders: 4, Counts: map[string]int{"EUR": 3, "USD": 1}, Revenue: map[string]int64{"EUR": 2001, "USD": 700},
		FirstAt: at(3), LastAt: at(9)}); !reflect.DeepEqual(got, want) {
		t.Errorf("joined %+v, want %+v", got, want)
	}
	if a.Orders != 2 || a.Counts["EUR"] != 2 {
		t.Errorf("joining changed the map of %+v", a)
	}
	if a.Average("EUR") != 1001 || joined.Average("EUR") != 667 || joined.Average("JPY") != 0 {
		t.Errorf("averages %d, %d, %d", a.Average("EUR"), joined.Average("EUR"), joined.Average("JPY"))
	}
	if got := joined.Currencies(); !slices.Equal(got, []string{"EUR", "USD"}) {
		t.Errorf("currencies %v", got)
	}
	a.Add(-1, "EUR", 1000)
	a.Add(-1, "EUR", 1001)
	if a.Orders != 0 || len(a.Counts) != 0 || len(a.Revenue) != 0 {
		t.Errorf("taken off again, %+v is left", a)
	}
}

func TestRequestsAreOpenUntilSomebodySeesToThem(t *testing.T) {
	var c Contact
	c.Ask("1")
	c.Ask("2")
	c.Ask("1") // delivered twice
	if !slices.Equal(c.Open, []string{"1", "2"}) {
		t.Fatalf("open are %v", c.Open)
	}
	if err := c.Done("1"); err != nil {
		t.Error(err)
	}
	if err := c.Done("1"); crm.CodeOf(err) != crm.NotFound {
		t.Errorf("done twice: %v", err)
	}
	c.Answered()
	if len(c.Open) != 0 {
		t.Errorf("after an answer %v are open", c.Open)
	}
	for i := range MaxOpen + 3 {
		c.Ask(fmt.Sprint(i))
	}
	if len(c.Open) != MaxOpen || c.Open[0] != "3" {
		t.Errorf("%d are kept from %s on", len(c.Open), c.Open[0])
	}
}
