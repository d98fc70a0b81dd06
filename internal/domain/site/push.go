package site

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// DeviceID is the id of the device that a push token leads to. It tells nothing of
// the token.
func (s Site) DeviceID(token string) string {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("push device\x00" + token))
	return "dv_" + hex.EncodeToString(mac.Sum(nil)[:16])
}
