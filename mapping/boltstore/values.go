package boltstore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/shardmill/shardmill/mapping"
)

// checkValues reads all values of a file. The pages have passed checkPages.
func checkValues(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return damagef("it is a bbolt database of something else: bucket %s is missing", metaBucket)
	}
	if v := meta.Get(formatKey); string(v) != format {
		return fmt.Errorf("the file has format %q, and this version of shardmill knows format %q: use the version that wrote it, or a newer one: %w",
			v, format, mapping.ErrUnreadable)
	}
	want, err := loadSum(tx)
	if err != nil {
		return err
	}
	var got sum
	if err := sumAnchors(tx, &got); err != nil {
		return err
	}
	if err := sumShards(tx, &got); err != nil {
		return err
	}
	if got != want {
		return damagef("%d values with sum %016x, want %d with %016x", got.count, got.total, want.count, want.total)
	}
	return nil
}

// sumAnchors reads all anchors and adds them to got.
func sumAnchors(tx *bbolt.Tx, got *sum) error {
	anchors := tx.Bucket(anchorsBucket)
	if anchors == nil {
		return damagef("bucket %s is missing", anchorsBucket)
	}
	return anchors.ForEach(func(name, value []byte) error {
		k := key{mapping: string(name)}
		body, checksum, err := unseal(k, value)
		if err != nil {
			return err
		}
		got.add(checksum)
		_, err = decodeAnchor(k, body)
		return err
	})
}

// sumShards reads the rows of all mappings and adds them to got.
func sumShards(tx *bbolt.Tx, got *sum) error {
	shards := tx.Bucket(shardsBucket)
	if shards == nil {
		return damagef("bucket %s is missing", shardsBucket)
	}
	return shards.ForEach(func(name, value []byte) error {
		if value != nil {
			return damagef("a value in bucket %s, where mappings have buckets", shardsBucket)
		}
		return eachValue(shards.Bucket(name), string(name), func(_ string, _ row, checksum uint64) { got.add(checksum) })
	})
}

// eachRow reads the rows of one mapping.
func eachRow(tx *bbolt.Tx, name string, yield func(shard string, r row)) error {
	shards := tx.Bucket(shardsBucket)
	if shards == nil {
		return damagef("bucket %s is missing", shardsBucket)
	}
	b := shards.Bucket([]byte(name))
	if b == nil {
		return nil
	}
	return eachValue(b, name, func(shard string, r row, _ uint64) { yield(shard, r) })
}

// eachValue reads the rows in the bucket of one mapping, with their checksums.
func eachValue(b *bbolt.Bucket, name string, yield func(shard string, r row, checksum uint64)) error {
	return b.ForEach(func(shard, value []byte) error {
		k := key{name, string(shard)}
		body, checksum, err := unseal(k, value)
		if err != nil {
			return err
		}
		r, err := decodeRow(k, body)
		if err != nil {
			return err
		}
		yield(k.shard, r, checksum)
		return nil
	})
}
