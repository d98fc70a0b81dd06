package contact

import (
	"slices"
	"strings"
)

// JoinTexts writes several texts as one, divided by semicolons; one with a
// semicolon, a quote or a blank at an end stands in quotes. splitList reads it.
func JoinTexts(list []string) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteByte(';')
		}
		if v == "" || strings.ContainsAny(v, `;"`) || Trim(v) != v {
			v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
		b.WriteString(v)
	}
	return b.String()
}

// splitList also takes what people write: blanks around, empty places.
func splitList(s string) (out []string) {
	for s != "" {
		s = strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(s, `"`) {
			v, rest, _ := strings.Cut(s, ";")
			if v = Trim(v); v != "" {
				out = append(out, v)
			}
			s = rest
			continue
		}
		var b strings.Builder
		i := 1
		for ; i < len(s); i++ {
			if s[i] == '"' {
				if i+1 == len(s) || s[i+1] != '"' {
					break
				}
				i++
			}
			b.WriteByte(s[i])
		}
		out = append(out, b.String())
		_, s, _ = strings.Cut(s[min(i+1, len(s)):], ";")
	}
	return out
}

// joinPhones adds to a list of phones what it lacks, as far as there is room. The
// list is kept in the order of the numbers, so that it is the same whatever came
// first.
func joinPhones(has, said []string) []string {
	all := slices.Clone(has)
	for _, p := range said {
		if p != "" && len(all) < MaxPhones && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}
