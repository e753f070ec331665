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
	put        map[string]bool   // their sequence numbers, by which a record is told from that of another stream
	delivered  map[string]bool   // the sequence numbers that have arrived
	arrived    int64             // those that are in both
	newest     map[string]string // by key: the highest sequence number that has arrived
	duplicates int64
	outOfOrder int64
	file       *os.File
}

// openLedger opens the ledger beside a store file, or one in memory.
func openLedger(store string) (*ledger, error) {
	l := &ledger{moved: make(chan struct{}, 1), numbers: map[int]bool{}, put: map[string]bool{}, delivered: map[string]bool{}, newest: map[string]string{}}
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
	number   int
	sequence string
	shard    string
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
	if l.delivered[d.sequence] {
		l.duplicates++
		return
	}
	l.delivered[d.sequence] = true
	if l.put[d.sequence] {
		l.arrived++
	}
	key := keyOf(d.number)
	if batch.CompareSequenceNumbers(d.sequence, l.newest[key]) < 0 {
		l.outOfOrder++
		return
	}
	l.newest[key] = d.sequence
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
		d := delivery{number: number, sequence: r.SequenceNumber, shard: e.Origin.ShardID}
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
func (l *ledger) wasPut(number int, sequence string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.put[sequence] && l.delivered[sequence] {
		l.arrived++
	}
	l.put[sequence], l.numbers[number] = true, true
	l.signal()
}

func (l *ledger) isPut(number int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.numbers[number]
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
