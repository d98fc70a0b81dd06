package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
)

func TestDevicesForPushMessages(t *testing.T) {
	s := newShop(t)
	id := s.must(201, s.do("POST", "/v1/contacts", `{"email":"a@b.example"}`))["id"].(string)
	at := "/v1/contacts/" + id + "/devices"
	const token = "a-very-secret-token"
	first := s.must(201, s.do("POST", at, `{"platform":"ios","token":"`+token+`","name":"Phone"}`))
	again := s.must(201, s.do("POST", at, `{"platform":"ios","token":"`+token+`","name":"New name"}`))
	if first["id"] != again["id"] || first["registered_at"] != again["registered_at"] {
		t.Errorf("the same token made %v and %v", first, again)
	}
	s.must(422, s.do("POST", at, `{"platform":"pigeon","token":"x"}`))
	s.must(422, s.do("POST", at, `{"platform":"ios","token":""}`))
	w := s.do("GET", at, "")
	if list := s.must(200, w)["devices"].([]any); len(list) != 1 || strings.Contains(w.Body.String(), token) {
		t.Errorf("devices %s", w.Body)
	}
	devices, err := s.book.Devices(context.Background(), crm.ContactID(id))
	if err != nil || string(devices[0].Token) != token || strings.Contains(fmt.Sprintf("%v %+v %#v %s", devices, devices, devices, devices[0].Token), token) {
		t.Errorf("for sending: %v, %v", devices, err)
	}
	var wg sync.WaitGroup
	for i := range 2 * contact.MaxDevices {
		wg.Go(func() {
			for { // a busy list asks for another try
				if w := s.do("POST", at, fmt.Sprintf(`{"platform":"web","token":"t%d"}`, i)); w.Code == 201 {
					return
				} else if w.Code != 503 && w.Code != 409 {
					t.Errorf("device %d: %d %s", i, w.Code, w.Body)
					return
				}
			}
		})
	}
	wg.Wait()
	list := s.must(200, s.do("GET", at, ""))["devices"].([]any)
	if len(list) != contact.MaxDevices {
		t.Errorf("%d devices", len(list))
	}
	one := list[0].(map[string]any)["id"].(string)
	s.must(204, s.do("DELETE", at+"/"+one, ""))
	s.must(404, s.do("DELETE", at+"/"+one, ""))
	s.must(204, s.do("DELETE", "/v1/contacts/"+id, "", "If-Match", "*"))
	s.must(404, s.do("GET", at, ""))
	s.must(404, s.do("POST", at, `{"platform":"ios","token":"x"}`))
}
