package poller

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/internal/arns"
)

// What Kinesis allows, from its API reference and its quotas.
const (
	// minInterval is a fifth of a second: a shard serves 5 reads a second, to all of its consumers together.
	minInterval = 200 * time.Millisecond
	// iteratorLife is how long an iterator is good for.
	iteratorLife = 5 * time.Minute
	// maxLimit is the most records that one GetRecords returns.
	maxLimit = 10_000
)

// Config tells New how to read a stream. Client and StreamARN are required; the zero value of all else is a default.
type Config struct {
	// Client talks to Kinesis, in the region and with the credentials that it was made with.
	Client Client

	// StreamARN names the stream: arn:aws:kinesis:us-east-1:123456789012:stream/orders. It may be empty beside a
	// ConsumerARN, which names the stream too; if it is not, they must name the same one.
	StreamARN string

	// ConsumerARN names a registered consumer of the stream, which is then read by enhanced fan-out (SubscribeToShard):
	// arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/shipping:1700000000. Empty means GetRecords.
	// The Client must have the SDK's SubscribeToShard, as *kinesis.Client has, or be a Subscriber. Nobody registers or
	// deletes the consumer here, and one shard of it is read by one Reader at a time: a second takes it from the first.
	ConsumerARN string

	// FallBackToPolling lets a Reader of a ConsumerARN poll with GetRecords when subscriptions have failed for 30 s,
	// until one can be had again, which is tried every 30 s. No record is lost or repeated over it. Lambda does not do so.
	FallBackToPolling bool

	// PollInterval is the time from one read of a shard to the next. 0 means 1 s, as Lambda polls;
	// less, down to 200 ms, takes from what the shard has for its other consumers. Where they want more than the shard
	// grants, the time between two reads is longer: see Sharer.
	PollInterval time.Duration

	// CallTimeout is how long a call waits for an answer, and then for each further byte of it. 0 means 30 s, so that a dead
	// connection holds up its shard for no longer than a user would wait. It need not be raised for a slow line: an answer
	// that comes steadily may take four times as long, and one to a read of a single record an hour. A read whose answer
	// took longer than CallTimeout is followed by smaller ones. With a Client that speaks no HTTP it bounds the whole call.
	CallTimeout time.Duration

	// Limit is the largest number of records that one read asks for. 0 means 10,000, the most that Kinesis gives.
	Limit int

	// Deaggregate makes a record of each member of an aggregate of the Kinesis Producer Library (KPL). It is off by default:
	// with GetRecords, Lambda hands an aggregate on as the one record that it is in the stream. Beside a ConsumerARN it is
	// always on, in a fall-back too: by enhanced fan-out, Lambda takes aggregates apart. It may be changed at any start:
	// a Reader that begins within an aggregate goes on behind the member, or reads the aggregate again, raw.
	Deaggregate bool

	// KeepMembersOutsideShard keeps the members of aggregates whose hash keys lie outside the shard, which are passed over by
	// default, and looks at no hash key. It goes with Deaggregate, or a ConsumerARN.
	//
	// It is for aggregates of libraries that put records of any partition key into one aggregate, under a partition key of
	// their own choice: aws-kinesis-agg for Python, Node and Java, and what is built on it, such as plugins of log
	// shippers. No member comes twice by it, since an aggregate lies in one shard; but the records of one partition key
	// lie in several shards, so that nothing orders them. The KPL itself puts records together by the shard that they
	// belong to. After a reshard it may be wrong, and then puts the members again that lie outside: with its aggregates
	// leave this off, or they come twice.
	KeepMembersOutsideShard bool

	// SDKDecoding leaves the answers of reads to the SDK's own decoder, once they are known to be whole. By default a Client that is a *kinesis.Client, with
	// the SDK's own JSON protocol in its options, has them decoded here, several times faster and with the same result.
	// Any other Client is left alone.
	SDKDecoding bool

	// CBOR reads in CBOR (application/x-amz-cbor-1.1), which carries data as bytes: less to send and to decode. It is off
	// by default, because AWS does not document the protocol, although its SDKs for Java use it. Where the endpoint turns out
	// not to speak it, that is logged, and the Poller goes on in JSON: by an answer in JSON, by an error that says that it did
	// not understand, or by data as text. Whatever else comes is asked for in CBOR again. It is of no effect where SDKDecoding leaves the
	// answers to the Client.
	CBOR bool

	// Logger gets changes of state, and each poll at Debug. nil means slog.Default().
	Logger *slog.Logger
}

// withDefaults returns c with every unset field set.
func (c Config) withDefaults() Config {
	c.PollInterval = cmp.Or(c.PollInterval, time.Second)
	c.CallTimeout = cmp.Or(c.CallTimeout, 30*time.Second)
	c.Limit = cmp.Or(c.Limit, maxLimit)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if stream, ok := streamOf(c.ConsumerARN); ok {
		c.StreamARN = cmp.Or(c.StreamARN, stream)
		c.Deaggregate = true
	}
	return c
}

// validate returns all that is wrong with c, which has its defaults set.
func (c Config) validate() error {
	var errs []error
	bad := func(field string, value any, bound string) {
		errs = append(errs, fmt.Errorf("poller: %s is %v: want %s", field, value, bound))
	}
	if c.Client == nil {
		bad("Client", "nil", "a Kinesis client")
	}
	c.validateSource(bad)
	for _, b := range []struct {
		field           string
		value, min, max time.Duration
		why             string
	}{
		{"PollInterval", c.PollInterval, minInterval, iteratorLife - time.Minute, "a shard serves 5 reads a second, an iterator lives 5m0s"},
		{"CallTimeout", c.CallTimeout, 10 * time.Millisecond, iteratorLife - time.Minute, "an iterator lives 5m0s"},
	} {
		if b.value < b.min || b.value > b.max {
			bad(b.field, b.value, fmt.Sprintf("%v to %v (%s)", b.min, b.max, b.why))
		}
	}
	if c.Limit < 1 || c.Limit > maxLimit {
		bad("Limit", c.Limit, fmt.Sprintf("1 to %d (the most that Kinesis returns)", maxLimit))
	}
	return errors.Join(errs...)
}

// validateSource tells what is wrong with the stream, or the consumer, that is to be read.
func (c *Config) validateSource(bad func(field string, value any, bound string)) {
	stream, ok := streamOf(c.ConsumerARN)
	named, err := arns.Stream.Parse(c.StreamARN)
	switch {
	case c.ConsumerARN != "" && !ok:
		_, err := arns.Consumer.Parse(c.ConsumerARN)
		bad("ConsumerARN", fmt.Sprintf("%q", c.ConsumerARN), wanted(`"arn:aws:kinesis:<region>:<account>:stream/<name>/consumer/<name>:<number>"`, err))
	case ok && c.StreamARN != stream:
		bad("StreamARN", fmt.Sprintf("%q", c.StreamARN), fmt.Sprintf("nothing, or the stream of the ConsumerARN, %q", stream))
	case !ok && err != nil:
		bad("StreamARN", fmt.Sprintf("%q", c.StreamARN), wanted(`"arn:aws:kinesis:<region>:<account>:stream/<name>"`, err))
	}
	if c.ConsumerARN != "" && c.Client != nil && subscribeFuncOf(c.Client) == nil {
		bad("Client", fmt.Sprintf("a %T", c.Client), "one with SubscribeToShard, as *kinesis.Client has, or a Subscriber, for the ConsumerARN")
	}
	if !c.Deaggregate && c.KeepMembersOutsideShard {
		bad("KeepMembersOutsideShard", true, "Deaggregate, or a ConsumerARN, with it")
	}
	if client, ok := c.Client.(*kinesis.Client); ok && client != nil {
		if region, want := client.Options().Region, named.Region; region != "" && want != "" && region != want {
			bad("Client", fmt.Sprintf("one for the region %q", region), fmt.Sprintf("one for %q, where the stream is", want))
		}
	}
	if c.ConsumerARN == "" && c.FallBackToPolling {
		bad("FallBackToPolling", true, "a ConsumerARN beside it")
	}
}

// wanted returns the form of an ARN and, where only a part of it is wrong, which.
func wanted(form string, err error) string {
	if errors.Is(err, arns.ErrForm) {
		return form
	}
	return fmt.Sprintf("%s (%v)", form, err)
}

// streamOf returns the stream of a consumer, and false if s does not name a consumer.
func streamOf(s string) (stream string, ok bool) {
	if !arns.Consumer.Fits(s) {
		return "", false
	}
	stream, _, _ = strings.Cut(s, "/consumer/")
	return stream, true
}
