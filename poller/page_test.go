package poller

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"
)

func sdkRecords(n int) []types.Record {
	records := make([]types.Record, n)
	for i := range records {
		records[i] = types.Record{
			SequenceNumber:              aws.String(fmt.Sprintf("49590338271490256608559692538361571095921575989136588%06d", i)),
			PartitionKey:                aws.String("key"),
			Data:                        make([]byte, 200),
			ApproximateArrivalTimestamp: aws.Time(time.UnixMilli(1_700_000_000_000 + int64(i))),
		}
	}
	return records
}

func TestAPageIsOneAllocation(t *testing.T) {
	in := sdkRecords(1000)
	require.Equal(t, 1.0, testing.AllocsPerRun(10, func() { _, _ = convert(in, true, nil) }))
	require.Equal(t, 1.0, testing.AllocsPerRun(10, func() { _, _ = convert(in, true, new(deaggregator)) }))
}

func TestAnArrivalTimeThatIsMissingIsZero(t *testing.T) {
	in := sdkRecords(1)
	in[0].ApproximateArrivalTimestamp = nil
	out, err := convert(in, true, nil)
	require.NoError(t, err)
	require.True(t, out[0].ArrivalTime.IsZero())
}

// TestATimeIn1970IsNotKnown: an emulator writes 0 for a time that it lacks, and every record would be too old by it.
func TestATimeIn1970IsNotKnown(t *testing.T) {
	first := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	times := []time.Time{time.Unix(0, 0), time.Unix(-1, 0), time.UnixMilli(1), time.UnixMilli(1_767_225_600), first.Add(-1), first}
	in := sdkRecords(len(times))
	for i := range times {
		in[i].ApproximateArrivalTimestamp = &times[i]
	}
	out, err := convert(in, true, nil)
	require.NoError(t, err)
	for i := range out {
		require.Equal(t, i < len(out)-1, out[i].ArrivalTime.IsZero(), times[i])
	}
}

func BenchmarkPage(b *testing.B) {
	in := sdkRecords(10_000)
	for name, d := range map[string]*deaggregator{"deaggregate=off": nil, "deaggregate=on": new(deaggregator)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := convert(in, true, d); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(in)), "ns/record")
		})
	}
}
