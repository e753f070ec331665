package boltstore

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
)

// This file checks the structure of a bbolt database before bbolt itself reads it. bbolt trusts its pages: it follows
// a damaged page number out of the file, or in a circle, and a damaged count or key makes it miss what is there.
// The layout is that of bbolt's internal/common, in the byte order of the machine:
//
//	page      id 8, flags 2, count 2, overflow 4, then elements
//	meta      magic 4, version 4, page size 4, flags 4, root 8, sequence 8, freelist 8, pages 8, txid 8, FNV-1a 8
//	branch    element: key's offset from the element 4, key length 4, page 8
//	leaf      element: flags 4, key's offset from the element 4, key length 4, value length 4
//	freelist  page 8 each; with a count of 0xFFFF the first is the count
//	bucket    a leaf's value, when flags is 1: root page 8, sequence 8; root 0: an inline leaf page follows

const (
	headerSize  = 16
	elementSize = 16
	metaSize    = 64

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10

	minPageSize = 1 << 10
	maxPageSize = 1 << 24 // bbolt looks for the second header up to here

	maxDepth = 200 // of trees within trees; three levels of buckets this deep do not fit on a disk
)

var order = binary.NativeEndian

// meta is the content of a file's header.
type meta struct {
	pageSize, root, freelist, pages, txid uint64
}

// checker walks the pages of a file.
type checker struct {
	file     io.ReaderAt
	pageSize uint64
	used     []bool // by page: a page that is met twice is damage
	depth    int
}

// checkPages checks that all pages of the bbolt database in file can be read and are what they should be.
func checkPages(file io.ReaderAt, size int64) error {
	m, ok := newestMeta(file)
	if !ok {
		return damagef("no readable header")
	}
	if m.pages < 4 || m.pages > uint64(size)/m.pageSize {
		return damagef("%d bytes, but %d pages of %d bytes were written", size, m.pages, m.pageSize)
	}
	c := &checker{file: file, pageSize: m.pageSize, used: make([]bool, m.pages)}
	c.used[0], c.used[1] = true, true
	if err := c.freelist(m.freelist); err != nil {
		return err
	}
	return c.tree(m.root, bounds{})
}

// newestMeta reads the two headers and returns the newer one that is whole. The place of the second depends on the
// page size, which must be guessed when the first is damaged.
func newestMeta(file io.ReaderAt) (newest meta, ok bool) {
	newest, ok = readMeta(file, 0)
	if ok {
		if second, ok := readMeta(file, newest.pageSize); ok && second.txid > newest.txid {
			return second, true
		}
		return newest, true
	}
	for size := uint64(minPageSize); size <= maxPageSize; size *= 2 {
		if m, ok := readMeta(file, size); ok && m.pageSize == size {
			return m, true
		}
	}
	return meta{}, false
}

func readMeta(file io.ReaderAt, offset uint64) (meta, bool) {
	var page [headerSize + metaSize]byte
	if _, err := file.ReadAt(page[:], int64(offset)); err != nil {
		return meta{}, false
	}
	b := page[headerSize:]
	h := fnv.New64a()
	_, _ = h.Write(b[:metaSize-8]) // never fails
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[metaSize-8:]) != h.Sum64() {
		return meta{}, false
	}
	m := meta{
		pageSize: uint64(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}
	return m, m.pageSize >= minPageSize && m.pageSize <= maxPageSize
}

// page reads a page with its overflow, and marks it as used.
func (c *checker) page(id uint64) ([]byte, error) {
	if id >= uint64(len(c.used)) {
		return nil, damagef("page %d of %d", id, len(c.used))
	}
	var header [headerSize]byte
	if _, err := c.file.ReadAt(header[:], int64(id*c.pageSize)); err != nil {
		return nil, err
	}
	n := uint64(order.Uint32(header[12:])) + 1
	if order.Uint64(header[:]) != id || n > uint64(len(c.used))-id {
		return nil, damagef("page %d: wrong header", id)
	}
	for i := id; i < id+n; i++ {
		if err := c.use(i); err != nil {
			return nil, err
		}
	}
	p := make([]byte, n*c.pageSize)
	_, err := c.file.ReadAt(p, int64(id*c.pageSize))
	return p, err
}

func (c *checker) use(id uint64) error {
	if c.used[id] {
		return damagef("page %d is used twice", id)
	}
	c.used[id] = true
	return nil
}

// freelist checks the list of free pages, which bbolt will write to.
func (c *checker) freelist(id uint64) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(p[8:]) != freelistFlag {
		return damagef("page %d is no list of free pages", id)
	}
	count, ids := uint64(order.Uint16(p[10:])), p[headerSize:]
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return damagef("page %d: %d free pages do not fit", id, count)
	}
	last := uint64(1)
	for i := range count {
		free := order.Uint64(ids[8*i:])
		if free <= last || free >= uint64(len(c.used)) {
			return damagef("page %d: wrong list of free pages", id)
		}
		if err := c.use(free); err != nil {
			return err
		}
		last = free
	}
	return nil
}

// bounds are those of the keys on a page: at or above low, below high. nil is none.
type bounds struct{ low, high []byte }

// tree checks the pages from id down, whose keys must be in bounds.
func (c *checker) tree(id uint64, in bounds) error {
	p, err := c.page(id)
	if err != nil {
		return err
	}
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return damagef("page %d: too deep", id)
	}
	switch order.Uint16(p[8:]) {
	case leafFlag:
		return c.leaf(id, p, in)
	case branchFlag:
		return c.branch(id, p, in)
	}
	return damagef("page %d: unknown type", id)
}

func (c *checker) branch(id uint64, p []byte, in bounds) error {
	count := int(order.Uint16(p[10:]))
	if count == 0 {
		return damagef("page %d: empty branch", id)
	}
	keys, err := keysOf(id, p, in, func(element []byte) (offset, size, extra uint32) {
		return order.Uint32(element), order.Uint32(element[4:]), 0
	})
	if err != nil {
		return err
	}
	for i, k := range keys {
		below := bounds{low: k, high: in.high}
		if i+1 < count {
			below.high = keys[i+1]
		}
		if err := c.tree(order.Uint64(p[headerSize+elementSize*i+8:]), below); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) leaf(id uint64, p []byte, in bounds) error {
	keys, err := keysOf(id, p, in, func(element []byte) (offset, size, extra uint32) {
		return order.Uint32(element[4:]), order.Uint32(element[8:]), order.Uint32(element[12:])
	})
	if err != nil {
		return err
	}
	for i, k := range keys {
		element := p[headerSize+elementSize*i:]
		switch order.Uint32(element) {
		case 0:
			continue
		case 1:
		default:
			return damagef("page %d: unknown type of value", id)
		}
		value := element[uint64(order.Uint32(element[4:]))+uint64(len(k)):][:order.Uint32(element[12:])]
		if err := c.bucket(id, value); err != nil {
			return err
		}
	}
	return nil
}

// bucket checks the bucket whose header is value, on page id.
func (c *checker) bucket(id uint64, value []byte) error {
	if len(value) < headerSize {
		return damagef("page %d: bucket of %d bytes", id, len(value))
	}
	if root := order.Uint64(value); root != 0 {
		return c.tree(root, bounds{})
	}
	inline := value[headerSize:]
	if len(inline) < headerSize || order.Uint16(inline[8:]) != leafFlag {
		return damagef("page %d: wrong inline bucket", id)
	}
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return damagef("page %d: too deep", id)
	}
	return c.leaf(id, inline, bounds{})
}

// keysOf returns the keys of all elements of a page. It checks that they and their values lie within the page, that
// they ascend, and that they are within bounds. layout returns a key's offset from its element, its size, and that of
// the value after it.
func keysOf(id uint64, p []byte, in bounds, layout func(element []byte) (offset, size, extra uint32)) ([][]byte, error) {
	count := int(order.Uint16(p[10:]))
	if headerSize+count*elementSize > len(p) {
		return nil, damagef("page %d: %d elements do not fit", id, count)
	}
	keys := make([][]byte, count)
	for i := range keys {
		element := p[headerSize+elementSize*i:]
		offset, size, extra := layout(element)
		if uint64(offset)+uint64(size)+uint64(extra) > uint64(len(element)) {
			return nil, damagef("page %d: element %d does not fit", id, i)
		}
		k := element[offset:][:size:size]
		if i == 0 && bytes.Compare(k, in.low) < 0 || i > 0 && bytes.Compare(k, keys[i-1]) <= 0 || in.high != nil && bytes.Compare(k, in.high) >= 0 {
			return nil, damagef("page %d: key %d is out of order", id, i)
		}
		keys[i] = k
	}
	return keys, nil
}
