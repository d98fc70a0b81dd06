package contact

import "unicode/utf8"

// Cut sets a field as SetText does, from what somebody typed who cannot be asked
// again: a text beyond the field's limit is cut, one that the field cannot hold
// (a date that is none) leaves it empty.
func (d *Details) Cut(name, v, country string) {
	for i := range fields {
		if fields[i].name == name {
			v = firstRunes(v, fields[i].max)
		}
	}
	for i := range addressFields {
		if n := addressFields[i].name; name == n || name == "billing_"+n || name == "shipping_"+n {
			v = firstRunes(v, addressFields[i].max)
		}
	}
	_ = d.SetText(name, v, country) // then it stays empty
}

func firstRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
