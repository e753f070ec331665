package filter

import (
	"encoding/binary"
	"slices"
)

const (
	// maxComplexity is ours, since AWS does not publish its own. Recorded answers say that a complexity of 7
	// ("/Users/*/dir/dir/dir/dir/dir/doc.txt") is allowed, and one of 11 ("*:*:*:*:*:event-bus/*") is not.
	maxComplexity = 10

	// maxStates ends the search for the complexity of a very long wildcard, which is then allowed: the limit is AWS's,
	// the matcher here does not need it.
	maxStates = 5_000
)

// complexity is the engine's measure of a wildcard: the most places within it that one text can reach at the same
// time. Each star is two places, the one in front of it and the one within it.
func (g glob) complexity() int {
	if len(g) == 1 {
		return 1
	}
	m := g.machine()
	var (
		queue = [][]int{{0}}
		known = map[string]bool{}
		most  = 0
	)
	for len(queue) > 0 {
		places := queue[0]
		queue = queue[1:]
		if most = max(most, len(places)); most >= maxComplexity || len(known) > maxStates {
			return most
		}
		for _, c := range m.letters {
			next := m.next(places, c)
			if key := globKey(next); !known[key] {
				known[key] = true
				queue = append(queue, next)
			}
		}
	}
	return most
}

// globMachine reads a wildcard. Its places are numbered by what has been read: place 2i lies behind i tokens, place
// 2i+1 within the star that is token i.
type globMachine struct {
	tokens  []int // a byte, or star
	letters []int // the bytes that occur, and star for one that does not
}

const (
	star  = -1
	quote = -2 // either end of the text, where the engine sees the quotes of a JSON string
)

func (g glob) machine() globMachine {
	m := globMachine{tokens: []int{quote}, letters: []int{star}}
	for i, part := range g {
		if i > 0 {
			m.tokens = append(m.tokens, star)
		}
		for _, c := range part {
			m.tokens = append(m.tokens, int(c))
		}
	}
	m.tokens = append(m.tokens, quote)
	for _, t := range m.tokens {
		if !slices.Contains(m.letters, t) {
			m.letters = append(m.letters, t)
		}
	}
	return m
}

// next is where the places lead with one more letter.
func (m globMachine) next(places []int, letter int) []int {
	var to []int
	for _, p := range places {
		i := p / 2
		if i == len(m.tokens) {
			continue
		}
		if m.tokens[i] == star {
			to = append(to, 2*i+1)
			i++ // the star may be left, or stand for nothing
		}
		if m.tokens[i] == letter { // the last token is no star
			to = append(to, 2*(i+1))
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

func globKey(places []int) string {
	var key []byte
	for _, p := range places {
		key = binary.AppendUvarint(key, uint64(p))
	}
	return string(key)
}
