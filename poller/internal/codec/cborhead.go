package codec

import "encoding/binary"

// The major types of CBOR (RFC 8949, section 3.1).
const (
	cborUint uint8 = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	// indefinite is the length of an item that ends with a break.
	indefinite = -1

	cborFalse     = 0xf4
	cborTrue      = 0xf5
	cborBreak     = 0xff
	cborNull      = 0xf6
	cborUndefined = 0xf7

	// maxDepth bounds the nesting of skipped members.
	maxDepth = 32
)

// head takes the head of the item at i: its major type and its argument. long is set if the length is indefinite. The
// returned position is -1 if there is no whole and well-formed head. A break is not a head.
func head(b []byte, i int) (major uint8, argument uint64, long bool, next int) {
	if uint(i) >= uint(len(b)) {
		return 0, 0, false, -1
	}
	major, low := b[i]>>5, b[i]&0x1f
	i++
	if low < 24 {
		return major, uint64(low), false, i
	}
	if low == 31 {
		if major < cborBytes || major > cborMap {
			i = -1
		}
		return major, 0, true, i
	}
	size := 1 << (low - 24)
	if size > 8 || len(b)-i < size {
		return 0, 0, false, -1
	}
	switch size {
	case 1:
		argument = uint64(b[i])
	case 2:
		argument = uint64(binary.BigEndian.Uint16(b[i:]))
	case 4:
		argument = uint64(binary.BigEndian.Uint32(b[i:]))
	default:
		argument = binary.BigEndian.Uint64(b[i:])
	}
	if major == cborSimple && size == 1 && argument < 32 {
		return 0, 0, false, -1 // RFC 8949, section 3.3: not well-formed
	}
	return major, argument, false, i + size
}

// count takes the head of an array or a map: how many items or pairs follow, or indefinite. Each takes a byte at least,
// so that a count beyond the longest body is not well-formed.
func count(b []byte, i int, want uint8) (n, next int) {
	major, argument, long, next := head(b, i)
	switch {
	case next < 0 || major != want || argument > maxBody:
		return 0, -1
	case long:
		return indefinite, next
	}
	return int(argument), next
}

// last reports whether nothing is left of the n items or pairs of an array or a map, and returns the position behind it.
func last(b []byte, i, n int) (bool, int) {
	if n == indefinite && at(b, i) == cborBreak && i < len(b) {
		return true, i + 1
	}
	return n == 0, i
}

// less counts an item.
func less(n int) int {
	if n == indefinite {
		return n
	}
	return n - 1
}

// chunk takes a string of the major type want. One of indefinite length is put together in a block of its own.
func chunk(b []byte, i int, want uint8) ([]byte, int) {
	major, n, long, next := head(b, i)
	if next < 0 || major != want {
		return nil, -1
	}
	if long {
		return chunks(b, next, want)
	}
	if n > uint64(len(b)-next) {
		return nil, -1
	}
	end := next + int(n)
	return b[next:end:end], end
}

// chunks takes the strings of definite length that make up one of indefinite length, up to the break.
func chunks(b []byte, i int, want uint8) ([]byte, int) {
	whole := []byte{}
	for {
		if done, end := last(b, i, indefinite); done {
			return whole, end
		}
		major, n, long, next := head(b, i)
		if next < 0 || major != want || long || n > uint64(len(b)-next) {
			return nil, -1
		}
		i = next + int(n)
		whole = append(whole, b[next:i]...)
	}
}

// isNull reports whether null or undefined stands at i, which are as if the member were not there.
func isNull(b []byte, i int) bool {
	c := at(b, i)
	return c == cborNull || c == cborUndefined
}

// pass takes any item, and returns the position behind it.
func pass(b []byte, i, depth int) int {
	major, n, long, next := head(b, i)
	if next < 0 || depth > maxDepth {
		return -1
	}
	switch major {
	case cborBytes, cborText:
		_, next = chunk(b, i, major)
		return next
	case cborTag:
		return pass(b, next, depth+1)
	case cborArray, cborMap:
		left := int(min(n, maxBody))
		if long {
			left = indefinite
		}
		return passAll(b, next, left, depth+1, major == cborMap)
	}
	return next
}

// passAll takes the items of an array or the pairs of a map.
func passAll(b []byte, i, left, depth int, pairs bool) int {
	for {
		done, next := last(b, i, left)
		if done {
			return next
		}
		if i = pass(b, i, depth); i >= 0 && pairs {
			i = pass(b, i, depth)
		}
		if i < 0 {
			return -1
		}
		left = less(left)
	}
}
