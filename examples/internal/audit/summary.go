package audit

import (
	"encoding/json"
	"fmt"
)

// Summary is the last line of the program.
type Summary struct {
	Put         int64 `json:"put"`
	Delivered   int64 `json:"delivered"`
	Lost        int64 `json:"lost"`
	Duplicates  int64 `json:"duplicates"`
	OutOfOrder  int64 `json:"out_of_order"`
	Invocations int64 `json:"invocations"`
	Polls       int64 `json:"polls"`
	Shards      int   `json:"shards"`
}

func (l *ledger) summary() Summary {
	put, delivered := l.counts()
	l.mu.Lock()
	defer l.mu.Unlock()
	return Summary{Put: put, Delivered: delivered, Lost: put - delivered, Duplicates: l.duplicates, OutOfOrder: l.outOfOrder}
}

// Good reports whether every record that was put has arrived, and in order.
func (s Summary) Good() bool { return s.Lost == 0 && s.OutOfOrder == 0 }

// Print prints the line on standard output.
func (s Summary) Print(asJSON bool) {
	if asJSON {
		line, _ := json.Marshal(s) //nolint:errchkjson // a struct of numbers
		fmt.Printf("%s\n", line)
		return
	}
	fmt.Printf("put=%d delivered=%d lost=%d duplicates=%d out_of_order=%d invocations=%d polls=%d shards=%d\n",
		s.Put, s.Delivered, s.Lost, s.Duplicates, s.OutOfOrder, s.Invocations, s.Polls, s.Shards)
}
