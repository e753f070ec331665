package poller

import (
	"runtime"
	"sync"
	"weak"
)

// shardMeter is what the Readers of a process may ask of one shard together.
type shardMeter struct{ reads, iterators meter }

// meterKey names a shard by its service, its stream and its ID.
type meterKey struct {
	service       any // see identityOf
	stream, shard string
}

// meters has the meters of all shards that are read in this process: Kinesis grants calls by shard, to all its readers together.
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

// forget removes a meter that no Reader refers to any more, unless there is another one of its shard by now.
func (s *meterSet) forget(key meterKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key].Value() == nil {
		delete(s.byKey, key)
	}
}
