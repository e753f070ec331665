package poller

import (
	"runtime"
	"sync"
	"weak"
)

// shardMeter has the meters of one shard for all Readers of a process.
type shardMeter struct{ reads, iterators meter }

// meterKey identifies a shard by its service, its stream and its ID.
type meterKey struct {
	service       any // see identityOf
	stream, shard string
}

// mappings of one process do not know each other
var meters meterSet //nolint:gochecknoglobals // mappings of one process know nothing of each other

// meterSet holds a meter for as long as a Reader refers to it. Readers need not be closed for that. The zero set is empty.
type meterSet struct {
	mu    sync.Mutex // a leaf: never held while waiting
	byKey map[meterKey]weak.Pointer[shardMeter]
}

// of returns the meter of a shard.
func (s *meterSet) of(key meterKey) *shardMeter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.byKey[key].Value(); m != nil {
		return m
	}
	if s.byKey == nil {
		s.byKey = map[meterKey]weak.Pointer[shardMeter]{}
	}
	m := &shardMeter{}
	s.byKey[key] = weak.Make(m)
	runtime.AddCleanup(m, s.forget, key)
	return m
}

// forget removes a meter that no Reader refers to any more, unless its shard has another one by now.
func (s *meterSet) forget(key meterKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key].Value() == nil {
		delete(s.byKey, key)
	}
}
