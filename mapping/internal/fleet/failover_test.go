package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// seeing returns a Coordinator with a failover time of 10 s that has read its own row and some others.
func seeing(t *testing.T, rows ...driver.FleetWorker) *fleet.Coordinator {
	c, err := fleet.New(fleet.Config{Worker: "m", Failover: 10 * time.Second})
	require.NoError(t, err)
	now := time.Unix(0, 0)
	for range 3 {
		for _, a := range c.Next(now) {
			switch a := a.(type) {
			case *fleet.Heartbeat:
				assert.Equal(t, 10*time.Second, a.Row.Failover, "its own, whatever others have")
				c.Beaten(now, a, nil)
			case *fleet.ReadWorkers:
				c.Workers(now, append([]driver.FleetWorker{{Incarnation: "m#1", Counter: 1}}, rows...), nil)
			}
		}
	}
	return c
}

func TestTheLongestFailoverTimeOfTheLivingCounts(t *testing.T) {
	own := 10 * time.Second
	for _, test := range []struct {
		name    string
		rows    []driver.FleetWorker
		longest time.Duration
		differs string
	}{
		{"alone", nil, own, ""},
		{"the same", []driver.FleetWorker{{Incarnation: "a#1", Failover: own}}, own, ""},
		{"a row without one", []driver.FleetWorker{{Incarnation: "a#1"}}, own, ""},
		{"a row with nonsense", []driver.FleetWorker{{Incarnation: "a#1", Failover: -time.Second}}, own, ""},
		{"shorter", []driver.FleetWorker{{Incarnation: "a#1", Failover: time.Second}}, own, "a#1"},
		{"longer", []driver.FleetWorker{{Incarnation: "a#1", Failover: own}, {Incarnation: "b#1", Failover: time.Minute}}, time.Minute, "b#1"},
		{"longer than any", []driver.FleetWorker{{Incarnation: "a#1", Failover: 1000 * time.Hour}}, time.Hour, "a#1"},
		{"closed", []driver.FleetWorker{{Incarnation: "a#1", Failover: time.Minute, Closed: true}}, own, ""},
		{"leaving", []driver.FleetWorker{{Incarnation: "a#1", Failover: time.Minute, Leaving: true}}, time.Minute, "a#1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := seeing(t, test.rows...)
			require.Equal(t, time.Unix(9, 0), c.Fence(), "by its own failover time")
			assert.Equal(t, test.longest, c.Failover())
			other, differs := c.Differs()
			assert.Equal(t, test.differs, other.Incarnation)
			assert.Equal(t, test.differs != "", differs)
		})
	}
}
