package filter

// spill is a stack of values of which the first few lie in the spill itself, the rest on the heap. A slice of an array
// on the stack would not do: the compiler moves that to the heap where it cannot see the end of its use.
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

// at returns the i-th value, for reading and writing.
func (s *spill[T]) at(i int) *T {
	if i < firstFew {
		return &s.first[i]
	}
	return &s.rest[i-firstFew]
}

// cut drops all but the first n values.
func (s *spill[T]) cut(n int) {
	s.n = n
	if len(s.rest) > 0 {
		s.rest = s.rest[:max(0, n-firstFew)]
	}
}

// grow adds zero values up to n. Only an empty spill may grow.
func (s *spill[T]) grow(n int) {
	s.n = n
	if n > firstFew {
		s.rest = make([]T, n-firstFew)
	}
}
