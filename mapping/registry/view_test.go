package registry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
)

func TestUnchangedDefinitionsAreNotDecodedAgain(t *testing.T) {
	var rows []driver.Definition
	for _, uuid := range []string{testUUID, "24e0db71-5d35-4eb5-b481-8945cf9d10c2"} {
		d := newDefinition()
		d.UUID, d.EventSourceARN = uuid, testStream
		rows = append(rows, row(mappingKey+uuid, &d))
	}
	before := newSnapshot(rows, "1", time.Now(), nil)
	require.Len(t, before.definitions, 2)
	rows[1].Version = "another"
	after := newSnapshot(rows, "2", time.Now(), before.definitions)
	assert.Same(t, before.definitions[testUUID], after.definitions[testUUID])
	changed := after.definitions["24e0db71-5d35-4eb5-b481-8945cf9d10c2"]
	assert.NotSame(t, before.definitions[changed.UUID], changed)
	assert.Equal(t, "another", changed.version)
}
