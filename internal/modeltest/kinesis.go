package modeltest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/internal/servicemodel"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// deviations are the places where the service does not keep to its model, by the ends of their paths.
var deviations = []struct {
	path string
	rule servicemodel.Rule
}{
	// The last event of a shard has ChildShards instead. Sources: the API reference of SubscribeToShardEvent; KCL takes an
	// event without one for the end of the shard.
	{"SubscribeToShardEvent.ContinuationSequenceNumber", servicemodel.Missing},
	// A stream without enhanced metrics shows [{"ShardLevelMetrics": []}]. Source: the examples of the API reference, in
	// DescribeStream and DescribeStreamSummary.
	{".EnhancedMonitoring[0].ShardLevelMetrics", servicemodel.TooSmall},
	// Source: the example of PutRecords in the API reference, whose answer has "FailedRecordCount": 0.
	{"PutRecords answer.FailedRecordCount", servicemodel.TooSmall},
}

// Kinesis returns a Checker of Kinesis, as New does, that knows where the service does not keep to its own model.
func Kinesis(t testing.TB) *Checker {
	t.Helper()
	return asItIs(New(t, "kinesis"))
}

func asItIs(c *Checker) *Checker {
	c.Allow(func(p servicemodel.Problem) bool {
		for _, d := range deviations {
			if p.Rule == d.rule && strings.HasSuffix(p.Path, d.path) {
				return true
			}
		}
		return false
	})
	return c
}

// Watch returns config with an OnAnswer that checks what the test's consumers ask for and get. Without botocore it returns
// config as it is, because the test has more to prove; where CI=true the test fails.
func Watch(t testing.TB, config kinesistest.Config) kinesistest.Config {
	t.Helper()
	if data, ok := rig.FindBotocore(t); ok {
		config.OnAnswer = asItIs(newChecker(t, find(t, data, "kinesis"))).OnAnswer
	}
	return config
}

// OnAnswer is for a kinesistest.Config. It checks the input of each call, its output or error, and each event.
func (c *Checker) OnAnswer(a kinesistest.Answered) {
	op := string(a.Op)
	if in, ok := a.Input.(smithy.Serializable); ok {
		c.request(op, c.model.Input(op, Tree(in)))
	}
	out, ok := a.Output.(smithy.Serializable)
	switch {
	case a.Disturbed:
	case a.Err != nil:
		c.refused(op, a.Err)
	case ok && a.Op == kinesistest.SubscribeToShardEvent:
		c.answer(op, c.model.Value(op, op, Tree(out)))
	case ok:
		c.answer(op, c.model.Output(op, Tree(out)))
	}
}

func (c *Checker) refused(op string, err error) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return // its context has ended
	}
	members := map[string]any{"message": api.ErrorMessage()}
	c.answer(op+" "+api.ErrorCode(), c.model.Error(op, api.ErrorCode(), members))
}

// WatchAnswers is Watch for tests that ask for what is wrong on purpose: it checks the answers alone.
func WatchAnswers(t testing.TB, config kinesistest.Config) kinesistest.Config {
	t.Helper()
	watched := Watch(t, config)
	if check := watched.OnAnswer; check != nil {
		watched.OnAnswer = func(a kinesistest.Answered) {
			a.Input = nil
			check(a)
		}
	}
	return watched
}

// WatchHandler returns a Kinesis endpoint whose requests and answers are checked as they are on the wire. Without botocore it
// returns h, as Watch does.
func WatchHandler(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	if data, ok := rig.FindBotocore(t); ok {
		return asItIs(newChecker(t, find(t, data, "kinesis"))).Handler(h)
	}
	return h
}

// WatchTransport returns an http.RoundTripper of a client of kinesistest that checks requests and answers as they are on the
// wire. Without botocore it returns next, as Watch does.
func WatchTransport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	if data, ok := rig.FindBotocore(t); ok {
		return asItIs(newChecker(t, find(t, data, "kinesis"))).CheckAnswers(next)
	}
	return next
}
