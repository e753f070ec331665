package mapping_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/observe"
	"github.com/shardmill/shardmill/poller"
)

// repeating is a Client whose pages hold some records more than once.
type repeating struct {
	poller.Client
	change func(records []types.Record) []types.Record
}

func (r repeating) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, o ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := r.Client.GetRecords(ctx, in, o...)
	if err == nil && len(out.Records) > 0 {
		out.Records = r.change(out.Records)
	}
	return out, err
}

// repeats are the ways in which records come twice, and how many do in a page of ten.
var repeats = map[string]struct {
	change func(records []types.Record) []types.Record
	n      int
}{
	"one":                {func(r []types.Record) []types.Record { return join(r[:3], r[2:]) }, 1},
	"the last":           {func(r []types.Record) []types.Record { return join(r, r[len(r)-1:]) }, 1},
	"each":               {func(r []types.Record) []types.Record { return join(r, r) }, 10},
	"one of those ahead": {func(r []types.Record) []types.Record { return join(r, r[4:5]) }, 1},
	"some":               {func(r []types.Record) []types.Record { return join(r[:6], r[3:]) }, 3},
}

func join(a, b []types.Record) []types.Record {
	return append(append([]types.Record{}, a...), b...)
}

// TestRecordThatComesTwiceInAPageIsProcessedOnce, with one warning, and the shard goes on.
func TestRecordThatComesTwiceInAPageIsProcessedOnce(t *testing.T) {
	for name, c := range repeats {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				cfg := w.config()
				cfg.Client = repeating{w.service.Client(), c.change}
				polled := 0
				cfg.Observer.Polled = func(e observe.Polled) { polled += e.Repeated }
				r := w.start(cfg)
				pass(500 * time.Millisecond) // between two reads, so that ten records are one page
				for i := range 10 {
					w.put(10*i, 10)
					pass(7 * time.Minute)
					assert.Equal(t, "OK", r.Status().LastProcessingResult)
				}
				require.NoError(t, r.stop())
				assert.Equal(t, numbers(0, 100), w.delivered())
				assert.EqualValues(t, 10*c.n, r.Status().Counts.Repeated)
				assert.EqualValues(t, 100, r.Status().Counts.Polled)
				assert.Equal(t, 10*c.n, polled)
				assert.Equal(t, 2, strings.Count(w.logs.String(), "records came twice in a page"), "at first, and an hour later")
				assert.Contains(t, w.logs.String(), fmt.Sprint("repeats=", 9*c.n))
			})
		})
	}
}

// TestAggregateThatComesTwiceInAPageIsProcessedOnce: its members are compared one by one.
func TestAggregateThatComesTwiceInAPageIsProcessedOnce(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		cfg := w.config()
		cfg.Read.Deaggregate = true
		cfg.Client = repeating{w.service.Client(), func(r []types.Record) []types.Record { return join(r, r) }}
		_, _, err := w.stream.Put("k", aggregateOf("", "a", "b", "c"))
		require.NoError(t, err)
		w.put(0, 2)
		r := w.start(cfg)
		pass(2 * time.Second)
		require.NoError(t, r.stop())
		assert.Equal(t, append([]string{"a", "b", "c"}, numbers(0, 2)...), w.delivered())
		assert.EqualValues(t, 5, r.Status().Counts.Repeated)
	})
}

// TestRepeatAtTheEndOfAPageMovesNoPositionBack: the iterator is renewed behind each page.
func TestRepeatAtTheEndOfAPageMovesNoPositionBack(t *testing.T) {
	for name, c := range repeats {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				cfg := w.config()
				cfg.Client = repeating{w.service.Client(), func(r []types.Record) []types.Record {
					if len(r) < 10 {
						return r
					}
					return c.change(r)
				}}
				r := w.start(cfg)
				pass(500 * time.Millisecond) // between two reads, so that ten records are one page
				for i := range 10 {
					w.put(10*i, 10)
					pass(2 * time.Second)
					w.service.ExpireIterators()
					pass(3 * time.Second)
					assert.Equal(t, "OK", r.Status().LastProcessingResult)
				}
				require.NoError(t, r.stop())
				assert.Equal(t, numbers(0, 100), w.delivered())
				assert.NotContains(t, w.logs.String(), "reading the shard failed")
			})
		})
	}
}
