package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/invoketest"
	"github.com/shardmill/shardmill/invoke/process"
)

// role, in the environment, makes the test binary another program than the tests.
const role = "SHARDMILL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		goleak.VerifyTestMain(m)
	case "function":
		lambda.Start(handle)
	case "scripted":
		lambda.Start(invoketest.Handler{Exit: os.Exit})
	case "sigterm":
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() { fmt.Println("good night"); os.Exit(0) }))
	case "init error":
		post("init/error", `{"errorMessage":"no database","errorType":"Runtime.NoDatabase"}`)
		os.Exit(1)
	case "init exit":
		os.Exit(3)
	case "init hang":
		time.Sleep(time.Hour) // without cgo, Go ends a program in which nothing can happen any more
	case "host":
		host()
	case "sleeper":
		time.Sleep(time.Hour)
	}
}

// post sends a request to the Runtime API.
func post(path, body string) int {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/" + path
	response, err := http.Post(url, "application/json", strings.NewReader(body)) //nolint:noctx // a program of its own
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// handle is the function: a plain one of aws-lambda-go. Its first record's data says what it does.
func handle(ctx context.Context, e events.KinesisEvent) (json.RawMessage, error) {
	order, argument, _ := strings.Cut(string(e.Records[0].Kinesis.Data), " ")
	switch order {
	case "error":
		return nil, errors.New(argument)
	case "panic":
		panic(argument)
	case "exit":
		os.Exit(len(argument))
	case "hang":
		<-ctx.Done()
		select {}
	case "sleep":
		length, _, _ := strings.Cut(argument, " ")
		d, err := time.ParseDuration(length)
		if err != nil {
			return nil, err
		}
		time.Sleep(d)
	case "print":
		fmt.Println(argument)
		fmt.Fprintln(os.Stderr, argument)
	case "flood":
		fmt.Print(strings.Repeat(argument+"\n", 10_000))
	case "large":
		return json.Marshal(strings.Repeat("x", 6_291_556-1))
	case "largest":
		return json.Marshal(strings.Repeat("x", 6_291_556-2))
	case "fork":
		return fork()
	case "allocate":
		b := bytes.Repeat([]byte{1}, 1<<30)
		return json.Marshal(len(b))
	case "get":
		return get(argument)
	case "post":
		path, body, _ := strings.Cut(argument, " ")
		return json.Marshal(post(path, body))
	case "credentials":
		return retrieve(ctx)
	case "env":
		return json.Marshal(os.Environ())
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return json.Marshal(answer{
		Pid: os.Getpid(), RequestID: lc.AwsRequestID, FunctionARN: lc.InvokedFunctionArn, Left: time.Until(deadline),
		Records: len(e.Records), Trace: os.Getenv("_X_AMZN_TRACE_ID"),
	})
}

// get returns the status of a path of the server that is the Lambda.
func get(path string) (json.RawMessage, error) {
	response, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + path) //nolint:noctx // a program of its own
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return json.Marshal(response.StatusCode)
}

// retrieve finds credentials as any program with an SDK does.
func retrieve(ctx context.Context) (json.RawMessage, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	got, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(got)
}

// answer is what the function says about an invocation.
type answer struct {
	Pid         int
	RequestID   string
	FunctionARN string
	Left        time.Duration
	Records     int
	Trace       string
}

// fork starts a process that outlives the function, and returns its id.
func fork() (json.RawMessage, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=sleeper")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return json.Marshal([]int{os.Getpid(), cmd.Process.Pid})
}

// config is that of the test binary in a role.
func config(as string) process.Config {
	return process.Config{
		Command:     []string{os.Args[0], "-test.run=^$"},
		Environment: map[string]string{role: as},
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// start returns the function of a configuration, which ends with the test.
func start(t testing.TB, cfg process.Config) *process.Function {
	t.Helper()
	f, err := process.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

const functionARN = "arn:aws:lambda:us-east-1:111111111111:function:ship-orders"

var origin = invoke.Origin{
	ShardID: "shardId-000000000000", Region: "us-east-1",
	EventSourceARN: "arn:aws:kinesis:us-east-1:111111111111:stream/orders",
}

// invocation is one of a record for each data.
func invocation(data ...string) *invoke.Invocation {
	var records []batch.Record
	for i, d := range data {
		records = append(records, batch.Record{SequenceNumber: fmt.Sprint(100 + i), PartitionKey: "a", Data: []byte(d), ArrivalTime: time.UnixMilli(1545084650987)})
	}
	return &invoke.Invocation{RequestID: uuid.NewString(), FunctionARN: functionARN, Attempt: 1, Event: invoke.NewEvent(&origin, batch.RecordsOf(records), nil)}
}

// call invokes f, which has to answer.
func call(t testing.TB, f *process.Function, data ...string) answer {
	t.Helper()
	r, err := f.Invoke(t.Context(), invocation(data...))
	require.NoError(t, err)
	require.Empty(t, r.FunctionError, "%s", r.Payload)
	var a answer
	require.NoError(t, json.Unmarshal(r.Payload, &a), "%s", r.Payload)
	return a
}

// fail invokes f, which has to fail, and returns the request ID and the error document.
func fail(ctx context.Context, t testing.TB, f *process.Function, data string) (requestID, document string) {
	t.Helper()
	in := invocation(data)
	r, err := f.Invoke(ctx, in)
	require.NoError(t, err)
	require.Equal(t, "Unhandled", r.FunctionError, "%s", r.Payload)
	return in.RequestID, string(r.Payload)
}

// logs is a logger's lines of JSON.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

// find returns the lines with that message.
func (l *logs) find(t testing.TB, message string) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for decoder := json.NewDecoder(bytes.NewReader(l.text.Bytes())); ; {
		var line map[string]any
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if line["msg"] == message {
			found = append(found, line)
		}
	}
}
