package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

// Registry holds many mappings, and runs the enabled ones. It is safe for concurrent use. Methods that change mappings
// may be called before Run and after it too: transitional states settle only while a Registry runs.
type Registry struct {
	cfg  Config
	log  *slog.Logger
	view view
	kick chan struct{} // something was changed here

	verifier *sigv4.Verifier // nil: requests need no signature

	mu        sync.Mutex
	running   bool
	instances map[string]*instance // by UUID, while Run runs
	late      map[string]*instance // those that have ended, and whose results must still be stored
}

// ErrRunning is returned by Run if the Registry is already running.
var ErrRunning = errors.New("registry: already running")

// New returns a Registry that is ready to Run. It starts nothing and makes no call.
func New(cfg Config) (*Registry, error) {
	if cfg.Functions == nil {
		return nil, errors.New("registry: Functions: must be set")
	}
	if d := cfg.PollInterval; d != 0 && (d < minPoll || d > maxPoll) {
		return nil, fmt.Errorf("registry: PollInterval: is %s, must be between %s and %s", d, minPoll, maxPoll)
	}
	if cfg.Store == nil {
		cfg.Store = mapping.NewMemoryStore()
	}
	if cfg.Definitions == nil {
		d, ok := cfg.Store.(driver.DefinitionStore)
		if !ok {
			return nil, fmt.Errorf("registry: Definitions: must be set, for Store is a %T, which keeps none", cfg.Store)
		}
		cfg.Definitions = d
	}
	verifier, err := cfg.verifier()
	if err != nil {
		return nil, err
	}
	cfg.PollInterval = cmp.Or(cfg.PollInterval, defaultPoll)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Registry{
		cfg: cfg, log: cfg.Logger, verifier: verifier, view: view{store: cfg.Definitions, reading: make(chan struct{}, 1)}, kick: make(chan struct{}, 1),
	}, nil
}

const (
	defaultPoll = time.Second
	minPoll     = 100 * time.Millisecond
	maxPoll     = time.Minute
)

// Get returns a mapping.
func (r *Registry) Get(ctx context.Context, uuid string) (Configuration, error) {
	var c constraints
	c.identifier(uuid)
	if err := c.error(); err != nil {
		return Configuration{}, err
	}
	s, err := r.view.refresh(ctx, time.Now(), false)
	if err != nil {
		return Configuration{}, failed(err)
	}
	d, err := s.definition(uuid)
	if err != nil {
		return Configuration{}, err
	}
	return toMinute(r.configuration(&s, &d.definition)), nil
}

// List returns the mappings that in selects, by UUID.
func (r *Registry) List(ctx context.Context, in ListInput) (ListOutput, error) {
	if err := in.check(); err != nil {
		return ListOutput{}, err
	}
	s, err := r.view.refresh(ctx, time.Now(), false)
	if err != nil {
		return ListOutput{}, failed(err)
	}
	limit := pageSize
	if in.MaxItems != nil {
		limit = min(limit, *in.MaxItems)
	}
	out := ListOutput{EventSourceMappings: []Configuration{}}
	for _, uuid := range sortedKeys(s.definitions) {
		d := &s.definitions[uuid].definition
		if uuid <= in.Marker || !in.shows(d) {
			continue
		}
		if len(out.EventSourceMappings) == limit {
			out.NextMarker = out.EventSourceMappings[limit-1].UUID
			break
		}
		out.EventSourceMappings = append(out.EventSourceMappings, toMinute(r.configuration(&s, d)))
	}
	return out, nil
}

// configuration returns a definition in the form of answers, with its latest result.
func (r *Registry) configuration(s *snapshot, d *definition) Configuration {
	result := s.result(d.UUID)
	r.mu.Lock()
	instances := []*instance{r.late[d.UUID], r.instances[d.UUID]}
	r.mu.Unlock()
	for _, i := range instances {
		if i == nil {
			continue
		}
		if r := i.report(); r.news {
			result = r.result
		}
	}
	return d.configuration(result)
}

// Status returns the status of a mapping that runs in this process, and false if it does not.
func (r *Registry) Status(uuid string) (mapping.Status, bool) {
	r.mu.Lock()
	i := r.instances[uuid]
	r.mu.Unlock()
	if i == nil {
		return mapping.Status{}, false
	}
	return i.status(), true
}

// changed makes Run look immediately.
func (r *Registry) changed() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
