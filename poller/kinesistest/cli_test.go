package kinesistest_test

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// cli runs the aws command line against a Server.
type cli struct {
	t      *testing.T
	path   string
	server *kinesistest.Server
	bundle string // of certificates to trust; empty: the system's
}

func newCLI(t *testing.T, s *kinesistest.Service) cli {
	path, err := exec.LookPath("aws")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("the aws command line is missing: %v", err)
	}
	if err != nil {
		t.Skip("the aws command line is not installed")
	}
	server := kinesistest.NewServer(s)
	t.Cleanup(server.Close)
	return cli{t: t, path: path, server: server}
}

// overTLS makes the command line use a Server that speaks TLS, whose certificate it is told to trust.
func (c cli) overTLS(s *kinesistest.Service) cli {
	c.server = kinesistest.NewTLSServer(s)
	c.t.Cleanup(c.server.Close)
	c.bundle = filepath.Join(c.t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate().Raw})
	require.NoError(c.t, os.WriteFile(c.bundle, block, 0o600))
	return c
}

// run runs aws kinesis with the given arguments, and returns its output.
func (c cli) run(args ...string) string {
	c.t.Helper()
	args = append([]string{"kinesis", "--endpoint-url", c.server.URL, "--output", "json"}, args...)
	cmd := exec.CommandContext(c.t.Context(), c.path, args...)
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(inherited, "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_PAGER=", "AWS_CA_BUNDLE="+c.bundle, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
	out, err := cmd.CombinedOutput()
	require.NoError(c.t, err, "aws %s: %s", strings.Join(args, " "), out)
	return string(out)
}

func TestCommandLine(t *testing.T) {
	t.Parallel() // each call takes a second to start
	s := kinesistest.New(kinesistest.Config{})
	_, err := s.CreateStream("orders", 1)
	require.NoError(t, err)
	c := newCLI(t, s)

	data := filepath.Join(t.TempDir(), "data") // a file means the same to both major versions
	require.NoError(t, os.WriteFile(data, []byte("hello"), 0o600))
	c.run("put-record", "--stream-name", "orders", "--partition-key", "k", "--data", "fileb://"+data)

	var opened struct{ ShardIterator string }
	require.NoError(t, json.Unmarshal([]byte(c.run("get-shard-iterator", "--stream-name", "orders", "--shard-id", shard0,
		"--shard-iterator-type", "AT_TIMESTAMP", "--timestamp", "2020-01-01T00:00:00Z")), &opened))
	var page struct {
		Records []struct{ Data, PartitionKey string }
	}
	require.NoError(t, json.Unmarshal([]byte(c.run("get-records", "--shard-iterator", opened.ShardIterator)), &page))
	require.Len(t, page.Records, 1)
	assert.Equal(t, "aGVsbG8=", page.Records[0].Data)
	assert.Equal(t, "k", page.Records[0].PartitionKey)
}

func TestCommandLineChangesStreams(t *testing.T) {
	t.Parallel() // as above
	s := kinesistest.New(kinesistest.Config{})
	orders, err := s.CreateStream("orders", 2)
	require.NoError(t, err)
	c := newCLI(t, s)

	c.run("update-shard-count", "--stream-name", "orders", "--target-shard-count", "4", "--scaling-type", "UNIFORM_SCALING")
	assert.Len(t, orders.Shards(), 6)

	c.run("register-stream-consumer", "--stream-arn", orders.ARN(), "--consumer-name", "c")
	for _, name := range []string{"a", "b"} {
		_, err := orders.RegisterConsumer(name)
		require.NoError(t, err)
	}
	var listed struct {
		Consumers []struct{ ConsumerName, ConsumerARN, ConsumerStatus string }
	}
	require.NoError(t, json.Unmarshal([]byte(c.run("list-stream-consumers", "--stream-arn", orders.ARN(), "--page-size", "2")), &listed))
	require.Len(t, listed.Consumers, 3, "over two pages")
	assert.Equal(t, "ACTIVE", listed.Consumers[2].ConsumerStatus)
	c.overTLS(s).run("deregister-stream-consumer", "--consumer-arn", listed.Consumers[2].ConsumerARN)
	assert.ErrorContains(t, orders.DeregisterConsumer("c"), "not found")
}
