package realpeers_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkpointers checks the writes of all workers to one lease table, as a RoundTripper before DynamoDB. Each write that
// succeeds leads to a leaseCounter of its own: two writes with the same one, and different owners or checkpoints, are two
// workers that were both the owner. A checkpoint must also depend on the owner or the counter that its worker knows.
type checkpointers struct {
	next  http.RoundTripper
	table string

	mu          sync.Mutex
	writes      map[string]map[string]leaseWrite // by lease and leaseCounter, since the row was created
	succeeded   int                              // writes
	checkpoints int                              // of these, with a checkpoint
	violations  []string
}

// leaseWrite is what a write has made of a row.
type leaseWrite struct{ owner, checkpoint string }

// value is an attribute's value. Lists and maps are not among those that matter here.
type value struct{ S, N string }

func (v value) String() string { return cmp.Or(v.S, v.N) }

// leaseRequest is a write of either kind of expression: KCL 2 has the old one.
type leaseRequest struct {
	TableName, ReturnValues               string
	Key, Item, ExpressionAttributeValues  map[string]value
	UpdateExpression, ConditionExpression string
	ExpressionAttributeNames              map[string]string
	AttributeUpdates                      map[string]json.RawMessage
	Expected                              map[string]struct{ Value value }
}

// checkpointersOf puts a proxy before the world's DynamoDB, for the workers that start after that.
func (w *world) checkpointersOf(table string) *checkpointers {
	w.Helper()
	target, err := url.Parse(w.dynamo)
	require.NoError(w, err)
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	c := &checkpointers{next: transport, table: table}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = c
	proxy.ErrorLog = log.New(io.Discard, "", 0) // workers that are killed leave their calls
	server := httptest.NewServer(proxy)
	w.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	w.dynamo = server.URL
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *checkpointers) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "UpdateItem", "PutItem", "BatchWriteItem", "TransactWriteItems":
	default:
		return c.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var in leaseRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	// A write whose worker is killed meanwhile may have succeeded: its answer is read all the same.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	if operation == "UpdateItem" && in.TableName == c.table {
		if body, err = c.withRow(body, in); err != nil {
			return nil, err
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response, err := c.next.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	answer, err := io.ReadAll(response.Body)
	if err = cmp.Or(err, response.Body.Close()); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	return response, c.note(operation, in, body, answer)
}

// withRow makes a write that returns nothing return the row. Clients do not mind.
func (c *checkpointers) withRow(body []byte, in leaseRequest) ([]byte, error) {
	switch in.ReturnValues {
	case "ALL_NEW":
		return body, nil
	case "", "NONE":
	default:
		return nil, fmt.Errorf("a write to %s returns %s: its row is not known", c.table, in.ReturnValues)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	all["ReturnValues"] = json.RawMessage(`"ALL_NEW"`)
	return json.Marshal(all)
}

// note takes note of a write that succeeded.
func (c *checkpointers) note(operation string, in leaseRequest, body, answer []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case in.TableName == "" && strings.Contains(string(body), `"`+c.table+`"`):
		c.violates("%s writes without a condition on one row: %s", operation, body)
	case in.TableName != c.table:
	case operation == "PutItem":
		c.created(in.Item)
	default:
		var out struct{ Attributes map[string]value }
		if err := json.Unmarshal(answer, &out); err != nil {
			return err
		}
		c.updated(in, out.Attributes)
	}
	return nil
}

// created notes a new row, whose counter begins again.
func (c *checkpointers) created(row map[string]value) {
	delete(c.writes, row["leaseKey"].S)
	c.wrote(row["leaseKey"].S, row)
}

// updated notes a row as a write left it.
func (c *checkpointers) updated(in leaseRequest, row map[string]value) {
	lease := in.Key["leaseKey"].S
	c.succeeded++
	c.wrote(lease, row)
	if !in.sets("checkpoint") {
		return
	}
	c.checkpoints++
	owner, counter := in.demands("leaseOwner"), in.demands("leaseCounter")
	if owner == "" && counter == "" || owner != "" && row["leaseOwner"].S != "" && row["leaseOwner"].S != owner {
		c.violates("the checkpoint %s of %s at leaseCounter %s, whose owner is %q, depends on owner %q and leaseCounter %q",
			row["checkpoint"].S, lease, row["leaseCounter"].N, row["leaseOwner"].S, owner, counter)
	}
}

// wrote compares a row with what another write left at the same leaseCounter.
func (c *checkpointers) wrote(lease string, row map[string]value) {
	if c.writes == nil {
		c.writes = map[string]map[string]leaseWrite{}
	}
	if c.writes[lease] == nil {
		c.writes[lease] = map[string]leaseWrite{}
	}
	counter := row["leaseCounter"].N
	now := leaseWrite{owner: row["leaseOwner"].S, checkpoint: fmt.Sprint(row["checkpoint"], "/", row["checkpointSubSequenceNumber"])}
	if before, ok := c.writes[lease][counter]; ok && before != now {
		c.violates("two writes of %s succeeded at leaseCounter %s: by %q with checkpoint %s, and by %q with checkpoint %s",
			lease, counter, before.owner, before.checkpoint, now.owner, now.checkpoint)
	}
	c.writes[lease][counter] = now
}

func (c *checkpointers) violates(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// placed matches an attribute and a value that an expression compares or assigns.
var placed = regexp.MustCompile(`([#\w]+)\s*=\s*(:\w+)`)

// pairs returns the attributes and values of an expression.
func (in leaseRequest) pairs(expression string) map[string]value {
	all := map[string]value{}
	for _, m := range placed.FindAllStringSubmatch(expression, -1) {
		name := m[1]
		if strings.HasPrefix(name, "#") {
			name = in.ExpressionAttributeNames[name]
		}
		all[name] = in.ExpressionAttributeValues[m[2]]
	}
	return all
}

// sets reports whether the write gives an attribute a value, whatever it had.
func (in leaseRequest) sets(name string) bool {
	_, old := in.AttributeUpdates[name]
	_, ok := in.pairs(in.UpdateExpression)[name]
	return old || ok
}

// demands returns the value that the write's condition names for an attribute, or "".
func (in leaseRequest) demands(name string) string {
	return cmp.Or(in.Expected[name].Value.String(), in.pairs(in.ConditionExpression)[name].String())
}

// assertOneAtATime fails the test if two workers were ever the owner of one lease, or if nothing was checked.
func (c *checkpointers) assertOneAtATime(w *world) {
	w.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Logf("%d writes of leases succeeded, %d of them checkpoints, of %d leases; two at one leaseCounter: %d", c.succeeded, c.checkpoints, len(c.writes), len(c.violations))
	assert.Empty(w, c.violations, "two checkpointers at one leaseCounter")
	assert.Positive(w, c.checkpoints)
}
