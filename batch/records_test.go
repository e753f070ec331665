package batch_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
)

// copied returns what an action's records are, for tests that compare, search and cut them.
func copied(rs batch.Records) []batch.Record {
	records := make([]batch.Record, 0, rs.Len())
	for _, r := range rs.All() {
		records = append(records, *r)
	}
	return records
}

// twoLanes returns the batches of two lanes whose records take turns in the stream.
func twoLanes(t *testing.T) []*batch.Invoke {
	t.Helper()
	s, err := batch.New(batch.Policy{ParallelizationFactor: 2, PayloadLimit: 1000}, batch.Commit{})
	assert.NoError(t, err)
	s.Offer(worldStart, batch.Page{Records: []batch.Record{
		{SequenceNumber: "1", PartitionKey: keyIn(0)},
		{SequenceNumber: "2", PartitionKey: keyIn(1)},
		{SequenceNumber: "3", PartitionKey: keyIn(0)},
		{SequenceNumber: "4", PartitionKey: keyIn(1)},
		{SequenceNumber: "5", PartitionKey: keyIn(0)},
		{SequenceNumber: "6", PartitionKey: keyIn(1)},
	}})
	var invokes []*batch.Invoke
	for _, a := range s.Next(worldStart) {
		invokes = append(invokes, a.(*batch.Invoke))
	}
	assert.Len(t, invokes, 2)
	return invokes
}

// keyIn returns a partition key of one lane of two.
func keyIn(lane int) string {
	key := "k"
	for batch.LaneOf(&batch.Record{PartitionKey: key}, 2) != lane {
		key += "k"
	}
	return key
}

func TestRecordsAreTheSameHoweverTheyStand(t *testing.T) {
	picked := twoLanes(t)[0].Records
	side := batch.RecordsOf([]batch.Record{*picked.At(0), *picked.At(1), *picked.At(2)})
	for name, rs := range map[string]batch.Records{"picked": picked, "side by side": side} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, 3, rs.Len())
			assert.Equal(t, "3", rs.At(1).SequenceNumber)
			assert.Equal(t, "3", rs.Slice(1, 3).At(0).SequenceNumber)
			assert.Equal(t, 2, rs.Slice(1, 3).Len())
			assert.Zero(t, rs.Slice(3, 3).Len())
			assert.Panics(t, func() { rs.At(3) })
			assert.Panics(t, func() { rs.Slice(0, 4) })
			assert.Panics(t, func() { rs.Slice(0, 2).Slice(0, 3) }, "a part does not grow into what follows it")
			for i, r := range rs.All() {
				assert.Same(t, rs.At(i), r)
				if i == 1 {
					break
				}
			}
		})
	}
}

func TestNoRecords(t *testing.T) {
	var none batch.Records
	assert.Zero(t, none.Len())
	assert.Zero(t, none.Slice(0, 0).Len())
	for range none.All() {
		t.Error("there is a record")
	}
}
