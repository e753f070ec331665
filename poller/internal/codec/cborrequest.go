package codec

import (
	"encoding/binary"
	"math"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// appendRequest appends a request as a map of the members that are set.
func appendRequest(b []byte, in *kinesis.GetRecordsInput) []byte {
	start := len(b)
	b = append(b, 0) // the head of the map: fewer than 24 members follow
	pairs := byte(0)
	text := func(name string, value *string) {
		if value != nil {
			b = appendString(appendString(b, name), *value)
			pairs++
		}
	}
	text("ShardIterator", in.ShardIterator)
	text("StreamARN", in.StreamARN)
	text("StreamId", in.StreamId)
	if in.Limit != nil {
		b = appendInt(appendString(b, "Limit"), int64(*in.Limit))
		pairs++
	}
	if in.DryRun != nil {
		b = appendBool(appendString(b, "DryRun"), *in.DryRun)
		pairs++
	}
	b[start] = cborMap<<5 | pairs
	return b
}

func appendString(b []byte, s string) []byte {
	return append(appendHead(b, cborText, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, cborTrue)
	}
	return append(b, cborFalse)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, cborNegative, uint64(-1-n))
	}
	return appendHead(b, cborUint, uint64(n))
}

func appendHead(b []byte, major uint8, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}
