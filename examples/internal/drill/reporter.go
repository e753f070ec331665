package drill

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/shardmill/shardmill/invoke"
)

// Delivery is a worker's report of an invocation: a line of JSON on its standard output.
type Delivery struct {
	Worker  string    `json:"worker"`
	Shard   string    `json:"shard"`
	Time    time.Time `json:"time"`
	Records []record  `json:"records"`
}

// record is a record of the stream. Records are numbered in the order in which they are put.
type record struct {
	Key    string `json:"key"`
	Number int    `json:"number"`
}

// Reporter is the function of a worker, which writes the records that arrive. It writes the line before the invocation
// succeeds, so that the line counts after a kill -9.
type Reporter struct {
	worker string
	mu     sync.Mutex
	lines  *json.Encoder
}

// NewReporter returns the function of the worker with a name.
func NewReporter(worker string, out io.Writer) *Reporter {
	return &Reporter{worker: worker, lines: json.NewEncoder(out)}
}

// Report writes the records of an invocation. It is safe for concurrent use.
func (p *Reporter) Report(_ context.Context, e *invoke.Event) error {
	d := Delivery{Worker: p.worker, Shard: e.Origin.ShardID, Time: time.Now()}
	for r := range e.Records() {
		number, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		d.Records = append(d.Records, record{r.PartitionKey, number})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.Encode(d)
}
