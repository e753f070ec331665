package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
)

// server is everything that runs.
type server struct {
	log       *slog.Logger
	streams   *streams // nil: they are not embedded
	functions *functions
	registry  *registry.Registry
	front     *front
	web       *web
	admin     *web     // nil: none
	metrics   *metrics // nil: none
	access    access
	closers   []func() error // in the order of opening
}

// newServer opens everything, and starts nothing. If it fails, it closes what it opened.
func newServer(ctx context.Context, c *config, o *options, out io.Writer, log *slog.Logger) (*server, error) {
	s := &server{log: log}
	if err := s.open(ctx, c, o, out); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *server) open(ctx context.Context, c *config, o *options, out io.Writer) error {
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return fmt.Errorf("%s: %w", c.where("listen"), c.veil(err))
	}
	s.closers = append(s.closers, func() error { _ = listener.Close(); return nil }) // it is closed already after a stop
	if s.access, err = decideAccess(listener, c.Keys, o.allowUnsigned, s.log); err != nil {
		return fmt.Errorf("%s: %w", c.where("listen"), c.veil(err))
	}
	if err := s.openMappings(ctx, c, out); err != nil {
		return err
	}
	s.front = newFront(s.registry, s.access, c.Hosts, s.log)
	s.front.streams = s.streams
	s.web = newWeb(ctx, listener, s.front, s.log)
	if c.TLS != nil {
		if err := s.web.secure(c.TLS); err != nil {
			return fmt.Errorf("%s: %w: %w", c.where("tls"), c.veil(err), cli.ErrUsage)
		}
	}
	if c.Admin == nil {
		return nil
	}
	if s.admin, err = openAdmin(ctx, c, s.front, s.metrics, s.log); err != nil {
		return err
	}
	// It is closed last, so that /readyz answers while the rest stops.
	s.closers = slices.Insert(s.closers, 0, func() error { return s.admin.stop(context.WithoutCancel(ctx)) })
	return nil
}

// openMappings opens the parts of mappings.
func (s *server) openMappings(ctx context.Context, c *config, out io.Writer) error {
	if c.Admin != nil {
		var err error
		if s.metrics, err = newMetrics(); err != nil {
			return err
		}
	}
	endpoint := c.Kinesis.Endpoint
	if c.Kinesis.Embedded != nil {
		streams, err := openStreams(ctx, c, s.log)
		if err != nil {
			return err
		}
		s.streams, endpoint = streams, streams.url()
		s.closers = append(s.closers, func() error { return streams.stop(context.WithoutCancel(ctx)) })
	}
	a, err := newAccount(ctx, c, endpoint, s.log)
	if err != nil {
		return c.veil(err)
	}
	if s.functions, err = newFunctions(c, a, out, s.log); err != nil {
		return err
	}
	s.closers = append(s.closers, s.functions.Close)
	store, closeStore, err := openStore(c.Store, a, s.log)
	if err != nil {
		return fmt.Errorf("%s: %w", c.where("store"), c.veil(err))
	}
	s.closers = append(s.closers, closeStore)
	s.registry, err = registry.New(registry.Config{
		Functions: s.functions, Client: a.streams(), DestinationResolvers: a.destinations(), Store: store, Logger: s.log,
		Credentials: s.access.credentials, AllowUnsigned: s.access.unsigned,
		Configure: func(_ registry.Configuration, m *mapping.Config) {
			m.DrainTimeout = c.Drain
			s.metrics.instrument(m)
		},
	})
	return c.veil(err)
}

// close closes everything, the last first.
func (s *server) close() error {
	var errs []error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		errs = append(errs, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return errors.Join(errs...)
}

// run serves, and runs mappings, until ctx ends or something fails. Then it drains. First it stops being ready and
// refuses changes; then the mappings stop, then the health checks, then the rest.
func (s *server) run(ctx context.Context) error {
	keep := context.WithoutCancel(ctx)
	group, failed := errgroup.WithContext(keep)
	hosting, stopHosting := context.WithCancel(keep)
	defer stopHosting()
	stopped := make(chan struct{})
	group.Go(func() error {
		defer close(stopped)
		s.front.running.Store(true)
		return s.registry.Run(hosting)
	})
	group.Go(s.web.serve)
	if s.admin != nil {
		group.Go(s.admin.serve)
	}
	if s.streams != nil {
		group.Go(s.streams.serve)
	}
	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	s.log.Info("draining")
	s.front.draining.Store(true)
	stopHosting()
	<-stopped
	err := errors.Join(s.web.stop(keep), s.close(), group.Wait())
	s.log.Info("stopped", "clean", err == nil)
	return err
}
