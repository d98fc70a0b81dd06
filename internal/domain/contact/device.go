package contact

import (
	"cmp"
	"context"
	"slices"
	"time"

	"clientele/internal/domain/crm"
)

// PushDevice is a device of a contact that takes push messages.
type PushDevice struct {
	ID           string // "dv_…", made of the token: the same one again is the same device
	Platform     string // one of Platforms
	Name         string // as the person calls it, or the app
	Token        PushToken
	RegisteredAt time.Time
	SeenAt       time.Time // when it last registered
}

// PushToken is what a push service is given to reach a device. Whoever has it may
// write to the person, so it shows itself nowhere.
type PushToken string

func (PushToken) String() string               { return "[push token]" }
func (PushToken) GoString() string             { return "[push token]" }
func (PushToken) MarshalText() ([]byte, error) { return []byte("[push token]"), nil }

// Platforms of push messages.
var Platforms = []string{"ios", "android", "web"}

// Limits of devices.
const (
	MaxDevices   = 20 // a contact; the one that was seen longest ago goes
	MaxPushToken = 4096
	MaxDevice    = 100 // characters of its name
)

// Devices keeps the devices of contacts.
type Devices interface {
	// Devices are those of a contact and of all that were merged into it, last seen
	// first. crm.NotFound without the contact.
	Devices(ctx context.Context, id crm.ContactID) ([]PushDevice, error)
	// ChangeDevices applies a rule to them and stores the result with the contact,
	// repeating the rule as long as other writers come between. crm.NotFound.
	ChangeDevices(ctx context.Context, id crm.ContactID, rule func([]PushDevice) ([]PushDevice, error)) error
}

// CheckDevice reports what is wrong with a device.
func CheckDevice(d PushDevice) error {
	var f crm.Faults
	if !slices.Contains(Platforms, d.Platform) {
		f.Add("/platform", "a platform is one of %s", crm.Join(Platforms))
	}
	if d.Token == "" || len(d.Token) > MaxPushToken {
		f.Add("/token", "give the token of the push service, at most %d bytes", MaxPushToken)
	}
	if err := checkText(d.Name, MaxDevice); err != nil {
		f.Add("/name", "%s", err)
	}
	return f.Err()
}

// RegisterDevice puts a device first in a list of SortDevices; a known one keeps when
// it first came.
func RegisterDevice(list []PushDevice, d PushDevice, now time.Time) []PushDevice {
	d.RegisteredAt, d.SeenAt = now, now
	if len(list) > 0 && !now.After(list[0].SeenAt) { // others came while this one was under way
		d.SeenAt = list[0].SeenAt.Add(time.Microsecond)
	}
	if i := slices.IndexFunc(list, func(o PushDevice) bool { return o.ID == d.ID }); i >= 0 {
		d.RegisteredAt = list[i].RegisteredAt
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return SortDevices(append([]PushDevice{d}, list...))
}

// SortDevices has the last seen first, each once, and no more than may be.
func SortDevices(list []PushDevice) []PushDevice {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b PushDevice) int { return cmp.Or(b.SeenAt.Compare(a.SeenAt), cmp.Compare(a.ID, b.ID)) })
	var out []PushDevice
	for _, d := range list {
		if len(out) < MaxDevices && !slices.ContainsFunc(out, func(o PushDevice) bool { return o.ID == d.ID }) {
			out = append(out, d)
		}
	}
	return out
}
