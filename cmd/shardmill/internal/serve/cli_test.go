package serve

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/internal/rig"
)

// configuration is what the command prints of a mapping.
type configuration struct {
	UUID, State, FunctionArn, EventSourceArn string
	BatchSize                                int
}

// awsCommand runs the aws command, and reads what it prints into out, unless that is nil.
func awsCommand(t *testing.T, endpoint string, out any, args ...string) {
	t.Helper()
	printed, err := rig.Command(t, endpoint, args...).CombinedOutput()
	require.NoError(t, err, "aws %s: %s", strings.Join(args, " "), printed)
	if out != nil {
		require.NoError(t, json.Unmarshal(printed, out), "%s", printed)
	}
}

// arrives reports whether a record's data has been printed. Version 2 of the command takes data as base64, version 1 as it is.
func arrives(p *program, text string) func() bool {
	return func() bool {
		printed := strings.Join(p.printed(), "\n")
		return strings.Contains(printed, text) || strings.Contains(printed, base64.StdEncoding.EncodeToString([]byte(text)))
	}
}

// Each start of the command takes a second, so that it starts once for each thing it must do, and never to wait. What it
// sends is verified.
func TestCommandLineManagesMappings(t *testing.T) {
	t.Parallel()
	rig.CLI(t)
	p := start(t, []string{"SHARDMILL_ACCESS_KEY_ID=" + rig.Account, "SHARDMILL_SECRET_ACCESS_KEY=secret"}, "-stream-listen", "127.0.0.1:0")
	client := p.mappings(rig.Account, "secret")
	var c configuration
	awsCommand(t, p.api, &c, "lambda", "create-event-source-mapping", "--function-name", "print", "--event-source-arn", orders,
		"--starting-position", "TRIM_HORIZON", "--batch-size", "10")
	assert.Equal(t, configuration{c.UUID, "Creating", "arn:aws:lambda:us-east-1:123456789012:function:print", orders, 10}, c)
	uuid := c.UUID
	data := base64.StdEncoding.EncodeToString([]byte("first"))
	awsCommand(t, p.streams, nil, "kinesis", "put-records", "--stream-name", "orders", "--records", "Data="+data+",PartitionKey=customer-7")
	p.eventually(arrives(p, "first"))

	settle(t, client, uuid, "Enabled")
	var list struct{ EventSourceMappings []configuration }
	awsCommand(t, p.api, &list, "lambda", "list-event-source-mappings", "--function-name", "print")
	require.Len(t, list.EventSourceMappings, 1)
	assert.Equal(t, uuid, list.EventSourceMappings[0].UUID)

	awsCommand(t, p.api, &c, "lambda", "update-event-source-mapping", "--uuid", uuid, "--batch-size", "5", "--no-enabled")
	assert.Equal(t, "Disabling", c.State)
	settle(t, client, uuid, "Disabled")
	awsCommand(t, p.api, &c, "lambda", "get-event-source-mapping", "--uuid", uuid)
	assert.Equal(t, "Disabled", c.State)
	assert.Equal(t, 5, c.BatchSize)

	put(t, p.kinesis(), 2, 2)
	awsCommand(t, p.api, &c, "lambda", "update-event-source-mapping", "--uuid", uuid, "--enabled")
	assert.Equal(t, "Enabling", c.State)
	settle(t, client, uuid, "Enabled")
	p.eventually(func() bool { return len(p.printed()) > 1 })
	require.Len(t, p.printed(), 2, "the first one did not come again")
	assert.Equal(t, "2", p.printed()[1])

	awsCommand(t, p.api, &c, "lambda", "delete-event-source-mapping", "--uuid", uuid)
	assert.Equal(t, "Deleting", c.State)
	p.eventually(func() bool { return listed(t, client) == 0 })
}
