package realpeers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// noDynamoDB is for a world without leases.
func noDynamoDB() string { return "" }

// isReadBy starts a reader, and puts records before and after a reshard until it has got all of them, each once.
func (w *world) isReadBy(start func(rig.Reader, testing.TB, func(string)) *rig.Peer, r rig.Reader, line func(string), put func() []record) {
	w.Helper()
	n := many(2_000, 50_000)
	w.puts(1, n/2, 100)
	r.Stream, r.Kinesis = w.stream.Name(), w.server.URL
	peer := start(r, w, line)
	eventually(w, "some records", func() bool { return w.distinct() > n/10 }, peer.Exited())
	w.reshard()
	w.puts(n/2+1, n, 100)
	eventually(w, "all records", func() bool { return w.distinct() >= n }, peer.Exited())
	peer.Stop(w)
	v := judge(put(), w.all())
	assertNothingLost(w, v)
	assert.Zero(w, v.repeated)
}

// A Python library that others keep reads the embedded stream across a split and a merge, polling. It returns only the data of a
// record, which is unique here.
func TestAsyncKinesisReadsTheEmbeddedStream(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, 2, kinesistest.NewServer, noDynamoDB)
	byData := func(hash string) record { return record{seq: hash, hash: hash} }
	w.isReadBy(rig.Reader.StartPython, rig.Reader{}, func(line string) {
		if data, isRecord := strings.CutPrefix(line, "REC "); isRecord {
			w.deliver(delivery{record: byData(hashOf([]byte(data))), by: "async-kinesis"})
		}
	}, func() (put []record) {
		for _, r := range w.records() {
			put = append(put, byData(r.hash))
		}
		return put
	})
}
