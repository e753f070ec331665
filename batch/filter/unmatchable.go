package filter

import (
	"maps"
	"slices"
	"strings"
)

// Unmatchable is a filter that no record can match, because it asks for a field that no record has.
type Unmatchable struct {
	Filter int    // its place among the patterns, from 1
	Path   string // the field, its keys joined by dots; the first one where there are several
}

// Unmatchable returns the filters that no record can match, in order. A record has the fields partitionKey, sequenceNumber,
// approximateArrivalTimestamp and kinesisSchemaVersion, with nothing beneath them, and whatever its data has beneath
// data: a filter for a field of any other name, as in {"kinesis": {"data": …}} or {"eventName": …}, drops every record. That
// is no mistake in the grammar, and AWS accepts it.
func (c *Criteria) Unmatchable() []Unmatchable { return c.unmatchable }

// unmatchable returns those of some patterns.
func unmatchable(patterns [][]alternative) (all []Unmatchable) {
	for i, alternatives := range patterns {
		first := ""
		for _, a := range alternatives {
			path, ok := a.missing()
			if !ok {
				first = ""
				break
			}
			if first == "" {
				first = path
			}
		}
		if first != "" {
			all = append(all, Unmatchable{Filter: i + 1, Path: first})
		}
	}
	return all
}

// missing returns the first field that must exist for an alternative to match, and that no record has.
func (a alternative) missing() (path string, ok bool) {
	for _, path := range slices.Sorted(maps.Keys(a)) {
		if !a[path].absent && !ofARecord(path) {
			return path, true
		}
	}
	return "", false
}

// ofARecord reports whether a record can have a field.
func ofARecord(path string) bool {
	switch path {
	case "partitionKey", "sequenceNumber", "approximateArrivalTimestamp", "kinesisSchemaVersion":
		return true
	}
	return strings.HasPrefix(path, "data.")
}
