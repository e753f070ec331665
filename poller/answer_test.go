package poller

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/require"
)

// TestWhatIsNoWholeAnswerNeitherEndsAShardNorMovesIt has reads of a backlog answered by what is no answer, though its
// status is good: each is an error that passes, and the same place is read again, with the same iterator.
func TestWhatIsNoWholeAnswerNeitherEndsAShardNorMovesIt(t *testing.T) {
	docs := map[string]string{
		"nothing":                  ``,
		"an empty object":          `{}`,
		"null":                     `null`,
		"a list":                   `[]`,
		"a text":                   `"ok"`,
		"HTML":                     `<html>down for maintenance</html>`,
		"cut off":                  `{"Records":[],"MillisBehindLatest":0`,
		"an error document":        `{"__type":"InternalFailure","message":"oops"}`,
		"an error of a gateway":    `{"message":"Service Unavailable"}`,
		"nulls":                    `{"Records":null,"NextShardIterator":null,"MillisBehindLatest":null}`,
		"no records":               `{"MillisBehindLatest":0}`,
		"no records, but a place":  `{"NextShardIterator":"4","MillisBehindLatest":0}`,
		"null records and a place": `{"Records":null,"NextShardIterator":"4","MillisBehindLatest":0}`,
		"no records, but children": `{"MillisBehindLatest":0,"ChildShards":[{"ShardId":"child","ParentShards":["shard"]}]}`,
		"no lag":                   `{"Records":[]}`,
		"null lag":                 `{"Records":[],"NextShardIterator":null,"MillisBehindLatest":null}`,
		"no lag, but children":     `{"Records":[],"ChildShards":[{"ShardId":"child","ParentShards":["shard"]}]}`,
		"negative lag":             `{"Records":[],"NextShardIterator":null,"MillisBehindLatest":-1}`,
		"records, no place or lag": `{"Records":[` + recordJSON(3) + `]}`,
		"a null record":            `{"Records":[null],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"no sequence number":       `{"Records":[{"Data":"aGVsbG8="}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"an empty sequence number": `{"Records":[{"SequenceNumber":"","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"no number":                `{"Records":[{"SequenceNumber":"4x","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a record without data":    `{"Records":[{"SequenceNumber":"2"}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a record with null data":  `{"Records":[{"SequenceNumber":"2","Data":null,"ApproximateArrivalTimestamp":1}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a time that is no number": `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":"soon"}],"NextShardIterator":"4","MillisBehindLatest":0}`,
	}
	decoded := map[string]string{ // which the SDK alone takes
		"bytes behind":           `{"Records":[],"MillisBehindLatest":0} and more`,
		"records twice":          `{"Records":[` + recordJSON(2) + `],"Records":[],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a time that is NaN":     `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":"NaN"}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a time that is endless": `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":"Infinity"}],"NextShardIterator":"4","MillisBehindLatest":0}`,
		"a time beyond all":      `{"Records":[{"SequenceNumber":"2","Data":"","ApproximateArrivalTimestamp":1e300}],"NextShardIterator":"4","MillisBehindLatest":0}`,
	}
	for name, doc := range decoded {
		docs[name] = doc
	}
	for name, doc := range docs {
		for _, status := range []int{200, 204} {
			for how := range readings(nil) {
				if _, ok := decoded[name]; ok && how == "bare" && !strings.Contains(doc, "NaN") {
					continue
				}
				t.Run(fmt.Sprintf("%s, status %d, %s", name, status, how), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { requireNoAnswer(t, how, status, doc) })
				})
			}
		}
	}
}

func requireNoAnswer(t *testing.T, how string, status int, doc string) {
	t.Helper()
	s := &closedShard{odd: func(n int, _ string) (int, string) {
		if 1 <= n && n <= 3 {
			return status, doc
		}
		return 0, ""
	}}
	cfg := readings(newSDK("http://kinesis", s))[how]
	cfg.StreamARN, cfg.Logger = testARN, slog.New(slog.DiscardHandler)
	p, err := New(cfg)
	require.NoError(t, err)
	r, err := p.Open(Shard{ID: "shard"}, Start{})
	require.NoError(t, err)
	got, errs := readAll(t, r)
	require.Equal(t, []string{"1", "2", "3"}, got)
	require.Len(t, errs, 3)
	for _, err := range errs {
		require.Equal(t, Retry, Classify(err), "%v", err)
	}
	want := []string{"1", "2", "2", "2", "2", "3", "4"}
	if how == "CBOR" { // which the answers in JSON turn off, the first time that they are whole
		require.True(t, p.inJSON.Load())
	}
	require.Equal(t, want, s.reads)
	require.Equal(t, []string{"TRIM_HORIZON"}, s.asked)
}

// TestAnAnswerThatLeavesOutWhatItMayIsUsed: no service that is known leaves more out.
func TestAnAnswerThatLeavesOutWhatItMayIsUsed(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	for name, tc := range map[string]struct {
		record string
		key    string
		at     time.Time
	}{
		"all":           {recordJSON(2), "k", at},
		"no key":        {`{"SequenceNumber":"2","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1.7E9}`, "", at},
		"null key":      {`{"SequenceNumber":"2","Data":"aGVsbG8=","ApproximateArrivalTimestamp":1.7E9,"PartitionKey":null}`, "", at},
		"no time":       {`{"SequenceNumber":"2","Data":"aGVsbG8=","PartitionKey":"k"}`, "k", time.Time{}},
		"null time":     {`{"SequenceNumber":"2","Data":"aGVsbG8=","PartitionKey":"k","ApproximateArrivalTimestamp":null}`, "k", time.Time{}},
		"a time of 0":   {`{"SequenceNumber":"2","Data":"aGVsbG8=","PartitionKey":"k","ApproximateArrivalTimestamp":0}`, "k", time.Time{}},
		"null, unknown": {`{"SequenceNumber":"2","Data":"aGVsbG8=","PartitionKey":"k","ApproximateArrivalTimestamp":1.7E9,"EncryptionType":null,"New":{}}`, "k", at},
	} {
		for _, lag := range []string{``, `,"MillisBehindLatest":null`, `,"MillisBehindLatest":-7`} {
			for how := range readings(nil) {
				t.Run(fmt.Sprintf("%s, %s, lag %q", name, how, lag), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &closedShard{odd: func(n int, _ string) (int, string) {
							if n == 1 {
								return 200, `{"Records":[` + tc.record + `],"NextShardIterator":"3"` + lag + `}`
							}
							return 0, ""
						}}
						cfg := readings(newSDK("http://kinesis", s))[how]
						cfg.StreamARN, cfg.Logger = testARN, slog.New(slog.DiscardHandler)
						p, err := New(cfg)
						require.NoError(t, err)
						r := newReader(p, &Shard{ID: "shard"}, Start{})
						first, err := r.Next(t.Context())
						require.NoError(t, err)
						require.Equal(t, 2*time.Second, first.Behind)
						page, err := r.Next(t.Context())
						require.NoError(t, err)
						require.Len(t, page.Records, 1)
						got := page.Records[0]
						require.Equal(t, []any{"2", tc.key, tc.at, "hello"}, []any{got.SequenceNumber, got.PartitionKey, got.ArrivalTime, string(got.Data)})
						require.True(t, page.CaughtUpTo.IsZero(), "the answer did not say so")
						require.Equal(t, 2*time.Second, page.Behind, "as the last answer that said so had it")
						rest, errs := readAll(t, r)
						require.Equal(t, []string{"3"}, rest)
						require.Empty(t, errs)
					})
				})
			}
		}
	}
}

// TestALagBeyondAllIsALongOne: it must not turn negative, nor zero.
func TestALagBeyondAllIsALongOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &closedShard{odd: func(n int, _ string) (int, string) {
			return 200, `{"Records":[],"NextShardIterator":"1","MillisBehindLatest":9223372036854775807}`
		}}
		p, err := New(Config{Client: newSDK("http://kinesis", s), StreamARN: testARN})
		require.NoError(t, err)
		page, err := newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, 365*24*time.Hour, page.Behind)
		require.True(t, page.CaughtUpTo.IsZero())
	})
}

// TestAnIteratorThatIsEmptyIsNoEnd: the next is made from the read position.
func TestAnIteratorThatIsEmptyIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &closedShard{odd: func(n int, _ string) (int, string) {
			if n < 2 {
				return 200, `{"Records":[` + recordJSON(n+1) + `],"NextShardIterator":"","MillisBehindLatest":0}`
			}
			return 0, ""
		}}
		p, err := New(Config{Client: newSDK("http://kinesis", s), StreamARN: testARN})
		require.NoError(t, err)
		got, errs := readAll(t, newReader(p, &Shard{ID: "shard"}, Start{}))
		require.Equal(t, []string{"1", "2", "3"}, got)
		require.Empty(t, errs)
		require.Equal(t, []string{"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER1", "AFTER_SEQUENCE_NUMBER2"}, s.asked)
	})
}

// TestAnIteratorThatIsNoneIsAServiceFault: whatever GetShardIterator answers, nothing is read by it.
func TestAnIteratorThatIsNoneIsAServiceFault(t *testing.T) {
	for _, doc := range []string{``, `{}`, `null`, `[]`, `{"ShardIterator":null}`, `{"ShardIterator":""}`, `{"ShardIterator":1}`, `<html>`, `{"ShardIterator":"1"}x`} {
		synctest.Test(t, func(t *testing.T) {
			p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(*http.Request) *http.Response { return answers(200, doc) }))})
			require.NoError(t, err)
			r := newReader(p, &Shard{ID: "shard"}, Start{})
			_, err = r.Next(t.Context())
			require.ErrorContains(t, err, "get shard iterator: ", doc)
			require.Equal(t, Retry, Classify(err))
		})
	}
}

// TestChildrenThatAreNotNamedInFullAreLeftOut: a child without its parents would open before them.
func TestChildrenThatAreNotNamedInFullAreLeftOut(t *testing.T) {
	child := func(id *string, parents ...string) types.ChildShard {
		return types.ChildShard{ShardId: id, ParentShards: parents}
	}
	whole := []types.ChildShard{child(aws.String("a"), "shard"), child(aws.String("b"), "other", "shard")}
	require.Equal(t, whole, childrenNamed(whole, "shard"))
	require.Empty(t, childrenNamed(nil, "shard"))
	partial := []types.ChildShard{child(nil, "shard"), whole[0], child(aws.String(""), "shard"), child(aws.String("c")), whole[1], child(aws.String("d"), "other")}
	require.Equal(t, whole, childrenNamed(partial, "shard"))
	require.Len(t, partial, 6)
	require.Nil(t, partial[0].ShardId, "what came is left as it is")
}

// TestAnEndWithoutANamedChildIsConfirmedByAListing.
func TestAnEndWithoutANamedChildIsConfirmedByAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &closedShard{odd: func(_ int, iterator string) (int, string) {
			if iterator == "4" {
				return 200, `{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":null,"ParentShards":["shard"]},{"ShardId":"child"}]}`
			}
			return 0, ""
		}}
		p, err := New(Config{Client: newSDK("http://kinesis", s), StreamARN: testARN})
		require.NoError(t, err)
		r := newReader(p, &Shard{ID: "shard"}, Start{})
		got, errs := readAll(t, r)
		require.Equal(t, []string{"1", "2", "3"}, got)
		require.Empty(t, errs)
		require.Empty(t, r.Children(), "the listing knows them")
		require.Equal(t, []string{"1", "2", "3", "4", "4"}, s.reads, "asked twice")
	})
}

// TestAClientWithoutHTTPSaysNoRecordsAsGoDoes: its nil is an empty list, and nil data are empty data.
func TestAClientWithoutHTTPSaysNoRecordsAsGoDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &kinesis.GetRecordsOutput{NextShardIterator: aws.String("it"), MillisBehindLatest: aws.Int64(0)}
		p, err := New(Config{StreamARN: testARN, Client: &scripted{pages: []*kinesis.GetRecordsOutput{out, {
			Records: []types.Record{{SequenceNumber: aws.String("1")}}, NextShardIterator: aws.String("it"), MillisBehindLatest: aws.Int64(0),
		}, {}}}})
		require.NoError(t, err)
		r := newReader(p, &Shard{ID: "shard"}, Start{})
		page, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Empty(t, page.Records)
		require.False(t, page.CaughtUpTo.IsZero())
		page, err = r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		page, err = r.Next(t.Context())
		require.ErrorIs(t, err, errNoLag, "that of a forgotten return")
		require.Equal(t, Retry, Classify(err))
		require.False(t, page.End)
	})
}
