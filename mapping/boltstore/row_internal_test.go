package boltstore

import (
	"strings"
	"testing"
	"time"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawTime(t *rapid.T, label string) time.Time {
	return time.Unix(rapid.Int64().Draw(t, label), rapid.Int64Range(0, 999_999_999).Draw(t, label)).UTC()
}

func drawRow(t *rapid.T) row {
	r := row{epoch: rapid.Uint64Min(1).Draw(t, "epoch")}
	r.written = rapid.Uint64Max(r.epoch).Draw(t, "written")
	if r.written == 0 {
		return r
	}
	r.progress = driver.Progress{
		Version: rapid.Uint64().Draw(t, "version"),
		End:     rapid.Bool().Draw(t, "end"),
		Position: batch.Position{
			SequenceNumber: rapid.String().Draw(t, "sequence number"),
			SubSequence:    rapid.Int64().Draw(t, "sub-sequence"),
			Partial:        rapid.Bool().Draw(t, "partial"),
		},
	}
	if rapid.Bool().Draw(t, "with window") {
		r.progress.Window = &batch.Window{
			Start:           drawTime(t, "start"),
			End:             drawTime(t, "end"),
			State:           append([]byte(nil), rapid.SliceOf(rapid.Byte()).Draw(t, "state")...),
			Final:           rapid.Bool().Draw(t, "final"),
			TerminatedEarly: rapid.Bool().Draw(t, "terminated early"),
		}
	}
	r.progress.ShardStart = rapid.String().Draw(t, "shard start")
	for _, at := range []*time.Time{&r.progress.ResolvedUpTo, &r.progress.ClosedUpTo, &r.progress.StreamCreated} {
		if rapid.Bool().Draw(t, "with a time") {
			*at = drawTime(t, "time")
		}
	}
	return r
}

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := key{rapid.String().Draw(t, "mapping"), rapid.String().Draw(t, "shard")}
		want := drawRow(t)
		value := seal(k, encodeRow(want))
		body, _, err := unseal(k, value)
		require.NoError(t, err)
		got, err := decodeRow(k, body)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestZeroTimeStaysZero(t *testing.T) {
	a, err := decodeAnchor(key{}, encodeAnchor(anchor{}))
	require.NoError(t, err)
	assert.True(t, a.at.IsZero())
}

func TestEachFlippedBitOfAValueIsSeen(t *testing.T) {
	k := key{"m", "s"}
	value := seal(k, encodeRow(fullRow()))
	for i := range 8 * len(value) {
		value[i/8] ^= 1 << (i % 8)
		_, _, err := unseal(k, value)
		require.Error(t, err, "bit %d", i)
		value[i/8] ^= 1 << (i % 8)
	}
	for _, other := range []key{{"m", "t"}, {"ms", ""}, {"", "ms"}, {"s", "m"}} {
		_, _, err := unseal(other, value)
		require.Error(t, err, "%v", other)
	}
}

// TestValuesStay compares with what was written by the first version of this format.
func TestValuesStay(t *testing.T) {
	const want = "\x01\x02\x02\x1f\x03\x0242\n\x80\xc8\xce\xb4\r\xff\x93\xeb\xdc\x03\xf8\xc8\xce\xb4\r\xff\x93\xeb\xdc\x03\x02{}"
	assert.Equal(t, want, string(encodeRow(fullRow())))
	identified := fullRow()
	identified.progress.ShardStart, identified.progress.StreamCreated = "41", time.Unix(1_800_000_000, 0).UTC()
	const more = "\x03\x0241\x80\xc8\xce\xb4\r\x00"
	assert.Equal(t, strings.Replace(want, "\x1f", "\x9f", 1)+more, string(encodeRow(identified)))
	at := time.Unix(1_800_000_000, 1_000_000_000-1).UTC()
	assert.Equal(t, "\x01\x80\xc8\xce\xb4\r\xff\x93\xeb\xdc\x03", string(encodeAnchor(anchor{at: at})))
	assert.Equal(t, "\x01\x80\xc8\xce\xb4\r\xff\x93\xeb\xdc\x03\x01", string(encodeAnchor(anchor{at: at, settled: true})))
}

func fullRow() row {
	start := time.Unix(1_800_000_000, 999_999_999).UTC()
	return row{epoch: 2, written: 2, progress: driver.Progress{
		Version: 3, End: true,
		Position: batch.Position{SequenceNumber: "42", SubSequence: 5, Partial: true},
		Window:   &batch.Window{Start: start, End: start.Add(time.Minute), State: []byte("{}"), Final: true, TerminatedEarly: true},
	}}
}

// FuzzDecode decodes any body, and any value. What decodes is written and read again as the same.
func FuzzDecode(f *testing.F) {
	k := key{"m", "s"}
	f.Add(encodeRow(fullRow()))
	f.Add(encodeRow(row{epoch: 1}))
	f.Add(encodeRow(row{epoch: 1, written: 1, progress: driver.Progress{ShardStart: "41", StreamCreated: time.Unix(3, 4)}}))
	f.Add(encodeAnchor(anchor{at: time.Unix(1, 2)}))
	f.Add(encodeAnchor(anchor{at: time.Unix(1, 2), settled: true}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if body, _, err := unseal(k, data); err == nil {
			require.Equal(t, data, seal(k, append([]byte(nil), body...)))
		}
		if at, err := decodeAnchor(k, data); err == nil {
			again, err := decodeAnchor(k, encodeAnchor(at))
			require.NoError(t, err)
			require.Equal(t, at, again)
		}
		r, err := decodeRow(k, data)
		if err != nil {
			require.Zero(t, r)
			return
		}
		again, err := decodeRow(k, encodeRow(r))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
