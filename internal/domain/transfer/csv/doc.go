// Package csv reads and writes CSV without losing anything.
//
// It exists because the standard library's reader turns CRLF inside quotes
// into LF, its writer cannot quote every field and writes a record of one
// empty field as nothing, and neither can say at which byte a record begins.
// An import is cut into byte ranges, and every rejected row is told with its
// line, so here each [Record] carries its offsets, its line and its number.
//
// Reading is lenient where a person would see what was meant, and explicit
// where nobody could:
//
//   - records end at LF, CRLF or a bare CR, in any mixture; line ends inside
//     quotes are kept exactly;
//   - every line is a record, also an empty one (a record of one empty field;
//     see [Record.Blank]);
//   - a quote inside an unquoted field is an ordinary character; text behind a
//     closing quote belongs to the field and the record is marked Loose;
//   - a quote that is never closed costs its own line only. The reader returns
//     a [Fault] for it and goes on with the line below, so that one forgotten
//     quote cannot swallow the rest of a file.
//
// The quote character is always ". Input is UTF-8, see package text.
//
// Writing has two profiles: [Spreadsheet] for people (everything quoted,
// formulas guarded, byte-order mark) and [Raw] for programs (exact). [Guard]
// and [Unguard] are inverses, so that spreadsheet → import loses nothing.
package csv

const bom = "\xEF\xBB\xBF"
