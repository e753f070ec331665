package poller

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"
)

// line is a body that comes at a rate, in bytes a second, until stop bytes have come, unless that is 0. Then nothing comes.
type line struct {
	ctx        context.Context
	src        io.Reader
	rate, stop int
	came       int
}

func (l *line) Read(b []byte) (int, error) {
	if l.stop > 0 && l.came >= l.stop {
		<-l.ctx.Done()
		return 0, l.ctx.Err()
	}
	piece := max(l.rate/10, 1)
	pause := time.NewTimer(time.Duration(float64(piece) / float64(l.rate) * float64(time.Second)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-l.ctx.Done():
		return 0, l.ctx.Err()
	}
	n, err := l.src.Read(b[:min(len(b), piece)])
	l.came += n
	return n, err
}

// slowService answers reads over a line, with as many records of a size as they ask for, out of many.
type slowService struct {
	size, many int
	rate, stop int
	limits     []int
	single     string // an answer with one record
}

func (s *slowService) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetShardIterator") {
		return respond(time.Now(), strings.NewReader(`{"ShardIterator":"it"}`)), nil
	}
	body, _ := io.ReadAll(r.Body)
	var limit int
	_, after, _ := bytes.Cut(body, []byte(`"Limit":`))
	_, _ = fmt.Sscanf(string(after), "%d", &limit)
	s.limits = append(s.limits, limit)
	return respond(time.Now(), &line{ctx: r.Context(), src: strings.NewReader(s.page(min(limit, s.many))), rate: s.rate, stop: s.stop}), nil
}

// page returns an answer with n records.
func (s *slowService) page(n int) string {
	if n == 1 && s.single != "" {
		return s.single
	}
	data := strings.Repeat("AAAA", s.size/3)
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"SequenceNumber":"%d","PartitionKey":"k","ApproximateArrivalTimestamp":1.7E9,"Data":"`, i+1)+data+`"}`)
	}
	all := `{"Records":[` + strings.Join(list, ",") + `],"NextShardIterator":"it","MillisBehindLatest":0}`
	if n == 1 {
		s.single = all
	}
	return all
}

func (s *slowService) reader(t *testing.T, cfg Config) *reader {
	t.Helper()
	cfg.StreamARN, cfg.Client, cfg.Logger = testARN, newSDK("http://kinesis", s), slog.New(slog.DiscardHandler)
	p, err := New(cfg)
	require.NoError(t, err)
	return newReader(p, &Shard{ID: "shard"}, Start{})
}

// TestARecordIsReadHoweverSlowTheLine: a record of 10 MiB, 14 MiB as JSON, at 1 Mbit/s takes almost two minutes, four
// times a CallTimeout, and at 64 kbit/s half an hour. That something comes is what counts.
func TestARecordIsReadHoweverSlowTheLine(t *testing.T) {
	for _, c := range []struct {
		kbits  int
		within time.Duration
		calls  int
	}{
		{4000, time.Minute, 1},
		{3000, time.Minute, 1},
		{1000, 2 * time.Minute, 1},
		{500, 15 * time.Minute, 5}, // two minutes each, until it is asked for alone
		{64, time.Hour, 5},
	} {
		for _, sdk := range []bool{false, true}[:min(c.kbits/1000+1, 2)] {
			t.Run(fmt.Sprintf("%d kbit/s, sdk: %t", c.kbits, sdk), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &slowService{size: 10 << 20, many: 1, rate: c.kbits * 125}
					r := s.reader(t, Config{SDKDecoding: sdk})
					for began := time.Now(); ; {
						require.Less(t, time.Since(began), c.within, "not read, after %d calls", len(s.limits))
						page, err := r.Next(t.Context())
						if err == nil {
							require.Len(t, page.Records, 1)
							require.Len(t, page.Records[0].Data, 10<<20/3*3)
							break
						}
						require.Equal(t, Retry, Classify(err))
					}
					require.LessOrEqual(t, len(s.limits), c.calls)
				})
			})
		}
	}
}

// TestASlowAnswerIsUsedAndMakesReadsSmaller: nothing is read twice, and what follows comes sooner.
func TestASlowAnswerIsUsedAndMakesReadsSmaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowService{size: 30_000, many: 100, rate: 100_000} // a page of 4 MB takes 40 s
		r := s.reader(t, Config{Limit: 100})
		var took []time.Duration
		for range 3 {
			r.from = Start{} // the service gives the same page again and again
			began := time.Now()
			page, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Len(t, page.Records, s.limits[len(s.limits)-1])
			took = append(took, time.Since(began).Round(10*time.Second))
		}
		require.Equal(t, []int{100, 50, 50}, s.limits)
		require.Equal(t, []time.Duration{40 * time.Second, 20 * time.Second, 20 * time.Second}, took)
	})
}

// TestAnAnswerThatStandsStillEndsAfterATimeWithoutAByte, however much of it has come, and however long that took.
func TestAnAnswerThatStandsStillEndsAfterATimeWithoutAByte(t *testing.T) {
	for _, limit := range []int{1, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowService{size: 3_000_000, many: 1, rate: 100_000, stop: 3_500_000}
			r := s.reader(t, Config{Limit: limit})
			began := time.Now()
			_, err := r.Next(t.Context())
			require.InDelta(t, 65, time.Since(began).Seconds(), 2)
			require.Regexp(t, `^poller: shard shard: get records: no byte of an answer for 30s: host kinesis, phase body for 1m[5-7]\S*s, 35\d{5} bytes received$`, err.Error())
			require.Equal(t, Retry, Classify(err))
			require.Equal(t, int32(max(limit/2, 1)), r.limit.now)
		})
	}
}

// TestATrickleEnds: four CallTimeouts for an answer that can be made smaller, an hour for one that cannot.
func TestATrickleEnds(t *testing.T) {
	for limit, want := range map[int]time.Duration{1: time.Hour, 20: 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowService{size: 30_000, many: 1, rate: 1}
			r := s.reader(t, Config{Limit: limit})
			began := time.Now()
			_, err := r.Next(t.Context())
			require.Equal(t, want, time.Since(began))
			require.Equal(t, int32(1), r.limit.now)
			require.ErrorContains(t, err, fmt.Sprintf("no whole answer within %v: host kinesis, phase body for %v, ", want, want))
		})
	}
}

// TestOtherAnswersMayBeSlowToo: a listing over a slow line, and one that trickles.
func TestOtherAnswersMayBeSlowToo(t *testing.T) {
	for rate, listed := range map[int]bool{1000: true, 100: false} {
		synctest.Test(t, func(t *testing.T) {
			body := `{"Shards":[{"ShardId":"` + strings.Repeat("x", 60_000) + `"}]}`
			p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", doer(func(r *http.Request) *http.Response {
				return respond(time.Now(), &line{ctx: r.Context(), src: strings.NewReader(body), rate: rate})
			}))})
			require.NoError(t, err)
			began := time.Now()
			shards, err := p.Shards(t.Context())
			if listed {
				require.NoError(t, err)
				require.Len(t, shards, 1)
				require.Greater(t, time.Since(began), time.Minute)
				return
			}
			require.ErrorContains(t, err, "poller: list shards: no whole answer within 2m0s: ")
			require.Equal(t, 2*time.Minute, time.Since(began))
		})
	}
}

// TestHeadersMayBeSlowToo: the first byte of an answer is one.
func TestHeadersMayBeSlowToo(t *testing.T) {
	for pause, read := range map[time.Duration]bool{25 * time.Second: true, 35 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			transport := &http.Transport{DialContext: pipeTo(func(c net.Conn) {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					const body = `{"Shards":[{"ShardId":"a"}]}`
					for _, piece := range []string{"HTTP/1.1 200 OK\r\n", "Content-Length: 28\r\n\r\n", body} {
						time.Sleep(pause)
						_, _ = io.WriteString(c, piece)
					}
				}
			})}
			t.Cleanup(transport.CloseIdleConnections)
			p, err := New(Config{StreamARN: testARN, Client: newSDK("http://kinesis", &http.Client{Transport: transport})})
			require.NoError(t, err)
			began := time.Now()
			_, err = p.Shards(t.Context())
			if read {
				require.NoError(t, err)
				require.Equal(t, 75*time.Second, time.Since(began))
				return
			}
			require.ErrorContains(t, err, "no whole answer within 30s: host kinesis, phase headers for 30s")
			time.Sleep(3 * pause) // until the server is over
		})
	}
}

// TestACallThatIsCancelledWithinASlowBodyEndsThen.
func TestACallThatIsCancelledWithinASlowBodyEndsThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowService{size: 3_000_000, many: 1, rate: 10_000}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.reader(t, Config{}).Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 50*time.Second, time.Since(began))
	})
}

// dawdler is a Client that speaks no HTTP: there are no bytes to see.
type dawdler struct{ scripted }

func (d *dawdler) GetRecords(ctx context.Context, _ *kinesis.GetRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACallWithoutHTTPHasItsDeadlineWhateverItsLimit(t *testing.T) {
	for _, limit := range []int{1, 100} {
		synctest.Test(t, func(t *testing.T) {
			p, err := New(Config{StreamARN: testARN, Client: &dawdler{}, Limit: limit})
			require.NoError(t, err)
			began := time.Now()
			_, err = newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
			require.EqualError(t, err, "poller: shard shard: get records: no whole answer within 30s")
			require.Equal(t, 30*time.Second, time.Since(began))
		})
	}
}

// TestBytesAreSeenThroughAClientThatWrapsAnother, as long as it passes the options on.
func TestBytesAreSeenThroughAClientThatWrapsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowService{size: 3_000_000, many: 1, rate: 100_000}
		p, err := New(Config{StreamARN: testARN, Client: struct{ Client }{newSDK("http://kinesis", s)}, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		page, err := newReader(p, &Shard{ID: "shard"}, Start{}).Next(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
	})
}
