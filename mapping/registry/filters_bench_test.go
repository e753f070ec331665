package registry

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkHostileFilters checks patterns that are made to cost much.
func BenchmarkHostileFilters(b *testing.B) {
	for _, n := range []int{2, 4, 8, 16} {
		or := strings.Repeat(`{"$or":[{"a":["x"]},{"b":["y"]}],"c":`, n) + `["z"]` + strings.Repeat("}", n)
		b.Run(fmt.Sprint("or", n), func(b *testing.B) {
			for b.Loop() {
				in := CreateInput{}
				in.FilterCriteria = &FilterCriteria{Filters: []Filter{{Pattern: `{"data":` + or + `}`}}}
				d := newDefinition()
				d.set(&in.Settings)
				_ = d.checkFilters()
			}
		})
	}
}
