package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shardmill/shardmill/batch"
)

const (
	// DefaultLimit is how many filters a mapping may have.
	DefaultLimit = 5

	// MaxLimit is how many filters AWS allows on request.
	MaxLimit = 10
)

// MatchResult is the result of a mapping's filters for a record.
type MatchResult uint8

const (
	// Filtered means that no filter lets the record through.
	Filtered MatchResult = iota

	// NotJSON means that no filter lets the record through, and that a filter asks about its data, which is not JSON.
	NotJSON

	// Passed means that a filter lets the record through, or that there are none.
	Passed
)

// Passes reports whether the record must be delivered.
func (r MatchResult) Passes() bool { return r == Passed }

// String returns the result in a word, for logs.
func (r MatchResult) String() string {
	switch r {
	case Filtered:
		return "filtered"
	case NotJSON:
		return "not JSON"
	case Passed:
		return "passed"
	}
	return "MatchResult(" + strconv.Itoa(int(r)) + ")"
}

// Criteria are the filters of a mapping, compiled into one matcher: a record passes if it matches any of them.
// They are read-only and may be used by any number of goroutines.
//
// The root of their patterns is a record, as it stands under "kinesis" in the event of a function, but with its data
// decoded: the keys are data, partitionKey, sequenceNumber, approximateArrivalTimestamp (a number, in seconds) and
// kinesisSchemaVersion.
type Criteria struct {
	machine machine

	unmatchable []Unmatchable

	// The fields of the root, nil if no filter asks about them.
	data, partitionKey, sequenceNumber, arrival, version *node
}

// Compile compiles the patterns of a mapping's filters into one matcher. Without patterns, every record passes. The
// limit is the number of filters allowed, at most [MaxLimit]; 0 means [DefaultLimit].
//
// The error lists all invalid patterns, with an [*Error] for each. A pattern for data must be an object.
func Compile(patterns []string, limit int) (*Criteria, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 1 || limit > MaxLimit {
		return nil, fmt.Errorf("filter: a limit of %d filters, where 1 to %d are possible", limit, MaxLimit)
	}
	if len(patterns) > limit {
		// The text is ours, modelled on that of AWS for other members.
		return nil, fmt.Errorf("1 validation error detected: Value with %d members at 'filterCriteria.filters' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", len(patterns), limit)
	}
	var (
		parsed [][]alternative
		errs   []error
	)
	for i, text := range patterns {
		p, err := Parse(text)
		if err == nil {
			err = checkData(p.alternatives)
		}
		if e := (*Error)(nil); errors.As(err, &e) {
			e.Filter = i + 1
			errs = append(errs, e)
			continue
		}
		parsed = append(parsed, p.alternatives)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return newCriteria(parsed), nil
}

// checkData returns an error for a pattern that matches data itself against values.
func checkData(alternatives []alternative) error {
	for _, a := range alternatives {
		if c := a["data"]; c != nil {
			return &Error{Line: c.line, Path: "data", Reason: "the pattern for data must be a JSON object"}
		}
	}
	return nil
}

func newCriteria(patterns [][]alternative) *Criteria {
	c := &Criteria{machine: newMachine(patterns...), unmatchable: unmatchable(patterns)}
	for _, n := range c.machine.root.children {
		switch n.segment {
		case "data":
			c.data = n
		case "partitionKey":
			c.partitionKey = n
		case "sequenceNumber":
			c.sequenceNumber = n
		case "approximateArrivalTimestamp":
			c.arrival = n
		case "kinesisSchemaVersion":
			c.version = n
		}
	}
	for i := range c.machine.alternatives {
		all := &c.machine.alternatives[i]
		for _, condition := range all.conditions {
			all.ofData = all.ofData || strings.HasPrefix(condition.path, "data.")
		}
	}
	return c
}

// Match applies the filters to a record. It neither retains nor changes the record and its data. Like [Pattern.Match],
// it does not allocate in the usual case.
//
// A filter that asks about data passes no record whose data is not JSON, not even if it asks for the absence of a
// field. In a $or, this applies to the branches that ask about data.
func (c *Criteria) Match(r *batch.Record) MatchResult {
	if len(c.machine.alternatives) == 0 {
		return Passed
	}
	var w walk
	w.begin(&c.machine)
	readable := c.data == nil || w.document(r.Data, c.data)
	c.metadata(&w, r)
	for i := range c.machine.alternatives {
		all := &c.machine.alternatives[i]
		if (readable || !all.ofData) && w.holds(all) {
			return Passed
		}
	}
	if !readable {
		return NotJSON
	}
	return Filtered
}

// schemaVersion is the kinesisSchemaVersion of all events.
const schemaVersion = "1.0"

// metadata marks the conditions that hold for the fields other than data.
func (c *Criteria) metadata(w *walk, r *batch.Record) {
	w.key(c.partitionKey, r.PartitionKey)
	w.text(c.sequenceNumber, r.SequenceNumber)
	w.text(c.version, schemaVersion)
	if c.arrival != nil {
		var buffer [32]byte
		w.numberLeaf(c.arrival, appendSeconds(buffer[:0], r.ArrivalTime))
	}
}

// key tests a partition key. In the event it is null if the record has none.
func (w *walk) key(n *node, key string) {
	if key == "" && n != nil {
		w.leaf(n, &value{kind: aNull})
		return
	}
	w.text(n, key)
}

// text tests a string that is not part of the walked text.
func (w *walk) text(n *node, s string) {
	if n == nil || len(n.conditions) == 0 {
		return
	}
	w.leaf(n, &value{kind: aString, text: append(w.scratch[:0], s...)})
}

// appendSeconds appends a time as events have it: in seconds, with three decimals for the milliseconds.
func appendSeconds(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	return append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}
