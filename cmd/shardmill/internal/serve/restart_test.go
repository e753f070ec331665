package serve

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/cmd/shardmill/internal/cli"
)

func TestMappingsGoOnAfterKill9(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	flags := []string{"-data", data, "-stream-listen", "127.0.0.1:0"}
	p := start(t, nil, flags...)
	client := p.mappings("any", "any")
	running, idle := create(t, client, "print", orders, true), create(t, client, "print:idle", orders, false)
	settle(t, client, running, "Enabled")
	settle(t, client, idle, "Disabled")
	_, err := client.UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &running, BatchSize: aws.Int32(3)})
	require.NoError(t, err)
	settle(t, client, running, "Enabled")

	put(t, p.kinesis(), 1, 20)
	p.eventually(func() bool { return len(p.printed()) == 20 })
	p.eventually(func() bool { return p.stored(t) })
	put(t, p.kinesis(), 21, 400)
	p.eventually(func() bool { return len(p.printed()) > 20 })
	interrupted := create(t, client, "print:interrupted", orders, false)
	require.NoError(t, p.command.Process.Kill())
	assert.Equal(t, -1, p.wait())

	again := start(t, nil, flags...)
	client = again.mappings("any", "any")
	was := settle(t, client, running, "Enabled")
	assert.Equal(t, int32(3), *was.BatchSize)
	settle(t, client, idle, "Disabled")
	settle(t, client, interrupted, "Disabled")
	assert.Equal(t, 3, listed(t, client))
	put(t, again.kinesis(), 401, 410)
	again.eventually(func() bool { return len(distinct(t, p.printed(), again.printed())) == 410 })
	for n := range distinct(t, again.printed()) {
		assert.Greater(t, n, 20, "it was done, and stored")
	}
	require.NoError(t, again.command.Process.Kill())
	again.wait()
}

// distinct returns the numbers of the records that were printed.
func distinct(t *testing.T, runs ...[]string) map[int]bool {
	t.Helper()
	numbers := map[int]bool{}
	for _, run := range runs {
		for _, data := range run {
			n, err := strconv.Atoi(data)
			require.NoError(t, err)
			numbers[n] = true
		}
	}
	return numbers
}

// Two servers of one folder would each have half of what is put, and both write to one file.
func TestOneServerHasAFolder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	start(t, nil, "-data", data, "-stream-listen", "127.0.0.1:0")
	var log strings.Builder
	err := Run(t.Context(), []string{"-data", data, "-listen", "127.0.0.1:0", "-stream-listen", "127.0.0.1:0"}, io.Discard, &log)
	require.ErrorContains(t, err, "-data: ")
	require.NotErrorIs(t, err, cli.ErrUsage, "the exit code is 1")
	assert.NotContains(t, log.String(), "registry runs")
}
