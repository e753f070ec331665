package migrate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/migrate"
	"github.com/shardmill/shardmill/poller"
)

// Rows as the programs write them.
func kcl1(shard, checkpoint string) item {
	return item{
		"leaseKey": str(shard), "leaseCounter": num(17), "checkpoint": str(checkpoint), "checkpointSubSequenceNumber": num(0),
		"ownerSwitchesSinceCheckpoint": num(0),
	}
}

func kcl2(shard, checkpoint string, sub int) item {
	i := kcl1(shard, checkpoint)
	i["checkpointSubSequenceNumber"] = num(sub)
	i["parentShardId"] = &types.AttributeValueMemberSS{Value: []string{"shardId-000000000000"}}
	i["startingHashKey"], i["endingHashKey"] = str("0"), str("340282366920938463463374607431768211455")
	i["childShardIds"] = &types.AttributeValueMemberSS{Value: []string{"shardId-000000000009"}}
	return i
}

func kcl3(shard, checkpoint string) item {
	i := kcl2(shard, checkpoint, 0)
	i["throughputKBps"], i["entityType"] = &types.AttributeValueMemberN{Value: "0.25"}, str("LEASE")
	return i
}

func metrics(key, worker string, age time.Duration) item {
	return item{
		key: str(worker), "lut": num(time.Now().Add(-age).Unix()),
		"sts": &types.AttributeValueMemberM{Value: item{"C": &types.AttributeValueMemberL{Value: []types.AttributeValue{num(10)}}}},
	}
}

func vmware(shard, checkpoint string, owned time.Duration) item {
	i := item{"ShardID": str(shard), "ParentShardId": str("shardId-000000000000")}
	if checkpoint != "" {
		i["Checkpoint"] = str(checkpoint)
	}
	if owned != 0 {
		i["AssignedTo"], i["LeaseTimeout"] = str("worker"), str(time.Now().Add(owned).UTC().Format(time.RFC3339Nano))
	}
	return i
}

func harlow(namespace, shard, checkpoint string) item {
	return item{"namespace": str(namespace), "shard_id": str(shard), "sequence_number": str(checkpoint)}
}

func bento(stream, shard, checkpoint string, owned time.Duration) item {
	i := item{"StreamID": str(stream), "ShardID": str(shard)}
	if checkpoint != "" {
		i["SequenceNumber"] = str(checkpoint)
	}
	if owned != 0 {
		i["ClientID"], i["LeaseTimeout"] = str("client"), str(time.Now().Add(owned).Format(time.RFC3339Nano))
	}
	return i
}

func TestEveryFormatIsImported(t *testing.T) {
	for title, c := range map[string]struct {
		from migrate.Table
		rows []item
		want map[string]driver.Progress
	}{
		"KCL 1": {
			migrate.Table{Format: migrate.KCL},
			[]item{kcl1("a", "41"), kcl1("b", "SHARD_END"), kcl1("c", "TRIM_HORIZON"), kcl1("d", "LATEST"), kcl1("e", "AT_TIMESTAMP")},
			map[string]driver.Progress{"a": within(41, 0), "b": {Version: 1, End: true}},
		},
		"KCL 2": {
			migrate.Table{Format: migrate.KCL},
			[]item{kcl2("a", "41", 3), kcl2("b", "42", 0)},
			map[string]driver.Progress{"a": within(41, 3), "b": within(42, 0)},
		},
		"KCL 2, several streams": {
			migrate.Table{Format: migrate.KCL, Stream: "orders"},
			[]item{kcl2("123456789012:orders:1700000000:a", "41", 1), kcl2("123456789012:users:1700000000:a", "7", 1)},
			map[string]driver.Progress{"a": within(41, 1)},
		},
		"KCL 3, from 3.5 on with all in one table": {
			migrate.Table{Format: migrate.KCL},
			[]item{
				kcl3("a", "41"),
				{"leaseKey": str("Leader"), "entityType": str("LEADER"), "ownerName": str("w"), "recordVersionNumber": str("u"), "leaseDuration": str("30000")},
				{"leaseKey": str("Migration3.0"), "entityType": str("CLIENT_VERSION_MIGRATION"), "cv": str("CLIENT_VERSION_3X")},
				{"leaseKey": str("s"), "entityType": str("STREAM")},
				{"leaseKey": str("t"), "entityType": str("TABLE_MIGRATION")},
			},
			map[string]driver.Progress{"a": within(41, 0)},
		},
		"vmware-go-kcl": {
			migrate.Table{Format: migrate.VMware},
			[]item{vmware("a", "41", 0), vmware("b", "SHARD_END", -time.Minute), vmware("c", "", -time.Minute)},
			map[string]driver.Progress{"a": behind(41), "b": {Version: 1, End: true}},
		},
		"kinesis-consumer": {
			migrate.Table{Format: migrate.Harlow, App: "app", Stream: "orders"},
			[]item{harlow("app-orders", "a", "41"), harlow("app-users", "a", "7"), harlow("other-orders", "a", "8")},
			map[string]driver.Progress{"a": behind(41)},
		},
		"Bento": {
			migrate.Table{Format: migrate.Bento, Stream: "orders"},
			[]item{bento("orders", "a", "41", 0), bento("orders", "b", "", -time.Minute), bento("users", "a", "7", time.Minute)},
			map[string]driver.Progress{"a": behind(41)},
		},
	} {
		t.Run(title, func(t *testing.T) {
			c.from.Client, c.from.Name = &tables{rows: map[string][]item{"t": c.rows}}, "t"
			store := stored(t, nil)
			target := migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon}
			plan, err := migrate.Import(t.Context(), c.from, target)
			require.NoError(t, err)
			assert.Empty(t, progress(t, store), "a plan changes nothing")
			require.NoError(t, plan.Refused())
			assert.Equal(t, len(c.want), plan.Changes())
			require.NoError(t, plan.Apply(t.Context()))
			assert.Equal(t, c.want, progress(t, store))

			again, err := migrate.Import(t.Context(), c.from, target)
			require.NoError(t, err)
			assert.Zero(t, again.Changes())
		})
	}
}

func TestDifferenceIsPrinted(t *testing.T) {
	store := stored(t, map[string]driver.Progress{
		"b": behind(42), "c": behind(50), "d": {Version: 1, Position: batch.Position{SequenceNumber: "3"}, Window: &batch.Window{State: []byte(`{}`)}}, "e": behind(9),
	})
	from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {
		with(kcl2("a", "41", 0), "leaseOwner", str("w")), kcl2("b", "42", 0), kcl2("c", "43", 2), kcl2("d", "SHARD_END", 0), kcl2("e", "LATEST", 0), kcl2("f", "TRIM_HORIZON", 0),
	}}}, Name: "t", Format: migrate.KCL}
	plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon})
	require.NoError(t, err)
	var b strings.Builder
	_, err = plan.WriteTo(&b)
	require.NoError(t, err)
	assert.Equal(t, strings.TrimLeft(`
   SHARD  IS  WILL BE  NOTE
*  a      -   41.0+    comes again if it is an aggregate and read as one record, assigned to w
   b      42  42
*  c      50  43.2+    resumes within the aggregate, goes back
*  d      3   end      drops the open window with 2 bytes of state
   e      9   9        the table has no progress for it: the stored progress is kept
   f      -   -        not begun (TRIM_HORIZON): will be read from TRIM_HORIZON
3 of 6 shards change
refused: c would go back from 50 to 43.2+
`, "\n"), b.String())
	require.ErrorIs(t, plan.Apply(t.Context()), migrate.ErrRefused)
	assert.Equal(t, behind(50), progress(t, store)["c"])
	assert.NotContains(t, progress(t, store), "a")

	plan, err = migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon, AllowBack: true, Plain: true})
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context()))
	assert.Equal(t, map[string]driver.Progress{"a": behind(41), "b": behind(42), "c": within(43, 2), "d": {Version: 1, End: true}, "e": behind(9)}, progress(t, store))
}

func TestParentsWhoseRowsAreDeletedAreEnded(t *testing.T) {
	// a and b were merged into c, which was split into d and e; f is new and has no row yet; x has left the stream.
	shards := []poller.Shard{
		{ID: "a"}, {ID: "b"}, {ID: "c", Parent: "a", AdjacentParent: "b"}, {ID: "d", Parent: "c"}, {ID: "e", Parent: "c"}, {ID: "f", Parent: "e"},
	}
	store := stored(t, nil)
	from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {bento("o", "d", "41", 0), bento("o", "e", "", 0), bento("o", "x", "9", 0)}}}, Name: "t", Format: migrate.Bento}
	plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon, Shards: shards})
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context()))
	end := driver.Progress{Version: 1, End: true}
	assert.Equal(t, map[string]driver.Progress{"a": end, "b": end, "c": end, "d": behind(41)}, progress(t, store))

	// A parent that has a row is what its row says, and so are its own parents.
	store = stored(t, nil)
	from.Client = &tables{rows: map[string][]item{"t": {bento("o", "d", "41", 0), bento("o", "c", "30", 0)}}}
	plan, err = migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon, Shards: shards[:5]})
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context()))
	assert.Equal(t, map[string]driver.Progress{"a": end, "b": end, "c": behind(30), "d": behind(41)}, progress(t, store))
}

// TestImportedProgressTellsWhichShardItIsOf: else a stream that is created again under its name would be taken for this one.
// A position before the shard's beginning is not of this shard.
func TestImportedProgressTellsWhichShardItIsOf(t *testing.T) {
	created := time.Unix(1_700_000_000, 0).UTC()
	shards := []poller.Shard{
		{ID: "a", StartingSequenceNumber: "10"}, {ID: "b", Parent: "a", StartingSequenceNumber: "40"}, {ID: "c", StartingSequenceNumber: "50"}, {ID: "d"},
	}
	store := stored(t, nil)
	from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {
		kcl2("a", "SHARD_END", 0), kcl2("b", "41", 0), kcl2("c", "9", 0), kcl2("d", "60", 0),
	}}}, Name: "t", Format: migrate.KCL}
	plan, err := migrate.Import(t.Context(), from, migrate.Target{
		Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon, Shards: shards, StreamCreated: created, Plain: true,
	})
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context()))
	got := map[string]string{}
	for id, p := range progress(t, store) {
		got[id] = p.ShardStart
		assert.Equal(t, created, p.StreamCreated, id)
	}
	assert.Equal(t, map[string]string{"a": "10", "b": "40", "c": "", "d": ""}, got)
}

// TestParentThatWasOvertakenIsStoredAsNotBegun has programs begin a merge before both its parents: nothing stored for the
// parent would mean to the mapping that it is finished.
func TestParentThatWasOvertakenIsStoredAsNotBegun(t *testing.T) {
	shards := []poller.Shard{{ID: "a"}, {ID: "b"}, {ID: "c", Parent: "a", AdjacentParent: "b"}, {ID: "d", Parent: "c"}}
	begin, end := driver.Progress{Version: 1}, driver.Progress{Version: 1, End: true}
	for title, c := range map[string]struct {
		from migrate.Table
		rows []item
		want map[string]driver.Progress
	}{
		"VMware waits for one parent": {
			migrate.Table{Format: migrate.VMware},
			[]item{vmware("a", "SHARD_END", 0), vmware("c", "41", 0)},
			map[string]driver.Progress{"a": end, "b": begin, "c": behind(41)},
		},
		"Harlow waits for none": {
			migrate.Table{Format: migrate.Harlow, App: "app", Stream: "o"},
			[]item{harlow("app-o", "d", "41")},
			map[string]driver.Progress{"a": begin, "b": begin, "c": begin, "d": behind(41)},
		},
		"KCL was told to read a parent again": {
			migrate.Table{Format: migrate.KCL},
			[]item{kcl2("b", "TRIM_HORIZON", 0), kcl2("c", "SHARD_END", 0)},
			map[string]driver.Progress{"a": end, "b": begin, "c": end},
		},
	} {
		t.Run(title, func(t *testing.T) {
			store := stored(t, nil)
			c.from.Name, c.from.Client = "t", &tables{rows: map[string][]item{"t": c.rows}}
			to := migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon, Shards: shards}
			plan, err := migrate.Import(t.Context(), c.from, to)
			require.NoError(t, err)
			require.NoError(t, plan.Apply(t.Context()))
			assert.Equal(t, c.want, progress(t, store))
			again, err := migrate.Import(t.Context(), c.from, to)
			require.NoError(t, err)
			assert.Zero(t, again.Changes())
		})
	}
}

func TestStartingPositionThatWouldPassOverRecordsIsRefused(t *testing.T) {
	for title, c := range map[string]struct {
		row     item
		shards  []poller.Shard
		at      mapping.StartingPosition
		refused bool
	}{
		"a row at TRIM_HORIZON":               {kcl2("a", "TRIM_HORIZON", 0), nil, mapping.Latest, true},
		"a row at TRIM_HORIZON, by time":      {kcl2("a", "TRIM_HORIZON", 0), nil, mapping.AtTimestamp, true},
		"a row at TRIM_HORIZON, from there":   {kcl2("a", "TRIM_HORIZON", 0), nil, mapping.TrimHorizon, false},
		"a row at AT_TIMESTAMP":               {kcl2("a", "AT_TIMESTAMP", 0), nil, mapping.Latest, true},
		"a row at LATEST":                     {kcl2("a", "LATEST", 0), nil, mapping.Latest, false},
		"a shard without a row":               {kcl2("a", "41", 0), []poller.Shard{{ID: "a"}, {ID: "b", Parent: "a"}}, mapping.Latest, true},
		"a shard without a row, from horizon": {kcl2("a", "41", 0), []poller.Shard{{ID: "a"}, {ID: "b", Parent: "a"}}, mapping.TrimHorizon, false},
	} {
		t.Run(title, func(t *testing.T) {
			from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {c.row}}}, Name: "t", Format: migrate.KCL}
			plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: stored(t, nil), Mapping: name, StartingPosition: c.at, Shards: c.shards})
			require.NoError(t, err)
			if c.refused {
				require.ErrorIs(t, plan.Refused(), migrate.ErrRefused)
				assert.ErrorContains(t, plan.Refused(), "may skip its records")
			} else {
				require.NoError(t, plan.Refused())
			}
		})
	}
}

func TestRunningProgramIsRefused(t *testing.T) {
	for title, c := range map[string]struct {
		format migrate.Format
		rows   map[string][]item
		want   string // empty: not refused
	}{
		"KCL 3 by its own table":   {migrate.KCL, map[string][]item{"t": {kcl2("a", "41", 0)}, "t-WorkerMetricStats": {metrics("wid", "w1", time.Minute)}}, "KCL 3 fleet is alive: worker w1"},
		"KCL 3, long ago":          {migrate.KCL, map[string][]item{"t": {kcl2("a", "41", 0)}, "t-WorkerMetricStats": {metrics("wid", "w1", time.Hour)}}, ""},
		"KCL 3.5 by its one table": {migrate.KCL, map[string][]item{"t": {kcl3("a", "41"), with(metrics("leaseKey", "w2", 0), "entityType", str("WORKER_METRIC_STATS"))}}, "KCL 3 fleet is alive: worker w2"},
		"KCL 3.5, long ago":        {migrate.KCL, map[string][]item{"t": {kcl3("a", "41"), with(metrics("leaseKey", "w2", time.Hour), "entityType", str("WORKER_METRIC_STATS"))}}, ""},
		"a clock ahead of ours":    {migrate.KCL, map[string][]item{"t": {kcl2("a", "41", 0)}, "t-WorkerMetricStats": {metrics("wid", "w1", -time.Hour)}}, "KCL 3 fleet is alive"},
		"vmware-go-kcl":            {migrate.VMware, map[string][]item{"t": {vmware("a", "41", 10*time.Second)}}, "a of table t is claimed by worker until"},
		"Bento":                    {migrate.Bento, map[string][]item{"t": {bento("o", "a", "41", 10*time.Second)}}, "a of table t is claimed by client until"},
	} {
		t.Run(title, func(t *testing.T) {
			from := migrate.Table{Client: &tables{rows: c.rows}, Name: "t", Format: c.format}
			store := stored(t, nil)
			plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon})
			require.NoError(t, err)
			if c.want == "" {
				require.NoError(t, plan.Refused())
				return
			}
			require.ErrorContains(t, plan.Refused(), c.want)
			require.ErrorIs(t, plan.Apply(t.Context()), migrate.ErrRefused)
			assert.Empty(t, progress(t, store))
		})
	}
}

func with(i item, name string, v types.AttributeValue) item {
	i[name] = v
	return i
}

func TestKCLThatRenewsIsRefused(t *testing.T) {
	for _, renews := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			owned := with(kcl1("a", "41"), "leaseOwner", str("w"))
			f := &tables{rows: map[string][]item{"t": {owned, kcl1("b", "7")}}}
			began := time.Now()
			f.scanned = func(table string) {
				if table == "t" && time.Since(began) > 0 && renews {
					owned["leaseCounter"] = num(18)
				}
			}
			from := migrate.Table{Client: f, Name: "t", Format: migrate.KCL, Patience: 20 * time.Second}
			plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: stored(t, nil), Mapping: name, StartingPosition: mapping.TrimHorizon})
			require.NoError(t, err)
			assert.Equal(t, 20*time.Second, time.Since(began))
			if renews {
				require.ErrorContains(t, plan.Refused(), "w of table t is alive: the leaseCounter of a went from 17 to 18")
			} else {
				require.NoError(t, plan.Refused())
			}
		})
	}
}

func TestRunningMappingAndChangesMeanwhileStopAnImport(t *testing.T) {
	store := stored(t, map[string]driver.Progress{"a": behind(1), "b": behind(1)})
	from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {vmware("a", "41", 0), vmware("b", "42", 0)}}}, Name: "t", Format: migrate.VMware}
	target := migrate.Target{Store: store, Mapping: name, StartingPosition: mapping.TrimHorizon}
	plan, err := migrate.Import(t.Context(), from, target)
	require.NoError(t, err)

	lease, _, err := store.Acquire(t.Context(), name, "b", "mapping")
	require.NoError(t, err)
	err = plan.Apply(t.Context())
	require.ErrorIs(t, err, driver.ErrLeaseHeld)
	require.ErrorContains(t, err, "b: the mapping is running")
	assert.Equal(t, map[string]driver.Progress{"a": behind(41), "b": behind(1)}, progress(t, store))

	plan, err = migrate.Import(t.Context(), from, target) // again, when it is stopped
	require.NoError(t, err)
	assert.Equal(t, 1, plan.Changes())
	require.NoError(t, store.Commit(t.Context(), lease, driver.Progress{Version: 2, Position: behind(5).Position}))
	require.NoError(t, store.Release(t.Context(), lease))
	require.ErrorContains(t, plan.Apply(t.Context()), "it was 1 when the plan was made, and is 5 now")

	plan, err = migrate.Import(t.Context(), from, target)
	require.NoError(t, err)
	require.NoError(t, plan.Apply(t.Context()))
	assert.Equal(t, behind(42), progress(t, store)["b"])
}

func TestTablesThatCannotBeReadAreErrors(t *testing.T) {
	for title, c := range map[string]struct {
		from migrate.Table
		rows []item
		want string
	}{
		"no such table":           {migrate.Table{Format: migrate.KCL, Name: "other"}, nil, "read table other"},
		"no format":               {migrate.Table{}, nil, `Format is ""`},
		"harlow without its app":  {migrate.Table{Format: migrate.Harlow, Stream: "orders"}, nil, "App and Stream are required"},
		"another program's":       {migrate.Table{Format: migrate.KCL}, []item{vmware("a", "41", 0)}, "it is not a lease table of KCL"},
		"of KCL":                  {migrate.Table{Format: migrate.VMware}, []item{kcl1("a", "41")}, "it is not a table of vmware-go-kcl"},
		"of Bento":                {migrate.Table{Format: migrate.Harlow, App: "a", Stream: "s"}, []item{bento("o", "a", "1", 0)}, "it is not a table of kinesis-consumer"},
		"of harlow":               {migrate.Table{Format: migrate.Bento}, []item{harlow("n", "a", "1")}, "it is not a table of Bento"},
		"no sequence number":      {migrate.Table{Format: migrate.VMware}, []item{vmware("a", "4x", 0)}, `a: "4x" is not a sequence number`},
		"no checkpoint":           {migrate.Table{Format: migrate.KCL}, []item{{"leaseKey": str("a")}}, `a: checkpoint "" is not a sequence number`},
		"a sub-sequence of text":  {migrate.Table{Format: migrate.KCL}, []item{with(kcl1("a", "41"), "checkpointSubSequenceNumber", str("x"))}, "a: checkpointSubSequenceNumber is not a number"},
		"a time that is none":     {migrate.Table{Format: migrate.Bento}, []item{with(bento("o", "a", "1", 0), "LeaseTimeout", str("soon"))}, `LeaseTimeout "soon" is not a time`},
		"several streams":         {migrate.Table{Format: migrate.Bento}, []item{bento("o", "a", "1", 0), bento("p", "a", "1", 0)}, `set Stream to one of "o", "p"`},
		"all bad rows, not first": {migrate.Table{Format: migrate.VMware}, []item{vmware("a", "4x", 0), vmware("b", "5x", 0)}, `b: "5x"`},
	} {
		t.Run(title, func(t *testing.T) {
			c.from.Client = &tables{rows: map[string][]item{"t": c.rows}}
			if c.from.Name == "" {
				c.from.Name = "t"
			}
			_, err := migrate.Import(t.Context(), c.from, migrate.Target{Store: stored(t, nil), Mapping: name, StartingPosition: mapping.TrimHorizon})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestEmptyTableIsRefused(t *testing.T) {
	from := migrate.Table{Client: &tables{rows: map[string][]item{"t": {}}}, Name: "t", Format: migrate.KCL}
	plan, err := migrate.Import(t.Context(), from, migrate.Target{Store: stored(t, nil), Mapping: name, StartingPosition: mapping.TrimHorizon})
	require.NoError(t, err)
	require.ErrorContains(t, plan.Refused(), "has no shard of the stream")
}
