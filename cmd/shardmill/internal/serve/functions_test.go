package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
)

// known is AWS Lambda with one answer.
type known struct {
	timeout int32
	err     error
}

func (k known) GetFunctionConfiguration(
	context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options),
) (*lambda.GetFunctionConfigurationOutput, error) {
	if k.err != nil {
		return nil, k.err
	}
	return &lambda.GetFunctionConfigurationOutput{Timeout: &k.timeout}, nil
}

func TestOtherFunctionsAreLookedForOnLambda(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:far"
	find := func(k known, timeout time.Duration) (registry.Function, error) {
		f := functions{
			named:  registry.FunctionMap{"near": {Timeout: time.Hour}},
			others: &lambdaFunctions{function: registry.Function{Timeout: timeout}, client: k},
		}
		near, err := f.ResolveFunction(t.Context(), "arn:aws:lambda:us-east-1:123456789012:function:near")
		require.NoError(t, err)
		assert.Equal(t, time.Hour, near.Timeout, "one that is named is not looked for")
		return f.ResolveFunction(t.Context(), arn)
	}
	function, err := find(known{timeout: 3}, 0)
	require.NoError(t, err)
	assert.Equal(t, 8*time.Second, function.Timeout)
	function, err = find(known{timeout: 3}, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, function.Timeout, "the configuration's goes first")
	_, err = find(known{err: &types.ResourceNotFoundException{}}, 0)
	require.ErrorIs(t, err, registry.ErrNoFunction)
	_, err = find(known{err: &smithy.GenericAPIError{Code: "AccessDeniedException"}}, 0)
	require.NoError(t, err)
	down := errors.New("down")
	_, err = find(known{err: down}, 0)
	require.ErrorIs(t, err, down)
	require.NotErrorIs(t, err, registry.ErrNoFunction)
}

func TestBuiltins(t *testing.T) {
	var out, log bytes.Buffer
	h := &host{out: &out, log: slog.New(slog.NewJSONHandler(&log, nil))}
	records := []batch.Record{
		{SequenceNumber: "1", PartitionKey: "a", Data: []byte("x\ny")}, {SequenceNumber: "2", PartitionKey: "b", Data: bytes.Repeat([]byte("z"), 2*shown)},
	}
	in := &invoke.Invocation{Event: invoke.NewEvent(&invoke.Origin{ShardID: "shardId-0"}, batch.RecordsOf(records), nil)}
	for name, fails := range map[string]bool{"print": false, "count": false, "fail": true} {
		_, err := builtins[name](name, h).Invoke(t.Context(), in)
		assert.Equal(t, fails, err != nil, name)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	require.Len(t, lines, 2)
	assert.Equal(t, `print: shardId-0 1 key="a" data="x\ny"`, string(lines[0]))
	assert.Less(t, len(lines[1]), shown+100)
	var counted struct{ Total int }
	require.NoError(t, json.Unmarshal(log.Bytes(), &counted))
	assert.Equal(t, 2, counted.Total)
}

func TestBuiltinsKeepTheStateOfAWindow(t *testing.T) {
	h := &host{out: io.Discard, log: slog.New(slog.DiscardHandler)}
	for _, name := range []string{"print", "count"} {
		for state, want := range map[string]string{"": "{}", `{"a":1}`: `{"a":1}`} {
			window := &batch.Window{State: []byte(state)}
			in := &invoke.Invocation{Event: invoke.NewEvent(&invoke.Origin{ShardID: "shardId-0"}, batch.RecordsOf(nil), window)}
			out, err := builtins[name](name, h).Invoke(t.Context(), in)
			require.NoError(t, err)
			assert.Equal(t, want, string(out.Response.State), name)
		}
	}
	_, err := mapping.New(mapping.Config{Function: newFail("fail", h), TumblingWindow: time.Second})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "Function: ", "a window may have it")
}

func TestDiscardedRecordsReachAQueue(t *testing.T) {
	t.Parallel()
	url := rig.SQS(t)
	client := sqs.NewFromConfig(rig.AWSConfig(url))
	_, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("lost")})
	require.NoError(t, err)
	p := start(t, nil, "-config", file(t, `
kinesis: {embedded: {listen: "127.0.0.1:0", streams: [{name: orders}]}}
functions: {broken: {builtin: fail}}
endpoints: {sqs: "`+url+`"}`))
	in := input("broken")
	in.MaximumRetryAttempts = aws.Int32(0)
	in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:sqs:us-east-1:" + rig.Account + ":lost")}}
	_, err = p.mappings("any", "any").CreateEventSourceMapping(t.Context(), in)
	require.NoError(t, err)
	put(t, p.kinesis(), 1, 1)
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("lost")})
	require.NoError(t, err)
	p.eventually(func() bool {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 1})
		require.NoError(t, err)
		return len(out.Messages) == 1 && json.Valid([]byte(*out.Messages[0].Body))
	})
}

func TestProgramsAndLambdaAreMadeOfTheirSettings(t *testing.T) {
	c, err := parseConfig("server.yaml", []byte(`
region: us-east-1
functions:
  here: {command: [sh, -c, "exit 0"], maxProcesses: 2}
  away: {lambda: audit}
  none: {command: [there-is-no-such-program]}`))
	require.NoError(t, err)
	a, err := newAccount(t.Context(), &c, "", slog.Default())
	require.NoError(t, err)
	_, err = newFunctions(&c, a, io.Discard, slog.Default())
	require.ErrorContains(t, err, "functions.<name>: process: Command")
	delete(c.Functions, "none")
	f, err := newFunctions(&c, a, io.Discard, slog.Default())
	require.NoError(t, err)
	assert.Len(t, f.closers, 1)
	_, err = f.ResolveFunction(t.Context(), "arn:aws:lambda:us-east-1:123456789012:function:unknown")
	require.ErrorIs(t, err, registry.ErrNoFunction)
	require.NoError(t, f.Close())
}
