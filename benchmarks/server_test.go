package benchmarks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/poller/kinesistest"
)

// serve makes the test binary the server of a stream: its value is how many shards that has, how many records each of
// them, and the size of a record.
const serve = "SHARDMILL_BENCHMARK_SERVE"

const (
	streamName = "orders"
	streamARN  = "arn:aws:kinesis:us-east-1:123456789012:stream/" + streamName
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(serve); spec != "" {
		if err := serveStream(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveStream serves a stream, tells its URL, and ends with its standard input.
func serveStream(spec string) error {
	var shards, records, size int
	if _, err := fmt.Sscan(spec, &shards, &records, &size); err != nil {
		return err
	}
	service := kinesistest.New(kinesistest.Config{NoLimits: true})
	stream, err := service.CreateStream(streamName, shards)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, shard := range stream.Shards() {
		for i := range records {
			data := make([]byte, size)
			for j := range data {
				data[j] = byte(rng.Uint32())
			}
			if _, err := stream.PutTo(*shard.ShardId, fmt.Sprint("key-", i), data); err != nil {
				return err
			}
		}
	}
	server := kinesistest.NewServer(service)
	defer server.Close()
	fmt.Println(server.URL)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startServer starts a server in a process of its own, which ends with the benchmark, or with this process.
func startServer(b *testing.B, shards, records, size int) aws.Config {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d", serve, shards, records, size))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(b, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(b, err)
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(strings.TrimSpace(url)),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
}

func client(cfg aws.Config) *kinesis.Client { return kinesis.NewFromConfig(cfg) }
