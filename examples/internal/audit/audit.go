// Package audit puts numbered records into a stream and checks that a mapping delivers each of them, in order. It is the
// machinery of examples/quickstart: its embedded server, its flags, its progress and its last line.
package audit

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/invoke"
)

// Audit is a stream and what is known of its records. Close it after use.
type Audit struct {
	options     Options
	stream      *stream
	closeStream func()
	ledger      *ledger
}

// Open opens the stream, and creates it if it is missing. It reads the records that the stream already has.
func Open(ctx context.Context, o Options) (*Audit, error) {
	a := &Audit{options: o}
	var err error
	if a.stream, a.closeStream, err = openStream(ctx, o); err != nil {
		return nil, err
	}
	if a.ledger, err = openLedger(o.Store); err != nil {
		a.closeStream()
		return nil, err
	}
	if err := a.stream.scan(ctx, o, a.ledger); err != nil {
		a.Close()
		return nil, fmt.Errorf("read the records that stream %s already has: %w", a.stream.name, err)
	}
	return a, nil
}

// Close closes the stream and the file of deliveries.
func (a *Audit) Close() {
	a.ledger.close()
	a.closeStream()
}

// Client is the SDK's client of the stream.
func (a *Audit) Client() *kinesis.Client { return a.stream.client }

// Source is the ARN that the mapping reads: the stream's, or that of its consumer.
func (a *Audit) Source() string { return a.stream.source }

// Work takes as long as the function is configured to take.
func (a *Audit) Work(ctx context.Context) error { return work(ctx, a.options.Work) }

// Deliver records the records of an invocation. It is safe for concurrent use.
func (a *Audit) Deliver(e *invoke.Event) error { return a.ledger.deliver(e) }

// Summary returns what is known at the end of Run. Invocations and Polls are the caller's to set.
func (a *Audit) Summary() Summary {
	s := a.ledger.summary()
	s.Shards = a.stream.shards
	return s
}
