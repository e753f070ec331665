package realpeers_test

import (
	"context"
	"crypto/md5" //nolint:gosec // aggregates end with it
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// traffic puts records all the while, a tenth of them aggregates of three.
type traffic struct {
	w    *world
	stop context.CancelFunc
	all  errgroup.Group
}

// starts the traffic: so many records of the stream a second, with so many keys.
func (w *world) startTraffic(perSecond, keys int) *traffic {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	t := &traffic{w: w, stop: cancel}
	t.all.Go(func() error { return w.putAlways(ctx, perSecond, keys) })
	w.Cleanup(func() { t.end() })
	return t
}

// end stops it, and returns when nothing is put any more.
func (t *traffic) end() {
	t.w.Helper()
	t.stop()
	require.NoError(t.w, t.all.Wait())
}

func (w *world) putAlways(ctx context.Context, perSecond, keys int) error {
	const ticks = 20 // a second
	tick := time.NewTicker(time.Second / ticks)
	defer tick.Stop()
	for n := 1; ; n += perSecond / ticks {
		for i := n; i < n+perSecond/ticks; i++ {
			put := w.putOne
			if i%10 == 0 {
				put = w.putAggregate
			}
			if err := put(i, keys); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// putAggregate puts an aggregate of three user records of one key.
func (w *world) putAggregate(n, keys int) error {
	key := fmt.Sprint("customer ", n%keys)
	var members []record
	message := appendField(nil, 1, []byte(key)) // the table of keys
	for i := range 3 {
		data := fmt.Appendf(nil, "order %d.%d", n, i)
		members = append(members, record{sub: int64(i), key: key, hash: hashOf(data)})
		message = appendField(message, 3, appendField([]byte{1 << 3, 0}, 3, data)) // a member with the first key
	}
	sum := md5.Sum(message) //nolint:gosec // as above
	_, seq, err := w.stream.Put(key, slices.Concat([]byte("\xF3\x89\x9A\xC2"), message, sum[:]))
	if err != nil {
		return err
	}
	for i := range members {
		members[i].seq = seq
	}
	w.note(members...)
	return nil
}

// appendField appends a field of bytes to a protobuf message.
func appendField(message []byte, field byte, b []byte) []byte {
	message = append(message, field<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(b))), b...)
}
