package kinesistest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest/internal/wire"
)

// disk is a file in memory whose writes, syncs or truncations fail as a test says.
type disk struct {
	data   []byte
	reads  int
	closed bool

	room      int // so many bytes more are written; -1 means any number
	silent    bool
	lies      bool // a write that goes through says that it failed
	syncs     int  // so many syncs more work; -1 means all
	truncates int  // so many truncations more work, the first is that of Open; -1 means all
}

func (d *disk) Read(p []byte) (int, error) {
	if d.reads == len(d.data) {
		return 0, io.EOF
	}
	n := copy(p, d.data[d.reads:])
	d.reads += n
	return n, nil
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	n := len(p)
	if d.room >= 0 {
		n = min(n, d.room)
		d.room -= n
	}
	d.data = append(d.data[:at], p[:n]...)
	if n < len(p) && !d.silent || d.lies && d.room == 0 {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Sync() error { return works(&d.syncs) }

func (d *disk) Truncate(size int64) error {
	if err := works(&d.truncates); err != nil {
		return err
	}
	d.data = d.data[:size]
	return nil
}

func (d *disk) Close() error {
	d.closed = true
	return nil
}

func works(left *int) error {
	if *left == 0 {
		return syscall.EIO
	}
	*left--
	return nil
}

// again is what a restart finds.
func (d *disk) again() *disk {
	return &disk{data: bytes.Clone(d.data), room: -1, syncs: -1, truncates: -1}
}

// user makes calls to a Service and notes their results.
type user struct {
	t *testing.T
	s *Service

	created   bool
	consumer  string // ARN
	split     bool
	records   []string // acknowledged, as number and data
	delivered []string // by the subscription
	failures  []error

	sub *subscription
}

// story makes changes of all kinds, and goes on after those that fail. Its subscription looks at the shard after each.
func story(t *testing.T, s *Service) *user {
	u := &user{t: t, s: s}
	orders := s.Stream("orders")
	_, err := s.CreateStream("orders", 2)
	u.created = u.did(err)
	u.consumer, err = orders.RegisterConsumer("audit")
	if u.did(err) {
		u.subscribe()
	}
	u.put("1")
	u.putAll("2", "3", "4")
	_, _, err = orders.Split(shardID(0))
	u.split = u.did(err)
	u.put("5")
	u.putAll("6", "7")
	return u
}

func (u *user) did(err error) bool {
	if err != nil {
		u.failures = append(u.failures, err)
	}
	u.look()
	return err == nil
}

func (u *user) subscribe() {
	var err error
	u.sub, _, err = opSubscribeToShard.perform(u.t.Context(), u.s, &kinesis.SubscribeToShardInput{
		ConsumerARN: &u.consumer, ShardId: new(shardID(1)),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	}, wire.JSON)
	require.NoError(u.t, err)
	u.sub.beat = time.Now().Add(time.Hour)
}

// look takes what the subscription would send now.
func (u *user) look() {
	if u.sub == nil {
		return
	}
	do, err := u.sub.next(time.Now())
	if err != nil {
		require.NotEmpty(u.t, u.failures)
		require.Equal(u.t, u.s.Err(), err)
		return
	}
	require.Empty(u.t, u.failures, "the subscription outlives the journal")
	if do.event == nil {
		return
	}
	for _, r := range do.event.Records {
		u.delivered = append(u.delivered, *r.SequenceNumber+string(r.Data))
	}
}

func (u *user) put(data string) {
	_, err := u.s.Stream("orders").PutTo(shardID(1), "k\xff", []byte(data))
	if u.did(err) {
		u.records = append(u.records, last(u.s)+data)
	}
}

func (u *user) putAll(data ...string) {
	in := &kinesis.PutRecordsInput{StreamName: new("orders")}
	for _, d := range data {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{
			Data: []byte(d), PartitionKey: new("a"), ExplicitHashKey: new(maxHashKey.String()),
		})
	}
	out, err := u.s.Client().PutRecords(u.t.Context(), in)
	if !u.did(err) {
		return
	}
	for i, r := range out.Records {
		u.records = append(u.records, *r.SequenceNumber+data[i])
	}
}

// last returns the last sequence number of the shard that is written to.
func last(s *Service) string {
	records := s.streams["orders"].shards[1].records
	return records[len(records)-1].sequence
}

// checkFailed asserts that nothing is read from a Service whose journal has failed, and that every error names it.
func (u *user) checkFailed() {
	for _, err := range append(u.failures, u.s.Err()) {
		require.ErrorContains(u.t, err, "kinesistest: journal streams: ")
		_, ok := errors.AsType[*types.InternalFailureException](err)
		require.True(u.t, ok, "%v", err)
	}
	_, err := u.s.Client().ListShards(u.t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
	require.ErrorIs(u.t, err, u.s.Err())
	require.Empty(u.t, u.s.Stream("orders").Shards())
	_, err = u.s.Client().GetRecords(u.t.Context(), &kinesis.GetRecordsInput{
		ShardIterator: u.s.newIterator(&stream{id: 1}, &shard{index: 1}, 0, time.Now()),
	})
	require.ErrorIs(u.t, err, u.s.Err())
}

// checkRestart asserts that a restart has what was acknowledged, and with exactly nothing else, and that it can be used.
func (u *user) checkRestart(d *disk, exactly bool) {
	s, err := resume(d.again(), "streams", Config{NoLimits: true})
	require.NoError(u.t, err)
	require.Subset(u.t, u.records, u.delivered, "what was read was acknowledged")
	st := s.streams["orders"]
	if st == nil {
		require.False(u.t, u.created)
		return
	}
	var found []string
	for _, r := range st.shards[1].records {
		found = append(found, r.sequence+string(r.data))
		if len(r.data) == 1 && (r.data[0] == '1' || r.data[0] == '5') {
			require.Equal(u.t, "k\xff", r.key)
		}
	}
	require.Subset(u.t, found, u.records)
	if !exactly {
		return
	}
	require.True(u.t, u.created)
	require.Equal(u.t, u.records, found)
	require.Equal(u.t, u.consumer != "", len(st.consumers) == 1)
	require.Equal(u.t, u.split, len(st.shards) == 4)
	_, err = s.Stream("orders").PutTo(shardID(1), "k", []byte("more"))
	require.NoError(u.t, err)
}

// play runs the story on a disk, and checks what must hold whatever the disk did.
func play(t *testing.T, d *disk, exactly bool) *user {
	t.Helper()
	s, err := resume(d, "streams", Config{NoLimits: true})
	require.NoError(t, err)
	u := story(t, s)
	if len(u.failures) > 0 {
		u.checkFailed()
		u.checkRestart(d, exactly) // a kill -9
		failure := s.Err()
		require.ErrorIs(t, s.Close(), failure)
	} else {
		require.NoError(t, s.Close())
	}
	require.True(t, d.closed)
	require.ErrorIs(t, s.Err(), os.ErrClosed)
	u.checkRestart(d, exactly)
	return u
}

func TestNothingIsReadBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	whole := &disk{room: -1, syncs: -1, truncates: -1}
	u := play(t, whole, true)
	require.Empty(t, u.failures)
	require.Len(t, u.records, 7)
	require.Equal(t, u.records, u.delivered)
	modes := []func(room int) (d *disk, exactly bool){
		func(n int) (*disk, bool) { return &disk{room: n, syncs: -1, truncates: -1}, true },
		func(n int) (*disk, bool) { return &disk{room: n, silent: true, syncs: -1, truncates: -1}, true },
		func(n int) (*disk, bool) { return &disk{room: n, lies: true, syncs: -1, truncates: -1}, true },
		func(n int) (*disk, bool) { return &disk{room: n, syncs: -1, truncates: 1}, true }, // what is left of the line does not count
		func(n int) (*disk, bool) { return &disk{room: n, lies: true, syncs: -1, truncates: 1}, false },
	}
	atLine := func(n int) bool {
		return n < 2 || bytes.IndexByte(whole.data[n-2:min(n+2, len(whole.data))], '\n') >= 0
	}
	for n := range len(whole.data) {
		for i, mode := range modes {
			if i == n%len(modes) || atLine(n) { // every byte, and in every way at the ends of lines
				d, exactly := mode(n)
				play(t, d, exactly)
			}
		}
	}
}

func TestAFailedSyncRefusesTheChange(t *testing.T) {
	t.Parallel()
	for n := range 7 {
		u := play(t, &disk{room: -1, syncs: n, truncates: -1}, true)
		require.ErrorIs(t, u.failures[0], syscall.EIO)
		u = play(t, &disk{room: -1, syncs: n, truncates: 1}, false)
		require.ErrorContains(t, u.failures[0], "may be there after a restart")
	}
}

// TestAFailedJournalEndsSubscriptionsAndReads goes over HTTP: a subscription that rests ends with the failure, not with the next heartbeat.
func TestAFailedJournalEndsSubscriptionsAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: -1, syncs: -1, truncates: -1}
		s, err := resume(d, "streams", Config{})
		require.NoError(t, err)
		orders, err := s.CreateStream("orders", 2)
		require.NoError(t, err)
		arn, err := orders.RegisterConsumer("audit")
		require.NoError(t, err)
		server := NewPipeServer(s)
		defer server.Close()
		client := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.RetryMaxAttempts = 1 })
		out, err := client.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
			ConsumerARN: &arn, ShardId: new(shardID(0)),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
		})
		require.NoError(t, err)
		events := out.GetStream()
		defer events.Close()
		synctest.Wait()

		began := time.Now()
		d.room = 10
		_, err = orders.PutTo(shardID(1), "k", []byte("refused"))
		require.ErrorIs(t, err, syscall.ENOSPC)
		for range events.Events() {
			require.Fail(t, "an event came")
		}
		require.ErrorContains(t, events.Err(), "journal streams: no space left on device")
		_, ok := errors.AsType[*types.InternalFailureException](events.Err())
		require.True(t, ok)
		require.Equal(t, began, time.Now(), "it did not wait for the heartbeat")
		_, err = client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: new("orders")})
		require.ErrorContains(t, err, "StatusCode: 500")
		require.ErrorContains(t, err, "journal streams: no space left on device")
	})
}

func TestOpenAfterAFailureInTheSameProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "streams")
	s, err := Open(path, Config{})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only its owner reads it")
	}
	orders, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	good := s.journal.file
	s.journal.file = &failing{storage: good}
	_, _, err = orders.Put("k", []byte("refused"))
	require.EqualError(t, err, "kinesistest: stream orders: put: kinesistest: journal "+path+": write: "+syscall.ENOSPC.Error())
	require.ErrorIs(t, s.Close(), syscall.ENOSPC)
	require.NoError(t, s.Close(), "a second time it does nothing")

	s, err = Open(path, Config{NoLimits: true})
	require.NoError(t, err)
	_, _, err = s.Stream("orders").Put("k", []byte("stored"))
	require.NoError(t, err)
	require.Len(t, s.streams["orders"].shards[0].records, 1)
	require.NoError(t, s.Close())
}

// failing is a file on a full disk.
type failing struct{ storage }

func (f *failing) WriteAt(p []byte, at int64) (int, error) {
	n, _ := f.storage.WriteAt(p[:len(p)/2], at)
	return n, &fs.PathError{Op: "write", Path: "anywhere", Err: syscall.ENOSPC}
}
