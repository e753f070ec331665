package poller

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/poller/internal/codec"
)

// Client is the part of the Kinesis API that a Poller needs. *kinesis.Client of the AWS SDK for Go v2 is one. Its
// methods must be safe for concurrent use.
//
// With every call a Poller passes options that turn off the SDK's retries of reads and wrap Options.HTTPClient and the
// SDK's protocol, which then accepts whole answers only. A Client that wraps another one passes them on. One that
// speaks no HTTP may ignore them: its calls end after Config.CallTimeout, and a nil list of records is an empty one.
// The Poller decodes the answers of a *kinesis.Client itself, and of no other: see [Config.SDKDecoding]. A Client may
// be Identified.
type Client interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// wire configures the SDK for one call, and afterwards knows whether an answer had begun. The zero wire is ready, and
// leaves the decoding to the SDK.
type wire struct {
	answered bool

	// http replaces the client's own, unless it is nil. alone keeps later requests off the connection.
	http  kinesis.HTTPClient
	alone bool

	// protocol wraps the SDK's. decode makes it decode reads.
	decode   bool
	protocol codec.Protocol

	// body is that of the answer. A subscription's continues after the call.
	body flow
}

// wire returns one for a call of any kind.
func (p *Poller) wire() *wire {
	w := &wire{alone: p.suspect.Swap(false)}
	if p.http != nil {
		w.http = p.http
	}
	return w
}

// reading returns one for a read.
func (p *Poller) reading() *wire {
	w := p.wire()
	w.decode, w.protocol = p.decodes, codec.Protocol{CBOR: p.decodes && !p.inJSON.Load()}
	return w
}

// client wraps the HTTP client of a call.
func (w *wire) client(o *kinesis.Options) {
	client := o.HTTPClient
	if w.http != nil {
		client = w.http
	}
	if w.alone {
		client = &ownConnection{client: client}
	}
	o.HTTPClient = &wholeBody{client: client, wire: w}
}

// refused notes that the endpoint does not speak CBOR, and logs it once. err may be nil: an answer in JSON is good.
func (p *Poller) refused(ctx context.Context, err error) {
	if !p.inJSON.Swap(true) {
		p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "the endpoint does not speak CBOR: reading in JSON", slog.Any("error", err))
	}
}

// list keeps the SDK's retries: a listing has no cadence, and half a listing is useless.
func (w *wire) list(o *kinesis.Options) {
	w.client(o)
	w.guard(o)
}

// poll turns the SDK's retries off: a failed poll is repeated when the pace of its shard allows, and not by a retryer
// whose tokens all shards share.
func (w *wire) poll(o *kinesis.Options) {
	o.Retryer = aws.NopRetryer{}
	w.client(o)
	w.guard(o)
}

// guard wraps the protocol, if it is the SDK's own.
func (w *wire) guard(o *kinesis.Options) {
	if w.protocol.Wrap(o.Protocol) {
		w.protocol.SDK, w.protocol.Direct = !w.decode, w.decode && !watched(o)
		o.Protocol = &w.protocol
	}
}

// watched reports whether other code may read the output of a call, or change it, before the call returns.
func watched(o *kinesis.Options) bool {
	i := &o.Interceptors
	return len(o.APIOptions)+len(i.AfterDeserialization)+len(i.AfterAttempt)+len(i.AfterExecution) > 0
}

// records returns the records of an answer, with aggregates deaggregated unless d is nil.
func (w *wire) records(out *kinesis.GetRecordsOutput, d *deaggregator) ([]batch.Record, error) {
	if w.protocol.Decoded && w.protocol.Direct {
		return expand(w.protocol.Records, d), nil
	}
	return convert(out.Records, overHTTP(out.ResultMetadata), d)
}
