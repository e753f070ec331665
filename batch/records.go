package batch

import "iter"

// Records are some records of a shard, in the order of the stream. Neither they nor the records are ever written to, and
// both stay valid for as long as they are referenced. The zero Records are none.
//
// Records are small and passed by value. They refer to the pages that were read instead of copying from them, so
// that a record costs a batch eight bytes at most, and keep those pages from being collected.
type Records struct {
	// Of the two at most one is set.
	run    []Record  // records that stand side by side in their page, as all do without filters and lanes
	picked []*Record // records with others between them, which are not of this batch
}

// RecordsOf returns Records of all that the slice holds. The slice belongs to them from then on.
func RecordsOf(records []Record) Records { return Records{run: records} }

// Len returns the number of records.
func (rs Records) Len() int { return len(rs.run) + len(rs.picked) }

// At returns the record at index i, counted from 0. It panics when i is not below Len.
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

// Slice returns the records from index i up to, not including, index j. It panics when that is out of range.
func (rs Records) Slice(i, j int) Records {
	if rs.picked != nil {
		return Records{picked: rs.picked[i:j:j]}
	}
	return Records{run: rs.run[i:j:j]}
}
