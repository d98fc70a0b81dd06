package crm

import "strings"

// Join writes a list of words into a sentence: "a, b, c".
func Join[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = string(v)
	}
	return strings.Join(s, ", ")
}
