//go:build amd64 && !purego

package codec

import "github.com/segmentio/asm/base64"

// decodeBase64 is as encoding/base64's StdEncoding.Decode, 32 characters at a time where the processor has AVX2.
// The vector part checks every character, stops before the first that is not of the alphabet, and leaves the end of the
// text to the standard library. It does not check the length of dst: see unbase64.
var decodeBase64 = base64.StdEncoding.Decode
