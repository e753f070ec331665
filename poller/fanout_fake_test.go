package poller_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

const consumerARN = ordersARN + "/consumer/shipping:1700000000"

var (
	_ poller.Subscriber = (*hub)(nil)

	inUse = &types.ResourceInUseException{Message: aws.String("Another active subscription exists for this consumer")}
)

// feedPlan is what becomes of one subscription. The zero feedPlan serves for 5 minutes, one record an event.
type feedPlan struct {
	refuse error  // the call fails
	hang   bool   // the call is not answered
	size   int    // records an event, 0: one
	after  int    // after so many events:
	then   string // "", "end", "break", "silent", "lose": the next event loses its continuation, and is the last
	with   error  // that it breaks with
}

// hub is a fake that can be subscribed to. Record i has the sequence number 100*(i+1), and what lies between are the
// continuations of an idle shard. As the service does, it refuses a subscription within 5 s of the last, and lets a later
// one take over.
type hub struct {
	*fake
	plan func(n int) feedPlan // of subscription n, from 0

	mu       sync.Mutex
	arrived  int // records that are there
	feeds    []*feed
	accepted time.Time
	taken    int // events that somebody took
}

func newHub(records int) *hub {
	h := &hub{fake: newFake(records), arrived: records}
	for i := range h.records {
		h.records[i].SequenceNumber = aws.String(strconv.Itoa(100 * (i + 1)))
	}
	return h
}

// Subscribe implements poller.Subscriber.
func (h *hub) Subscribe(ctx context.Context, in *kinesis.SubscribeToShardInput, _ ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, error) {
	p := in.StartingPosition
	h.note("subscribe", strings.TrimSpace(string(p.Type)+" "+aws.ToString(p.SequenceNumber)), nil)
	var plan feedPlan
	if h.plan != nil {
		plan = h.plan(len(h.of("subscribe")) - 1)
	}
	if plan.hang {
		<-ctx.Done()
		return nil, fmt.Errorf("client: %w", ctx.Err())
	}
	if plan.refuse != nil {
		return nil, plan.refuse
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.accepted.IsZero() && time.Since(h.accepted) < 5*time.Second {
		return nil, inUse
	}
	h.accepted = time.Now()
	for _, f := range h.feeds {
		f.takeOver()
	}
	next := h.find(&kinesis.GetShardIteratorInput{ShardIteratorType: p.Type, StartingSequenceNumber: p.SequenceNumber, Timestamp: p.Timestamp})
	f := &feed{
		hub: h, plan: plan, next: next, continuation: 100*next + 1,
		events: make(chan types.SubscribeToShardEventStream), done: make(chan struct{}), over: make(chan struct{}),
	}
	h.feeds = append(h.feeds, f)
	go f.run(ctx)
	return f, nil
}

// GetRecords gives of the records those that are there.
func (h *hub) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	h.mu.Lock()
	arrived := h.arrived
	h.mu.Unlock()
	var from int
	if _, err := fmt.Sscanf(*in.ShardIterator, "%d@", &from); err != nil {
		return nil, err
	}
	limited := *in
	limited.Limit = aws.Int32(min(*in.Limit, int32(max(arrived-from, 0))))
	out, err := h.fake.GetRecords(ctx, &limited)
	if err == nil {
		out.MillisBehindLatest = aws.Int64(int64(max(arrived-from-len(out.Records), 0)) * 1000)
	}
	return out, err
}

// arrive lets n more records be there.
func (h *hub) arrive(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrived = min(h.arrived+n, len(h.records))
}

// arriveEverySecond lets one record after the other be there, and none before.
func (h *hub) arriveEverySecond(t testing.TB) {
	h.arrived = 0
	go func() {
		for range h.records {
			rest(t.Context(), time.Second)
			h.arrive(1)
		}
	}()
}

// open tells how many subscriptions there are, those whose goroutine has not ended.
func (h *hub) open() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		if !f.ended {
			n++
		}
	}
	return n
}

// feed is one subscription: a goroutine that holds one event at a time, as one of the SDK does.
type feed struct {
	hub          *hub
	plan         feedPlan
	next         int // record
	continuation int
	sent         int
	last         time.Time // of the events that were taken
	events       chan types.SubscribeToShardEventStream
	done, over   chan struct{}
	close, take  sync.Once
	err          error
	ended        bool // hub.mu
}

func (f *feed) Events() <-chan types.SubscribeToShardEventStream { return f.events }
func (f *feed) Err() error                                       { return f.err }
func (f *feed) takeOver()                                        { f.take.Do(func() { close(f.over) }) }

func (f *feed) Close() error {
	f.close.Do(func() { close(f.done) })
	return nil
}

func (f *feed) run(ctx context.Context) {
	f.err = f.serve(ctx)
	f.hub.mu.Lock()
	f.ended = true
	f.hub.mu.Unlock()
	close(f.events)
}

func (f *feed) serve(ctx context.Context) error {
	life := time.NewTimer(5 * time.Minute)
	defer life.Stop()
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	var held *types.SubscribeToShardEvent
	for {
		fault := f.plan.then
		if f.sent < f.plan.after {
			fault = ""
		}
		switch fault {
		case "end":
			return nil
		case "break":
			return f.plan.with
		case "", "lose":
			if held == nil {
				held = f.event()
			}
			if held != nil && fault == "lose" {
				held.ContinuationSequenceNumber = nil
			}
		}
		var send chan<- types.SubscribeToShardEventStream
		var event types.SubscribeToShardEventStream
		again := look.C
		if held != nil {
			again = nil // who asks without waiting must find the event
			send, event = f.events, &types.SubscribeToShardEventStreamMemberSubscribeToShardEvent{Value: *held}
		}
		select {
		case send <- event:
			f.sent, f.last = f.sent+1, time.Now()
			f.hub.mu.Lock()
			f.hub.taken++
			f.hub.mu.Unlock()
			if held.ContinuationSequenceNumber == nil {
				return nil
			}
			held = nil
		case <-again:
		case <-life.C:
			return nil
		case <-f.over:
			return inUse
		case <-f.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// event returns the next event, if one is due: at once where there are records, else every 5 s.
func (f *feed) event() *types.SubscribeToShardEvent {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	to := max(f.next, min(f.next+max(f.plan.size, 1), f.hub.arrived))
	closed := f.hub.closed && to == len(f.hub.records)
	if to == f.next && !closed && time.Since(f.last) < 5*time.Second {
		return nil
	}
	e := &types.SubscribeToShardEvent{
		Records:            slices.Clone(f.hub.records[f.next:to]),
		MillisBehindLatest: aws.Int64(int64(f.hub.arrived-to) * 1000),
	}
	if f.continuation++; to > f.next {
		f.continuation = 100 * to
	}
	f.next = to
	if closed {
		e.ChildShards = f.hub.children
		return e
	}
	e.ContinuationSequenceNumber = aws.String(strconv.Itoa(f.continuation))
	return e
}

// subscribed returns a Reader that subscribes to the hub.
func subscribed(t testing.TB, h poller.Client, from poller.Start, cfg poller.Config) poller.Reader {
	t.Helper()
	return openFanout(t, newFanout(t, h, cfg), from)
}

func newFanout(t testing.TB, h poller.Client, cfg poller.Config) *poller.Poller {
	t.Helper()
	cfg.Client, cfg.ConsumerARN = h, consumerARN
	cfg.Logger = cmp.Or(cfg.Logger, readable(t))
	p, err := poller.New(cfg)
	require.NoError(t, err)
	return p
}

func openFanout(t testing.TB, p *poller.Poller, from poller.Start) poller.Reader {
	t.Helper()
	r, err := p.Open(poller.Shard{ID: shardID}, from)
	require.NoError(t, err)
	closer, ok := r.(io.Closer)
	require.True(t, ok)
	t.Cleanup(func() { require.NoError(t, closer.Close()) })
	return r
}

// readRecords calls Next until so many records came. It fails at an error.
func readRecords(t testing.TB, r poller.Reader, n int) (got []string) {
	t.Helper()
	for len(got) < n {
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		got = append(got, sequence(page)...)
	}
	return got
}

// numbers are the sequence numbers of the records from..to, counted from 1.
func numbers(from, to int) (want []string) {
	for i := from; i <= to; i++ {
		want = append(want, strconv.Itoa(100*i))
	}
	return want
}

func after(position string) poller.Start {
	return poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: position}}
}

// logged gives cfg a Logger, and returns the lines that it wrote, of Info and above.
func logged(cfg *poller.Config) (lines func() []string) {
	var b bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&b, nil))
	return func() []string { return strings.Split(strings.TrimSpace(b.String()), "\n") }
}
