package batch

import "iter"

// Records are some records of a shard, in the order of the stream. Neither they nor the records are ever written to,
// and both stay valid for as long as they are referenced. The zero Records are empty.
//
// Records are small and passed by value. They refer to pages instead of copying from them. A record costs a batch at
// most eight bytes, and its page is not garbage collected.
type Records struct {
	// At most one of the two is set.
	run    []Record  // consecutive records of their page, as all are without filters and lanes
	picked []*Record // records with others between them that are not in this batch
}

// RecordsOf returns Records of the whole slice. The slice belongs to them from then on.
func RecordsOf(records []Record) Records { return Records{run: records} }

// Len returns the number of records.
func (rs Records) Len() int { return len(rs.run) + len(rs.picked) }

// At returns the record at index i, counted from 0. It panics if i is not below Len.
func (rs Records) At(i int) *Record {
	if rs.picked != nil {
		return rs.picked[i]
	}
	return &rs.run[i]
}

// All yields the records with their indices.
func (rs Records) All() iter.Seq2[int, *Record] {
	return func(yield func(int, *Record) bool) {
		for i := range rs.Len() {
			if !yield(i, rs.At(i)) {
				return
			}
		}
	}
}

// Slice returns the records from index i up to, but not including, index j. It panics if that is out of range.
func (rs Records) Slice(i, j int) Records {
	if rs.picked != nil {
		return Records{picked: rs.picked[i:j:j]}
	}
	return Records{run: rs.run[i:j:j]}
}
