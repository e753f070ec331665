package codec

// spare is how much more room than a text needs makes its decoding faster: eight bytes are written at a time.
const spare = 8

// decodedLen returns how many bytes n characters of padded base64 decode to at most.
func decodedLen(n int) int { return n / 4 * 3 }

// unbase64 decodes text into dst, which has room for decodedLen(len(text)) bytes and some to spare, and returns how many
// came of it. It takes complete, padded text alone: the standard library passes over line breaks, which no JSON string
// has. Like the standard library it does not look at the bits of the last character that belong to no byte.
func unbase64(dst, text []byte) (int, bool) {
	if len(text) == 0 {
		return 0, true
	}
	if len(text)%4 != 0 || len(dst) < decodedLen(len(text)) {
		return 0, false
	}
	last := len(text) - 4
	n, err := decodeBase64(dst, text[:last])
	if err != nil || n != decodedLen(last) {
		return 0, false
	}
	k, ok := lastBytes(dst[n:], text[last:])
	return n + k, ok
}

// lastBytes decodes the last four characters, including up to two of padding.
func lastBytes(dst, text []byte) (int, bool) {
	n := 3
	c, d := sextets[text[2]], sextets[text[3]]
	if text[3] == '=' {
		n, d = 2, 0
		if text[2] == '=' {
			n, c = 1, 0
		}
	}
	a, b := sextets[text[0]], sextets[text[1]]
	if (a|b|c|d)&noSextet != 0 {
		return 0, false
	}
	three := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d}
	return copy(dst, three[:n]), true
}

// noSextet marks a byte that is not of the alphabet.
const noSextet = 0x80

// sextets are the values of the characters of base64.
var sextets = func() (table [256]byte) {
	for i := range table {
		table[i] = noSextet
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		table[c] = byte(i)
	}
	return table
}()
