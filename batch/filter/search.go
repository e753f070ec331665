package filter

import "encoding/binary"

// search looks for leaves, one for each condition of an alternative, that belong together: no two of them lie in
// different elements of the same array. This is exactly the engine's rule:
//
//   - Conditions are taken in the order of their paths. Each takes a leaf at which it holds and which belongs to those
//     taken before, or, if it allows absence, none.
//   - A field is absent if none of its leaves belongs to those taken so far. So an absent field is searched within the
//     array element of a field that sorts before it, and everywhere if there is none.
//
// Only events with arrays of objects or of arrays on the path of a pattern are searched.
type search struct {
	conditions []*condition
	taken      spill[int32] // array elements around the leaves taken, each with all those around it
	steps      int
	failed     map[string]bool // situations known to fail
}

const (
	// rememberFrom is the number of steps from which failed situations are remembered, so that independent arrays are
	// not tried in all combinations.
	rememberFrom = 256

	// maxSteps and stepsPerMark limit the steps of a search. Each step looks at one leaf. Only events with very many
	// duplicate keys, or with arrays in arrays, need more. They do not match.
	maxSteps     = 1 << 18
	stepsPerMark = 16
)

// from reports whether leaves can be found for the conditions from the i-th on.
func (s *search) from(w *walk, i int) bool {
	if i == len(s.conditions) {
		return true
	}
	if s.steps <= rememberFrom {
		return s.try(w, i)
	}
	key := s.key(w, i)
	if s.failed[key] || s.steps > maxSteps+stepsPerMark*len(s.conditions)*w.marks.n {
		return false
	}
	if s.try(w, i) {
		return true
	}
	if s.failed == nil {
		s.failed = map[string]bool{}
	}
	s.failed[key] = true
	return false
}

func (s *search) try(w *walk, i int) bool {
	c, before := s.conditions[i], s.taken.n
	for m := *w.heads.at(c.hit); m != 0; {
		s.steps++
		elem := w.marks.at(int(m)).elem
		other := s.take(w, elem)
		if other == 0 && s.from(w, i+1) {
			return true
		}
		s.taken.cut(before)
		m = w.candidate(m, other)
	}
	return c.absent && !s.present(w, c) && s.from(w, i+1)
}

// present reports whether a leaf of the condition's field belongs to the taken leaves.
func (s *search) present(w *walk, c *condition) bool {
	before := s.taken.n
	for m := *w.heads.at(c.presence); m != 0; {
		s.steps++
		elem := w.marks.at(int(m)).elem
		other := s.take(w, elem)
		s.taken.cut(before)
		if other == 0 {
			return true
		}
		m = w.candidate(m, other)
	}
	return false
}

// take adds an array element and those around it. If another element of the same array was taken before, it returns
// that one, or else 0. After a refusal the caller drops what was added.
func (s *search) take(w *walk, elem int32) (other int32) {
	for elem != 0 {
		e := w.elems.at(int(elem))
		for i := range s.taken.n {
			t := *s.taken.at(i)
			if t == elem {
				return 0 // and so are those around it
			}
			if w.elems.at(int(t)).array == e.array {
				return t
			}
		}
		s.taken.push(elem)
		elem = e.parent
	}
	return 0
}

// candidate returns the next mark of a slot after m that may belong to those taken, or 0. If m did not, there is an
// element other than m's that was taken of the same array. Then what lies between the two, or what lies in the array
// and before both, does not belong either: an element of that array was taken for a field that sorts before m's, so m's
// is no scalar of that array, and all marks of its slot in that part of the text lie within elements of the array.
func (w *walk) candidate(m, other int32) int32 {
	at := w.marks.at(int(m))
	if other == 0 {
		return at.next
	}
	limit := w.elems.at(int(other)).array
	if at.elem > other {
		limit = w.elems.at(int(other)).end
	}
	for m != 0 && at.elem >= limit {
		if far := w.marks.at(int(at.far)); at.far != 0 && far.elem >= limit {
			m, at = at.far, far
			continue
		}
		m = at.next
		at = w.marks.at(int(m))
	}
	return m
}

// key describes what the conditions from the i-th on depend on: the elements taken of arrays that they may lie in.
func (s *search) key(w *walk, i int) string {
	key := binary.AppendUvarint(nil, uint64(i))
	for j := range s.taken.n {
		t := *s.taken.at(j)
		n := w.elems.at(int(t)).node
		for _, c := range s.conditions[i:] {
			if n.first <= c.at.first && c.at.first <= n.last {
				key = binary.AppendVarint(key, int64(t))
				break
			}
		}
	}
	return string(key)
}
