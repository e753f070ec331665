package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// The lengths of a message's parts.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
const (
	preludeLength = 12 // total length, length of the headers, checksum of both
	textHeader    = 7  // the type of a header whose value is a text
)

// BeginMessage begins a message of an event stream with headers, given as names and values, in buf, which is empty. The
// caller appends the payload.
func BeginMessage(buf []byte, headers ...string) []byte {
	buf = append(buf, make([]byte, preludeLength)...)
	for i := 0; i < len(headers); i += 2 {
		buf = append(buf, byte(len(headers[i])))
		buf = append(buf, headers[i]...)
		buf = append(buf, textHeader)
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(headers[i+1])))
		buf = append(buf, headers[i+1]...)
	}
	binary.BigEndian.PutUint32(buf[4:], uint32(len(buf)-preludeLength))
	return buf
}

// EndMessage ends a message with its length and its checksums.
func EndMessage(buf []byte) []byte {
	binary.BigEndian.PutUint32(buf, uint32(len(buf)+4))
	binary.BigEndian.PutUint32(buf[8:], crc32.ChecksumIEEE(buf[:8]))
	return binary.BigEndian.AppendUint32(buf, crc32.ChecksumIEEE(buf))
}
