package boltstore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/shardmill/shardmill/mapping/driver"
)

// checkValues reads all values of a file. The pages have passed checkPages.
func checkValues(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return damagef("it is a bbolt database of something else: bucket %s is missing", metaBucket)
	}
	v := string(meta.Get(formatKey))
	if v != format && v != formatDefinitions {
		return fmt.Errorf("the file has format %q, and this version of shardmill knows %q and %q: use the version that wrote it, or a newer one: %w",
			v, format, formatDefinitions, driver.ErrUnreadable)
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
	if err := sumDefinitions(tx, v == formatDefinitions, &got); err != nil {
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

// sumDefinitions reads all definitions and adds them to got. Their bucket must be there if it is wanted, and only then.
func sumDefinitions(tx *bbolt.Tx, wanted bool, got *sum) error {
	if has := tx.Bucket(definitionsBucket) != nil; has != wanted {
		return damagef("bucket %s: it exists: %t, by the file's format it should be: %t", definitionsBucket, has, wanted)
	}
	return eachDefinition(tx, func(_ driver.Definition, checksum uint64) { got.add(checksum) })
}

// eachDefinition reads all definitions, with their checksums.
func eachDefinition(tx *bbolt.Tx, yield func(d driver.Definition, checksum uint64)) error {
	b := tx.Bucket(definitionsBucket)
	if b == nil {
		return nil
	}
	return b.ForEach(func(name, value []byte) error {
		k := definitionKey(string(name))
		body, checksum, err := unseal(k, value)
		if err != nil {
			return err
		}
		d, err := decodeDefinition(k, body)
		if err != nil {
			return err
		}
		yield(d, checksum)
		return nil
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

// eachRow reads the rows of one mapping, with their checksums.
func eachRow(tx *bbolt.Tx, name string, yield func(shard string, r row, checksum uint64)) error {
	shards := tx.Bucket(shardsBucket)
	if shards == nil {
		return damagef("bucket %s is missing", shardsBucket)
	}
	b := shards.Bucket([]byte(name))
	if b == nil {
		return nil
	}
	return eachValue(b, name, yield)
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
