package batch_test

import (
	"math/big"
	"strconv"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/batch"
)

func TestCompareSequenceNumbersComparesNumbers(t *testing.T) {
	long := "4" + strings.Repeat("9", 127)
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "0", -1},
		{"", "00", -1},
		{"0", "0", 0},
		{"0", "00", 0},
		{"0", "1", -1},
		{"9", "10", -1},
		{"10", "9", 1},
		{"99", "100", -1},
		{"007", "7", 0},
		{"007", "10", -1},
		{"0100", "99", 1},
		{"49590338271490256608559692538361571095921575989136588898", "49590338271490256608559692538361571095921575989136588899", -1},
		{long, "5" + strings.Repeat("0", 127), -1},
		{long + "0", "5" + strings.Repeat("0", 127), 1},
	} {
		assert.Equal(t, c.want, batch.CompareSequenceNumbers(c.a, c.b), "%q with %q", c.a, c.b)
		assert.Equal(t, -c.want, batch.CompareSequenceNumbers(c.b, c.a), "%q with %q", c.b, c.a)
	}
}

func TestCompareSequenceNumbersAgreesWithBigIntegers(t *testing.T) {
	compare := func(x, y []byte, zeros uint8) bool {
		a, b := new(big.Int).SetBytes(x), new(big.Int).SetBytes(y)
		padded := strings.Repeat("0", int(zeros%5)) + a.String()
		return batch.CompareSequenceNumbers(padded, b.String()) == a.Cmp(b) && batch.CompareSequenceNumbers(padded, a.String()) == 0
	}
	assert.NoError(t, quick.Check(compare, nil))
}

// TestPositionsAreOrdered lists positions from the first to the last; those in one row are the same place.
func TestPositionsAreOrdered(t *testing.T) {
	rows := [][]batch.Position{
		{{}},
		{{SequenceNumber: "9", Partial: true}},
		{{SequenceNumber: "9", SubSequence: 1, Partial: true}, {SequenceNumber: "09", SubSequence: 1, Partial: true}},
		{{SequenceNumber: "9", SubSequence: 10, Partial: true}},
		{{SequenceNumber: "9"}, {SequenceNumber: "9", SubSequence: 11}}, // behind all of the record, however it was read
		{{SequenceNumber: "10", Partial: true}},
		{{SequenceNumber: "10"}},
	}
	for i, row := range rows {
		for j, other := range rows {
			for _, p := range row {
				for _, q := range other {
					want := 0
					switch {
					case i < j:
						want = -1
					case i > j:
						want = 1
					}
					assert.Equal(t, want, p.Compare(q), "%s with %s", p, q)
				}
			}
		}
	}
}

func TestPositionString(t *testing.T) {
	for want, p := range map[string]batch.Position{
		"-":     {},
		"42":    {SequenceNumber: "42"},
		"0":     {SequenceNumber: "0"},
		"42.0+": {SequenceNumber: "42", Partial: true},
		"42.3+": {SequenceNumber: "42", SubSequence: 3, Partial: true},
		"42.4":  {SequenceNumber: "42", SubSequence: 4},
	} {
		assert.Equal(t, want, p.String())
		assert.Equal(t, want == "-", p.IsZero())
		back, err := parsePosition(want)
		assert.NoError(t, err)
		assert.Equal(t, p, back)
	}
}

func TestPositionOfLiesBehindTheRecord(t *testing.T) {
	assert.Equal(t, batch.Position{SequenceNumber: "7"}, batch.PositionOf(&batch.Record{SequenceNumber: "7"}))
	assert.Equal(t, batch.Position{SequenceNumber: "7", SubSequence: 2, Partial: true},
		batch.PositionOf(&batch.Record{SequenceNumber: "7", SubSequence: 2, More: true}))
	assert.Equal(t, batch.Position{SequenceNumber: "7", SubSequence: 3}, batch.PositionOf(&batch.Record{SequenceNumber: "7", SubSequence: 3}))
}

// TestLaneOfIsStable holds lanes to what they were first: records in flight would change lanes with another hash.
func TestLaneOfIsStable(t *testing.T) {
	for _, c := range []struct {
		key  string
		want [3]int // of 2, 4 and 10 lanes
	}{
		{"a", [3]int{0, 0, 6}},
		{"b", [3]int{1, 1, 9}},
		{"c", [3]int{0, 2, 8}},
		{"d", [3]int{1, 3, 3}},
		{"0", [3]int{1, 3, 9}},
		{"test_0", [3]int{0, 2, 4}},
		{"customer-42", [3]int{0, 2, 6}},
		{"ключ", [3]int{1, 1, 1}},
		{"4f6b2a1e-9d3c-4c55-8e0f-7a1b2c3d4e5f", [3]int{0, 2, 6}},
	} {
		for i, n := range []int{2, 4, 10} {
			assert.Equal(t, c.want[i], batch.LaneOf(&batch.Record{PartitionKey: c.key, SequenceNumber: "1"}, n), "key %q of %d lanes", c.key, n)
		}
		assert.Zero(t, batch.LaneOf(&batch.Record{PartitionKey: c.key}, 1))
	}
}

func TestLaneOfSpreadsKeysAndRecordsWithoutOne(t *testing.T) {
	const n, lanes = 10_000, 10
	var keyed, keyless [lanes]int
	for i := range n {
		keyed[batch.LaneOf(&batch.Record{PartitionKey: "customer-" + strconv.Itoa(i)}, lanes)]++
		keyless[batch.LaneOf(&batch.Record{SequenceNumber: "4959033827149025660855969253836157109592" + strconv.Itoa(i)}, lanes)]++
	}
	for lane := range lanes {
		assert.InDelta(t, n/lanes, keyed[lane], n/lanes/5, "keys of lane %d", lane)
		assert.InDelta(t, n/lanes, keyless[lane], n/lanes/5, "records without a key of lane %d", lane)
	}
}
