package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
)

// optional is a field of a change: absent leaves as it is, null clears
// (RFC 7396). A create reads the same shape.
type optional[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON is only called for a field that is there.
func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.set = true
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return json.Unmarshal(b, &o.value)
}

// Schema is T's own, or null. Arrays of null elements stay refused.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	t := reflect.TypeOf(o.value)
	s := *huma.SchemaFromType(r, t)
	s.Nullable = true
	return &s
}

func (o optional[T]) opt() contact.Opt[T] { return contact.Opt[T]{Set: o.set, Value: o.value} }
