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

	"github.com/shardmill/shardmill/mapping/driver"
)

// fullInterval is the interval at which all rows are read even if the token is unchanged: a process that died right
// after its write may not have changed the token.
const fullInterval = 30 * time.Second

// view is the stored state as of the last read. It is safe for concurrent use.
type view struct {
	store driver.DefinitionStore

	reading chan struct{} // of capacity 1: one goroutine reads at a time
	mu      sync.Mutex
	s       snapshot
	begun   uint64 // reads
}

// snapshot is all rows at a time. It is not changed once it is in a view.
type snapshot struct {
	token string
	read  time.Time // zero: not yet

	full, checked uint64 // the reads that found it, and that found it unchanged last

	rows        map[string]driver.Definition // all of them, by key
	definitions map[string]*stored           // by UUID
	unreadable  map[string]error             // by UUID
}

// stored is a definition with the version of its row, and how it runs.
type stored struct {
	definition
	version string
	shape   string // its fingerprint
}

// refresh returns the current stored state. With force it reads everything. Concurrent callers share one read, if it
// began after they arrived.
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

// read reads the stored state: only the token if that is sufficient. Its caller is the only reader.
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

// latest returns the number of the read that began last, and begin assigns the next number.
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

// current returns the state of the last read.
func (v *view) current() snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.s
}

// newSnapshot reuses old for unchanged rows: with many mappings, most are.
func newSnapshot(rows []driver.Definition, token string, now time.Time, old map[string]*stored) snapshot {
	s := snapshot{
		token: token, read: now,
		rows: make(map[string]driver.Definition, len(rows)), definitions: map[string]*stored{}, unreadable: map[string]error{},
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

// result returns the stored LastProcessingResult of a mapping.
func (s *snapshot) result(uuid string) string {
	var c resultContent
	_ = json.Unmarshal(s.rows[resultKey+uuid].Data, &c) // an unreadable one counts as none: it is for people only
	return c.Result
}

// nameOf parses the row of a name. An unreadable one has no holder, and is removed.
func (s *snapshot) nameOf(key string) (nameContent, bool) {
	var c nameContent
	row, ok := s.rows[key]
	if !ok || !strings.HasPrefix(key, nameKey) {
		return c, false
	}
	_ = json.Unmarshal(row.Data, &c)
	return c, true
}

// holder returns the holder of a name, and the row.
func (s *snapshot) holder(name string) (c nameContent, row driver.Definition, ok bool) {
	c, ok = s.nameOf(nameRow(name))
	return c, s.rows[nameRow(name)], ok
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
