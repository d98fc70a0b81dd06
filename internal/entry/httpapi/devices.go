package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
	"clientele/internal/domain/crm"
	"clientele/internal/domain/site"
)

type pushDeviceJSON struct {
	ID           string    `json:"id" example:"dv_0f6a2d7c1b3e4b8e9a550f6a2d7c1b3e"`
	Platform     string    `json:"platform" doc:"ios, android or web" example:"ios"`
	Name         string    `json:"name" example:"Emma's phone"`
	RegisteredAt time.Time `json:"registered_at"`
	LastSeenAt   time.Time `json:"last_seen_at" doc:"When it last registered"`
}

func pushDeviceOf(d contact.PushDevice) pushDeviceJSON {
	return pushDeviceJSON{d.ID, d.Platform, d.Name, d.RegisteredAt, d.SeenAt}
}

type devicesAnswer struct {
	Body struct {
		Devices []pushDeviceJSON `json:"devices" nullable:"false" doc:"Last seen first; never their tokens"`
	}
}

type pushDeviceAnswer struct{ Body pushDeviceJSON }

type registerInput struct {
	ByID
	Body struct {
		Platform string `json:"platform" doc:"ios, android or web" enum:"ios,android,web" example:"ios"`
		Token    string `json:"token" doc:"What the push service gave the app; kept sealed and never shown again" minLength:"1" maxLength:"4096" example:"c9d4c07cfbbc26d6ef87a44d53e16983"`
		Name     string `json:"name,omitempty" doc:"At most 100 characters" example:"Emma's phone"`
	}
}

// DeviceID is exported as huma reads embedded parameters of exported types alone.
type DeviceID struct {
	ByID
	Device string `path:"device" doc:"The device's id" example:"dv_0f6a2d7c1b3e4b8e9a550f6a2d7c1b3e"`
}

func addDevices(api huma.API, h contactsAPI) {
	tags := []string{"Contacts"}
	operation(api, site.ContactsRead, huma.Operation{
		OperationID: "list-devices", Method: http.MethodGet, Path: "/v1/contacts/{id}/devices", Tags: tags,
		Summary: "The devices of a contact that take push messages", Errors: []int{http.StatusNotFound},
	}, h.listDevices)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "register-device", Method: http.MethodPost, Path: "/v1/contacts/{id}/devices", Tags: tags,
		DefaultStatus: http.StatusCreated, Summary: "Register a device for push messages",
		Description: "Safe to repeat: the same token is the same device. A contact has at most 20; the one seen longest ago goes.",
		Errors:      []int{http.StatusNotFound},
	}, h.registerDevice)
	operation(api, site.ContactsWrite, huma.Operation{
		OperationID: "delete-device", Method: http.MethodDelete, Path: "/v1/contacts/{id}/devices/{device}", Tags: tags,
		DefaultStatus: http.StatusNoContent, Summary: "Forget a device", Errors: []int{http.StatusNotFound},
	}, h.deleteDevice)
}

func (h contactsAPI) listDevices(ctx context.Context, c caller, in *ByID) (*devicesAnswer, error) {
	list, err := h.open(c.site).Devices(ctx, crm.ContactID(in.ID))
	if err != nil {
		return nil, err
	}
	out := &devicesAnswer{}
	out.Body.Devices = make([]pushDeviceJSON, len(list))
	for i, d := range list {
		out.Body.Devices[i] = pushDeviceOf(d)
	}
	return out, nil
}

func (h contactsAPI) registerDevice(ctx context.Context, c caller, in *registerInput) (*pushDeviceAnswer, error) {
	d := contact.PushDevice{ID: c.site.DeviceID(in.Body.Token), Platform: in.Body.Platform, Name: in.Body.Name, Token: contact.PushToken(in.Body.Token)}
	if err := contact.CheckDevice(d); err != nil {
		return nil, err
	}
	out, now := &pushDeviceAnswer{}, h.clock.Now()
	err := h.open(c.site).ChangeDevices(ctx, crm.ContactID(in.ID), func(list []contact.PushDevice) ([]contact.PushDevice, error) {
		list = contact.RegisterDevice(list, d, now)
		out.Body = pushDeviceOf(list[slices.IndexFunc(list, func(o contact.PushDevice) bool { return o.ID == d.ID })])
		return list, nil
	})
	return out, err
}

func (h contactsAPI) deleteDevice(ctx context.Context, c caller, in *DeviceID) (*struct{}, error) {
	return nil, h.open(c.site).ChangeDevices(ctx, crm.ContactID(in.ID), func(list []contact.PushDevice) ([]contact.PushDevice, error) {
		i := slices.IndexFunc(list, func(d contact.PushDevice) bool { return d.ID == in.Device })
		if i < 0 {
			return nil, crm.Errorf(crm.NotFound, "this contact has no such device")
		}
		return slices.Delete(list, i, i+1), nil
	})
}
