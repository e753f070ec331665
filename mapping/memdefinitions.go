package mapping

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/shardmill/shardmill/mapping/driver"
)

// DefinitionsToken implements DefinitionStore.
func (s *MemoryStore) DefinitionsToken(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token(), nil
}

func (s *MemoryStore) token() string { return strconv.FormatUint(s.writes, 10) }

// Definitions implements DefinitionStore.
func (s *MemoryStore) Definitions(ctx context.Context) ([]driver.Definition, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make([]driver.Definition, 0, len(s.definitions))
	for _, d := range s.definitions {
		d.Data = bytes.Clone(d.Data)
		rows = append(rows, d)
	}
	return rows, s.token(), nil
}

// PutDefinition implements DefinitionStore.
func (s *MemoryStore) PutDefinition(ctx context.Context, row driver.Definition, expected string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := row.Validate(); err != nil {
		return fmt.Errorf("mapping: memory store: put definition %.100q: %w", row.Key, err)
	}
	row.Data = bytes.Clone(row.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.definitions[row.Key].Version { // empty where there is none
	case row.Version:
		return nil
	case expected:
		s.definitions[row.Key] = row
		s.writes++
		return nil
	}
	return fmt.Errorf("mapping: memory store: put definition %s: %w", row.Key, driver.ErrDefinitionChanged)
}

// DeleteDefinition implements DefinitionStore.
func (s *MemoryStore) DeleteDefinition(ctx context.Context, key, expected string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := (driver.Definition{Key: key, Version: expected}).Validate(); err != nil {
		return fmt.Errorf("mapping: memory store: delete definition %.100q: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.definitions[key].Version != expected {
		return fmt.Errorf("mapping: memory store: delete definition %s: %w", key, driver.ErrDefinitionChanged)
	}
	delete(s.definitions, key)
	s.writes++
	return nil
}

// Forget implements DefinitionStore.
func (s *MemoryStore) Forget(ctx context.Context, mapping string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if mapping == "" {
		return errors.New("mapping: memory store: forget: the mapping's name is empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shards[mapping] {
		s.forgotten = max(s.forgotten, sh.lease.Epoch)
	}
	delete(s.shards, mapping)
	delete(s.anchors, mapping)
	return nil
}
