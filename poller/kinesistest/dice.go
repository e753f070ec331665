package kinesistest

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice make the choices of a seed. The same seed and words give the same choices in every process, whatever other
// goroutines do meanwhile. Nil dice always choose the first option. One goroutine uses them.
type dice struct{ rng *rand.Rand }

// newDice returns the dice for the nth event that some words name.
func newDice(seed, n uint64, words ...string) *dice {
	h := fnv.New64a()
	for _, w := range words {
		_, _ = h.Write(append([]byte(w), 0))
	}
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, n))
	return &dice{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// chance reports true in the given part of cases.
func (d *dice) chance(part float64) bool {
	return part >= 1 || d != nil && d.rng.Float64() < part
}

// below returns a number from 0 to n-1; n is at least 1.
func (d *dice) below(n int) int {
	if d == nil {
		return 0
	}
	return d.rng.IntN(n)
}

// between returns a duration from low to high.
func (d *dice) between(low, high time.Duration) time.Duration {
	if d == nil {
		return low
	}
	return low + time.Duration(d.rng.Int64N(int64(high-low)+1))
}

// oneOf returns one of some values.
func oneOf[T any](d *dice, values ...T) T { return values[d.below(len(values))] }
