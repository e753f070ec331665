package rig_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/shardmill/shardmill/internal/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKinesisServesTheSDK(t *testing.T) {
	client := kinesis.NewFromConfig(rig.AWSConfig(rig.Kinesis(t)))
	_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(2)})
	require.NoError(t, err)

	streams, err := client.ListStreams(t.Context(), &kinesis.ListStreamsInput{})
	require.NoError(t, err)
	assert.Equal(t, []string{"orders"}, streams.StreamNames)

	summary, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("orders")})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:kinesis:"+rig.Region+":"+rig.Account+":stream/orders",
		aws.ToString(summary.StreamDescriptionSummary.StreamARN))
}

func TestKinesisServesTheCommandLine(t *testing.T) {
	command := rig.Command(t, rig.Kinesis(t), "kinesis", "list-streams")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.Output()
	require.NoError(t, err, "aws said: %s", stderr.String())

	var answer struct{ StreamNames []string }
	require.NoError(t, json.Unmarshal(stdout, &answer), "aws said: %s", stdout)
	assert.Empty(t, answer.StreamNames)
}

func TestDynamoDBAnswers(t *testing.T) {
	status, body := post(t, rig.DynamoDB(t), "application/x-amz-json-1.0", "DynamoDB_20120810.ListTables")
	require.Equal(t, http.StatusOK, status, body)
	assert.JSONEq(t, `{"TableNames":[]}`, body)
}

// TestDynamoDBOutlivesAClientThatHangsUp: a cancelled call breaks its connection in the midst of a request's body.
func TestDynamoDBOutlivesAClientThatHangsUp(t *testing.T) {
	endpoint := rig.DynamoDB(t)
	for range 3 {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(endpoint, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(connection, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
		require.NoError(t, err)
		require.NoError(t, connection.Close())
		status, body := post(t, endpoint, "application/x-amz-json-1.0", "DynamoDB_20120810.ListTables")
		require.Equal(t, http.StatusOK, status, body)
	}
}

func TestSQSAnswers(t *testing.T) {
	status, body := post(t, rig.SQS(t), "application/x-amz-json-1.0", "AmazonSQS.ListQueues")
	require.Equal(t, http.StatusOK, status, body)
	assert.NotContains(t, body, "QueueUrl\"")
}

func TestEmulatorsRunSideBySide(t *testing.T) {
	endpoints := map[string]bool{rig.DynamoDB(t): true, rig.DynamoDB(t): true, rig.SQS(t): true}
	assert.Len(t, endpoints, 3)
}

// post makes a call of AWS's JSON protocol, with no input and a signature that no emulator checks.
func post(t *testing.T, endpoint, contentType, target string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader("{}"))
	require.NoError(t, err)
	request.Close = true
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("X-Amz-Date", "20260101T000000Z")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+rig.Account+"/20260101/"+rig.Region+
		"/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=0")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	read, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(read)
}

func TestMissingNodeSkips(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CI", "")
	got := ending(t, func(t testing.TB) { rig.Kinesis(t) })
	assert.Equal(t, "skip", got.kind)
	assert.Contains(t, got.message, "no node on PATH")
	assert.Contains(t, got.message, "npm ci --prefix .ci/rig")
}

func TestMissingNodeFailsInCI(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CI", "true")
	got := ending(t, func(t testing.TB) { rig.SQS(t) })
	assert.Equal(t, "fatal", got.kind)
	assert.Contains(t, got.message, "no node on PATH")
}

func TestMissingPackagesSkipOrFail(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no stand-in for node by a file of this name
	}
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".ci", "rig"), 0o750))
	for _, name := range []string{"go.mod", ".ci/rig/package.json", ".ci/rig/sqs.cjs"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), nil, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "node"), nil, 0o700)) //nolint:gosec // it has to look like a command
	t.Chdir(root)
	t.Setenv("PATH", root)

	for ci, want := range map[string]string{"": "skip", "false": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		for name, start := range map[string]func(testing.TB) string{"kinesis-local": rig.Kinesis, "dynalite": rig.DynamoDB, "local-aws-sqs": rig.SQS} {
			got := ending(t, func(t testing.TB) { start(t) })
			assert.Equal(t, want, got.kind, "%s with CI=%q", name, ci)
			assert.Contains(t, got.message, name+" is not installed: run `npm ci --prefix .ci/rig`")
		}
	}
}

func TestMissingCommandLineSkipsOrFails(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ci, want := range map[string]string{"": "skip", "true": "fatal"} {
		t.Setenv("CI", ci)
		got := ending(t, func(t testing.TB) { rig.CLI(t) })
		assert.Equal(t, want, got.kind, "with CI=%q", ci)
		assert.Contains(t, got.message, "no aws on PATH")
	}
}

// TestFolderIsFoundFromNestedModules runs where another go.mod lies between the working folder and the repository's root.
func TestFolderIsFoundFromNestedModules(t *testing.T) {
	root := t.TempDir()
	nested := filepath.Join(root, "adapters", "sub")
	require.NoError(t, os.MkdirAll(nested, 0o750))
	require.NoError(t, os.MkdirAll(filepath.Join(root, ".ci", "rig"), 0o750))
	for _, name := range []string{"go.mod", ".ci/rig/package.json", "adapters/go.mod"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), nil, 0o600))
	}
	t.Setenv("CI", "")
	t.Chdir(nested)
	got := ending(t, func(t testing.TB) { rig.DynamoDB(t) })
	assert.Equal(t, "skip", got.kind, "the folder is found, and dynalite is missing: %s", got.message)

	t.Chdir(t.TempDir())
	got = ending(t, func(t testing.TB) { rig.DynamoDB(t) })
	assert.Equal(t, "fatal", got.kind, "outside a checkout there is nothing to skip for: %s", got.message)
}

// recorder is a test that notes how it was ended, and leaves its cleanups to its owner.
type recorder struct {
	testing.TB
	kind, message string
	cleanups      []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }

func (r *recorder) Failed() bool { return r.kind != "" }

func (r *recorder) Errorf(format string, args ...any) {
	r.kind, r.message = "error", fmt.Sprintf(format, args...)
}

func (r *recorder) Skipf(format string, args ...any) { r.end("skip", format, args) }

func (r *recorder) Fatalf(format string, args ...any) { r.end("fatal", format, args) }

// ending returns how fn ended the test that it was given.
func ending(t *testing.T, fn func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	var group sync.WaitGroup
	group.Go(func() { fn(r) }) // of its own, because it ends by Goexit, as a test's does
	group.Wait()
	return r
}

func (r *recorder) end(kind, format string, args []any) {
	r.kind, r.message = kind, fmt.Sprintf(format, args...)
	runtime.Goexit()
}
