package storetest_test

import (
	"testing"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/storetest"
)

func TestRun(t *testing.T) {
	storetest.Run(t, func(*testing.T) driver.Store { return mapping.NewMemoryStore() })
}

func TestRunOnOneStore(t *testing.T) {
	store := mapping.NewMemoryStore()
	storetest.Run(t, func(*testing.T) driver.Store { return store })
}

func TestRunNamesOnOneStore(t *testing.T) {
	store := mapping.NewMemoryStore()
	storetest.RunNames(t, func(*testing.T) driver.ListedStore { return store })
}

func TestRunDefinitions(t *testing.T) {
	storetest.RunDefinitions(t, func(*testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) {
		return mapping.NewMemoryStore(), nil
	})
}

func TestRunDefinitionsOnOneStore(t *testing.T) {
	store := mapping.NewMemoryStore()
	storetest.RunDefinitions(t, func(*testing.T) (storetest.DefinitionStore, func() storetest.DefinitionStore) { return store, nil })
}
