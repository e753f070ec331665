package batch_test

import (
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// TestNoAllocationPerRecord runs whole pages of 10,000 records from Offer to Commit. What is allocated are the actions and,
// where the records of a batch do not stand side by side, one slice a batch; a handful of allocations comes with each page.
func TestNoAllocationPerRecord(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	const perPage = 20
	for _, c := range []struct {
		name          string
		policy        batch.Policy
		perInvocation float64
	}{
		{"batch=1", batch.Policy{BatchSize: 1}, 1},
		{"batch=100", batch.Policy{BatchSize: 100}, 1},
		{"batch=10000", batch.Policy{BatchSize: 10_000}, 1},
		{"batch=100,lanes=10", batch.Policy{BatchSize: 100, ParallelizationFactor: 10}, 2},
		{"batch=100,window", batch.Policy{BatchSize: 100, TumblingWindow: 10 * time.Second}, 4}, // the windows of Invoke and Commit, and its state
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMill(c.policy, 1000)
			runs := benchPages - 2 // one more run warms up, and newMill ran one; so that no new Scheduler is made within
			got := testing.AllocsPerRun(runs, m.step)
			invocations := float64(m.invocations) / float64(runs+1)
			if limit := c.perInvocation*invocations + perPage; got > limit {
				t.Errorf("got %.0f allocations a page of %.0f invocations, want at most %.0f", got, invocations, limit)
			}
		})
	}
}

// TestCompareAllocatesNothing: positions are compared for every page.
func TestCompareAllocatesNothing(t *testing.T) {
	p := batch.Position{SequenceNumber: "49590338271490256608559692538361571095921575989136588898"}
	q := batch.Position{SequenceNumber: "049590338271490256608559692538361571095921575989136588899", SubSequence: 3, Partial: true}
	if got := testing.AllocsPerRun(100, func() { _ = p.Compare(q) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// TestGatheringWindowAllocatesNothing: what is asked of a lane that waits for more records of a tumbling window.
func TestGatheringWindowAllocatesNothing(t *testing.T) {
	s, err := batch.New(batch.Policy{TumblingWindow: 10 * time.Second, MaximumBatchingWindow: time.Second}, batch.Commit{})
	if err != nil {
		t.Fatal(err)
	}
	s.Offer(worldStart, batch.Page{Records: []batch.Record{{SequenceNumber: "1", ArrivalTime: worldStart}}})
	got := testing.AllocsPerRun(100, func() {
		s.Next(worldStart)
		s.Wake(worldStart)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// TestIdleCallsAllocateNothing: Next, Wake, Room and Lanes are asked after every event.
func TestIdleCallsAllocateNothing(t *testing.T) {
	s, err := batch.New(batch.Policy{ParallelizationFactor: 10}, batch.Commit{})
	if err != nil {
		t.Fatal(err)
	}
	lanes := make([]batch.LaneStatus, 0, 10)
	got := testing.AllocsPerRun(100, func() {
		s.Next(worldStart)
		s.Wake(worldStart)
		s.Room()
		lanes = s.Lanes(lanes[:0])
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
