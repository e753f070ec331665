package httpfunc_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	httpfunc "github.com/shardmill/shardmill/invoke/http"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
)

// invocation returns an invocation with n records of size bytes, whose partition key is verb, one of invoketest's.
var invocation = fixture.Invocation

func run(t *testing.T, f *httpfunc.Function) (invoke.Result, batch.Outcome) {
	t.Helper()
	return invoke.Run(t.Context(), f, invocation("nothing", 1, 0), invoke.Options{})
}

func TestNewRefusesWhatIsNoURLOfHTTP(t *testing.T) {
	for given, want := range map[string]string{
		"":                  "httpfunc: URL: want http:// or https:// and a host",
		"127.0.0.1":         "httpfunc: URL: want http:// or https:// and a host",
		"/orders":           "httpfunc: URL: want http:// or https:// and a host",
		"ftp://u:p@tea.com": "httpfunc: URL: want http:// or https:// and a host",
		"http://tea.com:x/": "httpfunc: URL is malformed",
	} {
		_, err := httpfunc.New(httpfunc.Config{URL: given})
		assert.EqualError(t, err, want)
	}
}

func TestEmulatorIsTheURLOfAnAddress(t *testing.T) {
	assert.Equal(t, "http://127.0.0.1:9000/2015-03-31/functions/function/invocations", httpfunc.Emulator("127.0.0.1:9000"))
}

func TestRequestTellsOfTheInvocation(t *testing.T) {
	requests := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r }))
	defer server.Close()
	teas := []string{"green", "black"}
	header := http.Header{"x-tea": teas, "User-Agent": {"kettle"}, "host": {"tea.example"}}
	f, err := httpfunc.New(httpfunc.Config{URL: strings.Replace(server.URL, "http://", "http://ann:secret@", 1) + "/orders?x=1", Header: header})
	require.NoError(t, err)
	defer f.CloseIdleConnections()
	teas[0] = "changed"

	in := invocation("nothing", 1, 0)
	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	result, err := f.Invoke(ctx, in)
	require.NoError(t, err)
	assert.Empty(t, result.Payload)

	got := <-requests
	assert.Equal(t, "POST /orders?x=1 tea.example", got.Method+" "+got.RequestURI+" "+got.Host)
	user, password, _ := got.BasicAuth()
	assert.Equal(t, "ann:secret", user+":"+password)
	got.Header.Del("Authorization")
	assert.Equal(t, http.Header{
		"Content-Type":                        {"application/json"},
		"Content-Length":                      {strconv.Itoa(in.Event.Size())},
		"User-Agent":                          {"kettle"},
		"X-Tea":                               {"green", "black"},
		"Lambda-Runtime-Aws-Request-Id":       {in.RequestID},
		"Lambda-Runtime-Invoked-Function-Arn": {in.FunctionARN},
		"Lambda-Runtime-Deadline-Ms":          {strconv.FormatInt(deadline.UnixMilli(), 10)},
	}, got.Header)
}

func TestVersionAndErrorInTheHeaderCount(t *testing.T) {
	f := serve(t, "/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Executed-Version", "7")
		w.Header().Set("X-Amz-Function-Error", "Handled")
		_, _ = io.WriteString(w, `{"errorMessage":"no tea"}`)
	})
	got, outcome := run(t, f)
	assert.Equal(t, batch.FunctionError, outcome.Kind)
	require.EqualError(t, got.Err, `invoke: function error Handled: {"errorMessage":"no tea"}`)
	got.Err = nil
	assert.Equal(t, invoke.Result{StatusCode: 200, ExecutedVersion: "7", FunctionError: "Handled", Payload: []byte(`{"errorMessage":"no tea"}`)}, got)
}

func TestNobodyThereMeansNotRun(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	f, err := httpfunc.New(httpfunc.Config{URL: server.URL})
	require.NoError(t, err)
	_, err = f.Invoke(t.Context(), invocation("nothing", 1, 0))
	assert.ErrorIs(t, err, invoke.ErrUnavailable)
}

func TestConnectionThatIsLostAfterTheRequestIsAFunctionError(t *testing.T) {
	var calls atomic.Int32
	f := serve(t, "/", func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	got, outcome := run(t, f)
	assert.Equal(t, batch.FunctionError, outcome.Kind, "%v", got.Err)
	assert.EqualValues(t, 1, calls.Load(), "a new connection is not closed already")
}

func TestRequestOnAConnectionThatWasClosedIsSentAgain(t *testing.T) {
	var calls atomic.Int32
	f := serve(t, "/", func(_ http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if calls.Add(1) == 2 || err != nil {
			panic(http.ErrAbortHandler)
		}
		assert.Equal(t, string(invocation("nothing", 1, 0).Event.AppendJSON(nil)), string(event), "request %d", calls.Load())
	})
	for range 2 {
		got, outcome := run(t, f)
		assert.Equal(t, batch.Success, outcome.Kind, "%v", got.Err)
	}
	assert.EqualValues(t, 3, calls.Load())
}

// A server that reads a part of the request and is gone cannot have run the function.
func TestRequestThatCouldNotBeWrittenMeansNotRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if !assert.NoError(t, err) {
			return
		}
		_, err = io.ReadFull(c, make([]byte, 100))
		assert.NoError(t, err)
		assert.NoError(t, c.(*net.TCPConn).SetLinger(0))
		assert.NoError(t, c.Close())
	}()
	f, err := httpfunc.New(httpfunc.Config{URL: "http://" + l.Addr().String()})
	require.NoError(t, err)
	_, err = f.Invoke(t.Context(), invocation("nothing", 1, 20<<20)) // more than sockets hold
	<-ended
	assert.ErrorIs(t, err, invoke.ErrUnavailable)
}

func TestAnswerThatIsCutOffIsAFunctionError(t *testing.T) {
	f := serve(t, "/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"batchItemFailures":[`)
	})
	got, outcome := run(t, f)
	assert.Equal(t, batch.FunctionError, outcome.Kind)
	assert.ErrorIs(t, got.Err, io.ErrUnexpectedEOF)
}

func TestAnswerOverTheLimitIsAFunctionError(t *testing.T) {
	const limit = 6_291_556
	for _, chunked := range []bool{false, true} {
		for size, want := range map[int]batch.OutcomeKind{limit: batch.Success, limit + 1: batch.FunctionError} {
			f := serve(t, "/", func(w http.ResponseWriter, _ *http.Request) {
				if !chunked {
					w.Header().Set("Content-Length", strconv.Itoa(size))
				}
				_, _ = io.WriteString(w, strings.Repeat("x", size))
			})
			got, outcome := run(t, f)
			assert.Equal(t, want, outcome.Kind, "%d bytes, chunked %t: %v", size, chunked, got.Err)
			if want == batch.FunctionError {
				assert.JSONEq(t, `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`, string(got.Payload))
			}
		}
	}
}

func TestRedirectsAreLeftToAClientThatHasARule(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	for name, c := range map[string]struct {
		rule func(*http.Request, []*http.Request) error
		want string
	}{
		"none": {nil, "302 Found"},
		"one":  {func(*http.Request, []*http.Request) error { return io.ErrNoProgress }, io.ErrNoProgress.Error()},
	} {
		client := &http.Client{Transport: &http.Transport{}, CheckRedirect: c.rule}
		f, err := httpfunc.New(httpfunc.Config{URL: server.URL, Client: client})
		require.NoError(t, err)
		_, err = f.Invoke(t.Context(), invocation("nothing", 1, 0))
		assert.ErrorContains(t, err, c.want, name)
		assert.Equal(t, c.rule == nil, client.CheckRedirect == nil, "the client is the user's")
		f.CloseIdleConnections()
	}
}

// TestErrorsShowNoSecretOfTheURL goes through all that can be wrong with a function whose URL has secrets.
func TestErrorsShowNoSecretOfTheURL(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		case "/lost":
			panic(http.ErrAbortHandler)
		case "/moved":
			http.Redirect(w, r, "/elsewhere?code=hush", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return io.ErrNoProgress }}
	defer client.CloseIdleConnections()
	for _, at := range []string{host + "/cut", host + "/lost", host + "/moved", host + "/broken", host + "/none", "127.0.0.1:1/refused"} {
		f, err := httpfunc.New(httpfunc.Config{URL: "http://user:hush@" + at + "?code=hush#hush", Client: client})
		require.NoError(t, err)
		got, err := f.Invoke(t.Context(), invocation("nothing", 1, 0))
		if err == nil {
			err = got.Err
		}
		require.ErrorContains(t, err, "http://"+at+": ")
		assert.NotContains(t, err.Error(), "hush")
	}
	for _, bad := range []string{"hush", "ftp://hush/", "http://user:hush@h:x/", "http:// user:hush@h", "http://h/%hush", "//hush", "hush:hush", "http:hush"} {
		_, err := httpfunc.New(httpfunc.Config{URL: bad})
		require.ErrorContains(t, err, "httpfunc: URL")
		assert.NotContains(t, err.Error(), "hush", bad)
	}
}
