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
	"github.com/shardmill/shardmill/mapping/registry/internal/sigv4"
)

// Registry holds many mappings, and runs those that are enabled. New makes one; its methods may be called by any goroutine,
// those that change mappings before Run and after it too: then states are what they change to only while a Registry runs.
type Registry struct {
	cfg  Config
	log  *slog.Logger
	view view
	kick chan struct{} // something was changed here

	verifier *sigv4.Verifier // nil: everybody may ask

	mu      sync.Mutex
	running bool
	hosted  map[string]*hosted // by UUID, while Run runs
	late    map[string]*hosted // those that have ended, and whose results are still to be stored
}

// ErrRunning tells that Run runs already.
var ErrRunning = errors.New("registry: already running")

// New returns a Registry that is ready to Run. It starts nothing and calls nobody.
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
		d, ok := cfg.Store.(mapping.DefinitionStore)
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

// List returns the mappings that in asks for, by UUID.
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

// configuration returns a definition as operations answer it, with its latest result.
func (r *Registry) configuration(s *snapshot, d *definition) Configuration {
	result := s.result(d.UUID)
	r.mu.Lock()
	hosts := []*hosted{r.late[d.UUID], r.hosted[d.UUID]}
	r.mu.Unlock()
	for _, h := range hosts {
		if h == nil {
			continue
		}
		if r := h.report(); r.news {
			result = r.result
		}
	}
	return d.configuration(result)
}

// Status tells where a mapping stands that runs in this process, and false of one that does not.
func (r *Registry) Status(uuid string) (mapping.Status, bool) {
	r.mu.Lock()
	h := r.hosted[uuid]
	r.mu.Unlock()
	if h == nil {
		return mapping.Status{}, false
	}
	return h.status(), true
}

// changed has Run look at once.
func (r *Registry) changed() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
