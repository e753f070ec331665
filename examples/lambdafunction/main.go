// Lambdafunction is an ordinary function for AWS Lambda: it does not use shardmill. Built for Linux and named bootstrap
// it runs on Lambda; examples/process runs it unchanged.
//
// It takes WORK (a duration, 20ms by default) for a batch, and appends a line "sequence number, partition key" for each
// record to the file that DELIVERED names, or prints it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	work, err := time.ParseDuration(os.Getenv("WORK"))
	if err != nil {
		work = 20 * time.Millisecond
	}
	var out io.Writer = os.Stdout
	if name := os.Getenv("DELIVERED"); name != "" {
		out, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			panic(err)
		}
	}
	lambda.Start(func(ctx context.Context, e events.KinesisEvent) error {
		select {
		case <-time.After(work):
		case <-ctx.Done():
			return ctx.Err()
		}
		var lines []byte
		for _, r := range e.Records {
			lines = fmt.Appendln(lines, r.Kinesis.SequenceNumber, r.Kinesis.PartitionKey)
		}
		_, err := out.Write(lines) // in one write, because other processes write to the file too
		return err
	})
}
