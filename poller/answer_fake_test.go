package poller

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"
)

// closedShard answers for a shard that was split, with three records. Iterator "n" reads record n. Where odd returns
// something for the nth read, that is the answer.
type closedShard struct {
	odd   func(n int, iterator string) (status int, body string)
	reads []string // iterators
	asked []string // starts of iterators
}

func (s *closedShard) Do(r *http.Request) (*http.Response, error) {
	var in struct{ ShardIterator, ShardIteratorType, StartingSequenceNumber string }
	body, _ := io.ReadAll(r.Body)
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		_ = json.Unmarshal(body, &in)
	} else { // ShardIterator, of one byte, comes first
		_, rest, _ := strings.Cut(string(body), "ShardIterator")
		in.ShardIterator = rest[1:2]
	}
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch op {
	case "ListShards":
		return answers(200, `{"Shards":[
			{"ShardId":"shard","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"},"SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"1000"}},
			{"ShardId":"child","ParentShardId":"shard","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"},"SequenceNumberRange":{"StartingSequenceNumber":"1001"}}]}`), nil
	case "GetShardIterator":
		s.asked = append(s.asked, in.ShardIteratorType+in.StartingSequenceNumber)
		after, _ := strconv.Atoi(in.StartingSequenceNumber)
		return answers(200, fmt.Sprintf(`{"ShardIterator":"%d"}`, after+1)), nil
	}
	n := len(s.reads)
	s.reads = append(s.reads, in.ShardIterator)
	if status, body := s.odd(n, in.ShardIterator); status != 0 {
		return answers(status, body), nil
	}
	return answers(200, s.page(in.ShardIterator)), nil
}

func (s *closedShard) page(iterator string) string {
	n, _ := strconv.Atoi(iterator)
	if n > 3 {
		return `{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"child","ParentShards":["shard"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"}}]}`
	}
	return fmt.Sprintf(`{"Records":[%s],"NextShardIterator":"%d","MillisBehindLatest":%d}`, recordJSON(n), n+1, 1000*(3-n))
}

func recordJSON(n int) string {
	return fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":"k","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1.7E9}`, n)
}

func answers(status int, body string) *http.Response {
	r := respond(time.Now(), strings.NewReader(body))
	r.StatusCode, r.ContentLength = status, int64(len(body))
	return r
}

// readAll reads to the end, and returns what came, and the errors.
func readAll(t *testing.T, r Reader) (got []string, errs []error) {
	t.Helper()
	for range 100 {
		page, err := r.Next(t.Context())
		if err != nil {
			require.Empty(t, page)
			errs = append(errs, err)
		}
		for i := range page.Records {
			got = append(got, page.Records[i].SequenceNumber)
		}
		if page.End {
			return got, errs
		}
	}
	t.Fatalf("no end: %v", errs)
	return nil, nil
}

// bare is a Client that passes no options on, so that the SDK alone decodes.
type bare struct{ *kinesis.Client }

func (b bare) GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	return b.Client.GetRecords(ctx, in)
}

// readings are the ways in which an answer is decoded.
func readings(sdk *kinesis.Client) map[string]Config {
	return map[string]Config{
		"ours":      {Client: sdk},
		"the SDK's": {Client: sdk, SDKDecoding: true},
		"CBOR":      {Client: sdk, CBOR: true},
		"wrapped":   {Client: struct{ Client }{sdk}},
		"bare":      {Client: bare{sdk}},
	}
}

// scripted is a Client that gives pages, one after the other.
type scripted struct {
	Client
	pages []*kinesis.GetRecordsOutput
}

func (s *scripted) GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error) {
	return &kinesis.GetShardIteratorOutput{ShardIterator: aws.String("it")}, nil
}

func (s *scripted) GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	out := s.pages[0]
	s.pages = s.pages[1:]
	return out, nil
}
