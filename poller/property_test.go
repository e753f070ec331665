package poller_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller"
)

// fault is what happens to one read.
type fault string

var faults = rapid.SampledFrom([]fault{
	"none", "none", "none", "none", "throttled", "expired", "internal", "denied", "invalid", "reset",
	"hang", "cancelled", "answer lost", "empty", "short", "twice",
})

// run is a reader among faults, until the shard ends.
type run struct {
	*fake
	script []fault // of the reads to come; none when it is through
	cancel context.CancelFunc
	failed int // calls for an iterator that fail before one succeeds
}

func (s *run) read(call context.Context, _ int) (*kinesis.GetRecordsOutput, error) {
	if len(s.script) == 0 {
		s.page = 0
		return nil, nil
	}
	f := s.script[0]
	s.script = s.script[1:]
	s.page = 7
	switch f {
	case "throttled":
		return nil, throttled
	case "expired":
		return nil, fmt.Errorf("wrapped: %w", expired)
	case "internal":
		return nil, internal
	case "denied":
		return nil, &types.AccessDeniedException{}
	case "invalid":
		return nil, &types.InvalidArgumentException{}
	case "reset", "answer lost":
		return nil, errors.New("connection reset by peer")
	case "hang":
		<-call.Done()
		return nil, call.Err()
	case "cancelled":
		s.cancel()
		return nil, &kinesisCancelled{call.Err()}
	case "short":
		s.page = 1
	case "empty", "twice":
		return s.odd(f), nil
	}
	return nil, nil
}

// kinesisCancelled hides a cancelled context as the SDK does.
type kinesisCancelled struct{ err error }

func (e *kinesisCancelled) Error() string { return "canceled" }
func (e *kinesisCancelled) Unwrap() error { return e.err }

// odd is an answer that a lawful service gives seldom, or never.
func (s *run) odd(f fault) *kinesis.GetRecordsOutput {
	var at int
	reads := s.of("read")
	_, err := fmt.Sscanf(reads[len(reads)-1].detail, "%d@", &at)
	if err != nil {
		panic(err)
	}
	out := &kinesis.GetRecordsOutput{MillisBehindLatest: aws.Int64(1000), NextShardIterator: s.iterator(at)}
	if f == "twice" { // the answer overlaps the one before it
		out.Records = s.records[max(at-2, 0):at]
	}
	return out
}

// next calls Next under a context that a fault may cancel.
func (s *run) next(ctx context.Context, r poller.Reader) (batch.Page, error) {
	ctx, s.cancel = context.WithCancel(ctx)
	defer s.cancel()
	return r.Next(ctx)
}

// plan is what a run is made of.
type plan struct {
	records, from, limit int
	script               []fault
	busy                 []time.Duration // of the caller after each page, in turn
	failing              []int           // calls for an iterator that fail in each Next, in turn
}

var plans = rapid.Custom(func(t *rapid.T) plan {
	n := rapid.IntRange(0, 60).Draw(t, "records")
	return plan{
		records: n,
		from:    rapid.IntRange(0, n).Draw(t, "from"),
		limit:   rapid.IntRange(1, 10).Draw(t, "limit"),
		script:  rapid.SliceOfN(faults, 0, 40).Draw(t, "faults"),
		busy:    rapid.SliceOfN(rapid.SampledFrom(seconds(0, 0, 0, 0.5, 2, 280, 400)), 1, 20).Draw(t, "busy"),
		failing: append(rapid.SliceOfN(rapid.SampledFrom([]int{0, 0, 0, 1, 3}), 0, 20).Draw(t, "failing iterators"), 0),
	}
})

// play reads the shard to its end, and returns the sequence numbers of all pages.
func (p plan) play(t *testing.T) (*run, []string) {
	s := &run{fake: newFake(p.records), script: p.script}
	s.closed, s.onRead = true, s.read
	s.onIterator = func(*kinesis.GetShardIteratorInput) error {
		if s.failed--; s.failed >= 0 {
			return throttled
		}
		return nil
	}
	start := poller.Start{}
	if p.from > 0 {
		start = poller.Start{Type: poller.AtPosition, Position: batch.Position{SequenceNumber: strconv.Itoa(p.from)}}
	}
	r := open(t, s, start, poller.Config{Limit: p.limit})
	var got []string
	for i := range 500 {
		s.failed = p.failing[i%len(p.failing)]
		page, _ := s.next(t.Context(), r)
		got = append(got, sequence(page)...)
		if page.End {
			return s, got
		}
		rest(t.Context(), p.busy[i%len(p.busy)])
	}
	return s, append(got, "and no end")
}

// TestPagesAreTheStreamExactlyOnceInOrder holds whatever the service does and whenever the caller comes.
func TestPagesAreTheStreamExactlyOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := plans.Draw(rt, "plan")
		var s *run
		var got []string
		synctest.Test(t, func(t *testing.T) { s, got = p.play(t) })

		var want []string
		for _, r := range s.records[p.from:] {
			want = append(want, *r.SequenceNumber)
		}
		require.Equal(rt, want, got)
		requireAtMostFiveASecond(rt, s.granted())
	})
}
