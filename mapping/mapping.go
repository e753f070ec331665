package mapping

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/callback"
	"github.com/shardmill/shardmill/mapping/internal/lineage"
	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// Errors of Run; test for them with errors.Is.
var (
	// ErrRunning is returned by Run if the mapping is already running.
	ErrRunning = errors.New("mapping: already running")

	// ErrDrainTimeout says that a stop cut invocations short, because Config.DrainTimeout was over. Their records are
	// not checkpointed, and are delivered again.
	ErrDrainTimeout = errors.New("mapping: drain timeout: invocations were cancelled")

	// ErrStillRunning says that functions, or on-failure destinations, ignored the end of their ctx and still ran when
	// Run returned. The message names their requests.
	ErrStillRunning = errors.New("mapping: function still running")

	// ErrNotStored is returned if progress could not be stored before Run returned: processed records are delivered
	// again. It is also the error of a stop before the first start of a mapping under LATEST could be stored.
	ErrNotStored = errors.New("mapping: progress could not be stored")

	// ErrStreamReplaced says that the stored progress belongs to a deleted stream of the same name. The stream has
	// shown that twice: by its shards and by its creation time, or by either of them again after 10 s.
	ErrStreamReplaced = lineage.ErrReplaced
)

// Mapping is an event source mapping: it reads a stream and invokes a function with its records. Use New to create one.
// It is safe for concurrent use.
type Mapping struct {
	cfg        parsed
	worker     string // this process, to the store
	owner      string // the owner of its leases, without a fleet
	source     poller.Source
	store      *guardedStore
	fleet      driver.FleetStore // the store, if it is a FleetStore; else nil
	observer   observe.Observer
	guard      callback.Guard // of the user's callbacks
	log        *slog.Logger
	view       view
	counts     counts
	owed       owed // leases whose release failed
	lastResult atomic.Pointer[string]

	warnedUnreported atomic.Bool // of failed items without the setting that reports them

	sourceHost, storeHost string // the hosts of the calls; empty if they are not known

	invokeOptions invoke.Options
}

// New returns a mapping that is ready to Run. It starts nothing and makes no call. The error names all violations of
// cfg; its parts are *ConfigError. A filter that can match no record is logged.
func New(cfg Config) (*Mapping, error) {
	p, err := cfg.parse(time.Now())
	if err != nil {
		return nil, err
	}
	m := &Mapping{
		cfg: *p,
		log: slog.New(callback.Handler(p.Logger.Handler())).With("stream", p.from.name, "function", p.FunctionName),
	}
	m.worker = workerOf(p.Store)
	m.owner = m.newOwner()
	if m.fleet, _ = p.Store.(driver.FleetStore); m.fleet != nil {
		m.log = m.log.With("worker", m.worker)
	}
	m.guard = callback.Guard{Log: m.log}
	m.observer = guardObserver(&p.Observer, m.guard)
	m.warnOfFilters()
	m.lastResult.Store(new(resultNone))
	m.view.shards = map[string]*shardView{}
	m.invokeOptions = invoke.Options{
		Timeout: p.FunctionTimeout, ReportBatchItemFailures: m.cfg.policy.ReportBatchItemFailures,
		PayloadLimit: m.cfg.policy.PayloadLimit, Logger: m.log,
	}
	if m.source, err = m.newSource(); err != nil {
		return nil, err
	}
	if m.cfg.Store == nil {
		m.store = &guardedStore{NewMemoryStore(), m.guard}
		return m, nil
	}
	m.store, m.storeHost = &guardedStore{m.cfg.Store, m.guard}, hostOf(m.cfg.Store)
	return m, nil
}

// newSource returns the configured Source, or a Poller of the Client.
func (m *Mapping) newSource() (poller.Source, error) {
	source := m.cfg.Source
	if source == nil {
		var err error
		if source, err = m.poller(); err != nil {
			return nil, err
		}
	}
	m.sourceHost = hostOf(source)
	if p, ok := source.(*poller.Poller); ok {
		return p, nil // its callbacks are the Client's methods, which it guards itself
	}
	return guardSource(source, m.guard), nil
}

// poller returns the Source that reads through the configured Client.
func (m *Mapping) poller() (poller.Source, error) {
	p, err := poller.New(poller.Config{
		Client: m.cfg.Client, StreamARN: m.cfg.from.stream, ConsumerARN: m.cfg.from.consumer,
		PollInterval: m.cfg.Read.PollInterval, FallBackToPolling: m.cfg.Read.FallBackToPolling,
		Deaggregate: m.cfg.Read.Deaggregate, KeepMembersOutsideShard: m.cfg.Read.KeepMembersOutsideShard,
		SDKDecoding: m.cfg.Read.SDKDecoding, CBOR: m.cfg.Read.CBOR, Logger: m.log,
	})
	if err != nil {
		return nil, &ConfigError{Field: "Client", Message: err.Error()}
	}
	return p, nil
}

// warnOfFilters logs each filter that no record can match. AWS accepts it, so it is not an error.
func (m *Mapping) warnOfFilters() {
	if m.cfg.filters == nil {
		return
	}
	for _, u := range m.cfg.filters.Unmatchable() {
		m.log.Warn("a filter can match no record, because no record has the field: a pattern begins with data, partitionKey, sequenceNumber, "+
			"approximateArrivalTimestamp or kinesisSchemaVersion", "filter", u.Filter, "field", u.Path)
	}
}

// Run processes the stream until ctx is cancelled. It blocks; no goroutine outlives it except that of a function that
// ignores its ctx.
//
// When ctx is cancelled, reading stops and no further invocation starts. Running invocations get Config.DrainTimeout,
// are then cancelled, and get 5 s more to return. Storing the last progress and releasing the leases get 5 s each. A
// clean stop returns nil; one that had to cancel invocations ErrDrainTimeout; one that left a function running
// ErrStillRunning; and one that could not store its progress ErrNotStored. A lost lease is no error: records without a
// checkpoint are delivered again, to the next owner of the shard. The lease of a shard whose function still runs is
// released when that returns.
//
// Run first stores the start time of a mapping under LATEST. Before it processes records, it lists the stream's shards
// and reads the Store. It returns an error if the stream does not exist, if credentials or permissions are refused, if
// the service refuses the request as invalid, if progress is unreadable (ErrUnreadable) or belongs to another stream
// (ErrStreamReplaced), and if another program's fleet uses the store (ErrForeignFleet). Any other failure, such as an
// endpoint that does not answer or missing credentials, is logged and retried. Once it processes records, no error of
// the stream ends it: as on AWS it keeps retrying, and Status says why. Only a stream that was deleted and recreated
// under its name ends it, with ErrStreamReplaced, because its positions are meaningless there. So does a Store that is
// closed meanwhile, with ErrStoreClosed, or cannot continue after an error, with ErrStoreBroken, at the next write.
func (m *Mapping) Run(ctx context.Context) error {
	started := false
	m.view.set(func(v *view) {
		started = !v.running
		v.running = true
	})
	if !started {
		return ErrRunning
	}
	defer m.view.set(func(v *view) {
		v.running = false
		v.blocked, v.done = nil, nil
		clear(v.shards)
	})
	if p, ok := m.source.(*poller.Poller); ok && m.cfg.Source == nil {
		defer p.CloseIdleConnections()
	}
	if m.cfg.Store == nil {
		m.log.Warn("no Store is configured: progress is kept in memory and lost with the process")
	}
	return newRun(ctx, m, time.Now()).supervise() //nolint:contextcheck // run holds ctx: it is the life of one call
}

// origin returns the common part of a shard's events.
func (m *Mapping) origin(shard string) *invoke.Origin {
	o := &invoke.Origin{ShardID: shard, EventSourceARN: m.cfg.EventSourceARN, Region: m.cfg.from.region}
	if m.cfg.Role != nil {
		o.InvokeIdentityARN = m.cfg.Role.ARN()
	}
	return o
}

// start returns where to begin a shard without progress. anchor is the mapping's first start, for LATEST.
func (m *Mapping) start(anchor time.Time) poller.Start {
	switch m.cfg.StartingPosition {
	case Latest:
		if !anchor.After(time.Unix(0, 0)) { // of a clock that was not set: the service takes no such time
			return poller.Start{Type: poller.TrimHorizon}
		}
		return poller.Start{Type: poller.AtTimestamp, Timestamp: anchor}
	case AtTimestamp:
		return poller.Start{Type: poller.AtTimestamp, Timestamp: m.cfg.StartingPositionTimestamp}
	default:
		return poller.Start{Type: poller.TrimHorizon}
	}
}

// result records what the last invocation came to.
func (m *Mapping) result(s string) {
	if *m.lastResult.Load() != s {
		m.lastResult.Store(&s)
	}
}
