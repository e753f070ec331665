package batch_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
)

// mostBytes is the largest size: 1 TiB, and 1 GiB on systems of 32 bits.
const mostBytes = 1 << (strconv.IntSize/32*10 + 20)

func TestSizesAreBoundedByWhatAnIntHolds(t *testing.T) {
	assert.NoError(t, batch.Policy{PayloadLimit: mostBytes, BufferBytes: mostBytes}.Validate())
	assert.Error(t, batch.Policy{PayloadLimit: mostBytes + 1}.Validate())
	assert.Error(t, batch.Policy{BufferBytes: mostBytes + 1}.Validate())
}

func TestValidateNamesFieldValueAndBounds(t *testing.T) {
	for _, c := range []struct {
		p    batch.Policy
		want string
	}{
		{batch.Policy{BatchSize: -1}, "batch: BatchSize is -1, must be between 1 and 10000 (AWS)"},
		{batch.Policy{BatchSize: 10_001}, "batch: BatchSize is 10001, must be between 1 and 10000 (AWS)"},
		{batch.Policy{MaximumBatchingWindow: -1}, "batch: MaximumBatchingWindow is -1ns, must be between 0s and 5m0s (AWS)"},
		{batch.Policy{MaximumBatchingWindow: 301 * time.Second}, "batch: MaximumBatchingWindow is 5m1s, must be between 0s and 5m0s (AWS)"},
		{batch.Policy{ParallelizationFactor: -1}, "batch: ParallelizationFactor is -1, must be between 1 and 10 (AWS)"},
		{batch.Policy{ParallelizationFactor: 11}, "batch: ParallelizationFactor is 11, must be between 1 and 10 (AWS)"},
		{batch.Policy{PayloadLimit: -1}, "batch: PayloadLimit is -1, must be between 1 and " + strconv.Itoa(mostBytes) + " (at least one record must fit)"},
		{batch.Policy{EnvelopeSize: -1}, "batch: EnvelopeSize is -1, must be between 0 and 1048576 (it holds ARNs and IDs)"},
		{batch.Policy{MaximumRetryAttempts: new(-2)}, "batch: MaximumRetryAttempts is -2, must be between -1 and 10000 (AWS)"},
		{batch.Policy{MaximumRetryAttempts: new(10_001)}, "batch: MaximumRetryAttempts is 10001, must be between -1 and 10000 (AWS)"},
		{batch.Policy{MaximumRecordAge: time.Nanosecond}, "batch: MaximumRecordAge is 1ns, must be between 1m0s and 168h0m0s, or 0 for none (AWS)"},
		{batch.Policy{MaximumRecordAge: 59 * time.Second}, "batch: MaximumRecordAge is 59s, must be between 1m0s and 168h0m0s, or 0 for none (AWS)"},
		{batch.Policy{MaximumRecordAge: 604_801 * time.Second}, "batch: MaximumRecordAge is 168h0m1s, must be between 1m0s and 168h0m0s, or 0 for none (AWS)"},
		{batch.Policy{BufferBytes: -1}, "batch: BufferBytes is -1, must be between 1 and " + strconv.Itoa(mostBytes) + " (at zero no record would be read)"},
	} {
		assert.EqualError(t, c.p.Validate(), c.want)
		s, err := batch.New(c.p, batch.Commit{})
		assert.EqualError(t, err, c.want)
		assert.Nil(t, s)
	}
}

func TestValidateNamesAllViolations(t *testing.T) {
	err := batch.Policy{BatchSize: -1, ParallelizationFactor: 11, MaximumRecordAge: time.Second}.Validate()
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestValidateAcceptsDefaultsAndBounds(t *testing.T) {
	for _, p := range []batch.Policy{
		{},
		{BatchSize: 1, ParallelizationFactor: 1, PayloadLimit: 1, MaximumRetryAttempts: new(-1), MaximumRecordAge: -1, BufferBytes: 1},
		{MaximumRetryAttempts: new(0), MaximumRecordAge: time.Minute},
		{BatchSize: 10_000, MaximumBatchingWindow: 5 * time.Minute, ParallelizationFactor: 10, MaximumRetryAttempts: new(10_000), MaximumRecordAge: 604_800 * time.Second},
		{MaximumRecordAge: -time.Second},
	} {
		assert.NoError(t, p.Validate(), "%+v", p)
	}
}

// TestNewCopiesThePolicy: who goes on to use a Policy, and what it points to, does not change a Scheduler.
func TestNewCopiesThePolicy(t *testing.T) {
	retries := 0
	s, err := batch.New(batch.Policy{MaximumRetryAttempts: &retries}, batch.Commit{})
	require.NoError(t, err)
	retries = 5
	s.Offer(worldStart, batch.Page{Records: []batch.Record{{SequenceNumber: "1"}}})
	s.Next(worldStart)
	v := s.Report(worldStart, 1, batch.Outcome{Kind: batch.FunctionError})
	assert.Equal(t, batch.Exhausted, v.Step)
}

func TestNamesOfKindsAndSteps(t *testing.T) {
	assert.Equal(t, "function-error", batch.FunctionError.String())
	assert.Equal(t, "OutcomeKind(7)", (batch.Dropped + 1).String(), "the first that does not exist")
	assert.Equal(t, "OutcomeKind(99)", batch.OutcomeKind(99).String())
	assert.Equal(t, "retried", batch.Retried.String())
	assert.Equal(t, "Step(6)", (batch.Exhausted + 1).String(), "the first that does not exist")
	assert.Equal(t, "Step(99)", batch.Step(99).String())
}

// TestAFullBufferEndsTheBatchingWindow: when there is just no room left, too.
func TestAFullBufferEndsTheBatchingWindow(t *testing.T) {
	for _, room := range []int{1, 0} {
		s, err := batch.New(batch.Policy{MaximumBatchingWindow: time.Minute, BufferBytes: 2*batch.RecordOverhead + room}, batch.Commit{})
		require.NoError(t, err)
		s.Offer(worldStart, batch.Page{Records: []batch.Record{{SequenceNumber: "1"}, {SequenceNumber: "2"}}})
		assert.Equal(t, room, s.Room())
		assert.Equal(t, room == 0, len(s.Next(worldStart)) > 0)
	}
}
