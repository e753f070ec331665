package httpfunc

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

func event() *invoke.Event {
	return invoke.NewEvent(&invoke.Origin{}, batch.RecordsOf([]batch.Record{{SequenceNumber: "1"}}), nil)
}

// net/http may close a body after Do has returned, and more than once.
func TestBufferIsKeptUntilTheLastReaderIsClosed(t *testing.T) {
	want := string(event().AppendJSON(nil))
	p := newPayload(event())
	first, err := p.reader()
	require.NoError(t, err)
	second, err := p.reader()
	require.NoError(t, err)

	p.release()
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	assert.NotNil(t, p.buffer, "the second reader is open")
	_, err = first.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	got, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
	require.NoError(t, second.Close())

	assert.Nil(t, p.buffer, "it is not read any more")
	_, err = second.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	_, err = p.reader()
	require.ErrorIs(t, err, errReleased)
}

func TestReadersBeginAtTheBeginning(t *testing.T) {
	want := string(event().AppendJSON(nil))
	p := newPayload(event())
	defer p.release()
	for range 2 {
		r, err := p.reader()
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 5))
		require.NoError(t, err)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Equal(t, want[5:], string(rest))
		require.NoError(t, r.Close())
	}
}
