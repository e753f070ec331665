package poller

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
)

// speaks answers requests in JSON with prepared records, and those in CBOR by cbor, or as an endpoint that does not speak it.
func speaks(cbor http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetShardIterator"):
			answer(w, 0)
		case !strings.Contains(r.Header.Get("Content-Type"), "cbor"):
			_, _ = w.Write(appendJSON(nil, samples(100, 50)))
		case cbor == nil:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"UnknownOperationException"}`)
		default:
			cbor(w, r)
		}
	}
}

// readOnce returns the reader of a shard after one page, which it checks.
func readOnce(t *testing.T, cfg Config) *reader {
	t.Helper()
	cfg.StreamARN = testARN
	cfg.PollInterval = 200 * time.Millisecond
	p, err := New(cfg)
	require.NoError(t, err)
	r := newReader(p, &Shard{ID: "shard"}, Start{})
	requirePage(t, r)
	return r
}

func requirePage(t *testing.T, r *reader) {
	t.Helper()
	r.from = Start{} // the server gives the same page again and again
	page, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, page.Records, 50)
	for i, s := range samples(100, 50) {
		got := page.Records[i]
		require.Equal(t, s.data, got.Data)
		require.Equal(t, s.sequence, got.SequenceNumber)
		require.Equal(t, s.key, got.PartitionKey)
		require.WithinDuration(t, time.UnixMilli(s.millis), got.ArrivalTime, time.Millisecond)
	}
}

// counted is a Client that wraps another one, and looks at what comes.
type counted struct {
	Client
	records int
}

func (c *counted) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, opts ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out, err := c.Client.GetRecords(ctx, in, opts...)
	if err == nil {
		c.records += len(out.Records)
	}
	return out, err
}

// ownProtocol is one that the SDK does not know.
type ownProtocol struct {
	smithyhttp.ClientProtocol
	asked bool
}

func (p *ownProtocol) SerializeRequest(ctx context.Context, s *smithy.OperationSchema, in smithy.Serializable, r *smithyhttp.Request) error {
	p.asked = true
	return p.ClientProtocol.SerializeRequest(ctx, s, in, r)
}

func TestAWrappedClientSeesItsRecords(t *testing.T) {
	client, _ := serve(t, speaks(nil))
	c := &counted{Client: client}
	readOnce(t, Config{Client: c, CBOR: true})
	require.Equal(t, 50, c.records)
}

func TestAProtocolOfTheUsersIsLeftAlone(t *testing.T) {
	client, _ := serve(t, speaks(nil))
	own := &ownProtocol{ClientProtocol: client.Options().Protocol}
	readOnce(t, Config{Client: kinesis.New(client.Options(), func(o *kinesis.Options) { o.Protocol = own }), CBOR: true})
	require.True(t, own.asked)
}

func TestMiddlewareOfTheUsersSeesItsRecords(t *testing.T) {
	client, _ := serve(t, speaks(nil))
	seen := 0
	look := middleware.InitializeMiddlewareFunc("look", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, md, err := next.HandleInitialize(ctx, in)
		if page, ok := out.Result.(*kinesis.GetRecordsOutput); ok {
			seen += len(page.Records)
			for i := range page.Records {
				key := *page.Records[i].PartitionKey
				page.Records[i].PartitionKey = &key // or another one: it is his
			}
		}
		return out, md, err
	})
	watchedClient := kinesis.New(client.Options(), kinesis.WithAPIOptions(func(s *middleware.Stack) error {
		return s.Initialize.Add(look, middleware.Before)
	}))
	readOnce(t, Config{Client: watchedClient})
	require.Equal(t, 50, seen)
}

func TestDecodingCanBeLeftToTheSDK(t *testing.T) {
	client, _ := serve(t, speaks(nil))
	for _, sdk := range []bool{false, true} {
		r := readOnce(t, Config{Client: client, SDKDecoding: sdk})
		w := r.poller.reading()
		_, _, err := r.getRecords(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, !sdk, w.protocol.Decoded)
	}
}

func TestCBORIsReadWhereTheEndpointSpeaksIt(t *testing.T) {
	var log bytes.Buffer
	asked := 0
	client, connections := serve(t, speaks(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write(appendCBOR(nil, samples(100, 50)))
	}))
	r := readOnce(t, Config{Client: client, CBOR: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	requirePage(t, r)
	require.Equal(t, 2, asked)
	require.Empty(t, log.String())
	require.Equal(t, int32(1), connections.Load())
}

func TestAnEndpointThatRefusesCBORIsReadInJSONFromThenOn(t *testing.T) {
	for name, cbor := range map[string]http.HandlerFunc{
		"knows it not": nil,
		"sends data as text": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "\xbf\x67Records\x9f\xbf\x64Data\x64QUJD\xff\xff\xff")
		},
		"answers in JSON": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(appendJSON(nil, samples(100, 50)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			asked := 0
			handler := speaks(cbor)
			client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Header.Get("Content-Type"), "cbor") {
					asked++
				}
				handler(w, r)
			})
			r := readOnce(t, Config{Client: client, CBOR: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			requirePage(t, r)
			requirePage(t, newReader(r.poller, &Shard{ID: "another"}, Start{}))
			require.Equal(t, 1, asked, "requests in CBOR")
			require.Equal(t, 1, strings.Count(log.String(), "does not speak CBOR"), "%s", log.String())
		})
	}
}

func TestAnErrorOfTheServiceInCBORIsKnown(t *testing.T) {
	client, _ := serve(t, speaks(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(appendText(appendText([]byte{0xa1}, "__type"), "ProvisionedThroughputExceededException"))
	}))
	p, err := New(Config{Client: client, StreamARN: testARN, CBOR: true})
	require.NoError(t, err)
	_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
	require.Equal(t, Throttled, Classify(err), "%v", err)
	require.False(t, p.inJSON.Load())
}

func TestAHangWithinABodyInCBORMakesReadsSmaller(t *testing.T) {
	hang := make(chan struct{})
	client, _ := serve(t, speaks(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(appendCBOR(nil, samples(100, 50))[:3000])
		_ = http.NewResponseController(w).Flush()
		<-hang
	}))
	t.Cleanup(func() { close(hang) }) // before the server is closed
	p, err := New(Config{Client: client, StreamARN: testARN, CBOR: true, CallTimeout: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r := newReader(p, &Shard{ID: "shard"}, Start{})
	_, err = r.Next(t.Context())
	require.Regexp(t, `^poller: shard shard: get records: no byte of an answer for 100ms: host 127\.0\.0\.1:\d+, phase body for \S+s, 3000 bytes received$`, err.Error())
	require.Equal(t, int32(maxLimit/2), r.limit.now)
	require.False(t, p.inJSON.Load(), "that was no refusal")
}
