package mapping_test

import (
	"testing"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/storetest"
)

var (
	_ driver.Store           = (*mapping.MemoryStore)(nil)
	_ driver.DefinitionStore = (*mapping.MemoryStore)(nil)
)

func TestMemoryStoreConforms(t *testing.T) {
	storetest.Run(t, func(*testing.T) driver.Store { return mapping.NewMemoryStore() })
}

func TestMemoryStoreListsNames(t *testing.T) {
	storetest.RunNames(t, func(*testing.T) driver.ListedStore { return mapping.NewMemoryStore() })
}

func TestMemoryStoreKeepsDefinitions(t *testing.T) {
	storetest.RunDefinitions(t, func(*testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) {
		return mapping.NewMemoryStore(), nil
	})
}
