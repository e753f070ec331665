package filter

import (
	"bytes"
	"strconv"
	"strings"
)

// address is an IP address of 4 or 16 bytes.
type address struct {
	bytes [16]byte
	size  int
}

// block is the IP addresses that share their first bits.
type block struct {
	address address
	bits    int
}

// parseBlock reads "address/bits". As in AWS's engine, a block of a single address is not to be had: write the address
// itself. Bits of the address behind the prefix do not count.
func parseBlock(text string) (b block, reason string) {
	host, mask, ok := strings.Cut(text, "/")
	if !ok || mask == "" || strings.Contains(mask, "/") {
		return b, "Malformed CIDR, one '/' required"
	}
	bits, err := strconv.Atoi(mask)
	switch {
	case err != nil:
		return b, "Malformed CIDR, mask bits must be an integer"
	case bits < 0:
		return b, "Malformed CIDR, mask bits must not be negative"
	}
	a, ok := parseAddress([]byte(host))
	switch {
	case !ok:
		return b, "Nonstandard IP address: " + host
	case bits >= 8*a.size:
		return b, "IP address of " + strconv.Itoa(8*a.size) + " bits: mask bits must be less"
	}
	return block{address: a, bits: bits}, ""
}

// contains reports whether text is an address within the block.
func (b *block) contains(text []byte) bool {
	a, ok := parseAddress(text)
	if !ok || a.size != b.address.size {
		return false
	}
	whole := b.bits / 8
	if !bytes.Equal(a.bytes[:whole], b.address.bytes[:whole]) {
		return false
	}
	shift := 8 - b.bits%8
	return a.bytes[whole]>>shift == b.address.bytes[whole]>>shift
}

// parseAddress reads an IPv4 or IPv6 address, as the engine does: the numbers of an IPv4 address are decimal whatever
// their leading zeros, an IPv4 address mapped into IPv6 is that IPv4 address, and zones are not known.
func parseAddress(text []byte) (address, bool) {
	if bytes.IndexByte(text, ':') < 0 {
		return parseV4(text)
	}
	a, ok := parseV6(text)
	if ok && bytes.Equal(a.bytes[:12], v4InV6) {
		v4 := address{size: 4}
		copy(v4.bytes[:], a.bytes[12:])
		return v4, true
	}
	return a, ok
}

var v4InV6 = []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}

func parseV4(text []byte) (address, bool) {
	a := address{size: 4}
	part, number, digits := 0, 0, 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			if number, digits = number*10+int(c-'0'), digits+1; number > 255 {
				return a, false
			}
		case c != '.' || digits == 0 || part == 3:
			return a, false
		default:
			a.bytes[part] = byte(number)
			part, number, digits = part+1, 0, 0
		}
	}
	a.bytes[part] = byte(number)
	return a, part == 3 && digits > 0
}

func parseV6(text []byte) (address, bool) {
	a := address{size: 16}
	front, back, gap := text, []byte(nil), bytes.Index(text, []byte("::"))
	if gap >= 0 {
		front, back = text[:gap], text[gap+2:]
	}
	n, ok := groups(front, a.bytes[:])
	var tail [16]byte
	m, okBack := groups(back, tail[:])
	if !ok || !okBack {
		return a, false
	}
	if gap < 0 {
		return a, n == 16
	}
	copy(a.bytes[16-m:], tail[:m])
	return a, n+m <= 14 // "::" stands for at least one group
}

// groups reads up to eight groups of hexadecimal digits into to, and returns how many bytes they fill.
func groups(text, to []byte) (n int, ok bool) {
	if len(text) == 0 {
		return 0, true
	}
	for {
		group, rest, more := bytes.Cut(text, []byte(":"))
		if len(group) == 0 || len(group) > 4 || n == len(to) {
			return 0, false
		}
		v := 0
		for _, c := range group {
			d := hexDigit(c)
			if d == invalid {
				return 0, false
			}
			v = v<<4 | d
		}
		to[n], to[n+1] = byte(v>>8), byte(v)
		if n += 2; !more {
			return n, true
		}
		text = rest
	}
}
