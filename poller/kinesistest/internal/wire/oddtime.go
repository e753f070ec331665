package wire

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// OddTime replaces the arrival times of an answer. Zero: no replacement.
type OddTime struct {
	seconds float64 // the replacement; zero: none
}

// OddTimes are the variants of OddTimestamp. The first leaves the times as a Client shows them.
var OddTimes = []OddTime{{}, {1}, {-1}, {1e300}, {math.NaN()}, {math.Inf(1)}, {math.Inf(-1)}}

// Of returns what a Client shows for a time: a second about 1970, or as if milliseconds were taken for seconds.
func (o OddTime) Of(t time.Time) time.Time {
	if o.seconds == 1 || o.seconds == -1 {
		return time.Unix(int64(o.seconds), 0).UTC()
	}
	return time.Unix(t.UnixMilli(), 0).UTC()
}

// append appends the time in a form, and reports false if it can be written like any other.
func (o OddTime) append(buf []byte, as Form) ([]byte, bool) {
	switch {
	case o.seconds == 0:
		return buf, false
	case as == CBOR:
		buf = append(buf, cborTag|cborEpochTime, cborSimple|cborDouble)
		return binary.BigEndian.AppendUint64(buf, math.Float64bits(o.seconds*1000)), true
	case math.IsNaN(o.seconds), math.IsInf(o.seconds, 0):
		return strconv.AppendQuote(buf, infinite(o.seconds)), true
	}
	return strconv.AppendFloat(buf, o.seconds, 'g', -1, 64), true
}

// infinite returns how AWS JSON writes a number that is not finite.
func infinite(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return "NaN"
}
