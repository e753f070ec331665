package mapping_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/poller"
)

// disorderly is a Source of one shard with the records 1 to 9, three a page. Its Readers move on with each page that they
// return, whatever it was, so that what a bad page stood for comes again only from a new one.
type disorderly struct {
	spoil  func(page batch.Page, opened int) batch.Page // by the Reader that was opened as the nth, from 1
	refuse int                                          // opening is refused that often after the first time

	mu     sync.Mutex
	from   []poller.Start
	at     []time.Time
	closed int
}

func (d *disorderly) Shards(context.Context) ([]poller.Shard, error) {
	return []poller.Shard{{ID: "shardId-000000000000"}}, nil
}

func (d *disorderly) Open(_ poller.Shard, from poller.Start) (poller.Reader, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.from, d.at = append(d.from, from), append(d.at, time.Now())
	if n := len(d.from); n > 1 && n <= 1+d.refuse {
		return nil, errors.New("no reader to be had")
	}
	r := &disorderlyReader{source: d, opened: len(d.from), next: 1}
	for from.Type == poller.AtPosition && batch.PositionOf(&page(r.next, 1).Records[0]).Compare(from.Position) <= 0 {
		r.next++
	}
	return r, nil
}

type disorderlyReader struct {
	source *disorderly
	opened int
	next   int
}

func (r *disorderlyReader) Next(ctx context.Context) (batch.Page, error) {
	if r.next > 9 {
		<-ctx.Done()
		return batch.Page{}, ctx.Err()
	}
	p := r.source.spoil(page(r.next, min(3, 10-r.next)), r.opened)
	r.next += 3
	return p, nil
}

func (r *disorderlyReader) Close() error {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.source.closed++
	return nil
}

// spoilers make a page of the records 4 to 6 one that can't be used.
var spoilers = map[string]func(p *batch.Page){
	"without number": func(p *batch.Page) { p.Records[1].SequenceNumber = "" },
	"number twice": func(p *batch.Page) {
		p.Records[2].SequenceNumber = p.Records[1].SequenceNumber
	},
	"repeat of a page before": func(p *batch.Page) { p.Records[1] = page(3, 1).Records[0] },
	"lower than ahead":        func(p *batch.Page) { p.Records[0], p.Records[1] = p.Records[1], p.Records[0] },
	"already read":            func(p *batch.Page) { *p = page(2, 2) },
	"as the last page":        func(p *batch.Page) { *p = page(2, 2); p.End = true },
}

// inDisorder runs f with a Source whose Readers spoil the page of the records 4 to 6, those up to the nth.
func inDisorder(t *testing.T, readers int, f func(t *testing.T, w *world, cfg mapping.Config, d *disorderly)) {
	t.Helper()
	for name, spoil := range spoilers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, store: mapping.NewMemoryStore()}
				d := &disorderly{spoil: func(p batch.Page, opened int) batch.Page {
					if opened <= readers && p.Records[0].SequenceNumber == "4" {
						spoil(&p)
					}
					return p
				}}
				cfg := w.config()
				cfg.Source = d
				f(t, w, cfg, d)
			})
		})
	}
}

// TestRecordsThatComeInNoOrderAreReadAgain: the Reader has moved behind the page, so only another one brings it again.
func TestRecordsThatComeInNoOrderAreReadAgain(t *testing.T) {
	inDisorder(t, 2, func(t *testing.T, w *world, cfg mapping.Config, d *disorderly) {
		d.refuse = 1
		r := w.start(cfg)
		pass(50 * time.Millisecond)
		assert.Contains(t, r.Status().LastProcessingResult, "PROBLEM: mapping: ")
		assert.Equal(t, numbers(1, 3), w.delivered())
		pass(5 * time.Second)
		assert.Equal(t, numbers(1, 9), w.delivered())
		assert.Equal(t, "OK", r.Status().LastProcessingResult)
		require.NoError(t, r.stop())

		require.Len(t, d.from, 3, "one that was spoilt, one refused, one good")
		for _, from := range d.from[1:] {
			assert.Equal(t, poller.AtPosition, from.Type)
			assert.Equal(t, batch.Position{SequenceNumber: "3"}, from.Position, "behind the last good record")
			assert.False(t, from.ResolvedUpTo.IsZero(), "by which a Reader tells what was trimmed")
		}
		assert.Equal(t, 2, d.closed, "each Reader is closed")
	})
}

// TestRecordsThatNeverComeInOrderStopTheShard: nothing behind them is processed, and the Source is not asked without a pause.
func TestRecordsThatNeverComeInOrderStopTheShard(t *testing.T) {
	inDisorder(t, 1_000_000, func(t *testing.T, w *world, cfg mapping.Config, d *disorderly) {
		r := w.start(cfg)
		pass(time.Hour)
		assert.Equal(t, numbers(1, 3), w.delivered())
		st := r.Status()
		assert.Contains(t, st.LastProcessingResult, "PROBLEM: mapping: ")
		assert.Contains(t, st.Shards[0].Waiting, "mapping: ")
		require.NoError(t, r.stop())
		n := len(d.at)
		assert.Equal(t, n, d.closed, "each Reader is closed")
		assert.InDelta(t, 120, n, 12, "Readers in an hour")
		assert.InDelta(t, time.Second.Seconds()/5, d.at[1].Sub(d.at[0]).Seconds(), 0.1, "the first pause")
		assert.InDelta(t, 30, d.at[n-1].Sub(d.at[n-2]).Seconds(), 1, "the longest")
	})
}

// TestFirstRecordsInNoOrderAreReadAgainFromTheStart: there is no position yet.
func TestFirstRecordsInNoOrderAreReadAgainFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: mapping.NewMemoryStore()}
		d := &disorderly{spoil: func(p batch.Page, opened int) batch.Page {
			if opened == 1 {
				p.Records[0].SequenceNumber = ""
			}
			return p
		}}
		cfg := w.config()
		cfg.StartingPosition, cfg.StartingPositionTimestamp = mapping.AtTimestamp, time.Now()
		cfg.Source = d
		r := w.start(cfg)
		pass(5 * time.Second)
		require.NoError(t, r.stop())
		assert.Equal(t, numbers(1, 9), w.delivered())
		require.Len(t, d.from, 2)
		assert.Equal(t, d.from[0], d.from[1])
	})
}
