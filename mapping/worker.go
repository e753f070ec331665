package mapping

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/shardmill/shardmill/mapping/internal/fleet"
)

// WorkerStore is an optional interface of a Store, which names this process: the owner of a lease begins with the name.
// In a fleet it is in Status.Worker and in every log line too. The default is the name of the host and the ID of the
// process: "host-1234". Package dynamostore's stores implement it.
type WorkerStore interface {
	Store

	// Worker returns the name, 1 to 255 bytes of UTF-8 without spaces and control characters; empty means the default. It need
	// not be unique.
	Worker() string
}

// workerOf returns the name of this process in a store.
func workerOf(s Store) string {
	if w, ok := s.(WorkerStore); ok && w.Worker() != "" {
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
	w, ok := c.Store.(WorkerStore)
	if !ok {
		return
	}
	if err := fleet.CheckName(cmp.Or(w.Worker(), "default")); err != nil {
		v.add("Store", "its worker's name "+err.Error())
	}
}
