package registry

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/shardmill/shardmill/mapping/driver"
)

// attempts is how often a change is tried if others keep changing the mapping first.
const attempts = 5

// claimPause is the time between two looks at a name without a mapping.
const claimPause = 100 * time.Millisecond

// storeTimeout bounds a read of the definitions, and a write.
const storeTimeout = 10 * time.Second

// createTimeout bounds the reads and writes of a Create.
const createTimeout = 30 * time.Second

// Create creates a mapping, and returns it in the State Creating.
func (r *Registry) Create(ctx context.Context, in CreateInput) (Configuration, error) {
	d, err := define(&in, time.Now())
	if err != nil {
		return Configuration{}, err
	}
	if err := r.admit(ctx, &d, nil); err != nil {
		return Configuration{}, err
	}
	if err := ctx.Err(); err != nil {
		return Configuration{}, failed(err)
	}
	d.UUID = uuid.NewString()
	// A client that disconnects now must not leave a name without a mapping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	name, err := r.claim(ctx, &d)
	if err != nil {
		return Configuration{}, err
	}
	if err := r.cfg.Definitions.PutDefinition(ctx, row(mappingKey+d.UUID, &d), ""); err != nil {
		return Configuration{}, failed(err) // the name is released when it turns out to have no mapping
	}
	if err := r.keep(ctx, &d, name); err != nil {
		return Configuration{}, err
	}
	r.changed()
	return d.configuration(""), nil
}

// claim acquires the name of a mapping, and returns the row that holds it, or its current holder. The row is new even
// if the mapping already has one, because another process may be about to remove the old one.
func (r *Registry) claim(ctx context.Context, d *definition) (driver.Definition, error) {
	for range attempts {
		s, err := r.view.refresh(ctx, time.Now(), true)
		if err != nil {
			return driver.Definition{}, failed(err)
		}
		name, old, taken := s.holder(d.name())
		if taken && name.UUID != d.UUID {
			if _, exists := s.rows[mappingKey+name.UUID]; exists {
				return driver.Definition{}, conflict(d.EventSourceARN, shortName(d.FunctionARN), name.UUID)
			}
			if err := pause(ctx, claimPause); err != nil { // the mapping is being created, or it is gone and the name will be removed soon
				return driver.Definition{}, failed(err)
			}
			continue
		}
		row := row(nameRow(d.name()), nameContent{Name: d.name(), UUID: d.UUID})
		err = r.cfg.Definitions.PutDefinition(ctx, row, old.Version)
		if !errors.Is(err, driver.ErrDefinitionChanged) {
			return row, orFailed(err)
		}
	}
	return driver.Definition{}, contended()
}

// keep makes sure that a stored mapping still has its name: if storing it took long, it may have lost the name, and is
// then removed.
func (r *Registry) keep(ctx context.Context, d *definition, name driver.Definition) error {
	s, err := r.view.refresh(ctx, time.Now(), true)
	if err != nil {
		return failed(err)
	}
	if s.rows[name.Key].Version == name.Version {
		return nil
	}
	if own, ok := s.definitions[d.UUID]; ok {
		if err := r.cfg.Definitions.DeleteDefinition(ctx, mappingKey+d.UUID, own.version); err != nil {
			return failed(err)
		}
	}
	return contended()
}

// Update changes a mapping, and returns it with the new values in a transitional State.
func (r *Registry) Update(ctx context.Context, uuid string, in UpdateInput) (Configuration, error) {
	return r.change(ctx, uuid, func(ctx context.Context, d *definition) (definition, error) {
		n, err := d.redefine(&in, time.Now())
		if err != nil {
			return n, err
		}
		if err := r.admit(ctx, &n, d); err != nil {
			return n, err
		}
		if n.name() == d.name() {
			return n, nil
		}
		if err := ctx.Err(); err != nil {
			return n, failed(err)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		if _, err := r.claim(ctx, &n); err != nil {
			return n, err
		}
		s := r.view.current()
		if had, row, ok := s.holder(d.name()); ok && had.UUID == uuid {
			n.Left = &rowVersion{Key: row.Key, Version: row.Version}
		}
		return n, nil
	})
}

// Delete removes a mapping, and returns it in the State Deleting. Once it is gone, its stored progress is removed too:
// a recreated mapping begins at its StartingPosition.
func (r *Registry) Delete(ctx context.Context, uuid string) (Configuration, error) {
	c, err := r.change(ctx, uuid, func(_ context.Context, d *definition) (definition, error) { return d.remove(time.Now()) })
	return toMinute(c), err
}

// change reads a definition, and writes the result of do, until no other process was faster.
func (r *Registry) change(
	ctx context.Context, uuid string, do func(context.Context, *definition) (definition, error),
) (Configuration, error) {
	var c constraints
	c.identifier(uuid)
	if err := c.error(); err != nil {
		return Configuration{}, err
	}
	force := false
	for range attempts {
		s, err := r.view.refresh(ctx, time.Now(), force)
		if err != nil {
			return Configuration{}, failed(err)
		}
		d, err := s.definition(uuid)
		if err != nil {
			return Configuration{}, err
		}
		n, err := do(ctx, &d.definition)
		if err != nil {
			return Configuration{}, err
		}
		err = r.put(ctx, row(mappingKey+uuid, &n), d.version)
		if errors.Is(err, driver.ErrDefinitionChanged) {
			force = true
			continue
		}
		r.changed()
		return r.configuration(&s, &n), orFailed(err)
	}
	return Configuration{}, contended()
}

func (r *Registry) put(ctx context.Context, row driver.Definition, expected string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return r.cfg.Definitions.PutDefinition(ctx, row, expected)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func orFailed(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}
