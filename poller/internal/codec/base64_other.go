//go:build !amd64 || purego

package codec

import "encoding/base64"

// decodeBase64 is the standard library's: the vector code for other processors could not be tried.
var decodeBase64 = base64.StdEncoding.Decode
