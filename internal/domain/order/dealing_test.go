package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"clientele/internal/domain/contact"
)

var dealingFiles = map[DealingKind]string{Payment: "payment.json", Invoice: "invoice.json", Appointment: "appointment.json"}

func TestDealingSamples(t *testing.T) {
	for kind, file := range dealingFiles {
		body := event(t, file)
		_, d, err := ParseDelivery(KindOwn, "", body)
		if err != nil || d == nil || d.Kind != kind || d.ExternalID == "" || d.At.IsZero() || d.UpdatedAt.IsZero() || d.Customer.Email == "" {
			t.Errorf("%s: %+v, %v", file, d, err)
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&OwnDealing{}); err != nil {
			t.Errorf("%s is not of the documented schema: %v", file, err)
		}
	}
	if o, d, err := ParseDelivery(KindOwn, "order", event(t, "own.json")); err != nil || d != nil || o.ExternalID != "2026-000042" {
		t.Errorf("an order: %+v, %v", d, err)
	}
	typed := bytes.Replace(event(t, "own.json"), []byte("{"), []byte(`{"type":"order",`), 1)
	if o, d, err := ParseDelivery(KindOwn, "", typed); err != nil || d != nil || o.ExternalID != "2026-000042" {
		t.Errorf("an order that says so: %+v, %v", d, err)
	}
	if _, d, err := ParseDelivery(KindShopify, "orders/updated", event(t, "payment.json")); d != nil || err == nil {
		t.Errorf("a shop that sends our schema: %+v, %v", d, err)
	}
}

func TestDealingsAreReadStrictlyAndAllFaultsTold(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		faults     []string
	}{
		{"another type", `{"type":"refund","id":"1"}`, []string{"/type"}},
		{"a type that is no text", `{"type":7}`, []string{"/type"}},
		{"nothing but a type", `{"type":"payment"}`, []string{"/id", "/status", "/updated_at", "/amount"}},
		{"an appointment without a moment", `{"type":"appointment","id":"1","status":"booked","updated_at":"2026-03-02T10:00:00Z"}`, []string{"/at"}},
		{"a status of another type", `{"type":"invoice","id":"1","status":"attended","amount":"1.00","currency":"EUR","updated_at":"2026-03-02T10:00:00Z"}`, []string{"/status"}},
		{"an amount without a currency", `{"type":"payment","id":"1","status":"paid","amount":"1.00","updated_at":"2026-03-02T10:00:00Z"}`, []string{"/currency"}},
		{"a negative amount", `{"type":"payment","id":"1","status":"paid","amount":"-1.00","currency":"EUR","updated_at":"2026-03-02T10:00:00Z"}`, []string{"/amount"}},
		{"a currency without an amount", `{"type":"appointment","id":"1","status":"booked","currency":"EUR","at":"2026-03-02T10:00:00Z","updated_at":"2026-03-02T10:00:00Z"}`, []string{"/amount"}},
		{"an unknown field", `{"type":"payment","id":"1","status":"paid","amount":"1.00","currency":"EUR","paid":true,"updated_at":"2026-03-02T10:00:00Z"}`, []string{"/paid"}},
		{"an unknown field of the customer", `{"type":"payment","id":"1","status":"paid","amount":"1.00","currency":"EUR","updated_at":"2026-03-02T10:00:00Z","customer":{"mail":"a"}}`, []string{"/customer/mail"}},
		{"long texts", `{"type":"payment","id":"` + strings.Repeat("i", 129) + `","status":"paid","number":"` + strings.Repeat("n", 65) + `","title":"` + strings.Repeat("t", 501) + `","amount":"1.00","currency":"EUR","updated_at":"2026-03-02T10:00:00Z","customer":{"first_name":"` + strings.Repeat("f", 256) + `"}}`,
			[]string{"/id", "/number", "/title", "/customer/first_name"}},
		{"a moment that cannot be", `{"type":"payment","id":"1","status":"paid","amount":"1.00","currency":"EUR","at":"9999-01-01T00:00:00Z","updated_at":"yesterday"}`, []string{"/updated_at", "/at"}},
	} {
		_, _, err := ParseDelivery(KindOwn, "", []byte(tt.body))
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var paths []string
		for _, f := range invalid.Faults {
			paths = append(paths, f.Path)
		}
		slices.Sort(paths)
		want := slices.Sorted(slices.Values(tt.faults))
		if !slices.Equal(paths, want) {
			t.Errorf("%s: faults at %v, want %v (%v)", tt.name, paths, want, err)
		}
	}
}

func TestWhatADealingIsTheFirstOf(t *testing.T) {
	when, changed := at("2026-03-02T10:00:00Z"), at("2026-03-02T12:00:00Z")
	one := func(e contact.Event) map[contact.Event]time.Time { return map[contact.Event]time.Time{e: when} }
	none := map[contact.Event]time.Time{}
	for _, tt := range []struct {
		kind   DealingKind
		status DealingStatus
		want   map[contact.Event]time.Time
	}{
		{Payment, Pending, none}, {Payment, DealFailed, none}, {Payment, DealPaid, one(contact.FirstPayment)}, {Payment, DealRefunded, one(contact.FirstPayment)},
		{Invoice, Drafted, none}, {Invoice, Void, none}, {Invoice, Issued, one(contact.FirstInvoice)},
		{Invoice, DealPaid, map[contact.Event]time.Time{contact.FirstInvoice: when, contact.FirstPayment: changed}},
		{Appointment, Booked, none}, {Appointment, CalledOff, none}, {Appointment, NoShow, none}, {Appointment, Attended, one(contact.FirstAppointment)},
	} {
		d := Dealing{Kind: tt.kind, Status: tt.status, At: when, UpdatedAt: changed}
		if got := d.firsts(); !maps.Equal(got, tt.want) {
			t.Errorf("%s %s: %v, want %v", tt.kind, tt.status, got, tt.want)
		}
	}
}
