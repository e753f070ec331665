package filter

// spill is a stack of values. The first few are in the spill itself, the rest on the heap. A slice of an array on the
// stack does not help: the compiler moves the array to the heap if it cannot prove the end of its use.
type spill[T any] struct {
	n     int
	first [firstFew]T
	rest  []T
}

const firstFew = 32

func (s *spill[T]) push(v T) {
	if s.n < firstFew {
		s.first[s.n] = v
	} else {
		s.rest = append(s.rest, v)
	}
	s.n++
}

// at returns a pointer to the i-th value.
func (s *spill[T]) at(i int) *T {
	if i < firstFew {
		return &s.first[i]
	}
	return &s.rest[i-firstFew]
}

// cut drops all values after the first n.
func (s *spill[T]) cut(n int) {
	s.n = n
	s.rest = s.rest[:max(0, n-firstFew)]
}

// grow adds zero values up to n. Only an empty spill may grow.
func (s *spill[T]) grow(n int) {
	s.n = n
	if n > firstFew {
		s.rest = make([]T, n-firstFew)
	}
}
