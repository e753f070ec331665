package poller

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/eventstream"
	"github.com/stretchr/testify/require"
)

const testConsumer = testARN + "/consumer/shipping:1700000000"

// eventBody is the body of a subscription: its events, each a payload in JSON, after which it stays open until ctx ends.
func eventBody(ctx context.Context, payloads ...string) io.Reader {
	var b bytes.Buffer
	encode := func(kind, payload string) {
		m := eventstream.Message{Payload: []byte(payload)}
		m.Headers.Set(":message-type", eventstream.StringValue("event"))
		m.Headers.Set(":event-type", eventstream.StringValue(kind))
		if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
			panic(err)
		}
	}
	encode("initial-response", "{}")
	for _, p := range payloads {
		encode("SubscribeToShardEvent", p)
	}
	return io.MultiReader(&b, stuck{ctx})
}

// subscribedOverHTTP returns a reader whose nth subscription has the events that the function returns.
func subscribedOverHTTP(t *testing.T, events func(n int, in string) []string) *fanoutReader {
	t.Helper()
	n := 0
	p, err := New(Config{ConsumerARN: testConsumer, Logger: slog.New(slog.DiscardHandler), Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
		in, _ := io.ReadAll(r.Body)
		n++
		return respond(time.Now(), eventBody(r.Context(), events(n-1, string(in))...))
	}))})
	require.NoError(t, err)
	r := newFanoutReader(p, &Shard{ID: "shard"}, Start{})
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func eventJSON(record, rest string) string {
	return `{"Records":[` + record + `],` + rest + `}`
}

// TestAnEventThatIsNotWholeNeitherEndsAShardNorMovesIt is over HTTP, where absent and empty differ.
func TestAnEventThatIsNotWholeNeitherEndsAShardNorMovesIt(t *testing.T) {
	for name, event := range map[string]string{
		"nothing at all":          `{}`,
		"null":                    `null`,
		"nulls":                   `{"Records":null,"ContinuationSequenceNumber":null,"MillisBehindLatest":null}`,
		"a list":                  `[]`,
		"no records":              `{"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"null records":            `{"Records":null,"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"no lag":                  `{"Records":[]}`,
		"a negative lag":          `{"Records":[],"MillisBehindLatest":-1}`,
		"no lag, but children":    `{"Records":[],"ContinuationSequenceNumber":"9","ChildShards":[{"ShardId":"a","ParentShards":["shard"]}]}`,
		"children, no records":    `{"MillisBehindLatest":0,"ChildShards":[{"ShardId":"a","ParentShards":["shard"]}]}`,
		"a null record":           `{"Records":[null],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a record without number": `{"Records":[{"Data":""}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a record without data":   `{"Records":[{"SequenceNumber":"2"}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a time that is NaN":      `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":"NaN"}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a time that is endless":  `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":"-Infinity"}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a time beyond all":       `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":1e20}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
		"a time beyond a float":   `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":1e400}],"ContinuationSequenceNumber":"9","MillisBehindLatest":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				r := subscribedOverHTTP(t, func(n int, in string) []string {
					asked = append(asked, in)
					switch n {
					case 0:
						return []string{eventJSON(recordJSON(1), `"ContinuationSequenceNumber":"1","MillisBehindLatest":9000`), event}
					case 1, 2:
						return []string{event, event}
					}
					return []string{
						eventJSON(recordJSON(2), `"ContinuationSequenceNumber":"2","MillisBehindLatest":0`),
						eventJSON("", `"MillisBehindLatest":0,"ChildShards":[{"ShardId":"a","ParentShards":["shard"]}]`),
					}
				})
				got, errs := readAll(t, r)
				require.Equal(t, []string{"1", "2"}, got)
				require.Len(t, errs, 3)
				for _, err := range errs {
					require.ErrorContains(t, err, "poller: shard shard: subscribe to shard: ")
					require.Equal(t, Retry, Classify(err))
				}
				require.Len(t, asked, 4)
				for _, in := range asked[1:] {
					require.Contains(t, in, `"SequenceNumber":"1"`)
				}
			})
		})
	}
}

// TestEventsThatCannotBeUsedLeadToPolls, as subscriptions that fail do.
func TestEventsThatCannotBeUsedLeadToPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := subscribedOverHTTP(t, func(int, string) []string { return []string{`{}`} })
		r.poller.cfg.FallBackToPolling = true
		for began := time.Now(); !r.polling; {
			require.Less(t, time.Since(began), time.Minute)
			_, err := r.Next(t.Context())
			require.Error(t, err)
		}
	})
}

// panicky is a Client whose calls panic, or leave their goroutine.
type panicky struct {
	Client
	leave bool
}

func (p *panicky) fail() {
	if p.leave {
		runtime.Goexit()
	}
	panic("out of order")
}

func (p *panicky) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	p.fail()
	return nil, nil
}

func (p *panicky) GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String("it")}, nil
}

func (p *panicky) GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	p.fail()
	return nil, nil
}

func (p *panicky) Subscribe(context.Context, *kinesis.SubscribeToShardInput, ...func(*kinesis.Options)) (kinesis.SubscribeToShardEventStreamReader, error) {
	panic("out of order")
}

// TestAPanicOfAClientIsAnErrorOfItsCall, and so is a goroutine that ends.
func TestAPanicOfAClientIsAnErrorOfItsCall(t *testing.T) {
	for leave, says := range map[bool]string{false: "the client panicked: out of order", true: "the client ended its goroutine"} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p, err := New(Config{StreamARN: testARN, Client: &panicky{leave: leave}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			_, err = p.Shards(t.Context())
			require.EqualError(t, err, "poller: list shards: "+says)
			r := newReader(p, &Shard{ID: "shard"}, Start{})
			for range 3 {
				_, err = r.Next(t.Context())
				require.EqualError(t, err, "poller: shard shard: get records: "+says)
				require.Equal(t, Retry, Classify(err))
			}
			require.Equal(t, !leave, strings.Contains(log.String(), "hostile_test.go"), "the stack: %s", &log)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{ConsumerARN: testConsumer, Client: &panicky{}, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		for range 3 {
			_, err = newFanoutReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
			require.EqualError(t, err, "poller: shard shard: subscribe to shard: the client panicked: out of order")
		}
	})
}

// TestADescriptionWithATimeThatIsNoneIsNoDescription, and nothing worse.
func TestADescriptionWithATimeThatIsNoneIsNoDescription(t *testing.T) {
	for _, at := range []string{`"NaN"`, `"Infinity"`, `1e300`} {
		p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(*http.Request) *http.Response {
			return answers(200, fmt.Sprintf(`{"StreamDescriptionSummary":{"RetentionPeriodHours":48,"StreamCreationTimestamp":%s}}`, at))
		}))})
		require.NoError(t, err)
		require.Equal(t, minRetention, p.retention(t.Context()))
	}
}

// TestARetentionBeyondAllIsAYear: it must not turn negative.
func TestARetentionBeyondAllIsAYear(t *testing.T) {
	for hours, want := range map[string]time.Duration{"2147483647": 365 * 24 * time.Hour, "8760": 365 * 24 * time.Hour, "48": 48 * time.Hour, "-1": 0, "0": 0, "null": 0} {
		p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(*http.Request) *http.Response {
			return answers(200, fmt.Sprintf(`{"StreamDescriptionSummary":{"RetentionPeriodHours":%s}}`, hours))
		}))})
		require.NoError(t, err)
		d, err := p.Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, d.Retention, hours)
	}
}

// TestWhatIsNotTheServicesDoesNotTurnCBOROff: a proxy that is down, or a body that is cut off, says nothing of the endpoint.
func TestWhatIsNotTheServicesDoesNotTurnCBOROff(t *testing.T) {
	whole := string(appendCBOR(nil, samples(100, 50)))
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"HTML":                   {200, "<html>down for maintenance</html>"},
		"HTML, forbidden":        {403, "<html>Forbidden</html>"},
		"HTML, not found":        {404, "<html>Not Found</html>"},
		"nothing":                {200, ""},
		"nothing, bad request":   {400, ""},
		"an empty object":        {200, "{}"},
		"an empty map":           {200, "\xa0"},
		"an error document":      {200, `{"__type":"InternalFailure","message":"oops"}`},
		"a gateway's":            {403, `{"message":"Forbidden"}`},
		"a list":                 {200, "[]"},
		"JSON that is cut off":   {200, `{"Records":[`},
		"CBOR that is cut off":   {200, whole[:len(whole)-1]},
		"CBOR with bytes behind": {200, whole + "x"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var types []string
				p, err := New(Config{StreamARN: testARN, CBOR: true, Logger: slog.New(slog.DiscardHandler), Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
					if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetShardIterator") {
						return answers(200, `{"ShardIterator":"it"}`)
					}
					types = append(types, r.Header.Get("Content-Type"))
					if n := len(types); n == 1 || n == 3 {
						return answers(c.status, c.body)
					}
					return answers(200, whole)
				}))})
				require.NoError(t, err)
				r := newReader(p, &Shard{ID: "shard"}, Start{})
				for n := range 4 {
					r.from = Start{}
					page, err := r.Next(t.Context())
					if n%2 == 0 {
						require.Error(t, err)
						require.NotEqual(t, Stop, Classify(err))
						continue
					}
					require.NoError(t, err)
					require.Len(t, page.Records, 50)
				}
				const cbor = "application/x-amz-cbor-1.1"
				require.Equal(t, []string{cbor, cbor, cbor, cbor}, types)
			})
		})
	}
}
