package mapping_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping"
	"github.com/shardmill/shardmill/mapping/observe"
)

func TestObserverIsToldWhoseShardIsOpenedAndWhatAReadBrought(t *testing.T) {
	fed(t, func(t *testing.T, w *world, cfg mapping.Config, pages chan batch.Page) {
		var opened []observe.ShardOpened
		var polled []observe.Polled
		cfg.Observer.ShardOpened = func(e observe.ShardOpened) { opened = append(opened, e) }
		cfg.Observer.Polled = func(e observe.Polled) { polled = append(polled, e) }
		cfg.FilterCriteria.Filters = []mapping.Filter{{Pattern: `{"partitionKey": ["a"]}`}}
		r := w.start(cfg)
		pages <- keyed(7, "b", "a", "b")
		pages <- batch.Page{}
		synctest.Wait()
		require.NoError(t, r.stop())
		require.Len(t, opened, 1)
		assert.Equal(t, r.Status().UUID, opened[0].MappingUUID)
		assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:ship-orders", opened[0].FunctionARN)
		require.Len(t, polled, 2)
		assert.Equal(t, []any{3, 2, "7", "9"}, []any{
			polled[0].Records, polled[0].Filtered, polled[0].FirstSequenceNumber, polled[0].LastSequenceNumber,
		}, "filtered records are among those that were read")
		assert.Equal(t, []string{"", ""}, []string{polled[1].FirstSequenceNumber, polled[1].LastSequenceNumber})
	})
}
