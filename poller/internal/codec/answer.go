package codec

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// maxRecords is the most that one GetRecords returns, from its API reference. It bounds estimates only.
const maxRecords = 10_000

// answer is what one pass over a body gives. Records have their SequenceNumber, PartitionKey, Data and ArrivalTime.
type answer struct {
	records    []batch.Record
	encryption []types.EncryptionType // of each record, or nil where none is encrypted
	next       *string
	behind     *int64
	children   []byte // as JSON, where there are any
}

// page is an answer in the making.
type page struct {
	answer
	blocks blocks
}

// parts is a record as it stands in the body. It is copied out when it is known to be whole.
type parts struct {
	sequence, key, data []byte
	arrival             time.Time
	encryption          types.EncryptionType
}

// add makes a record of r, whose data are in their place already.
func (p *page) add(r *parts, data []byte, at progress) {
	n := len(p.records)
	if n == cap(p.records) {
		more := 1 + at.left/max(at.done/(n+1), 1)
		p.records = slices.Grow(p.records, min(more+more/64, maxRecords))
	}
	p.records = p.records[:n+1] // zero: nothing was there before
	added := &p.records[n]
	added.Data = data
	added.SequenceNumber, added.PartitionKey = p.blocks.strings(r.sequence, r.key, at)
	added.ArrivalTime = r.arrival
	if r.encryption != "" || p.encryption != nil {
		p.encrypted(r.encryption)
	}
}

// encrypted notes the encryption of the last record.
func (p *page) encrypted(e types.EncryptionType) {
	if p.encryption == nil {
		p.encryption = make([]types.EncryptionType, len(p.records)-1, cap(p.records))
	}
	p.encryption = append(p.encryption, e)
}

// encryptionType makes no string of the values that there are.
func encryptionType(name []byte) types.EncryptionType {
	switch string(name) {
	case string(types.EncryptionTypeNone):
		return types.EncryptionTypeNone
	case string(types.EncryptionTypeKms):
		return types.EncryptionTypeKms
	}
	return types.EncryptionType(name)
}

// clip gives back room for records that did not come.
func (a *answer) clip() {
	if len(a.records) < cap(a.records)/4*3 {
		a.records = slices.Clone(a.records)
	}
}

// typed returns the records as the SDK has them. They point into a's, one allocation for all.
func (a *answer) typed() []types.Record {
	out := make([]types.Record, len(a.records))
	for i := range a.records {
		r := &a.records[i]
		out[i] = types.Record{SequenceNumber: &r.SequenceNumber, Data: r.Data, ApproximateArrivalTimestamp: &r.ArrivalTime}
		if r.PartitionKey != "" {
			out[i].PartitionKey = &r.PartitionKey
		}
		if a.encryption != nil {
			out[i].EncryptionType = a.encryption[i]
		}
	}
	return out
}
