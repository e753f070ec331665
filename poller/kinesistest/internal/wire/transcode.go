package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a request, which has three levels.
const maxDepth = 16

// transcoder reads CBOR and writes it as JSON, so that requests are decoded in one way. That way does not distinguish a
// blob from a text in base64.
type transcoder struct {
	in  []byte
	out Encoder
}

// Transcode returns the JSON of a request in CBOR.
func Transcode(body []byte) ([]byte, error) {
	t := transcoder{in: body, out: Encoder{Buf: make([]byte, 0, len(body)+len(body)/2)}}
	if err := t.value(maxDepth); err != nil {
		return nil, fmt.Errorf("CBOR at byte %d: %w", len(body)-len(t.in), err)
	}
	if len(t.in) > 0 {
		return nil, fmt.Errorf("CBOR at byte %d: the request has ended", len(body)-len(t.in))
	}
	return t.out.Buf, nil
}

// value transcodes one item. depth is the number of levels that it may have.
func (t *transcoder) value(depth int) error {
	major, info, err := t.head()
	if err != nil {
		return err
	}
	switch major {
	case cborUnsigned, cborNegative:
		return t.integer(major, info)
	case cborBytes:
		blob, err := t.chunks(major, info)
		t.out.quoted(blob)
		return err
	case cborText:
		return t.text(info)
	case cborList, cborMap:
		if depth == 0 {
			return errors.New("nested too deeply")
		}
		return t.members(major, info, depth-1)
	case cborTag:
		return t.tagged(info, depth)
	}
	return t.simple(info)
}

// head takes the first byte of an item.
func (t *transcoder) head() (major, info byte, err error) {
	b, err := t.take(1)
	if err != nil {
		return 0, 0, err
	}
	return b[0] & 0xe0, b[0] & 0x1f, nil
}

// take takes n bytes.
func (t *transcoder) take(n uint64) ([]byte, error) {
	if n > uint64(len(t.in)) {
		return nil, io.ErrUnexpectedEOF
	}
	taken := t.in[:n]
	t.in = t.in[n:]
	return taken, nil
}

// argument takes the number of a head.
func (t *transcoder) argument(info byte) (uint64, error) {
	if info < 24 {
		return uint64(info), nil
	}
	if info > 27 {
		return 0, fmt.Errorf("%d is not the size of a number", info)
	}
	b, err := t.take(1 << (info - 24))
	if err != nil {
		return 0, err
	}
	var whole [8]byte
	copy(whole[8-len(b):], b)
	return binary.BigEndian.Uint64(whole[:]), nil
}

func (t *transcoder) integer(major, info byte) error {
	n, err := t.argument(info)
	if err != nil {
		return err
	}
	if major == cborUnsigned {
		t.out.Buf = strconv.AppendUint(t.out.Buf, n, 10)
		return nil
	}
	if n > math.MaxInt64 {
		return errors.New("the number is too small")
	}
	t.out.Buf = strconv.AppendInt(t.out.Buf, -1-int64(n), 10)
	return nil
}

func (t *transcoder) text(info byte) error {
	s, err := t.chunks(cborText, info)
	if err != nil {
		return err
	}
	if !utf8.Valid(s) {
		return errors.New("the text is not UTF-8")
	}
	t.out.string(string(s))
	return nil
}

// chunks takes the content of a string, in one piece or in many. In one piece it shares memory with the request.
func (t *transcoder) chunks(major, info byte) ([]byte, error) {
	if info != cborIndefinite {
		n, err := t.argument(info)
		if err != nil {
			return nil, err
		}
		return t.take(n)
	}
	var whole []byte
	for !t.ended() {
		of, info, err := t.head()
		if err != nil {
			return nil, err
		}
		if of != major || info == cborIndefinite {
			return nil, errors.New("a piece of another type in a string")
		}
		piece, err := t.chunks(major, info)
		if err != nil {
			return nil, err
		}
		whole = append(whole, piece...)
	}
	return whole, nil
}

// ended takes the mark after an item of indefinite length, if it is there.
func (t *transcoder) ended() bool {
	if len(t.in) == 0 || t.in[0] != cborBreak {
		return false
	}
	t.in = t.in[1:]
	return true
}

// members transcodes the content of a list or a map.
func (t *transcoder) members(major, info byte, depth int) error {
	left, indefinite := uint64(0), info == cborIndefinite
	if !indefinite {
		var err error
		if left, err = t.argument(info); err != nil {
			return err
		}
	}
	t.out.bracket(major, true)
	for indefinite && !t.ended() || left > 0 {
		t.out.comma()
		if major == cborMap {
			if err := t.key(); err != nil {
				return err
			}
		}
		if err := t.value(depth); err != nil {
			return err
		}
		if !indefinite {
			left--
		}
	}
	t.out.bracket(major, false)
	return nil
}

// key transcodes the name of a member.
func (t *transcoder) key() error {
	major, info, err := t.head()
	if err != nil {
		return err
	}
	if major != cborText {
		return errors.New("the name of a member is not a text")
	}
	err = t.text(info)
	t.out.Buf = append(t.out.Buf, ':')
	return err
}

// tagged transcodes a time as seconds. Requests need no other tags.
func (t *transcoder) tagged(info byte, depth int) error {
	tag, err := t.argument(info)
	if err != nil {
		return err
	}
	if depth == 0 {
		return errors.New("nested too deeply")
	}
	start := len(t.out.Buf)
	if err := t.value(depth - 1); err != nil || tag != cborEpochTime {
		return err
	}
	ms, err := strconv.ParseFloat(string(t.out.Buf[start:]), 64)
	if err != nil {
		return errors.New("a time that is not a number")
	}
	t.out.Buf = strconv.AppendFloat(t.out.Buf[:start], ms/1000, 'f', -1, 64)
	return nil
}

// simple transcodes a constant or a floating-point number.
func (t *transcoder) simple(info byte) error {
	bits, err := t.argument(info)
	if err != nil {
		return err
	}
	var f float64
	switch info {
	case cborFalse, cborTrue:
		t.out.Buf = strconv.AppendBool(t.out.Buf, info == cborTrue)
		return nil
	case cborNull, cborUndefined:
		t.out.Buf = append(t.out.Buf, "null"...)
		return nil
	case cborHalf:
		f = halfFloat(uint16(bits))
	case cborSingle:
		f = float64(math.Float32frombits(uint32(bits)))
	case cborDouble:
		f = math.Float64frombits(bits)
	default:
		return fmt.Errorf("the simple value %d has no meaning", bits)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("not a number")
	}
	t.out.Buf = strconv.AppendFloat(t.out.Buf, f, 'f', -1, 64)
	return nil
}

// halfFloat returns the value of a number in 16 bits.
// Source: https://www.rfc-editor.org/rfc/rfc8949.html#appendix-D
func halfFloat(bits uint16) float64 {
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 == 1 {
		return -f
	}
	return f
}
