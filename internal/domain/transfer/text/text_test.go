package text_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"clientele/internal/domain/transfer/text"
)

func utf16Bytes(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

const (
	sample  = "naam;plaats\r\nJürgen;Łódź\r\nЖ €;😀\r\n"
	western = "naam;plaats\r\nJ\xfcrgen;\x80 5\r\n"
)

func TestDetectAndDecode(t *testing.T) {
	le, be := utf16Bytes(binary.LittleEndian, sample), utf16Bytes(binary.BigEndian, sample)
	padding := strings.Repeat("0123456,89\n", 500_000)
	for _, c := range []struct {
		name, in string
		want     text.Encoding
		bom      bool
		bad      int64
		decoded  string
	}{
		{"nothing", "", text.UTF8, false, -1, ""},
		{"ASCII", "a,b\n", text.UTF8, false, -1, "a,b\n"},
		{"UTF-8", sample, text.UTF8, false, -1, sample},
		{"UTF-8 with mark", "\ufeff" + sample, text.UTF8, true, -1, sample},
		{"only a mark", "\ufeff", text.UTF8, true, -1, ""},
		{"a mark further on is text", "a\ufeffb", text.UTF8, false, -1, "a\ufeffb"},
		{"a replacement character in the file is its own", "a\ufffdb", text.UTF8, false, -1, "a\ufffdb"},
		{"a NUL makes no UTF-16", sample + "\x00" + sample, text.UTF8, false, -1, sample + "\x00" + sample},
		{"UTF-16 LE with mark", "\xff\xfe" + le, text.UTF16LE, true, -1, sample},
		{"UTF-16 BE with mark", "\xfe\xff" + be, text.UTF16BE, true, -1, sample},
		{"UTF-16 LE without", le, text.UTF16LE, false, -1, sample},
		{"UTF-16 BE without", be, text.UTF16BE, false, -1, sample},
		{"UTF-16 of ASCII, which is UTF-8 as well", utf16Bytes(binary.LittleEndian, "a,b\n"), text.UTF16LE, false, -1, "a,b\n"},
		{"Windows-1252", western, text.Windows1252, false, -1, "naam;plaats\r\nJürgen;€ 5\r\n"},
		{"one byte after five megabytes of ASCII", padding + "\xe9", text.Windows1252, false, -1, padding + "é"},
		{"a letter of UTF-8 cut by the end is Windows-1252", "Zo\xc3", text.Windows1252, false, -1, "ZoÃ"},
		{"neither", "J\xfcrgen \x8d", text.Windows1252, false, 7, "Jürgen "},
		{"a mark and then no UTF-8", "\ufeffab\xfc", text.UTF8, true, 5, "ab"},
		{"a mark and then half a letter", "\ufeffab\xc3", text.UTF8, true, 5, "ab"},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", text.UTF32, true, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, split := range []func(io.Reader) io.Reader{
				func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
			} {
				info, err := text.Detect(split(strings.NewReader(c.in)))
				if err != nil {
					t.Fatal(err)
				}
				if info.Encoding != c.want || info.BOM != c.bom || info.Bad != c.bad || info.Size != int64(len(c.in)) {
					t.Fatalf("got %+v", info)
				}
				got, err := io.ReadAll(text.NewDecoder(split(strings.NewReader(c.in)), info.Encoding))
				if string(got) != c.decoded {
					t.Fatalf("decoded %.200q, want %.200q", got, c.decoded)
				}
				var fault *text.DecodeError
				if errors.As(err, &fault) != (c.bad >= 0) || fault != nil && fault.Offset != c.bad || fault == nil && err != nil {
					t.Fatalf("got error %v", err)
				}
			}
		})
	}
}

func TestBrokenUTF16(t *testing.T) {
	for _, c := range []struct {
		name, in string
		bad      int64
	}{
		{"an odd byte at the end", "a\x00b", 2},
		{"a second half without the first", "a\x00\x00\xdcb\x00", 2},
		{"a first half without the second", "a\x00\x00\xd8b\x00", 2},
		{"a first half at the end", "a\x00\x00\xd8", 2},
	} {
		got, err := io.ReadAll(text.NewDecoder(iotest.OneByteReader(strings.NewReader(c.in)), text.UTF16LE))
		var fault *text.DecodeError
		if string(got) != "a" || !errors.As(err, &fault) || fault.Offset != c.bad {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
	if got := (&text.DecodeError{Encoding: text.UTF16LE, Offset: 7}).Error(); got != "byte 7 of the file is no utf-16le text" {
		t.Error(got)
	}
}

func TestTheSourcesErrorComesThrough(t *testing.T) {
	lost := errors.New("connection lost")
	if _, err := text.Detect(iotest.ErrReader(lost)); err != lost {
		t.Errorf("Detect: %v", err)
	}
	for _, e := range []text.Encoding{text.UTF8, text.UTF16BE, text.Windows1252} {
		got, err := io.ReadAll(text.NewDecoder(io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(lost)), e))
		if err != lost || len(got) == 0 {
			t.Errorf("%s: %q, %v", e, got, err)
		}
	}
}

// Detection and the standard library agree on what is UTF-8, wherever the
// stream is split; decoding gives valid UTF-8 or an error where Detect said.
func FuzzText(f *testing.F) {
	f.Add([]byte(sample), uint8(3))
	f.Add([]byte(western), uint8(1))
	f.Add([]byte("a\xe2\x82"), uint8(1))
	f.Add([]byte("\xff\xfea\x00\x00\xd8"), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, split uint8) {
		var d text.Detector
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(split%32)+1)
			d.Write(rest[:n])
			rest = rest[n:]
		}
		info := d.Info()
		if info.Encoding == text.UTF8 && (info.Bad < 0) != utf8.Valid(b) {
			t.Fatalf("%q: %+v", b, info)
		}
		if info.Encoding == text.Windows1252 && utf8.Valid(b) {
			t.Fatalf("%q: %+v", b, info)
		}
		got, err := io.ReadAll(text.NewDecoder(iotest.HalfReader(bytes.NewReader(b)), info.Encoding))
		if !utf8.Valid(got) {
			t.Fatalf("%q decoded to %q", b, got)
		}
		var fault *text.DecodeError
		if errors.As(err, &fault) && info.Bad >= 0 && fault.Offset != info.Bad {
			t.Fatalf("%q: decoder says %v, detector %+v", b, err, info)
		}
		if (err != nil) != (info.Bad >= 0) && info.Encoding != text.UTF16LE && info.Encoding != text.UTF16BE {
			t.Fatalf("%q: decoder says %v, detector %+v", b, err, info)
		}
		if info.Encoding == text.UTF8 && err == nil && string(got) != strings.TrimPrefix(string(b), "\ufeff") {
			t.Fatalf("%q decoded to %q", b, got)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	for name, s := range map[string]string{"ascii": strings.Repeat("jan@mail.example,Jan,Jansen\n", 20_000), "utf8": strings.Repeat(sample, 10_000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				text.Detect(strings.NewReader(s))
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	s := strings.Repeat(western, 20_000)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		io.Copy(io.Discard, text.NewDecoder(strings.NewReader(s), text.Windows1252))
	}
}
