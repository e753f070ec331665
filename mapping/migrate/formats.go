package migrate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/shardmill/shardmill/batch"
	"github.com/shardmill/shardmill/mapping/internal/kcl"
)

// readers read a row of each format: the stream that it names, if it does, and its shard. ok is false for a row of
// something else.
var readers = map[Format]func(kcl.Item) (stream string, s Shard, ok bool, err error){
	KCL: readKCL, VMware: readVMware, Harlow: readHarlow, Bento: readBento,
}

// readKCL reads a row of KCL. Its key is the shard's ID, or account:stream:epoch:shard where one application reads several.
func readKCL(row kcl.Item) (stream string, s Shard, ok bool, err error) {
	if !kcl.IsLease(row) {
		return "", Shard{}, false, nil
	}
	id := kcl.Text(row, kcl.LeaseKey)
	if parts := strings.Split(id, ":"); len(parts) == 4 {
		stream, id = parts[1], parts[3]
	}
	if id == "" {
		return "", Shard{}, false, errors.New("a row has no leaseKey: it is no lease table of KCL")
	}
	place, err := kcl.PlaceOf(row)
	if err != nil {
		return "", Shard{}, false, fmt.Errorf("%s: %w", id, err)
	}
	s = Shard{ID: id, Position: place.Position, End: place.End, Begin: place.Begin, Owner: kcl.Text(row, kcl.LeaseOwner)}
	if n, ok := row[kcl.LeaseCounter].(*types.AttributeValueMemberN); ok {
		s.counter = n.Value
	}
	return stream, s, true, nil
}

// readVMware reads a row of vmware-go-kcl: ShardID, AssignedTo, LeaseTimeout, Checkpoint, ParentShardId, ClaimRequest.
func readVMware(row kcl.Item) (stream string, s Shard, ok bool, err error) {
	s = Shard{ID: kcl.Text(row, "ShardID"), Owner: kcl.Text(row, "AssignedTo")}
	if s.ID == "" {
		return "", Shard{}, false, errors.New("a row has no ShardID: it is no table of vmware-go-kcl")
	}
	if err := s.claimed(row); err != nil {
		return "", Shard{}, false, err
	}
	if kcl.Text(row, "Checkpoint") == kcl.ShardEnd {
		s.End = true
		return "", s, true, nil
	}
	return "", s, true, s.behind(kcl.Text(row, "Checkpoint"))
}

// readHarlow reads a row of kinesis-consumer: namespace, which is application-stream, shard_id, sequence_number.
func readHarlow(row kcl.Item) (stream string, s Shard, ok bool, err error) {
	namespace := kcl.Text(row, "namespace")
	s = Shard{ID: kcl.Text(row, "shard_id")}
	if s.ID == "" || namespace == "" {
		return "", Shard{}, false, errors.New("a row has no namespace and shard_id: it is no table of kinesis-consumer")
	}
	return namespace, s, true, s.behind(kcl.Text(row, "sequence_number"))
}

// readBento reads a row of Bento: StreamID, ShardID, SequenceNumber, ClientID, LeaseTimeout. Rows of shards that were
// read to their end are deleted.
func readBento(row kcl.Item) (stream string, s Shard, ok bool, err error) {
	stream = kcl.Text(row, "StreamID")
	s = Shard{ID: kcl.Text(row, "ShardID"), Owner: kcl.Text(row, "ClientID")}
	if s.ID == "" || stream == "" {
		return "", Shard{}, false, errors.New("a row has no StreamID and ShardID: it is no table of Bento")
	}
	if err := s.claimed(row); err != nil {
		return "", Shard{}, false, err
	}
	return stream, s, true, s.behind(kcl.Text(row, "SequenceNumber"))
}

// behind places the shard behind a record, all of which is done with. "" is a shard that is not begun.
func (s *Shard) behind(sequenceNumber string) error {
	switch {
	case sequenceNumber == "":
		s.Begin = initially
	case sequenceNumber == kcl.TrimHorizon || sequenceNumber == kcl.Latest || sequenceNumber == kcl.AtTimestamp:
		s.Begin = sequenceNumber
	case !kcl.IsSequenceNumber(sequenceNumber):
		return fmt.Errorf("%s: %q is no sequence number", s.ID, sequenceNumber)
	default:
		s.Position = batch.Position{SequenceNumber: sequenceNumber}
	}
	return nil
}

// claimed reads until when the owner claims the shard.
func (s *Shard) claimed(row kcl.Item) error {
	at := kcl.Text(row, "LeaseTimeout")
	if at == "" {
		return nil
	}
	var err error
	if s.until, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return fmt.Errorf("%s: LeaseTimeout %q is no time", s.ID, at)
	}
	return nil
}
