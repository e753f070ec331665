package mapping

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/shardmill/shardmill/mapping/driver"
	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// workerOf returns the name of this process in a store.
func workerOf(s driver.Store) string {
	if w, ok := s.(driver.WorkerStore); ok && w.Worker() != "" {
		return w.Worker()
	}
	host, err := os.Hostname()
	if err != nil || fleet.CheckName(host) != nil {
		host = "worker"
	}
	pid := fmt.Sprint("-", os.Getpid())
	return host[:min(len(host), fleet.MaxName-len(pid))] + pid
}

// newOwner returns a name for the owner of leases that was not used before. It distinguishes two processes of one name,
// two mappings in a process, and the starts of a container whose process always has the same ID.
func (m *Mapping) newOwner() string {
	return m.worker + "/" + strings.ToLower(rand.Text()[:13]) // 65 bits
}

// validateWorker checks the Store's name for this process.
func (c *Config) validateWorker(v *violations) {
	w, ok := c.Store.(driver.WorkerStore)
	if !ok {
		return
	}
	if err := fleet.CheckName(cmp.Or(w.Worker(), "default")); err != nil {
		v.add("Store", "its worker's name "+err.Error())
	}
}
