// Migrate answers: how do I move a stream's positions from another consumer's DynamoDB table to shardmill, and back?
//
//	migrate -source ARN -function NAME -format kcl -table orders-app                  # prints what would change
//	migrate -source ARN -function NAME -format kcl -table orders-app -apply           # and does it
//	migrate -source ARN -function NAME -format kcl -table orders-app -export -apply   # back to KCL
//
// Stop both programs first. It takes AWS credentials from the environment. Its exit code is 0 when the plan was carried
// out or, without -apply, could be; 1 for an error, 2 for wrong flags, 3 when the plan is refused.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "migrate:", strings.TrimPrefix(err.Error(), "migrate: "))
		os.Exit(exitCode(err))
	}
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, migrate.ErrRefused):
		return 3
	}
	return 1
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	name, err := mapping.StoreKey(o.source, o.function)
	if err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	awsConfig, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := dynamodb.NewFromConfig(awsConfig)
	var store driver.Store
	if o.file != "" {
		file, err := boltstore.Open(o.file)
		if err != nil {
			return err
		}
		defer file.Close()
		store = file
	} else {
		settings := dynamostore.Options{Client: client, Worker: "migrate"}
		if o.leases != "" {
			settings.LeaseTable = func(string) string { return o.leases }
		}
		if store, err = dynamostore.New(settings); err != nil {
			return err
		}
	}
	plan, err := o.plan(ctx, awsConfig, client, store, name)
	if err != nil {
		return err
	}
	if _, err := plan.WriteTo(out); err != nil || !o.apply {
		return errors.Join(err, plan.Refused())
	}
	return plan.Apply(ctx)
}

func (o *options) plan(ctx context.Context, c aws.Config, client *dynamodb.Client, store driver.Store, name string) (*migrate.Plan, error) {
	stream, _, _ := strings.Cut(o.source, "/consumer/")
	streams := kinesis.NewFromConfig(c)
	if err := o.describe(ctx, streams, stream); err != nil {
		return nil, err
	}
	p, err := poller.New(poller.Config{Client: streams, StreamARN: stream})
	if err != nil {
		return nil, err
	}
	shards, err := p.Shards(ctx)
	if err != nil {
		return nil, err
	}
	table := migrate.Table{Client: client, Name: o.table, Format: migrate.Format(o.format), Stream: o.stream, App: o.app, Patience: o.patience}
	if o.export {
		return migrate.Export(ctx, store, name, table, shards, o.allowBack)
	}
	described, _ := p.Describe(ctx) // without permission to describe the stream, its shards alone identify it
	return migrate.Import(ctx, table, migrate.Target{
		Store: store, Mapping: name, StartingPosition: mapping.StartingPosition(o.start), Shards: shards, StreamCreated: described.Created,
		Plain: o.plain, AllowBack: o.allowBack,
	})
}

// describe describes the stream, unless -stream names the stream in the table: a table of KCL may have rows of another
// stream of the same name.
func (o *options) describe(ctx context.Context, client *kinesis.Client, stream string) error {
	if o.stream != "" || o.export || migrate.Format(o.format) != migrate.KCL {
		return nil
	}
	out, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: &stream})
	if err != nil {
		return fmt.Errorf("describe %s, to identify its rows (or set -stream): %w", stream, err)
	}
	o.stream, err = migrate.KCLStream(stream, aws.ToTime(out.StreamDescriptionSummary.StreamCreationTimestamp))
	return err
}
