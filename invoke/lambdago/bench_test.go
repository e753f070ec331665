package lambdago_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/lambdago"
)

// What a batch of 100 records costs with and without JSON.
func BenchmarkHandlers(b *testing.B) {
	nothing := func(context.Context, events.KinesisEvent) error { return nil }
	in := &invoke.Invocation{Event: event(100, nil)}
	for name, inv := range map[string]invoke.Invoker{
		"typed": lambdago.Func(nothing),
		"bytes": lambdago.Bytes(lambda.NewHandler(nothing)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := inv.Invoke(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
