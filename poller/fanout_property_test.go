package poller_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// history is what happens to a shard that is read by fan-out.
type history struct {
	records    int
	from       int
	arrive     []time.Duration // pauses between arrivals, in turn
	plans      []feedPlan      // of subscriptions; those behind them serve
	polls      []error         // of reads, while it falls back
	busy       []time.Duration // of the caller after each call of Next, in turn
	impatient, // calls of Next in turn have this long; 0: for ever, as the thousandth has
	reopen []time.Duration // as impatient; then another Reader begins where this one has come to
	fallBack bool
}

var feedPlans = rapid.Custom(func(t *rapid.T) feedPlan {
	p := feedPlan{size: rapid.IntRange(1, 6).Draw(t, "size"), after: rapid.IntRange(0, 8).Draw(t, "after")}
	switch rapid.IntRange(0, 8).Draw(t, "fate") {
	case 0:
		p.refuse = rapid.SampledFrom([]error{inUse, throttled, internal, errDenied, io.ErrUnexpectedEOF}).Draw(t, "refusal")
	case 1:
		p.hang = true
	case 2:
		p.then = "end"
	case 3, 4:
		p.then = "silent"
	case 5:
		p.then, p.with = "break", rapid.SampledFrom([]error{inUse, internal, io.ErrUnexpectedEOF}).Draw(t, "break")
	}
	return p
})

var histories = rapid.Custom(func(t *rapid.T) history {
	n := rapid.IntRange(1, 80).Draw(t, "records")
	pauses := func(name string, of ...float64) []time.Duration {
		return rapid.SliceOfN(rapid.SampledFrom(seconds(of...)), 1, 12).Draw(t, name)
	}
	return history{
		records:   n,
		from:      rapid.IntRange(0, n-1).Draw(t, "from"),
		arrive:    pauses("arrivals", 0, 0, 0.1, 1, 7, 60),
		plans:     rapid.SliceOfN(feedPlans, 0, 12).Draw(t, "subscriptions"),
		polls:     rapid.SliceOfN(rapid.SampledFrom([]error{nil, nil, throttled, expired, internal}), 0, 10).Draw(t, "reads"),
		busy:      pauses("busy", 0, 0, 0, 0.3, 4, 40, 290, 400),
		impatient: pauses("patience", 0, 0, 0, 0.5, 3, 20),
		reopen:    append(pauses("reopen", 0, 0, 0, 0, 0, 0, 0, 1), 0),
		fallBack:  rapid.Bool().Draw(t, "fall back"),
	}
})

// play reads the shard to its end, and returns the sequence numbers of all pages.
func (s *history) play(t *testing.T) (h *hub, got []string, maxAhead int) {
	h = newHub(s.records)
	h.closed, h.arrived = true, 0
	h.plan = func(n int) feedPlan {
		if n < len(s.plans) {
			return s.plans[n]
		}
		return feedPlan{size: 5}
	}
	h.onRead = func(_ context.Context, n int) (*kinesis.GetRecordsOutput, error) {
		if n < len(s.polls) {
			return nil, s.polls[n]
		}
		return nil, nil
	}
	go func() {
		for i := range s.records {
			rest(t.Context(), s.arrive[i%len(s.arrive)])
			h.arrive(1)
		}
	}()
	from := poller.Start{}
	if s.from > 0 {
		from = after(numbers(s.from, s.from)[0])
	}
	p := newFanout(t, h, poller.Config{FallBackToPolling: s.fallBack})
	r := openFanout(t, p, from)
	var calls int
	for calls = range 3000 {
		page := s.next(t.Context(), r, calls)
		if n := len(page.Records); n > 0 {
			from = poller.Start{Type: poller.AtPosition, Position: batch.PositionOf(&page.Records[n-1])}
		}
		got = append(got, sequence(page)...)
		if page.End {
			require.Zero(t, h.open(), "an ended shard has no subscription")
			return h, got, maxAhead
		}
		rest(t.Context(), s.busy[calls%len(s.busy)])
		h.mu.Lock()
		maxAhead = max(maxAhead, h.taken-(calls+1)-len(h.feeds)) // to close a subscription may take one
		h.mu.Unlock()
		if s.reopen[calls%len(s.reopen)] > 0 {
			require.NoError(t, r.(io.Closer).Close())
			require.Zero(t, h.open(), "a closed Reader has no subscription")
			r = openFanout(t, p, from)
		}
		require.LessOrEqual(t, h.open(), 1)
	}
	return h, append(got, "and no end"), maxAhead
}

func (s *history) next(ctx context.Context, r poller.Reader, n int) batch.Page {
	if patience := s.impatient[n%len(s.impatient)]; patience > 0 && n < 1000 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	page, _ := r.Next(ctx)
	return page
}

// TestPushedPagesAreTheStreamExactlyOnceInOrder holds whatever becomes of subscriptions, and whenever the caller comes.
func TestPushedPagesAreTheStreamExactlyOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := histories.Draw(rt, "history")
		var h *hub
		var got []string
		var ahead int
		synctest.Test(t, func(t *testing.T) { h, got, ahead = s.play(t) })
		require.Equal(rt, numbers(s.from+1, s.records), got)
		requireApart(rt, h.times("subscribe"))
		requireAtMostFiveASecond(rt, h.granted())
		require.LessOrEqual(rt, ahead, 0, "events taken before they were asked for")
	})
}
