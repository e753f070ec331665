package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

const (
	app      = "orders-app"
	function = "ship-orders"
	sequence = "49590338271490256608559692538361571095921575989136588898"
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func count(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

// begin starts a stream of two shards and a DynamoDB with the table of a KCL application, has the environment point to
// them, and returns the stream's ARN.
func begin(t *testing.T) (*dynamodb.Client, string) {
	t.Helper()
	db := dynamodb.NewFromConfig(rig.AWSConfig(rig.DynamoDB(t)))
	service := kinesistest.New(kinesistest.Config{})
	stream, err := service.CreateStream("orders", 2)
	require.NoError(t, err)
	server := kinesistest.NewServer(service)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KINESIS": server.URL, "AWS_ENDPOINT_URL_DYNAMODB": *db.Options().BaseEndpoint, "AWS_REGION": rig.Region,
		"AWS_ACCESS_KEY_ID": rig.Account, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	_, err = db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(app), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	require.NoError(t, dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(app)}, 10*time.Second))
	return db, stream.ARN()
}

func put(t *testing.T, db *dynamodb.Client, shard, checkpoint, counter string) {
	t.Helper()
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(app), Item: map[string]types.AttributeValue{
		"leaseKey": text(shard), "leaseCounter": count(counter), "checkpoint": text(checkpoint), "checkpointSubSequenceNumber": count("0"),
		"ownerSwitchesSinceCheckpoint": count("0"),
	}})
	require.NoError(t, err)
}

func TestKCLIsMovedThereAndBack(t *testing.T) {
	db, arn := begin(t)
	put(t, db, "shardId-000000000000", sequence, "7")
	put(t, db, "shardId-000000000001", "TRIM_HORIZON", "7")
	file := filepath.Join(t.TempDir(), "orders.db")
	flags := []string{"-source", arn, "-function", function, "-format", "kcl", "-table", app, "-plain"}
	inDynamoDB := func() map[string]driver.Progress {
		s, err := dynamostore.New(dynamostore.Options{Client: db})
		require.NoError(t, err)
		return progress(t, s, arn)
	}

	out, err := migrateWith(t, flags...)
	require.NoError(t, err)
	assert.Contains(t, out, "1 of 2 shards change")
	assert.Empty(t, inDynamoDB(), "it was a dry run")

	for _, more := range [][]string{{"-apply"}, {"-apply", "-store", file}} {
		_, err = migrateWith(t, append(flags, more...)...)
		require.NoError(t, err)
	}
	store, err := boltstore.Open(file)
	require.NoError(t, err)
	inFile := progress(t, store, arn)
	require.NoError(t, store.Close())
	for _, got := range []map[string]driver.Progress{inDynamoDB(), inFile} {
		require.Len(t, got, 1)
		assert.Equal(t, sequence, got["shardId-000000000000"].Position.SequenceNumber)
		assert.False(t, got["shardId-000000000000"].Position.Partial)
	}

	// KCL has been set back by hand; the mapping's progress goes there again.
	put(t, db, "shardId-000000000000", "TRIM_HORIZON", "8")
	_, err = migrateWith(t, append(flags, "-export", "-apply", "-store", file)...)
	require.NoError(t, err)
	item, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(app), Key: map[string]types.AttributeValue{"leaseKey": text("shardId-000000000000")}})
	require.NoError(t, err)
	assert.Equal(t, text(sequence), item.Item["checkpoint"])

	// And a position that would fall is refused.
	put(t, db, "shardId-000000000000", "1", "9")
	out, err = migrateWith(t, flags...)
	assert.Equal(t, 3, exitCode(err))
	assert.Contains(t, out, "refused: shardId-000000000000 would go back")
}

func TestExitCodes(t *testing.T) {
	_, arn := begin(t)
	for want, flags := range map[int][]string{
		1: {"-source", arn, "-function", function, "-format", "kcl", "-table", "missing"},
		2: {"-source", "orders", "-function", function, "-format", "kcl", "-table", app},
		3: {"-source", arn, "-function", function, "-format", "kcl", "-table", app}, // which is empty
	} {
		_, err := migrateWith(t, flags...)
		require.Error(t, err)
		assert.Equal(t, want, exitCode(err), "%v", err)
	}
	for _, flags := range [][]string{{}, {"-nonsense"}, {"-source", arn, "-function", function, "-format", "kcl", "-table", app, "more"}} {
		_, err := migrateWith(t, flags...)
		assert.Equal(t, 2, exitCode(err), "%v", err)
	}
	assert.Equal(t, 1, exitCode(errors.New("any other")))
}

func migrateWith(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out strings.Builder
	err := run(ctx, flags, &out)
	return out.String(), err
}

// progress reads what a store has of the mapping.
func progress(t *testing.T, s driver.Store, arn string) map[string]driver.Progress {
	t.Helper()
	name, err := mapping.StoreKey(arn, function)
	require.NoError(t, err)
	all, err := s.Progress(t.Context(), name)
	require.NoError(t, err)
	return all
}
