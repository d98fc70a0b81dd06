package csv

// Continue makes the writer begin in the middle of a file: without the
// byte-order mark, which only the very start has.
func (w *Writer) Continue() { w.started = true }
