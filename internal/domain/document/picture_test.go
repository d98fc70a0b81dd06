package document

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// corners is a picture of four colours: red and green above, blue and white below.
func corners(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255}
			switch {
			case x >= w/2 && y >= h/2:
				c = color.RGBA{255, 255, 255, 255}
			case x >= w/2:
				c = color.RGBA{0, 255, 0, 255}
			case y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// look names the colours of the four corners of a picture, row by row.
func look(t *testing.T, p Picture) string {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(p.Content))
	if err != nil || "image/"+kind != p.Type {
		t.Fatalf("a picture of type %s is %s, %v", p.Type, kind, err)
	}
	if d := m.Bounds().Size(); d.X != p.Size || d.Y != p.Size {
		t.Fatalf("a picture of %d has %v", p.Size, d)
	}
	var s []string
	q := p.Size / 4
	for _, at := range [][2]int{{q, q}, {3 * q, q}, {q, 3 * q}, {3 * q, 3 * q}} {
		r, g, b, a := m.At(at[0], at[1]).RGBA()
		name := map[[4]bool]string{{true, false, false, true}: "red", {false, true, false, true}: "green",
			{false, false, true, true}: "blue", {true, true, true, true}: "white", {false, false, false, false}: "clear"}[[4]bool{r > 0x7fff, g > 0x7fff, b > 0x7fff, a > 0x7fff}]
		s = append(s, name)
	}
	return strings.Join(s, " ")
}

func exifOf(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 0x010f) // the maker of the camera
	b = order.AppendUint16(b, 2)
	b = order.AppendUint32(b, 4)
	b = append(b, "Cam\x00"...)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

func withExif(picture, exif []byte) []byte {
	body := append([]byte("Exif\x00\x00"), exif...)
	seg := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	out := append([]byte{}, picture[:2]...)
	return append(append(append(out, seg...), body...), picture[2:]...)
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, nil) })
}

func pngOf(t *testing.T, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func TestAPictureIsTurnedCutAndMadeSmall(t *testing.T) {
	tall := jpegOf(t, corners(700, 1100))
	for o, want := range map[uint16]string{
		0: "red green blue white", 1: "red green blue white", 2: "green red white blue", 3: "white blue green red",
		4: "blue white red green", 5: "red blue green white", 6: "blue red white green", 7: "white green blue red", 8: "green white red blue",
		9: "red green blue white",
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			got, err := Pictures(withExif(tall, exifOf(order, o)))
			if err != nil || len(got) != 2 || got[0].Size != 512 || got[1].Size != 96 {
				t.Fatalf("orientation %d: %d pictures, %v", o, len(got), err)
			}
			for _, p := range got {
				if s := look(t, p); s != want {
					t.Errorf("orientation %d in %d: %s, want %s", o, p.Size, s, want)
				}
				if bytes.Contains(p.Content, []byte("Exif")) || bytes.Contains(p.Content, []byte("Cam")) {
					t.Errorf("the picture tells of the camera")
				}
			}
		}
	}
	clear := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	palette := color.Palette{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}}
	first, second := image.NewPaletted(image.Rect(0, 0, 30, 20), palette), image.NewPaletted(image.Rect(0, 0, 30, 20), palette)
	for i := range second.Pix {
		second.Pix[i] = 1
	}
	for name, c := range map[string]struct {
		file       []byte
		kind, want string
	}{
		"a large one":       {jpegOf(t, corners(4000, 3000)), "image/jpeg", "red green blue white"},
		"a small one":       {pngOf(t, corners(10, 12)), "image/jpeg", "red green blue white"},
		"a transparent one": {pngOf(t, clear), "image/png", "clear clear clear clear"},
		"of a GIF the first": {encoded(t, func(b *bytes.Buffer) error {
			return gif.EncodeAll(b, &gif.GIF{Image: []*image.Paletted{first, second}, Delay: []int{1, 1}})
		}), "image/jpeg", "red red red red"},
	} {
		got, err := Pictures(c.file)
		if err != nil || got[0].Type != c.kind || look(t, got[0]) != c.want || look(t, got[1]) != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// claims is a PNG whose header says how large it is, and that holds nothing.
func claims(w, h uint32, depth, kind byte) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	b = append(b, depth, kind, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestABombIsRefusedByItsHeader(t *testing.T) {
	progressive := jpegOf(t, corners(16, 16))
	sof := bytes.Index(progressive, []byte{0xff, 0xc0})
	progressive[sof+1] = 0xc2
	binary.BigEndian.PutUint16(progressive[sof+5:], 5500)
	binary.BigEndian.PutUint16(progressive[sof+7:], 5500)
	huge := jpegOf(t, corners(16, 16))
	sof = bytes.Index(huge, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(huge[sof+5:], 65000)
	binary.BigEndian.PutUint16(huge[sof+7:], 65000)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"4 billion pixels":                        {claims(65000, 65000, 8, 2), "40 million"},
		"a line of 2 billion":                     {claims(2_000_000_000, 1, 8, 0), "40 million"},
		"39 million of 8 bytes":                   {claims(6300, 6300, 16, 6), "too much for its format"},
		"a JPEG of 4 billion":                     {huge, "40 million"},
		"a JPEG that keeps all of its 30 million": {progressive, "too much for its format"},
		"no picture":                              {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "JPEG, PNG"},
		"nothing":                                 {nil, "JPEG, PNG"},
		"half a picture":                          {jpegOf(t, corners(300, 300))[:600], "cannot be read"},
		"a header alone":                          {claims(100, 100, 8, 2), "cannot be read"},
	} {
		if n := testing.AllocsPerRun(1, func() { _, _ = Pictures(c.file) }); n > 10_000 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if _, err := Pictures(c.file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func FuzzPictures(f *testing.F) {
	f.Add(claims(10, 10, 8, 2))
	var b bytes.Buffer
	_ = jpeg.Encode(&b, corners(20, 20), nil)
	f.Add(withExif(b.Bytes(), exifOf(binary.LittleEndian, 6)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8X"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if got, err := Pictures(content); err == nil && len(got) != 2 {
			t.Errorf("%d pictures", len(got))
		}
	})
}
