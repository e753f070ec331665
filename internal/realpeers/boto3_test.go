package realpeers_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/modeltest"
	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/invoke"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/registry"
	"github.com/shardmill/shardmill/poller/kinesistest"
)

// queues is a destination that every queue has.
type queues struct{}

func (queues) Serves(arn string) bool { return strings.HasPrefix(arn, "arn:aws:sqs:") }

func (queues) Resolve(string) (invoke.Destination, error) { return queues{}, nil }

func (queues) Deliver(context.Context, *invoke.Failure) error { return nil }

// boto3 drives the API of mappings: .ci/rig/python/mappings.py makes the calls and looks at every answer, and the Checker here
// looks at both sides once more.
func TestBoto3DrivesTheAPIOfMappings(t *testing.T) {
	t.Parallel()
	interpreter, dir := rig.Python(t)
	checker := modeltest.New(t, "lambda")
	checker.LooseRequests()
	service := kinesistest.New(modeltest.Watch(t, kinesistest.Config{NoLimits: true}))
	orders, err := service.CreateStream("orders", 2)
	require.NoError(t, err)
	consumer, err := orders.RegisterConsumer("shipping")
	require.NoError(t, err)
	kinesis := kinesistest.NewServer(service)
	t.Cleanup(kinesis.Close)

	ship := invoke.ResponseFunc(func(context.Context, *invoke.Event) (*invoke.Response, error) { return &invoke.Response{}, nil })
	r, err := registry.New(registry.Config{
		Functions: registry.Functions{"ship-orders": ship, "bill-orders": ship},
		Client:    kinesis.Client(), Store: mapping.NewMemoryStore(), DestinationResolvers: []invoke.DestinationResolver{queues{}},
		Credentials: map[string]string{"AKIDOPERATOR": "right"}, PollInterval: 100 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-stopped)
	})
	api := httptest.NewServer(checker.Handler(r.Handler()))
	t.Cleanup(api.Close)

	counts := runPython(t, interpreter, filepath.Join(dir, "mappings.py"), api.URL, "AKIDOPERATOR", "right",
		orders.ARN(), consumer, "arn:aws:sqs:us-east-1:123456789012:lost-orders", "ship-orders", "bill-orders")
	t.Logf("%s", counts)
	t.Log(checker.Summary())
	var n map[string]int
	require.NoError(t, json.Unmarshal(counts, &n))
	assert.Greater(t, n["checks"], 1000)
	assert.Greater(t, n["options"], 80)
}

// runPython runs a program and returns what it printed.
func runPython(t *testing.T, interpreter string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter, args...)
	cmd.Env = []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=", "PYTHONDONTWRITEBYTECODE=1"}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, errs.String())
	return out
}
