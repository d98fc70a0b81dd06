package site

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"clientele/internal/domain/crm"
)

// SealCursor makes the opaque text of a list position. It is encrypted and
// authenticated under the site's secret and bound to the list it is of, so it
// can be neither read, nor altered, nor used on another site or list.
func (s Site) SealCursor(list, position string) string {
	if position == "" {
		return ""
	}
	// The nonce follows from the content (as in SIV): equal positions give equal
	// cursors, and two different ones never share a nonce.
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("cursor nonce\x00" + list + "\x00" + position))
	nonce := mac.Sum(nil)[:12]
	return base64.RawURLEncoding.Strict().EncodeToString(s.cursorAEAD().Seal(nonce, nonce, []byte(position), []byte(list)))
}

// OpenCursor is the position in a cursor; crm.Invalid for any text that
// SealCursor did not make for this site and list. Empty stays empty.
func (s Site) OpenCursor(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err == nil && len(b) > 12 {
		if p, err := s.cursorAEAD().Open(nil, b[:12], b[12:], []byte(list)); err == nil {
			return string(p), nil
		}
	}
	var f crm.Faults
	f.Add("query/cursor", "this cursor is not one that this list gave; leave it out to start from the beginning")
	return "", f.Err()
}

func (s Site) cursorAEAD() cipher.AEAD {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte("cursor key"))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic("site: " + err.Error()) // a 32-byte key is always right
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("site: " + err.Error())
	}
	return aead
}
