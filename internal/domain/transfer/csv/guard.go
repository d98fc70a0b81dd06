package csv

// text is what a cell may come as.
type text interface{ ~string | ~[]byte }

// Guarded reports whether the spreadsheet profile writes an apostrophe before
// v, because a spreadsheet could take it for a formula, or because v already
// looks as if it were guarded and Unguard would take its apostrophe away.
//
// The rule: any run of apostrophes, also none, with one of = + - @ TAB CR LF
// NUL behind it; except values that are only a signed number or a phone number
// (+31 6 12345678), which cannot call a function and which people want to see
// unharmed. And a run of at least one apostrophe with a number behind it that
// begins with zero: see [Unguard].
func Guarded[T text](v T) bool {
	k := apostrophes(v)
	return formula(v, k) && !(k == 0 && harmless(v)) || k > 0 && zeroNumber(v, k)
}

// Guard returns v as the spreadsheet profile writes it. Unguard(Guard(v)) is v
// for every v.
func Guard(v string) string {
	if Guarded(v) {
		return "'" + v
	}
	return v
}

// Unguard takes off the apostrophe that Guard, or a spreadsheet, has put before
// a value: '=SUM(A1), '+31612345678, '0612345678. It is for cells of files that
// come from people; a file of the Raw profile holds its values as they are.
func Unguard[T text](v T) T {
	if k := apostrophes(v); k > 0 && (formula(v, k) || zeroNumber(v, k)) {
		return v[1:]
	}
	return v
}

func apostrophes[T text](v T) int {
	k := 0
	for k < len(v) && v[k] == '\'' {
		k++
	}
	return k
}

// formula reports whether a spreadsheet may read v[k:] as a formula.
func formula[T text](v T, k int) bool {
	if k == len(v) {
		return false
	}
	switch v[k] {
	case '=', '+', '-', '@', '\t', '\r', '\n', 0:
		return true
	}
	return false
}

// harmless: a signed number (-5, +3.14, -1.234,56), or a plus with at most 15
// digits in groups parted by single spaces.
func harmless[T text](v T) bool {
	if len(v) < 2 || v[0] != '+' && v[0] != '-' {
		return false
	}
	digits, spaces, marks, last := 0, 0, 0, byte('.')
	for i := 1; i < len(v); i++ {
		c := v[i]
		switch {
		case '0' <= c && c <= '9':
			digits++
		case (c == '.' || c == ',') && isDigit(last):
			marks++
		case c == ' ' && v[0] == '+' && isDigit(last):
			spaces++
		default:
			return false
		}
		last = c
	}
	return isDigit(last) && (spaces == 0 || marks == 0 && digits <= 15)
}

// zeroNumber reports whether v[k:] is a zero followed by nothing but digits and
// what people put between them: what spreadsheets keep as text by an apostrophe.
func zeroNumber[T text](v T, k int) bool {
	if k == len(v) || v[k] != '0' {
		return false
	}
	for i := k; i < len(v); i++ {
		switch c := v[i]; {
		case isDigit(c), c == ' ', c == '-', c == '.', c == '/', c == '(', c == ')':
		default:
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
