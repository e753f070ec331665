package wire

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// Encoder appends an answer in its form to Buf. It exists because a page may have 10,000 records: appending them takes a
// fraction of what encoding/json needs, and encoding/json would write the SDK's types in another form than the service.
type Encoder struct {
	Buf   []byte
	Form  Form
	Nulls bool    // absent members are written, as null
	Odd   OddTime // takes the place of every time
}

// Open begins the answer.
func (e *Encoder) Open() { e.bracket(cborMap, true) }

// Close ends the answer.
func (e *Encoder) Close() { e.bracket(cborMap, false) }

// bracket begins or ends a map or a list. In CBOR its length is indefinite, as from the service's library.
func (e *Encoder) bracket(major byte, begin bool) {
	var b byte
	switch {
	case e.Form == CBOR && begin:
		b = major | cborIndefinite
	case e.Form == CBOR:
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
	e.Buf = append(e.Buf, b)
}

// comma separates what follows from its neighbour, if there is one.
func (e *Encoder) comma() {
	if e.Form == CBOR {
		return
	}
	if n := len(e.Buf); n > 0 && e.Buf[n-1] != '{' && e.Buf[n-1] != '[' {
		e.Buf = append(e.Buf, ',')
	}
}

// name begins a member. Its name needs no escaping.
func (e *Encoder) name(name string) {
	if e.Form == CBOR {
		e.Buf = append(appendCBOR(e.Buf, cborText, uint64(len(name))), name...)
		return
	}
	e.comma()
	e.Buf = append(e.Buf, '"')
	e.Buf = append(e.Buf, name...)
	e.Buf = append(e.Buf, '"', ':')
}

// absent writes an absent member, and reports whether it is absent.
func (e *Encoder) absent(name string, is bool) bool {
	if is && e.Nulls {
		e.name(name)
		e.null()
	}
	return is
}

func (e *Encoder) null() {
	if e.Form == CBOR {
		e.Buf = append(e.Buf, cborSimple|cborNull)
		return
	}
	e.Buf = append(e.Buf, "null"...)
}

// text writes a member, unless it is absent.
func (e *Encoder) text(name string, v *string) {
	if !e.absent(name, v == nil) {
		e.name(name)
		e.string(*v)
	}
}

// enum writes a member, unless it is empty.
func (e *Encoder) enum(name, v string) {
	if v != "" {
		e.text(name, &v)
	}
}

func (e *Encoder) int32(name string, v *int32) {
	if !e.absent(name, v == nil) {
		e.int64(name, new(int64(*v)))
	}
}

// int64 writes a member, unless it is absent.
func (e *Encoder) int64(name string, v *int64) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	switch {
	case e.Form == JSON:
		e.Buf = strconv.AppendInt(e.Buf, *v, 10)
	case *v < 0:
		e.Buf = appendCBOR(e.Buf, cborNegative, uint64(-1-*v))
	default:
		e.Buf = appendCBOR(e.Buf, cborUnsigned, uint64(*v))
	}
}

func (e *Encoder) bool(name string, v *bool) {
	if v == nil {
		return
	}
	e.name(name)
	switch {
	case e.Form == JSON:
		e.Buf = strconv.AppendBool(e.Buf, *v)
	case *v:
		e.Buf = append(e.Buf, cborSimple|cborTrue)
	default:
		e.Buf = append(e.Buf, cborSimple|cborFalse)
	}
}

// time writes seconds with three decimals, in CBOR milliseconds. The times of a Service lie behind 1970.
func (e *Encoder) time(name string, v *time.Time) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	var done bool
	if e.Buf, done = e.Odd.append(e.Buf, e.Form); done {
		return
	}
	ms := v.UnixMilli()
	if e.Form == CBOR {
		e.Buf = appendCBOR(append(e.Buf, cborTag|cborEpochTime), cborUnsigned, uint64(ms))
		return
	}
	e.Buf = strconv.AppendInt(e.Buf, ms/1000, 10)
	e.Buf = append(e.Buf, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

func (e *Encoder) blob(name string, v []byte) {
	if e.absent(name, v == nil) {
		return
	}
	e.name(name)
	if e.Form == CBOR {
		e.Buf = append(appendCBOR(e.Buf, cborBytes, uint64(len(v))), v...)
		return
	}
	e.quoted(v)
}

// quoted writes a blob as JSON has it.
func (e *Encoder) quoted(blob []byte) {
	e.Buf = append(e.Buf, '"')
	e.Buf = base64.StdEncoding.AppendEncode(e.Buf, blob)
	e.Buf = append(e.Buf, '"')
}

func (e *Encoder) string(s string) {
	if e.Form == JSON {
		e.quote(s)
		return
	}
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // what a text can't hold becomes U+FFFD
	}
	e.Buf = append(appendCBOR(e.Buf, cborText, uint64(len(s))), s...)
}

// quote writes a text as JSON has it.
func (e *Encoder) quote(s string) {
	e.Buf = append(e.Buf, '"')
	start := 0
	for i, r := range s {
		if r >= ' ' && r != '"' && r != '\\' && r != utf8.RuneError {
			continue
		}
		e.Buf = append(e.Buf, s[start:i]...)
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case r == '"' || r == '\\':
			e.Buf = append(e.Buf, '\\', byte(r))
		case r == utf8.RuneError:
			e.Buf = append(e.Buf, string(utf8.RuneError)...) // what JSON can't hold
			start = i + size
			continue
		default:
			const hex = "0123456789abcdef"
			e.Buf = append(e.Buf, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		}
		start = i + 1
	}
	e.Buf = append(e.Buf, s[start:]...)
	e.Buf = append(e.Buf, '"')
}

// list writes a member that is a list, unless it is nil.
func list[T any](e *Encoder, name string, items []T, each func(*Encoder, *T)) {
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

// EncodeGetRecords writes the answer of GetRecords.
func EncodeGetRecords(e *Encoder, out *kinesis.GetRecordsOutput) {
	e.int64("MillisBehindLatest", out.MillisBehindLatest)
	e.text("NextShardIterator", out.NextShardIterator)
	list(e, "ChildShards", out.ChildShards, encodeChild)
	list(e, "Records", out.Records, encodeRecord)
}

func encodeRecord(e *Encoder, r *types.Record) {
	e.Open()
	e.text("SequenceNumber", r.SequenceNumber)
	e.time("ApproximateArrivalTimestamp", r.ApproximateArrivalTimestamp)
	e.blob("Data", r.Data)
	e.text("PartitionKey", r.PartitionKey)
	e.Close()
}

func encodeChild(e *Encoder, c *types.ChildShard) {
	e.Open()
	e.text("ShardId", c.ShardId)
	list(e, "ParentShards", c.ParentShards, (*Encoder).item)
	encodeHashKeys(e, c.HashKeyRange)
	e.Close()
}

func (e *Encoder) item(s *string) { e.string(*s) }

func encodeHashKeys(e *Encoder, r *types.HashKeyRange) {
	if e.absent("HashKeyRange", r == nil) {
		return
	}
	e.name("HashKeyRange")
	e.Open()
	e.text("StartingHashKey", r.StartingHashKey)
	e.text("EndingHashKey", r.EndingHashKey)
	e.Close()
}

func encodeShard(e *Encoder, sh *types.Shard) {
	e.Open()
	e.text("ShardId", sh.ShardId)
	e.text("ParentShardId", sh.ParentShardId)
	e.text("AdjacentParentShardId", sh.AdjacentParentShardId)
	encodeHashKeys(e, sh.HashKeyRange)
	e.name("SequenceNumberRange")
	e.Open()
	e.text("StartingSequenceNumber", sh.SequenceNumberRange.StartingSequenceNumber)
	e.text("EndingSequenceNumber", sh.SequenceNumberRange.EndingSequenceNumber)
	e.Close()
	e.Close()
}
