package gencontacts

import (
	"fmt"
	"strings"
)

// The order of every list is part of the generator: it decides the rows.
var (
	firsts = strings.Fields(`Emma Liam Olivia Noah Sophie Lucas Mila Finn Anna Daan Julia Sem Eva Levi Sara Bram Lotte Jan Fleur Tim
Marie Hugo Léa Jules Chloé Gabriel Zoë Arthur Camille Louis Lukas Leon Mia Paul Hannah Jonas Lena Felix Jürgen Anneliese
Giulia Marco Sofia Matteo Aurora Lorenzo María José Carmen Antonio Lucía Javier Inês João Beatriz Tomás Zofia Jakub Łucja Piotr
Ingrid Lars Astrid Nils Freja Søren Åsa Björn Aino Eero Siobhán Patrick Aoife Sean Grace Jack Amelia Harry Isla George
Ayşe Mehmet Fatima Omar Yuki Haruto Priya Arjun Mei Wei Nguyen Minh Olga Ivan Natalia Dmitri Eleni Nikos Ioana Andrei`)
	lasts = spaced(strings.Fields(`de_Vries Jansen van_den_Berg Bakker Visser Smit Meijer Mulder de_Boer Dekker Peters Hendriks van_Dijk Kok Vos
Martin Bernard Dubois Thomas Robert Petit Durand Leroy Moreau Lefèvre Müller Schmidt Schneider Fischer Weber Meyer Wagner Schäfer Groß Köhler
Rossi Russo Ferrari Esposito Bianchi Romano García Fernández González Rodríguez López Martínez Silva Santos Ferreira Kowalski Nowak Wiśniewski Wójcik Zieliński
Andersson Johansson Nilsson Hansen Olsen Jørgensen Korhonen Virtanen O'Brien Murphy Kelly Walsh Smith Jones Taylor Brown Wilson Evans Clarke Wright
Yılmaz Demir Khan Ahmed Tanaka Suzuki Patel Sharma Wang Chen Tran Pham Ivanova Petrov Papadopoulos Popescu Ionescu Novák Horvat Kovács`))
	streets = strings.Fields(`Linden Molen Kerk Park Station Beethoven Mozart Victoria Garibaldi Colón Rose Oak Maple Church Mill Garden
Bloem Berg Haven Markt School Schiller Goethe Nobel Curie Pasteur Verdi Dante Cervantes Willem`)
	trades = strings.Fields(`Bakery Studio Design Garden Flowers Coffee Bikes Books Travel Yoga Dental Legal Consulting Interiors Catering
Photography Plumbing Electric Fashion Toys Wine Pets Music Fitness Cleaning Architects Roofing Ceramics Optics Print`)
	suffixes = []string{"BV", "GmbH", "Ltd", "SARL", "S.L.", "Srl", "Inc.", "& Co", "& Zn.", "AB"}
	tags     = strings.Fields("newsletter vip webshop lead returning wholesale event2025 spring-sale abandoned-cart press partner local b2b")
	consents = []string{"yes", "yes", "yes", "yes", "yes", "no", "no", "pending"}
	domains  = strings.Fields(`mail.example webpost.example inbox.example post.example online.example thuis.example.net
freemail.example.com letter.example.org home.example.net mobile.example.com`)

	firstSlugs, lastSlugs = slugs(firsts), slugs(lasts)

	tagCounts  = [8]int{0, 1, 1, 1, 2, 2, 3, 4}
	countryMix = [16]int{0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 9, 0}
)

type country struct {
	code, calling string
	cities        []string
	street        func(name, number string) string
	postcode      func(p uint64) string
}

var countries = []country{
	{"NL", "31", strings.Fields("Amsterdam Rotterdam Utrecht Eindhoven Groningen Tilburg Almere Breda"),
		func(s, n string) string { return s + "straat " + n },
		func(p uint64) string { return fmt.Sprintf("%d %c%c", 1000+p%9000, letter(p), letter(p/26)) }},
	{"DE", "49", strings.Fields("Berlin Hamburg München Köln Frankfurt Stuttgart Düsseldorf Leipzig"),
		func(s, n string) string { return s + "straße " + n }, fiveDigits},
	{"BE", "32", strings.Fields("Antwerpen Gent Brugge Leuven Liège Namur"),
		func(s, n string) string { return s + "laan " + n },
		func(p uint64) string { return fmt.Sprint(1000 + p%9000) }},
	{"FR", "33", strings.Fields("Paris Marseille Lyon Toulouse Nice Nantes"),
		func(s, n string) string { return n + ", rue " + s }, fiveDigits},
	{"ES", "34", strings.Fields("Madrid Barcelona Valencia Sevilla Zaragoza Málaga"),
		func(s, n string) string { return "Calle " + s + ", " + n }, fiveDigits},
	{"IT", "39", strings.Fields("Roma Milano Napoli Torino Palermo Genova"),
		func(s, n string) string { return "Via " + s + ", " + n }, fiveDigits},
	{"GB", "44", strings.Fields("London Birmingham Leeds Glasgow Sheffield Bristol"),
		func(s, n string) string { return n + " " + s + " Road" },
		func(p uint64) string {
			return fmt.Sprintf("%c%c%d %d%c%c", letter(p), letter(p/26), 1+p%9, p%10, letter(p/26), letter(p))
		}},
	{"US", "1", []string{"New York", "Los Angeles", "Chicago", "Houston", "Phoenix", "San Diego"},
		func(s, n string) string { return n + " " + s + " Ave" }, fiveDigits},
	{"PL", "48", strings.Fields("Warszawa Kraków Łódź Wrocław Poznań Gdańsk"),
		func(s, n string) string { return "ul. " + s + " " + n },
		func(p uint64) string { return fmt.Sprintf("%02d-%03d", p%100, p/100%1000) }},
	{"SE", "46", strings.Fields("Stockholm Göteborg Malmö Uppsala"),
		func(s, n string) string { return s + "gatan " + n }, fiveDigits},
}

func fiveDigits(p uint64) string { return fmt.Sprintf("%05d", p%100000) }

func letter(p uint64) rune { return rune('A' + p%26) }

func spaced(words []string) []string {
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "_", " ")
	}
	return words
}

// plain holds the letters of the names above that are not ASCII.
var plain = strings.NewReplacer(
	"ß", "ss", "æ", "ae", "ø", "o", "ł", "l", "ı", "i", "đ", "d",
	"á", "a", "ã", "a", "ä", "a", "å", "a", "é", "e", "è", "e", "ë", "e", "ê", "e", "í", "i", "ń", "n",
	"ó", "o", "ö", "o", "ś", "s", "ş", "s", "ü", "u", "ú", "u", "ñ", "n", "ç", "c",
)

// slugs returns the names in lower-case ASCII letters and digits.
func slugs(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
				return r
			}
			return -1
		}, plain.Replace(strings.ToLower(name)))
	}
	return out
}
