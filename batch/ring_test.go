package batch_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// TestLongQueuesKeepTheirOrder lets the queues of some lanes swell and shrink over some thousand records, as the short
// random schedules do not, and checks that each lane sees all its records in order.
func TestLongQueuesKeepTheirOrder(t *testing.T) {
	const lanes = 3
	for seed := range uint64(8) {
		c := newSeedChooser(seed)
		s, err := batch.New(batch.Policy{BatchSize: 1 + c.choose(40), ParallelizationFactor: lanes}, batch.Commit{})
		require.NoError(t, err)
		offered, seen := [lanes][]string{}, [lanes][]string{}
		running := map[batch.ID]*batch.Invoke{}
		for seq := 0; seq < 18_000 || len(running) > 0; {
			swell := seq/6000%2 == 0
			if seq < 18_000 && (swell || chance(c, 4)) {
				page := batch.Page{Records: make([]batch.Record, 1+c.choose(60))}
				for i := range page.Records {
					seq++
					r := batch.Record{SequenceNumber: strconv.Itoa(seq), Filtered: chance(c, 9), PartitionKey: strconv.Itoa(c.choose(9))}
					if page.Records[i] = r; !r.Filtered {
						lane := batch.LaneOf(&r, lanes)
						offered[lane] = append(offered[lane], r.SequenceNumber)
					}
				}
				s.Offer(worldStart, page)
			}
			for id := range running {
				if seq < 18_000 && swell && !chance(c, 4) {
					continue
				}
				require.Equal(t, batch.Resolved, s.Report(worldStart, id, batch.Outcome{Kind: batch.Success}).Step)
				delete(running, id)
			}
			for _, a := range s.Next(worldStart) {
				invoke, ok := a.(*batch.Invoke)
				if !ok {
					continue
				}
				running[invoke.ID] = invoke
				for _, r := range invoke.Records.All() {
					seen[invoke.Lane] = append(seen[invoke.Lane], r.SequenceNumber)
				}
			}
		}
		require.Equal(t, offered, seen, "seed %d", seed)
		records, bytes := s.Held()
		require.Zero(t, records+bytes)
	}
}
