package codec

import (
	"errors"
	"io"
	"slices"
	"sync"
)

const (
	// maxBody bounds an answer: Kinesis returns at most 10 MiB of data, 14 MiB as base64, in 10,000 records, whose
	// strings and syntax take less than 10 MiB more.
	maxBody = 64 << 20
	// maxTold bounds the memory for a length that only the header claims.
	maxTold = 16 << 20
	// piece is how much of a body is read before it is decoded. It then still is in the processor's cache.
	piece = 256 << 10
	// maxEmpty bounds the reads in a row that bring neither a byte nor an error.
	maxEmpty = 100
	// smallBody is the size from which a body gets its buffer from the pool of large ones, so that a slow empty answer
	// does not hold a buffer that another shard's full page could use.
	smallBody = 32 << 10
)

var errBodyTooLong = errors.New("the answer is longer than any of Kinesis's")

// body is an HTTP body that is being read into a buffer of a pool. Nothing may refer to the buffer after free.
type body struct {
	src  io.Reader
	buf  []byte // what was read
	size int    // the whole length according to the header, else the length that was read
	err  error  // io.EOF when all was read
	step int    // what more reads at least

	empty int // reads in a row that brought nothing

	pool *sync.Pool
	room *[]byte // what goes back to the pool, with the capacity of buf
}

var smallBodies, largeBodies = newPool(), newPool()

func newPool() *sync.Pool {
	return &sync.Pool{New: func() any { return new([]byte) }}
}

// open begins to read src, whose length is -1 if it is not known. The length is a hint: src is read to its end.
func open(src io.Reader, length int64) *body {
	b := &body{src: src, step: piece, pool: largeBodies}
	if 0 <= length && length < smallBody {
		b.pool = smallBodies
	}
	if length > maxBody {
		b.err = errBodyTooLong
	}
	b.room = b.pool.Get().(*[]byte) //nolint:errcheck // nothing else is in the pools
	b.buf = (*b.room)[:0]
	// One byte more than the header claims, so that the end is detected. A length that is too large is not believed.
	b.size = int(min(max(length, 0), maxTold))
	b.buf = slices.Grow(b.buf, b.size+1)
	return b
}

// more reads on, at least another piece or wanted bytes unless the body ends before, and reports whether anything came.
func (b *body) more(wanted int) bool {
	before := len(b.buf)
	target := before + max(b.step, wanted)
	for b.err == nil && len(b.buf) < target {
		b.read(target)
	}
	b.size = max(b.size, len(b.buf))
	return len(b.buf) > before
}

// read reads once, up to the length of target.
func (b *body) read(target int) {
	if len(b.buf) == maxBody {
		b.err = errBodyTooLong
		return
	}
	if len(b.buf) == cap(b.buf) {
		b.buf = slices.Grow(b.buf, min(max(len(b.buf), smallBody), maxBody-len(b.buf)))
	}
	n, err := b.src.Read(b.buf[len(b.buf):min(cap(b.buf), target, maxBody)])
	b.buf, b.err = b.buf[:len(b.buf)+n], err
	if n > 0 || err != nil {
		b.empty = 0
	} else if b.empty++; b.empty == maxEmpty {
		b.err = io.ErrNoProgress
	}
}

// all reads the rest, and returns the error of reading, if there was one.
func (b *body) all() error {
	for b.err == nil {
		b.more(0)
	}
	if b.whole() {
		return nil
	}
	return b.err
}

// whole reports whether the body was read to its end.
func (b *body) whole() bool {
	return b.err == io.EOF //nolint:errorlint // io.Reader returns it as it is
}

// free returns the buffer, unless it has grown beyond the size of its pool.
func (b *body) free() {
	if cap(b.buf) <= maxPooled(b.pool) {
		*b.room = b.buf[:0]
		b.pool.Put(b.room)
	}
	b.buf, b.room = nil, nil
}

func maxPooled(p *sync.Pool) int {
	if p == smallBodies {
		return 2 * smallBody
	}
	return 2 * maxTold
}
