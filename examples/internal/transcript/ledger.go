// Package transcript puts records into a stream and checks them against what a function writes to a file: a line with the
// sequence number and the partition key of each record. It is the machinery of examples/process.
package transcript

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/shardmill/shardmill/batch"
)

// keys is how many partition keys the records have.
const keys = 64

// Fill creates a stream with shards and records, and returns its ARN.
func (l *Ledger) Fill(ctx context.Context, client *kinesis.Client, shards, records int) (string, error) {
	name := aws.String("process")
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(int32(shards))}); err != nil {
		return "", err
	}
	stream, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: name})
	if err != nil {
		return "", err
	}
	const most = 500 // that PutRecords takes
	for first := 0; first < records; first += most {
		in := &kinesis.PutRecordsInput{StreamName: name}
		for n := first; n < min(first+most, records); n++ {
			in.Records = append(in.Records, types.PutRecordsRequestEntry{
				PartitionKey: aws.String(fmt.Sprintf("key-%d", n%keys)), Data: fmt.Appendf(nil, "record %d", n),
			})
		}
		out, err := client.PutRecords(ctx, in)
		if err != nil {
			return "", err
		}
		for _, r := range out.Records {
			if r.ErrorCode == nil { // a shard accepts 1,000 per second; a refused record is not put
				l.put[aws.ToString(r.SequenceNumber)] = true
			}
		}
	}
	return aws.ToString(stream.StreamDescriptionSummary.StreamARN), nil
}

// Ledger knows which records were put, before the mapping starts, and which the function wrote.
type Ledger struct {
	file  string
	put   map[string]bool // by sequence number
	moved chan struct{}   // a token when something has arrived

	mu         sync.Mutex
	offset     int64             // the end of the part of the file that was read
	delivered  map[string]bool   // by sequence number
	newest     map[string]string // by key: the highest sequence number that arrived
	duplicates int
	outOfOrder int
}

// New returns the Ledger of a file, which the function creates.
func New(file string) *Ledger {
	return &Ledger{file: file, put: map[string]bool{}, moved: make(chan struct{}, 1), delivered: map[string]bool{}, newest: map[string]string{}}
}

// Read reads what the function has written since the last call.
func (l *Ledger) Read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.Open(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // an incomplete line is read next time
		}
		if err != nil {
			return err
		}
		l.offset += int64(len(line))
		sequence, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		l.note(sequence, key)
	}
	select {
	case l.moved <- struct{}{}:
	default:
	}
	return nil
}

// note records one record.
func (l *Ledger) note(sequence, key string) {
	switch {
	case l.delivered[sequence]:
		l.duplicates++
		return
	case l.newest[key] != "" && batch.CompareSequenceNumbers(sequence, l.newest[key]) < 0:
		l.outOfOrder++
	default:
		l.newest[key] = sequence
	}
	l.delivered[sequence] = true
}

// lost returns how many records have not arrived.
func (l *Ledger) lost() (lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for sequence := range l.put {
		if !l.delivered[sequence] {
			lost++
		}
	}
	return lost
}

// Wait returns when everything has arrived, or nothing has for patience.
func (l *Ledger) Wait(ctx context.Context, patience time.Duration) error {
	for l.lost() > 0 {
		select {
		case <-l.moved:
		case <-time.After(patience):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Summary prints the last line, and reports whether all is well.
func (l *Ledger) Summary(invocations, polls int64, shards int) bool {
	lost := l.lost()
	fmt.Printf("put=%d delivered=%d lost=%d duplicates=%d out_of_order=%d invocations=%d polls=%d shards=%d\n",
		len(l.put), len(l.put)-lost, lost, l.duplicates, l.outOfOrder, invocations, polls, shards)
	return lost == 0 && l.outOfOrder == 0
}
