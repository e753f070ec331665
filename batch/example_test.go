package batch_test

import (
	"fmt"
	"time"

	"github.com/shardmill/shardmill/batch"
)

func Example() {
	s, err := batch.New(batch.Policy{BatchSize: 2}, batch.Commit{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Unix(0, 0)
	next := func() {
		for _, a := range s.Next(now) {
			fmt.Println(a)
		}
	}

	s.Offer(now, batch.Page{Records: []batch.Record{{SequenceNumber: "1"}, {SequenceNumber: "2"}, {SequenceNumber: "3"}}})
	next()
	s.Report(now, 1, batch.Outcome{Kind: batch.Success})
	next()
	fmt.Println(s.Report(now, 2, batch.Outcome{Kind: batch.FunctionError}).Delay)

	now, _ = s.Wake(now)
	next()
	s.Report(now, 2, batch.Outcome{Kind: batch.Success})
	next()
	// Output:
	// invoke id=1 lane=0 attempt=1 [1 2]
	// invoke id=2 lane=0 attempt=1 [3]
	// commit version=1 position=2
	// 200ms
	// invoke id=2 lane=0 attempt=2 [3]
	// commit version=2 position=3
}
