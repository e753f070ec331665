package migrate_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller"
)

const app = "kcl-app"

// kclTable starts a DynamoDB with an application's table and rows.
func kclTable(t testing.TB, rows ...item) *dynamodb.Client {
	t.Helper()
	db := dynamodb.NewFromConfig(modeltest.WatchConfig(t, rig.AWSConfig(rig.DynamoDB(t))))
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(app), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("leaseKey"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("leaseKey"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	require.NoError(t, dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 10 * time.Millisecond }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(app)}, 10*time.Second))
	for _, r := range rows {
		_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(app), Item: r})
		require.NoError(t, err)
	}
	return db
}

func row(t testing.TB, db *dynamodb.Client, shard string) item {
	t.Helper()
	out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(app), Key: item{"leaseKey": str(shard)}, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

func TestExportWritesRowsAsKCLDoes(t *testing.T) {
	old := kcl2("a", "41", 0)
	old["leaseOwner"], old["pendingCheckpoint"], old["ownerSwitchesSinceCheckpoint"] = str("dead"), str("45"), num(4)
	db := kclTable(t, old, kcl1("z", "7"))
	store := stored(t, map[string]driver.Progress{
		"a": behind(50), "b": within(60, 3), "c": {Version: 1, Position: batch.Position{SequenceNumber: "70"}, End: true}, "d": {Version: 1},
		"e": {Version: 1, Position: batch.Position{SequenceNumber: "80", SubSequence: 4}},
	})
	shards := []poller.Shard{
		{ID: "a", StartingHashKey: "0", EndingHashKey: "9"},
		{ID: "c", StartingHashKey: "10", EndingHashKey: "19", Parent: "p", AdjacentParent: "q"},
		{ID: "d", StartingHashKey: "10", EndingHashKey: "14", Parent: "c"},
		{ID: "e", StartingHashKey: "15", EndingHashKey: "19", Parent: "c"},
	}
	table := migrate.Table{Client: db, Name: app, Format: migrate.KCL}
	plan, err := migrate.Export(t.Context(), store, name, table, shards, false)
	require.NoError(t, err)
	require.NoError(t, plan.Refused())
	assert.Equal(t, old, row(t, db, "a"), "a plan changes nothing")
	require.NoError(t, plan.Apply(t.Context()))

	delete(old, "leaseOwner")
	delete(old, "pendingCheckpoint")
	old["leaseCounter"], old["checkpoint"], old["ownerSwitchesSinceCheckpoint"] = num(18), str("50"), num(0)
	assert.Equal(t, old, row(t, db, "a"))
	fresh := func(shard, checkpoint string, sub int) item {
		return item{"leaseKey": str(shard), "leaseCounter": num(1), "checkpoint": str(checkpoint), "checkpointSubSequenceNumber": num(sub), "ownerSwitchesSinceCheckpoint": num(0)}
	}
	assert.Equal(t, fresh("b", "60", 3), row(t, db, "b"))
	c := fresh("c", "SHARD_END", 0)
	c["startingHashKey"], c["endingHashKey"] = str("10"), str("19")
	c["parentShardId"] = &types.AttributeValueMemberSS{Value: []string{"p", "q"}}
	c["childShardIds"] = &types.AttributeValueMemberSS{Value: []string{"d", "e"}}
	assert.Equal(t, c, row(t, db, "c"))
	assert.Equal(t, str("TRIM_HORIZON"), row(t, db, "d")["checkpoint"])
	assert.Equal(t, num(4), row(t, db, "e")["checkpointSubSequenceNumber"])
	assert.Equal(t, kcl1("z", "7"), row(t, db, "z"))

	// And back, into a store that takes the table over, and into another one.
	s, err := dynamostore.New(dynamostore.Options{Client: db, LeaseTable: func(string) string { return app }})
	require.NoError(t, err)
	want := map[string]driver.Progress{"a": within(50, 0), "b": within(60, 3), "c": {End: true}, "e": within(80, 4), "z": within(7, 0)}
	for shard, p := range want {
		p.Version = 0
		want[shard] = p
	}
	assert.Equal(t, want, progress(t, s))
	back, err := migrate.Import(t.Context(), table, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon})
	require.NoError(t, err)
	assert.Equal(t, 1, back.Changes(), "only z was not there")

	again, err := migrate.Export(t.Context(), store, name, table, shards, false)
	require.NoError(t, err)
	assert.Zero(t, again.Changes())
}

// KCL writes the rows of a shard's children when it ends the shard. If the mapping stopped just there, KCL would not know them: its
// audit finds a hole in the hash keys only after minutes.
func TestExportWritesTheChildrenOfEndedShardsThatTheMappingHasNotBegun(t *testing.T) {
	db := kclTable(t, with(kcl2("known", "TRIM_HORIZON", 0), "leaseOwner", str("somebody")))
	ended := driver.Progress{Version: 1, Position: batch.Position{SequenceNumber: "70"}, End: true}
	store := stored(t, map[string]driver.Progress{"a": ended, "b": ended, "c": behind(50)})
	shards := []poller.Shard{
		{ID: "a"},
		{ID: "b"},
		{ID: "c"},
		{ID: "root"},
		{ID: "low", Parent: "a", StartingHashKey: "0", EndingHashKey: "4"},
		{ID: "known", Parent: "a", StartingHashKey: "5", EndingHashKey: "9"},
		{ID: "merged", Parent: "b", AdjacentParent: "gone"},
		{ID: "waits", Parent: "b", AdjacentParent: "c"},
		{ID: "grandchild", Parent: "low"},
		{ID: "orphan", Parent: "gone"},
	}
	table := migrate.Table{Client: db, Name: app, Format: migrate.KCL}
	plan, err := migrate.Export(t.Context(), store, name, table, shards, false)
	require.NoError(t, err)
	require.NoError(t, plan.Refused())
	require.NoError(t, plan.Apply(t.Context()))

	low := row(t, db, "low")
	assert.Equal(t, str("TRIM_HORIZON"), low["checkpoint"])
	assert.Equal(t, &types.AttributeValueMemberSS{Value: []string{"a"}}, low["parentShardId"])
	assert.Equal(t, str("4"), low["endingHashKey"])
	assert.Equal(t, str("TRIM_HORIZON"), row(t, db, "merged")["checkpoint"])
	assert.Equal(t, str("somebody"), row(t, db, "known")["leaseOwner"], "KCL's own row stays")
	for _, id := range []string{"root", "waits", "grandchild", "orphan"} {
		assert.Empty(t, row(t, db, id), id)
	}
	again, err := migrate.Export(t.Context(), store, name, table, shards, false)
	require.NoError(t, err)
	assert.Zero(t, again.Changes())
}

// An application that reads several streams keeps all of them in one table. Those of one stream are written, new ones too, as it
// writes them itself; all others stay.
func TestExportWritesTheRowsOfOneStreamOfSeveral(t *testing.T) {
	const stream, other = "123456789012:orders:1700000000", "123456789012:users:1700000000"
	mine, theirs := with(kcl2(stream+":a", "41", 0), "streamName", str(stream)), kcl2(other+":a", "7", 0)
	leader := item{"leaseKey": str("Leader"), "entityType": str("LEADER"), "ownerName": str("w")}
	for title, c := range map[string]struct {
		rows   []item
		stream string
		wrong  string
	}{
		"named in full":           {[]item{mine, theirs, leader}, stream, ""},
		"named":                   {[]item{mine, theirs, leader}, "orders", ""},
		"the only one":            {[]item{mine, leader}, "", ""},
		"none of its rows yet":    {[]item{theirs, leader}, stream, ""},
		"no rows yet":             {nil, stream, ""},
		"no leases yet":           {[]item{leader}, stream, ""},
		"not named":               {[]item{mine, theirs}, "", "set Stream to one of"},
		"no row to take from":     {[]item{theirs}, "orders", "set Stream to what KCLStream returns"},
		"one stream, named fully": {[]item{kcl2("a", "41", 0)}, stream, ""},
	} {
		t.Run(title, func(t *testing.T) {
			db := kclTable(t, c.rows...)
			store := stored(t, map[string]driver.Progress{"a": behind(50), "b": within(60, 3)})
			table := migrate.Table{Client: db, Name: app, Format: migrate.KCL, Stream: c.stream}
			plan, err := migrate.Export(t.Context(), store, name, table, []poller.Shard{{ID: "b", Parent: "a"}}, false)
			if c.wrong != "" {
				require.ErrorContains(t, err, c.wrong)
				return
			}
			require.NoError(t, err)
			require.NoError(t, plan.Apply(t.Context()))
			prefix := stream + ":"
			if title == "one stream, named fully" {
				prefix = ""
			}
			assert.Equal(t, str("50"), row(t, db, prefix+"a")["checkpoint"])
			got := row(t, db, prefix+"b")
			assert.Equal(t, str("60"), got["checkpoint"])
			assert.Equal(t, &types.AttributeValueMemberSS{Value: []string{"a"}}, got["parentShardId"])
			if prefix != "" {
				assert.Equal(t, str(stream), got["streamName"])
				assert.Equal(t, str("b"), got["shardId"])
			}
			for _, r := range c.rows {
				if key, _ := r["leaseKey"].(*types.AttributeValueMemberS); key.Value == "Leader" || key.Value == other+":a" {
					assert.Equal(t, r, row(t, db, key.Value))
				}
			}
			again, err := migrate.Export(t.Context(), store, name, table, nil, false)
			require.NoError(t, err)
			assert.Zero(t, again.Changes())
		})
	}
}

func TestExportRefuses(t *testing.T) {
	db := kclTable(t, kcl1("a", "41"), with(metrics("leaseKey", "w", 0), "entityType", str("WORKER_METRIC_STATS")))
	store := stored(t, map[string]driver.Progress{"a": behind(40)})
	plan, err := migrate.Export(t.Context(), store, name, migrate.Table{Client: db, Name: app, Format: migrate.KCL}, nil, false)
	require.NoError(t, err)
	require.ErrorContains(t, plan.Refused(), "KCL 3 fleet is alive")
	require.ErrorContains(t, plan.Refused(), "a would go back from 41 to 40")
	require.ErrorIs(t, plan.Apply(t.Context()), migrate.ErrRefused)
	assert.Equal(t, kcl1("a", "41"), row(t, db, "a"))

	_, err = migrate.Export(t.Context(), store, name, migrate.Table{Client: db, Name: app, Format: migrate.Bento}, nil, false)
	require.ErrorContains(t, err, "can be exported to kcl only")
}

// TestExportRefusesRowsOfAnotherStreamThanTheMappings, whether Stream chose them or not: the shards of all streams have the
// same IDs, so that the application would read another stream from this one's positions.
func TestExportRefusesRowsOfAnotherStreamThanTheMappings(t *testing.T) {
	ours, err := mapping.StoreKey("arn:aws:kinesis:us-east-1:111111111111:stream/orders", "f")
	require.NoError(t, err)
	for title, c := range map[string]struct{ rows, stream, refused string }{
		"ours":                  {rows: "111111111111:orders:1600000000"},
		"another name":          {rows: "111111111111:users:1600000000", refused: "the mapping is of arn:aws:kinesis:us-east-1:111111111111:stream/orders"},
		"another name, chosen":  {rows: "111111111111:users:1600000000", stream: "users", refused: "the mapping is of"},
		"another account":       {rows: "222222222222:orders:1600000000", refused: "the mapping is of"},
		"another name, and new": {stream: "111111111111:users:1600000000", refused: "the mapping is of"},
		"ours, and new":         {stream: "111111111111:orders:1600000000"},
	} {
		t.Run(title, func(t *testing.T) {
			store := mapping.NewMemoryStore()
			lease, _, err := store.Acquire(t.Context(), ours, "a", "owner")
			require.NoError(t, err)
			require.NoError(t, store.Commit(t.Context(), lease, behind(50)))
			require.NoError(t, store.Release(t.Context(), lease))
			rows := map[string][]item{"t": nil}
			if c.rows != "" {
				rows["t"] = []item{kcl1(c.rows+":a", "41")}
			}
			table := migrate.Table{Client: &tables{rows: rows}, Name: "t", Format: migrate.KCL, Stream: c.stream}
			plan, err := migrate.Export(t.Context(), store, ours, table, nil, false)
			require.NoError(t, err)
			assert.Equal(t, 1, plan.Changes())
			if c.refused == "" {
				require.NoError(t, plan.Refused())
				return
			}
			require.ErrorIs(t, plan.Apply(t.Context()), migrate.ErrRefused)
			require.ErrorContains(t, plan.Refused(), "rows of another stream would be written to table t: they are of")
			require.ErrorContains(t, plan.Refused(), c.refused)
		})
	}
}

func TestExportStopsWhereARowHasChanged(t *testing.T) {
	db := kclTable(t, kcl1("a", "41"))
	store := stored(t, map[string]driver.Progress{"a": behind(50)})
	table := migrate.Table{Client: db, Name: app, Format: migrate.KCL}
	plan, err := migrate.Export(t.Context(), store, name, table, nil, false)
	require.NoError(t, err)
	_, err = db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(app), Item: with(kcl1("a", "45"), "leaseCounter", num(18))})
	require.NoError(t, err)
	require.ErrorContains(t, plan.Apply(t.Context()), "its row has changed since the plan was made")
	assert.Equal(t, str("45"), row(t, db, "a")["checkpoint"])

	lease, _, err := store.Acquire(t.Context(), name, "a", "mapping")
	require.NoError(t, err)
	plan, err = migrate.Export(t.Context(), store, name, table, nil, false)
	require.NoError(t, err)
	require.ErrorContains(t, plan.Apply(t.Context()), "the mapping is running")
	assert.NotZero(t, lease)
}
