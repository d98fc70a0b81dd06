package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"clientele/internal/domain/contact"
)

// optional is a field of a change: absent leaves as it is, null clears
// (RFC 7396). A create reads the same shape.
type optional[T any] struct {
	set   bool
	value T
}

// UnmarshalJSON is only called for a field that is there. What is of another kind is
// refused by the schema; an error here would end the reading, and the faults
// of the fields behind it would not be told in the same answer.
func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.set = true
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	err := json.Unmarshal(b, &o.value)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && !strings.HasPrefix(kind.Value, "number ") { // that is one too large, which the schema lets through
		return nil
	}
	return err
}

// Schema is T's own, or null. Arrays of null elements stay refused.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	t := reflect.TypeOf(o.value)
	s := *huma.SchemaFromType(r, t)
	s.Nullable = true
	return &s
}

func (o optional[T]) opt() contact.Opt[T] { return contact.Opt[T]{Set: o.set, Value: o.value} }
