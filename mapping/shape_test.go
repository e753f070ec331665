package mapping_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
)

// keyed returns a page of records with the given keys, numbered from first.
func keyed(first int, keys ...string) batch.Page {
	p := page(first, len(keys))
	for i, k := range keys {
		p.Records[i].PartitionKey = k
	}
	return p
}

func TestLanesRunAtOnceAndKeepTheOrderOfEachKey(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.ParallelizationFactor, cfg.BatchSize = 4, 1
		var mu sync.Mutex
		running, most := map[string]bool{}, 0
		seen := map[string][]string{}
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				mu.Lock()
				assert.False(t, running[r.PartitionKey], "two invocations of one key at once")
				running[r.PartitionKey] = true
				most = max(most, len(running))
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				delete(running, r.PartitionKey)
				seen[r.PartitionKey] = append(seen[r.PartitionKey], r.SequenceNumber)
				mu.Unlock()
			}
			return nil
		})
		r := w.start(cfg)
		pages <- keyed(1, "a", "b", "c", "d", "a", "b", "c", "d")
		pass(1500 * time.Millisecond)
		assert.Equal(t, 4, r.Status().Shards[0].InFlight)
		pass(time.Minute)
		assert.Equal(t, 4, most)
		assert.Equal(t, map[string][]string{"a": {"1", "5"}, "b": {"2", "6"}, "c": {"3", "7"}, "d": {"4", "8"}}, seen, "case 44")
		assert.Equal(t, "8", r.Status().Shards[0].Stored.SequenceNumber)
		require.NoError(t, r.stop())
	})
}

func TestFailingLaneHoldsBackItsKeysAndTheCheckpointOnly(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.ParallelizationFactor = 2
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			for r := range e.Records() {
				if r.PartitionKey == "a" {
					return errors.New("a is bad")
				}
			}
			w.see(e)
			return nil
		})
		r := w.start(cfg)
		pages <- keyed(1, "b", "a", "b", "b")
		pass(time.Minute)
		assert.Equal(t, []string{"0001", "0003", "0004"}, w.delivered(), "case 45")
		assert.Equal(t, "1", w.stored().SequenceNumber)
		assert.Contains(t, r.Status().Shards[0].Waiting, "retrying after ")
		require.NoError(t, r.stop())

		cfg.ParallelizationFactor = 3
		cfg.Function = invoke.Func(func(_ context.Context, e *invoke.Event) error {
			w.see(e)
			return nil
		})
		again := make(chan batch.Page, 1)
		cfg.Source = source{again}
		again <- keyed(2, "a", "b", "b")
		r = w.start(cfg)
		pass(time.Second)
		assert.ElementsMatch(t, []string{"0001", "0003", "0004", "0002", "0003", "0004"}, w.delivered(), "after a restart with another factor nothing is lost")
		require.NoError(t, r.stop())
	})
}

func TestFiltersDropRecordsBeforeTheFunctionAndMoveTheCheckpoint(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		cfg.FilterCriteria.Filters = []mapping.Filter{
			{Pattern: `{"data": {"type": ["order"]}}`},
			{Pattern: `{"partitionKey": ["vip"]}`},
		}
		r := w.start(cfg)
		p := keyed(1, "a", "a", "a", "vip")
		for i, data := range []string{`{"type":"order", "id": 1}`, `{"type":"other"}`, `no JSON`, `no JSON either`} {
			p.Records[i].Data = []byte(data)
		}
		pages <- p
		synctest.Wait()
		assert.Equal(t, []string{`{"type":"order", "id": 1}`, "no JSON either"}, w.delivered(), "delivered bytes are not changed")
		assert.Equal(t, mapping.Counts{Polled: 4, FilteredOut: 2, Invoked: 2, Invocations: 1}, r.Status().Counts)
		q := keyed(5, "a")
		pages <- q
		synctest.Wait()
		assert.Equal(t, "5", r.Status().Shards[0].Stored.SequenceNumber, "case 79")
		require.NoError(t, r.stop())
	})
}

// sums is a function that adds up the records of a window, and keeps the finals.
type sums struct {
	mu     sync.Mutex
	finals []string
}

// closed returns the finals so far.
func (s *sums) closed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.finals...)
}

func (s *sums) function() invoke.Invoker {
	type state struct {
		Seen string `json:"seen"`
	}
	return invoke.StateFunc(func(_ context.Context, e *invoke.Event, st state) (state, error) {
		for r := range e.Records() {
			st.Seen = strings.TrimSpace(st.Seen + " " + r.SequenceNumber)
		}
		if e.Window.Final {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.finals = append(s.finals, fmt.Sprintf("%d: %s", e.Window.Start.Unix()%1000, st.Seen))
		}
		return st, nil
	})
}

func TestWindowStateIsCarriedAndSurvivesARestart(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		s := &sums{}
		cfg.TumblingWindow, cfg.BatchSize, cfg.Function = 10*time.Second, 2, s.function()
		began := time.Now().Unix() % 1000
		r := w.start(cfg)
		pages <- page(1, 3)
		synctest.Wait()
		require.NoError(t, r.stop())

		r = w.start(cfg)
		pages <- page(4, 1)
		pass(11 * time.Second)
		pages <- page(5, 1)
		synctest.Wait()
		assert.Equal(t, []string{fmt.Sprintf("%d: 1 2 3 4", began)}, s.closed())
		close(pages)
		synctest.Wait()
		assert.Equal(t, []string{fmt.Sprintf("%d: 1 2 3 4", began), fmt.Sprintf("%d: 5", began+10)}, s.closed(), "the shard's end closes its window")
		require.NoError(t, r.stop())
	})
}

func TestIdleWindowIsClosedWhenTheStreamWasReadBehindItsEnd(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		s := &sums{}
		cfg := w.config()
		cfg.TumblingWindow, cfg.Function = 10*time.Second, s.function()
		w.put(0, 3)
		r := w.start(cfg)
		pass(14 * time.Second)
		assert.Empty(t, s.closed())
		pass(3 * time.Second)
		assert.Len(t, s.closed(), 1)
		require.NoError(t, r.stop())
	})
}
