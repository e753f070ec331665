package codec

import (
	"encoding/binary"
	"time"
)

// maxMillis is the last time that time.Unix can be given in nanoseconds, as the SDK does.
const maxMillis = 9_223_372_036_854

// firstMillis is the end of 1970. No record arrived before that: the service wrote 0 for an unknown time, or mistook the
// unit.
const firstMillis = 365 * 24 * 60 * 60 * 1000

// digits takes a number of up to 18 digits, without a leading zero.
func digits(b []byte, i int) (uint64, int) {
	start := i
	var n uint64
	for uint(i) < uint(len(b)) && b[i]-'0' <= 9 {
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	if len := i - start; len == 0 || len > 18 || len > 1 && b[start] == '0' {
		return 0, -1
	}
	return n, i
}

// isDecimal reports whether a text is a number in decimal digits, as sequence numbers are. It looks at eight bytes at a time:
// a byte is a digit if its high half is 3, and still is when 6 is added.
func isDecimal(b []byte) bool {
	const (
		highHalves = 0xf0f0f0f0f0f0f0f0
		threes     = 0x3030303030303030
		sixes      = 0x0606060606060606
	)
	if len(b) == 0 {
		return false
	}
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		if w&highHalves != threes || (w+sixes)&highHalves != threes {
			return false
		}
	}
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

// maxPower is the highest power of ten that a float64 holds exactly.
const maxPower = 22

// powers are those of ten.
var powers = [maxPower + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// timestamp takes seconds since 1970, as 1441215410.867 or 1.441215410867E9, and sees a comma or a brace behind.
func timestamp(b []byte, i int) (time.Time, int) {
	mantissa, scale, i := decimal(b, i)
	if c := at(b, i); c != ',' && c != '}' {
		return time.Time{}, -1
	}
	millis, ok := toMillis(mantissa, scale)
	if !ok || millis < firstMillis { // the time is not known, which the reader makes of it
		return time.Time{}, -1
	}
	return time.UnixMilli(millis).UTC(), i
}

// decimal takes a number that is mantissa times ten to the power of scale, without a sign or a leading zero.
func decimal(b []byte, i int) (mantissa uint64, scale, end int) {
	mantissa, end = digits(b, i)
	if end < 0 {
		return 0, 0, -1
	}
	if at(b, end) == '.' {
		start := end + 1
		for end = start; uint(end) < uint(len(b)) && b[end]-'0' <= 9; end++ {
			mantissa = mantissa*10 + uint64(b[end]-'0')
		}
		if end == start || end-i > 18 {
			return 0, 0, -1
		}
		scale = start - end
	}
	if at(b, end)|0x20 == 'e' {
		exponent, behind := digits(b, end+1)
		if behind < 0 || exponent > maxPower {
			return 0, 0, -1
		}
		scale, end = scale+int(exponent), behind
	}
	return mantissa, scale, end
}

// toMillis computes what the SDK does of seconds: the nearest float64, times 1000, cut to whole milliseconds.
// The quotient or the product of two float64 that are exact is the nearest to the true one.
func toMillis(mantissa uint64, scale int) (int64, bool) {
	if mantissa >= 1<<53 || scale < -maxPower || scale > maxPower {
		return 0, false
	}
	seconds := float64(mantissa)
	if scale < 0 {
		seconds /= powers[-scale]
	} else {
		seconds *= powers[scale]
	}
	millis := seconds * 1000
	return int64(millis), millis < maxMillis
}
