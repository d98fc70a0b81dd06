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

// kept is a field of a change that cannot be cleared: absent leaves as it is, null is refused.
type kept[T any] struct {
	given optional[T]
	null  bool
}

func (k *kept[T]) UnmarshalJSON(b []byte) error {
	k.null = bytes.Equal(b, []byte("null"))
	return k.given.UnmarshalJSON(b)
}

// Schema is T's own.
func (k kept[T]) Schema(r huma.Registry) *huma.Schema {
	s := *k.given.Schema(r)
	s.Nullable = false
	return &s
}

func (k kept[T]) opt() contact.Opt[T] { return k.given.opt() }
func (k kept[T]) pointer() *T         { return k.given.pointer() }
func (k kept[T]) isNull() bool        { return k.null }

// Resolve tells of null, here and in the fields of an object.
func (k *kept[T]) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if k.null {
		return []error{&huma.ErrorDetail{Location: at.String(), Message: notCleared}}
	}
	v := reflect.ValueOf(&k.given.value).Elem()
	if v.Kind() != reflect.Struct {
		return nil
	}
	var out []error
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if n, ok := v.Field(i).Interface().(interface{ isNull() bool }); ok && name != "" && n.isNull() {
			out = append(out, &huma.ErrorDetail{Location: at.With(name), Message: notCleared})
		}
	}
	return out
}

const notCleared = "it cannot be cleared; give a value, or leave it out to keep the one that it has"
