package kinesistest

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// encoder appends an answer in its form to buf. It exists because a page may have 10,000 records: appending them takes a
// fraction of what encoding/json needs, and encoding/json would write the SDK's types in another form than the service.
type encoder struct {
	buf   []byte
	form  form
	nulls bool    // absent members are written, as null
	odd   oddTime // takes the place of every time
}

// encoder returns an encoder that writes in the fault's manner.
func (f *Fault) encoder(buf []byte, as form) encoder {
	return encoder{buf: buf, form: as, nulls: f.Kind == NullMembers, odd: f.odd}
}

func (e *encoder) open()  { e.bracket(cborMap, true) }
func (e *encoder) close() { e.bracket(cborMap, false) }

// bracket begins or ends a map or a list. In CBOR its length is indefinite, as from the service's library.
func (e *encoder) bracket(major byte, begin bool) {
	var b byte
	switch {
	case e.form == cborForm && begin:
		b = major | cborIndefinite
	case e.form == cborForm:
		b = cborBreak
	case major == cborMap && begin:
		b = '{'
	case major == cborMap:
		b = '}'
	case begin:
		b = '['
	default:
		b = ']'
	}
	e.buf = append(e.buf, b)
}

// comma separates what follows from its neighbour, if there is one.
func (e *encoder) comma() {
	if e.form == cborForm {
		return
	}
	if n := len(e.buf); n > 0 && e.buf[n-1] != '{' && e.buf[n-1] != '[' {
		e.buf = append(e.buf, ',')
	}
}

// name begins a member. Its name needs no escaping.
func (e *encoder) name(name string) {
	if e.form == cborForm {
		e.buf = append(appendCBOR(e.buf, cborText, uint64(len(name))), name...)
		return
	}
	e.comma()
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '"', ':')
}

// absent writes an absent member, and reports whether it is absent.
func (e *encoder) absent(name string, is bool) bool {
	if is && e.nulls {
		e.name(name)
		e.null()
	}
	return is
}

func (e *encoder) null() {
	if e.form == cborForm {
		e.buf = append(e.buf, cborSimple|cborNull)
		return
	}
	e.buf = append(e.buf, "null"...)
}

// text writes a member, unless it is absent.
func (e *encoder) text(name string, v *string) {
	if !e.absent(name, v == nil) {
		e.name(name)
		e.string(*v)
	}
}

// enum writes a member, unless it is empty.
func (e *encoder) enum(name, v string) {
	if v != "" {
		e.text(name, &v)
	}
}

func (e *encoder) int32(name string, v *int32) {
	if !e.absent(name, v == nil) {
		e.int64(name, new(int64(*v)))
	}
}

// int64 writes a member, unless it is absent.
func (e *encoder) int64(name string, v *int64) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	switch {
	case e.form == jsonForm:
		e.buf = strconv.AppendInt(e.buf, *v, 10)
	case *v < 0:
		e.buf = appendCBOR(e.buf, cborNegative, uint64(-1-*v))
	default:
		e.buf = appendCBOR(e.buf, cborUnsigned, uint64(*v))
	}
}

func (e *encoder) bool(name string, v *bool) {
	if v == nil {
		return
	}
	e.name(name)
	switch {
	case e.form == jsonForm:
		e.buf = strconv.AppendBool(e.buf, *v)
	case *v:
		e.buf = append(e.buf, cborSimple|cborTrue)
	default:
		e.buf = append(e.buf, cborSimple|cborFalse)
	}
}

// time writes seconds with three decimals, in CBOR milliseconds. The times of a Service lie behind 1970.
func (e *encoder) time(name string, v *time.Time) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	var done bool
	if e.buf, done = e.odd.append(e.buf, e.form); done {
		return
	}
	ms := v.UnixMilli()
	if e.form == cborForm {
		e.buf = appendCBOR(append(e.buf, cborTag|cborEpochTime), cborUnsigned, uint64(ms))
		return
	}
	e.buf = strconv.AppendInt(e.buf, ms/1000, 10)
	e.buf = append(e.buf, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

func (e *encoder) blob(name string, v []byte) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	if e.form == cborForm {
		e.buf = append(appendCBOR(e.buf, cborBytes, uint64(len(v))), v...)
		return
	}
	e.quoted(v)
}

// quoted writes a blob as JSON has it.
func (e *encoder) quoted(blob []byte) {
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, blob)
	e.buf = append(e.buf, '"')
}

func (e *encoder) string(s string) {
	if e.form == jsonForm {
		e.quote(s)
		return
	}
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // what a text can't hold becomes U+FFFD
	}
	e.buf = append(appendCBOR(e.buf, cborText, uint64(len(s))), s...)
}

// quote writes a text as JSON has it.
func (e *encoder) quote(s string) {
	e.buf = append(e.buf, '"')
	start := 0
	for i, r := range s {
		if r >= ' ' && r != '"' && r != '\\' && r != utf8.RuneError {
			continue
		}
		e.buf = append(e.buf, s[start:i]...)
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case r == '"' || r == '\\':
			e.buf = append(e.buf, '\\', byte(r))
		case r == utf8.RuneError:
			e.buf = append(e.buf, string(utf8.RuneError)...) // what JSON can't hold
			start = i + size
			continue
		default:
			const hex = "0123456789abcdef"
			e.buf = append(e.buf, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		}
		start = i + 1
	}
	e.buf = append(e.buf, s[start:]...)
	e.buf = append(e.buf, '"')
}

// list writes a member that is a list, unless it is nil.
func list[T any](e *encoder, name string, items []T, each func(*encoder, *T)) {
	if e.absent(name, items == nil) {
		return
	}
	e.name(name)
	e.bracket(cborList, true)
	for i := range items {
		e.comma()
		each(e, &items[i])
	}
	e.bracket(cborList, false)
}

func encodeGetRecords(e *encoder, out *kinesis.GetRecordsOutput) {
	e.int64("MillisBehindLatest", out.MillisBehindLatest)
	e.text("NextShardIterator", out.NextShardIterator)
	list(e, "ChildShards", out.ChildShards, encodeChild)
	list(e, "Records", out.Records, encodeRecord)
}

func encodeRecord(e *encoder, r *types.Record) {
	e.open()
	e.text("SequenceNumber", r.SequenceNumber)
	e.time("ApproximateArrivalTimestamp", r.ApproximateArrivalTimestamp)
	e.blob("Data", r.Data)
	e.text("PartitionKey", r.PartitionKey)
	e.close()
}

func encodeChild(e *encoder, c *types.ChildShard) {
	e.open()
	e.text("ShardId", c.ShardId)
	list(e, "ParentShards", c.ParentShards, (*encoder).item)
	encodeHashKeys(e, c.HashKeyRange)
	e.close()
}

func (e *encoder) item(s *string) { e.string(*s) }

func encodeHashKeys(e *encoder, r *types.HashKeyRange) {
	if e.absent("HashKeyRange", r == nil) {
		return
	}
	e.name("HashKeyRange")
	e.open()
	e.text("StartingHashKey", r.StartingHashKey)
	e.text("EndingHashKey", r.EndingHashKey)
	e.close()
}

func encodeShard(e *encoder, sh *types.Shard) {
	e.open()
	e.text("ShardId", sh.ShardId)
	e.text("ParentShardId", sh.ParentShardId)
	e.text("AdjacentParentShardId", sh.AdjacentParentShardId)
	encodeHashKeys(e, sh.HashKeyRange)
	e.name("SequenceNumberRange")
	e.open()
	e.text("StartingSequenceNumber", sh.SequenceNumberRange.StartingSequenceNumber)
	e.text("EndingSequenceNumber", sh.SequenceNumberRange.EndingSequenceNumber)
	e.close()
	e.close()
}
