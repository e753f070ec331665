package poller

import "encoding/binary"

// The wire types of protobuf that a message may have. Groups, which are obsolete, make it malformed.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// tag is a field number and a wire type in the encoded form: number<<3 | type.
type tag = uint64

// maxTag is that of the largest field number.
const maxTag tag = (1<<29-1)<<3 | 7

// field is one field of a message.
type field struct {
	tag   tag
	value uint64 // of wireVarint
	bytes []byte // of wireBytes, within the message
}

// cutField cuts the first field off a message. It allocates nothing, and reports whether the field is complete.
func cutField(message []byte) (f field, rest []byte, ok bool) {
	if f.tag, rest, ok = cutVarint(message); !ok || f.tag < 1<<3 || f.tag > maxTag {
		return field{}, nil, false
	}
	switch f.tag & 7 {
	case wireVarint:
		f.value, rest, ok = cutVarint(rest)
		return f, rest, ok
	case wireBytes:
		var n uint64
		if n, rest, ok = cutVarint(rest); !ok || n > uint64(len(rest)) {
			return field{}, nil, false
		}
		f.bytes = rest[:n:n]
		return f, rest[n:], true
	case wireFixed64:
		return skip(f, rest, 8)
	case wireFixed32:
		return skip(f, rest, 4)
	}
	return field{}, nil, false
}

// skip skips a value that is not needed.
func skip(f field, rest []byte, n int) (field, []byte, bool) {
	if len(rest) < n {
		return field{}, nil, false
	}
	return f, rest[n:], true
}

// cutVarint cuts a number off a message: up to ten bytes that hold up to 64 bits, in the shortest form or not.
func cutVarint(message []byte) (value uint64, rest []byte, ok bool) {
	if len(message) > 0 && message[0] < 0x80 {
		return uint64(message[0]), message[1:], true
	}
	value, n := binary.Uvarint(message)
	if n <= 0 {
		return 0, nil, false
	}
	return value, message[n:], true
}
