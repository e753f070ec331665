package mapping

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/shardmill/shardmill/batch"
)

// inOrder returns the records of a page, and how many of them were repeated in it and are omitted. It returns an error
// unless all others have a sequence number and are after the previous one, the first after read.
//
// A record is repeated if an earlier one of the page has its sequence number, its place in an aggregate, and its data.
// A record at or below read that is not in the page cannot be compared, and may be one that was never read: it is an
// error, like a sequence number that falls. A page without repeats is returned unchanged, and records is never written
// to.
func inOrder(read batch.Position, records []batch.Record) (page []batch.Record, repeats int, err error) {
	page = records
	for i := range records {
		r := &records[i]
		p := batch.PositionOf(r)
		switch {
		case p.SequenceNumber == "":
			return nil, 0, fmt.Errorf("mapping: record %d of a page has no sequence number", i)
		case p.Compare(read) > 0:
			read = p
			if repeats > 0 {
				page = append(page, *r)
			}
		case !contains(page[:i-repeats], r):
			return nil, 0, fmt.Errorf("mapping: the page brings record %s behind record %s, which must have a lower sequence number", p, read)
		default:
			if repeats == 0 {
				page = append(make([]batch.Record, 0, len(records)-1), records[:i]...)
			}
			repeats++
		}
	}
	return page, repeats, nil
}

// contains reports whether a record is among sorted records.
func contains(records []batch.Record, r *batch.Record) bool {
	p := batch.PositionOf(r)
	i := sort.Search(len(records), func(i int) bool { return batch.PositionOf(&records[i]).Compare(p) >= 0 })
	if i == len(records) {
		return false
	}
	found := &records[i]
	return batch.PositionOf(found) == p && bytes.Equal(found.Data, r.Data)
}
