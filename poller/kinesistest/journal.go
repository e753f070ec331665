package kinesistest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// journal is the file of a Service that was made by Open: a line for each change, in the order of the changes. Applied
// again at the same times they make the same streams, to the last sequence number. It is guarded by Service.mu;
// its methods do nothing on a nil journal.
type journal struct {
	file    *os.File
	lines   *bufio.Writer
	failure error // the first one: nothing is acknowledged behind it
}

// change is one line: an operation with its input, or a record that was put.
type change struct {
	At     time.Time       `json:"at"`
	Op     Op              `json:"op,omitempty"`
	Input  json.RawMessage `json:"input,omitempty"`
	Record *journalRecord  `json:"record,omitempty"`
}

// journalRecord is a record in its place.
type journalRecord struct {
	Stream   string  `json:"stream"`
	Shard    string  `json:"shard"`
	Key      *string `json:"key"`
	Data     []byte  `json:"data"`
	Sequence string  `json:"sequence"`
}

// Open returns a Service whose streams are kept in a file, which is made if there is none: another Open of it, after the
// process ended in whatever way, has the same streams with the same sequence numbers. Iterators, faults and the log of
// calls are not kept, and nothing is ever taken out of the file. One Service at a time has it, which
// is an error for any other on systems with flock; Close it when done.
//
// A change is in the file when its call returns, which holds over a kill -9 but not over a failure of the machine.
func Open(path string, config Config) (*Service, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("kinesistest: %w", err)
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("kinesistest: %s: another Service has it: %w", path, err), file.Close())
	}
	s := New(config)
	end, err := s.replay(file)
	if err == nil {
		err = file.Truncate(end) // of a line that was cut short, whose change nobody was told of
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kinesistest: %s: %w", path, err), file.Close())
	}
	s.journal = &journal{file: file, lines: bufio.NewWriter(file)}
	return s, nil
}

// Close closes the file of a Service that was made by Open. No call may run, or follow.
func (s *Service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return nil
	}
	err := errors.Join(s.journal.flush(), s.journal.file.Close())
	s.journal = nil
	return err
}

// replay applies all whole lines of a journal, and returns where they end.
func (s *Service) replay(file io.Reader) (end int64, err error) {
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err == nil {
			err = s.apply(bytes.TrimSuffix(line, []byte("\n")))
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		end += int64(len(line))
	}
}

// apply applies one line.
func (s *Service) apply(line []byte) error {
	var c change
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	r := &request{now: c.At}
	switch c.Op {
	case "":
		return s.applyRecord(c)
	case CreateStream:
		return again(s.createStream, c.Input, r)
	case DeleteStream:
		return again(s.deleteStream, c.Input, r)
	case SplitShard:
		return again(s.splitShard, c.Input, r)
	case MergeShards:
		return again(s.mergeShards, c.Input, r)
	case RegisterStreamConsumer:
		return again(s.registerStreamConsumer, c.Input, r)
	case DeregisterStreamConsumer:
		return again(s.deregisterStreamConsumer, c.Input, r)
	case UpdateShardCount:
		return again(s.updateShardCount, c.Input, r)
	case IncreaseStreamRetentionPeriod:
		return again(s.increaseRetention, c.Input, r)
	case DecreaseStreamRetentionPeriod:
		return again(s.decreaseRetention, c.Input, r)
	default:
		return fmt.Errorf("operation %q is not one that changes anything", c.Op)
	}
}

// again performs an operation with the input that it had.
func again[I, O any](do func(*I, *request) (*O, error), input []byte, r *request) error {
	in := new(I)
	if err := json.Unmarshal(input, in); err != nil {
		return err
	}
	_, err := do(in, r)
	return err
}

func (s *Service) applyRecord(c change) error {
	if c.Record == nil {
		return errors.New("the line has neither an operation nor a record")
	}
	st := s.streams[c.Record.Stream]
	if st == nil {
		return s.streamNotFound(c.Record.Stream)
	}
	sh := st.shard(c.Record.Shard, c.At)
	if sh == nil {
		return s.shardNotFound(st.name, c.Record.Shard)
	}
	if got := sh.append(entry{data: orEmpty(c.Record.Data), key: c.Record.Key}.record(), c.At).sequence; got != c.Record.Sequence {
		return fmt.Errorf("record %s of shard %s became %s: the file is not whole", c.Record.Sequence, sh.id, got)
	}
	return nil
}

// changed notes that an operation changed something.
func (j *journal) changed(op Op, in any, now time.Time) {
	if j == nil {
		return
	}
	input, err := json.Marshal(in)
	if err != nil {
		j.failure = errors.Join(j.failure, err)
		return
	}
	j.write(change{At: now, Op: op, Input: input})
}

// put adds a record to a shard, and notes it.
func (s *Service) put(st *stream, sh *shard, e entry, now time.Time) *record {
	rec := sh.append(e.record(), now)
	if s.journal != nil {
		s.journal.write(change{At: now, Record: &journalRecord{
			Stream: st.name, Shard: sh.id, Key: e.key, Data: e.data, Sequence: rec.sequence,
		}})
	}
	return rec
}

func (j *journal) write(c change) {
	line, err := json.Marshal(c)
	if err == nil {
		_, err = j.lines.Write(append(line, '\n'))
	}
	if j.failure == nil {
		j.failure = err
	}
}

// flush brings what was noted into the file. After a failure it returns that for ever.
func (j *journal) flush() error {
	if j == nil {
		return nil
	}
	if j.failure == nil {
		j.failure = j.lines.Flush()
	}
	if j.failure != nil {
		return fmt.Errorf("kinesistest: %s: %w", j.file.Name(), j.failure)
	}
	return nil
}
