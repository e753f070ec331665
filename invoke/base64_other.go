//go:build !amd64 || purego

package invoke

import "encoding/base64"

// appendData appends data in base64.
func appendData(dst, data []byte) []byte { return base64.StdEncoding.AppendEncode(dst, data) }
