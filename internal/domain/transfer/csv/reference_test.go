package csv_test

import (
	"fmt"
	"strings"

	"clientele/internal/domain/transfer/csv"
)

// plainRecord is what a parser makes of a record, in a form to compare.
type plainRecord struct {
	Fields             []string // nil beside a fault
	Start, End         int64
	Line, Number       int64
	Loose              bool
	Fault              csv.FaultKind
	FaultLine, FaultAt int64
	FaultColumn        int
}

// reference is a second parser with the rules of the package comment. It holds
// the whole file and goes through it letter by letter, so that it shares no
// trick, and hopefully no mistake, with the Reader.
func reference(file string, comma byte, l csv.SmallLimits) (out []plainRecord) {
	at, line := 0, int64(1)
	if strings.HasPrefix(file, "\ufeff") {
		at = 3
	}
	for at < len(file) {
		rec := referenceRecord(file, at, comma, l)
		rec.Line, rec.Number = line, int64(len(out)+1)
		if rec.Fault != "" {
			rec.FaultLine = line + referenceLines(file[at:rec.FaultAt])
		}
		line += referenceLines(file[at:rec.End])
		at = int(rec.End)
		out = append(out, rec)
	}
	return out
}

func referenceLines(s string) int64 {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return int64(strings.Count(s, "\n") + strings.Count(s, "\r"))
}

// nextLine returns where the line behind the first line end from at on begins.
func nextLine(file string, at int) int64 {
	for ; at < len(file); at++ {
		if file[at] == '\n' {
			return int64(at + 1)
		}
		if file[at] == '\r' {
			if at+1 < len(file) && file[at+1] == '\n' {
				at++
			}
			return int64(at + 1)
		}
	}
	return int64(len(file))
}

func referenceRecord(file string, start int, comma byte, l csv.SmallLimits) plainRecord {
	const (
		fieldStart = iota
		plain
		inQuotes
		quoteInQuotes // a quote was seen: half of a doubled one, or the end
		behindQuotes
	)
	limit := min(len(file), start+l.Record)
	full := len(file)-start >= l.Record
	rec := plainRecord{Start: int64(start)}
	state, fieldAt, size := fieldStart, start, 0
	var field strings.Builder
	sound := csv.FaultKind("")
	soundAt, soundColumn := 0, 0
	blame := func(kind csv.FaultKind) {
		if sound == "" {
			sound, soundAt, soundColumn = kind, fieldAt, len(rec.Fields)+1
		}
	}
	columns := 0
	broken := func(kind csv.FaultKind, column int, end int64) plainRecord {
		return plainRecord{Start: int64(start), End: end, Fault: kind, FaultAt: int64(fieldAt), FaultColumn: column}
	}
	endField := func() {
		if size > l.Field {
			blame(csv.FieldTooLong)
		}
		if columns == l.Columns {
			blame(csv.TooManyColumns)
		} else {
			columns++
			rec.Fields = append(rec.Fields, field.String())
		}
		field.Reset()
	}
	endRecord := func(end int) plainRecord {
		rec.End = int64(end)
		if sound != "" {
			return plainRecord{Start: rec.Start, End: rec.End, Fault: sound, FaultAt: int64(soundAt), FaultColumn: soundColumn, Loose: rec.Loose}
		}
		return rec
	}
	for i := start; ; i++ {
		if i == limit {
			switch {
			case state == inQuotes:
				return broken(csv.OpenQuote, columns+1, nextLine(file, fieldAt))
			case full:
				return broken(csv.RecordTooLong, columns+1, nextLine(file, limit))
			}
			if state == quoteInQuotes {
				size = i - fieldAt - 2
			} else if state == behindQuotes || state == plain {
				size = i - fieldAt
			} else {
				size = 0
			}
			endField()
			return endRecord(i)
		}
		c := file[i]
		ends := c == comma || c == '\n' || c == '\r'
		if state == inQuotes {
			if c == '"' {
				state = quoteInQuotes
			} else {
				field.WriteByte(c)
			}
			continue
		}
		if state == quoteInQuotes && c == '"' {
			field.WriteByte(c)
			state = inQuotes
			continue
		}
		if !ends {
			switch state {
			case fieldStart:
				if c == '"' {
					state = inQuotes
					continue
				}
				state = plain
			case quoteInQuotes:
				if strings.ContainsAny(file[fieldAt:i], "\r\n") {
					return broken(csv.OpenQuote, columns+1, nextLine(file, fieldAt))
				}
				rec.Loose = true
				state = behindQuotes
			}
			field.WriteByte(c)
			continue
		}
		size = i - fieldAt
		if state == quoteInQuotes {
			size -= 2
		}
		if c == '\r' && i+1 == limit && full {
			// It cannot be known within the limit where the record ends.
			endColumn := min(columns+1, l.Columns)
			return broken(csv.RecordTooLong, endColumn, nextLine(file, i))
		}
		endField()
		if c == comma {
			state, fieldAt = fieldStart, i+1
			continue
		}
		if c == '\r' && i+1 < limit && file[i+1] == '\n' {
			i++
		}
		return endRecord(i + 1)
	}
}

// sanity of what a comparison prints.
func (p plainRecord) String() string {
	return fmt.Sprintf("{%q bytes %d-%d line %d number %d loose %t fault %s line %d column %d at %d}",
		p.Fields, p.Start, p.End, p.Line, p.Number, p.Loose, p.Fault, p.FaultLine, p.FaultColumn, p.FaultAt)
}
