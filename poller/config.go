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

// Limits of Kinesis, from its API reference and its quotas.
const (
	// minInterval is a fifth of a second: a shard serves 5 reads per second, to all of its consumers together.
	minInterval = 200 * time.Millisecond
	// iteratorLife is how long an iterator is valid.
	iteratorLife = 5 * time.Minute
	// maxLimit is the most records that one GetRecords returns.
	maxLimit = 10_000
)

// Config says how to read a stream. Client and StreamARN are required; the zero value of every other field is a
// default.
type Config struct {
	// Client calls Kinesis, in its region and with its credentials.
	Client Client

	// StreamARN names the stream: arn:aws:kinesis:us-east-1:123456789012:stream/orders. It may be empty if there is a
	// ConsumerARN, which also names the stream; otherwise both must name the same one.
	StreamARN string

	// ConsumerARN names a registered consumer of the stream, which is then read by enhanced fan-out (SubscribeToShard):
	// arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/shipping:1700000000. Empty means GetRecords. The
	// Client must have the SDK's SubscribeToShard, as *kinesis.Client has, or be a Subscriber. The Poller neither
	// registers nor deletes the consumer. One Reader at a time reads a shard of it: a second one takes the shard from
	// the first.
	ConsumerARN string

	// FallBackToPolling lets a Reader of a ConsumerARN poll with GetRecords when subscriptions have failed for 30 s,
	// until one succeeds again, which is tried every 30 s. No record is lost or repeated. Lambda does not do so.
	FallBackToPolling bool

	// PollInterval is the time from one read of a shard to the next. 0 means 1 s, as on Lambda. A shorter interval,
	// down to 200 ms, leaves less for the shard's other consumers. If they want more than the shard grants, the time
	// between two reads is longer: see Sharer.
	PollInterval time.Duration

	// CallTimeout is how long a call waits for an answer, and then for each further byte of it. 0 means 30 s, so that a
	// dead connection delays its shard for no longer than a user would wait. It need not be raised for a slow line: a
	// steady answer may take four times as long, and that of a read of a single record an hour. A read whose answer
	// took longer than CallTimeout is followed by smaller ones. With a Client that speaks no HTTP it bounds the whole
	// call.
	CallTimeout time.Duration

	// Limit is the largest number of records that one read requests. 0 means 10,000, Kinesis's maximum.
	Limit int

	// Deaggregate makes a record of each member of an aggregate of the Kinesis Producer Library (KPL). It is off by
	// default: with GetRecords, Lambda passes an aggregate on as the one record that it is in the stream. With a
	// ConsumerARN it is always on, in a fall-back too: by enhanced fan-out, Lambda deaggregates. It may be changed at
	// any start: a Reader that begins within an aggregate resumes after the member, or reads the aggregate again, raw.
	Deaggregate bool

	// KeepMembersOutsideShard keeps the members of aggregates whose hash keys lie outside the shard, which are skipped
	// by default, and checks no hash key. It goes with Deaggregate, or a ConsumerARN.
	//
	// It is for aggregates of libraries that put records of any partition key into one aggregate, under a partition key
	// of their own choice: aws-kinesis-agg for Python, Node and Java, and tools built on it, such as plugins of log
	// shippers. No member is delivered twice, because an aggregate is in one shard. But the records of one partition
	// key are in several shards, so they have no order. The KPL itself groups records by their shard. After a reshard
	// it may be wrong, and then puts the members outside the shard again: leave this off for its aggregates, or those
	// members are delivered twice.
	KeepMembersOutsideShard bool

	// SDKDecoding leaves the answers of reads to the SDK's own decoder, once they are known to be whole. By default, if
	// the Client is a *kinesis.Client with the SDK's own JSON protocol in its options, the Poller decodes them, several
	// times faster and with the same result. The answers of any other Client are left alone.
	SDKDecoding bool

	// CBOR reads in CBOR (application/x-amz-cbor-1.1), which carries data as bytes: less to send and to decode. It is
	// off by default, because AWS does not document the protocol, although its SDKs for Java use it. If the endpoint
	// turns out not to support CBOR, the Poller logs that and continues in JSON. It concludes so from an answer in
	// JSON, an error that says that the request was not understood, or data as text; after any other answer it stays
	// with CBOR. CBOR has no effect if SDKDecoding leaves the answers to the Client.
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

// validate returns all violations of c, which has its defaults set.
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
		{"PollInterval", c.PollInterval, minInterval, iteratorLife - time.Minute, "a shard serves 5 reads per second, an iterator lives 5m0s"},
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

// validateSource reports the violations of the stream and the consumer.
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
		bad("FallBackToPolling", true, "a ConsumerARN with it")
	}
}

// wanted returns the form of an ARN and, if only a part of it is wrong, that part.
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
