package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// ledger knows which records were put and which have arrived. With a file it still knows after a kill -9: what an
// invocation brought is written before the invocation succeeds.
type ledger struct {
	moved chan struct{} // a token when something was put or has arrived

	mu         sync.Mutex
	numbers    map[int]bool      // of the records that the stream has
	put        map[record]bool   // those records
	delivered  map[record]bool   // what has arrived
	arrived    int64             // those that are in both
	newest     map[string]record // by key, over all shards that had it: the last one that has arrived
	duplicates int64
	outOfOrder int64
	file       *os.File
}

// record is a record of this program. The sequence number tells it from that of another stream, and the number from the
// other members of its aggregate, which have the same sequence number.
type record struct {
	number   int
	sequence string
}

// precedes reports whether r lies before other in the stream. A shard's sequence numbers are above those of its parents.
func (r record) precedes(other record) bool {
	order := batch.CompareSequenceNumbers(r.sequence, other.sequence)
	return order < 0 || order == 0 && r.number < other.number
}

// openLedger opens the ledger beside a store file, or one in memory.
func openLedger(store string) (*ledger, error) {
	l := &ledger{moved: make(chan struct{}, 1), numbers: map[int]bool{}, put: map[record]bool{}, delivered: map[record]bool{}, newest: map[string]record{}}
	if store == "" {
		return l, nil
	}
	name := store + ".delivered"
	if err := l.load(name); err != nil {
		return nil, err
	}
	var err error
	l.file, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return l, err
}

// load reads what an earlier run wrote. A last line that was cut short is not taken.
func (l *ledger) load(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	torn := 0
	for n := 1; lines.Scan(); n++ {
		if torn > 0 {
			return fmt.Errorf("%s: line %d is not of this program: move the file away, and the store beside it", name, torn)
		}
		if d, ok := parseDelivery(lines.Text()); ok {
			l.note(d)
		} else {
			torn = n
		}
	}
	l.duplicates = 0 // those were told of by the run that saw them
	return lines.Err()
}

func (l *ledger) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// delivery is one line of the file.
type delivery struct {
	record
	shard string
}

func (d delivery) append(lines []byte) []byte {
	return fmt.Appendf(lines, "%d %s %s .\n", d.number, d.sequence, d.shard)
}

// parseDelivery reads a line, and reports false for one that was cut short.
func parseDelivery(line string) (d delivery, ok bool) {
	n, err := fmt.Sscanf(line, "%d %s %s .", &d.number, &d.sequence, &d.shard)
	return d, err == nil && n == 3
}

// note takes note of one delivery.
func (l *ledger) note(d delivery) {
	if l.delivered[d.record] {
		l.duplicates++
		return
	}
	l.delivered[d.record] = true
	if l.put[d.record] {
		l.arrived++
	}
	key := keyOf(d.number)
	if d.precedes(l.newest[key]) {
		l.outOfOrder++
		return
	}
	l.newest[key] = d.record
}

// deliver takes note of an invocation's records.
func (l *ledger) deliver(e *invoke.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []byte
	for r := range e.Records() {
		number, ok := numberOf(r.Data)
		if !ok {
			continue // somebody else's record in this stream
		}
		d := delivery{record{number, r.SequenceNumber}, e.Origin.ShardID}
		l.note(d)
		lines = d.append(lines)
	}
	l.signal()
	if l.file == nil {
		return nil
	}
	_, err := l.file.Write(lines)
	return err
}

// wasPut takes note of a record that the stream has.
func (l *ledger) wasPut(r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.put[r] && l.delivered[r] {
		l.arrived++
	}
	l.put[r], l.numbers[r.number] = true, true
	l.signal()
}

// missing returns which of so many records the stream does not have.
func (l *ledger) missing(records int) (numbers []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number := range records {
		if !l.numbers[number] {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func (l *ledger) signal() {
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// counts returns how many records were put, and how many of them have arrived.
func (l *ledger) counts() (put, delivered int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.put)), l.arrived
}

// summary is the program's last line.
type summary struct {
	Put         int64 `json:"put"`
	Delivered   int64 `json:"delivered"`
	Lost        int64 `json:"lost"`
	Duplicates  int64 `json:"duplicates"`
	OutOfOrder  int64 `json:"out_of_order"`
	Invocations int64 `json:"invocations"`
	Polls       int64 `json:"polls"`
	Shards      int   `json:"shards"`
}

func (l *ledger) summary() summary {
	put, delivered := l.counts()
	l.mu.Lock()
	defer l.mu.Unlock()
	return summary{Put: put, Delivered: delivered, Lost: put - delivered, Duplicates: l.duplicates, OutOfOrder: l.outOfOrder}
}

func (s summary) print(asJSON bool) {
	if asJSON {
		line, _ := json.Marshal(s) //nolint:errchkjson // a struct of numbers
		fmt.Printf("%s\n", line)
		return
	}
	fmt.Printf("put=%d delivered=%d lost=%d duplicates=%d out_of_order=%d invocations=%d polls=%d shards=%d\n",
		s.Put, s.Delivered, s.Lost, s.Duplicates, s.OutOfOrder, s.Invocations, s.Polls, s.Shards)
}
