package main

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

// settled returns what the command shows of a mapping when it is in a state. Waiting is not its business: each call takes
// it a second to start.
func settled(t *testing.T, p *program, uuid, state string) (c configuration) {
	t.Helper()
	settle(t, p.mappings("any", "any"), uuid, state)
	awsCommand(t, p.api, &c, "lambda", "get-event-source-mapping", "--uuid", uuid)
	assert.Equal(t, state, c.State)
	return c
}

// arrives tells whether a record's data has been printed. Version 2 of the command takes data as base64, version 1 as it is.
func arrives(p *program, text string) func() bool {
	return func() bool {
		printed := strings.Join(p.printed(), "\n")
		return strings.Contains(printed, text) || strings.Contains(printed, base64.StdEncoding.EncodeToString([]byte(text)))
	}
}

// putRecord puts a record with the aws command.
func putRecord(t *testing.T, p *program, text string) {
	t.Helper()
	data := base64.StdEncoding.EncodeToString([]byte(text))
	awsCommand(t, p.streams, nil, "kinesis", "put-records", "--stream-name", "orders", "--records", "Data="+data+",PartitionKey=customer-7")
}

func TestCommandLineManagesMappings(t *testing.T) {
	t.Parallel()
	rig.CLI(t)
	p := start(t, nil, "-stream-listen", "127.0.0.1:0")
	var c configuration
	awsCommand(t, p.api, &c, "lambda", "create-event-source-mapping", "--function-name", "print", "--event-source-arn", orders,
		"--starting-position", "TRIM_HORIZON", "--batch-size", "10")
	assert.Equal(t, configuration{c.UUID, "Creating", "arn:aws:lambda:us-east-1:123456789012:function:print", orders, 10}, c)
	uuid := c.UUID
	settled(t, p, uuid, "Enabled")
	putRecord(t, p, "first")
	p.eventually(arrives(p, "first"))

	var list struct{ EventSourceMappings []configuration }
	awsCommand(t, p.api, &list, "lambda", "list-event-source-mappings", "--function-name", "print")
	require.Len(t, list.EventSourceMappings, 1)
	assert.Equal(t, uuid, list.EventSourceMappings[0].UUID)

	awsCommand(t, p.api, &c, "lambda", "update-event-source-mapping", "--uuid", uuid, "--batch-size", "5")
	assert.Equal(t, "Updating", c.State)
	assert.Equal(t, 5, settled(t, p, uuid, "Enabled").BatchSize)

	awsCommand(t, p.api, &c, "lambda", "update-event-source-mapping", "--uuid", uuid, "--no-enabled")
	assert.Equal(t, "Disabling", c.State)
	settled(t, p, uuid, "Disabled")
	putRecord(t, p, "second")
	awsCommand(t, p.api, &c, "lambda", "update-event-source-mapping", "--uuid", uuid, "--enabled")
	assert.Equal(t, "Enabling", c.State)
	settle(t, p.mappings("any", "any"), uuid, "Enabled")
	p.eventually(arrives(p, "second"))
	assert.Len(t, p.printed(), 2, "the first one did not come again")

	awsCommand(t, p.api, &c, "lambda", "delete-event-source-mapping", "--uuid", uuid)
	assert.Equal(t, "Deleting", c.State)
	p.eventually(func() bool {
		out, err := rig.Command(t, p.api, "lambda", "get-event-source-mapping", "--uuid", uuid).CombinedOutput()
		return err != nil && strings.Contains(string(out), "ResourceNotFoundException")
	})
}
