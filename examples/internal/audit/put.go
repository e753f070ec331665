package audit

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// putter puts this program's records.
type putter struct {
	stream     *stream
	ledger     *ledger
	recordSize int
	aggregate  bool
}

// entry is one record of the stream: a record of this program, or an aggregate of several.
type entry struct {
	key     string
	numbers []int
	data    []byte
}

// put puts records, as many per call as possible.
func (p *putter) put(ctx context.Context, numbers []int) error {
	size := min(500, max(1, 4<<20/p.recordSize)) // PutRecords takes 500 records, and 10 MiB
	for some := range slices.Chunk(numbers, size) {
		if err := p.putEntries(ctx, p.entries(some)); err != nil {
			return fmt.Errorf("put records: %w", err)
		}
	}
	return nil
}

func (p *putter) entries(numbers []int) []entry {
	if p.aggregate {
		return aggregates(numbers, p.recordSize)
	}
	entries := make([]entry, 0, len(numbers))
	for _, number := range numbers {
		entries = append(entries, entry{keyOf(number), []int{number}, dataOf(number, p.recordSize)})
	}
	return entries
}

// putEntries puts entries, and repeats those that the stream refused.
func (p *putter) putEntries(ctx context.Context, entries []entry) error {
	for {
		in := &kinesis.PutRecordsInput{StreamName: &p.stream.name}
		for i := range entries {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &entries[i].key, Data: entries[i].data})
		}
		out, err := p.stream.client.PutRecords(ctx, in)
		if err != nil {
			return err
		}
		var again []entry
		for i, r := range out.Records {
			if r.ErrorCode != nil {
				again = append(again, entries[i])
				continue
			}
			for _, number := range entries[i].numbers {
				p.ledger.wasPut(record{number, aws.ToString(r.SequenceNumber)})
			}
		}
		if len(again) == 0 {
			return nil
		}
		entries = again
		if err := work(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// keys is how many partition keys the records have.
const keys = 64

func keyOf(number int) string { return "key-" + strconv.Itoa(number%keys) }

// dataOf returns the data of a record: "quickstart 17 xxxx…".
func dataOf(number, size int) []byte {
	data := make([]byte, 0, size)
	data = fmt.Appendf(data, "%s %d ", mark, number)
	for len(data) < size {
		data = append(data, 'x')
	}
	return data
}

const mark = "quickstart"

// numberOf returns the number of a record, and false for another program's record.
func numberOf(data []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(data, []byte(mark+" "))
	if !ok {
		return 0, false
	}
	text, _, _ := bytes.Cut(rest, []byte(" "))
	number, err := strconv.Atoi(string(text))
	return number, err == nil
}
