package poller_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// slowLine is an HTTP client whose subscriptions come at a rate, in bytes a second.
type slowLine struct {
	kinesis.HTTPClient
	rate int
}

func (l *slowLine) Do(r *http.Request) (*http.Response, error) {
	resp, err := l.HTTPClient.Do(r)
	if err == nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "SubscribeToShard") {
		resp.Body = &slowBody{ReadCloser: resp.Body, request: r, rate: l.rate}
	}
	return resp, err
}

// slowBody is a body that comes at a rate.
type slowBody struct {
	io.ReadCloser
	request *http.Request
	rate    int
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.rate)])
	pause := time.NewTimer(time.Duration(n) * time.Second / time.Duration(b.rate))
	defer pause.Stop()
	select {
	case <-pause.C:
		return n, err
	case <-b.request.Context().Done():
		return 0, b.request.Context().Err()
	}
}

// TestAnEventIsReadHoweverSlowTheLine: a record of 10 MiB, 14 MiB as JSON, at 3 Mbit/s takes longer than a subscription may be
// silent, and at 500 kbit/s almost as long as it lives. That something comes is what counts.
func TestAnEventIsReadHoweverSlowTheLine(t *testing.T) {
	for _, kbits := range []int{8000, 3000, 500} {
		synctest.Test(t, func(t *testing.T) {
			service := kinesistest.New(kinesistest.Config{NoLimits: true})
			_, err := service.Client().CreateStream(t.Context(), &kinesis.CreateStreamInput{
				StreamName: aws.String("orders"), ShardCount: aws.Int32(1), MaxRecordSizeInKiB: aws.Int32(10 << 10),
			})
			require.NoError(t, err)
			rest(t.Context(), time.Minute) // until it is active
			stream := service.Stream("orders")
			arn, err := stream.RegisterConsumer("shipping")
			require.NoError(t, err)
			big := bytes.Repeat([]byte("x"), 10<<20-10)
			_, _, err = stream.Put("key", big)
			require.NoError(t, err)
			server := kinesistest.NewPipeServer(service)
			defer server.Close()
			client := kinesis.NewFromConfig(server.Config(), func(o *kinesis.Options) { o.HTTPClient = &slowLine{o.HTTPClient, kbits * 125} })
			r := pushing(t, client, poller.Config{ConsumerARN: arn})
			for began := time.Now(); ; {
				require.Less(t, time.Since(began), 5*time.Minute, "%d kbit/s", kbits)
				page, err := r.Next(t.Context())
				require.NoError(t, err, "%d kbit/s", kbits)
				if len(page.Records) > 0 {
					require.Len(t, page.Records[0].Data, len(big))
					break
				}
			}
		})
	}
}
