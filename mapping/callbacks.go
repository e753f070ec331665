package mapping

import (
	"context"
	"io"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// guardObserver returns an Observer each of whose functions is called under a guard.
func guardObserver(o *observe.Observer, g callback.Guard) observe.Observer {
	return observe.Observer{
		ShardOpened: observed(g, "Observer.ShardOpened", o.ShardOpened),
		ShardClosed: observed(g, "Observer.ShardClosed", o.ShardClosed),
		Polled:      observed(g, "Observer.Polled", o.Polled),
		Invoking:    observed(g, "Observer.Invoking", o.Invoking),
		Invoked:     observed(g, "Observer.Invoked", o.Invoked),
		Discarded:   observed(g, "Observer.Discarded", o.Discarded),
		TooLarge:    observed(g, "Observer.TooLarge", o.TooLarge),
		Trimmed:     observed(g, "Observer.Trimmed", o.Trimmed),
		Committed:   observed(g, "Observer.Committed", o.Committed),
	}
}

func observed[E any](g callback.Guard, name string, f func(E)) func(E) {
	if f == nil {
		return nil
	}
	return func(e E) { _ = g.Do(name, func() { f(e) }) } // logged: an Observer has nothing to return
}

// call calls f with e, unless f is nil.
func call[E any](f func(E), e E) {
	if f != nil {
		f(e)
	}
}

// guardedSource is a user's Source. It has the method of a Clock even if the Source has not.
type guardedSource struct {
	source poller.Source
	guard  callback.Guard
}

// guardedDescriber is a guardedSource that is a Describer. Only a Describer can say that a stream has no creation time.
type guardedDescriber struct {
	guardedSource
	describer poller.Describer
}

// guardSource returns a Source, with the same optional interfaces, that calls source under a guard.
func guardSource(source poller.Source, g callback.Guard) poller.Source {
	guarded := guardedSource{source, g}
	if d, ok := source.(poller.Describer); ok {
		return &guardedDescriber{guarded, d}
	}
	return &guarded
}

// Describe implements poller.Describer.
func (s *guardedDescriber) Describe(ctx context.Context) (d poller.Description, err error) {
	if failed := s.guard.Do("Source.Describe", func() { d, err = s.describer.Describe(ctx) }); failed != nil {
		return poller.Description{}, failed
	}
	return d, err
}

func (s *guardedSource) Shards(ctx context.Context) (shards []poller.Shard, err error) {
	if failed := s.guard.Do("Source.Shards", func() { shards, err = s.source.Shards(ctx) }); failed != nil {
		return nil, failed
	}
	return shards, err
}

func (s *guardedSource) Open(shard poller.Shard, from poller.Start) (r poller.Reader, err error) {
	if failed := s.guard.Do("Source.Open", func() { r, err = s.source.Open(shard, from) }); failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return &guardedReader{Reader: r, guard: s.guard}, nil
}

// Now implements poller.Clock.
func (s *guardedSource) Now() (t time.Time, ok bool) {
	c, is := s.source.(poller.Clock)
	if !is || s.guard.Do("Source.Now", func() { t, ok = c.Now() }) != nil {
		return time.Time{}, false
	}
	return t, ok
}

// guardedReader is a Reader of a guardedSource. It has every optional method of a Reader, even if the Reader has not.
type guardedReader struct {
	poller.Reader
	guard callback.Guard
}

func (r *guardedReader) Next(ctx context.Context) (page batch.Page, err error) {
	if failed := r.guard.Do("Reader.Next", func() { page, err = r.Reader.Next(ctx) }); failed != nil {
		return batch.Page{}, failed
	}
	return page, err
}

// Close implements io.Closer.
func (r *guardedReader) Close() (err error) {
	c, ok := r.Reader.(io.Closer)
	if !ok {
		return nil
	}
	if failed := r.guard.Do("Reader.Close", func() { err = c.Close() }); failed != nil {
		return failed
	}
	return err
}

// Children implements poller.ChildFinder.
func (r *guardedReader) Children() (children []poller.Shard) {
	if f, ok := r.Reader.(poller.ChildFinder); ok {
		_ = r.guard.Do("Reader.Children", func() { children = f.Children() })
	}
	return children
}

// Gap implements poller.GapFinder.
func (r *guardedReader) Gap() (gap poller.Gap, ok bool) {
	f, is := r.Reader.(poller.GapFinder)
	if !is || r.guard.Do("Reader.Gap", func() { gap, ok = f.Gap() }) != nil {
		return poller.Gap{}, false
	}
	return gap, ok
}

// guardedStore is the Store of a mapping. The committers call Commit without it: see committer.survive.
type guardedStore struct {
	store driver.Store
	guard callback.Guard
}

func (s *guardedStore) Check(ctx context.Context, mapping string) (err error) {
	c, ok := s.store.(driver.CheckedStore)
	if !ok {
		return nil
	}
	return s.do("Store.Check", &err, func() { err = c.Check(ctx, mapping) })
}

// Names and Held are those of a ListedStore. Without one there are no names.
func (s *guardedStore) Names(ctx context.Context) (names []string, err error) {
	l, ok := s.store.(driver.ListedStore)
	if !ok {
		return nil, nil
	}
	err = s.do("Store.Names", &err, func() { names, err = l.Names(ctx) })
	return names, err
}

func (s *guardedStore) Held(ctx context.Context, mapping string) (held bool, err error) {
	l, ok := s.store.(driver.ListedStore)
	if !ok {
		return false, nil
	}
	err = s.do("Store.Held", &err, func() { held, err = l.Held(ctx, mapping) })
	return held, err
}

func (s *guardedStore) Anchor(ctx context.Context, mapping string, proposed time.Time) (at time.Time, err error) {
	err = s.do("Store.Anchor", &err, func() { at, err = s.store.Anchor(ctx, mapping, proposed) })
	return at, err
}

func (s *guardedStore) SettleAnchor(ctx context.Context, mapping string, earlier time.Time) (at time.Time, err error) {
	err = s.do("Store.SettleAnchor", &err, func() { at, err = s.store.SettleAnchor(ctx, mapping, earlier) })
	return at, err
}

func (s *guardedStore) Progress(ctx context.Context, mapping string) (all map[string]driver.Progress, err error) {
	err = s.do("Store.Progress", &err, func() { all, err = s.store.Progress(ctx, mapping) })
	return all, err
}

func (s *guardedStore) Acquire(ctx context.Context, mapping, shard, owner string) (l driver.Lease, p driver.Progress, err error) {
	err = s.do("Store.Acquire", &err, func() { l, p, err = s.store.Acquire(ctx, mapping, shard, owner) })
	return l, p, err
}

func (s *guardedStore) Commit(ctx context.Context, lease driver.Lease, p driver.Progress) (err error) {
	return s.do("Store.Commit", &err, func() { err = s.store.Commit(ctx, lease, p) })
}

func (s *guardedStore) Release(ctx context.Context, lease driver.Lease) (err error) {
	return s.do("Store.Release", &err, func() { err = s.store.Release(ctx, lease) })
}

func (s *guardedStore) Delete(ctx context.Context, mapping, shard string) (err error) {
	return s.do("Store.Delete", &err, func() { err = s.store.Delete(ctx, mapping, shard) })
}

// do returns the value that f has stored in err, or how f failed to return.
func (s *guardedStore) do(name string, err *error, f func()) error {
	if failed := s.guard.Do(name, f); failed != nil {
		return failed
	}
	return *err
}
