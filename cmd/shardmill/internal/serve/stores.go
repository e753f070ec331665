package serve

import (
	"log/slog"

	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/boltstore"
	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/dynamostore"
)

// openStore opens the store of definitions and progress, and returns a function that closes it.
func openStore(c storeConfig, a *account, log *slog.Logger) (driver.Store, func() error, error) {
	nothing := func() error { return nil }
	switch {
	case c.Bolt != "":
		store, err := boltstore.Open(c.Bolt)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	case c.DynamoDB != nil:
		d := c.DynamoDB
		store, err := dynamostore.NewFleet(dynamostore.Options{
			Client: a.database(d.Endpoint), Table: d.Table, Worker: d.Worker, NoCreate: d.NoCreate,
		})
		return store, nothing, err
	}
	log.Warn("mappings and their progress are kept in memory, and end with this process")
	return mapping.NewMemoryStore(), nothing, nil
}
