package process

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestOutputIsBoundedInTheLongRun holds the meter against its rule, over any lines at any times: what is admitted in a span
// of time is no more than the burst and the rate allow, and what is not is counted.
func TestOutputIsBoundedInTheLongRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 1<<20).Draw(t, "rate")
		now := time.Unix(0, 0)
		m := newMeter(rate, now)
		began := now
		var admitted float64
		var want leftOut
		for range rapid.IntRange(1, 200).Draw(t, "lines") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Second), int64(10*time.Second)).Draw(t, "later")))
			n := rapid.IntRange(1, maxLine).Draw(t, "bytes")
			full := m.room >= float64(n+lineCost)
			if m.admit(now, n) {
				admitted += float64(n + lineCost)
			} else {
				require.False(t, full, "there was room")
				want.lines++
				want.bytes += int64(n)
			}
			if span := now.Sub(began); span > 0 {
				// A clock that goes back may count a second twice.
				require.LessOrEqual(t, admitted, float64(rate)*(burstTime+span).Seconds()+float64(rate)*200)
			}
		}
		require.Equal(t, want, m.take())
		require.Zero(t, m.take())
	})
}

func TestASilenceGivesTheBurstBack(t *testing.T) {
	now := time.Unix(0, 0)
	m := newMeter(1000, now)
	assert.True(t, m.admit(now, 4000-lineCost))
	assert.False(t, m.admit(now, 1))
	now = now.Add(time.Second)
	assert.True(t, m.admit(now, 1000-lineCost))
	assert.False(t, m.admit(now, 1))
	now = now.Add(time.Hour)
	assert.True(t, m.admit(now, 4000-lineCost))
	assert.False(t, m.admit(now, 1), "no more than the burst")
	assert.Equal(t, leftOut{3, 3}, m.take())
	m = newMeter(-1, now)
	assert.True(t, m.admit(now, 1<<30))
}

// lines is a log that goroutines share.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take returns what was written since the last take.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// TestWhatIsLeftOutIsReported logs the count once a second, also after the function has fallen silent, and at the end.
func TestWhatIsLeftOutIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text lines
		var lives sync.WaitGroup
		o := newOutlet(slog.New(slog.NewJSONHandler(&text, nil)), &lives, 1000)
		reports := func() (all []map[string]any) {
			synctest.Wait()
			for line := range strings.Lines(text.take()) {
				var report map[string]any
				require.NoError(t, json.Unmarshal([]byte(line), &report))
				delete(report, "time")
				all = append(all, report)
			}
			return all
		}
		report := func(lines, bytes float64) []map[string]any {
			return []map[string]any{{
				"level": "WARN", "msg": "function output omitted", "lines": lines, "bytes": bytes, "bytesPerSecond": 1000.0,
			}}
		}
		for range 1000 {
			o.admit(100)
		}
		require.Empty(t, reports())
		time.Sleep(reportTime)
		require.Equal(t, report(983, 98_300), reports())
		time.Sleep(time.Hour)
		require.Empty(t, reports())
		require.False(t, o.admit(5000))
		o.close()
		require.Equal(t, report(1, 5000), reports())
		for range 1000 {
			o.admit(5000)
		}
		require.Empty(t, reports())
		lives.Wait()
		o.flush()
		o.close()
		require.Equal(t, report(1000, 5_000_000), reports())
	})
}
