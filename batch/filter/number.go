package filter

import "cmp"

// number is a decimal number of any size and precision: 0.DIGITS times ten to the power of point. DIGITS are those of
// head and then of tail, neither begin nor end with a zero, and are none for zero. Two numbers are equal exactly when
// their values are: 300, 300.0 and 3.0e2 are one number.
type number struct {
	negative   bool
	point      int64
	head, tail []byte
}

// maxExponent is where an exponent stops growing. Beyond it, numbers of unlike exponents may be taken for equal.
const maxExponent = 1 << 59

// parseNumber reads a number that is known to have JSON's form. The result points into text.
func parseNumber(text []byte) number {
	var n number
	if text[0] == '-' {
		n.negative, text = true, text[1:]
	}
	dot := 0 // none: a digit comes before it
	for i, c := range text {
		if c == '.' {
			dot = i
		}
		if c == 'e' || c == 'E' {
			n.point = parseExponent(text[i+1:])
			text = text[:i]
			break
		}
	}
	n.head = text
	if dot > 0 {
		n.head, n.tail = text[:dot], text[dot+1:]
	}
	n.point += int64(len(n.head))
	n.trim()
	return n
}

func parseExponent(text []byte) int64 {
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	var e int64
	for _, c := range text {
		e = min(e*10+int64(c-'0'), maxExponent)
	}
	if negative {
		return -e
	}
	return e
}

// trim drops the zeros at both ends.
func (n *number) trim() {
	for len(n.head) > 0 && n.head[0] == '0' {
		n.head = n.head[1:]
		n.point--
	}
	for len(n.head) == 0 && len(n.tail) > 0 && n.tail[0] == '0' {
		n.tail = n.tail[1:]
		n.point--
	}
	for len(n.tail) > 0 && n.tail[len(n.tail)-1] == '0' {
		n.tail = n.tail[:len(n.tail)-1]
	}
	for len(n.tail) == 0 && len(n.head) > 0 && n.head[len(n.head)-1] == '0' {
		n.head = n.head[:len(n.head)-1]
	}
}

func (n *number) digits() int { return len(n.head) + len(n.tail) }

func (n *number) digit(i int) byte {
	if i < len(n.head) {
		return n.head[i]
	}
	return n.tail[i-len(n.head)]
}

func (n *number) sign() int {
	switch {
	case n.digits() == 0:
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// compare returns less than, equal to or more than 0 as n is less than, equal to or greater than m.
func (n *number) compare(m number) int {
	sign := n.sign()
	if c := cmp.Compare(sign, m.sign()); c != 0 {
		return c
	}
	return sign * n.compareMagnitude(&m)
}

func (n *number) compareMagnitude(m *number) int {
	if c := cmp.Compare(n.point, m.point); c != 0 {
		return c
	}
	for i := range min(n.digits(), m.digits()) {
		if a, b := n.digit(i), m.digit(i); a != b {
			return int(a) - int(b)
		}
	}
	return n.digits() - m.digits()
}
