package mapping_test

import (
	"testing"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/storetest"
)

var _ mapping.Store = (*mapping.MemoryStore)(nil)

func TestMemoryStoreConforms(t *testing.T) {
	storetest.Run(t, func(*testing.T) mapping.Store { return mapping.NewMemoryStore() })
}
