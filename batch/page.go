package batch

import (
	"slices"
	"time"
)

// page is an offered Page with its place among all records of the shard.
type page struct {
	records []Record
	base    uint64 // ordinal of records[0]; ordinals count the offered records, including filtered ones
	charge  int    // its share of the buffer until the frontier has passed all of it
}

// ref names a record of a page.
type ref struct {
	page  *page
	index int
}

func (r ref) record() *Record { return &r.page.records[r.index] }
func (r ref) ordinal() uint64 { return r.page.base + uint64(r.index) }

// frontier is the boundary of the resolved records, with the pages above it.
type frontier struct {
	pages    []*page // those with an unresolved record, oldest first
	offered  uint64  // ordinals assigned so far
	resolved uint64  // every record with an ordinal below it is resolved
	position Position
	arrived  time.Time // when the record at position arrived
	held     int       // sum of the pages' charges
}

// add takes in a page and assigns ordinals to its records.
func (f *frontier) add(records []Record) *page {
	p := &page{records: records, base: f.offered}
	for i := range records {
		p.charge += len(records[i].Data) + RecordOverhead
	}
	f.offered += uint64(len(records))
	f.held += p.charge
	f.pages = append(f.pages, p)
	return p
}

// advance moves the frontier so that every ordinal below resolved counts as resolved, releases the pages that are
// completely below it, and reports whether it moved.
func (f *frontier) advance(resolved uint64) bool {
	if resolved <= f.resolved {
		return false
	}
	f.resolved = resolved
	passed := 0
	for _, p := range f.pages {
		if resolved < p.base+uint64(len(p.records)) {
			break
		}
		f.stand(&p.records[len(p.records)-1])
		f.held -= p.charge
		passed++
	}
	f.pages = slices.Delete(f.pages, 0, passed)
	if len(f.pages) > 0 && resolved > f.pages[0].base {
		p := f.pages[0]
		f.stand(&p.records[resolved-p.base-1])
	}
	return true
}

// stand puts the position after r.
func (f *frontier) stand(r *Record) {
	f.position, f.arrived = PositionOf(r), r.ArrivalTime
}
