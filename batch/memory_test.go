package batch_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// TestResolvedPagesAreLetGo: a shard that has come to rest keeps nothing of its pages, not even a part of a string.
func TestResolvedPagesAreLetGo(t *testing.T) {
	for _, p := range []batch.Policy{
		{BatchSize: 3, MaximumRetryAttempts: new(0)},
		{BatchSize: 3, MaximumRetryAttempts: new(0), ParallelizationFactor: 4},
		{BatchSize: 3, BisectBatchOnFunctionError: true, MaximumRetryAttempts: new(0)},
	} {
		t.Run(fmt.Sprintf("lanes=%d,bisect=%t", p.ParallelizationFactor, p.BisectBatchOnFunctionError), func(t *testing.T) {
			s, err := batch.New(p, batch.Commit{})
			require.NoError(t, err)
			data, text := offerArena(s)
			drain(s)
			s.Next(worldStart) // what Next returned is the Scheduler's until it is called again
			runtime.GC()
			runtime.GC()
			assert.Nil(t, data.Value(), "the data of a page is kept")
			assert.Nil(t, text.Value(), "the strings of a page are kept")
			assert.Equal(t, "1019", s.Frontier().SequenceNumber)
			runtime.KeepAlive(s)
		})
	}
}

// offerArena offers a page whose records share one block of data and one string, and returns weak pointers to them.
func offerArena(s *batch.Scheduler) (weak.Pointer[byte], weak.Pointer[byte]) {
	const n = 20
	data := make([]byte, 64*n)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%dkey%02d", 1000+i, i%5)
	}
	text := b.String()
	page := batch.Page{Records: make([]batch.Record, n)}
	for i := range page.Records {
		part := text[9*i : 9*i+9]
		page.Records[i] = batch.Record{SequenceNumber: part[:4], PartitionKey: part[4:], Data: data[64*i : 64*i+64 : 64*i+64]}
	}
	s.Offer(worldStart, page)
	return weak.Make(&data[0]), weak.Make(unsafe.StringData(text))
}

// drain fails each batch that can still be split, and lets the others succeed.
func drain(s *batch.Scheduler) {
	for actions := s.Next(worldStart); len(actions) > 0; actions = s.Next(worldStart) {
		for _, a := range actions {
			invoke, ok := a.(*batch.Invoke)
			if !ok {
				continue
			}
			o := batch.Outcome{Kind: batch.Success}
			if invoke.Records.Len() == 2 {
				o.Kind = batch.FunctionError
			}
			if s.Report(worldStart, invoke.ID, o).Step == batch.Exhausted {
				s.Next(worldStart)
				s.Report(worldStart, invoke.ID, batch.Outcome{Kind: batch.Dropped})
			}
		}
	}
}
