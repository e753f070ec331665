package kinesistest

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// oddTime is an arrival time that is none. The zero oddTime is a time as it should be.
type oddTime struct {
	millis  bool    // milliseconds are taken for seconds
	seconds float64 // written in its place, unless it is zero
}

var oddTimes = []oddTime{
	{millis: true},
	{seconds: 1},
	{seconds: -1},
	{seconds: 1e300},
	{seconds: math.NaN()},
	{seconds: math.Inf(1)},
	{seconds: math.Inf(-1)},
}

// of returns the time that a Client shows.
func (o oddTime) of(t time.Time) time.Time {
	if o.seconds == 1 || o.seconds == -1 {
		return time.Unix(int64(o.seconds), 0).UTC()
	}
	return time.Unix(t.UnixMilli(), 0).UTC()
}

// append appends the time in a form, and reports false if it can be written like any other.
func (o oddTime) append(buf []byte, as form) ([]byte, bool) {
	switch {
	case o.seconds == 0:
		return buf, false
	case as == cborForm:
		buf = append(buf, cborTag|cborEpochTime, cborSimple|cborDouble)
		return binary.BigEndian.AppendUint64(buf, math.Float64bits(o.seconds*1000)), true
	case math.IsNaN(o.seconds), math.IsInf(o.seconds, 0):
		return strconv.AppendQuote(buf, infinite(o.seconds)), true
	}
	return strconv.AppendFloat(buf, o.seconds, 'g', -1, 64), true
}

// infinite returns how AWS JSON writes what is no number.
func infinite(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return "NaN"
}
