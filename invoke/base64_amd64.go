//go:build !purego

package invoke

import (
	"encoding/base64"
	"slices"

	vector "github.com/segmentio/asm/base64"
)

// vectorData is the length of data from which the vector encoder is faster.
const vectorData = 256

// appendData appends data in base64.
func appendData(dst, data []byte) []byte {
	if len(data) < vectorData {
		return base64.StdEncoding.AppendEncode(dst, data)
	}
	from := len(dst)
	to := from + base64.StdEncoding.EncodedLen(len(data))
	dst = slices.Grow(dst, to-from)[:to]
	vector.StdEncoding.Encode(dst[from:], data)
	return dst
}
