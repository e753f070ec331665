package filter

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLongListsOfStringsAreOneLookup: their cost does not depend on their length.
func TestLongListsOfStringsAreOneLookup(t *testing.T) {
	list := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, strconv.Quote(strconv.Itoa(i)))
		}
		return strings.Join(all, ",")
	}
	tests := func(values string) []test { return MustParse(`{"a":[` + values + `]}`).alternatives[0]["a"].tests }
	assert.Len(t, tests(list(packFrom-1)), packFrom-1)
	packed := tests(list(packFrom) + `,true`)
	assert.Len(t, packed, 2)
	assert.Equal(t, opStrings, packed[0].op)
	assert.Len(t, packed[0].set, packFrom)
	assert.Equal(t, opLiteral, packed[1].op)
	assert.Len(t, tests(`{"anything-but":[` + list(packFrom) + `]}`)[0].not, 1)
}

// TestSpillKeepsItsFirstValuesAndTheRest, and loses those that are cut.
func TestSpillKeepsItsFirstValuesAndTheRest(t *testing.T) {
	var s spill[int]
	for i := range firstFew + 3 {
		s.push(i)
	}
	assert.Equal(t, [3]int{0, firstFew - 1, firstFew + 2}, [3]int{*s.at(0), *s.at(firstFew - 1), *s.at(firstFew + 2)})
	s.cut(firstFew + 1)
	s.push(-1)
	assert.Equal(t, firstFew+2, s.n)
	assert.Equal(t, [2]int{firstFew, -1}, [2]int{*s.at(firstFew), *s.at(firstFew + 1)})
	s.cut(2)
	assert.Empty(t, s.rest)
	s.push(-2)
	assert.Equal(t, [2]int{1, -2}, [2]int{*s.at(1), *s.at(2)})

	var grown spill[int]
	grown.grow(firstFew + 2)
	assert.Equal(t, firstFew+2, grown.n)
	assert.Len(t, grown.rest, 2)
}

// TestManyKeysAreFoundByAMap, from a number on.
func TestManyKeysAreFoundByAMap(t *testing.T) {
	var n node
	for i := range indexFrom {
		assert.Nil(t, n.index)
		n.child(strconv.Itoa(i))
	}
	assert.Len(t, n.index, indexFrom)
	for _, c := range n.children {
		assert.Same(t, c, n.find([]byte(c.segment)))
		assert.Same(t, c, n.child(c.segment))
	}
}

// TestFieldsAreNumberedInTheOrderOfTheTree, so that what lies beneath a field is a range.
func TestFieldsAreNumberedInTheOrderOfTheTree(t *testing.T) {
	root := MustParse(`{"a":{"b":[1],"c":{"d":[1]}},"e":[1]}`).machine.root
	a := root.find([]byte("a"))
	for path, want := range map[string][2]int32{"a.b": {2, 2}, "a.c": {3, 4}, "a.c.d": {4, 4}, "e": {5, 5}} {
		n := root.find([]byte(path))
		assert.Equal(t, want, [2]int32{n.first, n.last}, path)
	}
	assert.Equal(t, [4]int32{0, 5, 1, 4}, [4]int32{root.first, root.last, a.first, a.last})
}
