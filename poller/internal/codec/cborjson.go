package codec

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
)

// appendAsJSON appends the CBOR item at i as JSON, for what the SDK decodes better than we: errors, and the child shards
// that the last answer of a shard has. Bytes become base64. A key of a map has to be text, and a number finite.
func appendAsJSON(out, b []byte, i, depth int) ([]byte, int) {
	major, n, long, next := head(b, i)
	if next < 0 || depth > maxDepth {
		return out, -1
	}
	switch major {
	case cborUint:
		return strconv.AppendUint(out, n, 10), next
	case cborNegative:
		if n > math.MaxInt64 {
			return out, -1
		}
		return strconv.AppendInt(out, -1-int64(n), 10), next
	case cborBytes, cborText:
		s, next := chunk(b, i, major)
		if major == cborBytes {
			return append(base64.StdEncoding.AppendEncode(append(out, '"'), s), '"'), next
		}
		return appendText(out, s), next
	case cborTag:
		return appendAsJSON(out, b, next, depth+1)
	case cborSimple:
		return appendSimple(out, b[i], n, next)
	}
	left := int(min(n, maxBody))
	if long {
		left = indefinite
	}
	return appendItems(out, b, next, left, depth+1, major == cborMap)
}

func appendText(out, s []byte) []byte {
	quoted, err := json.Marshal(string(s))
	if err != nil {
		panic("codec: a string has no JSON: " + err.Error())
	}
	return append(out, quoted...)
}

// appendItems appends the items of an array or the pairs of a map.
func appendItems(out, b []byte, i, left, depth int, pairs bool) ([]byte, int) {
	brackets := "[]"
	if pairs {
		brackets = "{}"
	}
	out = append(out, brackets[0])
	for first := true; ; first = false {
		done, next := last(b, i, left)
		if done {
			return append(out, brackets[1]), next
		}
		if !first {
			out = append(out, ',')
		}
		if pairs {
			var key []byte
			if key, i = chunk(b, i, cborText); i < 0 {
				return out, -1
			}
			out = append(appendText(out, key), ':')
		}
		if out, i = appendAsJSON(out, b, i, depth); i < 0 {
			return out, -1
		}
		left = less(left)
	}
}

// appendSimple appends a simple value or a floating-point number.
func appendSimple(out []byte, first byte, n uint64, next int) ([]byte, int) {
	var f float64
	switch first {
	case cborFalse:
		return append(out, "false"...), next
	case cborTrue:
		return append(out, "true"...), next
	case cborNull, cborUndefined:
		return append(out, "null"...), next
	case 0xfa:
		f = float64(math.Float32frombits(uint32(n)))
	case 0xfb:
		f = math.Float64frombits(n)
	default:
		return out, -1
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return out, -1
	}
	return strconv.AppendFloat(out, f, 'g', -1, 64), next
}
