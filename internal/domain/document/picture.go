package document

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Limits of a picture. All are held by what its header says, before anything of it is
// decoded: a few bytes can claim a picture that fills the memory.
const (
	MaxAvatar  = 5 << 20 // bytes of the file
	MaxPixels  = 40_000_000
	maxDecoded = 200 << 20 // bytes of memory that decoding takes
)

var errPicture = errors.New("a picture is a JPEG, PNG, WebP or GIF; this one cannot be read")

// Picture is a picture in one of the sizes, as a file without anything but the picture.
type Picture struct {
	Size    int
	Type    string
	Content []byte
}

// Pictures makes square pictures in all sizes of a file: turned as its EXIF says, cut to
// the middle. The error is in words for who sent it.
func Pictures(content []byte) ([]Picture, error) {
	f, err := formatOf(content)
	if err != nil {
		return nil, err
	}
	src, err := f.decode(bytes.NewReader(content))
	if err != nil {
		return nil, errPicture
	}
	in, ok := src.(image.RGBA64Image)
	if !ok || src.Bounds().Empty() {
		return nil, errPicture
	}
	square := upright(shrink(in), f.orientation)
	var out []Picture
	for _, size := range AvatarSizes {
		dst := image.NewRGBA(image.Rect(0, 0, size, size))
		draw.CatmullRom.Scale(dst, dst.Bounds(), square, square.Bounds(), draw.Src, nil)
		p := Picture{Size: size, Type: "image/jpeg"}
		var b bytes.Buffer
		if dst.Opaque() {
			err = jpeg.Encode(&b, dst, &jpeg.Options{Quality: 88})
		} else {
			p.Type = "image/png"
			err = png.Encode(&b, dst)
		}
		if err != nil {
			return nil, fmt.Errorf("encoding a picture: %w", err)
		}
		p.Content = b.Bytes()
		out = append(out, p)
	}
	return out, nil
}

type format struct {
	decode      func(io.Reader) (image.Image, error)
	orientation int // 1 to 8, as EXIF counts them
}

// formatOf reads the header of a picture and holds the limits.
func formatOf(content []byte) (f format, err error) {
	var config func(io.Reader) (image.Config, error)
	var exif []byte
	perPixel := func(image.Config) float64 { return 8 }
	f.orientation = 1
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xd8\xff")):
		f.decode, config = jpeg.Decode, jpeg.DecodeConfig
		var samples float64
		samples, exif = readJPEG(content)
		perPixel = func(image.Config) float64 { return samples }
	case bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")):
		f.decode, config = png.Decode, png.DecodeConfig
		exif = chunk(content[8:], binary.BigEndian, "eXIf", 4, 0, 1, 4)
		perPixel = func(c image.Config) float64 { return 1.5 * bytesOf(c.ColorModel) } // interlaced ones are put together of parts
	case bytes.HasPrefix(content, []byte("GIF8")):
		f.decode, config = gif.Decode, gif.DecodeConfig // of the first frame
		perPixel = func(image.Config) float64 { return 1 }
	case len(content) > 12 && string(content[:4]) == "RIFF" && string(content[8:12]) == "WEBP":
		f.decode, config = webp.Decode, webp.DecodeConfig
		exif = chunk(content[12:], binary.LittleEndian, "EXIF", 0, 4, 2, 0)
	default:
		return f, errPicture
	}
	c, err := config(bytes.NewReader(content))
	if err != nil || c.Width < 1 || c.Height < 1 {
		return f, errPicture
	}
	pixels := float64(c.Width) * float64(c.Height)
	if pixels > MaxPixels {
		return f, fmt.Errorf("the picture has %d × %d pixels; at most %d million fit", c.Width, c.Height, MaxPixels/1_000_000)
	}
	if pixels*perPixel(c) > maxDecoded {
		return f, fmt.Errorf("the picture has %d × %d pixels, which is too much for its format; send a smaller one", c.Width, c.Height)
	}
	if o := orientation(exif); o != 0 {
		f.orientation = o
	}
	return f, nil
}

func bytesOf(m color.Model) float64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// readJPEG walks the segments before the picture: bytes of memory that decoding takes
// for a pixel, and the EXIF data. A progressive one keeps all coefficients, of four
// bytes each; one of four colours is put together a second time.
func readJPEG(b []byte) (perPixel float64, exif []byte) {
	perPixel = 20 // the worst there is, if no frame is found
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		marker := b[i+1]
		if marker == 0xff { // filling
			i++
			continue
		}
		n := int(binary.BigEndian.Uint16(b[i+2:]))
		if marker == 0xda || n < 2 || i+2+n > len(b) { // the picture begins
			return perPixel, exif
		}
		body := b[i+4 : i+2+n]
		switch {
		case marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) && exif == nil:
			exif = body[6:]
		case marker >= 0xc0 && marker <= 0xc2 && len(body) >= 6 && len(body) >= 6+3*int(body[5]):
			most, sum := 0, 0
			for c := range int(body[5]) {
				hv := int(body[6+3*c+1])
				sum += (hv >> 4) * (hv & 15)
				most = max(most, (hv>>4)*(hv&15))
			}
			if most > 0 {
				perPixel = float64(sum) / float64(most)
				if marker == 0xc2 {
					perPixel *= 5
				}
				if body[5] == 4 {
					perPixel += 4
				}
			}
		}
		i += 2 + n
	}
	return perPixel, exif
}

// chunk finds a chunk by its name in a PNG or a WebP: where length and name stand, to
// what the length is rounded up, and what follows the data.
func chunk(b []byte, order binary.ByteOrder, name string, nameAt, lengthAt, round, after int) []byte {
	for len(b) >= 8 {
		n := int64(order.Uint32(b[lengthAt:]))
		if n > int64(len(b)-8) {
			return nil
		}
		if string(b[nameAt:nameAt+4]) == name {
			return b[8 : 8+n]
		}
		next := 8 + n + n%int64(round) + int64(after)
		if next > int64(len(b)) {
			return nil
		}
		b = b[next:]
	}
	return nil
}

// orientation reads the one tag of EXIF data (TIFF 6.0) that says how the camera was
// held; 0 if it does not.
func orientation(b []byte) int {
	b = bytes.TrimPrefix(b, []byte("Exif\x00\x00")) // which some writers of WebP leave there
	if len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(b[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0
	}
	n := int64(order.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return 0
		}
		if order.Uint16(b[e:]) == 0x0112 && order.Uint16(b[e+2:]) == 3 {
			if o := int(order.Uint16(b[e+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}

// shrink cuts the middle square out of a picture and makes it smaller by a whole
// factor, to less than four times the largest size: each pixel is read once, and what
// the better resampling after it keeps in memory is bounded.
func shrink(src image.RGBA64Image) *image.RGBA {
	r := src.Bounds()
	side := min(r.Dx(), r.Dy())
	k := max(1, side/(2*AvatarSizes[0]))
	n := side / k
	x0, y0 := r.Min.X+(r.Dx()-n*k)/2, r.Min.Y+(r.Dy()-n*k)/2
	dst := image.NewRGBA(image.Rect(0, 0, n, n))
	area := uint32(k * k)
	for y := range n {
		for x := range n {
			var sum [4]uint32 // 16 bits times k² of at most 40 million pixels in 1,024²
			for v := range k {
				for u := range k {
					c := src.RGBA64At(x0+x*k+u, y0+y*k+v)
					sum[0] += uint32(c.R)
					sum[1] += uint32(c.G)
					sum[2] += uint32(c.B)
					sum[3] += uint32(c.A)
				}
			}
			p := dst.Pix[dst.PixOffset(x, y):]
			for i := range sum {
				p[i] = uint8(sum[i] / area >> 8)
			}
		}
	}
	return dst
}

// upright turns and mirrors a square so that its first row is above.
func upright(src *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return src
	}
	m := src.Bounds().Dx() - 1
	dst := image.NewRGBA(src.Bounds())
	for y := range m + 1 {
		for x := range m + 1 {
			u, v := x, y
			switch orientation {
			case 2:
				u = m - x
			case 3:
				u, v = m-x, m-y
			case 4:
				v = m - y
			case 5:
				u, v = y, x
			case 6:
				u, v = y, m-x
			case 7:
				u, v = m-y, m-x
			case 8:
				u, v = m-y, x
			}
			dst.SetRGBA(x, y, src.RGBAAt(u, v))
		}
	}
	return dst
}
