package mapping_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	throttledLine = "the shard's reads are throttled"
	throttleOver  = "the shard's reads are not throttled any more"
	notStarted    = "the mapping has not started yet"
)

func TestReadsThatAreThrottledForLongAreLoggedAtDoublingIntervals(t *testing.T) {
	for _, c := range []struct {
		last  time.Duration
		lines int
	}{
		{5 * time.Second, 0},
		{35 * time.Second, 1},
		{5 * time.Minute, 4}, // after 30 s, 1, 2 and 4 minutes
	} {
		inWorld(t, 1, func(t *testing.T, w *world) {
			r := w.start(w.config())
			pass(5 * time.Second)
			w.service.Throttle(kinesistest.GetRecords, 10_000)
			pass(c.last)
			w.service.ClearFaults()
			lines := w.logs.lines(throttledLine + ": ")
			assert.Len(t, lines, c.lines)
			for _, line := range lines {
				assert.Contains(t, line, "level=WARN")
				assert.Contains(t, line, "shard=shardId-000000000000")
				assert.Contains(t, line, "since=2000-01-01T00:00:0")
				assert.Contains(t, line, "Rate exceeded for shard")
			}
			assert.Empty(t, w.logs.lines(throttleOver))
			pass(15 * time.Minute)
			over := w.logs.lines(throttleOver)
			assert.Len(t, over, min(c.lines, 1))
			for _, line := range over {
				assert.Contains(t, line, "level=INFO")
			}
			assert.Len(t, w.logs.lines(throttledLine+": "), c.lines, "it is over")
			require.NoError(t, r.stop())
		})
	}
}

// moody is a Source of one shard whose reads fail as it says.
type moody struct {
	read func(ctx context.Context) error
}

func (m moody) Shards(context.Context) ([]poller.Shard, error) {
	return source{}.Shards(context.Background())
}

func (m moody) Open(poller.Shard, poller.Start) (poller.Reader, error) { return m, nil }

func (m moody) Next(ctx context.Context) (batch.Page, error) {
	if !sleepOn(ctx, time.Second) {
		return batch.Page{}, ctx.Err()
	}
	return batch.Page{}, m.read(ctx)
}

func sleepOn(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

var (
	errThrottled = &poller.Error{Op: "get records", Shard: "shardId-000000000000", Class: poller.Throttled, Err: errors.New("slow down")}
	errReset     = &poller.Error{Op: "get records", Shard: "shardId-000000000000", Class: poller.Retry, Err: errors.New("connection reset")}
)

func TestWhatIsSaidOfReadsThatAreThrottledNowAndThen(t *testing.T) {
	for name, c := range map[string]struct {
		read  func(ctx context.Context, n int) error
		lines int // in 5 minutes
	}{
		"every other read works": {func(_ context.Context, n int) error { return []error{errThrottled, nil}[n%2] }, 0},
		"other errors between":   {func(_ context.Context, n int) error { return []error{errThrottled, errThrottled, errReset}[n%3] }, 4},
		"a read that hangs": {func(ctx context.Context, n int) error {
			if n > 0 {
				<-ctx.Done()
			}
			return errThrottled
		}, 4},
		"an error that is not throttling follows": {func(_ context.Context, n int) error {
			if n < 10 {
				return errThrottled
			}
			return errReset
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, store: mapping.NewMemoryStore()}
				cfg, n := w.config(), -1
				cfg.Source = moody{func(ctx context.Context) error {
					n++
					return c.read(ctx, n)
				}}
				r := w.start(cfg)
				pass(5 * time.Minute)
				assert.Len(t, w.logs.lines(throttledLine), c.lines)
				require.NoError(t, r.stop())
			})
		})
	}
}

// hanging is a Store, on a host of its own, of which a method does not answer for a while.
type hanging struct {
	driver.Store
	method string
	d      time.Duration
}

func (h *hanging) Host() string { return "dynamodb.example:8000" }

func (h *hanging) hang(ctx context.Context, method string) error {
	if h.method == method && !sleepOn(ctx, h.d) {
		return ctx.Err()
	}
	return nil
}

func (h *hanging) Anchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	if err := h.hang(ctx, "Anchor"); err != nil {
		return time.Time{}, err
	}
	return h.Store.Anchor(ctx, m, at)
}

func (h *hanging) SettleAnchor(ctx context.Context, m string, at time.Time) (time.Time, error) {
	if err := h.hang(ctx, "SettleAnchor"); err != nil {
		return time.Time{}, err
	}
	return h.Store.SettleAnchor(ctx, m, at)
}

func (h *hanging) Progress(ctx context.Context, m string) (map[string]driver.Progress, error) {
	if err := h.hang(ctx, "Progress"); err != nil {
		return nil, err
	}
	return h.Store.Progress(ctx, m)
}

func (h *hanging) Check(ctx context.Context, _ string) error { return h.hang(ctx, "Check") }

// checkedHang is a destination that is asked whether it exists.
type checkedHang struct{ *hanging }

func (c checkedHang) Check(ctx context.Context) error { return c.hang(ctx, "Destination") }

func (checkedHang) Deliver(context.Context, *invoke.Failure) error { return nil }

func TestAStartThatWaitsSaysForWhat(t *testing.T) {
	const store, list, describe = " host=dynamodb.example:8000", kinesistest.ListShards, kinesistest.DescribeStreamSummary
	for name, c := range map[string]struct {
		method string
		op     kinesistest.Op
		says   string
	}{
		"Anchor":       {method: "Anchor", says: `waitsFor="storing the start of LATEST"` + store},
		"Check":        {method: "Check", says: `waitsFor="checking the store"` + store},
		"Progress":     {method: "Progress", says: `waitsFor="reading the stored progress"` + store},
		"SettleAnchor": {method: "SettleAnchor", says: `waitsFor="settling the start of LATEST"` + store},
		"Destination":  {method: "Destination", says: `waitsFor="asking whether the on-failure destination exists"`},
		"ListShards":   {op: list, says: `waitsFor="listing the shards"`},
		"Describe":     {op: describe, says: `waitsFor="describing the stream"`},
	} {
		for _, d := range []time.Duration{2900 * time.Millisecond, 4900 * time.Millisecond, 13 * time.Second} {
			if d > 10*time.Second && (c.method == "Destination" || c.op != "") {
				continue // they have less time
			}
			t.Run(name+" "+d.String(), func(t *testing.T) {
				inWorld(t, 1, func(t *testing.T, w *world) {
					cfg := w.config()
					store := &hanging{w.store, c.method, d}
					cfg.Store, cfg.StartingPosition, cfg.DestinationConfig.OnFailure.Target = store, mapping.Latest, checkedHang{store}
					if c.op != "" {
						w.service.Delay(c.op, d, 1)
					}
					r := w.start(cfg)
					pass(time.Minute)
					lines := w.logs.lines(notStarted)
					assert.Len(t, lines, map[time.Duration]int{4900 * time.Millisecond: 1, 13 * time.Second: 3}[d], "after 3, 6 and 12 s")
					for _, line := range lines {
						assert.Contains(t, line, "level=WARN")
						assert.Contains(t, line, c.says)
						assert.Contains(t, line, "since=2000-01-01T00:00:00.000Z")
					}
					assert.Len(t, w.logs.lines("the mapping starts after a wait"), min(len(lines), 1))
					require.NoError(t, r.stop())
				})
			})
		}
	}
}

// silent is an HTTP client whose requests are never answered.
type silent struct{}

func (silent) Do(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAnEndpointThatIsNotReachedAtTheStartIsNamed(t *testing.T) {
	for endpoint, host := range map[string]string{
		"":                            "123456789012.control-kinesis.us-east-1.amazonaws.com",
		"https://kinesis.example:444": "kinesis.example:444",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, store: mapping.NewMemoryStore()}
			cfg := w.config()
			o := kinesis.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: silent{}}
			if endpoint != "" {
				o.BaseEndpoint = &endpoint
			}
			cfg.Client = kinesis.New(o)
			r := w.start(cfg)
			pass(2900 * time.Millisecond)
			assert.Empty(t, w.logs.lines("level=WARN"))
			pass(time.Second)
			lines := w.logs.lines("level=WARN")
			require.Len(t, lines, 1)
			assert.Contains(t, lines[0], notStarted)
			assert.Contains(t, lines[0], `waitsFor="listing the shards" host=`+host)
			pass(90 * time.Second)
			lines = w.logs.lines(notStarted)
			require.Len(t, lines, 5, "after 3, 6, 12, 24 and 48 s")
			assert.NotContains(t, lines[3], "lastError")
			assert.Contains(t, lines[4], "lastError=")
			require.NoError(t, r.stop())
			assert.Empty(t, w.logs.lines("starts after a wait"))
		})
	}
}

func TestAStartThatFailsAgainAndAgainSaysSoAgain(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		w.service.Fail(kinesistest.ListShards, errors.New("connection refused"), 5)
		r := w.start(w.config())
		pass(10 * time.Minute)
		lines := w.logs.lines(notStarted)
		require.NotEmpty(t, lines)
		for _, line := range lines {
			assert.Contains(t, line, `failed="listing the shards" lastError=`)
			assert.Contains(t, line, "connection refused")
		}
		assert.Len(t, w.logs.lines("the mapping starts after a wait"), 1)
		require.NoError(t, r.stop())
	})
}
