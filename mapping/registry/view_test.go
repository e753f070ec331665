package registry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

func TestUnchangedDefinitionsAreNotDecodedAgain(t *testing.T) {
	const known, stream = "14e0db71-5d35-4eb5-b481-8945cf9d10c2", "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
	var rows []driver.Definition
	for _, uuid := range []string{known, "24e0db71-5d35-4eb5-b481-8945cf9d10c2"} {
		d := newDefinition()
		d.UUID, d.EventSourceARN = uuid, stream
		rows = append(rows, row(mappingKey+uuid, &d))
	}
	before := newSnapshot(rows, "1", time.Now(), nil)
	require.Len(t, before.definitions, 2)
	rows[1].Version = "another"
	after := newSnapshot(rows, "2", time.Now(), before.definitions)
	assert.Same(t, before.definitions[known], after.definitions[known])
	changed := after.definitions["24e0db71-5d35-4eb5-b481-8945cf9d10c2"]
	assert.NotSame(t, before.definitions[changed.UUID], changed)
	assert.Equal(t, "another", changed.version)
}
