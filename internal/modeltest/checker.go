package modeltest

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shardmill/shardmill/internal/rig"
	"github.com/shardmill/shardmill/internal/servicemodel"
)

// Checker gathers what a test sends and gets that is not as AWS's model of one service has it. It may be used concurrently.
type Checker struct {
	model   *servicemodel.Model
	allowed func(servicemodel.Problem) bool
	loose   bool // what is asked for may be wrong

	mu        sync.Mutex
	requests  map[string]int // by operation
	answers   map[string]int // by operation, or by operation and error
	problems  map[string]int
	unchecked map[string]int
}

// models are those that were read, by service: reading one takes tens of milliseconds.
var models = struct {
	sync.Mutex
	read map[string]*servicemodel.Model
}{read: map[string]*servicemodel.Model{}}

func find(t testing.TB, data fs.FS, service string) *servicemodel.Model {
	t.Helper()
	models.Lock()
	defer models.Unlock()
	if m := models.read[service]; m != nil {
		return m
	}
	m, err := servicemodel.Find(data, service)
	if err != nil {
		t.Fatal(err)
	}
	models.read[service] = m
	return m
}

// New returns a Checker of a service, by botocore's name of it, such as "kinesis". Without botocore the test is skipped, or
// fails where CI=true.
func New(t testing.TB, service string) *Checker {
	t.Helper()
	return newChecker(t, find(t, rig.Botocore(t), service))
}

func newChecker(t testing.TB, m *servicemodel.Model) *Checker {
	t.Helper()
	c := &Checker{
		model: m, allowed: func(servicemodel.Problem) bool { return false },
		requests: map[string]int{}, answers: map[string]int{}, problems: map[string]int{}, unchecked: map[string]int{},
	}
	t.Cleanup(func() { c.finish(t) })
	return c
}

// Allow makes the Checker pass over problems that are not ours: the test says why. It must come before the first use.
func (c *Checker) Allow(is func(servicemodel.Problem) bool) { c.allowed = is }

// LooseRequests makes the Checker count requests without judging them: the test asks for what is wrong on purpose. It must come
// before the first use.
func (c *Checker) LooseRequests() { c.loose = true }

// finish fails the test if there was a problem.
func (c *Checker) finish(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(c.problems)) {
		t.Errorf("not as %s's model has it, %d times: %s", c.model.ServiceID(), c.problems[p], p)
	}
	if len(c.unchecked) > 0 {
		t.Logf("not checked against %s's model:\n%s", c.model.ServiceID(), counts(c.unchecked, "\n"))
	}
}

// Summary returns the numbers of requests and of answers that were checked, by operation.
func (c *Checker) Summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%s: requests: %s; answers: %s", c.model.ServiceID(), counts(c.requests, ", "), counts(c.answers, ", "))
}

// Requests returns the numbers of requests by operation, and Answers those of answers by operation, those of errors by
// operation and code with a blank between.
func (c *Checker) Requests() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.requests)
}

// Answers returns the numbers of answers by operation, and of errors by operation and code with a blank between.
func (c *Checker) Answers() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.answers)
}

func counts(of map[string]int, between string) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(of)) {
		if i > 0 {
			b.WriteString(between)
		}
		fmt.Fprintf(&b, "%s %d", name, of[name])
	}
	return b.String()
}

// request and answer take a check's result.
func (c *Checker) request(operation string, r servicemodel.Report) {
	if c.loose {
		r = servicemodel.Report{}
	}
	c.add(c.requests, operation, r)
}

func (c *Checker) answer(what string, r servicemodel.Report) { c.add(c.answers, what, r) }

func (c *Checker) add(to map[string]int, what string, r servicemodel.Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to[what]++
	for _, p := range r.Problems {
		if !c.allowed(p) {
			c.problems[p.String()]++
		}
	}
	for _, p := range r.Unchecked {
		c.unchecked[p.String()]++
	}
}

// Model returns the model that the Checker goes by.
func (c *Checker) Model() *servicemodel.Model { return c.model }
