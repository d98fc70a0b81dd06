package csv_test

import (
	"bytes"
	"strings"
	"testing"

	"clientele/internal/domain/transfer/csv"
	"clientele/internal/local/gencontacts"
)

func TestSniff(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     byte
		bom      bool
	}{
		{"nothing", "", ',', false},
		{"one word", "email", ',', false},
		{"one column", "email\na@x.example\nb@x.example\n", ',', false},
		{"comma", "a,b\n1,2\n", ',', false},
		{"semicolon", "a;b\n1;2\n", ';', false},
		{"tab", "a\tb\n1\t2\n", '\t', false},
		{"pipe", "a|b\n1|2\n", '|', false},
		{"header alone", "naam;e-mail;plaats", ';', false},
		{"a byte-order mark", "\ufeffa;b\r\n1;2\r\n", ';', true},
		{"bare CR", "a;b\r1;2\r", ';', false},
		{"decimal commas", "naam;bedrag\nJan;1,50\nPiet;2,75\nKlaas;3,00\n", ';', false},
		{"commas in every cell", "naam;adres\nJan, de;Kerkstraat 1, Breda\nPiet, van;Dam 2, Goes\n", ';', false},
		{"tags joined with semicolons", "email,tags\na@x.example,vip;b2b\nb@x.example,vip;b2b\nc@x.example,press;b2b\n", ',', false},
		{"tags joined with pipes", "email;tags\na@x.example;vip|b2b\nb@x.example;vip|b2b\n", ';', false},
		{"separators in quotes", "a,b\n\"1;2;3\",\"x;y;z\"\n\"1;2;3\",\"x;y;z\"\n", ',', false},
		{"everything quoted", "\"a\";\"b\"\n\"1,1\";\"2,2\"\n", ';', false},
		{"line ends in quotes", "a;b\n\"1\n2,3\n4,5\n6,7\";x\n\"1\n2,3\n4,5\";y\n", ';', false},
		{"title lines", "Export of customers, made on Monday\n\nname;email;city\nA;a@x.example;Goes\nB;b@x.example;Breda\n", ';', false},
		{"rows that end early", "a,b,c,d\n1\n1,2\n1,2,3,4\n1,2,3\n", ',', false},
		{"no header", "Jan;jan@x.example;0612\nPiet;piet@x.example;0613\n", ';', false},
		{"the line that Excel understands", "sep=;\na,b;c,d\n1,2;3,4\n", ';', false},
		{"the same, quoted", "\"sep=|\"\r\na,b|c,d\r\n", '|', false},
		{"a quote that the sample cuts", "a;b\n1;2\n1;\"an unfinished, long, cell, with, commas", ';', false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := csv.Sniff([]byte(c.in))
			if got.Comma != c.want || got.HasBOM != c.bom {
				t.Errorf("got %q, mark %t", got.Comma, got.HasBOM)
			}
		})
	}
}

// However a file of contacts is cut, with whatever it is separated and wherever
// the sample ends behind its header, the separator is found.
func TestSniffOfContacts(t *testing.T) {
	var raw bytes.Buffer
	if err := gencontacts.Write(&raw, gencontacts.Options{Rows: 300, Messy: 20}); err != nil {
		t.Fatal(err)
	}
	rows := fieldsOf(collect(t, csv.NewReader(&raw, csv.Dialect{}, csv.At{})))
	for _, p := range []csv.Profile{csv.Raw, csv.Spreadsheet} {
		for _, comma := range []byte(csv.Separators) {
			file := write(t, p, csv.Dialect{Comma: comma}, rows)
			for end := strings.IndexByte(file, '\n') + 1; end < len(file); end += 97 {
				if got := csv.Sniff([]byte(file[:end])); got.Comma != comma {
					t.Fatalf("profile %d, separator %q, sample of %d bytes: got %q", p, comma, end, got.Comma)
				}
			}
		}
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte("a;b\n\"1\n"))
	f.Fuzz(func(t *testing.T, sample []byte) {
		if d := csv.Sniff(sample); !strings.Contains(csv.Separators, string(d.Comma)) {
			t.Errorf("got %q", d.Comma)
		}
	})
}
