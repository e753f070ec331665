package kinesistest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

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
		return s.applyRecords(c)
	case CreateStream:
		return again(s, opCreateStream, c.Input, r)
	case DeleteStream:
		return again(s, opDeleteStream, c.Input, r)
	case SplitShard:
		return again(s, opSplitShard, c.Input, r)
	case MergeShards:
		return again(s, opMergeShards, c.Input, r)
	case RegisterStreamConsumer:
		return again(s, opRegisterStreamConsumer, c.Input, r)
	case DeregisterStreamConsumer:
		return again(s, opDeregisterStreamConsumer, c.Input, r)
	case UpdateShardCount:
		return again(s, opUpdateShardCount, c.Input, r)
	case IncreaseStreamRetentionPeriod:
		return again(s, opIncreaseStreamRetentionPeriod, c.Input, r)
	case DecreaseStreamRetentionPeriod:
		return again(s, opDecreaseStreamRetentionPeriod, c.Input, r)
	default:
		return fmt.Errorf("operation %q is not one that changes anything", c.Op)
	}
}

// again performs an operation with the input that it had.
func again[I, O any](s *Service, op operation[I, O], input []byte, r *request) error {
	in := new(I)
	if err := json.Unmarshal(input, in); err != nil {
		return err
	}
	_, err := op.checked(s, in, r)
	return err
}

func (s *Service) applyRecords(c change) error {
	if len(c.Records) == 0 {
		return errors.New("the line has neither an operation nor records")
	}
	for i := range c.Records {
		if err := s.applyRecord(&c.Records[i], c.At); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) applyRecord(r *journalRecord, at time.Time) error {
	st := s.streams[r.Stream]
	if st == nil {
		return s.streamNotFound(r.Stream)
	}
	sh := st.shard(r.Shard, at)
	if sh == nil {
		return s.shardNotFound(st.name, r.Shard)
	}
	e := entry{data: orEmpty(r.Data)}
	if r.Key != nil {
		e.key = new(string(r.Key))
	}
	if got := sh.append(e.record(), at).sequence; got != r.Sequence {
		return fmt.Errorf("record %s of shard %s became %s: the file is not whole", r.Sequence, sh.id, got)
	}
	return nil
}
