package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/invoke"
)

// ledger knows which records were put and which have arrived. With a file it survives a kill -9: the records of an
// invocation are written before the invocation succeeds.
type ledger struct {
	moved chan struct{} // a token when something was put or has arrived

	mu         sync.Mutex
	numbers    map[int]bool      // of the records that the stream has
	put        map[record]bool   // those records
	delivered  map[record]bool   // what has arrived
	arrived    int64             // the number of records in both
	newest     map[string]record // by key, over all its shards: the last record that arrived
	duplicates int64
	outOfOrder int64
	file       *os.File
}

// record is a record of this program. The sequence number distinguishes it from a record of another stream, and the
// number from the other members of its aggregate, which have the same sequence number.
type record struct {
	number   int
	sequence string
}

// precedes reports whether r is before other in the stream. A shard's sequence numbers are above those of its parents.
func (r record) precedes(other record) bool {
	order := batch.CompareSequenceNumbers(r.sequence, other.sequence)
	return order < 0 || order == 0 && r.number < other.number
}

// openLedger opens the ledger next to a store file, or one in memory.
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

// load reads the file of an earlier run. It ignores an incomplete last line.
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
			return fmt.Errorf("%s: line %d was not written by this program: move the file away, and the store next to it", name, torn)
		}
		if d, ok := parseDelivery(lines.Text()); ok {
			l.note(d)
		} else {
			torn = n
		}
	}
	l.duplicates = 0 // the run that saw them has reported them
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

// parseDelivery parses a line, and returns false for an incomplete one.
func parseDelivery(line string) (d delivery, ok bool) {
	n, err := fmt.Sscanf(line, "%d %s %s .", &d.number, &d.sequence, &d.shard)
	return d, err == nil && n == 3
}

// note records one delivery.
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

// deliver records the records of an invocation.
func (l *ledger) deliver(e *invoke.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []byte
	for r := range e.Records() {
		number, ok := numberOf(r.Data)
		if !ok {
			continue // another program's record in this stream
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

// wasPut records that the stream has a record.
func (l *ledger) wasPut(r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.put[r] && l.delivered[r] {
		l.arrived++
	}
	l.put[r], l.numbers[r.number] = true, true
	l.signal()
}

// missing returns the numbers, below records, that the stream does not have.
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
