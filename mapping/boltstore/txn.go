package boltstore

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Versions of the layout that doc.go describes. The first has no definitions, and a file without any keeps it, so that
// older versions of shardmill can open it too; they would miss values in a file of the second.
const (
	format            = "1"
	formatDefinitions = "2"
)

// Names of the buckets, and of the values of the first one.
var (
	metaBucket        = []byte("shardmill")
	anchorsBucket     = []byte("anchors")
	shardsBucket      = []byte("shards")
	definitionsBucket = []byte("definitions") // its sequence counts the writes to it

	formatKey = []byte("format")
	sumKey    = []byte("sum")
)

// txn is a write transaction that keeps the sum of the file up to date.
type txn struct {
	tx    *bbolt.Tx
	sum   sum
	wrote bool // whether there is something to commit; if so, sum is loaded
}

// cell is a value that was read: its body without the checksum, valid until the next put. The zero cell is empty.
type cell struct {
	body   []byte
	sum    uint64
	stored bool
}

// get reads a value.
func (t *txn) get(k key) (cell, error) {
	b, name, err := t.place(k)
	if err != nil || b == nil {
		return cell{}, err
	}
	value := b.Get(name)
	if value == nil {
		return cell{}, nil
	}
	body, sum, err := unseal(k, value)
	return cell{body: body, sum: sum, stored: err == nil}, err
}

// put replaces old, which get returned, by body. With an error, nothing is changed.
func (t *txn) put(k key, old cell, body []byte) error {
	b, name, err := t.place(k)
	if err != nil {
		return err
	}
	if err := t.touch(); err != nil {
		return err
	}
	if b == nil {
		if b, err = t.make(k); err != nil {
			return err
		}
	}
	value := seal(k, body)
	if err := b.Put(name, value); err != nil {
		return err
	}
	if old.stored {
		t.sum.remove(old.sum)
	}
	t.sum.add(binary.BigEndian.Uint64(value[len(value)-sumSize:]))
	return nil
}

// remove removes old, which get returned and is stored.
func (t *txn) remove(k key, old cell) error {
	b, name, err := t.place(k)
	if err != nil {
		return err
	}
	if err := t.touch(); err != nil {
		return err
	}
	if err := b.Delete(name); err != nil {
		return err
	}
	t.sum.remove(old.sum)
	return nil
}

// make creates the bucket for k, which is missing because no such value was stored before.
func (t *txn) make(k key) (*bbolt.Bucket, error) {
	if k.mapping != "" {
		return t.tx.Bucket(shardsBucket).CreateBucket([]byte(k.mapping))
	}
	b, err := t.tx.CreateBucket(definitionsBucket)
	if err != nil {
		return nil, err
	}
	return b, t.tx.Bucket(metaBucket).Put(formatKey, []byte(formatDefinitions))
}

// touch makes the transaction commit even if nothing is put.
func (t *txn) touch() error {
	if t.wrote {
		return nil
	}
	s, err := loadSum(t.tx)
	if err != nil {
		return err
	}
	t.sum, t.wrote = s, true
	return nil
}

// place returns the bucket of k and its name there. The bucket is nil if the mapping has none yet, or if there was no
// definition yet.
func (t *txn) place(k key) (*bbolt.Bucket, []byte, error) {
	if len(k.mapping) > bbolt.MaxKeySize || len(k.shard) > bbolt.MaxKeySize {
		return nil, nil, berrors.ErrKeyTooLarge
	}
	if k.mapping == "" {
		return t.tx.Bucket(definitionsBucket), []byte(k.shard), nil
	}
	if k.shard == "" {
		b := t.tx.Bucket(anchorsBucket)
		if b == nil {
			return nil, nil, damagef("bucket %s is missing", anchorsBucket)
		}
		return b, []byte(k.mapping), nil
	}
	b := t.tx.Bucket(shardsBucket)
	if b == nil {
		return nil, nil, damagef("bucket %s is missing", shardsBucket)
	}
	return b.Bucket([]byte(k.mapping)), []byte(k.shard), nil
}

// finish stores the sum; then the transaction is ready to be committed.
func (t *txn) finish() error {
	return t.tx.Bucket(metaBucket).Put(sumKey, t.sum.encode())
}

// sum verifies that all values are there, and the latest of each: their number, and the sum of their checksums.
type sum struct{ count, total uint64 }

func (s *sum) add(checksum uint64)    { s.count++; s.total += checksum }
func (s *sum) remove(checksum uint64) { s.count--; s.total -= checksum }
func (s *sum) subtract(other sum)     { s.count -= other.count; s.total -= other.total }

func (s *sum) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.count), s.total)
}

func loadSum(tx *bbolt.Tx) (sum, error) {
	b := tx.Bucket(metaBucket)
	if b == nil {
		return sum{}, damagef("bucket %s is missing", metaBucket)
	}
	value := b.Get(sumKey)
	if len(value) != 16 {
		return sum{}, damagef("sum of %d bytes", len(value))
	}
	return sum{count: binary.BigEndian.Uint64(value), total: binary.BigEndian.Uint64(value[8:])}, nil
}
