package realpeers_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shardmill/shardmill/internal/rig"
)

// leaseTime is the failover time of all workers of a crew.
var leaseTime = flag.Duration("lease", 10*time.Second, "the failover time of workers that share a table; longer on a machine that is busy")

// crew is the workers of KCL and of ours that share one lease table.
type crew struct {
	w           *world
	application string
	started     int

	mu    sync.Mutex
	all   []*sailor       // that run, suspended ones as well
	alive map[string]bool // by name: not those that are suspended, or gone
}

// sailor is a worker of a crew.
type sailor struct {
	*rig.Peer
	name string
	kcl  bool
}

// start starts a worker with a new name.
func (c *crew) start(kcl bool) *sailor {
	c.w.Helper()
	c.started++
	s := &sailor{kcl: kcl}
	if kcl {
		s.name = fmt.Sprint("kcl-", c.started)
		k := c.w.worker(rig.KCL2, s.name, c.application)
		k.Every, k.Failover = 20, *leaseTime
		s.Peer = c.w.start(k)
	} else {
		s.name = fmt.Sprint("ours-", c.started)
		o := c.w.child(s.name, c.application)
		o.Share, o.Failover = true, *leaseTime
		s.Peer = c.w.startChild(o)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
	c.alive[s.name] = true
	return s
}

// of returns the longest running worker of one side.
func (c *crew) of(kcl bool) *sailor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all {
		if s.kcl == kcl {
			return s
		}
	}
	return nil
}

// away notes that a worker no longer processes shards: before it is killed or suspended.
func (c *crew) away(s *sailor, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.alive, s.name)
	for i, one := range c.all {
		if one == s {
			c.all = append(c.all[:i:i], c.all[i+1:]...)
			break
		}
	}
	if !gone {
		c.all = append(c.all, s) // others are next
	}
}

// back notes that a suspended worker runs again.
func (c *crew) back(s *sailor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive[s.name] = true
}

// living returns the name of the worker that owns a lease, and whether it is alive.
func (c *crew) living(owner string) (name string, ok bool) {
	name, _, _ = strings.Cut(owner, "/") // an incarnation of ours follows it
	c.mu.Lock()
	defer c.mu.Unlock()
	return name, c.alive[name]
}

// names returns the workers that are alive.
func (c *crew) names() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sorted(c.alive)
}

// kill kills a worker as kill -9 does, and starts another one on its side when its leases have passed to others.
func (c *crew) kill(s *sailor, o *owners) {
	c.w.Helper()
	c.away(s, true)
	s.Kill()
	c.pass(o)
	c.start(s.kcl)
}

// suspend stops a worker where it is until its leases have passed to others.
func (c *crew) suspend(s *sailor, o *owners) {
	c.w.Helper()
	c.away(s, false)
	s.Suspend(c.w)
	c.pass(o)
	s.Resume(c.w)
	c.back(s)
}

// pass waits for longer than a lease time, and until each shard has a living worker.
func (c *crew) pass(o *owners) {
	c.w.Helper()
	c.pause(5 * *leaseTime / 4)
	eventually(c.w, "a living worker for each shard", o.complete)
}

// replace starts another worker on the same side and then stops this one.
func (c *crew) replace(s *sailor) {
	c.w.Helper()
	c.start(s.kcl)
	c.pause(*leaseTime)
	s.Stop(c.w)
	c.away(s, true)
}

// pause lets time pass.
func (c *crew) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.w.Context().Done():
	}
}
