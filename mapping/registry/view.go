package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping"
)

// fullInterval is after how long all rows are read though the token is the same: a process that died right after it wrote
// may have left the token as it was.
const fullInterval = 30 * time.Second

// view is what is stored, as it was read last. Its methods may be called at the same time.
type view struct {
	store mapping.DefinitionStore

	reading chan struct{} // of one place: one reads at a time
	mu      sync.Mutex
	s       snapshot
	begun   uint64 // reads
}

// snapshot is all rows at a time. It is not changed once it is in a view.
type snapshot struct {
	token string
	read  time.Time // zero: not yet

	full, checked uint64 // the reads that found it, and that found it unchanged last

	rows        map[string]mapping.Definition // all of them, by key
	definitions map[string]*stored            // by UUID
	unreadable  map[string]error              // by UUID
}

// stored is a definition with the version of its row, and how it runs.
type stored struct {
	definition
	version string
	shape   string // its fingerprint
}

// refresh returns what is stored now. With force it reads it all. Those who wait for each other share what one of them reads,
// if it began to after they came.
func (v *view) refresh(ctx context.Context, now time.Time, force bool) (snapshot, error) {
	came := v.latest()
	wait, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	select {
	case v.reading <- struct{}{}:
		defer func() { <-v.reading }()
	case <-wait.Done():
		return v.current(), fmt.Errorf("registry: read the definitions: %w", wait.Err())
	}
	s := v.current()
	if s.full > came || s.checked > came && !force {
		return s, nil
	}
	s, err := v.read(ctx, now, force || s.read.IsZero() || now.Sub(s.read) >= fullInterval)
	if err != nil {
		return v.current(), fmt.Errorf("registry: read the definitions: %w", err)
	}
	return s, nil
}

// read reads what is stored: nothing but the token if that is enough. Its caller is the only one who reads.
func (v *view) read(ctx context.Context, now time.Time, all bool) (snapshot, error) {
	number := v.begin()
	s := v.current()
	if !all {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		token, err := v.store.DefinitionsToken(ctx)
		if err != nil {
			return s, err
		}
		if token == s.token {
			s.checked = number
			v.set(s)
			return s, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, token, err := v.store.Definitions(ctx)
	if err != nil {
		return s, err
	}
	s = newSnapshot(rows, token, now, s.definitions)
	s.checked, s.full = number, number
	v.set(s)
	return s, nil
}

// latest returns the number of the read that began last, and begin that of one that begins.
func (v *view) latest() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.begun
}

func (v *view) begin() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.begun++
	return v.begun
}

func (v *view) set(s snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.s = s
}

// current returns what was read last.
func (v *view) current() snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.s
}

// newSnapshot takes what was read before from old, where its row is the same: with many mappings, most are.
func newSnapshot(rows []mapping.Definition, token string, now time.Time, old map[string]*stored) snapshot {
	s := snapshot{
		token: token, read: now,
		rows: make(map[string]mapping.Definition, len(rows)), definitions: map[string]*stored{}, unreadable: map[string]error{},
	}
	for _, row := range rows {
		s.rows[row.Key] = row
		uuid, ok := strings.CutPrefix(row.Key, mappingKey)
		if !ok {
			continue
		}
		if known := old[uuid]; known != nil && known.version == row.Version {
			s.definitions[uuid] = known
		} else if d, err := decodeDefinition(row); err != nil {
			s.unreadable[uuid] = err
		} else {
			s.definitions[uuid] = &stored{definition: *d, version: row.Version, shape: d.fingerprint()}
		}
	}
	return s
}

// definition returns the definition of a UUID.
func (s *snapshot) definition(uuid string) (*stored, error) {
	if d, ok := s.definitions[uuid]; ok {
		return d, nil
	}
	if err, ok := s.unreadable[uuid]; ok {
		return nil, failed(err)
	}
	return nil, notFound()
}

// result returns the LastProcessingResult of a mapping that is stored.
func (s *snapshot) result(uuid string) string {
	var c resultContent
	_ = json.Unmarshal(s.rows[resultKey+uuid].Data, &c) // what can't be read is none: it is for people's eyes alone
	return c.Result
}

// nameOf reads the row of a name. One that can't be read is nobody's, and is cleared away.
func (s *snapshot) nameOf(key string) (nameContent, bool) {
	var c nameContent
	row, ok := s.rows[key]
	if !ok || !strings.HasPrefix(key, nameKey) {
		return c, false
	}
	_ = json.Unmarshal(row.Data, &c)
	return c, true
}

// holder returns who has a name, and the row.
func (s *snapshot) holder(name string) (c nameContent, row mapping.Definition, ok bool) {
	c, ok = s.nameOf(nameRow(name))
	return c, s.rows[nameRow(name)], ok
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
