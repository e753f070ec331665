package realpeers_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

var whole = flag.Bool("whole", false, "run the scenarios with all their records, which takes an hour")

func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		os.Exit(runChild(settings))
	}
	goleak.VerifyTestMain(m)
}

// many returns how many records a scenario puts.
func many(short, all int) int {
	if *whole {
		return all
	}
	return short
}

// world is a stream, a DynamoDB, and the witness of those who read the stream.
type world struct {
	*testing.T
	service *kinesistest.Service
	stream  *kinesistest.Stream
	server  *kinesistest.Server
	dynamo  string // endpoint
	db      *dynamodb.Client
	*witness

	ledger sync.Mutex
	put    []record
}

// newWorld makes a world with a stream of so many shards, named "orders", behind a server that start makes.
func newWorld(t *testing.T, shards int, start func(*kinesistest.Service) *kinesistest.Server) *world {
	t.Helper()
	// All reads of a test share one small machine: what the limits of a shard would add is only time.
	w := &world{T: t, service: kinesistest.New(kinesistest.Config{NoLimits: true}), witness: newWitness()}
	var err error
	w.stream, err = w.service.CreateStream("orders", shards)
	require.NoError(t, err)
	w.server = start(w.service)
	t.Cleanup(w.server.Close)
	w.dynamo = rig.DynamoDB(t)
	w.db = dynamodb.NewFromConfig(rig.AWSConfig(w.dynamo))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("put %d, delivered %d; the workers said:\n%s", len(w.records()), w.total(), w.lines())
		}
	})
	return w
}

// puts puts records first to last, with so many keys.
func (w *world) puts(first, last, keys int) {
	w.Helper()
	for n := first; n <= last; n++ {
		require.NoError(w, w.putOne(n, keys))
	}
}

// putOne puts record n.
func (w *world) putOne(n, keys int) error {
	key, data := fmt.Sprint("customer ", n%keys), fmt.Appendf(nil, "order %d", n)
	_, seq, err := w.stream.Put(key, data)
	if err == nil {
		w.note(record{seq: seq, key: key, hash: hashOf(data)})
	}
	return err
}

// note adds to the records that were put.
func (w *world) note(records ...record) {
	w.ledger.Lock()
	defer w.ledger.Unlock()
	w.put = append(w.put, records...)
}

// records returns what was put so far.
func (w *world) records() []record {
	w.ledger.Lock()
	defer w.ledger.Unlock()
	return append([]record(nil), w.put...)
}

// reshard splits the shard with the lowest hash keys and merges its upper half with the next shard. It returns what that becomes.
func (w *world) reshard() (merged string) {
	w.Helper()
	open := w.open()
	_, high, err := w.stream.Split(open[0])
	require.NoError(w, err)
	merged, err = w.stream.Merge(high, open[1])
	require.NoError(w, err)
	return merged
}

// open returns the stream's open shards in the order of their hash keys.
func (w *world) open() (ids []string) {
	open := map[string]string{}
	for _, s := range w.stream.Shards() {
		if s.SequenceNumberRange.EndingSequenceNumber == nil {
			open[fmt.Sprintf("%039s", *s.HashKeyRange.StartingHashKey)] = *s.ShardId
		}
	}
	for _, from := range sorted(open) {
		ids = append(ids, open[from])
	}
	return ids
}

// worker returns the settings of a KCL worker in this world.
func (w *world) worker(version, name, application string) rig.KCL {
	return rig.KCL{
		Version: version, Worker: name, Application: application, Stream: w.stream.Name(),
		Kinesis: w.server.URL, DynamoDB: w.dynamo, Certificate: w.server.Certificate(),
	}
}

// start starts a KCL worker, which the witness listens to.
func (w *world) start(k rig.KCL) *rig.Peer {
	w.Helper()
	return k.Start(w, w.listen(k.Worker))
}

// createLeaseTable makes the table that KCL 3.5 would make for itself: to a table without it KCL adds the index, which
// dynalite cannot. Older versions do not mind.
func (w *world) createLeaseTable(name string) {
	w.Helper()
	_, err := w.db.CreateTable(w.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("leaseOwner"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String("LeaseOwnerToLeaseKeyIndex"),
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("leaseOwner"), KeyType: types.KeyTypeHash},
				{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeRange},
			},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
	})
	require.NoError(w, err)
	err = dynamodb.NewTableExistsWaiter(w.db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 20 * time.Millisecond }).
		Wait(context.WithoutCancel(w.Context()), &dynamodb.DescribeTableInput{TableName: &name}, *patience)
	require.NoError(w, err)
}

// sorted returns the keys of a map in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
