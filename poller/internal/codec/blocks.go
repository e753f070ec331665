package codec

import "strings"

// maxBlock bounds a block that serves several records. It is small, so that a page that one record keeps alive is not
// kept whole, and that a block is still in the processor's cache when it is written. It is large enough to cost
// nothing.
const maxBlock = 256 << 10

// blocks is where the data and the strings of a page go. Its memory belongs to the records and is never used again.
type blocks struct {
	data []byte          // what is left of the block of data
	text strings.Builder // the block of strings; never grown beyond its capacity, so that its strings stay where they are

	dataUsed, textUsed int // by the whole page so far
}

// progress is the decoder's position among the records. It yields an estimate of the memory for the rest.
type progress struct {
	done, left int // bytes of the body
}

// estimate returns the size of the next block: the current need, and the likely need of the rest. A block that is not
// the last holds a whole number of the current need, so that little is left over if all records need the same.
func (p progress) estimate(need, used int) int {
	rest := int64(used+need) * int64(p.left) / int64(max(p.done, 1))
	all := int64(need) + rest + rest/64
	if all <= maxBlock {
		return int(all)
	}
	return max(need, maxBlock-maxBlock%need)
}

// room returns n bytes to be written. keep makes a record's data of the first of them.
func (b *blocks) room(n int, p progress) []byte {
	if len(b.data) < n {
		b.data = make([]byte, p.estimate(n, b.dataUsed))
	}
	return b.data[:n]
}

// keep takes the first n bytes of the last room for good.
func (b *blocks) keep(n int) []byte {
	if n == 0 {
		return []byte{} // keeps no block alive
	}
	kept := b.data[:n:n]
	b.data = b.data[n:]
	b.dataUsed += n
	return kept
}

// strings makes strings of a and c.
func (b *blocks) strings(a, c []byte, p progress) (string, string) {
	need := len(a) + len(c)
	if b.text.Cap()-b.text.Len() < need {
		b.text = strings.Builder{}
		b.text.Grow(p.estimate(need, b.textUsed))
	}
	start := b.text.Len()
	b.text.Write(a)
	b.text.Write(c)
	b.textUsed += need
	both := b.text.String()[start:]
	return both[:len(a)], both[len(a):]
}
