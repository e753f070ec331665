package boltstore

import (
	"encoding/binary"
	"hash/crc64"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
)

// rowVersion is the first byte of each value.
const rowVersion = 1

// sumSize is the length of the checksum at the end of each value.
const sumSize = 8

var crcTable = crc64.MakeTable(crc64.ECMA)

// key names a value: a shard's row; a mapping's anchor, whose shard is empty; or a definition, by definitionKey.
type key struct{ mapping, shard string }

// definitionKey names a definition: no mapping has an empty name.
func definitionKey(name string) key { return key{shard: name} }

// row is the stored state of one shard.
type row struct {
	epoch    uint64 // of the latest lease, from 1
	written  uint64 // the epoch that stored progress, 0 when none did
	progress driver.Progress
}

// seal appends the checksum to body.
func seal(k key, body []byte) []byte {
	return binary.BigEndian.AppendUint64(body, checksum(k, body))
}

// unseal checks a value that was read for k, and returns it without its checksum, and the checksum.
func unseal(k key, value []byte) (body []byte, sum uint64, err error) {
	n := len(value) - sumSize
	if n < 0 {
		return nil, 0, damagef("%s: value of %d bytes", k, len(value))
	}
	body, sum = value[:n], binary.BigEndian.Uint64(value[n:])
	if checksum(k, body) != sum {
		return nil, 0, damagef("%s: wrong checksum", k)
	}
	return body, sum, nil
}

// checksum covers the names too, so that a value cannot be mistaken for another one.
func checksum(k key, body []byte) uint64 {
	names := binary.AppendUvarint(make([]byte, 0, 128), uint64(len(k.mapping)))
	names = append(append(names, k.mapping...), k.shard...)
	return crc64.Update(crc64.Update(0, crcTable, names), crcTable, body)
}

// String names the value in errors.
func (k key) String() string {
	switch {
	case k.mapping == "":
		return "definition " + k.shard
	case k.shard == "":
		return "anchor of " + k.mapping
	}
	return "shard " + k.shard + " of " + k.mapping
}

// Bits of a row's flags.
const (
	flagEnd = 1 << iota
	flagPartial
	flagWindow
	flagFinal
	flagTerminatedEarly
	flagResolvedUpTo
	flagClosedUpTo
	flagMore   // a second byte of flags follows after all fields of the first one
	flagsKnown = 1<<iota - 1
)

// Bits of the second byte.
const (
	moreShardStart = 1 << iota
	moreStreamCreated
	moreKnown = 1<<iota - 1
)

// encodeRow returns the body of a row's value, with room for the checksum.
func encodeRow(r row) []byte {
	p := r.progress
	w := p.Window
	size := 112 + len(p.Position.SequenceNumber) + len(p.ShardStart)
	if w != nil {
		size += 40 + len(w.State)
	}
	b := append(make([]byte, 0, size), rowVersion)
	b = binary.AppendUvarint(b, r.epoch)
	b = binary.AppendUvarint(b, r.written)
	if r.written == 0 {
		return b
	}
	b = append(b, flagsOf(p))
	b = binary.AppendUvarint(b, p.Version)
	b = appendBytes(b, p.Position.SequenceNumber)
	b = binary.AppendVarint(b, p.Position.SubSequence)
	if w != nil {
		b = appendBytes(appendTime(appendTime(b, w.Start), w.End), w.State)
	}
	for _, t := range []time.Time{p.ResolvedUpTo, p.ClosedUpTo} {
		if !t.IsZero() {
			b = appendTime(b, t)
		}
	}
	return appendMore(b, p)
}

// appendMore appends the fields that identify the shard, if there are any.
func appendMore(b []byte, p driver.Progress) []byte {
	more := moreOf(p)
	if more == 0 {
		return b
	}
	b = append(b, more)
	if more&moreShardStart != 0 {
		b = appendBytes(b, p.ShardStart)
	}
	if more&moreStreamCreated != 0 {
		b = appendTime(b, p.StreamCreated)
	}
	return b
}

func moreOf(p driver.Progress) (more byte) {
	if p.ShardStart != "" {
		more |= moreShardStart
	}
	if !p.StreamCreated.IsZero() {
		more |= moreStreamCreated
	}
	return more
}

func flagsOf(p driver.Progress) (flags byte) {
	set := func(on bool, bit byte) {
		if on {
			flags |= bit
		}
	}
	set(moreOf(p) != 0, flagMore)
	set(p.End, flagEnd)
	set(p.Position.Partial, flagPartial)
	set(!p.ResolvedUpTo.IsZero(), flagResolvedUpTo)
	set(!p.ClosedUpTo.IsZero(), flagClosedUpTo)
	if w := p.Window; w != nil {
		set(true, flagWindow)
		set(w.Final, flagFinal)
		set(w.TerminatedEarly, flagTerminatedEarly)
	}
	return flags
}

// decodeRow is the inverse of encodeRow. Its result shares no memory with body.
func decodeRow(k key, body []byte) (row, error) {
	d := decoder{rest: body}
	if v := d.byte(); v != rowVersion && !d.bad {
		return row{}, damagef("%s: value of unknown version %d", k, v)
	}
	r := row{epoch: d.uvarint(), written: d.uvarint()}
	if r.written > 0 {
		r.progress = d.progress()
	}
	if d.bad || len(d.rest) > 0 || r.epoch == 0 || r.written > r.epoch {
		return row{}, damagef("%s: value does not parse", k)
	}
	return r, nil
}

// anchor is the anchor of a mapping. A settled one never moves again.
type anchor struct {
	at      time.Time
	settled bool
}

// settledMark ends the value of a settled anchor. Others end with their time.
const settledMark = 1

func encodeAnchor(a anchor) []byte {
	b := appendTime([]byte{rowVersion}, a.at)
	if a.settled {
		b = append(b, settledMark)
	}
	return b
}

func decodeAnchor(k key, body []byte) (anchor, error) {
	d := decoder{rest: body}
	if v := d.byte(); v != rowVersion && !d.bad {
		return anchor{}, damagef("%s: value of unknown version %d", k, v)
	}
	a := anchor{at: d.time()}
	if a.settled = len(d.rest) > 0; a.settled {
		d.bad = d.byte() != settledMark || d.bad
	}
	if d.bad || len(d.rest) > 0 {
		return anchor{}, damagef("%s: value does not parse", k)
	}
	return a, nil
}

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// decoder takes fields off the front of rest. If one is missing, bad is set and all further ones are zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) progress() (p driver.Progress) {
	flags := d.byte()
	d.bad = d.bad || flags&^byte(flagsKnown) != 0
	p.End = flags&flagEnd != 0
	p.Version = d.uvarint()
	p.Position = batch.Position{SequenceNumber: string(d.bytes()), SubSequence: d.varint(), Partial: flags&flagPartial != 0}
	p.Window = d.window(flags)
	if flags&flagResolvedUpTo != 0 {
		p.ResolvedUpTo = d.time()
	}
	if flags&flagClosedUpTo != 0 {
		p.ClosedUpTo = d.time()
	}
	if flags&flagMore != 0 {
		d.more(&p)
	}
	return p
}

// more reads the fields that identify the shard.
func (d *decoder) more(p *driver.Progress) {
	more := d.byte()
	d.bad = d.bad || more == 0 || more&^byte(moreKnown) != 0
	if more&moreShardStart != 0 {
		p.ShardStart = string(d.bytes())
	}
	if more&moreStreamCreated != 0 {
		p.StreamCreated = d.time()
	}
}

func (d *decoder) window(flags byte) *batch.Window {
	if flags&flagWindow == 0 {
		d.bad = d.bad || flags&(flagFinal|flagTerminatedEarly) != 0
		return nil
	}
	return &batch.Window{
		Start:           d.time(),
		End:             d.time(),
		State:           append([]byte(nil), d.bytes()...),
		Final:           flags&flagFinal != 0,
		TerminatedEarly: flags&flagTerminatedEarly != 0,
	}
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) time() time.Time {
	sec, nsec := d.varint(), d.uvarint()
	if nsec >= uint64(time.Second) {
		d.bad = true
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	return number(d, v, n)
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return number(d, v, n)
}

// number takes the n bytes off that v was read from.
func number[T int64 | uint64](d *decoder, v T, n int) T {
	if n <= 0 || d.bad {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}
