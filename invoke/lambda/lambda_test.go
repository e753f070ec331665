package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/invoke/internal/fixture"
	"github.com/shardmill/shardmill/invoke/invoketest"
	onlambda "github.com/shardmill/shardmill/invoke/lambda"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ onlambda.Client = (*lambda.Client)(nil)

const functionARN = fixture.FunctionARN

// invocation returns an invocation with n records of size bytes, whose partition key is verb, one of invoketest's.
var invocation = fixture.Invocation

func open(t testing.TB, s *api, c onlambda.Config) *onlambda.Function {
	f, err := onlambda.New(client(t, s), c)
	require.NoError(t, err)
	return f
}

func TestConforms(t *testing.T) {
	refusals := map[invoketest.Function]http.HandlerFunc{
		invoketest.Throttled:   refuse(429, "TooManyRequestsException"),
		invoketest.Unavailable: refuse(500, "ServiceException"),
		invoketest.Missing:     refuse(404, "ResourceNotFoundException"),
		invoketest.Denied:      refuse(403, "AccessDeniedException"),
		invoketest.TooLarge:    refuse(413, "RequestTooLargeException"),
	}
	invoketest.Run(t, func(t *testing.T, f invoketest.Function) invoke.Invoker {
		return open(t, serve(t, refusals[f]), onlambda.Config{})
	})
}

func TestNewNeedsAClient(t *testing.T) {
	_, err := onlambda.New(nil, onlambda.Config{})
	assert.EqualError(t, err, "lambda: no client")
}

func TestFunctionIsInvokedByItsNameWithTheQualifier(t *testing.T) {
	s := serve(t, nil)
	for given, want := range map[string]string{
		"":                                    functionARN,
		"ship-orders":                         "ship-orders",
		"ship-orders:7":                       "ship-orders:7",
		"111111111111:function:ship-orders":   "111111111111:function:ship-orders",
		"111111111111:function:ship-orders:A": "111111111111:function:ship-orders:A",
		functionARN:                           functionARN,
	} {
		_, err := open(t, s, onlambda.Config{FunctionName: given}).Invoke(t.Context(), invocation("nothing", 1, 0))
		require.NoError(t, err)
		calls := s.asked()
		assert.Equal(t, call{want, "RequestResponse", ""}, calls[len(calls)-1])
	}
}

func TestFunctionErrorKeepsItsKindVersionAndDocument(t *testing.T) {
	for _, kind := range []string{"Handled", "Unhandled"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", kind)
			w.Header().Set("X-Amz-Executed-Version", "7")
			_, _ = io.WriteString(w, `{"errorMessage":"no tea"}`)
		})
		got, outcome := invoke.Run(t.Context(), open(t, s, onlambda.Config{}), invocation("fail", 1, 0), invoke.Options{})
		assert.Equal(t, batch.FunctionError, outcome.Kind)
		var failed *onlambda.FunctionError
		require.ErrorAs(t, got.Err, &failed)
		assert.EqualError(t, got.Err, "lambda: function "+functionARN+": request "+awsRequestID+": function error "+kind+`: {"errorMessage":"no tea"}`)
		got.Err = nil
		assert.Equal(t, invoke.Result{StatusCode: 200, ExecutedVersion: "7", FunctionError: kind, Payload: []byte(`{"errorMessage":"no tea"}`)}, got)
	}
}

func TestLogTailIsAskedForAtDebugOnly(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		s := serve(t, nil)
		_, err := open(t, s, onlambda.Config{Logger: logger}).Invoke(t.Context(), invocation("nothing", 1, 0))
		require.NoError(t, err)
		if level == slog.LevelInfo {
			assert.Empty(t, s.asked()[0].log)
			assert.Empty(t, log.String())
			continue
		}
		assert.Equal(t, "Tail", s.asked()[0].log)
		for _, part := range []string{
			"level=DEBUG", "requestId=9c5e9d5a-0b8f-4c8e-9f57-3f7c0f1f2a11", "functionArn=" + functionARN,
			"lambdaRequestId=" + awsRequestID, `log="START\ntea is ready\nEND\n"`,
		} {
			assert.Contains(t, log.String(), part)
		}
	}
}

func TestEventOverTheLimitIsNotSent(t *testing.T) {
	s := serve(t, nil)
	_, err := open(t, s, onlambda.Config{}).Invoke(t.Context(), invocation("nothing", 1, 5<<20))
	require.ErrorIs(t, err, invoke.ErrTooLarge)
	assert.Empty(t, s.asked())
}

func TestErrorsOfTheAPIAreSortedByWhatToDo(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   error // nil for a function error
	}{
		{429, "TooManyRequestsException", invoke.ErrThrottled},
		{400, "ThrottlingException", invoke.ErrThrottled},
		{502, "EC2ThrottledException", invoke.ErrThrottled},
		{429, "", invoke.ErrThrottled},
		{500, "ServiceException", invoke.ErrUnavailable},
		{503, "", invoke.ErrUnavailable},
		{502, "ENILimitReachedException", invoke.ErrUnavailable},
		{502, "KMSAccessDeniedException", invoke.ErrUnavailable},
		{409, "ResourceConflictException", invoke.ErrUnavailable},
		{408, "EFSMountTimeoutException", invoke.ErrUnavailable},
		{403, "EFSMountFailureException", invoke.ErrUnavailable},
		{400, "SnapStartException", invoke.ErrUnavailable},
		{400, "InvalidParameterValueException", invoke.ErrUnavailable},
		{301, "", invoke.ErrUnavailable},
		{404, "ResourceNotFoundException", invoke.ErrFunctionNotFound},
		{404, "", invoke.ErrFunctionNotFound},
		{403, "AccessDeniedException", invoke.ErrAccessDenied},
		{403, "ExpiredTokenException", invoke.ErrAccessDenied},
		{400, "IncompleteSignature", invoke.ErrAccessDenied},
		{403, "", invoke.ErrAccessDenied},
		{413, "RequestTooLargeException", invoke.ErrTooLarge},
		{413, "", invoke.ErrTooLarge},
		{400, "InvalidRequestContentException", nil},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			s := serve(t, refuse(c.status, c.code))
			_, err := open(t, s, onlambda.Config{}).Invoke(t.Context(), invocation("nothing", 1, 0))
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), "lambda: function "+functionARN+": "), "%v", err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				assert.NotErrorIs(t, err, invoke.ErrNotRun)
				assert.NotErrorIs(t, err, invoke.ErrTooLarge)
			}
			assert.Len(t, s.asked(), 1, "retries are the mapping's")
		})
	}
}

func TestNoCredentialsMeanNotRun(t *testing.T) {
	broken := errors.New("broken")
	c := lambda.New(lambda.Options{
		Region:      "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, broken }),
	})
	f, err := onlambda.New(c, onlambda.Config{})
	require.NoError(t, err)
	_, err = f.Invoke(t.Context(), invocation("nothing", 1, 0))
	require.ErrorIs(t, err, invoke.ErrUnavailable)
	assert.ErrorIs(t, err, broken)
}

func TestNobodyThereMeansNotRun(t *testing.T) {
	s := serve(t, nil)
	s.Close()
	_, err := open(t, s, onlambda.Config{}).Invoke(t.Context(), invocation("nothing", 1, 0))
	assert.ErrorIs(t, err, invoke.ErrUnavailable)
}

func TestConnectionThatIsLostAfterTheRequestIsAFunctionError(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
	_, outcome := invoke.Run(t.Context(), open(t, s, onlambda.Config{}), invocation("nothing", 1, 0), invoke.Options{})
	assert.Equal(t, batch.FunctionError, outcome.Kind)
	assert.Len(t, s.asked(), 1, "a new connection is not closed already")
}

func TestAnswerThatIsCutOffIsAFunctionError(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"batchItemFailures":[`)
		panic(http.ErrAbortHandler)
	})
	_, outcome := invoke.Run(t.Context(), open(t, s, onlambda.Config{}), invocation("nothing", 1, 0), invoke.Options{})
	assert.Equal(t, batch.FunctionError, outcome.Kind)
	assert.Len(t, s.asked(), 1)
}

func TestRequestOnAConnectionThatWasClosedIsSentOnceMore(t *testing.T) {
	var lose atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if lose.Swap(false) {
			panic(http.ErrAbortHandler)
		}
		run(w, r)
	})
	f := open(t, s, onlambda.Config{})
	for range 2 {
		_, err := f.Invoke(t.Context(), invocation("nothing", 1, 0))
		require.NoError(t, err)
		lose.Store(true)
	}
	assert.Len(t, s.asked(), 3)
}

// neither is a client that breaks its contract.
type neither struct{}

func (neither) Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	return nil, nil //nolint:nilnil // that is the test
}

func TestNoAnswerAndNoErrorIsAFunctionError(t *testing.T) {
	f, err := onlambda.New(neither{}, onlambda.Config{})
	require.NoError(t, err)
	_, outcome := invoke.Run(t.Context(), f, invocation("nothing", 1, 0), invoke.Options{})
	assert.Equal(t, batch.FunctionError, outcome.Kind)
}
