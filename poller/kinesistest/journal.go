package kinesistest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// journal is the file of a Service that Open created: a line for each call that changed something, in order. Applied
// again at the same times, the lines create the same streams, to the last sequence number. An incomplete line does not
// count, so a call is stored as a whole or not at all. Service.mu guards it. Its methods do nothing on a nil journal.
//
// Service.mu is held while a line is written and synced: no reader can see a change before it is durable.
type journal struct {
	file    storage
	name    string
	end     int64   // where the last stored line ends
	pending *change // the changes of the running call that are not stored yet; nil between calls
	failure error   // the first one, or that of Close: no call succeeds after it
	closed  bool
}

// storage is the part of an *os.File that a journal needs.
type storage interface {
	io.Reader
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// change is one line: an operation with its input, or the records of one call.
type change struct {
	At      time.Time       `json:"at"`
	Op      Op              `json:"op,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
	Records []journalRecord `json:"records,omitempty"`
}

// journalRecord is a record in its place. The key is in bytes, because a text in JSON holds UTF-8 only; none is null.
type journalRecord struct {
	Stream   string `json:"stream"`
	Shard    string `json:"shard"`
	Key      []byte `json:"key"`
	Data     []byte `json:"data"`
	Sequence string `json:"sequence"`
}

// changed records that an operation changed something.
func (j *journal) changed(op Op, in any, now time.Time) {
	if j == nil {
		return
	}
	input, err := json.Marshal(in)
	if err != nil {
		j.fail(err)
		return
	}
	j.pending = &change{At: now, Op: op, Input: input}
}

// put adds a record to a shard, and records it in the journal.
func (s *Service) put(st *stream, sh *shard, e entry, now time.Time) *record {
	rec := sh.append(e.record(), now)
	s.journal.record(journalRecord{Stream: st.name, Shard: sh.id, Data: rec.data, Sequence: rec.sequence}, e.key, now)
	return rec
}

// record notes a record that was put.
func (j *journal) record(r journalRecord, key *string, now time.Time) {
	if j == nil {
		return
	}
	if key != nil {
		r.Key = []byte(*key)
	}
	if j.pending == nil {
		j.pending = &change{At: now}
	}
	j.pending.Records = append(j.pending.Records, r)
}

// flush makes the changes of the running call durable.
func (j *journal) flush() error {
	if j == nil || j.failure != nil {
		return j.failed()
	}
	if j.pending == nil {
		return nil
	}
	line, err := json.Marshal(j.pending)
	j.pending = nil
	if err == nil {
		line = append(line, '\n')
		err = j.write(line)
	}
	if err != nil {
		j.fail(err)
		return j.failure
	}
	j.end += int64(len(line))
	return nil
}

// write writes a line to the disk.
func (j *journal) write(line []byte) error {
	n, err := j.file.WriteAt(line, j.end)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return err
	}
	return j.file.Sync()
}

// fail ends the journal, and rolls back a part of the refused change that may be written: a whole line can be on the
// disk although its sync failed.
func (j *journal) fail(cause error) {
	if err := j.rollBack(); err != nil {
		cause = fmt.Errorf("%w; the refused change may be there after a restart: %w", cause, err)
	}
	j.failure = newJournalError(j.name, cause)
}

func (j *journal) rollBack() error { return errors.Join(j.file.Truncate(j.end), j.file.Sync()) }

// failed returns why no call can succeed any more, nil while calls can.
func (j *journal) failed() error {
	if j == nil {
		return nil
	}
	return j.failure
}

// close closes the file.
func (j *journal) close() error {
	if j == nil || j.closed {
		return nil
	}
	err := j.failure
	if err != nil {
		_ = j.rollBack() // the disk may work again; that the journal failed is what counts
	}
	j.closed, j.failure = true, newJournalError(j.name, os.ErrClosed)
	return errors.Join(err, j.file.Close())
}

// journalError is the answer to every call after the journal has failed: an InternalFailureException that wraps the cause.
type journalError struct {
	*types.InternalFailureException
	cause error
}

func newJournalError(name string, cause error) error {
	why := cause.Error()
	if path, ok := errors.AsType[*fs.PathError](cause); ok && path == cause { //nolint:errorlint // a wrapper's text is kept
		why = path.Op + ": " + path.Err.Error() // name is the path already
	}
	text := fmt.Sprintf("kinesistest: journal %s: %s", name, why)
	return &journalError{&types.InternalFailureException{Message: &text}, cause}
}

// Error implements error.
func (e *journalError) Error() string { return e.ErrorMessage() }

// Unwrap returns the exception and the cause.
func (e *journalError) Unwrap() []error { return []error{e.InternalFailureException, e.cause} }
