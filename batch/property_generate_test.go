package batch_test

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/shardmill/shardmill/batch"
)

// chooser makes the choices of a schedule: from a seed, from the bytes of a fuzzer, or from rapid.
type chooser interface {
	choose(n int) int // 0 to n-1
}

type seedChooser struct{ *rand.Rand }

func newSeedChooser(seed uint64) seedChooser {
	return seedChooser{rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
}

func (c seedChooser) choose(n int) int { return c.IntN(n) }

// byteChooser chooses 0 when its bytes are used up.
type byteChooser struct{ bytes []byte }

func (c *byteChooser) choose(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func oneOf[T any](c chooser, values ...T) T { return values[c.choose(len(values))] }

// chance is true once in n times; a chooser that has run dry says false.
func chance(c chooser, n int) bool { return c.choose(n) == n-1 }

// randomPolicy returns a policy in which the bounds are often met.
func randomPolicy(c chooser) batch.Policy {
	p := batch.Policy{
		BatchSize:                  oneOf(c, 0, 1, 2, 3, 4, 7),
		MaximumBatchingWindow:      oneOf(c, 0, 0, 0, time.Second, 5*time.Second, 100*time.Second, 300*time.Second),
		ParallelizationFactor:      oneOf(c, 0, 1, 2, 3, 4, 10),
		PayloadLimit:               oneOf(c, 0, 0, 1000, 500, 201),
		EnvelopeSize:               oneOf(c, 0, 0, 50),
		MaximumRetryAttempts:       oneOf(c, nil, new(-1), new(0), new(1), new(2), new(3)),
		MaximumRecordAge:           oneOf(c, 0, 0, -time.Second, 60*time.Second, 90*time.Second),
		BisectBatchOnFunctionError: chance(c, 2),
		ReportBatchItemFailures:    chance(c, 2),
		BufferBytes:                oneOf(c, 0, 0, 600, 2000, 5000),
	}
	if p.ParallelizationFactor <= 1 && chance(c, 2) {
		p.TumblingWindow = oneOf(c, time.Second, 10*time.Second, 60*time.Second, 900*time.Second)
		p.TumblingWindowGrace = oneOf(c, 0, 0, time.Second, 30*time.Second)
		p.WindowSize = oneOf(c, 0, 30)
	}
	if chance(c, 4) {
		p.Seed = uint64(1 + c.choose(200))
	}
	return p
}

// finite reports whether each failing record is given up at some time.
func finite(p batch.Policy) bool {
	return p.MaximumRecordAge > 0 || p.MaximumRetryAttempts != nil && *p.MaximumRetryAttempts >= 0
}

// shortState is the length that the states of tumbling windows have at most, where larger ones could block a lane for ever.
const shortState = 20

var payload = make([]byte, 1000)

// randomStream returns the records of a shard, without their arrival times. With oversized ones only where they cannot
// block a lane for ever, and where the retry delays that they lead to, which nobody reports, are exact.
func randomStream(c chooser, p batch.Policy) []batch.Record {
	var stream []batch.Record
	limit := p.PayloadLimit
	if limit == 0 {
		limit = batch.DefaultPayloadLimit
	}
	limit -= p.EnvelopeSize
	if p.TumblingWindow > 0 {
		limit -= p.WindowSize + shortState
	}
	oversized := finite(p) && p.Seed == 0 && chance(c, 2)
	keys, withFilter, withAggregates := 1+c.choose(6), chance(c, 3), chance(c, 3)
	seq := 5 + c.choose(5) // so that lengths differ
	for range c.choose(30) {
		seq += 1 + c.choose(3)
		members := 1
		if withAggregates && chance(c, 3) {
			members = 2 + c.choose(4)
		}
		for sub := range members {
			r := batch.Record{SequenceNumber: strconv.Itoa(seq), SubSequence: int64(sub), More: sub < members-1}
			if key := c.choose(keys + 1); key > 0 {
				r.PartitionKey = "key" + strconv.Itoa(key)
			}
			r.Filtered = withFilter && chance(c, 2)
			r.Data = payload[:oneOf(c, 0, 10, 300, 1000)]
			r.Size = min(oneOf(c, 100, 100, 100, 10, 150, 151, 400), limit)
			if oversized && chance(c, 6) {
				r.Size = limit + 1
			}
			stream = append(stream, r)
		}
	}
	return stream
}

// randomOutcome returns the outcome of an invocation.
func randomOutcome(c chooser, records []batch.Record) batch.Outcome {
	switch c.choose(8) {
	case 0, 1, 2:
		return batch.Outcome{Kind: batch.Success}
	case 3, 4:
		return batch.Outcome{Kind: batch.FunctionError}
	case 5:
		return batch.Outcome{Kind: batch.NotRun}
	case 6:
		return batch.Outcome{Kind: batch.TooLarge}
	}
	o := batch.Outcome{Kind: batch.Success}
	for range c.choose(4) {
		if len(records) == 0 {
			o.FailedItems = append(o.FailedItems, "7")
			continue
		}
		item := records[c.choose(len(records))].SequenceNumber
		if chance(c, 10) {
			item = oneOf(c, "", "foo", "123456789", "1", "-3", " 7", "7x")
		}
		o.FailedItems = append(o.FailedItems, item)
	}
	return o
}
