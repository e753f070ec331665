package wire

import (
	"encoding/binary"
	"math"
	"net/http"
	"strings"
)

// Form is how a request, and with it its answer, is written.
type Form uint8

// The forms.
const (
	JSON Form = iota // AWS JSON 1.1

	// CBOR is the form of Amazon's Java SDK: the members of the JSON form as maps of CBOR (RFC 8949), blobs as byte
	// strings, times as tag 1 with milliseconds, although in CBOR that tag means seconds.
	CBOR
)

const (
	jsonType = "application/x-amz-json-1.1"
	cborType = "application/x-amz-cbor-1.1"
)

// FormOf returns the form of a request. Everything that is not CBOR is read as JSON.
func FormOf(r *http.Request) Form {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(mediaType), cborType) {
		return CBOR
	}
	return JSON
}

// ContentType is the type of the answer to a request in this form.
func (f Form) ContentType() string {
	if f == CBOR {
		return cborType
	}
	return jsonType
}

// PayloadType is the type of the events that a subscription asked for in this form gets.
func (f Form) PayloadType() string {
	if f == CBOR {
		return "application/cbor"
	}
	return "application/json"
}

// The major types of CBOR, in the upper three bits of an item's first byte.
// Source: https://www.rfc-editor.org/rfc/rfc8949.html#section-3.1
const (
	cborUnsigned = iota << 5
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborSimple
)

// Special values of the lower five bits of an item's first byte, in addition to numbers below 24 and the sizes of
// larger ones.
const (
	cborIndefinite = 31
	cborFalse      = 20
	cborTrue       = 21
	cborNull       = 22
	cborUndefined  = 23
	cborHalf       = 25
	cborSingle     = 26
	cborDouble     = 27

	cborBreak     = cborSimple | cborIndefinite
	cborEpochTime = 1 // the tag of a time
)

// appendCBOR appends the head of an item: its major type and a number.
func appendCBOR(buf []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(buf, major|byte(n))
	case n <= math.MaxUint8:
		return append(buf, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(buf, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(buf, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(buf, major|27), n)
}
